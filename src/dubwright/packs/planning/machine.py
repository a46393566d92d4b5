"""What an install can know about this machine before it begins: gathered once, then only read."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dubwright
from dubwright.home import Home
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.planning.processor import cpu_flags, long_paths
from dubwright.packs.planning.volume import Volume, volume_of
from dubwright.packs.wheels import Target

Role = Literal["packs", "downloads", "uv_cache", "temp"]

_CERTIFICATES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_PROXY")
_RELEASED = 1_767_225_600.0
"""1 January 2026: this program is not older."""
# Harmless: they change what is printed or how a Python behaves that is not ours.
_QUIET = frozenset(
    {
        "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT", "PIP_PROGRESS_BAR", "PIP_ROOT_USER_ACTION",
        "PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "PIP_QUIET", "PIP_VERBOSE", "PIP_NO_COLOR",
        "PIP_BREAK_SYSTEM_PACKAGES", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_CONFIG_FILE",
        "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST",
        "PIP_CERT", "PIP_PROXY", "PIP_CLIENT_CERT",
        "UV_NO_PROGRESS", "UV_LINK_MODE", "UV_COMPILE_BYTECODE", "UV_RUN_RECURSION_DEPTH",
    }
)  # fmt: skip
_LOUD_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPLATLIBDIR")


@dataclass(frozen=True)
class Place:
    """A folder that an install writes to, and the volume that it lies (or would lie) on."""

    role: Role
    path: Path
    volume: Volume


@dataclass(frozen=True)
class Certificates:
    """A setting that names certificates. ``trouble`` says why they cannot be used, else it is empty."""

    variable: str
    path: str
    trouble: str = ""


@dataclass(frozen=True)
class Machine:
    """Facts only; what they mean is :mod:`dubwright.packs.planning.preflight`'s to say."""

    target: Target
    """System, processor and libc, as wheels are chosen by."""
    places: tuple[Place, ...]
    memory_bytes: int = 0
    """Available now, with the limit of a container; 0 = unknown."""
    cpu_flags: frozenset[str] | None = None
    """ "avx", "avx2"; None = unknown."""
    long_paths: bool = True
    """False on a Windows that stops at 260 characters."""
    now: float = 0.0
    """Unix time."""
    released: float = _RELEASED
    """Unix time; this program is not older."""
    certificates: tuple[Certificates, ...] = ()
    proxies: Mapping[str, str] | None = None
    """By variable, as they are set."""
    ignored: tuple[str, ...] = ()
    """Variables for other installers that are kept from ours, sorted."""
    compiler: str = ""
    """A C compiler by path; empty where none was found."""

    def place(self, role: Role) -> Place | None:
        """The folder of ``role``."""
        return next((one for one in self.places if one.role == role), None)


def machine_facts(home: Home, env: Mapping[str, str] | None = None) -> Machine:
    """Look at this machine: no process is started, no connection opened; a few empty files are
    made beside the folders concerned and removed again.
    """
    env = os.environ if env is None else env
    return Machine(
        target=Target.here(),
        places=_places(home),
        memory_bytes=_memory_bytes(),
        cpu_flags=cpu_flags(),
        long_paths=long_paths(),
        now=time.time(),
        released=max(_RELEASED, Path(dubwright.__file__).stat().st_mtime),
        certificates=_certificates(env),
        proxies=_proxies(env),
        ignored=ignored_variables(env),
        compiler=_compiler(env),
    )


def _places(home: Home) -> tuple[Place, ...]:
    found = [
        Place("packs", home.packs, volume_of(home.packs)),
        Place("downloads", home.downloads, volume_of(home.downloads)),
        Place("uv_cache", home.uv_cache, volume_of(home.uv_cache)),
    ]
    try:
        temp = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        return (*found, Place("temp", Path(os.curdir), Volume(refusal=str(error))))
    return (*found, Place("temp", temp, volume_of(temp)))


def _memory_bytes() -> int:
    import psutil  # here: listing packs must not pay for it

    available = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text("ascii").strip()
        used = int((group / "memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return available
    return min(available, max(0, int(limit) - used)) if limit.isdigit() else available


def _certificates(env: Mapping[str, str]) -> tuple[Certificates, ...]:
    found = []
    for variable in _CERTIFICATES:
        value = env.get(variable, "")
        if not value:
            continue
        # SSL_CERT_DIR may hold several, as PATH does; the first that exists is looked at.
        several = value.split(os.pathsep) if variable == "SSL_CERT_DIR" else [value]
        paths = [Path(one).expanduser() for one in several if one]
        path, trouble = next((one for one in paths if one.exists()), None), ""
        if path is None:
            trouble = "which does not exist"
        elif variable == "SSL_CERT_FILE" and not path.is_file():
            trouble = "which is not a file"
        elif not os.access(path, os.R_OK):
            trouble = "which cannot be read"
        elif path.is_file() and path.stat().st_size == 0:
            trouble = "which is empty"
        found.append(Certificates(variable, value, trouble))
    return tuple(found)


def _proxies(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in env if name.upper() in _PROXIES and env[name].strip()}


def ignored_variables(env: Mapping[str, str]) -> tuple[str, ...]:
    """Variables meant for pip, uv, conda or Python that ``uv_environment`` keeps from our uv."""
    kept = uv_environment(env)
    found = []
    for name in env:
        upper = name.upper()
        if name in kept or upper in _QUIET or not env[name]:
            continue
        if upper in ("VIRTUAL_ENV", "CONDA_PREFIX"):
            # The environment that this program itself runs in says nothing.
            if Path(env[name]) != Path(sys.prefix):
                found.append(name)
        elif upper.startswith(("PIP_", "UV_")) or upper in _LOUD_PYTHON:
            found.append(name)
    return tuple(sorted(found))


def _compiler(env: Mapping[str, str]) -> str:
    chosen = env.get("CC", "").split()
    names = [*chosen[:1], "cc", "gcc", "clang", "cl"]
    found = next((path for name in names if (path := shutil.which(name))), "")
    if sys.platform == "darwin":
        # /usr/bin/cc is there always; without the tools it only offers to install them.
        tools = ("/Library/Developer/CommandLineTools/usr/bin/clang", "/Applications/Xcode.app")
        return next((path for path in tools if Path(path).exists()), "")
    if sys.platform == "win32" and not found:
        root = env.get("ProgramFiles(x86)", "C:/Program Files (x86)")
        finder = Path(root) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe"
        return str(finder) if finder.is_file() else ""
    return found
