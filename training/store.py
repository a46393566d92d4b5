"""Sound that is trained on, as samples that can be mapped into memory, with the licence of every clip.

One source is one file of interleaved 16-bit samples at 44.1 kHz, ``<data>/<kind>/<source>.i16``, and a
list of its clips beside it, ``<source>.json``, which is written last: a source without it is not there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I16 = npt.NDArray[np.int16]

RATE_HZ = 44_100
Kind = Literal["speech", "music", "ambience", "effects", "singing", "rooms"]
Split = Literal["train", "held-out"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Clip:
    """A stretch of a source: one recording, with where it came from."""

    start: int
    frames: int
    file: str
    """Name inside the source."""
    licence: str
    """SPDX identifier, or "public-domain"."""
    speaker: str = ""
    language: str = ""
    rms: float = 0.0
    """Root mean square of full scale 1, all channels."""
    bandwidth_hz: float = 22_050.0
    """Above it there is nothing: half the rate that the recording had."""


@dataclass(frozen=True)
class Source:
    """A whole source; its samples are read from disk when they are asked for."""

    name: str
    kind: Kind
    channels: int
    split: Split
    clips: tuple[Clip, ...]
    path: Path

    @property
    def seconds(self) -> float:
        return sum(clip.frames for clip in self.clips) / RATE_HZ

    def samples(self) -> I16:
        """All samples, [frames, channels], mapped from disk."""
        data: I16 = np.memmap(self.path, np.int16, "r").reshape(-1, self.channels)
        return data

    def read(self, clip: Clip, start: int = 0, frames: int | None = None) -> F32:
        """Samples [n, channels] of a clip from its frame ``start`` on, full scale 1."""
        n = min(clip.frames - start, clip.frames if frames is None else frames)
        begin = clip.start + start
        piece: F32 = self.samples()[begin : begin + n].astype(np.float32) / np.float32(32768)
        return piece


class SourceWriter:
    """Writes one source; nothing of it counts before :meth:`close`."""

    def __init__(
        self, data: Path, kind: Kind, name: str, channels: int, split: Split = "train"
    ) -> None:
        folder = data / kind
        folder.mkdir(parents=True, exist_ok=True)
        self._list = folder / f"{name}.json"
        self._list.unlink(missing_ok=True)
        self._path = folder / f"{name}.i16"
        self._file = self._path.open("wb")
        self._head = {"kind": kind, "name": name, "channels": channels, "split": split}
        self._channels = channels
        self._frames = 0
        self._clips: list[Clip] = []

    def __enter__(self) -> SourceWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._path.unlink()

    def add(
        self,
        sound: F32,
        file: str,
        licence: str,
        *,
        speaker: str = "",
        language: str = "",
        bandwidth_hz: float = RATE_HZ / 2,
    ) -> None:
        """Add a clip, [n, channels] or [n] for one channel, at 44.1 kHz, full scale 1."""
        shaped = sound.reshape(-1, self._channels)
        if not len(shaped):
            return
        if not np.isfinite(shaped).all():
            raise ValueError(f"{file}: not a number in it")
        peak = float(np.abs(shaped).max())
        scaled = shaped / max(1.0, peak)
        self._file.write(np.rint(scaled * 32767).astype("<i2").tobytes())
        rms = float(np.sqrt(np.mean(np.square(scaled, dtype=np.float64))))
        self._clips.append(
            Clip(self._frames, len(shaped), file, licence, speaker, language, rms, bandwidth_hz)
        )
        self._frames += len(shaped)

    def close(self) -> None:
        """Finish the source."""
        self._file.close()
        whole = {**self._head, "clips": [asdict(clip) for clip in self._clips]}
        self._list.write_text(json.dumps(whole), "utf-8")


def sources(data: Path, kind: Kind, split: Split = "train") -> list[Source]:
    """The finished sources of a kind, by name; empty ones are left out."""
    found = []
    for path in sorted((data / kind).glob("*.json")):
        head = json.loads(path.read_text("utf-8"))
        if head["split"] != split or not head["clips"]:
            continue
        clips = tuple(Clip(**clip) for clip in head["clips"])
        found.append(
            Source(head["name"], kind, head["channels"], split, clips, path.with_suffix(".i16"))
        )
    return found
