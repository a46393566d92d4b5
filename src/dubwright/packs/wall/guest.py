"""The folder that a guest starts from: the kit and one pack, named by their content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import dubwright_kit
from dubwright.home import Home
from dubwright.packs.wall.spec import GuestSpec

_MAIN = "guest_main.py"
_SKIPPED = ("__pycache__", "*.pyc", "lock*.txt", "sizes.json")
"""Names that only the installer reads, or that an interpreter left there."""


class GuestFolders:
    """Builds ``<home>/cache/guests/<hash>/``. Thread safe; several processes may build at once.

    A guest of an own environment never imports from the program's folders (it must not see them), and
    an update of the program does not change a pack's code under its running guest.
    """

    def __init__(self, home: Home) -> None:
        self._root = home.guests
        self._lock = threading.Lock()
        self._known: dict[tuple[tuple[str, int, int], ...], Path] = {}

    def folder(self, spec: GuestSpec) -> Path:
        """Return the folder for ``spec``, made when it is not there yet."""
        files = dict(_files(spec.folder))
        signature = tuple(
            (str(path), stat.st_size, stat.st_mtime_ns)
            for path, stat in ((path, path.stat()) for path in files.values())
        )
        with self._lock:
            known = self._known.get(signature)
            if known is None or not (known / "__main__.py").is_file():
                known = self._known[signature] = self._build(files)
            return known

    def _build(self, files: dict[str, Path]) -> Path:
        contents = {name: path.read_bytes() for name, path in files.items()}
        digest = hashlib.sha256()
        for name in sorted(contents):
            for part in (name.encode(), contents[name]):
                digest.update(len(part).to_bytes(8, "big") + part)
        folder = self._root / digest.hexdigest()[:24]
        if (folder / "__main__.py").is_file():
            return folder
        self._root.mkdir(parents=True, exist_ok=True)
        half_made = Path(tempfile.mkdtemp(prefix=".new-", dir=self._root))
        try:
            for name, content in contents.items():
                target = half_made / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            # Also in a pack that came without: it would be looked for among the shipped ones.
            packs = half_made / "dubwright_packs"
            for package in (packs, *(one for one in packs.iterdir() if one.is_dir())):
                (package / "__init__.py").touch()
            try:
                half_made.replace(folder)
            except OSError:
                if not (folder / "__main__.py").is_file():
                    raise  # else somebody made the same one first
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
        return folder


def _files(pack: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name in the guest folder, source) of every file, in a stable order."""
    kit = Path(dubwright_kit.__file__).parent
    for path in sorted(kit.glob("*.py")):
        name = "__main__.py" if path.name == _MAIN else f"dubwright_kit/{path.name}"
        yield name, path
    for path in sorted(pack.rglob("*")):
        inside = path.relative_to(pack)
        skipped = any(fnmatchcase(part, skip) for part in inside.parts for skip in _SKIPPED)
        if not skipped and path.is_file():
            yield f"dubwright_packs/{pack.name}/{inside.as_posix()}", path
