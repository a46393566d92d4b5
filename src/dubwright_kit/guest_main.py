"""First file of every guest process; the host copies it to ``<guest folder>/__main__.py``."""

from __future__ import annotations

import sys

from dubwright_kit.serve import main

if __name__ == "__main__":
    main(sys.argv[1:])
