"""What can be known before a dub starts is said before it starts, not after an hour of work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.library import Library
from dubwright.library.languages import name as name_of
from dubwright.library.languages import normalise, tagged
from dubwright.library.model import Item
from dubwright.packs.catalog import Packs
from dubwright.stages.separators import pick_separator
from dubwright_kit import NextAction, Problem

READY = ("builtin", "installed")
SUBTITLE_MODES = ("embed", "sidecar", "none")


@dataclass(frozen=True)
class DubAsk:
    """What a person asked of ``dub``, as typed."""

    to: str
    source_language: str | None = None
    transcript: Path | None = None
    translation: Path | None = None
    separator: str | None = None
    asr: str | None = None
    diarizer: str | None = None
    translator: str | None = None
    voice: str | None = None
    speakers: int | None = None
    out: Path | None = None
    keep_original_track: bool = False
    subtitles: str = "embed"


def dub_options(library: Library, packs: Packs, item: Item, ask: DubAsk) -> Mapping[str, Any]:
    """Check the ask against what is installed and return the job's options (JSON values).

    Raises a Problem for everything that would stop the dub later: a missing pack, a language
    without a voice or translator, an unreadable transcript, a folder that cannot be written.
    """
    target = normalise(ask.to)
    source = normalise(ask.source_language) if ask.source_language else None
    if ask.subtitles not in SUBTITLE_MODES:
        raise Problem(
            "option-invalid",
            f'--subtitles takes embed, sidecar or none, not "{ask.subtitles}".',
            NextAction("embed them", "dub", _again(item, ask, subtitles="embed")),
        )
    if ask.speakers is not None and not 1 <= ask.speakers <= 50:
        raise Problem(
            "option-invalid",
            f"--speakers takes a number from 1 to 50, not {ask.speakers}.",
            NextAction("let it count them", "dub", _again(item, ask, speakers=None)),
        )
    separator = pick_separator(packs, ask.separator)
    _readable_text(ask.transcript)
    _readable_text(ask.translation)
    needed = [separator, *_speaking(packs, item, ask, target)]
    if ask.speakers != 1:
        needed.append(ask.diarizer or "diarization")
    transcribing, recogniser = _transcribing(library, packs, item, ask, source)
    _require(packs, [*needed, *recogniser])
    _check_translation(library, packs, item, ask, source or tagged(item) or "en")
    options: dict[str, Any] = {
        "to": target,
        "from": source,
        "separator": separator,
        "transcript": _text(ask.transcript),
        "translation": _text(ask.translation),
        "asr": ask.asr,
        "diarizer": ask.diarizer,
        "translator": ask.translator,
        "voice": ask.voice,
        "speakers": ask.speakers,
        "subtitles": ask.subtitles,
        "keep_original_track": ask.keep_original_track or None,
        "out": _out(ask, item),
    }
    options.update(transcribing)
    return {key: value for key, value in options.items() if value is not None}


def _text(path: Path | None) -> str | None:
    return None if path is None else os.path.abspath(path)  # noqa: PTH100  # keep the user's own path, links and all


def _readable_text(path: Path | None) -> None:
    if path is None:
        return
    from dubwright.library.subtitles import read_cues

    read_cues(path)


def _speaking(packs: Packs, item: Item, ask: DubAsk, target: str) -> list[str]:
    """The pack that speaks the language. Raises ``no-voice``, ``voice-unknown``."""
    from dubwright.engines.voices import parse_voice, voice_language

    if ask.voice is not None:
        try:
            parse_voice(ask.voice)
        except Problem as problem:
            action = NextAction("let it choose", "dub", _again(item, ask, voice=None))
            raise Problem(problem.code, problem.message, action, problem.detail) from None
    voices = packs.for_stage("speak")
    known = sorted({language for status in voices for language in status.manifest.languages})
    spoken = voice_language(target, known)
    return [next(s.manifest.id for s in voices if spoken in s.manifest.languages)]


def _require(packs: Packs, names: Sequence[str]) -> None:
    """Raise one Problem for all packs that are missing, so that one install gets the user on."""
    missing = [name for name in dict.fromkeys(names) if packs.status(name).state not in READY]
    if len(missing) < 2:
        for name in missing:
            packs.require(name)
        return
    size_bytes = sum(plan.download_bytes for plan in packs.plan(missing))
    raise Problem(
        "pack-not-installed",
        f"This needs packs that are not installed: {', '.join(missing)}. "
        f"Together they are a download of {size_bytes / 1e6:,.1f} MB.",
        NextAction("install them", "packs install", {"_": missing}),
    )


def _transcribing(
    library: Library, packs: Packs, item: Item, ask: DubAsk, source: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Where the source lines come from: options of the job, and the recogniser that it needs.

    Raises ``pack-unknown`` for a recogniser that there is not, ``no-transcriber``.
    """
    name = f"asr-{ask.asr}" if ask.asr else "asr-pocketsphinx"
    able_languages = packs.manifest(name).languages
    if ask.transcript is not None or library.newest_track(item.id, "source") is not None:
        skip = ask.transcript is None and ask.asr is None
        return ({"skip": ["asr_local"]} if skip else {}), []
    spoken = source or tagged(item) or "en"
    able = spoken in able_languages
    if able and (packs.status(name).state in READY or ask.translation is None):
        return {}, [name]
    if ask.translation is not None:
        # The translation's cues are the lines; without source text they are told apart by sound.
        return {"skip": ["asr_local"], "without_transcript": True}, []
    raise Problem(
        "no-transcriber",
        f'No installed pack can transcribe "{spoken}"; pocketsphinx drafts English only.',
        NextAction("give the transcript", "dub", _again(item, ask, transcript="FILE.srt")),
    )


