"""The film put together: pictures bit for bit, the dub on the picture's clock, labels, subtitles."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dubwright.media.alignment import measure
from dubwright.media.cues import Cue, one_at_a_time
from dubwright.media.decode import FilmSound
from dubwright.media.mux import FilmPlan, Muxed, Subtitle, mux
from dubwright.media.probe import probe
from dubwright.media.timeline import film_start, film_videos
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Cancelled, Problem
from tests.media import clips

SRT = """1
00:00:00,500 --> 00:00:01,500
Hola <i>a todos</i>

2
00:00:01,750 --> 00:00:03,000
Dos
líneas

3
00:00:09,000 --> 00:00:10,000
after the end
"""

EDGES = (0.06, 1.75, -0.06)
"""Clicks of the dub; negative counts from the film's end."""


def dub_for(source: Path, folder: Path) -> tuple[Path, tuple[float, ...]]:
    duration_s = probe(source).duration_s
    times = tuple(t if t > 0 else duration_s + t for t in EDGES)
    path = folder / "dub.wav"
    with WavWriter(path, 44100, 2) as wav:
        wav.write(clips.click_sound(duration_s, 44100, times))
    return path, times


def made(source: Path, **changes: object) -> tuple[Muxed, tuple[float, ...]]:
    folder = source.parent / "made"
    folder.mkdir(exist_ok=True)
    wav, times = dub_for(source, folder)
    plan = FilmPlan(source, wav, folder / "film", "es", source_language="en", **changes)  # type: ignore[arg-type]  # fields of the plan
    return mux(plan), times


def pictures(path: Path) -> list[tuple[bytes, float, bool]]:
    """Payload, time from the first picture shown, key frame or not."""
    zero = film_start(path)
    with av.open(f"file:{path}") as container:
        return [
            (bytes(p), round(float(p.pts * p.time_base - zero), 3), p.is_keyframe)
            for p in container.demux(film_videos(container)[0])
            if p.size and p.pts is not None
        ]


def units(payload: bytes) -> list[bytes]:
    """H.264 units of a packet, start codes or lengths taken off, without delimiters."""
    if payload[:4] == b"\0\0\0\1" or payload[:3] == b"\0\0\1":
        parts = [part.rstrip(b"\0") for part in payload.split(b"\0\0\1")[1:]]
    else:
        parts, at = [], 0
        while at < len(payload):
            size = int.from_bytes(payload[at : at + 4], "big")
            parts.append(payload[at + 4 : at + 4 + size].rstrip(b"\0"))
            at += 4 + size
    return [part for part in parts if part and part[0] & 31 != 9]


def late(path: Path, times: tuple[float, ...], stream: int = 0) -> float:
    sound = FilmSound(path, stream, probe(path).duration_s)
    found = clips.find_clicks(np.concatenate(list(sound.blocks())), 44100, times)
    return float(np.abs(np.array(found) - times).max())


@pytest.mark.parametrize("name", list(clips.GOOD))
def test_pictures_are_copied_and_the_dub_is_on_their_clock(tmp_path: Path, name: str) -> None:
    source = clips.write_film(tmp_path / name, clips.GOOD[name])
    film, times = made(source)
    before, after = pictures(source), pictures(film.path)
    if name.endswith(".ts"):  # start codes become lengths in mp4; what they frame is the same
        before = [(b"".join(units(p)), t, k) for p, t, k in before]
        after = [(b"".join(units(p)), t, k) for p, t, k in after]
    assert before == after
    assert late(film.path, times) < 0.002
    offset = measure(film.path, source.parent / "made" / "dub.wav")
    assert offset.start_s == pytest.approx(0, abs=0.002)
    assert offset.end_s == pytest.approx(0, abs=0.002)
    mkv = name in ("vp8.webm", "ffv1.mkv")
    assert film.container == ("mkv" if mkv else "mp4")
    info = probe(film.path)
    assert [(a.codec, a.rate_hz, a.channels, a.language, a.default) for a in info.audio] == [
        ("aac", 48000, 2, "spa", True)
    ]
    assert info.duration_s == pytest.approx(probe(source).duration_s, abs=0.03)
    assert not list(film.path.parent.glob("*.part"))


def test_negative_starts(tmp_path: Path) -> None:
    for source in (
        clips.negative_start(tmp_path / "a.mp4"),
        clips.negative_sound(tmp_path / "b.mkv"),
    ):
        film, times = made(source, keep_original=True)
        assert [p[0] for p in pictures(source)] == [p[0] for p in pictures(film.path)]
        assert late(film.path, times) < 0.002


