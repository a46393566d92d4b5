"""Names of jobs: short, sortable by time, without letters that are easily mixed up."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_EPOCH_S = 1_735_689_600.0  # 2025-01-01 UTC
_TIME_DIGITS = 7  # tenths of a second: lasts until the year 2133
_RANDOM_DIGITS = 4


def _base32(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 32)
        text = _ALPHABET[digit] + text
    return text


def new_id(now: float) -> str:
    """Return ``j`` + 7 digits of time + 4 random ones, e.g. ``j0h7w2qa9x3k``."""
    tenths = max(0, round((now - _EPOCH_S) * 10))
    return f"j{_base32(tenths, _TIME_DIGITS)}{_base32(secrets.randbits(20), _RANDOM_DIGITS)}"
