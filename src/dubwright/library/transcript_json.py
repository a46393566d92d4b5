"""The transcript json of the public interface, and reading what other recognisers write."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from dubwright_kit.contracts import Word

from .cues import CueList, Transcript, Unreadable
from .model import Segment
from .wrapping import one_line


def parse_transcript_json(text: str) -> Transcript:
    """Read ``{"language", "segments": [{"start_s", "end_s", "text", "speaker", "words"}]}``.

    A bare list of segments and the names "start", "end", "word", "probability" (Whisper's) are
    understood too. Raises :class:`cues.Unreadable`.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise Unreadable("nested too deeply", 1) from error
    listed = data.get("segments") if isinstance(data, Mapping) else data
    if not isinstance(listed, list):
        raise Unreadable('there is no list "segments"', 1)
    language = data.get("language") if isinstance(data, Mapping) else None
    cues = CueList(language if isinstance(language, str) else "")
    for number, entry in enumerate(listed):
        if not isinstance(entry, Mapping):
            raise Unreadable(f"segment {number} is not an object", _line_of(text, number))
        said = entry.get("text")
        if not isinstance(said, str):
            raise Unreadable(f'segment {number} has no "text"', _line_of(text, number))
        speaker = entry.get("speaker")
        cues.add(
            _time(entry, "start", number, text),
            _time(entry, "end", number, text),
            one_line(said),
            speaker if isinstance(speaker, str) else None,
            _words(entry.get("words"), number, text),
        )
    return cues.transcript()


def _words(listed: Any, number: int, text: str) -> tuple[Word, ...]:
    if not isinstance(listed, list):
        return ()
    words = []
    for entry in listed:
        said = (entry.get("text") or entry.get("word")) if isinstance(entry, Mapping) else None
        if not isinstance(said, str):
            raise Unreadable(f"segment {number} has a word without text", _line_of(text, number))
        likely = entry.get("p", entry.get("probability"))
        words.append(
            Word(
                said.strip(),
                _time(entry, "start", number, text),
                _time(entry, "end", number, text),
                float(likely) if _is_number(likely) else 1.0,
            )
        )
    return tuple(words)


def _time(entry: Mapping[str, Any], name: str, number: int, text: str) -> float:
    value = entry.get(f"{name}_s", entry.get(name))
    if not _is_number(value) or value < 0:
        raise Unreadable(f'segment {number} has no usable "{name}_s"', _line_of(text, number))
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _line_of(text: str, segment: int) -> int:
    """The line of a segment, as near as counting its opening "text" keys gets."""
    at = -1
    for _ in range(segment + 1):
        found = text.find('"text"', at + 1)
        if found < 0:
            break
        at = found
    return text.count("\n", 0, max(at, 0)) + 1


def transcript_json(language: str, lines: Iterable[Segment]) -> str:
    """Return the public transcript json."""
    document = {
        "language": language,
        "segments": [
            {
                "index": position,
                "start_s": line.start_s,
                "end_s": line.end_s,
                "text": line.text,
                "speaker": line.speaker,
                "words": [
                    {"text": w.text, "start_s": w.start_s, "end_s": w.end_s, "p": w.p}
                    for w in line.words
                ],
            }
            for position, line in enumerate(lines)
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
