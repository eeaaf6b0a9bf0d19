"""What is said on a pull request, and what is not said again.

`plan` compares a report with what was said before: what is new is posted, what stands there is not
said again, what is mended is resolved. It is the same for every forge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reviewbot.anchors import Comment
from reviewbot.findings import Severity
from reviewbot.history import Entry, Thread, entry_of
from reviewbot.merging import ID_LENGTH, SAME
from reviewbot.report import Report, ranked
from reviewbot.scope import Moves, Scope
from reviewbot.screening import SECRETS
from reviewbot.text import digest

LOUD = Severity.HIGH  # what is as bad as this is said also where less would be noise


@dataclass(frozen=True, slots=True)
class Ground:
    """The code at the head, as far as one must know it to tell what became of earlier findings.

    `paths` are the files of the diff that still exist. `moves` tells where the lines of an earlier
    commit are now; it gives None where that commit cannot be had. `standing` gives the digests of
    the lines that a file has now. `screened` are the files that were looked through for secrets.
    """

    paths: frozenset[str]
    scope: Scope
    moves: Callable[[str], Moves | None]
    standing: Callable[[str], frozenset[str]]
    screened: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do on the pull request.

    `report` has every finding in its state, with those that are open since earlier runs. `post` are
    the comments to put at lines, `resolve` the threads whose finding is fixed. `entries` is what
    to remember; which of the new ones have a comment is known when it is posted, see `settled`.
    """

    report: Report
    post: tuple[Comment, ...]
    resolve: tuple[Thread, ...]
    entries: tuple[Entry, ...]


def plan(
    report: Report,
    entries: Sequence[Entry],
    threads: Sequence[Thread],
    ground: Ground,
    *,
    placeable: Callable[[Comment], bool],
    most: int,
) -> Plan:
    """Decide what is said, and what becomes of what was said.

    Args:
        report: the review, with its findings as they came.
        entries: what was said before, see `remembered`.
        threads: the discussions of them.
        ground: the code at the head.
        placeable: whether the forge takes a comment at its lines.
        most: how many comments to post at lines.
    """
    head = report.head or ""
    old = [_moved(entry, ground) for entry in entries]
    known, met = _compared(ranked(report.findings), old, ground.scope)
    standing = [comment for comment in known if comment.state != "dropped"]
    read = _read(report, ground)
    now = [_today(each, met.get(each.entry.fingerprint), read, standing, head) for each in old]
    fixed = {
        entry.fingerprint
        for each, entry in zip(old, now, strict=True)
        if entry.state == "fixed" != each.entry.state
    }
    recalled = [
        _recalled(entry)
        for entry in now
        if entry.fingerprint in fixed or (entry.state == "open" and entry.fingerprint not in met)
    ]
    fresh = [comment for comment in known if comment.state == "new"]
    late = {entry.fingerprint for entry in now if entry.waiting and entry.state == "open"}
    unsaid = [*fresh, *(each for each in (*known, *recalled) if each.fingerprint in late)]
    places = _Places(each for each in old if each.entry.fingerprint not in late)
    post = [comment for comment in ranked(unsaid) if placeable(comment) and places.take(comment)]
    back = {comment.fingerprint for comment in fresh}  # what was fixed once may come back
    kept = [
        replace(entry, said_at=head, waiting=False) if entry.fingerprint in late else entry
        for entry in now
        if entry.fingerprint not in back
    ]
    return Plan(
        report=replace(report, findings=tuple(ranked((*known, *recalled)))),
        post=tuple(post[:most]),
        resolve=tuple(_mended(threads, now, fixed)),
        entries=(*kept, *(entry_of(comment, head) for comment in fresh)),
    )


def _mended(
    threads: Iterable[Thread], entries: Iterable[Entry], fixed: Container[str]
) -> Iterator[Thread]:
    """The threads of what is fixed, where nobody has resolved or answered them."""
    said = {entry.key for entry in entries if entry.fingerprint in fixed}
    for thread in threads:
        if thread.key in said and not (thread.discussion.resolved or thread.answered):
            yield thread


