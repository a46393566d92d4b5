"""Make the sample film and write down its truth: stems, words, turns, translation."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.demo.music import background
from dubwright.demo.picture import FPS, HEIGHT, WIDTH, Caption, frames
from dubwright.demo.script import HEAD_S, LINES, PITCH_HZ, SPEAKERS, TAIL_S
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright_kit import Report, silent
from dubwright_kit.contracts import SpeakAsk, SpeakLine, SpokenLine

RATE_HZ = 44100
Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrueLine:
    """One line as it is in the film. ``word_starts_s`` has one entry per word of ``text``."""

    start_s: float
    end_s: float
    speaker: str
    text: str
    spanish: str
    word_starts_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class Sample:
    """Where the sample's files are, and its truth."""

    film: Path
    vocals: Path
    background: Path
    transcript: Path
    """Plain text, one line a line."""
    translation: Path
    """Spanish cues (srt)."""
    lines: tuple[TrueLine, ...]
    duration_s: float


def make_sample(folder: Path, wall: Wall, report: Report = silent) -> Sample:
    """Generate the sample into ``folder`` (about 33 s, 640x360, stereo) with the tts-preview pack.

    Raises Problem ``pack-not-installed``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        report(0.05, 1, "speaking the lines")
        spoken = _speak(wall, Path(scratch))
        lines, duration_s = _schedule(spoken)
        report(0.2, 1, "composing")
        voices = _voices(spoken, lines, duration_s)
    music = background(duration_s, RATE_HZ)
    music *= _gain_for(voices, music, 6.0)
    sample = Sample(
        folder / "lighthouse.mp4",
        folder / "truth.vocals.wav",
        folder / "truth.background.wav",
        folder / "lighthouse.en.txt",
        folder / "lighthouse.es.srt",
        lines,
        duration_s,
    )
    for path, audio in ((sample.vocals, voices), (sample.background, music)):
        with WavWriter(path, RATE_HZ, 2, "int16") as writer:
            writer.write(audio)
    _write_texts(sample)
    report(0.4, 1, "drawing")
    _film(sample.film, voices + music, lines, duration_s, report)
    (folder / "truth.json").write_text(json.dumps(truth_json(sample), indent=2), "utf-8")
    report(1, 1, "sample ready")
    return sample


def truth_json(sample: Sample) -> dict[str, Any]:
    """The sample as JSON."""
    return {"duration_s": sample.duration_s, "lines": [asdict(line) for line in sample.lines]}


def _speak(wall: Wall, scratch: Path) -> tuple[SpokenLine, ...]:
    asks = tuple(
        SpeakLine(
            index,
            line.english,
            SPEAKERS[line.speaker],
            str(scratch / f"{index}.wav"),
            pitch=PITCH_HZ[line.speaker],
        )
        for index, line in enumerate(LINES)
    )
    done = wall.call("tts-preview", SpeakAsk(asks, "en"), silent).done
    return tuple(done.lines)


def _schedule(spoken: tuple[SpokenLine, ...]) -> tuple[tuple[TrueLine, ...], float]:
    lines, at_s = [], HEAD_S
    for script, voice in zip(LINES, spoken, strict=True):
        start_s = round(at_s + script.pause_s, 3)
        words = tuple(start_s + word for word in voice.word_starts_s)
        end_s = start_s + voice.duration_s
        lines.append(
            TrueLine(start_s, end_s, script.speaker, script.english, script.spanish, words)
        )
        at_s = end_s
    # Whole picture frames, so that sound and picture end together.
    return tuple(lines), round((at_s + TAIL_S) * FPS) / FPS


def _voices(
    spoken: tuple[SpokenLine, ...], lines: tuple[TrueLine, ...], duration_s: float
) -> Audio:
    """Place the lines on a stereo stem [frames, 2], each speaker a little to one side."""
    import soxr

    stem = np.zeros((round(duration_s * RATE_HZ), 2), dtype=np.float32)
    for voice, line in zip(spoken, lines, strict=True):
        with WavReader(Path(voice.wav)) as reader:
            mono = reader.read(0, reader.frames)[:, 0]
        mono = soxr.resample(mono, voice.rate_hz, RATE_HZ)
        left = 0.75 if line.speaker == "Ada" else 0.66
        sides = np.array([left, 1.41 - left], dtype=np.float32)
        start = round(line.start_s * RATE_HZ)
        piece = stem[start : start + len(mono)]
        piece += 0.8 * mono[: len(piece), None] * sides
    return np.asarray(stem * np.float32(0.5 / max(float(np.abs(stem).max()), 1e-6)))


def _gain_for(voices: Audio, music: Audio, snr_db: float) -> np.float32:
    """The gain that puts speech (while it sounds) ``snr_db`` above the music."""
    active = np.abs(voices).max(axis=1) > 1e-3
    speech = float(np.mean(voices[active] ** 2)) if active.any() else 1.0
    return np.float32(np.sqrt(speech / float(np.mean(music**2)) / 10 ** (snr_db / 10)))


def _write_texts(sample: Sample) -> None:
    sample.transcript.write_text("\n".join(line.text for line in sample.lines) + "\n", "utf-8")
    cues = [
        f"{number}\n{_stamp(line.start_s)} --> {_stamp(line.end_s)}\n{line.spanish}\n"
        for number, line in enumerate(sample.lines, 1)
    ]
    sample.translation.write_text("\n".join(cues), "utf-8")


def _stamp(at_s: float) -> str:
    ms = round(at_s * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def _film(
    path: Path, audio: Audio, lines: tuple[TrueLine, ...], duration_s: float, report: Report
) -> None:
    """Encode picture (H.264) and sound (AAC) into an mp4."""
    import av

    captions = tuple(Caption(l.start_s, l.end_s, l.speaker, l.text) for l in lines)  # noqa: E741  # read as "line"
    aside = path.with_suffix(".part.mp4")
    with av.open(str(aside), "w", format="mp4", options={"movflags": "faststart"}) as film:
        video = film.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = film.add_stream("aac", rate=RATE_HZ, layout="stereo", bit_rate=192000)
        sound.metadata["language"] = "eng"
        total = round(duration_s * FPS)
        per_frame = RATE_HZ // FPS
        for number, picture in enumerate(frames(duration_s, captions)):
            film.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            piece = audio[number * per_frame : (number + 1) * per_frame]
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.T), "fltp", "stereo")
            block.sample_rate, block.pts = RATE_HZ, number * per_frame
            film.mux(sound.encode(block))
            if number % FPS == 0:
                report(0.4 + 0.6 * number / total, 1, "drawing")
        film.mux(video.encode())
        film.mux(sound.encode())
    aside.replace(path)
