"""The chain of jobs on one item with Spleeter as separator: ours, and the official package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.home import Home
from dubwright.media.wav import WavReader
from dubwright.packs.manifest import load_manifests
from tests.cli.program import Program
from tests.e2e.conftest import MakeProgram
from tests.e2e.films import Talk
from tests.e2e.looking import assert_whole, decode
from tests.e2e.mirror import OwnWeights, mirror
from tests.e2e.running import assert_nobody_left
from tests.e2e.test_odd_films import write_texts
from tests.media import clips
from tests.packs import spleeter_weights
from tests.packs.misbehaving import Misbehaving
from tests.patience import ENDS_S

F32 = npt.NDArray[np.float32]
GOLDEN = Path(__file__).resolve().parent.parent / "engines" / "golden"
OFFICIAL = "spleeter-tensorflow"
RATE_HZ = 44_100
STEP = 1 / 32768


def jobs(separator: str, **options: str) -> list[tuple[str, dict[str, Any]]]:
    """What the first users of such a chain run, in their order."""
    return [
        (f"separate_audio_{separator}", options),
        ("asr_local", {}),
        ("diarize_local_v1", {"speakers": "2"}),
        ("tts_preview_pyttsx3_v1", {"to": "es"}),
        ("mix_dub_preview_v1", {"to": "es", "separator": separator}),
        ("mux_dub_preview_v1", {"to": "es"}),
    ]


def sound_of(path: Path) -> F32:
    with WavReader(path) as reader:
        assert reader.rate_hz == RATE_HZ
        return reader.read(0, reader.frames)


def peak(sound: F32) -> float:
    return float(np.abs(sound).max(initial=0))


@dataclass(frozen=True)
class Made:
    """The files of an item, at the paths that others rely on."""

    folder: Path
    separation: str
    lines: int

    def stems(self) -> dict[str, F32]:
        folder = self.folder / "separation" / self.separation
        made = {path.name for path in folder.iterdir()}
        assert made == {"background.wav", "vocals.wav", "speech.wav", "vad.json"}
        return {name: sound_of(folder / f"{name}.wav") for name in ("vocals", "background")}

    def check(self, duration_s: float, adds_up: bool) -> None:
        stems, mix = self.stems(), sound_of(self.folder / "dub_preview" / "mix_dub_preview_v1.wav")
        working = sound_of(self.folder / "audio" / "working.wav")
        assert {len(one) for one in stems.values()} == {len(mix)} == {len(working)}
        assert len(mix) == pytest.approx(duration_s * RATE_HZ, abs=0.05 * RATE_HZ)
        for one in (*stems.values(), mix):
            assert peak(one) > 0.001
        for one in stems.values():
            assert peak(one - working) > 0.001  # something was separated
        if adds_up:
            assert peak(stems["vocals"] + stems["background"] - working) < STEP
        assert peak(mix - stems["background"]) > 0.01  # somebody speaks over it
        self._check_texts()
        film = decode(self.folder / "dub_preview" / "mux_dub_preview_v1.mp4")
        assert film.audio_s == pytest.approx(duration_s, abs=0.05)
        assert film.languages[0] == "spa"
        assert film.pictures

    def _check_texts(self) -> None:
        assert list((self.folder / "asr").glob("*.json"))
        turns = json.loads((self.folder / "diarize" / "diarization.json").read_text("utf-8"))
        assert turns["backend"]
        speech = self.folder / "tts_preview" / "pyttsx3_v1"
        manifest = json.loads((speech / "manifest.json").read_text("utf-8"))
        assert manifest["language"] == "es"
        assert len(manifest["segments"]) == self.lines
        for segment in manifest["segments"]:
            with WavReader(speech / segment["wav"]) as reader:
                assert reader.frames
                assert peak(reader.read(0, reader.frames)) > 0.001


def run_chain(
    program: Program,
    film: Path,
    tracks: Sequence[tuple[str, str]],
    wanted: Sequence[tuple[str, dict[str, Any]]],
) -> Path:
    """Run the jobs in one process; return the item's folder."""
    plan = program.home.parent / "plan.json"
    plan.write_text(json.dumps({"film": str(film), "tracks": tracks, "jobs": wanted}), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.chain", str(plan)],
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_S,
        env={
            **os.environ,
            "DUBWRIGHT_HOME": str(program.home),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    assert done.returncode == 0, done.stderr
    first, *others = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["job"], one["state"]) for one in others] == [(job, "done") for job, _ in wanted]
    assert all(Path(path).is_file() for one in others for path in one["artifacts"])
    assert_whole(program, first["item"])
    return program.home / "derived" / "items" / str(first["item"])


