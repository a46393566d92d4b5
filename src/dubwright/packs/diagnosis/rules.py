"""Why an install failed, from what uv printed: ordered rules, the first that matches wins."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dubwright_kit import NextAction, Problem

TAIL_LINES = 15


@dataclass(frozen=True)
class Rule:
    """``pattern`` is searched in the whole output, ignoring case; its named groups fill ``message``."""

    id: str
    code: str
    pattern: str
    message: str
    label: str


_ROOM = "free disk space, then install again"
_LATER = "install again when the network is back"

# Disk before network and both before "not found": a full disk breaks downloads, and an index that
# cannot be reached makes uv say that a package does not exist. Exit codes tell nothing.
RULES: tuple[Rule, ...] = (
    Rule(
        "disk-full",
        "pack-disk-full",
        r"no space left on device|os error 28|disk quota exceeded|os error 112\b|not enough space on the disk",
        "{name} could not be installed: the disk is full.",
        _ROOM,
    ),
    Rule(
        "hash",
        "pack-hash-mismatch",
        r"hash mismatch for `(?P<what>[^`]+)`",
        "What the index sent for {what} is not the file that {name} was locked to; nothing of it was installed.",
        "install again; if it stays, the index or a proxy replaces files",
    ),
    Rule(
        "tls",
        "pack-tls",
        r"invalid peer certificate|unknownissuer|certificate verify failed|self.signed certificate",
        "{name} could not be downloaded: the index's certificate is not trusted (a company proxy often is the reason).",
        "set SSL_CERT_FILE to the company's certificates, then install again",
    ),
    Rule(
        "credentials",
        "pack-index-refused",
        r"\b(?P<status>401 Unauthorized|403 Forbidden|407 Proxy Authentication Required)",
        "{name} could not be downloaded: the index or proxy answered {status}.",
        "correct the index's address and password in uv's or pip's settings, then install again",
    ),
    Rule(
        "index-down",
        "pack-index-down",
        r"\b(?P<status>429 Too Many Requests|50[0234] [A-Z][A-Za-z ]+)",
        "{name} could not be downloaded: the index answered {status}.",
        "install again in a few minutes",
    ),
    Rule(
        "no-network",
        "pack-no-network",
        r"dns error|failed to lookup address|tcp connect error|connection refused|network is unreachable"
        r"|error sending request for url|network connectivity is disabled|operation timed out",
        "{name} could not be downloaded: there is no connection to the package index.",
        _LATER,
    ),
    Rule(
        "broken-download",
        "pack-broken-download",
        r"failed to unzip wheel|end of central directory|unexpected end of file|connection reset"
        r"|end of file before message length|error decoding response body|invalid zip|unexpected eof"
        r"|failed to extract archive|bad crc",
        "{name} could not be installed: a file arrived broken or cut off.",
        "install again",
    ),
    Rule(
        "not-found",
        "pack-not-on-index",
        r"404 Not Found|has no (?:usable )?wheels|no version of (?P<what>\S+)|(?P<other>\S+) was not found in the package registry",
        "The package index does not have what {name} needs.",
        "check which index uv or pip is set to, then install again",
    ),
    Rule(
        "permission",
        "pack-not-writable",
        r"permission denied|os error 13\b|access is denied|os error 5\b|read-only file system",
        "{name} could not be installed: a folder cannot be written.",
        "make the folder named below writable, then install again",
    ),
)


def install_problem(name: str, output: str) -> Problem:
    """Return the Problem that explains ``output`` of a failed install of the pack ``name``."""
    tail = "\n".join(output.strip().splitlines()[-TAIL_LINES:])
    found = diagnose(output)
    if found is None:
        return Problem(
            "pack-install-failed",
            f"{name} could not be installed, for a reason that no rule explains.",
            NextAction("read the whole log", "packs log", {"_": [name]}),
            tail,
        )
    rule, words = found
    message = rule.message.format(name=name, **words)
    return Problem(rule.code, message, again(name, rule.label), tail)


def again(name: str, label: str) -> NextAction:
    """The action of most failures: whatever ``label`` says, then the install."""
    return NextAction(label, "packs install", {"_": [name]})


def diagnose(output: str) -> tuple[Rule, dict[str, str]] | None:
    """Return the first rule that matches and its words."""
    for rule in RULES:
        match = re.search(rule.pattern, output, re.IGNORECASE)
        if match is not None:
            return rule, {key: value or "" for key, value in match.groupdict().items()}
    return None
