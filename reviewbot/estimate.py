"""What a review will take, before the first call: files, batches, tokens, dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from reviewbot.calls import shares_cache
from reviewbot.lookups import MOST_ROUNDS
from reviewbot.models import Model, Usage
from reviewbot.prompt import LARGEST_BATCH, Request
from reviewbot.text import dollars, plural

EXPECTED_ANSWER = 1_000  # tokens of a usual answer
EXPECTED_ROUNDS = 1  # of look-ups, in a call that may make them
EXPECTED_LOOK_UPS = 2_000  # tokens that such a round shows
USUAL_CHANGE = 20_000  # tokens, with the code around it
PAID_BATCHES = 4  # that a budget could at least send once each, answers aside
LEAST_BATCH = 4_000  # tokens; in less, what is said around the change costs more than it


@dataclass(frozen=True, slots=True)
class PricedRequest:
    """A request with what it is likely to cost, in dollars; None where the price is unknown."""

    request: Request
    cost_usd: float | None
    with_breakpoint: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may cost in dollars, and in words what sets that bound."""

    dollars: float
    words: str


def budget(wanted: float, left: float | None, option: str = "--budget") -> Budget:
    """The wanted budget, or what is left on the key where that is less; None for no bound.

    Where nothing is left, the gateway itself says so, and whom to ask. `option` is what sets it.
    """
    if left and left < wanted:
        return Budget(left, f"the {dollars(left)} that are left on the key")
    return Budget(wanted, f"the budget of {dollars(wanted)} ({option})")


def batch_tokens(limit: Budget, models: Iterable[Model]) -> int:
    """Tokens of a batch that a tight budget is enough for several of."""
    price = max((model.worst_price(1, 0) or 0.0 for model in models), default=0.0)
    if not price:
        return LARGEST_BATCH
    affordable = int(limit.dollars / PAID_BATCHES / price)
    return min(max(affordable, LEAST_BATCH), LARGEST_BATCH)


@dataclass(frozen=True, slots=True)
class Affordable:
    """Requests that a budget is enough for, those beyond it, and models without a known price."""

    sent: tuple[Request, ...]
    unsent: tuple[Request, ...]
    unpriced: tuple[str, ...]


def affordable(requests: Iterable[PricedRequest], limit: Budget) -> Affordable:
    """Divide the requests, in their order, where their sum goes beyond the budget."""
    requests = list(requests)
    sums = accumulate(each.cost_usd or 0.0 for each in requests)
    count = sum(total <= limit.dollars for total in sums)
    unpriced = dict.fromkeys(each.request.model for each in requests if each.cost_usd is None)
    return Affordable(
        sent=tuple(each.request for each in requests[:count]),
        unsent=tuple(each.request for each in requests[count:]),
        unpriced=tuple(unpriced),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """The sums over all requests; `further` calls come at most from what models look up."""

    calls: int
    batches: int
    input_tokens: int
    cost_usd: float | None
    further: int = 0

    def words(self) -> str:
        """The sums in one line."""
        cost = "price unknown" if self.cost_usd is None else f"about ${self.cost_usd:.4f}"
        more = f" and up to {self.further:,} more to look things up" if self.further else ""
        return f"{plural(self.calls, 'call')}{more}, about {self.input_tokens:,} tokens in, {cost}"


def priced(
    requests: Iterable[Request], model_of: Callable[[str], Model]
) -> Iterator[PricedRequest]:
    """Price the requests batch by batch: the first of a batch writes the cache, the others read."""
    for _, batch in groupby(requests, key=lambda request: request.batch):
        by_model: dict[str, list[Request]] = {}
        for request in batch:
            by_model.setdefault(request.model, []).append(request)
        for name, group in by_model.items():
            model = model_of(name)
            shared = shares_cache(group, model)
            for index, request in enumerate(group):
                usage = _usage(request, shared=shared, first=index == 0)
                yield PricedRequest(request, model.price(usage), shared)


def estimate(requests: Iterable[PricedRequest]) -> Estimate:
    """Add up; nothing is kept of the requests."""
    calls = tokens = further = 0
    batches: set[int] = set()
    cost: float | None = 0.0
    for each in requests:
        calls += 1
        batches.add(each.request.batch)
        tokens += _input_tokens(each.request)
        further += MOST_ROUNDS if each.request.look_up_tokens else 0
        cost = None if cost is None or each.cost_usd is None else cost + each.cost_usd
    return Estimate(calls, len(batches), tokens, cost, further)


def typical(names: Sequence[str], model_of: Callable[[str], Model]) -> float | None:
    """Dollars for a usual change that is read by these models; None where a price is unknown.

    Args:
        names: the model of each checklist.
        model_of: tells what is known about a model.
    """
    cost = 0.0
    for place, name in enumerate(names):
        model, first = model_of(name), name not in names[:place]
        shared = USUAL_CHANGE if model.takes_breakpoints and names.count(name) > 1 else 0
        usage = Usage(
            input_tokens=USUAL_CHANGE + EXPECTED_ANSWER,
            cached_tokens=0 if first else shared,
            cache_write_tokens=shared if first else 0,
            output_tokens=EXPECTED_ANSWER,
        )
        price = model.price(usage)
        if price is None:
            return None
        cost += price
    return cost


def _usage(request: Request, *, shared: bool, first: bool) -> Usage:
    prefix, rounds = request.prefix_tokens if shared else 0, _rounds(request)
    return Usage(
        input_tokens=_input_tokens(request),
        cached_tokens=prefix * (rounds if first else rounds + 1),
        cache_write_tokens=prefix if first else 0,
        output_tokens=EXPECTED_ANSWER * (rounds + 1),
    )


def _rounds(request: Request) -> int:
    return EXPECTED_ROUNDS if request.look_up_tokens else 0


def _input_tokens(request: Request) -> int:
    """Of the prompt, and of each time that it is sent again with an answer and what it asks for."""
    rounds = _rounds(request)
    return request.input_tokens * (rounds + 1) + (EXPECTED_ANSWER + EXPECTED_LOOK_UPS) * rounds
