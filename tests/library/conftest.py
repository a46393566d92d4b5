from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.library import Library
from dubwright.library.model import Item
from tests.library.shelves import add_film


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


@pytest.fixture
def library(home: Home) -> Iterator[Library]:
    with Library(home) as opened:
        yield opened


@pytest.fixture
def film(library: Library, tmp_path: Path) -> Item:
    return add_film(library, tmp_path / "films" / "talk.mp4")
