"""The public paths of an item's derived files, the keys of artifacts, and scratch folders."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.home import Home
from dubwright_kit import is_disk_full
from dubwright_kit.codec import to_json

from .disk import disk_problem

__all__ = [
    "ItemFiles",
    "cache_key",
    "clean_scratch",
    "disk_problem",
    "is_disk_full",
    "scratch_folder",
]

ABANDONED_AFTER_S = 24 * 3600.0
"""A scratch folder without a lock of ours is left alone this long after its last change."""

_SEPARATION_FOLDERS = {
    "spleeter": "spleeter_2stems",
    "spleeter-4stems": "spleeter_4stems",
    "spleeter-5stems": "spleeter_5stems",
}


@dataclass(frozen=True)
class ItemFiles:
    """Where an item's derived files lie. These paths are a public contract."""

    home: Home
    item_id: str

    @property
    def root(self) -> Path:
        return self.home.item(self.item_id)

    @property
    def audio(self) -> Path:
        """Working files: what later stages read instead of the film."""
        return self.root / "audio"

    @property
    def working_wav(self) -> Path:
        """44.1 kHz stereo float32, aligned to the picture."""
        return self.audio / "working.wav"

    @property
    def speech_wav(self) -> Path:
        """16 kHz mono 16 bit of the same length."""
        return self.audio / "speech.wav"

    @property
    def vad_json(self) -> Path:
        """Where somebody speaks."""
        return self.audio / "vad.json"

    def separation(self, backend: str) -> Path:
        """The folder of the stems of one pack, ``<stem>.wav`` each."""
        return self.root / "separation" / _SEPARATION_FOLDERS.get(backend, backend)

    @property
    def asr(self) -> Path:
        """Transcripts and translations as json, srt, vtt."""
        return self.root / "asr"

    @property
    def diarization_json(self) -> Path:
        return self.root / "diarize" / "diarization.json"

    def speech(self, backend: str = "pyttsx3_v1") -> Path:
        """The folder of the spoken lines."""
        return self.root / "tts_preview" / backend

    def manifest_json(self, backend: str = "pyttsx3_v1") -> Path:
        return self.speech(backend) / "manifest.json"

    @property
    def dub_preview(self) -> Path:
        return self.root / "dub_preview"

    @property
    def mix_wav(self) -> Path:
        return self.dub_preview / "mix_dub_preview_v1.wav"

    def film(self, suffix: str = ".mp4") -> Path:
        """The dubbed film; ``suffix`` with its dot."""
        return self.dub_preview / f"mux_dub_preview_v1{suffix}"


def cache_key(**parts: Any) -> str:
    """Return the SHA-256 (hex) of ``parts`` as canonical JSON.

    Dataclasses, mappings, sequences and JSON values; anything else (a path: it says where, not
    what) raises ``TypeError``, NaN ``ValueError``.
    """
    canonical = json.dumps(
        to_json(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def scratch_folder(home: Home, label: str) -> Iterator[Path]:
    """A new folder for half-made files, deleted at the end. Raises ``disk-full``, ``not-writable``.

    It lies on the disk of the derived files, so that adopting is a rename. A lock beside it tells
    :func:`clean_scratch` that somebody is at work.
    """
    from filelock import FileLock

    folder = home.scratch / f"{label}-{uuid.uuid4().hex[:12]}"
    lock = FileLock(_lock_path(folder))
    try:
        home.scratch.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        folder.mkdir()
    except OSError as error:
        lock.release()
        raise disk_problem(error, home.scratch) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        _lock_path(folder).unlink(missing_ok=True)


def clean_scratch(home: Home) -> int:
    """Delete scratch folders that nobody works in any more; returns how many.

    Safe while others work: their locks are held. Folders without a lock file go a day after their
    last change.
    """
    from filelock import FileLock, Timeout

    if not home.scratch.is_dir():
        return 0
    cleaned = 0
    for folder in [path for path in home.scratch.iterdir() if path.is_dir()]:
        lock_path = _lock_path(folder)
        if not lock_path.exists():
            try:
                age_s = time.time() - folder.stat().st_mtime
            except OSError:
                continue  # its owner just deleted it
            if age_s > ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)
                cleaned += 1
            continue
        try:
            with FileLock(lock_path, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
        lock_path.unlink(missing_ok=True)
        cleaned += 1
    return cleaned


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
