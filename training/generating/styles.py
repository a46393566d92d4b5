"""Our own pieces, a style a function: each returns the MIDI events of about ``length_s`` seconds."""

from __future__ import annotations

from collections.abc import Callable

from training.generating import composing as part
from training.generating.midi import CONTROL, Event, instrument, note
from training.generating.shaping import Rng

Style = Callable[[Rng, float], list[Event]]
# Program, lowest and highest key: instruments that sing, in the range of voices.
SINGING = (
    (42, 40, 69), (42, 40, 69), (40, 56, 84), (41, 50, 77), (73, 60, 88), (65, 50, 78), (66, 46, 74),
    (56, 55, 80), (71, 50, 82), (57, 42, 68), (60, 43, 72), (110, 55, 81), (77, 57, 82), (75, 60, 86),
    (69, 52, 78), (64, 56, 82), (67, 38, 66), (26, 45, 76), (30, 45, 79), (80, 48, 76), (87, 45, 74),
)  # fmt: skip
HELD_OUT_SINGING = ((70, 36, 66), (68, 58, 82), (22, 58, 84), (111, 58, 82), (104, 48, 76))


def pan(rng: Rng, width: float = 0.7) -> float:
    return float(rng.uniform(-width, width))


def solo(rng: Rng, length_s: float) -> list[Event]:
    """One instrument alone that speaks rather than keeps time; the nearest that music comes to a voice."""
    program, low, high = SINGING[int(rng.integers(0, len(SINGING)))]
    vibrato = [Event(0.0, CONTROL, 0, 1, int(rng.integers(0, 60)))]
    line = part.speaking_line(rng, 0, length_s, low, high)
    return instrument(0, program, pan(rng, 0.3)) + vibrato + line


def accompanied(rng: Rng, length_s: float) -> list[Event]:
    """The same over held chords or broken ones."""
    out = solo(rng, length_s)
    piece = part.draw_piece(rng, length_s, 60, 110)
    program = int(rng.choice([0, 4, 24, 46, 48, 49, 50, 88, 89]))
    out += instrument(1, program, pan(rng), int(rng.integers(50, 95)))
    if program in (0, 24, 46):
        return out + part.arpeggio(piece, rng, 1, 60)
    return out + part.held_chords(piece, rng, 1, 60)


def piano(rng: Rng, length_s: float) -> list[Event]:
    """Melody over broken chords, in a slow or lively tempo."""
    piece = part.draw_piece(rng, length_s, 60, 140)
    program = int(rng.choice([0, 0, 1, 4, 5, 11]))
    out = part.setup([(program, 0.0), (program, 0.0)], rng)
    out += part.arpeggio(piece, rng, 0, int(rng.integers(45, 75)), -1 + int(rng.integers(0, 2)))
    return out + part.melody(piece, rng, 1, int(rng.integers(65, 105)), 1, 0.1)


def orchestra(rng: Rng, length_s: float) -> list[Event]:
    """Strings in sections, horns, a wind solo, timpani; now and then a choir."""
    piece = part.draw_piece(rng, length_s, 55, 100)
    strings = int(rng.choice([48, 49, 50]))
    lead = int(rng.choice([40, 42, 60, 73, 71, 69]))
    colour = 52 if rng.random() < 0.12 else int(rng.choice([61, 60, 46, 48]))
    out = part.setup([(strings, -0.3), (42, 0.5), (lead, pan(rng)), (colour, 0.4), (47, 0.2)], rng)
    out += part.held_chords(piece, rng, 0, int(rng.integers(55, 95)), 4)
    out += part.bass(piece, rng, 1, 80, str(rng.choice(["long", "eighths"])))
    out += part.melody(piece, rng, 2, 90, 1, 0.25)
    if rng.random() < 0.6:
        out += part.held_chords(piece, rng, 3, int(rng.integers(40, 80)), 3, 1)
    if rng.random() < 0.5:
        out += part.bass(piece, rng, 4, 85, "long")
    return out


