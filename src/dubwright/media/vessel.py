"""Which container a film goes into, and how streams are carried over to it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from dubwright.media.opening import DAMAGE
from dubwright.media.timeline import film_videos

_MP4_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"})
_MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""What players open in mp4; FFmpeg would write more."""

_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


@dataclass(frozen=True)
class Vessel:
    """A container format as we write it."""

    suffix: str
    format: str
    options: tuple[tuple[str, str], ...]

    @property
    def is_mp4(self) -> bool:
        """mp4 and m4a: timed text, cover pictures as streams."""
        return self.format == "mp4"

    def create(self, path: Path) -> OutputContainer:
        """Open ``path`` for writing."""
        return av.open(
            f"file:{path}", "w", format=self.format, container_options=dict(self.options)
        )

    def holds_sound(self, stream: Stream) -> bool:
        """True when the stream's packets can be copied as they are."""
        if stream.codec_context is None:
            return False
        codec = stream.codec_context.codec.canonical_name
        if self.is_mp4:
            return codec in _MP4_AUDIO
        # AAC as broadcast (ADTS) has no header of its own, which Matroska needs.
        return codec != "aac" or bool(stream.codec_context.extradata)


_FAST = ("movflags", "+faststart")
MP4 = Vessel(".mp4", "mp4", (_FAST,))
M4A = Vessel(".m4a", "mp4", (_FAST, ("brand", "M4A ")))
MKV = Vessel(".mkv", "matroska", ())


def choose(source: InputContainer) -> Vessel:
    """m4a for sound files, mp4 when it holds every video codec, else Matroska."""
    videos = film_videos(source)
    if not videos:
        return M4A
    codecs = {
        v.codec_context.codec.canonical_name if v.codec_context is not None else "" for v in videos
    }
    return MP4 if codecs <= _MP4_VIDEO else MKV


def copy_stream(out: OutputContainer, stream: Stream) -> Stream | None:
    """Add a stream that takes the packets of ``stream`` as they are; None when that cannot be.

    Codec data, rotation (display matrix), aspect and HDR side data come with it.
    """
    try:
        copy = out.add_stream_from_template(stream, opaque=True)
    except DAMAGE:
        return None
    if stream.type == "video":
        copy.disposition = Disposition.default
        if stream.codec_context.codec.canonical_name == "hevc" and out.format.name == "mp4":
            # The only spelling that Apple's players take.
            copy.codec_context.codec_tag = "hvc1"
    return copy


def add_covers(out: OutputContainer, kind: Vessel, source: InputContainer) -> list[Packet[Stream]]:
    """Carry cover art over: as an attached picture in mp4 (returned for muxing first), as an
    attachment in Matroska. Reads from a second opening, so that ``source`` stays at its start."""
    moving = film_videos(source)
    pictures = [v for v in source.streams.video if v not in moving and v.codec_context is not None]
    packets: list[Packet[Stream]] = []
    for picture in pictures:
        codec = picture.codec_context.codec.canonical_name
        data = _picture(source, picture.index) if codec in _COVERS else b""
        if not data:
            continue
        if not kind.is_mp4:
            out.add_attachment(*_COVERS[codec], data)
            continue
        stream = copy_stream(out, picture)
        if stream is None:
            continue
        stream.disposition = Disposition.attached_pic
        packet: Packet[Stream] = Packet(data)
        packet.stream, packet.time_base = stream, stream.time_base or Fraction(1, 1000)
        packet.pts = packet.dts = 0
        packet.is_keyframe = True
        packets.append(packet)
    return packets


def _picture(source: InputContainer, index: int) -> bytes:
    try:
        with av.open(source.name, metadata_errors="replace") as again:
            for packet in again.demux(again.streams[index]):
                if packet.size:
                    return bytes(packet)
    except DAMAGE:
        pass  # a broken cover is no reason to fail
    return b""
