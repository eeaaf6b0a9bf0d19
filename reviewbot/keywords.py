"""Many words looked for in one go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any


class Keywords:
    """Finds each of many words wherever it stands, also one within another.

    Args:
        words: in lower case, none of them empty.
    """

    def __init__(self, words: Iterable[str]) -> None:
        heads: dict[str, list[str]] = {}  # the words by the shortest one they begin with
        for word in sorted(set(words)):
            head = next((word[:n] for n in range(1, len(word)) if word[:n] in heads), word)
            heads.setdefault(head, []).append(word)
        self._words = heads
        self._pattern = re.compile(f"(?=({_alternatives(heads)}))")

    def places(self, text: str) -> Iterator[tuple[str, int]]:
        """Each word found, and where it begins.

        Args:
            text: in lower case.
        """
        for match in self._pattern.finditer(text):
            for word in self._words[match[1]]:
                if text.startswith(word, match.start()):
                    yield word, match.start()


def _alternatives(words: Iterable[str]) -> str:
    """An expression for words of which none begins with another: each letter is read once."""
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})
    return _branches(tree) if tree else "(?!)"


def _branches(tree: dict[str, Any]) -> str:
    branches = [re.escape(letter) + _branches(node) for letter, node in tree.items()]
    return f"(?:{'|'.join(branches)})" if len(branches) > 1 else "".join(branches)
