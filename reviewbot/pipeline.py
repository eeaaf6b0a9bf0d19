"""The review itself: requests out, answers in, and one report of all that came of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from reviewbot import calls, lookups, verification
from reviewbot.anchors import Claim, Comment, place
from reviewbot.calls import Outcome
from reviewbot.change import Change
from reviewbot.checklists import Checklist
from reviewbot.config import Config
from reviewbot.diff import FileDiff
from reviewbot.errors import GatewayError, InterruptedReview
from reviewbot.findings import ItemAnswer, Status
from reviewbot.hints import Hint, credited, on_added_lines
from reviewbot.lookups import LookUps
from reviewbot.merging import merge
from reviewbot.models import Asker, Model, Usage
from reviewbot.prompt import (
    LARGEST_BATCH,
    MOST_HINTS,
    Background,
    Request,
    Room,
    cut_guides,
    meant_for,
    requests,
)
from reviewbot.redaction import LONGEST_LINE, Redactor, shipped
from reviewbot.related import Elsewhere, survey
from reviewbot.report import (
    AnsweredChecklist,
    AnsweredItem,
    Coverage,
    Report,
    TotalUsage,
    ranked,
)
from reviewbot.scope import Scope, everything
from reviewbot.screening import SECRETS, Screening
from reviewbot.selection import MAY_HOLD_SECRETS, Selection, importance
from reviewbot.text import listed, plural, visible, wrapped

OFFLINE = "offline: no model was asked; added lines were looked through for credentials only"
UNVERIFIED = "not all findings were verified"  # begins the warning of it
OWN_SHARE = 0.9  # of the key's tokens a minute: our estimate of tokens is not the proxy's


@dataclass(frozen=True, slots=True)
class Review:
    """What is to be done: a change, the files chosen of it, the checklists with their models.

    `scope` says what of it is new since an earlier review. `redactor` takes out what must not
    leave, `screening` is what it has found in the change. `hints` are what tools say, of any lines.
    `elsewhere` is the code around the change that is shown too, `look_ups` what models may look up
    of it. Without checklists, no model is asked.
    """

    change: Change
    selection: Selection
    chosen: Sequence[tuple[Checklist, str]]
    config: Config
    scope: Scope = field(default_factory=everything)
    redactor: Redactor = field(default_factory=lambda: Redactor(shipped()))
    screening: Screening = field(default_factory=Screening)
    hints: Sequence[Hint] = ()
    elsewhere: Elsewhere | None = None
    look_ups: LookUps | None = None

    def clean(self, text: str) -> str:
        """A text that somebody else has written, without secrets: to be shown or kept."""
        return self.redactor.of_secrets.text(wrapped(text, LONGEST_LINE))

    @property
    def verifier(self) -> str:
        """The model that verifies the findings; empty where nobody does."""
        if self.config.effort == "low" or not self.chosen:
            return ""
        return self.config.verify_model or self.chosen[0][1]

    @property
    def readable(self) -> tuple[FileDiff, ...]:
        """The files of which something may be shown: those that nothing secret is left in."""
        chosen = {visible(file.path) for file in self.selection.files} | self.screening.paths
        return tuple(file for file in self.change.diff.files if visible(file.path) in chosen)

    @property
    def told(self) -> tuple[Hint, ...]:
        """What tools say of the added lines of the files that are read."""
        return on_added_lines(self.hints, self.selection.files)


def surveyed(review: Review) -> Review:
    """The review with the code elsewhere, which is searched for if a model is to see it."""
    if not (review.chosen and review.config.context_tokens):
        return review
    found = survey(review.change, review.selection)
    return replace(review, elsewhere=found, look_ups=_look_ups(review))


def _look_ups(review: Review) -> LookUps | None:
    """What models may look up: at high effort all that may be shown of the head, where it is."""
    tree = review.change.tree
    if review.config.effort != "high" or tree is None or not review.selection.files:
        return None
    made = LookUps(tree, review.selection)
    return made if made.possible else None


Listener = Callable[[Outcome, int, int], None]


def prepare(
    review: Review,
    model_of: Callable[[str], Model],
    tokens_per_minute: int | None,
    batch_tokens: int = LARGEST_BATCH,
) -> Iterator[Request]:
    """The requests of a review, batch by batch.

    Args:
        review: what is to be done.
        model_of: tells what is known about a model.
        tokens_per_minute: the key's limit, which one call must fit into; None for no limit.
        batch_tokens: what of the change is at most shown at once.

    Raises:
        GatewayError: nothing fits into one call.
    """
    names = [name for _, name in review.chosen]
    verifier = review.verifier
    used = (*names, *filter(None, [verifier]), *review.config.fallback_models)
    models = [model_of(name) for name in used]
    answer = min(model.answer for model in models)
    window = min(model.window for model in models)
    if tokens_per_minute is not None:
        answer = min(answer, tokens_per_minute // 4)
        window = min(window, int(tokens_per_minute * OWN_SHARE))
    kept = lookups.room(window) if review.look_ups else 0
    background = Background(
        review.change.guides,
        review.config.path_instructions,
        review.selection.skipped,
        review.scope,
        review.change.intent,
        review.told,
    )
    return requests(
        review.selection.files,
        review.chosen,
        background,
        Room(window, answer, review.config.context_tokens, batch_tokens, kept),
        review.change.lines,
        elsewhere=review.elsewhere.text if review.elsewhere else None,
        look_ups=lookups.offer() if kept else "",
        together=review.config.effort == "low",
        verify_model=verifier,
    )


def important_first(review: Review) -> Review:
    """The review in the order to do it in where the budget is not enough for all of it.

    What finds the worst comes before what finds less, code before tests, and tests before prose; of
    the same kind the files that change the most. Nothing is looked up: reading goes first.
    """
    files = sorted(review.selection.files, key=lambda each: (importance(each.path), -each.changed))
    return replace(
        review,
        selection=replace(review.selection, files=tuple(files)),
        chosen=sorted(review.chosen, key=lambda pair: pair[0].severity.rank),
        look_ups=None,
    )


def review_change(
    review: Review,
    prepared: Sequence[Request],
    gateway: Asker,
    listen: Listener,
    unsent: Sequence[Outcome] = (),
) -> Report:
    """Send the requests and make the report.

    Args:
        review: what is to be done.
        prepared: its requests.
        gateway: where they are sent.
        listen: told of each outcome, with the number of those that ended and of all.
        unsent: how requests ended that were not to be sent.

    Raises:
        GatewayError: the gateway or the key is useless, and nothing could be reviewed.
        InterruptedReview: somebody pressed ^C.
    """
    begin = time.monotonic()
    deadline = begin + review.config.timeout
    outcomes: list[Outcome] = []
    try:
        answers = calls.run(
            prepared,
            gateway,
            jobs=review.config.jobs,
            deadline=deadline,
            fallbacks=review.config.fallback_models,
            served=review.look_ups.text if review.look_ups else None,
            completed=lambda waiting, ended: verification.request(
                waiting,
                _candidates(_placed(review, ended), review.config),
                [checklist for checklist, _ in review.chosen],
            ),
        )
        for outcome in answers:
            outcomes.append(outcome)
            listen(outcome, len(outcomes), len(prepared))
    except KeyboardInterrupt:
        raise _interrupted(outcomes, len(prepared)) from None
    _raise_if_useless(outcomes)
    parts = [part for outcome in (*outcomes, *unsent) for part in outcome.parts()]
    return report(review, parts, time.monotonic() - begin)


def _interrupted(outcomes: Sequence[Outcome], total: int) -> InterruptedReview:
    cost = _total(outcomes, 0.0).cost_usd
    paid = f" ${cost:.4f} is spent." if cost else ""
    return InterruptedReview(
        f"interrupted: {plural(len(outcomes), 'answer')} of {total} had come; they are lost, and "
        f"nothing is written.{paid}"
    )


def _raise_if_useless(outcomes: Sequence[Outcome]) -> None:
    """A refused key is an error to show by itself, not a report without content."""
    fatal = next((outcome.error for outcome in outcomes if outcome.fatal), None)
    if fatal and not any(outcome.answer for outcome in outcomes):
        raise fatal


# --- collection ---------------------------------------------------------------------------------


def without_answers(review: Review, error: GatewayError) -> Report:
    """The report of a review where no model could be asked: what was found without one stands."""

    def unread(path: str, name: str, model: str) -> Coverage:
        return Coverage(path, name, "failed", error.message, model)

    made = report(replace(review, selection=Selection((), review.selection.skipped)), (), 0.0)
    return replace(
        made,
        status="failed",
        coverage=coverage(review, unread),
        warnings=(error.sentences, *made.warnings),
    )


def report(review: Review, outcomes: Sequence[Outcome], seconds: float) -> Report:
    """The report of a review, from how its requests ended."""
    findings = _findings(review, outcomes)
    reviews = [outcome for outcome in outcomes if not outcome.request.verifies]
    made = Report(
        version=1,
        status=_status(review, reviews),
        repository=None,
        pull_request=None,
        base=review.change.base,
        head=review.change.head,
        findings=findings,
        checklists=tuple(_answered(checklist, reviews, findings) for checklist, _ in review.chosen),
        coverage=coverage(review, _readers(reviews)),
        usage=_total(outcomes, seconds),
        warnings=(*_warnings(review, reviews, findings), *_unverified(outcomes)),
    )
    return made.with_texts(review.clean)


def _warnings(
    review: Review, outcomes: Sequence[Outcome], findings: Sequence[Comment]
) -> Iterator[str]:
    """What a reader of a clean result should know."""
    skipped = review.selection.skipped
    secret = [visible(each.file.path) for each in skipped if each.reason == MAY_HOLD_SECRETS]
    if secret:
        yield f"not sent, as they may hold secrets (should they be committed?): {listed(secret)}"
    if withheld := review.screening.withheld:
        yield f"{plural(withheld, 'added line')} could not be looked through for secrets: not sent"
    if not review.chosen:
        yield OFFLINE
    if cut := cut_guides(review.change.guides):
        yield f"of the team's guides, not all was shown to the model: {', '.join(cut)}"
    filtered = [entry for entry in skipped if entry.by_filter]
    if filtered and not review.selection.files and not review.scope.since:
        yield f"nothing is reviewed: {plural(len(filtered), 'file')} {filtered[0].reason}"
    yield from _of_hints(review, outcomes, findings)
    answers = [
        (outcome.request.checklist, outcome.answer) for outcome in outcomes if outcome.answer
    ]
    ticked = {name for name, answer in answers if answer.items}
    asked = {name for name, _ in answers}
    silent = [each.name for each, _ in review.chosen if each.name in asked - ticked]
    if silent:
        yield f"the model ticked no item of {', '.join(silent)}"
    named = {item for comment in findings for item in comment.items}
    for name, answer in answers:
        for item in answer.items:
            if item.status == Status.FAIL and item.id not in named:
                said = f": {item.note}" if item.note else ""
                yield f"{name}: the model says that {item.id} fails, without a finding{said}"


def _unverified(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Why nobody has tried to refute some of the findings: they stand as they are."""
    problems = (each.problem for each in outcomes if each.request.verifies)
    for problem in dict.fromkeys(filter(None, problems)):
        yield f"{UNVERIFIED}: {problem}"


