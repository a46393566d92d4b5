"""Pages of a simple repository: HTML (PEP 503) and JSON (PEP 691), and folders of files."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.packs.fetch.address import file_name, joined

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# A quoted value may hold ">": some indexes do not escape data-requires-python.
_TAG = re.compile(r"""<(a|base)\b((?:[^>"']|"[^"]*"|'[^']*')*)>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_SHA256 = re.compile(r"(?:^|&)sha256=([0-9a-fA-F]{64})")
_FILES = (".whl", ".tar.gz", ".zip", ".tar.bz2")


@dataclass(frozen=True)
class IndexFile:
    """One file that an index or folder offers. ``sha256`` "" and ``size_bytes`` None: it does not say."""

    name: str
    url: str
    sha256: str = ""
    size_bytes: int | None = None
    requires_python: str = ""
    yanked: bool = False


def normal(project: str) -> str:
    """The one spelling of a project's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def project_of(name: str) -> str:
    """The project of a file's name, normalized; of a source archive as far as its name can tell."""
    if name.endswith(".whl"):
        return normal(name.partition("-")[0])
    return normal(re.sub(r"-[^-]*$", "", name))


def read_page(body: bytes, kind: str, url: str) -> tuple[IndexFile, ...]:
    """Return the files on the page at ``url``; ``kind`` is its Content-Type. Raises ValueError."""
    text = body.decode("utf-8", "replace")
    if "json" in kind.partition(";")[0]:
        return tuple(_from_json(json.loads(text), url))
    return tuple(_from_html(text, url))


def read_folder(folder: Path) -> tuple[IndexFile, ...]:
    """Return the files in a folder; nobody has hashed them. Raises OSError."""
    return tuple(
        IndexFile(path.name, path.absolute().as_uri(), "", path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.name.endswith(_FILES) and path.is_file()
    )


def _from_html(text: str, url: str) -> Iterator[IndexFile]:
    base = url
    for match in _TAG.finditer(_COMMENT.sub("", text)):
        attributes = {
            name.lower(): html.unescape(one or two or three)
            for name, one, two, three in _ATTRIBUTE.findall(match[2])
        }
        link = attributes.get("href", "").strip()
        if match[1].lower() == "base":
            base = joined(url, link) if link else base
            continue
        place, fragment = joined(base, link).partition("#")[::2]
        name = file_name(place)
        if not link or not name.endswith(_FILES):
            continue
        found = _SHA256.search(fragment)
        yield IndexFile(
            name,
            place,
            found[1].lower() if found else "",
            None,
            attributes.get("data-requires-python", ""),
            "data-yanked" in attributes,
        )


def _from_json(data: Any, url: str) -> Iterator[IndexFile]:
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, list):
        raise ValueError(f"{url}: no list of files")
    for entry in files:
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            continue
        hashes, size = entry.get("hashes"), entry.get("size")
        place = joined(url, entry["url"]).partition("#")[0]
        yield IndexFile(
            str(entry.get("filename") or file_name(place)),
            place,
            str(hashes.get("sha256", "")).lower() if isinstance(hashes, dict) else "",
            size if isinstance(size, int) else None,
            str(entry.get("requires-python") or ""),
            bool(entry.get("yanked")),
        )
