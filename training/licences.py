"""What may be trained on: the licence of every file of a Debian package, by its copyright file.

Debian's copyright files name patterns of files and their licences; the last pattern that fits a file
counts. A file that no pattern fits, or whose licence is not clearly one of the free ones for works of
sound, is left out. A program's licence (GPL) says nothing clear about weights, so it is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Policy = Literal["free", "permissive"]
"""``free`` takes share-alike as well; ``permissive`` leaves it out."""

_CC = re.compile(r"cc-by(-sa)?-(\d(?:\.\d)?)(?:-(?:us|de|at|uk|unported|[a-z]{2}))?\+?")
_PERMISSIVE = {
    "public-domain": "public-domain",
    "pd": "public-domain",
    "cc0": "CC0-1.0",
    "cc0-1": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "cc0-1.0-universal": "CC0-1.0",
    "expat": "MIT",
    "mit": "MIT",
    "isc": "ISC",
    "zlib": "Zlib",
    "wtfpl": "WTFPL",
    "wtfpl-2": "WTFPL",
    "apache-2.0": "Apache-2.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2": "BSD-2-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "oga-by-3.0": "OGA-BY-3.0",
    "ofl-1.1": "OFL-1.1",
}


def spdx(name: str) -> str | None:
    """The identifier of one free licence by the name that a copyright file gives it, or None."""
    key = re.sub(r"[\s_]+", "-", name.strip().lower()).replace("cc-sa-by-", "cc-by-sa-")
    if key in _PERMISSIVE:
        return _PERMISSIVE[key]
    found = _CC.fullmatch(key)
    if not found:
        return None
    version = found[2] if "." in found[2] else f"{found[2]}.0"
    return f"CC-BY{'-SA' if found[1] else ''}-{version}"


def is_share_alike(identifier: str) -> bool:
    """Whether a work made from it has to keep its licence."""
    return "-SA-" in identifier


def cleared(expression: str, policy: Policy = "free") -> str | None:
    """The identifier under which a work may be used, or None.

    Of "A or B" the freer one that the policy allows is chosen; of "A and B" all must be allowed, and
    they are named together.
    """
    choices = [
        _all_of(re.split(r",?\s+(?i:and)\s+", choice.strip(" ,")), policy)
        for choice in re.split(r",?\s+(?i:or)\s+|\|", expression)
    ]
    allowed = [choice for choice in choices if choice]
    return min(allowed, key=_weight) if allowed else None


def _all_of(names: Iterable[str], policy: Policy) -> str | None:
    found = [spdx(name) for name in names]
    if any(one is None or (policy == "permissive" and is_share_alike(one)) for one in found):
        return None
    return " AND ".join(dict.fromkeys(one for one in found if one))


def _weight(identifier: str) -> int:
    """How much a licence asks: nothing, a name, the same licence."""
    return 2 if is_share_alike(identifier) else 1 if "BY" in identifier else 0


@dataclass(frozen=True)
class Rule:
    """One ``Files:`` paragraph."""

    patterns: tuple[str, ...]
    licence: str
    """As written; empty when there is none."""
    holders: str

    def fits(self, path: str) -> bool:
        return any(_pattern(one).fullmatch(path) for one in self.patterns)


def rules(copyright_text: str) -> tuple[Rule, ...]:
    """The ``Files:`` paragraphs of a copyright file, in order; none when it is not machine-readable."""
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", copyright_text):
        fields = _fields(paragraph)
        if "files" in fields:
            licence = fields.get("license", "").split("\n", 1)[0].strip()
            holders = " ".join(fields.get("copyright", "").split())
            found.append(Rule(tuple(fields["files"].split()), licence, holders))
    return tuple(found)


def rule_of(path: str, all_rules: Iterable[Rule]) -> Rule | None:
    """The last paragraph that fits a path, as the format says; None when none does."""
    last = None
    for rule in all_rules:
        if rule.fits(path):
            last = rule
    return last


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"}:
            if name:
                fields[name] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _pattern(glob: str) -> re.Pattern[str]:
    """Only ``*`` and ``?`` are special, and both fit a slash; a backslash takes that away."""
    out = []
    for part in re.findall(r"\\[*?\\]|[*?]|[^*?\\]+|\\", glob.removeprefix("./")):
        if part == "*":
            out.append(".*")
        elif part == "?":
            out.append(".")
        else:
            out.append(re.escape(part[1:] if part.startswith("\\") and len(part) > 1 else part))
    return re.compile("".join(out), re.DOTALL)
