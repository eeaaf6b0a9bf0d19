"""The rules that say what a credential looks like, read from TOML in gitleaks' format."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from reviewbot.blocks import BLOT
from reviewbot.errors import ConfigError
from reviewbot.notation import from_toml
from reviewbot.values import SHAPES, entropy

SHIPPED = Path(__file__).parent / "secrets.toml"

# Characters of a value that are looked at: more say nothing new, and would cost time.
JUDGED = 200

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TARGETS = ("secret", "match", "line")
_FILE_KEYS = ("title", "description", "minVersion", "extend", "rules", "allowlists", "allowlist")
_ALLOWLIST_KEYS = (
    *("description", "condition", "commits", "paths", "regexTarget", "regexes", "stopwords"),
)
_RULE_KEYS = (
    *("id", "description", "regex", "secretGroup", "entropy", "keywords", "path", "shape"),
    *("tags", "allowlists", "allowlist"),
)


@dataclass(frozen=True, slots=True)
class Allowlist:
    """Finds of a rule that nobody has to hide; `every`: all that is given must hold, not any."""

    regexes: tuple[re.Pattern[str], ...]
    target: str
    stopwords: tuple[str, ...]
    paths: tuple[re.Pattern[str], ...]
    every: bool

    def names(self, found: Mapping[str, str], path: str) -> bool:
        """Is this find one of them?

        Args:
            found: the secret, the whole match and the line.
            path: the file it stands in.
        """
        text, secret = found[self.target], found["secret"].lower()
        answers = [
            any(holds)
            for given, holds in (
                (self.regexes, (regex.search(text) for regex in self.regexes)),
                (self.stopwords, (word in secret for word in self.stopwords)),
                (self.paths, (regex.search(path) for regex in self.paths)),
            )
            if given
        ]
        return bool(answers) and (all(answers) if self.every else any(answers))


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One sort of credential: where to look, what to find, and what of that does not count."""

    id: str
    description: str
    regex: str
    keywords: tuple[str, ...] = ()
    group: int = 0
    entropy: float = 0.0
    shape: str = ""
    path: str = ""
    allowlists: tuple[Allowlist, ...] = ()
    words: bool = False  # its keywords are looked for in long words only

    def concerns(self, path: str) -> bool:
        """Is the rule for this file?"""
        return not self.path or bool(compiled(self.path).search(path))

    def finds(self, text: str, place: int, path: str) -> Iterator[tuple[int, int]]:
        """Start and end of each credential.

        Args:
            text: where to look: in the line around the place; with a shape, just at the place.
            place: where a keyword begins.
            path: the file.
        """
        start, end = line_around(text, place)
        line = text[start:end]
        for match in self._matches(text, place, line):
            group = self.group or next((n for n, got in enumerate(match.groups(), 1) if got), 0)
            secret = (match[group] or "").replace(BLOT, "")
            found = {"secret": secret, "match": match[0], "line": line}
            if self._counts(secret) and not any(e.names(found, path) for e in self.allowlists):
                offset = 0 if self.shape else start
                yield match.start(group) + offset, match.end(group) + offset

    def _matches(self, text: str, place: int, line: str) -> Iterable[re.Match[str]]:
        pattern = compiled(self.regex)
        if not self.shape:
            return pattern.finditer(line)
        match = pattern.match(text, place)
        return (match,) if match else ()

    def _counts(self, secret: str) -> bool:
        shaped = not self.shape or SHAPES[self.shape](secret[:JUDGED])
        return shaped and (not self.entropy or entropy(secret[:JUDGED]) > self.entropy)


def line_around(text: str, place: int) -> tuple[int, int]:
    """Start and end of the line that a place is in."""
    end = text.find("\n", place)
    return text.rfind("\n", 0, place) + 1, len(text) if end < 0 else end


@cache
def compiled(regex: str) -> re.Pattern[str]:
    """The compiled expression: of most rules it is never needed."""
    return re.compile(regex)


