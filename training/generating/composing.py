"""The parts that our own pieces are put together of: harmony, melody, figures, drums, as MIDI events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sin

from training.generating import midi
from training.generating.midi import DRUMS, Event
from training.generating.shaping import Rng

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 3, 5, 7, 10, 12, 15),
}
PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (0, 6, 5, 6), (0, 2, 3, 4), (5, 3, 0, 4),
    (0, 0, 3, 3, 4, 3, 0, 4), (1, 4, 0, 0), (0, 5, 1, 4), (0, 3, 6, 2, 5, 1, 4, 0), (0, 0, 0, 0),
)  # fmt: skip
KICK, SNARE, CLAP, CLOSED, OPEN, CRASH, RIDE, LOW_TOM, HIGH_TOM, SHAKER = (
    36, 38, 39, 42, 46, 49, 51, 45, 50, 70,
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """Tempo, key and harmony that all parts of a piece share."""

    beat_s: float
    root: int
    """MIDI key of the first degree, about 48..59."""
    scale: tuple[int, ...]
    degrees: tuple[int, ...]
    """Degree of the chord of each bar, repeated."""
    bars: int
    beats: int
    """In a bar."""
    swing: float
    """How late every second half beat is, as a share of it."""

    def at(self, bar: int, beat: float) -> float:
        """Seconds from the start."""
        off = self.swing * 0.5 if abs(beat % 1 - 0.5) < 0.01 else 0.0
        return (bar * self.beats + beat + off) * self.beat_s

    def key(self, degree: int, octave: int = 0) -> int:
        """MIDI key of a degree of the scale, which may lie outside of 0..6."""
        count = len(self.scale)
        return self.root + 12 * (octave + degree // count) + self.scale[degree % count]

    def chord(self, bar: int, notes: int = 3, octave: int = 0) -> list[int]:
        """Keys of the bar's chord: thirds on each other."""
        base = self.degrees[bar % len(self.degrees)]
        return [self.key(base + 2 * one, octave) for one in range(notes)]


def draw_piece(rng: Rng, length_s: float, slow_bpm: float, fast_bpm: float) -> Piece:
    """Key and harmony by chance, as many bars as fill the time."""
    beat_s = 60 / float(rng.uniform(slow_bpm, fast_bpm))
    beats = int(rng.choice([4, 4, 4, 3]))
    degrees = PROGRESSIONS[int(rng.integers(0, len(PROGRESSIONS)))]
    mode = str(rng.choice(list(MODES)))
    bars = max(2, round(length_s / (beat_s * beats)))
    swing = float(rng.choice([0.0, 0.0, 0.15, 0.3]))
    return Piece(beat_s, int(rng.integers(45, 58)), MODES[mode], degrees, bars, beats, swing)


def human(rng: Rng, seconds: float, loose_s: float = 0.012) -> float:
    return max(0.0, seconds + float(rng.normal(0, loose_s)))


def held_chords(
    piece: Piece, rng: Rng, channel: int, loud: int, notes: int = 3, octave: int = 0
) -> list[Event]:
    """A chord a bar, its notes let in one by one, with a swell."""
    out: list[Event] = []
    for bar in range(piece.bars):
        start, length = piece.at(bar, 0), piece.beats * piece.beat_s
        for key in piece.chord(bar, notes, octave):
            velocity = loud + int(rng.integers(-8, 9))
            out += midi.note(human(rng, start), length * 0.98, channel, key, velocity)
        out += swell(rng, channel, start, length)
    return out


def swell(rng: Rng, channel: int, start_s: float, length_s: float) -> list[Event]:
    """Expression that rises and falls over a note."""
    top, low = int(rng.integers(95, 128)), int(rng.integers(50, 95))
    peak = float(rng.uniform(0.2, 0.8))
    out = []
    for step in range(9):
        part = step / 8
        share = part / peak if part < peak else (1 - part) / (1 - peak)
        value = round(low + (top - low) * share)
        out.append(Event(start_s + part * length_s, midi.CONTROL, channel, midi.EXPRESSION, value))
    return out


