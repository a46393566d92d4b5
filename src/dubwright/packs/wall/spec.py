"""What the wall needs to start a guest of a pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GuestSpec:
    """A pack that can be called now.

    ``folder`` holds ``backend.py``; ``python`` is the interpreter to start, by full path; ``models``
    the pack's weights (an empty or absent folder where it has none); ``version`` the pack's identity.
    """

    pack_id: str
    folder: Path
    python: Path
    models: Path
    version: str
    env: str = "own"
    """ "host": the guest may also import dubwright.engines, dubwright.media and modules of other packs."""
