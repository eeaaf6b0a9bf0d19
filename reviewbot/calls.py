"""Requests in flight: sent side by side, and handed back as they end."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reviewbot.errors import BudgetError, BusyError, CallError, GatewayError, ModelError
from reviewbot.exchange import Exchange
from reviewbot.findings import Answer, divided
from reviewbot.gateway import OUT_OF_TIME
from reviewbot.lookups import Served
from reviewbot.models import Asker, Model, Usage
from reviewbot.prompt import Request

GRACE = 1.0  # seconds after the time limit in which a call may still report its own failure

_END = -1  # goes before all numbers of requests


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
        asked = self._requests[number]
        exchange = Exchange(
            replace(asked, model=model), self._gateway, self._deadline, self._served
        )
        answer = error = None
        try:
            answer = exchange.answer(
                lambda: self._release_followers(number),
                patient=patient,
                breakpoint_after_change=number in self._with_breakpoint,
            )
        except GatewayError as raised:
            error = raised
        return Outcome(asked, answer, error, tuple(exchange.usages), model, exchange.look_ups)
