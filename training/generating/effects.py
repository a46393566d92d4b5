"""Short sounds of films and games: struck, burst, broken, driven, switched, signalled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from training.generating.shaping import (
    F64,
    Rng,
    convolved,
    decay,
    faded,
    filtered,
    frames_of,
    noise,
    panned,
    peak_at,
    peaked,
    placed,
    tone,
    unit,
    wander,
)
from training.generating.takes import Recipe, Take
from training.store import Split, sources

Maker = Callable[[Rng], F64]
"""One effect, [n]."""


def _s(rng: Rng, low: float, high: float) -> int:
    """Frames of a random length in seconds."""
    return frames_of(float(rng.uniform(low, high)))


def impact(rng: Rng) -> F64:
    """Something struck: a few damped modes of its material and a burst of noise."""
    size = _s(rng, 0.3, 2.0)
    base = float(np.exp(rng.uniform(np.log(60), np.log(2_500))))
    out = filtered(rng.standard_normal(size), 100, 8_000) * decay(
        size, float(rng.uniform(0.003, 0.03))
    )
    ring_s = float(np.exp(rng.uniform(np.log(0.015), np.log(0.4))))
    for _ in range(int(rng.integers(3, 14))):
        hz = base * float(rng.uniform(1, 9))
        half_s = ring_s * (base / hz) ** 0.5
        out += tone(np.full(size, min(hz, 16_000))) * decay(size, half_s) * rng.exponential(0.6)
    return out


def explosion(rng: Rng) -> F64:
    """A crack, a boom that sinks, and rubble."""
    size = _s(rng, 1.5, 4.5)
    boom = noise(rng, size, -6) * decay(size, float(rng.uniform(0.2, 0.7)), 0.01)
    sub = tone(np.linspace(float(rng.uniform(50, 90)), 25, size)) * decay(size, 0.35)
    crack = rng.standard_normal(size) * decay(size, 0.02)
    rubble = np.zeros(size)
    for _ in range(int(rng.integers(0, 40))):
        stone = filtered(rng.standard_normal(1_500), 600, 7_000) * decay(1_500, 0.006)
        placed(rubble, stone * rng.exponential(0.3), int(rng.uniform(0.15, 1.0) * size))
    return np.tanh((unit(boom) * 1.5 + sub + crack * 0.7) * rng.uniform(1, 4)) + rubble


def gunshot(rng: Rng) -> F64:
    """One shot or a burst, each a crack with a tail."""
    size = _s(rng, 0.4, 1.2)
    shot = rng.standard_normal(size) * decay(size, float(rng.uniform(0.006, 0.03)))
    tail = noise(rng, size, -4) * decay(size, float(rng.uniform(0.05, 0.2)), 0.01) * 0.3
    one = np.tanh(3 * filtered(shot + tail, 80, float(rng.uniform(5_000, 14_000))))
    count = 1 if rng.random() < 0.6 else int(rng.integers(3, 12))
    gap = _s(rng, 0.06, 0.15)
    out = np.zeros(size + gap * count)
    for index in range(count):
        placed(out, one * rng.uniform(0.8, 1), index * gap)
    return out


def beep(rng: Rng) -> F64:
    """Signals: sine or square tones in a rhythm, as of phones, machines and menus."""
    pattern = [
        (
            float(rng.uniform(0.04, 0.4)),
            float(rng.uniform(0.02, 0.3)),
            float(rng.uniform(300, 3_500)),
        )
        for _ in range(int(rng.integers(1, 5)))
    ]
    square = rng.random() < 0.4
    out = []
    for _ in range(int(rng.integers(1, 5))):
        for on_s, off_s, hz in pattern:
            wave = tone(np.full(frames_of(on_s), hz))
            wave = np.sign(wave) * 0.5 if square else wave
            out += [faded(wave, 0.003), np.zeros(frames_of(off_s))]
    return filtered(np.concatenate(out), 0, 12_000)


def siren(rng: Rng) -> F64:
    """Wailing or two-toned, passing by or standing."""
    size = _s(rng, 3, 7)
    time = np.arange(size) / 44_100
    low = float(rng.uniform(350, 700))
    high = low * float(rng.uniform(1.3, 2.2))
    rate = float(rng.uniform(0.3, 4))
    swing = np.sin(2 * np.pi * rate * time)
    course = (
        np.where(swing > 0, high, low)
        if rng.random() < 0.4
        else low + (high - low) * (0.5 + 0.5 * swing)
    )
    wave = np.tanh(tone(course) * rng.uniform(1, 5))
    return faded(filtered(wave, 200, 6_000) * wander(rng, size, 2, 0.3, 1), 0.3)


def whoosh(rng: Rng) -> F64:
    """Air past the ear: noise whose band rises and falls with its loudness."""
    size = _s(rng, 0.25, 1.6)
    arc = np.sin(np.linspace(0, np.pi, size)) ** float(rng.uniform(1, 4))
    dull = filtered(noise(rng, size, -3), 100, 900)
    bright = filtered(noise(rng, size, -1), 1_000, float(rng.uniform(3_000, 10_000)))
    return dull * arc + bright * arc**2


def footsteps(rng: Rng) -> F64:
    """Several steps: heel and sole, on a ground that stays the same."""
    ground = [
        (float(rng.uniform(60, 300)), 80.0, 1.0),
        (float(rng.uniform(500, 3_500)), 900.0, float(rng.uniform(0.05, 0.8))),
    ]
    step_s = float(rng.uniform(0.28, 0.7))
    count = int(rng.integers(4, 9))
    out = np.zeros(frames_of(step_s * (count + 1)))
    for index in range(count):
        for after_s, gain in ((0.0, 1.0), (0.09 * step_s / 0.5, 0.5)):
            size = frames_of(0.18)
            foot = unit(peaked(rng.standard_normal(size), ground)) * decay(
                size, float(rng.uniform(0.008, 0.03)), 0.002
            )
            placed(
                out,
                foot * gain * rng.uniform(0.6, 1),
                frames_of(step_s * index + after_s + float(rng.normal(0.02, 0.01))),
            )
    return out


def engine(rng: Rng) -> F64:
    """A motor that idles and revs: a row of pulses through an exhaust."""
    size = _s(rng, 2, 6)
    fire_hz = wander(rng, size, float(rng.uniform(0.5, 2)), 18, 130)
    pulses = np.maximum(0, tone(fire_hz)) ** float(rng.uniform(4, 16))
    rough = pulses * (1 + 0.5 * noise(rng, size))
    pipe = [(float(rng.uniform(60, 1_500)), float(rng.uniform(50, 400)), 1.0) for _ in range(5)]
    sound = unit(peaked(rough, pipe)) + 0.3 * unit(filtered(rough, 500, 5_000))
    return faded(np.tanh(sound * rng.uniform(0.5, 2)) * (0.3 + fire_hz / 130), 0.2)


def door(rng: Rng) -> F64:
    """A creak, maybe, and a slam or a latch."""
    parts = []
    if rng.random() < 0.6:
        size = _s(rng, 0.4, 1.6)
        stick = wander(rng, size, 0.15, 25, 260)
        creak = np.maximum(0, tone(stick)) ** 12
        marks = [
            (float(rng.uniform(300, 2_800)), float(rng.uniform(40, 200)), 1.0) for _ in range(4)
        ]
        parts.append(faded(unit(peaked(creak, marks)) * 0.4, 0.05))
    size = _s(rng, 0.3, 0.7)
    thud = peaked(
        rng.standard_normal(size), [(float(rng.uniform(70, 180)), 60, 1), (600, 500, 0.4)]
    )
    parts.append(unit(thud) * decay(size, 0.04) * 3)
    latch = filtered(rng.standard_normal(1_500), 1_500, 7_000) * decay(1_500, 0.004)
    parts.append(np.concatenate([np.zeros(_s(rng, 0.0, 0.1)), latch]))
    return np.concatenate(parts)


def glass(rng: Rng) -> F64:
    """A pane breaks: a burst and many ringing splinters."""
    size = _s(rng, 0.8, 2.2)
    out = filtered(rng.standard_normal(size), 2_000, 14_000) * decay(size, 0.03)
    for _ in range(int(rng.integers(20, 90))):
        length = _s(rng, 0.05, 0.4)
        shard = tone(np.full(length, float(rng.uniform(2_000, 14_000)))) * decay(
            length, float(rng.uniform(0.01, 0.06))
        )
        placed(out, shard * rng.exponential(0.25), int(rng.exponential(0.25) * 44_100))
    return out


def click(rng: Rng) -> F64:
    """Switches and menus: one or a few very short pulses."""
    out = np.zeros(_s(rng, 0.15, 0.6))
    for _ in range(int(rng.integers(1, 5))):
        size = _s(rng, 0.004, 0.04)
        pulse = peaked(rng.standard_normal(size), [(float(rng.uniform(500, 6_000)), 600, 1.0)])
        placed(
            out,
            unit(pulse) * decay(size, size / 44_100 / 6, 0.0002),
            int(rng.uniform(0, 0.8) * len(out)),
        )
    return out


def jingle(rng: Rng) -> F64:
    """A menu's few notes, gained or lost."""
    notes = np.cumsum(rng.choice([-5, -3, 2, 3, 4, 5, 7], int(rng.integers(2, 7)))) + int(
        rng.integers(60, 84)
    )
    gap, size = _s(rng, 0.05, 0.2), _s(rng, 0.3, 1.0)
    out = np.zeros(gap * len(notes) + size)
    for index, key in enumerate(notes):
        hz = 440 * 2 ** ((float(key) - 69) / 12)
        bell = sum(tone(np.full(size, hz * n)) / n**2 for n in (1, 2, 3, 4.2))
        placed(out, np.asarray(bell) * decay(size, 0.12, 0.003), index * gap)
    return out


