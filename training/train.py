"""Training: step by step with numbered checkpoints, to be stopped and gone on with at any of them.

The learning rate rises, stays and falls linearly to nothing over the last share of the steps (Hägele et
al., "Scaling laws and compute-optimal training beyond fixed training durations", 2024), so that a
run can be made longer without beginning anew. What is kept is a running mean of the weights; the
statistics of its normalisations are estimated anew before it is used, since those of the weights
it is a mean of do not fit it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.loading import F32, Batches
from training.mixing import Recipe
from training.model import FRAME, HOP, TIME_STEP, Shape, Speechnet, bins_of_bands, to_bands

FLOOR = 1e-4
"""Of the mix: an error below it does not count any more (40 dB)."""
COMPRESSED = 0.3


@dataclass(frozen=True)
class Plan:
    """One run."""

    data: Path
    out: Path
    steps: int
    batch: int = 4
    rate: float = 2e-3
    warm_up: int = 200
    decay: float = 0.3
    """Share of the steps over which the rate falls."""
    weight_decay: float = 0.01
    magnitude: float = 2.0
    """Weight of the loss on compressed magnitudes."""
    mean: float = 0.998
    keep_every: int = 250
    seed: int = 1
    workers: int = 1
    device: str = "cpu"
    half: bool = True
    """Matrix products in bfloat16."""
    fused: bool = False
    """Layers compiled together: a quarter faster, after three minutes at the start."""


@dataclass(frozen=True)
class State:
    """What a checkpoint holds."""

    step: int
    net: Speechnet
    mean: Speechnet
    optimiser: torch.optim.Optimizer


def train(plan: Plan, shape: Shape, recipe: Recipe) -> Path:
    """Train to ``plan.steps``, from the last checkpoint in ``plan.out`` on; return the last one.

    Raises FloatingPointError when the loss stays no number; checkpoints before it are kept.
    """
    torch.manual_seed(plan.seed)
    device = torch.device(plan.device)
    plan.out.mkdir(parents=True, exist_ok=True)
    state = load_last(plan, shape, device)
    if plan.fused:
        state.net.logits = torch.compile(state.net.logits)  # type: ignore[method-assign]  # the faster one
    batches = Batches(plan.data, recipe, plan.seed, plan.batch, plan.workers)
    started, step, sums, bad = time.monotonic(), state.step, np.zeros(3), 0
    with closing(batches.stream(step)) as stream:  # type: ignore[type-var]  # a generator has close
        while step < plan.steps:
            both = torch.from_numpy(next(stream)).to(device)
            for group in state.optimiser.param_groups:
                group["lr"] = rate_at(plan, step)
            losses = one_step(plan, state, both)
            bad = 0 if all(math.isfinite(one) for one in losses) else bad + 1
            if bad > 20:
                raise FloatingPointError(f"the loss is not a number since step {step - 20}")
            sums += [0, 0, 0] if bad else losses
            step += 1
            if step % 50 == 0:
                seconds = time.monotonic() - started
                note = {
                    "step": step,
                    "loss": round(sums[0] / 50, 4),
                    "error_db": round(10 / math.log(10) * sums[1] / 50, 2),
                    "magnitude": round(sums[2] / 50, 4),
                    "rate": rate_at(plan, step),
                    "step_s": round(seconds / 50, 2),
                }
                _log(plan.out, note)
                started, sums = time.monotonic(), np.zeros(3)
            if step % plan.keep_every == 0 or step == plan.steps:
                save(plan, State(step, state.net, state.mean, state.optimiser))
    return checkpoint_path(plan.out, step)


def one_step(plan: Plan, state: State, both: Tensor) -> tuple[float, float, float]:
    """One step; its losses: all, error, magnitudes."""
    state.net.train()
    sums = band_sums(both)
    with torch.autocast(both.device.type, torch.bfloat16, enabled=plan.half):
        logits = state.net.logits(sums.mix)
    error, magnitude = loss_of(torch.sigmoid(logits.float()), sums)
    loss = error + plan.magnitude * magnitude
    state.optimiser.zero_grad()
    if not torch.isfinite(loss):
        return math.nan, math.nan, math.nan
    loss.backward()
    nn.utils.clip_grad_norm_(state.net.parameters(), 5.0)
    state.optimiser.step()
    with torch.no_grad():
        torch._foreach_lerp_(
            list(state.mean.parameters()), list(state.net.parameters()), 1 - plan.mean
        )
    return float(loss.detach()), float(error.detach()), float(magnitude.detach())


@dataclass(frozen=True)
class BandSums:
    """Means over bands, [B, 2, T, 768]: all that the losses need, since a mask is one number a band."""

    mix: Tensor
    speech: Tensor
    background: Tensor
    common: Tensor
    """Real part of speech times the conjugate of the mix."""


def band_sums(both: Tensor) -> BandSums:
    """STFT of mid and side, in bands. ``both`` [B, stem, channel, n], without a gradient."""
    sides = torch.stack([both[:, :, 0] + both[:, :, 1], both[:, :, 0] - both[:, :, 1]], 2) / 2
    padded = nn.functional.pad(sides, (FRAME - HOP, 0))
    frames = (padded.shape[-1] - FRAME) // HOP + 1
    padded = nn.functional.pad(padded, (0, (-frames % TIME_STEP) * HOP))
    window = torch.hann_window(FRAME, device=both.device).sqrt()
    flat = torch.stft(
        padded.flatten(0, 2), FRAME, HOP, window=window, center=False, return_complex=True
    )
    made = torch.view_as_real(flat.transpose(1, 2).contiguous())
    made = made.reshape(*padded.shape[:3], -1, FRAME // 2 + 1, 2)
    speech, background = made[:, 0], made[:, 1]
    mix = speech + background

    def bands(one: Tensor, other: Tensor) -> Tensor:
        return to_bands((one * other).sum(-1))

    return BandSums(
        bands(mix, mix), bands(speech, speech), bands(background, background), bands(speech, mix)
    )


def loss_of(mask: Tensor, sums: BandSums) -> tuple[Tensor, Tensor]:
    """The logarithm of the error, which both stems share, and the difference of compressed magnitudes."""
    width = bins_of_bands(mask)
    wrong = sums.speech - 2 * mask * sums.common + mask.square() * sums.mix
    error = (wrong * width).sum((1, 2, 3)).clamp(min=0.0)
    whole = (sums.mix * width).sum((1, 2, 3)).clamp(min=1e-9)
    first = torch.log(error / whole + FLOOR).mean()
    scale = (mask[0].numel() / sums.mix.sum((1, 2, 3)).clamp(min=1e-9))[:, None, None, None]
    mix, speech, background = (
        (one * scale + 1e-6).pow(COMPRESSED / 2) for one in (sums.mix, sums.speech, sums.background)
    )
    second = ((mask + 1e-4).pow(COMPRESSED) * mix - speech).abs().mean()
    third = ((1.0001 - mask).pow(COMPRESSED) * mix - background).abs().mean()
    return first, second + third


def rate_at(plan: Plan, step: int) -> float:
    """The learning rate."""
    falling = max(1, round(plan.decay * plan.steps))
    left = min(1.0, (plan.steps - step) / falling)
    return plan.rate * min(1.0, (step + 1) / plan.warm_up) * max(left, 0.01)


def settled(net: Speechnet, batches: Iterator[F32], count: int, device: str = "cpu") -> Speechnet:
    """A copy of ``net`` with the statistics of its normalisations estimated anew."""
    made: Speechnet = deepcopy(net).to(device)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean of all batches
    made.train()
    with torch.no_grad():
        for _ in range(count):
            made.logits(band_sums(torch.from_numpy(next(batches)).to(device)).mix)
    made.eval()
    return made


# --- checkpoints ----------------------------------------------------------------------------------


def checkpoint_path(out: Path, step: int) -> Path:
    return out / f"step-{step:06}.pt"


def save(plan: Plan, state: State) -> None:
    """Write the checkpoint of a step; a file that is half written never has its name."""
    path = checkpoint_path(plan.out, state.step)
    whole = {
        "step": state.step,
        "shape": asdict(state.net.shape),
        "net": state.net.state_dict(),
        "mean": state.mean.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    torch.save(whole, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load_last(plan: Plan, shape: Shape, device: torch.device) -> State:
    """The last checkpoint, or the beginning."""
    found = sorted(plan.out.glob("step-*.pt"))
    net = Speechnet(shape).to(device, memory_format=torch.channels_last)
    mean = deepcopy(net)
    optimiser = torch.optim.AdamW(
        net.parameters(), plan.rate, weight_decay=plan.weight_decay, fused=True
    )
    if not found:
        return State(0, net, mean, optimiser)
    saved = torch.load(found[-1], map_location=device, weights_only=True)
    net.load_state_dict(saved["net"])
    mean.load_state_dict(saved["mean"])
    optimiser.load_state_dict(saved["optimiser"])
    return State(int(saved["step"]), net, mean, optimiser)


def load_mean(path: Path) -> Speechnet:
    """The running mean of a checkpoint's weights."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    shape = dict(saved["shape"])
    shape["channels"] = tuple(shape["channels"])
    net = Speechnet(Shape(**shape))
    net.load_state_dict(saved["mean"])
    return net


def _log(out: Path, note: dict[str, Any]) -> None:
    print(json.dumps(note), flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(note) + "\n")
