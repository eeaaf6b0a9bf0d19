"""Where a finding really belongs: lines come from the diff, never from the model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice, takewhile

from reviewbot.diff import REMOVED, FileDiff, Hunk, Line
from reviewbot.findings import Finding, Severity
from reviewbot.placeholders import PLACEHOLDER
from reviewbot.suggestions import Original
from reviewbot.text import digest, squeezed, visible

FRAME_MARGIN = 2  # lines shown above and below a finding
SHORTEST_PART = 8  # characters of a quote that may be only a part of its line
DIGEST_LENGTH = 12  # of a line, among those of one file
LONGEST_SPAN = 500  # lines of one finding

_HEADING_END = re.compile(r" \([a-z][^()]*, \+\d+ -\d+\)$")
_NUMBER_AND_SIGN = re.compile(r"^\s*\d*\s*[+-]?")


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
    are null and `anchor_note` says why; where a line was corrected, it says so too. `digests` has
    one for each of its lines, by which later reviews know them again (see `digests`). `state` is
    new, open, fixed, dismissed or dropped; a dropped one has its `drop_reason`. `verification` says
    why it holds or does not, where somebody has tried to refute it; `confidence` is how sure it is.
    `sources` are the tools, each with its rule, whose hints it confirms. `head_line` is its line in
    the new version; of a removed one, that of the line which follows it there.
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
    digests: tuple[str, ...]
    anchored: bool
    anchor_note: str
    drop_reason: str | None
    model: str
    frame: tuple[FrameLine, ...]
    verification: str = ""
    sources: tuple[str, ...] = ()
    head_line: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding and who made it."""

    finding: Finding
    checklist: str
    model: str
    severity: Severity


