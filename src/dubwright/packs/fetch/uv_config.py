"""What uv's own variables and files say about indexes, in uv's order of precedence."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.packs.fetch.address import as_path, login_of, with_login

_NAMED = re.compile(r"^([A-Za-z0-9._-]+)=(.*)$")


@dataclass(frozen=True)
class UvIndexes:
    """``default`` is "" where uv's own default holds; ``extra`` are asked before it."""

    default: str = ""
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    sources: tuple[str, ...] = ()
    """Variables and files that said so."""

    @property
    def says_something(self) -> bool:
        return bool(self.default or self.extra or self.find_links or self.no_index)


def uv_indexes(env: Mapping[str, str]) -> UvIndexes:
    """Return what variables say, then the user's uv.toml, then the machine's: the first default wins,
    the rest adds up."""
    said = [_from_variables(env), *(_from_file(path, env) for path in _files(env))]
    said = [one for one in said if one.says_something]
    return UvIndexes(
        next((one.default for one in said if one.default), ""),
        tuple(dict.fromkeys(url for one in said for url in one.extra)),
        tuple(dict.fromkeys(place for one in said for place in one.find_links)),
        any(one.no_index for one in said),
        tuple(source for one in said for source in one.sources),
    )


def _from_variables(env: Mapping[str, str]) -> UvIndexes:
    names = (
        "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    )  # fmt: skip
    default = env.get("UV_DEFAULT_INDEX", "").strip() or env.get("UV_INDEX_URL", "").strip()
    extra = [*env.get("UV_INDEX", "").split(), *env.get("UV_EXTRA_INDEX_URL", "").split()]
    links = [part.strip() for part in env.get("UV_FIND_LINKS", "").split(",")]
    return UvIndexes(
        _signed(default, env),
        tuple(_signed(url, env) for url in extra),
        tuple(part for part in links if part),
        truth(env.get("UV_NO_INDEX", "")),
        tuple(name for name in names if env.get(name)),
    )


def _from_file(path: Path, env: Mapping[str, str]) -> UvIndexes:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return UvIndexes()  # uv itself would complain; the default index may still do
    pip = table.get("pip")
    if isinstance(pip, dict):  # what stands there wins for `uv pip`
        table = {**table, **pip}
    default, extra = "", []
    for entry in _list(table.get("index")):
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            continue
        name, url = str(entry.get("name", "")), _placed(entry["url"], path)
        url = _with_variables(name, url, env)
        if entry.get("default") is True:
            default = default or url
        elif entry.get("explicit") is not True:  # these are for packages that name them
            extra.append(url)
    default = default or _placed(str(table.get("index-url") or ""), path)
    extra += [_placed(str(url), path) for url in _list(table.get("extra-index-url"))]
    return UvIndexes(
        default,
        tuple(extra),
        tuple(_placed(str(place), path) for place in _list(table.get("find-links"))),
        table.get("no-index") is True,
        (str(path),),
    )


def _files(env: Mapping[str, str]) -> Iterator[Path]:
    """uv.toml of the user, then of the machine; $UV_CONFIG_FILE in place of both."""
    chosen = env.get("UV_CONFIG_FILE")
    if chosen:
        yield Path(chosen)
        return
    if truth(env.get("UV_NO_CONFIG", "")):
        return
    if sys.platform == "win32":
        folders = [env.get("APPDATA", ""), env.get("PROGRAMDATA", "")]
    else:
        folders = [env.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")]
        folders += [*env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"), "/etc"]
    yield from (Path(folder) / "uv" / "uv.toml" for folder in folders if folder)


def truth(text: str) -> bool:
    """How uv and pip read a switch in a variable."""
    return text.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _signed(text: str, env: Mapping[str, str]) -> str:
    """Take "name=URL" apart; a named index gets its login from variables."""
    match = _NAMED.match(text)
    return _with_variables(match[1], match[2], env) if match else text


def _with_variables(name: str, url: str, env: Mapping[str, str]) -> str:
    word = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    user = env.get(f"UV_INDEX_{word}_USERNAME", "") if word else ""
    password = env.get(f"UV_INDEX_{word}_PASSWORD", "") if word else ""
    if login_of(url) is None and (user or password):
        return with_login(url, user, password)
    return url


def _placed(address: str, file: Path) -> str:
    """A relative folder in a file is relative to that file."""
    path = as_path(address) if address else None
    if path is not None and not path.is_absolute():
        return str(file.parent / path)
    return address
