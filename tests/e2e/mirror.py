"""The real wheels of packs, fetched once and kept between runs, for a server on this machine; and
weights in the place of those whose publisher cannot be asked by a test."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.fetch.fetcher import Fetcher, Wanted
from dubwright.packs.fetch.index import Index, Sought
from dubwright.packs.fetch.opening import connections_of
from dubwright.packs.fetch.store import Store
from dubwright.packs.planning.plan import PlanFile
from dubwright.packs.toolchain.interpreter import find_uv
from dubwright_kit import NextAction, Problem
from tests.packs import spleeter_weights
from tests.packs.misbehaving import Misbehaving

_UNREACHED = frozenset(
    {
        "pack-no-network", "pack-no-index", "pack-index-down", "pack-index-refused", "pack-tls",
        "pack-proxy", "pack-not-on-index",
    }
)  # fmt: skip


def mirror(served: Misbehaving, cache: Path, home: Home, names: Sequence[str]) -> None:
    """Let ``served`` have every wheel that the packs ``names`` are locked to on this machine.

    They come from the index that this machine uses; skips the test where it cannot be reached.
    """
    store = Store(cache)
    files = {
        one.sha256: one
        for plan in Packs(home).plan(names)
        for one in plan.files
        if one.project and not one.url
    }
    missing = [one for one in files.values() if store.find(one.sha256, one.name) is None]
    if missing:
        try:
            _fetch(store, home, missing)
        except Problem as problem:
            if problem.code in _UNREACHED:
                pytest.skip(f"the wheels cannot be fetched here: {problem.message}")
            raise
    for one in files.values():
        path = store.find(one.sha256, one.name)
        assert path is not None, one
        assert served.add(one.name, path.read_bytes()) == one.sha256


def _fetch(store: Store, home: Home, files: Sequence[PlanFile]) -> None:
    def again(label: str) -> NextAction:
        return NextAction(label, "packs", {})

    connections = connections_of(find_uv(home), again)
    found = Index(connections, again).locate(
        [Sought(one.project, one.sha256, one.name) for one in files]
    )
    if found.missing:
        raise Problem("pack-not-on-index", f"The index has no {found.missing[0].name}.")
    wanted = [Wanted(one.name, found.urls[one.sha256], one.sha256, one.size_bytes) for one in files]
    Fetcher(store, connections, again).fetch(wanted, lambda state: None)


@dataclass(frozen=True)
class OwnWeights:
    """An archive as a pack of Spleeter wants it, with other content."""

    data: bytes
    members: dict[str, bytes]

    @classmethod
    def of(cls, checkpoint: Mapping[str, bytes]) -> OwnWeights:
        """With the files that the official archive has beside ``checkpoint``."""
        members = {
            "checkpoint": b'model_checkpoint_path: "model"\n',
            "model.meta": hashlib.shake_128(b"meta").digest(800_000),
            **checkpoint,
        }
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return cls(out.getvalue(), members)

    @classmethod
    def make(cls, folder: Path) -> OwnWeights:
        """A network a quarter as large as the official one (20 MB), always the same."""
        filters = tuple(one // 2 for one in spleeter_weights.OFFICIAL)
        spleeter_weights.write(folder / "model", spleeter_weights.variables(2, filters))
        return cls.of({path.name: path.read_bytes() for path in sorted(folder.iterdir())})

    def pack(self, shipped: Path, folder: Path, url: str) -> Path:
        """Copy the shipped pack to ``folder``, its weights being these, at ``url``."""
        shutil.copytree(shipped, folder)
        path = folder / "pack.toml"
        text = path.read_text("utf-8")
        values = {
            "url": f'"{url}"',
            "sha256": f'"{hashlib.sha256(self.data).hexdigest()}"',
            "size_bytes": str(len(self.data)),
            "unpacked_bytes": str(sum(map(len, self.members.values()))),
        }
        if "\ndisk_bytes = " in text:  # of what they are converted to
            values["disk_bytes"] = str(len(self.members["model.data-00000-of-00001"]))
        for key, value in values.items():
            text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
            assert count == 1, (key, count)
        for name, content in self.members.items():
            line = rf'^("?{re.escape(name)}"?) = "[0-9a-f]{{64}}"$'
            digest = hashlib.sha256(content).hexdigest()
            text, count = re.subn(line, rf'\g<1> = "{digest}"', text, flags=re.MULTILINE)
            assert count == 1, (name, count)
        path.write_text(text, "utf-8")
        return folder
