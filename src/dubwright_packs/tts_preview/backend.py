"""Preview voices: espeak-ng, driven directly.

The job type is named after pyttsx3, the usual way to espeak-ng from Python. It is not used here:
pyttsx3 2.99 with espeak-ng 1.52 ignores the rate after the first utterance, loads the library only
from a few fixed places, and plays or prints as it goes. The same library, called directly, honours
rate and pitch on every line and works the same on the three systems.

espeak-ng is GPL-3.0-or-later; it lives in this pack's environment and process only.
"""

from __future__ import annotations

import unicodedata
from array import array
from typing import Dict, List, Tuple

from dubwright_kit import NextAction, Problem, Report
from dubwright_kit.contracts import SpeakAsk, SpeakDone, SpeakLine, SpokenLine

from .canary import check
from .espeak import FASTEST_WPM, NATURAL_WORDS_PER_MINUTE, SLOWEST_WPM, Espeak
from .pcm import median_f0_hz, sounding, write_wav

__all__ = ["check", "run"]

UNSPEAKABLE_S = 0.1
"""Length of the silence written for a line in which there is nothing to say."""

# How espeak-ng's pitch parameter moves the median F0, relative to 50: measured on five voices in
# Spanish (ratios agree within 2 %). The voice's own F0 is measured when it is used.
_PITCH_CURVE: Tuple[Tuple[int, float], ...] = (
    (0, 0.67),
    (10, 0.72),
    (25, 0.81),
    (40, 0.91),
    (50, 1.0),
    (60, 1.10),
    (75, 1.29),
    (90, 1.52),
    (99, 1.70),
)
# Every language's rules read digits in that language, so one text calibrates any voice.
_CALIBRATION_TEXT = "1 2 3 4 5 6 7 8 9 10."

Key = Tuple[str, float]
Utterance = Tuple["array[int]", Tuple[float, ...]]


def run(ask: SpeakAsk, report: Report) -> SpeakDone:
    """Write one trimmed mono 16-bit WAV per line at espeak-ng's rate (22.05 kHz).

    ``line.voice`` is espeak-ng's name with an optional variant (``es``, ``es+f1``), ``line.rate``
    divides the natural duration of the same text (reached within 1 % by measuring, as far as 80 to
    450 words a minute go), ``line.pitch`` is the median F0 to aim at. A line without anything to
    speak becomes a short silence with a note.

    Raises Problem ``no-voice`` when espeak-ng lacks the voice's language, ``Cancelled``.
    """
    done: List[SpokenLine] = []
    pitches: Dict[Key, int] = {}
    with Espeak() as engine:
        for count, line in enumerate(ask.lines):
            report(count, len(ask.lines), "speaking")
            if not engine.select(line.voice):
                raise _no_voice(line)
            samples, words = _speak(engine, line, pitches)
            note = "" if len(samples) else "nothing to speak"
            if not len(samples):
                samples = array("h", bytes(2 * int(UNSPEAKABLE_S * engine.rate_hz)))
            write_wav(line.wav, samples, engine.rate_hz)
            seconds = len(samples) / engine.rate_hz
            done.append(SpokenLine(line.index, line.wav, seconds, engine.rate_hz, note, words))
    report(len(ask.lines), len(ask.lines), "speaking")
    return SpeakDone(tuple(done))


def _speak(engine: Espeak, line: SpeakLine, pitches: Dict[Key, int]) -> Utterance:
    """The line's trimmed samples and word starts; empty when nothing sounds."""
    text = speakable(line.text)
    if not text:
        return array("h"), ()
    pitch = 50
    if line.pitch is not None:
        key = (line.voice, line.pitch)
        if key not in pitches:
            pitches[key] = _pitch_parameter(engine, line.pitch)
        pitch = pitches[key]
    natural = _say(engine, text, NATURAL_WORDS_PER_MINUTE, pitch)
    if not len(natural[0]) or abs(line.rate - 1.0) < 1e-6:
        return natural
    return _at_rate(engine, text, pitch, len(natural[0]) / line.rate, line.rate)


def _say(engine: Espeak, text: str, words_per_minute: float, pitch: int) -> Utterance:
    """One utterance, trimmed, with the start of each whitespace token of ``text`` in seconds."""
    samples = engine.say(text, round(words_per_minute), pitch)
    first, last = sounding(samples, engine.rate_hz)
    starts: List[float] = []
    position = 0
    for token in text.split():
        begin = text.index(token, position)
        position = begin + len(token)
        found = [at for char, at in engine.words if begin <= char < position]
        before = starts[-1] if starts else 0.0
        starts.append(max(before, (found[0] - first) / engine.rate_hz) if found else before)
    return samples[first:last], tuple(starts)


def _at_rate(engine: Espeak, text: str, pitch: int, target: float, rate: float) -> Utterance:
    """Speak so that the trimmed utterance has ``target`` samples.

    Words a minute are not quite proportional to speed (pauses shrink less), so the error is
    measured and corrected; an utterance costs milliseconds.
    """
    wpm = NATURAL_WORDS_PER_MINUTE * rate
    best: Utterance = (array("h"), ())
    for _ in range(4):
        wpm = min(FASTEST_WPM, max(SLOWEST_WPM, wpm))
        spoken = _say(engine, text, wpm, pitch)
        length = len(spoken[0])
        if not len(best[0]) or abs(length - target) < abs(len(best[0]) - target):
            best = spoken
        if abs(length / target - 1) < 0.01:
            break
        wpm *= length / target
    return best


def _pitch_parameter(engine: Espeak, target_hz: float) -> int:
    """espeak-ng's pitch parameter that brings the selected voice's median F0 to ``target_hz``."""
    own = median_f0_hz(engine.say(_CALIBRATION_TEXT, NATURAL_WORDS_PER_MINUTE, 50), engine.rate_hz)
    if own is None or target_hz <= 0:
        return 50
    wanted = target_hz / own
    for point, (high, high_ratio) in enumerate(_PITCH_CURVE[1:]):
        if wanted <= high_ratio:
            low, low_ratio = _PITCH_CURVE[point]
            share = max(0.0, (wanted - low_ratio) / (high_ratio - low_ratio))
            return round(low + share * (high - low))
    return 99


def speakable(text: str) -> str:
    """Return ``text`` on one line without emoji, music notes, control and other unspoken signs.

    Empty when no letter or digit is left.
    """
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category in ("So", "Sk", "Cc", "Cn", "Co", "Cs", "Zl", "Zp") or char in "\ufe0f\u20e3":
            kept.append(" ")
        elif category == "Cf" and char not in "\u200c\u200d":  # joiners belong to some scripts
            continue
        else:
            kept.append(char)
    line = " ".join("".join(kept).split())
    return line if any(char.isalnum() for char in line) else ""


def _no_voice(line: SpeakLine) -> Problem:
    language = line.voice.partition("+")[0]
    return Problem(
        "no-voice",
        f"The preview voices do not speak {language!r} (line {line.index}).",
        NextAction("see which packs speak", "packs"),
        f"espeak-ng has no voice {line.voice!r}",
    )
