"""What the contestants need, made once and kept: environments, a checkpoint, the models made of it.

The official package gets the environment that its own pack locks (by hash), sherpa-onnx one from the
package index. Weights are random, with the names and shapes of the official ones.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.record import env_python
from dubwright.packs.toolchain.interpreter import find_uv

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LOCK = ROOT / "src" / "dubwright_packs" / "spleeter_tensorflow" / "lock.txt"
WRITER = ROOT / "tests" / "packs" / "spleeter_official.py"
SHERPA = (
    "sherpa-onnx==2.0.1",
    "sherpa-onnx-bin==2.0.1",
    "onnx==1.23.2",
    "numpy==2.4.6",
)
OFFICIAL_PYTHON = "3.11"


@dataclass(frozen=True)
class Prepared:
    """``models`` holds the folder 2stems, the official checkpoint as it is unpacked."""

    official_python: Path
    sherpa_python: Path
    models: Path
    sherpa_models: Path


def prepare(cache: Path, environment: Path | None, weights: Path | None) -> Prepared:
    """Make what is not in ``cache`` yet. ``environment`` and ``weights`` take the place of what would
    be made: a folder with the official package installed, a folder with a checkpoint (``model.*``)."""
    cache.mkdir(parents=True, exist_ok=True)
    if environment is None:
        environment = _once(cache / "official", _official)
    official = _python(environment)
    sherpa = _python(_once(cache / "sherpa", _sherpa))
    weighed = "random" if weights is None else _name(weights)
    models = cache / "models" / weighed
    _once(models / "2stems", lambda folder: _checkpoint(folder, weights, official))

    def converted(folder: Path) -> None:
        arrays = folder / "checkpoint.npz"
        _run([official, HERE / "dump.py", models / "2stems" / "model", arrays])
        _run([sherpa, HERE / "sherpa_model.py", arrays, folder])
        arrays.unlink()

    return Prepared(official, sherpa, models, _once(cache / "sherpa models" / weighed, converted))


def _once(place: Path, make: Callable[[Path], None]) -> Path:
    """Let ``make`` fill a folder that becomes ``place`` when it is whole."""
    if place.exists():
        return place
    print(f"making {place} (once)", flush=True)
    unfinished = place.with_name(f".{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make(unfinished)
    return unfinished.rename(place)


def _official(folder: Path) -> None:
    _environment(folder, OFFICIAL_PYTHON, ["--no-deps", "--require-hashes", "-r", LOCK])


def _sherpa(folder: Path) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    _environment(folder, str(base), SHERPA)


def _environment(folder: Path, python: str, packages: Sequence[str | Path]) -> None:
    uv = find_uv(Home.find(folder / "unused"))
    _run([uv, "venv", "-q", "--relocatable", "-p", python, "--clear", folder])
    _run([uv, "pip", "install", "-q", "-p", _python(folder), *packages])


def _checkpoint(folder: Path, weights: Path | None, python: Path) -> None:
    """The weights, and the mark that keeps the official package from fetching others."""
    if weights is None:
        _run([python, WRITER, "write", "2stems", folder])
    else:
        for path in weights.iterdir():
            if path.name.startswith("model."):
                shutil.copy2(path, folder)
        # An absolute path in it would send the official package to where the weights were made.
        (folder / "checkpoint").write_text('model_checkpoint_path: "model"\n', "utf-8")
    (folder / ".probe").write_text("OK", "utf-8")


def _name(weights: Path) -> str:
    """What tells these weights from others: their index holds a checksum of every tensor."""
    return hashlib.sha256((weights / "model.index").read_bytes()).hexdigest()[:12]


def _python(environment: Path) -> Path:
    """The interpreter of an environment, given as its folder or as the folder above ``env``."""
    inside = env_python(environment)
    if inside.exists():
        return inside
    scripts = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return environment / scripts


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
