"""A report on its pull request: comments at their lines, one summary, threads resolved.

Each step can be the last one: whoever runs it again ends with the same comments, each once. What
was posted is known from the comments themselves, not from what this run believes to have done.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reviewbot import history, threads
from reviewbot.anchors import Comment
from reviewbot.config import Config
from reviewbot.diff import Diff
from reviewbot.errors import ForgeError, ReadOnlyError, UnsureError
from reviewbot.forge import Forge
from reviewbot.history import History, State, Thread
from reviewbot.render import comment as comment_text
from reviewbot.render import summary
from reviewbot.report import Report
from reviewbot.text import plural
from reviewbot.threads import Ground, Plan

PAUSES = (2.0, 5.0, 15.0)  # seconds before it is looked whether a write took effect
STATE_SHARE = 0.75  # of the summary, at most, for what it remembers


@dataclass(frozen=True, slots=True)
class Desk:
    """What posting needs to know beside the report.

    `diff` is the change, and `ground` the code that it leads to: None where they could not be had.
    `target` is the branch it goes to, `rules` the digest of the configuration. `url` leads to the
    job.
    """

    forge: Forge
    config: Config = field(default_factory=Config)
    diff: Diff = field(default_factory=lambda: Diff(()))
    ground: Ground | None = None
    target: str = ""
    rules: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a report.

    `report` has the findings in their states. `superseded` says that another head was pushed, so
    that nothing was said. `posted` are the ids of the findings that got a comment, `resolved`
    counts threads. `problem` is why not all could be written. `text` is the summary without its
    marker.
    """

    report: Report
    posted: tuple[str, ...] = ()
    resolved: int = 0
    superseded: bool = False
    problem: ForgeError | None = None
    text: str = ""


def deliver(report: Report, desk: Desk) -> Delivery:
    """Say on the pull request what is new in a report, and keep its summary.

    Raises:
        ForgeError: the pull request cannot be read.
    """
    sight = desk.forge.look()
    if report.head and sight.pull.head != report.head:
        return Delivery(report, superseded=True)
    return _Delivery(report, history.read(sight.discussions, sight.notes), desk).made()


class _LeftBehindError(Exception):
    """Another head was pushed while this one was being spoken of: a newer run has the word."""


