"""Which files make an environment: from the shipped lock, or resolved again by uv."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dubwright.packs.diagnosis.diagnose import again, install_problem
from dubwright.packs.installing.site import Site
from dubwright.packs.planning.plan import PlanFile, project_of, version_of
from dubwright.packs.wheels import Target
from dubwright_kit import NextAction, Problem


@dataclass(frozen=True)
class Rung:
    """One way to get an environment. ``lock``: exactly the shipped files; else ``requirements`` are
    resolved by uv against the index."""

    title: str
    requirements: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    dependencies: bool = True
    lock: bool = False
    sources: bool = False
    """Source archives may be built; otherwise wheels only."""


@dataclass(frozen=True)
class Resolution:
    """The files of an environment and the hash-locked lines that uv is given."""

    files: tuple[PlanFile, ...]
    requirements: tuple[str, ...]
    tools: tuple[PlanFile, ...] = ()
    """What has to be in the environment before source archives can be built."""
    lock: Path | None = None
    """The shipped lock, where it is the one."""


def of_lock(site: Site) -> Resolution:
    """The shipped lock's files for the Python of the plan."""
    plan = site.plan
    assert plan.lock is not None  # noqa: S101  # the caller's rung says so
    return Resolution(plan.wheels, tuple(line(one) for one in plan.wheels), lock=plan.lock.path)


def resolve(site: Site, rung: Rung, python: Path | str, target: Target) -> Resolution:
    """Let uv resolve ``rung`` for ``python``; only names and metadata are fetched.

    Raises Problem as uv's output is explained, or ``pack-no-wheel`` when something has no file for
    this machine.
    """
    packages = _compile(site, rung, python, rung.requirements)
    files = tuple(_file(site, package, target, rung.sources) for package in packages)
    tools: tuple[PlanFile, ...] = ()
    wanted = site.manifest.ladder.build_tools
    if wanted and any(is_source(one) for one in files):
        plain = Rung(rung.title, wanted)
        tools = tuple(
            _file(site, one, target, sources=False) for one in _compile(site, plain, python, wanted)
        )
    return Resolution(files, tuple(line(one) for one in files), tools)


def line(file: PlanFile) -> str:
    """The requirement that is met by this file only."""
    return f"{file.project}=={version_of(file.name)} --hash=sha256:{file.sha256}"


def is_source(file: PlanFile) -> bool:
    """True for a source archive, which has to be built."""
    return not file.name.endswith(".whl")


def _compile(
    site: Site, rung: Rung, python: Path | str, requirements: Sequence[str]
) -> list[Mapping[str, Any]]:
    asked = site.folder / "requirements.in"
    asked.write_text("\n".join(requirements) + "\n", "utf-8")
    answer = site.folder / "pylock.toml"
    answer.unlink(missing_ok=True)
    arguments: list[str | Path] = ["pip", "compile", "-q", "--no-header", "--no-annotate"]
    arguments += ["--format", "pylock.toml", "-o", answer, "--python", python]
    arguments += ["--no-python-downloads", "--index-strategy", "unsafe-best-match"]
    if not rung.sources:
        arguments += ["--only-binary", ":all:"]
    if not rung.dependencies:
        arguments += ["--no-deps"]
    if rung.overrides:
        overrides = site.folder / "overrides.txt"
        overrides.write_text("\n".join(rung.overrides) + "\n", "utf-8")
        arguments += ["--override", overrides]
    # As variables: arguments are logged, and logins may stand in addresses.
    uv = site.uv.having(_index_variables(site))
    code, output = uv.run([*arguments, asked], site.folder, site.steps.follow_uv)
    if code != 0 or not answer.exists():
        site.say(f"uv ended with exit code {code}")
        raise install_problem(site.name, output)
    packages: list[Mapping[str, Any]] = tomllib.loads(answer.read_text("utf-8"))["packages"]
    return packages


def _index_variables(site: Site) -> dict[str, str]:
    """The index of the settings that the fetcher uses, for uv."""
    from dubwright.packs.fetch.settings import index_settings

    settings = index_settings(uv=site.uv.program, again=lambda label: again(site.name, label))
    *others, last = settings.indexes or ("",)
    found = {"UV_INDEX": " ".join(others), "UV_DEFAULT_INDEX": last}
    found["UV_FIND_LINKS"] = ",".join(settings.find_links)
    return {name: value for name, value in found.items() if value}


def _file(site: Site, package: Mapping[str, Any], target: Target, sources: bool) -> PlanFile:
    ranked = sorted(
        (
            (rank, _plan_file(one))
            for one in package.get("wheels", ())
            if (rank := target.rank(_name(one))) is not None
        ),
        key=lambda pair: pair[0],
    )
    if ranked:
        return ranked[0][1]
    if sources and "sdist" in package:
        return _plan_file(package["sdist"])
    raise Problem(
        "pack-no-wheel",
        f"{site.name} needs {package['name']} {package.get('version', '')}, which has no ready-made "
        f"file for Python {target.python[0]}.{target.python[1]} on this machine.",
        NextAction("see what the install tried", "packs log", {"_": [site.name]}),
    )


def _plan_file(entry: Mapping[str, Any]) -> PlanFile:
    name = _name(entry)
    url = str(entry.get("url") or Path(entry["path"]).absolute().as_uri())
    size = int(entry.get("size") or 0)
    return PlanFile(
        name, str(entry["hashes"]["sha256"]), size, size, project=project_of(name), url=url
    )


def _name(entry: Mapping[str, Any]) -> str:
    if entry.get("name"):
        return str(entry["name"])
    place = urlsplit(str(entry["url"])).path if "url" in entry else str(entry["path"])
    return unquote(place).rsplit("/", 1)[-1]
