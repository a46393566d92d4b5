"""Simple repositories in HTML and JSON, folders of wheels, and the sizes of remote zips."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.index import Index, Sought
from dubwright.packs.fetch.remote_zip import Unmeasured, ZipSizes, measure, measure_all
from dubwright.packs.fetch.simple_page import IndexFile, project_of, read_page
from dubwright_kit import Problem
from tests.packs.fetching import NAME, again, noise, patience, settings
from tests.packs.misbehaving import Misbehaving, nobody

PROJECT = "some-project"
PAGE = "/simple/some-project/"
HASH = "a" * 64


@pytest.fixture
def served() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


def index_of(served: Misbehaving, **env: str) -> Index:
    return Index(Connections(settings(served, **env), **patience()), again)


def test_html() -> None:
    page = f"""<!DOCTYPE html><html><head><base href="../files/"></head><body>
    <!-- <a href="hidden-1.0-py3-none-any.whl">no</a> -->
    <a href="one-1.0-py3-none-any.whl#sha256={HASH.upper()}" data-requires-python="&gt;=3.8">one</a>
    <A  data-requires-python=">=3.9" data-yanked=""
        HREF='https://other.example/x/two%2B-1.0.tar.gz#md5=1'>two</A>
    <a href="three.exe">three</a> <a name="here">here</a> <abbr href="four-1.0.zip">four</abbr>
    <a href=five-1.0.zip>five</a></body></html>"""
    assert read_page(
        page.encode(), "text/html; charset=utf-8", "https://i.example/simple/one/"
    ) == (
        IndexFile(
            "one-1.0-py3-none-any.whl",
            "https://i.example/simple/files/one-1.0-py3-none-any.whl",
            HASH,
            None,
            ">=3.8",
        ),
        IndexFile(
            "two+-1.0.tar.gz", "https://other.example/x/two%2B-1.0.tar.gz", "", None, ">=3.9", True
        ),
        IndexFile("five-1.0.zip", "https://i.example/simple/files/five-1.0.zip"),
    )


def test_json() -> None:
    page = (
        '{"meta": {"api-version": "1.1"}, "files": [{"filename": "one-1.0-py3-none-any.whl",'
        f' "url": "../../f/one.whl#x", "hashes": {{"sha256": "{HASH}"}}, "size": 12,'
        ' "requires-python": null, "yanked": "bad"}, {"filename": "no url"}]}'
    )
    kind = "application/vnd.pypi.simple.v1+json"
    assert read_page(page.encode(), kind, "https://i.example/simple/one/") == (
        IndexFile("one-1.0-py3-none-any.whl", "https://i.example/f/one.whl", HASH, 12, "", True),
    )
    for bad in (b"[]", b"{", b'{"files": 3}'):
        with pytest.raises(ValueError, match=r"."):
            read_page(bad, kind, "https://i.example/")


def test_the_project_of_a_file() -> None:
    assert project_of("Some_Project-1.0-py3-none-any.whl") == PROJECT
    assert project_of("some.project-1.0.tar.gz") == PROJECT


@pytest.mark.parametrize("as_json", [False, True])
def test_files_of_a_project(as_json: bool, served: Misbehaving) -> None:
    served.as_json = as_json
    sha256 = served.add(NAME, noise(1000))
    (file,) = index_of(served).files("Some.Project")
    assert (file.name, file.url, file.sha256) == (NAME, served.file_url(NAME), sha256)
    assert file.size_bytes == (1000 if as_json else None)
    assert index_of(served).files("unknown") == ()
    assert "json" in served.asked[0].headers["accept"]


def test_exactly_these_files_are_located_in_every_place(
    served: Misbehaving, tmp_path: Path
) -> None:
    """Two indexes and a folder; a file of that name with other content does not count."""
    local, false = "local_one-1.0-py3-none-any.whl", "false_one-1.0-py3-none-any.whl"
    (tmp_path / local).write_bytes(noise(300, "local"))
    (tmp_path / false).write_bytes(b"not that")
    with Misbehaving() as other:
        found = [
            Sought(PROJECT, served.add(NAME, noise(100)), NAME),
            Sought("elsewhere", other.add("elsewhere-1.0-py3-none-any.whl", noise(200))),
            Sought("local.one", other.add(local, noise(300, "local")), local),
            Sought("false_one", other.add(false, noise(400, "true")), false),
        ]
        missing = Sought(PROJECT, "b" * 64, "some_project-2.0-py3-none-any.whl")
        index = index_of(served, UV_INDEX=other.url, UV_FIND_LINKS=str(tmp_path))
        located = index.locate([*found, missing])
        assert located.missing == (missing,)
        assert [located.urls[one.sha256] for one in found] == [
            (served.file_url(NAME),),
            (other.file_url("elsewhere-1.0-py3-none-any.whl"),),
            ((tmp_path / local).as_uri(),),
            (other.file_url(false),),
        ]


def test_an_index_in_a_folder(served: Misbehaving, tmp_path: Path) -> None:
    page = tmp_path / "simple" / PROJECT / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{NAME}#sha256={HASH}">x</a>')
    index = index_of(served, UV_DEFAULT_INDEX=(tmp_path / "simple").as_uri())
    located = index.locate([Sought(PROJECT, HASH, NAME), Sought("other", HASH, "x")])
    assert located.urls == {HASH: ((tmp_path / "files" / NAME).as_uri(),)}
    assert served.asked == []


def test_an_index_that_is_down_is_a_problem_only_when_it_is_needed(served: Misbehaving) -> None:
    sought = Sought(PROJECT, served.add(NAME, noise(100)), NAME)
    with nobody() as dead:
        index = index_of(served, UV_INDEX=f"{dead}/simple")
        assert index.locate([sought]).missing == ()
        many = [sought, *(Sought(f"p{one}", HASH, f"p{one}-1.whl") for one in range(30))]
        with pytest.raises(Problem) as caught:
            index.locate(many)
    assert caught.value.code == "pack-no-network"
    assert dead.split("/")[2] in caught.value.message


@pytest.mark.parametrize(
    ("fault", "code"),
    [(401, "pack-index-refused"), (403, "pack-index-refused"), (503, "pack-index-down")],
)
def test_a_refusing_index_is_named(fault: int, code: str, served: Misbehaving) -> None:
    served.fail(PAGE, "status", fault)
    index = Index(Connections(settings(served), **patience(attempts=2)), again)
    with pytest.raises(Problem) as caught:
        index.locate([Sought(PROJECT, HASH, NAME)])
    assert caught.value.code == code
    assert NAME in caught.value.message
    assert str(fault) in caught.value.message
    with pytest.raises(Problem):
        index.files(PROJECT)


def test_a_page_is_tried_again(served: Misbehaving) -> None:
    sought = Sought(PROJECT, served.add(NAME, noise(100)), NAME)
    served.fail(PAGE, "status", 503, times=2)
    assert index_of(served).locate([sought]).missing == ()


def test_a_packed_page(served: Misbehaving) -> None:
    sought = Sought(PROJECT, served.add(NAME, noise(100)), NAME)
    served.fail(PAGE, "gzip")
    assert index_of(served).locate([sought]).missing == ()
    assert served.asked[0].headers["accept-encoding"] == "gzip"


def test_links_that_are_no_addresses() -> None:
    page = f'<a href="http://[x/bad-1.0.zip">x</a><a href="one-1.0.zip#sha256={HASH}">y</a>'
    files = read_page(page.encode(), "text/html", "https://i.example/one/")
    assert [file.name for file in files if file.sha256] == ["one-1.0.zip"]


def test_locating_can_be_cancelled(served: Misbehaving) -> None:
    served.fail(PAGE, "status", 503, Retry_After="50")
    ticks = []

    def tick() -> None:
        ticks.append(1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        index_of(served).locate([Sought(PROJECT, HASH)], tick)
    assert ticks == [1]


# --- sizes -----------------------------------------------------------------------------------


def archive(entries: int, size_bytes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(entries):
            suffix = "py" if number % 2 else "so"
            made.writestr(f"{'long' * 20}/{number}.{suffix}", noise(size_bytes, str(number)))
    return out.getvalue()


@pytest.mark.parametrize(
    ("entries", "asks"), [(2, 1), (200, 1), (1500, 2)], ids=["small", "one ask", "long directory"]
)
def test_a_zip_is_measured_from_its_end(entries: int, asks: int, served: Misbehaving) -> None:
    data = archive(entries, 1000)
    served.add(NAME, data)
    connections = Connections(settings(served), **patience())
    sizes = measure(connections, served.file_url(NAME))
    assert sizes == ZipSizes(len(data), entries * 1000, entries // 2 * 1000)
    assert len(served.asked) == asks
    assert served.sent[NAME] <= max(1 << 16, len(data) // 4)


def test_what_cannot_be_measured_says_why(served: Misbehaving, tmp_path: Path) -> None:
    served.add(NAME, archive(2, 1000))
    served.add("x.whl", noise(100_000))
    connections = Connections(settings(served), **patience())
    served.fail(NAME, "no-range")
    (tmp_path / "y.whl").write_bytes(archive(2, 10))
    urls = [served.file_url(NAME), served.file_url("x.whl"), str(tmp_path / "y.whl")]
    refused, no_zip, local = measure_all(connections, urls, again)
    assert isinstance(refused, Unmeasured)
    assert "does not give parts" in refused.reason
    assert refused.size_bytes == len(served.files[NAME])
    assert isinstance(no_zip, Unmeasured)
    assert "no zip" in no_zip.reason
    assert isinstance(local, ZipSizes)
    assert replace(local, size_bytes=0) == ZipSizes(0, 20, 10)
    with pytest.raises(Problem) as caught:
        measure_all(connections, [served.file_url("gone.whl")], again)
    assert caught.value.code == "pack-not-on-index"
    assert "gone.whl" in caught.value.message
