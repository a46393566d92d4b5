"""Separate speech from background with the network that comes with the program."""

from __future__ import annotations

from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report
from dubwright_packs.builtin.canary import check, compose
from dubwright_packs.builtin.network import network
from dubwright_packs.builtin.separation import separate

__all__ = ["check", "compose", "run"]


def run(ask: SeparateAsk, report: Report) -> SeparateDone:
    """See :func:`dubwright_packs.builtin.separation.separate`."""
    return separate(ask, network(report), report)
