"""Where a finding really belongs: lines come from the diff, never from the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reviewbot.diff import REMOVED, FileDiff, Line
from reviewbot.findings import Finding, Severity
from reviewbot.text import digest, squeezed, visible

FRAME_MARGIN = 2  # lines shown above and below a finding
SHORTEST_PART = 8  # characters of a quote that may be only a part of its line

_NUMBER_AND_SIGN = re.compile(r"^\s*\d*\t?[+-]?")


@dataclass(frozen=True, slots=True)
class FrameLine:
    """A line of code shown with a finding; `line` is its number on its side."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A finding with its place.

    `side` is "new", or "old" for removed lines. Where `anchored` is false, `line` and `end_line`
    are null and `anchor_note` says why; where a line was corrected, it says so too. `state` is
    new, open, fixed, dismissed or dropped; a dropped one has its `drop_reason`.
    """

    id: str
    state: str
    checklists: tuple[str, ...]
    items: tuple[str, ...]
    path: str
    line: int | None
    end_line: int | None
    side: str
    severity: Severity
    confidence: int
    title: str
    body: str
    suggestion: str
    quote: str
    fingerprint: str
    anchored: bool
    anchor_note: str
    drop_reason: str | None
    model: str
    frame: tuple[FrameLine, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding and who made it."""

    finding: Finding
    checklist: str
    model: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _Place:
    lines: tuple[Line, ...]
    note: str = ""


class _Lines:
    """The lines of one file's diff, found by number and by text."""

    def __init__(self, file: FileDiff) -> None:
        self.path = file.path
        self.hunks = [hunk.lines for hunk in file.hunks()]

    @cached_property
    def by_number(self) -> dict[int, tuple[int, int]]:
        """Hunk and position of each line of the new side."""
        return {
            line.new: (h, i)
            for h, lines in enumerate(self.hunks)
            for i, line in enumerate(lines)
            if line.new is not None
        }

    @cached_property
    def by_text(self) -> dict[str, list[tuple[int, int]]]:
        """Hunk and position of all lines that have a text."""
        found: dict[str, list[tuple[int, int]]] = {}
        for h, lines in enumerate(self.hunks):
            for i, line in enumerate(lines):
                found.setdefault(squeezed(line.text), []).append((h, i))
        return found

    def text_at(self, place: tuple[int, int]) -> str:
        return squeezed(self.hunks[place[0]][place[1]].text)

    def quoted(self, quote: str) -> list[tuple[int, int]]:
        """The lines that a quote is the text of, or else a good part of the text of."""
        if quote in self.by_text:
            return self.by_text[quote]
        if len(quote) < SHORTEST_PART:
            return []
        return [place for text, places in self.by_text.items() if quote in text for place in places]

    def span(self, start: tuple[int, int], count: int) -> tuple[Line, ...] | None:
        """`count` lines of one side from a place on, if they follow each other in one hunk."""
        hunk, position = start
        following = self.hunks[hunk][position:]
        removed = following[0].kind == REMOVED
        side = [line for line in following if (line.kind == REMOVED) == removed]
        return tuple(side[:count]) if count <= len(side) else None


def place(
    files: Iterable[FileDiff], claims: Sequence[Claim], head: Callable[[FileDiff], Sequence[str]]
) -> tuple[Comment, ...]:
    """Give each claim its place in the diff.

    Args:
        files: the files of the diff.
        claims: what the model found.
        head: gives the lines of a file's new version, empty where they cannot be had; used to tell
            equal lines apart.

    Returns:
        One comment a claim, in the same order; a claim about a file that is not in the diff has a
        `drop_reason`.
    """
    by_path = _by_path(files)
    read: dict[str, _Lines] = {}
    comments = []
    for claim in claims:
        file = by_path.get(_plain(claim.finding.path))
        if file is None:
            comments.append(_dropped(claim))
            continue
        lines = (
            read.setdefault(file.path, _Lines(file)) if file.path not in read else read[file.path]
        )
        comments.append(_comment(claim, file, lines, head))
    return tuple(comments)


def _by_path(files: Iterable[FileDiff]) -> Mapping[str, FileDiff]:
    found: dict[str, FileDiff] = {}
    for file in files:
        found[squeezed(file.path)] = file
        if file.old_path:
            found.setdefault(squeezed(file.old_path), file)
    return found


def _plain(path: str) -> str:
    return squeezed(path).strip("`").removeprefix("./").removeprefix("/")


