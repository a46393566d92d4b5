"""What an environment is made of, so that it can be checked later file by file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import csv
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """Return the sha256 of each distribution's RECORD and of each file beside the packages that no
    RECORD lists (what makes the folder an environment).

    Keys are paths under ``env`` with slashes. With the hashes inside the RECORDs every file of the
    environment is covered, but for byte code and links. Empty when there is no environment.
    """
    records = list(record_files(env))
    own = {record.relative_to(env).as_posix() for record in records}
    listed = {name for record in records for name, *_ in _rows(env, record, _outside_packages)}
    paced = Paced(tick)
    found = {name: sha256_of(env / name, paced) for name in own}
    sites = tuple(folder.relative_to(env).as_posix() + "/" for folder in site_folders(env))

    def of_package(folder: str) -> bool:
        return folder.startswith(sites) and folder not in sites and not _tells(folder)

    for name in plain_names(env, of_package) if env.is_dir() else ():
        if name not in own and name not in listed:
            found[name] = sha256_of(env / name, paced)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Sizes:
    """What an environment takes, as its RECORDs say: no file is looked at that they list."""

    size_bytes: int
    folders: frozenset[str]
    """Under the environment; byte code may come to lie in them."""


def listed_sizes(env: Path, inventory: Mapping[str, str]) -> Sizes:
    """Add up the RECORDs and what ``inventory`` has beside them. Byte code is not in it."""
    sizes: dict[str, int] = {}
    for record in record_files(env):
        for name, _, size in _rows(env, record):
            if not is_byte_code(name):
                sizes[name] = int(size) if size.isdigit() else _size(env / name)
    for name in inventory:
        sizes[name] = _size(env / name)
    return Sizes(sum(sizes.values()), frozenset(posixpath.dirname(name) for name in sizes))


def byte_code_bytes(env: Path, folders: Iterable[str]) -> int:
    """What Python has written beside the files of ``folders``."""
    total = 0
    for folder in folders:
        place = os.path.join(env, folder, "__pycache__")  # noqa: PTH118  # thousands of them
        if not os.access(place, os.F_OK):  # most have none, and an error takes longer than this
            continue
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            total += sum(entry.stat().st_size for entry in entries)
    return total


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _outside_packages(row: str) -> bool:
    """True for a line of RECORD about a file that lies in no package's folder."""
    return (
        "/" not in row.rpartition(",sha256=")[0] or row.lstrip('"').startswith("..") or _tells(row)
    )


def _tells(name: str) -> bool:
    """True for what is about a distribution, not of it."""
    return ".dist-info/" in name


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
    distribution = record.parent.name.removesuffix(".dist-info").partition("-")[0]
    distribution = distribution.replace("_", "-").lower()
    for name, digest, size in _rows(env, record):
        yield Line(name, distribution, _hex(digest), int(size) if size.isdigit() else None)


def _every(row: str) -> bool:
    return True


def _rows(
    env: Path, record: Path, wanted: Callable[[str], bool] = _every
) -> Iterator[tuple[str, str, str]]:
    """Path under ``env`` with slashes, hash and size as RECORD has them, of the lines ``wanted``.

    Texts, not paths: large environments have tens of thousands of lines."""
    site = record.parent.parent.relative_to(env).as_posix()
    try:
        text = record.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for row in csv.reader(filter(wanted, text.splitlines())):
        if len(row) < 3 or not row[0]:
            continue
        # Without resolving: what is meant is the name, whatever has become of the file.
        name = posixpath.normpath(posixpath.join(site, row[0].replace(os.sep, "/")))
        if not name.startswith(("../", "/")) and name != ".." and ":" not in name[1:2]:
            yield name, row[1], row[2]


def plain_files(folder: Path) -> Iterator[Path]:
    """Every file under ``folder`` but links and byte code, sorted."""
    if folder.is_dir():
        yield from (folder / name for name in sorted(plain_names(folder)))


def _nothing(folder: str) -> bool:
    return False


def plain_names(env: Path, skipped: Callable[[str], bool] = _nothing) -> Iterator[str]:
    """Path under ``env``, with slashes, of every file but links and byte code; folders that are
    ``skipped`` (given with a slash behind) are not looked into."""
    folders = [("", str(env))]
    while folders:
        prefix, folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not skipped(name + "/"):
                        folders.append((name + "/", entry.path))
                elif entry.is_file(follow_symlinks=False) and not is_byte_code(name):
                    yield name


def is_byte_code(name: str) -> bool:
    """What Python writes by itself, and checks by itself against the source."""
    return name.endswith(".pyc") and "__pycache__" in name.split("/")[-2:-1]


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
