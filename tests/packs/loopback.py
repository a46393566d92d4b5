"""A package index on the loopback interface that can misbehave, and tiny wheels and packs to serve."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.packs.misbehaving import Server

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class TinyWheel:
    """A wheel made in memory."""

    project: str
    version: str
    data: bytes
    unpacked_bytes: int
    file: str = ""
    """Another name than that of a wheel."""

    @property
    def name(self) -> str:
        return self.file or f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def tiny_wheel(
    project: str, version: str, files: Mapping[str, bytes], requires: Sequence[str] = ()
) -> TinyWheel:
    """A pure wheel with ``files``, stored uncompressed so that sizes are easy to choose."""
    module = project.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    contents = dict(files)
    contents[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires)
    ).encode()
    contents[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    rows = []
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}")
    contents[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return TinyWheel(
        project, version, out.getvalue(), sum(len(content) for content in contents.values())
    )


def tiny_sdist(project: str, version: str, files: Mapping[str, bytes]) -> TinyWheel:
    """A source archive that builds itself: its build backend is inside and needs nothing."""
    module = project.replace("-", "_")
    contents = dict(files)
    contents["PKG-INFO"] = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n".encode()
    contents["pyproject.toml"] = (
        b"[build-system]\nrequires = []\nbuild-backend = 'own_build'\nbackend-path = ['.']\n"
    )
    wheel = tiny_wheel(project, version, files)
    contents["made.whl"] = wheel.data
    contents["own_build.py"] = (
        "import shutil, pathlib\n"
        "def build_wheel(folder, config=None, metadata=None):\n"
        f"    shutil.copy('made.whl', pathlib.Path(folder) / '{wheel.name}')\n"
        f"    return '{wheel.name}'\n"
    ).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"{module}-{version}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return TinyWheel(project, version, out.getvalue(), 0, f"{module}-{version}.tar.gz")


@dataclass
class Index:
    """What is served, how, and what was asked for. ``faults``: file name to a fault's name
    ("404", "503", "truncated", "damaged": one bit is wrong, "other": a good zip, but another file);
    ``pause_s`` is slept before each 64 KiB of a file."""

    wheels: list[TinyWheel] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    served: dict[str, int] = field(default_factory=dict)
    """File name to bytes sent."""
    installed: Path | None = None
    """An installed version 1 of the tiny pack, for tests of what replaces it."""
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Index:
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, body: bool) -> None:
                _, kind, name, *_ = [*self.path.split("/"), "", ""]
                if kind == "simple":
                    self._send(200, index.page(name), "text/html", body)
                    return
                wheel = next((one for one in index.wheels if one.name == name), None)
                fault = index.faults.get(name)
                if wheel is None or fault == "404":
                    self._send(404, b"no", "text/plain", body)
                elif fault == "503":
                    self._send(503, b"busy", "text/plain", body)
                else:
                    data = bytearray(wheel.data)
                    if fault == "damaged":
                        data[len(data) // 2] ^= 0x01
                    elif fault == "other":
                        data[-2:] = b"\x01\x00x"  # an archive comment of one character
                    cut = len(data) // 2 if fault == "truncated" else len(data)
                    self._send(200, bytes(data), "application/zip", body, cut, name)

            def _send(
                self,
                status: int,
                data: bytes,
                kind: str,
                body: bool,
                cut: int | None = None,
                name: str = "",
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if not body:
                    return
                end = len(data) if cut is None else cut
                try:
                    for start in range(0, end, 1 << 16):
                        time.sleep(index.pause_s if name else 0.0)
                        piece = data[start : min(end, start + (1 << 16))]
                        self._write(piece, name)
                except OSError:
                    pass  # the other side was killed
                if end < len(data):
                    self.close_connection = True

            def _write(self, piece: bytes, name: str) -> None:
                """Counted before it is written: whoever has got it may look at the count at once."""
                index._count(name, len(piece))
                try:
                    self.wfile.write(piece)
                except OSError:
                    index._count(name, -len(piece))
                    raise

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/simple"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _count(self, name: str, size_bytes: int) -> None:
        if name:
            with self._lock:
                self.served[name] = self.served.get(name, 0) + size_bytes

    def page(self, project: str) -> bytes:
        links = [
            f'<a href="/files/{one.name}#sha256={one.sha256}">{one.name}</a>'
            for one in self.wheels
            if one.project == project
        ]
        return ("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>").encode()


def write_lock(folder: Path, name: str, *wheels: TinyWheel, claimed: int | None = None) -> None:
    """Lock ``wheels`` in ``folder/name`` and their sizes beside it; ``claimed`` replaces the true
    unpacked size."""
    lines = [f"{one.project}=={one.version} \\\n    --hash=sha256:{one.sha256}\n" for one in wheels]
    (folder / name).write_text("".join(lines), "utf-8")
    path = folder / "sizes.json"
    sizes: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {"files": {}}
    for one in wheels:
        sizes["files"][one.name] = {
            "size_bytes": len(one.data),
            "unpacked_bytes": one.unpacked_bytes if claimed is None else claimed,
            "python_bytes": 0,
            "sha256": one.sha256,
        }
    path.write_text(json.dumps(sizes), "utf-8")


BACKEND = """
from __future__ import annotations
from dubwright_kit.contracts import FitAsk, FitDone


def run(ask: FitAsk, report: object) -> FitDone:
    import tiny_fit

    return FitDone(tuple(float(tiny_fit.VALUE) for line in ask.lines))
"""


def own_pack(
    folder: Path, wheel: TinyWheel, python: str = RUNNING, claimed: int | None = None
) -> Path:
    """A pack with an environment of its own, locked to ``wheel``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "backend.py").write_text(BACKEND, "utf-8")
    (folder / "pack.toml").write_text(
        f'''
id = "{folder.name.replace("_", "-")}"
title = "A tiny pack"
stage = "fit"
env = "own"
phase = 2
licence = "Apache-2.0"
canary = {{ imports = ["tiny_fit"], ask = {{ lines = [] }} }}

[[locks]]
file = "lock.txt"
requirements = ["tiny-fit=={wheel.version}"]
python = ["{python}"]
''',
        "utf-8",
    )
    (folder / "sizes.json").unlink(missing_ok=True)
    write_lock(folder, "lock.txt", wheel, claimed=claimed)
    return folder


def fit_wheel(version: str, value: int, ballast_bytes: int = 0) -> TinyWheel:
    """The one distribution of :func:`own_pack`: ``tiny_fit.VALUE``, and incompressible ballast."""
    # Deterministic noise: the same version always has the same hash.
    ballast = hashlib.shake_128(version.encode()).digest(ballast_bytes)
    return tiny_wheel(
        "tiny-fit",
        version,
        {"tiny_fit/__init__.py": f"VALUE = {value}\n".encode(), "tiny_fit/ballast.bin": ballast},
    )
