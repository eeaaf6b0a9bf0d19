"""Work side by side: as much at once as is allowed, and nothing lost where some of it fails."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from fake_gateway import PATIENCE

from reviewbot.meanwhile import side_by_side


def test_results_come_as_they_end() -> None:
    turns = [threading.Event() for _ in range(3)]

    def work(number: int) -> int:
        assert turns[number].wait(PATIENCE)
        return number

    results = side_by_side([partial(work, number) for number in range(3)], at_once=3)
    for number in (1, 2, 0):
        turns[number].set()
        assert next(results) == number
    assert list(results) == []


def test_no_more_at_once_than_allowed() -> None:
    running, most = threading.Semaphore(2), []

    def work() -> None:
        most.append(running.acquire(blocking=False))
        running.release()

    assert len(list(side_by_side([work] * 20, at_once=2))) == 20
    assert all(most)


def failing() -> str:
    raise ValueError("wrong")


def test_after_a_failure_nothing_begins() -> None:
    begun = []
    results = side_by_side([failing, lambda: begun.append("late")], at_once=1)
    with pytest.raises(ValueError, match="wrong"):
        next(results)
    assert begun == []


def test_what_is_under_way_at_a_failure_is_not_lost() -> None:
    fails = threading.Event()

    def under_way() -> str:
        assert fails.wait(PATIENCE)
        return "ended well"

    def failing_meanwhile() -> str:
        fails.set()
        return failing()

    results = side_by_side([under_way, failing_meanwhile], at_once=2)
    assert next(results) == "ended well"
    with pytest.raises(ValueError, match="wrong"):
        next(results)
