"""Many rules held against a text in one go."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from reviewbot.blocks import DOUBT
from reviewbot.keywords import Keywords
from reviewbot.placeholders import Spot
from reviewbot.rules import Rule, line_around

# The keyword of a format is a part of the credential, and no credential with a format is shorter.
LEAST_WORD = 20

_LINE_START = re.compile("^", re.MULTILINE)


# Characters that one rule reads of one line, anew for each of its words there: more would take
# long, and nobody writes a line with so many.
MOST_READ = 50_000


class Rulebook:
    """All rules, by their keywords: a line that has none of them costs next to nothing."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._everywhere = [rule for rule in rules if not rule.keywords]
        self._formats = _by_keyword(rule for rule in rules if rule.words)
        self._contexts = _by_keyword(rule for rule in rules if not rule.words)
        self._format_words = Keywords(self._formats)
        self._context_words = Keywords(self._contexts)

    def spots(self, text: str, words: str, path: str) -> Iterator[Spot]:
        """What the rules find: unsorted, and some may overlap.

        Args:
            text: where to look.
            words: its long words.
            path: the file.
        """
        read: Counter[tuple[Rule, int]] = Counter()
        for rule, place in self._places(_lower(text), words.lower(), path):
            if not rule.concerns(path):
                continue
            start, end = line_around(text, place)
            before = read[rule, start]
            read[rule, start] += end - start
            if read[rule, start] <= MOST_READ or not before:
                yield from (Spot(*span, rule.id) for span in rule.finds(text, place, path))
            elif before <= MOST_READ:
                yield Spot(start, end, DOUBT)

    def _places(self, low: str, words: str, path: str) -> Iterator[tuple[Rule, int]]:
        """Each rule, with the places to try it; a line is one place, however many words it has."""
        if everywhere := [rule for rule in self._everywhere if rule.concerns(path)]:
            starts = [match.start() for match in _LINE_START.finditer(low)]
            yield from product(everywhere, starts)
        lines: set[tuple[Rule, int]] = set()
        for rule, place in self._hits(low, words):
            if rule.shape:
                yield rule, place
            else:
                lines.add((rule, low.rfind("\n", 0, place) + 1))
        yield from lines

    def _hits(self, low: str, words: str) -> Iterator[tuple[Rule, int]]:
        for word, place in self._context_words.places(low):
            for rule in self._contexts[word]:
                yield rule, place
        met = {word for word, _ in self._format_words.places(words)}
        for word in met:
            for place in occurrences(low, word):
                for rule in self._formats[word]:
                    yield rule, place


def long_words(text: str) -> str:
    """What stands between blanks and is long enough for a credential, a line each."""
    return "\n".join([word for word in text.split() if len(word) >= LEAST_WORD])


def occurrences(text: str, part: str) -> Iterator[int]:
    """Where the part begins, each time."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _by_keyword(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        for word in rule.keywords:
            found[word].append(rule)
    return found


def _lower(text: str) -> str:
    """In lower case, every character where it was."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(letter.lower()[0] for letter in text)
