"""What an environment is made of, so that it can be checked later file by file."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dubwright.packs.installing.pace import Paced

_RECORD = "RECORD"
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Line:
    """One file as a distribution's RECORD lists it (the installed projects' format, PEP 376 and 627)."""

    path: str
    """Under the environment, with slashes."""
    distribution: str
    sha256: str
    """Hex; "" where RECORD has none (for itself, and for byte code)."""
    size_bytes: int | None


def _unheard() -> None:
    """Nobody wants to stop it."""


def inventory(env: Path, tick: Callable[[], None] = _unheard) -> dict[str, str]:
    """Return the sha256 of each distribution's RECORD and of each file that no RECORD lists.

    Keys are paths under ``env`` with slashes. With the hashes inside the RECORDs every file of the
    environment is covered, but for byte code and links. Empty when there is no environment.
    """
    records = list(record_files(env))
    listed = {line.path for record in records for line in read_lines(env, record)}
    paced = Paced(tick)
    own = {record.relative_to(env).as_posix() for record in records}
    found = {}
    for path in plain_files(env):
        name = path.relative_to(env).as_posix()
        if name in own or name not in listed:
            found[name] = sha256_of(path, paced)
    return dict(sorted(found.items()))


def site_folders(env: Path) -> list[Path]:
    """Where the distributions lie: one folder, by the rules of Windows or of the others."""
    folders = [env / "Lib" / "site-packages", *sorted(env.glob("lib/python*/site-packages"))]
    return list({folder.resolve(): folder for folder in folders if folder.is_dir()}.values())


def record_files(env: Path) -> Iterator[Path]:
    """The RECORD of every distribution, sorted."""
    for folder in site_folders(env):
        yield from sorted(folder.glob(f"*.dist-info/{_RECORD}"))


def read_lines(env: Path, record: Path) -> Iterator[Line]:
    """The files that one RECORD lists inside ``env``; lines that make no sense are left out."""
    site = record.parent.parent
    distribution = record.parent.name.removesuffix(".dist-info").partition("-")[0]
    distribution = distribution.replace("_", "-").lower()
    try:
        text = record.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for row in csv.reader(text.splitlines()):
        if len(row) < 3 or not row[0]:
            continue
        # Without resolve: what is meant is the name, whatever has become of the file.
        place = Path(os.path.normpath(site / row[0]))
        if place.is_relative_to(env):
            size = int(row[2]) if row[2].isdigit() else None
            name = place.relative_to(env).as_posix()
            yield Line(name, distribution, _hex(row[1]), size)


def plain_files(env: Path) -> Iterator[Path]:
    """Every file but links and byte code."""
    for root, folders, names in os.walk(env):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if not is_byte_code(path.as_posix()) and path.is_file() and not path.is_symlink():
                yield path


def is_byte_code(name: str) -> bool:
    """What Python writes by itself, and checks by itself against the source."""
    path = PurePosixPath(name)
    return path.suffix == ".pyc" and path.parent.name == "__pycache__"


def sha256_of(path: Path, tick: Callable[[], None]) -> str:
    """The hash of one file, with a tick every MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        tick()
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            tick()
    return digest.hexdigest()


def _hex(entry: str) -> str:
    kind, _, text = entry.partition("=")
    if kind != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
    except (binascii.Error, ValueError):
        return ""
