"""The program as a person runs it: a subprocess, its exit code, its JSON."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import ENDS_S


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["problem"]
        return found


@dataclass(frozen=True)
class Program:
    """``dubwright`` with one data folder."""

    home: Path

    def run(
        self, *words: str | Path, timeout_s: float = ENDS_S, env: Mapping[str, str] | None = None
    ) -> Outcome:
        own = {"DUBWRIGHT_HOME": str(self.home), "COLUMNS": "200"}
        environment = {**os.environ, **own, **(env or {})}
        command = [sys.executable, "-m", "dubwright.cli.main", *(str(word) for word in words)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=timeout_s, check=False
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
        return Outcome(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Any:
        """Run with --json; the command must succeed."""
        outcome = self.run(*words, "--json", env=env)
        assert outcome.code == 0, (words, outcome)
        return outcome.json

    def typed(self, line: str) -> Outcome:
        """Run a command line exactly as the program printed it (plus --json)."""
        words = shlex.split(line)
        assert Path(words[0]).name == "dubwright", line
        return self.run(*words[1:], "--json")
