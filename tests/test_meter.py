"""No attempt is let through that key or budget could not bear."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import pytest

from reviewbot import meter as module
from reviewbot.errors import BudgetError, CallError
from reviewbot.meter import MINUTE, SHORTEST_ANSWER, Meter, Pass
from reviewbot.models import Limits, Model, Usage

MODEL = Model("m", input_price=1e-6, output_price=10e-6, write_price=2e-6)
FREE = Model("unknown")
LATE = 10_000.0


@dataclass
class Clock:
    """A clock that moves when somebody is told to wait."""

    now: float = 0.0
    waits: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def told(self, seconds: float, why: str) -> None:
        self.waits.append((seconds, why))
        self.now += min(seconds, 1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP", 0.001)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def metered(clock: Clock, ceiling: float = 1.0, **limits: Any) -> Meter:
    return Meter(ceiling, "the budget", Limits(**limits), clock.told, clock)


def used(cost: float | None = None, tokens: int = 0) -> Usage:
    return Usage(input_tokens=tokens, cost_usd=cost)


# --- dollars ------------------------------------------------------------------------------------


def test_an_attempt_is_held_for_its_worst_and_counted_at_its_price(clock: Clock) -> None:
    meter = metered(clock, 0.3)
    given = meter.enter(MODEL, 10_000, 8_000, LATE)
    assert (given.answer_tokens, round(given.held, 6)) == (8_000, 0.1)  # all written, all said
    meter.leave(given, used(0.02))
    assert meter.spent == 0.02


@pytest.mark.parametrize(
    ("ceiling", "room"), [(0.1, 8_000), (0.06, 4_000), (0.04, SHORTEST_ANSWER), (0.039, None)]
)
def test_a_small_budget_leaves_less_room_for_the_answer(
    clock: Clock, ceiling: float, room: int | None
) -> None:
    meter = metered(clock, ceiling)
    if room is None:
        with pytest.raises(BudgetError, match="over the budget"):
            meter.enter(MODEL, 10_000, 8_000, LATE)
    else:
        assert meter.enter(MODEL, 10_000, 8_000, LATE).answer_tokens == room


def test_what_broke_off_counts_as_if_it_had_been_whole(clock: Clock) -> None:
    meter = metered(clock, 0.15)
    given = meter.enter(MODEL, 10_000, 8_000, LATE)
    meter.leave(given, None, begun=True)
    assert round(meter.spent, 6) == 0.1
    assert "$0.10 more" in meter.lost_words
    given = meter.enter(MODEL, 10_000, 8_000, LATE)
    meter.leave(given, None)  # refused at the door: it cost nothing
    assert round(meter.spent, 6) == 0.1


def test_a_model_without_a_price_is_not_held_back(clock: Clock) -> None:
    meter = metered(clock, 0.0)
    assert meter.enter(FREE, 10_000, 8_000, LATE).answer_tokens == 8_000


def test_whoever_may_be_paid_for_later_waits_for_what_is_under_way(clock: Clock) -> None:
    meter = metered(clock, 0.15)
    first = meter.enter(MODEL, 10_000, 8_000, LATE)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(meter.enter, MODEL, 10_000, 8_000, LATE)
        meter.leave(first, used(0.01))
        assert second.result(timeout=30).answer_tokens == 8_000


def test_many_threads_never_hold_or_spend_more_than_the_budget(clock: Clock) -> None:
    meter, lock, held = metered(clock, 1.0), Lock(), [0.0]
    dice = random.Random(1)

    def work(number: int) -> bool:
        try:
            given = meter.enter(MODEL, 20_000, 8_000, LATE)
        except BudgetError:
            return False
        cost = given.held * dice.random()
        try:
            with lock:
                held[0] += given.held
                assert held[0] <= 1.0 + 1e-9
            with lock:
                held[0] += cost - given.held
        finally:
            meter.leave(given, used(cost))
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(60)))
    assert 8 < sum(done) < 60
    assert meter.spent <= 1.0


# --- parts of a whole ---------------------------------------------------------------------------


def test_a_part_has_a_ceiling_of_its_own_below_that_of_the_whole(clock: Clock) -> None:
    whole = metered(clock, 0.18)
    part, other = whole.part(), whole.part()
    part.ceiling, part.ceiling_words = 0.06, "its budget"
    given = part.enter(MODEL, 10_000, 8_000, LATE)
    assert (given.answer_tokens, given.bound) == (4_000, "its budget")
    part.leave(given, used(0.06))
    with pytest.raises(BudgetError, match="over its budget"):
        part.enter(MODEL, 10_000, 8_000, LATE)
    assert (part.refused, whole.refused) == (True, False)
    given = other.enter(MODEL, 10_000, 8_000, LATE)
    assert (given.answer_tokens, given.bound) == (8_000, "no budget")
    other.leave(given, used(0.06))
    given = other.enter(MODEL, 10_000, 8_000, LATE)
    assert (given.answer_tokens, given.bound) == (4_000, "the budget")
    other.leave(given, None, begun=True)
    assert [whole.spent, whole.lost] == pytest.approx([0.18, 0.06])
    with pytest.raises(BudgetError, match="over the budget"):
        other.enter(MODEL, 10_000, 8_000, LATE)
    assert (whole.refused, other.refused) == (True, True)


def test_the_limits_hold_for_all_parts_together(clock: Clock) -> None:
    whole = metered(clock, requests_per_minute=2)
    begun = [entered(whole.part()).begun for _ in range(3)]
    assert begun == [0.0, 0.0, 0.0]  # each by itself
    assert [given.begun for given in whole._minute] == [MINUTE]


# --- limits of the key --------------------------------------------------------------------------


def entered(meter: Meter, tokens: int = 1_000) -> Pass:
    given = meter.enter(FREE, tokens, 1_000, LATE)
    meter.leave(given, used(tokens=tokens))
    return given


def test_calls_are_spread_over_minutes(clock: Clock) -> None:
    meter = metered(clock, requests_per_minute=2)
    begun = [entered(meter).begun for _ in range(5)]
    assert begun == [0.0, 0.0, MINUTE, MINUTE, 2 * MINUTE]
    assert clock.waits[0] == (60.0, "the key allows 2 calls a minute")
    assert clock.waits[1][0] == 59.0  # it is counted down


def test_tokens_are_spread_over_minutes_and_counted_as_they_were_used(clock: Clock) -> None:
    meter = metered(clock, tokens_per_minute=10_000)
    begun = [entered(meter, 4_000).begun for _ in range(4)]
    # Each is let in with room for its answer; what that was not used for is free again.
    assert begun == [0.0, 0.0, MINUTE, MINUTE]


def test_what_can_never_fit_is_left_to_the_gateway_to_refuse(clock: Clock) -> None:
    """But not before a minute is free for it: the estimate may be too high."""
    meter = metered(clock, tokens_per_minute=1_000)
    assert [entered(meter, 5_000).begun for _ in range(2)] == [0.0, MINUTE]


def test_no_more_are_under_way_than_the_key_allows(clock: Clock) -> None:
    meter = metered(clock, parallel=1)
    first = meter.enter(FREE, 1, 1, LATE)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(meter.enter, FREE, 1, 1, LATE)
        meter.leave(first, used())
        assert second.result(timeout=30)


@pytest.mark.parametrize("deadline", [0.0, 59.0])
def test_a_wait_that_would_end_too_late_is_not_begun(clock: Clock, deadline: float) -> None:
    meter = metered(clock, requests_per_minute=1)
    entered(meter)
    with pytest.raises(CallError, match=r"allows 1 calls a minute.*too short") as raised:
        meter.enter(FREE, 1, 1, deadline)
    assert not isinstance(raised.value, BudgetError)
    assert clock.waits == []
