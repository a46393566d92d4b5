"""Programme loudness after ITU-R BS.1770 (Annex 1): K-weighting, 400 ms blocks, two gates.

The K-weighting runs as the exact recursive filter, not as an approximation of it, but in block
form: a linear recursion over ``n`` samples is a few matrix products once its state at the block
borders is known, and the states themselves obey the same kind of recursion one level up. With
100 ms hops cut into about 70 sub-blocks of about 63 samples this is some 80 multiplications a
sample inside a matrix product, which numpy does at hundreds of times real time, with no dependence
on how the caller cuts the signal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

HOPS_PER_S = 10
BLOCK_HOPS = 4
"""BS.1770: blocks of 400 ms overlapping by 75 %, so four hops of 100 ms."""
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
_OFFSET_LU = -0.691


def k_weighting(rate_hz: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the two K-weighting biquads ``(b0, b1, b2, a1, a2)`` for a sample rate.

    BS.1770 prints coefficients for 48 kHz only. The analogue prototypes behind them (a shelf of
    +4 dB at 1682 Hz, a high-pass at 38.1 Hz) are fixed by those numbers; here they are mapped to
    any rate by the bilinear transform, and give the printed table back at 48 kHz.
    """
    gain_db, quality, corner_hz = 3.999843853973347, 0.7071752369554196, 1681.974450955533
    k = math.tan(math.pi * corner_hz / rate_hz)
    high = 10.0 ** (gain_db / 20.0)
    band = high**0.4996667741545416
    a0 = 1.0 + k / quality + k * k
    shelf = (
        (high + band * k / quality + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / quality + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / quality + k * k) / a0,
    )
    quality, corner_hz = 0.5003270373238773, 38.13547087602444
    k = math.tan(math.pi * corner_hz / rate_hz)
    a0 = 1.0 + k / quality + k * k
    return shelf, (1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / quality + k * k) / a0)


def hop_frames(rate_hz: int) -> int:
    """Frames of a 100 ms hop. Raises ValueError for a rate whose tenth is no whole number."""
    if rate_hz <= 0 or rate_hz % HOPS_PER_S:
        raise ValueError(f"loudness needs a rate divisible by {HOPS_PER_S}, not {rate_hz} Hz")
    return rate_hz // HOPS_PER_S


def _state_space(rate_hz: int) -> tuple[F64, F64, F64, float]:
    """The cascade of both biquads as ``s' = A s + B x``, ``y = C s + D x`` (four states)."""
    (b0, b1, b2, a1, a2), (c0, c1, c2, d1, d2) = k_weighting(rate_hz)
    # Transposed direct form II: out = b0 x + s0; s0' = b1 x - a1 out + s1; s1' = b2 x - a2 out.
    first = np.array([[-a1, 1.0], [-a2, 0.0]])
    first_in = np.array([b1 - a1 * b0, b2 - a2 * b0])
    second = np.array([[-d1, 1.0], [-d2, 0.0]])
    second_in = np.array([c1 - d1 * c0, c2 - d2 * c0])
    a = np.zeros((4, 4))
    a[:2, :2] = first
    a[2:, 2:] = second
    a[2:, 0] = second_in  # the first filter's state reaches the second through its output
    b = np.concatenate([first_in, second_in * b0])
    return a, b, np.array([c0, 0.0, 1.0, 0.0]), b0 * c0


class KWeighting:
    """The K-weighting filter for ``channels`` signals at once, hop by hop.

    :meth:`process` takes whole hops only; :class:`HopMeter` does the buffering.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self.hop = hop_frames(rate_hz)
        sub = max(d for d in range(1, 97) if self.hop % d == 0)
        self._sub, self._count = sub, self.hop // sub
        a, b, c, d = _state_space(rate_hz)
        powers = [np.eye(4)]
        for _ in range(sub):
            powers.append(a @ powers[-1])
        response = [d] + [float(c @ powers[i] @ b) for i in range(sub - 1)]
        direct = np.zeros((sub, sub))
        for i in range(sub):
            direct[i, i:] = response[: sub - i]
        self._direct = direct
        """[sub, sub]: input of a sub-block to its output, from rest."""
        self._ring: F64 = np.stack([c @ powers[j] for j in range(sub)], axis=1)
        """[4, sub]: state at a sub-block's start to its output."""
        self._drive: F64 = np.stack([powers[sub - 1 - i] @ b for i in range(sub)])
        """[sub, 4]: input of a sub-block to the state at its end, from rest."""
        self._prepare_hop(powers[sub])
        self._state: F64 = np.zeros((channels, 4))

    def _prepare_hop(self, step: F64) -> None:
        """The same three matrices one level up: sub-blocks within a hop."""
        n = self._count
        powers = [np.eye(4)]
        for _ in range(n):
            powers.append(step @ powers[-1])
        spread = np.zeros((n, 4, n, 4))
        for j in range(n):
            for k in range(j + 1, n):
                spread[j, :, k, :] = powers[k - 1 - j].T
        self._spread: F64 = spread.reshape(n * 4, n * 4)
        self._carry: F64 = np.stack([powers[k].T for k in range(n)], axis=1).reshape(4, n * 4)
        self._end: F64 = np.concatenate([powers[n - 1 - j].T for j in range(n)])
        self._hop_step: F64 = powers[n].T

    def process(self, signals: F64) -> F64:
        """Filter ``signals`` [channels, hops, hop] and return the same shape; keeps its state."""
        channels, hops, _ = signals.shape
        x = signals.reshape(-1, self._sub)
        driven = (x @ self._drive).reshape(channels * hops, self._count * 4)
        ends = (driven @ self._end).reshape(channels, hops, 4)
        starts = np.empty((channels, hops, 4))
        for hop in range(hops):
            starts[:, hop] = self._state
            self._state = self._state @ self._hop_step + ends[:, hop]
        states = driven @ self._spread
        states += starts.reshape(-1, 4) @ self._carry
        y: F64 = x @ self._direct
        y += states.reshape(-1, 4) @ self._ring
        return y.reshape(signals.shape)


