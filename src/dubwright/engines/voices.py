"""Which synthetic voice a speaker is given: names, languages, and the nearest distinct choice.

A voice is written ``espeak:<language>+<variant>@<pitch>``, as in ``espeak:es+f1@180``: espeak-ng's
Spanish with timbre ``f1``, its median pitch moved to 180 Hz. The language may be left out
(``espeak:+f1@180``: whatever the line is in), and so may variant and pitch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dubwright_kit import NextAction, Problem

ENGINE = "espeak"

VARIANTS_F0_HZ: Mapping[str, float] = {
    "m3": 104.0,
    "f1": 178.0,
    "m1": 93.0,
    "Annie": 233.0,
    "m7": 106.0,
    "belinda": 227.0,
    "Gene2": 114.0,
    "shelby": 178.0,
    "klatt4": 101.0,
    "f5": 204.0,
    "Andy": 96.0,
    "steph": 183.0,
    "m4": 93.0,
    "grandma": 202.0,
    "robert": 101.0,
    "linda": 227.0,
    "Michael": 109.0,
    "f4": 177.0,
}
"""espeak-ng's variants that sound like persons, with the median F0 each has by itself: measured at
the default pitch over Spanish, English and German (they differ by 5 %). The order is the order of
preference between equals, and alternates low and high for speakers whose pitch is unknown."""

PITCH_RANGE_HZ = (60.0, 400.0)
_REACH = 1.6
"""How far espeak-ng's pitch parameter moves a variant either way (measured 0.67 to 1.70)."""

_ALIASES: Mapping[str, str] = {
    "zh": "cmn",
    "zh-cn": "cmn",
    "zh-tw": "cmn",
    "zh-hans": "cmn",
    "zh-hant": "cmn",
    "zh-hk": "yue",
    "zh-yue": "yue",
    "no": "nb",
    "nn": "nb",
    "iw": "he",
    "in": "id",
    "en-gb": "en",
    "fr-fr": "fr",
    "pt-pt": "pt",
    "es-es": "es",
    "es-mx": "es-419",
    "sh": "hr",
    "hbs": "hr",
    "tl": "",
}
_PATTERN = re.compile(
    r"espeak:(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)?"
    r"(?:\+(?P<variant>[A-Za-z0-9]+))?(?:@(?P<pitch>\d+(?:\.\d+)?))?"
)


@dataclass(frozen=True)
class Voice:
    """``language`` is espeak-ng's name ("" = the line's), ``variant`` "" the plain voice,
    ``pitch_hz`` the median F0 to speak at (None: the voice's own)."""

    language: str = ""
    variant: str = ""
    pitch_hz: float | None = None

    def __str__(self) -> str:
        """The name that :func:`parse_voice` reads."""
        variant = f"+{self.variant}" if self.variant else ""
        pitch = f"@{self.pitch_hz:g}" if self.pitch_hz is not None else ""
        return f"{ENGINE}:{self.language}{variant}{pitch}"

    @property
    def backend_name(self) -> str:
        """Language and variant as espeak-ng takes them, such as ``es+f1``."""
        return f"{self.language}+{self.variant}" if self.variant else self.language


def parse_voice(name: str) -> Voice:
    """Return the voice that ``name`` spells. Raises Problem ``voice-unknown``."""
    match = _PATTERN.fullmatch(name.strip())
    if match is None:
        raise _unknown(name, "a voice is written like espeak:es+f1@180 or espeak:+m3")
    variant = match["variant"] or ""
    known = {one.lower(): one for one in VARIANTS_F0_HZ}
    if variant and variant.lower() not in known:
        raise _unknown(name, f'there is no timbre "{variant}"')
    pitch = float(match["pitch"]) if match["pitch"] else None
    low, high = PITCH_RANGE_HZ
    if pitch is not None and not low <= pitch <= high:
        raise _unknown(name, f"the pitch goes from {low:g} to {high:g} Hz")
    return Voice(match["language"] or "", known.get(variant.lower(), ""), pitch)


