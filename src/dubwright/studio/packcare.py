"""The studio's verbs for packs that are installed: verify, export, licences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.record import read_record
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.packs.care.export import ExportResult
    from dubwright.packs.care.licences import LicenceReport
    from dubwright.packs.care.verify import VerifyResult


class _HasPacks(Protocol):
    home: Home

    @property
    def packs(self) -> Packs: ...


class PackCare:
    """What a :class:`Studio` can do with installed packs. None of it connects."""

    def verify_pack(self: _HasPacks, name: str, report: Report = silent) -> VerifyResult:
        """Check every file of an installed pack against its record.

        Raises Problem ``pack-unknown``, ``pack-not-installed`` and ``pack-damaged``.
        """
        from dubwright.packs.care.verify import VerifyResult, verify

        manifest = self.packs.manifest(name)
        if not manifest.installable:
            return VerifyResult(name, 0, 0)  # part of the program, or of the machine
        record = read_record(self.home.pack(name))
        if record is None:
            raise Problem(
                "pack-not-installed",
                f"The pack {name} is not installed, so there is nothing to verify.",
                NextAction(f"install {name}", "packs install", {"_": [name]}),
            )
        return verify(self.home, manifest, record, lambda: report(0.0, None, f"checking {name}"))

    def export_pack(
        self: _HasPacks, name: str, out: Path | str, report: Report = silent
    ) -> ExportResult:
        """Write one zip from which another machine can install the pack without a network; see
        :func:`dubwright.packs.care.export.export`."""
        from dubwright.packs.care.export import export
        from dubwright.packs.fetch.store import Store

        out = Path(out).expanduser().absolute()
        store = Store(self.home.downloads)
        return export(self.home, self.packs.manifests, name, out, store, report)

    def pack_licences(self: _HasPacks, names: Iterable[str] = ()) -> LicenceReport:
        """Licence and source of every distribution and model; of every pack without ``names``.

        Raises Problem ``pack-unknown``.
        """
        from dubwright.packs.care.licences import licences

        wanted = list(dict.fromkeys(names)) or list(self.packs.manifests)
        return licences(self.home, [self.packs.manifest(name) for name in wanted])