class HopMeter:
    """K-weighted mean power per 100 ms of ``channels`` signals, and chosen cross powers.

    Feed any block sizes with :meth:`add`. What it keeps grows by a few numbers per 100 ms (4 h:
    144,000 hops, about 1 MB a signal), which the gates of BS.1770 need.
    """

    def __init__(
        self, rate_hz: int, channels: int, cross: tuple[tuple[int, int], ...] = ()
    ) -> None:
        self._filter = KWeighting(rate_hz, channels)
        self._hop = self._filter.hop
        self._channels = channels
        self._cross = cross
        self._rest: F32 = np.zeros((channels, 0), np.float32)
        self._power: list[F64] = []

    def add(self, block: F32) -> None:
        """Add ``block`` [channels, n] float32."""
        if self._rest.shape[1]:
            block = np.concatenate([self._rest, block], axis=1)
        hops = block.shape[1] // self._hop
        used = hops * self._hop
        if hops:
            whole = block[:, :used].astype(np.float64).reshape(self._channels, hops, self._hop)
            y = self._filter.process(whole)
            rows = [np.einsum("cht,cht->ch", y, y)]
            rows += [np.einsum("ht,ht->h", y[a], y[b])[np.newaxis] for a, b in self._cross]
            self._power.append(np.concatenate(rows) / self._hop)
        self._rest = block[:, used:].copy()

    def powers(self) -> F64:
        """Mean powers [channels + crosses, hops] so far; an unfinished last hop is left out."""
        if not self._power:
            return np.zeros((self._channels + len(self._cross), 0))
        if len(self._power) > 1:
            self._power = [np.concatenate(self._power, axis=1)]
        return self._power[0]


@dataclass(frozen=True)
class LoudnessGates:
    absolute_lufs: float = ABSOLUTE_GATE_LUFS
    relative_lu: float = RELATIVE_GATE_LU


def lufs(power: float) -> float:
    """Loudness of a K-weighted power summed over channels; -inf for silence."""
    return _OFFSET_LU + 10.0 * math.log10(power) if power > 0.0 else -math.inf


def _power_of(loudness: float) -> float:
    return float(10.0 ** ((loudness - _OFFSET_LU) / 10.0))


def block_powers(hop_power: F64) -> F64:
    """Mean power of every 400 ms block from powers [hops] per 100 ms."""
    if hop_power.size < BLOCK_HOPS:
        return np.zeros(0)
    parts = [hop_power[i : hop_power.size - BLOCK_HOPS + 1 + i] for i in range(BLOCK_HOPS)]
    total: F64 = parts[0] + parts[1] + parts[2] + parts[3]
    return total / BLOCK_HOPS


def gated_loudness(hop_power: F64, gates: LoudnessGates | None = None) -> float | None:
    """Integrated loudness in LUFS of channel-summed powers [hops], or None when all is gated.

    BS.1770-4 Annex 1: blocks above -70 LUFS, then those above their mean less 10 LU. Signals
    shorter than one block (400 ms) have no loudness.
    """
    gates = gates or LoudnessGates()
    blocks = block_powers(hop_power)
    blocks = blocks[blocks > _power_of(gates.absolute_lufs)]
    if not blocks.size:
        return None
    threshold = _power_of(lufs(float(blocks.mean())) + gates.relative_lu)
    kept = blocks[blocks > threshold]
    return lufs(float(kept.mean())) if kept.size else None


def loudness(samples: F32, rate_hz: int) -> float | None:
    """Integrated loudness of ``samples`` [frames, channels] held in memory (up to stereo)."""
    meter = HopMeter(rate_hz, samples.shape[1])
    step = hop_frames(rate_hz) * 20
    for start in range(0, samples.shape[0], step):
        meter.add(np.ascontiguousarray(samples[start : start + step].T))
    return gated_loudness(meter.powers().sum(axis=0))
