"""Write every pack's hash locks and their sizes.json: ``python tools/lock_packs.py [--check] [PACK...]``.

Resolution and addresses come from uv and whatever index it is configured with; what is written names
no host. Only wheels are locked. Sizes: the length of each file and, from the zip directory at its end
(read with HTTP ranges), the sum of what it unpacks to. ``--check`` writes nothing: it asks whether
every shipped lock still resolves, for every platform and Python that it has files for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from dubwright.packs.fetch.opening import connections_of  # noqa: E402
from dubwright.packs.fetch.remote_zip import Unmeasured, measure_all  # noqa: E402
from dubwright.packs.manifest import Download, LockFile, Manifest, load_manifests  # noqa: E402
from dubwright.packs.wheels import SIZES_NAME, Target, read_lock  # noqa: E402
from dubwright_kit import NextAction  # noqa: E402

PLATFORMS = (
    Target((3, 11), "linux", "x86_64", "glibc", (2, 28)),
    Target((3, 11), "linux", "aarch64", "glibc", (2, 28)),
    Target((3, 11), "linux", "x86_64", "musl", (1, 2)),
    Target((3, 11), "darwin", "arm64", "", (14, 0)),
    Target((3, 11), "darwin", "x86_64", "", (13, 0)),
    Target((3, 11), "win32", "x86_64"),
    Target((3, 11), "win32", "arm64"),
)
NAMES = {
    ("linux", "x86_64", "glibc"): "x86_64-manylinux_2_28",
    ("linux", "aarch64", "glibc"): "aarch64-manylinux_2_28",
    ("linux", "x86_64", "musl"): "x86_64-unknown-linux-musl",
    ("darwin", "arm64", ""): "aarch64-apple-darwin",
    ("darwin", "x86_64", ""): "x86_64-apple-darwin",
    ("win32", "x86_64", ""): "x86_64-pc-windows-msvc",
    ("win32", "arm64", ""): "aarch64-pc-windows-msvc",
}
"""What uv calls a platform."""
FULL = (
    ("linux", "x86_64", "glibc"),
    ("linux", "aarch64", "glibc"),
    ("darwin", "arm64", ""),
    ("darwin", "x86_64", ""),
    ("win32", "x86_64", ""),
)
"""Every lock with dependencies must have files for these."""


@dataclass(frozen=True)
class RemoteWheel:
    url: str
    sha256: str

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]


@dataclass(frozen=True)
class RemotePin:
    """One line to be: ``marker`` is empty where it holds everywhere."""

    requirement: str
    marker: str
    wheels: tuple[RemoteWheel, ...]


def kind(target: Target) -> tuple[str, str, str]:
    return target.system, target.machine, target.libc


def targets_of(entry: LockFile | Download) -> list[Target]:
    """Every platform and Python that the lock may be used on."""
    pythons = entry.python if isinstance(entry, LockFile) else ("3.11",)
    platforms = [one for one in PLATFORMS if kind(one) in FULL or not _whole(entry)]
    return [one.with_python(version) for one in platforms for version in pythons]


def _whole(entry: LockFile | Download) -> bool:
    return isinstance(entry, LockFile) and entry.dependencies


def resolve(uv: str, entry: LockFile | Download) -> list[RemotePin]:
    """Return what ``entry`` becomes: its wheels that one of its targets could take."""
    targets = targets_of(entry)
    with tempfile.TemporaryDirectory() as scratch:
        out, overrides = Path(scratch) / "pylock.toml", Path(scratch) / "overrides.txt"
        options = [] if _whole(entry) else ["--no-deps"]
        if isinstance(entry, LockFile) and entry.overrides:
            overrides.write_text("\n".join(entry.overrides), "utf-8")
            options += ["--override", str(overrides)]
        lowest = min((one.python for one in targets), default=(3, 11))
        subprocess.run(
            [
                *(uv, "pip", "compile", "-q", "--universal", "--no-header", *options),
                *("--only-binary", ":all:", "--no-python-downloads"),
                *("--python-version", f"{lowest[0]}.{lowest[1]}"),
                *("--format", "pylock.toml", "-o", str(out), "-"),
            ],
            input="\n".join(entry.requirements),
            text=True,
            check=True,
            cwd=scratch,
        )
        packages = tomllib.loads(out.read_text("utf-8"))["packages"]
    pins = [_pin(package, targets) for package in packages]
    return [one for one in pins if one.wheels]


def _pin(package: dict[str, Any], targets: Sequence[Target]) -> RemotePin:
    """The package with the wheels of the targets on which its marker holds."""
    marker = package.get("marker", "")
    holding = [one for one in targets if not marker or one.meets(marker)]
    wheels = tuple(
        RemoteWheel(wheel["url"], wheel["hashes"]["sha256"]) for wheel in package.get("wheels", ())
    )
    return RemotePin(
        f"{package['name']}=={package['version']}",
        _simple(marker, holding, targets),
        tuple(
            one for one in wheels if any(target.rank(one.name) is not None for target in holding)
        ),
    )


def _simple(marker: str, holding: Sequence[Target], targets: Sequence[Target]) -> str:
    """The marker as short as it may be for ``targets``: uv repeats every platform that it knows."""
    if len(holding) == len(targets):
        return ""
    pythons = sorted({one.python for one in holding})
    if len(holding) == sum(one.python in pythons for one in targets):
        return " or ".join(f"python_version == '{major}.{minor}'" for major, minor in pythons)
    return marker


def lock_text(entry: LockFile | Download, pins: Iterable[RemotePin]) -> str:
    """The lock: one pin a paragraph, its wheels' hashes sorted. Deterministic."""
    lines = ["# Written by tools/lock_packs.py from: " + " ".join(entry.requirements)]
    if _whole(entry):
        lines[0] = "# Written by tools/lock_packs.py from pack.toml, with dependencies."
    for pin in sorted(pins, key=lambda pin: (pin.requirement, pin.marker)):
        lines += [pin.requirement + (f" ; {pin.marker}" if pin.marker else "") + " \\"]
        lines += [f"    --hash=sha256:{one} \\" for one in sorted({w.sha256 for w in pin.wheels})]
        lines[-1] = lines[-1].removesuffix(" \\")
    return "\n".join(lines) + "\n"


