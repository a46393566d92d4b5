"""Which index, proxy and certificates the user has set, for uv and for our own fetcher alike."""

from __future__ import annotations

import configparser
import ipaddress
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubwright.packs.fetch.address import hidden, host_of, login_of, origin_of, split
from dubwright.packs.fetch.default_index import default_index
from dubwright.packs.fetch.trouble import Again
from dubwright.packs.fetch.uv_config import truth, uv_indexes
from dubwright_kit import NextAction, Problem

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
    if not uv_indexes(env).says_something:
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


@dataclass(frozen=True)
class IndexSettings:
    """Where packages come from and how servers are reached. Logins may stand in the addresses."""

    indexes: tuple[str, ...] = ()
    """Addresses of simple repositories in the order in which they are asked."""
    find_links: tuple[str, ...] = ()
    """Folders, or pages with links, that hold wheels."""
    no_index: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Scheme ("http", "https", "all") to the proxy's address."""
    no_proxy: tuple[str, ...] = ()
    certificates: str = ""
    """A CA file or folder; "" for what the system trusts."""
    trusted_hosts: frozenset[str] = frozenset()
    """ "host" or "host:port" whose certificate is not looked at."""
    logins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By origin ("https://host:443") of the indexes; by host name what netrc says."""
    origin: str = ""
    """What said so, for people; without passwords."""

    def login(self, url: str) -> tuple[str, str] | None:
        """Return user and password for ``url``'s host."""
        return self.logins.get(origin_of(url)) or self.logins.get(split(url).hostname or "")

    def trusts(self, url: str) -> bool:
        """True when the host's certificate shall not be looked at."""
        name = split(url).hostname or ""
        return bool(self.trusted_hosts & {name, host_of(url), f"{name}:{split(url).port or 443}"})

    def proxy_of(self, url: str) -> str:
        """Return the proxy's address for ``url``, "" for none."""
        parts = split(url)
        name = (parts.hostname or "").rstrip(".").lower()
        if any(_excepted(name, parts.port, rule) for rule in self.no_proxy):
            return ""
        return self.proxies.get(parts.scheme.lower()) or self.proxies.get("all", "")


def index_settings(
    env: Mapping[str, str] | None = None, uv: Path | None = None, again: Again | None = None
) -> IndexSettings:
    """Return uv's index if uv is set to any, else pip's, else the one that pip carries.

    ``uv`` is asked for its default where no pip is at hand. Opens no connection.
    Raises Problem ``pack-no-index``.
    """
    system = env is None
    env = os.environ if env is None else env
    pip = pip_settings(env)
    said = uv_indexes(env)
    if said.says_something:
        default, extra, links = said.default, said.extra, said.find_links
        no_index, origin = said.no_index, "uv's settings: " + ", ".join(said.sources)
    else:
        default, extra = pip.get("index-url", ""), tuple(pip.get("extra-index-url", "").split())
        links, no_index = tuple(pip.get("find-links", "").split()), truth(pip.get("no-index", ""))
        origin = "pip's settings" if default or extra or links or no_index else ""
    if not default and not no_index:
        carried = default_index(uv, uv_environment(env))
        if carried is None:
            raise _no_index(again)
        default, carrier = carried
        origin += ("; " if origin else "") + f"the default of {carrier}"
    # uv asks the default last, pip first.
    ordered = (*extra, default) if said.says_something else (default, *extra)
    indexes = () if no_index else tuple(dict.fromkeys(url for url in ordered if url))
    certificates, word = _certificates(env, pip)
    proxies, no_proxy = _proxies(env, pip, system)
    shown = ", ".join(hidden(url) for url in (*indexes, *links))
    return IndexSettings(
        indexes,
        links,
        no_index,
        proxies,
        no_proxy,
        certificates,
        frozenset((pip.get("trusted-host", "") + " " + env.get("UV_INSECURE_HOST", "")).split()),
        _logins((*indexes, *links), env),
        f"{shown} ({origin})" + (f"; certificates: {word}" if word else ""),
    )


