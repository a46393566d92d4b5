"""Which of some files are a TensorFlow checkpoint, whatever their maker called it.

A checkpoint is ``PREFIX.index`` and its shards ``PREFIX.data-00000-of-00001``. Trainers put a step into
the prefix ("model.ckpt-1000") and keep several beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SHARD = re.compile(r"(.+)\.data-(\d{5})-of-(\d{5})")
_INDEX = ".index"
_STEP = re.compile(r"\d{1,18}$")
_MOST_SHARDS = 1_000


@dataclass(frozen=True)
class CheckpointFiles:
    """One checkpoint: ``files`` are the endings that belong to ``prefix`` (a path with slashes),
    ``missing`` those of them that are not there."""

    prefix: str
    files: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where it lies, without a slash at the end."""
        return self.prefix.rpartition("/")[0]

    @property
    def step(self) -> int:
        """The number at the end of the prefix, -1 without one."""
        found = _STEP.search(self.prefix)
        return int(found[0]) if found else -1

    def renamed(self, prefix: str) -> Mapping[str, str]:
        """File names under another prefix (of one part) to the paths of these files."""
        return {prefix + ending: self.prefix + ending for ending in self.files}


def find_checkpoint(paths: Iterable[str], folder: str = "") -> CheckpointFiles | None:
    """Return the likeliest checkpoint among ``paths``; None when there is no trace of one.

    Whole ones come before others, then those in a folder called ``folder``, those nearest to the top,
    the latest step. One with ``missing`` files is returned when no whole one is there.
    """
    found = _all(paths)
    wanted = folder.rpartition("/")[2]

    def rank(one: CheckpointFiles) -> tuple[bool, bool, int, int, str]:
        elsewhere = one.folder.rpartition("/")[2] != wanted
        return bool(one.missing), elsewhere, one.prefix.count("/"), -one.step, one.prefix

    return min(found, key=rank, default=None)


def _all(paths: Iterable[str]) -> list[CheckpointFiles]:
    here = {path for path in paths if not _litter(path)}
    counts: dict[str, set[int]] = {}
    for path in here:
        if path.endswith(_INDEX) and path.rpartition("/")[2] != _INDEX:
            counts.setdefault(path.removesuffix(_INDEX), set())
        elif (shard := _SHARD.fullmatch(path)) and 0 < int(shard[3]) <= _MOST_SHARDS:
            counts.setdefault(shard[1], set()).add(int(shard[3]))
    found = []
    for prefix, numbers in counts.items():
        for count in numbers or {1}:
            endings = (_INDEX, *(f".data-{n:05}-of-{count:05}" for n in range(count)))
            missing = tuple(one for one in endings if prefix + one not in here)
            found.append(CheckpointFiles(prefix, endings, missing))
    return found


def _litter(path: str) -> bool:
    """What macOS puts beside every file of an archive under the same name, and hidden files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
