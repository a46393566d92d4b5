"""A film's sound into speech and background: any length, sample rate and number of channels, in constant
memory.

The network knows 44.1 kHz and two channels. Another rate is converted there and back; mono is both
channels at once. Of more than two channels the front pair is separated, and the centre, where there is
one, by itself: that is where films have their speech. What is left, surrounds and low frequencies, is
background.

The speech is rounded to 16 bits first, and the background is what it leaves of the original, so that
the two add up to it within half a step. Where a channel is digital silence for a whole row, both are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from dubwright.engines.speechnet.chunks import RATE_HZ
from dubwright.engines.speechnet.streaming import Network, separate_stream
from dubwright.media.wav import WavReader, WriteSubtype
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report
from dubwright_packs.stems.files import check_stems, chosen_subtype, write_stems
from dubwright_packs.stems.levels import hold
from dubwright_packs.stems.rates import StereoSource, WayBack, finite

F32 = npt.NDArray[np.float32]
Group = tuple[int, ...]
"""Channels of a file that the network hears together: one, or left and right."""

STEMS = ("vocals", "background")
PIECE = 1 << 15
"""Frames that are levelled and written at a time."""
ROW = 1024
"""Frames; pieces consist of whole rows, but for the last."""
LEFT_RIGHT_CENTRE = 0b111
"""Of :attr:`dubwright.media.wav.WavReader.speakers`: the first three channels are these."""
WITH_CENTRE = (3, 5, 6, 7, 8)
"""Numbers of channels whose third is the centre where a file does not say which is which."""


def separate(ask: SeparateAsk, net: Network, report: Report) -> SeparateDone:
    """Write ``vocals.wav`` and ``background.wav``, each with exactly the frames of ``ask.wav``.

    Option ``wav``: "int16" (default; limited so that the stems still add up) or "float32". Progress
    in seconds of the file, one a chunk of 10 s.

    Raises Problem ``not-wav`` for a damaged input, ``option-invalid``, ``disk-full``; and Cancelled.
    """
    check_stems(ask, STEMS)
    subtype = chosen_subtype(ask.options)
    with contextlib.ExitStack() as opened:
        film = opened.enter_context(WavReader(ask.wav))
        groups = heard_together(film)
        streams = []
        for group in groups:
            # Readers of their own: the streams read ahead, on other threads.
            ahead = opened.enter_context(WavReader(ask.wav))
            source = StereoSource(ahead, RATE_HZ, group)
            stream = separate_stream(net, source.read, source.frames)
            streams.append(opened.enter_context(contextlib.closing(stream)))
        voices = _voices(film, groups, streams, report)
        return write_stems(ask, film, subtype, _stems(film, groups, voices, subtype))


def heard_together(film: WavReader) -> list[Group]:
    """The channels of a file that are separated; the others are background."""
    if film.channels == 1:
        return [(0,)]
    told = film.speakers & LEFT_RIGHT_CENTRE == LEFT_RIGHT_CENTRE
    if film.channels > 2 and (told if film.speakers else film.channels in WITH_CENTRE):
        return [(0, 1), (2,)]
    return [(0, 1)]


def _voices(
    film: WavReader,
    groups: list[Group],
    streams: Iterable[Iterator[tuple[int, F32]]],
    report: Report,
) -> Iterator[F32]:
    """Yield the speech in the separated channels, [n, channels], at the rate of ``film``."""
    back = WayBack(RATE_HZ, film, sum(map(len, groups)))
    for together in zip(*streams, strict=True):
        start, frames = together[0][0], len(together[0][1])
        for begin in range(0, frames, PIECE):
            here = slice(begin, begin + PIECE)
            parts = [one[here, : len(group)] for group, (_, one) in zip(groups, together)]
            yield back.push(np.concatenate(parts, axis=1))
        report((start + frames) / RATE_HZ, film.duration_s, "separating")
    yield back.flush()


def _stems(
    film: WavReader, groups: list[Group], voices: Iterable[F32], subtype: WriteSubtype
) -> Iterator[list[F32]]:
    """Yield speech and background piece by piece, [n, channels of ``film``], as they are to be written."""
    channels = [channel for group in groups for channel in group]
    at = 0
    for voice in _in_rows(voices):
        original = finite(film, at, len(voice))
        at += len(original)
        speech = np.zeros_like(original)
        speech[:, channels] = voice
        silence_rows(speech, original)
        if subtype == "int16":
            yield hold(original, [speech])
        else:
            yield [speech, original - speech]


def _in_rows(pieces: Iterable[F32]) -> Iterator[F32]:
    """The same samples in pieces of whole rows, but for the last."""
    rest: F32 | None = None
    for piece in pieces:
        together = piece if rest is None else np.concatenate([rest, piece])
        whole = len(together) // ROW * ROW
        rest = together[whole:]
        if whole:
            yield together[:whole]
    if rest is not None and len(rest):
        yield rest


def silence_rows(speech: F32, original: F32) -> None:
    """Make silent what the network heard, in a channel, where there was nothing: [n, channels] each."""
    if not len(original):
        return
    starts = np.arange(0, len(original), ROW)
    sounding = np.logical_or.reduceat(original != 0, starts, axis=0)
    if not sounding.all():
        speech *= np.repeat(sounding, ROW, axis=0)[: len(speech)]
