"""The weights of one pack: converted once at install, checked and loaded once in the life of a guest."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dubwright.engines.intake import CHANNELS, processors
from dubwright.engines.unet.blocks import BINS, BLOCK_FRAMES
from dubwright.engines.unet.convert import convert
from dubwright.engines.unet.net import StemNet
from dubwright_kit import NextAction, Problem
from dubwright_kit.report import Report

MODELS_VARIABLE = "DUBWRIGHT_PACK_MODELS"
PREFIX = "model"
"""The installer gives every checkpoint this name, whatever its maker called it."""
PACKS = {2: "spleeter", 4: "spleeter-4stems", 5: "spleeter-5stems"}
"""By number of stems."""
SUM_OFF = 1e-4
"""How far the masks of one place may be from adding up to 1."""


@dataclass(frozen=True)
class Network:
    """One of Spleeter's networks: the pack that brings it, its folder under ``models``, its stems.

    What is not in any of the other stems is in the last one.
    """

    pack: str
    name: str
    stems: tuple[str, ...]

    @property
    def again(self) -> NextAction:
        """What puts the pack right."""
        return NextAction("install it again", "packs install", {"_": [self.pack]})

    def mended(self, models: Path) -> NextAction:
        """What puts the installed pack right, whose own weights a plain install would replace."""
        if not _record(models).get("unlisted"):
            return self.again
        args = {"_": [self.pack], "from": "FOLDER", "own_weights": True}
        return NextAction("install your own weights again", "packs install", args)


def convert_weights(models: Path, network: Network, report: Report) -> None:
    """Make ``<models>/<name>.onnx`` of the checkpoint ``<models>/<name>/model.*``, and try it out.

    Raises Problem ``weights-missing`` for an incomplete checkpoint; ``weights-wrong`` for a damaged
    one, one of another network, and one whose masks are no masks.
    """
    place = models / f"{network.name}.onnx"
    part = place.with_name(f".{place.name}.part")
    try:
        report(0, 3, "reading the weights")
        with _said_what_to_do(network):
            made = convert(models / network.name / PREFIX, part)
            _check_stems(made, network)
            report(1, 3, "trying the network")
            _check_masks(StemNet.load(part, threads=processors()), network)
        report(2, 3, "the network works")
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    report(3, 3, "the network is ready")


def network(wanted: Network, report: Report) -> StemNet:
    """Return the network of this guest's pack, ready; the first call loads it.

    Raises Problem ``weights-missing`` when the converted model is not there, ``weights-wrong`` when it
    is not what was installed.
    """
    report(0, None, "loading the network")
    return _loaded(os.environ.get(MODELS_VARIABLE, ""), wanted)


@functools.lru_cache(maxsize=1)
def _loaded(models: str, wanted: Network) -> StemNet:
    path = Path(models) / f"{wanted.name}.onnx"
    if not path.is_file():
        raise Problem(
            "weights-missing",
            f"The weights of {wanted.pack} are not complete: {path} is not there.",
            wanted.mended(path.parent),
        )
    # Before it is loaded: nobody knows what the runtime does with a damaged one.
    expected = _recorded(path)
    if expected and expected != {"size_bytes": path.stat().st_size, "sha256": _sha256(path)}:
        raise Problem(
            "weights-wrong",
            f"The weights of {wanted.pack} are not what was installed: {path}.",
            wanted.mended(path.parent),
        )
    with _said_what_to_do(wanted):
        net = StemNet.load(path, threads=processors())
    _check_stems(net.stems, wanted)
    return net


def _recorded(path: Path) -> dict[str, Any]:
    """Size and hash; nothing while an install still runs: that has just made the file."""
    models = _record(path.parent).get("models")
    found = models.get(path.name) if isinstance(models, dict) else None
    return found if isinstance(found, dict) else {}


def _record(models: Path) -> dict[str, Any]:
    """What the installer wrote about the pack with this folder; nothing where it cannot be read."""
    try:
        data = json.loads((models.parent / "record.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_stems(found: tuple[str, ...], wanted: Network) -> None:
    if found != wanted.stems:
        other = PACKS.get(len(found), "")
        action = wanted.again
        if other not in ("", wanted.pack):
            args = {"_": [other], "from": "FOLDER", "own_weights": True}
            action = NextAction(f"install {other} with these weights", "packs install", args)
        raise Problem(
            "weights-wrong",
            f"These weights are for {len(found)} stems ({', '.join(found)}); {wanted.pack} takes those "
            f"for {len(wanted.stems)}." + (f" The pack for them is {other}." if other else ""),
            action,
        )


def _check_masks(net: StemNet, wanted: Network) -> None:
    """Run one block of noise: every mask is between 0 and 1, and together they are 1."""
    random = np.random.default_rng(1)
    noise = random.gamma(0.5, 2.0, (CHANNELS, BLOCK_FRAMES, BINS)).astype(np.float32)
    masks = net.masks(noise).bins
    # Not "> for wrong": what is no number is no mask either.
    masked = masks.min() >= 0 and masks.max() <= 1 + SUM_OFF
    if not (masked and np.abs(masks.sum(axis=0) - 1).max() <= SUM_OFF):
        raise Problem(
            "weights-wrong",
            f"The network that {wanted.pack} was given does not compute masks: its weights are damaged.",
            wanted.again,
        )


@contextlib.contextmanager
def _said_what_to_do(wanted: Network) -> Iterator[None]:
    """Problems of the reader know no pack."""
    try:
        yield
    except Problem as problem:
        if problem.next_action is not None:
            raise
        raise Problem(problem.code, problem.message, wanted.again, problem.detail) from problem
