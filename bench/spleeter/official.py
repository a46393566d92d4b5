"""Run by the official environment's Python: ``official.py MODELS WAV FOLDER`` separates one file.

What a person gets from the package in one process: start, read, separate, write 16-bit stems. Without
its Pool, which is only there to write, and with the standard library's wave files: its own reader starts
two programs for each.
"""

from __future__ import annotations

import os
import sys
import wave
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"


def main(models: str, wav: str, folder: str) -> None:
    import numpy as np

    os.environ["MODEL_PATH"] = models
    from spleeter.separator import Separator

    separator = Separator("spleeter:2stems", multiprocess=False)
    with wave.open(wav) as source:
        rate, raw = source.getframerate(), source.readframes(source.getnframes())
    sound = np.frombuffer(raw, "<i2").reshape(-1, 2).astype(np.float32) / 32768
    for stem, data in separator.separate(sound, "").items():
        whole = np.clip(np.rint(data * 32768), -32768, 32767).astype("<i2")
        with wave.open(str(Path(folder) / f"{stem}.wav"), "wb") as sink:
            sink.setnchannels(2)
            sink.setsampwidth(2)
            sink.setframerate(rate)
            sink.writeframes(whole.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
