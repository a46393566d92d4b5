"""Why an install failed, from what uv, pip or the pack's own check printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dubwright.packs.diagnosis.attempts import attempts, newest_first
from dubwright.packs.diagnosis.lines import Line, clean_lines
from dubwright.packs.diagnosis.matching import Found, explain
from dubwright.packs.diagnosis.rulebook import Rulebook, filled, rulebook
from dubwright_kit import NextAction, Problem

TAIL_LINES = 15
_CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")


@dataclass(frozen=True)
class Diagnosis:
    """``rule`` and ``problem`` are None when nothing in the log failed; for a failure that no rule
    knows ``rule`` is None and the Problem says so. ``evidence`` are the lines that decided."""

    rule: str | None
    problem: Problem | None
    failed: bool
    evidence: tuple[Line, ...] = ()


def diagnose_log(text: str, name: str = "") -> Diagnosis:
    """Explain the log of an install of the pack ``name`` (or of something unknown).

    Of several attempts in one log the last that came to an end decides: when it succeeded, there
    is no failure to explain. Never raises; what is done is bounded, however large the log is.
    """
    book = rulebook()
    lines = clean_lines(text)
    return _diagnose(book, lines, name) or Diagnosis(None, None, failed=False)


def install_problem(name: str, output: str) -> Problem:
    """Return the Problem that explains ``output`` of a failed install of the pack ``name``."""
    book = rulebook()
    lines = clean_lines(output)
    found = _diagnose(book, lines, name) or _diagnose(book, lines, name, known_to_fail=True)
    return (found and found.problem) or _unknown(lines, name)


def again(name: str, label: str) -> NextAction:
    """The action of most failures: whatever ``label`` says, then the install."""
    return NextAction(label, "packs install", {"_": [name]})


def _diagnose(
    book: Rulebook, lines: Sequence[Line], name: str, known_to_fail: bool = False
) -> Diagnosis | None:
    """None when nothing failed; ``known_to_fail``: a step that succeeded is not the end."""
    for attempt in newest_first(attempts(lines, book), book):
        if attempt.succeeded:
            if known_to_fail:
                continue
            return None
        found = explain(book, attempt.lines)
        if found is not None:
            return Diagnosis(found.rule.id, _problem(found, lines, name), True, found.evidence)
        if attempt.fails(book) or (attempt.fails_vaguely(book) and attempt.apart):
            evidence = [line for line in attempt.lines if book.fails.search(line.text)]
            return Diagnosis(None, _unknown(lines, name), True, tuple(evidence[-1:]))
    return None


def _problem(found: Found, lines: Sequence[Line], name: str) -> Problem:
    rule = found.rule
    words = {**found.words, "name": name}
    cause = filled(rule.message, words)
    if name:
        begin = f"{name} does not work here" if rule.runs else f"{name} could not be installed"
        message = f"{begin}: {cause}"
    else:
        # The name of a package or host at its beginning stays as it is written.
        plain = tuple(rulebook().defaults.values())
        named = rule.message.startswith("{") and not cause.startswith(plain)
        message = cause if named else cause[:1].upper() + cause[1:]
    label = filled(rule.label, words)
    code = filled(rule.code, words)
    return Problem(
        code if _CODE.fullmatch(code) else "pack-install-failed",
        message,
        _action(rule.verb, label, name, dict(rule.args)),
        _detail(found.evidence, lines),
    )


def _action(verb: str, label: str, name: str, options: dict[str, object]) -> NextAction:
    if not verb.startswith("packs "):
        return NextAction(label, verb, options)
    # Without a name there is nothing to install: the list shows what can be.
    return NextAction(label, verb, {"_": [name], **options}) if name else NextAction(label, "packs")


def _unknown(lines: Sequence[Line], name: str) -> Problem:
    subject = f"{name} could not be installed" if name else "This failed"
    return Problem(
        "pack-install-failed",
        f"{subject}, for a reason that no rule explains; the last lines of the log are below.",
        NextAction("read the whole log", "packs log", {"_": [name]})
        if name
        else NextAction("look at versions, storage and recent failures", "diagnostics"),
        "\n".join(_tail(lines)),
    )


def _detail(evidence: Sequence[Line], lines: Sequence[Line]) -> str:
    """The lines that decided, then the tail."""
    tail = _tail(lines)
    above = [line.text.strip() for line in evidence if line.text not in tail]
    return "\n".join([*above, *(["..."] if above else []), *tail])


def _tail(lines: Sequence[Line]) -> list[str]:
    return [line.text for line in lines if line.text.strip()][-TAIL_LINES:]