@cache
def shipped() -> tuple[Rule, ...]:
    """The rules that come with the program."""
    rules = _rules(SHIPPED.name, tomllib.loads(SHIPPED.read_text("utf-8")))
    return tuple(replace(rule, words=not rule.shape) for rule in rules)


def read_rules(name: str, text: str) -> tuple[Rule, ...]:
    """A repository's own rules. Its allowlists hold for these alone, not for the shipped ones.

    Args:
        name: the file, for messages.
        text: what it says.

    Raises:
        ConfigError: it is no such file, or one of its rules cannot work.
    """
    rules = _rules(name, from_toml(name, text))
    for rule in rules:
        place = f"{name}: rule '{rule.id}'"
        if rule.group > _pattern(place, rule.regex).groups:
            raise ConfigError(f"{place} has no group {rule.group}")
    return rules


def _rules(name: str, content: Mapping[str, Any]) -> tuple[Rule, ...]:
    _known(name, content, _FILE_KEYS)
    general = _allowlists(name, content)
    return tuple(
        _rule(name, number, table, general)
        for number, table in enumerate(_tables(name, content, "rules"), 1)
    )


def _rule(name: str, number: int, table: Mapping[str, Any], general: Sequence[Allowlist]) -> Rule:
    identity = table.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise ConfigError(f"{name}: rule {number} has no id", "Small letters, digits and dashes.")
    place = f"{name}: rule '{identity}'"
    _known(place, table, _RULE_KEYS)
    regex, shape = _string(place, table, "regex"), _string(place, table, "shape")
    if not regex:
        raise ConfigError(f"{place} has no regex")
    if shape and shape not in SHAPES:
        raise ConfigError(
            f"{place}: there is no shape '{shape}'", f"There are {', '.join(SHAPES)}."
        )
    path = _string(place, table, "path")
    if path:
        _pattern(place, path)
    return Rule(
        identity,
        _string(place, table, "description") or identity,
        regex,
        tuple(word.lower() for word in _strings(place, table, "keywords")),
        int(_number(place, table, "secretGroup")),
        _number(place, table, "entropy"),
        shape,
        path,
        (*_allowlists(place, table), *general),
    )


def _allowlists(place: str, table: Mapping[str, Any]) -> tuple[Allowlist, ...]:
    single = [table["allowlist"]] if isinstance(table.get("allowlist"), dict) else []
    return tuple(
        _allowlist(place, each) for each in (*_tables(place, table, "allowlists"), *single)
    )


def _allowlist(place: str, table: Mapping[str, Any]) -> Allowlist:
    place = f"{place}, an allowlist"
    _known(place, table, _ALLOWLIST_KEYS)
    target = _string(place, table, "regexTarget") or "secret"
    if target not in _TARGETS:
        raise ConfigError(f"{place}: regexTarget is one of {', '.join(_TARGETS)}")
    return Allowlist(
        tuple(_pattern(place, regex) for regex in _strings(place, table, "regexes")),
        target,
        tuple(word.lower() for word in _strings(place, table, "stopwords")),
        tuple(_pattern(place, regex) for regex in _strings(place, table, "paths")),
        _string(place, table, "condition").upper() == "AND",
    )


def _pattern(place: str, regex: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return compiled(regex)
    except (re.error, Warning) as error:
        hint = "Expressions are Python's: (?i) stands at the start, or as (?i:…)."
        raise ConfigError(f"{place}: the expression {regex!r} is wrong: {error}", hint) from error


def _known(place: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(keys)}."
            raise ConfigError(f"{place}: there is no key '{key}'", hint)


def _tables(place: str, table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ConfigError(f"{place}: {key} are written as [[{key}]]")
    return value


def _string(place: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{place}: {key} is a text")
    return value


def _strings(place: str, table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{place}: {key} is a list of texts")
    return value


def _number(place: str, table: Mapping[str, Any], key: str) -> float:
    value = table.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ConfigError(f"{place}: {key} is a number")
    return value
