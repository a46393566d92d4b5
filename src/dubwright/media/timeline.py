"""When a film begins and how long it is, in the time of its streams.

Time 0 of everything the program makes is the first picture shown; in a sound file it is the first
sample heard (after the encoder's padding was dropped).
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from dubwright.media.opening import DAMAGE, open_media

_EXACT_LENGTH = frozenset({"mov", "matroska", "wav", "w64", "flac", "ogg", "aiff", "caf", "asf"})
"""Containers that write down how long they are; in others FFmpeg guesses from the bit rate."""

_FIRST_PACKETS = 500


def film_videos(container: InputContainer) -> list[VideoStream]:
    """The streams that move: cover art and thumbnails are no film."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [v for v in container.streams.video if not v.disposition & still]


def seconds(ticks: int | None, time_base: Fraction | None) -> Fraction | None:
    """``ticks`` of ``time_base`` as exact seconds; None when either is unknown."""
    return ticks * time_base if ticks is not None and time_base else None


def film_start(path: Path) -> Fraction:
    """Return the film's time 0 in stream time: when the first picture that decodes is shown, or in a
    sound file when its first sample is heard.

    Opens the file anew: a decoder that was used and sought back drops no start-up samples, and the
    start times that containers note are not those of the pictures (reordering, open groups).
    Raises the Problems of :func:`dubwright.media.opening.open_media`.
    """
    with open_media(path) as container:
        videos = [v for v in film_videos(container) if v.codec_context is not None]
        sounds = [a for a in container.streams.audio if a.codec_context is not None]
        first = next(iter([*videos, *sounds]), None)
        if first is not None:
            for shown in (_first_decoded(container, first), _start_noted(first)):
                if shown is not None:
                    return shown
        return Fraction(container.start_time or 0, av.time_base)


def _start_noted(stream: Stream) -> Fraction | None:
    return seconds(stream.start_time, stream.time_base)


def _first_decoded(container: InputContainer, stream: Stream) -> Fraction | None:
    """Time of the first frame that ``stream`` gives."""
    try:
        for count, packet in enumerate(container.demux(stream)):
            try:
                frames = packet.decode()
            except DAMAGE:
                frames = []
            for frame in frames:
                if isinstance(frame, (av.AudioFrame, av.VideoFrame)):
                    return seconds(frame.pts, frame.time_base)
            if count > _FIRST_PACKETS:
                break
    except DAMAGE:
        pass  # what cannot be read is reported by whoever decodes in earnest
    return None


def rewind(container: InputContainer) -> None:
    """Back to the first packet, as if just opened, as far as the container can."""
    with contextlib.suppress(*DAMAGE):  # not seekable: what was read is lost, no more
        container.seek(container.start_time or 0, backward=True)


def stream_end(container: InputContainer, stream: Stream) -> Fraction | None:
    """Where a stream ends by the container's own account; None when it does not say."""
    length = seconds(stream.duration, stream.time_base)
    if length is None:
        length = _matroska_duration(stream.metadata.get("DURATION", ""))
        if length is not None:
            return length  # Matroska's tag is the end, counted from the container's zero
    if length is None:
        return None
    return length + (seconds(stream.start_time, stream.time_base) or Fraction(0))


def _matroska_duration(text: str) -> Fraction | None:
    """ "00:00:04.031000000" as seconds."""
    parts = text.strip("\0 ").split(":")
    try:
        hours, minutes, rest = parts
        return Fraction(int(hours) * 3600 + int(minutes) * 60) + Fraction(rest)
    except (ValueError, ZeroDivisionError):
        return None


def declared_end(container: InputContainer) -> Fraction | None:
    """Where sound and picture end by the container's account; None when it does not say or guesses."""
    streams: list[Stream] = [*film_videos(container), *container.streams.audio]
    if not film_videos(container) and container.format.name.split(",")[0] not in _EXACT_LENGTH:
        return None
    ends = [stream_end(container, stream) for stream in streams]
    known = [end for end in ends if end is not None and end > 0]
    if container.duration and len(known) < len(ends):
        known.append(Fraction((container.start_time or 0) + container.duration, av.time_base))
    return max(known, default=None)


def last_packet_end(container: InputContainer, after: Fraction | None = None) -> Fraction | None:
    """Read packets (not decoding) and return where the last of sound and picture ends, from the
    start or from the key frame before ``after``; None when none can be read. Leaves the container
    at its end."""
    streams: list[Stream] = [*film_videos(container), *container.streams.audio]
    latest: Fraction | None = None
    try:
        if after is not None:
            container.seek(int(after * av.time_base), backward=True)
        for packet in container.demux(*streams):
            at = packet.pts if packet.pts is not None else packet.dts
            if at is None or not packet.size or packet.is_corrupt:
                continue
            end = (at + (packet.duration or 0)) * packet.time_base
            latest = end if latest is None else max(latest, end)
    except DAMAGE:
        pass  # the file stops here; what came before counts
    return latest
