"""What a bug report must not tell: who somebody is, what they dub, what they know."""

from __future__ import annotations

import getpass
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubwright.packs.diagnosis.redact import redact

_EVERYBODY = frozenset({"root", "user", "admin", "administrator", "localhost", "home", "ubuntu"})
_SHORTEST = 3
"""Shorter names would be taken out of everything."""
_LONG_LINE = 16


@dataclass(frozen=True)
class Scrub:
    """Takes private things out of texts. ``private`` are names: titles, paths; ``lines`` what is said.

    Short lines ("Yes.") are taken out only where they are quoted: a log is full of short words.
    """

    home: Path = field(default_factory=Path.home)
    user: str = ""
    machine: str = ""
    private: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @classmethod
    def here(cls, private: Iterable[str] = (), lines: Iterable[str] = ()) -> Scrub:
        """For this user and machine."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError, ImportError):  # no name, which is as good
            user = ""
        return cls(Path.home(), user, platform.node(), _ordered(private), _ordered(lines))

    def text(self, text: str) -> str:
        """Return ``text`` without passwords, private texts, the home folder and names."""
        text = redact(text)
        for one in self.private:
            for form in _forms(one):
                if form in text:  # a search is cheap, a pattern is not
                    text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "<private>", text)
        for one in self.lines:
            for form in _forms(one):
                if len(form) >= _LONG_LINE:
                    text = text.replace(form, "<private>")
                for mark in ("'", '"'):
                    text = text.replace(f"{mark}{form}{mark}", f"{mark}<private>{mark}")
        if self.home != Path(self.home.anchor):
            for form in _forms(str(self.home)):
                text = re.sub(re.escape(form) + r"(?![\w.-])", "~", text)
        for name, instead in ((self.user, "<user>"), (self.machine, "<machine>")):
            if len(name) >= _SHORTEST and name.lower() not in _EVERYBODY:
                text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", instead, text)
        return text

    def data(self, value: Any) -> Any:
        """The same for every text in JSON data, so that it stays JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(one) for one in value]
        return value


def _ordered(texts: Iterable[str]) -> tuple[str, ...]:
    """The longest first, so that parts do not hide wholes."""
    known = {text.strip() for text in texts}
    return tuple(sorted((one for one in known if len(one) >= _SHORTEST), key=len, reverse=True))


def _forms(text: str) -> list[str]:
    """``text`` as it may stand in a log: plain, with slashes, quoted by Python or JSON."""
    # Of a path the beginning is a folder, which others lie in too.
    cuts = () if "/" in text or "\\" in text else (60, 40)
    forms = {
        text,
        text.replace("\\", "/"),
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        # Logs shorten lines; the beginning is enough to know one by.
        *(text[:length] for length in cuts if len(text) > length),
    }
    return sorted((one for one in forms if len(one) >= _SHORTEST), key=len, reverse=True)
