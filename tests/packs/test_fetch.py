"""Every way in which a server misbehaves: what is said, and that a retry goes on where it stopped."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dubwright.packs.fetch.fetcher import FetchState, Wanted
from dubwright_kit import Problem
from tests.packs.echo_wall import wait_until
from tests.packs.fetching import NAME, STALL_S, Fetching, noise, patience, settings, wanted
from tests.packs.misbehaving import Misbehaving, certificate, nobody
from tests.patience import COMES_S, STOPPED_S

SIZE = 300_000
OTHER = "other_project-2.0-py3-none-any.whl"


@pytest.fixture
def served() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.add(NAME, noise(SIZE, "a"))
        server.add(OTHER, noise(SIZE, "b"))
        yield server


@pytest.fixture
def fetching(served: Misbehaving, tmp_path: Path) -> Fetching:
    return Fetching(tmp_path / "downloads", settings(served))


def impatient(fetching: Fetching) -> Fetching:
    """One that waits for a stall to be one."""
    return Fetching(fetching.root, fetching.settings, patience(read_s=STALL_S))


def threads_end() -> bool:
    """They are told to, and get a second for it; then they are left behind, to end by themselves."""

    def ended() -> bool:
        return not any(one.name.startswith("fetch ") for one in threading.enumerate())

    return wait_until(ended, COMES_S)


@dataclass(frozen=True)
class Case:
    """A fault that stays: the Problem's code, words of its message, bytes that a retry still needs."""

    id: str
    fail: Callable[[Misbehaving], None]
    code: str
    words: tuple[str, ...]
    asks: int
    left_bytes: int = SIZE
    passing: bool = False


