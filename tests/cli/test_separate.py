"""``dubwright separate`` as people and programs use it: one file, batches, failures, stops."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from dubwright.media.soundfile import write_sound
from dubwright.media.wav import WavReader, WavWriter
from dubwright.studio.stems.record import RECORD, read_record
from tests.cli.program import Program
from tests.e2e.running import GONE_S, assert_nobody_left, start, until
from tests.media import clips
from tests.patience import COMES_S
from tests.studio.stem_packs import asks, write_pack

RATE = 44_100


def write_wav(path: Path, frames: int = 20_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.5 * np.sin(np.arange(frames) / 20)[:, None].repeat(2, axis=1)
    with WavWriter(path, RATE, 2) as writer:
        writer.write(sound.astype(np.float32))
    return path


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """A folder with two sounds, one in a sub-folder, something damaged and something else."""
    folder = tmp_path / "songs"
    write_wav(folder / "a.wav")
    write_wav(folder / "deep" / "b.wav")
    (folder / "cut.wav").write_bytes(b"RIFF")
    (folder / "notes.txt").write_text("x")
    if sys.platform.startswith("linux"):  # elsewhere every name is text
        (folder / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    return folder


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """The folder of a separator that takes a while: long enough to be stopped in the middle."""
    folder = write_pack(tmp_path / "packs", "spleeter", delay_s=4.0)
    return str(folder)


def test_one_file_as_ever(program: Program, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "stems"
    document = program.ok("separate", songs / "a.wav", "--out", out)
    assert set(document) == {"source", "separator", "stems", "wall_s", "peak_rss_bytes"}
    assert document["source"] == str(songs / "a.wav")
    assert document["separator"] == "builtin"
    assert document["stems"] == {
        "vocals": str(out / "vocals.wav"),
        "background": str(out / "background.wav"),
    }
    assert sorted(path.name for path in out.iterdir()) == ["background.wav", "vocals.wav"]
    with WavReader(out / "vocals.wav") as wav:
        assert (wav.frames, wav.rate_hz, wav.subtype) == (20_000, RATE, "int16")
    people = program.run("separate", songs / "a.wav", "--out", out, "--progress", "json")
    assert people.code == 0
    assert str(out / "vocals.wav") in people.out
    assert "s with builtin, peak memory" in people.out
    events = [json.loads(line) for line in people.err.splitlines() if line.startswith("{")]
    assert events[-1]["detail"] == {
        "source": str(songs / "a.wav"), "number": 1, "of": 1, "share": 1.0
    }  # fmt: skip
    assert events[-1]["done"] == 1.0


def test_a_folder_in_which_one_fails(program: Program, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "stems"
    words = ("separate", songs, "--out", out, "--format", "flac")
    first = program.run(*words, "--json")
    assert first.code == 1
    files = {Path(one["source"]).name: one for one in first.json["files"]}
    assert {name: one["state"] for name, one in files.items()} == {
        "a.wav": "done",
        "b.wav": "done",
        "cut.wav": "failed",
    }
    assert files["b.wav"]["stems"]["vocals"] == str(out / "deep" / "b" / "vocals.flac")
    assert files["a.wav"]["problem"] is None
    assert files["cut.wav"]["problem"]["code"] == "truncated-media"
    assert files["cut.wav"]["problem"]["next_action"]["verb"] == "separate"
    left_out = {Path(one["source"]).name: one["why"] for one in first.json["skipped"]}
    assert left_out["notes.txt"] == "not named as film or sound"
    people = program.run(*words)
    assert people.code == 1
    assert "complete already" in people.out
    assert "(truncated-media)" in people.out
    assert "0 of 3 files separated, 2 complete from an earlier run, 1 failed." in people.out
    assert "Left out, not named as film or sound:" in people.err
    line = people.out[people.out.index("Next:") :].splitlines()[1].strip()
    (songs / "cut.wav").unlink()
    typed = program.typed(line)
    assert typed.code == 0
    assert {one["state"] for one in typed.json["files"]} == {"kept"}


def test_damage_in_a_source_is_told(program: Program, songs: Path, tmp_path: Path) -> None:
    """The stems are made, with silence where nothing can be read, and the person hears of it."""
    noise = np.random.default_rng(1).standard_normal((4 * RATE, 2)) * 0.2
    with WavWriter(tmp_path / "noise.wav", RATE, 2) as writer:
        writer.write(noise.astype(np.float32))
    song = tmp_path / "one.flac"
    write_sound(tmp_path / "noise.wav", song, "flac", 2)
    data = bytearray(song.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 10_000] = bytes(10_000)
    song.write_bytes(data)
    out = tmp_path / "stems"
    document = program.ok("separate", song, "--out", out)
    (warning,) = document["warnings"]
    assert "are missing inside the sound and became silence, the first at 0:0" in warning
    people = program.run("separate", song, songs / "a.wav", "--out", out)
    assert people.code == 0
    assert f"Note: one.flac: {warning}" in people.out
    assert "made with builtin, are in" in people.out
    kept = program.ok("separate", song, songs / "a.wav", "--out", out)
    assert [one["warnings"] for one in kept["files"]] == [[warning], []]


def test_problems_before_anything_is_done(program: Program, songs: Path, tmp_path: Path) -> None:
    out, song = tmp_path / "stems", songs / "a.wav"
    cases = {
        "file-missing": (songs / "gone.wav", "--out", out),
        "nothing-to-separate": (tmp_path / "home", "--out", out),
        "out-not-writable": (song, "--out", songs / "notes.txt" / "deeper"),
        "option-invalid": (song, "--out", out, "--stems", "3"),
    }
    program.run("items")
    for code, words in cases.items():
        outcome = program.run("separate", *words, "--json")
        assert (outcome.code, outcome.problem["code"]) == (1, code)
        assert outcome.problem["next_action"] is not None
    assert not out.exists()
    silent = clips.write_film(tmp_path / "silent.mp4", clips.Film(tracks=()))
    mute = program.run("separate", silent, "--out", out, "--json")
    assert mute.problem["code"] == "no-audio"
    assert "nothing to separate" in mute.problem["message"]
    absent = program.run("separate", song, "--out", out, "--stems", "4")
    assert absent.code == 1
    assert "dubwright packs install spleeter-4stems" in absent.err
    assert program.run("separate", "--out", out).code == 2
    assert program.run("separate", song).code == 2


def whole(out: Path) -> dict[str, list[str]]:
    """Folder to stems; every file that is there under a stem's name must be complete."""
    found: dict[str, list[str]] = {}
    for path in sorted(out.rglob("*.wav")):
        with WavReader(path) as wav:
            assert wav.frames == 20_000, path
        found.setdefault(path.parent.name, []).append(path.stem)
    return found


