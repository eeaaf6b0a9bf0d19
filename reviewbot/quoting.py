"""What somebody else has said, as a server, git or a header, where it is shown or written down."""

from __future__ import annotations

import os
from functools import lru_cache

from reviewbot.placeholders import placeholder
from reviewbot.redaction import ENVIRONMENT, LONGEST_LINE, Redactor, own_values, shipped
from reviewbot.text import visible

LONGEST_QUOTE = 200  # characters


def quoted(said: object, key: str = "", mark: str = "[key]") -> str:
    """One short line of it, without secrets.

    Args:
        said: whatever it is.
        key: what was sent along, and may come back.
        mark: what stands for that key.
    """
    line = visible(" ".join(str(said).split()))
    return scrubbed(line.replace(key, mark) if key else line)[:LONGEST_QUOTE]


def scrubbed(line: str) -> str:
    """A line without secrets, as far as they are known by their form or from the environment."""
    return _redactor(own_values(os.environ)).text(line[:LONGEST_LINE])


def hidden(text: str) -> str:
    """A text of any size without the secrets of the environment."""
    for value in own_values(os.environ):
        text = text.replace(value, placeholder(ENVIRONMENT))
    return text


@lru_cache(1)
def _redactor(own: tuple[str, ...]) -> Redactor:
    return Redactor(shipped(), own)
