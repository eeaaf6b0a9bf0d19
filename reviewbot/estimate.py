"""What a review will take, before the first call: files, batches, tokens, dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from reviewbot.calls import shares_cache
from reviewbot.models import Model, Usage
from reviewbot.prompt import Request
from reviewbot.text import plural

EXPECTED_ANSWER = 1_000  # tokens of a usual answer


@dataclass(frozen=True, slots=True)
class PricedRequest:
    """A request with what it is likely to cost, in dollars; None where the price is unknown."""

    request: Request
    cost_usd: float | None
    with_breakpoint: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """The sums over all requests."""

    calls: int
    batches: int
    input_tokens: int
    cost_usd: float | None

    def words(self) -> str:
        """The sums in one line."""
        cost = "price unknown" if self.cost_usd is None else f"about ${self.cost_usd:.4f}"
        return f"{plural(self.calls, 'call')}, about {self.input_tokens:,} tokens in, {cost}"


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
    calls = tokens = 0
    batches: set[int] = set()
    cost: float | None = 0.0
    for each in requests:
        calls += 1
        batches.add(each.request.batch)
        tokens += each.request.input_tokens
        cost = None if cost is None or each.cost_usd is None else cost + each.cost_usd
    return Estimate(calls, len(batches), tokens, cost)


def _usage(request: Request, *, shared: bool, first: bool) -> Usage:
    prefix = request.prefix_tokens if shared else 0
    return Usage(
        input_tokens=request.input_tokens,
        cached_tokens=0 if first else prefix,
        cache_write_tokens=prefix if first else 0,
        output_tokens=EXPECTED_ANSWER,
    )
