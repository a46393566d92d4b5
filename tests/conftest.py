"""For every test: what guests of the host get too, and examples that are the same in every run."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# Tests of engines run beside each other; see packs/guest_process.py for what a second thread costs.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell without job control starts what it puts into the background with SIGINT ignored, and that is
# inherited by every program that a test starts to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and none fails for being slow: a test that fails by chance tells nothing
# of the change that it stops. Who wants to look further: pytest --hypothesis-profile=default.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")