def action(rng: Rng, length_s: float) -> list[Event]:
    """A chase: low ostinato, drums of all sizes, brass stabs."""
    piece = part.draw_piece(rng, length_s, 110, 160)
    out = part.setup([(48, -0.3), (43, 0.3), (61, 0.2), (116, 0.0), (44, -0.4)], rng)
    out += part.arpeggio(piece, rng, 0, 95, -1, 4) + part.bass(piece, rng, 1, 95, "eighths")
    for bar in range(piece.bars):
        for beat in range(piece.beats):
            if rng.random() < 0.35:
                for key in piece.chord(bar, 3):
                    out += note(
                        piece.at(bar, beat), piece.beat_s * 0.4, 2, key, int(rng.integers(85, 125))
                    )
            if rng.random() < 0.6:
                out += note(
                    piece.at(bar, beat),
                    0.8,
                    3,
                    int(rng.integers(36, 55)),
                    int(rng.integers(80, 127)),
                )
    out += part.held_chords(piece, rng, 4, 60, 2, 1)
    return out + part.drums(piece, rng, 100, "toms")


def rock(rng: Rng, length_s: float) -> list[Event]:
    """Distorted guitars left and right in fifths, bass, drums, a lead now and then."""
    piece = part.draw_piece(rng, length_s, 90, 185)
    guitar = int(rng.choice([29, 30, 30, 27]))
    out = part.setup([(guitar, -0.8), (guitar, 0.8), (33, 0.0), (30, 0.1)], rng)
    chug = int(rng.choice([1, 2, 2, 4]))
    for bar in range(piece.bars):
        root = piece.chord(bar, 1, -1)[0]
        for tick in range(piece.beats * chug):
            if rng.random() < 0.12:
                continue
            for channel in (0, 1):
                for key in (root, root + 7, root + 12):
                    start = part.human(rng, piece.at(bar, tick / chug), 0.008)
                    out += note(
                        start, piece.beat_s / chug * 0.9, channel, key, int(rng.integers(85, 120))
                    )
    out += part.bass(piece, rng, 2, 100, "eighths") + part.drums(piece, rng, 110, "rock")
    if rng.random() < 0.5:
        out += part.melody(piece, rng, 3, 100, 1, 0.5)
    return out


def pads(rng: Rng, length_s: float) -> list[Event]:
    """Slow layers of synthesizer and strings, bells over them."""
    piece = part.draw_piece(rng, length_s, 40, 70)
    programs = [int(one) for one in rng.choice([88, 89, 90, 92, 93, 94, 95, 99, 101, 50, 51], 3)]
    out = part.setup(
        [
            (programs[0], -0.6),
            (programs[1], 0.6),
            (programs[2], 0.0),
            (int(rng.choice([14, 98, 9, 11])), 0.3),
        ],
        rng,
    )
    for channel, octave in ((0, 0), (1, 1), (2, -1)):
        out += part.held_chords(
            piece, rng, channel, int(rng.integers(50, 95)), 3 - (channel == 2), octave
        )
    if rng.random() < 0.6:
        out += part.melody(piece, rng, 3, 70, 2, 0.5)
    return out


def electronic(rng: Rng, length_s: float) -> list[Event]:
    """Sequenced synthesizers over a straight or broken beat."""
    piece = part.draw_piece(rng, length_s, 95, 175)
    lead, figure = int(rng.choice([80, 81, 84, 86, 87, 62])), int(rng.choice([80, 81, 90, 96, 102]))
    out = part.setup(
        [
            (int(rng.choice([38, 39])), 0.0),
            (figure, pan(rng)),
            (lead, pan(rng)),
            (int(rng.choice([90, 94, 50])), 0.0),
        ],
        rng,
    )
    out.append(Event(0.0, 0xC0, 9, int(rng.choice([0, 24, 25]))))
    out += part.bass(piece, rng, 0, 105, str(rng.choice(["octaves", "offbeat", "eighths"])))
    out += part.arpeggio(piece, rng, 1, 75, 0, int(rng.choice([2, 4])))
    if rng.random() < 0.7:
        out += part.melody(piece, rng, 2, 90, 1, 0.4)
    if rng.random() < 0.6:
        out += part.held_chords(piece, rng, 3, 60)
    return out + part.drums(piece, rng, 110, str(rng.choice(["dance", "broken", "rock"])))


