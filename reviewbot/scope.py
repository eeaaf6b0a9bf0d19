"""Which lines of a change are new since its last complete review, and where old ones went.

The watermark is the head commit of the last complete review.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, TypeVar

from reviewbot.diff import CONTEXT, REMOVED, Diff, FileDiff, Hunk, Line
from reviewbot.selection import Selection, Skipped
from reviewbot.text import visible

SHOWN_DIGITS = 10  # of a commit's id


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a change a review is about.

    `since` is the watermark; it is None where everything is looked at, and `reason` says why.
    `fresh` has, for the path of each file that was reviewed before, its lines that are new since,
    as side and number; a file that is not there is new as a whole. `unchanged` are the paths of
    files that need not be looked at: nothing is new, and nothing was taken back.
    """

    since: str | None
    reason: str
    fresh: Mapping[str, frozenset[tuple[str, int]]]
    unchanged: frozenset[str]

    def is_fresh(self, path: str, side: str, first: int, last: int) -> bool:
        """Whether any of these lines is new."""
        lines = self.fresh.get(visible(path))
        return lines is None or any((side, number) in lines for number in range(first, last + 1))

    def is_new(self, file: FileDiff, hunk: Hunk) -> bool:
        """Whether a hunk of the file has a new line."""
        lines = self.fresh.get(visible(file.path))
        return lines is None or not lines.isdisjoint(map(_place, hunk.lines))

    def untouched(self, file: FileDiff) -> bool:
        """Whether the change of a file is what it was."""
        return visible(file.path) in self.unchanged

    def words(self) -> str:
        """What is reviewed, for people: "what is new since 1a2b3c4d5e"."""
        if self.since:
            return f"what is new since {self.since[:SHOWN_DIGITS]}"
        return f"the whole change ({self.reason})" if self.reason else "the whole change"


def everything(reason: str = "") -> Scope:
    """All of a change, and why not only what is new."""
    return Scope(None, reason, {}, frozenset())


def since(commit: str, diff: Diff, before: Diff) -> Scope:
    """What is new since a complete review.

    A line that was changed then, and is changed now, is an old one if it stands between the same
    two lines. So whatever else was merged into the branch is not new, although it has moved all
    lines; but where lines were edited, put into another order or taken back, those beside them are.

    Args:
        commit: the watermark.
        diff: the change as it is now.
        before: the change as it was then, from its own merge base to the watermark.
    """
    reviewed = _Reviewed(before)
    names = Counter(visible(file.path) for file in diff.files)
    fresh: dict[str, frozenset[tuple[str, int]]] = {}
    unchanged = set()
    for file in diff.files:
        name, earlier = visible(file.path), reviewed.version(file)
        if earlier is None or names[name] > 1:
            continue
        if _is_same(file, earlier):
            fresh[name] = frozenset()
            unchanged.add(name)
        elif file.patch:
            comparison = _Comparison(file, earlier)
            fresh[name] = frozenset(comparison.fresh())
            if comparison.equal:
                unchanged.add(name)
    return Scope(commit, "", fresh, frozenset(unchanged))


def narrowed(selection: Selection, scope: Scope) -> Selection:
    """The selection without the files whose change is what it was."""
    if scope.since is None:
        return selection
    reason = f"unchanged since {scope.since[:SHOWN_DIGITS]}"
    untouched = tuple(Skipped(file, reason) for file in selection.files if scope.untouched(file))
    return replace(
        selection,
        files=tuple(file for file in selection.files if not scope.untouched(file)),
        skipped=(*selection.skipped, *untouched),
    )


# --- what is new --------------------------------------------------------------------------------


class _Reviewed:
    """The files of an earlier diff."""

    def __init__(self, diff: Diff) -> None:
        self._by_path = {file.path: file for file in diff.files}
        self._by_old_path = _by_old_path(diff, str)

    def version(self, file: FileDiff) -> FileDiff | None:
        """What the diff of a file was then, though it may have been renamed since."""
        old_path = file.old_path if file.status != "C" else None
        return self._by_path.get(file.path) or self._by_old_path.get(old_path or "")


def _by_old_path(diff: Diff, name: Callable[[str], str]) -> dict[str, FileDiff]:
    """The files that existed before, without copies: these are new."""
    return {
        name(file.old_path): file for file in diff.files if file.old_path and file.status != "C"
    }


def _is_same(file: FileDiff, earlier: FileDiff) -> bool:
    ids = (file.old_oid, file.new_oid)
    same_ids = any(ids) and ids == (earlier.old_oid, earlier.new_oid)
    return same_ids or (file.patch != b"" and file.patch == earlier.patch)


class _Seat(NamedTuple):
    """A line as it is known again: by its kind and text, and the texts of its neighbours."""

    kind: str
    text: str
    above: str | None
    below: str | None


class _Run(NamedTuple):
    """Changed lines that follow each other."""

    seats: tuple[_Seat, ...]
    lines: tuple[Line, ...]


