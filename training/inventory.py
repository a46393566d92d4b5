"""What lies in the store, as tables: every source, its amount, its licences, and whom to thank."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from training.fetching import version_of
from training.recordings import copyright_rules, report_path, rule_for
from training.sources import SOURCES
from training.store import KINDS, RATE_HZ, Kind, Source, Split, sources
from training.wanted import Recordings

BEGIN = "<!-- from here on written by `python -m training inventory` -->"
_SPLITS: tuple[Split, ...] = ("train", "held-out")


def write(data: Path, page: Path) -> None:
    """Put the tables into the page, below its mark.

    Raises ``ValueError`` when the page has no mark.
    """
    head, mark, _ = page.read_text("utf-8").partition(BEGIN)
    if not mark:
        raise ValueError(f"{page.name} has no line {BEGIN!r}")
    page.write_text(head + mark + "\n\n" + "\n".join(tables(data)) + "\n", "utf-8")


def tables(data: Path) -> Iterator[str]:
    """The lines of all tables."""
    yield from _amounts(data)
    for kind in KINDS:
        every = [one for split in _SPLITS for one in sources(data, kind, split)]
        if every:
            yield from _sources(kind, every, data)
    yield from _left_out(data)
    yield from _credits(data)


def _amounts(data: Path) -> Iterator[str]:
    """Minutes by kind, licence and split."""
    minutes: dict[tuple[Kind, str], dict[Split, float]] = {}
    for kind in KINDS:
        for split in _SPLITS:
            for source in sources(data, kind, split):
                for clip in source.clips:
                    row = minutes.setdefault((kind, clip.licence), dict.fromkeys(_SPLITS, 0.0))
                    row[split] += clip.frames / RATE_HZ / 60
    yield "## Amounts"
    yield ""
    yield from _table(
        ("kind", "licence", "trained on, min", "held out, min"),
        [
            (kind, licence, f"{row['train']:.1f}", f"{row['held-out']:.1f}")
            for (kind, licence), row in sorted(minutes.items())
        ],
    )


def _sources(kind: Kind, every: list[Source], data: Path) -> Iterator[str]:
    packages = {(one.kind, one.name): one.package for one in SOURCES}
    rows = []
    for source in every:
        package = packages.get((kind, source.name), "")
        folder = data / "packages" / package
        version = f"{package} {version_of(folder)}" if package else "generated"
        speakers = {clip.speaker for clip in source.clips if clip.speaker}
        languages = sorted({clip.language for clip in source.clips if clip.language})
        rows.append(
            (
                source.name,
                version,
                source.split,
                str(len({clip.file for clip in source.clips})),
                f"{source.seconds / 60:.1f}",
                ", ".join(sorted({clip.licence for clip in source.clips})),
                f"{len(speakers)}: {', '.join(languages)}" if speakers else "",
            )
        )
    yield f"## Sources: {kind}"
    yield ""
    yield from _table(
        ("source", "package", "split", "files", "min", "licences", "speakers, languages"), rows
    )


def _left_out(data: Path) -> Iterator[str]:
    rows = []
    for wanted in SOURCES:
        path = report_path(wanted, data)
        if not path.exists():
            continue
        report = json.loads(path.read_text("utf-8"))
        why: dict[str, int] = {}
        for _, reason in report["left_out"]:
            why[reason] = why.get(reason, 0) + 1
        if why or report["voiced_s"] >= 1:
            rows.append(
                (
                    wanted.name,
                    wanted.kind,
                    "; ".join(f"{reason} ({n})" for reason, n in sorted(why.items())),
                    f"{report['voiced_s'] / 60:.1f}",
                )
            )
    yield "## What was left out"
    yield ""
    yield "Files, and the minutes of music and ambience that were cut away because a voice was heard."
    yield ""
    yield from _table(("source", "kind", "files left out", "voiced, min"), rows)


def _credits(data: Path) -> Iterator[str]:
    found: dict[tuple[str, str, str], set[str]] = {}
    for wanted in SOURCES:
        for path, licence in _used(wanted, data):
            rule = rule_for(path, wanted, copyright_rules(_folder(wanted, data), wanted))
            # Names are for all to see, addresses are not.
            names = re.sub(r"[<(]?[^\s<(]+@[^\s>)]+[>)]?", "", rule.holders if rule else "")
            holders = " ".join(names.replace("|", "/").split())
            found.setdefault((wanted.package, licence, holders), set()).add(path)
    yield "## Credits"
    yield ""
    yield "Whose recordings these are, as the packages name them."
    yield ""
    yield from _table(
        ("package", "licence", "by", "files"),
        [
            (package, licence, holders.replace("<", "&lt;"), str(len(files)))
            for (package, licence, holders), files in sorted(found.items())
        ],
    )


def _used(wanted: Recordings, data: Path) -> set[tuple[str, str]]:
    """(path, licence) of every file of a source of which something is in the store."""
    return {
        (clip.file, clip.licence)
        for source in sources(data, wanted.kind, wanted.split)
        if source.name == wanted.name
        for clip in source.clips
    }


def _folder(wanted: Recordings, data: Path) -> Path:
    return data / "packages" / wanted.package


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""
