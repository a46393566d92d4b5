"""Names and codes of languages, brought to one form: ISO 639-1 ("en"), 639-3 where there is none."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.library.model import Item

_TABLE = """
af afr        Afrikaans       | am amh        Amharic         | an arg        Aragonese
ar ara        Arabic          | ast -         Asturian        | az aze        Azerbaijani
be bel        Belarusian      | bg bul        Bulgarian       | bn ben        Bengali
br bre        Breton          | bs bos        Bosnian         | ca cat        Catalan
cs ces cze    Czech           | cy cym wel    Welsh           | da dan        Danish
de deu ger    German          | el ell gre    Greek           | en eng        English
eo epo        Esperanto       | es spa        Spanish         | et est        Estonian
eu eus baq    Basque          | fa fas per    Persian         | fi fin        Finnish
fil -         Filipino        | fr fra fre    French          | ga gle        Irish
gl glg        Galician        | gu guj        Gujarati        | he heb        Hebrew
hi hin        Hindi           | hr hrv        Croatian        | hu hun        Hungarian
hy hye arm    Armenian        | id ind        Indonesian      | is isl ice    Icelandic
it ita        Italian         | ja jpn        Japanese        | jv jav        Javanese
ka kat geo    Georgian        | kk kaz        Kazakh          | km khm        Khmer
kn kan        Kannada         | ko kor        Korean          | ku kur        Kurdish
ky kir        Kyrgyz          | la lat        Latin           | lb ltz        Luxembourgish
lo lao        Lao             | lt lit        Lithuanian      | lv lav        Latvian
mk mkd mac    Macedonian      | ml mal        Malayalam       | mn mon        Mongolian
mr mar        Marathi         | ms msa may    Malay           | mt mlt        Maltese
my mya bur    Burmese         | nb nob        Norwegian       | ne nep        Nepali
nl nld dut    Dutch           | nn nno        Nynorsk         | oc oci        Occitan
pa pan        Punjabi         | pl pol        Polish          | ps pus        Pashto
pt por        Portuguese      | ro ron rum    Romanian        | ru rus        Russian
sc srd        Sardinian       | si sin        Sinhala         | sk slk slo    Slovak
sl slv        Slovenian       | so som        Somali          | sq sqi alb    Albanian
sr srp        Serbian         | sv swe        Swedish         | sw swa        Swahili
ta tam        Tamil           | te tel        Telugu          | tg tgk        Tajik
th tha        Thai            | tr tur        Turkish         | tt tat        Tatar
uk ukr        Ukrainian       | ur urd        Urdu            | uz uzb        Uzbek
vi vie        Vietnamese      | yue -         Cantonese       | zh zho chi    Chinese
zu zul        Zulu            | ht hat        Haitian         | yi yid        Yiddish
"""
_OTHER_NAMES = {
    "no": "nb",
    "nor": "nb",
    "cmn": "zh",
    "mandarin": "zh",
    "castilian": "es",
    "farsi": "fa",
    "tagalog": "fil",
    "tl": "fil",
    "tgl": "fil",
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "bokmål": "nb",
    "deutsch": "de",
    "español": "es",
    "français": "fr",
    "italiano": "it",
    "português": "pt",
}
_SHAPE = re.compile(r"[^\W\d_]+(?:[-_ ][\w]+)*")


def _entries() -> list[tuple[str, list[str], str]]:
    found = []
    for entry in _TABLE.replace("\n", "|").split("|"):
        if entry.strip():
            code, *others, name = entry.split()
            found.append((code, [other for other in others if other != "-"], name))
    return found


_NAMES = {code: name for code, _, name in _entries()}
_LONG_CODES = {code: (others or [code])[0] for code, others, _ in _entries()}
_KNOWN = {
    **{spelling: code for code, others, _ in _entries() for spelling in (code, *others)},
    **{name.lower(): code for code, _, name in _entries()},
    **_OTHER_NAMES,
}


def normalise(spelling: str) -> str:
    """Return the code of "eng", "en-US", "EN_us", "English" ("en"): regions and scripts go.

    Raises Problem ``language-unknown``, which names what is near.
    """
    asked = spelling.strip().lower()
    code = _KNOWN.get(asked)
    if code is None and _SHAPE.fullmatch(asked):
        code = _KNOWN.get(asked.replace("_", "-").split("-")[0])
    if code is not None:
        return code
    near = difflib.get_close_matches(asked, _KNOWN, n=4, cutoff=0.6)
    close = list(dict.fromkeys(f"{_KNOWN[word]} ({name(_KNOWN[word])})" for word in near))
    hint = f" Near to it: {', '.join(close)}." if close else ""
    raise Problem(
        "language-unknown",
        f'"{spelling}" is not a language known here.{hint} '
        'Codes such as "en" or "spa" and English names are understood.',
        NextAction("see which options take a language", "dub", {"help": True}),
    )


def name(code: str) -> str:
    """Return the English name of a normalised code, or the code itself."""
    return _NAMES.get(code, code)


def three_letters(code: str) -> str:
    """Return the ISO 639-3 code of a normalised one ("spa" for "es")."""
    return _LONG_CODES.get(code, code)


def codes() -> tuple[str, ...]:
    """Every normalised code."""
    return tuple(sorted(_NAMES))


def tagged(item: Item) -> str | None:
    """The language that the item's chosen audio stream is tagged with; None without a usable tag."""
    streams = item.probe.get("audio") or []
    if item.audio_stream >= len(streams):
        return None
    tag = str(streams[item.audio_stream].get("language") or "")
    try:
        return normalise(tag) if tag and tag not in ("und", "mul", "zxx") else None
    except Problem:
        return None
