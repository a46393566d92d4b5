"""Run by sherpa-onnx's Python: ``sherpa.py MODELS WAV FOLDER THREADS`` separates one file.

What its own example does, with the wave files read and written by the standard library and numpy.
"""

from __future__ import annotations

import importlib
import sys
import wave
from pathlib import Path
from typing import Any


def main(models: str, wav: str, folder: str, threads: str) -> None:
    import numpy as np

    sherpa_onnx: Any = importlib.import_module("sherpa_onnx")

    config = sherpa_onnx.OfflineSourceSeparationConfig(
        model=sherpa_onnx.OfflineSourceSeparationModelConfig(
            spleeter=sherpa_onnx.OfflineSourceSeparationSpleeterModelConfig(
                vocals=f"{models}/vocals.onnx", accompaniment=f"{models}/accompaniment.onnx"
            ),
            num_threads=int(threads),
            provider="cpu",
        )
    )
    separation = sherpa_onnx.OfflineSourceSeparation(config)
    with wave.open(wav) as source:
        rate, raw = source.getframerate(), source.readframes(source.getnframes())
    samples = np.frombuffer(raw, "<i2").reshape(-1, 2).T.astype(np.float32) / 32768
    found = separation.process(sample_rate=rate, samples=np.ascontiguousarray(samples))
    for stem, data in zip(("vocals", "accompaniment"), found.stems):  # noqa: B905  # its own Python
        whole = np.clip(np.rint(np.transpose(data.data) * 32768), -32768, 32767).astype("<i2")
        with wave.open(str(Path(folder) / f"{stem}.wav"), "wb") as sink:
            sink.setnchannels(2)
            sink.setsampwidth(2)
            sink.setframerate(rate)
            sink.writeframes(whole.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
