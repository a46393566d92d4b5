"""What is measured of an item's stems: SI-SDR, what is left of one in the other, level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dubwright.engines.scoring import si_sdr_db
from dubwright.engines.stft import Spectrum, stft
from training.evaluation.item import F32, RATE_HZ, Item, energy

F64 = npt.NDArray[np.float64]

VERSION = 1
"""Raised with every change here, so that figures kept from before are not taken for new ones."""
LIMIT_DB = 100.0
"""Better or worse than this is written as this: infinity makes no mean."""

QUIET_DB = -30.0
"""Speech is silent where its level is so far under its loud level (95 % of frames are lower)."""
SPEAKING_DB = -20.0
"""A window counts as speech within this of the loudest windows (95 % are quieter)."""
FRAME = RATE_HZ // 50
AROUND = 3
"""Frames of 20 ms before and after that must be silent too."""

SIZE, HOP = 2048, 512
WINDOW, STRIDE = 43, 21
"""Half a second, every quarter of one, in frames of ``HOP``."""
BANDS = 24
LOWEST_HZ, HIGHEST_HZ = 80.0, 16_000.0


@dataclass(frozen=True)
class Measures:
    """Of the stems that one separation gave for one item; None where a stem of the item is silent."""

    speech_db: float | None
    """SI-SDR of the vocals."""
    background_db: float | None
    """SI-SDR of the bed."""
    background_left_db: float | None
    """What the vocals hold beside the speech over the background, in energy, where speech is silent."""
    speech_left_db: float | None
    """Energy of the true speech found in the bed over that of the speech: median of its windows."""
    speech_left_worst_db: float | None
    """The same, exceeded by a tenth of the windows."""
    vocals_level_db: float
    """Energy of the vocals over that of the mix; of digital silence it is the lowest or the highest."""
    bed_level_db: float


def measured(item: Item, vocals: F32) -> Measures:
    """Measures of ``vocals`` [n, 2]; the bed is what they leave of the mix."""
    if vocals.shape != item.speech.shape or not np.isfinite(vocals).all():
        raise ValueError(f"{item.name}: vocals {vocals.shape} are wrong or hold not-a-number")
    mix = item.mix
    bed = mix - vocals
    spoken, played = bool(item.speech.any()), bool(item.background.any())
    left, worst = speech_left_db(item, bed) if spoken and played else (None, None)
    return Measures(
        speech_db=bounded_db(si_sdr_db(item.speech, vocals)) if spoken else None,
        background_db=bounded_db(si_sdr_db(item.background, bed)) if played else None,
        background_left_db=background_left_db(item, vocals) if spoken and played else None,
        speech_left_db=left,
        speech_left_worst_db=worst,
        vocals_level_db=level_db(vocals, mix),
        bed_level_db=level_db(bed, mix),
    )


def untouched(item: Item) -> Measures:
    """Measures of the mix taken for either stem."""
    as_vocals, as_bed = measured(item, item.mix), measured(item, np.zeros_like(item.speech))
    return Measures(as_vocals.speech_db, as_bed.background_db, None, None, None, 0.0, 0.0)


def bounded_db(value: float) -> float:
    """Within plus and minus ``LIMIT_DB``."""
    return float(np.clip(value, -LIMIT_DB, LIMIT_DB))


def level_db(part: F32, whole: F32) -> float:
    """Energy of a part over that of the whole, bounded; silence of silence is the lowest."""
    return ratio_db(energy(part), energy(whole)) if part.any() else -LIMIT_DB


def ratio_db(part: float, whole: float) -> float:
    """One energy over another, bounded."""
    return bounded_db(10 * float(np.log10(max(part, 1e-30) / max(whole, 1e-30))))


def background_left_db(item: Item, vocals: F32) -> float | None:
    """What the vocals hold beside the true speech, over the background, where speech is silent.

    The speech is taken off because pauses hold the faint noise of its recording. None when there is
    no background in any pause.
    """
    silent = np.repeat(silent_frames(item.speech), FRAME)
    silent = np.pad(silent, (0, len(vocals) - len(silent)))
    background = energy(item.background[silent])
    rest = energy(vocals[silent] - item.speech[silent])
    return ratio_db(rest, background) if background else None


def silent_frames(speech: F32) -> npt.NDArray[np.bool_]:
    """Which whole frames of 20 ms hold no speech, nor those around them, [frames]."""
    count = len(speech) // FRAME
    frames = speech[: count * FRAME].astype(np.float64).reshape(count, -1)
    power = np.mean(frames**2, axis=1)
    loud = power > np.quantile(power, 0.95) * 10 ** (QUIET_DB / 10)
    near = np.convolve(loud, np.ones(2 * AROUND + 1))[AROUND : AROUND + count]
    silent: npt.NDArray[np.bool_] = near == 0
    return silent


def speech_left_db(item: Item, bed: F32) -> tuple[float, float]:
    """How much of the true speech is in the bed, over windows with speech: (median, worst tenth).

    In each window of half a second and each of 24 bands of mid and side, the bed is taken as a share
    of the speech and a share of the background (least squares, one complex number each), as BSS eval
    takes an estimate apart (Vincent, Gribonval, Fevotte, 2006). The background has a part in it so
    that what resembles speech by chance is not counted as speech.
    """
    found: list[F64] = []
    for signs in (1, -1):
        parts = [_one_side(sound, signs) for sound in (item.speech, item.background, bed)]
        found.append(np.stack(_share(*parts)))
    left, whole = np.sum(found, axis=(0, 3))  # sides and bands together: [2, windows]
    loud = whole > np.quantile(whole, 0.95) * 10 ** (SPEAKING_DB / 10)
    values = [ratio_db(part, all_) for part, all_ in zip(left[loud], whole[loud], strict=True)]
    return float(np.median(values)), float(np.quantile(values, 0.9))


def _share(speech: Spectrum, background: Spectrum, bed: Spectrum) -> tuple[F64, F64]:
    """Energy of the speech in the bed and of the speech itself, each [windows, bands]."""
    ss, nn = (_sums(np.abs(one) ** 2).real for one in (speech, background))
    sn, sb, nb = (
        _sums(a.conj() * b) for a, b in ((speech, background), (speech, bed), (background, bed))
    )
    # Alone in a window a part has no partner to be told from; the tiny term keeps that solvable.
    tiny = 1e-9 * (ss + nn) + 1e-20
    share = (sb * (nn + tiny) - sn * nb) / ((ss + tiny) * (nn + tiny) - np.abs(sn) ** 2)
    return np.abs(share) ** 2 * ss, ss


def _sums(values: Spectrum | F32) -> npt.NDArray[np.complex128]:
    """Sums over bands and windows of [frames, bins]: [windows, bands]."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) * SIZE / RATE_HZ
    bins = np.unique(np.rint(edges).astype(np.int64))
    bands = np.add.reduceat(values, bins, axis=1)[:, :-1].astype(np.complex128)
    total = np.concatenate([np.zeros((1, bands.shape[1])), np.cumsum(bands, axis=0)])
    begins = np.arange(0, max(1, len(bands) - WINDOW + 1), STRIDE)
    sums: npt.NDArray[np.complex128] = (
        total[np.minimum(begins + WINDOW, len(bands))] - total[begins]
    )
    return sums


def _one_side(sound: F32, sign: int) -> Spectrum:
    """Mid (1) or side (-1) of [n, 2] as spectra."""
    return stft(np.float32(0.5) * (sound[:, 0] + np.float32(sign) * sound[:, 1]), SIZE, HOP)
