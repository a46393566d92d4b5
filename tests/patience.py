"""How long tests wait: for a machine on which much else runs, ten times slower than it could be."""

from __future__ import annotations

STOPPED_S = 10.0
"""What is told to stop is promised to be gone within 2 s; a starved machine gets five times that. What
does not stop at all goes on for half a minute and more in these tests."""

COMES_S = 60.0
"""For what comes within a second or two: nobody waits so long unless it never comes."""

ENDS_S = 1200.0
"""For a whole program, an install or a dub: only one that hangs takes so long."""
