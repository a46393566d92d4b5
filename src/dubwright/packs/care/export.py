"""packs export: one zip from which another machine can install a pack without any network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol

from dubwright.home import Home
from dubwright.packs.care.metadata import environment_parts
from dubwright.packs.manifest import FILE_NAME, Manifest
from dubwright.packs.planning.order import in_order
from dubwright.packs.planning.plan import manifest_of
from dubwright.packs.record import Record, read_record
from dubwright_kit import NextAction, Problem, Report, is_disk_full, silent
from dubwright_kit.codec import to_json

MANIFEST_NAME = "manifest.json"
FORMAT = 1
_PIECE_BYTES = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same pack exports to the same bytes: no times of this machine."""
_UNIX = 3


class Downloads(Protocol):
    """Where verified files are kept; ``fetch.store.Store`` is one."""

    def find(self, sha256: str, name: str) -> Path | None:
        """The file with this sha256; None when it is not kept."""

    def distrust(self, sha256: str) -> None:
        """It was found damaged: do not hand it out again."""


@dataclass(frozen=True)
class ExportResult:
    """The zip that was written."""

    path: Path
    packs: tuple[str, ...]
    files: int
    size_bytes: int


@dataclass(frozen=True)
class _Item:
    """One file of the zip: of this machine, or text made here."""

    path: str
    name: str
    sha256: str
    size_bytes: int
    source: Path | bytes
    packs: tuple[str, ...] = ()
    licence: str = ""


def export(
    home: Home,
    manifests: Mapping[str, Manifest],
    name: str,
    out: Path,
    downloads: Downloads,
    report: Report = silent,
) -> ExportResult:
    """Write ``out`` with every file that the pack, and the packs it requires, were installed from.

    In it: ``files/`` (wheels and archives as they were verified), ``models/<pack>/`` (weights of a
    person's own), ``packs/<pack>/`` (pack.toml, locks, the record) and ``manifest.json`` (hashes,
    sizes, licences). Stored without compression, in a fixed order. ``out`` may be a folder.
    ``report(done, total, note)`` counts bytes.

    Raises Problem ``pack-unknown``, ``pack-not-installed``, ``pack-export-incomplete`` (a download
    is not kept any more, or damaged), ``pack-export-exists``, ``disk-full``, ``out-not-writable``.
    """
    manifest = manifest_of(name, manifests)
    if read_record(home.pack(manifest.id)) is None:
        raise Problem(
            "pack-not-installed",
            f"The pack {name} is not installed, so there is nothing to export.",
            NextAction(f"install {name}", "packs install", {"_": [name]}),
        )
    target = out / f"{name}.zip" if out.is_dir() else out
    chosen = [
        (manifests[one], record)
        for one in in_order([name], manifests)
        if (record := read_record(home.pack(one))) is not None
    ]
    items = _items(home, name, chosen, downloads)
    listing = _listing(name, chosen, items)
    items.append(_text(MANIFEST_NAME, listing))
    result = ExportResult(
        target,
        tuple(one.id for one, _ in chosen),
        len(items),
        sum(one.size_bytes for one in items),
    )
    if target.exists():
        if not _is_same(target, listing):
            raise Problem(
                "pack-export-exists",
                f"{target} exists already and is something else; nothing was written.",
                NextAction(
                    "choose another name",
                    "packs export",
                    {"_": [name], "out": str(target.with_stem(f"{target.stem}-2"))},
                ),
            )
        return replace(result, size_bytes=target.stat().st_size)
    _write(name, target, items, downloads, report)
    return replace(result, size_bytes=target.stat().st_size)


# --- what goes in --------------------------------------------------------------------------------


def _items(
    home: Home, name: str, chosen: Sequence[tuple[Manifest, Record]], downloads: Downloads
) -> list[_Item]:
    found: dict[tuple[str, str], _Item] = {}
    own: list[_Item] = []
    for manifest, record in chosen:
        known = _licences(home, manifest)
        for file_name, file in record.files.items():
            key = (file_name, file.sha256)
            if key in found:
                found[key] = replace(found[key], packs=(*found[key].packs, manifest.id))
                continue
            path = downloads.find(file.sha256, file_name)
            if path is None:
                raise _incomplete(name, file_name, "is not kept any more")
            found[key] = _Item(
                f"files/{file_name}", file_name, file.sha256, file.size_bytes, path,
                (manifest.id,), _licence(file_name, known, manifest),
            )  # fmt: skip
        for model in _unpacked_only(manifest, record):
            entry = record.models[model]
            listed = model not in record.unlisted
            own.append(
                _Item(
                    f"models/{manifest.id}/{model}", model.rpartition("/")[2], entry.sha256,
                    entry.size_bytes, home.pack(manifest.id) / "models" / model, (manifest.id,),
                    manifest.licence if listed else "unknown: brought with --own-weights",
                )
            )  # fmt: skip
        own += _descriptions(manifest, record)
    return sorted((*_apart(found.values()), *own), key=lambda one: one.path)


def _unpacked_only(manifest: Manifest, record: Record) -> list[str]:
    """Models whose archive never was here: a person's own, or the listed ones unpacked by hand."""
    found = set(record.unlisted)
    for one in manifest.weights:
        if one.name not in record.files:
            folder = f"{one.into}/" if one.into else ""
            found |= {name for name in record.models if name.startswith(folder)}
    return sorted(found & record.models.keys())


