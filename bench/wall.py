"""What the wall costs: a cold start, a warm call, a large ask, a forced cancel. Prints medians in ms.

Run as ``python -m bench.wall``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dubwright_kit import Cancelled
from tests.packs.echo_wall import echo_wall, lines


def median_ms(n: int, work: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(n):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)

        def cold() -> None:
            with echo_wall(root) as wall:
                wall.call("echo", lines("a"))

        def cancel() -> None:
            with echo_wall(root) as wall:
                wall.call("echo", lines("a"))
                start = time.monotonic()
                try:
                    wall.call(
                        "echo",
                        lines("!stubborn"),
                        cancelled=lambda: time.monotonic() > start + 0.5,
                    )
                except Cancelled:
                    cancels.append((time.monotonic() - start - 0.5) * 1e3)

        cancels: list[float] = []
        cold()  # builds the guest folder and its byte code
        print(f"cold start and first call  {median_ms(10, cold):8.1f} ms")
        with echo_wall(root) as wall:
            wall.call("echo", lines("a"))
            small = median_ms(300, lambda: wall.call("echo", lines("a")))
            logged = median_ms(
                100,
                lambda: wall.call("echo", lines("a"), log_path=root / "log", receipt=root / "r"),
            )
            large = lines("x" * 5_000_000)
            print(f"warm call                  {small:8.2f} ms")
            print(f"warm call, log and receipt {logged:8.2f} ms")
            print(
                f"warm call, 5 MB each way   {median_ms(10, lambda: wall.call('echo', large)):8.1f} ms"
            )
        for _ in range(3):
            cancel()
        print(f"cancel of one who does not listen {statistics.median(cancels):8.0f} ms (<= 2000)")


if __name__ == "__main__":
    main()
