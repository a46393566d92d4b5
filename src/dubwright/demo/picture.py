"""The sample's moving picture: a lighthouse at sea, and the line that is being said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, FPS = 640, 360, 25
HORIZON = 230
LAMP = (470, 96)


@dataclass(frozen=True)
class Caption:
    start_s: float
    end_s: float
    speaker: str
    text: str


def frames(duration_s: float, captions: tuple[Caption, ...]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield RGB frames [360, 640, 3], 25 a second, for ``duration_s``."""
    sky = _sky()
    large, small = ImageFont.load_default(20), ImageFont.load_default(14)
    for number in range(round(duration_s * FPS)):
        at_s = number / FPS
        image = Image.fromarray(sky)
        draw = ImageDraw.Draw(image, "RGBA")
        _beam(draw, at_s)
        _sea(draw, at_s)
        _lighthouse(draw)
        now = next((c for c in captions if c.start_s <= at_s < c.end_s), None)
        if now is not None:
            _caption(draw, now, large, small)
        draw.text((12, 10), f"{at_s:06.2f}", font=small, fill=(255, 255, 255, 150))
        yield np.asarray(image)


def _sky() -> npt.NDArray[np.uint8]:
    top, bottom = np.array([24, 32, 66]), np.array([214, 132, 92])
    share = (np.linspace(0, 1, HEIGHT) ** 1.6)[:, None]
    rows = top * (1 - share) + bottom * share
    return np.repeat(rows[:, None, :], WIDTH, axis=1).astype(np.uint8)


def _beam(draw: ImageDraw.ImageDraw, at_s: float) -> None:
    angle = 2 * math.pi * at_s / 6
    reach = 900 * math.cos(angle)
    spread = 26 + 20 * abs(math.cos(angle))
    x, y = LAMP
    tip = x + reach
    draw.polygon([(x, y), (tip, y - spread), (tip, y + spread)], fill=(255, 240, 190, 70))


def _sea(draw: ImageDraw.ImageDraw, at_s: float) -> None:
    for layer, shade in enumerate(((30, 74, 110), (24, 60, 94), (18, 46, 78))):
        base = HORIZON + 32 * layer
        points = [
            (
                x,
                base
                + (5 + 3 * layer) * math.sin(x / (46 + 14 * layer) + at_s * (1.1 + 0.4 * layer)),
            )
            for x in range(0, WIDTH + 16, 16)
        ]
        draw.polygon([*points, (WIDTH, HEIGHT), (0, HEIGHT)], fill=(*shade, 255))


def _lighthouse(draw: ImageDraw.ImageDraw) -> None:
    x, y = LAMP
    draw.polygon([(390, 250), (430, 214), (520, 214), (566, 250)], fill=(40, 38, 44, 255))
    draw.polygon(
        [(x - 13, y + 10), (x + 13, y + 10), (x + 22, 216), (x - 22, 216)],
        fill=(236, 230, 220, 255),
    )
    for band in range(3):
        top = y + 26 + 34 * band
        draw.rectangle([x - 18, top, x + 18, top + 15], fill=(184, 58, 52, 255))
    draw.rectangle([x - 11, y - 12, x + 11, y + 10], fill=(255, 236, 170, 255))
    draw.polygon([(x - 15, y - 12), (x, y - 28), (x + 15, y - 12)], fill=(60, 44, 48, 255))


def _caption(
    draw: ImageDraw.ImageDraw,
    caption: Caption,
    large: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    small: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    draw.rectangle([0, HEIGHT - 74, WIDTH, HEIGHT], fill=(0, 0, 0, 150))
    draw.text((20, HEIGHT - 66), caption.speaker, font=small, fill=(255, 214, 140, 255))
    draw.text((20, HEIGHT - 44), caption.text, font=large, fill=(255, 255, 255, 255))
