"""Packs installed once a session, and a home with them for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk, make_talk
from tests.e2e.running import assert_nobody_left

PACKS = ("tts-preview", "asr-pocketsphinx", "diarization")


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the packs are installed, from the index that this machine uses."""
    program = Program(tmp_path_factory.mktemp("packs") / "home")
    outcome = program.run("packs", "install", *PACKS, "--yes", "--json")
    if outcome.code != 0:
        problem = outcome.problem
        if "network" in problem["code"] or "index" in problem["code"]:
            pytest.skip(f"the packs cannot be downloaded here: {problem['code']}")
        raise AssertionError(outcome)
    return program.home


def with_packs(packs: Path, home: Path) -> Program:
    """A new home whose packs are hard links to the installed ones: environments can be moved."""
    home.mkdir(parents=True)
    try:
        shutil.copytree(packs / "packs", home / "packs", symlinks=True, copy_function=os.link)
    except OSError:  # another filesystem
        shutil.rmtree(home / "packs")
        shutil.copytree(packs / "packs", home / "packs", symlinks=True)
    return Program(home)


@pytest.fixture
def program(packs: Path, tmp_path: Path) -> Iterator[Program]:
    """The program with a home of its own; when the test ends, nobody may work on it any more."""
    made = with_packs(packs, tmp_path / "home")
    yield made
    assert_nobody_left(made.home)


MakeProgram = Callable[[Path], Program]


@pytest.fixture
def make_program(packs: Path) -> MakeProgram:
    """For tests that need a home in a place of their own."""
    return lambda home: with_packs(packs, home)


@pytest.fixture(scope="session")
def talk(packs: Path, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """About 66 s of dialogue."""
    return make_talk(tmp_path_factory.mktemp("talk") / "t", packs, rounds=2)


@pytest.fixture(scope="session")
def short_talk(packs: Path, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """About 33 s of dialogue."""
    return make_talk(tmp_path_factory.mktemp("short") / "t", packs, rounds=1)


@pytest.fixture
def wheels(pytestconfig: pytest.Config) -> Path:
    """Where wheels are kept from run to run."""
    chosen = os.environ.get("DUBWRIGHT_TEST_CACHE")
    if chosen:
        return Path(chosen) / "wheels"
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("dubwright-wheels")
