"""Releases that are known not to work together whatever their own metadata says: data, and one check.

Installers believe metadata. Old releases set no upper limit on what did not exist yet (numpy 2 changed
the binary interface that compiled modules rely on; protobuf 4 and later refuse generated code of
before), and overrides set limits aside on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")


@dataclass(frozen=True)
class Conflict:
    """``project`` from version ``since`` on breaks ``other`` before version ``before``.

    ``since`` "missing" turns it round: ``other`` needs ``project``, which is not there.
    """

    id: str
    project: str
    since: str
    other: str
    before: str
    why: str


@dataclass(frozen=True)
class Found:
    """A conflict with the versions that meet."""

    conflict: Conflict
    version: str
    other_version: str

    @property
    def text(self) -> str:
        """Such as "numpy 2.1.0 with tensorflow 2.12.1: ..."."""
        rule = self.conflict
        if rule.since == "missing":
            return f"{rule.other} {self.other_version} without {rule.project}: {rule.why}"
        return f"{rule.project} {self.version} with {rule.other} {self.other_version}: {rule.why}"


def _numpy_2(other: str, before: str) -> Conflict:
    why = "it was compiled for numpy 1 and does not load"
    return Conflict(f"numpy-2-{other}", "numpy", "2", other, before, why)


# Sources: the release notes of each project, which say from when on numpy 2 or protobuf is supported.
CONFLICTS: tuple[Conflict, ...] = (
    *(_numpy_2(one, "2.18") for one in _TENSORFLOW),
    _numpy_2("pandas", "2.2.2"),
    _numpy_2("scipy", "1.13"),
    _numpy_2("h5py", "3.11"),
    _numpy_2("numba", "0.60"),
    _numpy_2("scikit-learn", "1.4.2"),
    _numpy_2("matplotlib", "3.8.4"),
    _numpy_2("onnxruntime", "1.19"),
    _numpy_2("opencv-python", "4.10.0.84"),
    _numpy_2("torch", "2.3"),
    *(
        Conflict(
            f"protobuf-{since}-{one}", "protobuf", since, one, before,
            f"its generated code is of before protobuf {since} and is refused",
        )
        for one in _TENSORFLOW
        for since, before in (("4", "2.12"), ("5", "2.18"), ("6", "2.20"))
    ),
    Conflict(
        "protobuf-4-onnx", "protobuf", "4", "onnx", "1.13",
        "its generated code is of before protobuf 4 and is refused",
    ),
    *(
        Conflict(
            f"keras-3-{one}", "keras", "3", one, "2.16",
            "keras 3 came with TensorFlow 2.16 and does not load in older ones",
        )
        for one in _TENSORFLOW
    ),
    Conflict(
        "h2-spleeter", "h2", "missing", "spleeter", "",
        "it opens an HTTP/2 client when it is imported, and httpx has none without h2",
    ),
)  # fmt: skip


def conflicts(pins: Mapping[str, str]) -> tuple[Found, ...]:
    """Return what in ``pins`` (project to version) is known not to work together, by rule order."""
    versions = {re.sub(r"[-_.]+", "-", name).lower(): pins[name] for name in pins}
    found = []
    for rule in CONFLICTS:
        other = versions.get(rule.other)
        version = versions.get(rule.project)
        if other is None:
            continue
        if rule.since == "missing":
            if version is None:
                found.append(Found(rule, "", other))
        elif version is not None and not _less(version, rule.since) and _less(other, rule.before):
            found.append(Found(rule, version, other))
    return tuple(found)


def _less(version: str, limit: str) -> bool:
    """Compare by the numbers alone: 2.18.0rc1 counts as 2.18.0."""
    pair = [[int(part) for part in re.findall(r"\d+", re.split(r"[a-z+!]", one)[0])]
            for one in (version, limit)]  # fmt: skip
    length = max(len(pair[0]), len(pair[1]))
    first, second = (one + [0] * (length - len(one)) for one in pair)
    return first < second