def test_our_engine(program: Program, tmp_path: Path) -> None:
    """Four seconds of tones, whose texts are given."""
    program.ok(
        "packs", "install", "spleeter", "--from", GOLDEN / "2stems", "--own-weights", "--yes"
    )
    film = clips.write_film(tmp_path / "film.mp4", clips.Film())
    texts = write_texts(tmp_path)
    tracks = [(texts["transcript"], "en"), (texts["translation"], "es")]
    folder = run_chain(program, film, tracks, jobs("spleeter"))
    Made(folder, "spleeter_2stems", 2).check(4.0, adds_up=True)


# --- the official package ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> OwnWeights:
    """As large as the published one, of random numbers."""
    folder = tmp_path_factory.mktemp("checkpoint")
    made = spleeter_weights.variables(2, spleeter_weights.OFFICIAL, seed=5)
    spleeter_weights.write(folder / "model", made)
    return OwnWeights.of({path.name: path.read_bytes() for path in folder.iterdir()})


@pytest.mark.slow
def test_the_official_package_and_ours_on_a_talk(
    make_program: MakeProgram,
    wheels: Path,
    short_talk: Talk,
    checkpoint: OwnWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Real speech, heard by the recogniser; both have the same weights, so the same stems."""
    program = make_program(tmp_path / "home")
    with Misbehaving() as served:
        install_official(program, served, wheels, checkpoint, tmp_path, monkeypatch)
    (tmp_path / "2stems.tar.gz").write_bytes(checkpoint.data)
    program.ok(
        "packs", "install", "spleeter", "--from", tmp_path / "2stems.tar.gz", "--own-weights",
        "--yes",
    )  # fmt: skip
    tracks = [(str(short_talk.translation), "es")]
    lines = short_talk.translation.read_text("utf-8").count("-->")
    folder = run_chain(program, short_talk.film, tracks, jobs(OFFICIAL))
    official = Made(folder, OFFICIAL, lines)
    official.check(short_talk.duration_s, adds_up=False)

    run_chain(program, short_talk.film, [], jobs("spleeter", extension="zeros"))
    ours = Made(folder, "spleeter_2stems", lines)
    ours.check(short_talk.duration_s, adds_up=False)
    for stem, sound in official.stems().items():
        # 16 bits each; what one rounds up and the other down may be in both stems.
        assert peak(sound - ours.stems()[stem]) < 1e-4 + 2 * STEP
    assert_nobody_left(program.home)


def install_official(
    program: Program,
    served: Misbehaving,
    wheels: Path,
    checkpoint: OwnWeights,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a server on this machine that has the real wheels and these weights."""
    mirror(served, wheels, Home.find(folder / "elsewhere"), [OFFICIAL])
    served.add("2stems.tar.gz", checkpoint.data)
    own = checkpoint.pack(
        load_manifests()[OFFICIAL].folder,
        folder / "spleeter_tensorflow",
        served.file_url("2stems.tar.gz"),
    )
    # Its canary is another test's: without one, it installs in half the time.
    text = (own / "pack.toml").read_text("utf-8")
    text, count = re.subn(r"\[canary\.ask\]\n(.+\n)+", "", text)
    assert count == 1
    (own / "pack.toml").write_text(text, "utf-8")
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", served.url)
    monkeypatch.setenv("DUBWRIGHT_PACKS", str(own))
    program.ok("packs", "install", OFFICIAL, "--yes")