def arpeggio(
    piece: Piece, rng: Rng, channel: int, loud: int, octave: int = 0, per_beat: int = 2
) -> list[Event]:
    """The chord broken up in a pattern that stays for the piece."""
    pattern = [int(one) for one in rng.integers(0, 6, int(rng.choice([4, 6, 8])))]
    out: list[Event] = []
    step = 0
    for bar in range(piece.bars):
        keys = piece.chord(bar, 3, octave) + piece.chord(bar, 3, octave + 1)
        for tick in range(piece.beats * per_beat):
            key = keys[pattern[step % len(pattern)]]
            start = human(rng, piece.at(bar, tick / per_beat), 0.006)
            velocity = loud + (10 if tick % per_beat == 0 else 0) + int(rng.integers(-6, 7))
            out += midi.note(start, piece.beat_s / per_beat * 1.2, channel, key, velocity)
            step += 1
    return out


def melody(
    piece: Piece,
    rng: Rng,
    channel: int,
    loud: int,
    octave: int = 1,
    rest: float = 0.15,
    legato: float = 0.95,
) -> list[Event]:
    """A line that walks the scale, leaps to notes of the chord on the first beat, and pauses to breathe."""
    out: list[Event] = []
    place = int(rng.integers(0, 7))
    for bar in range(piece.bars):
        beat = 0.0
        if rng.random() < rest:
            continue
        while beat < piece.beats - 0.01:
            length = float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5, 2.0]))
            length = min(length, piece.beats - beat)
            base = piece.degrees[bar % len(piece.degrees)]
            place = (
                base + int(rng.choice([0, 2, 4, 7]))
                if beat == 0
                else place + int(rng.integers(-2, 3))
            )
            place = max(-3, min(11, place))
            start = human(rng, piece.at(bar, beat))
            if rng.random() > 0.08:
                velocity = loud + int(rng.integers(-12, 13))
                out += midi.note(
                    start,
                    length * piece.beat_s * legato,
                    channel,
                    piece.key(place, octave),
                    velocity,
                )
            beat += length
    return out


def speaking_line(rng: Rng, channel: int, length_s: float, low: int, high: int) -> list[Event]:
    """A solo as free as speech: phrases of a breath, uneven notes, glides, vibrato, swells, pauses."""
    out = [Event(0.0, midi.CONTROL, channel, 101, 0), Event(0.0, midi.CONTROL, channel, 100, 0)]
    out.append(Event(0.0, midi.CONTROL, channel, 6, 2))  # bends reach two semitones
    scale = MODES[str(rng.choice(list(MODES)))]
    root = int(rng.integers(0, 12))
    tones = [
        key for key in range(low, high + 1) if (key - root) % 12 in {one % 12 for one in scale}
    ]
    at, place = float(rng.uniform(0, 0.6)), len(tones) // 2
    while at < length_s:
        phrase_s = float(rng.uniform(1.2, 5.0))
        pace = drawn_length(rng, -1.6, 0.4)
        end = min(at + phrase_s, length_s)
        out += swell(rng, channel, at, end - at)
        while at < end:
            length = min(drawn_length(rng, 0.0, 0.55) * pace, 2.5)
            place = max(0, min(len(tones) - 1, place + round(float(rng.normal(0, 2.0)))))
            out += midi.note(
                at,
                length * float(rng.uniform(0.85, 1.04)),
                channel,
                tones[place],
                int(rng.integers(55, 115)),
            )
            out += _bends(rng, channel, at, length)
            at += length
        at += float(rng.exponential(0.5)) + 0.15
    return out


def drawn_length(rng: Rng, mean: float, spread: float) -> float:
    """A log-normal length around exp(mean)."""
    return float(rng.lognormal(mean, spread))


def _bends(rng: Rng, channel: int, start_s: float, length_s: float) -> list[Event]:
    """A glide into the note, and vibrato in what is left of it."""
    out = []
    glide = float(rng.choice([0.0, rng.uniform(-1.5, 1.5)])) if length_s > 0.12 else 0.0
    depth = float(rng.uniform(0, 0.35)) if length_s > 0.3 else 0.0
    rate = float(rng.uniform(4.5, 7))
    steps = max(1, int(length_s / 0.02))
    for step in range(steps):
        time = step * 0.02
        value = glide * exp(-time / 0.05) + depth * min(1.0, time / 0.4) * sin(6.283 * rate * time)
        raw = max(0, min(16383, round(8192 + 4096 * value)))
        out.append(Event(start_s + time, midi.BEND, channel, raw & 0x7F, raw >> 7))
    return out


