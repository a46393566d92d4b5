"""Packets from one container to another with their own timing, moved to the film's clock."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from dubwright.media.opening import DAMAGE

_PREROLL_S = Fraction(1, 10)
"""Sound this long before the first picture is kept: decoders start with it. Earlier sound goes."""

_WAIT_PACKETS = 40
"""Reordering delays longer than this do not exist."""


class Copied:
    """One stream on its way. Decoding times are filled in where the old container had none, and
    kept rising; presentation times are never touched except for the shift."""

    def __init__(self, source: Stream, target: Stream, start: Fraction) -> None:
        self.source, self.target = source, target
        self.end = Fraction(0)
        """End of the last packet on the film's clock."""
        base = source.time_base or Fraction(1, 1000)
        self._shift = round(start / base)
        self._last: int | None = None
        self._waiting: list[Packet[Stream]] = []

    def take(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Shift the packet and return those that are ready (their decoding time is known)."""
        if packet.pts is not None:
            packet.pts -= self._shift
        if packet.dts is not None:
            packet.dts -= self._shift
        self._waiting.append(packet)
        if packet.dts is None and self._last is None and len(self._waiting) < _WAIT_PACKETS:
            return []
        return self.rest()

    def rest(self) -> list[Packet[Stream]]:
        """Return what is still waiting."""
        waiting, self._waiting = self._waiting, []
        known = next((n for n, p in enumerate(waiting) if p.dts is not None), None)
        ready = []
        for number, packet in enumerate(waiting):
            step = max(1, packet.duration or 1)
            if packet.dts is None and known is not None:
                first = waiting[known].dts or 0
                packet.dts = first - (known - number) * step
            ready += self._send(packet, step)
        return ready

    def _send(self, packet: Packet[Stream], step: int) -> list[Packet[Stream]]:
        if packet.dts is None:
            packet.dts = self._last + step if self._last is not None else packet.pts
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.dts is None or packet.pts is None:
            packet.pts = packet.dts = 0
        packet.dts = min(packet.dts, packet.pts)
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + 1
            packet.pts = max(packet.pts, packet.dts)
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        if self.source.type == "audio" and end < -_PREROLL_S:
            return []
        self._last = packet.dts
        self.end = max(self.end, end)
        packet.stream = self.target
        return [packet]


def copied_packets(
    source: InputContainer, copies: list[Copied], notes: list[str]
) -> Iterator[Packet[Stream]]:
    """Yield the packets of all ``copies`` in the file's order; ends where the file is damaged."""
    by_index = {copy.source.index: copy for copy in copies}
    for stream in source.streams:
        if stream.index not in by_index:
            stream.discard = Discard.all
    try:
        for packet in source.demux(*(copy.source for copy in copies)):
            if packet.size:
                yield from by_index[packet.stream_index].take(packet)
    except DAMAGE as error:
        end_s = max(float(copy.end) for copy in copies)
        notes.append(f"The pictures end at {end_s:.1f} s, where the file is damaged ({error}).")
    for copy in copies:
        yield from copy.rest()
