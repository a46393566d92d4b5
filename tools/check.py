"""``make test``: lint, types, tests; ends with a list of what was left out and why.

``--slow`` runs the long tests only (real installs, long media, kill and resume); ``--lint`` stops
after lint and types. Further arguments go to pytest.
"""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def step(name: str, command: list[str]) -> bool:
    """Run one check; say how long it took."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    code = subprocess.call(command, cwd=ROOT)
    print(
        f"== {name}: {'ok' if code == 0 else f'FAILED ({code})'}, {time.monotonic() - started:.0f} s\n",
        flush=True,
    )
    return code == 0


def lint() -> bool:
    """Ruff and mypy; every one runs even when an earlier one failed."""
    checks = [
        step("lint", [PYTHON, "-m", "ruff", "check", "."]),
        step("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        step("types", [PYTHON, "-m", "mypy"]),
    ]
    return all(checks)


def left_out(report: Path, slow: bool) -> None:
    """Print the tests that did not run: skipped ones with their reasons, and the other set."""
    reasons: dict[str, list[str]] = {}
    if report.exists():
        for case in ET.parse(report).getroot().iter("testcase"):  # pytest's own file
            for mark in case.findall("skipped"):
                name = f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name')}"
                reasons.setdefault(mark.get("message") or "no reason given", []).append(name)
    other = [PYTHON, "-m", "pytest", "--collect-only", "-q", "-m", "not slow" if slow else "slow"]
    collected = subprocess.run(other, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = [line for line in collected.splitlines() if "::" in line]
    print("Left out:")
    for reason, cases in sorted(reasons.items()):
        print(f"  skipped, {reason}: {len(cases)}")
        for one in cases[:6]:
            print(f"    {one}")
    where = "make test" if slow else "make test-slow"
    print(f"  {len(names)} tests of the other set, which {where} runs" + (":" if not slow else ""))
    if not slow:
        for name in names:
            print(f"    {name}")


def main(arguments: list[str]) -> int:
    """Return 0 when everything passed."""
    slow = "--slow" in arguments
    only_lint = "--lint" in arguments
    rest = [word for word in arguments if word not in ("--slow", "--lint")]
    ok = slow or lint()
    if only_lint:
        return 0 if ok else 1
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        marks = ["-m", "slow"] if slow else ["-m", "not slow", "-n", "2", "--dist", "loadfile"]
        tests = [
            PYTHON,
            "-m",
            "pytest",
            "-q",
            *marks,
            "--durations=8",
            f"--junitxml={report}",
            *rest,
        ]
        ok = step("slow tests" if slow else "tests", tests) and ok
        left_out(report, slow)
    print("\nEverything passed." if ok else "\nSomething FAILED; see above.")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
