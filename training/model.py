"""The network: power spectra of mid and side to the share of speech in both.

A U-Net of time-frequency convolutions with frequency-wise linear layers (TFC-TDF: Choi, Kim, Chung,
Jung, "Investigating U-Nets with various intermediate blocks for spectrogram-based singing voice
separation", ISMIR 2020) and a recurrent layer in both directions at its bottom. Frequencies are
pooled into 768 bands: singly up to 5.5 kHz, then by 4 and by 8; four neighbours share a place, as channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

FRAME, HOP, RATE_HZ = 4096, 1024, 44_100
BINS = FRAME // 2 + 1
SINGLE, BY_4, BY_8 = 512, 128, 128
BANDS = SINGLE + BY_4 + BY_8
PACK = 4
POWER = 0.15
TIME_STEP = 8
"""Frames come in multiples of it."""
QUIET = 1e-12
"""A frame with less is digital silence."""


@dataclass(frozen=True)
class Shape:
    """How large the network is."""

    channels: tuple[int, ...] = (24, 40, 56, 80)
    convolutions: int = 2
    """In each block."""
    bottleneck: int = 8
    """By how much the frequency-wise layers are narrower in their middle."""
    recurrent: int = 128


def to_bands(power: Tensor) -> Tensor:
    """[B, 2, T, 2049] to means of bands [B, 2, T, 768]; the last bin (22.05 kHz) is left out."""
    batch, sides = power.shape[:2]
    low = power[..., :SINGLE]
    middle = power[..., SINGLE : SINGLE + 4 * BY_4].reshape(batch, sides, -1, BY_4, 4).mean(-1)
    high = power[..., SINGLE + 4 * BY_4 : BINS - 1].reshape(batch, sides, -1, BY_8, 8).mean(-1)
    return torch.cat([low, middle, high], -1)


def bins_of_bands(like: Tensor) -> Tensor:
    """How many bins each band has, [768]."""
    counts = [1.0] * SINGLE + [4.0] * BY_4 + [8.0] * BY_8
    return torch.tensor(counts, dtype=like.dtype, device=like.device)


def to_bins(bands: Tensor) -> Tensor:
    """[B, 2, T, 768] to [B, 2, T, 2049]: every bin has what its band has."""
    batch, sides = bands.shape[:2]
    low = bands[..., :SINGLE]
    middle = bands[..., SINGLE : SINGLE + BY_4].unsqueeze(-1)
    high = bands[..., SINGLE + BY_4 :].unsqueeze(-1)
    middle = torch.cat([middle] * 4, -1).reshape(batch, sides, -1, 4 * BY_4)
    high = torch.cat([high] * 8, -1).reshape(batch, sides, -1, 8 * BY_8)
    return torch.cat([low, middle, high, bands[..., -1:]], -1)


def normalised(bands: Tensor) -> Tensor:
    """``bands`` [B, 2, T, 768] over their mean in frames that are not digital silence."""
    frames = bands.sum((1, 3))
    sounding = (frames > QUIET).to(bands.dtype)
    level = (frames * sounding).sum(1) / (sounding.sum(1).clamp(min=1.0) * BANDS)
    return bands / level.clamp(min=QUIET)[:, None, None, None]


class Tdf(nn.Module):
    """Linear layers over frequency, narrow in the middle, added to what comes in."""

    def __init__(self, channels: int, width: int, narrow: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, narrow, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.up = nn.Linear(narrow, width, bias=False)
        self.out = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm(self.down(x)))
        return x + torch.relu(self.out(self.up(inner)))


class Block(nn.Module):
    """Convolutions over time and frequency, then the frequency-wise layers."""

    def __init__(self, inputs: int, channels: int, width: int, shape: Shape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(shape.convolutions):
            layers += [
                nn.Conv2d(inputs if index == 0 else channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.tdf = Tdf(channels, width, max(8, width // shape.bottleneck))

    def forward(self, x: Tensor) -> Tensor:
        return self.tdf(self.convolutions(x))


class Bottom(nn.Module):
    """A recurrent layer over time, in both directions, over all channels and frequencies."""

    def __init__(self, channels: int, width: int, hidden: int) -> None:
        super().__init__()
        self.into = nn.Linear(channels * width, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, channels * width)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, _, width = x.shape
        flat = x.permute(0, 2, 1, 3).reshape(batch, -1, channels * width)
        heard, _ = self.gru(torch.relu(self.into(flat)))
        added = self.out(heard).reshape(batch, -1, channels, width).permute(0, 2, 1, 3)
        return x + added


class Speechnet(nn.Module):
    """Power of mid and side to the share of speech in both."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        widths = [BANDS // PACK // 2**level for level in range(len(self.shape.channels))]
        channels = self.shape.channels
        self.enter = nn.BatchNorm2d(2 * PACK)
        self.down_blocks, self.downs = nn.ModuleList(), nn.ModuleList()
        self.up_blocks, self.ups = nn.ModuleList(), nn.ModuleList()
        inputs = 2 * PACK
        for level, (count, width) in enumerate(zip(channels[:-1], widths[:-1], strict=True)):
            self.down_blocks.append(Block(inputs, count, width, self.shape))
            self.downs.append(
                nn.Sequential(
                    nn.Conv2d(count, channels[level + 1], 2, stride=2, bias=False),
                    nn.BatchNorm2d(channels[level + 1]),
                    nn.ReLU(),
                )
            )
            self.ups.append(
                nn.Sequential(
                    nn.ConvTranspose2d(channels[level + 1], count, 2, stride=2, bias=False),
                    nn.BatchNorm2d(count),
                    nn.ReLU(),
                )
            )
            self.up_blocks.append(Block(2 * count, count, width, self.shape))
            inputs = channels[level + 1]
        self.middle = Block(channels[-1], channels[-1], widths[-1], self.shape)
        self.bottom = Bottom(channels[-1], widths[-1], self.shape.recurrent)
        self.leave = nn.Conv2d(channels[0] + 2 * PACK, 2 * PACK, 1)

    def logits(self, power: Tensor) -> Tensor:
        """Mean power in bands [B, 2, T, 768] to masks [B, 2, T, 768] before the sigmoid."""
        bands = normalised(power).clamp(min=1e-9).pow(POWER)
        batch, sides = bands.shape[:2]
        packed = bands.reshape(batch, sides, -1, BANDS // PACK, PACK).permute(0, 1, 4, 2, 3)
        entered = self.enter(packed.reshape(batch, sides * PACK, -1, BANDS // PACK))
        x, kept = entered, []
        for block, down in zip(self.down_blocks, self.downs, strict=True):
            x = block(x)
            kept.append(x)
            x = down(x)
        x = self.bottom(self.middle(x))
        for level in reversed(range(len(self.ups))):
            x = self.ups[level](x)
            x = self.up_blocks[level](torch.cat([x, kept[level]], 1))
        left = self.leave(torch.cat([x, entered], 1))
        unpacked = left.reshape(batch, sides, PACK, -1, BANDS // PACK).permute(0, 1, 3, 4, 2)
        return unpacked.reshape(batch, sides, -1, BANDS)

    def forward(self, power: Tensor) -> Tensor:
        """``power`` [B, 2, T, 2049] (mid, side) to masks of the same shape, 0..1."""
        return to_bins(torch.sigmoid(self.logits(to_bands(power))))
