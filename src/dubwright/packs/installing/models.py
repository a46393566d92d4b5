"""Weights in their place: unpacked or copied under ``models``, every file measured and checked."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dubwright.packs.installing.archive import Tick, unpack
from dubwright.packs.installing.checkpoint_files import find_checkpoint
from dubwright.packs.installing.pace import Paced
from dubwright.packs.installing.supply import OwnWeights, half_checkpoint, wrong_weights
from dubwright.packs.manifest import Weights
from dubwright.packs.record import ModelFile

_PART = ".placing"
_PIECE_BYTES = 1 << 20
_SPARE_BYTES = 1_000_000
_UNKNOWN_BYTES = 64 << 30
"""What weights of unknown size may unpack to: more than any model that runs on a desk."""


def place_weights(
    weights: Weights, file: Path, models: Path, tick: Tick, *, pack: str = "", own: bool = False
) -> dict[str, ModelFile]:
    """Put ``file``, whose hash is checked already, into ``<models>/<into>``; return what is there now.

    Keys are paths under ``models`` with slashes. An archive is unpacked, anything else copied under
    the name of the weights. With ``own`` the members must be there by name, with whatever content; of
    a checkpoint its index and shards, with whatever name, which becomes the pack's.

    Raises Problem ``pack-weights-wrong`` (a member is missing or another), ``pack-archive-unsafe``
    and ``pack-archive-damaged``; then nothing of it is left. Also what ``tick`` raises.
    """
    part = models / _PART
    try:
        if weights.unpack:
            known = weights.unpacked_bytes and not own
            limit = weights.unpacked_bytes + _SPARE_BYTES if known else _UNKNOWN_BYTES
            unpack(file, part, weights.unpack, limit_bytes=limit, tick=Paced(tick))
        else:
            _copy(file, part / weights.name, Paced(tick))
            if weights.sha256 and not own:  # what is recorded is what was copied
                found = file_sha256(part / weights.name, Paced(tick))
                if found != weights.sha256:
                    raise wrong_weights(weights, pack, f"its sha256 is {found}")
        if own and weights.checkpoint:
            return _adopt_checkpoint(weights, part, models, tick, pack, file.name)
        return _adopt(weights, _top(part, weights.members), models, tick, pack, own)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def place_own(own: OwnWeights, models: Path, tick: Tick, *, pack: str = "") -> dict[str, ModelFile]:
    """Put weights of a person's own into ``<models>/<into>``; otherwise as :func:`place_weights`."""
    if own.archive is not None:
        return place_weights(own.weights, own.archive, models, tick, pack=pack, own=True)
    part = models / _PART
    try:
        for name, path in own.files.items():
            _copy(path, part.joinpath(*name.split("/")), Paced(tick))
        if own.weights.checkpoint and not own.listed:
            return _adopt_checkpoint(own.weights, part, models, tick, pack)
        return _adopt(own.weights, part, models, tick, pack, own=not own.listed)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def file_sha256(path: Path, tick: Tick) -> str:
    """The hash of one file, with a tick every MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            tick()
    return digest.hexdigest()


def _top(part: Path, members: Mapping[str, str]) -> Path:
    """Where the members lie: many archives have all of it in one folder more."""
    inside = list(part.iterdir())
    if members and len(inside) == 1 and inside[0].is_dir():
        first = next(iter(members))
        if not (part / first).exists() and (inside[0] / first).exists():
            return inside[0]
    return part


def _adopt(
    weights: Weights, top: Path, models: Path, tick: Tick, pack: str, own: bool
) -> dict[str, ModelFile]:
    """Check the files under ``top``, then move them to their place."""
    found = {}
    for path in sorted(path for path in top.rglob("*") if path.is_file()):
        name = path.relative_to(top).as_posix()
        found[name] = ModelFile(path.stat().st_size, file_sha256(path, Paced(tick)))
    for name, expected in weights.members.items():
        if name not in found:
            raise wrong_weights(weights, pack, f"{name} is not in it")
        if not own and found[name].sha256 != expected:
            raise wrong_weights(
                weights, pack, f"{name} in it has sha256 {found[name].sha256} instead of {expected}"
            )
    return _move(weights, top, found, models, pack)


def _adopt_checkpoint(
    weights: Weights, part: Path, models: Path, tick: Tick, pack: str, where: str = ""
) -> dict[str, ModelFile]:
    """Of a person's own files under ``part`` take one checkpoint, under the name that the pack reads."""
    here = [one.relative_to(part).as_posix() for one in part.rglob("*") if one.is_file()]
    chosen = find_checkpoint(here, weights.into)
    if chosen is None:
        raise wrong_weights(
            weights, pack, "there is no checkpoint in it (NAME.index and NAME.data-...)", where
        )
    if chosen.missing:
        raise half_checkpoint(weights, chosen, pack, where)
    top = Path(tempfile.mkdtemp(dir=part))  # a name that none of their files can have
    found = {}
    for name, path in chosen.renamed(weights.checkpoint).items():
        (part / path).rename(top / name)
        size_bytes = (top / name).stat().st_size
        found[name] = ModelFile(size_bytes, file_sha256(top / name, Paced(tick)))
    return _move(weights, top, found, models, pack)


def _move(
    weights: Weights, top: Path, found: Mapping[str, ModelFile], models: Path, pack: str
) -> dict[str, ModelFile]:
    place = models / weights.into if weights.into else models
    for name in found:
        target = place.joinpath(*name.split("/"))
        if target.exists():
            raise ValueError(f"two weights of {pack or 'one pack'} have a file {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        (top / name).rename(target)
    prefix = f"{weights.into}/" if weights.into else ""
    return {prefix + name: entry for name, entry in found.items()}


def _copy(source: Path, target: Path, tick: Tick) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file, target.open("xb") as out:
        while piece := file.read(_PIECE_BYTES):
            out.write(piece)
            tick()
