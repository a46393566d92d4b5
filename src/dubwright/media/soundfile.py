"""A finished WAV as the file that a person asked for: wav, flac, mp3 or m4a, at constant memory.

How long the result is for a decoder: wav and flac exactly; mp3 exactly (its header says how many
samples are padding; below 48 samples a few more); m4a exactly by its header (an edit list in units
of samples), which FFmpeg reads at the start only, so that up to 1023 samples of silence follow.
Sample 0 is sample 0 in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Report, silent

SoundFormat = Literal["wav", "flac", "mp3", "m4a"]

BLOCK = 1 << 17
"""Frames read at a time: 3 s."""

Block = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoding:
    """How PyAV writes one format. ``bit_rates`` of mono and stereo; 0: lossless, 16 bits."""

    codec: str
    container: str
    sample_format: Literal["s16", "fltp"]
    bit_rates: tuple[int, int] = (0, 0)
    options: Mapping[str, str] = field(default_factory=dict)


ENCODINGS: Mapping[SoundFormat, Encoding] = {
    "flac": Encoding("flac", "flac", "s16"),
    # Below 256 kbit/s the encoder scales a mono sound down, at 160 by 5 %: it would not add up.
    "mp3": Encoding("libmp3lame", "mp3", "fltp", (256_000, 320_000)),
    "m4a": Encoding(
        "aac", "mp4", "fltp", (128_000, 256_000), {"movflags": "+faststart", "brand": "M4A "}
    ),
}


def write_sound(
    wav: Path, out: Path, form: SoundFormat, channels: int, report: Report = silent
) -> int:
    """Write the sound of ``wav`` (mono or stereo) to ``out``; return its frames.

    ``channels`` 1 makes stereo mono (the mean of both) and leaves mono as it is. The rate stays.
    Raises OSError (a full disk), ValueError for more than two channels, what ``report`` raises.
    """
    with WavReader(wav) as sound:
        if sound.channels > 2:
            raise ValueError(f"{wav} has {sound.channels} channels, expected 1 or 2")
        count = min(channels, sound.channels)
        blocks = _blocks(sound, count, report)
        if form == "wav":
            with WavWriter(out, sound.rate_hz, count) as writer:
                for block in blocks:
                    writer.write(block)
        else:
            _encode(out, ENCODINGS[form], sound.rate_hz, count, blocks)
        return sound.frames


def _blocks(sound: WavReader, channels: int, report: Report) -> Iterator[Block]:
    for start in range(0, sound.frames, BLOCK):
        report(start, sound.frames)
        block = sound.read(start, BLOCK)
        mixed = block.mean(axis=1, keepdims=True) if channels < sound.channels else block
        yield np.asarray(mixed, np.float32)
    report(sound.frames, sound.frames)


def _encode(
    out: Path, encoding: Encoding, rate_hz: int, channels: int, blocks: Iterator[Block]
) -> None:
    options = dict(encoding.options)
    if encoding.container == "mp4":
        # The header's clock: in milliseconds, as by default, no length would be exact.
        options["movie_timescale"] = str(rate_hz)
    with av.open(
        f"file:{out}", "w", format=encoding.container, container_options=options
    ) as container:
        stream = container.add_stream(encoding.codec, rate=rate_hz)
        if not isinstance(stream, AudioStream):
            raise TypeError(f"expected an audio stream, got {stream}")
        context = stream.codec_context
        context.layout = _layout(channels)
        context.format = av.AudioFormat(encoding.sample_format)
        if bit_rate := encoding.bit_rates[channels - 1]:
            context.bit_rate = bit_rate
        at = 0
        for block in blocks:
            container.mux(stream.encode(_frame(block, at, rate_hz, encoding.sample_format)))
            at += len(block)
        container.mux(stream.encode(None))


def _frame(block: Block, at: int, rate_hz: int, sample_format: str) -> av.AudioFrame:
    channels = block.shape[1]
    if sample_format == "s16":
        steps = np.clip(np.rint(block * np.float32(32768)), -32768, 32767)
        samples: npt.NDArray[np.float32] | npt.NDArray[np.int16] = steps.astype(np.int16)
        samples = samples.reshape(1, -1)
    else:
        samples = np.ascontiguousarray(block.T)
    frame = av.AudioFrame.from_ndarray(samples, format=sample_format, layout=_layout(channels))
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    frame.pts = at
    return frame


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"
