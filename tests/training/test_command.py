"""The training's commands without what they need: a sentence that says what to do, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import __main__ as commands

INVENTORY = Path(commands.__file__).with_name("DATA.md")


def test_an_empty_store_does_not_empty_the_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = INVENTORY.read_bytes()
    monkeypatch.setattr("sys.argv", ["training", "inventory", "--data", str(tmp_path)])
    assert commands.main() == 1
    assert "python -m training recordings" in capsys.readouterr().err
    assert INVENTORY.read_bytes() == before
