"""Items from the clips of ../shared/data, which are for checking only, and sounds made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dubwright.demo.music import background as demo_music
from training.evaluation.item import F32, RATE_HZ, Item, at_ratio, folded, panned
from training.evaluation.reading import read
from training.evaluation.scenes import crowd, game, singing, street
from training.evaluation.voices import in_room, shouted, telephone, whispered

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MIXES = ("d1", "d2", "d3")
PLACES = (-0.5, 0.4, -0.8)
"""Where the speech of each mix goes in "mixes panned": -1 is left only."""
LENGTH = 8 * RATE_HZ
LEAD, TAIL = round(0.8 * RATE_HZ), round(0.4 * RATE_HZ)
"""Silence before and after the speech of an item."""
MUSIC_AT = 3 * RATE_HZ
"""Where the music of an item begins in its clip."""


def main_items(data: Path = SHARED_DATA) -> Iterator[Item]:
    """The three mixes as they are, in mono and with speech panned; two of speech only and two of
    music only. Raises ``FileNotFoundError`` when the shared material is not there."""
    stems = [(name, *stems_of(data, name)) for name in MIXES]
    yield from _mixes(stems)
    for name, speech, background in stems[1:]:
        silence = np.zeros_like(speech)
        yield Item(f"{name} speech", "speech only", "shared", speech, silence)
        yield Item(f"{name} music", "music only", "shared", silence, background)


def shared_items(data: Path = SHARED_DATA) -> Iterator[Item]:
    """The whole layer: every kind that can be made without training data, the same each time.

    Raises ``FileNotFoundError`` when the shared material is not there.
    """
    stems = [(name, *stems_of(data, name)) for name in MIXES]
    yield from _mixes(stems)
    president = read(data / "speech" / "jfk.wav")[:, 0]
    reader = read(data / "speech" / "librispeech-198-209-0000.ogg")[:, 0]
    dialogue = read(data / "dialogue" / "d2spk.wav")[:, 0]
    meeting = [read(data / "ami" / name)[:, 0] for name in ("dev00.wav", "dev01.wav")]
    played = _cut(stems[1][2], MUSIC_AT)
    composed = demo_music((MUSIC_AT + LENGTH) / RATE_HZ, RATE_HZ)[MUSIC_AT:]
    yield from _spoken(president, reader, played, composed)
    yield from _changed(president, reader, played, composed)
    yield from _together(dialogue, played, composed)
    scenes: tuple[tuple[str, Callable[[int], F32]], ...] = (
        ("crowd", lambda seed: crowd(meeting, LENGTH, seed)),
        ("street", lambda seed: street(LENGTH, seed)),
        ("game", lambda seed: game(LENGTH, seed)),
        ("singing", lambda seed: np.add(*at_ratio(singing(LENGTH, seed), composed, 3.0))),
    )
    for kind, make in scenes:
        yield _over(f"president, {kind}", kind, president, make(1), 5.0)
        yield _over(f"reader, {kind}", kind, reader, make(2), 0.0)
    yield from _alone(president, reader, dialogue, stems[0][2], played, composed)


def stems_of(data: Path, name: str) -> tuple[F32, F32]:
    """Speech and background of one shared mix, each [n, 2]."""
    folder = data / "mixes"
    if not folder.is_dir():
        raise FileNotFoundError(f"the shared clips are not at {folder}")
    speech, background = (read(folder / f"{name}.{stem}.flac") for stem in ("vocals", "background"))
    return speech, background


def _mixes(stems: list[tuple[str, F32, F32]]) -> Iterator[Item]:
    for (name, speech, background), place in zip(stems, PLACES, strict=True):
        yield Item(name, "mixes", "shared", speech, background)
        yield Item(name, "mixes mono", "shared", folded(speech), folded(background))
        moved = panned(speech, place)
        scale = np.float32(0.9 / np.abs(moved + background).max())  # one side has grown by 2 dB
        yield Item(name, "mixes panned", "shared", scale * moved, scale * background)


def _spoken(president: F32, reader: F32, played: F32, composed: F32) -> Iterator[Item]:
    """A plain voice over recorded and over composed music."""
    yield _over("president, recorded", "music", president, played, 0.0)
    yield _over("reader, composed", "music", reader, composed, 5.0)
    yield _over("president, composed", "mono", president, folded(composed), 0.0)
    yield _over("reader, recorded", "mono", reader, folded(played), 5.0)
    yield _over("president, 0.6", "panned", panned(_both(president), 0.6), played, 5.0)
    yield _over("reader, -0.7", "panned", panned(_both(reader), -0.7), composed, 0.0)


def _changed(president: F32, reader: F32, played: F32, composed: F32) -> Iterator[Item]:
    """A voice to which something has happened."""
    yield _over("president, hall", "reverberant", in_room(president, 0.9, 1), composed, 5.0)
    yield _over("reader, room", "reverberant", in_room(reader, 0.45, 2), played, 5.0)
    yield _over("president", "whisper", whispered(president, 3), played, 5.0)
    yield _over("reader", "whisper", whispered(reader, 4), composed, 5.0)
    yield _over("president", "shouting", shouted(president), game(LENGTH, 5), 0.0)
    yield _over("reader", "shouting", shouted(reader), played, 0.0)
    yield _over("president", "phone", telephone(president), composed, 5.0)
    yield _over("reader", "phone", telephone(reader), played, 5.0)


def _together(dialogue: F32, played: F32, composed: F32) -> Iterator[Item]:
    """Two speakers, in turns and at the same time."""
    later = dialogue[9 * RATE_HZ :]
    length = min(len(dialogue), len(later))
    at_once = panned(_both(dialogue[:length]), -0.4) + panned(_both(later[:length]), 0.4)
    yield _over("in turns", "two speakers", dialogue, played, 5.0)
    yield _over("at once", "two speakers", at_once, composed, 5.0)


def _alone(
    president: F32, reader: F32, dialogue: F32, third: F32, played: F32, composed: F32
) -> Iterator[Item]:
    """One stem without the other, and neither."""
    silence = np.zeros((LENGTH, 2), np.float32)
    voices = {"president": president, "reader": reader, "dialogue": dialogue}
    for name, voice in voices.items():
        yield Item(name, "speech only", "shared", _placed(voice), silence)
    left = _placed(panned(_both(reader), -0.6))
    yield Item("reader, -0.6", "speech only", "shared", left, silence)
    music = {"recorded": played, "recorded, other": _cut(third, MUSIC_AT), "composed": composed}
    for name, sound in music.items():
        yield Item(name, "music only", "shared", silence, sound)
    for name, make in {"street": street, "game": game}.items():
        yield Item(name, "effects only", "shared", silence, make(LENGTH, 6))
    short = silence[: LENGTH // 2]
    noise = np.random.default_rng(7).standard_normal(short.shape) * 10 ** (-75 / 20)
    yield Item("digital", "silence", "shared", short, short)
    yield Item("faint noise", "silence", "shared", short, noise.astype(np.float32))


def _over(name: str, kind: str, voice: F32, background: F32, ratio_db: float) -> Item:
    speech = _placed(voice)
    return Item(name, kind, "shared", *at_ratio(speech, background, ratio_db))


def _placed(voice: F32) -> F32:
    """A voice [n] or [n, 2] from its first word on, with silence around it, [LENGTH, 2]."""
    both = voice if voice.ndim == 2 else _both(voice)
    loud = np.flatnonzero(np.abs(both).max(axis=1) > 0.05 * float(np.abs(both).max()))
    begin = max(0, int(loud[0]) - RATE_HZ // 20)
    piece = both[begin : begin + LENGTH - LEAD - TAIL].copy()
    fade = RATE_HZ // 50
    piece[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)[:, None]
    piece[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    out = np.zeros((LENGTH, 2), np.float32)
    out[LEAD : LEAD + len(piece)] = piece
    return out


def _cut(sound: F32, start: int) -> F32:
    """An item's length of ``sound`` [n, 2]."""
    return np.ascontiguousarray(sound[start : start + LENGTH])


def _both(voice: F32) -> F32:
    return np.repeat(voice[:, None], 2, axis=1)
