"""Finds what must not leave in any text, and puts a placeholder in its place."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from urllib.parse import quote

from reviewbot.blocks import BLOT, DOUBT, PRIVATE_KEY, key_lines
from reviewbot.placeholders import PLACEHOLDER, Spot, disjoint, replaced
from reviewbot.rulebook import Rulebook, long_words, occurrences
from reviewbot.rules import Rule, read_rules, shipped
from reviewbot.values import decoded, is_literal, is_password

__all__ = ["Redactor", "Rule", "own_values", "read_rules", "shipped"]

ENVIRONMENT = "environment"
ENCODED = "encoded-credentials"
PERSONAL = "personal-"

# Longer lines are made by programs, nobody reviews them, and they would cost the most time.
LONGEST_LINE = 5_000

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_USER_AND_PASSWORD = re.compile(r"[\w.@+-]{1,64}:(\S{4,})")
_LEFT = re.compile(rf"[^{BLOT}\n]+")
_URL_SAFE = str.maketrans("+/", "-_")

# Variables of the environment.
_ALWAYS = {
    *("LITELLM_API_KEY", "LITELLM_MASTER_KEY", "OPENAI_API_KEY", "CODER_SESSION_TOKEN"),
    *("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"),
}
_SHORTEST_KNOWN = 6  # of their values; shorter ones would vanish from ordinary text too
_SHORTEST = 8  # of other values
_URL_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/@]{6,})@")
_SECRET_WORD = re.compile(
    r"TOKEN|KEY|SECRET|PASSW|PASS|PWD|CREDENTIAL|AUTH|DSN|PRIVATE|JWT|COOKIE|WEBHOOK"
)
_SECRET_NAME = re.compile(
    r"(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|CREDENTIAL|CREDENTIALS|AUTH|DSN|COOKIE)"
    r"S?(?:_?[0-9]+|_(?:BASE|PROD|DEV|TEST|STAGING))?$"
)
_PLAIN = re.compile(r"[A-Za-z]+|[0-9.,:+-]+|(?:\.{0,2}|~|[A-Za-z]:)[\\/][^\s=]*|[a-z]+://[^@]*")
_DESCRIPTIONS = {
    ENVIRONMENT: "a secret of the environment",
    ENCODED: "encoded credentials",
    PRIVATE_KEY: "a private key",
    DOUBT: "a line that may hold a secret",
}


class Redactor:
    """Knows what must not leave.

    Args:
        rules: what credentials look like; of two that overlap, the first names the find.
        own: values to hide wherever they occur, as they are or in usual encodings.
        personal: finds personal data in a text.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        own: Iterable[str] = (),
        personal: Callable[[str], Iterable[Spot]] | None = None,
    ) -> None:
        self._rules, self._values = tuple(rules), tuple(own)
        self._book = Rulebook(rules)
        self._own = tuple(sorted({form for value in self._values for form in _forms(value)}))
        self._personal = personal
        kinds = (ENVIRONMENT, PRIVATE_KEY, *(rule.id for rule in rules), ENCODED, DOUBT)
        self._ranks = {kind: rank for rank, kind in reversed(list(enumerate(kinds)))}
        self._descriptions = _DESCRIPTIONS | {rule.id: rule.description for rule in rules}

    @cached_property
    def of_secrets(self) -> Redactor:
        """The same without personal data: what a model writes can hold none that is real."""
        return Redactor(self._rules, self._values)

    def describe(self, kind: str) -> str:
        """What a find of this kind is, for a sentence: `a GitHub token`."""
        return self._descriptions.get(kind, kind.removeprefix(PERSONAL).replace("-", " "))

    def is_credential(self, kind: str) -> bool:
        """Is it a secret of a machine or an account, not personal data or a mere doubt?"""
        return kind != DOUBT and not kind.startswith(PERSONAL)

    def text(self, text: str, path: str = "") -> str:
        """The text with placeholders; it has as many lines as before."""
        return replaced(text, self.spots(text, path))

    def spots(self, text: str, path: str = "") -> list[Spot]:
        """What must not leave: sorted, none touches another or goes over a line's end.

        Args:
            text: one line or a whole file: keys are known by lines far above and below.
            path: the file, as some rules are for some files.
        """
        seen = PLACEHOLDER.sub(lambda match: BLOT * len(match[0]), text.replace(BLOT, "\ufffd"))
        found: list[Spot] = []
        while new := self._more(seen, path):
            found += new
            seen = _blotted(seen, new)
        return list(disjoint(found, self._weight))

    def _more(self, seen: str, path: str) -> list[Spot]:
        """What the first of the finders finds; the next one looks at what that leaves."""
        for spots in (_long_lines(seen), self._secrets(seen, path), self._personal_data(seen)):
            if new := [part for spot in spots for part in _unblotted(seen, spot)]:
                return new
        return []

    def _secrets(self, seen: str, path: str) -> Iterator[Spot]:
        words = long_words(seen)
        coded = _BASE64.findall(words)
        yield from key_lines(seen, max(map(len, coded), default=0))
        yield from self._book.spots(seen, words, path)
        for word in coded:
            if self._tells(decoded(word)):
                yield from _everywhere(seen, word, ENCODED)
        for value in self._own:
            yield from _everywhere(seen, value, ENVIRONMENT)

    def _tells(self, said: str) -> bool:
        """Is it text that holds credentials?"""
        pair = _USER_AND_PASSWORD.fullmatch(said)
        if pair or not said:
            return pair is not None and is_literal(pair[1])
        lines = said.replace("\r", "\n")
        return any(key_lines(lines, 0)) or any(self._book.spots(lines, lines, ""))

    def _personal_data(self, seen: str) -> Iterable[Spot]:
        return self._personal(seen) if self._personal else ()

    def _weight(self, spot: Spot) -> int:
        """The more certain a kind is, the more it weighs."""
        return -self._ranks.get(spot.kind, len(self._ranks))


