"""Translate with the Apertium program of this machine, a free rule-based translator (GPL, its own
process). Which languages it knows depends on the pairs that are installed beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Dict, List, Sequence, Tuple

from dubwright_kit import NextAction, Problem, Report
from dubwright_kit.contracts import TranslateAsk, TranslateDone

PROGRAM = "apertium"
BATCH_LINES = 100
TIMEOUT_S = 300.0
# Apertium's own format reader ends a sentence at a blank line and keeps it.
SEPARATOR = "\n\n"

# Pairs are named by ISO 639-3 codes ("eng-spa"), the older ones by 639-1 ("es-ca").
_LONG: Dict[str, Tuple[str, ...]] = {
    "af": ("afr",),
    "an": ("arg",),
    "ar": ("ara",),
    "be": ("bel",),
    "bg": ("bul",),
    "br": ("bre",),
    "bs": ("bos", "hbs"),
    "ca": ("cat",),
    "cy": ("cym",),
    "da": ("dan",),
    "de": ("deu",),
    "en": ("eng",),
    "eo": ("epo",),
    "es": ("spa",),
    "eu": ("eus",),
    "fr": ("fra",),
    "gl": ("glg",),
    "hi": ("hin",),
    "hr": ("hrv", "hbs"),
    "id": ("ind",),
    "is": ("isl",),
    "it": ("ita",),
    "kk": ("kaz",),
    "mk": ("mkd",),
    "ms": ("zlm", "msa"),
    "mt": ("mlt",),
    "nb": ("nob",),
    "nl": ("nld",),
    "nn": ("nno",),
    "oc": ("oci",),
    "pl": ("pol",),
    "pt": ("por",),
    "ro": ("ron",),
    "ru": ("rus",),
    "sc": ("srd",),
    "sl": ("slv",),
    "sr": ("srp", "hbs"),
    "sv": ("swe",),
    "tr": ("tur",),
    "tt": ("tat",),
    "uk": ("ukr",),
    "ur": ("urd",),
    "zh": ("zho",),
}


def run(ask: TranslateAsk, report: Report) -> TranslateDone:
    """Translate the lines in order, batch by batch; an empty line stays empty.

    Raises Problem ``no-translator`` (no program, or no pair for these languages) and
    ``translator-failed``.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise _no_translator(ask, f"the program {PROGRAM} is not on PATH")
    pair = choose_pair(installed_pairs(program), ask.source_language, ask.target_language)
    if pair is None:
        raise _no_translator(ask, f"{PROGRAM} is here, but no pair for it")
    texts = [" ".join(line.split()) for line in ask.lines]
    full = [number for number, text in enumerate(texts) if text]
    report(0, len(full), f"translating with Apertium ({pair})")
    for start in range(0, len(full), BATCH_LINES):
        batch = full[start : start + BATCH_LINES]
        lines = translate_batch(program, pair, [texts[number] for number in batch])
        for number, line in zip(batch, lines):
            texts[number] = line
        report(start + len(batch), len(full), f"translating with Apertium ({pair})")
    return TranslateDone(tuple(texts))


def installed_pairs(program: str) -> Tuple[str, ...]:
    """Return the names of the modes that ``apertium -l`` lists."""
    return tuple(_called([program, "-l"], "").split())


def choose_pair(pairs: Sequence[str], source: str, target: str) -> "str | None":
    """Return the installed pair for two language codes, a plain one before regional variants."""
    wanted = [
        f"{one}-{other}"
        for one in (*_LONG.get(source, ()), source)
        for other in (*_LONG.get(target, ()), target)
    ]
    for name in wanted:
        if name in pairs:
            return name
    for name in wanted:  # "eng-spa_419", "por_BR-spa"
        for pair in sorted(pairs):
            if [side.split("_")[0] for side in pair.split("-")] == name.split("-"):
                return pair
    return None


def translate_batch(program: str, pair: str, texts: Sequence[str]) -> List[str]:
    """Translate lines in one start of the program; line by line where it mixes them up."""
    said = _called([program, "-u", "-f", "txt", pair], SEPARATOR.join(texts) + "\n")
    lines = [" ".join(line.split()) for line in said.strip().split(SEPARATOR)]
    if len(lines) == len(texts) and all(lines):
        return lines
    if len(texts) == 1:
        return [" ".join(said.split())]
    return [translate_batch(program, pair, [text])[0] for text in texts]


def _called(command: List[str], text: str) -> str:
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},  # it takes the encoding from the locale
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if done.returncode != 0:
        raise _failed(done.stderr.decode("utf-8", "replace").strip()[-500:])
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")


def _failed(why: str) -> Problem:
    return Problem(
        "translator-failed",
        f"Apertium failed: {why or 'it said nothing about why'}.",
        NextAction("see the job's log, or give the translation as a file", "jobs", {}),
        why,
    )


def _no_translator(ask: TranslateAsk, why: str) -> Problem:
    pair = f"{ask.source_language}-{ask.target_language}"
    return Problem(
        "no-translator",
        f"Nothing here translates {pair}: {why}. Install Apertium's package for {pair}, or give "
        "the translated lines as a file (dub --translation FILE.srt).",
        NextAction("see how a translation is given", "dub", {"help": True}),
        why,
    )
