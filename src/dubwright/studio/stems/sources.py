"""Which files a person means, and a folder under OUT for the stems of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from dubwright.studio.intake import MEDIA_SUFFIXES
from dubwright.studio.stems.model import Skipped
from dubwright.studio.stems.record import RECORD, read_record
from dubwright_kit import NextAction, Problem

HERE = PurePath()

SUFFIXES = MEDIA_SUFFIXES | frozenset(
    [
        ".aifc",
        ".amr",
        ".ape",
        ".asf",
        ".au",
        ".caf",
        ".dts",
        ".eac3",
        ".f4v",
        ".m4b",
        ".mp2",
        ".tta",
        ".w64",
        ".wv",
    ]
)
"""What a folder is searched for: also sounds that are no films' business."""


@dataclass(frozen=True)
class Source:
    """A file, absolute as typed. ``inside`` is its place within the folder that was given; ``named``:
    a person named this file, so that it must not be left out."""

    path: Path
    inside: PurePath = HERE
    named: bool = True


@dataclass(frozen=True)
class Sources:
    """What was found. ``batch`` is False when one file was named and nothing else."""

    files: tuple[Source, ...]
    skipped: tuple[Skipped, ...]
    batch: bool


def find(paths: Sequence[Path | str], out: Path) -> Sources:
    """Return the files that ``paths`` mean: named ones, and those in folders whose names are of media.

    Hidden files, what lies in ``out`` and folders of stems are passed over; the same file given twice
    is one. Patterns are resolved where no shell did that. Raises Problem ``nothing-to-separate``,
    ``folder-unreadable``.
    """
    found: dict[str, Source] = {}
    skipped: list[Skipped] = []
    folders = 0
    for given in paths:
        path = Path(os.path.abspath(Path(given).expanduser()))  # noqa: PTH100  # resolve() would follow links
        if path.is_dir():
            folders += 1
            inside = list(_search(path, out, skipped))
        elif not path.exists() and any(mark in path.name for mark in "*?["):
            inside = _matches(path, out)
        else:
            inside = [Source(path)]
        for source in inside:
            known = found.setdefault(os.path.realpath(source.path), source)
            if source.named and not known.named:
                found[os.path.realpath(source.path)] = replace(known, named=True)
    if not found:
        names = ", ".join(str(given) for given in paths) or "Nothing that was given"
        left = f" ({len(skipped)} other files are there)" if skipped else ""
        raise _nothing(f"{names} holds no film or sound{left}.", out)
    return Sources(tuple(found.values()), tuple(skipped), bool(folders) or len(found) > 1)


def _matches(pattern: Path, out: Path) -> list[Source]:
    matches = sorted(one for one in pattern.parent.glob(pattern.name) if one.is_file())
    if not matches:
        raise _nothing(f"{pattern} matches no file.", out)
    return [Source(one) for one in matches]


def _search(root: Path, out: Path, skipped: list[Skipped]) -> Iterator[Source]:
    """The files of a folder and those below, in order; links to folders are not followed."""

    def unreadable(error: OSError) -> None:
        if Path(str(error.filename)) == root:
            raise Problem(
                "folder-unreadable",
                f"The folder {root} cannot be read: {error.strerror or error}.",
                NextAction("name another folder", "separate", {"_": ["FOLDER"], "out": str(out)}),
                str(error),
            )
        skipped.append(Skipped(Path(str(error.filename)), "a folder that cannot be read"))

    real_out = os.path.realpath(out)
    for folder, below, names in os.walk(root, onerror=unreadable):
        here = Path(folder)
        below[:] = sorted(name for name in below if _is_searched(here / name, real_out))
        for name in sorted(names):
            path = here / name
            if name.startswith("."):
                continue
            if path.suffix.lower() in SUFFIXES:
                yield Source(path, PurePath(here.relative_to(root)), named=False)
            else:
                skipped.append(Skipped(path, "not named as film or sound"))


def _is_searched(folder: Path, real_out: str) -> bool:
    if folder.name.startswith(".") or (folder / RECORD).exists():
        return False
    return os.path.realpath(folder) != real_out


def _nothing(message: str, out: Path) -> Problem:
    return Problem(
        "nothing-to-separate",
        message,
        NextAction("name a film or sound file", "separate", {"_": ["FILE"], "out": str(out)}),
    )


def folders(sources: Sequence[Source], out: Path, names: Sequence[str]) -> Mapping[Path, Path]:
    """Give each source a folder of its own under ``out``: called as the file without its ending, with
    it when files of one name share a folder, and numbered where that is taken too.

    A source that has stems there keeps their folder. None takes a folder with the stems of another
    file that still exists, nor a name that a file has, nor one with files called ``names`` (those to be written) that have no record:
    a batch that grew, or a second one, does not do work again, and writes over nobody's files.
    """
    chosen: dict[Path, Path] = {}
    taken: set[str] = set()
    shared: dict[str, int] = {}
    for source in sources:
        first = _key(out / source.inside / _tidy(source.path.stem))
        shared[first] = shared.get(first, 0) + 1

    def take(source: Source, folder: Path) -> None:
        chosen[source.path] = folder
        taken.add(_key(folder))

    for source in sources:
        for folder in _candidates(source, out, 3):
            record = read_record(folder)
            if record is not None and record.source == str(source.path):
                take(source, folder)
                break
    for source in sources:
        if source.path in chosen:
            continue
        alone = shared[_key(out / source.inside / _tidy(source.path.stem))] == 1
        for folder in _candidates(source, out, len(sources) + 1000):
            plain = folder.name == _tidy(source.path.stem) and folder.name != source.path.name
            if (plain and not alone) or _key(folder) in taken:
                continue
            if _is_of_another(folder, source, names):
                continue
            take(source, folder)
            break
    return chosen


def _candidates(source: Source, out: Path, most: int) -> Iterator[Path]:
    parent = out / source.inside
    yield parent / _tidy(source.path.stem)
    yield parent / _tidy(source.path.name)
    for number in range(2, most):
        yield parent / f"{_tidy(source.path.name)} ({number})"


def _tidy(name: str) -> str:
    """A folder's name: Windows takes none that ends in a dot or a space."""
    return name.rstrip(" .") or name


def _key(folder: Path) -> str:
    """Folders that some file system takes for one have one key."""
    return str(folder).casefold()


def _is_of_another(folder: Path, source: Source, names: Sequence[str]) -> bool:
    if os.path.lexists(folder) and not folder.is_dir():
        return True  # a file of that name, such as the source itself where OUT is its folder
    record = read_record(folder)
    if record is None:
        return any((folder / name).exists() for name in names)
    return record.source != str(source.path) and Path(record.source).exists()
