"""Sixty-four wheels with the sizes of a real set (Spleeter on TensorFlow 2.12, Linux, Python 3.11).

``wheelset.json`` holds, for each, what the index and the zip directory said: bytes to download, how
many sources and other files there are inside, and how large these and the largest of them are. The
contents are made here: sources are pieces of this Python's own library, so that byte code has its
usual size and costs its usual time; the rest is noise mixed with repeating words until it deflates
as the real files do.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TABLE = Path(__file__).with_name("wheelset.json")
_CHUNK = 1 << 16
_POOL_BYTES = 1 << 25
_MEMBER_BYTES = 260
"""What a member costs in a zip file beside its data: two headers and the line in RECORD."""
_WORDS_RATIO = 0.15
"""Deflated over plain, for the repeating words below."""


@dataclass(frozen=True)
class Shape:
    """How large one wheel is, in and out."""

    project: str
    size_bytes: int
    python_files: int
    python_bytes: int
    other_files: int
    other_bytes: int
    largest_bytes: int

    def scaled(self, scale: float) -> Shape:
        """The same with ``scale`` times the bytes and files."""
        if scale == 1.0:
            return self
        bytes_of = {
            name: int(getattr(self, name) * scale)
            for name in ("size_bytes", "python_bytes", "other_bytes", "largest_bytes")
        }
        files_of = {
            name: max(int(getattr(self, name) > 0), round(getattr(self, name) * scale))
            for name in ("python_files", "other_files")
        }
        return Shape(self.project, **bytes_of, **files_of)


@dataclass(frozen=True)
class SizedWheel:
    """A wheel on disk and what a lock says about it."""

    project: str
    path: Path
    sha256: str
    size_bytes: int
    unpacked_bytes: int
    python_bytes: int

    @property
    def version(self) -> str:
        return self.path.name.split("-")[1]


def shapes(scale: float = 1.0) -> list[Shape]:
    """The 64, by project."""
    rows = json.loads(TABLE.read_text("utf-8"))["rows"]
    return [Shape(*row).scaled(scale) for row in rows]


def make_wheels(folder: Path, scale: float) -> list[SizedWheel]:
    """Write all of them into ``folder``, the last project depending on the others; kept for the next run."""
    listing = folder / "wheels.json"
    if listing.exists():
        rows = json.loads(listing.read_text("utf-8"))
        return [SizedWheel(**{**row, "path": folder / row["path"]}) for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    wheels: list[SizedWheel] = []
    for shape in shapes(scale):
        wheels.append(make_wheel(folder, shape, "1.0"))
    top = Shape("top", 2_000, 1, 1_000, 0, 0, 0)
    wheels.append(make_wheel(folder, top, "1.0", [f"{one.project}==1.0" for one in wheels]))
    rows = [{**vars(one), "path": one.path.name} for one in wheels]
    listing.write_text(json.dumps(rows, indent=1), "utf-8")
    return wheels


def make_wheel(
    folder: Path, shape: Shape, version: str, requires: list[str] | None = None
) -> SizedWheel:
    """Write one wheel of ``shape`` and its metadata beside it, as an index serves both."""
    project = f"sized-{shape.project}"
    module = project.replace("-", "_")
    path = folder / f"{module}-{version}-py3-none-any.whl"
    random = np.random.default_rng(int.from_bytes(path.name.encode()[-8:] + b"\0", "big"))
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {one}\n" for one in requires or ()
    )
    record: list[str] = []
    unpacked = python = binary = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:

        def add(name: str, pieces: Iterator[bytes]) -> int:
            digest, size = hashlib.sha256(), 0
            member = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            with archive.open(member, "w") as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
            text = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={text},{size}")
            return size

        for number, size in enumerate(_split(shape.python_bytes, shape.python_files, random)):
            inside = f"{module}/{_place(number)}.py" if number else f"{module}/__init__.py"
            python += add(inside, iter([_source(size, random)]))
        rest = _split(shape.other_bytes - shape.largest_bytes, shape.other_files - 1, random)
        # The largest comes last: it makes up for what the small ones deflate worse.
        for number, size in enumerate([*rest, shape.largest_bytes][: shape.other_files]):
            left = (shape.other_files - number) * _MEMBER_BYTES
            room = shape.size_bytes - archive.start_dir - left
            share = _noise_share(room, shape.other_bytes - binary)
            binary += add(f"{module}/data/{_place(number)}.bin", _data(size, share, random))
        unpacked += binary
        unpacked += add(f"{info}/METADATA", iter([metadata.encode()]))
        wheel = b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        unpacked += add(f"{info}/WHEEL", iter([wheel]))
        text = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
        unpacked += add(f"{info}/RECORD", iter([text.encode()]))
    path.with_name(path.name + ".metadata").write_text(metadata, "utf-8")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return SizedWheel(project, path, sha256, path.stat().st_size, unpacked + python, python)


def _place(number: int) -> str:
    return f"part_{number // 100}/module_{number}"


def _split(total: int, count: int, random: np.random.Generator) -> list[int]:
    """``count`` sizes that add up to ``total``: many small ones, few large ones."""
    if count <= 0:
        return []
    shares = random.exponential(1.0, count)
    sizes = np.floor(shares / shares.sum() * total).astype(np.int64)
    sizes[-1] += total - sizes.sum()
    return [int(size) for size in sizes]


def _noise_share(room: int, plain: int) -> float:
    """How much of ``plain`` bytes must be noise so that they deflate to ``room``."""
    ratio = room / max(1, plain)
    return min(1.0, max(0.0, (ratio - _WORDS_RATIO) / (1 - _WORDS_RATIO)))


@cache
def _pools() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Noise, and a text of 16-byte words out of 256."""
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, _POOL_BYTES, np.uint8)
    vocabulary = random.integers(0, 256, (1 << 8, 16), np.uint8)
    words = vocabulary[random.integers(0, len(vocabulary), _POOL_BYTES // 16)].reshape(-1)
    return noise, words


def _data(size: int, share: float, random: np.random.Generator) -> Iterator[bytes]:
    noise, words = _pools()
    while size > 0:
        length = min(size, _CHUNK)
        first = int(length * share)
        at, word_at = (int(random.integers(0, _POOL_BYTES - _CHUNK)) for _ in range(2))
        yield noise[at : at + first].tobytes() + words[word_at : word_at + length - first].tobytes()
        size -= length


@cache
def _library() -> list[tuple[bytes, list[int]]]:
    """Every module of the standard library as text, and where it may be cut (ends of statements)."""
    found = []
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        if {"test", "tests", "site-packages", "idlelib", "lib2to3"} & set(path.parts):
            continue
        text = path.read_bytes().replace(b"\r\n", b"\n")
        try:
            statements: list[Any] = ast.parse(text).body
        except (SyntaxError, ValueError):
            continue
        lines = [0]
        for line in text.split(b"\n"):
            lines.append(lines[-1] + len(line) + 1)
        found.append((text, [lines[one.end_lineno] for one in statements]))
    return found


def _source(size: int, random: np.random.Generator) -> bytes:
    """``size`` bytes of Python that compile: the best fitting beginning of a few modules."""
    library = _library()
    best = b""
    for number in random.integers(0, len(library), 24):
        text, ends = library[int(number)]
        fitting = [end for end in ends if end <= size]
        if fitting and fitting[-1] > len(best):
            best = text[: fitting[-1]]
    return best + b"#" * (size - len(best))
