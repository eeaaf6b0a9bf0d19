"""An evaluation: each case is reviewed, judged, and kept when it is done."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from reviewbot import __version__, books, checklists, estimate, house, local, pipeline, reviewing
from reviewbot.anchors import Comment
from reviewbot.audit import Audit
from reviewbot.books import Books
from reviewbot.endpoint import endpoint
from reviewbot.errors import (
    BudgetError,
    CallError,
    GatewayError,
    InterruptedReview,
    UsageError,
)
from reviewbot.estimate import EXPECTED_ANSWER, Budget
from reviewbot.evaluation import judge
from reviewbot.evaluation.case import Case, load
from reviewbot.evaluation.judge import Judgement, Verdict
from reviewbot.evaluation.kept import Kept
from reviewbot.evaluation.results import SCORED, CaseResult, JudgedFinding, Results
from reviewbot.gateway import Gateway
from reviewbot.git import Repository
from reviewbot.guard import Guarded
from reviewbot.house import House, Overrides
from reviewbot.meanwhile import side_by_side
from reviewbot.models import Limits, Usage, tokens
from reviewbot.pipeline import UNVERIFIED, Review
from reviewbot.progress import Progress
from reviewbot.report import Report
from reviewbot.text import digest, plural

AT_ONCE = 4  # cases
CALLS_EACH = 10  # that a case at once needs of the key's calls a minute
TOKENS_EACH = 200_000  # the same of its tokens
USUAL_FINDINGS = 2_000  # tokens, as the judge is shown them
NOT_DONE = "not done yet with these settings"


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for.

    `folder` holds the cases, `into` what is done; `repository` is where the commits of cases are,
    None for the one that one is in, if any. `overrides` are settings with their origin; `budget` is
    in dollars, for all cases together. `replay`: nobody is asked.
    """

    folder: Path
    into: Path
    repository: Path | None
    overrides: Overrides
    config_file: Path | None
    judge: str
    budget: float
    replay: bool


def evaluate(order: Order, environment: Mapping[str, str], progress: Progress) -> Results:
    """Review and judge all cases; what was done before is not done again.

    Raises:
        UsageError: cases, settings or the gateway's address are wrong.
        GatewayError: the gateway, the key or a model cannot be used.
        OutputError: what is done cannot be kept.
        InterruptedReview: somebody pressed ^C.
    """
    with ExitStack() as stack:
        repository = _repository(order.repository, stack)
        return _Evaluation(order, environment, progress, repository).results()


def _repository(folder: Path | None, stack: ExitStack) -> Repository | None:
    try:
        return stack.enter_context(Repository(folder or Path.cwd()))
    except UsageError:
        if folder:
            raise
        return None


def rules(its_house: House) -> str:
    """A digest of all that decides how a case is reviewed, but the code of one version."""
    shipped = checklists.shipped().items()
    frame = [text for name, text in shipped if name[0] == "_" and not name.startswith("_judge")]
    effort = its_house.settings.config.effort
    return digest(house.rules(its_house), effort, __version__, *frame)


def at_once(limits: Limits) -> int:
    """How many cases to work on side by side, so that they do not wait for each other's calls."""
    calls, most = limits.requests_per_minute, limits.tokens_per_minute
    by_calls = AT_ONCE if calls is None else calls // CALLS_EACH
    by_tokens = AT_ONCE if most is None else most // TOKENS_EACH
    return max(min(AT_ONCE, by_calls, by_tokens), 1)


