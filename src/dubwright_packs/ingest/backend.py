"""Read a film's sound once: the working file, its 16 kHz twin, and where somebody speaks."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.engines.vad import CHUNK, StreamingVad, speech_spans
from dubwright.engines.voicing import level_db
from dubwright.media.decode import FilmSound
from dubwright.media.resample import StreamResampler
from dubwright.media.storage import writing_to
from dubwright.media.wav import WavWriter
from dubwright_kit import Report
from dubwright_kit.contracts import IngestAsk, IngestDone
from dubwright_packs.ingest.canary import check, compose

__all__ = ["check", "compose", "run"]

RATE_HZ = 44100
SPEECH_RATE_HZ = 16000


def run(ask: IngestAsk, report: Report) -> IngestDone:
    """Decode, resample and detect speech in one pass at constant memory.

    Without ``ask.speech_wav`` only the working file is written, and ``speech_s`` is 0; without
    ``ask.working_wav`` only the speech file and where somebody speaks.

    Raises the Problems of :class:`dubwright.media.decode.FilmSound` and ``disk-full``.
    """
    film = FilmSound(Path(ask.source), ask.audio_stream, ask.duration_s, RATE_HZ)
    with writing_to(Path(ask.working_wav or ask.speech_wav).parent):
        with contextlib.ExitStack() as files:
            working = None
            if ask.working_wav:
                working = files.enter_context(WavWriter(ask.working_wav, RATE_HZ, 2, "float32"))
            speech = SpeechFile(Path(ask.speech_wav), film.frames) if ask.speech_wav else None
            if speech is not None:
                files.enter_context(speech.wav)
            done = 0
            for block in film.blocks():
                if working is not None:
                    working.write(block)
                if speech is not None:
                    speech.push(block)
                done += len(block)
                report(done / RATE_HZ, film.frames / RATE_HZ, "reading the sound")
            if speech is not None:
                speech.finish()
        speech_s = speech.write_vad(Path(ask.vad_json)) if speech is not None else 0.0
    return IngestDone(film.frames, RATE_HZ, 2, speech_s, film.note)


class SpeechFile:
    """The mono 16 kHz file, which lasts as long as the working file, and its speech probabilities."""

    def __init__(self, path: Path, working_frames: int) -> None:
        self.frames = max(1, round(working_frames * SPEECH_RATE_HZ / RATE_HZ))
        self.wav = WavWriter(path, SPEECH_RATE_HZ, 1)
        self._resampler = StreamResampler(RATE_HZ, SPEECH_RATE_HZ, 1)
        self._vad = StreamingVad()
        self._levels: list[npt.NDArray[np.float32]] = []
        self._rest = np.zeros(0, np.float32)

    def push(self, stereo: npt.NDArray[np.float32]) -> None:
        """Take float32 ``[n, 2]`` at the working rate."""
        self._write(self._resampler.push(stereo.mean(axis=1, keepdims=True)))

    def finish(self) -> None:
        """Write the resampler's rest and bring the file to its exact length."""
        self._write(self._resampler.flush())
        missing = self.frames - self.wav.frames
        self._write(np.zeros((max(0, missing), 1), np.float32))

    def _write(self, mono: npt.NDArray[np.float32]) -> None:
        mono = np.clip(mono[: self.frames - self.wav.frames], -1, 1)
        self.wav.write(mono)
        self._vad.push(mono[:, 0])
        self._measure(mono[:, 0])

    def _measure(self, mono: npt.NDArray[np.float32]) -> None:
        """Level of each frame of the detector."""
        samples = np.concatenate([self._rest, mono])
        whole = len(samples) // CHUNK * CHUNK
        self._rest = samples[whole:]
        self._levels.append(level_db(samples[:whole].reshape(-1, CHUNK)))

    def write_vad(self, path: Path) -> float:
        """Write probabilities, levels and spans; return how many seconds are speech."""
        if len(self._rest):
            self._measure(np.zeros(CHUNK - len(self._rest), np.float32))
        frame_s, p = self._vad.result()
        end_s = self.frames / SPEECH_RATE_HZ
        spans = [
            (round(start, 3), round(min(end, end_s), 3))
            for start, end in speech_spans(p, frame_s)
            if start < end_s
        ]
        found = {
            "frame_s": frame_s,
            "p": np.round(p.astype(np.float64), 4).tolist(),
            "level_db": np.round(np.concatenate(self._levels).astype(np.float64), 1).tolist(),
            "spans": spans,
        }
        path.write_text(json.dumps(found), "utf-8")
        return float(sum(end - start for start, end in spans))
