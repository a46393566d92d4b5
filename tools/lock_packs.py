"""Write every pack's hash locks and their sizes.json: ``python tools/lock_packs.py [--check] [PACK...]``.

Resolution and addresses come from uv and whatever index it is configured with; what is written names
no host. Only wheels are locked. Sizes: the length of each file and, from the zip directory at its end
(read with HTTP ranges), the sum of what it unpacks to.
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
import urllib.request
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from dubwright.packs.manifest import Download, LockFile, Manifest, load_manifests  # noqa: E402
from dubwright.packs.wheels import SIZES_NAME, Target  # noqa: E402

PLATFORMS = (
    Target((3, 11), "linux", "x86_64", "glibc", (2, 28)),
    Target((3, 11), "linux", "aarch64", "glibc", (2, 28)),
    Target((3, 11), "linux", "x86_64", "musl", (1, 2)),
    Target((3, 11), "darwin", "arm64", "", (14, 0)),
    Target((3, 11), "darwin", "x86_64", "", (13, 0)),
    Target((3, 11), "win32", "x86_64"),
    Target((3, 11), "win32", "arm64"),
)
TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class RemoteWheel:
    project: str
    version: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]


class RangeFile(RawIOBase):
    """A remote file that zipfile can seek in; reads at least ``TAIL_BYTES`` at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._at = 0
        self._start, self._held = 0, b""
        with self._open("bytes=0-0") as answer:
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if not total.isdigit():
            raise SystemExit(f"{url} does not answer ranges; its size is unknown")
        self.size = int(total)

    def _open(self, span: str) -> Any:
        return urllib.request.urlopen(urllib.request.Request(self._url, headers={"Range": span}))

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self.size if size < 0 else min(self.size, self._at + size)
        if not self._start <= self._at <= end <= self._start + len(self._held):
            self._start = min(self._at, max(0, self.size - TAIL_BYTES))
            last = max(end, min(self.size, self._start + TAIL_BYTES)) - 1
            with self._open(f"bytes={self._start}-{last}") as answer:
                self._held = answer.read()
        data = self._held[self._at - self._start : end - self._start]
        self._at = end
        return data


def resolve(uv: str, requirements: Iterable[str], python: Iterable[str]) -> list[RemoteWheel]:
    """Return every wheel of exactly ``requirements`` that one of the platforms could take."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "pylock.toml"
        subprocess.run(
            [
                *(uv, "pip", "compile", "-q", "--no-deps", "--universal", "--no-header"),
                *("--python-version", min(python, key=_minor), "--no-python-downloads"),
                *("--format", "pylock.toml", "-o", str(out), "-"),
            ],
            input="\n".join(requirements),
            text=True,
            check=True,
            cwd=scratch,
        )
        packages = tomllib.loads(out.read_text("utf-8"))["packages"]
    targets = [platform.with_python(version) for platform in PLATFORMS for version in python]
    wheels = [
        RemoteWheel(package["name"], package["version"], wheel["url"], wheel["hashes"]["sha256"])
        for package in packages
        for wheel in package["wheels"]
    ]
    return [one for one in wheels if any(target.rank(one.name) is not None for target in targets)]


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def lock_text(entry: LockFile | Download, wheels: Iterable[RemoteWheel]) -> str:
    """The lock: one project a paragraph, its wheels' hashes sorted. Deterministic."""
    hashes: dict[str, set[str]] = {}
    for wheel in wheels:
        hashes.setdefault(f"{wheel.project}=={wheel.version}", set()).add(wheel.sha256)
    lines = ["# Written by tools/lock_packs.py from: " + " ".join(entry.requirements)]
    for pin in sorted(hashes):
        lines += [f"{pin} \\"]
        lines += [f"    --hash=sha256:{one} \\" for one in sorted(hashes[pin])]
        lines[-1] = lines[-1].removesuffix(" \\")
    return "\n".join(lines) + "\n"


def measure(wheel: RemoteWheel) -> tuple[str, dict[str, int | str]]:
    """Return the wheel's name and its sizes.json entry."""
    remote = RangeFile(wheel.url)
    with zipfile.ZipFile(remote) as archive:
        members = archive.infolist()
    entry: dict[str, int | str] = {
        "size_bytes": remote.size,
        "unpacked_bytes": sum(one.file_size for one in members),
        "python_bytes": sum(one.file_size for one in members if one.filename.endswith(".py")),
        "sha256": wheel.sha256,
    }
    return wheel.name, entry


def texts(uv: str, manifest: Manifest) -> dict[str, str]:
    """Return file name to text of what belongs beside the pack's pack.toml."""
    files: dict[str, str] = {}
    wheels: dict[str, RemoteWheel] = {}
    entries: tuple[LockFile | Download, ...] = (*manifest.locks, *manifest.downloads)
    for entry in entries:
        python = entry.python if isinstance(entry, LockFile) else ("3.11",)
        found = resolve(uv, entry.requirements, python)
        files[entry.file] = lock_text(entry, found)
        wheels.update({wheel.sha256: wheel for wheel in found})
    with ThreadPoolExecutor(8) as pool:
        sizes = dict(sorted(pool.map(measure, wheels.values())))
    files[SIZES_NAME] = json.dumps({"sizes": 1, "files": sizes}, indent=1) + "\n"
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packs", nargs="*", help="pack ids; all when none is named")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    asked = parser.parse_args()
    uv = os.environ.get("DUBWRIGHT_UV") or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is not on PATH; name it in DUBWRIGHT_UV")
    different = False
    for manifest in load_manifests().values():
        if not manifest.installable or (asked.packs and manifest.id not in asked.packs):
            continue
        for name, text in texts(uv, manifest).items():
            path = manifest.folder / name
            same = path.exists() and path.read_text("utf-8") == text
            different |= not same
            print(f"{manifest.id}/{name}: {'as it is' if same else 'new'}")
            if not same and not asked.check:
                path.write_text(text, "utf-8", newline="\n")
    return int(asked.check and different)


if __name__ == "__main__":
    sys.exit(main())
