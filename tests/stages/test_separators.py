"""Which separator is taken, which pack that is for so many stems, and what is sent to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.stages.separators import choose_model, pick_separator, separators
from dubwright_kit import Problem
from tests.studio.stem_packs import STEMS, write_pack


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path / "home").prepare()


def with_packs(home: Home, *ids: str) -> Packs:
    """The shipped packs, with those of ``ids`` ready; their number of stems is in their names."""
    root = home.root.parent / "packs"
    folders = [
        write_pack(root, one, int(one[-6]) if one.endswith("stems") else 2, extensions=able(one))
        for one in ids
    ]
    return Packs(home, folders)


def able(pack_id: str) -> tuple[str, ...]:
    return ("zeros",) if pack_id == "spleeter-tensorflow" else ("average", "zeros")


def problem_of(packs: Packs, *asked: object, code: str) -> Problem:
    with pytest.raises(Problem) as caught:
        choose_model(packs, *asked)  # type: ignore[arg-type]  # what somebody typed
    assert caught.value.code == code
    assert caught.value.next_action is not None
    return caught.value


def test_auto_takes_the_best_that_is_ready(home: Home) -> None:
    assert pick_separator(with_packs(home), None) == "builtin"
    assert pick_separator(with_packs(home, "spleeter-tensorflow"), "auto") == "spleeter-tensorflow"
    both = with_packs(home, "spleeter", "spleeter-tensorflow")
    assert pick_separator(both, "auto") == "spleeter"
    assert pick_separator(both, "spleeter-tensorflow") == "spleeter-tensorflow"


def test_more_stems_are_no_separator_of_a_dub(home: Home) -> None:
    packs = with_packs(home, "spleeter-4stems", "spleeter-5stems", "spleeter-tensorflow")
    assert separators(packs) == ("builtin", "spleeter-tensorflow", "spleeter")
    assert pick_separator(packs, "auto") == "spleeter-tensorflow"
    problem = problem_of(packs, "spleeter-4stems", code="separator-unknown")
    assert "--separator spleeter --stems 4" in problem.message
    with pytest.raises(Problem, match="A dub needs two stems: --separator spleeter") as caught:
        pick_separator(packs, "spleeter-4stems")
    assert "--stems" not in caught.value.message
    problem_of(packs, "nobody", code="separator-unknown")


@pytest.mark.parametrize("count", [4, 5])
def test_more_stems_are_another_pack_of_the_same_separator(home: Home, count: int) -> None:
    pack = f"spleeter-{count}stems"
    for wanted in (None, "auto", "spleeter"):
        model = choose_model(with_packs(home, pack), wanted, str(count))
        assert (model.separator, model.pack, model.stems) == ("spleeter", pack, STEMS[count])
        assert model.options == {"extension": "average"}
    # None is installed: the model is named, so that the Problem of its absence says how to get it.
    assert choose_model(with_packs(home), None, count).pack == pack


def test_the_extension_goes_only_to_who_has_a_choice(home: Home) -> None:
    packs = with_packs(home, "spleeter", "spleeter-tensorflow")
    assert choose_model(packs, "spleeter").options == {"extension": "average"}
    assert choose_model(packs, "spleeter", 2, "zeros").options == {"extension": "zeros"}
    assert choose_model(packs, "spleeter-tensorflow").options == {}
    assert choose_model(packs, "spleeter-tensorflow", 2, "zeros").options == {}
    problem = problem_of(packs, "spleeter-tensorflow", 2, "average", code="option-invalid")
    assert "always does zeros" in problem.message
    assert choose_model(packs, "builtin").options == {}
    problem_of(packs, "builtin", 2, "zeros", code="option-invalid")


def test_what_nobody_can_do_is_said(home: Home) -> None:
    packs = with_packs(home, "spleeter", "spleeter-tensorflow")
    for stems in (3, "three", "", 0, None):
        problem_of(packs, None, stems, code="option-invalid")
    problem_of(packs, "spleeter", 2, "zero", code="option-invalid")
    for able_of_two in ("builtin", "spleeter-tensorflow"):
        problem = problem_of(packs, able_of_two, 4, code="option-invalid")
        assert "4 stems are made by: spleeter" in problem.message
