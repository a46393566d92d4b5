"""The volume that a folder lies on: room, what it can hold, who else looks at it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_NETWORK = frozenset(
    {
        "nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "ncpfs",
        "9p", "fuse.sshfs", "fuse.davfs2", "fuse.rclone", "fuse.glusterfs", "glusterfs", "ceph", "lustre",
    }
)  # fmt: skip
_DRIVE_REMOTE = 4  # GetDriveTypeW
# A folder of the path begins with one of these, or is one that a service marks with a file.
_SYNCED = {
    "onedrive": "OneDrive",
    "dropbox": "Dropbox",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "icloud drive": "iCloud Drive",
    "iclouddrive": "iCloud Drive",
    "com~apple~clouddocs": "iCloud Drive",
    "mobile documents": "iCloud Drive",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "pcloud": "pCloud",
    "box sync": "Box",
    "syncthing": "Syncthing",
}
_MARKERS = {
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".stfolder": "Syncthing",
    ".owncloudsync.log": "ownCloud",
    ".nextcloudsync.log": "Nextcloud",
}


@dataclass(frozen=True)
class Volume:
    """``device`` tells volumes apart. ``refusal`` says why nothing can be written, else it is empty."""

    device: int = 0
    free_bytes: int = 0
    filesystem: str = ""
    """ "ext4", "nfs4"; empty = unknown."""
    network: bool = False
    synced: str = ""
    """The service that copies the folder elsewhere ("OneDrive"), else empty."""
    no_exec: bool = False
    refusal: str = ""
    hard_links: bool = True
    links: bool = True
    """Symbolic ones; an environment is made of them, except on Windows."""
    tells_case: bool = True
    """False where "a" and "A" are one file."""


def volume_of(folder: Path) -> Volume:
    """Look at the volume of ``folder``, or of what of its path exists. Tries out small files there."""
    place = existing(folder)
    try:
        device, free = place.stat().st_dev, shutil.disk_usage(place).free
    except OSError as error:
        return Volume(refusal=error.strerror or str(error))
    filesystem, options = _mount(place)
    tried = _try_out(place)
    return Volume(
        device=device,
        free_bytes=free,
        filesystem=filesystem,
        network=filesystem.lower() in _NETWORK or _remote_drive(place),
        synced=synced_by(folder),
        no_exec="noexec" in options,
        refusal=tried.refusal,
        hard_links=tried.hard_links,
        links=tried.links,
        tells_case=tried.tells_case,
    )


def existing(path: Path) -> Path:
    """``path`` or the closest folder above it that there is."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def synced_by(folder: Path) -> str:
    """The service that keeps ``folder`` in a cloud or on other machines, as far as names and marks tell."""
    home = Path.home()
    for one in (folder, *folder.parents):
        name = one.name.lower()
        if one.parent.name == "CloudStorage" and one.parent.parent.name == "Library":
            return _known(name) or one.name.partition("-")[0]
        found = _known(name)
        if found:
            return found
        for marker, service in _MARKERS.items():
            with contextlib.suppress(OSError):
                if one not in (one.parent, home) and (one / marker).exists():
                    return service
    return ""


def _known(name: str) -> str:
    for start, service in _SYNCED.items():
        # "OneDrive - Company" and "Dropbox (Personal)", but not "dropbox-tools".
        if name == start or name.startswith((f"{start} ", f"{start}(")):
            return service
    return ""


def _mount(place: Path) -> tuple[str, frozenset[str]]:
    """Kind and options of the file system that ``place`` is on."""
    import psutil  # here: listing packs must not pay for it

    best, found = -1, ("", frozenset[str]())
    real = os.path.realpath(place)
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return found
    for one in mounts:
        mount = one.mountpoint
        inside = real == mount or real.startswith(mount.rstrip("/\\") + os.sep)
        if inside and len(mount) >= best:  # the last of equal ones lies on top
            best, found = len(mount), (one.fstype, frozenset(one.opts.split(",")))
    return found


def _remote_drive(place: Path) -> bool:
    if sys.platform != "win32":
        return False
    drive = os.path.splitdrive(os.path.realpath(place))[0]
    if drive.startswith("\\\\"):
        return True
    return bool(ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == _DRIVE_REMOTE)


def _try_out(place: Path) -> Volume:
    """What small files in ``place`` show; everything is removed again."""
    name = f".dubwright-try-{secrets.token_hex(4)}-a"
    first, second = place / name, place / f"{name}-link"
    hard, soft, tells_case = True, True, True
    try:
        first.touch(exist_ok=False)
    except OSError as error:
        return Volume(refusal=error.strerror or str(error))
    try:
        tells_case = not (place / name.upper()).exists()
        try:
            os.link(first, second)
            second.unlink()
        except OSError:
            hard = False
        if sys.platform != "win32":
            try:
                second.symlink_to(first)
                second.unlink()
            except OSError:
                soft = False
    finally:
        for path in (first, second):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return Volume(hard_links=hard, links=soft, tells_case=tells_case)
