"""A review of a pull request: from what asks for it to the comments on it.

Nothing of the pull request decides how it is reviewed: settings, checklists, guides and attributes
are those of the commit that it began at. Its own objects are read as data, never checked out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from reviewbot import (
    anchors,
    books,
    change,
    config,
    history,
    house,
    sarif,
    scope,
    selection,
    threads,
)
from reviewbot.books import Books
from reviewbot.change import MOST_MESSAGES, Change, Span
from reviewbot.commands import HELP
from reviewbot.config import Config, reason_to_skip
from reviewbot.diff import Diff
from reviewbot.endpoint import endpoint
from reviewbot.errors import (
    ForgeError,
    GitError,
    InterruptedReview,
    ReadOnlyError,
    ReviewbotError,
    UsageError,
)
from reviewbot.forge import Forge, PullRequest, Remote, Respondent, Sight, State
from reviewbot.git import Repository
from reviewbot.handover import handed_over
from reviewbot.jobs import Access, Job
from reviewbot.pipeline import Review, surveyed
from reviewbot.posting import Delivery, Desk, deliver
from reviewbot.progress import Progress
from reviewbot.render import words
from reviewbot.report import Report, TotalUsage
from reviewbot.reviewing import reviewed
from reviewbot.scope import Moves, Scope
from reviewbot.screening import screen
from reviewbot.selection import ATTRIBUTES, Selection
from reviewbot.text import visible
from reviewbot.threads import Ground

OFFLINE_RULES = "offline"  # in place of a digest: such a review counts for none with a model
HEAD_LAG = 3.0  # seconds in which a forge may not know of a push that it has started the job for


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line of a CI job asks for.

    `overrides` are settings with their origin; `config_file` replaces the repository's own. With a
    `report`, that is posted; or else the change is reviewed, and what comes of it posted if `post`.
    `offline`: no model is asked, and no gateway is needed. `hints` are files of tools, with
    what they have found.
    """

    overrides: Mapping[str, tuple[str, Any]]
    config_file: Path | None = None
    report: Report | None = None
    post: bool = True
    offline: bool = False
    hints: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `status` is that of the report, or superseded; `words` say why."""

    code: int
    status: str
    words: str
    report: Report | None = None
    delivery: Delivery | None = None


def run(
    job: Job, access: Access, order: Order, environment: Mapping[str, str], progress: Progress
) -> Ending:
    """Do what the job's event asks for.

    Raises:
        ForgeError: the pull request cannot be read.
        InterruptedReview: somebody has stopped the job.
    """
    if reason := _keyless(job, order, environment):
        return Ending(0, "skipped", reason)
    sight = _seen(job, order, access.forge)
    if ending := _too_late(job, order, sight.pull) or _heard(job, access):
        return ending
    check = _Check(access.respondent, sight.pull.head, job.url, progress)
    check.set("pending", "under review")
    try:
        ending = _Run(job, access.forge, order, sight).ending(environment, progress)
    except (InterruptedReview, SystemExit):
        check.set("error", "the review was interrupted")
        raise
    check.set(_state(ending), ending.words)
    return ending


def _seen(job: Job, order: Order, forge: Forge) -> Sight:
    """The pull request; looked at again where the forge may not have heard of the push yet."""
    sight = forge.look()
    if _wanted(job, order) in (None, sight.pull.head):
        return sight
    time.sleep(HEAD_LAG)
    return forge.look()


def _wanted(job: Job, order: Order) -> str | None:
    """The head that the job is about: its own, or that of its report where it has none."""
    return job.head or (order.report.head if order.report else None)


def _state(ending: Ending) -> State:
    """What to show at the head; one that was left during its review has passed none."""
    if ending.status == "superseded":
        return "error"
    return _STATES.get(ending.code, "error")


_STATES: Mapping[int, State] = {0: "success", 1: "failure"}


def _keyless(job: Job, order: Order, environment: Mapping[str, str]) -> str:
    """Why there is no key for a review, where there can be none."""
    if not job.secretless or order.report or order.offline:
        return ""
    try:
        endpoint(environment)
    except ReviewbotError:
        return f"{job.secretless}: such a run gets no key for the gateway"
    return ""


def _too_late(job: Job, order: Order, pull: PullRequest) -> Ending | None:
    """Whether somebody else's run has the word, or nobody's."""
    if not pull.open:
        return Ending(0, "skipped", "it is closed or merged already")
    head = _wanted(job, order)
    if head and head != pull.head:
        return Ending(0, "superseded", f"the head is {pull.head[:10]} now, not {head[:10]}")
    return None


def _heard(job: Job, access: Access) -> Ending | None:
    """Answer the commands that started the job; None where they ask for a review."""
    if not job.commands or not access.respondent:
        return None
    if not access.forge.may_write(job.asker):
        return Ending(0, "skipped", f"{job.asker} may not write to this repository")
    verbs = {command.verb for command in job.commands}
    if verbs == {"help"}:
        access.respondent.answer(HELP)
        return Ending(0, "skipped", "help was asked for")
    access.respondent.acknowledge(job.note)
    if verbs <= {"pause", "help"}:
        return Ending(0, "skipped", f"{job.asker} has paused the reviews")
    return None


@dataclass(frozen=True, slots=True)
class _Check:
    """The commit status at the head; where the job itself is shown there, none is needed."""

    respondent: Respondent | None
    head: str
    url: str
    progress: Progress

    def set(self, state: State, said: str) -> None:
        if self.respondent is None:
            return
        try:
            self.respondent.set_status(self.head, state, said, self.url)
        except ForgeError as error:
            self.progress.say(f"the commit status could not be set: {error.message}")


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is known before the review: what is to be done, and what people should know of it."""

    review: Review
    warnings: tuple[str, ...]


