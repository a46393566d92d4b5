"""What a file holds, before anything is made of it."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from dubwright.media import timeline
from dubwright.media.model import AudioStream, MediaInfo, VideoStream
from dubwright.media.opening import DAMAGE, HOW_TO_ADD, open_media
from dubwright_kit import Problem

_LOOK_PACKETS = 2000
"""How far to look for a first picture and a first sound."""

_ENCRYPTED_TAGS = frozenset({"encv", "enca", "drms", "drmi", "p608"})


def probe(path: Path) -> MediaInfo:
    """Describe ``path``, having decoded one picture and some sound of it.

    ``rotation_deg`` is how far players turn the picture, counter-clockwise, 0 to 359.
    Raises Problem ``file-missing``, ``file-empty``, ``not-media``, ``no-audio``,
    ``unreadable-media``, ``truncated-media``, ``encrypted-media``, ``path-not-utf8``.
    """
    with open_media(path) as container:
        try:
            return _describe(path, container)
        except DAMAGE as error:
            raise Problem(
                "unreadable-media",
                f"{path.name} is damaged: it opens, but its contents cannot be read.",
                HOW_TO_ADD,
                f"{type(error).__name__}: {error}",
            ) from error


def _describe(path: Path, container: InputContainer) -> MediaInfo:
    if not container.streams.audio:
        raise _no_audio(path, container)
    _refuse_encrypted_tags(path, container)
    look = _look(path, container)
    if not look.sound:
        raise _no_sound(path, container, look)
    start = timeline.film_start(path)
    end = timeline.declared_end(container)
    if end is None:
        timeline.rewind(container)
        end = timeline.last_packet_end(container)
    elif (reached := _cut_short(container, start, end)) is not None:
        raise Problem(
            "truncated-media",
            f"{path.name} should last {float(end - start):.1f} s but its data stop after about "
            f"{float(max(Fraction(0), reached - start)):.1f} s: the copy or download is not "
            "complete. Get the whole file.",
            HOW_TO_ADD,
        )
    if end is None or end <= start:
        end = start + look.sound_s
    return MediaInfo(
        path=path,
        container=container.format.name,
        duration_s=float(end - start),
        start_s=float(start),
        audio=tuple(_audio(container, number) for number in range(len(container.streams.audio))),
        video=tuple(
            _video(container, number, look) for number in range(len(container.streams.video))
        ),
        subtitle_languages=tuple(_language(s) for s in container.streams.subtitles),
        chapters=len(container.chapters()),
    )


@dataclass
class _Look:
    """What the first packets gave."""

    sound: bool = False
    sound_s: Fraction = Fraction(0)
    sound_packets: int = 0
    rotation_deg: dict[int, int] = field(default_factory=dict)
    picture_times: dict[int, list[Fraction]] = field(default_factory=dict)
    error: str = ""


def _look(path: Path, container: InputContainer) -> _Look:
    """Decode until every film stream showed a picture and one audio stream gave sound."""
    look = _Look()
    videos = [v for v in timeline.film_videos(container) if v.codec_context is not None]
    sounds = [a for a in container.streams.audio if a.codec_context is not None]
    if not sounds:
        return look
    try:
        for count, packet in enumerate(container.demux(*videos, *sounds)):
            if _is_encrypted(packet):
                raise _encrypted(path)
            _decode_one(packet, look)
            if packet.stream.type == "video" and packet.pts is not None:
                times = look.picture_times.setdefault(packet.stream_index, [])
                times.append(packet.pts * packet.time_base)
            pictures = min((len(look.picture_times.get(v.index, ())) for v in videos), default=99)
            seen = look.sound and len(look.rotation_deg) == len(videos) and pictures > 60
            if seen or count > _LOOK_PACKETS:
                break
    except DAMAGE as error:
        look.error = str(error)
    timeline.rewind(container)
    return look


def _decode_one(packet: Packet[Stream], look: _Look) -> None:
    is_sound = packet.stream.type == "audio"
    if (look.sound if is_sound else packet.stream_index in look.rotation_deg) and packet.size:
        return
    look.sound_packets += bool(is_sound and packet.size)
    try:
        for frame in packet.decode():
            if isinstance(frame, av.AudioFrame) and frame.samples and frame.sample_rate:
                look.sound = True
                look.sound_s += Fraction(frame.samples, frame.sample_rate)
            elif isinstance(frame, av.VideoFrame):
                look.rotation_deg.setdefault(packet.stream_index, round(frame.rotation) % 360)
    except DAMAGE as error:
        look.error = str(error)


def _is_encrypted(packet: Packet[Stream]) -> bool:
    return packet.has_sidedata("encryption_info") or packet.has_sidedata("encryption_init_info")


def _refuse_encrypted_tags(path: Path, container: InputContainer) -> None:
    for stream in container.streams:
        tag = stream.codec_context.codec_tag if stream.codec_context is not None else ""
        if tag in _ENCRYPTED_TAGS or "enc_key_id" in stream.metadata:
            raise _encrypted(path)


def _encrypted(path: Path) -> Problem:
    return Problem(
        "encrypted-media",
        f"{path.name} is encrypted (DRM): its sound and picture cannot be read. "
        "dubwright works on files without copy protection.",
        HOW_TO_ADD,
    )


def _no_audio(path: Path, container: InputContainer) -> Problem:
    if container.streams.video:
        return Problem(
            "no-audio",
            f"{path.name} has pictures but no sound: there is nothing to dub.",
            HOW_TO_ADD,
        )
    if container.streams.subtitles:
        return Problem(
            "not-media",
            f"{path.name} holds subtitles only. Add the film, then give it this file with "
            '"dubwright dub FILE --transcript" or "--translation".',
            HOW_TO_ADD,
        )
    if len(container.streams) or container.format.name.startswith(("mov", "matroska")):
        return Problem("no-audio", f"{path.name} holds no sound.", HOW_TO_ADD)
    return Problem("not-media", f"{path.name} is neither a film nor sound.", HOW_TO_ADD)


def _no_sound(path: Path, container: InputContainer, look: _Look) -> Problem:
    if not look.sound_packets and not any(a.codec_context is None for a in container.streams.audio):
        return Problem(
            "truncated-media",
            f"{path.name} announces sound but holds none: the copy or download stopped early.",
            HOW_TO_ADD,
            look.error,
        )
    codecs = sorted({_codec(a) for a in container.streams.audio})
    return Problem(
        "unreadable-media",
        f"The sound of {path.name} ({', '.join(codecs)}) cannot be decoded: it is damaged or of an "
        "unknown kind.",
        HOW_TO_ADD,
        look.error,
    )


def _cut_short(container: InputContainer, start: Fraction, end: Fraction) -> Fraction | None:
    """Return where the data stop when that is well before ``end``; None when the file is whole.

    "Well before" is more than 1 s and 1 % of the film: smaller differences are how containers count.
    """
    slack = max(Fraction(1), (end - start) / 100)
    if end - start <= slack:
        return None
    if container.streams.subtitles and any(
        timeline.stream_end(container, s) is None
        for s in [*timeline.film_videos(container), *container.streams.audio]
    ):
        return None  # the container's length may be that of a subtitle
    nothing = Fraction(-1)
    reached = timeline.last_packet_end(container, end - slack) or nothing
    low, high = start, end
    for _ in range(12 if reached < end - slack else 0):  # to about 1/4000 of the film
        middle = (low + high) / 2
        found = timeline.last_packet_end(container, middle) or nothing
        reached = max(reached, found)
        low, high = (middle, high) if found >= middle else (low, middle)
    timeline.rewind(container)
    return reached if reached < end - slack else None


def _audio(container: InputContainer, number: int) -> AudioStream:
    stream = container.streams.audio[number]
    context = stream.codec_context
    return AudioStream(
        index=number,
        codec=_codec(stream),
        rate_hz=int(context.sample_rate) if context is not None else 0,
        channels=int(context.layout.nb_channels) if context is not None else 0,
        layout=context.layout.name if context is not None else "",
        language=_language(stream),
        title=stream.metadata.get("title", ""),
        default=bool(stream.disposition & Disposition.default),
        start_s=float(timeline.seconds(stream.start_time, stream.time_base) or 0),
        duration_s=_length_s(container, stream),
    )


def _video(container: InputContainer, number: int, look: _Look) -> VideoStream:
    stream = container.streams.video[number]
    context = stream.codec_context
    average, base = stream.average_rate, stream.base_rate
    varies = bool(average and base and abs(average - base) / base > Fraction(1, 100))
    varies = varies or _uneven(look.picture_times.get(stream.index, []))
    rate = average or stream.guessed_rate
    return VideoStream(
        index=number,
        codec=_codec(stream),
        width=int(context.width) if context is not None else 0,
        height=int(context.height) if context is not None else 0,
        fps=float(rate) if rate else None,
        variable_rate=varies,
        rotation_deg=look.rotation_deg.get(stream.index, 0),
        start_s=float(timeline.seconds(stream.start_time, stream.time_base) or 0),
        duration_s=_length_s(container, stream),
        attached_picture=stream not in timeline.film_videos(container),
    )


def _uneven(times: list[Fraction]) -> bool:
    """True when many steps between pictures differ by more than timestamps rounded to 1 ms do."""
    shown = sorted(times)
    # Without the newest few: pictures that are shown before them may not have been read yet.
    steps = [after - before for before, after in itertools.pairwise(shown[:-8])]
    if len(steps) < 5:
        return False
    usual = statistics.median_low(steps)
    odd = sum(abs(step - usual) > max(Fraction(3, 1000), usual / 10) for step in steps)
    return odd > len(steps) / 20 and odd > 1


def _length_s(container: InputContainer, stream: Stream) -> float | None:
    end = timeline.stream_end(container, stream)
    if end is None:
        return None
    return float(end - (timeline.seconds(stream.start_time, stream.time_base) or 0))


def _codec(stream: Stream) -> str:
    return (
        stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"
    )


def _language(stream: Stream) -> str:
    tag = (stream.language or "").strip()
    return "" if tag.lower() in ("und", "unk", "mul", "zxx") else tag
