"""The ingest backend on real films: lengths, clocks, the speech file, where somebody speaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dubwright.media.probe import probe
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Cancelled, Problem, silent
from dubwright_kit.contracts import IngestAsk, IngestDone
from dubwright_packs.ingest.backend import run
from tests.media import clips

SPEECH = Path(__file__).parents[3] / "shared" / "data" / "speech" / "jfk.wav"


def ask_for(source: Path, out: Path, stream: int = 0) -> IngestAsk:
    out.mkdir(exist_ok=True)
    return IngestAsk(
        str(source),
        stream,
        str(out / "working.wav"),
        str(out / "speech.wav"),
        str(out / "vad.json"),
        probe(source).duration_s,
    )


def ingest(source: Path, out: Path, stream: int = 0) -> tuple[IngestDone, IngestAsk]:
    ask = ask_for(source, out, stream)
    return run(ask, silent), ask


@pytest.mark.parametrize(
    "name", ["plain.mp4", "vp9.mkv", "192 kHz.mkv", "mono 8 kHz.mkv", "eight channels.mkv"]
)
def test_both_files_have_the_films_clock(tmp_path: Path, name: str) -> None:
    done, ask = ingest(clips.write_film(tmp_path / name, clips.GOOD[name]), tmp_path / "out")
    with WavReader(ask.working_wav) as working, WavReader(ask.speech_wav) as speech:
        assert (working.rate_hz, working.channels, working.subtype) == (44100, 2, "float32")
        assert (speech.rate_hz, speech.channels, speech.subtype) == (16000, 1, "int16")
        assert working.frames == done.frames == round(ask.duration_s * 44100)
        assert speech.frames == round(done.frames * 16000 / 44100)
        for wav in (working, speech):
            found = clips.find_clicks(wav.read(0, wav.frames), wav.rate_hz)
            assert np.abs(np.array(found) - clips.CLICKS).max() < 0.001
    vad = json.loads(Path(ask.vad_json).read_text("utf-8"))
    assert len(vad["p"]) == int(np.ceil(speech.frames / 512))
    assert vad["frame_s"] == pytest.approx(0.032)


def test_without_a_file_for_speech_only_the_working_sound_is_made(tmp_path: Path) -> None:
    source = clips.write_film(tmp_path / "plain.mp4", clips.GOOD["plain.mp4"])
    whole, ask = ingest(source, tmp_path / "out")
    alone = replace(ask, working_wav=str(tmp_path / "alone.wav"), speech_wav="", vad_json="")
    done = run(alone, silent)
    assert (done.frames, done.speech_s) == (whole.frames, 0.0)
    assert Path(alone.working_wav).read_bytes() == Path(ask.working_wav).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone.wav", "out", "plain.mp4"]


def test_finds_where_somebody_speaks(tmp_path: Path) -> None:
    if not SPEECH.exists():
        pytest.skip("shared/data not beside the checkout")
    with WavReader(SPEECH) as wav:
        words = wav.read(0, wav.frames)
        rate_hz = wav.rate_hz
    quiet = np.zeros((5 * rate_hz, 1), np.float32)
    with WavWriter(tmp_path / "talk.wav", rate_hz, 1) as out:
        for part in (quiet, words, quiet):
            out.write(part)
    done, ask = ingest(tmp_path / "talk.wav", tmp_path / "out")
    spans = json.loads(Path(ask.vad_json).read_text("utf-8"))["spans"]
    assert 4.9 < spans[0][0] < 6.0
    assert spans[-1][1] < 5 + len(words) / rate_hz + 0.3
    assert done.speech_s == pytest.approx(sum(end - start for start, end in spans))
    assert done.speech_s > 6


def test_one_sample(tmp_path: Path) -> None:
    done, ask = ingest(clips.one_sample(tmp_path / "one.wav"), tmp_path / "out")
    assert done.frames == 1
    with WavReader(ask.speech_wav) as speech:
        assert speech.frames == 1
    assert json.loads(Path(ask.vad_json).read_text("utf-8"))["spans"] == []


def test_the_chosen_stream_is_read_and_a_short_one_noted(tmp_path: Path) -> None:
    tracks = (clips.Track(), clips.Track(length_s=1.0))
    source = clips.write_film(tmp_path / "a.mp4", clips.Film(tracks=tracks))
    done, _ = ingest(source, tmp_path / "out", stream=1)
    assert done.note == "the sound ends 3.0 s before the film; the rest is silent"
    assert done.frames == 4 * 44100


def test_stops_when_asked(tmp_path: Path) -> None:
    source = clips.write_sound(tmp_path / "long.wav", 20)
    seen: list[float] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        seen.append(done)
        if len(seen) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(ask_for(source, tmp_path / "out"), report)
    assert seen == sorted(seen)
    assert seen[-1] < 10


def test_full_disk_is_a_problem(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    ask = ask_for(clips.write_film(tmp_path / "a.mp4"), tmp_path / "out")
    (tmp_path / "out" / "working.wav").symlink_to("/dev/full")
    with pytest.raises(Problem) as caught:
        run(ask, silent)
    assert caught.value.code == "disk-full"


@pytest.mark.slow
def test_three_hours_of_silence(tmp_path: Path) -> None:
    source = tmp_path / "silence.wav"
    with WavWriter(source, 8000, 1) as out:
        for _ in range(180):
            out.write(np.zeros((60 * 8000, 1), np.float32))
    done, ask = ingest(source, tmp_path / "out")
    assert done.frames == 3 * 3600 * 44100
    assert done.speech_s == 0
    with WavReader(ask.working_wav) as working:
        assert working.frames == done.frames
        assert not working.read(done.frames - 1000, 1000).any()
