"""uv's own Pythons: which build it would take, what it costs, and installing one from a verified file.

The file is fetched like every other, by our own fetcher; uv gets it as a mirror in a folder and opens
no connection.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from dubwright.home import Home
from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.download import Wanted
from dubwright.packs.fetch.remote_zip import measure
from dubwright.packs.toolchain.interpreter import Interpreter, ask
from dubwright.packs.toolchain.output import answer_of, output_of
from dubwright.packs.toolchain.places import managed_pythons
from dubwright.packs.toolchain.uv import Uv, UvState
from dubwright_kit import NextAction, Problem

ESTIMATE_BYTES = 30_000_000
UNPACKED_BYTES = 110_000_000
"""What builds of Python 3.8 to 3.14 weigh, roughly; the download is asked exactly by a refresh."""
_EXPECTED = re.compile(r"Expected:\s+([0-9a-f]{64})")


@dataclass(frozen=True)
class ManagedPython:
    """A build that uv would install. ``sha256`` is what uv expects of the file ("" where this uv does
    not say; it checks it all the same); ``size_bytes`` is 0 until somebody has asked the server."""

    version: str
    key: str
    """uv's name for it."""
    url: str
    sha256: str = ""
    size_bytes: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]

    @property
    def release(self) -> str:
        """The folder above it, which a mirror has too."""
        return unquote(urlsplit(self.url).path).rsplit("/", 2)[-2]

    @property
    def minor(self) -> str:
        """Such as "3.11"."""
        return ".".join(self.version.split(".")[:2])

    @property
    def download_bytes(self) -> int:
        """Exact once asked, else the estimate."""
        return self.size_bytes or ESTIMATE_BYTES

    @property
    def size_text(self) -> str:
        """For people."""
        if self.size_bytes:
            return f"{self.size_bytes:,} B"
        return f"about {ESTIMATE_BYTES / 1e6:.0f} MB; asked exactly with --refresh"

    def wanted(self) -> Wanted:
        """What the fetcher is asked for."""
        return Wanted(self.name, (self.url,), self.sha256, self.size_bytes or None)


def offered(uv: Path, version: str, env: Mapping[str, str]) -> ManagedPython | None:
    """Return the build of ``version`` ("3.11") that ``uv`` would take for this machine; opens no connection.

    None when it has none, or when its list lies on a server (UV_PYTHON_DOWNLOADS_JSON_URL). ``env`` is
    the environment that uv is to run in (``fetch.settings.uv_environment``).
    """
    text = output_of(
        [
            *(str(uv), "python", "list", "--only-downloads", "--offline"),
            *("--output-format", "json", f"cpython-{version}"),
        ],
        env,
    )
    try:
        entries = [
            one
            for one in json.loads(text)
            if one["implementation"] == "cpython"
            and one.get("variant", "default") == "default"
            and one["url"]
        ]
    except (ValueError, TypeError, KeyError):
        return None
    if not entries:
        return None
    build = ManagedPython(entries[0]["version"], entries[0]["key"], entries[0]["url"])
    return replace(build, sha256=_expected(uv, build, env))


def measured(build: ManagedPython, connections: Connections) -> ManagedPython:
    """Return ``build`` with the size that its server says, where it does. This connects.

    Raises ``fetch.trouble.TroubleError``.
    """
    return replace(build, size_bytes=measure(connections, build.url).size_bytes or 0)


def install(
    build: ManagedPython,
    archive: Path,
    home: Home,
    uv: Path,
    env: Mapping[str, str],
    log: IO[str],
    tick: Callable[[UvState], None],
) -> Interpreter:
    """Let uv unpack ``archive`` (the file of ``build``) below ``home.pythons``; without network.

    uv compares the file with its own hash. When ``tick`` raises, uv is killed. Raises Problem
    ``pack-no-interpreter`` when it does not end with a Python that answers.
    """
    home.pythons.mkdir(parents=True, exist_ok=True)
    output, found = "", None
    try:
        with tempfile.TemporaryDirectory(prefix=".mirror-", dir=home.pythons) as mirror:
            _link(archive, Path(mirror) / build.release / build.name)
            runner = Uv(uv, _environment(env, Path(mirror), home.pythons), log)
            arguments = ["python", "install", "--no-bin", "--offline", "--no-config", build.key]
            code, output = runner.run(arguments, Path(mirror), tick)
        answers = (ask(path) for path in managed_pythons(home.pythons, build.minor))
        found = next((one for one in answers if one is not None), None) if code == 0 else None
    finally:
        if found is None:  # unpacked, but not finished: it must not be believed the next time
            shutil.rmtree(home.pythons / build.key, ignore_errors=True)
    if found is None:
        raise Problem(
            "pack-no-interpreter",
            f"Python {build.version} was fetched, but it could not be installed to {home.pythons}.",
            NextAction(
                f"install Python {build.minor} yourself, then install again",
                "packs install",
                {"_": ["python-toolchain"]},
            ),
            output.strip()[-2000:],
        )
    return found


def _environment(env: Mapping[str, str], mirror: Path, pythons: Path) -> dict[str, str]:
    return {
        **{key: value for key, value in env.items() if key != "UV_PYTHON_DOWNLOADS"},
        "UV_PYTHON_INSTALL_MIRROR": mirror.as_uri(),
        "UV_PYTHON_INSTALL_DIR": str(pythons),
        "UV_PYTHON_INSTALL_BIN": "0",
        "UV_PYTHON_INSTALL_REGISTRY": "0",
        "UV_HTTP_RETRIES": "0",
    }


def _link(archive: Path, place: Path) -> None:
    place.parent.mkdir(parents=True)
    try:
        place.hardlink_to(archive)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(archive, place)


def _expected(uv: Path, build: ManagedPython, env: Mapping[str, str]) -> str:
    """The sha256 in uv's own list, which it names only when it refuses a file: it is offered an empty
    archive. "" where it does not say."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "mirror" / build.release / build.name
        place.parent.mkdir(parents=True)
        with tarfile.open(place, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("python/empty"), io.BytesIO())
        _, _, complaint = answer_of(
            [str(uv), *("python", "install", "--no-bin", "--offline", "--no-config", build.key)],
            _environment(env, Path(folder) / "mirror", Path(folder) / "pythons"),
        )
    found = _EXPECTED.search(complaint)
    return found[1] if found else ""
