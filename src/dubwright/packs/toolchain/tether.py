"""A program that ends when its starter does, however that ended: its group is killed when stdin ends.

An installer that is killed cannot stop its uv, and one that goes on downloading would fill folders
that the next installer cleans.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# The shell becomes the program: same process, same group. What it leaves beside it waits for the end
# of the pipe, which nobody else may hold, and must not keep the program's own pipes open. A shell
# starts in a millisecond, where a Python takes longer than uv does for some of its commands.
_WATCH = (
    "exec 3<&0 </dev/null; "
    "{ read -r nothing <&3; kill -KILL 0; } >/dev/null 2>&1 & "
    'exec 3<&-; exec "$@"'
)


def tied(command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` (the program by full path) tied to its stdin.

    To be started with a pipe as stdin and as the leader of a group. On Windows it stays as it is.
    """
    if sys.platform == "win32":
        return list(command)
    return ["/bin/sh", "-c", _WATCH, "sh", *command]
