"""The environment that uv runs in: the user's index, proxy and certificates, and nothing else of theirs."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# What else a person has set for uv, pip or Python (targets, constraints, "no binary") is meant for
# their own projects and would make an install here depend on it.
_DROPPED = ("UV_", "PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__")
_KEPT_PREFIXES = (
    "UV_INDEX",
    "UV_PYTHON_INSTALL",
    "UV_PYTHON_DOWNLOADS",
    "UV_CONCURRENT",
    "UV_HTTP",
)
_KEPT = frozenset(
    {
        "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
        "UV_NO_INDEX", "UV_OFFLINE", "UV_KEYRING_PROVIDER", "UV_INSECURE_HOST", "UV_LINK_MODE",
        "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_REQUEST_TIMEOUT", "UV_NO_CACHE",
    }
)  # fmt: skip
_INDEX_SETTINGS = (
    "UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
)  # fmt: skip
_FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
}


def uv_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for uv.

    The index is uv's own setting, else pip's (variables, then its files), else uv's default.
    """
    env = os.environ if env is None else env
    clean = {key: value for key, value in env.items() if _keep(key)}
    pip = pip_settings(env)
    if not any(name in env for name in _INDEX_SETTINGS) and not _uv_file_names_index(env):
        for option, variable in _FROM_PIP.items():
            if option in pip:
                separator = "," if option == "find-links" else " "
                clean.setdefault(variable, separator.join(pip[option].split()))
    certificates = pip.get("cert") or env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    if certificates and "SSL_CERT_FILE" not in env and "SSL_CERT_DIR" not in env:
        clean["SSL_CERT_FILE"] = certificates
    if "proxy" in pip:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            if name not in env and name.lower() not in env:
                clean[name] = pip["proxy"]
    clean["UV_NO_PROGRESS"] = "1"
    clean["NO_COLOR"] = "1"
    return clean


def _keep(name: str) -> bool:
    upper = name.upper()
    return not upper.startswith(_DROPPED) or upper in _KEPT or upper.startswith(_KEPT_PREFIXES)


def pip_settings(env: Mapping[str, str]) -> dict[str, str]:
    """Return pip's network settings by option name ("index-url"): its files, then PIP_ variables."""
    found: dict[str, str] = {}
    wanted = {*_FROM_PIP, "cert", "proxy"}
    for path in _pip_files(env):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself would complain; the default index may still do
        for section in ("global", "install"):
            if parser.has_section(section):
                options = {key.replace("_", "-"): value for key, value in parser.items(section)}
                found.update((key, options[key]) for key in wanted & options.keys())
    for option in wanted:
        value = env.get("PIP_" + option.upper().replace("-", "_"))
        if value:
            found[option] = value
    return {key: value.strip() for key, value in found.items() if value.strip()}


def _pip_files(env: Mapping[str, str]) -> Iterator[Path]:
    """pip's configuration files in the order it reads them, later ones winning."""
    chosen = env.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    user = Path.home()
    if sys.platform == "win32":
        yield Path(env.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini"
        yield user / "pip" / "pip.ini"
        yield Path(env.get("APPDATA", str(user))) / "pip" / "pip.ini"
    else:
        for folder in reversed(env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")):
            yield Path(folder) / "pip" / "pip.conf"
        yield Path("/etc/pip.conf")
        yield user / ".pip" / "pip.conf"
        if sys.platform == "darwin":
            yield user / "Library" / "Application Support" / "pip" / "pip.conf"
        yield Path(env.get("XDG_CONFIG_HOME") or user / ".config") / "pip" / "pip.conf"
    if chosen:
        yield Path(chosen)


def _uv_file_names_index(env: Mapping[str, str]) -> bool:
    """True when uv's own configuration file chooses an index: then pip's does not count."""
    if sys.platform == "win32":
        folders = [env.get("APPDATA"), env.get("PROGRAMDATA")]
    else:
        folders = [env.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"), "/etc"]
    paths = [Path(folder) / "uv" / "uv.toml" for folder in folders if folder]
    chosen = env.get("UV_CONFIG_FILE")
    for path in [Path(chosen)] if chosen else paths:
        try:
            if "index" in path.read_text("utf-8"):
                return True
        except (OSError, UnicodeDecodeError):
            continue
    return False
