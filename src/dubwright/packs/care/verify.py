"""Is every file of an installed pack what it was after the install?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.care.damage import clear_damage, mending, note_damage
from dubwright.packs.care.inventory import (
    Line,
    is_byte_code,
    plain_files,
    read_lines,
    record_files,
    sha256_of,
)
from dubwright.packs.care.uv_cache import forget
from dubwright.packs.installing.pace import Paced
from dubwright.packs.manifest import Manifest
from dubwright.packs.record import Record, env_python, read_record
from dubwright_kit import NextAction, Problem

_NAMED = 3


@dataclass(frozen=True)
class VerifyResult:
    """What was found; paths are under the pack's folder, with slashes."""

    pack: str
    checked: int
    bytes: int
    """Read and hashed."""
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """In no list: written after the install, which is no damage."""
    distributions: tuple[str, ...] = ()
    """The projects that own what is missing or changed."""

    @property
    def sound(self) -> bool:
        return not self.missing and not self.changed


def verify(
    home: Home, manifest: Manifest, record: Record, tick: Callable[[], None]
) -> VerifyResult:
    """Check every file of the pack against its record; byte code, which Python renews, apart.

    Files of the environment are checked against the RECORD of their distribution, and these
    against what they were right after the install. Raises Problem ``pack-damaged`` when something
    is missing or changed. Then the pack counts as broken until it is installed again, and what uv
    keeps unpacked of the distributions concerned is thrown away: environments are hard links to it,
    so it is damaged too.
    """
    folder = home.pack(manifest.id)
    result = compare(folder, manifest, record, tick)
    if result.sound:
        clear_damage(folder)
        return result
    now = read_record(folder)
    if now is not None and now.installed_at != record.installed_at:
        raise Problem(
            "pack-in-use",
            f"{manifest.id} was installed again while it was checked, so nothing is known.",
            NextAction("check it again", "packs verify", {"_": [manifest.id]}),
        )
    note_damage(folder, result.missing, result.changed)
    forget(home, result.distributions)
    names = [*result.missing, *result.changed]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    raise Problem(
        "pack-damaged",
        f"{manifest.id} is damaged: of {result.checked:,} files {len(result.missing)} are missing and "
        f"{len(result.changed)} changed: {', '.join(names[:_NAMED])}{more}."
        + (" Its weights are your own." if record.unlisted else ""),
        mending(manifest.id, bool(record.unlisted)),
        "\n".join(
            [
                *(f"missing {one}" for one in result.missing),
                *(f"changed {one}" for one in result.changed),
            ]
        ),
    )


def compare(
    folder: Path, manifest: Manifest, record: Record, tick: Callable[[], None]
) -> VerifyResult:
    """Compare the pack in ``folder`` with its record; see :func:`verify`. Changes nothing."""
    check = _Check(folder, Paced(tick))
    for name, entry in record.models.items():
        check.file(f"models/{name}", [entry.sha256], entry.size_bytes)
    known = {f"models/{name}" for name in record.models}
    if manifest.env == "own":
        known |= _environment(check, folder, record)
        if not env_python(folder).exists():
            check.missing.add(env_python(folder).relative_to(folder).as_posix())
    here = [path for part in ("env", "models") for path in plain_files(folder / part)]
    names = {path.relative_to(folder).as_posix() for path in here}
    return VerifyResult(
        manifest.id,
        check.count,
        check.size_bytes,
        tuple(sorted(check.missing)),
        tuple(sorted(check.changed)),
        tuple(sorted(names - known)),
        tuple(sorted(check.owners)),
    )


def _environment(check: _Check, folder: Path, record: Record) -> set[str]:
    """Check the environment; return every path that some list knows."""
    env = folder / "env"
    for name, digest in record.inventory.items():
        check.file(f"env/{name}", [digest], None, _owners(name))
    lines: dict[str, list[Line]] = {}
    for path in record_files(env):
        for line in read_lines(env, path):
            lines.setdefault(line.path, []).append(line)
    for name, claims in lines.items():
        if name in record.inventory or is_byte_code(name):
            continue
        # Two distributions may bring one file; the one that was installed last has it.
        owners = {line.distribution for line in claims}
        sizes = {line.size_bytes for line in claims}
        size = sizes.pop() if len(sizes) == 1 else None
        check.file(f"env/{name}", [one.sha256 for one in claims], size, owners)
    return {f"env/{name}" for name in (*record.inventory, *lines)}


def _owners(name: str) -> set[str]:
    """The distribution whose RECORD this is."""
    parts = name.split("/")
    if len(parts) < 2 or not parts[-2].endswith(".dist-info"):
        return set()
    return {parts[-2].removesuffix(".dist-info").partition("-")[0].replace("_", "-").lower()}


class _Check:
    """Files checked so far."""

    def __init__(self, folder: Path, tick: Callable[[], None]) -> None:
        self._folder = folder
        self._tick = tick
        self.count = 0
        self.size_bytes = 0
        self.missing: set[str] = set()
        self.changed: set[str] = set()
        self.owners: set[str] = set()

    def file(
        self, name: str, expected: Iterable[str], size_bytes: int | None, owners: Iterable[str] = ()
    ) -> None:
        """Check one file against the hashes it may have; "" among them: it only has to be there."""
        self.count += 1
        path = self._folder / name
        try:
            size = path.stat().st_size
            right = size_bytes is None or size == size_bytes
            hashes = set(expected)
            if right and "" not in hashes:
                self.size_bytes += size
                right = sha256_of(path, self._tick) in hashes
        except FileNotFoundError:
            self.missing.add(name)
            self.owners.update(owners)
            return
        except OSError:
            right = False  # it cannot be read
        if not right:
            self.changed.add(name)
            self.owners.update(owners)
