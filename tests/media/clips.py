"""Films and sounds made by code, good and bad, with known times. Nothing here is stored.

Every good clip carries *clicks* (4 ms bursts in the sound) and *flashes* (one white picture) at
known times, so that a test can ask where they ended up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

Sound = npt.NDArray[np.float32]

CLICK_S = 0.004
CLICKS = (0.5, 1.75, 3.25)


@dataclass(frozen=True)
class Track:
    """One audio track of a film."""

    codec: str = "aac"
    rate_hz: int = 48000
    layout: str = "stereo"
    language: str = ""
    title: str = ""
    start_s: float = 0.0
    """Where its first sample lies; the clicks stay at their film times."""
    default: bool = True
    length_s: float | None = None


@dataclass(frozen=True)
class Film:
    """What to write. ``video`` "" makes a sound file."""

    seconds: float = 4.0
    clicks: tuple[float, ...] = CLICKS
    video: str = "libx264"
    fps: int = 25
    size: tuple[int, int] = (64, 48)
    tracks: tuple[Track, ...] = (Track(),)
    rotation_deg: int = 0
    variable_rate: bool = False
    start_s: float = 0.0
    """Added to every timestamp."""
    chapters: tuple[tuple[float, float, str], ...] = ()
    title: str = ""
    cover: bool = False
    b_frames: bool = True
    container_options: Mapping[str, str] | None = None
    format: str | None = None


def click(rate_hz: int) -> Sound:
    """The burst: 2 kHz (or a quarter of the rate) under a Hann window; its middle is its time."""
    n = max(8, round(CLICK_S * rate_hz)) | 1
    t = (np.arange(n) - n // 2) / rate_hz
    tone = np.cos(2 * np.pi * min(2000, rate_hz / 4) * t)
    return np.asarray(0.8 * tone * np.hanning(n), np.float32)


def click_sound(
    seconds: float, rate_hz: int, times: Sequence[float] = CLICKS, channels: int = 2
) -> Sound:
    """float32 [round(seconds * rate_hz), channels], silent but for the clicks."""
    sound = np.zeros((round(seconds * rate_hz), channels), np.float32)
    burst = click(rate_hz)
    for time_s in times:
        at = round(time_s * rate_hz) - len(burst) // 2
        low, high = max(0, at), min(len(sound), at + len(burst))
        if low < high:
            sound[low:high] += burst[low - at : high - at, np.newaxis]
    return sound


def find_clicks(sound: Sound, rate_hz: int, times: Sequence[float] = CLICKS) -> list[float]:
    """Where the clicks expected at ``times`` really are (searched within 0.2 s), in seconds."""
    mono = sound.mean(axis=1) if sound.ndim == 2 else sound
    burst = click(rate_hz)
    reach = round(0.2 * rate_hz)
    found = []
    for time_s in times:
        centre = round(time_s * rate_hz)
        low = max(0, centre - reach)
        window = mono[low : centre + reach]
        # Its envelope, so that a codec's phase shift by a half-wave does not count.
        score = np.abs(np.correlate(window, burst, "same"))
        smooth = np.convolve(score, np.hanning(max(9, rate_hz // 1000)), "same")
        assert smooth.max() > 0.01, f"no click near {time_s} s"
        found.append((low + int(np.argmax(smooth))) / rate_hz)
    return found


def write_film(path: Path, film: Film = Film()) -> Path:
    """Write ``film`` to ``path`` (container by suffix or ``film.format``)."""
    options = dict(film.container_options or {})
    with av.open(f"file:{path}", "w", format=film.format, container_options=options) as out:
        if film.title:
            out.metadata["title"] = film.title
        video = _video_stream(out, film) if film.video else None
        tracks = [(_audio_stream(out, track), track) for track in film.tracks]
        if film.cover:
            cover = _cover_stream(out)
        if film.chapters:
            out.set_chapters(
                [
                    {
                        "id": n,
                        "start": round(start * 1000),
                        "end": round(end * 1000),
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": name},
                    }
                    for n, (start, end, name) in enumerate(film.chapters)
                ]
            )
        if film.cover:
            _encode_cover(out, cover)
        jobs = [_sound_steps(out, stream, track, film) for stream, track in tracks]
        if video is not None:
            jobs.append(_picture_steps(out, video, film))
        _interleave(jobs)
    return path


Step = tuple[float, Callable[[], None]]


def _interleave(jobs: list[list[Step]]) -> None:
    for _, step in sorted((step for job in jobs for step in job), key=lambda step: step[0]):
        step()


def _video_stream(out: OutputContainer, film: Film) -> VideoStream:
    options = {}
    if film.video == "libx264":
        options = {"preset": "ultrafast", "bf": "2" if film.b_frames else "0", "g": "25"}
        if film.b_frames:
            options["preset"] = "veryfast"
    elif film.video == "libvpx-vp9":
        options = {"deadline": "realtime", "cpu-used": "8"}
    stream = out.add_stream(film.video, rate=film.fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = film.size
    stream.pix_fmt = "yuv420p" if film.video != "mjpeg" else "yuvj420p"
    if film.variable_rate:
        stream.codec_context.time_base = Fraction(1, 1000)
    if film.rotation_deg:
        stream.set_display_rotation(film.rotation_deg)
    return stream


def picture_times(film: Film) -> list[float]:
    """When each picture is shown, from the film's time 0."""
    count = max(1, round(film.seconds * film.fps))
    if not film.variable_rate:
        return [n / film.fps for n in range(count)]
    steps = [(1.0, 2.0, 0.5, 3.0)[n % 4] / film.fps for n in range(count)]
    times = np.concatenate([[0.0], np.cumsum(steps)])
    return [round(float(t), 3) for t in times if t < film.seconds]