def _apart(items: Sequence[_Item] | Any) -> Iterator[_Item]:
    """Files of one name and different content get a folder each."""
    listed = list(items)
    names = [one.name.casefold() for one in listed]
    for one in listed:
        twice = names.count(one.name.casefold()) > 1
        yield replace(one, path=f"files/{one.sha256[:12]}/{one.name}") if twice else one


def _descriptions(manifest: Manifest, record: Record) -> list[_Item]:
    """pack.toml, the locks and the record, without what is this machine's own."""
    folder = f"packs/{manifest.id}"
    kept = replace(
        record, python="", attempts=(), canary=None, wall_s=0.0, installed_at=0.0, inventory={}
    )
    items = [_text(f"{folder}/record.json", to_json(kept))]
    for name in (FILE_NAME, *manifest.lock_files):
        text = (manifest.folder / name).read_text("utf-8")
        items.append(_text(f"{folder}/{name}", text))
    return items


def _text(path: str, content: Any) -> _Item:
    text = content if isinstance(content, str) else json.dumps(content, indent=1, sort_keys=True)
    data = text.encode()
    name = path.rpartition("/")[2]
    return _Item(path, name, hashlib.sha256(data).hexdigest(), len(data), data)


def _listing(
    name: str, chosen: Sequence[tuple[Manifest, Record]], items: Sequence[_Item]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "pack": name,
        "packs": [
            {
                "name": manifest.id, "title": manifest.title, "version": record.version,
                "identity": record.identity, "lock": record.lock, "licence": manifest.licence,
                "python_version": record.python_version, "unlisted": list(record.unlisted),
            }
            for manifest, record in chosen
        ],
        "files": [
            {
                "path": one.path, "name": one.name, "sha256": one.sha256,
                "size_bytes": one.size_bytes, "packs": list(one.packs), "licence": one.licence,
            }
            for one in items
        ],
    }  # fmt: skip


def _licences(home: Home, manifest: Manifest) -> dict[str, str]:
    """Licences by file name for weights, by project for the distributions of the environment."""
    known = {one.name: one.licence for one in manifest.weights}
    for part in environment_parts(home.pack(manifest.id)):
        known[part.name.replace("_", "-").lower()] = part.licence
    for download in manifest.downloads:
        for requirement in download.requirements:
            known.setdefault(requirement.partition("==")[0].lower(), download.licence)
    return known


def _licence(file_name: str, known: Mapping[str, str], manifest: Manifest) -> str:
    project = file_name.partition("-")[0].replace("_", "-").lower()
    return known.get(file_name) or known.get(project) or manifest.licence


# --- writing -------------------------------------------------------------------------------------


def _write(
    name: str, target: Path, items: Sequence[_Item], downloads: Downloads, report: Report
) -> None:
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    total = sum(one.size_bytes for one in items)
    done = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                for one in items:
                    for count in _add(archive, one, name, downloads):
                        done += count
                        report(float(done), float(total), one.name)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise _os_problem(name, target, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, item: _Item, pack: str, downloads: Downloads) -> Iterator[int]:
    info = zipfile.ZipInfo(item.path, _EPOCH)
    info.create_system = _UNIX
    info.external_attr = 0o100644 << 16
    info.file_size = item.size_bytes
    digest = hashlib.sha256()
    with archive.open(info, "w", force_zip64=True) as out:
        for piece in _pieces(item, pack):
            digest.update(piece)
            out.write(piece)
            yield len(piece)
    if digest.hexdigest() != item.sha256:
        downloads.distrust(item.sha256)
        raise _incomplete(pack, item.name, "is damaged")


def _pieces(item: _Item, pack: str) -> Iterator[bytes]:
    if isinstance(item.source, bytes):
        yield item.source
        return
    try:
        file: IO[bytes] = item.source.open("rb")
    except OSError as error:
        raise _incomplete(pack, item.name, "cannot be read") from error
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _is_same(target: Path, listing: Mapping[str, Any]) -> bool:
    """True when ``target`` is what would be written: its listing has every hash."""
    try:
        with zipfile.ZipFile(target) as archive:
            found: object = json.loads(archive.read(MANIFEST_NAME))
            return found == listing and archive.testzip() is None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, NotImplementedError):
        return False


def _incomplete(pack: str, file_name: str, why: str) -> Problem:
    return Problem(
        "pack-export-incomplete",
        f"{pack} cannot be exported: {file_name}, which it was installed from, {why}.",
        NextAction("remove it, install it again, then export", "packs remove", {"_": [pack]}),
    )


def _os_problem(name: str, target: Path, error: OSError) -> Problem:
    again = {"_": [name], "out": str(target)}
    if is_disk_full(error):
        return Problem(
            "disk-full",
            f"The disk that holds {target.parent} is full; nothing was left there.",
            NextAction("free some space, then export again", "packs export", again),
            str(error),
        )
    return Problem(
        "out-not-writable",
        f"{target} cannot be written: {error.strerror or error}.",
        NextAction("choose another place", "packs export", {"_": [name], "out": "FILE.zip"}),
        str(error),
    )
