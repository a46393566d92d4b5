"""What a distribution says about itself: licence, source, licence files. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from dubwright.packs.care.inventory import site_folders

_SHORT_CHARS = 120
_CLASSIFIER = "License ::"
_LICENCE_FILE = re.compile(r"^(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
_SOURCES = (
    "source",
    "source code",
    "sourcecode",
    "repository",
    "code",
    "github",
    "homepage",
    "home",
)
"""Labels of a Project-URL, the most telling first."""
_EXTRA = re.compile(r";.*\bextra\s*==")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Part:
    """One distribution or model. ``licence`` is its own word, or "unknown: see ..."."""

    name: str
    version: str
    licence: str
    source: str
    """A page; "" where none is named."""
    files: tuple[str, ...] = ()
    """Licence texts on this machine, relative to the pack's folder."""


def unknown(source: str) -> str:
    """What stands for a licence that nobody names."""
    return f"unknown: see {source}" if source else "unknown: neither a licence nor a page is named"


def environment_parts(folder: Path) -> tuple[Part, ...]:
    """Every distribution of the environment of the pack in ``folder``, by name."""
    found = []
    for site in site_folders(folder / "env"):
        for info in site.glob("*.dist-info"):
            try:
                text = (info / "METADATA").read_text("utf-8", errors="replace")
            except OSError:
                continue
            files = tuple(
                path.relative_to(folder).as_posix()
                for path in sorted(info.rglob("*"))
                if path.is_file() and _LICENCE_FILE.match(path.name)
            )
            found.append(_part(HeaderParser().parsestr(text), files))
    return tuple(sorted(found, key=lambda one: one.name.lower()))


def program_parts(name: str = "dubwright") -> tuple[Part, ...]:
    """The installed distribution ``name`` and all that it needs here, by name; itself first."""
    found: dict[str, Part] = {}
    for one in _with_needs(name, set()):
        files = tuple(str(path) for path in one.files or () if _LICENCE_FILE.match(Path(path).name))
        message = HeaderParser().parsestr(one.read_text("METADATA") or "")
        part = _part(message, files)
        found.setdefault(part.name.lower(), part)
    return tuple(sorted(found.values(), key=lambda one: (one.name != name, one.name.lower())))


def licence_of(message: Message, source: str) -> str:
    """The licence: the expression, else a short ``License``, else the classifiers."""
    for text in _fields(message, "License-Expression"):
        if text:
            return text
    written = [text for text in _fields(message, "License") if text and text.upper() != "UNKNOWN"]
    short = [text for text in written if "\n" not in text and len(text) <= _SHORT_CHARS]
    if short:
        return short[0]
    classified = [
        text.rpartition("::")[2].strip()
        for text in _fields(message, "Classifier")
        if text.startswith(_CLASSIFIER) and text.count("::") >= 1
    ]
    classified = [text for text in classified if text != "OSI Approved"]
    if classified:
        return ", ".join(classified)
    if written:
        first = next(line.strip() for line in written[0].splitlines() if line.strip())
        return f"{first[:_SHORT_CHARS]} (the whole text is with the distribution)"
    return unknown(source)


def source_of(message: Message) -> str:
    """The page of the sources, else of the project, "" when none is named."""
    pages: dict[str, str] = {}
    for text in _fields(message, "Project-URL"):
        label, comma, url = text.partition(",")
        if comma and url.strip():
            pages.setdefault(label.strip().lower(), url.strip())
    for label in _SOURCES:
        if label in pages:
            return pages[label]
    home = [text for text in _fields(message, "Home-page") if text and text.upper() != "UNKNOWN"]
    return home[0] if home else next(iter(pages.values()), "")


def _part(message: Message, files: tuple[str, ...]) -> Part:
    source = source_of(message)
    return Part(
        message.get("Name", ""),
        message.get("Version", ""),
        licence_of(message, source),
        source,
        files,
    )


def _fields(message: Message, name: str) -> list[str]:
    """A header that may come several times."""
    return [str(text).strip() for text in message.get_all(name, [])]


def _with_needs(name: str, seen: set[str]) -> Iterator[metadata.Distribution]:
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    seen.add(key)
    try:
        one = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # not needed on this system, or this Python
    yield one
    for need in one.requires or ():
        match = _NAME.match(need)
        if match is not None and not _EXTRA.search(need):
            yield from _with_needs(match[0], seen)