class _Run:
    """One review of one pull request, and its posting."""

    def __init__(self, job: Job, forge: Forge, order: Order, sight: Sight) -> None:
        self._job = job
        self._forge = forge
        self._order = order
        self._pull = sight.pull
        self._history = history.read(sight.discussions, sight.notes)
        self._desk = Desk(forge, target=sight.pull.target, url=job.url)
        self._base: str | None = None

    def ending(self, environment: Mapping[str, str], progress: Progress) -> Ending:
        """What came of it; that is written down, however it ends."""
        pull = self._pull
        about = books.origin(pull.repository, environment, pull.number, pull.head)
        kept = Books(about)
        if not self._order.report:  # the job that made it has written itself down
            kept.log = books.log(None, Path.cwd(), environment, progress.say)
        with kept.kept():
            ending = self._reviewed(environment, progress, kept)
            kept.close(ending.report, ending.status, ending.code)
        return ending

    def _reviewed(self, environment: Mapping[str, str], progress: Progress, kept: Books) -> Ending:
        failure: ReviewbotError | None = None
        with ExitStack() as stack:
            try:
                repository = stack.enter_context(Repository(Path.cwd()))
                stage = self._stage(repository, environment)
                if not self._order.report:
                    settings = stage.review.config.audit
                    kept.log = books.log(settings, repository.top, environment, progress.say)
                if reason := self._unwanted(stage):
                    return Ending(self._code(self._standing(), None), "skipped", reason)
                report = self._report(stage, environment, progress, kept)
            except InterruptedReview:
                raise
            except ReviewbotError as error:
                failure = error
                report = self._failed(error)
            report = replace(
                report, repository=self._pull.repository, pull_request=self._pull.number
            )
            return self._ended(self._delivered(report), failure)

    def _delivered(self, report: Report) -> Delivery:
        """What became of the report; it is kept, whatever the forge says."""
        if not self._order.post:
            return Delivery(report)
        try:
            return deliver(report, self._desk)
        except ForgeError as error:
            return Delivery(report, problem=error)

    # --- what is to be reviewed ---------------------------------------------------------------

    def _stage(self, repository: Repository, environment: Mapping[str, str]) -> _Stage:
        """Get the commits, the settings and the change; the desk knows them from then on."""
        given = config.load({}, self._order.overrides).config  # it holds if nothing else is known
        self._desk = replace(self._desk, config=given)
        pull, remote = self._pull, self._forge.remote()
        base = self._base = self._merge_base(repository)
        _fetch(repository, remote, [base, pull.head])
        config_file = self._order.config_file
        rules = house.at_commit(repository, base, self._order.overrides, config_file)
        settings = rules.settings.config
        digest = OFFLINE_RULES if self._order.offline else house.rules(rules)
        self._desk = replace(self._desk, config=settings, rules=digest)
        the_change = self._change(repository, base)
        earlier = _Earlier(repository, remote, self._history.state, the_change.diff)
        new = self._scope(earlier, settings)
        chosen = _selected(the_change.diff, the_change.attributes, settings)
        redactor = house.redactor(rules, environment)
        the_change, chosen, screening = screen(the_change, chosen, redactor)
        review = Review(
            change=the_change,
            selection=scope.narrowed(chosen, new),
            chosen=[] if self._order.offline else house.choose(rules),
            config=settings,
            scope=new,
            redactor=redactor,
            screening=screening,
            hints=sarif.read(self._order.hints, repository.top),
        )
        self._desk = replace(
            self._desk,
            ground=_ground(review, cache(lambda at: earlier.moves(at, pull.head, base))),
            diff=the_change.diff,
        )
        warnings = house.proposed(repository, base, pull.head, self._order.overrides, config_file)
        return _Stage(surveyed(review), warnings)

    def _change(self, repository: Repository, base: str) -> Change:
        """What the pull request brings, and what its authors say of it."""
        pull = self._pull
        commits = repository.commits(base, pull.head, MOST_MESSAGES)
        span = Span(f"#{pull.number}", base, pull.head, base, pull.head, commits)
        made = change.from_repository(repository, span)
        said = replace(made.intent, title=pull.title, description=pull.description)
        return replace(made, intent=said)

    def _merge_base(self, repository: Repository) -> str:
        """From the clone where it has the history, else from the forge."""
        tip, head = self._pull.tip, self._pull.head
        if not repository.shallow and repository.has(tip) and repository.has(head):
            return repository.merge_base(tip, head)
        return self._forge.merge_base(self._pull)

    def _scope(self, earlier: _Earlier, settings: Config) -> Scope:
        """What is new since the last complete review, or why all of it counts as new."""
        state = self._history.state
        if any(command.verb == "full review" for command in self._job.commands):
            return scope.everything("a full review was asked for")
        if state.watermark is None:
            return scope.everything("no complete review was there before")
        if state.target != self._pull.target:
            return scope.everything(f"it went to {visible(state.target)} before")
        if state.rules != self._desk.rules:
            return scope.everything("the configuration has changed")
        return earlier.scope(settings)

    def _unwanted(self, stage: _Stage) -> str:
        """Why nobody wants this review now; what is asked for outright is always wanted."""
        if self._job.commands or self._order.report:
            return ""
        if who := history.paused(self._history, self._forge.may_write):
            return f"{who} has paused the reviews; /reviewbot resume goes on"
        pull = self._pull
        return reason_to_skip(
            stage.review.config.auto_review,
            draft=pull.draft,
            target=pull.target,
            labels=pull.labels,
            title=pull.title,
            author=pull.author,
        )

    def _standing(self) -> Delivery:
        """What is open without a review: not to review does not open the gate."""
        entries = history.remembered(self._history, self._forge.may_write)
        nothing = replace(self._failed(UsageError("not reviewed")), status="skipped")
        return Delivery(threads.carried(nothing, entries).report)

    # --- what came of it ----------------------------------------------------------------------

    def _report(
        self, stage: _Stage, environment: Mapping[str, str], progress: Progress, kept: Books
    ) -> Report:
        if self._order.report:
            report = handed_over(self._order.report, self._pull, stage.review)
        else:
            report = reviewed(stage.review, environment, progress, kept)
        return replace(report, warnings=(*stage.warnings, *report.warnings))

    def _failed(self, error: ReviewbotError) -> Report:
        """A report that says why there is none."""
        return Report(
            version=1,
            status="failed",
            repository=None,
            pull_request=None,
            base=self._base,
            head=self._pull.head,
            findings=(),
            checklists=(),
            coverage=(),
            usage=TotalUsage(0, 0, 0, 0, 0, 0.0, 0.0, ()),
            warnings=(error.sentences,),
        )

    def _ended(self, delivery: Delivery, failure: ReviewbotError | None) -> Ending:
        report = delivery.report
        if delivery.superseded:
            said = "another commit was pushed meanwhile: what is open is left to its own run"
            return Ending(0, "superseded", said, report, delivery)
        code = self._code(delivery, failure)
        return Ending(code, report.status, words.verdict(report), report, delivery)

    def _code(self, delivery: Delivery, failure: ReviewbotError | None) -> int:
        code = delivery.report.exit_code(self._desk.config.fail_on)
        if failure and (code != 1 or failure.exit_code == UsageError.exit_code):
            code = failure.exit_code
        problem = delivery.problem
        if code in (0, 3) and problem and not isinstance(problem, ReadOnlyError):
            code = problem.exit_code
        neutral = self._desk.config.on_failure == "neutral" and code in (3, 4, 5)
        return 0 if neutral else code


