"""First file of every guest process; the host copies it to ``<guest folder>/__main__.py``."""

from __future__ import annotations

import os
import sys

_ROOM_BYTES = 64_000_000
if hasattr(os, "statvfs"):  # before anything of ours is imported
    _disk = os.statvfs(__file__)
    # Python may leave half a file of byte code where a disk fills up, and then stumbles on it.
    if _disk.f_bavail * _disk.f_frsize < _ROOM_BYTES:
        sys.dont_write_bytecode = True

from dubwright_kit.serve import main  # noqa: E402  # see above

if __name__ == "__main__":
    main(sys.argv[1:])
