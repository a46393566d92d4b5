"""The ladder: ways to get an environment, in order, each a logged attempt with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dubwright.packs.installing.resolution import Resolution, Rung
from dubwright.packs.installing.site import Site
from dubwright.packs.record import Attempt
from dubwright_kit import NextAction, Problem

STOPS = frozenset(
    {
        "pack-disk-full", "pack-not-writable", "pack-no-network", "pack-tls", "pack-index-refused",
        "pack-index-down", "pack-broken-download", "pack-hash-mismatch", "pack-redirects",
        "pack-stalled", "pack-no-index", "pack-supply-incomplete", "pack-supply-mismatch",
        "pack-no-interpreter", "pack-in-use", "pack-killed",
    }
)  # fmt: skip
"""Failures that another choice of versions would meet as well: they are told at once."""


@dataclass(frozen=True)
class Climbed:
    """How far it went: the resolution that worked and every attempt, that one last."""

    resolution: Resolution
    attempts: tuple[Attempt, ...]


def rungs(site: Site) -> Iterator[Rung]:
    """The rungs for this pack, each different from those before it."""
    seen: set[tuple[object, ...]] = set()
    for rung in _all(site):
        key = (rung.lock, rung.requirements, rung.overrides, rung.dependencies, rung.sources)
        if key not in seen:
            seen.add(key)
            yield rung


def _all(site: Site) -> Iterator[Rung]:
    lock = site.plan.lock
    ladder = site.manifest.ladder
    assert lock is not None  # noqa: S101  # only packs with an environment climb
    yield Rung(f"shipped lock {lock.path.name}", lock=True)
    if site.options.supply is not None:
        return  # what is in a supply is what the lock names
    entry = next(one for one in site.manifest.locks if one.file == lock.path.name)
    yield Rung(
        f"resolved again, wheels only: {' '.join(entry.requirements)}",
        entry.requirements,
        entry.overrides or ladder.overrides,
        entry.dependencies,
    )
    candidates = [tuple(one.split(", ")) for one in ladder.candidates]
    for wanted in candidates:
        yield Rung(f"candidate {' '.join(wanted)}, wheels only", wanted)
    if candidates and ladder.bootstrap:
        first = candidates[0]
        yield Rung(
            f"{' '.join(first)} without its dependencies, beside a pinned set",
            (*first, *ladder.bootstrap),
            dependencies=False,
        )
    if site.options.allow_source_builds:
        wanted = candidates[0] if candidates else entry.requirements
        yield Rung(
            f"{' '.join(wanted)} with source builds",
            wanted,
            ladder.overrides,
            entry.dependencies or bool(ladder.candidates),
            sources=True,
        )


def climb(site: Site, attempt: Callable[[Rung], Resolution]) -> Climbed:
    """Try every rung with ``attempt`` until one works.

    Raises the Problem that stops the climb, or the first rung's with all reasons in its detail:
    what the others met follows from it.
    """
    attempts: list[Attempt] = []
    problems: list[Problem] = []
    for rung in rungs(site):
        site.say(f"attempt {len(attempts) + 1}: {rung.title}")
        try:
            resolution = attempt(rung)
        except Problem as problem:
            site.say(f"attempt {len(attempts) + 1} failed: {problem.code}: {problem.message}")
            site.log.write(f"{problem.detail}\n" if problem.detail else "")
            attempts.append(Attempt(rung.title, f"{problem.code}: {problem.message}"))
            problems.append(problem)
            if problem.code in STOPS:
                break
        else:
            return Climbed(resolution, (*attempts, Attempt(rung.title)))
    raise _told(site, attempts, problems)


def _told(site: Site, attempts: list[Attempt], problems: list[Problem]) -> Problem:
    last, first = problems[-1], problems[0]
    # A failure that stops, such as a lost network, is the cause; otherwise the first one is.
    cause = last if last.code in STOPS else first
    listed = "\n".join(f"{n}. {one.rung}: {one.reason}" for n, one in enumerate(attempts, 1))
    tried = f"\n\nWhat was tried:\n{listed}" if len(attempts) > 1 else ""
    action = cause.next_action
    builds = any(one.code == "pack-no-wheel" for one in problems)
    if builds and not site.options.allow_source_builds and cause.code not in STOPS:
        action = NextAction(
            "let it build from sources (needs a compiler)",
            "packs install",
            {"_": [site.name], "allow-source-builds": True},
        )
    return Problem(
        cause.code,
        cause.message,
        action,
        f"{cause.detail}{tried}".strip(),
    )
