"""Set up everything and run a target: ``python3 dev.py demo|test|test-slow|setup|lint|lock|training``.

Standard library only. Gets uv (on PATH, else by venv + pip, else by pip alone), picks a supported
interpreter, makes ``.venv`` from the hash lock, then runs the target. Nothing is installed outside
this folder. ``training`` makes an environment of its own in ``build/training`` and hands on what follows:
``python3 dev.py training train --steps 9000``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
LOCK = ROOT / "requirements" / "dev.txt"
UV_LOCK = ROOT / "requirements" / "uv.txt"
STAMP = VENV / "dubwright-stamp.txt"
TRAINING = ROOT / "build" / "training" / "env"
TRAINING_LOCK = ROOT / "requirements" / "training.txt"
SUPPORTED = ((3, 11), (3, 15))
WINDOWS = os.name == "nt"
SCRIPTS = "Scripts" if WINDOWS else "bin"
SUFFIX = ".exe" if WINDOWS else ""


def say(text: str) -> None:
    print("[dev] " + text, flush=True)


def run(command: list[str], env: dict[str, str] | None = None) -> int:
    """Run a program, its output on the console; return the exit code."""
    return subprocess.call([str(part) for part in command], cwd=str(ROOT), env=env)


def venv_python() -> Path:
    return VENV / SCRIPTS / ("python" + SUFFIX)


def find_uv() -> str:
    """Return uv's path, installing it into ``.tools`` when it is nowhere. Exits when it cannot."""
    own = TOOLS / SCRIPTS / ("uv" + SUFFIX)
    chosen = os.environ.get("DUBWRIGHT_UV") or shutil.which("uv")
    for known in (chosen, str(own), str(TOOLS / "bin" / ("uv" + SUFFIX))):
        if known and Path(known).exists() and works([known, "--version"]):
            return known
    say("uv is not here; installing it into .tools (one wheel, by hash)")
    if by_venv() or by_pip():
        for candidate in (own, TOOLS / "bin" / ("uv" + SUFFIX)):
            if candidate.exists():
                return str(candidate)
    say("uv could not be installed: this python has neither a working venv nor pip.")
    if sys.platform.startswith("linux"):
        say(
            "This helps:  sudo apt-get install -y python3-venv   (Fedora: sudo dnf install python3-pip)"
        )
    else:
        say("This helps:  " + sys.executable + " -m ensurepip --upgrade")
    sys.exit(1)


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def by_venv() -> bool:
    if not works([sys.executable, "-c", "import venv, ensurepip"]):
        return False
    if run([sys.executable, "-m", "venv", "--clear", str(TOOLS)]) != 0:
        return False
    pip = [str(TOOLS / SCRIPTS / ("python" + SUFFIX)), "-m", "pip"]
    return (
        run(
            [
                *pip,
                "install",
                "-q",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                str(UV_LOCK),
            ]
        )
        == 0
    )


def by_pip() -> bool:
    if not works([sys.executable, "-m", "pip", "--version"]):
        return False
    shutil.rmtree(str(TOOLS), ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    return run([*pip, "--require-hashes", "--target", str(TOOLS), "-r", str(UV_LOCK)]) == 0


def interpreter(uv: str) -> str:
    """Return a supported interpreter: this one, one that uv finds, else uv's own download."""
    wanted = os.environ.get("DUBWRIGHT_PYTHON")
    if wanted:
        return wanted
    if SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        return str(getattr(sys, "_base_executable", None) or sys.executable)
    say(
        "python %d.%d is not supported (3.11 to 3.14 are); looking for another"
        % sys.version_info[:2]
    )
    spec = ">=%d.%d,<%d.%d" % (SUPPORTED[0] + SUPPORTED[1])
    found = subprocess.run(
        [uv, "python", "find", "--no-project", spec], capture_output=True, check=False
    )
    if found.returncode == 0:
        return found.stdout.decode().strip()
    say("none found; asking uv for Python 3.12 (about 30 MB)")
    return "3.12"


def setup() -> str:
    """Make ``.venv`` exactly what the lock says; quick when it already is. Return uv's path."""
    uv = find_uv()
    python = interpreter(uv)
    lock = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = lock + " " + python + " " + str(ROOT)
    if (
        venv_python().exists()
        and STAMP.exists()
        and STAMP.read_text() == stamp
        and works([str(venv_python()), "-c", "import dubwright"])
    ):
        return uv
    say("setting up .venv with " + python)
    target = ["-p", str(venv_python())]
    steps = [
        [uv, "venv", "-q", "--no-project", "--clear", "--python", python, str(VENV)],
        [uv, "pip", "sync", "-q", *target, "--require-hashes", str(LOCK)],
        [uv, "pip", "install", "-q", *target, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        [str(venv_python()), "-m", "compileall", "-q", str(VENV), str(ROOT / "src")],
    ]
    for step in steps:
        code = run(step)
        if code != 0 and "compileall" not in step:  # byte code is a comfort, not a need
            say("failed: " + " ".join(step))
            say(
                "The message above names the cause. Without network nothing can be set up; behind a proxy set HTTPS_PROXY."
            )
            sys.exit(code)
    STAMP.write_text(stamp)
    return uv


def environment(uv: str) -> dict[str, str]:
    env = dict(os.environ)
    env["DUBWRIGHT_UV"] = uv
    env["PATH"] = str(VENV / SCRIPTS) + os.pathsep + env.get("PATH", "")
    env.pop("PYTHONPATH", None)
    env.pop("PYTHONHOME", None)
    return env


def training(rest: list[str]) -> int:
    """Run ``python -m training`` in its own environment (torch: 5 GB), which is made when it is not there."""
    uv = find_uv()
    python = TRAINING / SCRIPTS / ("python" + SUFFIX)
    stamp = TRAINING / "dubwright-stamp.txt"
    wanted = hashlib.sha256(TRAINING_LOCK.read_bytes()).hexdigest()
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        say("setting up the training's environment: a download of about 3 GB")
        for step in (
            [
                uv,
                "venv",
                "-q",
                "--no-project",
                "--clear",
                "--python",
                interpreter(uv),
                str(TRAINING),
            ],
            [uv, "pip", "sync", "-q", "-p", str(python), "--require-hashes", str(TRAINING_LOCK)],
        ):
            code = run(step)
            if code != 0:
                say("failed: " + " ".join(step))
                return code
        stamp.write_text(wanted)
    env = dict(os.environ)
    env["PYTHONPATH"] = str(ROOT / "src")
    return run([str(python), "-m", "training", *rest], env=env)


def main(argv: list[str]) -> int:
    target, rest = (argv[0], argv[1:]) if argv else ("setup", [])
    if target not in ("setup", "demo", "test", "test-slow", "lint", "lock", "training"):
        print(__doc__)
        return 2
    if target == "training":
        return training(rest)
    env = environment(setup())
    python = str(venv_python())
    if target == "setup":
        say("ready: " + str(VENV / SCRIPTS / ("dubwright" + SUFFIX)))
        return 0
    if target == "demo":
        # The user's own PATH, so that the commands it prints are those that can be typed after it.
        env["PATH"] = os.environ.get("PATH", "")
        return run([python, "-m", "dubwright.cli.main", "demo", *rest], env=env)
    scripts = {
        "test": ["tools/check.py"],
        "test-slow": ["tools/check.py", "--slow"],
        "lint": ["tools/check.py", "--lint"],
        "lock": ["tools/lock.py"],
    }
    return run([python, *[str(ROOT / scripts[target][0])], *scripts[target][1:], *rest], env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
