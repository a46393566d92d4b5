"""How the demo talks: what it will install, what it does, the scorecard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubwright.cli.bill import bill_text
from dubwright.cli.face import Face, program
from dubwright.cli.follow import follow
from dubwright.cli.text import size, table

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.demo.scorecard import Scorecard

ROWS: tuple[tuple[str, str, str], ...] = (
    ("vocals_si_sdr_db", "speech stem, SI-SDR", "dB"),
    ("vocals_si_sdr_mix_db", "  (the unprocessed mix as speech)", "dB"),
    ("background_si_sdr_db", "background stem, SI-SDR", "dB"),
    ("background_si_sdr_mix_db", "  (the unprocessed mix as background)", "dB"),
    ("draft_wer", "draft transcript, word error rate", "%"),
    ("aligned_wer", "aligned transcript, word error rate", "%"),
    ("word_start_error_median_s", "word start error, median", "ms"),
    ("word_start_error_max_s", "word start error, max", "ms"),
    ("der", "diarization error rate", "%"),
    ("speakers_found", "speakers found (2 speak)", ""),
    ("start_error_median_s", "dubbed line start error, median", "ms"),
    ("start_error_max_s", "dubbed line start error, max", "ms"),
    ("overflow_lines", "lines longer than their place", ""),
    ("overflow_max_s", "longest overflow", "ms"),
    ("original_lufs", "loudness of the original", "LUFS"),
    ("programme_lufs", "loudness of the dub", "LUFS"),
    ("true_peak_dbtp", "true peak", "dBTP"),
    ("leakage_db", "original voice left in the bed", "dB"),
    ("av_offset_start_s", "sound against picture, start", "ms"),
    ("av_offset_end_s", "sound against picture, end", "ms"),
    ("rtf", "real-time factor of the whole chain", "x"),
    ("peak_rss_bytes", "peak memory of any process", "bytes"),
    ("wall_s", "wall time of sample, draft, dub", "s"),
)


def run_demo(face: Face, to: str) -> None:
    """Install what is missing (after saying what it costs), dub the sample, print the score."""
    from dubwright.demo import run

    with face.studio() as studio:
        missing = run.missing_packs(studio)
        if missing:
            bill = studio.bill(missing)
            if not face.json:
                face.err.print("The demo needs these packs and installs them now:")
                bill_text(bill, face.err)
            follow(face, studio.install_packs(missing))
        score = run.run(studio, to, lambda handle: follow(face, handle), face.note)
    document = {
        "metrics": dict(score.metrics),
        "film": str(score.film),
        "report": str(score.report),
        "stages": [dict(stage) for stage in score.stages],
    }
    face.show(document, lambda console: _people(score, console))


def _people(score: Scorecard, console: Console) -> None:
    rows = [(label, figure(score.metrics.get(name), unit)) for name, label, unit in ROWS]
    console.print(table(("scorecard", "against the truth"), rows))
    stages = [
        (
            str(one["name"]),
            f"{one['wall_s']:.2f} s",
            size(one["peak_rss_bytes"]) if one["peak_rss_bytes"] else "-",
        )
        for one in score.stages
    ]
    console.print(table(("stage", "wall", "peak memory"), stages))
    console.print(f"Film    {score.film}", markup=False)
    console.print(f"Report  {score.report}", markup=False)
    console.print(
        f"Dub your own:  {program()} dub FILE --to es --transcript FILE.srt --translation FILE.es.srt",
        markup=False,
    )


def figure(value: Any, unit: str) -> str:
    """A number with its unit as people read it."""
    if value is None:
        return "not measured"
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "ms":
        return f"{1000 * value:.1f} ms"
    if unit == "bytes":
        return size(value)
    return f"{value:.2f} {unit}" if isinstance(value, float) else f"{value} {unit}".rstrip()
