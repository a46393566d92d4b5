"""The corpus of issue 2, subtitles: as transcript and as translation of a dub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.films import srt
from tests.e2e.looking import decode
from tests.e2e.test_odd_films import dub_all, write_texts
from tests.media import clips

CUES = [(0.4, 1.4, "Buenos días, señor."), (1.8, 3.2, "¿Cómo está usted hoy?")]
PLAIN = srt(CUES)

GOOD: dict[str, bytes] = {
    "overlapping": srt([(0.4, 2.4, "Buenos días."), (1.2, 3.2, "¿Qué tal?")]).encode(),
    "out of order": srt(CUES[::-1]).encode(),
    "mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "crlf": PLAIN.replace("\n", "\r\n").encode(),
    "latin-1": PLAIN.encode("latin-1"),
    "utf-16": PLAIN.encode("utf-16"),
    "no numbers": "\n".join(line for line in PLAIN.split("\n") if not line.isdigit()).encode(),
    "an empty cue": srt([CUES[0], (1.5, 1.6, ""), CUES[1]]).encode(),
    "past the end": srt([*CUES, (90.0, 91.0, "Demasiado tarde.")]).encode(),
    "no length": srt([CUES[0], (2.0, 2.0, "Ya.")]).encode(),
    "tags": srt([(0.4, 1.4, "<i>Buenos</i> {\\an8}días."), CUES[1]]).encode(),
}
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "subtitles-empty"),
    "blank": (b"\n \r\n\n", "subtitles-empty"),
    "noise": (bytes(range(256)) * 20, "subtitles-unreadable"),
    "cut": (PLAIN.encode("utf-16")[:-1], "subtitles-unreadable"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("option", ["--transcript", "--translation"])
def test_useless_subtitles_are_told_before_any_work(
    program: Program, tmp_path: Path, name: str, option: str
) -> None:
    film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=1.0))
    data, code = BAD[name]
    path = tmp_path / f"{name}.srt"
    path.write_bytes(data)
    outcome = program.run("dub", film, "--to", "es", option, path, "--speakers", "1", "--json")
    assert outcome.code == 1
    assert outcome.problem["code"] == code
    assert path.name in outcome.problem["message"]
    assert program.ok("jobs")["jobs"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "names"),
    [("translation", tuple(GOOD)), ("transcript", ("overlapping", "out of order", "no length"))],
    ids=["translation", "transcript"],
)
def test_odd_subtitles_make_a_film(
    program: Program, tmp_path: Path, role: str, names: tuple[str, ...]
) -> None:
    """Both are read by the same code; what differs is what is done with odd times."""
    texts = write_texts(tmp_path)
    plan = []
    for number, name in enumerate(names):
        path = tmp_path / f"{name}.srt"
        path.write_bytes(GOOD[name])
        film = clips.write_film(tmp_path / f"{name}.mp4", clips.Film(title=f"film {number}"))
        plan.append({**texts, "film": str(film), role: str(path)})
    outcomes = dub_all(program, plan, tmp_path)
    for name, outcome in zip(names, outcomes, strict=True):
        assert "problem" not in outcome, (name, outcome)
        made = decode(Path(outcome["film"]))
        assert made.audio_s == pytest.approx(4.0, abs=0.06), name
        assert made.subtitles == 2, name
        print(f"{name}: {outcome['warnings']}")