def bass(piece: Piece, rng: Rng, channel: int, loud: int, figure: str) -> list[Event]:
    """Roots in a figure: "long", "eighths", "walking", "octaves", "offbeat"."""
    out: list[Event] = []
    for bar in range(piece.bars):
        root = piece.chord(bar, 1, -1)[0]
        if figure == "long":
            out += midi.note(
                piece.at(bar, 0), piece.beats * piece.beat_s * 0.95, channel, root, loud
            )
            continue
        steps = piece.beats if figure == "walking" else piece.beats * 2
        for tick in range(steps):
            beat = tick * piece.beats / steps
            key = root
            if figure == "walking":
                key = (
                    root
                    if tick == 0
                    else piece.key(
                        piece.degrees[bar % len(piece.degrees)] + int(rng.integers(-2, 5)), -1
                    )
                )
            elif figure == "octaves":
                key = root + 12 * (tick % 2)
            elif figure == "offbeat" and tick % 2 == 0:
                continue
            start = human(rng, piece.at(bar, beat), 0.005)
            out += midi.note(
                start,
                piece.beat_s * piece.beats / steps * 0.85,
                channel,
                key,
                loud + int(rng.integers(-8, 9)),
            )
    return out


def drums(piece: Piece, rng: Rng, loud: int, style: str) -> list[Event]:
    """A beat with fills: "rock", "dance", "broken", "ride", "toms", "soft"."""
    out: list[Event] = []
    kicks = _kicks(piece, rng, style)
    for bar in range(piece.bars):
        fill = bar % 8 == 7 and rng.random() < 0.8
        if bar % 8 == 0 and style not in ("soft", "ride"):
            out += midi.note(piece.at(bar, 0), 1.0, DRUMS, CRASH, loud)
        for tick in range(piece.beats * 4):
            beat = tick / 4
            for key, velocity in _struck(piece, rng, style, beat, beat in kicks, fill):
                start = human(rng, piece.at(bar, beat), 0.004)
                level = round(loud * velocity) + int(rng.integers(-7, 8))
                out += midi.note(start, 0.2, DRUMS, key, level)
    return out


def _kicks(piece: Piece, rng: Rng, style: str) -> set[float]:
    if style == "dance":
        return {float(beat) for beat in range(piece.beats)}
    extra = {float(one) / 2 for one in rng.integers(0, piece.beats * 2, int(rng.integers(1, 4)))}
    return {0.0} | extra | ({2.5} if style == "broken" else set())


def _struck(
    piece: Piece, rng: Rng, style: str, beat: float, kick: bool, fill: bool
) -> list[tuple[int, float]]:
    """What is struck on a sixteenth, with how loud (0..1)."""
    if fill and beat >= piece.beats / 2:
        return (
            [(int(rng.choice([LOW_TOM, HIGH_TOM, SNARE, 47])), 0.9)] if rng.random() < 0.8 else []
        )
    if style == "toms":
        hit = beat % 1 == 0 or rng.random() < 0.35
        return [(int(rng.choice([41, 43, LOW_TOM, KICK])), 0.7 + 0.3 * (beat == 0))] if hit else []
    out = [(KICK, 1.0)] if kick else []
    if beat % 2 == 1:
        out.append((CLAP if style == "dance" else SNARE, 0.6 if style == "soft" else 1.0))
    if style == "broken" and rng.random() < 0.15:
        out.append((SNARE, 0.4))
    if style == "ride":
        if beat % 1 == 0 or (beat % 2 == 1.5):
            out.append((RIDE, 0.8))
    elif style == "dance":
        if beat % 1 == 0.5:
            out.append((OPEN, 0.8))
        if beat % 0.5 == 0.25:
            out.append((CLOSED, 0.5))
    elif beat % 0.5 == 0:
        out.append((SHAKER if style == "soft" else CLOSED, 0.7 if beat % 1 == 0 else 0.5))
    return out


def setup(programs: Sequence[tuple[int, float]], rng: Rng) -> list[Event]:
    """Channels 0, 1, ... (drums left out) with programs and places, volumes a little apart."""
    out: list[Event] = []
    for index, (program, pan) in enumerate(programs):
        out += midi.instrument(channel_of(index), program, pan, int(rng.integers(80, 112)))
    return out


def channel_of(index: int) -> int:
    return index if index < DRUMS else index + 1
