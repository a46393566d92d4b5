"""What durable jobs cost: latencies, throughput, idle load, the time to list.

    python -m bench.jobs

Prints one line a figure and writes bench/results/jobs.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, JobContext, JobRequest, JobType
from dubwright.jobs.worker import Worker

LIST = "from dubwright.home import Home; from dubwright.jobs.engine import Jobs; import sys; Jobs(Home.find(sys.argv[1])).jobs()"
IDLE_S = 10.0


def nothing(context: JobContext) -> dict[str, object]:
    return {}


def series(job: Job) -> list[tuple[JobRequest, float]]:
    return [(JobRequest("leaf", options={"p": job.id, "n": n}), 1.0) for n in range(9)]


TYPES = {
    "leaf": JobType("leaf", "cpu", run=nothing),
    "fetch": JobType("fetch", "net", run=nothing),
    "series": JobType("series", "items", children=series),
}


def latencies_s(worker: Worker, jobs: Jobs, times: int) -> list[float]:
    """From ``submit`` to ``running``, each on an idle worker."""
    found = []
    for number in range(times):
        time.sleep(0.7)  # let the worker fall back to its idle pace
        job = worker.wait(jobs.submit(JobRequest("leaf", options={"latency": number})).id)
        found.append((job.started_at or 0.0) - job.created_at)
    return found


def measure(root: Path) -> dict[str, float]:
    home = Home.find(root).prepare()
    jobs = Jobs(home)
    figures: dict[str, float] = {}
    started_s = time.perf_counter()
    worker = Worker(home, TYPES)
    worker.start()
    figures["worker start, first in a home, imports included (s)"] = time.perf_counter() - started_s
    latency_s = latencies_s(worker, jobs, 15)
    figures["submit to running, median (s)"] = statistics.median(latency_s)
    figures["submit to running, worst (s)"] = max(latency_s)
    parent = worker.wait(jobs.submit(JobRequest("series")).id)
    figures["parent with nine empty children (s)"] = (parent.ended_at or 0.0) - parent.created_at
    submit_s = time.perf_counter()
    ids = [jobs.submit(JobRequest("leaf", options={"n": n})).id for n in range(200)]
    figures["one submit (s)"] = (time.perf_counter() - submit_s) / 200
    worker.wait(ids[-1])
    figures["200 empty jobs on one slot (s)"] = time.perf_counter() - submit_s
    time.sleep(2.0)
    cpu_s = time.process_time()
    time.sleep(IDLE_S)
    figures["idle worker (share of a core)"] = (time.process_time() - cpu_s) / IDLE_S
    close_s = time.perf_counter()
    worker.close()
    figures["close when idle (s)"] = time.perf_counter() - close_s
    listing_s = []
    for _ in range(5):
        list_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", LIST, str(root)], check=True, env=os.environ)
        listing_s.append(time.perf_counter() - list_s)
    figures["list 225 jobs in a new process, median (s)"] = statistics.median(listing_s)
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder) / "home")
    for name, value in figures.items():
        print(f"{name:60s} {value:8.4f}")
    results = Path(__file__).parent / "results" / "jobs.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