def _check_translation(
    library: Library, packs: Packs, item: Item, ask: DubAsk, spoken: str
) -> None:
    """Raise ``no-translator`` now when nothing could give the lines in the wanted language."""
    target = normalise(ask.to)
    if ask.translator is not None:
        _require(packs, [ask.translator])
    track = library.newest_track(item.id, "source")
    if track is not None and ask.transcript is None:
        spoken = track.language
    given = ask.translation is not None or spoken == target
    if given or library.newest_track(item.id, "translation", target) is not None:
        return
    if any(status.state in READY for status in packs.for_stage("translate")):
        return
    raise Problem(
        "no-translator",
        f"Nothing here translates {name_of(spoken)} to {name_of(target)}: no translator is "
        "installed. Give the translated lines as a subtitle file, or install Apertium with that "
        "pair of languages.",
        NextAction("give the lines", "dub", _again(item, ask, translation="FILE.srt")),
    )


def _out(ask: DubAsk, item: Item) -> str | None:
    """Return the absolute output path. Raises Problem ``out-not-writable``/``out-is-source``."""
    if ask.out is None:
        return None
    path = Path(os.path.abspath(ask.out.expanduser()))  # noqa: PTH100  # as typed, links kept
    if path.is_dir():
        path = path / f"{item.source.stem}.{normalise(ask.to)}.mp4"
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise Problem(
            "out-not-writable",
            f"The folder {path.parent} does not exist or cannot be written.",
            NextAction(
                "leave --out away; the film stays in the library",
                "dub",
                _again(item, ask, out=None),
            ),
        )
    if path.exists() and item.source.exists() and path.samefile(item.source):
        other = path.with_name(f"{path.stem}.dub{path.suffix}")
        raise Problem(
            "out-is-source",
            f"{path} is the film itself; sources are never overwritten.",
            NextAction("choose another name", "dub", _again(item, ask, out=str(other))),
        )
    return str(path)


def _again(item: Item, ask: DubAsk, **changed: Any) -> dict[str, Any]:
    """The same dub with what is changed, as a next action's arguments: typed as printed, it runs."""
    asked: dict[str, Any] = {
        "to": ask.to,
        "from": ask.source_language,
        "transcript": _text(ask.transcript),
        "translation": _text(ask.translation),
        "separator": ask.separator,
        "asr": ask.asr,
        "diarizer": ask.diarizer,
        "translator": ask.translator,
        "voice": ask.voice,
        "speakers": ask.speakers,
        "out": _text(ask.out),
        "keep_original_track": ask.keep_original_track or None,
        "subtitles": None if ask.subtitles == "embed" else ask.subtitles,
    }
    kept = {name: value for name, value in {**asked, **changed}.items() if value is not None}
    return {"_": [item.id], **kept}
