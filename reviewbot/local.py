"""A review on a laptop: from what the command line says to a report on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from reviewbot import books, change, estimate, house, pipeline, reviewing, sarif, selection
from reviewbot.books import Books
from reviewbot.change import Change, Span
from reviewbot.checklists import Checklist
from reviewbot.config import Config
from reviewbot.endpoint import endpoint
from reviewbot.errors import GatewayError, UsageError
from reviewbot.gateway import Gateway
from reviewbot.git import Repository
from reviewbot.models import Limits, Model
from reviewbot.pipeline import Review
from reviewbot.progress import Progress
from reviewbot.prompt import Request
from reviewbot.recording import REPLAYED, Record
from reviewbot.redaction import Redactor
from reviewbot.render.dry_run import DryRun
from reviewbot.report import Report
from reviewbot.reviewing import Source
from reviewbot.screening import screen

_SPECIAL = re.compile(r"[\\*?\[ #!]")  # to a glob


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    `span` chooses what to compare, given the repository; or else there is a `patch` to read.
    `overrides` are settings with their origin. `config_file` replaces the repository's own.
    `output` is where the report goes: an earlier one there is no part of the change. `record` is a
    folder for prompts and answers, `replay` one to take the answers from. `offline`: no model is
    asked, and no gateway is needed. `hints` are files of tools, with what they have found.
    """

    span: Callable[[Repository], Span] | None
    patch: BinaryIO | None
    overrides: Mapping[str, tuple[str, Any]]
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    config_file: Path | None = None
    output: Path | None = None
    record: Path | None = None
    replay: Path | None = None
    offline: bool = False
    hints: Sequence[Path] = ()


def review(wish: Wish, environment: Mapping[str, str], progress: Progress) -> tuple[Report, Config]:
    """Review what is wished for; the report comes with the settings that held.

    Raises:
        ReviewbotError: as its subclasses say.
    """
    with ExitStack() as stack:
        gathering = _Gathering(wish, stack)
        record = Record(wish.record, progress.say) if wish.record else None
        kept = gathering.books(environment, progress)
        stack.enter_context(kept.kept())
        opened = None if wish.offline else gathering.opened(environment, progress, kept)
        review = gathering.review(environment)
        kept.about(review.change.head)
        report = reviewing.reviewed(
            review, environment, progress, kept, opened=opened, record=record
        )
        kept.close(report, report.status, report.exit_code(review.config.fail_on))
        return (_replayed(report) if wish.replay else report), review.config


def _replayed(report: Report) -> Report:
    """The report with a word of where its answers come from; of a key nothing is known then."""
    usage = replace(report.usage, budget_left_usd=None)
    return replace(report, usage=usage, warnings=(REPLAYED, *report.warnings))


def review_of(
    change: Change,
    chosen: Sequence[tuple[Checklist, str]],
    config: Config,
    filters: Mapping[str, Sequence[str]],
    redactor: Redactor,
) -> Review:
    """The review of a change: its files selected, and all that is secret taken out.

    Args:
        change: what is to be reviewed.
        chosen: the checklists with their models.
        config: the settings that hold.
        filters: globs of files, by what they come from.
        redactor: takes out what must not leave.
    """
    never_send = config.redaction.never_send
    selected = selection.select(change.diff.files, filters, change.attributes, never_send)
    change, selected, screening = screen(change, selected, redactor)
    return Review(change, selected, chosen, config, redactor=redactor, screening=screening)


def rehearse(wish: Wish, environment: Mapping[str, str], *, keep_messages: bool) -> DryRun:
    """Do all of a review but send it: which files, what requests, what they would cost.

    Prices and windows are asked for where there is a gateway; code goes nowhere.
    """
    with ExitStack() as stack:
        gathering = _Gathering(wish, stack)
        model_of, limits, warning = _knowledge(environment, gathering.config.call_timeout)
        review = gathering.review(environment)
        requests: Iterable[Request] = ()
        if review.selection.files:
            requests = pipeline.prepare(review, model_of, limits.tokens_per_minute)
        rehearsal = DryRun.of(
            review, estimate.priced(requests, model_of), warning, keep_messages=keep_messages
        )
    budget = estimate.budget(gathering.config.budget, limits.budget_left)
    if (rehearsal.estimate.cost_usd or 0.0) <= budget.dollars:
        return rehearsal
    return replace(rehearsal, warning=f"not all would be sent: it is over {budget.words}")


def _knowledge(
    environment: Mapping[str, str], call_timeout: float
) -> tuple[Callable[[str], Model], Limits, str]:
    """What the gateway tells of its models and the key; safe guesses where there is none."""
    try:
        with Gateway(endpoint(environment), call_timeout) as gateway:
            return gateway.model, gateway.limits, ""
    except (UsageError, GatewayError) as error:
        return Model, Limits(), f"prices and limits are unknown: {error.message}"


class _Gathering:
    """Settings first, as the gateway needs them; the change then, while the gateway opens."""

    def __init__(self, wish: Wish, stack: ExitStack) -> None:
        self._wish = wish
        here = Path.cwd()
        self._log: Path | None = None
        self._repository = None
        if wish.patch is None:
            self._repository = stack.enter_context(Repository(here))
        self._top = self._repository.top if self._repository else house.home(here)
        its_house = house.in_folder(self._top, wish.overrides, wish.config_file)
        self.config = its_house.settings.config
        self._house = its_house
        self._chosen = [] if wish.offline else house.choose(its_house)
        self._hints = sarif.read(wish.hints, self._top)

    def books(self, environment: Mapping[str, str], progress: Progress) -> Books:
        """The run's books; a replay asks nobody, and is written down nowhere."""
        url = self._repository.origin_url() if self._repository else ""
        about = books.origin(books.repository_name(url, self._top), environment)
        if self._wish.replay:
            return Books(about)
        kept = Books(about, books.log(self.config.audit, self._top, environment, progress.say))
        self._log = kept.log.path if kept.log else None
        return kept

    def opened(
        self, environment: Mapping[str, str], progress: Progress, kept: Books
    ) -> Future[Source]:
        """The gateway, or the record that stands for it."""
        if self._wish.replay:
            progress.say(f"{REPLAYED}: the answers are those in {self._wish.replay}")
            return reviewing.replaying(self._wish.replay)
        return reviewing.opening(environment, self.config, progress, kept)

    def review(self, environment: Mapping[str, str]) -> Review:
        filters = {
            "path_filters": self.config.path_filters,
            "--include": self._wish.include,
            "--exclude": [f"!{pattern}" for pattern in self._wish.exclude],
            "-o": self._own(self._wish.output),
            "audit.path": self._own(self._log),
        }
        redactor = house.redactor(self._house, environment)
        made = review_of(self._change(), self._chosen, self.config, filters, redactor)
        return pipeline.surveyed(replace(made, hints=self._hints))

    def _own(self, file: Path | None) -> list[str]:
        """The filter that leaves out what an earlier run has written."""
        if not (file and self._repository):
            return []
        try:
            path = file.resolve().relative_to(self._repository.top.resolve())
        except ValueError:
            return []
        return ["!/" + _SPECIAL.sub(r"\\\g<0>", path.as_posix())]

    def _change(self) -> Change:
        if self._repository and self._wish.span:
            return change.from_repository(self._repository, self._wish.span(self._repository))
        assert self._wish.patch
        return change.from_patch(self._wish.patch.name, self._wish.patch)
