"""Requests in flight: sent side by side, read, repaired once, and handed back as they end.

A model may look things up before it answers; each round of that is a call more.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from reviewbot import checklists
from reviewbot.errors import (
    AnswerError,
    BudgetError,
    BusyError,
    CallError,
    GatewayError,
    GitError,
    ModelError,
)
from reviewbot.findings import ASKING_FORM, FORM, Answer, divided, read, salvage
from reviewbot.gateway import OUT_OF_TIME
from reviewbot.lookups import Conversation, Served
from reviewbot.models import Model, Question, Reply, Usage
from reviewbot.prompt import Request
from reviewbot.text import fenced

GRACE = 1.0  # seconds after the time limit in which a call may still report its own failure
UNANSWERED = "the model has asked for more look-ups, and did not answer"

# Of a finding, however its answer is damaged; not of the notes before it, which may use the word.
_CLAIM = re.compile(r"""\bseverity(?:\\*["'])?\s*[:=]|["']severity["']""")

_END = -1  # goes before all numbers of requests


class Asker(Protocol):
    """What is needed of a gateway."""

    def model(self, name: str) -> Model:
        """What is known about a model."""

    def ask(self, question: Question) -> Reply:
        """Send one prompt and wait for the whole answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended: with an answer, or with an error; and what its calls used.

    `asked` is the model that answered, or was asked last; empty where none was. `look_ups` counts
    what was looked up for it.
    """

    request: Request
    answer: Answer | None
    error: GatewayError | None
    usages: tuple[Usage, ...]
    asked: str = ""
    look_ups: int = 0

    @property
    def model(self) -> str:
        """The model that answered, or was to."""
        return self.asked or self.request.model

    @property
    def problem(self) -> str:
        """Why the request's files count as not read, or as not wholly read; else empty."""
        if self.error:
            return self.error.message
        return self.answer.problem if self.answer else ""

    @property
    def unpaid(self) -> bool:
        """Whether it was not sent, as the budget is not enough for it."""
        return isinstance(self.error, BudgetError)

    @property
    def fatal(self) -> bool:
        """Whether no other request can succeed either, or none to the same model."""
        return self.error is not None and not isinstance(self.error, CallError)

    def parts(self) -> Iterator[Outcome]:
        """One outcome for each checklist of the request; what it took is the first one's."""
        if not self.request.several:
            yield self
            return
        names = [name for name, _ in self.request.several]
        answers = divided(self.answer, names) if self.answer else {}
        usages, look_ups = self.usages, self.look_ups
        for name, paths in self.request.several:
            request = replace(self.request, checklist=name, paths=paths, several=())
            answer = answers.get(name)
            yield replace(self, request=request, answer=answer, usages=usages, look_ups=look_ups)
            usages, look_ups = (), 0


def shares_cache(group: Sequence[Request], model: Model) -> bool:
    """Whether the requests of one batch and model gain from a cache breakpoint."""
    return (
        len(group) > 1 and model.takes_breakpoints and group[0].prefix_tokens >= model.cache_minimum
    )


Completed = Callable[[Request, Sequence[Outcome]], Request | None]


def run(
    requests: Sequence[Request],
    gateway: Asker,
    *,
    jobs: int,
    deadline: float,
    fallbacks: Sequence[str] = (),
    served: Served | None = None,
    completed: Completed = lambda _request, _outcomes: None,
) -> Iterator[Outcome]:
    """Send all requests and give back each outcome as soon as it is there.

    The first request of a batch opens the provider's prompt cache; the others of the batch start
    when its answer begins. One that verifies is sent when all others of its batch have ended. After
    a fatal error no further call starts, but those under way may still end well: they are paid for.
    The threads are daemons: whoever stops iterating waits for nobody.

    Args:
        requests: what to send.
        gateway: where to.
        jobs: how many at once.
        deadline: `time.monotonic()` at which what is still under way counts as failed.
        fallbacks: models to ask, in this order, where a request's own cannot be used or is busy.
        served: gives what a model looks up, in at most so many tokens; None where it may not.
        completed: makes a request that verifies whole, from how the others of its batch ended;
            None where there is nothing to verify: then it is not sent.
    """
    flight = _Flight(requests, gateway, deadline, fallbacks, served=served, completed=completed)
    threads = range(min(jobs, len(requests)))
    for _ in threads:
        threading.Thread(target=flight.work, daemon=True).start()
    try:
        yield from flight.outcomes()
    finally:
        for _ in threads:
            flight.end_one_thread()


class _Flight:
    """The state that the threads of one run share."""

    def __init__(
        self,
        requests: Sequence[Request],
        gateway: Asker,
        deadline: float,
        fallbacks: Sequence[str],
        *,
        served: Served | None,
        completed: Completed,
    ) -> None:
        self._gateway = gateway
        self._deadline = deadline
        self._fallbacks = tuple(fallbacks)
        self._served = served
        self._completed = completed
        self._requests = list(requests)
        self._pending = set(range(len(requests)))
        self._todo: queue.PriorityQueue[int] = queue.PriorityQueue()
        self._done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
        self._fatal: dict[str | None, GatewayError] = {}  # by model; None for all of them
        self._followers: dict[int, list[int]] = {}
        self._with_breakpoint: set[int] = set()
        self._ended: dict[int, dict[int, Outcome]] = defaultdict(dict)  # by batch
        self._verification = {
            each.batch: number for number, each in enumerate(requests) if each.verifies
        }
        self._members = Counter(each.batch for each in requests if not each.verifies)
        groups: dict[tuple[int, str], list[int]] = defaultdict(list)
        for number, request in enumerate(self._requests):
            groups[request.batch, request.model].append(number)
        for numbers in groups.values():
            self._schedule(numbers)

    def _schedule(self, numbers: list[int]) -> None:
        group = [self._requests[number] for number in numbers]
        if shares_cache(group, self._gateway.model(group[0].model)):
            self._with_breakpoint.update(numbers)
            self._followers[numbers[0]] = numbers[1:]
            numbers = numbers[:1]
        self._start(numbers)

    def _start(self, numbers: Iterable[int]) -> None:
        """Have them sent; those that verify wait for the end of their batch."""
        for number in numbers:
            if not self._requests[number].verifies:
                self._todo.put(number)

    def _release_followers(self, number: int) -> None:
        self._start(self._followers.pop(number, ()))

    def work(self) -> None:
        while (number := self._todo.get()) != _END:
            outcome: Outcome | BaseException
            try:
                outcome = self._outcome(number)
            except BaseException as error:  # noqa: BLE001 - raised again by outcomes()
                outcome = error
            self._release_followers(number)
            self._done.put((number, outcome))

    def end_one_thread(self) -> None:
        self._todo.put(_END)

    def outcomes(self) -> Iterator[Outcome]:
        while self._pending:
            try:
                wait = max(self._deadline + GRACE - time.monotonic(), 0)
                number, outcome = self._done.get(timeout=wait)
            except queue.Empty:
                late = CallError(OUT_OF_TIME)
                yield from (self._failed(number, late) for number in sorted(self._pending))
                return
            if isinstance(outcome, BaseException):
                raise outcome
            self._pending.discard(number)
            self._note_end(number, outcome)
            yield outcome

    def _note_end(self, number: int, outcome: Outcome) -> None:
        """With the last outcome of a batch, its verification can begin."""
        batch = outcome.request.batch
        if outcome.request.verifies:
            return
        ended = self._ended[batch]
        ended[number] = outcome
        if len(ended) < self._members[batch]:
            return
        waiting = self._verification.get(batch)
        if waiting is None:
            return
        in_order = [ended[each] for each in sorted(ended)]
        if request := self._completed(self._requests[waiting], in_order):
            self._requests[waiting] = request
            self._todo.put(waiting)
        else:
            self._pending.discard(waiting)

    # --- one request --------------------------------------------------------------------------

    def _outcome(self, number: int) -> Outcome:
        """The outcome with the first model that can be used and is not busy."""
        models = tuple(dict.fromkeys((self._requests[number].model, *self._fallbacks)))
        outcome = self._failed(number, GatewayError("no model was asked"))
        usages: tuple[Usage, ...] = ()
        busy = ""
        for model in models:
            outcome = self._with_model(number, model, patient=model == models[-1])
            usages += outcome.usages
            if not isinstance(outcome.error, ModelError | BusyError):
                break
            if isinstance(outcome.error, BusyError):
                busy = busy or model
        if busy and isinstance(outcome.error, ModelError):  # nobody can stand in for it
            outcome = self._with_model(number, busy, patient=True)
            usages += outcome.usages
        return replace(outcome, usages=usages)

    def _with_model(self, number: int, model: str, *, patient: bool) -> Outcome:
        if error := self._fatal.get(None) or self._fatal.get(model):
            return self._failed(number, error)
        outcome = self._answer(number, model, patient=patient)
        if outcome.error and outcome.fatal:
            self._fatal[model if isinstance(outcome.error, ModelError) else None] = outcome.error
        return outcome

    def _failed(self, number: int, error: GatewayError) -> Outcome:
        return Outcome(self._requests[number], None, error, ())

    def _answer(self, number: int, model: str, *, patient: bool) -> Outcome:
        request = replace(self._requests[number], model=model)
        usages: list[Usage] = []
        answer = error = None
        messages = request.messages(breakpoint_after_change=number in self._with_breakpoint)
        served = self._served if request.look_up_tokens else None
        talk = Conversation(messages, request.look_up_tokens, served)
        try:
            reply = self._ask(
                request, messages, lambda: self._release_followers(number), patient=patient
            )
            usages.append(reply.usage)
            answer = self._last_word(request, talk, reply, usages)
        except GatewayError as raised:
            error = raised
        usage, asked = tuple(usages), self._requests[number]
        return Outcome(asked, answer, error, usage, model, talk.look_ups)

    def _last_word(
        self, request: Request, talk: Conversation, reply: Reply, usages: list[Usage]
    ) -> Answer:
        """The answer once all is looked up that it asks for, as far as that goes.

        Where a further round fails, what was answered before it stands, but not as whole.
        """
        answer = fullest = self._read(request, reply, usages)
        problem = ""
        while not problem:
            try:
                if not talk.goes_on(reply.text, answer.look_ups):
                    break
                reply = self._ask(request, talk.messages, lambda: None)
                usages.append(reply.usage)
                answer = self._read(request, reply, usages)
            except (GatewayError, GitError) as error:
                if isinstance(error, GatewayError) and not any(_fullness(fullest)):
                    raise
                problem = f"after look-ups: {error.message}"
            fullest = max(answer, fullest, key=_fullness)
        if answer.look_ups and not (talk.over and any(_fullness(answer))):
            problem = problem or UNANSWERED
        problem = problem or answer.problem
        return replace(fullest, problem=problem) if problem else answer

    def _read(self, request: Request, reply: Reply, usages: list[Usage]) -> Answer:
        if reply.cut:  # nobody knows what it would have gone on to say
            try:
                answer = read(reply.text)
            except AnswerError:
                answer = salvage(reply.text)
            why = f" ({reply.cut_by} left it no more room)" if reply.cut_by else ""
            problem = (answer.problem or "the answer was cut off") + why
            return replace(answer, problem=problem, look_ups=())
        try:
            return read(reply.text)
        except AnswerError:
            return self._repaired(request, reply.text, usages)

    def _repaired(self, request: Request, text: str, usages: list[Usage]) -> Answer:
        """Have the model write its answer again, without the diff; what is whole is kept anyway."""
        if not text.strip():
            raise AnswerError("the model gave an empty answer")
        asks = bool(request.look_up_tokens)
        task = checklists.frame("repair", answer=fenced("answer", text), look_ups=asks)
        messages: list[dict[str, object]] = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": task},
        ]
        problem: GatewayError = AnswerError(
            "the model's answer cannot be read, and asking again did not help"
        )
        try:
            reply = self._ask(request, messages, lambda: None)
            usages.append(reply.usage)
            answer = read(reply.text)
            if not reply.cut and _keeps(answer, text):
                return answer
        except AnswerError:
            pass  # as unreadable as the answer was
        except GatewayError as error:
            problem = error
        kept = salvage(text)
        if kept.findings:
            return kept
        raise problem

    def _ask(
        self,
        request: Request,
        messages: list[dict[str, object]],
        opened: Callable[[], None],
        *,
        patient: bool = True,
    ) -> Reply:
        question = Question(
            model=request.model,
            messages=messages,
            purpose=request.checklist,
            form=ASKING_FORM if request.look_up_tokens else FORM,
            answer_tokens=request.answer_tokens,
            deadline=self._deadline,
            opened=opened,
            patient=patient,
        )
        return self._gateway.ask(question)


def _keeps(answer: Answer, text: str) -> bool:
    """Whether a repair holds all findings that the text speaks of, and is one at all.

    Fewer findings would hide some; and nothing at all is what becomes of a model's excuse.
    """
    whole = len(answer.findings) >= len(_CLAIM.findall(text))
    return whole and bool(answer.findings or answer.items or answer.look_ups)


def _fullness(answer: Answer) -> tuple[int, int]:
    return len(answer.findings), len(answer.items)
