"""Where there is voice: by two detectors and by how loud the separated voice is."""

from __future__ import annotations

import numpy as np
import pytest

from dubwright.engines.vad import FRAME_S
from dubwright.engines.voicing import Listened, level_db, speaking, voiced

FRAMES = 200


def heard(
    said: dict[tuple[int, int], float], loud: dict[tuple[int, int], float], else_db: float = -70.0
) -> Listened:
    p, level = np.zeros(FRAMES, np.float32), np.full(FRAMES, else_db, np.float32)
    for (start, end), value in said.items():
        p[start:end] = value
    for (start, end), value in loud.items():
        level[start:end] = value
    return Listened(p, level)


def covered(spans: list[tuple[float, float]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    middles = (np.arange(FRAMES) + 0.5) * FRAME_S
    return np.array([any(a <= t < b for a, b in spans) for t in middles])


def test_somebody_speaks_where_the_detector_says_so() -> None:
    voice = heard({(50, 80): 0.9}, {})
    ((start_s, end_s),) = speaking(voice)
    assert start_s == pytest.approx(50 * FRAME_S, abs=0.05)
    assert end_s == pytest.approx(80 * FRAME_S, abs=0.05)


def test_either_detector_counts() -> None:
    film = heard({(20, 40): 0.9}, {}, -20.0)
    voice = heard({(50, 80): 0.9}, {(50, 80): -25.0})
    found = covered(voiced(film, voice))
    assert found[20:40].all()
    assert found[50:80].all()
    assert not found[90:].any()


def test_a_word_that_both_missed_is_found_by_its_level() -> None:
    film = heard({}, {}, -22.0)
    voice = heard({(50, 80): 0.9}, {(50, 80): -25.0, (120, 130): -29.0})
    found = covered(voiced(film, voice))
    assert found[120:130].all()
    assert not found[100:119].any()
    assert not found[131:].any()


@pytest.mark.parametrize(
    ("level", "frames"),
    [(-48.0, 10), (-36.0, 10), (-26.0, 2)],
    ids=["far quieter than speech", "drowned by the film", "a click"],
)
def test_what_the_separation_leaves_of_music_is_no_voice(level: float, frames: int) -> None:
    film = heard({}, {(120, 140): -20.0}, -22.0)
    voice = heard({(50, 80): 0.9}, {(50, 80): -25.0, (120, 120 + frames): level})
    assert not covered(voiced(film, voice))[90:].any()


def test_where_nobody_was_heard_no_level_says_what_is_loud() -> None:
    assert voiced(heard({}, {}, -22.0), heard({}, {}, -25.0)) == []


def test_silence_is_no_voice() -> None:
    silence = heard({(50, 80): 0.9}, {}, -120.0)
    assert not covered(voiced(silence, silence))[90:].any()


def test_films_read_before_levels_were_measured_go_by_the_detectors() -> None:
    film = Listened.of({"p": [0.0] * FRAMES})
    voice = heard({(50, 80): 0.9}, {(120, 130): -20.0})
    found = covered(voiced(film, voice))
    assert found[50:80].all()
    assert not found[90:].any()


def test_levels_are_of_full_scale() -> None:
    frames = np.zeros((3, 512), np.float32)
    frames[1], frames[2] = 0.1, 1.0
    assert level_db(frames) == pytest.approx([-120.0, -20.0, 0.0])
