"""What a model asks to see before it answers: lines of files, and where a text occurs.

It comes from the objects of the head, as code elsewhere does: without what is secret, and nothing
of a file that no model is shown. What is asked for is a wish of somebody who may be steered; it is
bounded, and can name nothing but files of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from reviewbot import checklists
from reviewbot.batches import LEFT_OUT, row_of
from reviewbot.change import Tree
from reviewbot.diff import CONTEXT
from reviewbot.findings import LookUp
from reviewbot.git import Blob
from reviewbot.models import BYTES_PER_TOKEN, tokens
from reviewbot.search import LARGEST_FILE, is_written_by_people, may_be_shown, nearest
from reviewbot.selection import Selection
from reviewbot.text import fenced, plural, visible

MOST_ROUNDS = 3  # of one call
MOST_LOOK_UPS = 6  # of one round
MOST_LINES = 200  # of a file at once
MOST_HITS = 30  # of a search
MOST_OF_A_FILE = 5  # of them, where several files have the text
MOST_FILES = 60  # with the text of a search in them, which are looked through for secrets
SHORTEST, LONGEST = 3, 200  # characters of a text to search for
ROUND_TOKENS = 8_000  # that are shown at once, shared by all that is asked for
CALL_TOKENS = 24_000  # that all rounds add to a call, with the answers that ask
WINDOW_SHARE = 8  # of what fits into a call, one in so many is kept for that
LEAST_TOKENS = 2_000  # in fewer nothing is looked up
KEPT_FILES = 64  # that were looked through for secrets

_CUT = "[cut here: ask for less at once]"
_MORE = "[more lines have it: search for a longer text, or in one folder or file]"


def room(window: int) -> int:
    """Tokens to keep free for look-ups in a call that may have so many; 0 where it is too small."""
    share = min(CALL_TOKENS, window // WINDOW_SHARE)
    return share if share >= LEAST_TOKENS else 0


def offer() -> str:
    """What a model is told of look-ups before it is asked anything."""
    return checklists.frame(
        "look_ups",
        rounds=MOST_ROUNDS,
        most=MOST_LOOK_UPS,
        lines=MOST_LINES,
        hits=MOST_HITS,
        of_a_file=MOST_OF_A_FILE,
        characters=f"{ROUND_TOKENS * BYTES_PER_TOKEN:,}",
    )


class LookUps:
    """The files of the head, for whoever asks; from any thread.

    Args:
        tree: the head, of which nothing secret is shown.
        selection: tells which of its files may be shown.
    """

    def __init__(self, tree: Tree, selection: Selection) -> None:
        self._tree, self._selection = tree, selection
        self._lines = lru_cache(KEPT_FILES)(tree.lines)

    @property
    def possible(self) -> bool:
        """Whether there are files; of a partial clone nothing is fetched for this."""
        return bool(self._tree.blobs())

    @cached_property
    def _blobs(self) -> dict[str, Blob]:
        return {visible(blob.path): blob for blob in self._tree.blobs()}

    def text(self, asked: Iterable[LookUp], budget: int) -> str:
        """What is shown of that, in no more tokens than the budget; each has its share of it."""
        wishes, parts = [_as_shown(each) for each in asked], list[str]()
        having = self._having(wish for wish in wishes if SHORTEST <= len(wish.search) <= LONGEST)
        for number, wish in enumerate(wishes):
            share = budget // (len(wishes) - number)
            parts.append("\n".join(_fitting(self._rows(wish, having), share)))
            budget -= tokens(parts[-1])
        return "\n\n".join(parts)

    def _rows(self, wish: LookUp, having: Mapping[LookUp, Sequence[Blob]]) -> Iterator[str]:
        """A heading, and the lines below it; of what cannot be shown the heading says why."""
        if wish.search:
            return self._searched(wish.search, wish.path, having.get(wish))
        return self._ranged(wish.path, wish.line, wish.end_line)

    # --- lines of a file -------------------------------------------------------------------------

    def _ranged(self, path: str, line: int, end_line: int) -> Iterator[str]:
        blob = self._blobs.get(path)
        if blob is None:
            yield f"## {path[:LONGEST]}: there is no such file"
        elif not may_be_shown([blob], self._selection, self._tree):
            yield f"## {path}: this file is shown to no model"
        elif blob.size > LARGEST_FILE:
            yield f"## {path}: this file is too large to be shown"
        else:
            yield from _range(path, self._lines(blob), line, end_line)

    # --- where a text occurs ---------------------------------------------------------------------

    def _searched(self, text: str, path: str, having: Sequence[Blob] | None) -> Iterator[str]:
        heading = f"## Lines with `{text[:LONGEST]}`{f' in {path[:LONGEST]}' if path else ''}"
        if having is None:
            yield f"{heading}: search for {SHORTEST} to {LONGEST} characters of one line"
            return
        shown = may_be_shown(having[:MOST_FILES], self._selection, self._tree)
        most = MOST_OF_A_FILE if len(shown) > 1 else MOST_HITS
        hits = list(islice(self._hits(text, shown, most), MOST_HITS + 1))
        yield heading if hits else f"{heading}: none were found in the files that may be shown"
        last = ""
        for blob, row in hits[:MOST_HITS]:
            if blob.path != last:
                last = blob.path
                yield visible(last)
            yield row
        if len(hits) > MOST_HITS or len(having) > MOST_FILES:
            yield _MORE

    def _hits(self, text: str, blobs: Sequence[Blob], most: int) -> Iterator[tuple[Blob, str]]:
        """The rows that have the text as it is shown: what is taken out is not found either.

        Of a file that has more of them than so many, the first, and that lines are left out.
        """
        for blob in blobs:
            lines = enumerate(self._lines(blob), 1)
            rows = (row_of(number, CONTEXT, line) for number, line in lines if text in line)
            for row in islice(rows, most):
                yield blob, row
            if next(rows, None):
                yield blob, LEFT_OUT

    def _having(self, searches: Iterable[LookUp]) -> Mapping[LookUp, Sequence[Blob]]:
        """The files that have each text, the nearest to the change first.

        All that is searched for in one folder takes one reading of its files.
        """
        found: dict[LookUp, list[Blob]] = {search: [] for search in searches}
        for path, group in groupby(sorted(found, key=_PATH), _PATH):
            wanted = list(group)
            near = nearest(self._within(path), self._selection)
            for blob, text in zip(near, self._tree.texts(near), strict=False):
                if not is_written_by_people(text):
                    continue
                for search in wanted:
                    if search.search in text:
                        found[search].append(blob)
        return found

    def _within(self, path: str) -> Iterator[Blob]:
        """The files of a folder, or the one of that name; all where there is no path."""
        for name, blob in self._blobs.items():
            if not path or name == path or name.startswith(f"{path}/"):
                yield blob


_PATH = attrgetter("path")


def _as_shown(wish: LookUp) -> LookUp:
    """Path and text as they stand in what a model is shown."""
    path = visible(wish.path.strip()).removeprefix("./").strip("/")
    return replace(wish, path=path, search=visible(wish.search.strip()))


def _range(path: str, lines: Sequence[str], line: int, end_line: int) -> Iterator[str]:
    if not is_written_by_people("\n".join(lines)):
        yield f"## {path}: this file was not written by people"
        return
    first = max(line, 1)
    if first > len(lines):
        yield f"## {path}: it has {plural(len(lines), 'line')}"
        return
    last = min(max(end_line or len(lines), first), first + MOST_LINES - 1, len(lines))
    yield f"## {path} (lines {first} to {last} of {len(lines)})"
    for number in range(first, last + 1):
        yield row_of(number, CONTEXT, lines[number - 1])


def _fitting(rows: Iterator[str], budget: int) -> Iterator[str]:
    """The heading, and as many rows as there is room for."""
    heading = next(rows)
    yield heading
    left = budget - tokens(heading) - tokens(_CUT)
    for row in rows:
        left -= tokens(row)
        if left < 0:
            yield _CUT
            return
        yield row


# --- a call that goes on -------------------------------------------------------------------------

Served = Callable[[Iterable[LookUp], int], str]


@dataclass(slots=True)
class Conversation:
    """A call in which look-ups are answered: in so many rounds, and so many tokens, at most.

    `served` gives what is shown of them; None where none were offered. `look_ups` counts them.
    """

    messages: list[dict[str, Any]]
    room: int
    served: Served | None
    rounds: int = MOST_ROUNDS
    look_ups: int = 0

    @property
    def over(self) -> bool:
        """Whether the model knows that nothing more is looked up."""
        return not (self.served and self.rounds)

    def goes_on(self, answer: str, asked: Iterable[LookUp]) -> bool:
        """Put under an answer what it asks for, and tell whether there was any, and room for it."""
        wishes = tuple(islice(dict.fromkeys(asked), MOST_LOOK_UPS))
        self.room -= tokens(answer)
        if not (wishes and self.served and self.rounds) or self.room < LEAST_TOKENS:
            return False
        shown = self.served(wishes, min(self.room, ROUND_TOKENS))
        self.look_ups += len(wishes)
        self.room -= tokens(shown)
        self.rounds = self.rounds - 1 if self.room >= LEAST_TOKENS else 0
        said = checklists.frame("looked_up", shown=fenced("looked-up", shown), rounds=self.rounds)
        self.messages = [
            *self.messages,
            {"role": "assistant", "content": answer},
            {"role": "user", "content": said},
        ]
        return True
