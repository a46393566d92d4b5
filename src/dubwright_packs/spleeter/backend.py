"""Separate into vocals and background with Spleeter's network."""

from __future__ import annotations

from pathlib import Path

from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report
from dubwright_packs.spleeter.canary import check, compose
from dubwright_packs.spleeter.network import Network, convert_weights, network
from dubwright_packs.spleeter.separation import separate

__all__ = ["check", "compose", "prepare", "run"]

NETWORK = Network("spleeter", "2stems", ("vocals", "background"))


def prepare(folder: str, report: Report) -> None:
    """See :func:`dubwright_packs.spleeter.network.convert_weights`."""
    convert_weights(Path(folder), NETWORK, report)


def run(ask: SeparateAsk, report: Report) -> SeparateDone:
    """See :func:`dubwright_packs.spleeter.separation.separate`."""
    return separate(ask, network(NETWORK, report), report)
