"""``plan --refresh``: the index and the hubs are asked what the files weigh now. This connects."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from dubwright.home import Home
from dubwright.packs.fetch.connection import Answer, Connections, Patience
from dubwright.packs.fetch.crew import Crew, Halt
from dubwright.packs.fetch.index import Index, Sought
from dubwright.packs.fetch.opening import connections_of
from dubwright.packs.fetch.remote_zip import Unmeasured, ZipSizes, measure
from dubwright.packs.fetch.trouble import TroubleError
from dubwright.packs.planning.plan import PackPlan, PlanFile, find_uv_or_none
from dubwright_kit import NextAction

_PARALLEL = 8
_PROBE_BYTES = 4_000_000
_WORTH_BYTES = 500_000
"""Less than this measures the greeting, not the line."""


def refreshed(home: Home, plans: Sequence[PackPlan]) -> tuple[tuple[PackPlan, ...], float | None]:
    """Return ``plans`` with sizes as the servers say them now, and the rate of the line in bytes/s.

    A file's ``note`` says what differs from what is shipped, or why a server does not tell. The
    rate is that of the first 4 MB of the largest file that is still to be fetched, None when there
    is none worth it. Raises Problem as the fetcher does when nothing can be asked.
    """
    connections = connections_of(find_uv_or_none(home), _again)
    wanted = {
        (one.sha256 or one.url): one for plan in plans if not plan.installed for one in plan.files
    }
    urls = _addresses(connections, list(wanted.values()))
    asked = [key for key in wanted if key in urls]
    answers = _measured(connections, [urls[key] for key in asked])
    said = dict(zip(asked, answers, strict=True))
    new = {key: _compared(one, said.get(key), key in urls) for key, one in wanted.items()}
    renewed = tuple(
        plan if plan.installed else replace(plan, files=tuple(_in(new, one) for one in plan.files))
        for plan in plans
    )
    return renewed, _rate(connections, new, urls)


def _again(label: str) -> NextAction:
    # The fetcher's labels are of installs; here something was only asked.
    return NextAction(label.replace("install again", "ask again"), "packs plan", {"refresh": True})


def _in(new: Mapping[str, PlanFile], old: PlanFile) -> PlanFile:
    one = new[old.sha256 or old.url]
    return replace(
        old,
        size_bytes=one.size_bytes,
        unpacked_bytes=one.unpacked_bytes,
        python_bytes=one.python_bytes,
        note=one.note,
    )


def _addresses(connections: Connections, files: Sequence[PlanFile]) -> dict[str, str]:
    """Where each file is now, by sha256 or, for weights without one, by its address."""
    index = Index(connections, _again)
    sought = [Sought(one.project, one.sha256, one.name) for one in files if not one.url]
    found = index.locate(sought).urls if sought else {}
    urls = {sha256: places[0] for sha256, places in found.items() if places}
    return {**urls, **{one.sha256 or one.url: one.url for one in files if one.url}}


def _measured(connections: Connections, urls: Sequence[str]) -> list[ZipSizes | Unmeasured]:
    """Ask for every file; a server that cannot be asked costs the size of its files only.

    Raises its Problem when none of them could be asked.
    """
    halt = Halt()
    troubles: list[TroubleError] = []

    def ask(url: str) -> ZipSizes | Unmeasured:
        try:
            return measure(connections, url, halt)
        except TroubleError as trouble:
            troubles.append(trouble)
            return Unmeasured(trouble.short)

    crew: Crew[ZipSizes | Unmeasured] = Crew(_PARALLEL, halt, connections.shut)
    answers = crew.run([partial(ask, url) for url in urls], lambda: None)
    if troubles and len(troubles) == len(urls):
        raise troubles[0].problem("the sizes of the files", _again)
    return answers


def _compared(shipped: PlanFile, said: ZipSizes | Unmeasured | None, known: bool) -> PlanFile:
    if not known:
        return replace(shipped, note="the index does not have it now")
    if isinstance(said, ZipSizes):
        note = _difference(shipped.size_bytes, said.size_bytes)
        return replace(
            shipped,
            size_bytes=said.size_bytes,
            unpacked_bytes=said.unpacked_bytes,
            python_bytes=said.python_bytes,
            note=note,
        )
    size_bytes = said.size_bytes if said is not None else None
    if size_bytes is None:
        reason = said.reason if said is not None else "it was not asked"
        known_text = "size not confirmed" if shipped.size_bytes else "size unknown"
        return replace(shipped, note=f"{known_text}: {reason}")
    before = 0 if shipped.note else shipped.size_bytes  # what has a note was an estimate
    return replace(shipped, size_bytes=size_bytes, note=_difference(before, size_bytes))


def _difference(shipped_bytes: int, said_bytes: int) -> str:
    if shipped_bytes in (0, said_bytes):
        return ""
    return f"{said_bytes:,} B now, {shipped_bytes:,} B when this program was made"


def _rate(
    connections: Connections, files: Mapping[str, PlanFile], urls: Mapping[str, str]
) -> float | None:
    """Bytes a second of the first part of the largest file to come; None when it is not worth it."""
    coming = [key for key, one in files.items() if not one.cached and key in urls]
    key = max(coming, key=lambda key: files[key].size_bytes, default=None)
    if key is None or files[key].size_bytes < _WORTH_BYTES or "://" not in urls[key]:
        return None
    begun = time.monotonic()

    def take(answer: Answer, _: Patience) -> int:
        received = 0
        for piece in answer.pieces():
            received += len(piece)
            if received >= _PROBE_BYTES:
                break
        return received

    try:
        received = connections.ask(
            urls[key], take, halt=Halt(), headers=lambda: {"Range": f"bytes=0-{_PROBE_BYTES - 1}"}
        )
    except TroubleError:
        return None  # it answered a moment ago: the install will say more
    return received / max(1e-3, time.monotonic() - begun)