def _picture_steps(out: OutputContainer, stream: VideoStream, film: Film) -> list[Step]:
    times = picture_times(film)
    base = Fraction(1, 1000) if film.variable_rate else Fraction(1, film.fps)
    flashes = {min(range(len(times)), key=lambda n: abs(times[n] - at)) for at in film.clicks}
    width, height = film.size

    def draw(number: int) -> None:
        picture = np.full((height, width, 3), 40, np.uint8)
        picture[:, : 1 + number % width] = 90
        if number in flashes:
            picture[:] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.time_base = base
        frame.pts = round((times[number] + film.start_s) / base)
        out.mux(stream.encode(frame))

    def finish() -> None:
        out.mux(stream.encode(None))

    steps: list[Step] = [(t, lambda n=n: draw(n)) for n, t in enumerate(times)]  # type: ignore[misc]  # binds the loop's number
    return [*steps, (film.seconds, finish)]


def _audio_stream(out: OutputContainer, track: Track) -> AudioStream:
    stream = out.add_stream(track.codec, rate=track.rate_hz, layout=track.layout)
    assert isinstance(stream, AudioStream)
    if track.language:
        stream.metadata["language"] = track.language
    if track.title:
        stream.metadata["title"] = track.title
    stream.disposition = av.stream.Disposition.default if track.default else 0  # type: ignore[assignment]  # 0 clears every flag
    return stream


def _sound_steps(out: OutputContainer, stream: AudioStream, track: Track, film: Film) -> list[Step]:
    context = stream.codec_context
    channels = context.layout.nb_channels
    length_s = track.length_s if track.length_s is not None else film.seconds - track.start_s
    times = [at - track.start_s for at in film.clicks]
    sound = click_sound(length_s, track.rate_hz, times, channels)
    first = round((track.start_s + film.start_s) * track.rate_hz)
    block = 1024

    def encode(at: int) -> None:
        piece = sound[at : at + block]
        # Interleaved: PyAV miscounts the planes of eight planar channels.
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(piece).reshape(1, -1), format="flt", layout=track.layout
        )
        frame.sample_rate = track.rate_hz
        frame.time_base = Fraction(1, track.rate_hz)
        frame.pts = first + at
        out.mux(stream.encode(frame))

    def finish() -> None:
        out.mux(stream.encode(None))

    steps: list[Step] = [
        (track.start_s + at / track.rate_hz, lambda at=at: encode(at))  # type: ignore[misc]  # binds the loop's number
        for at in range(0, len(sound), block)
    ]
    return [*steps, (track.start_s + length_s, finish)]


def _cover_stream(out: OutputContainer) -> VideoStream:
    stream = out.add_stream("mjpeg", rate=1)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _encode_cover(out: OutputContainer, stream: VideoStream) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
    frame.pts = 0
    out.mux([*stream.encode(frame), *stream.encode(None)])


# --- sound files ---------------------------------------------------------------------------------

SOUND_CODECS = {
    ".mp3": Track("libmp3lame", 44100),
    ".flac": Track("flac", 44100),
    ".ogg": Track("libopus", 48000),
    ".m4a": Track("aac", 44100),
    ".wav": Track("pcm_s16le", 44100),
}


def write_sound(path: Path, seconds: float = 4.0, track: Track | None = None) -> Path:
    """A sound file whose codec follows from the suffix."""
    track = track or SOUND_CODECS[path.suffix]
    return write_film(path, Film(seconds=seconds, video="", tracks=(track,)))


# --- films that are unusual but right -------------------------------------------------------------

