"""``packs install`` as a person and as a program use it, against a loopback index."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from dubwright.cli.face import Face
from dubwright.cli.installing import bars, state, words
from dubwright.home import Home
from dubwright.jobs.model import JobEvent
from dubwright.studio.installs import PackProgress
from dubwright.studio.work import Handle
from dubwright_kit import Problem
from tests.cli.program import Program
from tests.packs.conftest import home, index, uv, version_1
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.test_offline import MINE, OFFICIAL, WEIGHTS, laid
from tests.packs.tiny import measured
from tests.patience import COMES_S

__all__ = ["home", "index", "uv", "version_1"]  # fixtures


@pytest.fixture
def names(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two packs that the index has; the second is not ticked."""
    measured(Home.find(tmp_path / "home"))
    folders = []
    for number, name in enumerate(("one_pack", "two_pack")):
        wheel = fit_wheel(f"{number}.0", number, 100_000)
        index.wheels.append(wheel)
        folders.append(own_pack(tmp_path / "packs" / name, wheel))
    path = folders[1] / "pack.toml"
    path.write_text("ticked = false\n" + path.read_text("utf-8"), "utf-8")
    monkeypatch.setenv("DUBWRIGHT_PACKS", os.pathsep.join(map(str, folders)))
    return "one-pack", "two-pack"


def test_a_program_gets_one_document_and_events_as_lines(
    program: Program, names: tuple[str, str]
) -> None:
    outcome = program.run("packs", "install", *names, "--json", "--progress", "json")
    assert outcome.code == 0, outcome
    document = outcome.json
    assert set(document) == {"job", "packs"}
    assert [one["name"] for one in document["packs"]] == list(names)
    for one in document["packs"]:
        assert set(one) == {"name", "state", "disk_bytes", "estimated_disk_bytes"}
        assert one["state"] == "installed"
        assert one["disk_bytes"] > 100_000
        assert one["estimated_disk_bytes"] > 100_000
    details = [json.loads(line)["detail"] for line in outcome.err.splitlines()]
    told = [detail for detail in details if detail is not None]
    assert {detail["pack"] for detail in told} == set(names)
    assert {"pack", "step", "done_bytes", "total_bytes", "rate_bytes_s", "left_s", "file"} <= set(
        told[0]
    )
    again = program.ok("packs", "install", *names)
    assert [one["state"] for one in again["packs"]] == ["installed", "installed"]


def test_a_person_reads_the_bill_then_each_pack(
    program: Program, names: tuple[str, str], index: Index
) -> None:
    index.faults[index.wheels[1].name] = "404"
    outcome = program.run("packs", "install", *names)
    assert outcome.code == 1
    assert "Confirm" not in outcome.err
    assert "In all" in outcome.err
    assert "\n  check that it works\n" in outcome.err
    assert "one-pack: done" in outcome.err
    assert "two-pack: failed" in outcome.err
    assert outcome.out == ""
    retry = outcome.err.splitlines()[-1].strip()
    assert " job retry " in retry
    index.faults.clear()
    done = program.typed(retry)
    assert done.code == 0, done
    assert done.json["state"] == "done"
    again = program.run("packs", "install", *names)
    assert again.code == 0
    assert "There is nothing to install." in again.err


def test_a_failure_is_a_problem_in_json(
    program: Program, names: tuple[str, str], index: Index
) -> None:
    index.faults.update({wheel.name: "404" for wheel in index.wheels})
    outcome = program.run("packs", "install", *names, "--json")
    assert outcome.code == 1
    assert outcome.problem["code"] == "packs-failed"
    assert outcome.problem["next_action"]["verb"] == "job retry"


def test_detached_it_is_only_enqueued(program: Program, names: tuple[str, str]) -> None:
    first = program.ok("packs", "install", names[0], "--detach")
    assert program.ok("packs", "install", names[0], "--detach")["job"] == first["job"]
    (job,) = program.ok("jobs")["jobs"]
    assert (job["type"], job["state"]) == ("install_packs", "queued")
    assert job["options"] == {"names": [names[0]]}


def test_the_plan_lists_what_is_not_ticked_and_does_not_sum_it(
    program: Program, names: tuple[str, str]
) -> None:
    bill = program.ok("packs", "plan")
    by_name = {one["name"]: one for one in bill["packs"]}
    assert by_name["one-pack"]["ticked"]
    assert not by_name["two-pack"]["ticked"]
    assert bill["download_bytes"] == sum(
        one["download_bytes"] for one in bill["packs"] if one["ticked"] and not one["installed"]
    )
    named = program.ok("packs", "plan", "two-pack")
    assert named["download_bytes"] == by_name["two-pack"]["download_bytes"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_the_question_whether_to_stop_has_a_line_of_its_own(
    program: Program, names: tuple[str, str], index: Index
) -> None:
    index.pause_s = 4.0  # longer than a busy machine takes to ask
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "dubwright.cli.main", "packs", "install", names[0], "--yes"]
    environment = {**os.environ, "DUBWRIGHT_HOME": str(program.home), "COLUMNS": "80"}
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen, asked, answered = b"", False, False
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break  # Linux: the other end is closed
        if not piece:
            break
        seen += piece
        if b"downloading" in seen and not asked:
            asked = True
            process.send_signal(signal.SIGINT)
        if b"Stop this job?" in seen and not answered:
            answered = True
            os.write(ours, b"y\n")
    os.close(ours)
    assert process.wait(COMES_S) == 130
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r", "")
    assert "\nStop this job? [y/n] (y): y\nStopping ...\n" in text, text
    assert "one-pack cancelled" in text
    assert "Stopped; what is finished is kept." in text


