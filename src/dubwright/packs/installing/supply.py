"""--from: the files of an install from a person's folder or zip. With a supply nothing connects."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from dubwright.packs.diagnosis.diagnose import again
from dubwright.packs.installing.archive import Tick
from dubwright.packs.installing.checkpoint_files import CheckpointFiles, find_checkpoint
from dubwright.packs.installing.supply_files import ARCHIVES, SupplyFile, files_at
from dubwright.packs.manifest import Weights
from dubwright_kit import NextAction, Problem


class Listed(Protocol):
    """A file that an install needs, as a plan lists it."""

    @property
    def name(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class OwnWeights:
    """What a supply has in place of ``weights``: an archive of the same name, or files by their
    names under ``<models>/<into>``. ``listed``: every one of them has the hash of its member, so
    they are the same weights, unpacked already."""

    weights: Weights
    archive: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    listed: bool = False


def _unheard() -> None:
    """Nobody wants to stop it."""


class Supply:
    """The files of a folder (and its folders), of a zip, or one file by itself."""

    def __init__(
        self,
        path: Path,
        files: Sequence[SupplyFile],
        archive: zipfile.ZipFile | None,
        scratch: Path,
        pack: str,
        weights: set[str],
    ) -> None:
        self.path = path
        self._archive = archive
        self._files = tuple(files)
        self._scratch = scratch
        self._pack = pack
        self._weights = weights
        self._hashes: dict[str, str] = {}

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        pack: str = "",
        weights: Iterable[Weights] = (),
        scratch: Path | None = None,
    ) -> Supply:
        """Look at what is there; no file is read yet.

        ``pack`` and ``weights`` are what it is for, so that Problems can say what to type.
        ``scratch`` is a folder to be made for what comes out of a zip, on the disk of the packs; it
        is gone after :meth:`close`.

        Raises Problem ``pack-supply-unusable`` (nothing there, no zip, no file in it, far too many)
        and ``pack-archive-unsafe``.
        """
        files, archive = files_at(path)
        if scratch is None:
            scratch = Path(tempfile.mkdtemp(prefix="dubwright-supply-"))
        names = {name for one in weights for name in _names(one)}
        return cls(path, files, archive, scratch, pack, names)

    def __enter__(self) -> Supply:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete what came out of a zip."""
        if self._archive is not None:
            self._archive.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def wheels(self) -> tuple[tuple[str, int], ...]:
        """Name and size of every wheel in it."""
        return tuple((one.name, one.size_bytes) for one in self._files if _is_wheel(one.name))

    def find(
        self, sha256: str, name: str, size_bytes: int | None = None, tick: Tick = _unheard
    ) -> Path | None:
        """Return the file with this hash; None when nothing in it has that name or size.

        Only files of that name or size are read. Raises Problem ``pack-supply-mismatch`` when
        there are files of that name and all of them are other ones, and what ``tick`` raises.
        """
        others = []
        for one in self._candidates(name, size_bytes):
            digest = self._sha256(one, tick)
            if digest == sha256:
                return self._bring(one, tick)
            if one.name == name:
                others.append((one, digest))
        if others:
            raise self._mismatch(*others[0], sha256, size_bytes)
        return None

    def own(self, weights: Weights, *, unlisted: bool, tick: Tick = _unheard) -> OwnWeights | None:
        """Return what can stand in for ``weights``; None when nothing can, or when the listed file
        itself is there.

        A folder with every member, each with its hash, always can. With ``unlisted``
        (--own-weights) also, in this order: a file of its name; a folder in which every member has
        its name (one called as ``into`` first, then the one nearest to the top); where no members
        are known, a folder called as ``into``. Of a checkpoint any name will do: its files, or the
        only archive that is there. Raises Problem ``pack-weights-wrong`` for half a checkpoint.
        """
        listed = self._candidates(weights.name, weights.size_bytes) if weights.sha256 else []
        if any(self._sha256(one, tick) == weights.sha256 for one in listed):
            return None
        folders = self._laid_out(weights)
        for files in folders if weights.members else ():
            if all(
                self._sha256(files[name], tick) == expected
                for name, expected in weights.members.items()
            ):
                return self._brought(weights, files, tick, listed=True)
        chosen = self._unlisted(weights) if unlisted else None
        if isinstance(chosen, SupplyFile):
            return OwnWeights(weights, self._bring(chosen, tick))
        return None if chosen is None else self._brought(weights, chosen, tick)

    def own_bytes(self, weights: Weights) -> int | None:
        """Size of what :meth:`own` would take in place of ``weights`` with ``unlisted``, as far as names
        and sizes tell: no file is read. None when nothing, or when the listed file seems to be there.
        Raises as :meth:`own`.
        """
        if any(one.size_bytes == weights.size_bytes for one in self._candidates(weights.name, 0)):
            return None
        chosen = self._unlisted(weights)
        if chosen is None:
            return None
        files = [chosen] if isinstance(chosen, SupplyFile) else chosen.values()
        return sum(one.size_bytes for one in files)

    # --- inside ----------------------------------------------------------------------------------

    def _unlisted(self, weights: Weights) -> SupplyFile | Mapping[str, SupplyFile] | None:
        """An archive, or files by their names under ``<models>/<into>``; see :meth:`own`."""
        named = [one for one in self._files if one.name in _names(weights)]
        if named and weights.unpack:
            return named[0]
        if named:
            return {weights.name: named[0]}
        if weights.checkpoint:
            return self._own_checkpoint(weights)
        folders = self._laid_out(weights)
        return folders[0] if folders else None

    def _own_checkpoint(self, weights: Weights) -> SupplyFile | Mapping[str, SupplyFile] | None:
        by_path = {one.path: one for one in self._files}
        chosen = find_checkpoint(by_path, weights.into)
        if chosen is not None and not chosen.missing:
            return {
                name: by_path[path] for name, path in chosen.renamed(weights.checkpoint).items()
            }
        archives = [one for one in self._files if one.name.lower().endswith(ARCHIVES)]
        if len(archives) == 1 and weights.unpack == "tar.gz":
            return archives[0]
        if chosen is not None:
            raise half_checkpoint(weights, chosen, self._pack, str(self.path))
        return None

    def _candidates(self, name: str, size_bytes: int | None) -> list[SupplyFile]:
        fitting = [
            one
            for one in self._files
            if one.name == name or (size_bytes and one.size_bytes == size_bytes)
        ]
        return sorted(fitting, key=lambda one: (one.size_bytes != size_bytes, one.name != name))

    def _sha256(self, one: SupplyFile, tick: Tick) -> str:
        if one.path not in self._hashes:
            self._hashes[one.path] = one.sha256(tick)
        return self._hashes[one.path]

    def _bring(self, one: SupplyFile, tick: Tick) -> Path:
        if one.here is not None:
            return one.here
        # A folder a file: two files of a zip may have one name.
        number = self._files.index(one)
        target = self._scratch / str(number) / one.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            one.write(target, tick)
        return target

    def _brought(
        self, weights: Weights, files: Mapping[str, SupplyFile], tick: Tick, listed: bool = False
    ) -> OwnWeights:
        paths = {name: self._bring(one, tick) for name, one in files.items()}
        return OwnWeights(weights, None, paths, listed)

    def _laid_out(self, weights: Weights) -> list[dict[str, SupplyFile]]:
        """Folders that look like what the archive would become, the likeliest first."""
        by_path = {one.path: one for one in self._files}
        into = weights.into.rpartition("/")[2]
        folders = set()
        if weights.members:
            first = next(iter(weights.members))
            for path in by_path:
                folder = path.removesuffix(first)
                if path in (folder + first, first) and (not folder or folder.endswith("/")):
                    folders.add(folder)
        elif into and weights.unpack:
            parents = {parent for path in by_path for parent in PurePosixPath(path).parents}
            folders = {f"{one}/" for one in parents if one.name == into}
        found = []
        for folder in sorted(
            folders, key=lambda one: (PurePosixPath(one).name != into, one.count("/"), one)
        ):
            inside = {
                path.removeprefix(folder): one
                for path, one in by_path.items()
                if path.startswith(folder)
            }
            if all(name in inside for name in weights.members):
                names = weights.members or inside
                found.append({name: inside[name] for name in names})
        return found

    def _mismatch(
        self, one: SupplyFile, found: str, expected: str, size_bytes: int | None
    ) -> Problem:
        sizes = (
            f" ({one.size_bytes:,} B instead of {size_bytes:,})"
            if size_bytes and size_bytes != one.size_bytes
            else ""
        )
        arguments: dict[str, Any] = {"_": [self._pack], "from": str(self.path)}
        label = "get the right file, then install again"
        if one.name in self._weights:
            arguments["own_weights"] = True
            label = (
                "get the right file; or, if you made these weights yourself, take them as they are"
            )
        return Problem(
            "pack-supply-mismatch",
            f"{one.name} in {self.path} is not the file that {self._pack or 'the pack'} is locked to"
            f"{sizes}.",
            NextAction(label, "packs install", arguments)
            if self._pack
            else NextAction("see what every pack needs", "packs plan"),
            f"{one.path}\nexpected sha256 {expected}\nfound    sha256 {found}",
        )


