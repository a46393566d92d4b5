"""Proxies, logins, redirects to other hosts, no network, and no connection before anything is asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.crew import Halt
from dubwright.packs.fetch.fetcher import Wanted
from dubwright_kit import Problem
from tests.packs.fetching import NAME, Fetching, noise, settings, wanted
from tests.packs.forward_proxy import ForwardProxy
from tests.packs.misbehaving import Misbehaving, certificate, nobody
from tests.patience import COMES_S

ROOT = Path(__file__).resolve().parents[2]
SIZE = 50_000


@pytest.fixture
def served() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.add(NAME, noise(SIZE))
        yield server


def test_a_proxy_is_used_with_its_login(served: Misbehaving, tmp_path: Path) -> None:
    with ForwardProxy(login=("me", "p@ss")) as proxy:
        for number, name in enumerate(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "PIP_PROXY")):
            env = {name: proxy.with_login("me", "p%40ss")}
            fetching = Fetching(tmp_path / f"downloads {number}", settings(served, **env))
            fetching.fetch(wanted(served))
            assert proxy.asked == [f"GET {served.file_url(NAME)}"]
            proxy.asked.clear()


@pytest.mark.parametrize("login", ["", "me:wrong@"])
def test_a_proxy_that_refuses_is_named_not_the_index(
    login: str, served: Misbehaving, tmp_path: Path
) -> None:
    with ForwardProxy(login=("me", "right")) as proxy:
        url = proxy.url.replace("://", f"://{login}")
        fetching = Fetching(tmp_path / "downloads", settings(served, HTTP_PROXY=url))
        with pytest.raises(Problem) as caught:
            fetching.fetch(wanted(served))
    problem = caught.value
    assert problem.code == "pack-index-refused"
    assert f"the proxy {proxy.url.removeprefix('http://')} answered 407" in problem.message
    assert problem.next_action is not None
    assert "HTTPS_PROXY" in problem.next_action.label
    assert "wrong" not in problem.message + problem.detail + "".join(fetching.lines)
    assert served.asked == []


def test_tls_goes_through_a_tunnel(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    if made is None:
        pytest.skip("no openssl program")
    with Misbehaving(tls=made) as served, ForwardProxy(login=("me", "right")) as proxy:
        served.add(NAME, noise(SIZE))
        trust = {"SSL_CERT_FILE": str(made[0])}
        with pytest.raises(Problem) as caught:
            Fetching(tmp_path / "one", settings(served, HTTPS_PROXY=proxy.url, **trust)).fetch(
                wanted(served)
            )
        assert caught.value.code == "pack-index-refused"
        assert "the proxy 127.0.0.1" in caught.value.message
        assert "407" in caught.value.message
        url = proxy.with_login("me", "right")
        fetching = Fetching(tmp_path / "two", settings(served, HTTPS_PROXY=url, **trust))
        fetching.fetch(wanted(served))
        assert proxy.asked == [f"CONNECT {served.root.removeprefix('https://')}"]


@pytest.mark.parametrize("rule", ["127.0.0.1", "*", "127.0.0.0/8", "example.org, 127.0.0.1"])
def test_no_proxy(rule: str, served: Misbehaving, tmp_path: Path) -> None:
    with ForwardProxy() as proxy:
        said = settings(served, HTTP_PROXY=proxy.url, NO_PROXY=rule)
        Fetching(tmp_path / "downloads", said).fetch(wanted(served))
        assert proxy.asked == []


def test_a_proxy_that_is_not_there_and_one_that_cannot_be_used(
    served: Misbehaving, tmp_path: Path
) -> None:
    with nobody() as gone:
        for url, code in (
            (gone, "pack-no-network"),
            ("socks5://127.0.0.1:9", "pack-proxy-unusable"),
        ):
            fetching = Fetching(tmp_path / "downloads", settings(served, HTTP_PROXY=url))
            with pytest.raises(Problem) as caught:
                fetching.fetch(wanted(served))
            assert caught.value.code == code
            assert url.rpartition("/")[2] in caught.value.message


def test_logins_of_the_index_address_and_of_netrc(served: Misbehaving, tmp_path: Path) -> None:
    served.login = ("me", "p@ss:word")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password p@ss:word\n")
    in_address = served.url.replace("://", "://me:p%40ss%3Aword@")
    for number, env in enumerate(({"UV_DEFAULT_INDEX": in_address}, {"NETRC": str(netrc)})):
        fetching = Fetching(tmp_path / f"downloads {number}", settings(served, **env))
        fetching.fetch(wanted(served))
        assert "p@ss" not in fetching.settings.origin + "".join(fetching.lines)
        assert "p%40ss" not in fetching.settings.origin + "".join(fetching.lines)
    with pytest.raises(Problem) as caught:
        Fetching(tmp_path / "downloads", settings(served)).fetch(wanted(served))
    assert caught.value.code == "pack-index-refused"
    assert served.root.removeprefix("http://") in caught.value.message


def test_a_login_is_not_sent_to_where_a_redirect_leads(served: Misbehaving, tmp_path: Path) -> None:
    with Misbehaving(login=("me", "secret")) as index:
        index.add(NAME, noise(SIZE))
        index.fail(NAME, "redirect", served.file_url(NAME))
        env = {"UV_DEFAULT_INDEX": index.url.replace("://", "://me:secret@")}
        fetching = Fetching(tmp_path / "downloads", settings(index, **env))
        fetching.fetch(wanted(index))
        assert "authorization" in index.asked[0].headers
        assert "authorization" not in served.asked[0].headers
        assert served.asked[0].headers["user-agent"].startswith("dubwright/")


def test_a_redirect_to_a_file_on_this_machine_is_not_followed(
    served: Misbehaving, tmp_path: Path
) -> None:
    served.fail(NAME, "redirect", "file:///etc/passwd")
    with pytest.raises(Problem) as caught:
        Fetching(tmp_path / "downloads", settings(served)).fetch(wanted(served))
    assert caught.value.code == "pack-redirects"


NO_NETWORK = """
import sys
from pathlib import Path
from dubwright.packs.fetch.fetcher import Wanted
from dubwright.packs.fetch.settings import IndexSettings
from dubwright_kit import Problem
from tests.packs.fetching import Fetching

