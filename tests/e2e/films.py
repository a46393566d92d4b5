"""A talk of a minute or so, spoken by a real voice over music, with its transcript and translation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soxr
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from dubwright.demo.music import background
from dubwright.demo.script import LINES, PITCH_HZ, SPEAKERS
from dubwright.home import Home
from dubwright.media.wav import WavReader
from dubwright.packs.catalog import Packs
from dubwright_kit.contracts import SpeakAsk, SpeakLine

RATE_HZ = 44100
FPS = 25
SIZE = (160, 90)


@dataclass(frozen=True)
class Talk:
    """A film and what is said in it."""

    film: Path
    transcript: Path
    """English srt."""
    translation: Path
    """Spanish srt, cue for cue."""
    duration_s: float
    starts_s: tuple[float, ...]

    @property
    def texts(self) -> tuple[str | Path, ...]:
        """The options of ``dub`` that give both texts."""
        return ("--transcript", self.transcript, "--translation", self.translation)


def make_talk(folder: Path, home: Path, rounds: int, pause_s: float = 0.8) -> Talk:
    """Write a film in which the demo's dialogue is spoken ``rounds`` times (about 33 s each)."""
    folder.mkdir(parents=True)
    voices = _spoken(folder, home)
    starts: list[float] = []
    at_s = 1.2
    for number in range(rounds * len(LINES)):
        starts.append(round(at_s, 3))
        at_s += len(voices[number % len(LINES)]) / RATE_HZ + pause_s
    duration_s = round((at_s + 1.0) * FPS) / FPS
    sound = 0.5 * background(duration_s, RATE_HZ)
    for number, start_s in enumerate(starts):
        voice = voices[number % len(LINES)]
        at = round(start_s * RATE_HZ)
        sound[at : at + len(voice)] += voice[:, np.newaxis]
    film = folder / "talk.mp4"
    _encode(film, sound, duration_s)
    ends = [s + len(voices[n % len(LINES)]) / RATE_HZ for n, s in enumerate(starts)]
    english, spanish = folder / "talk.en.srt", folder / "talk.es.srt"
    for path, texts in (
        (english, [line.english for line in LINES]),
        (spanish, [line.spanish for line in LINES]),
    ):
        cues = [
            (start, end, texts[n % len(LINES)])
            for n, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        path.write_text(srt(cues), "utf-8")
    return Talk(film, english, spanish, duration_s, tuple(starts))


def srt(cues: list[tuple[float, float, str]]) -> str:
    """SubRip text of (start_s, end_s, text)."""
    return "\n".join(
        f"{number}\n{stamp(start)} --> {stamp(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, 1)
    )


def stamp(at_s: float) -> str:
    """ "00:00:01,250"."""
    ms = round(at_s * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def _spoken(folder: Path, home: Path) -> list[npt.NDArray[np.float32]]:
    asks = tuple(
        SpeakLine(
            number,
            line.english,
            SPEAKERS[line.speaker],
            str(folder / f"{number}.wav"),
            pitch=PITCH_HZ[line.speaker],
        )
        for number, line in enumerate(LINES)
    )
    with Packs(Home(home).prepare()).wall() as wall:
        done = wall.call("tts-preview", SpeakAsk(asks, "en")).done
    voices = []
    for spoken in done.lines:
        with WavReader(Path(spoken.wav)) as reader:
            mono = reader.read(0, reader.frames)[:, 0]
        voices.append(np.asarray(0.6 * soxr.resample(mono, spoken.rate_hz, RATE_HZ), np.float32))
        Path(spoken.wav).unlink()
    return voices


def _encode(path: Path, sound: npt.NDArray[np.float32], duration_s: float) -> None:
    """H.264 and AAC in mp4; a bar moves through the picture."""
    width, height = SIZE
    per_frame = RATE_HZ // FPS
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=RATE_HZ, layout="stereo")
        assert isinstance(audio, AudioStream)
        audio.metadata["language"] = "eng"
        for number in range(round(duration_s * FPS)):
            picture = np.full((height, width, 3), 50, np.uint8)
            picture[:, number % width] = 220
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            piece = sound[number * per_frame : (number + 1) * per_frame]
            block = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece.T, np.float32), "fltp", "stereo"
            )
            block.sample_rate, block.pts = RATE_HZ, number * per_frame
            block.time_base = Fraction(1, RATE_HZ)
            out.mux(audio.encode(block))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
