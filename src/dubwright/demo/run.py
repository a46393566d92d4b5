"""The demo as a flow: install, generate, draft, dub, score. Faces print; this only does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from dubwright.demo.sample import Sample, make_sample
from dubwright.demo.scorecard import (
    Scorecard,
    line_scores,
    stage_table,
    stem_scores,
    transcript_scores,
    turn_score,
)
from dubwright.library.artifacts import ItemFiles
from dubwright.library.model import Item
from dubwright.studio import Studio
from dubwright.studio.views import Film
from dubwright.studio.work import Handle
from dubwright_kit import NextAction, Problem

PACKS = ("tts-preview", "asr-pocketsphinx", "diarization")
Follow = Callable[[Handle], object]
"""Shows a job's progress to its end and raises its Problem (the face's business)."""


def missing_packs(studio: Studio) -> list[str]:
    """The packs that the demo needs and that are not installed."""
    return [name for name in PACKS if studio.packs.status(name).state != "installed"]


def run(studio: Studio, to: str, follow: Follow, note: Callable[[str], None]) -> Scorecard:
    """Generate the sample, dub it into ``to`` and score the result.

    The packs must be installed. Raises Problem ``demo-language`` when ``to`` is a language that the
    sample has no text for, and whatever stops a dub.
    """
    if to not in ("es", "en"):
        raise Problem(
            "demo-language",
            f'The sample comes with a Spanish translation; it cannot be dubbed to "{to}".',
            NextAction("dub it to Spanish", "demo", {"to": "es"}),
        )
    started = time.monotonic()
    note("Generating the sample: two voices, music, picture, and its truth")
    with studio.packs.wall() as wall:
        sample = make_sample(studio.home.root / "demo", wall)
    item = _fresh_item(studio, sample)
    files = ItemFiles(studio.home, item.id)
    note("A draft transcript first, to score the recogniser")
    draft = studio.run("asr_local", item.id, {"from": "en"})
    follow(draft)
    draft_stages = stage_table([draft.job.result or {}])
    draft_text = _text(files)
    note("Dubbing with the known transcript and translation")
    dubbing = studio.dub(
        item.id,
        to,
        source_language="en",
        transcript=sample.transcript,
        translation=sample.translation if to == "es" else None,
    )
    follow(dubbing)
    film = dubbing.wait()
    metrics = _metrics(studio, sample, files, film, draft_text)
    wall_s = time.monotonic() - started
    metrics["wall_s"] = round(wall_s, 2)
    children = [studio.job(child).result or {} for child in (film.job.result or {})["children"]]
    # The draft read the film's sound; in the dub that was there already.
    reading = [stage for stage in draft_stages if stage["name"] == "ingest"]
    stages = stage_table([{"stages": reading}, *children])
    chain_s = sum(float(stage["wall_s"]) for stage in stages)
    metrics["rtf"] = chain_s / sample.duration_s
    metrics["peak_rss_bytes"] = max(int(stage["peak_rss_bytes"]) for stage in stages)
    return Scorecard(metrics, stages, film.path, film.report)


def _fresh_item(studio: Studio, sample: Sample) -> Item:
    """The sample as an item without anything made from it: a score measures work, not a cache."""
    title = "The lighthouse (generated sample)"
    item = studio.add(sample.film, title=title)
    if studio.item(item.id).artifacts:
        studio.remove(item.id)
        item = studio.add(sample.film, title=title)
    return item


def _text(files: ItemFiles) -> list[str]:
    transcript = json.loads((files.asr / "transcript.json").read_text("utf-8"))
    return [segment["text"] for segment in transcript["segments"]]


def _metrics(
    studio: Studio, sample: Sample, files: ItemFiles, film: Film, draft: list[str]
) -> dict[str, Any]:
    report: Mapping[str, Any] = json.loads(film.report.read_text("utf-8"))
    mix, mux = (
        report["mix"].get("metrics", report["mix"]),
        report["mux"].get("metrics", report["mux"]),
    )
    track = studio.library.newest_track(film.item.id, "source")
    words = [word for one in studio.segments(track.id) for word in one.words] if track else []
    # By the best separator that is installed, which need not be the one that comes with the program.
    stems = studio.library.newest_artifact(film.item.id, "separate")
    names = ("original_lufs", "programme_lufs", "dub_lufs", "true_peak_dbtp", "leakage_db")
    return {
        "duration_s": sample.duration_s,
        **stem_scores(sample, files, stems.backend if stems else "builtin"),
        **transcript_scores(sample, draft, words),
        **turn_score(sample, files.diarization_json),
        **line_scores(sample, files.manifest_json("pyttsx3_v1"), files.mix_wav),
        **{name: mix.get(name) for name in names},
        "av_offset_start_s": mux.get("offset_start_s"),
        "av_offset_end_s": mux.get("offset_end_s"),
    }
