"""Parts: gone on with by this process, by another after kill -9, and only when they belong together."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.packs.fetch.fetcher import FetchState, Wanted
from dubwright_kit import Problem
from tests.packs.fetching import NAME, Fetching, noise, settings, wanted
from tests.packs.misbehaving import Misbehaving
from tests.patience import COMES_S

ROOT = Path(__file__).resolve().parents[2]
SIZE = 400_000

FETCH = """
import sys
from pathlib import Path
from dubwright.packs.fetch.fetcher import Wanted
from dubwright.packs.fetch.settings import IndexSettings
from tests.packs.fetching import Fetching

folder, name, url, sha256 = sys.argv[1:]
(file,) = Fetching(Path(folder), IndexSettings()).fetch(Wanted(name, (url,), sha256))
print(file.received_bytes, file.cached)
"""


@pytest.fixture
def served() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.add(NAME, noise(SIZE))
        yield server


@pytest.fixture
def fetching(served: Misbehaving, tmp_path: Path) -> Fetching:
    return Fetching(tmp_path / "downloads", settings(served))


def other_process(folder: Path, one: Wanted) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, str(folder), one.name, one.urls[0], one.sha256],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
    )


def wait_for_part(fetching: Fetching, more_than: int) -> None:
    until = time.monotonic() + COMES_S
    while sum(fetching.store.part_sizes().values()) <= more_than:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="a kill that nothing can catch")
def test_kill_9_then_resume(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "slow", 0.06)
    process = other_process(fetching.root, wanted(served))
    wait_for_part(fetching, 50_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    had = sum(fetching.store.part_sizes().values())
    assert 0 < had < SIZE
    served.heal()
    (file,) = fetching.fetch(wanted(served))
    assert (file.received_bytes, served.sent[NAME]) == (SIZE - had, SIZE - had)
    assert [one.range for one in served.asked] == [f"bytes={had}-"]
    assert file.path.read_bytes() == served.files[NAME]


def test_two_processes_download_one_file_once(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "slow", 0.06)
    process = other_process(fetching.root, wanted(served))
    wait_for_part(fetching, 0)
    (file,) = fetching.fetch(wanted(served))
    assert file.cached
    assert fetching.notes == {"another installation is downloading it"}
    output, _ = process.communicate(timeout=COMES_S)
    assert output.split() == [str(SIZE), "False"]
    assert served.sent[NAME] == SIZE


def test_waiting_for_another_process_can_be_cancelled(
    served: Misbehaving, fetching: Fetching
) -> None:
    one = wanted(served)
    part = fetching.store.part(one.sha256)
    assert part.take()

    def tick(state: FetchState) -> None:
        if state.note:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fetching.fetcher.fetch([one], tick)
    part.close()
    fetching.fetch(one)


def cut_once(served: Misbehaving, fetching: Fetching, one: Wanted) -> None:
    """Leave the first half as a part."""
    fetching.connections._attempts = 1
    served.fail(NAME, "cut", times=1)
    with pytest.raises(Problem, match="broke off"):
        fetching.fetch(one)
    fetching.connections._attempts = 5
    assert list(fetching.store.part_sizes().values()) == [SIZE // 2]


@pytest.mark.parametrize("known", [True, False], ids=["known hash", "unknown hash"])
def test_the_rest_is_asked_for_if_the_file_is_still_the_same(
    known: bool, served: Misbehaving, fetching: Fetching
) -> None:
    cut_once(served, fetching, wanted(served, known=known))
    (file,) = fetching.fetch(wanted(served, known=known))
    last = served.asked[-1]
    assert (last.range, last.status) == (f"bytes={SIZE // 2}-", 206)
    assert last.headers["if-range"].startswith('"')
    assert (file.received_bytes, served.sent[NAME]) == (SIZE // 2, SIZE)
    assert file.path.read_bytes() == served.files[NAME]


@pytest.mark.parametrize("known", [True, False], ids=["known hash", "unknown hash"])
def test_a_file_that_changed_between_the_parts_begins_anew(
    known: bool, served: Misbehaving, fetching: Fetching
) -> None:
    cut_once(served, fetching, wanted(served, known=known))
    served.add(NAME, noise(SIZE, "new"))
    (file,) = fetching.fetch(wanted(served, known=known))
    assert file.path.read_bytes() == noise(SIZE, "new")
    # Another hash is another part; without one the server says 200 to If-Range.
    assert served.asked[-1].status == 200


def test_an_etag_that_changes_for_the_same_bytes_costs_time_but_works(
    served: Misbehaving, fetching: Fetching
) -> None:
    one = wanted(served)
    cut_once(served, fetching, one)
    served.fail(NAME, "etag")
    (file,) = fetching.fetch(one)
    assert [asked.status for asked in served.asked] == [200, 200]
    assert file.path.read_bytes() == served.files[NAME]


def test_a_server_without_ranges_begins_anew_and_it_is_logged(
    served: Misbehaving, fetching: Fetching
) -> None:
    cut_once(served, fetching, wanted(served))
    served.fail(NAME, "no-range")
    (file,) = fetching.fetch(wanted(served))
    assert file.received_bytes == SIZE
    assert any("begun anew" in line for line in fetching.lines)


def test_a_part_with_wrong_bytes_is_found_out_and_begun_anew(
    served: Misbehaving, fetching: Fetching
) -> None:
    one = wanted(served)
    cut_once(served, fetching, one)
    (path,) = (fetching.root / "parts").glob("*.part")
    path.write_bytes(b"x" * (SIZE // 2))
    (file,) = fetching.fetch(one)
    assert file.path.read_bytes() == served.files[NAME]
    assert [asked.status for asked in served.asked] == [200, 206, 200]


def test_a_part_that_is_the_whole_file_needs_no_more_bytes(
    served: Misbehaving, fetching: Fetching
) -> None:
    one = wanted(served)
    cut_once(served, fetching, one)
    (path,) = (fetching.root / "parts").glob("*.part")
    path.write_bytes(served.files[NAME])
    served.heal()
    (file,) = fetching.fetch(one)
    assert (file.received_bytes, served.sent[NAME]) == (0, 0)


def test_a_part_that_is_too_long_is_thrown_away(served: Misbehaving, fetching: Fetching) -> None:
    one = wanted(served)
    cut_once(served, fetching, one)
    (path,) = (fetching.root / "parts").glob("*.part")
    path.write_bytes(served.files[NAME] + b"more")
    (file,) = fetching.fetch(one)
    assert file.path.read_bytes() == served.files[NAME]


def test_an_unknown_hash_is_recorded_and_not_fetched_again(
    served: Misbehaving, fetching: Fetching
) -> None:
    (file,) = fetching.fetch(wanted(served, known=False))
    assert file.sha256 == hashlib.sha256(served.files[NAME]).hexdigest()
    assert not file.cached
    (again,) = fetching.fetch(wanted(served, known=False))
    assert again.cached
    assert served.asked[-1].status == 304
    assert served.sent[NAME] == SIZE
    served.add(NAME, noise(SIZE, "new"))
    (new,) = fetching.fetch(wanted(served, known=False))
    assert not new.cached
    assert new.path.read_bytes() == noise(SIZE, "new")


@pytest.mark.parametrize("header", ["X-Linked-ETag", "Repr-Digest", "Digest"])
def test_what_the_server_publishes_is_held_against_the_file(
    header: str, served: Misbehaving, fetching: Fetching
) -> None:
    import base64

    def says(data: bytes) -> dict[str, str]:
        digest = hashlib.sha256(data)
        coded = base64.b64encode(digest.digest()).decode()
        return {
            "X-Linked-ETag": {header: f'"{digest.hexdigest()}"'},
            "Repr-Digest": {header: f"sha-256=:{coded}:"},
            "Digest": {header: f"md5=x,SHA-256={coded}"},
        }[header]

    served.headers[NAME] = says(b"something else")
    with pytest.raises(Problem) as caught:
        fetching.fetch(wanted(served, known=False))
    assert caught.value.code == "pack-hash-mismatch"
    served.headers[NAME] = says(served.files[NAME])
    (file,) = fetching.fetch(wanted(served, known=False))
    assert file.published_sha256 == file.sha256


def test_a_hub_publishes_on_the_redirect(served: Misbehaving, fetching: Fetching) -> None:
    good = hashlib.sha256(served.files[NAME]).hexdigest()
    served.add("resolve", b"")
    served.fail("resolve", "redirect", f"/files/{NAME}", X_Linked_ETag=f'"{good}"')
    (file,) = fetching.fetch(Wanted(NAME, (served.file_url("resolve"),)))
    assert file.published_sha256 == good


@pytest.mark.skipif(sys.platform == "win32", reason="no small filesystems to mount")
def test_a_full_disk_keeps_the_part(served: Misbehaving, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        fetching = Fetching(place / "downloads", settings(served))
        with pytest.raises(OSError, match="No space left"):
            fetching.fetch(wanted(served))
        had = sum(fetching.store.part_sizes().values())
        assert had > 100_000
        subprocess.run(["mount", "-o", "remount,size=2m", str(place)], check=True)
        (file,) = fetching.fetch(wanted(served))
        assert file.received_bytes == SIZE - had
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_threads_that_were_left_behind_write_nothing(
    served: Misbehaving, fetching: Fetching
) -> None:
    """A stop closes the parts: whoever still has bytes cannot put them there."""
    part = fetching.store.part("a" * 64)
    assert part.take()
    part.open(lambda: None)
    part.write(b"one")
    part.close()
    failures: list[BaseException] = []

    def late() -> None:
        try:
            part.write(b"two")
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert [type(one).__name__ for one in failures] == ["HaltedError"]
    assert part.path.read_bytes() == b"one"
