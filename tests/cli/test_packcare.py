"""``packs verify``, ``packs export`` and ``packs licences`` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.packs.conftest import home, index, uv, version_1
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.test_verify import SITE

__all__ = ["home", "index", "uv", "version_1"]  # fixtures


@pytest.fixture
def installed(
    program: Program, tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of an installed pack."""
    index.wheels.append(fit_wheel("1.0", 1, 100_000))
    folder = own_pack(tmp_path / "packs" / "tiny_pack", index.wheels[0])
    monkeypatch.setenv("DUBWRIGHT_PACKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(program.home / "cache" / "uv"))
    program.ok("packs", "install", "tiny-pack")
    return program.home / "packs" / "tiny-pack"


def test_damage_is_found_shown_and_put_right(program: Program, installed: Path) -> None:
    document = program.ok("packs", "verify", "tiny-pack")
    assert document["ok"] is True
    assert document["bytes"] > 100_000
    assert "all as installed" in program.run("packs", "verify", "tiny-pack").out

    ballast = installed / "env" / SITE / "tiny_fit" / "ballast.bin"
    whole = ballast.read_bytes()
    with ballast.open("r+b") as file:  # into the file itself, which uv's cache may share
        file.write(b"damaged")
    outcome = program.run("packs", "verify", "tiny-pack")
    assert outcome.code == 1
    assert "ballast.bin" in outcome.err
    listed = {one["name"]: one for one in program.ok("packs")["packs"]}
    assert listed["tiny-pack"]["state"] == "broken"
    assert "ballast.bin" in listed["tiny-pack"]["why"]

    done = program.typed(outcome.err.splitlines()[-1].strip())
    assert done.code == 0, done
    assert ballast.read_bytes() == whole
    assert program.ok("packs", "verify", "tiny-pack")["ok"] is True


def test_a_zip_is_written_once(program: Program, installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "stick" / "tiny.zip"
    first = program.ok("packs", "export", "tiny-pack", "--out", out)
    assert first["packs"] == ["tiny-pack"]
    assert first["size_bytes"] == out.stat().st_size
    assert program.ok("packs", "export", "tiny-pack", "--out", out) == first
    out.write_bytes(b"something else")
    outcome = program.run("packs", "export", "tiny-pack", "--out", out)
    assert outcome.code == 1
    assert "(pack-export-exists)" in outcome.err
    done = program.typed(outcome.err.splitlines()[-1].strip())
    assert done.code == 0, done
    assert Path(done.json["file"]).stat().st_size == first["size_bytes"]
    assert out.read_bytes() == b"something else"


def test_what_is_not_installed(program: Program, tmp_path: Path) -> None:
    for words in (["verify", "spleeter"], ["export", "spleeter", "--out", str(tmp_path / "x.zip")]):
        outcome = program.run("packs", *words, "--json")
        assert outcome.code == 1
        assert outcome.problem["code"] == "pack-not-installed"
    assert (
        program.run("packs", "verify", "no-such-pack", "--json").problem["code"] == "pack-unknown"
    )
    assert program.ok("packs", "verify", "builtin")["checked"] == 0


def test_licences_as_a_page_and_as_json(program: Program, installed: Path, tmp_path: Path) -> None:
    page = program.run("packs", "licences").out
    assert page.startswith("# Licences")
    assert "| tiny-fit | 1.0 | unknown: neither a licence nor a page is named |" in page
    assert "Spleeter 2 stems" in page
    document = program.ok("packs", "licences", "tiny-pack")
    (pack,) = document["packs"]
    assert pack["distributions"][0]["name"] == "tiny-fit"
    assert any(one["name"] == "numpy" for one in document["program"])
    out = tmp_path / "licences.md"
    assert program.ok("packs", "licences", "--out", out)["file"] == str(out)
    assert out.read_text("utf-8").strip() == page.strip()
    outcome = program.run("packs", "licences", "--out", tmp_path / "none" / "x.md", "--json")
    assert outcome.problem["code"] == "out-not-writable"
    assert program.run("packs", "licences", "nope", "--json").problem["code"] == "pack-unknown"
