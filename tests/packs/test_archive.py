"""Unpacking what came from outside: plain files, or nothing at all."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import tarfile
import time
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubwright.packs.installing.archive import Kind, unpack
from dubwright_kit import Cancelled, Problem
from tests.patience import STOPPED_S

LIMIT = 200_000_000


def quiet() -> None:
    """Nobody stops the work."""


def tar_gz(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def zipped(path: Path, *names: str | zipfile.ZipInfo, content: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def named(name: str) -> zipfile.ZipInfo:
    """A zip entry whose name is taken as it is, on every system."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def whole_tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def around(tmp_path: Path) -> Path:
    """A folder with nothing in it but what a test makes, to see what escapes."""
    place = tmp_path / "around"
    place.mkdir()
    return place


def refused(archive: Path, place: Path, kind: Kind, limit_bytes: int = LIMIT) -> Problem:
    before = whole_tree(place)
    with pytest.raises(Problem) as caught:
        unpack(archive, place / "in" / "models", kind, limit_bytes=limit_bytes, tick=quiet)
    assert whole_tree(place / "in") == []
    (place / "in").rmdir()
    assert whole_tree(place) == before
    assert archive.name in caught.value.message
    assert caught.value.next_action is not None
    return caught.value


def test_plain_files_come_out_without_their_modes(around: Path) -> None:
    archive = tar_gz(
        around / "good.tar.gz",
        member("./", b"", type=tarfile.DIRTYPE),
        member("./2stems/", b"", type=tarfile.DIRTYPE),
        member("./2stems/model.meta", b"meta", mode=0o6755),
        member("2stems/größe.txt", b"grob"),
        member("empty", b""),
    )
    names = unpack(archive, around / "out", "tar.gz", limit_bytes=LIMIT, tick=quiet)
    assert names == ("2stems/größe.txt", "2stems/model.meta", "empty")
    assert (around / "out" / "2stems" / "model.meta").read_bytes() == b"meta"
    mode = (around / "out" / "2stems" / "model.meta").stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR)


def test_a_zip_comes_out(around: Path) -> None:
    with zipfile.ZipFile(around / "good.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/", b"")
        archive.writestr("a/b.bin", b"b" * 1_000_000)
        archive.writestr("c", b"c")
    names = unpack(around / "good.zip", around / "out", "zip", limit_bytes=LIMIT, tick=quiet)
    assert names == ("a/b.bin", "c")
    assert (around / "out" / "a" / "b.bin").stat().st_size == 1_000_000


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "//server/share/x", "../x", "a/../../x", "a/..", "..", "C:/x", "C:x", "c:\\x",
        "a\\b", "..\\x", "\\\\?\\C:\\x", "x:stream", "NUL", "a/con.txt", "AUX .h", "COM1", "lpt9.tar.gz",
        "COM¹.txt", "x.", "x ", "a./b", "a//b", "a/./b", "tab\tx", "bell\x07", "what?", "a*", "<x>", '"x"',
        "n" * 300, "/".join("d" * 40),
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_on_some_system(around: Path, name: str) -> None:
    archive = tar_gz(around / "bad.tar.gz", member("good"), member(name))
    problem = refused(archive, around, "tar.gz")
    assert problem.code == "pack-archive-unsafe"
    assert repr(name)[1:-1] in problem.message
    archive = zipped(around / "bad.zip", "good", named(name))
    assert refused(archive, around, "zip").code == "pack-archive-unsafe"


def test_a_name_cut_by_nul(around: Path) -> None:
    good = zipped(around / "nul.zip", named("good.txtX..x"))
    data = good.read_bytes().replace(b"good.txtX", b"good.txt\0")
    good.write_bytes(data)
    assert refused(good, around, "zip").code == "pack-archive-unsafe"


@pytest.mark.parametrize(
    "fields",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.SYMTYPE, "linkname": "good"},
        {"type": tarfile.LNKTYPE, "linkname": "good"},
        {"type": tarfile.CHRTYPE},
        {"type": tarfile.BLKTYPE},
        {"type": tarfile.FIFOTYPE},
    ],
)
def test_links_and_devices(around: Path, fields: dict[str, Any]) -> None:
    archive = tar_gz(around / "bad.tar.gz", member("good"), member("odd", b"", **fields))
    problem = refused(archive, around, "tar.gz")
    assert problem.code == "pack-archive-unsafe"
    assert "odd" in problem.message


def test_a_symbolic_link_in_a_zip(around: Path) -> None:
    info = zipfile.ZipInfo("odd")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    problem = refused(zipped(around / "bad.zip", "good", info), around, "zip")
    assert problem.code == "pack-archive-unsafe"


