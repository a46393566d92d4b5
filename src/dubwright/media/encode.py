"""Sound to AAC, block by block, into a container that is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from dubwright.media.resample import StreamResampler
from dubwright.media.wav import WavReader

RATE_HZ = 48000
BIT_RATE = 192_000
_FRAME = 1024

Block = npt.NDArray[np.float32]


def add_aac(out: OutputContainer) -> AudioStream:
    """Add an AAC-LC stream, stereo, 48 kHz, 192 kbit/s."""
    stream = out.add_stream("aac", rate=RATE_HZ)
    if not isinstance(stream, AudioStream):
        raise TypeError(f"expected an audio stream, got {stream}")
    stream.codec_context.layout = "stereo"
    stream.codec_context.bit_rate = BIT_RATE
    return stream


def aac_packets(stream: AudioStream, blocks: Iterable[Block]) -> Iterator[Packet[Any]]:
    """Encode float32 ``[n, 2]`` blocks at 48 kHz; sample 0 is at time 0.

    The encoder starts 1024 samples early (priming): its first packet lies before 0, and the
    container says so (edit list, codec delay), so that nothing is late when played.
    """
    waiting = np.zeros((0, 2), np.float32)
    at = 0
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        whole = len(waiting) // _FRAME * _FRAME
        for start in range(0, whole, _FRAME):
            yield from stream.encode(_frame(waiting[start : start + _FRAME], at + start))
        at += whole
        waiting = waiting[whole:]
    if at == 0:
        # A sound shorter than the priming would be skipped whole: two frames at least.
        waiting = np.pad(waiting, ((0, max(0, 2 * _FRAME - len(waiting))), (0, 0)))
    for start in range(0, len(waiting), _FRAME):
        yield from stream.encode(_frame(waiting[start : start + _FRAME], at + start))
    yield from stream.encode(None)


def _frame(samples: Block, at: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
    )
    frame.sample_rate = RATE_HZ
    frame.time_base = Fraction(1, RATE_HZ)
    frame.pts = at
    return frame


def wav_blocks(wav: WavReader) -> Iterator[Block]:
    """The whole file as float32 ``[n, 2]`` at 48 kHz, about a second each, limited to -1..1.

    Raises ``ValueError`` for more than two channels.
    """
    if wav.channels > 2:
        raise ValueError(f"{wav.path} has {wav.channels} channels, expected 1 or 2")
    resampler = StreamResampler(wav.rate_hz, RATE_HZ, wav.channels)
    at = 0
    while at < wav.frames:
        block = wav.read(at, wav.rate_hz)
        at += wav.rate_hz
        yield _stereo(resampler.push(block))
    yield _stereo(resampler.flush())


def _stereo(block: Block) -> Block:
    return np.clip(np.repeat(block, 2, axis=1) if block.shape[1] == 1 else block, -1, 1)
