"""Items from the sources that the store keeps out of training: choices during training go by these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.evaluation.item import F32, RATE_HZ, Item, at_ratio, folded
from training.store import Clip, Kind, Source, sources

SEED = 20_261_121
MIXES = 24
OTHERS = 6
"""Items of each kind beside speech over music."""
LENGTH_S = 9.0
LEAD_S, TAIL_S, GAP_S = 0.8, 0.4, 0.3
"""Silence before and after the speech of an item, and between its clips."""
QUIETEST = 10 ** (-50 / 20)
"""A stretch below this level (RMS) is no music and no speech."""
TRIES = 50


def held_out_items(data: Path) -> Iterator[Item]:
    """Speech over music, and over whatever else is held out; none when nothing is."""
    yield from music_items(data)
    speech, music = sources(data, "speech", "held-out"), sources(data, "music", "held-out")
    others: tuple[Kind, ...] = ("ambience", "effects", "singing")
    for kind in others:
        if speech and (music or kind != "singing"):
            yield from _over(kind, sources(data, kind, "held-out"), speech, music)


def music_items(data: Path, mixes: int = MIXES) -> Iterator[Item]:
    """Speech over music at 0 and 5 dB, in stereo and folded to mono, and each alone; none when
    either is not held out. Source, clip and place are drawn by a fixed seed."""
    speech, music = sources(data, "speech", "held-out"), sources(data, "music", "held-out")
    if not speech or not music:
        return
    wide = [one for one in music if one.channels == 2] or music
    for index in range(mixes):
        random = np.random.default_rng([SEED, index])
        spoken, played = _speech(speech, random), _stretch(wide, random)
        parts = at_ratio(spoken, played, 0.0 if index % 2 else 5.0)
        yield Item(f"s{index}", "held-out stereo", "held-out", *parts)
        yield Item(f"m{index}", "held-out mono", "held-out", *(folded(one) for one in parts))
        if index < OTHERS:
            silence = np.zeros_like(spoken)
            yield Item(f"v{index}", "held-out speech only", "held-out", parts[0], silence)
            yield Item(f"b{index}", "held-out music only", "held-out", silence, parts[1])


def _over(
    kind: Kind, found: list[Source], speech: list[Source], music: list[Source]
) -> Iterator[Item]:
    """Speech over one more kind of background; singing comes with music under it."""
    for index in range(OTHERS if found else 0):
        random = np.random.default_rng([SEED, ord(kind[0]), index])
        background = _stretch(found, random)
        if kind == "singing":
            background = np.add(*at_ratio(background, _stretch(music, random), 3.0))
        parts = at_ratio(_speech(speech, random), background, 0.0 if index % 2 else 5.0)
        yield Item(f"{kind}{index}", f"held-out {kind}", "held-out", *parts)


def _speech(found: list[Source], random: np.random.Generator) -> F32:
    """Clips of one speaker one after another, in the middle, [n, 2]."""
    source = found[int(random.integers(len(found)))]
    first = _clip(source, random)
    same = [clip for clip in source.clips if clip.speaker == first.speaker] or [first]
    out = np.zeros((round(LENGTH_S * RATE_HZ), 2), np.float32)
    at, end, clip = round(LEAD_S * RATE_HZ), len(out) - round(TAIL_S * RATE_HZ), first
    while end - at > RATE_HZ // 2:
        sound = source.read(clip, 0, end - at).mean(axis=1)
        fade = min(len(sound), RATE_HZ // 50)  # a clip that is cut off ends softly
        sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        out[at : at + len(sound)] = sound[:, None]
        at += len(sound) + round(GAP_S * RATE_HZ)
        clip = same[int(random.integers(len(same)))]
    return out


def _stretch(found: list[Source], random: np.random.Generator) -> F32:
    """Something audible as long as an item, from one source, [n, 2]; short clips are repeated."""
    source = found[int(random.integers(len(found)))]
    length = round(LENGTH_S * RATE_HZ)
    sound = np.zeros((length, 2), np.float32)
    for _ in range(TRIES):
        clip = _clip(source, random)
        start = int(random.integers(max(1, clip.frames - length)))
        piece = source.read(clip, start, length)
        repeated = np.tile(piece, (-(-length // len(piece)), 1))[:length]
        sound = np.ascontiguousarray(np.broadcast_to(repeated, (length, 2)))
        if float(np.sqrt(np.mean(np.square(sound)))) > QUIETEST:
            break
    return sound


def _clip(source: Source, random: np.random.Generator) -> Clip:
    """A clip that is not all but silent, the longer the likelier."""
    loud = [one for one in source.clips if one.rms > QUIETEST] or list(source.clips)
    lengths = np.array([one.frames for one in loud], dtype=np.float64)
    return loud[int(random.choice(len(loud), p=lengths / lengths.sum()))]
