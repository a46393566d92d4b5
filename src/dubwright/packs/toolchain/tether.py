"""Become another program that ends when the pipe on stdin does: ``python -I tether.py PROGRAM ARG...``.

An installer that is killed cannot stop its uv, and one that goes on downloading would fill folders
that the next installer cleans. POSIX only; run by path, as the leader of its process group.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

if __name__ == "__main__":
    # By its file, and with few imports: the kit as a package takes as long as all that uv does.
    source = os.path.dirname(os.path.abspath(__file__)) + "/../../../"  # noqa: PTH100, PTH120
    lifeline = ModuleType("lifeline")
    SourceFileLoader("lifeline", source + "dubwright_kit/lifeline.py").exec_module(lifeline)
    lifeline.watch(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the program must not hold the pipe
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  # full path, a list of arguments
