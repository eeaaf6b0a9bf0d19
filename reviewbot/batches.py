"""A change as it is shown: rows with their numbers, in batches that fit into one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reviewbot import context
from reviewbot.anchors import numbered
from reviewbot.diff import CONTEXT, SYMLINK, FileDiff, Hunk, Line
from reviewbot.models import BYTES_PER_TOKEN, tokens
from reviewbot.scope import Scope
from reviewbot.text import visible

SMALLEST_PIECE = 100  # tokens; of a file that has a very long name
LONGEST_CHARACTER = 4  # bytes
LONGEST_MARK = 12  # characters before the text of a row

# The rows that a batch shows, by path and number, each as its sign and its text.
Shown = Mapping[str, Mapping[int, str]]

LEFT_OUT = "..."  # a row that stands for lines between those that are shown

# Rows that say which hunks follow: they have no tab, so no line of code can look like one.
REVIEWED, NEW = "[reviewed before]", "[new]"

_STATUS = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "type changed",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or a part of one, as it is shown."""

    path: str
    text: str

    @property
    def size(self) -> int:
        """Tokens of the text, and of the path in a task that is about some of the files only."""
        return tokens(self.text) + tokens(f"`{self.path}`, ")

    @property
    def reviewed(self) -> bool:
        """Whether some of it is marked as reviewed before."""
        return REVIEWED in self.text.split("\n")

    @property
    def added(self) -> Iterator[tuple[str, int]]:
        """The path with the number of each added line."""
        return ((self.path, int(row[1])) for row in _ADDED_ROW.finditer(self.text))


_ADDED_ROW = re.compile(r"^(\d+)\t\+", re.MULTILINE)


def batches(
    files: Iterable[FileDiff],
    scope: Scope,
    space: int,
    context_space: int,
    head: Callable[[FileDiff], Sequence[str]],
) -> Iterator[tuple[list[Piece], int]]:
    """Fill batches with files in their order; a file that is too big for one goes into several.

    Each comes with the tokens of context in it.
    """
    batch: list[Piece] = []
    used = context_used = 0
    for file in files:
        if batch and used + len(file.patch) // BYTES_PER_TOKEN > space:
            yield batch, context_used
            batch, used, context_used = [], 0, 0
        hunks = list(file.hunks())
        lines = head(file)
        blocks = _context(hunks, lines, context_space - context_used)
        own_context = sum(size for _, size in blocks)
        context_used += own_context
        marks = _marks(file, hunks, scope)
        segments = _segments(hunks, marks, [number for number, _ in blocks], lines)
        for piece in _pieces(file, segments, space):
            if batch and used + piece.size > space:
                yield batch, context_used
                batch, used, context_used = [], 0, own_context
            batch.append(piece)
            used += piece.size
    if batch:
        yield batch, context_used


def size_of(batch: Iterable[Piece]) -> int:
    """Tokens of its pieces."""
    return sum(piece.size for piece in batch)


def rows_of(batch: Iterable[Piece]) -> Shown:
    """The rows of a batch that have a number."""
    shown: dict[str, dict[int, str]] = {}
    for piece in batch:
        rows = (text.partition("\t") for text in piece.text.split("\n"))
        shown.setdefault(piece.path, {}).update(
            (int(number), text) for number, _, text in rows if text and number.isdecimal()
        )
    return shown


def _pieces(file: FileDiff, segments: list[list[str]], space: int) -> Iterator[Piece]:
    """The file as one text, or as several where it is too big: cut between segments, then rows."""
    path, first = visible(file.path), f"## {heading(file)}"
    space = max(space - Piece(path, first).size, SMALLEST_PIECE)
    marked = any(row in (REVIEWED, NEW) for segment in segments for row in segment)
    last_mark: list[str] = []
    rows: list[str] = []
    used = 0
    for unit in _units(segments, space - tokens(REVIEWED) * marked):
        size = sum(map(tokens, unit))
        if rows and used + size > space:
            yield Piece(path, "\n".join([first, *rows]))
            rows, used = [*last_mark], sum(map(tokens, last_mark))
        rows += unit
        used += size
        last_mark = [row for row in unit if row in (REVIEWED, NEW)][-1:] or last_mark
    yield Piece(path, "\n".join([first, *rows]))


