"""Put a film together: its pictures as they are, another sound, subtitles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from dubwright.media import cues, encode, vessel
from dubwright.media.decode import FilmSound
from dubwright.media.language import three_letters
from dubwright.media.opening import HOW_TO_ADD, open_media
from dubwright.media.remux import Copied, copied_packets
from dubwright.media.storage import writing_to
from dubwright.media.timeline import film_start, film_videos
from dubwright.media.wav import WavReader
from dubwright_kit import Problem, Report, silent

_KEPT_TAGS = frozenset(
    [
        "title",
        "artist",
        "album",
        "album_artist",
        "composer",
        "date",
        "year",
        "genre",
        "comment",
        "description",
        "synopsis",
        "copyright",
        "show",
        "season_number",
        "episode_id",
        "episode_sort",
        "network",
        "creation_time",
    ]
)
"""What of the film's own description is carried over; the rest describes the old container."""


@dataclass(frozen=True)
class Subtitle:
    """An SRT file (UTF-8) and how its stream is labelled."""

    srt: Path
    language: str
    title: str


@dataclass(frozen=True)
class FilmPlan:
    """What :func:`mux` puts together."""

    source: Path
    audio_wav: Path
    """The dub, on the film's clock: its sample 0 is heard with the first picture."""
    out_base: Path
    language: str
    title: str = ""
    source_language: str = ""
    subtitles: tuple[Subtitle, ...] = ()
    keep_original: bool = False
    audio_stream: int = 0


@dataclass(frozen=True)
class Muxed:
    path: Path
    container: str
    """"mp4", "mkv" or "m4a"."""
    video_codec: str
    """"" for a sound file."""
    duration_s: float
    notes: tuple[str, ...]


def mux(plan: FilmPlan, report: Report = silent) -> Muxed:
    """Write ``out_base`` plus the suffix that fits, aside first, then renamed.

    Pictures are copied bit for bit with their own timing. Raises the Problems of opening the source,
    ``not-wav``, ``video-not-copyable``, ``disk-full``.
    """
    with open_media(plan.source) as source:
        kind = vessel.choose(source)
    # Damaged or unusual streams that the muxer refuses: Matroska is more patient than mp4, and a
    # film without the original's sound is better than none.
    attempts = [(kind, plan, "")]
    if kind is vessel.MP4:
        attempts.append((vessel.MKV, plan, "mp4 refused what this film holds; it became mkv."))
    if plan.keep_original:
        without = replace(plan, keep_original=False)
        attempts.append((kind, without, "The original sound could not be kept; it is damaged."))
    refused: av.FFmpegError | None = None
    for vessel_kind, attempt, note in attempts:
        try:
            made = _write_as(attempt, vessel_kind, report)
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            refused = refused or error
        else:
            return replace(made, notes=(*made.notes, note)) if note else made
    raise _not_copyable(plan, refused) from refused


def _write_as(plan: FilmPlan, kind: vessel.Vessel, report: Report) -> Muxed:
    start = film_start(plan.source)
    with open_media(plan.source) as source, WavReader(plan.audio_wav) as wav:
        path = plan.out_base.with_name(plan.out_base.name + kind.suffix)
        aside = path.with_name(f"{path.name}.part")
        writer = _Writer(plan, kind, source, start, wav)
        try:
            with writing_to(path.parent), kind.create(aside) as out:
                writer.write(out, report)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        return Muxed(
            path=path,
            container=kind.suffix[1:],
            video_codec=next((_codec(video) for video in film_videos(source)), ""),
            duration_s=max(wav.duration_s, writer.copied_end_s),
            notes=tuple(writer.notes),
        )


def _not_copyable(plan: FilmPlan, why: object) -> Problem:
    return Problem(
        "video-not-copyable",
        f"The pictures of {plan.source.name} cannot be copied into a film file. "
        "Convert the film to H.264 in mp4, then add it again.",
        HOW_TO_ADD,
        str(why),
    )


