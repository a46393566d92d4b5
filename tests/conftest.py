"""For every test: what guests of the host get too."""

from __future__ import annotations

import os
import signal

# Tests of engines run beside each other; see packs/guest_process.py for what a second thread costs.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell without job control starts what it puts into the background with SIGINT ignored, and that is
# inherited by every program that a test starts to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