class _Comparison:
    """The changed lines of a file, now and before.

    Runs that are the same as before are put aside first, so that the many equal lines of code are
    only compared where something was edited.
    """

    def __init__(self, file: FileDiff, earlier: FileDiff) -> None:
        self._hunks = list(file.hunks())
        now = [run for hunk in self._hunks for run in _runs(hunk)]
        before = [run for hunk in earlier.hunks() for run in _runs(hunk)]
        self._now = _without(now, before)
        self._before = _without(before, now)

    @property
    def equal(self) -> bool:
        """Whether every run is what it was."""
        return not self._now and not self._before

    def fresh(self) -> Iterator[tuple[str, int]]:
        """The new lines of a file, and the unchanged ones that are shown around them."""
        risen = _risen(
            (seat for run in self._now for seat in run.seats),
            (seat for run in self._before for seat in run.seats),
        )
        new = {
            line
            for run in self._now
            for seat, line in zip(run.seats, run.lines, strict=True)
            if seat in risen
        }
        for hunk in self._hunks:
            if not new.isdisjoint(hunk.lines):
                shown = (line for line in hunk.lines if line.kind == CONTEXT or line in new)
                yield from map(_place, shown)


def _without(runs: Iterable[_Run], others: Iterable[_Run]) -> list[_Run]:
    """The runs that the others have not, or have less often."""
    runs = list(runs)
    risen = _risen((run.seats for run in runs), (run.seats for run in others))
    return [run for run in runs if run.seats in risen]


def _runs(hunk: Hunk) -> Iterator[_Run]:
    texts = [None, *(line.text for line in hunk.lines), None]
    seats = (
        _Seat(line.kind, line.text, above, below)
        for line, above, below in zip(hunk.lines, texts[:-2], texts[2:], strict=True)
    )
    pairs = zip(seats, hunk.lines, strict=True)
    for unchanged, run in groupby(pairs, lambda pair: pair[0].kind == CONTEXT):
        if not unchanged:
            yield _Run(*zip(*run, strict=True))


_T = TypeVar("_T", bound=Hashable)


def _risen(now: Iterable[_T], before: Iterable[_T]) -> set[_T]:
    """What is there more often than before; nobody can tell which of the equal ones is new."""
    return set(Counter(now) - Counter(before))


def _place(line: Line) -> tuple[str, int]:
    number = line.old if line.kind == REMOVED else line.new
    assert number is not None
    return "old" if line.kind == REMOVED else "new", number


# --- where lines went ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moved:
    """Where some lines are now.

    `changed`: not all of them are there as they were, or something was put between them. Then these
    are the lines that stand in their place; where there are none, the one below the gap.
    """

    path: str
    line: int
    end_line: int
    changed: bool


class Moves:
    """Where the lines of an earlier commit are now.

    Args:
        diff: from the earlier head to the one of now.
        bases: from the earlier merge base to the one of now, for lines that the change removes;
            None where it is the same.
    """

    def __init__(self, diff: Diff, bases: Diff | None = None) -> None:
        self._files = _by_old_path(diff, visible)
        self._bases = _by_old_path(bases or Diff(()), visible)
        self._edits: dict[tuple[str, str], _Edits] = {}

    def place(self, path: str, side: str, line: int, end_line: int) -> Moved | None:
        """Where the lines `line` to `end_line` of a file are now; None if the file is deleted.

        Args:
            path: the file's path in the earlier head.
            side: "new", or "old" for lines of the merge base.
            line: the first line.
            end_line: the last line.
        """
        file = self._files.get(path)
        edited = file if side == "new" else self._bases.get(path)
        if any(each and each.new_path is None for each in (file, edited)):
            return None
        now = visible(file.path) if file else path
        if edited is None or edited.binary:
            return Moved(now, line, end_line, changed=edited is not None)
        if (path, side) not in self._edits:
            self._edits[path, side] = _Edits(edited.hunks())
        first, last, changed = self._edits[path, side].place(line, end_line)
        return Moved(now, first, last, changed)


class _Edits:
    """What was edited in one file: runs of old lines, each replaced by so many new ones."""

    def __init__(self, hunks: Iterable[Hunk]) -> None:
        self._starts: list[int] = []  # the first old line of each, or the one that it precedes
        self._ends: list[int] = []  # the first old line after each
        self._shifts = [0]  # from old numbers to new ones, before each, and after the last
        for hunk in hunks:
            for run in _runs(hunk):
                self._add(run.lines)

    def _add(self, run: tuple[Line, ...]) -> None:
        removed = [line.old for line in run if line.old is not None]
        added = [line.new for line in run if line.new is not None]
        start = removed[0] if removed else added[0] - self._shifts[-1]
        self._starts.append(start)
        self._ends.append(start + len(removed))
        self._shifts.append(self._shifts[-1] + len(added) - len(removed))

    def place(self, line: int, end_line: int) -> tuple[int, int, bool]:
        """First and last line of what stands there now, and whether it was edited."""
        first = bisect_right(self._ends, line)  # edits before it end above the lines
        after = bisect_right(self._starts, end_line)  # this one begins below them
        if first >= after:
            return line + self._shifts[first], end_line + self._shifts[first], False
        shift = self._shifts[first]
        start = min(line, self._starts[first]) + shift
        end = max(end_line + 1, self._ends[after - 1]) + self._shifts[after] - 1
        if after == first + 1 and self._starts[first] <= line and end_line < self._ends[first]:
            # Not all that replaces a long run replaces these lines: they have kept their place in
            # it, but for as many lines as it has grown or shrunk, above them or below.
            grown = self._shifts[after] - shift
            start = max(start, line + shift + min(grown, 0))
            end = min(end, end_line + shift + max(grown, 0))
        return start, max(start, end), True
