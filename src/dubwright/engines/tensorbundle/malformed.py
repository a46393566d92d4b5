"""What a parser of this package says about bytes that break the format."""

from __future__ import annotations


class Malformed(ValueError):  # noqa: N818  what the bytes are, as Problem is what a user has
    """Bytes that are not what the format says; the text ends a sentence about the file they are from.

    The parsers do not know files. ``bundle`` does, and makes a Problem of this; it never leaves the
    package.
    """
