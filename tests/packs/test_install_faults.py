"""Installs from a server that does everything wrong: what is shown, what is said, what is fetched again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.steps import InstallEvent
from dubwright_kit import Problem
from tests.packs.fetching import noise
from tests.packs.forward_proxy import ForwardProxy
from tests.packs.loopback import Index, TinyWheel, fit_wheel, own_pack, tiny_wheel, write_lock
from tests.packs.misbehaving import Misbehaving, certificate, nobody
from tests.packs.test_models import packed, sha256
from tests.packs.tiny import leftovers, value

WHEEL = "tiny_fit-2.0-py3-none-any.whl"
WEIGHTS = "tiny.tar.gz"
MEMBERS = {"model/checkpoint": b"model", "model/model.data": noise(500_000, "weights")}


@dataclass
class Scene:
    """Version 1 is installed; version 2 has three wheels, one of them large, and weights by URL."""

    home: Home
    served: Misbehaving
    packs: Packs
    temp: Path
    events: list[InstallEvent] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.served.root.partition("://")[2]

    def install(self) -> None:
        self.events.clear()
        self.packs.install(["tiny-pack"], events=self.events.append)

    def fails(self) -> Problem:
        """Install; return why it did not, after a look at what it left."""
        with pytest.raises(Problem) as caught:
            self.install()
        problem = caught.value
        action = problem.next_action
        assert action is not None
        assert (action.verb, action.args) == ("packs install", {"_": ["tiny-pack"]})
        assert problem.detail
        assert f"failed: {problem.code}: {problem.message}" in self.packs.log("tiny-pack")
        self.is_clean()
        status = self.packs.status("tiny-pack")
        assert (status.state, status.outdated) == ("installed", True)
        return problem

    def misbehave(self, name: str, case: Case) -> None:
        self.served.fail(name, case.kind, case.value)
        self.served.faults[name][-1].headers.update(case.headers)

    def is_clean(self) -> None:
        assert leftovers(self.home) == []
        assert list(self.temp.iterdir()) == []
        assert list(self.home.uv_cache.glob(".tmp*")) == []

    def parts(self) -> list[int]:
        folder = self.home.downloads / "parts"
        return [path.stat().st_size for path in folder.glob("*.part")]

    def works(self) -> None:
        """Install; the new version is there, whole."""
        self.install()
        assert value(self.packs) == 2.0
        models = self.home.pack("tiny-pack") / "models"
        for name, content in MEMBERS.items():
            assert (models / name).read_bytes() == content
        assert self.events[-1].step == "done"
        self.is_clean()
        assert self.parts() == []


def wheels() -> list[TinyWheel]:
    return [
        fit_wheel("2.0", 2, 1_200_000),
        *(tiny_wheel(name, "1.0", {f"{name}.py": noise(9_000).hex().encode()}) for name in ("a", "b")),
    ]  # fmt: skip


def scene_of(home: Home, folder: Path, index: Index, served: Misbehaving, temp: Path) -> Scene:
    """Everything that version 2 needs is served by ``served``."""
    made = wheels()
    for one in made:
        served.add(one.name, one.data)
    archive = packed(MEMBERS)
    served.add(WEIGHTS, archive)
    own_pack(folder, made[0])
    write_lock(folder, "lock.txt", *made)
    members = "\n".join(f'"{name}" = "{sha256(one)}"' for name, one in MEMBERS.items())
    with (folder / "pack.toml").open("a", encoding="utf-8") as manifest:
        manifest.write(f"""
[[weights]]
name = "{WEIGHTS}"
url = "{served.file_url(WEIGHTS)}"
title = "Weights"
licence = "MIT"
source = "https://example.org"
sha256 = "{sha256(archive)}"
size_bytes = {len(archive)}
unpacked_bytes = {sum(map(len, MEMBERS.values()))}
unpack = "tar.gz"