def test_rotation_chapters_and_title_stay(tmp_path: Path) -> None:
    film, _ = made(clips.write_film(tmp_path / "a.mp4", clips.GOOD["rotated.mp4"]))
    assert probe(film.path).video[0].rotation_deg == 90
    film, _ = made(clips.write_film(tmp_path / "b.mp4", clips.GOOD["chapters.mp4"]))
    with av.open(str(film.path)) as container:
        chapters = container.chapters()
        assert container.metadata["title"] == "A title"
    times = [(float(c["start"] * (c["time_base"] or 1)), c["metadata"]["title"]) for c in chapters]
    assert times == [(0.0, "One"), (1.5, "Two")]


def test_chapters_follow_the_films_clock(tmp_path: Path) -> None:
    film = clips.Film(start_s=2.4, chapters=((2.4, 3.9, "One"), (3.9, 6.4, "Two")))
    made_film, _ = made(clips.write_film(tmp_path / "a.mkv", film))
    with av.open(str(made_film.path)) as container:
        starts = [float(c["start"] * (c["time_base"] or 1)) for c in container.chapters()]
    assert starts == pytest.approx([0.0, 1.5])


@pytest.mark.parametrize("name", ["plain.mp4", "offset.mkv", "vp8.webm"])
def test_subtitles_are_where_the_cues_are(tmp_path: Path, name: str) -> None:
    source = clips.write_film(tmp_path / name, clips.GOOD[name])
    srt = tmp_path / "a.srt"
    srt.write_text(SRT, "utf-8")
    empty = tmp_path / "empty.srt"
    empty.write_text("", "utf-8")
    subtitles = (
        Subtitle(srt, "es", "Spanish"),
        Subtitle(srt, "en", "English"),
        Subtitle(empty, "fr", "French"),
    )
    film, _ = made(source, subtitles=subtitles)
    assert any("fr subtitles are empty" in note for note in film.notes)
    zero = film_start(film.path)
    with av.open(str(film.path)) as container:
        assert [s.language for s in container.streams.subtitles] == ["spa", "eng"]
        if film.container == "mkv":  # the mp4 muxer enables the first track of every kind
            assert not any(s.disposition & 1 for s in container.streams.subtitles)
        found = []
        for packet in container.demux(container.streams.subtitles[0]):
            data = bytes(packet)
            if film.container == "mp4":
                data = data[2 : 2 + int.from_bytes(data[:2], "big")]
            if data and packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base - zero
                found.append((float(packet.pts * packet.time_base - zero), float(end), data))
    hello = b"Hola a todos" if film.container == "mp4" else b"Hola <i>a todos</i>"
    assert [f[2] for f in found] == [hello, "Dos\nlíneas".encode()]
    assert [f[:2] for f in found] == [
        pytest.approx((0.5, 1.5), abs=0.002),
        pytest.approx((1.75, 3.0), abs=0.002),
    ]


def test_timed_text_shows_one_cue_at_a_time() -> None:
    cues = [Cue(0, 2000, "a"), Cue(1000, 3000, "b"), Cue(1000, 1500, "c"), Cue(4000, 5000, "d")]
    assert one_at_a_time(cues) == [
        Cue(0, 1000, "a"),
        Cue(1000, 3000, "b\nc"),
        Cue(4000, 5000, "d"),
    ]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("plain.mp4", "aac"),
        ("vp9.mkv", "opus"),
        ("eight channels.mkv", "flac"),
        ("ffv1.mkv", "flac"),
        ("mpeg4.avi", "aac"),
        ("broadcast.ts", "aac"),
        ("late sound.mp4", "aac"),
        ("early sound.mkv", "flac"),
    ],
)
def test_the_original_sound_can_stay(tmp_path: Path, name: str, codec: str) -> None:
    source = clips.write_film(tmp_path / name, clips.GOOD[name])
    film, times = made(source, keep_original=True)
    kept = probe(film.path).audio[1]
    assert (kept.codec, kept.language, kept.default) == (codec, "eng", False)
    assert late(film.path, times) < 0.002
    assert late(film.path, clips.CLICKS, stream=1) < 0.002
    anew = name in ("mpeg4.avi", "broadcast.ts")
    assert any("encoded anew" in note for note in film.notes) == anew


