"""Numbers and tables as people read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def size(size_bytes: float) -> str:
    """12.3 MB (decimal units, like disk makers and registries)."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def short(text: str, most: int = 48) -> str:
    """``text`` on one line, with an ellipsis where it is too long for a column."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def shown(path: Path | str) -> str:
    """A path as text that can be printed: bytes that are no text become question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> Table:
    """A plain table; cells are text, never markup. ``right``: columns of numbers, by their place."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, column in enumerate(columns[:-1]):
        made.add_column(column, no_wrap=True, justify="right" if place in right else "left")
    made.add_column(columns[-1], overflow="fold")
    for row in rows:
        # Titles may hold line breaks; a row stays a row.
        made.add_row(*(Text(" ".join(cell.split())) for cell in row))
    return made
