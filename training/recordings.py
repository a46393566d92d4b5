"""From the files of unpacked packages to the store: which licence, decoding, what is cut away and why."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import av
import numpy as np
import soxr
from av.container import InputContainer

from dubwright.engines.vad import RATE_HZ as VAD_RATE_HZ
from dubwright.engines.vad import StreamingVad, speech_spans
from training.fetching import SOUND, fetch
from training.licences import Policy, Rule, cleared, rule_of, rules
from training.sources import SOURCES
from training.store import F32, RATE_HZ, SourceWriter
from training.wanted import Recordings

LONGEST_SOURCE_S = 3600.0
"""No source of music or ambience gives more, so that none is most of what is heard."""
SHORTEST_S = {"speech": 0.6, "music": 4.0, "ambience": 2.0, "effects": 0.08}
LONGEST_EFFECT_S = 20.0
LEAST_SPEECH = 0.35
"""Share of a clip of speech in which the detector has to hear a voice."""
MOST_VOICE = 0.3
"""Share of a piece of music or an effect from which on it counts as voiced as a whole."""
LEAST_SPAN_DB = 20.0
"""Between the loud and the quiet parts of a clip of speech; where it is less, something else sounds."""


@dataclass(frozen=True)
class Sound:
    """Samples [n, channels], full scale 1."""

    samples: F32
    rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz

    @property
    def bandwidth_hz(self) -> float:
        return min(self.rate_hz, RATE_HZ) / 2

    def at_store_rate(self, channels: int) -> F32:
        """With that many channels, at the rate of the store."""
        shaped = self.samples
        if shaped.shape[1] != channels:
            mid = shaped.mean(axis=1, keepdims=True)
            shaped = mid if channels == 1 else np.repeat(mid, channels, axis=1)
        if self.rate_hz == RATE_HZ or not len(shaped):
            return shaped
        resampled: F32 = soxr.resample(shaped, self.rate_hz, RATE_HZ).astype(np.float32)
        return resampled

    def between(self, start_s: float, end_s: float) -> Sound:
        start, end = (round(at * self.rate_hz) for at in (start_s, end_s))
        return Sound(self.samples[start:end], self.rate_hz)


@dataclass
class Report:
    """What became of the files of a source."""

    name: str
    policy: Policy
    files: int = 0
    seconds: float = 0.0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(path, why)"""
    voiced_s: float = 0.0
    """Cut away because a voice was heard."""

    def lines(self) -> list[str]:
        why: dict[str, int] = {}
        for _, reason in self.left_out:
            why[reason] = why.get(reason, 0) + 1
        return [
            f"{self.name}: {self.files} files, {self.seconds / 60:.1f} min; "
            f"{self.voiced_s / 60:.1f} min cut away for a voice",
            *(f"  left out: {reason}: {n}" for reason, n in sorted(why.items())),
        ]


def build(
    data: Path, policy: Policy = "free", only: frozenset[str] = frozenset(), again: bool = False
) -> Iterator[Report]:
    """Fetch what is missing and write every source that is not there yet; one report each.

    A source that was written under another policy is written again.

    Raises :class:`training.fetching.FetchingError` when a package cannot be had.
    """
    for wanted in SOURCES:
        if (not only or wanted.name in only) and (again or not _is_done(wanted, data, policy)):
            report = store(wanted, fetch(wanted.package, data), data, policy)
            target = report_path(wanted, data)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(asdict(report), indent=1), "utf-8")
            yield report


def report_path(wanted: Recordings, data: Path) -> Path:
    """Where it is written down what became of a source's files."""
    return data / "reports" / f"{wanted.kind}-{wanted.name}.json"


def _is_done(wanted: Recordings, data: Path, policy: Policy) -> bool:
    report = report_path(wanted, data)
    if not report.exists() or not (data / wanted.kind / f"{wanted.name}.json").exists():
        return False
    return bool(json.loads(report.read_text("utf-8"))["policy"] == policy)