@pytest.mark.parametrize("suffix", list(clips.SOUND_CODECS))
def test_sound_files_become_m4a(tmp_path: Path, suffix: str) -> None:
    film, times = made(clips.write_sound(tmp_path / f"a{suffix}"))
    assert (film.path.suffix, film.container, film.video_codec) == (".m4a", "m4a", "")
    assert film.path.read_bytes()[8:12] == b"M4A "
    assert late(film.path, times) < 0.002


def test_cover_art_stays(tmp_path: Path) -> None:
    source = clips.with_cover(tmp_path / "song.m4a")
    film, _ = made(source)
    with av.open(str(film.path)) as new, av.open(str(source)) as old:
        covers = [next(bytes(p) for p in c.demux(c.streams.video[0]) if p.size) for c in (new, old)]
        assert new.streams.video[0].disposition & av.stream.Disposition.attached_pic
    assert covers[0] == covers[1]


def test_one_sample(tmp_path: Path) -> None:
    source = clips.one_sample(tmp_path / "one.wav")
    wav = tmp_path / "dub.wav"
    with WavWriter(wav, 44100, 2) as out:
        out.write(np.full((1, 2), 0.5, np.float32))
    film = mux(FilmPlan(source, wav, tmp_path / "film", "es"))
    assert probe(film.path).audio[0].codec == "aac"


def test_index_comes_first(tmp_path: Path) -> None:
    film, _ = made(clips.write_film(tmp_path / "a.mp4"))
    data = film.path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_an_offset_is_measured(tmp_path: Path) -> None:
    """The measurement finds a dub that really is late, so that a pass means something."""
    source = clips.write_film(tmp_path / "a.mp4")
    film, _ = made(source)
    with WavReader(source.parent / "made" / "dub.wav") as wav:
        samples = wav.read(0, wav.frames)
    early = tmp_path / "early.wav"
    with WavWriter(early, 44100, 2) as out:
        out.write(np.roll(samples, -round(0.030 * 44100), axis=0))
    offset = measure(film.path, early)
    assert offset.start_s == pytest.approx(0.030, abs=0.001)
    assert offset.end_s == pytest.approx(0.030, abs=0.001)
    with WavWriter(early, 44100, 2) as out:
        out.write(np.zeros_like(samples))
    assert measure(film.path, early).start_s is None


def test_stops_when_asked_and_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write_film(tmp_path / "a.mp4")
    wav, _ = dub_for(source, tmp_path)

    def report(done: float, total: float | None = None, note: str = "") -> None:
        if done > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        mux(FilmPlan(source, wav, tmp_path / "film", "es"), report)
    assert not list(tmp_path.glob("film*"))


def test_full_disk_is_a_problem(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    source = clips.write_film(tmp_path / "a.mp4")
    wav, _ = dub_for(source, tmp_path)
    (tmp_path / "film.mp4.part").symlink_to("/dev/full")
    with pytest.raises(Problem) as caught:
        mux(FilmPlan(source, wav, tmp_path / "film", "es"))
    assert caught.value.code == "disk-full"


def test_a_cut_film_is_put_together_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = clips.write_film(tmp_path / "a.mkv", clips.Film(seconds=12))
    wav, _ = dub_for(whole, tmp_path)
    film = mux(FilmPlan(clips.truncated(whole, 50), wav, tmp_path / "film", "es"))
    assert film.duration_s == pytest.approx(12.02, abs=0.05)
    shown = pictures(film.path)
    assert 0.3 < shown[-1][1] / 12 < 0.7
    assert Fraction(len(shown), 300) > Fraction(1, 4)


def test_what_a_container_refuses_goes_another_way(tmp_path: Path) -> None:
    """A FLAC track without its header can be kept in no container."""
    source = clips.write_film(tmp_path / "a.mkv", clips.GOOD["eight channels.mkv"])
    data = bytearray(source.read_bytes())
    at = data.rindex(b"\x63\xa2", 0, data.index(b"fLaC"))  # Matroska's CodecPrivate
    data[at + 1] += 1
    source.write_bytes(data)
    wav = tmp_path / "dub.wav"
    with WavWriter(wav, 44100, 2) as out:
        out.write(clips.click_sound(4.0, 44100))
    film = mux(FilmPlan(source, wav, tmp_path / "film", "es", keep_original=True))
    assert film.notes == ("The original sound could not be kept; it is damaged.",)
    assert probe(film.path).video[0].codec == "h264"
