"""Become another program that ends when the pipe on stdin does: ``python -I tether.py PROGRAM ARG...``.

An installer that is killed cannot stop its uv, and one that goes on downloading would fill folders
that the next installer cleans. POSIX only; run by path, as the leader of its process group.
"""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

if __name__ == "__main__":
    # By its file: importing the kit as a package takes as long as all that uv does.
    place = Path(__file__).resolve().parents[3] / "dubwright_kit" / "lifeline.py"
    spec = spec_from_file_location("lifeline", place)
    assert spec is not None  # noqa: S101  # the path ends in .py
    assert spec.loader is not None  # noqa: S101
    lifeline = module_from_spec(spec)
    spec.loader.exec_module(lifeline)
    lifeline.watch(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the program must not hold the pipe
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  # full path, a list of arguments