BOTH = ["background", "vocals"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_stopped_in_the_middle_it_goes_on(
    program: Program, tmp_path: Path, slow: str, number: str
) -> None:
    for name in ("a", "b", "c"):
        write_wav(tmp_path / "songs" / f"{name}.wav")
    out = tmp_path / "stems"
    words = ("separate", tmp_path / "songs", "--out", out)
    running = start(program, *words, DUBWRIGHT_PACKS=slow)
    until(lambda: len(asks(tmp_path / "packs")) == 2)  # a is done, b is being separated
    record = read_record(out / "a")
    assert record is not None
    assert record.complete
    if number == "SIGINT":
        os.killpg(running.process.pid, signal.SIGINT)
    else:
        running.interrupt(getattr(signal, number))
    outcome = running.wait(COMES_S)
    assert outcome.code == (-9 if number == "SIGKILL" else 130)
    assert_nobody_left(program.home, GONE_S)
    assert whole(out) == {"a": BOTH}
    if number != "SIGKILL":
        assert "1 of 3 files are complete and kept. Go on with:" in outcome.err
        assert not list((program.home / "derived" / ".scratch").iterdir())
        assert not list(out.rglob("*.part"))
    before = (out / "a" / "vocals.wav").stat().st_mtime_ns
    write_pack(tmp_path / "packs", "spleeter")  # the same, but as fast as it can
    again = program.run(*words, "--json", env={"DUBWRIGHT_PACKS": slow})
    assert again.code == 0
    assert [one["state"] for one in again.json["files"]] == ["kept", "done", "done"]
    assert whole(out) == {"a": BOTH, "b": BOTH, "c": BOTH}
    assert (out / "a" / "vocals.wav").stat().st_mtime_ns == before
    assert not list((program.home / "derived" / ".scratch").iterdir())
    assert sorted(path.name for path in (out / "b").iterdir()) == [
        RECORD, "background.wav", "vocals.wav"
    ]  # fmt: skip