for host in ("files.invalid", "192.0.2.1"):
    try:
        Fetching(Path(sys.argv[1]), IndexSettings(), {}).fetch(Wanted("x", (f"https://{host}/x.whl",)))
    except Problem as problem:
        print(problem.code, problem.message)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no network namespaces")
def test_no_network_is_said_quickly(tmp_path: Path) -> None:
    command = ["unshare", "-n", sys.executable, "-c", NO_NETWORK, str(tmp_path)]
    begun = time.monotonic()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    if "unshare" in done.stderr:
        pytest.skip("may not make a network namespace")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["pack-no-network"] * 2
    assert "no connection to files.invalid" in done.stdout
    assert time.monotonic() - begun < COMES_S, "it was not tried for minutes"


QUIET = """
import sys

opened = []
sys.addaudithook(lambda name, facts: opened.append(name) if name.startswith("socket.") else None)
from pathlib import Path
from dubwright.packs.fetch.fetcher import Fetcher
from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.index import Index
from dubwright.packs.fetch.remote_zip import measure
from dubwright.packs.fetch.settings import index_settings
from dubwright.packs.fetch.store import Store

connections = Connections(index_settings())
store = Store(Path(sys.argv[1]) / "downloads")
Fetcher(store, connections, print)
Index(connections, print)
assert store.find("a" * 64, "x") is None
assert store.sizes() == {} and store.verified_bytes == 0
assert not {"urllib3", "truststore", "http.client"} & sys.modules.keys()
assert not store.root.exists()
print(opened)
"""


def test_making_all_of_it_opens_no_connection_and_loads_no_network_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)},
    )
    assert done.stdout == "[]\n", done.stderr


def test_connections_are_kept_and_used_again(served: Misbehaving, tmp_path: Path) -> None:
    names = [f"p{number}-1.0-py3-none-any.whl" for number in range(5)]
    ports = set()
    for name in names:
        served.add(name, noise(100, name))
    connections = Connections(settings(served))
    for name in names:
        with connections.open(served.file_url(name), {}, Halt()) as answer:
            ports.add(id(answer._response.connection))
            assert answer.read(1000) == served.files[name]
    assert len(ports) == 1


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/x", "http://[x/"])
def test_an_address_that_is_none(url: str, served: Misbehaving, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        Fetching(tmp_path / "downloads", settings(served)).fetch(Wanted("x.whl", (url,)))
    assert caught.value.code == "pack-not-on-index"
    assert "x.whl" in caught.value.message
