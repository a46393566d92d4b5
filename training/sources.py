"""Which recordings are trained on: the packages, which of their files, and for what."""

from __future__ import annotations

from training.background import AMBIENCE, EFFECTS
from training.store import Split
from training.wanted import (
    AUDIO_0AD,
    FLARE,
    HYPERROGUE,
    REDECLIPSE,
    ROOTS_0AD,
    ROOTS_FLARE,
    SUPERTUXKART,
    UFOAI,
    Recordings,
    of_0ad,
)

_NAEV = (("usr/share/naev/", ""),)
_MARS = (("usr/share/games/marsshooter/", "data/"),)
_ASTERISK_OUT = (
    "*/silence/*",
    "*beep*",
    "*2tone*",
    "*tt-monkeys.*",
    "*tt-weasels*",  # an animal
    "*confbridge-leave.*",
    "*confbridge-join.*",  # sounds, not words
)


def _asterisk(language: str, folder: str, speaker: str, split: Split = "train") -> Recordings:
    return Recordings(
        f"asterisk-{language}",
        f"asterisk-core-sounds-{language}-g722",
        "speech",
        ("usr/share/asterisk/sounds/*.g722",),
        _ASTERISK_OUT,
        split,
        ((f"usr/share/asterisk/sounds/{folder}", f"{language}-asterisk"),),
        speaker=speaker,
        language=language,
    )


def _0ad_voices(name: str, language: str) -> Recordings:
    return Recordings(
        f"0ad-{name}",
        "0ad-data",
        "speech",
        (f"{AUDIO_0AD}/voice/{name}/*",),
        roots=ROOTS_0AD,
        speaker=r"voice/(\w+)/civ/civ_(female|male)",
        language=language,
    )


def _kenta_cho(package: str) -> Recordings:
    """Music of a game under the licence of the game, BSD with two clauses: no program text is in it."""
    return Recordings(
        package,
        f"{package}-data",
        "music",
        ("*.ogg",),
        stated="BSD-2-Clause",
        holders="Kenta Cho",
    )


_MEGAGLEST_TALKERS = [
    "swordman",
    "archer",
    "stickfighter",
    "horseman",
    "technician",
    "battlemage",
    "summoner",
    "worker",
    "princess",
    "initiate",
    "guard",
    "archmage",
    "axe_thrower",
    "warrior",
    "spearman",
    "shaman",
    "valkyrie",
]


SPEECH: tuple[Recordings, ...] = (
    _asterisk("en", "en_US_f_Allison", "allison-smith"),
    _asterisk("es", "es_MX_f_Allison", "allison-smith"),
    _asterisk("fr", "fr_CA_f_June", "june-wallack"),
    _asterisk("ru", "ru_RU_f_IvrvoiceRU", "ivrvoice-ru"),
    _asterisk("it", "it_IT_m_Carlo", "carlo-flora"),
    Recordings(
        "menardi-it",
        "asterisk-prompt-it-menardi-wav",
        "speech",
        ("*.wav",),
        _ASTERISK_OUT,
        speaker="paola-dal-zot",
        language="it",
    ),
    Recordings(
        "librivox",
        "pocketsphinx-testdata",
        "speech",
        ("*/librivox/*.wav", "*/cards/*.wav"),
        roots=(("usr/share/pocketsphinx/", ""),),
        speaker=r"data/(librivox|cards)",
        language="en",
    ),
    _0ad_voices("greek", "grc"),
    _0ad_voices("latin", "la"),
    _0ad_voices("napatan", ""),
    _0ad_voices("persian", "fa"),
    Recordings(
        "megaglest-voices",
        "megaglest-data",
        "speech",
        tuple(f"*/{name}_{what}*" for name in _MEGAGLEST_TALKERS for what in ("ack", "select")),
        speaker=r"factions/(\w+)/units/|sounds/([a-z_]+?)_(?:ack|select)",
        language="en",
    ),
    Recordings(
        "flare-voices",
        "flare-game",
        "speech",
        (f"{FLARE}/soundfx/npcs/*",),
        roots=ROOTS_FLARE,
        split="held-out",
        speaker=r"npcs/([a-z_]+?)_?\d*\.ogg",
        language="en",
    ),
)

MUSIC: tuple[Recordings, ...] = (
    Recordings(
        "singularity",
        "singularity-music",
        "music",
        ("*.ogg",),
        stated="CC-BY-SA-3.0",
        holders="Max McCracken",
    ),
    Recordings(
        "marsshooter",
        "marsshooter-data",
        "music",
        ("*/music/*.ogg", "*/menu.ogg", "*/tutorial.ogg"),
        roots=_MARS,
    ),
    Recordings(
        "flare",
        "flare-game",
        "music",
        ("*/music/*.ogg",),
        leave_out=("*wind_ambient*",),
        roots=ROOTS_FLARE,
        split="held-out",
    ),
    Recordings("ufoai", "ufoai-music", "music", ("*/music/*.ogg",), roots=UFOAI),
    Recordings("hyperrogue", "hyperrogue-music", "music", ("*/music/*.ogg",), roots=HYPERROGUE),
    Recordings(
        "opsound",
        "asterisk-moh-opsound-g722",
        "music",
        ("*.g722",),
        stated="CC-BY-SA-3.0",
        holders="Paul Shuler (Macroform), Manolo Camp, Reno Project",
    ),
    Recordings(
        "naev",
        "naev-data",
        "music",
        ("*/music/*.ogg",),
        leave_out=("*/collective1.ogg",),  # voices in it
        roots=_NAEV,
    ),
    Recordings(
        "supertuxkart",
        "supertuxkart-data",
        "music",
        ("*/data/music/*.ogg", "*/Battle_Theme_1.ogg", "*/Gran_Paradiso_*.ogg", "*/beneath_*.ogg"),
        leave_out=("*_fast.ogg", "*_f.ogg"),  # the same, played faster
        roots=SUPERTUXKART,
    ),
    Recordings(
        "redeclipse",
        "redeclipse-data",
        "music",
        ("*/music/track_*.ogg", "*/maps/*.ogg"),
        roots=REDECLIPSE,
    ),
    Recordings("megaglest", "megaglest-data", "music", ("*/music/*.ogg",)),
    of_0ad("", "music", "music/*"),
    Recordings(
        "lugaru",
        "lugaru-data",
        "music",
        ("*/Music*.ogg",),
        roots=(("usr/share/games/lugaru/Sounds/", "Data/Sounds/"),),
    ),
    Recordings(
        "zaz",
        "zaz-data",
        "music",
        ("*/mus?.ogg",),
        roots=(("usr/share/games/zaz/", "data/"),),
        split="held-out",
    ),
    Recordings(
        "openclonk",
        "openclonk-data",
        "music",
        ("*.ogg",),
        split="held-out",
        # The game's own files are ISC, some of its content CC-BY-3.0 or CC0: this asks for the most.
        stated="CC-BY-3.0",
        holders="The OpenClonk Team and contributors",
    ),
    *map(
        _kenta_cho,
        (
            "rrootage",
            "noiz2sa",
            "mu-cade",
            "torus-trooper",
            "tumiki-fighters",
            "parsec47",
            "a7xpg",
            "gunroar",
            "titanion",
        ),
    ),
)

SOURCES: tuple[Recordings, ...] = SPEECH + MUSIC + AMBIENCE + EFFECTS