def own_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets among the values of an environment, by the names of its variables.

    Of a value of several lines each counts, and of a URL the password.
    """
    found = {
        line.strip()
        for name, value in environment.items()
        for line in value.splitlines()
        if _is_own(name, line.strip())
    }
    passwords = (_URL_PASSWORD.search(value) for value in environment.values())
    return tuple(sorted(found | {match[1] for match in passwords if match}))


def _is_own(name: str, value: str) -> bool:
    if name in _ALWAYS:
        return len(value) >= _SHORTEST_KNOWN
    if len(value) < _SHORTEST or _PLAIN.fullmatch(value):
        return False
    return bool(_SECRET_NAME.search(name.upper())) or (
        bool(_SECRET_WORD.search(name.upper())) and is_password(value)
    )


def _forms(value: str) -> Iterator[str]:
    """The value, and what usual encodings make of it, in whatever they stand."""
    raw = value.encode("utf-8", "surrogateescape")
    yield from (value, value[::-1], quote(raw, safe=""), raw.hex(), raw.hex().upper())
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw).decode()
        # The characters that hold bits of this value alone.
        core = coded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield from (core, core.translate(_URL_SAFE))


def _everywhere(text: str, value: str, kind: str) -> Iterator[Spot]:
    return (Spot(place, place + len(value), kind) for place in occurrences(text, value))


def _long_lines(text: str) -> Iterator[Spot]:
    start = 0
    while len(text) - start > LONGEST_LINE:
        end = text.rfind("\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            if end - start - text.count(BLOT, start, end) > LONGEST_LINE:
                yield Spot(start, end, DOUBT)
        start = end + 1


def _unblotted(text: str, spot: Spot) -> Iterator[Spot]:
    """The parts of a spot that are not gone already."""
    for match in _LEFT.finditer(text, spot.start, spot.end):
        yield Spot(match.start(), match.end(), spot.kind)


def _blotted(text: str, spots: Iterable[Spot]) -> str:
    made: list[str] = []
    end = 0
    for spot in sorted(spots):
        if spot.end > end:
            start = max(spot.start, end)
            made += (text[end:start], BLOT * (spot.end - start))
            end = spot.end
    return "".join((*made, text[end:]))
