"""pocketsphinx: a draft transcript of English, or exact times for the words of a given one."""

from __future__ import annotations

from typing import List

from dubwright_kit import NextAction, Problem, Report
from dubwright_kit.contracts import TranscribeAsk, TranscribeDone, Word

from .alignment import align
from .canary import check
from .decoding import Recogniser
from .timeline import Recording, chunks, padded

__all__ = ["check", "run"]

LANGUAGE = "en"
CHUNK_S = 15.0


def run(ask: TranscribeAsk, report: Report) -> TranscribeDone:
    """Align ``ask.text`` when there is one, else recognise (``draft`` is then True).

    ``ask.wav`` is 16 kHz mono 16-bit. Alignment gives one word per whitespace token, p = 0 where
    its time is interpolated. Raises Problem ``asr-language`` for another language than English,
    ``Cancelled`` between chunks.
    """
    if ask.language.replace("_", "-").split("-")[0].lower() not in (LANGUAGE, "eng"):
        raise Problem(
            "asr-language",
            f'asr-pocketsphinx knows English only; the speech is marked as "{ask.language}".',
            NextAction(
                "give the transcript",
                "dub",
                {"_": ["ITEM"], "to": "LANG", "from": ask.language, "transcript": "FILE.srt"},
            ),
        )
    with Recording(ask.wav) as recording:
        if any(span.text.split() for span in ask.text):
            words = align(recording, ask.text, ask.speech, report)
            return TranscribeDone(words, ask.language, draft=False)
        return TranscribeDone(_recognise(recording, ask, report), ask.language, draft=True)


def _recognise(recording: Recording, ask: TranscribeAsk, report: Report) -> "tuple[Word, ...]":
    pieces = chunks(padded(ask.speech, recording.length_s), CHUNK_S) if recording.length_s else []
    total = sum(chunk.length_s for chunk in pieces)
    done = 0.0
    words: List[Word] = []
    recogniser = Recogniser()
    for chunk in pieces:
        report(done, total, "recognising")
        for heard in recogniser.hear(recording.read(chunk)):
            start, end = chunk.span(heard.start_s, heard.end_s)
            words.append(Word(heard.word, round(start, 3), round(end, 3), round(heard.p, 3)))
        done += chunk.length_s
    report(total, total, "recognising")
    return tuple(words)