def incomplete(
    pack: str, supply: Supply, missing: Sequence[Listed], own: Iterable[str] = ()
) -> Problem:
    """The Problem for a supply without some of the files: all of them, with sizes and hashes.

    ``own``: names of those for which it has weights that are in no list.
    """
    names = [one.name for one in missing]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    size_bytes = sum(one.size_bytes for one in missing)
    args: dict[str, Any] = {"_": [pack], "from": str(supply.path)}
    label, other = "put the files there, then install again", set(own)
    if other:
        more += " (it has other weights in place of the listed ones, which --own-weights takes)"
    if other.issuperset(names):
        args["own_weights"] = True
        label = (
            "put the listed files there; or, if these weights are your own, take them as they are"
        )
    return Problem(
        "pack-supply-incomplete",
        f"{supply.path} does not have {len(names)} file{'s'[: len(names) != 1]} that {pack} needs "
        f"({size_bytes:,} B): {', '.join(names[:3])}{more}. Nothing is downloaded with --from.",
        NextAction(label, "packs install", args),
        "\n".join(
            f"{one.name}  {f'{one.size_bytes:,} B' if one.size_bytes else 'size unknown'}  "
            f"sha256 {one.sha256 or 'not pinned: takes --own-weights'}"
            for one in missing
        ),
    )


