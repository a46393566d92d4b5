"""``packs diagnose`` and the notes for doing it by hand, as they are typed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.program import Program

LOGS = Path(__file__).resolve().parents[1] / "packs" / "logs"


def test_a_log_is_explained(program: Program, tmp_path: Path) -> None:
    document = program.ok("packs", "diagnose", str(LOGS / "no-compiler.log"))
    assert document["rule"] == "no-compiler"
    assert document["problem"]["code"] == "pack-no-compiler"
    assert document["evidence"][-1]["line"] == 8
    text = program.run("packs", "diagnose", str(LOGS / "no-compiler.log")).out
    assert "build-essential" in text
    assert "line 8: error: [Errno 2]" in text


def test_a_packs_own_log_names_the_pack(program: Program, tmp_path: Path) -> None:
    log = tmp_path / "tts-preview-20261121-140515.log"
    shutil.copy(LOGS / "disk-full.log", log)
    problem = program.ok("packs", "diagnose", str(log))["problem"]
    assert problem["message"].startswith("tts-preview could not be installed: the disk is full")
    assert problem["next_action"]["verb"] == "packs install"
    assert problem["next_action"]["args"] == {"_": ["tts-preview"]}


def test_success_and_unknown_failures_are_said_to_be_that(program: Program, tmp_path: Path) -> None:
    document = program.ok("packs", "diagnose", str(LOGS / "good-uv.log"))
    assert document == {"rule": None, "failed": False, "problem": None, "evidence": []}
    assert "No failure" in program.run("packs", "diagnose", str(LOGS / "good-uv.log")).out
    unknown = tmp_path / "x.log"
    unknown.write_text("error: the moon is in the wrong house\n")
    document = program.ok("packs", "diagnose", str(unknown))
    assert document["rule"] is None
    assert document["problem"]["code"] == "pack-install-failed"
    assert "moon" in program.run("packs", "diagnose", str(unknown)).out


def test_a_file_that_is_not_there(program: Program) -> None:
    outcome = program.run("packs", "diagnose", "/nosuch/file.log", "--json")
    assert outcome.code == 1
    assert "pack-log-unreadable" in outcome.out


def test_every_pack_of_the_plan_says_what_can_be_done_by_hand(program: Program) -> None:
    packs = program.ok("diagnostics")["packs"]
    notes = {one["name"]: one["manual"] for one in packs}
    for name in ("asr-pocketsphinx", "tts-preview", "diarization", "apertium", "spleeter"):
        assert len(notes[name]) > 80, name
    assert "Python 3.11" in notes["tts-preview"]
    assert "tts-preview --from FOLDER" in " ".join(program.run("diagnostics").out.split())