class _Evaluation:
    def __init__(
        self,
        order: Order,
        environment: Mapping[str, str],
        progress: Progress,
        repository: Repository | None,
    ) -> None:
        self._order = order
        self._environment = environment
        self._progress = progress
        self._top = house.home(Path.cwd())
        its_house = house.in_folder(self._top, order.overrides, order.config_file)
        self._config = its_house.settings.config
        self._chosen = house.choose(its_house)
        self._redactor = house.redactor(its_house, environment)
        self._rules = rules(its_house)
        self._kept = Kept(order.into)
        self._cases = load(order.folder)
        self._repository = repository
        self._around = frozenset(
            case.id for case in self._cases if repository and case.lies_in(repository)
        )

    def results(self) -> Results:
        known = {case.id: self._known(case) for case in self._cases}
        todo = [case for case in self._cases if not _is_whole(known[case.id])]
        if todo and not self._order.replay:
            known |= {result.id: result for result in self._all(todo)}
        return Results(
            version=1,
            reviewbot=__version__,
            made=datetime.now(UTC),
            checklists={checklist.name: model for checklist, model in self._chosen},
            rules=self._rules,
            judge=self._order.judge,
            cases=tuple(
                known[case.id] or _unscored(case, "skipped", NOT_DONE) for case in self._cases
            ),
        )

    # --- what is kept -------------------------------------------------------------------------

    def _known(self, case: Case) -> CaseResult | None:
        """The result of a case that was reviewed and judged before."""
        report = self._kept.review(case.id, self._review_key(case))
        judgement = report and self._kept.judgement(case.id, self._judge_key(case, report))
        return _scored(case, report, judgement) if report and judgement else None

    def _review_key(self, case: Case) -> str:
        diff = case.diff.decode("utf-8", "surrogateescape")
        commits = (case.base, case.head) if case.id in self._around else ()
        return digest(self._rules, case.title, case.description, diff, *commits)

    def _judge_key(self, case: Case, report: Report) -> str:
        return digest(self._order.judge, judge.prompt(case.golden, report.standing))

    # --- all cases ----------------------------------------------------------------------------

    def _all(self, cases: Sequence[Case]) -> Iterator[CaseResult]:
        """Each result as it comes."""
        self._kept.prepare()
        log = books.log(self._config.audit, self._top, self._environment, self._progress.say)
        where = endpoint(self._environment)
        with Gateway(where, self._config.call_timeout, self._progress.paused) as gateway:
            budget = estimate.budget(self._order.budget, gateway.limits.budget_left)
            gateway.limit_to(budget.dollars, budget.words)
            begun = [self._begun(case) for case in cases]
            self._announce(cases, begun, gateway, budget)
            works = [
                partial(self._one, case, what, gateway, log)
                for case, what in zip(cases, begun, strict=True)
            ]
            yield from self._told(side_by_side(works, at_once(gateway.limits)), len(cases))

    def _begun(self, case: Case) -> Report | Review:
        """The report of a case, if it is kept; or else the review to do."""
        kept = self._kept.review(case.id, self._review_key(case))
        if kept and not _gap(kept):
            return kept
        filters = {"path_filters": self._config.path_filters}
        change = case.change(self._repository if case.id in self._around else None)
        return local.review_of(change, self._chosen, self._config, filters, self._redactor)

    def _announce(
        self,
        cases: Sequence[Case],
        begun: Sequence[Report | Review],
        gateway: Gateway,
        budget: Budget,
    ) -> None:
        """Say what it is likely to take."""
        before = len(self._cases) - len(cases)
        if before:
            self._progress.say(f"{plural(before, 'case')} done before: {self._kept.folder}")
        if patches := [case for case in cases if case.head and case.id not in self._around]:
            self._progress.say(
                f"{plural(len(patches), 'case')} of commits that are not all in this repository: "
                "reviewed as patches, without the code around them"
            )
        reviews = [each for each in begun if isinstance(each, Review) and each.selection.files]
        # Each is surveyed again when its turn comes: all at once would take too much memory.
        requests = chain.from_iterable(
            reviewing.priced(pipeline.surveyed(review), gateway) for review in reviews
        )
        reviewed = estimate.estimate(requests)
        judged = self._judge_price(cases, gateway)
        price = "price unknown" if judged is None else f"about ${judged:.4f}"
        self._progress.say(
            f"{plural(len(cases), 'case')}: {reviewed.words()}; "
            f"judge ({self._order.judge}): {price}"
        )
        if (reviewed.cost_usd or 0.0) + (judged or 0.0) > budget.dollars:
            self._progress.say(
                f"that is over {budget.words}: not all will be done, and the same command goes on"
            )
        if reviewed.cost_usd is None or judged is None:
            self._progress.say(f"a price is unknown: {budget.words} does not hold")

    def _judge_price(self, cases: Sequence[Case], gateway: Gateway) -> float | None:
        """Dollars for judging the cases; None where that is not known."""
        prompts = [judge.prompt(case.golden, ()) for case in cases if case.golden]
        usage = Usage(
            input_tokens=sum(tokens(prompt) + USUAL_FINDINGS for prompt in prompts),
            output_tokens=EXPECTED_ANSWER * len(prompts),
        )
        return gateway.model(self._order.judge).price(usage)

    def _told(self, results: Iterator[CaseResult], total: int) -> Iterator[CaseResult]:
        """The results, each with a word to whoever waits; and what is left where they break off."""
        done, said = 0, {""}
        going_on = f"What is done is kept in {self._kept.folder}: the same command goes on there."
        try:
            for result in results:
                done += 1
                if result.problem not in said or result.status in SCORED:
                    said.add(result.problem)
                    self._progress.say(f"{done} of {plural(total, 'case')}: {_words(result)}")
                yield result
        except KeyboardInterrupt:
            message = f"interrupted: {done} of {plural(total, 'case')} had come"
            raise InterruptedReview(message, going_on) from None
        except GatewayError:
            self._progress.say(going_on)
            raise

    # --- one case -----------------------------------------------------------------------------

    def _one(
        self, case: Case, begun: Report | Review, gateway: Gateway, log: Audit | None
    ) -> CaseResult:
        """The result of a case; what of it is done is kept."""
        name = f"eval/{self._order.folder.resolve().name}"
        its_books = Books(books.origin(name, self._environment), log)
        try:
            with its_books.kept():
                report = self._reviewed(case, begun, gateway, its_books)
                judgement = self._judged(case, report, gateway, its_books)
                its_books.close(report, report.status, report.exit_code("none"))
        except BudgetError as error:
            return _unscored(case, "skipped", error.message)
        except CallError as error:
            return _unscored(case, "failed", error.message)
        return _scored(case, report, judgement)

    def _reviewed(
        self, case: Case, begun: Report | Review, gateway: Gateway, its_books: Books
    ) -> Report:
        if isinstance(begun, Report):
            return begun
        if gateway.meter.refused:
            raise _over(gateway)
        part = gateway.part(its_books.noted)
        report = reviewing.reviewed(
            pipeline.surveyed(begun),
            self._environment,
            Progress(io.StringIO()),  # of many cases at once, nobody could follow each call
            its_books,
            opened=reviewing.opened_already(part),
            option="--case-budget",
        )
        if report.status == "failed":
            raise CallError(f"not reviewed: {_gap(report)}")
        if part.meter.refused and gateway.meter.refused:
            raise _over(gateway)
        report = replace(report, usage=replace(report.usage, budget_left_usd=None))
        self._kept.keep_review(case.id, self._review_key(case), report)
        return report

    def _judged(self, case: Case, report: Report, gateway: Gateway, its_books: Books) -> Judgement:
        key = self._judge_key(case, report)
        if kept := self._kept.judgement(case.id, key):
            return kept
        part = gateway.part(its_books.noted)
        part.labels = dict(its_books.labels)
        asked = Guarded(part, self._redactor)
        try:
            judgement = judge.judge(
                case.golden, report.standing, asked, self._order.judge, self._config.timeout
            )
        except BudgetError:
            raise _over(gateway) from None
        except CallError as error:
            raise CallError(f"not judged: {error.message}") from None
        self._kept.keep_judgement(case.id, key, judgement)
        return judgement