def _comment(
    claim: Claim, file: FileDiff, lines: _Lines, head: Callable[[FileDiff], Sequence[str]]
) -> Comment:
    found = _locate(claim.finding, lines)
    comment = replace(
        _bare(claim),
        path=visible(file.path),
        anchored=bool(found.lines),
        anchor_note=found.note,
        fingerprint=digest("unanchored", claim.checklist, file.path, claim.finding.item),
    )
    if not found.lines:
        return replace(comment, suggestion="")
    first, last = found.lines[0], found.lines[-1]
    old_side = first.kind == REMOVED
    code = squeezed(first.text)
    return replace(
        comment,
        line=first.old if old_side else first.new,
        end_line=last.old if old_side else last.new,
        side="old" if old_side else "new",
        suggestion="" if old_side or _cut(claim.finding, found) else comment.suggestion,
        quote=visible(first.text),
        frame=_frame(lines, first, last),
        fingerprint=digest(
            *("anchored", claim.checklist, claim.finding.item, file.path, comment.side, code),
            str(_occurrence(lines, first, code, () if old_side else head(file))),
        ),
    )


def _locate(finding: Finding, lines: _Lines) -> _Place:
    """Line and quote agree, or the quote is found once: nothing else is a place."""
    quotes = _quotes(finding.quote)
    if not quotes:
        return _Place((), "the finding quotes no line of the change")
    given = lines.by_number.get(finding.line)
    for quote in quotes:
        if given and _agree(quote, lines.text_at(given)):
            return _spanned(finding, lines, given, "")
    for quote in quotes:
        places = lines.quoted(quote)
        if len(places) == 1:
            return _spanned(finding, lines, places[0], _moved(finding, lines, places[0]))
        if places:
            return _Place((), f"the quoted line stands {len(places)} times in the change")
    return _Place((), "the quoted line is not in the change")


def _quotes(quote: str) -> list[str]:
    """The quote's first line with text: as it is, and without a number and sign copied along."""
    first = next((line for line in quote.splitlines() if line.strip()), "")
    variants = (squeezed(first), squeezed(_NUMBER_AND_SIGN.sub("", first)))
    return [quote for quote in dict.fromkeys(variants) if quote]


def _agree(quote: str, text: str) -> bool:
    return quote == text or (len(quote) >= SHORTEST_PART and quote in text)


def _moved(finding: Finding, lines: _Lines, place: tuple[int, int]) -> str:
    line = lines.hunks[place[0]][place[1]]
    number = line.old if line.kind == REMOVED else line.new
    side = " of the old version" if line.kind == REMOVED else ""
    return f"the model said line {finding.line}; what it quotes is line {number}{side}"


def _spanned(finding: Finding, lines: _Lines, start: tuple[int, int], note: str) -> _Place:
    count = max(finding.end_line - finding.line, 0) + 1
    span = lines.span(start, count)
    if span is not None:
        return _Place(span, note)
    cut = f"its {count} lines do not lie in one hunk; the first is shown"
    return _Place(lines.span(start, 1) or (), f"{note}; {cut}" if note else cut)


def _cut(finding: Finding, found: _Place) -> bool:
    return len(found.lines) < finding.end_line - finding.line + 1


def _frame(lines: _Lines, first: Line, last: Line) -> tuple[FrameLine, ...]:
    hunk = next(hunk for hunk in lines.hunks if first in hunk)
    start = max(hunk.index(first) - FRAME_MARGIN, 0)
    shown = hunk[start : hunk.index(last) + FRAME_MARGIN + 1]
    return tuple(
        FrameLine(line.new or line.old or 0, line.kind, visible(line.text)) for line in shown
    )


def _occurrence(lines: _Lines, first: Line, code: str, head: Sequence[str]) -> int:
    """How many equal lines stand before this one: in the new version, or else in the diff."""
    if head and first.new is not None:
        return sum(squeezed(text) == code for text in head[: first.new - 1])
    side = [
        line
        for hunk in lines.hunks
        for line in hunk
        if (line.kind == REMOVED) == (first.kind == REMOVED)
    ]
    return sum(squeezed(line.text) == code for line in side[: side.index(first)])


def _bare(claim: Claim) -> Comment:
    finding = claim.finding
    return Comment(
        id="",
        state="new",
        checklists=(claim.checklist,),
        items=(finding.item,) if finding.item else (),
        path=finding.path,
        line=None,
        end_line=None,
        side="new",
        severity=claim.severity,
        confidence=finding.confidence,
        title=finding.title or finding.body.partition("\n")[0][:80],
        body=finding.body,
        suggestion=finding.suggestion,
        quote=finding.quote,
        fingerprint="",
        anchored=False,
        anchor_note="",
        drop_reason=None,
        model=claim.model,
        frame=(),
    )


def _dropped(claim: Claim) -> Comment:
    return replace(
        _bare(claim),
        state="dropped",
        drop_reason="its path is not in the diff",
        fingerprint=digest("dropped", claim.checklist, claim.finding.path, claim.finding.item),
    )
