"""What a pull request shows of earlier runs: what was said, and what people made of it.

The bot remembers in its own comments: each line comment begins with a marker that holds its
finding, the summary with one that holds the state. Only what the forge says is the bot's own is
believed; a marker that somebody else has written means nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from reviewbot import marker
from reviewbot.anchors import Comment
from reviewbot.commands import Command, commands
from reviewbot.findings import Severity

STATE, FINDING = "state", "finding"  # kinds of markers
LONGEST_TITLE = 300  # characters that are remembered
MOST_DIGESTS = 500  # of the first lines of a finding

# --- what the forge shows -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """One comment. `own` is what the forge says of its author; `rejected_by` gave a thumbs-down."""

    id: str
    author: str
    own: bool
    body: str
    url: str
    at: str
    rejected_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discussion:
    """Comments at a line of code, the first one first.

    `resolved_by` is None where the bot did it, or nobody; `resolvable` says whether this token can.
    """

    id: str
    resolved: bool
    resolved_by: str | None
    resolvable: bool
    notes: tuple[Note, ...]


# --- what the bot remembers ---------------------------------------------------------------------

How = Literal["command", "resolved", "thumbs-down", "deleted"]


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who does not want a finding raised again, since when, why, and how they said it."""

    by: str
    at: str
    reason: str
    how: How


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding that the pull request has been told of.

    Its lines are lines of the commit `at`. `digests` has one for each of its lines (text and
    occurrence). `commented` says whether it has a comment of its own; of one that stands in the
    summary only, the `body` is kept. `said_at` is the head it was said at; `waiting`: its comment
    could not be posted yet. `edited`: its lines have changed since it was last found.
    """

    id: str
    fingerprint: str
    checklists: tuple[str, ...]
    path: str
    line: int | None
    end_line: int | None
    side: str
    digests: tuple[str, ...]
    severity: Severity
    title: str
    body: str = ""
    state: Literal["open", "fixed", "dismissed"] = "open"
    commented: bool = False
    at: str = ""
    said_at: str = ""
    waiting: bool = False
    edited: bool = False
    dismissal: Dismissal | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: a finding that was fixed and came back was said at another head."""
        return self.fingerprint, self.said_at


@dataclass(frozen=True, slots=True)
class State:
    """What the summary remembers from one run to the next.

    `watermark` is the head of the last complete review, `base` the merge base that it had,
    `target` the branch it went to, `rules` a digest of the configuration. `status` is that of the
    last run, `at` its head, `at_base` its merge base.
    """

    watermark: str | None = None
    base: str | None = None
    target: str = ""
    rules: str = ""
    status: str = ""
    at: str = ""
    at_base: str = ""
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """A discussion that the bot began, and the finding it is about as it was then."""

    discussion: Discussion
    entry: Entry

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: the finding, and the head it was said at."""
        return self.entry.key

    @property
    def opening(self) -> Note:
        """The bot's own comment."""
        return self.discussion.notes[0]

    @property
    def answered(self) -> bool:
        """Whether somebody else has replied."""
        return not all(note.own for note in self.discussion.notes)


@dataclass(frozen=True, slots=True)
class Remark:
    """A command that somebody gave in a comment, in the discussion of `thread` if in one."""

    command: Command
    note: Note
    thread: Thread | None


@dataclass(frozen=True, slots=True)
class History:
    """What a pull request shows of earlier runs; nothing on the first.

    `summary` is the id of the note that holds the state. Two runs at once may have said things
    twice: `spare` are further summaries, `repeated` further threads of the same finding.
    """

    state: State = State()
    summary: str | None = None
    spare: tuple[str, ...] = ()
    threads: tuple[Thread, ...] = ()
    repeated: tuple[Thread, ...] = ()
    remarks: tuple[Remark, ...] = ()


_STATE = TypeAdapter(State)


_ENTRY = TypeAdapter(Entry)


