"""What a review will take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import request

from reviewbot.estimate import (
    EXPECTED_ANSWER,
    EXPECTED_LOOK_UPS,
    Budget,
    Estimate,
    PricedRequest,
    affordable,
    batch_tokens,
    budget,
    estimate,
    priced,
)
from reviewbot.lookups import MOST_ROUNDS
from reviewbot.models import Model
from reviewbot.prompt import Request

LONG = "c" * 30_000  # tokens enough for a cache


def model(name: str, *, known: bool = True) -> Model:
    if not known:
        return Model(name)
    return Model(name, input_price=1e-6, output_price=1e-5, read_price=1e-7, write_price=1.25e-6)


def price(requests: list[Request], of: Callable[[str], Model] = model) -> list[PricedRequest]:
    return list(priced(requests, of))


def costs(requests: list[Request]) -> list[float]:
    return [each.cost_usd or 0 for each in price(requests)]


def expected(plain: int, written: int = 0, read: int = 0) -> float:
    tokens = plain * 1e-6 + written * 1.25e-6 + read * 1e-7
    return tokens + EXPECTED_ANSWER * 1e-5


def test_a_request_alone_pays_the_plain_price() -> None:
    alone = request(change=LONG)
    assert costs([alone]) == [pytest.approx(expected(alone.input_tokens))]
    assert [each.with_breakpoint for each in price([alone])] == [False]


def test_the_first_of_a_batch_writes_the_cache_and_the_others_read_it() -> None:
    batch = [request(change=LONG, task="t" * size) for size in (30, 300, 3000)]
    prefix = batch[0].prefix_tokens
    rest = [each.input_tokens - prefix for each in batch]
    assert costs(batch) == [
        pytest.approx(expected(rest[0], written=prefix)),
        pytest.approx(expected(rest[1], read=prefix)),
        pytest.approx(expected(rest[2], read=prefix)),
    ]
    assert all(each.with_breakpoint for each in price(batch))


@pytest.mark.parametrize(
    "other",
    [{"batch": 1}, {"model": "claude-opus"}],
    ids=["another batch", "another model"],
)
def test_nothing_is_shared_with(other: dict[str, object]) -> None:
    pair = [request(change=LONG), request(change=LONG, **other)]
    assert not any(each.with_breakpoint for each in price(pair))
    assert costs(pair)[1] == pytest.approx(expected(pair[1].input_tokens))


def test_a_prefix_too_short_for_a_cache_pays_the_plain_price() -> None:
    pair = [request(system="", change="c" * 300)] * 2
    assert costs(pair) == [pytest.approx(expected(pair[0].input_tokens))] * 2


def test_requests_of_two_models_in_turn_share_by_model() -> None:
    names = ["claude-sonnet", "claude-opus", "claude-sonnet", "claude-opus"]
    made = price([request(change=LONG, model=name) for name in names])
    assert [each.request.model for each in made] == sorted(names, key=names.index)
    assert all(each.with_breakpoint for each in made)


def test_the_sums() -> None:
    requests = [request(batch=batch) for batch in (0, 0, 2)]
    total = estimate(priced(requests, model))
    assert (total.calls, total.batches) == (3, 2)
    assert total.input_tokens == 3 * requests[0].input_tokens
    assert total.cost_usd == pytest.approx(sum(costs(requests)))


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    requests = [request(), request(model="other", batch=1)]
    total = estimate(priced(requests, lambda name: model(name, known=name != "other")))
    assert (total.calls, total.cost_usd) == (2, None)


def test_what_may_be_looked_up_is_expected_once_and_named_at_its_most() -> None:
    """Each is sent again with its answer and what it asked for, and reads the cache then."""
    batch = [request(change=LONG, look_up_tokens=24_000), request(change=LONG)]
    prefix = batch[0].prefix_tokens
    rest = batch[0].input_tokens - prefix
    again = 1e-6 * (rest + EXPECTED_ANSWER + EXPECTED_LOOK_UPS) + expected(0, read=prefix)
    assert costs(batch)[0] == pytest.approx(expected(rest, written=prefix) + again)
    total = estimate(priced(batch, model))
    assert (total.calls, total.further) == (2, MOST_ROUNDS)
    sent_again = batch[0].input_tokens + EXPECTED_ANSWER + EXPECTED_LOOK_UPS
    assert total.input_tokens == 2 * batch[0].input_tokens + sent_again


def test_no_requests_cost_nothing() -> None:
    assert estimate(()) == Estimate(0, 0, 0, 0.0)


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (Estimate(1, 1, 999, 0.01234), "1 call, about 999 tokens in, about $0.0123"),
        (Estimate(12, 3, 12_345, None), "12 calls, about 12,345 tokens in, price unknown"),
        (
            Estimate(2, 1, 999, 0.01, 6),
            "2 calls and up to 6 more to look things up, about 999 tokens in, about $0.0100",
        ),
        (Estimate(0, 0, 0, 0.0), "0 calls, about 0 tokens in, about $0.0000"),
    ],
)
def test_words(total: Estimate, words: str) -> None:
    assert total.words() == words


# --- the budget ---------------------------------------------------------------------------------


def at(*prices: float | None) -> list[PricedRequest]:
    return [
        PricedRequest(request(batch=number), price, with_breakpoint=False)
        for number, price in enumerate(prices)
    ]


@pytest.mark.parametrize(
    ("prices", "dollars", "sent"),
    [
        ((), 1.0, 0),
        ((0.5, 0.5), 1.0, 2),
        ((0.5, 0.5, 0.01), 1.0, 2),
        ((0.5, 0.6, 0.01), 1.0, 1),  # in their order: what is after it is not tried
        ((2.0,), 1.0, 0),
        ((0.01,), 0.0, 0),
        ((0.0, 0.0), 0.0, 2),
    ],
)
def test_what_a_budget_is_enough_for(prices: tuple[float, ...], dollars: float, sent: int) -> None:
    requests = at(*prices)
    divided = affordable(requests, Budget(dollars, ""))
    assert divided.sent == tuple(each.request for each in requests[:sent])
    assert divided.unsent == tuple(each.request for each in requests[sent:])
    assert divided.unpriced == ()


def test_where_no_price_is_known_a_budget_cannot_hold() -> None:
    divided = affordable(at(None, 0.5, None), Budget(0.4, ""))
    assert (len(divided.sent), len(divided.unsent)) == (1, 2)
    assert divided.unpriced == ("claude-sonnet",)


@pytest.mark.parametrize(
    ("wanted", "left", "expected"),
    [
        (1.0, None, Budget(1.0, "the budget of $1.00 (--budget)")),
        (0.001, None, Budget(0.001, "the budget of $0.0010 (--budget)")),
        (0.5, 4.0, Budget(0.5, "the budget of $0.50 (--budget)")),
        (1.0, 1.0, Budget(1.0, "the budget of $1.00 (--budget)")),
        (1.0, 0.0, Budget(1.0, "the budget of $1.00 (--budget)")),
        (1.0, 0.25, Budget(0.25, "the $0.25 that are left on the key")),
    ],
)
def test_the_smaller_budget_holds(wanted: float, left: float | None, expected: Budget) -> None:
    assert budget(wanted, left) == expected


@pytest.mark.parametrize(
    ("dollars", "tokens"), [(1.0, 80_000), (0.3, 20_000), (0.01, 4_000), (0.0, 4_000)]
)
def test_a_tight_budget_makes_small_batches(dollars: float, tokens: int) -> None:
    model = Model("m", input_price=3e-6, output_price=15e-6, write_price=3.75e-6)
    limit = Budget(dollars, "the budget")
    assert batch_tokens(limit, [model, Model("unknown")]) == min(tokens, 66_666)
    assert batch_tokens(limit, [Model("unknown")]) == 80_000
