"""The wall with real guests: what goes right, and every way in which a backend goes wrong."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.wall.call import GuestBug, Wall
from dubwright.packs.wall.guest import GuestFolders
from dubwright.packs.wall.guest_log import GuestLog
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import Problem
from tests.packs.echo_wall import alive, echo_spec, echo_wall, lines, wait_until
from tests.patience import COMES_S, STOPPED_S

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(autouse=True)
def whole_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guest has said is waited for as long as it takes to be read; a job gives it a second."""
    monkeypatch.setattr("dubwright.packs.wall.exchange._LOG_S", COMES_S)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def wall(shared_home: Path) -> Iterator[Wall]:
    with echo_wall(shared_home) as opened:
        yield opened


def pid_of(wall: Wall) -> int:
    return int(wall.call("echo", lines("!pid")).done.lines[0])


def problem_of(wall: Wall, *texts: str, log_path: Path | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        wall.call("echo", lines(*texts), log_path=log_path)
    return caught.value


def test_a_batch_comes_back_with_its_progress(wall: Wall) -> None:
    seen: list[tuple[float, float | None, str]] = []
    result = wall.call(
        "echo",
        lines("one", "two"),
        lambda done, total=None, note="": seen.append((done, total, note)),
    )
    assert result.done.lines == ("ONE", "TWO")
    assert seen[0] == (0.0, 2.0, "line 0")
    assert seen[-1] == (2.0, 2.0, "done")
    assert result.wall_s > 0
    assert result.blocked == ()


def test_progress_is_throttled_in_the_guest_and_ends_with_the_last(wall: Wall) -> None:
    seen: list[float] = []
    wall.call("echo", lines("!spin 200000"), lambda done, total=None, note="": seen.append(done))
    assert 2 <= len(seen) < 2_000, "ten times a second, for as long as a busy machine takes"
    assert seen[-1] == 1.0  # of the batch of one line


def test_a_warm_guest_is_used_again_and_a_closed_wall_leaves_none(shared_home: Path) -> None:
    with echo_wall(shared_home) as wall:
        first = pid_of(wall)
        assert pid_of(wall) == first
        assert first != os.getpid()
    assert not alive(first)
    with pytest.raises(RuntimeError, match="closed"):
        wall.call("echo", lines("late"))


def test_an_idle_guest_ends_after_a_while(shared_home: Path) -> None:
    with echo_wall(shared_home, idle_s=0.2) as wall:
        first = pid_of(wall)
        assert wait_until(lambda: not alive(first), COMES_S)
        assert pid_of(wall) != first


def test_a_guest_that_died_while_idle_is_replaced(wall: Wall) -> None:
    import psutil

    first = pid_of(wall)
    psutil.Process(first).kill()
    assert wait_until(lambda: not alive(first), COMES_S)
    assert pid_of(wall) != first


def test_three_calls_at_once_run_in_three_guests(wall: Wall) -> None:
    pids: list[str] = []
    barrier = threading.Barrier(3)

    def one() -> None:
        def report(done: float, total: float | None = None, note: str = "") -> None:
            if note == "sleeping" and not waited.is_set():
                waited.set()
                barrier.wait(COMES_S)  # passes only when all three run at the same time

        waited = threading.Event()
        pids.append(wall.call("echo", lines("!sleep 0.3"), report).done.lines[0])

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * COMES_S)
    assert len(set(pids)) == 3