def store(wanted: Recordings, package: Path, data: Path, policy: Policy) -> Report:
    """Write one source from its unpacked package."""
    report = Report(wanted.name, policy)
    found = copyright_rules(package, wanted)
    channels = 1 if wanted.kind == "speech" else 2
    with SourceWriter(data, wanted.kind, wanted.name, channels, wanted.split) as out:
        for path in paths(package, wanted):
            if wanted.kind in {"music", "ambience"} and report.seconds >= LONGEST_SOURCE_S:
                report.left_out.append((path, "the source is long enough"))
                continue
            rule = rule_for(path, wanted, found)
            licence = cleared(rule.licence, policy) if rule else None
            if licence is None:
                report.left_out.append((path, f"licence: {rule.licence if rule else 'none'}"))
                continue
            try:
                sound = decode((package / path).read_bytes(), path)
            except (av.FFmpegError, ValueError, IndexError) as error:
                report.left_out.append((path, f"cannot be decoded: {type(error).__name__}"))
                continue
            pieces, why = cut(sound, wanted.kind)
            for piece in pieces:
                out.add(
                    piece.at_store_rate(channels),
                    path,
                    licence,
                    speaker=speaker_of(path, wanted.speaker),
                    language=wanted.language,
                    bandwidth_hz=piece.bandwidth_hz,
                )
                report.seconds += piece.seconds
            if why:
                report.left_out.append((path, why))
            elif wanted.kind in {"music", "ambience"}:
                report.voiced_s += sound.seconds - sum(piece.seconds for piece in pieces)
            report.files += bool(pieces)
    return report


def copyright_rules(package: Path, wanted: Recordings) -> tuple[Rule, ...]:
    """What clears the files of a source: what a person read, or the package's copyright file.

    Raises ``ValueError`` when that file names folders of the upstream source and nobody said where
    those are installed: the paragraph for everything would then count for files that have their own.
    """
    if wanted.stated:
        return (Rule(("*",), wanted.stated, wanted.holders),)
    path = package / "usr/share/doc" / wanted.package / "copyright"
    found = rules(path.read_text("utf-8", "replace"))
    patterns = [pattern for rule in found for pattern in rule.patterns]
    if not wanted.roots and any(
        pattern != "*" and not pattern.startswith("debian/") for pattern in patterns
    ):
        raise ValueError(f"{wanted.name}: its copyright file names folders, and it has no roots")
    return found


def paths(package: Path, wanted: Recordings) -> list[str]:
    """The wanted files of a package, each content once, in an order that has nothing to do with names.

    A source that is cut off after an hour then holds something of everything.
    """
    seen: dict[bytes, str] = {}
    for file in sorted(package.rglob("*")):
        path = file.relative_to(package).as_posix()
        if (
            file.suffix.lower() in SOUND
            and not file.is_symlink()
            and any(fnmatch.fnmatchcase(path, one) for one in wanted.files)
            and not any(fnmatch.fnmatchcase(path, one) for one in wanted.leave_out)
        ):
            seen.setdefault(hashlib.sha256(file.read_bytes()).digest(), path)
    return sorted(seen.values(), key=lambda path: (zlib.crc32(path.encode()), path))


def rule_for(path: str, wanted: Recordings, found: tuple[Rule, ...]) -> Rule | None:
    """The paragraph that counts for an installed file.

    None when there is none, or when it is not known where the file lies upstream.
    """
    source = upstream(path, wanted)
    return None if source is None else rule_of(source, found)


def upstream(path: str, wanted: Recordings) -> str | None:
    """Where an installed file lies in the upstream source, as the copyright file names it."""
    if not wanted.roots:
        return path
    for installed, source in wanted.roots:
        if path.startswith(installed):
            return source + path[len(installed) :]
    return None


def speaker_of(path: str, speaker: str) -> str:
    """A name, or what the groups of a pattern find in the path."""
    if "(" not in speaker:
        return speaker
    found = re.search(speaker, path)
    return "-".join(part for part in found.groups() if part) if found else ""