def _of_hints(
    review: Review, outcomes: Sequence[Outcome], findings: Sequence[Comment]
) -> Iterator[str]:
    """What became of what tools say."""
    if not (review.hints and outcomes):
        return
    told = frozenset(review.told)
    shown = frozenset(hint for outcome in outcomes for hint in outcome.request.hints)
    if not told:
        yield f"none of {plural(len(review.hints), 'hint')} is about an added line that was read"
        return
    confirmed = sum(any(map(hint.is_confirmed_by, findings)) for hint in shown)
    yield f"{plural(len(shown), 'hint')} on added lines: {confirmed:,} confirmed by findings"
    if left := len(told - shown):
        yield (
            f"{plural(left, 'more hint')} on added lines not shown to the model: "
            f"{MOST_HINTS} at most for each batch of files"
        )


def _status(
    review: Review, outcomes: Sequence[Outcome]
) -> Literal["complete", "incomplete", "failed", "skipped"]:
    tried = [outcome for outcome in outcomes if not outcome.unpaid]
    if tried and all(map(_no_answer_came, tried)):
        return "failed"
    gap = any(outcome.problem for outcome in outcomes)
    gap = gap or any(entry.incomplete for entry in review.selection.skipped)
    if gap:
        return "incomplete"
    done = outcomes or review.scope.since or (not review.chosen and review.screening.paths)
    return "complete" if done else "skipped"


