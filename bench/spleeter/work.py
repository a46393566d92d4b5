"""How much the network computes: multiply-adds per layer, from the shapes of the official graph.

A convolution takes kernel x inputs multiply-adds for each output value, a transposed one kernel x
outputs for each input value (all 25 taps of each; those that "same" padding cuts off at the edges are
counted too, as everybody counts them). Activations, normalisation and masks are left out: they are below
one percent.
"""

from __future__ import annotations

from dataclasses import dataclass

FILTERS = (16, 32, 64, 128, 256, 512)
"""``conv_n_filters`` of the official networks: https://github.com/deezer/spleeter."""
BLOCK = (512, 1024)
"""Frames and bins that the network sees at once."""
CHANNELS = 2
_TAPS = 5 * 5
_LAST_TAPS = 4 * 4


@dataclass(frozen=True)
class Layer:
    name: str
    macs: int


def layers(filters: tuple[int, ...] = FILTERS) -> list[Layer]:
    """The thirteen layers of one stem's network, in the order in which they run, for one block."""
    height, width = BLOCK
    sizes = [(height >> depth) * (width >> depth) for depth in range(len(filters) + 1)]
    found, inputs = [], CHANNELS
    for depth, outputs in enumerate(filters, 1):
        found.append(Layer(f"down{depth}", sizes[depth] * _TAPS * inputs * outputs))
        inputs = outputs
    up = [*reversed(filters[:-1]), 1]
    for step, outputs in enumerate(up, 1):
        depth = len(filters) + 1 - step
        joined = filters[depth - 1] * (1 if step == 1 else 2)
        found.append(Layer(f"up{step}", sizes[depth] * _TAPS * joined * outputs))
    found.append(Layer("mask", sizes[0] * _LAST_TAPS * 1 * CHANNELS))
    return found


def block_flop(stems: int) -> int:
    """Floating point operations of one block: a multiply-add is two."""
    return 2 * stems * sum(layer.macs for layer in layers())


def blocks_of(frames: int) -> int:
    """How many blocks the official graph computes for a sound of ``frames`` samples: 4096 zeros before
    it, a spectrum every 1024 samples up to the end, then whole blocks."""
    spectra = -(-(frames + 4096) // 1024)
    return -(-spectra // BLOCK[0])