def _unknown(name: str, why: str) -> Problem:
    some = ", ".join(f"+{variant}" for variant in list(VARIANTS_F0_HZ)[:8])
    return Problem(
        "voice-unknown",
        f'There is no voice "{name}": {why}. Some timbres: {some}.',
        NextAction("choose one", "voice set", {"_": ["ITEM", "S1", "espeak:+f1"]}),
        f"all timbres: {', '.join(VARIANTS_F0_HZ)}",
    )


def voice_language(language: str, available: Collection[str]) -> str:
    """Return the name in ``available`` (espeak-ng's) that speaks BCP-47 ``language``.

    The exact tag, else a known other name of it, else its first part (``es-AR`` is spoken by
    ``es``), else a regional voice of it. Raises Problem ``no-voice`` naming what exists.
    """
    names = {name.lower(): name for name in available}
    tag = language.strip().lower().replace("_", "-")
    parts = tag.split("-")
    for length in range(len(parts), 0, -1):
        prefix = "-".join(parts[:length])
        for candidate in (_ALIASES.get(prefix, prefix), prefix):
            if candidate in names:
                return names[candidate]
    regional = sorted(name for name in names if parts[0] and name.startswith(f"{parts[0]}-"))
    if regional:
        return names[regional[0]]
    raise Problem(
        "no-voice",
        f'No installed pack has a voice for "{language}". '
        f"Languages with a voice: {', '.join(sorted(names)) or 'none'}.",
        NextAction("see which packs speak", "packs"),
    )


def choose_voice(language: str, f0_hz: float | None, taken: Collection[Voice]) -> Voice:
    """Return a voice of ``language`` (espeak-ng's name) whose timbre nobody in ``taken`` has.

    The variant whose own F0 is nearest to ``f0_hz`` on a logarithmic scale, moved to it as far as
    it goes; with ``f0_hz`` None the next variant in order at its own pitch. When every timbre is
    taken, the ones used least come again, with a pitch of their own. The same arguments always
    give the same voice.
    """
    uses = dict.fromkeys(VARIANTS_F0_HZ, 0)
    for voice in taken:
        if voice.variant in uses:
            uses[voice.variant] += 1
    fewest = min(uses.values())
    free = [variant for variant, count in uses.items() if count == fewest]
    if f0_hz is None or not math.isfinite(f0_hz) or f0_hz <= 0:
        variant = free[0]
        pitch = None if fewest == 0 else VARIANTS_F0_HZ[variant]
    else:
        wanted = f0_hz
        variant = min(free, key=lambda name: abs(math.log2(wanted / VARIANTS_F0_HZ[name])))
        own = VARIANTS_F0_HZ[variant]
        pitch = min(max(wanted, own / _REACH), own * _REACH)
    if pitch is None:
        return Voice(language, variant)
    used = {voice.pitch_hz for voice in taken if voice.variant == variant}
    pitch = _round(pitch)
    while pitch in used and pitch < PITCH_RANGE_HZ[1]:
        pitch = _round(pitch * 1.06)
    return Voice(language, variant, pitch)


def _round(pitch_hz: float) -> float:
    low, high = PITCH_RANGE_HZ
    return float(round(min(max(pitch_hz, low), high)))


def assign_voices(
    language: str,
    speakers: Sequence[str],
    f0_hz: Mapping[str, float],
    chosen: Mapping[str, Voice],
) -> dict[str, Voice]:
    """Give every speaker a voice of ``language`` (espeak-ng's name).

    ``chosen`` (a person's choices) go first and are only moved to ``language`` where they name
    another one; the other speakers follow in the given order, each with the nearest free voice.
    """
    given = {
        speaker: in_language(chosen[speaker], language) for speaker in speakers if speaker in chosen
    }
    for speaker in speakers:
        if speaker not in given:
            given[speaker] = choose_voice(language, f0_hz.get(speaker), list(given.values()))
    return {speaker: given[speaker] for speaker in speakers}


def in_language(voice: Voice, language: str) -> Voice:
    """Return ``voice`` as it is when it speaks ``language`` (or a region of it), else moved to it."""
    same = voice.language.partition("-")[0].lower() == language.partition("-")[0].lower()
    return voice if same else replace(voice, language=language)
