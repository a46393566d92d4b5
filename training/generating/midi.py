"""Standard MIDI files: read, bent to another key and tempo, cut, and written.

Only what sounds is kept: notes, programs, controllers, pitch bends, tempo.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

TICKS_PER_BEAT = 480
DRUMS = 9
"""The channel whose notes are drums, counted from 0."""
NOTE_OFF, NOTE_ON, PRESSURE, CONTROL, PROGRAM, CHANNEL_PRESSURE, BEND = range(0x80, 0xF0, 0x10)
BANK_HIGH, VOLUME, PAN, EXPRESSION, SUSTAIN, REVERB_SEND = 0, 7, 10, 11, 64, 91


@dataclass(frozen=True)
class Event:
    """One message at a time in seconds; two data bytes (the second 0 where there is one)."""

    time_s: float
    status: int
    """Upper half of the first byte: NOTE_ON and so on."""
    channel: int
    first: int
    second: int = 0


def note(start_s: float, length_s: float, channel: int, key: int, velocity: int) -> list[Event]:
    """The two events of a note."""
    loud = max(1, min(127, velocity))
    return [
        Event(start_s, NOTE_ON, channel, key, loud),
        Event(start_s + length_s, NOTE_OFF, channel, key, 0),
    ]


def instrument(channel: int, program: int, pan: float = 0.0, volume: int = 100) -> list[Event]:
    """A channel set up at the start: program 0..127 of General MIDI, pan -1..1."""
    return [
        Event(0.0, PROGRAM, channel, program),
        Event(0.0, CONTROL, channel, VOLUME, volume),
        Event(0.0, CONTROL, channel, PAN, max(0, min(127, round(64 + 63 * pan)))),
    ]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number and the place after it."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at


def _track(data: bytes) -> tuple[list[tuple[int, Event]], list[tuple[int, int]]]:
    """Events and tempos (microseconds a beat) of one track, by tick."""
    events: list[tuple[int, Event]] = []
    tempos: list[tuple[int, int]] = []
    at = tick = status = 0
    while at < len(data):
        step, at = _number(data, at)
        tick += step
        if data[at] >= 0x80:
            status = data[at]
            at += 1
        if status in (0xF0, 0xF7, 0xFF):
            meta = data[at] if status == 0xFF else 0
            size, at = _number(data, at + (status == 0xFF))
            if meta == 0x51:
                tempos.append((tick, int.from_bytes(data[at : at + size], "big")))
            at += size
            continue
        kind, channel = status & 0xF0, status & 0x0F
        single = kind in (PROGRAM, CHANNEL_PRESSURE)
        events.append((tick, Event(0.0, kind, channel, data[at], 0 if single else data[at + 1])))
        at += 1 if single else 2
    return events, tempos


def parsed(data: bytes) -> list[Event]:
    """The events of a MIDI file in the order of time. Raises ValueError if it is none."""
    if data[:4] != b"MThd":
        raise ValueError("This is not a MIDI file.")
    size, _form, _count, division = struct.unpack(">IHHH", data[4:14])
    if division & 0x8000:
        raise ValueError("MIDI files timed by film frames are not read.")
    at = 8 + size
    events: list[tuple[int, Event]] = []
    tempos: list[tuple[int, int]] = [(0, 500_000)]
    while at + 8 <= len(data):
        mark, length = struct.unpack(">4sI", data[at : at + 8])
        if mark == b"MTrk":
            some, changes = _track(data[at + 8 : at + 8 + length])
            events += some
            tempos += changes
        at += 8 + length
    events.sort(key=lambda pair: pair[0])
    tempos.sort(key=lambda pair: pair[0])
    return _timed(events, tempos, division)


def _timed(
    events: Sequence[tuple[int, Event]], tempos: Sequence[tuple[int, int]], division: int
) -> list[Event]:
    """Ticks turned to seconds."""
    out = []
    index, base_tick, base_s, beat_us = 0, 0, 0.0, 500_000
    for tick, event in events:
        while index < len(tempos) and tempos[index][0] <= tick:
            base_s += (tempos[index][0] - base_tick) * beat_us / division / 1e6
            base_tick, beat_us = tempos[index]
            index += 1
        time_s = base_s + (tick - base_tick) * beat_us / division / 1e6
        out.append(replace(event, time_s=time_s))
    return out


def bent(events: Sequence[Event], semitones: int = 0, speed: float = 1.0) -> list[Event]:
    """In another key (drums keep theirs) and at another speed (2 = twice as fast)."""
    out = []
    for event in events:
        key = event.first
        if event.status in (NOTE_ON, NOTE_OFF, PRESSURE) and event.channel != DRUMS:
            key = max(0, min(127, key + semitones))
        out.append(replace(event, time_s=event.time_s / speed, first=key))
    return out


def cut(events: Sequence[Event], start_s: float, length_s: float) -> list[Event]:
    """A stretch of a piece; instruments and controllers are as they were when it begins."""
    out: list[Event] = []
    held: set[tuple[int, int]] = set()
    for event in events:
        if event.time_s < start_s:
            if event.status in (CONTROL, PROGRAM, BEND):
                out.append(replace(event, time_s=0.0))
        elif event.time_s < start_s + length_s:
            out.append(replace(event, time_s=event.time_s - start_s))
            key = (event.channel, event.first)
            if event.status == NOTE_ON and event.second:
                held.add(key)
            elif event.status in (NOTE_ON, NOTE_OFF):
                held.discard(key)
    out += [Event(length_s, NOTE_OFF, channel, key) for channel, key in sorted(held)]
    return out


def length_s(events: Sequence[Event]) -> float:
    return max((event.time_s for event in events), default=0.0)


def written(events: Sequence[Event]) -> bytes:
    """A MIDI file of one track, 120 beats a minute."""
    track = bytearray()
    last = 0
    # At the same time: set up first, then let go, then strike.
    rank = {PROGRAM: 1, CONTROL: 0, BEND: 2, NOTE_OFF: 3}
    for event in sorted(events, key=lambda one: (one.time_s, rank.get(one.status, 4))):
        tick = round(event.time_s * 2 * TICKS_PER_BEAT)
        track += _as_number(tick - last)
        last = tick
        track += bytes([event.status | event.channel, event.first])
        if event.status not in (PROGRAM, CHANNEL_PRESSURE):
            track.append(event.second)
    track += b"\x00\xff\x2f\x00"
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS_PER_BEAT)
    return head + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def _as_number(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