GOOD: dict[str, Film] = {
    "plain.mp4": Film(),
    "plain.mkv": Film(),
    "plain.mov": Film(),
    "vp9.mkv": Film(video="libvpx-vp9", tracks=(Track("libopus"),), b_frames=False),
    "vp8.webm": Film(video="libvpx", tracks=(Track("libopus"),), b_frames=False),
    "ffv1.mkv": Film(video="ffv1", tracks=(Track("flac"),), b_frames=False),
    "mpeg4.avi": Film(video="mpeg4", tracks=(Track("pcm_s16le"),), b_frames=False),
    "broadcast.ts": Film(tracks=(Track("mp2"),)),
    "eight channels.mkv": Film(tracks=(Track("flac", layout="7.1"),)),
    "five one.mp4": Film(tracks=(Track("aac", layout="5.1"),)),
    "mono 8 kHz.mkv": Film(tracks=(Track("pcm_s16le", 8000, "mono"),)),
    "192 kHz.mkv": Film(tracks=(Track("flac", 192000),)),
    "variable rate.mp4": Film(variable_rate=True),
    "variable rate.mkv": Film(variable_rate=True),
    "late sound.mp4": Film(tracks=(Track(start_s=0.3),)),
    "early sound.mkv": Film(tracks=(Track("flac", start_s=-0.4),), start_s=0.4),
    "offset.mkv": Film(start_s=2.4),
    "rotated.mp4": Film(rotation_deg=90),
    "languages.mp4": Film(
        tracks=(
            Track(language="eng", title="English", default=False),
            Track(language="fra", default=True),
        )
    ),
    "chapters.mp4": Film(chapters=((0, 1.5, "One"), (1.5, 4, "Two")), title="A title"),
    "file with spaces.mp4": Film(),
    'it\'s "quoted".mp4': Film(),
    "emoji 🎬.mp4": Film(),
    "line\nbreak.mp4": Film(),
    "percent %03d.mp4": Film(),
}
"""File name -> what is in it."""


def negative_start(path: Path) -> Path:
    """An mp4 whose streams begin 0.4 s before its edit list lets it show: 3.6 s of film, in which
    everything comes 0.4 s earlier."""
    return write_film(path, Film(start_s=-0.4))


def negative_sound(path: Path) -> Path:
    """Pictures begin at 0, sound at -0.4 s (Matroska)."""
    film = Film(
        tracks=(Track("flac", start_s=-0.4),), container_options={"avoid_negative_ts": "disabled"}
    )
    return write_film(path, film)


def one_sample(path: Path) -> Path:
    """A WAVE file that holds a single sample."""
    head = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0"
    path.write_bytes(head + b"data\x02\0\0\0\x00\x40")
    return path


def with_cover(path: Path) -> Path:
    """An m4a with cover art (written as mp4, whose muxer accepts a picture)."""
    return write_film(path, Film(video="", cover=True, format="mp4"))


# --- files that are no good -----------------------------------------------------------------------


def bad_files(folder: Path) -> dict[str, Path]:
    """Write every hopeless file; the key is the Problem code that probing should give."""
    whole = write_film(folder / "whole.mp4").read_bytes()
    (folder / "folder.mp4").mkdir()
    contents: dict[str, bytes] = {
        "zero.mp4": b"",
        "text.mp4": b"This is not a film but a letter.\n" * 50,
        "noise.mp4": np.random.default_rng(3).bytes(100_000),
        "header.mp4": whole[:40],
        "header.mkv": write_film(folder / "whole.mkv").read_bytes()[:60],
        "header.wav": write_sound(folder / "whole.wav").read_bytes()[:78],
        "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nwhole.mp4\n",
        "words.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    write_film(folder / "silent.mp4", Film(tracks=()))
    encrypted(folder / "protected.mp4")
    return {
        "file-empty:zero": folder / "zero.mp4",
        "not-media:text": folder / "text.mp4",
        "not-media:noise": folder / "noise.mp4",
        "not-media:folder": folder / "folder.mp4",
        "not-media:list": folder / "list.m3u8",
        "not-media:subtitles": folder / "words.srt",
        "truncated-media:header mp4": folder / "header.mp4",
        "truncated-media:header mkv": folder / "header.mkv",
        "truncated-media:header wav": folder / "header.wav",
        "no-audio:silent": folder / "silent.mp4",
        "encrypted-media:protected": folder / "protected.mp4",
        "file-missing:absent": folder / "absent.mp4",
    }


def encrypted(path: Path) -> Path:
    """A film under common encryption, without its key."""
    key = "00112233445566778899aabbccddeeff"
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": key,
        "encryption_kid": key,
    }
    return write_film(path, Film(container_options=options))


def truncated(source: Path, percent: int) -> Path:
    """The first ``percent`` of ``source``, beside it."""
    data = source.read_bytes()
    cut = source.with_name(f"{source.stem} {percent} percent{source.suffix}")
    cut.write_bytes(data[: len(data) * percent // 100])
    return cut


def fast_start(**changes: Any) -> Film:
    """An mp4 whose index comes first, so that a cut one still opens."""
    return Film(container_options={"movflags": "+faststart"}, **changes)
