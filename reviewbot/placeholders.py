"""What stands in a text in place of what must not leave: `[redacted:KIND]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

PLACEHOLDER = re.compile(r"\[redacted:[a-z0-9-]+\]")


class Spot(NamedTuple):
    """Characters `start` to `end` of a text, and what sort of thing they are."""

    start: int
    end: int
    kind: str


def placeholder(kind: str) -> str:
    """What is shown in place of a thing of this kind: the same for each, whatever it was.

    A number or a digest would tell two of them apart, but also let a weak one be guessed.
    """
    return f"[redacted:{kind}]"


def replaced(text: str, spots: Iterable[Spot]) -> str:
    """The text with a placeholder in each place; places that overlap become one."""
    made: list[str] = []
    end = 0
    for spot in disjoint(spots):
        made += [text[end : spot.start], placeholder(spot.kind)]
        end = spot.end
    return "".join((*made, text[end:]))


def _length(spot: Spot) -> int:
    return spot.end - spot.start


def disjoint(spots: Iterable[Spot], weight: Callable[[Spot], int] = _length) -> Iterator[Spot]:
    """The places in their order; of those that overlap one for all, of the weightiest's kind."""
    held: Spot | None = None
    for spot in sorted(spots):
        if held and spot.start < held.end:
            kind = max(held, spot, key=weight).kind
            held = Spot(held.start, max(held.end, spot.end), kind)
        else:
            if held:
                yield held
            held = spot
    if held:
        yield held
