"""For every test: what guests of the host get too."""

from __future__ import annotations

import os

# Tests of engines run beside each other; see packs/guest_process.py for what a second thread costs.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