def _no_answer_came(outcome: Outcome) -> bool:
    """The gateway's fault, not the model's: nothing was answered, readable or not."""
    return outcome.error is not None and not outcome.usages


def _findings(review: Review, outcomes: Sequence[Outcome]) -> tuple[Comment, ...]:
    """What was found, as it was verified, and what the change gives away."""
    batches: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        batches[outcome.request.batch].append(outcome)
    found = list(place(review.readable, review.screening.credentials, review.change.lines))
    for _, members in sorted(batches.items()):
        found += _verified(review, members)
    return tuple(ranked(above_threshold(each, review.config) for each in merge(found)))


def _verified(review: Review, outcomes: Sequence[Outcome]) -> Iterator[Comment]:
    """The findings of one batch; of those that somebody has tried to refute, what came of it."""
    placed, least = _placed(review, outcomes), review.config.min_confidence
    candidates = _candidates(placed, review.config)
    answers = [each.answer for each in outcomes if each.request.verifies and each.answer]
    verdicts = verification.verdicts(answers[0], len(candidates)) if answers else {}
    if review.verifier:
        yield from verification.settled(candidates, verdicts, least)
    else:
        yield from (verification.sure_enough(each, least) for each in candidates)
    asked = {each.id for each in candidates}
    yield from (each for each in placed if each.id not in asked)


