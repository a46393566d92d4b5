"""What is known of the canary: a sentence and when each of its words begins."""

from __future__ import annotations

import json
from pathlib import Path

from dubwright_kit.contracts import TranscribeAsk, TranscribeDone

TOLERANCE_S = 0.3


def check(ask: TranscribeAsk, done: TranscribeDone) -> None:
    """Raise ValueError unless every word was found, in order, where it was spoken."""
    truth = json.loads(Path(ask.wav).with_suffix(".json").read_text("utf-8"))
    spoken = [word["text"] for word in truth["words"]]
    heard = [word.text for word in done.words]
    if heard != spoken:
        raise ValueError("The words that came back are {!r}.".format(" ".join(heard)))
    before = 0.0
    for word, known in zip(done.words, truth["words"]):
        if not before <= word.start_s <= word.end_s <= truth["duration_s"] + 0.01:
            raise ValueError(
                'The word "{}" is at {:.2f} to {:.2f} s, outside the clip or before the word '
                "ahead of it.".format(word.text, word.start_s, word.end_s)
            )
        off_s = abs(word.start_s - known["start_s"])
        if not word.p or off_s > TOLERANCE_S:
            raise ValueError(
                'The word "{}" begins at {:.2f} s and was found {:.2f} s away from it.'.format(
                    word.text, known["start_s"], off_s
                )
            )
        before = word.start_s
