"""Run jobs one after another on one item by the Python interface: ``python -m tests.e2e.chain PLAN.json``.

The plan is {"film", "tracks": [[file, language]], "jobs": [[type, options]]}; a line of JSON comes for
each job: {"job", "state", "artifacts"}, after one with {"item"}. One process keeps the guests warm.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dubwright import Studio


def run(studio: Studio, plan: dict[str, Any]) -> None:
    item = studio.add(plan["film"])
    print(json.dumps({"item": item.id}), flush=True)
    for path, language in plan["tracks"]:
        studio.import_track(item.id, Path(path), language)
    for job_type, options in plan["jobs"]:
        job = studio.run(job_type, item.id, options).wait()
        artifacts = list((job.result or {}).get("artifacts", ()))
        print(json.dumps({"job": job.type, "state": job.state, "artifacts": artifacts}), flush=True)


def main() -> None:
    with Studio() as studio:
        run(studio, json.loads(Path(sys.argv[1]).read_text("utf-8")))


if __name__ == "__main__":
    main()
