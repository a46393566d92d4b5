"""Problem: a failure that a person can act on; crosses the process wall as JSON."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional


@dataclass(frozen=True)
class NextAction:
    """What gets the user on: a studio verb with its arguments.

    ``verb`` is the command's words (``"packs install"``); ``args`` maps argument names to values.
    Positional arguments are under ``"_"`` as a list, options under their long name without dashes,
    so that the CLI prints a command and a page draws a button from the same data.
    """

    label: str
    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Dict[str, Any]:
        """Return ``{"label", "verb", "args"}``."""
        return {"label": self.label, "verb": self.verb, "args": dict(self.args)}


class Problem(Exception):
    """An expected failure. ``code`` is stable and documented in ``docs/problems.md``."""

    def __init__(
        self,
        code: str,
        message: str,
        next_action: Optional[NextAction] = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_action = next_action
        self.detail = detail

    def to_json(self) -> Dict[str, Any]:
        """Return the public failure shape ``{"code", "message", "next_action", "detail"}``."""
        action = self.next_action.to_json() if self.next_action is not None else None
        return {
            "code": self.code,
            "message": self.message,
            "next_action": action,
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        """Rebuild what :meth:`to_json` wrote; missing keys are tolerated, extra ones ignored."""
        raw = data.get("next_action")
        action = None
        if isinstance(raw, Mapping):
            action = NextAction(
                str(raw.get("label", "")), str(raw.get("verb", "")), dict(raw.get("args") or {})
            )
        return cls(
            str(data.get("code", "unknown")),
            str(data.get("message", "")),
            action,
            str(data.get("detail", "")),
        )

    def __reduce__(self) -> Any:
        return (Problem, (self.code, self.message, self.next_action, self.detail))


_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_WINDOWS_FULL = frozenset({39, 112})  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


def is_disk_full(error: BaseException) -> bool:
    """True when the system says that the disk or the user's quota is full."""
    if not isinstance(error, OSError):
        return False
    return error.errno in _FULL or getattr(error, "winerror", None) in _WINDOWS_FULL