def test_a_folder_of_links_is_not_walked_through(around: Path) -> None:
    archive = tar_gz(
        around / "bad.tar.gz",
        member("a", b"", type=tarfile.SYMTYPE, linkname=".."),
        member("a/escaped"),
    )
    assert refused(archive, around, "tar.gz").code == "pack-archive-unsafe"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        ["x", "x"], ["x", "X"], ["straße", "STRASSE"], ["é", "é"], ["a", "a/b"], ["a/b", "a"],
        ["a/b", "A/c"], ["x", "./x"],
    ],
)  # fmt: skip
def test_names_that_are_one_on_another_system(around: Path, names: list[str]) -> None:
    archive = tar_gz(around / "bad.tar.gz", *(member(name) for name in names))
    assert refused(archive, around, "tar.gz").code == "pack-archive-unsafe"
    archive = zipped(around / "bad.zip", *(named(name) for name in names))
    assert refused(archive, around, "zip").code == "pack-archive-unsafe"


def test_more_than_the_limit(around: Path) -> None:
    content = random.Random(1).randbytes(5_000)
    archive = tar_gz(around / "big.tar.gz", member("a", content), member("b", content))
    assert refused(archive, around, "tar.gz", 9_999).code == "pack-archive-unsafe"
    assert unpack(archive, around / "out", "tar.gz", limit_bytes=10_000, tick=quiet) == ("a", "b")
    archive = zipped(around / "big.zip", "a", "b", content=content)
    assert refused(archive, around, "zip", 9_999).code == "pack-archive-unsafe"


def test_bombs(around: Path) -> None:
    with zipfile.ZipFile(around / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100_000_000))
    problem = refused(around / "bomb.zip", around, "zip")
    assert problem.code == "pack-archive-unsafe"
    assert "200 times" in problem.message
    bomb = tar_gz(around / "bomb.tar.gz", member("zeros", bytes(100_000_000)))
    assert refused(bomb, around, "tar.gz").code == "pack-archive-unsafe"


def test_a_bomb_in_what_is_no_file(around: Path) -> None:
    # A folder that claims content, and a header field of 100 MB: read, they would cost time or memory.
    header = tarfile.TarInfo("d")
    header.type = tarfile.DIRTYPE
    header.size = 100_000_000
    long = tarfile.TarInfo("l")
    long.type = tarfile.XHDTYPE
    long.size = 100_000_000
    for number, info in enumerate((header, long)):
        path = around / f"{number}.tar.gz"
        path.write_bytes(gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + bytes(110_000_000)))
        code = refused(path, around, "tar.gz", 1_000_000).code
        assert code in ("pack-archive-unsafe", "pack-archive-damaged")


def test_a_size_that_lies(around: Path) -> None:
    path = zipped(around / "lie.zip", "a", content=b"y" * 1_000)
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")  # the unpacked size
    path.write_bytes(data)
    assert refused(path, around, "zip").code == "pack-archive-damaged"


def test_too_many_members(around: Path) -> None:
    with zipfile.ZipFile(around / "many.zip", "w") as archive:
        for number in range(20_002):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert refused(around / "many.zip", around, "zip").code == "pack-archive-unsafe"


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_cut_off_and_damaged(around: Path, kind: Kind) -> None:
    content = random.Random(2).randbytes(60_000)
    path = around / f"whole.{kind}"
    if kind == "zip":
        zipped(path, "a", "b", content=content)
    else:
        tar_gz(path, member("a", content), member("b", content))
    whole = path.read_bytes()
    for end in (0, 1, 20, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert refused(path, around, kind).code == "pack-archive-damaged"
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0x40
    path.write_bytes(damaged)
    assert refused(path, around, kind).code == "pack-archive-damaged"
    path.write_bytes(b"not an archive at all " * 100)
    assert refused(path, around, kind).code == "pack-archive-damaged"


def test_a_damaged_header_is_not_the_end(around: Path) -> None:
    path = tar_gz(around / "x.tar.gz", member("a"), member("b"), member("c"))
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[2 * 1024 + 5] ^= 0xFF  # in the header of c
    path.write_bytes(gzip.compress(bytes(data)))
    assert refused(path, around, "tar.gz").code == "pack-archive-damaged"


def test_a_zip_entry_without_a_name(around: Path) -> None:
    path = zipped(around / "x.zip", "good", "b/")
    path.write_bytes(path.read_bytes().replace(b"b/", b"//"))
    assert refused(path, around, "zip").code == "pack-archive-unsafe"


def test_nothing_in_it(around: Path) -> None:
    assert refused(tar_gz(around / "e.tar.gz"), around, "tar.gz").code == "pack-archive-damaged"
    assert refused(zipped(around / "e.zip"), around, "zip").code == "pack-archive-damaged"


def test_encrypted(around: Path) -> None:
    path = zipped(around / "e.zip", "a")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(mark) + offset] |= 1
    path.write_bytes(data)
    assert refused(path, around, "zip").code == "pack-archive-unsafe"