def _read(report: Report, ground: Ground) -> Mapping[str, frozenset[str]]:
    """The checklists that each file was read with."""
    read: dict[str, set[str]] = defaultdict(set)
    for path in ground.screened:
        read[path].add(SECRETS)
    for entry in report.coverage:
        if entry.status == "reviewed":
            read[entry.path].add(entry.checklist)
    return {path: frozenset(checklists) for path, checklists in read.items()}


def carried(report: Report, entries: Sequence[Entry]) -> Plan:
    """The plan where nothing is known of the code: all that was open still is."""
    recalled = [_recalled(entry) for entry in entries if entry.state == "open"]
    findings = ranked((*report.findings, *recalled))
    return Plan(replace(report, findings=tuple(findings)), (), (), tuple(entries))


def _recalled(entry: Entry) -> Comment:
    """A finding of an earlier run, as far as it is remembered."""
    return Comment(
        id=entry.id,
        state=entry.state,
        checklists=entry.checklists,
        items=(),
        path=entry.path,
        line=entry.line,
        end_line=entry.end_line,
        side=entry.side,
        severity=entry.severity,
        confidence=0,
        title=entry.title,
        body=entry.body,
        suggestion="",
        quote="",
        fingerprint=entry.fingerprint,
        digests=entry.digests,
        anchored=entry.line is not None,
        anchor_note="",
        drop_reason=None,
        model="",
        frame=(),
    )


# --- old and new --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Old:
    """An entry at its place in the head.

    `span` is None where its lines are not known. `changed`: what stands there is not what stood
    there. `gone` says that its file is.
    """

    entry: Entry
    path: str
    span: range | None
    changed: bool
    gone: bool

    def is_same(self, comment: Comment) -> bool:
        """Whether a finding of this review is the one that was said.

        Never by its words: models rephrase; never by a line's number or text alone: lines move,
        and stand more than once. The text counts where the lines are lost, or were edited: they
        may have been moved elsewhere.
        """
        if not set(comment.checklists) & set(self.entry.checklists):
            return False
        if comment.line is None:
            return comment.fingerprint == self.entry.fingerprint
        if self.span is not None and not (self.changed or self.entry.edited):
            return self.overlaps(comment)
        shared = comment.path == self.path and set(comment.digests) & set(self.entry.digests)
        return bool(shared) or self.overlaps(comment)

    def is_outgrown(self, comment: Comment) -> bool:
        """Whether the code was dismissed before it was edited into something worse."""
        edited = self.entry.state == "dismissed" and self.entry.edited
        return edited and not self.entry.severity.at_least(comment.severity)

    def overlaps(self, comment: Comment) -> bool:
        """Whether they stand at the same lines."""
        here = (comment.path, comment.side) == (self.path, self.entry.side)
        return here and _overlap(self.span, _span(comment))


def _span(comment: Comment | Entry) -> range | None:
    if comment.line is None or comment.end_line is None:
        return None
    return range(comment.line, comment.end_line + 1)


def _overlap(one: range | None, other: range | None) -> bool:
    if one is None or other is None:
        return False
    return one.start < other.stop and other.start < one.stop


def _moved(entry: Entry, ground: Ground) -> _Old:
    """The entry where it stands now; `edited` once a line of it is nowhere in its file."""
    span = _span(entry)
    if span is None:
        return _Old(entry, entry.path, None, changed=False, gone=entry.path not in ground.paths)
    moves = ground.moves(entry.at)
    moved = moves.place(entry.path, entry.side, span.start, span.stop - 1) if moves else None
    path = moved.path if moved else entry.path
    there = set(entry.digests) & ground.standing(path)
    changed = moved.changed if moved and entry.side == "new" else not there
    still_there = len(there) == len(set(entry.digests))  # an edit may have been taken back
    return _Old(
        entry=replace(entry, edited=(entry.edited or changed) and not still_there),
        path=path,
        span=range(moved.line, moved.end_line + 1) if moved else None,
        changed=changed,
        gone=path not in ground.paths,
    )