def _candidates(placed: Iterable[Comment], config: Config) -> Sequence[Comment]:
    """The findings of one batch that would be shown, the worst first."""
    return ranked(each for each in placed if above_threshold(each, config).state == "new")


def _placed(review: Review, outcomes: Sequence[Outcome]) -> tuple[Comment, ...]:
    severities = {checklist.name: checklist.severity for checklist, _ in review.chosen}
    claims = [
        Claim(
            finding,
            outcome.request.checklist,
            outcome.model,
            finding.severity or severities[outcome.request.checklist],
        )
        for outcome in outcomes
        if outcome.answer and not outcome.request.verifies
        for finding in outcome.answer.findings
    ]
    placed = place(review.readable, claims, review.change.lines)
    return merge(credited(placed, review.told) if review.hints else placed)


def above_threshold(comment: Comment, config: Config) -> Comment:
    """The comment, dropped where it is too mild to be shown."""
    threshold = config.shown_from
    if comment.state == "dropped" or comment.severity.at_least(threshold):
        return comment
    return replace(comment, state="dropped", drop_reason=f"below min_severity ({threshold})")


def coverage(review: Review, read: Callable[[str, str, str], Coverage]) -> tuple[Coverage, ...]:
    """One entry for each file and checklist, in the order of the diff.

    Args:
        review: what was to be done.
        read: tells what became of a file that was to be read, by its path, the checklist's name
            and the model's.
    """
    left_out = {id(entry.file): entry.reason for entry in review.selection.skipped}
    paths = [visible(file.path) for file in review.selection.files]
    meant = {each.name: frozenset(meant_for(each, paths)) for each, _ in review.chosen}
    entries = []
    for file in review.change.diff.files:
        path = visible(file.path)
        if not review.chosen:
            entries.append(_screened(path, left_out.get(id(file), ""), review.screening))
        for checklist, model in review.chosen:
            if id(file) in left_out:
                entry = Coverage(path, checklist.name, "skipped", left_out[id(file)], "")
            elif path not in meant[checklist.name]:
                reason = "not among the checklist's paths"
                entry = Coverage(path, checklist.name, "skipped", reason, "")
            else:
                entry = read(path, checklist.name, model)
            entries.append(entry)
    return tuple(entries)


