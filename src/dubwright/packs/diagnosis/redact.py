"""Passwords and tokens are taken out of whatever is shown."""

from __future__ import annotations

import re

HIDDEN = "***"

_SECRETS = (
    # user:password@ (or token@) of an address
    (re.compile(r"(://)[^/\s'\"`<>]{1,500}@"), rf"\1{HIDDEN}@"),
    # values of parameters and settings whose names end in what they are
    (
        re.compile(
            r"(?i)((?:token|secret|password|passwort|passwd|api[_-]?key|access[_-]?key|signature)"
            r"['\"]?\s{0,3}(?::|=(?!=))\s{0,3}['\"]?)(?!//)[^\s&'\"`;,)]{1,500}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)([?&](?:sig|key|auth|pwd)=)[^&\s'\"`)]{1,500}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(--(?:password|token)[ =])\S{1,500}"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"(?i)\b(authorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?\w{1,20}\s+)[^\s'\"]{1,500}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{16,500}"), rf"\1{HIDDEN}"),
    # tokens that are known by their look
    (
        re.compile(
            r"\b(?:pypi-[\w-]{16,500}|gh[oprsu]_\w{16,255}|github_pat_\w{16,255}|glpat-[\w-]{16,255}"
            r"|hf_[A-Za-z0-9]{16,255}|AKIA[0-9A-Z]{16})"
        ),
        HIDDEN,
    ),
)


def redact(text: str) -> str:
    """Return ``text`` without the passwords and tokens that it is known to hold."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
