"""The corpus of issue 2, films: each is told to be a Problem, or becomes a whole film of its length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from tests.cli.program import Program
from tests.e2e.films import srt
from tests.e2e.looking import assert_whole, decode
from tests.media import clips
from tests.patience import ENDS_S

Write = Callable[[Path], Path]

ODD: dict[str, Write] = {
    **{
        name: (lambda path, film=film: clips.write_film(path, film))  # type: ignore[misc]  # binds the loop's film
        for name, film in clips.GOOD.items()
    },
    "negative start.mp4": clips.negative_start,
    "negative sound.mkv": clips.negative_sound,
    "cover.m4a": clips.with_cover,
    "one sample.wav": clips.one_sample,
    "sound.mp3": clips.write_sound,
    "sound.flac": clips.write_sound,
    "sound.ogg": clips.write_sound,
    "film.txt": lambda path: clips.write_film(path, clips.Film(format="mp4")),
    "-dash.mp4": lambda path: clips.write_film(path, clips.Film()),
    "# brackets [1] {2}.mp4": lambda path: clips.write_film(path, clips.Film()),
}
FAST = (
    "plain.mp4",
    "eight channels.mkv",
    "one sample.wav",
    'it\'s "quoted".mp4',
    "line\nbreak.mp4",
)


def write_texts(folder: Path) -> dict[str, str]:
    """Two lines in English and Spanish for films of four seconds."""
    english, spanish = folder / "en.srt", folder / "es.srt"
    english.write_text(srt([(0.4, 1.4, "Good morning."), (1.8, 3.2, "How are you?")]), "utf-8")
    spanish.write_text(srt([(0.4, 1.4, "Buenos días."), (1.8, 3.2, "¿Qué tal?")]), "utf-8")
    return {"transcript": str(english), "translation": str(spanish)}


def dub_all(program: Program, plan: list[dict[str, str]], folder: Path) -> list[dict[str, Any]]:
    """Dub the films of a plan in one process; return what became of each."""
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.many", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * ENDS_S,
        env={
            **os.environ,
            "DUBWRIGHT_HOME": str(program.home),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def wrong_with(source: Path, outcome: dict[str, Any]) -> str:
    """What is not right about a film that should be; "" when nothing is."""
    if "problem" in outcome:
        return f"{outcome['problem']['code']}: {outcome['problem']['message']}"
    film = Path(outcome["film"])
    made = decode(film)
    wrong = []
    if abs(made.audio_s - outcome["duration_s"]) > 0.06:
        wrong.append(f"sound {made.audio_s:.3f} s of {outcome['duration_s']:.3f} s")
    if made.languages[0] != "spa":
        wrong.append(f"tagged {made.languages}")
    with av.open(f"file:{source}") as original:
        streams = [
            s for s in original.streams.video if not s.disposition & s.disposition.attached_pic
        ]
        pictures = sum(1 for _ in original.decode(streams[0])) if streams else 0
    if made.pictures != pictures:
        wrong.append(f"{made.pictures} pictures of {pictures}")
    return "; ".join(wrong)


@pytest.mark.parametrize(
    "names",
    [FAST, pytest.param(tuple(name for name in ODD if name not in FAST), marks=pytest.mark.slow)],
    ids=["few", "the others"],
)
def test_odd_films_become_films(program: Program, tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    films = [ODD[name](folder / name) for name in names]
    texts = write_texts(tmp_path)
    # The same content is one item, so that each film's bytes are made its own by a title.
    outcomes = dub_all(program, [{"film": str(film), **texts} for film in films], tmp_path)
    assert len(outcomes) == len(films)
    wrong = {
        film.name: found
        for film, outcome in zip(films, outcomes, strict=True)
        if (found := wrong_with(film, outcome))
    }
    assert not wrong
    for one in program.ok("items")["items"]:
        assert_whole(program, one["id"])


@pytest.mark.parametrize("name", ["emoji 🎬.mp4", "line\nbreak.mp4", "-dash.mp4"])
@pytest.mark.slow
def test_odd_names_on_the_command_line(program: Program, tmp_path: Path, name: str) -> None:
    """Also as where the film goes."""
    film = clips.write_film(tmp_path / name, clips.Film())
    texts = write_texts(tmp_path)
    out = tmp_path / f"out of {name}"
    words = ("--to", "es", "--speakers", "1", "--out", out)
    given = ("--transcript", texts["transcript"], "--translation", texts["translation"])
    assert program.ok("dub", film, *words, *given)["film"] == str(out)
    assert decode(out).audio_s == pytest.approx(4.0, abs=0.06)


def test_hopeless_files_are_told_apart(program: Program, tmp_path: Path) -> None:
    """One ``add`` of them all: each is a Problem of its own, and nothing is added."""
    bad = clips.bad_files(tmp_path)
    named = [path for path in bad.values() if not path.is_dir()]
    outcome = program.run("add", *named, "--json")
    assert outcome.code == 1
    assert outcome.json["items"] == []
    found = {one["file"]: one["problem"] for one in outcome.json["failed"]}
    for label, path in bad.items():
        if path in named:
            problem = found[str(path)]
            assert problem["code"] == label.split(":")[0]
            assert problem["next_action"], label
    assert program.ok("items")["items"] == []


@pytest.mark.parametrize(
    "label", ["file-empty:zero", "no-audio:silent", "encrypted-media:protected"]
)
def test_dub_of_a_hopeless_file(program: Program, tmp_path: Path, label: str) -> None:
    path = clips.bad_files(tmp_path)[label]
    outcome = program.run("dub", path, "--to", "es", "--json")
    assert outcome.code == 1
    assert outcome.problem["code"] == label.split(":", maxsplit=1)[0]


@pytest.mark.slow
def test_truncated_films(program: Program, tmp_path: Path) -> None:
    """Cut at 10, 50 and 90 percent: a Problem, or a whole film of what is left."""
    folder = tmp_path / "cut"
    folder.mkdir()
    wholes = [
        clips.write_film(folder / "index last.mp4"),
        clips.write_film(folder / "index first.mp4", clips.fast_start()),
        clips.write_film(folder / "clusters.mkv"),
        clips.write_sound(folder / "sound.wav"),
        clips.write_sound(folder / "sound.flac"),
    ]
    films = [clips.truncated(whole, percent) for whole in wholes for percent in (10, 50, 90)]
    texts = write_texts(tmp_path)
    outcomes = dub_all(program, [{"film": str(film), **texts} for film in films], tmp_path)
    for film, outcome in zip(films, outcomes, strict=True):
        if "problem" in outcome:
            print(f"{film.name}: {outcome['problem']['code']}")
            assert outcome["problem"]["code"] not in ("bug", "guest-crashed"), (film, outcome)
            assert outcome["problem"]["next_action"], film
            continue
        made = decode(Path(outcome["film"]))
        print(
            f"{film.name}: {made.audio_s:.2f} s of {outcome['duration_s']:.2f}; {outcome['warnings']}"
        )
        assert made.audio_s == pytest.approx(outcome["duration_s"], abs=0.06)