def _units(segments: Iterable[list[str]], space: int) -> Iterator[list[str]]:
    """What is to stay together: a segment, or each row of one that is too big."""
    for segment in segments:
        if sum(map(tokens, segment)) <= space:
            yield segment
        else:
            yield from ([row] for row in _fitting(segment, space))


def _fitting(rows: Iterable[str], space: int) -> Iterator[str]:
    """The rows; of one that is too long for any call, its parts, each with the number and sign."""
    length = space * BYTES_PER_TOKEN // LONGEST_CHARACTER - LONGEST_MARK
    for row in rows:
        if tokens(row) <= space:
            yield row
            continue
        mark = row[: row.find("\t") + 2]
        text = row[len(mark) :]
        yield from (mark + text[start : start + length] for start in range(0, len(text), length))


def heading(file: FileDiff) -> str:
    """Its path, and in brackets what has become of it."""
    status = _STATUS[file.status]
    if SYMLINK in (file.old_mode, file.new_mode):
        status = f"symbolic link, {status}"
    if file.status in "RC":
        status += f" from {visible(file.old_path or '')}"
    return f"{visible(file.path)} ({status}, +{file.added} -{file.removed})"


# --- rows ---------------------------------------------------------------------------------------


def _context(hunks: Sequence[Hunk], lines: Sequence[str], budget: int) -> list[tuple[int, int]]:
    """Numbers of the unchanged lines to show around the hunks, each with its size in tokens.

    Where the blocks around all changes are too much for the budget, small blocks go first.
    """
    shown = {line.new for hunk in hunks for line in hunk.lines}
    chosen: list[tuple[int, int]] = []
    changed = (number for number, line in numbered(hunks) if line.kind != CONTEXT)
    blocks = context.enclosing(lines, changed) if lines else []
    for block in sorted(blocks, key=len):
        sizes = [(n, tokens(lines[n - 1]) + 2) for n in block if n not in shown]
        budget -= sum(size for _, size in sizes)
        if budget < 0:
            break
        chosen += sizes
    return chosen


def _marks(file: FileDiff, hunks: Sequence[Hunk], scope: Scope) -> dict[Line, str]:
    """Where parts begin that were reviewed before, or that are new again: the first lines."""
    new = [scope.is_new(file, hunk) for hunk in hunks]
    return {
        hunk.lines[0]: NEW if is_new else REVIEWED
        for hunk, is_new, above in zip(hunks, new, [True, *new], strict=False)
        if is_new != above
    }


def _segments(
    hunks: Sequence[Hunk], marks: Mapping[Line, str], around: Iterable[int], lines: Sequence[str]
) -> list[list[str]]:
    """Rows to show, in runs without a gap: the hunks with their marks, and lines around them."""
    shown = list(numbered(hunks))
    openings = {hunk.lines[0]: hunk.section for hunk in hunks}
    sections = {number: visible(openings[line]) for number, line in shown if line in openings}
    rows = [
        (number, row)
        for number, line in shown
        for row in (marks.get(line), row_of(line.new, line.kind, line.text))
        if row is not None
    ]
    rows += [(number, row_of(number, " ", lines[number - 1])) for number in around]
    rows.sort(key=lambda row: row[0])  # keeps a hunk's own order: its removed lines share a number
    segments: list[list[str]] = []
    end = 0
    for number, row in rows:
        if number > end + 1:
            segments.append([f"{LEFT_OUT} {sections.get(number, '')}".rstrip()])
        elif not segments:
            segments.append([])
        segments[-1].append(row)
        end = number
    return segments


def row_of(number: int | None, kind: str, text: str) -> str:
    """A line as it is shown: its number in the new version, a tab, its sign, its text."""
    return f"{number or ''}\t{kind}{visible(text)}"