class _Earlier:
    """The commits of earlier runs, as far as they can still be had."""

    def __init__(
        self, repository: Repository, remote: Remote, state: history.State, diff: Diff
    ) -> None:
        self._repository = repository
        self._remote = remote
        self._state = state
        self._diff = diff

    def scope(self, settings: Config) -> Scope:
        """What is new since the last complete review; what it left out was not reviewed."""
        state = self._state
        assert state.watermark
        assert state.base
        before = self._between(state.base, state.watermark)
        if before is None:
            return scope.everything(f"{state.watermark[:10]} cannot be had any more")
        paths = [file.path for file in before.files]
        attributes = self._repository.attributes(paths, ATTRIBUTES, tree=state.base)
        read = _selected(before, attributes, settings).files
        return scope.since(state.watermark, self._diff, Diff(read))

    def moves(self, at: str, head: str, base: str) -> Moves | None:
        """Where the lines of an earlier commit are now."""
        new = self._between(at, head)
        bases = self._between(self._state.at_base, base) if at == self._state.at else None
        return Moves(new, bases) if new else None

    def _between(self, one: str, other: str) -> Diff | None:
        """The diff of two commits, each of which may be missing."""
        if not (one and self._is_there(one) and self._is_there(other)):
            return None
        return self._repository.diff(one, other)

    def _is_there(self, commit: str) -> bool:
        try:
            _fetch(self._repository, self._remote, [commit])
        except GitError:
            return False
        return True


def _selected(diff: Diff, attributes: Mapping[tuple[str, str], str], settings: Config) -> Selection:
    filters = {"path_filters": settings.path_filters}
    return selection.select(diff.files, filters, attributes, settings.redaction.never_send)


def _fetch(repository: Repository, remote: Remote, commits: Sequence[str]) -> None:
    repository.fetch(remote.url, commits, remote.authorization, authorities=remote.authorities)


def _ground(review: Review, moves: Callable[[str], Moves | None]) -> Ground:
    files = {visible(each.path): each for each in review.change.diff.files if each.new_path}

    @cache
    def standing(path: str) -> frozenset[str]:
        file = files.get(path)
        return anchors.digests(file, review.change.lines(file)) if file else frozenset()

    return Ground(frozenset(files), review.scope, moves, standing, review.screening.paths)