def jazz(rng: Rng, length_s: float) -> list[Event]:
    """Walking bass, ride cymbal, electric or grand piano, a saxophone, trumpet or guitar on top."""
    piece = part.draw_piece(rng, length_s, 85, 170)
    lead = int(rng.choice([65, 66, 56, 59, 26, 71]))
    out = part.setup([(32, 0.1), (int(rng.choice([0, 4])), -0.4), (lead, 0.2)], rng)
    out += part.bass(piece, rng, 0, 90, "walking") + part.drums(piece, rng, 75, "ride")
    for bar in range(piece.bars):
        for beat in (0.0, 1.5, 2.5):
            if rng.random() < 0.5 and beat < piece.beats:
                for key in piece.chord(bar, 4):
                    out += note(piece.at(bar, beat), 0.25, 1, key, int(rng.integers(50, 80)))
    return out + part.melody(piece, rng, 2, 95, 1, 0.2)


def folk(rng: Rng, length_s: float) -> list[Event]:
    """Picked guitar and a tune."""
    piece = part.draw_piece(rng, length_s, 75, 130)
    tune = int(rng.choice([73, 21, 110, 40, 105, 72, 74, 79]))
    out = part.setup([(int(rng.choice([24, 25, 46, 107])), -0.3), (tune, 0.2), (32, 0.0)], rng)
    out += part.arpeggio(piece, rng, 0, 75, 0) + part.melody(piece, rng, 1, 90, 1, 0.2)
    if rng.random() < 0.6:
        out += part.bass(piece, rng, 2, 80, "long")
    return out + (part.drums(piece, rng, 60, "soft") if rng.random() < 0.5 else [])


def mallets(rng: Rng, length_s: float) -> list[Event]:
    """Music boxes, bells, harps, plucked strings: light music under talk."""
    piece = part.draw_piece(rng, length_s, 80, 130)
    programs = [int(one) for one in rng.choice([8, 9, 10, 11, 12, 13, 45, 46, 108, 15], 3)]
    out = part.setup([(program, pan(rng)) for program in programs], rng)
    out += part.arpeggio(piece, rng, 0, 80, 1) + part.melody(piece, rng, 1, 95, 1, 0.2)
    return out + part.bass(piece, rng, 2, 80, "eighths")


def held_out_solo(rng: Rng, length_s: float) -> list[Event]:
    """As solo, with instruments that no training piece of ours has."""
    program, low, high = HELD_OUT_SINGING[int(rng.integers(0, len(HELD_OUT_SINGING)))]
    return instrument(0, program, pan(rng, 0.3)) + part.speaking_line(rng, 0, length_s, low, high)


def baroque(rng: Rng, length_s: float) -> list[Event]:
    """Held out: harpsichord, church organ, oboe and bassoon."""
    piece = part.draw_piece(rng, length_s, 70, 110)
    out = part.setup([(int(rng.choice([6, 19])), -0.2), (68, 0.3), (70, 0.0)], rng)
    out += part.arpeggio(piece, rng, 0, 80, 0, 4) + part.melody(piece, rng, 1, 90, 1, 0.1)
    return out + part.bass(piece, rng, 2, 85, "walking")


def reggae(rng: Rng, length_s: float) -> list[Event]:
    """Held out: drawbar organ on the off beat, fretless bass, steel drums."""
    piece = part.draw_piece(rng, length_s, 65, 95)
    out = part.setup([(35, 0.0), (16, -0.4), (114, 0.4)], rng)
    out += part.bass(piece, rng, 0, 100, "eighths") + part.melody(piece, rng, 2, 85, 1, 0.3)
    for bar in range(piece.bars):
        for beat in range(piece.beats):
            for key in piece.chord(bar, 3):
                out += note(piece.at(bar, beat + 0.5), 0.15, 1, key, 90)
    return out + part.drums(piece, rng, 85, "soft")


SOLOS: dict[str, tuple[Style, int]] = {"solo": (solo, 10), "accompanied": (accompanied, 7)}
"""Styles with how many pieces of each."""
ENSEMBLES: dict[str, tuple[Style, int]] = {
    "orchestra": (orchestra, 7), "action": (action, 3), "rock": (rock, 6), "pads": (pads, 4),
    "electronic": (electronic, 6), "jazz": (jazz, 4), "folk": (folk, 4), "piano": (piano, 5),
    "mallets": (mallets, 3),
}  # fmt: skip
HELD_OUT: dict[str, tuple[Style, int]] = {
    "held-solo": (held_out_solo, 3), "baroque": (baroque, 2), "reggae": (reggae, 2),
}  # fmt: skip
