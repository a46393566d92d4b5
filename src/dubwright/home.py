"""Every directory and every environment variable of the program, in one dataclass."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dubwright_kit import NextAction, Problem

HOME_VARIABLE = "DUBWRIGHT_HOME"
UV_VARIABLE = "DUBWRIGHT_UV"
DATABASE_VARIABLE = "DUBWRIGHT_JOBS_DATABASE"
PACKS_VARIABLE = "DUBWRIGHT_PACKS"


@dataclass(frozen=True)
class Home:
    """Where everything lies. Nothing else in the program spells a directory.

    ``root`` is the data folder; ``uv_program`` the uv to use (None: found beside the interpreter
    or on PATH); ``jobs_database_url`` a PostgreSQL URL for the job engine's own tables (None: SQLite);
    ``pack_folders`` are packs beside those that are shipped ($DUBWRIGHT_PACKS, folders separated as
    in PATH), for who writes one.
    """

    root: Path
    uv_program: str | None = None
    jobs_database_url: str | None = None
    pack_folders: tuple[Path, ...] = ()

    @classmethod
    def find(cls, chosen: Path | str | None = None, env: Mapping[str, str] | None = None) -> Home:
        """Return the home: ``chosen``, else $DUBWRIGHT_HOME, else the platform's user data folder."""
        env = os.environ if env is None else env
        root = str(chosen) if chosen else env.get(HOME_VARIABLE, "")
        if not root:
            import platformdirs  # only here: the import costs time that `--help` must not pay

            root = platformdirs.user_data_dir("dubwright", appauthor=False)
        return cls(
            Path(root).expanduser().absolute(),
            env.get(UV_VARIABLE) or None,
            env.get(DATABASE_VARIABLE) or None,
            tuple(
                Path(folder).expanduser().absolute()
                for folder in env.get(PACKS_VARIABLE, "").split(os.pathsep)
                if folder
            ),
        )

    @property
    def database(self) -> Path:
        """Our SQLite file: items, tracks, jobs, events."""
        return self.root / "db" / "dubwright.sqlite"

    @property
    def engine_database(self) -> Path:
        """The job engine's own SQLite file."""
        return self.root / "db" / "jobs.sqlite"

    @property
    def worker_lock(self) -> Path:
        """Locked by the one worker of this home."""
        return self.root / "db" / "worker.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def guests(self) -> Path:
        """Content-addressed folders from which guest processes start."""
        return self.cache / "guests"

    @property
    def canaries(self) -> Path:
        """What the tests of the host's own packs took on this machine, one file a pack."""
        return self.cache / "canaries"

    @property
    def downloads(self) -> Path:
        """Verified files of packs by their sha256, and parts of those that are on their way."""
        return self.cache / "downloads"

    @property
    def uv_cache(self) -> Path:
        """uv's cache: beside the packs, so that environments are hard links into it."""
        return self.cache / "uv"

    @property
    def download_rate(self) -> Path:
        """How fast the last download of packs was."""
        return self.cache / "rate.json"

    @property
    def scratch(self) -> Path:
        """Half-made files; on the same filesystem as ``derived`` so that adoption is a rename."""
        return self.root / "derived" / ".scratch"

    @property
    def derived(self) -> Path:
        return self.root / "derived"

    @property
    def packs(self) -> Path:
        return self.root / "packs"

    @property
    def pack_logs(self) -> Path:
        return self.packs / "logs"

    @property
    def pack_settings(self) -> Path:
        """What a person has chosen for packs (the Python of one, hashes pinned on first use)."""
        return self.packs / "settings.json"

    @property
    def pythons(self) -> Path:
        """Pythons that were installed for packs; environments refer to them by full path."""
        return self.packs / "python-toolchain" / "pythons"

    def pack(self, name: str) -> Path:
        return self.packs / name

    def item(self, item_id: str) -> Path:
        """The item's derived folder; the layout inside is ``library.artifacts``."""
        return self.derived / "items" / item_id

    def job(self, job_id: str) -> Path:
        return self.root / "jobs" / job_id

    def prepare(self) -> Home:
        """Create the folders. Raises Problem ``home-not-writable``."""
        try:
            for folder in (self.database.parent, self.logs, self.cache, self.scratch, self.packs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(
                "home-not-writable",
                f"The data folder {self.root} cannot be written: {error.strerror or error}.",
                NextAction("choose another data folder", "items", {"home": "FOLDER"}),
            ) from error
        return self