class _Delivery:
    """The steps, in an order in which each may be the last."""

    def __init__(self, report: Report, before: History, desk: Desk) -> None:
        self._desk = desk
        self._forge = desk.forge
        self._before = self._now = before
        self._plan = _plan(report, before, desk)
        self._report = self._plan.report
        self._head = self._newest = report.head or ""
        self._resolved: Sequence[Thread] = ()
        self._refused: list[str] = []
        self._notes: list[str] = []

    def made(self) -> Delivery:
        problem, superseded = None, False
        try:
            problem = self._problem()
        except _LeftBehindError:
            superseded = True
        return Delivery(
            report=self._report,
            superseded=superseded,
            posted=tuple(each.id for each in self._plan.post if each.fingerprint in self._there()),
            resolved=len(self._resolved),
            problem=problem,
            text=self._text("", self._forge.body_limit, self._links()),
        )

    def _problem(self) -> ForgeError | None:
        """Take the steps; what the first one to fail has said."""
        problems: list[ForgeError] = []
        for step in (self._post, self._resolve, self._summarise):
            try:
                step()
            except ReadOnlyError as error:
                return error
            except ForgeError as error:
                problems.append(error)
        return problems[0] if problems else None

    def _look(self) -> None:
        sight = self._forge.look()
        self._now = history.read(sight.discussions, sight.notes)
        self._newest = sight.pull.head

    def _give_way(self) -> None:
        """Say no more, and above all write no summary, where another head was pushed."""
        if self._head and self._newest != self._head:
            raise _LeftBehindError

    # --- comments at lines --------------------------------------------------------------------

    def _post(self) -> None:
        pauses = iter(PAUSES)
        waiting = self._plan.post
        if not waiting:
            self._put(())
        while waiting:
            waiting = self._left(waiting, next(pauses, None))
        self._take_back()
        self._give_way()

    def _left(self, waiting: Sequence[Comment], pause: float | None) -> tuple[Comment, ...]:
        """Post comments; those of which nobody knows that they are there."""
        try:
            refused = self._put(waiting)
        except UnsureError:
            if pause is None:
                raise
            time.sleep(pause)
            self._look()
            there = self._there()
            left = tuple(comment for comment in waiting if comment.fingerprint not in there)
            if not left:
                self._put(())
            return left if self._newest == self._head else ()
        self._refused += [comment.fingerprint for comment in refused]
        self._look()
        return ()

    def _put(self, comments: Sequence[Comment]) -> Sequence[Comment]:
        """Post comments; with none, what is half done is removed. Those that are not taken."""
        return self._forge.post(
            self._head,
            self._desk.diff,
            list(map(self._said, comments)),
            self._opening() if comments else "",
            complete=self._report.status == "complete",
        )

    def _take_back(self) -> None:
        """Two runs at once have said the same: at one head the first one stays, else the newest."""
        doubled = (*self._now.repeated, *self._outrun())
        ids = [thread.opening.id for thread in doubled if not thread.answered]
        if ids:
            self._forge.delete((), ids)

    def _outrun(self) -> Sequence[Thread]:
        """What was said meanwhile of an older head, and of the newest one, too."""
        before = {thread.key for thread in self._before.threads}
        new = [thread for thread in self._now.threads if thread.key not in before]
        newest = {each.entry.fingerprint for each in new if each.entry.said_at == self._newest}
        return [
            thread
            for thread in new
            if thread.entry.fingerprint in newest and thread.entry.said_at != self._newest
        ]

    def _said(self, comment: Comment) -> tuple[Comment, str]:
        entry = replace(history.entry_of(comment, self._head), commented=True, body="")
        marker = history.finding_marker(entry)
        word = self._forge.suggestion_as(comment)
        return comment, comment_text.render(comment, marker, suggestion_as=word)

    def _opening(self) -> str:
        """The summary as it may go out with the comments: it remembers nothing until they stand."""
        if self._now.summary:
            return ""
        limit = self._forge.body_limit
        marker, _ = history.state_marker(State(), limit)
        return self._text(marker, limit, {comment.id: "" for comment in self._plan.post})

    def _there(self) -> frozenset[str]:
        """What has been said at this head, by fingerprints."""
        entries = (thread.entry for thread in self._now.threads)
        return frozenset(entry.fingerprint for entry in entries if entry.said_at == self._head)

    def _unsaid(self) -> frozenset[str]:
        """What was to be posted and is not there, although nobody has refused it."""
        planned = frozenset(comment.fingerprint for comment in self._plan.post)
        return planned - self._there() - frozenset(self._refused)

    # --- threads ------------------------------------------------------------------------------

    def _resolve(self) -> None:
        """Resolve the threads of what is fixed; where that is not wanted or allowed, say which."""
        mode, mended = self._desk.config.resolve, self._plan.resolve
        can = [thread for thread in mended if thread.discussion.resolvable and mode == "on"]
        if can:
            try:
                self._forge.resolve(can)
                self._resolved = can
            except ForgeError as error:
                self._notes.append(f"Discussions could not be resolved: {error.message}")
            self._look()
            self._give_way()
        left = [thread.entry.id for thread in mended if thread not in self._resolved]
        if left and mode != "off":
            self._notes.append(f"Fixed, for somebody to resolve: {', '.join(left)}")

    # --- the summary --------------------------------------------------------------------------

    def _summarise(self) -> None:
        state = self._state()
        if self._is_quiet() or self._is_known(state):
            return
        limit = self._forge.body_limit
        marker, forgotten = history.state_marker(state, int(limit * STATE_SHARE))
        if forgotten:
            count = plural(forgotten, "finding")
            self._notes.append(f"{count} cannot be remembered here: the next review is a full one.")
        self._write(self._text(marker, limit, self._links()))
        if self._now.summary is None:
            self._look()
        if self._now.spare:
            self._forge.delete(self._now.spare, ())

    def _is_quiet(self) -> bool:
        """Whether there is nothing to say, and to say so is not wanted."""
        clean = self._report.status == "complete" and not self._plan.entries
        new = self._now.summary is None
        return clean and new and not self._desk.config.summary_when_clean

    def _is_known(self, state: State) -> bool:
        """Whether the summary that is there says it all: a later one would only say less."""
        there = self._now.summary is not None and not self._now.spare
        asked = self._report.status != "complete" or self._report.usage.calls
        return there and not asked and state == self._before.state

    def _write(self, body: str) -> None:
        for pause in PAUSES:
            try:
                self._forge.write_summary(self._now.summary, body)
            except UnsureError:
                time.sleep(pause)
                self._look()
            else:
                return
        self._forge.write_summary(self._now.summary, body)

    def _state(self) -> State:
        """What is to be remembered: the watermark moves with complete reviews only.

        What was to be posted and is not there is left to the next run.
        """
        old, report, unsaid = self._before.state, self._report, self._unsaid()
        entries = history.settled(
            (replace(each, waiting=each.fingerprint in unsaid) for each in self._plan.entries),
            self._now.threads,
        )
        state = replace(old, entries=entries, status=report.status)
        if self._desk.ground is None:
            return state
        state = replace(state, at=self._head, at_base=report.base or "")
        if report.status != "complete":
            return state
        return replace(
            state,
            watermark=report.head,
            base=report.base,
            target=self._desk.target,
            rules=self._desk.rules,
        )

    def _text(self, marker: str, limit: int, links: Mapping[str, str]) -> str:
        scope = self._desk.ground.scope if self._desk.ground else None
        complete = self._report.status == "complete"
        news = any(comment.state == "new" for comment in self._report.findings)
        view = summary.View(
            links=links,
            dismissed=[entry for entry in self._plan.entries if entry.state == "dismissed"],
            scope=scope.words() if scope else "",
            converged=bool(scope and scope.since and complete and not news),
            resolved=[thread.entry.id for thread in self._resolved],
            notes=[*self._refusals(), *self._notes],
            again=self._desk.url,
        )
        return summary.render(self._report, view, marker, limit)

    def _refusals(self) -> Sequence[str]:
        if not self._refused:
            return ()
        count = plural(len(self._refused), "comment")
        return (f"The forge did not take {count} at the lines: the text stands above.",)

    def _links(self) -> Mapping[str, str]:
        """Where the findings have their comments."""
        urls = {thread.key: thread.opening.url for thread in self._now.threads}
        return {each.id: urls[each.key] for each in self._plan.entries if each.key in urls}


def _plan(report: Report, before: History, desk: Desk) -> Plan:
    entries = history.remembered(before, desk.forge.may_write)
    if desk.ground is None:
        return threads.carried(report, entries)
    return threads.plan(
        report,
        entries,
        before.threads,
        desk.ground,
        placeable=lambda comment: desk.forge.placeable(desk.diff, comment),
        most=desk.config.max_review_comments,
    )
