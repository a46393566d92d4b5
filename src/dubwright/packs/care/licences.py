"""Every distribution and model with its licence and source: of what is installed, and of what may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dubwright.home import Home
from dubwright.packs.care.metadata import Part, environment_parts, program_parts, unknown
from dubwright.packs.manifest import Manifest
from dubwright.packs.record import Record, read_record

_SHA_CHARS = 12


@dataclass(frozen=True)
class PackLicences:
    """One pack; without ``installed`` it has only what its pack.toml says."""

    name: str
    title: str
    installed: bool
    licence: str
    source: str
    distributions: tuple[Part, ...]
    models: tuple[Part, ...]


@dataclass(frozen=True)
class LicenceReport:
    """The program's own needs, then the packs by name."""

    program: tuple[Part, ...]
    packs: tuple[PackLicences, ...]


def licences(home: Home, manifests: Iterable[Manifest]) -> LicenceReport:
    """Return the licences of the program and of these packs, read from what lies here."""
    return LicenceReport(
        program_parts(), tuple(pack_licences(home, manifest) for manifest in manifests)
    )


def pack_licences(home: Home, manifest: Manifest) -> PackLicences:
    """Return the licences of one pack."""
    folder = home.pack(manifest.id)
    record = read_record(folder)
    return PackLicences(
        manifest.id,
        manifest.title,
        record is not None or not manifest.installable,
        manifest.licence,
        manifest.homepage,
        environment_parts(folder) if record is not None else (),
        _models(manifest, record),
    )


def _models(manifest: Manifest, record: Record | None) -> tuple[Part, ...]:
    """The weights that the manifest lists, and those that a person has brought instead."""
    own = set(record.unlisted) if record is not None else set()
    found = [
        Part(one.title, ", ".join(one.requirements), one.licence, manifest.homepage)
        for one in manifest.downloads
    ]
    for one in manifest.weights:
        places = {f"{one.into}/{name}" if one.into else name for name in one.members or [one.name]}
        if not places & own:
            version = f"sha256 {one.sha256[:_SHA_CHARS]}" if one.sha256 else ""
            found.append(Part(one.title, version, one.licence, one.source))
    if record is not None:
        found += [
            Part(
                name,
                f"sha256 {record.models[name].sha256[:_SHA_CHARS]}",
                "unknown: brought with --own-weights",
                "",
            )
            for name in record.unlisted
            if name in record.models
        ]
    return tuple(found)


def markdown(report: LicenceReport) -> str:
    """The report as a page for people."""
    lines = [
        "# Licences",
        "",
        "What dubwright is made of on this machine, and what its packs bring.",
        "",
    ]
    lines += ["## The program", "", *_table(report.program), ""]
    for one in report.packs:
        lines += [f"## {one.name}: {one.title}", ""]
        state = (
            "" if one.installed else " Not installed: what its environment brings is not listed."
        )
        source = f" Source: {one.source}" if one.source else ""
        lines += [f"Licence: {one.licence or unknown(one.source)}.{source}{state}", ""]
        for title, parts in (("Models", one.models), ("Distributions", one.distributions)):
            if parts:
                lines += [f"### {title} of {one.name}", "", *_table(parts), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(parts: Iterable[Part]) -> list[str]:
    rows = ["| name | version | licence | source |", "|---|---|---|---|"]
    for one in parts:
        cells = (one.name, one.version, one.licence, one.source)
        rows.append(
            "| " + " | ".join(" ".join(c.replace("|", "\\|").split()) for c in cells) + " |"
        )
    return rows