def test_garbage_on_stdout_goes_to_the_log(wall: Wall, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    assert wall.call("echo", lines("!garbage"), log_path=log).done.lines == ("survived",)
    text = log.read_text(encoding="utf-8", errors="replace")
    for source in ("print", "write", "a child", *(["printf"] if sys.platform != "win32" else [])):
        assert f"garbage from {source}" in text
    assert "\x1e" not in text


def test_ten_megabytes_on_stderr_are_drained(wall: Wall, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    wall.call("echo", lines("!flood 10000000"), log_path=log)
    assert 10_000_000 <= log.stat().st_size < 10_001_000


def test_each_call_of_a_warm_guest_writes_its_own_log(wall: Wall, tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    pid = pid_of(wall)
    wall.call("echo", lines("!flood 200000"), log_path=first)
    wall.call("echo", lines("!garbage"), log_path=second)
    assert pid_of(wall) == pid
    assert first.read_bytes().count(b"x" * 99) == 2000
    assert b"xxx" not in second.read_bytes()
    assert b"garbage" not in first.read_bytes()


def test_unicode_and_a_large_ask_cross_unharmed(wall: Wall) -> None:
    odd = "ünïcödé 日本語 \u2028 \x1e 😀 \udcff line\nbreak"
    large = "é" * 5_000_000
    assert wall.call("echo", lines(odd, large)).done.lines == (odd.upper(), large.upper())


def test_peak_memory_is_that_of_the_call(wall: Wall) -> None:
    large = wall.call("echo", lines("!touch 200")).peak_rss_bytes
    assert large > 200_000_000
    small = wall.call("echo", lines("!touch 1")).peak_rss_bytes
    assert small > 1_000_000
    if sys.platform == "linux":
        assert small < 100_000_000


def test_the_guest_knows_its_models_and_is_told_to_stay_quiet(wall: Wall) -> None:
    spec = echo_spec()
    ask = lines("!environment DUBWRIGHT_PACK_MODELS", "!environment HF_HUB_OFFLINE")
    assert wall.call(spec, ask).done.lines == (str(spec.models), "1")


def test_only_a_host_guest_sees_the_engines(wall: Wall) -> None:
    ask = lines("!imports dubwright.engines")
    assert wall.call(echo_spec(env="host"), ask).done.lines == ("yes",)


def test_prepare_runs_in_the_guest(wall: Wall, tmp_path: Path) -> None:
    notes: list[str] = []
    wall.prepare("echo", tmp_path, lambda done, total=None, note="": notes.append(note))
    assert (tmp_path / "prepared.txt").read_text() == "ready"
    assert notes == ["writing"]


def test_a_problem_of_the_backend_arrives_whole_and_the_guest_stays(wall: Wall) -> None:
    pid = pid_of(wall)
    problem = problem_of(wall, "!problem")
    assert problem.code == "voice-not-found"
    assert problem.message == "There is no voice “ñandú”."
    assert problem.detail == "detail"
    assert problem.next_action is not None
    assert problem.next_action.to_json() == {
        "label": "list the voices",
        "verb": "voices",
        "args": {"_": ["abc"], "language": "es"},
    }
    assert pid_of(wall) == pid


def test_an_ordinary_exception_is_a_bug_with_its_traceback(wall: Wall, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    pid = pid_of(wall)
    with pytest.raises(GuestBug, match="an ordinary bug") as caught:
        wall.call("echo", lines("!raise"), log_path=log)
    assert "in _raise" in str(caught.value)
    assert "in _raise" in log.read_text()
    assert wait_until(lambda: not alive(pid), STOPPED_S)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("!exit 255", "exit code 255"),
        ("!sysexit 3", "exit code 3"),
        pytest.param("!kill SIGSEGV", "signal SIGSEGV", marks=posix),
        pytest.param("!kill SIGTERM", "signal SIGTERM", marks=posix),
    ],
)
def test_a_crash_is_a_problem_that_leads_to_the_log(
    shared_home: Path, line: str, words: str
) -> None:
    log = Home(shared_home).job("j123") / "job.log"
    with echo_wall(shared_home) as wall:
        problem = problem_of(wall, "fine", "!garbage", line, log_path=log)
        assert problem.code == "guest-crashed"
        assert words in problem.message
        assert "garbage from print" in problem.detail
        assert problem.next_action is not None
        assert (problem.next_action.verb, problem.next_action.args) == ("job log", {"_": ["j123"]})
        assert wall.call("echo", lines("again")).done.lines == ("AGAIN",)


def test_the_last_words_before_a_crash_are_in_the_problem_and_the_log(
    wall: Wall, tmp_path: Path
) -> None:
    log = tmp_path / "job.log"
    problem = problem_of(wall, "!flood 100000", "!exit 255", log_path=log)
    assert problem.detail.endswith("last words")
    assert len(problem.detail.splitlines()) == 200
    assert log.read_text().endswith("last words\n")


@pytest.mark.parametrize("line", [pytest.param("!kill SIGKILL", marks=posix), "!memory"])
def test_no_memory_is_a_problem_with_advice(shared_home: Path, line: str) -> None:
    log = Home(shared_home).job("j456") / "job.log"
    with echo_wall(shared_home) as wall:
        problem = problem_of(wall, line, log_path=log)
    assert problem.code == "guest-out-of-memory"
    assert "memory" in problem.message
    assert problem.next_action is not None
    assert (problem.next_action.verb, problem.next_action.args) == ("job retry", {"_": ["j456"]})


def test_a_guest_that_finds_and_scribbles_on_the_line_is_a_problem(wall: Wall) -> None:
    problem = problem_of(wall, "!scribble")
    assert problem.code == "guest-protocol"
    assert "scribbled over" in problem.message


def test_another_version_of_the_kit_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = GuestFolders(home).folder(echo_spec())
    kit = folder / "dubwright_kit" / "__init__.py"
    kit.write_text(kit.read_text().replace("KIT_VERSION = 1", "KIT_VERSION = 99"))
    with echo_wall(tmp_path) as wall:
        problem = problem_of(wall, "hello")
    assert problem.code == "guest-protocol"
    assert "version 99" in problem.message


def test_an_interpreter_that_is_not_there_or_says_nothing(tmp_path: Path) -> None:
    absent = GuestSpec("echo", echo_spec().folder, tmp_path / "no-python", tmp_path, "1", "own")
    with Wall(Home(tmp_path)) as wall, pytest.raises(Problem) as caught:
        wall.call(absent, lines("a"))
    assert caught.value.code == "guest-no-start"
    assert "no-python" in caught.value.message
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"


def test_a_guest_that_ends_or_stays_silent_before_its_hello(tmp_path: Path) -> None:
    folder = GuestFolders(Home(tmp_path)).folder(echo_spec())
    main = folder / "__main__.py"
    main.write_text("raise ImportError('a broken environment')\n")
    with echo_wall(tmp_path) as wall:
        ended = problem_of(wall, "a")
    assert ended.code == "guest-no-start"
    assert "a broken environment" in ended.detail
    main.write_text("import time\ntime.sleep(600)\n")
    with echo_wall(tmp_path, hello_timeout_s=0.5) as wall:
        silent = problem_of(wall, "a")
    assert silent.code == "guest-no-start"
    assert "silent for 0.5 s" in silent.message


def test_what_an_environment_prints_at_its_start_does_no_harm(tmp_path: Path) -> None:
    folder = GuestFolders(Home(tmp_path)).folder(echo_spec())
    main = folder / "__main__.py"
    main.write_text(
        "print('welcome to this environment')\n"
        + main.read_text().split('"""\n', 1)[1].replace("from __future__ import annotations\n", "")
    )
    log = tmp_path / "job.log"
    with echo_wall(tmp_path) as wall:
        assert wall.call("echo", lines("a"), log_path=log).done.lines == ("A",)
    assert "welcome to this environment" in log.read_text()


def test_what_a_guest_says_before_anybody_listens_is_kept(tmp_path: Path) -> None:
    read, write = os.pipe()
    log = GuestLog(os.fdopen(read, "rb"))
    os.write(write, b"ImportError: a broken environment\n")
    deadline = time.monotonic() + COMES_S
    while not log.tail():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    log.attach(tmp_path / "job.log", keep=True)
    os.write(write, b"the end\n")
    os.close(write)
    log.wait(None, COMES_S)
    assert log.tail() == "ImportError: a broken environment\nthe end"
    log.attach(tmp_path / "next.log")
    assert log.tail() == ""
    assert (tmp_path / "job.log").read_text() == "ImportError: a broken environment\nthe end\n"


def test_a_pack_that_came_without_its_init_file_is_a_package_all_the_same(tmp_path: Path) -> None:
    """Else a pack of one's own called builtin would run the shipped code of that name."""
    mine = tmp_path / "builtin"
    mine.mkdir()
    (mine / "backend.py").write_text("")
    spec = GuestSpec("builtin", mine, Path(sys.executable), tmp_path, "1", "host")
    folder = GuestFolders(Home(tmp_path)).folder(spec)
    assert (folder / "dubwright_packs" / "builtin" / "__init__.py").is_file()


def test_byte_code_that_a_full_disk_cut_off_is_no_obstacle(tmp_path: Path) -> None:
    with echo_wall(tmp_path) as wall:
        wall.call("echo", lines("a"))
    folder = GuestFolders(Home(tmp_path)).folder(echo_spec())
    kept = list((folder / "dubwright_packs").rglob("*.pyc"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:30])
    with echo_wall(tmp_path) as wall:
        assert wall.call("echo", lines("a")).done.lines == ("A",)