def _no_index(again: Again | None) -> Problem:
    label = "name an index: set UV_DEFAULT_INDEX or pip's index-url, then install again"
    return Problem(
        "pack-no-index",
        "No package index is set, and there is neither pip nor uv whose default could be used.",
        again(label) if again is not None else NextAction(label, "packs"),
    )


def _certificates(env: Mapping[str, str], pip: Mapping[str, str]) -> tuple[str, str]:
    """The CA file or folder and who names it; one that does not exist does not count, as in uv."""
    for name, place in (
        ("SSL_CERT_FILE", env.get("SSL_CERT_FILE", "")),
        ("SSL_CERT_DIR", env.get("SSL_CERT_DIR", "")),
        ("pip's cert", pip.get("cert", "")),
        ("REQUESTS_CA_BUNDLE", env.get("REQUESTS_CA_BUNDLE", "")),
        ("CURL_CA_BUNDLE", env.get("CURL_CA_BUNDLE", "")),
    ):
        # SSL_CERT_DIR may hold several, as PATH does.
        for one in place.split(os.pathsep) if name == "SSL_CERT_DIR" else [place]:
            if one and Path(one).expanduser().exists():
                return str(Path(one).expanduser()), f"{name} = {one}"
    return "", ""


def _proxies(
    env: Mapping[str, str], pip: Mapping[str, str], system: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Variables win over pip's proxy, and both over what is set in Windows or macOS."""
    lower = {key.lower(): value.strip() for key, value in env.items() if value.strip()}
    # A lower-case name wins where both are there, as everywhere.
    lower.update({key: env[key].strip() for key in lower if env.get(key, "").strip()})
    found: dict[str, str] = {}
    if system and sys.platform in ("win32", "darwin"):
        from urllib.request import getproxies

        found.update(
            {key: value for key, value in getproxies().items() if key in ("http", "https")}
        )
    if "proxy" in pip:
        found.update({"http": pip["proxy"], "https": pip["proxy"]})
    if "all_proxy" in lower:
        found.setdefault("all", lower["all_proxy"])
    for scheme in ("http", "https"):
        if f"{scheme}_proxy" in lower:
            found[scheme] = lower[f"{scheme}_proxy"]
    excepted = tuple(
        part.strip().lower() for part in lower.get("no_proxy", "").split(",") if part.strip()
    )
    return {key: _with_scheme(value) for key, value in found.items()}, excepted


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _excepted(name: str, port: int | None, rule: str) -> bool:
    """Whether a word of NO_PROXY is about this host: "*", a name and all below it, an address or a net."""
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return ipaddress.ip_address(name) in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    host, colon, wanted = rule.rpartition(":")
    if colon and wanted.isdigit() and "]" not in wanted and host.count(":") == 0:
        if port is None or int(wanted) != port:
            return False
        rule = host
    rule = rule.removeprefix("*").strip("[]").lstrip(".")
    return bool(rule) and (name == rule or name.endswith("." + rule))


def _logins(addresses: tuple[str, ...], env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Logins in ``addresses`` count for their whole origin (files often lie beside the index), never
    for another port or an unencrypted connection to the same host."""
    found = _netrc(env)
    for address in reversed(addresses):  # the first one wins
        login = login_of(address)
        if login is not None:
            found[origin_of(address)] = login
    return found


def _netrc(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Hosts that netrc names; its "default" entry is not sent to whomever we happen to ask."""
    import netrc

    chosen = env.get("NETRC")
    places = [Path(chosen)] if chosen else [Path.home() / ".netrc", Path.home() / "_netrc"]
    for place in places:
        try:
            hosts = netrc.netrc(str(place)).hosts
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
            continue
        return {
            name.lower(): (login or account, password or "")
            for name, (login, account, password) in hosts.items()
            if name != "default" and (login or account or password)
        }
    return {}