def state_marker(state: State, limit: int) -> tuple[str, int]:
    """The marker that a summary begins with, in at most `limit` characters.

    Where there is too much to remember, what the threads' own markers hold goes first. With other
    findings left out, the watermark goes too: the next review finds them again.

    Returns:
        The marker, and how many findings are left out of it.
    """
    for entries in _ever_less(state.entries):
        forgotten = _forgotten(state.entries, entries)
        kept = replace(state, entries=entries, watermark=None if forgotten else state.watermark)
        content = _STATE.dump_json(kept, exclude_defaults=True)
        written = marker.write(STATE, content.decode())
        if len(written) <= limit:
            break
    return written, forgotten


def _forgotten(entries: Iterable[Entry], kept: Iterable[Entry]) -> int:
    """How many are lost: what is open and has a comment comes back by its marker."""
    names = {entry.fingerprint for entry in kept}
    return sum(
        entry.fingerprint not in names
        and not (entry.commented and entry.state == "open")
        and entry.state != "fixed"
        for entry in entries
    )


def _ever_less(entries: tuple[Entry, ...]) -> Iterator[tuple[Entry, ...]]:
    """The entries; the same without what they can do without; the most telling ones of them."""
    yield entries
    entries = tuple(replace(each, body="", digests=each.digests[:3]) for each in entries)
    yield entries
    entries = tuple(each for each in entries if each.state != "fixed" or not each.commented)
    entries = tuple(
        sorted(
            entries,
            key=lambda each: (each.commented and each.state == "open", each.severity.rank),
        )
    )
    while entries:
        yield entries
        entries = entries[: len(entries) // 2]
    yield ()


def finding_marker(entry: Entry) -> str:
    """The marker that a line comment begins with."""
    return marker.write(FINDING, _ENTRY.dump_json(entry, exclude_defaults=True).decode())


def read(discussions: Iterable[Discussion], notes: Sequence[Note]) -> History:
    """Read what earlier runs have left. Only comments of the bot's own account are believed."""
    summaries = [note for note in notes if note.own and marker.begins(STATE, note.body)]
    discussions = sorted(discussions, key=_began)
    threads: dict[tuple[str, str], Thread] = {}
    repeated = []
    for thread in filter(None, map(_thread, discussions)):
        first = threads.setdefault(thread.key, thread)
        if first is not thread:
            repeated.append(thread)
    known = {thread.discussion.id: thread for thread in threads.values()}
    spoken: list[tuple[Note, Thread | None]] = [(note, None) for note in notes]
    spoken += [(note, known.get(each.id)) for each in discussions for note in each.notes]
    remarks = [
        Remark(command, note, thread)
        for note, thread in sorted(spoken, key=lambda pair: pair[0].at)
        if not note.own
        for command in commands(note.body)
    ]
    return History(
        state=_state(summaries[0].body) if summaries else State(),
        summary=summaries[0].id if summaries else None,
        spare=tuple(note.id for note in summaries[1:]),
        threads=tuple(threads.values()),
        repeated=tuple(repeated),
        remarks=tuple(remarks),
    )


def _state(body: str) -> State:
    """The state of a summary; an empty one where it is damaged: then all is reviewed again."""
    try:
        return _STATE.validate_json(marker.read(STATE, body) or "{}")
    except ValidationError:
        return State()


def _began(discussion: Discussion) -> tuple[str, int, str]:
    """Orders discussions by their age; ids grow, and those of one moment are told apart by them."""
    note = discussion.notes[0] if discussion.notes else None
    return (note.at, len(note.id), note.id) if note else ("", 0, "")


def _thread(discussion: Discussion) -> Thread | None:
    opening = discussion.notes[0] if discussion.notes else None
    content = marker.read(FINDING, opening.body) if opening and opening.own else None
    if content is None:
        return None
    try:
        return Thread(discussion, _ENTRY.validate_json(content))
    except ValidationError:
        return None


def entry_of(comment: Comment, head: str) -> Entry:
    """What to remember of a finding that is said at `head`."""
    return Entry(
        id=comment.id,
        fingerprint=comment.fingerprint,
        checklists=comment.checklists,
        path=comment.path,
        line=comment.line,
        end_line=comment.end_line,
        side=comment.side,
        digests=comment.digests[:MOST_DIGESTS],
        severity=comment.severity,
        title=comment.title[:LONGEST_TITLE],
        body=comment.body,
        at=head,
        said_at=head,
    )


def settled(entries: Iterable[Entry], threads: Iterable[Thread]) -> tuple[Entry, ...]:
    """The entries, told which of them have a comment of their own."""
    posted = {thread.key for thread in threads}
    return tuple(_commented(entry) if entry.key in posted else entry for entry in entries)


# --- what people have said ----------------------------------------------------------------------

Trust = Callable[[str], bool]  # whether somebody may write to the repository


def paused(history: History, may_write: Trust) -> str | None:
    """Who has paused the reviews; None when nobody has, or they were resumed."""
    for remark in reversed(history.remarks):
        if remark.command.verb in ("pause", "resume") and may_write(remark.note.author):
            return remark.note.author if remark.command.verb == "pause" else None
    return None


def remembered(history: History, may_write: Trust) -> tuple[Entry, ...]:
    """All findings that the pull request was told of, with what people have made of them since."""
    threads: dict[str, list[Thread]] = defaultdict(list)
    for thread in history.threads:
        threads[thread.entry.fingerprint].append(thread)
    known = {entry.fingerprint: entry for entry in history.state.entries}
    pairs = [_with_thread(known.get(each), threads[each]) for each in {**known, **threads}]
    commanded = _commanded(history, [entry for entry, _ in pairs], may_write)
    return tuple(
        _judged(entry, thread, commanded.get(entry.id), may_write) for entry, thread in pairs
    )


def _with_thread(entry: Entry | None, threads: Sequence[Thread]) -> tuple[Entry, Thread | None]:
    """What is known of a finding, with the thread that it has now.

    A finding that was fixed and came back is said anew: older threads are none of its own. Where a
    run got no further than to its comment, the thread tells more than the state.
    """
    places = [thread.entry.said_at for thread in threads]
    own = places.index(entry.said_at) if entry and entry.said_at in places else None
    is_new = entry is None or own not in (None, len(threads) - 1)
    if entry and entry.state == "fixed" and own is None:
        is_new = bool(threads) and not threads[-1].discussion.resolved
    if is_new:
        return _commented(threads[-1].entry), threads[-1]
    assert entry is not None
    return (entry, None) if own is None else (_commented(entry), threads[own])


def _commented(entry: Entry) -> Entry:
    return replace(entry, commented=True, waiting=False, body="")


def _commanded(
    history: History, entries: Iterable[Entry], may_write: Trust
) -> Mapping[str, Dismissal]:
    """What was dismissed by commands, by the id of the finding."""
    ids = {entry.id for entry in entries}
    dismissed = {}
    for remark in history.remarks:
        if remark.command.verb == "dismiss":
            named, reason = _dismissal(remark, ids)
            if named in ids and may_write(remark.note.author):
                note = remark.note
                dismissed[named] = Dismissal(note.author, note.at, reason, "command")
    return dismissed


def _dismissal(remark: Remark, ids: Container[str]) -> tuple[str, str]:
    """The id that a dismissal names, and its reason; in a thread the id may be left out."""
    first, _, rest = remark.command.argument.partition(" ")
    named = first.strip("`").lower()
    if remark.thread and named not in ids:
        return remark.thread.entry.id, remark.command.argument
    return named, rest.strip()


def _judged(
    entry: Entry, thread: Thread | None, commanded: Dismissal | None, may_write: Trust
) -> Entry:
    """The entry in the state that people have put it into."""
    if entry.state == "fixed":
        return entry
    told = entry.dismissal if entry.dismissal and entry.dismissal.how == "command" else None
    dismissal = commanded or told or _shown(entry, thread, may_write)
    return replace(entry, state="dismissed" if dismissal else "open", dismissal=dismissal)


def _shown(entry: Entry, thread: Thread | None, may_write: Trust) -> Dismissal | None:
    """A dismissal that the thread shows."""
    if thread is None:
        deleted = Dismissal("", "", "its comment was deleted", "deleted")
        return deleted if entry.commented else None
    solver = thread.discussion.resolved_by
    if thread.discussion.resolved and solver and may_write(solver):
        return Dismissal(solver, "", "", "resolved")
    opponent = next(filter(may_write, thread.opening.rejected_by), None)
    return Dismissal(opponent, "", "", "thumbs-down") if opponent else None