def test_a_folder_that_holds_something_is_left_alone(around: Path) -> None:
    archive = tar_gz(around / "a.tar.gz", member("a"))
    (around / "out").mkdir()
    (around / "out" / "mine").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        unpack(archive, around / "out", "tar.gz", limit_bytes=LIMIT, tick=quiet)
    assert (around / "out" / "mine").read_text() == "mine"


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_stopped_in_the_middle_of_a_file(around: Path, kind: Kind) -> None:
    content = random.Random(3).randbytes(20_000_000)
    path = around / f"x.{kind}"
    if kind == "zip":
        zipped(path, "a", content=content)
    else:
        tar_gz(path, member("a", content))
    ticks: list[float] = []

    def stop() -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 40:
            raise Cancelled("")

    (around / "out").mkdir()
    with pytest.raises(Cancelled):
        unpack(path, around / "out", kind, limit_bytes=LIMIT, tick=stop)
    assert whole_tree(around / "out") == []
    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    assert max(gaps) < STOPPED_S  # a bound that is promised, not a speed


def test_no_room(around: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tar_gz(around / "a.tar.gz", member("a"), member("b"))
    opened: Callable[..., Any] = Path.open

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "b":
            raise OSError(28, "No space left on device")
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        unpack(archive, around / "out", "tar.gz", limit_bytes=LIMIT, tick=quiet)
    assert not (around / "out").exists()


PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a",
        "A",
        "b.txt",
        "C:",
        "\\",
        "..\\",
        "nul",
        "é",
        "é",
        "x ",
        "/",
        "~",
        "\u202e",
    ]
) | st.text(max_size=6)
NAMES = st.lists(st.lists(PARTS, min_size=1, max_size=5).map("/".join), min_size=1, max_size=4)
ONCE = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@ONCE
@given(NAMES, st.sampled_from(["tar.gz", "zip"]))
def test_no_name_ever_escapes(tmp_path: Path, names: list[str], kind: Kind) -> None:
    place = tmp_path / os.urandom(6).hex()
    inside = place / "deep" / "folder"
    inside.mkdir(parents=True)
    path = place / "fuzzed"
    try:
        if kind == "zip":
            zipped(path, *(named(name) for name in names))
        else:
            tar_gz(path, *(member(name) for name in names))
    except (ValueError, UnicodeError, IndexError):
        return  # no archive can hold that name
    try:
        found = unpack(path, inside, kind, limit_bytes=LIMIT, tick=quiet)
    except Problem as problem:
        assert problem.code in ("pack-archive-unsafe", "pack-archive-damaged")
        assert whole_tree(inside) == []
    else:
        assert len(found) == len(names)
        files = [one for one in whole_tree(inside) if (inside / one).is_file()]
        assert sorted(found) == files
    assert whole_tree(place)[:2] == ["deep", "deep/folder"]
    assert {one.split("/")[0] for one in whole_tree(place)} == {"deep", "fuzzed"}


@ONCE
@given(st.data(), st.sampled_from(["tar.gz", "zip", "tar"]))
def test_mutated_archives_never_crash_or_escape(tmp_path: Path, data: Any, kind: str) -> None:
    place = tmp_path / os.urandom(6).hex()
    (place / "deep").mkdir(parents=True)
    path = place / "fuzzed"
    if kind == "zip":
        zipped(path, "a/b", "c", content=b"content" * 50)
        whole = bytearray(path.read_bytes())
    else:
        tar_gz(path, member("a/b", b"content" * 50), member("c", b"y"))
        whole = bytearray(path.read_bytes())
        if kind == "tar":
            whole = bytearray(gzip.decompress(whole))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path.write_bytes(gzip.compress(bytes(whole)) if kind == "tar" else whole)
    try:
        unpack(
            path,
            place / "deep" / "out",
            "zip" if kind == "zip" else "tar.gz",
            limit_bytes=LIMIT,
            tick=quiet,
        )
    except Problem as problem:
        assert problem.code in ("pack-archive-unsafe", "pack-archive-damaged")
        assert whole_tree(place / "deep") == []
    assert {one.split("/")[0] for one in whole_tree(place)} == {"deep", "fuzzed"}