def laser(rng: Rng) -> F64:
    """A tone that falls fast, now and then repeated."""
    size = _s(rng, 0.15, 0.6)
    course = float(rng.uniform(1_500, 5_000)) * np.exp(-np.arange(size) / size * rng.uniform(1, 4))
    one = np.tanh(tone(course) * rng.uniform(1, 6)) * decay(size, size / 44_100 / 3)
    return np.tile(one, int(rng.choice([1, 1, 2, 4])))


def bell(rng: Rng) -> F64:
    """Held out: church bells and gongs, by the partials that bells are tuned to."""
    size = _s(rng, 2, 4)
    base = float(np.exp(rng.uniform(np.log(110), np.log(900))))
    partials = (0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.67, 3.01, 4.1)
    return np.asarray(
        sum(tone(np.full(size, base * n)) * decay(size, 1.2 / n) / n**0.5 for n in partials)
    )


def alarm(rng: Rng) -> F64:
    """Held out: a clapper beating on a small bell."""
    out = np.zeros(_s(rng, 1, 3))
    stroke = impact(rng)[: frames_of(0.3)]
    for at in range(0, len(out), _s(rng, 0.03, 0.07)):
        placed(out, stroke, at)
    return out


def zipper(rng: Rng) -> F64:
    """Held out: teeth ever faster."""
    size = _s(rng, 0.4, 1.2)
    rate = np.linspace(float(rng.uniform(30, 60)), float(rng.uniform(90, 200)), size)
    teeth = np.maximum(0, tone(rate)) ** 20 * rng.standard_normal(size)
    return filtered(teeth, 1_500, 9_000)