def wrong_weights(weights: Weights, pack: str, why: str, where: str = "") -> Problem:
    """The Problem for weights that are not what a pack is made for; ``where`` are a person's own."""
    see = NextAction("see every pack", "packs")
    return Problem(
        "pack-weights-wrong",
        f"{where or weights.name} does not hold the weights that {pack or weights.title} is made for: {why}.",
        again(pack, "get the file again, then install") if pack else see,
        weights.source,
    )


def half_checkpoint(weights: Weights, chosen: CheckpointFiles, pack: str, where: str) -> Problem:
    """The Problem for a checkpoint that is not all in ``where``."""
    name = chosen.prefix.rpartition("/")[2]
    why = f"the checkpoint {name} has no {name}{chosen.missing[0]}"
    return wrong_weights(weights, pack, why, where)


def manual_list(
    wheels: Iterable[Listed], weights: Iterable[Weights]
) -> tuple[tuple[str, int, str, str], ...]:
    """What a person would fetch by hand: (name, size in bytes or 0, sha256 or "", where) of each."""
    files = [
        (one.name, one.size_bytes, one.sha256, f"the package index, project {_project(one.name)}")
        for one in wheels
    ]
    return (*files, *((one.name, one.size_bytes, one.sha256, one.url) for one in weights))


def _project(wheel: str) -> str:
    return wheel.partition("-")[0].replace("_", "-").lower()


def _names(weights: Weights) -> set[str]:
    """What a person's copy of it may be called."""
    return {weights.name, unquote(urlsplit(weights.url).path).rpartition("/")[2]} - {""}


def _is_wheel(name: str) -> bool:
    return name.endswith(".whl")
