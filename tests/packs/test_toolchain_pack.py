"""The pack that other packs get their Python from: installed first, kept while it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright_kit import Problem
from tests.packs.loopback import Index, fit_wheel, own_pack


def requiring(folder: Path, *names: str) -> Path:
    toml = folder / "pack.toml"
    listed = ", ".join(f'"{name}"' for name in names)
    toml.write_text(f"requires = [{listed}]\n" + toml.read_text("utf-8"), "utf-8")
    return folder


def test_it_comes_first_and_stays_while_it_is_needed(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1)
    index.wheels.append(wheel)
    packs = Packs(home, [requiring(own_pack(folder, wheel), "python-toolchain")])
    assert [one.name for one in packs.plan(["tiny-pack"])] == ["python-toolchain", "tiny-pack"]
    toolchain, tiny = packs.install(["tiny-pack"])
    assert (toolchain.name, tiny.name) == ("python-toolchain", "tiny-pack")
    assert toolchain.state == "installed"
    assert toolchain.record is not None
    assert toolchain.record.distributions["uv"] == toolchain.record.uv != ""
    assert Path(toolchain.record.paths["python tiny-pack"]).is_file()
    assert packs.plan(["tiny-pack"])[0].installed
    with pytest.raises(Problem, match="tiny-pack") as caught:
        packs.remove("python-toolchain")
    assert caught.value.code == "pack-needed"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["tiny-pack"]}
    packs.remove("tiny-pack")
    packs.remove("python-toolchain")
    assert packs.status("python-toolchain").state == "available"


def test_a_python_that_nobody_has_stops_only_the_pack_that_needs_it(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1)
    index.wheels.append(wheel)
    lucky = requiring(own_pack(folder, wheel), "python-toolchain")
    unlucky = own_pack(folder.with_name("unlucky"), wheel, python="3.99")
    packs = Packs(home, [lucky, requiring(unlucky, "python-toolchain")])
    bill = packs.bill(["tiny-pack", "unlucky"])
    assert {one.name for one in bill.plans} == {"python-toolchain", "tiny-pack", "unlucky"}
    packs.install(["tiny-pack"])
    assert packs.status("tiny-pack").state == "installed"
    assert "3.99" in packs.log("python-toolchain")
    with pytest.raises(Problem, match=r"3\.99") as caught:
        packs.install(["unlucky"])
    assert caught.value.code == "pack-no-interpreter"
    assert "3.99" in packs.status("unlucky").why, "the list tells how the last install ended"
    assert packs.status("tiny-pack").why == ""
