"""What of a package becomes a source of the store."""

from __future__ import annotations

from dataclasses import dataclass

from training.store import Kind, Split


@dataclass(frozen=True)
class Recordings:
    """A set of files of one Debian package that become one source of the store."""

    name: str
    package: str
    kind: Kind
    files: tuple[str, ...]
    """Patterns of paths in the package."""
    leave_out: tuple[str, ...] = ()
    split: Split = "train"
    roots: tuple[tuple[str, str], ...] = ()
    """(installed folder, where that lies in the upstream source), as the copyright file speaks of the
    source; the first that fits counts. None are needed where that file has one licence for all."""
    stated: str = ""
    """The licence of all of it, read by a person in a copyright file that no machine can read."""
    holders: str = ""
    """Whose works they are, where the same holds for that."""
    speaker: str = ""
    """Who speaks, or a pattern whose groups give that from the path."""
    language: str = ""


AUDIO_0AD = "usr/share/games/0ad/mods/public/public.zip!/audio"
SUPERTUXKART = (("usr/share/games/supertuxkart/", ""),)
UFOAI = (
    ("usr/share/games/ufoai/base/0music.pk3!/", "base/"),
    ("usr/share/games/ufoai/base/0snd.pk3!/", "base/"),
)
HYPERROGUE = (("usr/share/hyperrogue/", ""),)
REDECLIPSE = (("usr/share/games/redeclipse/", ""),)
ROOTS_0AD = (("usr/share/games/0ad/", "binaries/data/"),)
ROOTS_FLARE = (("usr/share/games/flare/", ""),)
FLARE = "usr/share/games/flare/mods/fantasycore"


def of_0ad(name: str, kind: Kind, *files: str, out: tuple[str, ...] = ()) -> Recordings:
    return Recordings(
        f"0ad-{name}" if name else "0ad",
        "0ad-data",
        kind,
        tuple(f"{AUDIO_0AD}/{f}" for f in files),
        out,
        roots=ROOTS_0AD,
    )
