"""A lock for many Pythons and platforms: each takes the lines whose markers hold for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dubwright.packs.wheels import Lock, Target, read_lock

LINUX = Target((3, 11), "linux", "x86_64", "glibc", (2, 36), "3.11.7")
ARM = Target((3, 11), "linux", "aarch64", "glibc", (2, 36))
MAC = Target((3, 11), "darwin", "arm64", "", (14, 0))
WINDOWS = Target((3, 11), "win32", "x86_64")

LINES = (
    ("big_cpu-2.0", "sys_platform == 'linux' and platform_machine == 'x86_64'"),
    ("big-2.0", "sys_platform != 'linux' or platform_machine != 'x86_64'"),
    ("num-1.9", "python_full_version < '3.10'"),
    ("num-2.1", "python_full_version >= '3.10'"),
    ("always-1.0", ""),
)


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    text, sizes = "", {}
    for number, (name, marker) in enumerate(LINES):
        project, _, version = name.partition("-")
        digest = f"{number}" * 64
        text += f"{project.replace('_', '-')}=={version}"
        text += f" ; {marker} \\\n" if marker else " \\\n"
        text += f"    --hash=sha256:{digest}\n"
        sizes[f"{name}-py3-none-any.whl"] = {
            "size_bytes": 10,
            "unpacked_bytes": 20,
            "python_bytes": 5,
            "sha256": digest,
        }
    (tmp_path / "lock.txt").write_text("# a comment\n" + text, "utf-8")
    (tmp_path / "sizes.json").write_text(json.dumps({"files": sizes}), "utf-8")
    return read_lock(tmp_path / "lock.txt")


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (LINUX, {"big_cpu-2.0", "num-2.1", "always-1.0"}),
        (LINUX.with_python("3.9"), {"big_cpu-2.0", "num-1.9", "always-1.0"}),
        (LINUX.with_python("3.10"), {"big_cpu-2.0", "num-2.1", "always-1.0"}),
        (ARM, {"big-2.0", "num-2.1", "always-1.0"}),
        (MAC, {"big-2.0", "num-2.1", "always-1.0"}),
        (WINDOWS.with_python("3.9"), {"big-2.0", "num-1.9", "always-1.0"}),
    ],
)
def test_each_target_takes_the_lines_that_hold(lock: Lock, target: Target, names: set[str]) -> None:
    wheels = lock.choose(target)
    assert wheels is not None
    assert {wheel.name.removesuffix("-py3-none-any.whl") for wheel in wheels} == names
    assert {f"{pin.project.replace('-', '_')}-{pin.version}" for pin in lock.pins_for(target)} == (
        names
    )


@pytest.mark.parametrize(
    ("marker", "target", "holds"),
    [
        ("platform_machine == 'AMD64'", WINDOWS, True),
        ("platform_machine == 'x86_64'", WINDOWS, False),
        ("platform_machine == 'ARM64'", Target((3, 11), "win32", "arm64"), True),
        ("platform_machine == 'arm64'", MAC, True),
        ("platform_machine == 'aarch64'", ARM, True),
        ("platform_system == 'Darwin' and os_name == 'posix'", MAC, True),
        ("os_name == 'nt'", WINDOWS, True),
        (
            "implementation_name != 'PyPy' and platform_python_implementation == 'CPython'",
            MAC,
            True,
        ),
        ("python_version < '3.9'", MAC.with_python("3.10"), False),
        ("python_full_version >= '3.11.7'", LINUX, True),
        ("python_full_version > '3.11.7'", LINUX, False),
        ("python_full_version >= '3.11.5'", LINUX.with_python("3.11"), True),
    ],
)
def test_markers_mean_what_pip_would_find_there(marker: str, target: Target, holds: bool) -> None:
    assert target.meets(marker) is holds


def test_this_interpreter_is_what_packaging_says_it_is() -> None:
    from packaging.markers import default_environment

    ours = Target.here()._marker_values()
    theirs = default_environment()
    known = ("platform_release", "platform_version", "implementation_version")
    assert {key: value for key, value in ours.items() if key not in known} == {
        key: theirs[key]  # type: ignore[literal-required]  # the same names by specification
        for key in ours
        if key not in known
    }
