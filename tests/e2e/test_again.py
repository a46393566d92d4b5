"""The same again costs nothing; one edited line costs one line; a batch goes on past a bad film."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk
from tests.e2e.looking import assert_kept, decode, finished
from tests.e2e.test_odd_films import write_texts
from tests.media import clips

MADE = ("separate", "transcribe", "diarize", "translate", "speak", "mix", "mux")


def utterances(home: Path) -> set[Path]:
    """Every line that was ever spoken."""
    return set((home / "cache" / "speech").rglob("*.wav"))


def segments(item_folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (item_folder / "tts_preview" / "pyttsx3_v1" / "segments").glob("*.wav")
    }


def cached_stages(program: Program, job: str) -> dict[str, bool]:
    """Stage to whether it found its work done, over all jobs of a dub."""
    children = program.ok("job", "show", job)["children"]
    stages = [stage for child in children for stage in child["result"]["stages"]]
    return {stage["name"]: stage["cached"] for stage in stages if stage["name"] != "deliver"}


@pytest.mark.slow
def test_the_same_again_and_one_edited_line(
    program: Program, short_talk: Talk, tmp_path: Path
) -> None:
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2")
    first = program.ok(*words)
    before, spoken = finished(program.home), utterances(program.home)
    bytes_before = Path(first["film"]).read_bytes()

    second = program.ok(*words)
    assert all(cached_stages(program, second["job"]).values())
    assert_kept(before, finished(program.home))
    assert second["film"] == first["film"]
    assert Path(first["film"]).read_bytes() == bytes_before

    item = first["item"]
    folder = program.home / "derived" / "items" / item
    lines_before = segments(folder)
    tracks = program.ok("tracks", item)["tracks"]
    track = next(one for one in reversed(tracks) if one["kind"] == "translation")
    edited = tmp_path / "edited.srt"
    program.ok("track", "export", str(track["id"]), "--format", "srt", "--out", edited)
    text = edited.read_text("utf-8")
    changed = re.sub(r"¿Y no se siente sola[^?]*\?", "¿Se siente sola?", text)
    assert changed != text
    edited.write_text(changed, "utf-8")
    program.ok("track", "import", item, edited, "--language", "es")
    for job in ("tts_preview_pyttsx3_v1", "mix_dub_preview_v1", "mux_dub_preview_v1"):
        assert program.ok("run", job, item, "--option", "to=es")["state"] == "done"

    assert len(utterances(program.home) - spoken) == 1, "only the edited line was spoken anew"
    lines = segments(folder)
    assert sum(lines[name] != lines_before[name] for name in lines) == 1
    now = finished(program.home)
    kept = set(before.artifacts.values()) & set(now.artifacts.values())
    assert {line.split()[1] for line in kept} == {
        "ingest", "separate", "listen", "transcribe", "diarize", "translate",
    }  # fmt: skip
    film = folder / "dub_preview" / "mux_dub_preview_v1.mp4"
    assert film.read_bytes() != bytes_before
    assert decode(film).audio_s == pytest.approx(short_talk.duration_s, abs=0.05)

    third = program.ok(*words)
    assert "¿Se siente sola?" in (folder / "asr" / "translation.es.srt").read_text("utf-8"), (
        "the person's edit outlives the command that gave the first version"
    )
    assert cached_stages(program, third["job"])["mix"]


@pytest.mark.slow
def test_a_batch_goes_on_past_a_bad_film(program: Program, tmp_path: Path) -> None:
    texts = write_texts(tmp_path)
    films = [
        clips.write_film(tmp_path / f"{number}.mp4", clips.Film(title=str(number)))
        for number in (1, 2)
    ]
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    for film in films:
        item = program.ok("add", film)["items"][0]["id"]
        program.ok("track", "import", item, texts["transcript"], "--language", "en")
        program.ok("track", "import", item, texts["translation"], "--language", "es")
    outcome = program.run("dub", films[0], bad, films[1], "--to", "es", "--speakers", "1", "--json")
    assert outcome.code == 1, outcome
    results = outcome.json["items"]
    made = [one for one in results if "film" in one]
    assert [one["problem"]["code"] for one in results if "problem" in one] == ["not-media"]
    assert len(made) == 2
    for one in made:
        assert decode(Path(one["film"])).audio_s == pytest.approx(4.0, abs=0.06)
