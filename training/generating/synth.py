"""MIDI made to sound by fluidsynth, with one of the allowed soundfonts."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.generating.midi import Event, written
from training.generating.shaping import F64, Rng
from training.store import RATE_HZ

FLUID = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
MUSESCORE = "/usr/share/sounds/sf3/MuseScore_General_Full.sf3"
NEEDS = ("fluidsynth", FLUID, MUSESCORE)


@dataclass(frozen=True)
class Hall:
    """Settings of fluidsynth's reverb and chorus."""

    size: float = 0.4
    damp: float = 0.3
    width: float = 10.0
    level: float = 0.3
    chorus: float = 0.3


def draw_hall(rng: Rng) -> Hall:
    """From dry to a cathedral; dry in a quarter of the cases."""
    dry = rng.random() < 0.25
    return Hall(
        float(rng.uniform(0.1, 0.95)),
        float(rng.uniform(0.0, 0.8)),
        float(rng.uniform(1, 60)),
        0.0 if dry else float(rng.uniform(0.1, 0.9)),
        0.0 if rng.random() < 0.5 else float(rng.uniform(0.2, 1.5)),
    )


def rendered(events: Sequence[Event], soundfont: str, hall: Hall) -> F64:
    """Stereo sound [n, 2]. Raises RuntimeError when fluidsynth does not do it."""
    options = {
        "synth.dynamic-sample-loading": "1",
        "synth.cpu-cores": "1",
        "synth.polyphony": "192",
        "synth.reverb.active": "1" if hall.level else "0",
        "synth.reverb.room-size": f"{hall.size:.3f}",
        "synth.reverb.damp": f"{hall.damp:.3f}",
        "synth.reverb.width": f"{hall.width:.2f}",
        "synth.reverb.level": f"{hall.level:.3f}",
        "synth.chorus.active": "1" if hall.chorus else "0",
        "synth.chorus.level": f"{hall.chorus:.3f}",
    }
    with tempfile.TemporaryDirectory() as folder:
        song, out = Path(folder, "song.mid"), Path(folder, "song.wav")
        song.write_bytes(written(events))
        command = ["fluidsynth", "-n", "-i", "-q", "-g", "0.25", "-r", str(RATE_HZ)]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        command += ["-T", "wav", "-F", str(out), soundfont, str(song)]
        ran = subprocess.run(command, capture_output=True, check=False, timeout=600)
        if ran.returncode or not out.exists():
            raise RuntimeError(f"fluidsynth did not play: {ran.stderr.decode()[-300:]}")
        with wave.open(str(out), "rb") as wav:
            raw = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return raw.reshape(-1, 2).astype(np.float64) / 32768
