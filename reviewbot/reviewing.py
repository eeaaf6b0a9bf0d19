"""One review through the gateway: what it may cost, what is sent, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from reviewbot import estimate, pipeline, recording
from reviewbot.books import Books
from reviewbot.calls import Outcome
from reviewbot.config import Config
from reviewbot.endpoint import endpoint
from reviewbot.errors import BudgetError, GatewayError
from reviewbot.estimate import Affordable, Budget, PricedRequest
from reviewbot.gateway import Gateway
from reviewbot.guard import Guarded
from reviewbot.meanwhile import meanwhile
from reviewbot.models import Asker
from reviewbot.pipeline import Review
from reviewbot.progress import Progress
from reviewbot.prompt import LARGEST_BATCH
from reviewbot.recording import Record, Recorder, Replay
from reviewbot.report import Report
from reviewbot.text import listed, plural, visible

Source = Gateway | Replay


def opening(
    environment: Mapping[str, str], config: Config, progress: Progress, books: Books
) -> Future[Source]:
    """Begin to open the gateway that the environment names, while other work goes on."""
    return meanwhile(
        lambda: Gateway(endpoint(environment), config.call_timeout, progress.paused, books.noted)
    )


def replaying(folder: Path) -> Future[Source]:
    """Open a record in place of a gateway."""
    return meanwhile(lambda: Replay(folder))


def opened_already(gateway: Gateway) -> Future[Source]:
    """A gateway that need not be opened."""
    future: Future[Source] = Future()
    future.set_result(gateway)
    return future


def reviewed(
    review: Review,
    environment: Mapping[str, str],
    progress: Progress,
    books: Books,
    *,
    opened: Future[Source] | None = None,
    record: Record | None = None,
    option: str = "--budget",
) -> Report:
    """Do a review, as far as the budget goes.

    Args:
        review: what is to be done.
        environment: names the gateway and its key.
        progress: told what is going on.
        books: told of each call.
        opened: what `opening` gave, where somebody had other work to do meanwhile.
        record: where prompts and answers are to be written.
        option: what sets the budget, for people.

    Raises:
        UsageError: the environment names no gateway.
        GatewayError: the gateway or the key is useless, and nothing was found without it.
        InterruptedReview: somebody pressed ^C.
    """
    if not (review.selection.files and review.chosen):
        return pipeline.report(review, (), 0.0)
    try:
        with (opened or opening(environment, review.config, progress, books)).result() as gateway:
            if isinstance(gateway, Gateway):
                gateway.labels = dict(books.labels)
            return _through(gateway, review, progress, record, option)
    except GatewayError as error:
        if not review.screening.credentials:
            raise
        return pipeline.without_answers(review, error)


def _through(
    gateway: Source, review: Review, progress: Progress, record: Record | None, option: str
) -> Report:
    """The review by models, as far as the budget goes."""
    budget = estimate.budget(review.config.budget, gateway.limits.budget_left, option)
    requests = priced(review, gateway)
    progress.say(f"{_name(review)}: {estimate.estimate(requests).words()}")
    divided = estimate.affordable(requests, budget)
    if divided.unsent:
        review = pipeline.important_first(review)
        divided = estimate.affordable(_sparingly_priced(review, gateway, budget), budget)
    over = BudgetError(f"not sent: over {budget.words}")
    gateway.limit_to(budget.dollars, budget.words)
    if divided.unsent:
        progress.say(f"{plural(len(divided.unsent), 'call')} {over.message}")
    unsent = [Outcome(request, None, over, ()) for request in divided.unsent]
    advice = _Advice(progress)
    with progress.waiting(len(divided.sent)):
        asked = _asked(gateway, review, record)
        report = pipeline.review_change(review, divided.sent, asked, advice.heard, unsent)
    report = replace(report, warnings=(*report.warnings, *advice.given))
    if isinstance(gateway, Gateway) and not gateway.is_litellm:
        return _without_money(report, gateway.endpoint.host, budget)
    unpriced = _unpriced(review, gateway, divided)
    return _with_money(report, unpriced, budget, gateway)


def _unpriced(review: Review, gateway: Source, divided: Affordable) -> list[str]:
    """The models without a known price that are asked, or may stand in for others."""
    spare = [name for name in review.config.fallback_models if not gateway.model(name).priced]
    return list(dict.fromkeys((*divided.unpriced, *spare)))


def _asked(gateway: Source, review: Review, record: Record | None) -> Asker:
    """What is asked: the gateway, or one that writes down what it answers; guarded."""
    if record is None:
        return Guarded(gateway, review.redactor)
    names = [*(name for _, name in review.chosen), *review.config.fallback_models]
    recording.describe(record, {name: gateway.model(name) for name in names}, gateway.limits)
    return Guarded(Recorder(gateway, record), review.redactor)


def priced(
    review: Review, gateway: Source, batch_tokens: int = LARGEST_BATCH
) -> list[PricedRequest]:
    """The requests of a review, with what they are likely to cost."""
    most = gateway.limits.tokens_per_minute
    prepared = pipeline.prepare(review, gateway.model, most, batch_tokens)
    return list(estimate.priced(prepared, gateway.model))


def _sparingly_priced(review: Review, gateway: Source, budget: Budget) -> list[PricedRequest]:
    """In batches so small that the budget is enough for some."""
    models = [gateway.model(name) for _, name in review.chosen]
    return priced(review, gateway, estimate.batch_tokens(budget, models))


class _Advice:
    """What can be done about the calls that failed: each way once, whatever their number."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.given: dict[str, None] = {}

    def heard(self, outcome: Outcome, done: int, total: int) -> None:
        """One call has ended."""
        if outcome.error and outcome.error.hint:
            self.given[outcome.error.hint] = None
        self._progress.answered(outcome, done, total)


def _name(review: Review) -> str:
    names = ", ".join(checklist.name for checklist, _ in review.chosen)
    return f"{visible(review.change.name)}: {plural(len(review.selection.files), 'file')} ({names})"


def _without_money(report: Report, host: str, budget: Budget) -> Report:
    """The report with the one word on all that this gateway does not tell."""
    cost = "the cost is unknown, and " if report.usage.cost_usd is None else ""
    word = f"{host} tells neither prices nor limits of the key: {cost}{budget.words} cannot hold"
    return replace(report, warnings=(*report.warnings, word))


def _with_money(report: Report, unpriced: Sequence[str], budget: Budget, gateway: Source) -> Report:
    """The report with what is left on the key, and with a word where the budget cannot hold."""
    cost, left_before, left = report.usage.cost_usd, gateway.limits.budget_left, None
    if cost is not None and left_before is not None:
        left = max(left_before - cost, 0.0)
    warnings = (*report.warnings, *filter(None, [gateway.meter.lost_words]))
    if unpriced:
        warnings += (f"no price is known of {listed(unpriced)}: {budget.words} does not hold",)
    return replace(report, usage=replace(report.usage, budget_left_usd=left), warnings=warnings)
