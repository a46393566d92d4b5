"""Preflight on invented machines: what is found, how bad it is, and that nothing else is said."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubwright.home import Home
from dubwright.packs.manifest import load_manifests
from dubwright.packs.planning.conflicts import CONFLICTS, conflicts
from dubwright.packs.planning.machine import Certificates, Machine, Place, Role, machine_facts
from dubwright.packs.planning.misfit import why_no_files
from dubwright.packs.planning.preflight import preflight, proxy_trouble, stop
from dubwright.packs.planning.processor import flags_of
from dubwright.packs.planning.space import RESERVE_BYTES, Demand, rooms
from dubwright.packs.planning.volume import Volume, synced_by, volume_of
from dubwright.packs.wheels import Target, read_lock
from dubwright_kit import NextAction, Problem

LINUX = Target((3, 11), "linux", "x86_64", "glibc", (2, 35))
GOOD = Volume(device=1, free_bytes=100_000_000_000, filesystem="ext4")
ROLES: tuple[Role, ...] = ("packs", "downloads", "uv_cache", "temp")
SMALL = Demand("tiny-pack", 1_000_000, 5_000_000, 1_000_000)
TENSORFLOW = replace(SMALL, name="tf", pins={"tensorflow": "2.15.1", "numpy": "1.26.4"})


def machine(**changed: Any) -> Machine:
    """A machine without a fault, but for ``changed``; ``volume`` is that of every folder."""
    volume = changed.pop("volume", GOOD)
    places = tuple(Place(role, Path("/data") / role, volume) for role in ROLES)
    facts: dict[str, Any] = {
        "target": LINUX,
        "places": places,
        "memory_bytes": 16_000_000_000,
        "cpu_flags": frozenset({"avx", "avx2"}),
        "now": 1_800_000_000.0,
        "compiler": "/usr/bin/cc",
    }
    return Machine(**{**facts, **changed})


def moved(role: Role, volume: Volume) -> Machine:
    """A machine with one folder on another volume."""
    good = machine()
    return replace(
        good,
        places=tuple(replace(one, volume=volume) if one.role == role else one for one in good.places),
    )  # fmt: skip


def test_nothing_is_found_on_a_good_machine() -> None:
    assert preflight(machine(), [SMALL, TENSORFLOW], online=True, reach=lambda: None) == ()


WINDOWS = Target((3, 11), "win32", "x86_64")
CASES = [
    ("pack-not-writable", "blocker", machine(volume=replace(GOOD, refusal="Read-only file system")), SMALL, "Read-only"),
    ("pack-not-writable", "blocker", moved("temp", Volume(refusal="no")), SMALL, "temporary files"),
    ("pack-noexec", "blocker", machine(volume=replace(GOOD, no_exec=True)), SMALL, "noexec"),
    ("pack-filesystem", "blocker", machine(volume=replace(GOOD, links=False, filesystem="exfat")), SMALL, "exfat"),
    ("pack-filesystem", "warning", machine(volume=replace(GOOD, tells_case=False)), SMALL, "lower case"),
    ("pack-network-folder", "warning", machine(volume=replace(GOOD, network=True, filesystem="nfs4")), SMALL, "nfs4"),
    ("pack-synced-folder", "warning", machine(volume=replace(GOOD, synced="OneDrive")), SMALL, "OneDrive"),
    ("pack-no-avx", "blocker", machine(cpu_flags=frozenset()), TENSORFLOW, "tensorflow"),
    ("pack-memory", "warning", machine(memory_bytes=500_000_000), replace(SMALL, ram_bytes=900_000_000), "900 MB"),
    ("pack-clock", "warning", machine(now=1_600_000_000.0), SMALL, "2020-09-13"),
    ("pack-clock", "warning", machine(now=5_000_000_000.0), SMALL, "2128"),
    ("pack-environment", "warning", machine(ignored=("PIP_TARGET", "PYTHONPATH")), SMALL, "PIP_TARGET, PYTHONPATH are"),
    ("pack-certificates", "blocker", machine(certificates=(Certificates("SSL_CERT_FILE", "/gone.pem", "which does not exist"),)), SMALL, "/gone.pem"),
    ("pack-proxy", "blocker", machine(proxies={"https_proxy": "http://:8080"}), SMALL, "https_proxy"),
    ("pack-no-compiler", "blocker", machine(compiler=""), replace(SMALL, source_build=True), "tiny-pack"),
    ("pack-long-paths", "warning", machine(target=WINDOWS, long_paths=False), replace(SMALL, name="p" * 60), "about"),
    ("pack-long-paths", "blocker", machine(target=WINDOWS, long_paths=False), replace(SMALL, longest_path=240), "260"),
    ("pack-abi-conflict", "blocker", machine(), replace(SMALL, pins={"TensorFlow": "2.15.1", "numpy": "2.1.0"}), "numpy 2.1.0 with tensorflow 2.15.1"),
    ("pack-disk-full", "blocker", machine(volume=replace(GOOD, free_bytes=20_000_000)), SMALL, "20 MB are free"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "severity", "facts", "demand", "words"), CASES)
def test_a_fault_is_found_once_with_its_name(
    code: str, severity: str, facts: Machine, demand: Demand, words: str
) -> None:
    found = preflight(facts, [demand])
    assert {(one.id, one.severity) for one in found} == {(code, severity)}
    problem = found[0].problem
    assert problem.code == code
    assert any(words in one.problem.message for one in found), problem.message
    assert problem.next_action is not None
    assert problem.next_action.label
    if severity == "blocker":
        with pytest.raises(Problem) as stopped:
            stop(found)
        assert stopped.value.code == code
    else:
        stop(found)


def test_what_a_pack_does_not_need_is_not_asked_for() -> None:
    poor = machine(cpu_flags=frozenset(), compiler="", memory_bytes=1, long_paths=False)
    assert preflight(poor, [SMALL]) == (), (
        "no TensorFlow, no sources, no stated memory, short names"
    )
    assert preflight(poor, []) == ()
    arm = machine(target=replace(LINUX, machine="aarch64"), cpu_flags=frozenset())
    assert preflight(arm, [TENSORFLOW]) == (), "ARM has no AVX and needs none"
    assert preflight(machine(cpu_flags=None), [TENSORFLOW]) == (), "unknown is not absent"


def test_the_network_is_only_looked_at_when_something_is_to_be_fetched() -> None:
    broken = machine(
        proxies={"HTTP_PROXY": "gopher://x"},
        certificates=(Certificates("SSL_CERT_FILE", "/x", "which does not exist"),),
    )
    assert preflight(broken, [replace(SMALL, download_bytes=0)]) == ()
    assert {one.id for one in preflight(broken, [SMALL])} == {"pack-proxy", "pack-certificates"}


def test_the_index_is_asked_once_and_only_when_nothing_else_stops() -> None:
    asked = []

    def down() -> Problem:
        asked.append(1)
        return Problem("pack-no-network", "The index cannot be reached.", NextAction("x", "packs"))

    (found,) = preflight(machine(), [SMALL, TENSORFLOW], online=True, reach=down)
    assert (found.id, found.severity, len(asked)) == ("pack-no-network", "blocker", 1)
    assert preflight(machine(), [SMALL], online=False, reach=down) == ()
    full = machine(volume=replace(GOOD, free_bytes=0))
    assert [one.id for one in preflight(full, [SMALL], online=True, reach=down)] == [
        "pack-disk-full"
    ]
    assert len(asked) == 1
    served = replace(SMALL, download_bytes=0)
    assert preflight(machine(), [served], online=True, reach=down) == (), (
        "a USB stick needs no index"
    )


def test_blockers_come_first_and_are_raised_together() -> None:
    facts = machine(ignored=("PIP_USER",), volume=replace(GOOD, no_exec=True, free_bytes=0))
    found = preflight(facts, [SMALL])
    assert [one.severity for one in found] == ["blocker", "blocker", "warning"]
    with pytest.raises(Problem) as stopped:
        stop(found)
    assert stopped.value.code == "pack-noexec"
    assert "Also: tiny-pack: 37 MB are needed" in stopped.value.detail


# --- room ----------------------------------------------------------------------------------------


def test_room_is_counted_for_all_packs_by_volume() -> None:
    (room,) = rooms(machine(), [SMALL, SMALL])
    assert room.needed_bytes == 2 * (1_000_000 + 5_000_000 + 1_000_000), "links cost nothing"
    just = 2 * 7_000_000 + RESERVE_BYTES
    assert preflight(machine(volume=replace(GOOD, free_bytes=just)), [SMALL, SMALL]) == ()
    found = preflight(machine(volume=replace(GOOD, free_bytes=just - 1)), [SMALL, SMALL])
    assert [one.id for one in found] == ["pack-disk-full"]


def test_unpacked_files_cost_twice_where_they_cannot_be_linked() -> None:
    demand = replace(SMALL, linked_bytes=9_000_000)
    (room,) = rooms(machine(), [demand])
    assert room.needed_bytes == 7_000_000
    (room,) = rooms(machine(volume=replace(GOOD, hard_links=False)), [demand])
    assert room.needed_bytes == 7_000_000 + 5_000_000 + 9_000_000
    other = moved("uv_cache", replace(GOOD, device=2))
    needed = {places[0].role: size for places, size in ((one.places, one.needed_bytes) for one in rooms(other, [demand]))}  # fmt: skip
    assert needed == {"packs": 1_000_000 + 1_000_000 + 14_000_000, "uv_cache": 5_000_000}


def test_a_volume_that_gets_nothing_may_be_full() -> None:
    full = moved("temp", replace(GOOD, device=2, free_bytes=0))
    assert preflight(full, [SMALL]) == ()


# --- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pins", "ids"),
    [
        ({"numpy": "2.0.0", "tensorflow": "2.17.1"}, ["numpy-2-tensorflow"]),
        ({"numpy": "2.0.0", "tensorflow": "2.18.0"}, []),
        ({"numpy": "1.26.4", "tensorflow-cpu": "2.12.1", "protobuf": "4.25.9"}, []),
        ({"tensorflow_cpu": "2.11.0", "protobuf": "4.21.0"}, ["protobuf-4-tensorflow-cpu"]),
        ({"tensorflow": "2.17.0", "protobuf": "5.28.3"}, ["protobuf-5-tensorflow"]),
        ({"tensorflow": "2.15.1", "keras": "3.0.0"}, ["keras-3-tensorflow"]),
        ({"pandas": "1.5.3", "numpy": "2.2.0rc1"}, ["numpy-2-pandas"]),
        ({"spleeter": "2.4.2", "httpx": "0.19.0"}, ["h2-spleeter"]),
        ({"spleeter": "2.4.2", "httpx": "0.19.0", "h2": "4.1.0"}, []),
        ({}, []),
    ],
)
def test_known_conflicts(pins: dict[str, str], ids: list[str]) -> None:
    assert [one.conflict.id for one in conflicts(pins)] == ids


def test_conflicts_have_ids_of_their_own_and_no_shipped_lock_has_one() -> None:
    assert len({one.id for one in CONFLICTS}) == len(CONFLICTS)
    for manifest in load_manifests().values():
        for entry in manifest.locks:
            lock = read_lock(manifest.folder / entry.file)
            for version in entry.python:
                target = LINUX.with_python(version)
                pins = {pin.project: pin.version for pin in lock.pins_for(target)}
                assert conflicts(pins) == (), f"{manifest.id} {entry.file} {version}"


def test_why_a_machine_has_no_files(tmp_path: Path) -> None:
    digest = "0" * 64
    name = "grain-1.0-cp311-cp311-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"
    (tmp_path / "lock.txt").write_text(f"grain==1.0 \\\n    --hash=sha256:{digest}\n", "utf-8")
    (tmp_path / "sizes.json").write_text(
        f'{{"files": {{"{name}": {{"size_bytes": 1, "unpacked_bytes": 1, "python_bytes": 0, "sha256": "{digest}"}}}}}}',
        "utf-8",
    )
    lock = read_lock(tmp_path / "lock.txt")
    assert why_no_files(lock, [LINUX]) == ""
    old = replace(LINUX, os_version=(2, 12))
    assert "needs glibc 2.17 or newer, and this machine has 2.12" in why_no_files(lock, [old])
    musl = replace(LINUX, libc="musl", os_version=(1, 2))
    assert "musl" in why_no_files(lock, [musl])
    assert "only for x86_64" in why_no_files(lock, [replace(LINUX, machine="aarch64")])
    assert "Python 3.13 on Linux" in why_no_files(lock, [LINUX.with_python("3.13")])


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("http://proxy:3128", True), ("proxy:3128", True), ("socks5://u:p@proxy:1080", True),
        ("http://", False), ("http://:80", False), ("ftp://proxy", False), ("http://proxy:port", False),
        ("http://a b", False), ("http://[::1", False), ("http://proxy:0", False),
    ],
)  # fmt: skip
def test_addresses_of_proxies(address: str, good: bool) -> None:
    assert (proxy_trouble(address) == "") is good


def test_a_password_in_a_proxy_is_not_repeated() -> None:
    (found,) = preflight(machine(proxies={"HTTP_PROXY": "ftp://me:hunter2@proxy"}), [SMALL])
    assert "hunter2" not in str(found.problem.to_json())


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("/home/me/Dropbox/data", "Dropbox"), ("/home/me/dropbox-tools/data", ""),
        ("C:/Users/me/OneDrive - Firma/dub", "OneDrive"), ("/mnt/Google Drive/dub", "Google Drive"),
        ("/Users/me/Library/Mobile Documents/com~apple~CloudDocs/dub", "iCloud Drive"),
        ("/Users/me/Library/CloudStorage/GoogleDrive-me@example.org/dub", "GoogleDrive"),
        ("/home/me/data", ""),
    ],
)  # fmt: skip
def test_folders_that_services_copy(folder: str, service: str) -> None:
    assert synced_by(Path(folder)) == service


def test_a_mark_of_a_service_is_seen(tmp_path: Path) -> None:
    (tmp_path / ".stfolder").mkdir()
    assert synced_by(tmp_path / "inside" / "more") == "Syncthing"


def test_processor_flags_of_cpuinfo() -> None:
    assert flags_of("processor : 0\nflags : fpu avx sse avx2\n") == frozenset({"avx", "avx2"})
    assert flags_of("flags\t\t: fpu sse4_2\n") == frozenset()
    assert flags_of("Features : neon\n") is None


# --- this machine --------------------------------------------------------------------------------


def test_facts_of_this_machine_leave_nothing_behind(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "not yet")
    env = {
        "SSL_CERT_FILE": str(tmp_path / "gone.pem"), "https_proxy": "http://proxy:1",
        "PIP_TARGET": "x", "PIP_INDEX_URL": "http://127.0.0.1/simple", "UV_CONSTRAINT": "c.txt",
        "PYTHONPATH": "y", "PYTHONUTF8": "1", "VIRTUAL_ENV": sys.prefix, "CONDA_PREFIX": "/conda",
    }  # fmt: skip
    facts = machine_facts(home, env)
    assert list(tmp_path.iterdir()) == []
    assert {one.role for one in facts.places} == set(ROLES)
    assert all(one.volume.free_bytes > 0 and not one.volume.refusal for one in facts.places)
    assert facts.ignored == ("CONDA_PREFIX", "PIP_TARGET", "PYTHONPATH", "UV_CONSTRAINT")
    assert [one.trouble for one in facts.certificates] == ["which does not exist"]
    assert facts.proxies == {"https_proxy": "http://proxy:1"}
    assert facts.memory_bytes > 0
    assert facts.target == Target.here()


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 60 MB, without the right to run programs."""
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None:
        pytest.skip("needs Linux' mount")
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=60m,noexec", "tmpfs", place],
        check=False,
        capture_output=True,
    )
    if made.returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_real_small_volume(tmpfs: Path) -> None:
    facts = machine_facts(Home.find(tmpfs / "home"), {})
    packs = facts.place("packs")
    assert packs is not None
    assert packs.volume.filesystem == "tmpfs"
    assert packs.volume.no_exec
    assert packs.volume.free_bytes <= 60 << 20
    assert packs.volume.hard_links
    assert packs.volume.links
    assert {one.id for one in preflight(facts, [SMALL])} == {"pack-noexec"}
    large = replace(SMALL, own_bytes=50 << 20)
    assert {one.id for one in preflight(facts, [large])} == {"pack-noexec", "pack-disk-full"}


def test_a_small_volume_below_only_the_cache(tmpfs: Path, tmp_path: Path) -> None:
    home = Home.find(tmp_path / "home")
    home.cache.parent.mkdir()
    home.cache.symlink_to(tmpfs)
    facts = machine_facts(home, {})
    found = preflight(facts, [replace(SMALL, unpacked_bytes=50 << 20)])
    assert [one.id for one in found] == ["pack-disk-full"]
    assert "uv" in found[0].problem.message
    assert str(home.packs) not in found[0].problem.message, "there is room enough for the packs"


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="a folder below a file is refused everywhere, but in other words",
)
def test_a_folder_that_cannot_be_made_is_refused() -> None:
    assert volume_of(Path("/proc/none")).refusal
    assert not volume_of(Path(tempfile.gettempdir())).refusal
