"""The ladder: what is tried when the shipped lock cannot be installed, in order, each with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.options import InstallOptions
from dubwright_kit import Problem
from tests.packs.loopback import Index, TinyWheel, fit_wheel, own_pack, tiny_sdist, tiny_wheel
from tests.packs.tiny import leftovers, value


def pack(folder: Path, locked: TinyWheel, ladder: str) -> Path:
    """The tiny pack with a [ladder] table."""
    own_pack(folder, locked)
    toml = folder / "pack.toml"
    toml.write_text(toml.read_text("utf-8") + f"\n[ladder]\n{ladder}\n", "utf-8")
    return folder


def test_what_is_gone_from_the_index_is_resolved_again(
    home: Home, folder: Path, index: Index
) -> None:
    index.wheels.append(fit_wheel("1.1", 2))
    packs = Packs(home, [pack(folder, fit_wheel("1.0", 1), 'candidates = ["tiny-fit"]')])
    (status,) = packs.install(["tiny-pack"])
    assert value(packs) == 2.0
    assert status.record is not None
    reasons = [one.reason.partition(":")[0] for one in status.record.attempts]
    assert reasons[0] == "pack-not-on-index"
    assert reasons[-1] == ""
    assert len(reasons) == 3, "the lock, the lock's requirement, the candidate"
    assert status.record.requirements[0].startswith("tiny-fit==1.1 --hash=sha256:")
    assert status.record.distributions == {"tiny-fit": "1.1"}
    assert not status.outdated, "an install would do the same again"
    text = packs.log("tiny-pack")
    assert "attempt 1: shipped lock lock.txt" in text
    assert "attempt 3: candidate tiny-fit, wheels only" in text


def test_what_builds_but_does_not_import_is_followed_by_the_next(
    home: Home, folder: Path, index: Index
) -> None:
    broken = tiny_wheel("tiny-fit", "1.0", {"tiny_fit/__init__.py": b"raise OSError('no lib')\n"})
    index.wheels += [broken, fit_wheel("0.9", 1)]
    packs = Packs(home, [pack(folder, broken, 'candidates = ["tiny-fit<1"]')])
    (status,) = packs.install(["tiny-pack"])
    assert value(packs) == 1.0
    assert status.record is not None
    assert "pack-check-failed" in status.record.attempts[0].reason


def test_a_candidate_without_its_dependencies_beside_a_pinned_set(
    home: Home, folder: Path, index: Index
) -> None:
    needs = tiny_wheel(
        "tiny-fit",
        "2.0",
        {"tiny_fit/__init__.py": b"from tiny_help import VALUE\n"},
        requires=["tiny-help", "tiny-gone>=3"],
    )
    helper = tiny_wheel("tiny-help", "1.0", {"tiny_help.py": b"VALUE = 7\n"})
    index.wheels += [needs, helper]
    ladder = 'candidates = ["tiny-fit==2.0"]\nbootstrap = ["tiny-help==1.0"]'
    packs = Packs(home, [pack(folder, fit_wheel("1.0", 1), ladder)])
    (status,) = packs.install(["tiny-pack"])
    assert value(packs) == 7.0
    assert status.record is not None
    assert "without its dependencies" in status.record.attempts[-1].rung
    assert status.record.distributions == {"tiny-fit": "2.0", "tiny-help": "1.0"}


def test_sources_are_built_only_when_allowed(home: Home, folder: Path, index: Index) -> None:
    index.wheels.append(tiny_sdist("tiny-fit", "3.0", {"tiny_fit/__init__.py": b"VALUE = 3\n"}))
    packs = Packs(home, [pack(folder, fit_wheel("1.0", 1), 'candidates = ["tiny-fit"]')])
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert "What was tried" in caught.value.detail
    assert leftovers(home) == []
    (status,) = packs.install(["tiny-pack"], options=InstallOptions(allow_source_builds=True))
    assert value(packs) == 3.0
    assert status.record is not None
    assert "source builds" in status.record.attempts[-1].rung


def test_a_failure_that_would_meet_every_rung_is_told_at_once(
    home: Home, folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = Packs(home, [pack(folder, fit_wheel("1.0", 1), 'candidates = ["tiny-fit"]')])
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # the discard port
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-no-network"
    assert "attempt 2" not in packs.log("tiny-pack")
