"""A disk that fills up while a long file is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dubwright_kit import NextAction, Problem, is_disk_full


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn a full disk into Problem ``disk-full``; every other error passes."""
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise Problem(
            "disk-full",
            f"The disk that holds {folder} is full ({_free_bytes(folder)} bytes left).",
            NextAction("see what each item takes, remove what can go, then retry", "items", {}),
            str(error),
        ) from error


def _free_bytes(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free:,}"
    except OSError:
        return "an unknown number of"
