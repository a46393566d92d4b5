"""What a small program prints: a question with a time limit, in an environment without Python's settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

_ANSWER_S = 20.0


def output_of(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return what ``command`` prints; empty when it fails or takes longer than 20 s."""
    code, text, _ = answer_of(command, env)
    return text if code == 0 else ""


def answer_of(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Return exit code, output and what it complained; -1 when it cannot be run or takes too long."""
    environment = {
        key: value
        for key, value in (os.environ if env is None else env).items()
        if not key.startswith("PYTHON")
    }
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_ANSWER_S,
            env=environment,
            stdin=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # a flag of Windows
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, "", str(error)
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return done.returncode, out, err
