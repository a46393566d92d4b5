"""Problems of the wall itself: how a guest failed, in words that help."""

from __future__ import annotations

import sys
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.wall.process import exit_words
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import KIT_VERSION, NextAction, Problem


class Failures:
    """Builds the Problems of one call; knows the job whose log the call writes, if any."""

    def __init__(self, home: Home, spec: GuestSpec, log_path: Path | None) -> None:
        self._spec = spec
        self._job_id: str | None = None
        if log_path is not None and log_path.parent == home.job(log_path.parent.name):
            self._job_id = log_path.parent.name

    def crashed(self, exit_code: int | None, tail: str) -> Problem:
        """The guest ended, or closed its line, in the middle of the work."""
        how = "closed its line" if exit_code is None else f"ended with {exit_words(exit_code)}"
        return Problem(
            "guest-crashed",
            f'The process of the pack "{self._spec.pack_id}" {how} in the middle of the work.',
            self._look(),
            tail,
        )

    def out_of_memory(self, tail: str) -> Problem:
        return Problem(
            "guest-out-of-memory",
            f'The pack "{self._spec.pack_id}" ran out of memory. Close other programs, or use a '
            "smaller model or a shorter file, then try again.",
            NextAction("try again", "job retry", {"_": [self._job_id]})
            if self._job_id
            else NextAction("see the memory of this machine", "diagnostics"),
            tail,
        )

    def no_start(self, why: str, tail: str) -> Problem:
        """The guest did not come as far as saying hello."""
        return Problem(
            "guest-no-start",
            f'The pack "{self._spec.pack_id}" did not start: {why}.',
            self._mend(),
            tail,
        )

    def protocol(self, why: str, tail: str) -> Problem:
        return Problem(
            "guest-protocol",
            f'The process of the pack "{self._spec.pack_id}" answered with something that is no '
            f"answer: {why}",
            self._look(),
            tail,
        )

    def wrong_kit(self, kit: object) -> Problem:
        return Problem(
            "guest-protocol",
            f'The pack "{self._spec.pack_id}" speaks version {kit} of the pack protocol, this '
            f"program speaks version {KIT_VERSION}.",
            self._mend(),
            f"python {self._spec.python}, host python {sys.version.split()[0]}",
        )

    def _look(self) -> NextAction:
        if self._job_id is not None:
            return NextAction("read the job's log", "job log", {"_": [self._job_id]})
        return NextAction("check this machine and its packs", "diagnostics")

    def _mend(self) -> NextAction:
        if self._spec.env == "own":
            return NextAction(
                "install the pack again", "packs install", {"_": [self._spec.pack_id]}
            )
        return self._look()
