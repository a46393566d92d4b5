"""Which state a pack is in, found out without starting anything."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dubwright.home import Home
from dubwright.packs.care.damage import damage
from dubwright.packs.manifest import Manifest
from dubwright.packs.record import Record, asides, env_python, read_record
from dubwright.packs.wheels import Target, lock_file_sha256, read_lock

PackState = Literal["builtin", "available", "installed", "broken", "unavailable"]
READY: frozenset[PackState] = frozenset({"builtin", "installed"})
_FAILED = re.compile(r"^failed: [a-z-]+: (.+)$", re.MULTILINE)
_LOG_TAIL_BYTES = 20_000


@dataclass(frozen=True)
class PackStatus:
    """One pack as it is now. ``why`` says what is wrong or worth knowing, else it is empty."""

    manifest: Manifest
    state: PackState
    version: str
    disk_bytes: int = 0
    record: Record | None = None
    why: str = ""
    outdated: bool = False
    """Installed from other locks than this program ships; an install renews it."""

    @property
    def name(self) -> str:
        return self.manifest.id


def pack_status(home: Home, manifest: Manifest) -> PackStatus:
    """Return the pack's state."""
    if manifest.requires_program:
        return _by_program(manifest)
    if not manifest.installable:
        return PackStatus(manifest, "builtin", manifest.version)
    record = _record(home, manifest.id)
    if record is None:
        if not fits_here(manifest):
            why = f"there are no files for {sys.platform} on this kind of processor"
            return PackStatus(manifest, "unavailable", manifest.version, why=why)
        return PackStatus(
            manifest, "available", manifest.version, why=last_failure(home, manifest.id)
        )
    why = _damage(home.pack(manifest.id), manifest, record)
    outdated = record.lock_sha256 not in lock_hashes(manifest)
    own = "own weights" if record.unlisted else ""
    if why:
        why = f"{why}; it has {own}" if own else why
        return PackStatus(
            manifest, "broken", record.identity, record.disk_bytes, record, why, outdated
        )
    update = "an update is available: install it again" if outdated else ""
    note = "; ".join(one for one in (own, update) if one)
    return PackStatus(
        manifest, "installed", record.identity, record.disk_bytes, record, note, outdated
    )


def _by_program(manifest: Manifest) -> PackStatus:
    if shutil.which(manifest.requires_program) is not None:
        return PackStatus(manifest, "installed", manifest.version)
    why = f"the program {manifest.requires_program} is not on PATH"
    return PackStatus(manifest, "unavailable", manifest.version, why=why)


def _record(home: Home, name: str) -> Record | None:
    """The record; also of an old one that a killed update has moved aside but not replaced."""
    record = read_record(home.pack(name))
    if record is None and not home.pack(name).exists() and any(asides(home, "old", name)):
        from dubwright.packs.installing.install import put_back  # rare; needs the lock

        put_back(home, name)
        record = read_record(home.pack(name))
    return record


def last_failure(home: Home, name: str) -> str:
    """How the newest install ended, "" when it did not fail or there was none."""
    log = newest_log(home, name)
    if log is None:
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
        tail = file.read().decode("utf-8", "replace")
    found = _FAILED.findall(tail)
    return f"the last install failed: {found[-1].rstrip('.')}" if found else ""


def newest_log(home: Home, name: str) -> Path | None:
    """The newest install log of a pack."""
    pattern = re.compile(re.escape(name) + r"-\d{8}-\d{6}\.log")
    logs = home.pack_logs.glob(f"{name}-*.log")
    return max((path for path in logs if pattern.fullmatch(path.name)), default=None)


def _damage(folder: Path, manifest: Manifest, record: Record) -> str:
    """Say what is wrong with an installed pack, as far as looking at the files tells."""
    if record.version != manifest.version:
        return f"it was installed by another version of this program ({record.version}, now {manifest.version})"
    if manifest.env == "own" and not env_python(folder).exists():
        gone = f" {record.python}" if record.python else ""
        return f"its Python{gone} is gone"
    for name, expected in record.models.items():
        try:
            size = (folder / "models" / name).stat().st_size
        except OSError:
            return f"models/{name} is missing"
        if size != expected.size_bytes:
            return f"models/{name} has {size} bytes instead of {expected.size_bytes}"
    return damage(folder)


def lock_hash(manifest: Manifest, lock_sha256: str) -> str:
    """One hash for the lock of the environment (or "") and what the weights are pinned to."""
    downloads = (lock_file_sha256(manifest.folder / one.file) for one in manifest.downloads)
    weights = (f"{one.name}={one.sha256}" for one in manifest.weights)
    return hashlib.sha256(" ".join((lock_sha256, *downloads, *weights)).encode()).hexdigest()


def lock_hashes(manifest: Manifest) -> frozenset[str]:
    """What :func:`lock_hash` can be for the locks that this program ships."""
    locks = [lock_file_sha256(manifest.folder / one.file) for one in manifest.locks] or [""]
    return frozenset(lock_hash(manifest, one) for one in locks)


def fits_here(manifest: Manifest) -> bool:
    """True when some lock has files for this platform, with whichever of its Pythons."""
    return not manifest.locks or estimate(manifest) is not None


def estimate(manifest: Manifest) -> tuple[int, int] | None:
    """Return (download bytes, unpacked bytes) for this platform without looking for Pythons.

    The running Python where it fits, else the first that a lock names; None where nothing fits.
    """
    here = Target.here()
    running = f"{here.python[0]}.{here.python[1]}"
    files = [
        wheel
        for one in manifest.downloads
        for wheel in read_lock(manifest.folder / one.file).choose(here) or ()
    ]
    chosen = None
    for entry in manifest.locks:
        lock = read_lock(manifest.folder / entry.file)
        for version in sorted(entry.python, key=lambda version: version != running):
            chosen = chosen or lock.choose(here.with_python(version))
    if manifest.locks and chosen is None:
        return None
    files += chosen or ()
    straight = manifest.weights
    return (
        sum(one.size_bytes for one in files) + sum(one.size_bytes for one in straight),
        sum(one.unpacked_bytes for one in files)
        + sum(one.unpacked_bytes or one.size_bytes for one in straight),
    )
