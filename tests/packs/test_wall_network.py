"""A guest reaches nothing, and what it tried is in the receipt."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packs.echo_wall import echo_wall, lines


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_attempts_are_refused_and_listed(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    receipt = tmp_path / "job" / "receipt.json"
    ask = lines(
        f"!connect 127.0.0.1 {port}",
        f"!raw_connect 127.0.0.1 {port}",
        f"!udp 127.0.0.1 {port}",
        "!connect example.org 443",
    )
    with echo_wall(tmp_path) as wall:
        result = wall.call("echo", ask, receipt=receipt)
        wall.call("echo", lines(f"!raw_connect 127.0.0.1 {port}"), receipt=receipt)
    assert result.done.lines == ("PermissionError",) * 4
    with pytest.raises(TimeoutError):
        listener.accept()
    assert [(b["host"], b["port"], b["by"]) for b in result.blocked] == [
        ("127.0.0.1", port, "socket.getaddrinfo"),
        ("127.0.0.1", port, "socket.connect"),
        ("127.0.0.1", port, "socket.sendto"),
        ("example.org", 443, "socket.getaddrinfo"),
    ]
    written = json.loads(receipt.read_text())
    assert written["denied"] in {"namespace", "hook"}
    assert written["packs"] == ["echo"]
    assert len(written["attempts"]) == 5
    assert {"host", "port", "at", "by", "pack"} <= set(written["attempts"][0])


def test_a_quiet_call_leaves_an_empty_receipt_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_text("{half")
    with echo_wall(tmp_path) as wall:
        wall.call("echo", lines("quiet"), receipt=receipt)
    assert json.loads(receipt.read_text())["attempts"] == []


def test_another_program_is_held_by_the_namespace(tmp_path: Path, listener: socket.socket) -> None:
    receipt = tmp_path / "receipt.json"
    port = listener.getsockname()[1]
    with echo_wall(tmp_path) as wall:
        wall.call("echo", lines("warm up"), receipt=receipt)
        if json.loads(receipt.read_text())["denied"] != "namespace":
            pytest.skip("this system permits no network namespace")
        code = wall.call("echo", lines(f"!connect_child 127.0.0.1 {port}")).done.lines[0]
    assert code != "0"
    with pytest.raises(TimeoutError):
        listener.accept()


def test_local_sockets_and_the_user_stay(tmp_path: Path) -> None:
    with echo_wall(tmp_path) as wall:
        done = wall.call("echo", lines("!unix", "!uid")).done
    assert done.lines[0] == "local"
    if sys.platform != "win32":
        import os

        assert done.lines[1] == str(os.getuid())