def _compared(
    comments: Iterable[Comment], old: Sequence[_Old], scope: Scope
) -> tuple[list[Comment], dict[str, Comment]]:
    """The findings in their states, and those that were said before by the fingerprint of that."""
    by_path: dict[str, list[_Old]] = defaultdict(list)
    for each in old:
        by_path[each.path].append(each)
    taken = {each.entry.fingerprint for each in old if each.entry.state != "fixed"}
    known, met = [], {}
    for comment in comments:
        same = None if comment.state == "dropped" else _same(comment, by_path[comment.path])
        if same is None:
            known.append(_new(_renamed(comment, taken), scope))
        elif same.fingerprint in met:
            known.append(_dropped(comment, f"{SAME} {same.id}"))
        else:
            met[same.fingerprint] = comment
            known.append(_again(comment, same))
    return known, met


def _renamed(comment: Comment, taken: Container[str]) -> Comment:
    """The comment under a name of its own: the text of a line may come back somewhere else."""
    while comment.fingerprint in taken:
        name = digest("again", comment.fingerprint)
        comment = replace(comment, fingerprint=name, id=name[:ID_LENGTH])
    return comment


def _same(comment: Comment, old: Iterable[_Old]) -> Entry | None:
    """What was said before of the same; the very same first, then what is open."""
    found = [
        each.entry
        for each in old
        if each.entry.state != "fixed" and each.is_same(comment) and not each.is_outgrown(comment)
    ]
    found.sort(key=lambda each: (each.fingerprint != comment.fingerprint, each.state != "open"))
    return found[0] if found else None


def _again(comment: Comment, entry: Entry) -> Comment:
    """A finding that was said before: under its old name, and no milder than it was."""
    return replace(
        comment,
        id=entry.id,
        fingerprint=entry.fingerprint,
        state=entry.state,
        severity=min(comment.severity, entry.severity, key=lambda severity: severity.rank),
    )


def _new(comment: Comment, scope: Scope) -> Comment:
    """A finding that was not said before: on lines that were reviewed before, only if it is bad."""
    if comment.state == "dropped" or comment.severity.at_least(LOUD):
        return comment
    span = _span(comment)
    if span is None or scope.is_fresh(comment.path, comment.side, span.start, span.stop - 1):
        return comment
    return _dropped(comment, f"its lines were reviewed before, and it is below {LOUD}")


def _dropped(comment: Comment, reason: str) -> Comment:
    return replace(comment, state="dropped", drop_reason=reason)


def _today(
    old: _Old,
    again: Comment | None,
    read: Mapping[str, frozenset[str]],
    standing: Iterable[Comment],
    head: str,
) -> Entry:
    """What becomes of an entry in this review."""
    entry = replace(old.entry, path=old.path)
    if again is not None:
        entry = replace(
            entry,
            line=again.line,
            end_line=again.end_line,
            digests=again.digests,
            at=head,
            severity=min(again.severity, entry.severity, key=lambda severity: severity.rank),
            edited=False,
        )
    elif old.span is not None:
        entry = replace(entry, line=old.span.start, end_line=old.span.stop - 1, at=head)
    if again is None and entry.state == "open" and _is_fixed(old, read, standing):
        return replace(entry, state="fixed")
    return entry


def _is_fixed(old: _Old, read: Mapping[str, frozenset[str]], standing: Iterable[Comment]) -> bool:
    """The code changed, the file was reviewed again, and no finding is there now.

    That a finding is not repeated says nothing: models forget.
    """
    if old.gone:
        return True
    return (
        old.entry.edited
        and read.get(old.path, frozenset()).issuperset(old.entry.checklists)
        and not any(map(old.overlaps, standing))
    )


class _Places:
    """Lines that somebody has commented on: a second checklist must be loud to be heard there."""

    def __init__(self, old: Iterable[_Old]) -> None:
        self._taken: dict[tuple[str, str], list[tuple[range, tuple[str, ...]]]] = defaultdict(list)
        for each in old:
            if each.span is not None and each.entry.state != "fixed":
                place = each.path, each.entry.side
                self._taken[place].append((each.span, each.entry.checklists))

    def take(self, comment: Comment) -> bool:
        """Whether a comment may be posted at its lines, which it then has taken."""
        span = _span(comment)
        if span is None:
            return False
        here = self._taken[comment.path, comment.side]
        others = (
            checklists
            for taken, checklists in here
            if _overlap(taken, span) and not set(checklists) & set(comment.checklists)
        )
        if not comment.severity.at_least(LOUD) and any(others):
            return False
        here.append((span, comment.checklists))
        return True
