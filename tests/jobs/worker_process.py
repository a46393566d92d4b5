"""``python -m tests.jobs.worker_process HOME``: a worker that runs until it is killed or stdin ends."""

from __future__ import annotations

import sys

from dubwright.home import Home
from dubwright.jobs.worker import Worker

from .kinds import job_types


def main() -> None:
    with Worker(Home.find(sys.argv[1]), job_types()):
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
