"""An environment from verified files, without the network; and whether what must import does."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dubwright.packs.diagnosis.diagnose import again, install_problem
from dubwright.packs.installing.refusals import disk_full
from dubwright.packs.installing.resolution import Resolution, is_source, line
from dubwright.packs.installing.site import Site
from dubwright.packs.installing.wheelhouse import wheelhouse
from dubwright.packs.planning.plan import PlanFile
from dubwright.packs.record import env_python
from dubwright.packs.wall.guest import GuestFolders
from dubwright.packs.wall.process import kill_tree
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import Problem

_DETAIL_CHARS = 4_000


def make_environment(
    site: Site, python: Path | str, resolution: Resolution, paths: Mapping[str, Path]
) -> None:
    """Make ``<folder>/env`` with ``python`` from the files at ``paths`` (by sha256).

    uv gets no index and no network. Raises Problem as uv's output is explained.
    """
    site.steps.enter("install")
    _run_uv(
        site,
        *("venv", "--quiet", "--clear", "--no-project", "--relocatable", "--no-python-downloads"),
        *("--python", python, site.folder / "env"),
    )
    if resolution.tools:
        _install(site, resolution.tools, paths, "tools.txt", ())
    # Built without isolation: the tools above are what there is to build with.
    sources = any(is_source(one) for one in resolution.files)
    building = ("--no-build-isolation",) if sources else ("--only-binary", ":all:")
    _install(site, resolution.files, paths, "requirements.txt", building)


def _install(
    site: Site,
    files: Sequence[PlanFile],
    paths: Mapping[str, Path],
    listed_in: str,
    more: Sequence[str],
) -> None:
    listed = site.folder / listed_in
    listed.write_text("".join(line(one) + "\n" for one in files), "utf-8")
    with wheelhouse(site.home, [paths[one.sha256] for one in files]) as folders:
        _run_uv(
            site,
            *("pip", "install", "--offline", "--no-index", "--no-deps", "--require-hashes"),
            *more,
            # No byte code yet: what the pack really imports gets it when its canary runs. Compiling
            # all of a large environment takes longer than everything else and is mostly for nothing.
            *("--link-mode", _link_mode(site), "--no-compile-bytecode"),
            *("--python", env_python(site.folder), "-r", listed),
            *(word for folder in folders for word in ("--find-links", folder)),
        )


def _link_mode(site: Site) -> str:
    """Hard links into uv's cache; copies where the file system of the packs has none."""
    cache = site.home.uv_cache
    cache.mkdir(parents=True, exist_ok=True)
    probe, link = cache / ".probe", site.folder / ".probe"
    try:
        probe.touch()
        link.unlink(missing_ok=True)
        link.hardlink_to(probe)
    except OSError:
        return "copy"
    finally:
        for path in (probe, link):
            with contextlib.suppress(OSError):
                path.unlink()
    return "hardlink"


def _run_uv(site: Site, *arguments: str | Path) -> None:
    code, output = site.uv.run(arguments, site.folder, site.steps.follow_uv)
    if code != 0:
        site.say(f"uv ended with exit code {code}")
        problem = install_problem(site.name, output)
        if problem.code == "pack-disk-full":  # uv seldom says which disk
            problem = disk_full(site.home, site.name, problem.detail)
        raise problem


def check_imports(site: Site, spec: GuestSpec) -> None:
    """The pack's modules and its backend import. Raises Problem ``pack-check-failed``."""
    site.steps.enter("check")
    site.say("importing what the pack needs")
    modules = [
        *site.manifest.canary.get("imports", ()),
        f"dubwright_packs.{spec.folder.name}.backend",
    ]
    lines = ("import sys", "sys.path.insert(0, sys.argv[1])", *(f"import {m}" for m in modules))
    popen = subprocess.Popen(
        [spec.python, "-I", "-c", "\n".join(lines), GuestFolders(site.home).folder(spec)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output = b""
        while popen.returncode is None:
            site.beat()
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = popen.communicate(timeout=0.25)
    finally:
        kill_tree(popen)
    text = output.decode("utf-8", "replace").strip()
    site.log.write(text + "\n" if text else "")
    if popen.returncode != 0:
        raise useless(site.name, text)


def useless(name: str, detail: str) -> Problem:
    """It was built, but does not work."""
    explained = install_problem(name, detail)
    why = "" if explained.code == "pack-install-failed" else f" {explained.message}"
    return Problem(
        "pack-check-failed",
        f"{name} was built but does not work, so it was not put in place.{why}",
        again(name, "install again"),
        detail[-_DETAIL_CHARS:],
    )