def _codec(stream: Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


_Timed: TypeAlias = "tuple[float, int, Packet[Stream]]"


class _Writer:
    """One film being written: streams first, then all packets in the order of their times."""

    def __init__(
        self,
        plan: FilmPlan,
        kind: vessel.Vessel,
        source: InputContainer,
        start: Fraction,
        wav: WavReader,
    ) -> None:
        self._plan, self._kind, self._source, self._start = plan, kind, source, start
        self._wav = wav
        self._copies: list[Copied] = []
        self.notes: list[str] = []

    @property
    def copied_end_s(self) -> float:
        """Where the last copied picture or sound ends."""
        return max((float(copy.end) for copy in self._copies), default=0.0)

    def write(self, out: OutputContainer, report: Report) -> None:
        self._describe(out)
        covers = vessel.add_covers(out, self._kind, self._source)
        for video in film_videos(self._source):
            copy = vessel.copy_stream(out, video)
            if copy is None:
                raise _not_copyable(self._plan, _codec(video))
            self._copies.append(Copied(video, copy, self._start))
        tracks: list[Iterator[Packet[Stream]]] = [self._dub(out)]
        if self._plan.keep_original:
            tracks += self._original(out)
        tracks += [self._subtitle(out, subtitle) for subtitle in self._plan.subtitles]
        if self._copies:
            tracks.append(copied_packets(self._source, self._copies, self.notes))
        out.start_encoding()
        out.mux(covers)
        total_s = self._wav.duration_s
        streams = [_timed(track, number) for number, track in enumerate(tracks)]
        for count, (time_s, _, packet) in enumerate(heapq.merge(*streams, key=_moment)):
            if count % 64 == 0:
                report(max(0.0, min(time_s, total_s)), total_s, "writing the film")
            out.mux(packet)

    def _describe(self, out: OutputContainer) -> None:
        tags = {
            key: text for key, text in self._source.metadata.items() if key.lower() in _KEPT_TAGS
        }
        out.metadata.update(tags)
        if not any(key.lower() == "title" for key in tags) and self._plan.title:
            out.metadata["title"] = self._plan.title
        chapters = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or Fraction(1, 1000)
            shift = round(self._start / base)
            begin, end = max(0, chapter["start"] - shift), chapter["end"] - shift
            if end > begin:
                chapter["start"], chapter["end"], chapter["time_base"] = begin, end, base
                chapters.append(chapter)
        out.set_chapters(chapters)

    def _dub(self, out: OutputContainer) -> Iterator[Packet[Stream]]:
        stream = encode.add_aac(out)
        self._label(stream, self._plan.language, "", default=True)
        return encode.aac_packets(stream, encode.wav_blocks(self._wav))

    def _original(self, out: OutputContainer) -> list[Iterator[Packet[Stream]]]:
        """Copy the original sound if the container holds its codec, else encode it anew."""
        if not 0 <= self._plan.audio_stream < len(self._source.streams.audio):
            return []
        own = self._source.streams.audio[self._plan.audio_stream]
        if own.codec_context is None:
            self.notes.append("The original sound is of an unknown kind and was left out.")
            return []
        language = self._plan.source_language or own.language or ""
        copy = vessel.copy_stream(out, own) if self._kind.holds_sound(own) else None
        if copy is not None:
            self._label(copy, language, own.metadata.get("title", ""), default=False)
            self._copies.append(Copied(own, copy, self._start))
            return []
        stream = encode.add_aac(out)
        self._label(stream, language, own.metadata.get("title", ""), default=False)
        self.notes.append(
            f"The original sound ({_codec(own)}) was encoded anew as AAC: "
            f"{self._kind.suffix[1:]} does not hold its codec."
        )
        film = FilmSound(
            self._plan.source, self._plan.audio_stream, self._wav.duration_s, encode.RATE_HZ
        )
        return [encode.aac_packets(stream, film.blocks())]

    def _subtitle(self, out: OutputContainer, subtitle: Subtitle) -> Iterator[Packet[Stream]]:
        mp4 = self._kind.is_mp4
        read = cues.read_srt(subtitle.srt, round(self._wav.duration_s * 1000))
        if not read:
            self.notes.append(f"The {subtitle.language} subtitles are empty and were left out.")
            return iter(())
        stream = cues.add_subtitles(out, mp4)
        self._label(stream, subtitle.language, subtitle.title, default=False)
        return cues.cue_packets(stream, read, mp4)

    def _label(self, stream: Stream, language: str, title: str, *, default: bool) -> None:
        stream.metadata["language"] = three_letters(language)
        if title:
            # mp4 shows a handler's name where Matroska shows a title.
            stream.metadata["title"] = title
            stream.metadata["handler_name"] = title
        stream.disposition = Disposition.default if default else Disposition(0)


def _timed(packets: Iterable[Packet[Stream]], number: int) -> Iterator[_Timed]:
    for packet in packets:
        at = packet.dts if packet.dts is not None else packet.pts
        yield (float((at or 0) * packet.time_base), number, packet)


def _moment(timed: _Timed) -> tuple[float, int]:
    return timed[:2]
