"""A file into stems: any length, any sample rate, any number of channels, in constant memory.

The network knows 44.1 kHz and two channels. Another rate is converted there and back; mono is doubled
and the two answers averaged; of more than two channels the first two are separated, and the others
go whole to the last stem, silent in the rest.

The last stem is what the others leave: of the sound itself with the extension "average", whose masks
add up to 1 everywhere, so that nothing is lost; of the sum of the stems with "zeros", where all are
silent above 11 kHz, as the official configuration has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import numpy.typing as npt

from dubwright.engines.unet.blocks import Extension
from dubwright.engines.unet.net import StemNet
from dubwright.engines.unet.streaming import RATE_HZ, separate_stream
from dubwright.media.wav import WavReader, WriteSubtype
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report
from dubwright_packs.stems.files import check_stems, chosen, chosen_subtype, write_stems
from dubwright_packs.stems.levels import hold
from dubwright_packs.stems.rates import StereoSource, WayBack, finite

F32 = npt.NDArray[np.float32]

PIECE = 1 << 16
"""Frames that are levelled and written at a time."""


def separate(ask: SeparateAsk, net: StemNet, report: Report) -> SeparateDone:
    """Write ``<stem>.wav`` for every stem of ``net``, each with exactly the frames of ``ask.wav``.

    Options: ``extension`` "average" (default) or "zeros"; ``wav`` "int16" (default; limited so that
    the stems still add up) or "float32". Progress in seconds of the file, one a block of 12 s.

    Raises Problem ``not-wav`` for a damaged input, ``option-invalid``, ``disk-full``; and Cancelled.
    """
    options = _Options.of(ask, net)
    # Two readers: the stream reads ahead, on a thread of its own.
    with WavReader(ask.wav) as film, WavReader(ask.wav) as ahead:
        source = StereoSource(ahead, RATE_HZ)
        pieces = _separated(film, source, net, options, report)
        return write_stems(ask, film, options.wav, pieces)


@dataclass(frozen=True)
class _Options:
    extension: Extension
    wav: WriteSubtype

    @classmethod
    def of(cls, ask: SeparateAsk, net: StemNet) -> _Options:
        check_stems(ask, net.stems)
        extension = chosen(ask.options, "extension", get_args(Extension), "average")
        return cls(cast("Extension", extension), chosen_subtype(ask.options))


def _separated(
    film: WavReader, source: StereoSource, net: StemNet, options: _Options, report: Report
) -> Iterator[list[F32]]:
    """Yield the stems piece by piece, [n, channels] each, as they are to be written."""
    back = WayBack(RATE_HZ, film, 2 * len(net.stems))
    at = 0
    for start, stems in separate_stream(net, source.read, source.frames, options.extension):
        frames = len(stems[net.stems[0]])
        for begin in range(0, frames, PIECE):
            pieces = [stems[stem][begin : begin + PIECE] for stem in net.stems]
            ready = back.push(np.concatenate(pieces, axis=1))
            yield _levelled(film, at, ready, options)
            at += len(ready)
        report((start + frames) / RATE_HZ, film.duration_s, "separating")
    yield _levelled(film, at, back.flush(), options)


def _levelled(film: WavReader, at: int, ready: F32, options: _Options) -> list[F32]:
    """Of ``ready``, [n, 2 * stems] from frame ``at`` of the film on, what is to be written."""
    original = finite(film, at, len(ready))
    stems = [
        _as_in_film(ready[:, 2 * index : 2 * index + 2], film.channels)
        for index in range(ready.shape[1] // 2)
    ]
    total = original
    if options.extension == "zeros":
        total = original.copy()
        total[:, :2] = np.sum(stems, axis=0)[:, :2]
    if options.wav == "int16":
        return hold(total, stems[:-1])
    return [*stems[:-1], total - np.sum(stems[:-1], axis=0, dtype=np.float32)]


def _as_in_film(stem: F32, channels: int) -> F32:
    """A stereo stem with the film's channels: one is the mean, further ones are silent."""
    if channels == 1:
        mean: F32 = stem.mean(axis=1, keepdims=True)
        return mean
    if channels == 2:
        return stem
    return np.pad(stem, ((0, 0), (0, channels - 2)))
