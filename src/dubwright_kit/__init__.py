"""What both sides of the process wall share. Standard library only, Python 3.8 and newer."""

from __future__ import annotations

from .contracts import CONTRACTS
from .problem import NextAction, Problem, is_disk_full
from .report import Cancelled, Report, silent

KIT_VERSION = 1
"""Protocol number; a guest and a host with different numbers refuse each other."""

__all__ = [
    "CONTRACTS",
    "KIT_VERSION",
    "Cancelled",
    "NextAction",
    "Problem",
    "Report",
    "is_disk_full",
    "silent",
]