def _over(gateway: Gateway) -> BudgetError:
    return BudgetError(f"not done: over {gateway.meter.ceiling_words}")


# --- results -------------------------------------------------------------------------------------


def _is_whole(result: CaseResult | None) -> bool:
    return result is not None and result.status == "complete"


def _unscored(case: Case, status: Literal["failed", "skipped"], problem: str) -> CaseResult:
    return CaseResult(case.id, case.source, status, problem, case.golden)


def _scored(case: Case, report: Report, judgement: Judgement) -> CaseResult:
    gap = _gap(report)
    return CaseResult(
        id=case.id,
        source=case.source,
        status="incomplete" if gap else "complete",
        problem=gap,
        golden=case.golden,
        findings=tuple(map(_finding, report.standing, judgement.verdicts)),
        review=report.usage,
        judge=judgement.usage,
    )


def _gap(report: Report) -> str:
    """Why not all of it was reviewed or verified; empty where all was."""
    if report.status in ("complete", "skipped"):
        return next((each for each in report.warnings if each.startswith(UNVERIFIED)), "")
    failures = [each.reason for each in report.coverage if each.status == "failed"]
    others = [each.reason for each in report.coverage if each.status == "skipped"]
    return "; ".join(dict.fromkeys(failures or others))


def _finding(comment: Comment, verdict: Verdict) -> JudgedFinding:
    end_line = comment.end_line if comment.side == "new" else comment.head_line
    return JudgedFinding(
        id=comment.id,
        path=comment.path,
        line=comment.head_line,
        end_line=end_line,
        severity=comment.severity,
        checklists=comment.checklists,
        title=comment.title,
        body=comment.body,
        goldens=verdict.goldens,
        reason=verdict.reason,
    )


def _words(result: CaseResult) -> str:
    """What came of a case, in one line."""
    if result.status not in SCORED:
        return f"{result.id}: {result.problem}"
    found = f"{len(result.found)} of {plural(len(result.golden), 'golden')} found"
    false = f"{len(result.false)} of {plural(len(result.findings), 'finding')} false"
    words = f"{result.id}: {found}, {false}"
    return f"{words}; incomplete: {result.problem}" if result.problem else words