def _screened(path: str, reason: str, screening: Screening) -> Coverage:
    """What became of a file where no model was asked."""
    if path in screening.paths:
        return Coverage(path, SECRETS, "reviewed", "", "")
    return Coverage(path, SECRETS, "skipped", reason, "")


def _readers(outcomes: Iterable[Outcome]) -> Callable[[str, str, str], Coverage]:
    """What became of the files that were to be sent, and which models have read them."""
    parts: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        for path in outcome.request.paths:
            parts.setdefault((path, outcome.request.checklist), []).append(outcome)

    def read(path: str, name: str, model: str) -> Coverage:
        mine = parts[path, name]
        readers = ", ".join(dict.fromkeys(each.model for each in mine if each.answer)) or model
        reasons = dict.fromkeys(filter(None, (each.problem for each in mine)))
        if not reasons:
            return Coverage(path, name, "reviewed", "", readers)
        unpaid = all(each.unpaid for each in mine)
        return Coverage(path, name, "skipped" if unpaid else "failed", "; ".join(reasons), readers)

    return read


def _answered(
    checklist: Checklist, outcomes: Iterable[Outcome], findings: Iterable[Comment]
) -> AnsweredChecklist:
    """The items' answers over all batches: fail wins, then unanswered, then pass."""
    mine = [outcome for outcome in outcomes if outcome.request.checklist == checklist.name]
    own = [comment for comment in findings if checklist.name in comment.checklists]
    failed = {item for each in own if each.state != "dropped" for item in each.items}
    refuted = {item for each in own if verification.is_refuted(each) for item in each.items}
    answered = []
    for item in checklist.items:
        answers = [_answer_to(item.id, outcome) for outcome in mine]
        if item.id in failed:
            answers.append(ItemAnswer(item.id, Status.FAIL))
        elif item.id in refuted:
            answers = [replace(each, status=_unless_failed(each.status)) for each in answers]
        order = list(Status)
        worst = min(answers, key=lambda each: order.index(each.status), default=None)
        worst = worst or ItemAnswer(item.id)
        answered.append(AnsweredItem(item.id, item.text, worst.status, worst.note))
    return AnsweredChecklist(checklist.name, tuple(answered))


def _unless_failed(status: Status) -> Status:
    """What claims that did not hold leave of an answer."""
    return Status.PASS if status == Status.FAIL else status


def _answer_to(item: str, outcome: Outcome) -> ItemAnswer:
    answers = outcome.answer.items if outcome.answer else ()
    return next((answer for answer in answers if answer.id == item), ItemAnswer(item))


def _total(outcomes: Sequence[Outcome], seconds: float) -> TotalUsage:
    usages = [(outcome.model, usage) for outcome in outcomes for usage in outcome.usages]
    costs = [usage.cost_usd for _, usage in usages]

    def total(count: Callable[[Usage], int]) -> int:
        return sum(count(usage) for _, usage in usages)

    return TotalUsage(
        calls=len(usages),
        input_tokens=total(lambda usage: usage.input_tokens),
        cached_tokens=total(lambda usage: usage.cached_tokens),
        cache_write_tokens=total(lambda usage: usage.cache_write_tokens),
        output_tokens=total(lambda usage: usage.output_tokens),
        cost_usd=sum(cost for cost in costs if cost is not None) if None not in costs else None,
        seconds=round(seconds, 3),
        models=tuple(dict.fromkeys(model for model, _ in usages)),
        look_ups=sum(outcome.look_ups for outcome in outcomes),
    )
