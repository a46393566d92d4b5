"""Our Spleeter engine against the official package and sherpa-onnx; see :mod:`bench.spleeter.__main__`.

    python bench/separation.py [--environment FOLDER] [--weights FOLDER] [--hours 1 10] [--rf64]

The same as ``python -m bench.spleeter``. How well the built-in separation separates is measured by
bench/separation_quality.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file, Python sees this folder and not the one above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.spleeter.__main__ import main

if __name__ == "__main__":
    main()
