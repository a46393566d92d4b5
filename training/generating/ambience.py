"""Procedural backgrounds: weather, places, machines, animals; each kind draws its own parameters a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from training.generating.shaping import (
    F64,
    Rng,
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
    wide,
)
from training.generating.takes import Recipe, Take
from training.store import F32, RATE_HZ, Split

Maker = Callable[[Rng, int], F64]


def _field(rng: Rng, one: Callable[[], F64]) -> F64:
    """Two runs of a maker as stereo [n, 2], in one of three clips as mono."""
    if rng.random() < 0.33:
        sound = one()
        return np.stack([sound, sound], 1)
    return wide(rng, (one(), one()), float(rng.uniform(0.3, 1.0)))


def wind(rng: Rng, frames: int) -> F64:
    """Brown noise in gusts, with a whistling resonance that goes along with them."""
    gusts = wander(rng, frames, rng.uniform(0.8, 3), 0.1, 1.0) ** 1.5
    whistle_hz = float(rng.uniform(250, 900))

    def one() -> F64:
        body = noise(rng, frames, -5) * gusts
        howl = peaked(noise(rng, frames), [(whistle_hz, 60, 1.0), (whistle_hz * 1.6, 120, 0.5)])
        return body + unit(howl) * gusts**3 * rng.uniform(0, 0.6)

    return _field(rng, one)


def rain(rng: Rng, frames: int) -> F64:
    """A hiss, and drops of all sizes on it."""
    drops_s = float(np.exp(rng.uniform(np.log(20), np.log(900))))
    hardness = float(rng.uniform(1_500, 6_000))

    def one() -> F64:
        hits = (rng.random(frames) < drops_s / RATE_HZ) * rng.exponential(1.0, frames)
        ring = np.exp(-np.arange(600) / rng.uniform(30, 120)) * rng.standard_normal(600)
        drops = unit(np.convolve(hits, ring)[:frames])
        hiss = filtered(noise(rng, frames, -1.5), 300, hardness * 2)
        level = wander(rng, frames, 4, 0.7, 1.0)
        return (unit(hiss) + unit(filtered(drops, 700, hardness)) * rng.uniform(0.2, 1.2)) * level

    return _field(rng, one)


def sea(rng: Rng, frames: int) -> F64:
    """Waves that come in, break and draw back."""
    period = float(rng.uniform(5, 11))
    phase = rng.uniform(0, 2 * np.pi)
    time = np.arange(frames) / RATE_HZ
    swing = np.sin(2 * np.pi * time / period + phase + wander(rng, frames, 6, -1, 1))
    breaking = np.clip(swing, 0, 1) ** 2

    def one() -> F64:
        low = noise(rng, frames, -5) * (0.25 + 0.75 * breaking)
        foam: F64 = filtered(noise(rng, frames, -1), 800, 9_000)
        foam *= 0.7 * np.roll(breaking, RATE_HZ // 2)
        return low + foam

    return _field(rng, one)


def brook(rng: Rng, frames: int) -> F64:
    """Running water: very many short rising bubbles over a hiss."""

    def one() -> F64:
        field = 0.05 * filtered(noise(rng, frames, -2), 400, 5_000)
        for _ in range(int(frames / RATE_HZ * rng.uniform(25, 70))):
            size = frames_of(float(rng.uniform(0.01, 0.06)))
            start = float(np.exp(rng.uniform(np.log(350), np.log(2_500))))
            course = start * (1 + rng.uniform(0.1, 0.8) * np.linspace(0, 1, size))
            drop = tone(course) * decay(size, size / RATE_HZ / 4) * rng.exponential(0.3)
            placed(field, drop, int(rng.integers(0, frames)))
        return field

    return _field(rng, one)


def room_tone(rng: Rng, frames: int) -> F64:
    """An indoor nothing: dark noise, mains hum, now and then a creak."""
    hum_hz = float(rng.choice([50.0, 60.0]))
    partials = [(n, rng.exponential(0.2) / n) for n in range(1, 7)]
    time = np.arange(frames) / RATE_HZ
    hum = sum(gain * np.sin(2 * np.pi * hum_hz * n * time) for n, gain in partials)
    tilt = float(rng.uniform(-6, -3))
    dark = float(rng.uniform(800, 6_000))

    def one() -> F64:
        return unit(filtered(noise(rng, frames, tilt), 30, dark)) + np.asarray(hum) * 0.5

    return _field(rng, one)


def traffic(rng: Rng, frames: int) -> F64:
    """A far murmur and passing cars: tyre noise and engine, louder, brighter and bent in pitch as they pass."""
    far = filtered(noise(rng, frames, -5), 30, 700)
    field = np.stack([far, filtered(noise(rng, frames, -5), 30, 700)], 1) * rng.uniform(0.1, 0.6)
    for _ in range(max(1, int(frames / RATE_HZ / rng.uniform(2, 9)))):
        size = frames_of(float(rng.uniform(5, 12)))
        speed, near = float(rng.uniform(8, 30)), float(rng.uniform(3, 15))
        along = (np.arange(size) / RATE_HZ - size / RATE_HZ / 2) * speed
        distance = np.hypot(along, near)
        bend = 343 / (343 + speed * along / distance)
        engine_hz = float(rng.uniform(45, 130))
        engine = sum(
            tone(engine_hz * n * bend) / n**1.2 * rng.uniform(0.2, 1) for n in range(1, 12)
        )
        tyres = filtered(noise(rng, size, -2), 150, 2_500)
        car = (unit(tyres) + unit(np.asarray(engine)) * rng.uniform(0.1, 0.8)) * near / distance
        side = np.clip(along / (2 * near) * rng.choice([-1, 1]), -1, 1) * np.pi / 4 + np.pi / 4
        sound = faded(np.stack([car * np.cos(side), car * np.sin(side)], 1), 0.8)
        placed(field, sound, int(rng.integers(-size // 2, frames - size // 2)))
    return field


def machine(rng: Rng, frames: int) -> F64:
    """A motor: many partials of a slowly wandering speed, with noise that beats at it."""
    base = float(np.exp(rng.uniform(np.log(22), np.log(180))))
    course = base * wander(rng, frames, rng.uniform(1, 6), 0.985, 1.015)
    partials = int(rng.integers(6, 30))
    gains = rng.exponential(1.0, partials) / np.arange(1, partials + 1) ** rng.uniform(0.3, 1.5)
    motor = sum(gain * tone(course * (n + 1), n) for n, gain in enumerate(gains) if base * n < 9e3)
    beat = 1 + rng.uniform(0, 0.9) * tone(course / rng.integers(1, 4))
    hiss = float(rng.uniform(0.1, 1.5))

    def one() -> F64:
        blown = filtered(noise(rng, frames, -3), 80, float(rng.uniform(1_000, 8_000)))
        return unit(np.asarray(motor)) + hiss * unit(blown) * beat

    return _field(rng, one)


def fan(rng: Rng, frames: int) -> F64:
    """Moved air: steady noise with resonances of its duct, throbbing with the blades."""
    blades = float(rng.uniform(6, 60))
    time = np.arange(frames) / RATE_HZ
    throb = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * blades * time)
    duct = [(float(rng.uniform(90, 1_800)), float(rng.uniform(30, 300)), 1.0) for _ in range(4)]

    def one() -> F64:
        base = noise(rng, frames, float(rng.uniform(-5, -3)))
        return (base + unit(peaked(noise(rng, frames), duct)) * rng.uniform(0.1, 0.7)) * throb

    return _field(rng, one)


def fire(rng: Rng, frames: int) -> F64:
    """A low roar, a hiss, and crackles that come in bursts."""
    bursts = wander(rng, frames, 0.6, 0, 1) ** 3

    def one() -> F64:
        hits = (rng.random(frames) < bursts * 70 / RATE_HZ) * rng.exponential(1.0, frames) ** 2
        snap = rng.standard_normal(220) * np.exp(-np.arange(220) / rng.uniform(8, 40))
        crackle = filtered(np.convolve(hits, snap)[:frames], 500, 11_000)
        roar = filtered(noise(rng, frames, -6), 25, 350) * wander(rng, frames, 0.3, 0.5, 1)
        hiss = filtered(noise(rng, frames, 0), 3_000, 12_000)
        return unit(crackle) + roar * rng.uniform(0.2, 0.8) + hiss * 0.04

    return _field(rng, one)


def typing(rng: Rng, frames: int) -> F64:
    """Keys, each press two clicks and a thud, with pauses for thought, over a quiet room."""
    field = panned(filtered(noise(rng, frames, -5), 40, 2_000) * 0.01, 0)
    at = 0
    place = float(rng.uniform(-0.5, 0.5))
    while at < frames:
        for after_s, gain in ((0.0, 1.0), (float(rng.uniform(0.06, 0.11)), 0.4)):
            size = frames_of(0.03)
            click = filtered(rng.standard_normal(size), float(rng.uniform(1_200, 3_500)), 9_000)
            thud = tone(np.full(size, float(rng.uniform(120, 350)))) * 0.5
            key = (click + thud) * decay(size, 0.003, 0.0003) * gain * rng.uniform(0.4, 1)
            placed(field, panned(key, place + float(rng.normal(0, 0.1))), at + frames_of(after_s))
        pause = rng.exponential(1.5) if rng.random() < 0.05 else rng.uniform(0.08, 0.25)
        at += frames_of(float(pause))
    return field


def birds(rng: Rng, frames: int) -> F64:
    """Several birds at their places, each with a song of its own that it repeats, over a light wind."""
    field = wind(rng, frames) * rng.uniform(0.005, 0.03)
    for _ in range(int(rng.integers(2, 6))):
        song = _bird_song(rng)
        place, gain = float(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.1, 1))
        at = int(rng.integers(0, 3 * RATE_HZ))
        while at < frames:
            placed(field, panned(song * gain * rng.uniform(0.6, 1), place), at)
            at += len(song) + frames_of(float(rng.exponential(2.5)) + 0.3)
    return field


def _bird_song(rng: Rng) -> F64:
    parts = []
    base = float(rng.uniform(2_000, 5_500))
    for _ in range(int(rng.integers(1, 5))):
        size = frames_of(float(rng.uniform(0.04, 0.25)))
        sweep = np.linspace(1, float(rng.uniform(0.6, 1.5)), size) * base * rng.uniform(0.8, 1.25)
        trill = 1 + rng.uniform(0, 0.12) * np.sin(np.arange(size) / RATE_HZ * rng.uniform(60, 260))
        syllable = tone(sweep * trill) * np.hanning(size)
        for _ in range(int(rng.integers(1, 6))):
            parts += [syllable, np.zeros(frames_of(float(rng.uniform(0.01, 0.08))))]
    return np.concatenate(parts)


def crickets(rng: Rng, frames: int) -> F64:
    """Insects: steady high tones switched on and off, each with its own rhythm."""
    field = panned(noise(rng, frames, -4) * 0.03, 0)
    time = np.arange(frames) / RATE_HZ
    for _ in range(int(rng.integers(2, 7))):
        pitch, pulse = float(rng.uniform(2_800, 7_000)), float(rng.uniform(18, 60))
        chirps = float(rng.uniform(0.7, 3.5))
        on = np.clip(4 * np.sin(2 * np.pi * chirps * time + rng.uniform(0, 6)) - 1, 0, 1)
        voice = (
            np.sin(2 * np.pi * pitch * time) * (0.5 + 0.5 * np.sin(2 * np.pi * pulse * time)) * on
        )
        field += panned(voice * rng.exponential(0.3), float(rng.uniform(-1, 1)))
    return field


def rails(rng: Rng, frames: int) -> F64:
    """Inside or beside a train: rumble, and the double knock of wheels over joints."""
    joint_s = float(rng.uniform(0.6, 1.6))

    def one() -> F64:
        field = filtered(noise(rng, frames, -5), 30, 900) * wander(rng, frames, 2, 0.6, 1)
        size = frames_of(0.2)
        for at in np.arange(0, frames / RATE_HZ, joint_s):
            for after_s in (0.0, 0.14 * joint_s, 0.45 * joint_s, 0.59 * joint_s):
                knock = peaked(rng.standard_normal(size), [(90, 60, 1), (420, 200, 0.3)])
                knock = unit(knock) * decay(size, 0.025, 0.002) * rng.uniform(1, 3)
                placed(field, knock, frames_of(at + after_s))
        squeal = peaked(noise(rng, frames), [(float(rng.uniform(1_500, 4_000)), 30, 1.0)])
        heard = np.maximum(wander(rng, frames, 1.5, -0.6, 0.3), 0.0)
        return field + unit(squeal) * heard

    return _field(rng, one)


def applause(rng: Rng, frames: int) -> F64:
    """Dozens to hundreds of people clapping, each in a rhythm and a place of their own; it swells and ends."""
    field = np.zeros((frames, 2))
    swell = wander(rng, frames, 5, 0.4, 1.0)
    for _ in range(int(np.exp(rng.uniform(np.log(15), np.log(180))))):
        size = frames_of(0.06)
        hand = peaked(rng.standard_normal(size), [(float(rng.uniform(700, 2_800)), 900, 1.0)])
        clap = panned(
            unit(hand) * decay(size, 0.004, 0.0005) * rng.uniform(0.2, 1), float(rng.uniform(-1, 1))
        )
        rate, at = float(rng.uniform(2.5, 5.5)), float(rng.uniform(0, 0.4))
        while at < frames / RATE_HZ:
            placed(field, clap, frames_of(at))
            at += float(rng.normal(1 / rate, 0.02))
    return field * swell[:, None]


def geiger_rain(rng: Rng, frames: int) -> F64:
    """Held-out weather: rain as a train of resonant drips on tin, no hiss."""
    field = np.zeros((frames, 2))
    for _ in range(int(frames / RATE_HZ * rng.uniform(20, 60))):
        size = frames_of(0.08)
        ring = tone(np.full(size, float(rng.uniform(900, 5_000)))) * decay(size, 0.008)
        placed(
            field,
            panned(ring * rng.exponential(0.4), float(rng.uniform(-1, 1))),
            int(rng.integers(0, frames)),
        )
    return field


def ventilator(rng: Rng, frames: int) -> F64:
    """Held-out machine: square pulses through resonances, and noise gated by them."""
    time = np.arange(frames) / RATE_HZ
    pulse = np.sign(np.sin(2 * np.pi * float(rng.uniform(14, 40)) * time)) * 0.5 + 0.5
    marks = [(float(rng.uniform(100, 3_000)), 80.0, 1.0) for _ in range(6)]

    def one() -> F64:
        return unit(peaked(pulse + 0.3 * noise(rng, frames), marks)) + 0.3 * pulse * noise(
            rng, frames
        )

    return _field(rng, one)


def arcade(rng: Rng, frames: int) -> F64:
    """Held-out place: many small melodies of square waves far away in a dull room."""
    field = panned(noise(rng, frames, -5) * 0.2, 0)
    for _ in range(8):
        at, place = 0, float(rng.uniform(-1, 1))
        while at < frames:
            size = frames_of(float(rng.uniform(0.06, 0.3)))
            note = np.sign(tone(np.full(size, 220 * 2 ** (float(rng.integers(0, 30)) / 12))))
            placed(field, panned(faded(note, 0.004) * 0.2, place), at)
            at += size if rng.random() < 0.9 else frames_of(float(rng.exponential(3)))
    return np.stack([filtered(side, 100, 2_500) for side in field.T], 1)


TRAINED: dict[str, tuple[Maker, float]] = {
    "wind": (wind, 2.0), "rain": (rain, 2.5), "sea": (sea, 1.5), "brook": (brook, 1.0),
    "room-tone": (room_tone, 2.0), "traffic": (traffic, 3.0), "machine": (machine, 2.5),
    "fan": (fan, 1.5), "fire": (fire, 1.5), "typing": (typing, 1.5), "birds": (birds, 2.0),
    "crickets": (crickets, 1.0), "rails": (rails, 1.5), "applause": (applause, 2.0),
}  # fmt: skip
"""Makers with the minutes of each."""
HELD_OUT: dict[str, tuple[Maker, float]] = {
    "tin-rain": (geiger_rain, 0.7), "ventilator": (ventilator, 0.7), "arcade": (arcade, 0.7),
}  # fmt: skip


def source(name: str, makers: dict[str, tuple[Maker, float]], split: Split = "train") -> Recipe:
    """Clips of about half a minute of every maker, at levels that vary."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        for what, (maker, minutes) in makers.items():
            count = max(1, round(minutes * 2))
            for index in range(count):
                frames = frames_of(float(rng.uniform(24, 36)) if count > 1 else minutes * 60)
                yield Take(settled(maker(rng, frames), rng), f"{what}-{index:02d}")

    return Recipe("ambience", name, 2, make, split)


def settled(field: F64, rng: Rng) -> F32:
    """At a random level; single loud events are held down softly so that the rest is not lost."""
    level = float(10 ** (rng.uniform(-28, -14) / 20))
    calm = unit(field) * level
    return peak_at(faded(np.tanh(calm), 0.02), min(0.95, float(np.abs(np.tanh(calm)).max())))


def recipes() -> list[Recipe]:
    return [source("places", TRAINED), source("places-held-out", HELD_OUT, "held-out")]
