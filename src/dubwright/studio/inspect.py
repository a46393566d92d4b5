"""Looking at items, voices and logs, and checking what a person typed about them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.library import Library
from dubwright.library.artifacts import ItemFiles
from dubwright.library.model import VoiceChoice
from dubwright.packs.catalog import Packs
from dubwright.recipe import DUB, DUB_JOB, INGEST, INSTALL_JOB
from dubwright.stages.install import OPTIONS as INSTALL_OPTIONS
from dubwright.stages.separators import DUB_STEMS, JOB_PREFIX, choose_model, separators
from dubwright.stages.separators import OPTIONS as SEPARATION_OPTIONS
from dubwright.studio.views import ItemView
from dubwright_kit import NextAction, Problem

_SWITCHES = ("keep_original_track", "without_transcript", "allow_source_builds", "own_weights")


def view_item(home: Home, library: Library, item_id: str) -> ItemView:
    """Return the item with everything made from it."""
    item = library.item(item_id)
    root = home.item(item.id)
    sizes: dict[str, int] = {}
    if root.is_dir():
        for folder in sorted(child for child in root.iterdir() if child.is_dir()):
            sizes[folder.name] = sum(
                path.stat().st_size for path in folder.rglob("*") if path.is_file()
            )
    return ItemView(
        item,
        tuple(library.tracks(item.id)),
        tuple(library.artifacts(item.id)),
        sizes,
        item.source.exists(),
    )


def known_options(packs: Packs) -> dict[str, tuple[str, ...]]:
    """Job type to the names of its options."""
    known: dict[str, tuple[str, ...]] = {}
    for step in (INGEST, *DUB):
        if "{" in step.job_type:
            for name in separators(packs):
                known[step.job_type.format(separator=name)] = SEPARATION_OPTIONS
        else:
            known[step.job_type] = step.options
    known[DUB_JOB] = tuple(sorted({option for step in DUB for option in step.options}))
    known[INSTALL_JOB] = ("names", *INSTALL_OPTIONS)
    return known


def checked_options(packs: Packs, job_type: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with numbers and switches read from text.

    Raises Problems ``job-type-unknown``, ``option-invalid`` and, for a separation,
    ``pack-not-installed``.
    """
    known = known_options(packs)
    if job_type not in known:
        near = difflib.get_close_matches(job_type, known, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise Problem(
            "job-type-unknown",
            f'There is no job type "{job_type}".{hint} There are: {", ".join(sorted(known))}.',
            NextAction("see the help", "run", {"help": True}),
        )
    checked: dict[str, Any] = {}
    for key, value in options.items():
        name = key.replace("-", "_") if key.replace("-", "_") in known[job_type] else key
        if name not in known[job_type]:
            takes = ", ".join(known[job_type]) or "none"
            raise Problem(
                "option-invalid",
                f'{job_type} has no option "{key}"; it takes: {takes}.',
                NextAction("see the help", "run", {"help": True}),
            )
        checked[name] = _value(name, value)
    if job_type.startswith(JOB_PREFIX):
        _check_separation(packs, job_type, checked)
    if job_type == "translate_v1" and not checked.get("to"):
        raise Problem(
            "option-invalid",
            "translate_v1 needs to know into which language: give --option to=LANG, such as to=es.",
            NextAction("see the help", "run", {"help": True}),
        )
    return checked


def _check_separation(packs: Packs, job_type: str, options: dict[str, Any]) -> None:
    """Raises Problem ``option-invalid``, and ``pack-not-installed`` before the sound is read for it."""
    separator = job_type.removeprefix(JOB_PREFIX)
    stems = options.get("stems", DUB_STEMS)
    model = choose_model(packs, separator, stems, options.get("extension"), "run")
    packs.require(model.pack)
    if "stems" in options:
        options["stems"] = len(model.stems)


def _value(name: str, value: Any) -> Any:
    if name == "speakers":
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Problem(
                "option-invalid",
                f'speakers takes a whole number, not "{value}".',
                NextAction("see the help", "run", {"help": True}),
            ) from None
    if name == "names" and isinstance(value, str):
        return [one for one in value.replace(",", " ").split() if one]
    if name in _SWITCHES and isinstance(value, str):
        return value.lower() in ("1", "true", "yes", "on")
    if name in ("transcript", "translation", "out") and value:
        return str(Path(value).expanduser().absolute())
    return value


def voices(home: Home, library: Library, item_id: str) -> tuple[VoiceChoice, ...]:
    """Chosen voices, and for the other speakers those that the last speaking gave them."""
    item = library.item(item_id)
    chosen = {choice.speaker: choice for choice in library.voices(item.id)}
    for path in ItemFiles(home, item.id).root.glob("tts_preview/*/manifest.json"):
        for line in json.loads(path.read_text("utf-8")).get("segments", []):
            speaker, voice = line.get("speaker"), line.get("voice")
            if speaker and voice and speaker not in chosen:
                chosen[speaker] = VoiceChoice(item.id, speaker, voice)
    track = library.newest_track(item.id, "translation") or library.newest_track(item.id, "source")
    if track is not None:
        for segment in library.segments(track.id):
            if segment.speaker and segment.speaker not in chosen:
                chosen[segment.speaker] = VoiceChoice(item.id, segment.speaker, "automatic")
    return tuple(chosen[speaker] for speaker in sorted(chosen))


def set_voice(
    library: Library, packs: Packs, item_id: str, speaker: str, voice: str
) -> VoiceChoice:
    """Store a speaker's voice. Raises ``speaker-unknown``, ``voice-unknown``."""
    from dubwright.engines.voices import parse_voice

    item = library.item(item_id)
    speakers = sorted(
        {
            segment.speaker
            for track in library.tracks(item.id)
            for segment in library.segments(track.id)
            if segment.speaker
        }
    )
    if speakers and speaker not in speakers:
        raise Problem(
            "speaker-unknown",
            f'{item.title} has no speaker "{speaker}"; it has: {", ".join(speakers)}.',
            NextAction("see who speaks", "voices", {"_": [item.id]}),
        )
    if voice.lower().endswith(".wav"):
        raise Problem(
            "voice-needs-cloning",
            "A reference recording needs a pack that clones voices, and none is installed. "
            "tts-preview has distinct synthetic voices only.",
            NextAction("see every pack", "packs", {}),
        )
    parse_voice(voice)
    library.set_voice(item.id, speaker, voice)
    return VoiceChoice(item.id, speaker, voice)


def job_log(jobs: Jobs, job_id: str) -> str:
    """The text of the job's log followed by its children's. Empty when nothing was logged."""
    job = jobs.job(job_id)
    family = [job, *reversed(jobs.jobs(parent_id=job.id))]
    parts = []
    for member in family:
        path = jobs.log_path(member.id)
        if path.exists():
            text = path.read_text("utf-8", errors="replace")
            parts.append(f"== {member.id} {member.type} ({member.state})\n{text}")
    return "\n".join(parts)