def numbered(hunks: Iterable[Hunk]) -> Iterator[tuple[int, Line]]:
    """Each line with its number in the new version; a removed one with that of the next line."""
    shift = 0  # from old numbers to new ones, where a hunk has no line of the new version
    for hunk in hunks:
        start = next((line.old for line in hunk.lines if line.old), 1) + shift
        number = next((line.new for line in hunk.lines if line.new), start)
        for line in hunk.lines:
            number = line.new if line.new is not None else number
            yield number, line
            number += line.kind != REMOVED
            shift = number - line.old - 1 if line.old is not None else shift + 1


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """A line of a diff: its position in its hunk, and its text as quotes are compared with it.

    `number` is that of the line in the new version, or of the next one there.
    """

    hunk: Sequence[Line]
    position: int
    text: str
    number: int

    @property
    def line(self) -> Line:
        return self.hunk[self.position]

    def span(self, count: int) -> tuple[Line, ...] | None:
        """`count` lines from here on that follow each other on one side, if the hunk has them."""
        following = (self.hunk[i] for i in range(self.position, len(self.hunk)))
        side: Iterator[Line]
        if self.line.kind == REMOVED:
            side = takewhile(lambda line: line.kind == REMOVED, following)
        else:
            side = (line for line in following if line.kind != REMOVED)
        span = tuple(islice(side, count))
        return span if len(span) == count else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a finding belongs: the first line, all its lines; `cut` when these should be more."""

    spot: _Spot | None
    lines: tuple[Line, ...]
    note: str
    cut: bool = False


class _Lines:
    """The lines of one file's diff, found by number and by text."""

    def __init__(self, file: FileDiff, head: Callable[[FileDiff], Sequence[str]]) -> None:
        self._file = file
        self._head = head
        self.by_number: dict[int, list[_Spot]] = defaultdict(list)
        self._texts: dict[int, str] = {}
        self.by_text: dict[str, list[_Spot]] = defaultdict(list)
        self._nth: dict[Line, int] = {}
        seen: Counter[tuple[str, str]] = Counter()
        hunks = list(file.hunks())
        places = ((hunk.lines, i) for hunk in hunks for i in range(len(hunk.lines)))
        for (number, line), (lines, i) in zip(numbered(hunks), places, strict=True):
            spot = _Spot(lines, i, squeezed(line.text), number)
            self.by_number[number].append(spot)
            self.by_text[spot.text].append(spot)
            self._nth[line] = seen[_side(line), spot.text]
            seen[_side(line), spot.text] += 1

    @cached_property
    def _head_texts(self) -> Sequence[str]:
        return self._head(self._file)

    @cached_property
    def head(self) -> Sequence[str]:
        """The lines of the file's new version, as quotes are compared with them."""
        return [squeezed(text) for text in self._head_texts]

    @cached_property
    def original(self) -> Original:
        """The file's new version, as suggestions are held against it."""
        shown = {line.new: line.text for line in self._nth if line.new is not None}
        return Original(self._file.path, self._head_texts, shown)

    @cached_property
    def _nth_in_head(self) -> Sequence[int]:
        """For each line of the new version, how many equal ones stand before it."""
        seen: Counter[str] = Counter()
        nth = []
        for text in self.head:
            nth.append(seen[text])
            seen[text] += 1
        return nth

    def numbered(self, number: int, quote: str) -> _Spot | None:
        """The line of that number that a quote is the text of, or else a good part of the text of.

        A removed line goes by the number of the next line; the new version is looked at first.
        """
        if number not in self._texts:
            self.by_number[number].sort(key=lambda spot: spot.line.kind == REMOVED)
            self._texts[number] = "".join(f"\n{spot.text}\n" for spot in self.by_number[number])
        texts = self._texts[number]
        found = texts.find(f"\n{quote}\n")
        if found < 0 and len(quote) >= SHORTEST_PART:
            found = texts.find(quote)
        return None if found < 0 else self.by_number[number][texts.count("\n", 0, found) // 2]

    def quoted(self, quote: str) -> list[_Spot]:
        """The lines that a quote is the whole text of: a part may well be of another line."""
        return self.by_text.get(quote, [])

    def occurrence(self, line: Line) -> int:
        """How many equal lines stand before: in the new version, or else on its side of the diff.

        Lines of the new version that the diff does not show are counted too, so that the number
        does not change with the size of the hunks.
        """
        if line.new is not None and line.new <= len(self.head):
            return self._nth_in_head[line.new - 1]
        return self._nth[line]

    def digest(self, line: Line) -> str:
        """What a line of the diff is known by."""
        return _digest(_side(line), squeezed(line.text), self.occurrence(line))

    def digests(self) -> Iterator[str]:
        """Those of all lines of the new version, and of the removed ones."""
        for text, nth in zip(self.head, self._nth_in_head, strict=True):
            yield _digest("new", text, nth)
        for line in self._nth:
            if line.kind == REMOVED or not self.head:
                yield self.digest(line)


def _side(line: Line) -> str:
    return "old" if line.kind == REMOVED else "new"


def _digest(side: str, text: str, occurrence: int) -> str:
    return digest("line", side, text, str(occurrence))[:DIGEST_LENGTH]


def digests(file: FileDiff, lines: Sequence[str]) -> frozenset[str]:
    """What the lines of a file are known by, wherever they have moved and whatever is said of them.

    Each is told by its text, its side and how many equal lines stand before it.

    Args:
        file: the file's diff, for the removed lines.
        lines: the lines of its new version; where there are none, those in the diff count.
    """
    return frozenset(_Lines(file, lambda _: lines).digests())


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
        path = claim.finding.path
        file = by_path.get(path) or by_path.get(_plain(path))
        if file is None:
            comments.append(_dropped(claim))
            continue
        if file.path not in read:
            read[file.path] = _Lines(file, head)
        comments.append(_comment(claim, file, read[file.path]))
    return tuple(comments)


def place_again(
    files: Sequence[FileDiff],
    comments: Sequence[Comment],
    head: Callable[[FileDiff], Sequence[str]],
) -> tuple[Comment, ...]:
    """Give comments their places anew, as those of a report from elsewhere that nobody vouches for.

    Args:
        files: the files of the diff.
        comments: what was found, with the places it was given then.
        head: gives the lines of a file's new version, empty where they cannot be had.

    Returns:
        One comment for each, in the same order; what was dropped stays so.
    """
    by_path = _by_path(files)
    removed = cache(_removed)
    claims = []
    for comment in comments:
        file = by_path.get(comment.path)
        claims.append(_claim(comment, removed(file) if file else {}))
    placed = place(files, claims, head)
    return tuple(
        replace(
            new,
            state="dropped" if "dropped" in (old.state, new.state) else "new",
            checklists=old.checklists,
            items=old.items,
            sources=old.sources,
            drop_reason=old.drop_reason if old.state == "dropped" else new.drop_reason,
        )
        for old, new in zip(comments, placed, strict=True)
    )


def _removed(file: FileDiff) -> Mapping[int, int]:
    """The numbers of the removed lines in the new version, by those in the old one."""
    return {
        line.old: number
        for number, line in numbered(file.hunks())
        if line.old is not None and line.kind == REMOVED
    }


def _claim(comment: Comment, removed: Mapping[int, int]) -> Claim:
    """What the model would have to say for this comment."""
    line = comment.line or 0
    if comment.side == "old":
        line = removed.get(line, line)
    finding = Finding(
        path=comment.path,
        line=line,
        end_line=line + (comment.end_line or 0) - (comment.line or 0),
        quote=comment.quote,
        severity=comment.severity,
        confidence=comment.confidence,
        item=next(iter(comment.items), ""),
        title=comment.title,
        body=comment.body,
        suggestion=comment.suggestion,
    )
    checklist = next(iter(comment.checklists), "")
    return Claim(finding, checklist, comment.model, comment.severity)


def _by_path(files: Iterable[FileDiff]) -> Mapping[str, FileDiff]:
    files = list(files)
    found = {visible(file.path): file for file in files}
    for file in files:
        found.setdefault(squeezed(file.path), file)
    for file in files:
        if file.old_path:
            found.setdefault(squeezed(file.old_path), file)
    return found


def _plain(path: str) -> str:
    """A path as models write it, some with all of the heading that it stands in."""
    plain = _HEADING_END.sub("", squeezed(path.strip()))
    return plain.strip("`").removeprefix("./").removeprefix("/")


def _comment(claim: Claim, file: FileDiff, lines: _Lines) -> Comment:
    found = _locate(claim.finding, lines)
    comment = replace(
        _bare(claim),
        path=visible(file.path),
        anchored=found.spot is not None,
        anchor_note=found.note,
        fingerprint=digest("unanchored", claim.checklist, file.path, claim.finding.item),
    )
    if found.spot is None:
        return _without_suggestion(comment, _FITS_NOWHERE)
    first, last = found.lines[0], found.lines[-1]
    side = _side(first)
    if side == "old" or found.cut:
        comment = _without_suggestion(comment, _FITS_NOWHERE)
    elif any(map(PLACEHOLDER.search, (comment.suggestion, *(line.text for line in found.lines)))):
        comment = _without_suggestion(comment, _TAKEN_OUT)
    elif comment.suggestion and first.new and last.new:
        fitted = lines.original.fitted(comment.suggestion, first.new, last.new)
        comment = _without_suggestion(comment, fitted.why) if fitted.why else comment
        comment = replace(comment, suggestion=fitted.text)
    return replace(
        comment,
        line=first.old if side == "old" else first.new,
        end_line=last.old if side == "old" else last.new,
        side=side,
        quote=visible(first.text),
        frame=_frame(found.spot, len(found.lines)),
        fingerprint=digest(
            *("anchored", claim.checklist, file.path, side, found.spot.text),
            str(lines.occurrence(first)),
        ),
        digests=tuple(map(lines.digest, found.lines)),
        head_line=found.spot.number,
    )


_FITS_NOWHERE = "its suggestion fits no lines of the new version"
_TAKEN_OUT = "its suggestion is about text that was taken out before the model saw it"


def _without_suggestion(comment: Comment, why: str) -> Comment:
    """The comment with a note of why nobody can be offered its suggestion."""
    if not comment.suggestion:
        return comment
    note = "; ".join(filter(None, (comment.anchor_note, why)))
    return replace(comment, suggestion="", anchor_note=note)


def _locate(finding: Finding, lines: _Lines) -> _Place:
    """Line and quote agree, or the quote is found once: nothing else is a place."""
    quotes = _quotes(finding.quote)
    if not quotes:
        return _Place(None, (), "the finding quotes no line of the change")
    for quote in quotes:
        if spot := lines.numbered(finding.line, quote):
            return _spanned(finding, spot, "")
    for quote in quotes:
        spots = lines.quoted(quote)
        if len(spots) == 1:
            return _spanned(finding, spots[0], _moved(finding, spots[0].line))
        if spots:
            return _Place(None, (), f"the quoted line stands {len(spots)} times in the change")
    return _Place(None, (), "the quoted line is not in the change")


def _quotes(quote: str) -> list[str]:
    """The quote's first line with text: as it is, and without a number and sign copied along."""
    first = next((line for line in quote.split("\n") if line.strip()), "")
    variants = (squeezed(first), squeezed(_NUMBER_AND_SIGN.sub("", first)))
    return [quote for quote in dict.fromkeys(variants) if quote]


def _moved(finding: Finding, line: Line) -> str:
    number = line.old if line.kind == REMOVED else line.new
    side = " of the old version" if line.kind == REMOVED else ""
    said = f"the model said line {finding.line}" if finding.line else "the model named no line"
    return f"{said}; what it quotes is line {number}{side}"


def _spanned(finding: Finding, spot: _Spot, note: str) -> _Place:
    count = max(finding.end_line - finding.line, 0) + 1
    span = spot.span(count) if count <= LONGEST_SPAN else None
    if span is not None:
        return _Place(spot, span, note)
    why = "do not lie together in one hunk" if count <= LONGEST_SPAN else "are too many to mark"
    cut = f"its {count:,} lines {why}; the first is shown"
    return _Place(spot, (spot.line,), f"{note}; {cut}" if note else cut, cut=True)


def _frame(spot: _Spot, count: int) -> tuple[FrameLine, ...]:
    """The hunk's lines from a little above the first of the finding's lines to below the last."""
    start, end = max(spot.position - FRAME_MARGIN, 0), spot.position
    removed = spot.line.kind == REMOVED
    while count:
        count -= (spot.hunk[end].kind == REMOVED) == removed
        end += 1
    shown = spot.hunk[start : end + FRAME_MARGIN]
    return tuple(
        FrameLine(line.new or line.old or 0, line.kind, visible(line.text)) for line in shown
    )


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
        title=finding.title or finding.body.strip().partition("\n")[0][:80] or "(no title)",
        body=finding.body,
        suggestion=finding.suggestion,
        quote=finding.quote,
        fingerprint="",
        digests=(),
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
        drop_reason="its file was not read",
        fingerprint=digest("dropped", claim.checklist, claim.finding.path, claim.finding.item),
    )
