"""What is known of the canary: every line lasts as its words do, and is heard."""

from __future__ import annotations

import wave
from array import array

from dubwright_kit.contracts import SpeakAsk, SpeakDone

SECONDS_A_WORD = (0.12, 1.0)
LOUD = 3000
"""A sample of 32767 that speech passes; noise and silence do not."""


def check(ask: SpeakAsk, done: SpeakDone) -> None:
    """Raise ValueError unless every line is a file that sounds, of a sane length, word by word."""
    if [line.index for line in done.lines] != [line.index for line in ask.lines]:
        raise ValueError(f"{len(done.lines)} of {len(ask.lines)} lines came back.")
    for asked, line in zip(ask.lines, done.lines):
        words = len(asked.text.split())
        with wave.open(line.wav, "rb") as file:
            seconds = file.getnframes() / file.getframerate()
            samples = array("h", file.readframes(file.getnframes()))
        fewest, most = SECONDS_A_WORD
        if not fewest * words <= seconds <= most * words or abs(seconds - line.duration_s) > 0.01:
            raise ValueError(f'"{asked.text}" became {seconds:.2f} s of sound.')
        if max(map(abs, samples), default=0) < LOUD:
            raise ValueError(f'"{asked.text}" became silence.')
        starts = list(line.word_starts_s)
        # eSpeak NG runs some short words together ("on the"): those begin as one.
        some = len(set(starts)) > words / 2
        if len(starts) != words or not some or starts != sorted(starts) or starts[-1] > seconds:
            raise ValueError(f'The words of "{asked.text}" begin at {starts}.')
