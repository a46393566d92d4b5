"""From the stems in scratch to the files that were asked for: complete, or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dubwright.home import Home
from dubwright.library.adoption import sync_file, sync_folder
from dubwright.media.soundfile import SoundFormat, write_sound
from dubwright.studio.stems.record import RECORD, StemFile, StemsRecord, read_record, write_record
from dubwright_kit import NextAction, Problem, Report

_PART = ".dubwright-{}.part"
_NEW_RECORD = _PART.format("stems")


def place(
    made: Mapping[str, Path],
    folder: Path,
    form: SoundFormat,
    channels: int,
    record: StemsRecord | None,
    report: Report,
) -> Mapping[str, Path]:
    """Write the stems ``made`` (16-bit WAV by name, deleted here) into ``folder`` and return the files.

    All are written aside, on the disk of ``folder``, and the record that they are complete too; then
    there is nothing left to do but to rename, which takes no room, the record last. Raises OSError.
    """
    finals = {stem: folder / f"{stem}.{form}" for stem in made}
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    parts = {stem: folder / _PART.format(final.name) for stem, final in finals.items()}
    try:
        for number, (stem, wav) in enumerate(made.items()):
            label = f"writing {finals[stem].name}"
            _write(wav, parts[stem], form, channels, _share(report, number, len(made), label))
            sync_file(parts[stem])
        if record is not None:
            sizes = {stem: part.stat().st_size for stem, part in parts.items()}
            files = {stem: StemFile(finals[stem].name, size) for stem, size in sizes.items()}
            write_record(folder, replace(record, files=files, complete=True), _NEW_RECORD)
            write_record(folder, record)  # not complete while names change
        for stem, part in parts.items():
            part.replace(finals[stem])
        if record is not None:
            (folder / _NEW_RECORD).replace(folder / RECORD)
        sync_folder(folder)
    finally:
        for left in (*parts.values(), folder / _NEW_RECORD):
            with contextlib.suppress(OSError):  # what is being raised says more
                left.unlink(missing_ok=True)
        if is_new:
            _tidy(folder)
    return finals


def _tidy(folder: Path) -> None:
    """Take a new folder away again when there are no stems in it after all."""
    record = read_record(folder)
    with contextlib.suppress(OSError):
        if record is not None and not record.complete and len(list(folder.iterdir())) == 1:
            (folder / RECORD).unlink()
        folder.rmdir()  # refuses when anything is there


def clear_parts(folder: Path) -> None:
    """Delete what a killed run left half-written in ``folder``."""
    for left in folder.glob(_PART.format("*")):
        with contextlib.suppress(OSError):  # it is overwritten, or in nobody's way
            left.unlink()


def _write(wav: Path, part: Path, form: SoundFormat, channels: int, report: Report) -> None:
    if form == "wav" and channels > 1:
        report(0, 1)
        shutil.move(wav, part)
        report(1, 1)
        return
    write_sound(wav, part, form, channels, report)
    wav.unlink()  # room for the next one


def _share(report: Report, number: int, of: int, label: str) -> Report:
    def part(done: float, total: float | None = None, note: str = "") -> None:
        report(number + (done / total if total else 0.0), of, label)

    return part


@contextmanager
def alone_in(home: Home, out: Path, again: NextAction) -> Iterator[None]:
    """Only one run of a data folder writes into ``out`` at a time. Raises Problem ``out-busy``."""
    from filelock import FileLock, Timeout

    name = hashlib.sha256(os.path.realpath(out).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    lock = FileLock(home.cache / f"separate-{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Problem(
            "out-busy",
            f"Another dubwright separate is writing into {out}.",
            replace(again, label="wait until it is done, then go on"),
        ) from error
    try:
        yield
    finally:
        lock.release()