def test_from_files_nothing_is_said_to_be_downloaded(
    program: Program, names: tuple[str, str], tmp_path: Path, index: Index
) -> None:
    wheel = index.wheels[0]
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / wheel.name).write_bytes(wheel.data)
    outcome = program.run("packs", "install", names[0], "--from", folder)
    assert outcome.code == 0, outcome
    assert f"Nothing is downloaded: files are taken from {folder}." in outcome.err
    assert "read 1 file" in outcome.err
    assert "The download takes" not in outcome.err
    assert index.served == {}
    assert "freed." in program.run("packs", "remove", names[0]).out
    assert "was not installed" in program.run("packs", "remove", names[0]).out


def test_the_bill_says_what_becomes_of_weights(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = laid(tmp_path / "packs" / "tiny_weights", {"pack.toml": WEIGHTS.encode()})
    monkeypatch.setenv("DUBWRIGHT_PACKS", str(folder))
    measured(program_home := Home.find(program.home))
    mine = laid(tmp_path / "mine", {f"2stems/{name}": one for name, one in MINE.items()})
    listed = laid(tmp_path / "listed", {"2stems.tar.gz": OFFICIAL})
    size_bytes = sum(map(len, MINE.values()))

    def install(*words: str | Path) -> str:
        outcome = program.run("packs", "install", "tiny-weights", *words, "--yes")
        assert outcome.code == 0, outcome
        return outcome.err

    said = install("--from", mine, "--own-weights")
    assert f"take your own weights, {size_bytes:,} B, and note their hashes" in said
    assert "checked by hash" not in said
    assert "There is nothing to install." in install()
    said = install("--from", mine, "--own-weights")
    assert "nothing to install" not in said
    assert "your own weights are replaced by those in the files" in said
    (program_home.pack("tiny-weights") / "models" / "2stems" / next(iter(MINE))).unlink()
    said = install("--from", listed)
    assert "your own weights are replaced by the official ones" in said
    assert f"read 1 file, {len(OFFICIAL):,} B, checked by hash" in said


def test_wrong_words(program: Program, names: tuple[str, str]) -> None:
    assert program.run("packs", "install", names[0], "--own-weights").code == 2
    assert program.run("packs", "install", "--json").problem["code"] == "nothing-to-install"
    assert program.run("packs", "install", "nope", "--json").problem["code"] == "pack-unknown"
    missing = program.run("packs", "install", names[0], "--from", "nowhere.zip", "--json")
    assert missing.problem["code"] == "supply-missing"
    folder = {"DUBWRIGHT_PACKS": str(program.home)}
    assert program.run("packs", "--json", env=folder).problem["code"] == "pack-folder-invalid"


def test_what_is_said_of_a_download() -> None:
    pack = PackProgress(
        "one-pack", "downloading", "j", 0.3, 1_500_000, 6_000_000, 750_000.0, 6.0, "a.whl"
    )
    assert words(pack) == "1.5 of 6.0 MB, 750.0 kB/s, 0:06 left, a.whl"
    small = PackProgress("one-pack", "downloading", "j", 0.3, 950, 6_000_000)
    assert words(small) == "950 B of 6.0 MB"
    assert words(PackProgress("one-pack", "downloading")) == ""
    failed = PackProgress("one-pack", "failed", problem=Problem("x", "It is gone."))
    assert words(failed) == "It is gone."
    assert state(PackProgress("one-pack", "resolve")) == "looking up"
    assert state(PackProgress("one-pack", "checking")) == "checking"


@dataclass(frozen=True)
class Shown:
    """As much of a face and a handle as bars look at."""

    err: Console
    pack: PackProgress

    def packs(self) -> tuple[PackProgress, ...]:
        return (self.pack,)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_long_file_name_leaves_room_for_the_rest(width: int) -> None:
    pack = PackProgress(
        "spleeter-tensorflow",
        "downloading",
        "j",
        0.3,
        1_500_000,
        6_000_000,
        750_000.0,
        6.0,
        "a-very-long-name-of-a-wheel-" * 4,
    )
    out = io.StringIO()
    shown = Shown(Console(file=out, width=width, force_terminal=True, soft_wrap=True), pack)
    with bars(cast("Face", shown), cast("Handle", shown)) as show:
        show(JobEvent(1, "j", 1.0, "progress", "", 0.3, 1.0, ""))
    line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).splitlines()[-1]
    assert len(line) <= width
    for part in ("spleeter-tensorflow", "downloading", " 30 %", "1.5 of 6.0 MB"):
        assert part in line, line
    assert "750.0 kB/s, 0:06" in line
