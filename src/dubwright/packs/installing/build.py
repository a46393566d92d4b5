"""Building one pack in a folder of its own, beside the working one. Nothing here touches the latter."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from dubwright.home import Home
from dubwright.packs.diagnosis.rules import again, install_problem
from dubwright.packs.installing.canary import run_canary
from dubwright.packs.installing.steps import Steps
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.plan import PackPlan
from dubwright.packs.record import (
    CanaryRun,
    Record,
    env_python,
    identity,
    measure_models,
    tree_bytes,
    write_record,
)
from dubwright.packs.toolchain.uv import Uv
from dubwright.packs.wall.call import GuestBug, Wall
from dubwright.packs.wall.guest import GuestFolders
from dubwright.packs.wall.process import kill_tree
from dubwright.packs.wall.spec import GuestSpec
from dubwright.packs.wheels import Lock
from dubwright_kit import Cancelled, Problem

_SOURCE = "source"
_BEAT_S = 0.25
_INSTALL = (
    *("pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
    # Every index is asked, not the first that knows the name: the hashes say which file is meant.
    *("--index-strategy", "unsafe-best-match"),
)


class Build:
    """One attempt to make the pack of ``plan`` in ``folder`` (which must not exist)."""

    def __init__(
        self,
        home: Home,
        manifest: Manifest,
        plan: PackPlan,
        folder: Path,
        uv: Uv,
        steps: Steps,
        log: IO[str],
    ) -> None:
        self._home = home
        self._manifest = manifest
        self._plan = plan
        self._folder = folder
        self._uv = uv
        self._steps = steps
        self._log = log
        self._log_path = Path(log.name)
        self._beaten_at = 0.0
        self._canary: CanaryRun | None = None

    def run(self) -> Record:
        """Build, convert, check and write the record. Raises Problem and Cancelled."""
        started = time.monotonic()
        self._folder.mkdir(parents=True)
        (self._folder / "models").mkdir()
        if self._plan.lock is not None:
            self._environment(self._plan.lock)
        for lock in self._plan.downloads:
            self._fetch(lock)
        spec = self._spec()
        with Wall(self._home) as wall:
            if self._plan.downloads:
                self._prepare(wall, spec)
            self._check(wall, spec)
        record = self._record(time.monotonic() - started)
        write_record(self._folder, record)
        return record

    def _say(self, text: str) -> None:
        self._log.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")
        self._log.flush()

    def _run_uv(self, *arguments: str | Path) -> None:
        code, output = self._uv.run(arguments, self._folder, self._steps.follow_uv)
        if code != 0:
            self._say(f"uv ended with exit code {code}")
            raise install_problem(self._manifest.id, output)

    # --- steps -----------------------------------------------------------------------------------

    def _environment(self, lock: Lock) -> None:
        python = self._python()
        self._steps.enter("resolve")
        self._say(f"environment from {lock.path.name} with {python}")
        self._run_uv(
            *("venv", "--quiet", "--no-project", "--relocatable", "--no-python-downloads"),
            *("--python", python, self._folder / "env"),
        )
        self._run_uv(
            *_INSTALL,
            *("--compile-bytecode", "--python", env_python(self._folder), "-r", lock.path),
        )

    def _python(self) -> Path | str:
        if self._plan.interpreter is not None:
            return self._plan.interpreter.path
        version = self._plan.managed_python
        self._steps.enter("python")
        self._say(f"no Python here fits; uv fetches {version}")
        code, output = self._uv.run(
            ["python", "install", "--no-bin", version], self._folder, lambda state: self._beat()
        )
        if code != 0:
            wanted = ", ".join(
                sorted({one for lock in self._manifest.locks for one in lock.python}, key=_number)
            )
            raise Problem(
                "pack-no-interpreter",
                f"{self._manifest.id} needs Python {wanted}; none of them was found on this machine, "
                f"and uv could not fetch its own {version}.",
                again(self._manifest.id, f"install Python {version}, then install the pack again"),
                output.strip()[-2000:],
            )
        return version

    def _beat(self) -> None:
        self._steps.show(0.0, heartbeat=True)

    def _stopped(self) -> bool:
        """For the wall, which asks often: True when the caller's report says to stop."""
        if time.monotonic() - self._beaten_at >= _BEAT_S:
            self._beaten_at = time.monotonic()
            try:
                self._beat()
            except Cancelled:
                return True
        return False

    def _fetch(self, lock: Lock) -> None:
        self._say(f"weights from {lock.path.name}")
        self._run_uv(
            *_INSTALL,
            *("--python", sys.executable, "--target", self._folder / "models" / _SOURCE),
            *("-r", lock.path),
        )

    def _prepare(self, wall: Wall, spec: GuestSpec) -> None:
        self._steps.enter("prepare")
        self._say("converting the weights")

        def report(done: float, total: float | None = None, note: str = "") -> None:
            self._steps.show(done / total if total else 0.0, note)

        try:
            wall.prepare(
                spec, spec.models, report, log_path=self._log_path, cancelled=self._stopped
            )
        except GuestBug as bug:
            raise self._useless(str(bug)) from bug
        shutil.rmtree(spec.models / _SOURCE, ignore_errors=True)
        if not measure_models(spec.models):
            raise ValueError(f"prepare of {self._manifest.id} wrote no file to {spec.models}")

    def _check(self, wall: Wall, spec: GuestSpec) -> None:
        """What must import does and, where the pack has one, the canary ask is answered."""
        self._steps.enter("check")
        self._say("checking")
        if self._manifest.env == "own":
            self._import(spec)
        self._canary = run_canary(
            wall,
            self._manifest,
            spec,
            self._folder / "canary",
            log_path=self._log_path,
            cancelled=self._stopped,
        )

    def _import(self, spec: GuestSpec) -> None:
        """The pack's modules and its backend import in the new environment."""
        modules = [
            *self._manifest.canary.get("imports", ()),
            f"dubwright_packs.{spec.folder.name}.backend",
        ]
        lines = ("import sys", "sys.path.insert(0, sys.argv[1])", *(f"import {m}" for m in modules))
        popen = subprocess.Popen(
            [spec.python, "-I", "-c", "\n".join(lines), GuestFolders(self._home).folder(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output = b""
            while popen.returncode is None:
                self._beat()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, _ = popen.communicate(timeout=0.25)
        finally:
            kill_tree(popen)
        if popen.returncode != 0:
            raise self._useless(output.decode("utf-8", "replace"))

    def _useless(self, detail: str) -> Problem:
        return Problem(
            "pack-check-failed",
            f"{self._manifest.id} was built but does not work, so it was not put in place.",
            again(self._manifest.id, "install again"),
            detail.strip()[-2000:],
        )

    # --- what was built --------------------------------------------------------------------------

    def _spec(self) -> GuestSpec:
        own = self._manifest.env == "own"
        return GuestSpec(
            self._manifest.id,
            self._manifest.folder,
            env_python(self._folder) if own else Path(sys.executable),
            self._folder / "models",
            self._folder.name,
            self._manifest.env,
        )

    def _record(self, wall_s: float) -> Record:
        plan, manifest = self._plan, self._manifest
        models = measure_models(self._folder / "models")
        config = _pyvenv(self._folder / "env" / "pyvenv.cfg")
        return Record(
            name=manifest.id,
            version=manifest.version,
            identity=identity(manifest.version, plan.lock_sha256, models),
            lock_sha256=plan.lock_sha256,
            lock=plan.lock.path.name if plan.lock else "",
            python=str(plan.interpreter.path) if plan.interpreter else config.get("home", ""),
            python_version=config.get("version_info", ""),
            distributions=_distributions(self._folder / "env"),
            models=models,
            download_bytes=plan.download_bytes,
            unpacked_bytes=plan.unpacked_bytes,
            disk_bytes=tree_bytes(self._folder),
            uv=self._uv.version(),
            wall_s=round(wall_s, 3),
            installed_at=round(time.time(), 3),
            canary=self._canary,
        )


def _pyvenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text("utf-8").splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _distributions(env: Path) -> dict[str, str]:
    found = {}
    inside = "Lib" if sys.platform == "win32" else "lib/python*"
    for folder in env.glob(f"{inside}/site-packages/*.dist-info"):
        project, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found[project.replace("_", "-").lower()] = version
    return dict(sorted(found.items()))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
