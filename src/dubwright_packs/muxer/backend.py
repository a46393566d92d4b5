"""Put the film together and measure in the written file whether sound and picture agree."""

from __future__ import annotations

from pathlib import Path

from dubwright.media.alignment import measure
from dubwright.media.mux import FilmPlan, Subtitle, mux
from dubwright_kit import Report
from dubwright_kit.contracts import MuxAsk, MuxDone
from dubwright_packs.muxer.canary import check, compose

__all__ = ["check", "compose", "run"]

_LATE_S = 0.020


def run(ask: MuxAsk, report: Report) -> MuxDone:
    """Write the film; raises the Problems of :func:`dubwright.media.mux.mux`."""
    made = mux(
        FilmPlan(
            source=Path(ask.source),
            audio_wav=Path(ask.audio_wav),
            out_base=Path(ask.out_base),
            language=ask.language,
            source_language=ask.source_language,
            subtitles=tuple(Subtitle(Path(s.srt), s.language, s.title) for s in ask.subtitles),
            keep_original=ask.keep_original_track,
            audio_stream=ask.audio_stream,
        ),
        report,
    )
    offset = measure(made.path, Path(ask.audio_wav))
    notes = list(made.notes)
    for place, value in (("start", offset.start_s), ("end", offset.end_s)):
        if value is not None and abs(value) > _LATE_S:
            notes.append(
                f"At the {place} the dub is {abs(value) * 1000:.0f} ms "
                f"{'late' if value > 0 else 'early'} against the picture."
            )
    return MuxDone(
        film=str(made.path),
        container=made.container,
        video_codec=made.video_codec,
        duration_s=made.duration_s,
        metrics={"offset_start_s": offset.start_s, "offset_end_s": offset.end_s},
        notes=tuple(notes),
    )