def again(label: str) -> NextAction:
    return NextAction(label, "packs", {})


def measured(uv: str, wheels: Sequence[RemoteWheel]) -> dict[str, dict[str, int | str]]:
    """Return each wheel's name and its sizes.json entry, sorted."""
    connections = connections_of(Path(uv), again)
    answers = measure_all(connections, [wheel.url for wheel in wheels], again)
    entries: dict[str, dict[str, int | str]] = {}
    for wheel, sizes in zip(wheels, answers, strict=True):
        if isinstance(sizes, Unmeasured):
            raise SystemExit(f"the size of {wheel.name} is unknown: {sizes.reason}")
        entries[wheel.name] = {**asdict(sizes), "sha256": wheel.sha256}
    return dict(sorted(entries.items()))


def entries(manifest: Manifest) -> tuple[LockFile | Download, ...]:
    return (*manifest.locks, *manifest.downloads)


def texts(uv: str, manifest: Manifest) -> dict[str, str]:
    """Return file name to text of what belongs beside the pack's pack.toml."""
    files: dict[str, str] = {}
    wheels: dict[str, RemoteWheel] = {}
    for entry in entries(manifest):
        pins = resolve(uv, entry)
        files[entry.file] = lock_text(entry, pins)
        wheels.update({wheel.sha256: wheel for pin in pins for wheel in pin.wheels})
    sizes = measured(uv, list(wheels.values()))
    files[SIZES_NAME] = json.dumps({"sizes": 1, "files": sizes}, indent=1) + "\n"
    return files


def write(uv: str, manifest: Manifest) -> None:
    for name, text in texts(uv, manifest).items():
        path = manifest.folder / name
        same = path.exists() and path.read_text("utf-8") == text
        print(f"{manifest.id}/{name}: {'as it is' if same else 'new'}", flush=True)
        if not same:
            path.write_text(text, "utf-8", newline="\n")


def check(uv: str, manifest: Manifest) -> list[str]:
    """Return what does not resolve, as "pack/lock on platform, Python: why"."""
    bad = []
    for entry in entries(manifest):
        lock = read_lock(manifest.folder / entry.file)
        for target in targets_of(entry):
            version = f"{target.python[0]}.{target.python[1]}"
            where = f"{manifest.id}/{entry.file} on {NAMES[kind(target)]}, Python {version}"
            if lock.choose(target) is None:
                if _whole(entry):
                    bad.append(f"{where}: a file is missing in the lock")
                continue
            why = refused(uv, lock.path, NAMES[kind(target)], version)
            if why:
                bad.append(f"{where}: {why}")
    return bad


def refused(uv: str, lock: Path, platform: str, version: str) -> str:
    """Return why uv would not install the lock there, "" when it would."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [
                *(uv, "pip", "install", "--dry-run", "--no-deps", "--only-binary", ":all:"),
                *("--require-hashes", "--no-python-downloads", "--python", sys.executable),
                *("--target", str(Path(scratch) / "site")),
                *("--python-platform", platform, "--python-version", version, "-r", str(lock)),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=scratch,
        )
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[-500:]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packs", nargs="*", help="pack ids; all when none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on what is gone")
    asked = parser.parse_args()
    uv = os.environ.get("DUBWRIGHT_UV") or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is not on PATH; name it in DUBWRIGHT_UV")
    bad: list[str] = []
    for manifest in load_manifests().values():
        if not manifest.lock_files or (asked.packs and manifest.id not in asked.packs):
            continue
        if asked.check:
            bad += check(uv, manifest)
        else:
            write(uv, manifest)
    print(*bad, sep="\n")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