[weights.members]
{members}
""")
    assert index.installed is not None
    shutil.copytree(index.installed, home.pack("tiny-pack"), symlinks=True)
    temp.mkdir()
    return Scene(home, served, Packs(home, [folder]), temp)


@pytest.fixture
def served() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def scene(
    home: Home,
    folder: Path,
    index: Index,
    served: Misbehaving,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    impatient(monkeypatch, served, tmp_path)
    return scene_of(home, folder, index, served, tmp_path / "temp")


def impatient(patch: pytest.MonkeyPatch, served: Misbehaving, tmp_path: Path) -> None:
    """A file is tried twice. How long a silence is a stall is another matter: that of the test of one."""
    patch.setenv("UV_DEFAULT_INDEX", served.url)
    patch.setenv("UV_HTTP_RETRIES", "1")
    patch.setenv("UV_HTTP_TIMEOUT", "20")
    patch.setenv("TMPDIR", str(tmp_path / "temp"))
    patch.setattr("tempfile.tempdir", None)


@dataclass(frozen=True)
class Case:
    """A fault that stays. ``left`` is how much of a file (by its size) a retry still needs; ``note`` is
    what is shown while it is tried again ("" where it is not)."""

    id: str
    kind: str
    value: Any
    code: str
    words: str
    note: str = ""
    left: Callable[[int], int] = int
    headers: dict[str, str] = field(default_factory=dict)


CASES = (
    Case("stall", "stall", 1 << 14, "pack-stalled", "stopped sending", "stopped sending: trying",
         lambda size: size - (2 << 14)),
    # After two tries three quarters are here.
    Case("cut", "cut", None, "pack-broken-download", "broke off", "broke: trying again",
         lambda size: size - size // 2 - (size - size // 2) // 2),
    Case("wrong bytes", "wrong-bytes", None, "pack-hash-mismatch", "not the file"),
    Case("wrong size", "wrong-size", 100, "pack-hash-mismatch", "not the file"),
    Case("401", "status", 401, "pack-index-refused", "401 Unauthorized"),
    Case("403", "status", 403, "pack-index-refused", "403 Forbidden"),
    Case("404", "status", 404, "pack-not-on-index", "404 Not Found"),
    Case(
        "429", "status", 429, "pack-index-down", "429 Too Many Requests",
        "answered 429 Too Many Requests: it asked to wait 1 s", headers={"Retry-After": "1"},
    ),
    Case(
        "503", "status", 503, "pack-index-down", "503 Service Unavailable",
        "answered 503 Service Unavailable: trying again",
    ),
    Case("redirects", "redirect-loop", None, "pack-redirects", "never to the file"),
)  # fmt: skip


LOGIN_PAGE = Case("login page", "web-page", None, "pack-hash-mismatch", "not the file")


@pytest.mark.parametrize(
    "case", [*CASES, pytest.param(LOGIN_PAGE, marks=pytest.mark.slow)], ids=lambda case: case.id
)
def test_a_fault_is_shown_and_named_and_a_retry_fetches_what_is_missing(
    case: Case, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.kind == "stall":
        monkeypatch.setenv("UV_HTTP_TIMEOUT", "2")
    served = scene.served
    sizes = {name: len(data) for name, data in served.files.items()}
    scene.misbehave(WEIGHTS, case)
    is_told(case, WEIGHTS, scene, scene.fails())
    assert sum(scene.parts()) == sizes[WEIGHTS] - case.left(sizes[WEIGHTS])

    served.heal()
    scene.misbehave(WHEEL, case)
    is_told(case, WHEEL, scene, scene.fails())
    assert served.sent[WEIGHTS] == case.left(sizes[WEIGHTS])
    assert sum(scene.parts()) == sizes[WHEEL] - case.left(sizes[WHEEL])
    assert value(scene.packs) == 1.0

    served.heal()
    scene.works()
    assert served.sent[WHEEL] == case.left(sizes[WHEEL])
    assert served.sent[WEIGHTS] == 0, "these were verified"


def is_told(case: Case, name: str, scene: Scene, problem: Problem) -> None:
    """The file and the server stand in the Problem, and in what was shown before."""
    assert problem.code == case.code
    for word in (name, scene.host, case.words):
        assert word in problem.message
    shown = scene.events[-1]
    assert (shown.pack, shown.step) == ("tiny-pack", "download")
    if case.note:
        told = [event for event in scene.events if case.note in event.note]
        assert told
        assert scene.host in told[0].note
        assert told[0].file == name
        assert (told[0].total_bytes or 0) >= len(scene.served.files[name])


@pytest.mark.parametrize(
    ("kind", "value", "code", "words", "note"),
    [
        pytest.param("status", 401, "pack-index-refused", "401", "", marks=pytest.mark.slow),
        pytest.param("status", 403, "pack-index-refused", "403", "", marks=pytest.mark.slow),
        pytest.param("status", 404, "pack-not-on-index", WHEEL, "", marks=pytest.mark.slow),
        ("status", 429, "pack-index-down", "429", "it asked to wait 1 s"),
        ("status", 503, "pack-index-down", "503", "it asked to wait 1 s"),
        pytest.param(
            "redirect-loop", None, "pack-redirects", "never to the file", "", marks=pytest.mark.slow
        ),
    ],
)
def test_an_index_that_does_not_answer(
    kind: str, value: Any, code: str, words: str, note: str, scene: Scene
) -> None:
    page = "/simple/tiny-fit/"
    scene.served.fail(page, kind, value, Retry_After="1")
    problem = scene.fails()
    assert problem.code == code
    assert words in problem.message
    assert scene.host in problem.message
    assert scene.events[-1].step == "resolve"
    assert not note or [event for event in scene.events if note in event.note]
    sent = scene.served.sent
    assert (sent[WHEEL], sent[WEIGHTS]) == (0, len(scene.served.files[WEIGHTS]))
    scene.served.heal()
    scene.works()
    assert scene.served.sent[WEIGHTS] == 0


def test_a_slow_server_is_shown_with_rate_and_time_left(scene: Scene) -> None:
    scene.served.fail(WEIGHTS, "slow", 0.03)
    scene.served.fail(WHEEL, "slow", 0.012)
    scene.works()
    for name in (WEIGHTS, WHEEL):
        moving = [event for event in scene.events if event.file == name and event.rate_bytes_s]
        assert moving
        assert all(event.step == "download" for event in moving)
        assert all(event.left_s is not None for event in moving)
        assert {event.total_bytes for event in moving} != {None}
        done = [event.done_bytes or 0 for event in moving]
        assert done == sorted(done)
        assert scene.served.sent[name] == len(scene.served.files[name])


def test_a_server_that_gives_no_parts_is_asked_for_the_whole_again(scene: Scene) -> None:
    for name in (WEIGHTS, WHEEL):
        scene.served.fail(name, "cut", times=1)
        scene.served.fail(name, "no-range")
    scene.works()
    for name in (WEIGHTS, WHEEL):
        size = len(scene.served.files[name])
        assert scene.served.sent[name] == size // 2 + size, "half of it could not be used"
        assert f"{name}: begun anew, {scene.host} gives no part of it" in scene.packs.log(
            "tiny-pack"
        )


def test_a_proxy_that_wants_a_login(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with ForwardProxy(login=("me", "right")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.with_login("me", "wrong"))
        problem = scene.fails()
        assert problem.code == "pack-index-refused"
        host = proxy.url.partition("://")[2]
        assert f"the proxy {host} answered 407 Proxy Authentication Required" in problem.message
        assert WEIGHTS in problem.message
        assert scene.events[-1].step == "download"
        assert "wrong" not in problem.message + problem.detail + scene.packs.log("tiny-pack")
        assert scene.served.asked == []
        monkeypatch.setenv("HTTP_PROXY", proxy.with_login("me", "right"))
        scene.works()
        assert f"GET {scene.served.file_url(WHEEL)}" in proxy.asked
        assert "right" not in scene.packs.log("tiny-pack")


def test_a_certificate_of_an_unknown_authority(
    home: Home, folder: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path)
    if made is None:
        pytest.skip("no openssl program")
    with Misbehaving(tls=made) as served:
        impatient(monkeypatch, served, tmp_path)
        scene = scene_of(home, folder, index, served, tmp_path / "temp")
        problem = scene.fails()
        assert problem.code == "pack-tls"
        assert scene.host in problem.message
        assert WEIGHTS in problem.message
        assert problem.next_action is not None
        assert "SSL_CERT_FILE" in problem.next_action.label
        assert served.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
        scene.works()
        assert served.sent[WEIGHTS] == len(served.files[WEIGHTS])


@pytest.mark.slow
def test_a_server_that_is_gone(scene: Scene) -> None:
    manifest = scene.packs.manifest("tiny-pack").folder / "pack.toml"
    text = manifest.read_text("utf-8")
    with nobody() as gone:
        manifest.write_text(text.replace(scene.served.root, gone), "utf-8")
        scene.packs = Packs(scene.home, [manifest.parent])
        problem = scene.fails()
    assert problem.code == "pack-no-network"
    assert gone.partition("://")[2] in problem.message
    manifest.write_text(text, "utf-8")
    scene.packs = Packs(scene.home, [manifest.parent])
    scene.works()
