"""Room impulse responses: image sources for the early part, a diffuse tail of the same decay after it.

All start with the direct sound at frame 0 of the nearer channel; it is one sample per channel, of
energy 1 in the louder one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.generating.shaping import bell_bands
from training.generating.takes import Recipe, Take
from training.store import F32, RATE_HZ

F64 = npt.NDArray[np.float64]
SOUND_M_S = 343.0
MIXING_S = 0.08
"""Until here single reflections are followed; afterwards they are too dense to be told apart."""
BANDS_HZ = (177.0, 707.0, 2_830.0, 8_000.0)
"""Edges between five bands, each with its own decay."""


@dataclass(frozen=True)
class Room:
    """A box with a source and microphones in it; metres."""

    size_m: F64
    source_m: F64
    ears_m: F64
    """[channels, 3]"""
    aims: F64
    """[channels, 3], unit vectors."""
    directivity: float
    """0 = omnidirectional, 0.5 = cardioid."""
    decay_s: F64
    """Reverberation time of each of the five bands."""


def eyring_reflection(size_m: F64, decay_s: F64) -> F64:
    """Pressure reflection of the walls, per band, that gives these reverberation times."""
    volume = float(np.prod(size_m))
    surface = 2.0 * float(size_m[0] * size_m[1] + size_m[0] * size_m[2] + size_m[1] * size_m[2])
    energy = np.exp(-0.161 * volume / (surface * decay_s))
    reflection: F64 = np.sqrt(np.clip(energy, 0.02, 0.985))
    return reflection


def _images(room: Room) -> tuple[F64, F64]:
    """Positions [n, 3] of the image sources heard before the mixing time, and their order [n]."""
    reach = np.ceil(MIXING_S * SOUND_M_S / (2.0 * room.size_m)).astype(int) + 1
    axes = []
    for axis in range(3):
        cells = np.arange(-reach[axis], reach[axis] + 1)
        places = np.concatenate(
            [2 * cells * room.size_m[axis] + sign * room.source_m[axis] for sign in (1, -1)]
        )
        orders = np.concatenate([np.abs(2 * cells), np.abs(2 * cells - 1)])
        axes.append((places, orders))
    grid = np.stack(np.meshgrid(*(a[0] for a in axes), indexing="ij"), -1).reshape(-1, 3)
    order = sum(np.meshgrid(*(a[1] for a in axes), indexing="ij"), np.zeros(1)).reshape(-1)
    near = np.linalg.norm(grid - room.ears_m.mean(0), axis=1) < SOUND_M_S * (MIXING_S + 0.01) + 1
    return grid[near], order[near]


def _arrivals(room: Room, ear: int, places: F64) -> tuple[F64, F64]:
    """Distance [n] and gain [n] (spreading and aim of the microphone) of sources at these places."""
    path = places - room.ears_m[ear]
    distance = np.maximum(np.linalg.norm(path, axis=1), 0.05)
    aimed = (1 - room.directivity) + room.directivity * (path @ room.aims[ear]) / distance
    return distance, aimed / distance


def respond(room: Room, rng: np.random.Generator) -> F32:
    """The impulse response [n, channels] of a room."""
    frames = int((0.02 + min(1.15, 1.05 * float(room.decay_s.max()))) * RATE_HZ)
    mixing = min(int(MIXING_S * RATE_HZ), frames)
    places, order = _images(room)
    reflection = eyring_reflection(room.size_m, room.decay_s)
    direct = [_arrivals(room, ear, room.source_m[None]) for ear in range(len(room.ears_m))]
    first_m = min(float(distance[0]) for distance, _ in direct)
    loudest = max(abs(float(gain[0])) for _, gain in direct)
    common = rng.standard_normal(frames)
    out = np.zeros((frames, len(room.ears_m)))
    reflected = order > 0
    for ear, (distance_m, gain) in enumerate(direct):
        far, gains = _arrivals(room, ear, places[reflected])
        at = np.rint((far - first_m) / SOUND_M_S * RATE_HZ).astype(int)
        kept = (at >= 0) & (at < mixing)
        at, gains, orders = at[kept], gains[kept], order[reflected][kept]
        own = rng.standard_normal(frames)
        # Low tones arrive alike at near microphones, high ones do not.
        noises = [np.sqrt(s) * common + np.sqrt(1 - s) * own for s in (0.9, 0.5, 0.1, 0.0, 0.0)]
        bands = []
        for band, (beta, decay) in enumerate(zip(reflection, room.decay_s, strict=True)):
            early = np.bincount(at, gains * beta**orders, frames)[:frames].astype(np.float64)
            bands.append(_with_tail(early, mixing, float(decay), noises[band]))
        out[:, ear] = _joined(bands)
        out[round((float(distance_m[0]) - first_m) / SOUND_M_S * RATE_HZ), ear] += float(gain[0])
    fade = np.minimum(1.0, np.arange(frames, 0, -1) / (0.01 * RATE_HZ))
    scaled: F32 = (out * fade[:, None] / loudest).astype(np.float32)
    return scaled


def _with_tail(early: F64, mixing: int, decay_s: float, noise: F64) -> F64:
    """Single reflections up to the mixing time, noise that goes on at their strength after it."""
    frames = len(early)
    window = min(mixing, int(0.03 * RATE_HZ))
    strength = float(np.sqrt(np.mean(np.square(early[mixing - window : mixing]))))
    time = (np.arange(frames) - mixing + window / 2) / RATE_HZ
    envelope = strength * np.exp(-6.908 * time / decay_s)
    blend = np.clip((np.arange(frames) - mixing + window) / window, 0.0, 1.0)
    joined: F64 = early * np.sqrt(1 - blend) + noise * np.where(blend > 0, envelope, 0) * np.sqrt(
        blend
    )
    return joined


def _joined(bands: list[F64]) -> F64:
    """Bands summed, each kept to its own part of the spectrum."""
    frames = len(bands[0])
    size = 2 * frames
    weights = bell_bands(np.asarray(np.fft.rfftfreq(size, 1 / RATE_HZ), np.float64), BANDS_HZ)
    spectrum = sum(
        np.fft.rfft(band, size) * weight for band, weight in zip(bands, weights, strict=True)
    )
    whole: F64 = np.fft.irfft(spectrum, size)[:frames]
    return whole


def draw_room(rng: np.random.Generator, channels: int) -> Room:
    """A room from a car's inside to a hall, with a talker at a likely distance."""
    volume = float(np.exp(rng.uniform(np.log(4), np.log(4_000))))
    shape = np.array([rng.uniform(1.0, 1.9), rng.uniform(0.8, 1.2), rng.uniform(0.5, 0.9)])
    size = shape * (volume / np.prod(shape)) ** (1 / 3)
    size[2] = min(size[2], 12.0)
    usual = 0.12 * volume**0.26
    decay = float(np.clip(usual * np.exp(rng.normal(0, 0.45)), 0.09, 1.1))
    tilt = rng.uniform(0.7, 1.4)
    shape_of_decay = np.array([1.25 * tilt, 1.1 * tilt**0.5, 1.0, 0.8, 0.5])
    decays = np.clip(decay * shape_of_decay, 0.06, 1.15)
    middle = size * rng.uniform(0.25, 0.75, 3)
    spacing = min(rng.choice([0.0, 0.17, rng.uniform(0.2, 1.0)]), 0.4 * size[0])
    turn = rng.uniform(0, 2 * np.pi)
    side = np.array([np.cos(turn), np.sin(turn), 0.0])
    ahead = np.array([-np.sin(turn), np.cos(turn), 0.0])
    spread = np.deg2rad(rng.uniform(30, 60))
    sides = np.array([-1.0, 1.0]) if channels == 2 else np.zeros(1)
    ears = middle + sides[:, None] * side * spacing / 2
    aims = np.cos(spread) * ahead + np.sign(sides)[:, None] * np.sin(spread) * side
    # At twice the critical distance the room is 6 dB louder than the voice: films keep nearer.
    critical_m = 0.057 * np.sqrt(float(np.prod(size)) / decay)
    farthest_m = max(0.3, min(6.0, 2.0 * critical_m))
    distance = float(np.exp(rng.uniform(np.log(0.2), np.log(farthest_m))))
    bearing = turn + np.pi / 2 + rng.normal(0, 0.5)
    way = np.array([np.cos(bearing), np.sin(bearing), rng.uniform(-0.2, 0.2)])
    source = np.clip(middle + distance * way, 0.06 * size, 0.94 * size)
    directivity = float(rng.choice([0.0, 0.5])) if spacing > 0 or channels == 1 else 0.5
    return Room(size, source, np.clip(ears, 0.05, size - 0.05), aims, directivity, decays)


