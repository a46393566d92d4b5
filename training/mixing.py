"""One example after another: speech and background as a film might have them, from seed and number alone.

Speech is one speaker (sometimes two), dry or in a room, in the middle or to a side, seldom through a
telephone; the background is music, ambience, effects or several of them, mono or stereo, sometimes
ducked under the speech as broadcasters do. Kept as two stereo signals whose sum is the mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from training.store import RATE_HZ, Clip, Kind, Source, sources

F32 = npt.NDArray[np.float32]
Rng = np.random.Generator
SYNTHETIC = ("espeak", "flite", "festival", "synth", "generated")
"""Sources of speech whose names begin so were spoken by a program."""


@dataclass(frozen=True)
class Recipe:
    """How often what is drawn; the shares that the ablation table varies."""

    frames: int = 175 * 1024
    synthetic_speech: float = 0.2
    mono_background: float = 0.4
    panned_speech: float = 0.22
    stereo_room: float = 0.13
    reverberant: float = 0.4
    two_speakers: float = 0.1
    ducked: float = 0.25
    no_speech: float = 0.05
    no_background: float = 0.03
    snr_mean_db: float = 2.5
    snr_deviation_db: float = 5.5


class Pool:
    """The clips of one kind; a source is drawn by the root of its length, a clip by its own."""

    def __init__(self, found: Sequence[Source]) -> None:
        self.sources = [source for source in found if source.seconds > 0]
        weights = np.sqrt([source.seconds for source in self.sources])
        self._weights = np.cumsum(weights / weights.sum()) if len(weights) else weights
        self._clips = [np.cumsum([clip.frames for clip in one.clips]) for one in self.sources]
        self._by_speaker: list[dict[str, list[int]]] = []
        for source in self.sources:
            speakers: dict[str, list[int]] = {}
            for index, clip in enumerate(source.clips):
                speakers.setdefault(clip.speaker, []).append(index)
            self._by_speaker.append(speakers)

    def __bool__(self) -> bool:
        return bool(self.sources)

    def draw(self, rng: Rng) -> tuple[int, int]:
        """A source and one of its clips, by number."""
        source = int(np.searchsorted(self._weights, rng.random()))
        source = min(source, len(self.sources) - 1)
        ends = self._clips[source]
        return source, int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))

    def same_speaker(self, source: int, clip: int, rng: Rng) -> Clip:
        """Another clip of who speaks in this one."""
        speaker = self.sources[source].clips[clip].speaker
        if not speaker:
            return self.sources[source].clips[clip]
        return self.sources[source].clips[int(rng.choice(self._by_speaker[source][speaker]))]


class Mixer:
    """Makes examples; number ``n`` of a seed is always the same."""

    def __init__(self, data: Path, recipe: Recipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed

        def pool(kind: Kind) -> Pool:
            return Pool(sources(data, kind))

        speech = sources(data, "speech")
        self.synthetic = Pool([one for one in speech if one.name.startswith(SYNTHETIC)])
        self.real = Pool([one for one in speech if not one.name.startswith(SYNTHETIC)])
        self.music, self.ambience = pool("music"), pool("ambience")
        self.effects, self.singing, self.rooms = pool("effects"), pool("singing"), pool("rooms")
        if not (self.synthetic or self.real) or not self.music:
            raise ValueError(f"{data} has no speech or no music")

    def example(self, number: int) -> F32:
        """Speech and background, [2, 2, frames]: stem, channel, sample."""
        rng = np.random.default_rng([self.seed, number])
        recipe, n = self.recipe, self.recipe.frames
        speech, envelope = self._speech(rng)
        background = self._background(rng)
        if rng.random() < recipe.ducked:
            background *= _ducking(envelope, rng)
        kind = rng.random()
        loud = _power(speech[:, envelope > 0.1] if (envelope > 0.1).any() else speech)
        behind = _power(background)
        snr_db = np.clip(rng.normal(recipe.snr_mean_db, recipe.snr_deviation_db), -12, 25)
        if kind < recipe.no_speech:
            speech[:] = 0
        elif kind < recipe.no_speech + recipe.no_background:
            background *= np.float32(10 ** (-rng.uniform(50, 90) / 20) * (loud / behind) ** 0.5)
        elif loud > 1e-12 and behind > 1e-12:
            background *= np.float32((loud / behind) ** 0.5 * 10 ** (-snr_db / 20))
        both = np.stack([speech, background])
        if rng.random() < 0.2:  # as a lossy codec leaves it
            both = _cut(both, rng.uniform(10_000, 18_000))
        if rng.random() < 0.5:
            both = both[:, ::-1]
        peak = float(np.abs(both.sum(0)).max())
        level = np.float32(10 ** (rng.uniform(-30, 0) / 20) / max(peak, 1e-6))
        out: F32 = np.ascontiguousarray(both * level)[..., :n].astype(np.float32)
        return out

    # --- speech -----------------------------------------------------------------------------------

    def _speech(self, rng: Rng) -> tuple[F32, F32]:
        """Stereo speech [2, n] and where it is loud, [n], 0..1."""
        recipe, n = self.recipe, self.recipe.frames
        synthetic = bool(self.synthetic) and (
            not self.real or rng.random() < recipe.synthetic_speech
        )
        pool = self.synthetic if synthetic else self.real
        voice = self._voice(pool, rng)
        placed = self._placed(voice, rng)
        envelope = _envelope(voice)
        if rng.random() < recipe.two_speakers:
            other = self._voice(pool, rng)
            gain = np.float32(10 ** (rng.uniform(-6, 6) / 20))
            placed = placed + gain * self._placed(other, rng)
            envelope = np.maximum(envelope, _envelope(other))
        return placed[:, :n], envelope[:n]

    def _voice(self, pool: Pool, rng: Rng) -> F32:
        """One speaker with pauses, [n], about -20 dB."""
        n = self.recipe.frames
        source, clip = pool.draw(rng)
        factor = float(np.exp2(rng.uniform(-0.4, 0.4))) if rng.random() < 0.5 else 1.0
        pieces: list[F32] = []
        filled = 0
        pause = float(rng.choice([0.1, 0.3, 0.8]))
        here = pool.sources[source]
        while filled < n:
            one = here.clips[clip] if not pieces else pool.same_speaker(source, clip, rng)
            longest = int(n * factor) + 1
            begin = int(rng.integers(0, max(1, one.frames - longest))) if not pieces else 0
            if not pieces and one.frames <= longest:
                begin = int(rng.integers(0, one.frames // 2 + 1))
            piece = _resampled(here.read(one, begin, longest).mean(axis=1), factor)
            piece = piece / np.float32(max(1e-4, np.sqrt(np.mean(np.square(piece)))) * 10)
            gap = np.zeros(int(rng.exponential(pause) * RATE_HZ), np.float32)
            pieces += [piece, gap]
            filled += len(piece) + len(gap)
        voice = np.concatenate(pieces)[:n]
        if rng.random() < 0.15:  # a pause before it begins
            voice = np.roll(voice, int(rng.integers(0, n // 2)))
        if rng.random() < 0.3:  # as a limiter or a preamplifier does
            drive = np.float32(rng.uniform(1, 6))
            voice = np.tanh(voice * drive) / drive
        out: F32 = voice.astype(np.float32)
        return out

    def _placed(self, voice: F32, rng: Rng) -> F32:
        """In a room or dry, in the middle or beside it, [2, n]; with another colour."""
        recipe, n = self.recipe, len(voice)
        size = fft.next_fast_len(n + RATE_HZ, real=True)
        spectrum = fft.rfft(voice, size) * _colour(size, rng, speech=True)
        kind = rng.random()
        room = (
            self._room(rng)
            if rng.random() < recipe.reverberant or kind < recipe.stereo_room
            else None
        )
        if room is not None and kind >= recipe.stereo_room:
            room = room[:, :1]
        if room is not None:
            dry = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0
            sides = [
                spectrum * (fft.rfft(room[:, side], size) + dry) for side in range(room.shape[1])
            ]
        else:
            sides = [spectrum]
        if len(sides) == 1 and kind > 1 - recipe.panned_speech:
            angle = rng.uniform(0, np.pi / 2)
            late = np.exp(-2j * np.pi * np.arange(len(sides[0])) / size * rng.uniform(0, 26))
            early = 1.0 if rng.random() < 0.6 else late
            sides = [sides[0] * np.cos(angle), sides[0] * np.sin(angle) * early]
        made = [fft.irfft(side, size)[:n] for side in sides]
        out: F32 = np.stack([made[0], made[-1]]).astype(np.float32)
        return out

    def _room(self, rng: Rng) -> F32 | None:
        if not self.rooms:
            return None
        source, clip = self.rooms.draw(rng)
        found = self.rooms.sources[source]
        room = found.read(found.clips[clip])[:RATE_HZ]
        return room / np.float32(np.sqrt(np.square(room[:, 0]).sum()) + 1e-9)

    # --- background -------------------------------------------------------------------------------

    def _background(self, rng: Rng) -> F32:
        """Music, ambience, effects or several of them, [2, n]."""
        n = self.recipe.frames
        kind = rng.random()
        music, ambience = self.music, self.ambience or self.music
        effects, singing = self.effects or self.music, self.singing or self.music
        if kind < 0.55:
            layers = [(music, 0.0)]
        elif kind < 0.66:
            layers = [(ambience, 0.0)]
        elif kind < 0.71:
            layers = [(effects, 0.0)]
        elif kind < 0.83:
            layers = [(music, 0.0), (ambience, rng.uniform(-12, 6))]
        elif kind < 0.92:
            layers = [(ambience, 0.0), (effects, rng.uniform(-6, 9))]
        elif kind < 0.97:
            layers = [(music, 0.0), (effects, rng.uniform(-6, 9))]
        else:
            layers = [(music, 0.0), (singing, rng.uniform(-6, 6))]
        total = np.zeros((2, n), np.float32)
        for pool, level_db in layers:
            layer = self._layer(pool, rng)
            layer /= np.float32(np.sqrt(_power(layer)) + 1e-6)
            total += layer * np.float32(10 ** (level_db / 20))
        if rng.random() < self.recipe.mono_background:
            total[:] = total.mean(0)
        return total

    def _layer(self, pool: Pool, rng: Rng) -> F32:
        """Sound of one pool, [2, n]."""
        n = self.recipe.frames
        factor = float(np.exp2(rng.uniform(-0.35, 0.35))) if rng.random() < 0.5 else 1.0
        pieces: list[F32] = []
        filled = 0
        for _ in range(24):
            source, clip = pool.draw(rng)
            found = pool.sources[source]
            one = found.clips[clip]
            longest = int((n - filled) * factor) + 1
            begin = int(rng.integers(0, max(1, one.frames - longest)))
            piece = found.read(one, begin, longest).T
            piece = np.stack([_resampled(side, factor) for side in piece])
            if len(piece) == 1:
                piece = _panned(piece[0], rng)
            fade = min(441, piece.shape[1] // 2)
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            piece[:, :fade] *= ramp
            piece[:, piece.shape[1] - fade :] *= ramp[::-1]
            pieces.append(piece)
            filled += piece.shape[1]
            if filled >= n:
                break
        layer = np.concatenate(pieces, axis=1)[:, :n]
        layer = np.pad(layer, ((0, 0), (0, n - layer.shape[1])))
        if rng.random() < 0.5:
            size = fft.next_fast_len(n, real=True)
            layer = fft.irfft(fft.rfft(layer, size) * _colour(size, rng, speech=False), size)[:, :n]
        width = rng.uniform(0.3, 1.5) if rng.random() < 0.4 else 1.0
        middle, side = layer.mean(0), (layer[0] - layer[1]) / 2 * width
        out: F32 = np.stack([middle + side, middle - side]).astype(np.float32)
        return out


# --- pure pieces ----------------------------------------------------------------------------------


def _power(sound: F32) -> float:
    return float(np.mean(np.square(sound), dtype=np.float64)) if sound.size else 0.0


def _resampled(sound: F32, factor: float) -> F32:
    """``factor`` times as fast and as high, by interpolation: the error lies where there is little."""
    if factor == 1.0:
        return sound
    places = np.arange(int((len(sound) - 1) / factor)) * factor
    made: F32 = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    return made


def _envelope(voice: F32) -> F32:
    """How loud against its loudest tenth of a second, 0..1, [n]."""
    block = RATE_HZ // 10
    blocks = -(-len(voice) // block)
    padded = np.pad(voice, (0, blocks * block - len(voice))).reshape(blocks, block)
    level = np.sqrt(np.square(padded).mean(1))
    level /= max(1e-9, float(level.max()))
    return np.repeat(level, block)[: len(voice)].astype(np.float32)


def _ducking(envelope: F32, rng: Rng) -> F32:
    """A gain that falls where somebody speaks, [n]."""
    step = RATE_HZ // 50
    coarse = (envelope[::step] > 0.1).astype(np.float64)
    slow = float(np.exp(-1 / (50 * rng.uniform(0.05, 0.6))))
    smooth = signal.lfilter([1 - slow], [1, -slow], coarse)
    depth = 1 - 10 ** (-rng.uniform(3, 14) / 20)
    fine = np.interp(np.arange(len(envelope)), np.arange(len(coarse)) * step, 1 - depth * smooth)
    made: F32 = fine.astype(np.float32)
    return made


def _colour(size: int, rng: Rng, *, speech: bool) -> F32:
    """A random frequency response for spectra of ``size`` samples, [size // 2 + 1]."""
    hz = np.arange(size // 2 + 1) * (RATE_HZ / size)
    response = np.ones(len(hz))
    if rng.random() < 0.7:
        points = np.linspace(np.log(60), np.log(20_000), 7)
        gains_db = rng.normal(0, 3.5, len(points))
        response = 10 ** (np.interp(np.log(hz + 1), points, gains_db) / 20)
    if speech:
        kind = rng.random()
        if kind < 0.05:
            low, high = rng.uniform(150, 350), rng.uniform(3000, 4000)
        elif kind < 0.2:
            low, high = rng.uniform(20, 120), rng.uniform(4000, 12_000)
        else:
            low, high = rng.uniform(10, 90), 30_000.0
        response = response / (1 + (low / (hz + 1)) ** 8) ** 0.5 / (1 + (hz / high) ** 16) ** 0.5
    return response.astype(np.float32)


def _cut(sound: F32, above_hz: float) -> F32:
    """Without what lies above; last axis samples."""
    n = sound.shape[-1]
    size = fft.next_fast_len(n, real=True)
    spectrum = fft.rfft(sound, size)
    spectrum[..., int(above_hz / RATE_HZ * size) :] = 0
    out: F32 = fft.irfft(spectrum, size)[..., :n].astype(np.float32)
    return out


def _panned(sound: F32, rng: Rng) -> F32:
    angle = rng.uniform(0.1, np.pi / 2 - 0.1) if rng.random() < 0.6 else np.pi / 4
    return np.stack([sound * np.cos(angle), sound * np.sin(angle)]).astype(np.float32)
