"""Rules against the lines of one attempt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dubwright.packs.diagnosis.lines import Line
from dubwright.packs.diagnosis.rulebook import Patterns, Rule, Rulebook

_FIRST_CHARS = 20_000
_LAST_CHARS = 80_000
"""How much of an attempt is looked through: what failed stands at its end, what it ran with at its beginning."""
_WORD_CHARS = 200


@dataclass(frozen=True)
class Found:
    """The rule that explains an attempt, the words for its message, the lines that say so."""

    rule: Rule
    words: dict[str, str]
    evidence: tuple[Line, ...]


def explain(book: Rulebook, lines: Sequence[Line]) -> Found | None:
    """The rule of the lowest order that matches; among equals the one whose line comes last.

    Repetitions that a program tells of (pip: "Retrying") are no failures. But when all that is
    said after them is that nothing was found, they hold the reason.
    """
    lines = _telling(lines)
    said = [line for line in lines if not book.retries.search(line.text)]
    best = _best(book, said)
    if (best is None or best.rule.weak) and len(said) < len(lines):
        repeated = _best(book, [line for line in lines if book.retries.search(line.text)])
        best = repeated or best
    if best is None:
        return None
    facts = _words(book.facts, lines)
    return Found(
        best.rule,
        {**book.defaults, **facts, **_words(best.rule.facts, lines), **best.words},
        best.evidence,
    )


def _telling(lines: Sequence[Line]) -> list[Line]:
    """Each text once, where it stands last; of a long attempt the beginning and the end."""
    once = list({line.text: line for line in lines if line.text.strip()}.values())
    once.sort(key=lambda line: line.number)
    end = _within(reversed(once), _LAST_CHARS)
    begin = _within(once[: len(once) - len(end)], _FIRST_CHARS)
    return [*begin, *reversed(end)]


def _within(lines: Iterable[Line], chars: int) -> list[Line]:
    taken = []
    for line in lines:
        chars -= len(line.text)
        if chars < 0:
            break
        taken.append(line)
    return taken


def _best(book: Rulebook, lines: Sequence[Line]) -> Found | None:
    best: Found | None = None
    for rule in book.rules:
        if best is not None and rule.order > best.rule.order:
            break
        found = _match(rule, lines)
        if found is not None and (best is None or _last(found) > _last(best)):
            best = found
    return best


def _last(found: Found) -> int:
    return found.evidence[-1].number


def _match(rule: Rule, lines: Sequence[Line]) -> Found | None:
    order = lines if rule.pick == "first" else list(reversed(lines))
    hits: list[tuple[Line, re.Match[str]]] = []
    if rule.any:
        hit = _hit(rule.any, order)
        if hit is None:
            return None
        hits.append(hit)
    for pattern in rule.all:
        hit = _hit((pattern,), order)
        if hit is None:
            return None
        hits.append(hit)
    if any(_hit((pattern,), lines) for pattern in rule.none):
        return None
    words: dict[str, str] = {}
    for _, match in hits:
        words.update(_named(match))
    evidence = sorted({line for line, _ in hits}, key=lambda line: line.number)
    return Found(rule, words, tuple(evidence))


def _hit(patterns: Patterns, lines: Iterable[Line]) -> tuple[Line, re.Match[str]] | None:
    """The first line that one of ``patterns`` is in; of several, the pattern that names most."""
    for line in lines:
        matches = [match for pattern in patterns if (match := pattern.search(line.text))]
        if matches:
            return line, max(matches, key=lambda match: len(_named(match)))
    return None


def _words(patterns: Patterns, lines: Sequence[Line]) -> dict[str, str]:
    """What the lines say beside the failure: the earlier pattern wins, then the later line."""
    words: dict[str, str] = {}
    for pattern in patterns:
        if set(pattern.groupindex) <= set(words):
            continue
        hit = _hit((pattern,), reversed(lines))
        if hit is not None:
            words = {**_named(hit[1]), **words}
    return words


def _named(match: re.Match[str]) -> dict[str, str]:
    """The groups that took part; `one__2` is another place of `one`."""
    named = {}
    for key, value in match.groupdict().items():
        if value:
            word = value.replace("`", "").replace("\\\\", "\\").strip().rstrip(".,;:")
            named[key.partition("__")[0]] = word[:_WORD_CHARS]
    return {key: value for key, value in named.items() if value}