CASES = (
    Case("401", lambda s: s.fail(NAME, "status", 401), "pack-index-refused", ("401 Unauthorized",), 1),
    Case("403", lambda s: s.fail(NAME, "status", 403), "pack-index-refused", ("403 Forbidden",), 1),
    Case("404", lambda s: s.fail(NAME, "status", 404), "pack-not-on-index", ("404 Not Found",), 1),
    Case("410", lambda s: s.fail(NAME, "status", 410), "pack-not-on-index", ("410 Gone",), 1),
    Case(
        "429", lambda s: s.fail(NAME, "status", 429, Retry_After="0"),
        "pack-index-down", ("429 Too Many Requests",), 5, passing=True,
    ),
    Case(
        "429 for too long", lambda s: s.fail(NAME, "status", 429, Retry_After="3600"),
        "pack-index-down", ("429 Too Many Requests",), 1,
    ),
    Case(
        "503", lambda s: s.fail(NAME, "status", 503),
        "pack-index-down", ("503 Service Unavailable",), 5, passing=True,
    ),
    Case("wrong bytes", lambda s: s.fail(NAME, "wrong-bytes"), "pack-hash-mismatch", ("deleted",), 1),
    Case("one byte more", lambda s: s.fail(NAME, "wrong-size", 1), "pack-hash-mismatch", (), 1),
    Case("one byte less", lambda s: s.fail(NAME, "wrong-size", -1), "pack-hash-mismatch", (), 1),
    Case("login page", lambda s: s.fail(NAME, "web-page"), "pack-hash-mismatch", (), 1),
    Case("redirects", lambda s: s.fail(NAME, "redirect-loop"), "pack-redirects", ("sends from",), 1),
    # After each cut there is half of the rest: 1/2, 3/4, ... 31/32 are here after five.
    Case(
        "cut", lambda s: s.fail(NAME, "cut"), "pack-broken-download", ("broke off",), 5, 9375,
        passing=True,
    ),
    Case(
        "stall", lambda s: s.fail(NAME, "stall", 1000), "pack-stalled", ("stopped sending",), 3,
        SIZE - 3000, passing=True,
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_fault_is_named_and_the_retry_fetches_only_what_is_missing(
    case: Case, served: Misbehaving, fetching: Fetching
) -> None:
    if case.id == "stall":
        fetching = impatient(fetching)
    good = wanted(served, OTHER)
    fetching.fetch(good)
    case.fail(served)
    with pytest.raises(Problem) as caught:
        fetching.fetch(good, wanted(served))
    problem = caught.value
    host = served.root.removeprefix("http://")
    assert problem.code == case.code
    for word in (NAME, host, *case.words):
        assert word in problem.message
    assert problem.next_action is not None
    assert problem.next_action.to_json()["args"] == {"_": ["some-pack"]}
    assert problem.detail
    assert len(served.asks_for(NAME)) == case.asks
    if case.passing:
        assert any(host in note for note in fetching.notes)

    served.heal()
    files = fetching.fetch(good, wanted(served))
    assert [one.path.read_bytes() for one in files] == [served.files[OTHER], served.files[NAME]]
    assert (files[0].cached, files[1].received_bytes) == (True, case.left_bytes)
    assert served.sent == {NAME: case.left_bytes}
    assert list((fetching.root / "parts").iterdir()) == []


@pytest.mark.parametrize("kind", ["cut", "status", "stall"])
def test_what_passes_is_tried_again_without_a_word_from_anybody(
    kind: str, served: Misbehaving, fetching: Fetching
) -> None:
    if kind == "stall":
        fetching = impatient(fetching)
    served.fail(NAME, kind, {"status": 503, "stall": 1000}.get(kind), times=2)
    (file,) = fetching.fetch(wanted(served))
    assert file.path.read_bytes() == served.files[NAME]
    assert served.sent[NAME] == SIZE, "resumed, so nothing came twice"


def test_a_login_page_is_called_that(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "web-page")
    with pytest.raises(Problem) as caught:
        fetching.fetch(wanted(served))
    assert "login page of a network" in caught.value.detail


def test_the_server_may_ask_to_wait(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "status", 429, times=1, Retry_After="2")
    begun = time.monotonic()
    fetching.fetch(wanted(served))
    assert time.monotonic() - begun > 1.9
    assert any("asked to wait 2 s" in note for note in fetching.notes)
    assert fetching.states[-1].note == ""


def test_the_time_to_wait_may_be_a_date(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "status", 503, times=1, Retry_After="Thu, 01 Jan 2015 00:00:00 GMT")
    served.fail(NAME, "status", 503, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")
    with pytest.raises(Problem) as caught:
        fetching.fetch(wanted(served))
    assert "to be asked again in" in caught.value.detail
    assert len(served.asked) == 2, "the past is now; the far future is not waited for"


def test_waiting_that_a_server_asked_for_can_be_cancelled(
    served: Misbehaving, fetching: Fetching
) -> None:
    served.fail(NAME, "status", 503, Retry_After="50")
    begun = time.monotonic()

    def tick(state: FetchState) -> None:
        if "asked to wait 50 s" in state.note:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetching.fetcher.fetch([wanted(served)], tick)
    assert time.monotonic() - begun < STOPPED_S


@pytest.mark.parametrize("kind", ["stall", "silent"])
def test_a_stall_can_be_cancelled_and_what_arrived_stays(
    kind: str, served: Misbehaving, tmp_path: Path
) -> None:
    fetching = Fetching(tmp_path / "downloads", settings(served), patience(read_s=60.0))
    served.fail(NAME, "stall", 100_000 if kind == "stall" else 0)
    ticks: list[float] = []

    def tick(state: FetchState) -> None:
        ticks.append(time.monotonic())
        if len(ticks) > 4 and state.done_bytes == (100_000 if kind == "stall" else 0):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fetching.fetcher.fetch([wanted(served)], tick)
    assert time.monotonic() - ticks[-1] < STOPPED_S
    assert max(later - one for one, later in itertools.pairwise(ticks)) < STOPPED_S
    assert threads_end()
    served.heal()
    (file,) = fetching.fetch(wanted(served))
    assert file.received_bytes == (200_000 if kind == "stall" else SIZE)
    assert file.path.read_bytes() == served.files[NAME]


def test_a_slow_server_is_shown_with_rate_and_time_left(
    served: Misbehaving, fetching: Fetching
) -> None:
    served.fail(NAME, "slow", 0.06)
    fetching.fetch(wanted(served))
    moving = [state for state in fetching.states if state.rate_bytes_s and state.left_s]
    assert moving
    for state in moving:
        assert state.current == NAME
        assert (state.total_bytes, state.files_total) == (SIZE, 1)
        assert state.rate_bytes_s is not None
        assert 1_000 < state.rate_bytes_s < 5_000_000, "about 273,000 by an idle machine"
    assert fetching.states[-1].done_bytes == SIZE
    assert fetching.states[-1].files_done == 1


def test_one_failure_keeps_what_is_verified(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "status", 404)
    served.fail(NAME, "slow", 0.0)
    many = [f"p{number}-1.0-py3-none-any.whl" for number in range(12)]
    for name in many:
        served.add(name, noise(SIZE, name))
    with pytest.raises(Problem, match="404"):
        fetching.fetch(*(wanted(served, name) for name in many), wanted(served))
    before = sum(served.sent.values())
    served.heal()
    fetching.fetch(*(wanted(served, name) for name in many), wanted(served))
    assert before + sum(served.sent.values()) <= 13 * SIZE + 6 * SIZE, "six may have been cut"
    assert fetching.store.verified_bytes == 13 * SIZE


def test_a_server_that_tells_no_length(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "chunked", 100_000, times=1)
    served.fail(NAME, "chunked")
    one = Wanted(NAME, (served.file_url(NAME),))
    (file,) = fetching.fetch(one)
    assert file.path.read_bytes() == served.files[NAME], "half of it was not taken for the whole"
    assert fetching.states[-1].total_bytes == SIZE


def test_a_second_address_is_tried(served: Misbehaving, fetching: Fetching) -> None:
    served.fail(NAME, "status", 404)
    served.add("mirror.whl", served.files[NAME])
    one = wanted(served)
    urls = (*one.urls, served.file_url("mirror.whl"))
    (file,) = fetching.fetch(Wanted(NAME, urls, one.sha256))
    assert file.path.name == NAME
    assert [asked.name for asked in served.asked] == [NAME, "mirror.whl"]


def test_the_same_content_under_two_names_comes_once(
    served: Misbehaving, fetching: Fetching
) -> None:
    one = wanted(served)
    twin = Wanted("twin.whl", one.urls, one.sha256, SIZE)
    files = fetching.fetch(one, twin)
    assert [file.path.name for file in files] == [NAME, "twin.whl"]
    assert served.sent[NAME] == SIZE


def test_folders_serve_too(served: Misbehaving, fetching: Fetching, tmp_path: Path) -> None:
    one = wanted(served)
    place = tmp_path / "wheels" / NAME
    place.parent.mkdir()
    place.write_bytes(served.files[NAME])
    for url in (str(place), place.as_uri()):
        (file,) = fetching.fetch(Wanted(NAME, (url,), one.sha256, SIZE))
        assert file.path.read_bytes() == served.files[NAME]
        fetching.store.prune(set())
    place.write_bytes(b"x" * SIZE)
    with pytest.raises(Problem, match="not the file") as caught:
        fetching.fetch(Wanted(NAME, (str(place),), one.sha256, SIZE))
    assert caught.value.code == "pack-hash-mismatch"
    assert place.exists()


def test_nobody_answers(served: Misbehaving, fetching: Fetching) -> None:
    one = wanted(served)
    with nobody() as gone, pytest.raises(Problem) as caught:
        fetching.fetch(Wanted(NAME, (f"{gone}/files/{NAME}",), one.sha256))
    assert caught.value.code == "pack-no-network"
    assert gone.removeprefix("http://") in caught.value.message


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    if made is None:
        pytest.skip("no openssl program")
    with Misbehaving(tls=made) as served:
        served.add(NAME, noise(SIZE))
        fetching = Fetching(tmp_path / "downloads", settings(served))
        with pytest.raises(Problem) as caught:
            fetching.fetch(wanted(served))
        assert caught.value.code == "pack-tls"
        assert served.root.removeprefix("https://") in caught.value.message
        assert served.asked == []
        place = tmp_path / "trusted"
        place.mkdir()
        (place / "company.pem").write_bytes(made[0].read_bytes())
        host = served.root.removeprefix("https://")
        for word, env in enumerate(
            (
                {"SSL_CERT_FILE": str(made[0])},
                {"SSL_CERT_DIR": str(place)},
                {"PIP_CERT": str(made[0])},
                {"REQUESTS_CA_BUNDLE": str(made[0])},
                {"CURL_CA_BUNDLE": str(made[0])},
                {"PIP_TRUSTED_HOST": host},
                {"UV_INSECURE_HOST": "127.0.0.1"},
            )
        ):
            trusting = Fetching(tmp_path / f"downloads {word}", settings(served, **env))
            (file,) = trusting.fetch(wanted(served))
            assert file.received_bytes == SIZE


def test_a_stall_inside_tls_can_be_cancelled(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    if made is None:
        pytest.skip("no openssl program")
    with Misbehaving(tls=made) as served:
        served.add(NAME, noise(SIZE))
        served.fail(NAME, "stall", 100_000)
        said = settings(served, SSL_CERT_FILE=str(made[0]))
        fetching = Fetching(tmp_path / "downloads", said, patience(read_s=60.0))

        def tick(state: FetchState) -> None:
            if state.done_bytes == 100_000:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fetching.fetcher.fetch([wanted(served)], tick)
        assert threads_end()
        served.heal()
        (file,) = fetching.fetch(wanted(served))
        assert file.received_bytes == SIZE - 100_000


@pytest.mark.parametrize("seed", range(6))
def test_any_mix_of_passing_faults_ends_with_the_right_file(
    seed: int, served: Misbehaving, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    fetching = Fetching(tmp_path / "downloads", settings(served), patience(backoff_s=0.001))
    for known in (True, False):
        for kind in chance.choices(("cut", "status", "etag", "no-range"), k=4):
            status = chance.choice((500, 502, 503, 429))
            served.fail(NAME, kind, status if kind == "status" else None, times=1)
        (file,) = fetching.fetch(wanted(served, known=known))
        assert file.path.read_bytes() == served.files[NAME]
        fetching.store.prune(set())
        served.heal()
