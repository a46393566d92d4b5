"""The studio's verbs for packs beside their install: verify, export, licences, why one failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.record import read_record
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.packs.care.export import ExportResult
    from dubwright.packs.care.licences import LicenceReport
    from dubwright.packs.care.verify import VerifyResult
    from dubwright.packs.diagnosis.diagnose import Diagnosis


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

    def diagnose_log(self: _HasPacks, log: Path | BinaryIO) -> Diagnosis:
        """Explain the log of an install: a file, or a stream such as standard input.

        A pack's own log is known by its file name, and the answer then names the pack. Raises
        Problem ``pack-log-unreadable`` and ``pack-log-empty``.
        """
        from dubwright.packs.diagnosis.diagnose import diagnose_log
        from dubwright.packs.diagnosis.logfile import read_log, read_stream

        if not isinstance(log, Path):
            return diagnose_log(read_stream(log))
        name = re.sub(r"-\d{8}-\d{6}$", "", log.stem)
        return diagnose_log(read_log(log), name if name in self.packs.manifests else "")

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