def boxes(channels: int, count: int) -> Recipe:
    """Box-shaped rooms of all sizes."""

    def make(_data: Path, rng: np.random.Generator) -> Iterator[Take]:
        for index in range(count):
            room = draw_room(rng, channels)
            sides = "x".join(f"{side:.1f}" for side in room.size_m)
            file = f"box-{index:03d}-{sides}m-{room.decay_s[2]:.2f}s"
            yield Take(respond(room, rng), file)

    return Recipe("rooms", f"boxes-{channels}", channels, make)


def scattered(channels: int, count: int) -> Recipe:
    """Another method, kept for checking: sparse random echoes that thicken into a decaying tail."""

    def make(_data: Path, rng: np.random.Generator) -> Iterator[Take]:
        for index in range(count):
            decay = rng.uniform(0.12, 1.0)
            frames = int((decay * 1.05 + 0.01) * RATE_HZ)
            time = np.arange(frames) / RATE_HZ
            density = np.minimum(1.0, (time / 0.06) ** 2) * 0.3 + 2e-4
            hits = rng.random((frames, channels)) < density[:, None]
            signs = rng.choice([-1.0, 1.0], (frames, channels))
            level = 10 ** (-rng.uniform(22, 44) / 20) / np.sqrt(density)
            echoes = hits * signs * (level * np.exp(-6.908 * time / decay))[:, None]
            dull = np.exp(-np.fft.rfftfreq(frames, 1 / RATE_HZ) / rng.uniform(3e3, 1.2e4))
            out = np.fft.irfft(np.fft.rfft(echoes, axis=0) * dull[:, None], frames, axis=0)
            out[: int(0.002 * RATE_HZ)] = 0
            out[0] = [1.0, rng.uniform(0.5, 1.0)][:channels]
            yield Take(out.astype(np.float32), f"scattered-{index:03d}-{decay:.2f}s")

    return Recipe("rooms", f"scattered-{channels}", channels, make, "held-out")


def recipes() -> list[Recipe]:
    many = [boxes(channels, count) for channels, count in ((2, 220), (1, 120))]
    return many + [scattered(channels, count) for channels, count in product((2, 1), (24,))]
