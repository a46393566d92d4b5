"""The rules of the diagnosis, read from ``rules.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

FILE_NAME = "rules.toml"
_PLACE = re.compile(r"\{(\w+)\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")

Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class Rule:
    """One row of the data; the head of ``rules.toml`` says what each entry means."""

    id: str
    code: str
    order: int
    message: str
    label: str
    any: Patterns = ()
    all: Patterns = ()
    none: Patterns = ()
    facts: Patterns = ()
    pick: str = "last"
    verb: str = "packs install"
    args: Mapping[str, Any] = field(default_factory=dict)
    runs: bool = False
    weak: bool = False
    logs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rulebook:
    """All rules by order, and how a log is read."""

    rules: tuple[Rule, ...]
    noise: re.Pattern[str]
    retries: re.Pattern[str]
    begins: re.Pattern[str]
    ends: re.Pattern[str]
    goes_on: re.Pattern[str]
    succeeds: re.Pattern[str]
    fails: re.Pattern[str]
    fails_vaguely: re.Pattern[str]
    facts: Patterns
    defaults: Mapping[str, str]


@cache
def rulebook() -> Rulebook:
    """The shipped rules. Raises ValueError naming the rule that breaks the schema (a bug)."""
    text = resources.files(__package__).joinpath(FILE_NAME).read_text("utf-8")
    return read_rulebook(tomllib.loads(text))


def read_rulebook(data: Mapping[str, Any]) -> Rulebook:
    """Compile the data. Raises ValueError."""
    log = data["log"]
    rules = [_rule(row) for row in data["rule"]]
    ids = [rule.id for rule in rules]
    if len(set(ids)) != len(ids):
        raise ValueError(
            f"two rules have the same id: {sorted({i for i in ids if ids.count(i) > 1})}"
        )
    return Rulebook(
        rules=tuple(sorted(rules, key=lambda rule: rule.order)),
        facts=_patterns(data["facts"]["patterns"]),
        defaults=data["facts"]["defaults"],
        **{
            name: _joined(log[name])
            for name in (
                *("noise", "retries", "begins", "ends"),
                *("goes_on", "succeeds", "fails", "fails_vaguely"),
            )
        },
    )


def _rule(row: Mapping[str, Any]) -> Rule:
    given = dict(row)
    try:
        for name in ("any", "all", "none", "facts"):
            given[name] = _patterns(given.get(name, ()))
        given["logs"] = tuple(given.get("logs", ()))
        rule = Rule(**given)
    except (re.error, TypeError) as error:
        raise ValueError(f"rule {row.get('id')}: {error}") from error
    if not (rule.any or rule.all):
        raise ValueError(f"rule {rule.id} has no pattern")
    return rule


def _patterns(texts: Iterable[str]) -> Patterns:
    return tuple(re.compile(text, re.IGNORECASE) for text in texts)


def _joined(texts: Iterable[str]) -> re.Pattern[str]:
    """One pattern for many; upper and lower case differ, for these say how a program writes."""
    return re.compile("|".join(f"(?:{text})" for text in texts))


def filled(template: str, words: Mapping[str, str]) -> str:
    """``template`` with its ``{word}``s; a ``[part]`` is left out when a word in it is not known."""

    def optional(match: re.Match[str]) -> str:
        wanted = _PLACE.findall(match[1])
        return match[1] if all(words.get(name) for name in wanted) else ""

    return _PLACE.sub(lambda match: words.get(match[1], ""), _OPTIONAL.sub(optional, template))