TRAINED: dict[str, tuple[Maker, int]] = {
    "impact": (impact, 90), "explosion": (explosion, 30), "gunshot": (gunshot, 45), "beep": (beep, 45),
    "siren": (siren, 14), "whoosh": (whoosh, 40), "footsteps": (footsteps, 35), "engine": (engine, 24),
    "door": (door, 40), "glass": (glass, 25), "click": (click, 50), "jingle": (jingle, 35),
    "laser": (laser, 30),
}  # fmt: skip
"""Makers with how many clips of each."""
HELD_OUT: dict[str, tuple[Maker, int]] = {
    "bell": (bell, 10),
    "alarm": (alarm, 8),
    "zipper": (zipper, 8),
}


def _somewhere(sound: F64, echo: F64 | None, rng: Rng) -> F64:
    """[n, 2]: at a place in the stereo field, in a room when there is one."""
    field = panned(sound, float(rng.uniform(-0.9, 0.9)))
    if echo is None:
        return field
    wet = [convolved(side, one) for side, one in zip(field.T, echo.T, strict=True)]
    return np.stack(wet, 1)


def made(name: str, makers: dict[str, tuple[Maker, int]], split: Split = "train") -> Recipe:
    """Every maker's clips; six in ten in a room."""

    def make(data: Path, rng: Rng) -> Iterator[Take]:
        rooms = [one for one in sources(data, "rooms", split) if one.channels == 2]
        for what, (maker, count) in makers.items():
            for index in range(count):
                echo = None
                if rooms and rng.random() < 0.6:
                    clip = rooms[0].clips[int(rng.integers(0, len(rooms[0].clips)))]
                    echo = rooms[0].read(clip).astype(np.float64)
                field = faded(_somewhere(maker(rng), echo, rng), 0.002)
                rest = np.zeros((frames_of(float(rng.exponential(0.15))), 2))
                peak = float(10 ** (rng.uniform(-14, -1) / 20))
                yield Take(peak_at(np.concatenate([field, rest]), peak), f"{what}-{index:02d}")

    return Recipe("effects", name, 2, make, split)


def recipes() -> list[Recipe]:
    return [made("made", TRAINED), made("made-held-out", HELD_OUT, "held-out")]
