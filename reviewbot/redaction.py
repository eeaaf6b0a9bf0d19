"""Finds what must not leave in any text, and puts a placeholder in its place."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from reviewbot.blocks import BLOT, DOUBT, PRIVATE_KEY, key_lines
from reviewbot.placeholders import PLACEHOLDER, Spot, replaced
from reviewbot.rules import Rule, compiled, read_rules, shipped
from reviewbot.values import decoded, is_literal, is_password

__all__ = ["Redactor", "Rule", "own_values", "read_rules", "shipped"]

ENVIRONMENT = "environment"
ENCODED = "encoded-credentials"
PERSONAL = "personal-"

# Longer lines are made by programs, nobody reviews them, and they would cost the most time.
LONGEST_LINE = 5_000

_WORD = re.compile(r"[^\s\"'`,;()\[\]{}<>]{20,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_USER_AND_PASSWORD = re.compile(r"[\w.@+-]{1,64}:(\S{4,})")
_LEFT = re.compile(rf"[^{BLOT}\n]+")
_URL_SAFE = str.maketrans("+/", "-_")

# Variables of the environment.
_ALWAYS = {
    *("LITELLM_API_KEY", "LITELLM_MASTER_KEY", "OPENAI_API_KEY", "CODER_SESSION_TOKEN"),
    *("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"),
}
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
        self._rules = tuple(rules)
        self._own = tuple(sorted({form for value in own for form in _forms(value)}))
        self._personal = personal
        kinds = (ENVIRONMENT, PRIVATE_KEY, *(rule.id for rule in rules), ENCODED, DOUBT)
        self._ranks = {kind: rank for rank, kind in reversed(list(enumerate(kinds)))}
        self._descriptions = _DESCRIPTIONS | {rule.id: rule.description for rule in rules}

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
        return list(self._named(found))

    def _more(self, seen: str, path: str) -> list[Spot]:
        """What the first of the finders finds; the next one looks at what that leaves."""
        for spots in (_long_lines(seen), self._secrets(seen, path), self._personal_data(seen)):
            if new := [part for spot in spots for part in _unblotted(seen, spot)]:
                return new
        return []

    def _secrets(self, seen: str, path: str) -> Iterator[Spot]:
        words = _WORD.findall(seen)
        yield from key_lines(seen, max(map(len, words), default=0))
        yield from self._ruled(seen, "\n".join(words).lower(), path)
        yield from self._encoded(seen, words)
        for value in self._own:
            yield from _everywhere(seen, value)

    def _ruled(self, seen: str, words: str, path: str) -> Iterator[Spot]:
        low = _lower(seen)
        for rule in self._rules:
            within = low if rule.context else words
            if (not rule.path or compiled(rule.path).search(path)) and (
                not rule.keywords or any(word in within for word in rule.keywords)
            ):
                for start, end in _lines_with(low, rule.keywords):
                    for place in rule.finds(seen, start, end, path):
                        yield Spot(*place, rule.id)

    def _encoded(self, seen: str, words: Iterable[str]) -> Iterator[Spot]:
        """Base64 of credentials, or of text that holds some."""
        for word in words:
            for match in _BASE64.finditer(word):
                said = decoded(match[0])
                if said and self._tells(said):
                    yield from _everywhere(seen, match[0], ENCODED)

    def _tells(self, said: str) -> bool:
        pair = _USER_AND_PASSWORD.fullmatch(said)
        if pair:
            return is_literal(pair[1])
        lines = said.replace("\r", "\n")
        return any(key_lines(lines, 0)) or any(self._ruled(lines, lines.lower(), ""))

    def _personal_data(self, seen: str) -> Iterable[Spot]:
        return self._personal(seen) if self._personal else ()

    def _named(self, found: Iterable[Spot]) -> Iterator[Spot]:
        """One spot for all that overlap, of the kind that has the highest rank."""
        held: Spot | None = None
        for spot in sorted(found):
            if held and spot.start < held.end:
                kind = min(
                    held.kind, spot.kind, key=lambda kind: self._ranks.get(kind, len(self._ranks))
                )
                held = Spot(held.start, max(held.end, spot.end), kind)
            else:
                if held:
                    yield held
                held = spot
        if held:
            yield held


def own_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets among the values of an environment, by the names of its variables."""
    found = {
        part
        for name, value in environment.items()
        for part in value.split("\n")
        if _is_own(name, part.strip())
    }
    return tuple(sorted(part.strip() for part in found))


def _is_own(name: str, value: str) -> bool:
    if name in _ALWAYS:
        return len(value) >= 6
    if len(value) < 8 or _PLAIN.fullmatch(value):
        return False
    return bool(_SECRET_NAME.search(name.upper())) or (
        bool(_SECRET_WORD.search(name.upper())) and is_password(value)
    )


def _forms(value: str) -> Iterator[str]:
    """The value, and what usual encodings make of it, in whatever they stand."""
    raw = value.encode("utf-8", "surrogateescape")
    yield from (value, value[::-1], quote(value, safe=""), raw.hex(), raw.hex().upper())
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw).decode()
        # The characters that hold bits of this value alone.
        core = coded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield from (core, core.translate(_URL_SAFE))


def _everywhere(text: str, value: str, kind: str = ENVIRONMENT) -> Iterator[Spot]:
    place = text.find(value)
    while place >= 0:
        yield Spot(place, place + len(value), kind)
        place = text.find(value, place + len(value))


def _lower(text: str) -> str:
    """In lower case, every character where it was."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower()[0] for c in text)


def _lines_with(low: str, keywords: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the lines that hold one of the words; without words, of all."""
    seen: set[int] = set()
    for word in keywords or ("",):
        place = low.find(word)
        while place >= 0:
            start, end = low.rfind("\n", 0, place) + 1, low.find("\n", place)
            end = len(low) if end < 0 else end
            if start not in seen:
                seen.add(start)
                yield start, end
            place = low.find(word, end + 1) if end < len(low) else -1


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