def decode(content: bytes, name: str) -> Sound:
    """A sound file's samples, one or two channels.

    Raises ``av.FFmpegError`` for what is no sound.
    """
    kind = "g722" if name.endswith(".g722") else None
    with av.open(io.BytesIO(content), "r", format=kind, metadata_errors="ignore") as container:
        stream = container.streams.audio[0]
        channels = min(2, stream.channels)
        layout = "mono" if channels == 1 else "stereo"
        resampler = av.AudioResampler("flt", layout, stream.rate)
        frames = [part for frame in _frames(container) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
        blocks = [frame.to_ndarray().reshape(-1) for frame in frames]
        rate_hz = stream.rate
    whole = np.concatenate(blocks or [np.zeros(0, np.float32)])
    return Sound(np.nan_to_num(whole).reshape(-1, channels), rate_hz)


def _frames(container: InputContainer) -> Iterator[av.AudioFrame]:
    """A damaged packet is passed over: the first or last of some files is."""
    for packet in container.demux(audio=0):
        with contextlib.suppress(av.InvalidDataError):
            yield from packet.decode()


def cut(sound: Sound, kind: str) -> tuple[list[Sound], str]:
    """The stretches of a file that are of use for a kind, and why there are none (or an empty text)."""
    if kind == "speech":
        return _speech(sound)
    if kind == "effects":
        return _effect(sound)
    return _without_voice(sound, SHORTEST_S[kind])


def _speech(sound: Sound) -> tuple[list[Sound], str]:
    trimmed = trim(sound)
    if trimmed.seconds < SHORTEST_S["speech"]:
        return [], "shorter than 0.6 s"
    if span_db(sound) < LEAST_SPAN_DB:
        return [], "not clean: a noise or music under it"
    if float(np.mean(voice(trimmed)[1] > 0.5)) < LEAST_SPEECH:
        return [], "no voice was heard"
    return [trimmed], ""


def _effect(sound: Sound) -> tuple[list[Sound], str]:
    trimmed = trim(sound)
    if trimmed.seconds < SHORTEST_S["effects"]:
        return [], "shorter than 0.08 s"
    if float(np.mean(voice(trimmed)[1] > 0.5)) > MOST_VOICE:
        return [], "a voice was heard"
    return [trimmed.between(0, min(trimmed.seconds, LONGEST_EFFECT_S))], ""


def _without_voice(sound: Sound, shortest_s: float) -> tuple[list[Sound], str]:
    frame_s, p = voice(sound)
    if not len(p) or sound.seconds < shortest_s:
        return [], f"shorter than {shortest_s:.0f} s"
    if float(np.mean(p > 0.5)) > MOST_VOICE:
        return [], "a voice was heard"
    spans = speech_spans(p, frame_s, min_silence_s=0.3, pad_s=0.5)
    ends = [0.0, *(at for span in spans for at in span), sound.seconds]
    free = zip(ends[::2], ends[1::2], strict=True)
    pieces = [sound.between(start, end) for start, end in free if end - start >= shortest_s]
    return pieces, "" if pieces else "a voice was heard"


def trim(sound: Sound) -> Sound:
    """Without the silence before and after: 60 ms before and 120 ms after are left."""
    step_s = 0.02
    level = _levels(sound, step_s)
    if not len(level):
        return sound.between(0, 0)
    loud = np.flatnonzero(level > max(1e-3, float(level.max()) * 1e-2))
    if not len(loud):
        return sound.between(0, 0)
    return sound.between(max(0.0, (loud[0] - 3) * step_s), (loud[-1] + 7) * step_s)


def span_db(sound: Sound) -> float:
    """How far the quiet parts of a clip lie under the loud ones, in dB."""
    level = np.maximum(_levels(sound, 0.02), 1e-5)
    if not len(level):
        return 0.0
    quiet, loud = np.percentile(level, [5, 95])
    return float(20 * np.log10(loud / quiet))


def _levels(sound: Sound, step_s: float) -> F32:
    step = round(step_s * sound.rate_hz)
    whole = sound.samples[: len(sound.samples) // step * step].mean(axis=1)
    level: F32 = np.sqrt(np.mean(np.square(whole.reshape(-1, step)), axis=1))
    return level


def voice(sound: Sound) -> tuple[float, F32]:
    """(seconds a frame, probability of a voice in the middle channel in each)."""
    mid = sound.samples.mean(axis=1)
    vad = StreamingVad()
    vad.push(soxr.resample(mid, sound.rate_hz, VAD_RATE_HZ, "LQ").astype(np.float32))
    return vad.result()
