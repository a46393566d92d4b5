"""Subtitles as packets of a film: read from SRT, written as the container holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from dubwright.media.opening import DAMAGE

_TAG = re.compile(r"<[^<>]{1,100}>|\{\\[^{}]{1,100}\}")
_MILLISECOND = Fraction(1, 1000)

# Text subtitle encoders take their defaults from an ASS header.
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True)
class Cue:
    """One subtitle; times in whole milliseconds of the film."""

    start_ms: int
    end_ms: int
    text: str


def read_srt(path: Path, end_ms: int) -> list[Cue]:
    """The cues of an SRT file in UTF-8 that begin before the film's end, in order.

    An empty or unreadable file has none.
    """
    cues: list[Cue] = []
    try:
        with av.open(f"file:{path}", format="srt", metadata_errors="replace") as source:
            for packet in source.demux():
                if packet.pts is None or not packet.size:
                    continue
                start = round(packet.pts * packet.time_base * 1000)
                length = round((packet.duration or 0) * packet.time_base * 1000)
                text = bytes(packet).decode("utf-8", "replace").replace("\r\n", "\n").strip()
                cues.append(Cue(max(0, start), min(start + length, end_ms), text))
    except DAMAGE:
        pass
    return sorted(
        (cue for cue in cues if cue.text and cue.start_ms < cue.end_ms), key=lambda c: c.start_ms
    )


def one_at_a_time(cues: list[Cue]) -> list[Cue]:
    """Cues that do not overlap (3GPP timed text shows one): a later one ends the earlier one; those
    that start together are shown together."""
    flat: list[Cue] = []
    for cue in cues:
        if flat and cue.start_ms == flat[-1].start_ms:
            last = flat.pop()
            end_ms = max(last.end_ms, cue.end_ms)
            flat.append(Cue(cue.start_ms, end_ms, f"{last.text}\n{cue.text}"))
            continue
        if flat and cue.start_ms < flat[-1].end_ms:
            flat[-1] = replace(flat[-1], end_ms=cue.start_ms)
        flat.append(cue)
    return flat


def add_subtitles(out: OutputContainer, mp4: bool) -> SubtitleStream:
    """Add a text subtitle stream of the kind that the container holds, off by default."""
    stream = out.add_stream("mov_text" if mp4 else "subrip")
    if not isinstance(stream, SubtitleStream):
        raise TypeError(f"expected a subtitle stream, got {stream}")
    stream.codec_context.subtitle_header = _ASS_HEADER
    stream.time_base = _MILLISECOND
    stream.disposition = Disposition(0)
    return stream


def cue_packets(stream: Stream, cues: list[Cue], mp4: bool) -> Iterator[Packet[Stream]]:
    """Packets of ``cues``. In mp4 (3GPP TS 26.245) a sample is a 16-bit length and UTF-8 text, marks
    such as ``<i>`` taken out; in Matroska it is the SRT text."""
    for cue in one_at_a_time(cues) if mp4 else cues:
        if mp4:
            text = _TAG.sub("", cue.text).encode("utf-8")[:65535]
            data = len(text).to_bytes(2, "big") + text
        else:
            data = cue.text.encode("utf-8")
        packet: Packet[Stream] = Packet(data)
        packet.stream = stream
        packet.time_base = _MILLISECOND
        packet.pts = packet.dts = cue.start_ms
        packet.duration = cue.end_ms - cue.start_ms
        packet.is_keyframe = True
        yield packet
