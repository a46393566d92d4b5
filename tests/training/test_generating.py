"""Generated sound: seeded, whole, and what is held out stays out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import training.generating as generating
from training.generating import (
    ambience,
    composing,
    doom,
    effects,
    midi,
    music,
    rooms,
    singing,
    speech,
    styles,
    texts,
)
from training.generating.shaping import bell_bands, convolved, noise, panned
from training.generating.takes import Recipe, Take
from training.store import RATE_HZ, sources


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- the whole -----------------------------------------------------------------------------------


def small(name: str, needs: tuple[str, ...] = ()) -> Recipe:
    def make(_data: Path, rng: np.random.Generator) -> Iterator[Take]:
        yield Take(rng.uniform(-0.5, 0.5, (1_000, 2)).astype(np.float32), "one", speaker="me")

    return Recipe("effects", name, 2, make, "train", needs)


def test_finished_sources_stay_and_one_seed_makes_one_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generating, "recipes", lambda: [small("a"), small("b")])
    generating.generate(tmp_path / "first", 1, ["effects/a"])
    assert [one.name for one in sources(tmp_path / "first", "effects")] == ["a"]
    generating.generate(tmp_path / "first", 2, ["effects"])
    generating.generate(tmp_path / "second", 1)
    generating.generate(tmp_path / "third", 2)

    def content(folder: str, name: str) -> bytes:
        return (tmp_path / folder / "effects" / f"{name}.i16").read_bytes()

    assert content("first", "a") == content("second", "a") != content("third", "a")
    assert content("first", "b") == content("third", "b") != content("first", "a")
    (clip,) = sources(tmp_path / "first", "effects")[0].clips
    assert (clip.frames, clip.licence, clip.speaker) == (1_000, "CC0-1.0", "me")


def test_a_missing_program_is_named_after_the_rest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        small("a", ("no-such-program-here",)),
        small("b", (str(tmp_path / "none.sf2"),)),
        small("c"),
    ]
    monkeypatch.setattr(generating, "recipes", lambda: made)
    with pytest.raises(
        generating.ToolsMissingError, match="no-such-program-here is needed for effects/a"
    ):
        generating.generate(tmp_path, 1)
    assert [one.name for one in sources(tmp_path, "effects")] == ["c"]


def test_every_kind_has_both_splits_and_no_name_twice() -> None:
    whole = generating.recipes()
    names = [(one.kind, one.name) for one in whole]
    assert len(names) == len(set(names))
    for kind in ("speech", "music", "ambience", "effects", "singing", "rooms"):
        assert {one.split for one in whole if one.kind == kind} == {"train", "held-out"}, kind


def test_what_is_held_out_is_not_trained_on() -> None:
    assert not set(texts.HELD_OUT) & set(texts.TRAINED)
    assert not set(speech.VARIANTS) & set(speech.HELD_OUT_VARIANTS)
    assert not {one[0] for one in styles.SINGING} & {one[0] for one in styles.HELD_OUT_SINGING}
    assert not set(ambience.TRAINED) & set(ambience.HELD_OUT)
    assert not set(effects.TRAINED) & set(effects.HELD_OUT)
    assert all(len(texts.sentences(one)) >= 5 for one in texts.TEXTS)


# --- parts ---------------------------------------------------------------------------------------


def test_bands_share_out_the_spectrum() -> None:
    weights = bell_bands(np.linspace(0, 22_050, 500), (177.0, 707.0, 2_830.0))
    assert len(weights) == 4
    assert np.allclose(sum(weights), 1)
    assert min(float(one.min()) for one in weights) > -1e-9


def test_shaping_keeps_power_and_length() -> None:
    grey = noise(rng(), RATE_HZ, -3)
    assert np.isclose(np.mean(grey**2), 1)
    assert np.isclose(np.sum(panned(grey, 0.4) ** 2), np.sum(grey**2))
    assert np.allclose(convolved(grey[:500], np.array([0.0, 2.0]))[1:], 2 * grey[:500])


@pytest.mark.parametrize("channels", [1, 2])
def test_rooms_begin_with_the_direct_sound(channels: int) -> None:
    for seed in range(3):
        room = rooms.draw_room(rng(seed), channels)
        response = rooms.respond(room, rng(seed))
        assert response.shape[1] == channels
        assert 0.05 < len(response) / RATE_HZ <= 1.2
        first = np.abs(response[:100]).max(0)
        assert np.isclose(first.max(), 1, atol=0.02)
        assert np.abs(response[0]).max() > 0.05
        tail = response[-RATE_HZ // 50 :]
        assert np.sqrt(np.mean(tail**2)) < 0.01
        assert np.isfinite(response).all()


def test_a_room_rings_as_long_as_it_was_told_to() -> None:
    room = rooms.Room(
        np.array([6.0, 5.0, 3.0]),
        np.array([2.0, 2.0, 1.5]),
        np.array([[3.5, 3.0, 1.4]]),
        np.array([[1.0, 0.0, 0.0]]),
        0.0,
        np.full(5, 0.5),
    )
    response = rooms.respond(room, rng())[:, 0]
    left = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    level_db = 10 * np.log10(left / left[0])
    early, late = (int(np.argmax(level_db < mark)) for mark in (-8, -28))
    assert 3 * (late - early) / RATE_HZ == pytest.approx(0.5, rel=0.3)


@pytest.mark.parametrize("name", [*ambience.TRAINED, *ambience.HELD_OUT])
def test_ambience_sounds(name: str) -> None:
    maker, _minutes = {**ambience.TRAINED, **ambience.HELD_OUT}[name]
    frames = RATE_HZ * 3 // 2
    field = ambience.settled(maker(rng(), frames), rng())
    assert field.shape == (frames, 2)
    assert 0.01 < np.abs(field).max() <= 0.96
    assert np.array_equal(field, ambience.settled(maker(rng(), frames), rng()))


@pytest.mark.parametrize("name", [*effects.TRAINED, *effects.HELD_OUT])
def test_effects_sound(name: str) -> None:
    maker, _count = {**effects.TRAINED, **effects.HELD_OUT}[name]
    for seed in range(3):
        sound = maker(rng(seed))
        assert sound.ndim == 1
        assert RATE_HZ * 0.05 < len(sound) < RATE_HZ * 12
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 1e-3


def test_a_singer_meets_the_note() -> None:
    song = [singing.Sung(0.0, 1.0, 57.0, "a", "")]
    singer = singing.Singer(1.0, -6, 0.02, 5.0, 0.0)
    voice = singing.sing(song, singer, rng(), 1.0)
    spectrum = np.abs(np.fft.rfft(voice * np.hanning(len(voice))))
    loudest_hz = float(np.argmax(spectrum))  # one second: a bin is a hertz
    assert loudest_hz / 220 == pytest.approx(round(loudest_hz / 220), abs=0.04)
    assert spectrum[210:230].max() > 5 * spectrum[300:340].max()


# --- music ---------------------------------------------------------------------------------------


def test_midi_comes_back_as_it_was_written() -> None:
    events = midi.instrument(2, 40, -1.0) + midi.note(0.5, 0.25, 2, 60, 90)
    again = midi.parsed(midi.written(events))
    assert [(one.status, one.channel, one.first) for one in again] == [
        (midi.CONTROL, 2, midi.VOLUME),
        (midi.CONTROL, 2, midi.PAN),
        (midi.PROGRAM, 2, 40),
        (midi.NOTE_ON, 2, 60),
        (midi.NOTE_OFF, 2, 60),
    ]
    assert [one.time_s for one in again][-2:] == pytest.approx([0.5, 0.75], abs=0.002)


def test_midi_with_running_status_and_a_change_of_tempo() -> None:
    track = (
        b"\x00\xff\x51\x03\x07\xa1\x20"  # 0.5 s a beat
        b"\x00\x90\x3c\x40"  # note on, then another by running status a beat later
        b"\x60\x3e\x40"
        b"\x00\xff\x51\x03\x0f\x42\x40"  # now 1 s a beat
        b"\x60\x80\x3c\x00\x00\xff\x2f\x00"
    )
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 96)
    events = midi.parsed(head + struct.pack(">4sI", b"MTrk", len(track)) + track)
    assert [(one.time_s, one.first) for one in events] == [(0.0, 60), (0.5, 62), (1.5, 60)]
    with pytest.raises(ValueError, match="not a MIDI file"):
        midi.parsed(b"MUS\x1a")


def test_a_cut_keeps_instruments_and_lets_go_of_notes() -> None:
    events = midi.instrument(0, 42) + midi.note(1, 1, 0, 60, 90) + midi.note(4, 9, 0, 64, 90)
    part = midi.cut(sorted(events, key=lambda one: one.time_s), 3, 2)
    assert part[0] == midi.Event(0.0, midi.PROGRAM, 0, 42)
    assert [(one.time_s, one.status, one.first) for one in part[3:]] == [
        (1, midi.NOTE_ON, 64),
        (2, midi.NOTE_OFF, 64),
    ]
    bent = midi.bent([*part, midi.Event(1.0, midi.NOTE_ON, midi.DRUMS, 36, 99)], 3, 2.0)
    assert [(one.time_s, one.first) for one in bent[3:]] == [(0.5, 67), (1.0, 67), (0.5, 36)]


@pytest.mark.parametrize("name", [*styles.SOLOS, *styles.ENSEMBLES, *styles.HELD_OUT])
def test_styles_write_playable_music(name: str) -> None:
    compose, _count = {**styles.SOLOS, **styles.ENSEMBLES, **styles.HELD_OUT}[name]
    for seed in range(4):
        events = compose(rng(seed), 15.0)
        assert all(
            0 <= one.first < 128 and 0 <= one.second < 128 and one.channel < 16 for one in events
        )
        assert sum(one.status == midi.NOTE_ON for one in events) > 10
        assert 8 < midi.length_s(events) < 40
        assert len(midi.parsed(midi.written(events))) == len(events)


def test_a_speaking_line_stays_in_its_range() -> None:
    events = composing.speaking_line(rng(), 3, 20.0, 50, 70)
    assert {50 <= one.first <= 70 for one in events if one.status == midi.NOTE_ON} == {True}
    assert any(one.status == midi.BEND for one in events)


def test_music_is_finished_below_full_scale() -> None:
    loud = 3 * rng().standard_normal((RATE_HZ, 2))
    out = music.finished(loud, rng(), 0.5)
    assert out.shape == (RATE_HZ // 2, 2)
    assert np.abs(out).max() <= 0.951


def test_songs_are_found_in_a_wad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = midi.written(midi.note(0, 1, 0, 60, 90))
    lumps = [("D_ONE", song), ("D_TWO", song), ("DSBANG", song), ("E1M1", b"")]
    body, table = b"", b""
    for name, content in lumps:
        table += struct.pack("<ii8s", 12 + len(body), len(content), name.encode())
        body += content
    wad = tmp_path / "some.wad"
    wad.write_bytes(struct.pack("<4sii", b"IWAD", len(lumps), 12 + len(body)) + body + table)
    monkeypatch.setattr(doom, "WADS", (str(wad),))
    assert doom.songs() == [("D_ONE", song)]


# --- speech --------------------------------------------------------------------------------------


def test_text_is_of_the_language_and_seeded() -> None:
    text = texts.passage("de", rng(), 3)
    assert text == texts.passage("de", rng(), 3)
    assert any(sentence in text for sentence in texts.sentences("de"))


def test_silence_around_speech_is_cut() -> None:
    sound = np.concatenate([np.zeros(16_000), np.full(8_000, 0.5), np.zeros(16_000)])
    assert len(speech.trimmed(sound, 16_000)) == 8_000 + 2 * 1_600 - 1
    assert not len(speech.trimmed(np.zeros(100), 16_000))
