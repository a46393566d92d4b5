"""Nothing but ``packs install`` connects: a dub works without a network, a listing does not try."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk
from tests.e2e.looking import decode
from tests.e2e.running import without_network
from tests.media import clips

HOOK = """
import sys, os
_seen = open(os.environ["SEEN"], "a", buffering=1)
_seen.write("hooked\\n")
def _hook(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        family = getattr(args[0], "family", "")
        if "AF_UNIX" not in str(family):
            _seen.write(f"{event} {args[1:] if family else args}\\n")
sys.addaudithook(_hook)
"""


@pytest.mark.slow
def test_a_dub_without_a_network(program: Program, short_talk: Talk) -> None:
    words = ["dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2", "--json"]
    outcome = without_network(program, *words)
    assert outcome.code == 0, outcome
    assert decode(Path(outcome.json["film"])).audio_s == pytest.approx(
        short_talk.duration_s, abs=0.05
    )


def seen_by(program: Program, tmp_path: Path, *words: str) -> list[str]:
    """Run with a hook on every connection; return what it saw."""
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(HOOK)
    seen = tmp_path / "seen.txt"
    seen.unlink(missing_ok=True)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    program.ok(*words, env={"SEEN": str(seen), "PYTHONPATH": path})
    lines = seen.read_text().splitlines()
    assert lines[0] == "hooked"
    return [line for line in lines if line != "hooked"]


def test_the_hook_sees_a_connection(tmp_path: Path) -> None:
    """Else the next test would prove nothing."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    seen = tmp_path / "seen.txt"
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    env = {**os.environ, "SEEN": str(seen), "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert "socket.connect" in seen.read_text()


def test_nothing_connects(program: Program, tmp_path: Path) -> None:
    film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))
    item = program.ok("add", film)["items"][0]["id"]
    for words in (
        ("packs",), ("packs", "plan"), ("items",), ("jobs",), ("diagnostics",),
        ("run", "separate_audio_builtin", item), ("item", item),
    ):  # fmt: skip
        assert seen_by(program, tmp_path, *words) == [], words
