"""Separators: which pack makes which stems of a sound, and what a person may choose about it.

A *separator* is what people name (``--separator spleeter``); it is a pack that makes the two stems of
a dub. A pack called ``<separator>-4stems`` or ``-5stems`` is the same separator with more stems: it
never appears by itself, because a dub needs the background as one stem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.packs.catalog import Packs
    from dubwright.packs.manifest import Manifest

STAGE = "separate"
JOB_PREFIX = "separate_audio_"
OPTIONS = ("stems", "extension")
"""Of a job ``separate_audio_<separator>``."""

STEMS: Mapping[int, tuple[str, ...]] = {
    2: ("vocals", "background"),
    4: ("vocals", "drums", "bass", "other"),
    5: ("vocals", "piano", "drums", "bass", "other"),
}
DUB_STEMS = 2

EXTENSIONS = ("average", "zeros")
"""Above the highest frequency that a network has learnt: the stems share the sound as they do below,
or both are silent there (the official configuration of Spleeter)."""

_RANK = {"builtin": 0, "spleeter-tensorflow": 1, "spleeter": 2}
"""The better the higher; the last two make the same stems, the last one faster."""


@dataclass(frozen=True)
class Model:
    """What separates: ``separator`` as people name it, the ``pack`` that is asked, the stems that it
    makes, and the ``options`` that go into its ask. ``speech``: it wants to know where somebody speaks
    (``capabilities.speech``; a pack that does not say is told)."""

    separator: str
    pack: str
    stems: tuple[str, ...]
    options: Mapping[str, str]
    speech: bool = True


def pack_name(separator: str, stems: int) -> str:
    """The pack of a separator for so many stems, whether there is one or not."""
    return separator if stems == DUB_STEMS else f"{separator}-{stems}stems"


def separators(packs: Packs) -> tuple[str, ...]:
    """Every separator that a dub can use, the best last (``auto`` takes the last that is ready)."""
    return tuple(_by_stems(packs, DUB_STEMS))


def pick_separator(packs: Packs, wanted: str | None) -> str:
    """Return the separator's name. Raises Problem ``separator-unknown``."""
    return _pick(packs, wanted, DUB_STEMS, "dub")


def choose_model(
    packs: Packs,
    wanted: str | None,
    stems: Any = DUB_STEMS,
    extension: str | None = None,
    verb: str = "separate",
) -> Model:
    """Return what will separate, installed or not; ``stems`` as typed, ``verb`` whose help to show.

    Raises Problem ``separator-unknown`` and ``option-invalid`` (a number of stems or an extension
    that there is not, or that this separator cannot do).
    """
    count = _count(stems, verb)
    separator = _pick(packs, wanted, count, verb)
    pack = _by_stems(packs, count)[separator]
    manifest = packs.manifests[pack]
    return Model(
        separator,
        pack,
        _stems(manifest),
        _options(manifest, extension, verb),
        bool(manifest.capabilities.get("speech", True)),
    )


def _count(stems: Any, verb: str) -> int:
    text = str(stems).strip()
    if text not in {str(count) for count in STEMS}:
        raise _invalid(f'The number of stems is 2, 4 or 5, not "{stems}".', verb)
    return int(text)


def _pick(packs: Packs, wanted: str | None, stems: int, verb: str) -> str:
    from dubwright.packs.state import READY

    able = _by_stems(packs, stems)
    if wanted and wanted != "auto":
        if wanted in able:
            return wanted
        known = _by_stems(packs, DUB_STEMS)
        if wanted in known:
            others = ", ".join(able) or "no separator"
            raise _invalid(
                f"{wanted} makes 2 stems, not {stems}; {stems} stems are made by: {others}.", verb
            )
        raise Problem(
            "separator-unknown",
            f'There is no separator "{wanted}"; there are: {", ".join(known)}.{_more(wanted, verb)}',
            NextAction("see every pack", "packs", {}),
        )
    if not able:
        raise _invalid(f"No separator here makes {stems} stems.", verb)
    ready = [name for name, pack in able.items() if packs.status(pack).state in READY]
    # None: the best that could be installed, so that the Problem of its absence says how.
    return ready[-1] if ready else list(able)[-1]


def _more(wanted: str, verb: str) -> str:
    """Who names a pack of more stems is told how to ask for it, or that a dub cannot use it."""
    for count in STEMS:
        name = wanted.removesuffix(f"-{count}stems")
        if name != wanted and verb == "dub":
            return f" A dub needs two stems: --separator {name}."
        if name != wanted:
            return f" For {count} stems say --separator {name} --stems {count}."
    return ""


def _by_stems(packs: Packs, stems: int) -> dict[str, str]:
    """Separator to pack of those that make so many stems, the best last."""
    found = {
        one.id.removesuffix(f"-{stems}stems"): one.id
        for one in packs.manifests.values()
        if one.stage == STAGE and len(_stems(one)) == stems
    }
    return {
        name: found[name] for name in sorted(found, key=lambda name: (_RANK.get(name, 9), name))
    }


def _stems(manifest: Manifest) -> tuple[str, ...]:
    return tuple(manifest.capabilities.get("stems", STEMS[DUB_STEMS]))


def _options(manifest: Manifest, extension: str | None, verb: str) -> dict[str, str]:
    """What to send. A pack says in ``capabilities.extensions`` what it can do, its preferred first;
    one that has no choice is sent nothing."""
    able = tuple(str(one) for one in manifest.capabilities.get("extensions", ()))
    if extension is not None and extension not in EXTENSIONS:
        known = " or ".join(EXTENSIONS)
        raise _invalid(f'The extension is {known}, not "{extension}".', verb)
    if extension is not None and extension not in able:
        only = f"it always does {able[0]}" if able else "it separates all frequencies alike"
        raise _invalid(f'{manifest.id} cannot do the extension "{extension}": {only}.', verb)
    return {"extension": extension or able[0]} if len(able) > 1 else {}


def _invalid(message: str, verb: str) -> Problem:
    return Problem("option-invalid", message, NextAction("see the help", verb, {"help": True}))
