"""Requests in flight, through the real gateway client: order, caches, repairs, and how they end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import fake_gateway as fg
import pytest
from fake_gateway import KEY, Call, FakeGateway, Reaction, answered, failed, page, streamed

from reviewbot import calls
from reviewbot import gateway as module
from reviewbot.calls import Outcome
from reviewbot.endpoint import Endpoint
from reviewbot.gateway import Gateway
from reviewbot.models import Model
from reviewbot.prompt import Request
from reviewbot.text import fenced

LONG = "x" * 6000  # enough tokens for a provider to cache
FINDING = {
    "path": "a.py",
    "line": 1,
    "end_line": 1,
    "quote": "one",
    "severity": "high",
    "confidence": 9,
    "item": "logic",
    "title": "Wrong",
    "body": "It is wrong.",
    "suggestion": "",
}
WHOLE = answered([FINDING], {"logic": "fail"})
RUBBISH = 'The "severity" of it is high, I would say.'


def request(name: str = "style", batch: int = 0, model: str = "claude-sonnet") -> Request:
    change = fenced("change", f"batch {batch} {LONG}")
    return Request(
        name, model, batch, ("a.py",), "You review.", change, f"# Checklist: {name}", 500
    )


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails, fails at once."""
    monkeypatch.setattr(module, "TRIES", 1)


@pytest.fixture
def gateway(fake: FakeGateway) -> Iterator[Gateway]:
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), fg.PATIENCE) as opened:
        yield opened


def run(
    gateway: Gateway, requests: Sequence[Request], *, jobs: int = 4, seconds: float = fg.PATIENCE
) -> list[Outcome]:
    return list(calls.run(requests, gateway, jobs=jobs, deadline=time.monotonic() + seconds))


def by_checklist(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {outcome.request.checklist: outcome.problem for outcome in outcomes}


def has_breakpoint(call: Call) -> list[bool]:
    return ["cache_control" in part for part in call.body["messages"][1]["content"]]


# --- the cache ----------------------------------------------------------------------------------


def test_the_first_of_a_batch_goes_ahead_until_its_answer_begins(
    fake: FakeGateway, gateway: Gateway
) -> None:
    order: list[str] = []
    another_there = threading.Event()
    side_by_side = threading.Barrier(4)

    def first(wire: fg.Wire) -> None:
        assert not another_there.wait(0.2)  # time in which others could come, and must not
        order.append("begins")
        wire.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        start, *rest = fg.chunks(WHOLE, finish="stop", usage=fg.USAGE)
        wire.piece(start)
        side_by_side.wait(fg.PATIENCE)  # nobody waits for its end, nor for one another's
        for piece in rest:
            wire.piece(piece)
        wire.end()

    def other(wire: fg.Wire) -> None:
        another_there.set()
        side_by_side.wait(fg.PATIENCE)
        streamed(WHOLE)(wire)

    def react(call: Call) -> Reaction:
        if call.checklist == "a":
            return first
        order.append(call.checklist)
        return other

    fake.react = react
    outcomes = run(gateway, [request(name) for name in "abcd"])
    assert by_checklist(outcomes) == {"a": "", "b": "", "c": "", "d": ""}
    assert order[0] == "begins"
    assert sorted(order[1:]) == ["b", "c", "d"]
    assert [has_breakpoint(call) for call in fake.calls] == [[True, False]] * 4
    assert len({json.dumps(call.body["messages"][:1]) for call in fake.calls}) == 1
    assert len({call.body["messages"][1]["content"][0]["text"] for call in fake.calls}) == 1


def test_each_batch_and_model_has_its_own_first(fake: FakeGateway, gateway: Gateway) -> None:
    firsts = [request("a", 0), request("a", 1), request("a", 0, "claude-haiku-x")]
    others = [request("b", 0), request("b", 1), request("b", 0, "claude-haiku-x")]
    everyone = threading.Barrier(3)
    gateway._models["claude-haiku-x"] = Model("claude-haiku-x", write_price=1.0)

    def together(wire: fg.Wire) -> None:
        everyone.wait(fg.PATIENCE)  # all three are under way side by side
        streamed(WHOLE)(wire)

    fake.react = lambda call: together if call.checklist == "a" else streamed(WHOLE)
    requests = [*firsts, *others]
    haiku = calls.shares_cache([requests[2], requests[5]], gateway.model("claude-haiku-x"))
    assert not haiku  # its prefix is too short for that model, so nobody waits
    assert len(run(gateway, requests, jobs=6)) == 6
    assert {(call.body["model"], *has_breakpoint(call)) for call in fake.calls} == {
        ("claude-sonnet", True, False),
        ("claude-haiku-x", False, False),
    }


@pytest.mark.parametrize(
    ("group", "model"),
    [
        ([request("a")], "claude-sonnet"),  # nobody to share with
        ([request("a"), request("b")], "gpt-4"),  # takes no breakpoint
    ],
)
def test_no_breakpoint_where_nothing_is_gained(
    fake: FakeGateway, gateway: Gateway, group: list[Request], model: str
) -> None:
    run(gateway, [request(each.checklist, 0, model) for each in group])
    assert [has_breakpoint(call) for call in fake.calls] == [[False, False]] * len(group)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_others_start_too_when_the_first_fails(
    fake: FakeGateway, gateway: Gateway, jobs: int
) -> None:
    fake.react = lambda call: failed(500, "", "oops") if call.checklist == "a" else streamed(WHOLE)
    outcomes = run(gateway, [request("a"), request("b"), request("c")], jobs=jobs)
    expected = {"a": "the model's provider failed (500): oops", "b": "", "c": ""}
    assert by_checklist(outcomes) == expected


def test_earlier_batches_go_first(fake: FakeGateway, gateway: Gateway) -> None:
    requests = [request(name, batch) for batch in (0, 1) for name in ("a", "b")]
    run(gateway, requests, jobs=1)
    found = [(call.checklist, "batch 1" in call.prompt) for call in fake.calls]
    assert found == [("a", False), ("b", False), ("a", True), ("b", True)]


# --- how they end -------------------------------------------------------------------------------


def test_no_request_is_no_outcome(fake: FakeGateway, gateway: Gateway) -> None:
    assert run(gateway, []) == []


def test_a_gateway_that_hangs_ends_at_the_deadline(fake: FakeGateway, gateway: Gateway) -> None:
    fake.react = lambda call: fg.hanging if call.checklist == "b" else streamed(WHOLE)
    requests = [request(name, number) for number, name in enumerate("abcd")]
    outcomes = run(gateway, requests, jobs=2, seconds=1.5)
    late = "the time limit of the run is over (timeout)"
    assert by_checklist(outcomes) == {"a": "", "b": late, "c": "", "d": ""}
    assert not fake.released.is_set()


def test_a_gateway_that_does_not_know_the_time_either(fake: FakeGateway, gateway: Gateway) -> None:
    """Even a client that overlooks the deadline holds nobody back."""
    gateway.ask = lambda *_, **__: fake.released.wait(fg.PATIENCE)  # type: ignore[method-assign, assignment]
    outcomes = run(gateway, [request("a"), request("b")], seconds=-0.9)
    assert {outcome.problem for outcome in outcomes} == {module.OUT_OF_TIME}
    assert not any(outcome.usages or outcome.fatal for outcome in outcomes)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_fatal_error_stops_the_rest(fake: FakeGateway, gateway: Gateway, jobs: int) -> None:
    fake.plan(failed(422, "budget_exceeded", "Budget has been exceeded"))
    requests = [request(name, number // 2) for number, name in enumerate("abcdefgh")]
    outcomes = run(gateway, requests, jobs=jobs)
    assert by_checklist(outcomes) == dict.fromkeys("abcdefgh", "the budget of the key is spent")
    assert all(outcome.fatal for outcome in outcomes)
    assert len(fake.calls) <= jobs


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_model_that_cannot_be_used_does_not_stop_the_others(
    fake: FakeGateway, gateway: Gateway, jobs: int
) -> None:
    fake.react = lambda call: (
        failed(403, "key_model_access_denied", "no") if call.checklist in "ab" else streamed(WHOLE)
    )
    requests = [
        replace(request(name, number), model="opus" if name in "ab" else "claude-sonnet")
        for number, name in enumerate("abcd")
    ]
    problems = by_checklist(run(gateway, requests, jobs=jobs))
    refused = "the key may not use the model 'opus'"
    assert problems == {"a": refused, "b": refused, "c": "", "d": ""}


def test_what_is_under_way_at_a_fatal_error_still_counts(
    fake: FakeGateway, gateway: Gateway
) -> None:
    refused = threading.Event()

    def paid(wire: fg.Wire) -> None:
        assert refused.wait(fg.PATIENCE)
        streamed(WHOLE)(wire)

    fake.react = lambda call: (
        paid if call.checklist == "a" else failed(422, "budget_exceeded", "spent")
    )
    requests = [request(name, number) for number, name in enumerate("abc")]
    problems = {}
    deadline = time.monotonic() + fg.PATIENCE
    for outcome in calls.run(requests, gateway, jobs=2, deadline=deadline):
        problems[outcome.request.checklist] = outcome.problem
        if len(problems) == 2:
            refused.set()
    spent = "the budget of the key is spent"
    assert problems == {"a": "", "b": spent, "c": spent}
    assert len(fake.calls) == 2


def test_who_stops_listening_waits_for_nobody(fake: FakeGateway, gateway: Gateway) -> None:
    fake.react = lambda call: streamed(WHOLE) if call.checklist == "a" else fg.hanging
    requests = [request(name, number) for number, name in enumerate("abc")]
    running = calls.run(requests, gateway, jobs=2, deadline=time.monotonic() + fg.PATIENCE)
    assert isinstance(running, Iterator)
    assert next(iter(running)).request.checklist == "a"
    running.close()  # type: ignore[attr-defined]
    assert not fake.released.is_set()


def test_a_fault_of_ours_is_not_swallowed(fake: FakeGateway, gateway: Gateway) -> None:
    gateway.ask = lambda *_, **__: 1 / 0  # type: ignore[method-assign, assignment]
    with pytest.raises(ZeroDivisionError):
        run(gateway, [request("a"), request("b")])


# --- answers ------------------------------------------------------------------------------------


def one(gateway: Gateway) -> Outcome:
    (outcome,) = run(gateway, [request()])
    return outcome


def test_a_damaged_answer_is_asked_for_again_without_the_diff(
    fake: FakeGateway, gateway: Gateway
) -> None:
    fake.plan(streamed(RUBBISH), streamed(WHOLE))
    outcome = one(gateway)
    assert outcome.answer
    assert outcome.problem == ""
    assert [finding.title for finding in outcome.answer.findings] == ["Wrong"]
    first, repair = fake.calls
    assert RUBBISH in repair.prompt
    assert LONG in first.prompt
    assert LONG not in repair.prompt
    assert repair.body["response_format"] == first.body["response_format"]
    assert [usage.input_tokens for usage in outcome.usages] == [1000, 1000]


HOPELESS = "the model's answer cannot be read, and asking again did not help"
HALF = f'{{"findings": [{json.dumps(FINDING)}, {{"path": "b.py", "severity": oops'
UNQUOTED = "{findings: [{path: a.py, severity: high}, {path: b.py, severity: low}]}"
CUT = "the answer was cut off"


@pytest.mark.parametrize(
    ("reactions", "problem", "findings", "count"),
    [
        ([streamed("")], "the model gave an empty answer", None, 1),
        ([streamed(" \n")], "the model gave an empty answer", None, 1),
        ([streamed(RUBBISH)], HOPELESS, None, 2),
        # A repair that loses a finding is not believed, nor one that holds nothing at all.
        ([streamed(RUBBISH), streamed(fg.CLEAN)], HOPELESS, None, 2),
        ([streamed(UNQUOTED), streamed(WHOLE)], HOPELESS, None, 2),
        ([streamed("I cannot help with that."), streamed(fg.CLEAN)], HOPELESS, None, 2),
        (
            [streamed("All is well."), streamed(answered([], {"logic": "pass"}))],
            "",
            0,
            2,
        ),
        ([streamed(RUBBISH), streamed(WHOLE, finish="length")], HOPELESS, None, 2),
        (
            [streamed(RUBBISH), failed(500, "", "oops")],
            "the model's provider failed (500): oops",
            None,
            2,
        ),
        # What is whole is kept, and the rest is said to be missing.
        ([streamed(HALF + "}")], f"{CUT}; 1 whole finding could be read", 1, 2),
        ([streamed(HALF + "}"), streamed(WHOLE)], f"{CUT}; 1 whole finding could be read", 1, 2),
        (
            [streamed(HALF + "}"), failed(401, "auth_error", "no")],
            f"{CUT}; 1 whole finding could be read",
            1,
            2,
        ),
        # A cut answer is never asked for again: nobody knows what it would have said.
        ([streamed(HALF, finish="length")], f"{CUT}; 1 whole finding could be read", 1, 1),
        (
            [streamed('{"findings": [{"path"', finish="length")],
            f"{CUT}; 0 whole findings could be read",
            0,
            1,
        ),
        (
            [streamed("Let me think", finish="length")],
            f"{CUT}; 0 whole findings could be read",
            0,
            1,
        ),
        ([streamed("", finish="length")], f"{CUT}; 0 whole findings could be read", 0, 1),
        ([streamed(WHOLE, finish="length")], CUT, 1, 1),
        ([streamed(WHOLE, finish=None)], CUT, 1, 1),
        ([page("<html>")], None, None, 1),
    ],
)
def test_what_becomes_of_an_answer(
    fake: FakeGateway,
    gateway: Gateway,
    *,
    reactions: list[Reaction],
    problem: str | None,
    findings: int | None,
    count: int,
) -> None:
    fake.plan(*reactions)
    outcome = one(gateway)
    assert len(fake.calls) == count
    if problem is not None:
        assert outcome.problem == problem
    else:
        assert outcome.fatal
    assert (outcome.answer and len(outcome.answer.findings)) == findings


def test_every_call_is_counted(fake: FakeGateway, gateway: Gateway) -> None:
    fake.plan(streamed(RUBBISH), streamed("no better"))
    assert len(one(gateway).usages) == 2
    fake.plan(failed(500, "", "oops"))
    assert one(gateway).usages == ()


# --- other models -------------------------------------------------------------------------------

DENIED = failed(403, "key_model_access_denied", "no")
RESTING = failed(429, "all_deployments_in_cooldown", "No deployments available")
FULL = failed(429, "throttling_error", "Rate limit exceeded for api_key: 4f. Limit type: tokens")


@pytest.mark.parametrize("refused", [DENIED, RESTING], ids=["not allowed", "cooling down"])
def test_where_a_model_cannot_be_had_the_next_is_asked(
    fake: FakeGateway, gateway: Gateway, refused: Reaction
) -> None:
    fake.react = lambda call: streamed(WHOLE) if call.body["model"] == "claude-haiku" else refused
    deadline = time.monotonic() + fg.PATIENCE
    models = ["claude-opus", "claude-haiku", "never-asked"]
    running = calls.run([request()], gateway, jobs=1, deadline=deadline, fallbacks=models)
    (outcome,) = running
    assert (outcome.problem, outcome.model) == ("", "claude-haiku")
    asked = [call.body["model"] for call in fake.calls]
    assert asked == ["claude-sonnet", "claude-opus", "claude-haiku"]


@pytest.mark.parametrize(
    "refused", [failed(400, "", "no"), FULL, failed(422, "budget_exceeded", "spent")]
)
def test_what_another_model_would_not_change_is_not_asked_again(
    fake: FakeGateway, gateway: Gateway, refused: Reaction
) -> None:
    fake.react = lambda _: refused
    deadline = time.monotonic() + 1.0
    (outcome,) = calls.run(
        [request()], gateway, jobs=1, deadline=deadline, fallbacks=["claude-haiku"]
    )
    assert outcome.problem
    assert {call.body["model"] for call in fake.calls} == {"claude-sonnet"}


def test_a_busy_model_is_waited_for_where_nobody_can_stand_in(
    fake: FakeGateway, gateway: Gateway
) -> None:
    soon = failed(429, "all_deployments_in_cooldown", "No deployments", {"retry-after": "1"})
    fake.plan(soon, DENIED, streamed(WHOLE))
    deadline = time.monotonic() + fg.PATIENCE
    (outcome,) = calls.run(
        [request()], gateway, jobs=1, deadline=deadline, fallbacks=["claude-haiku"]
    )
    assert (outcome.problem, outcome.model) == ("", "claude-sonnet")


def test_what_a_model_used_counts_though_another_answers(
    fake: FakeGateway, gateway: Gateway
) -> None:
    fake.plan(streamed(RUBBISH), DENIED, streamed(WHOLE))
    deadline = time.monotonic() + fg.PATIENCE
    (outcome,) = calls.run(
        [request()], gateway, jobs=1, deadline=deadline, fallbacks=["claude-haiku"]
    )
    assert (outcome.problem, outcome.model, len(outcome.usages)) == ("", "claude-haiku", 2)


def test_an_answer_that_the_budget_cuts_says_so(fake: FakeGateway, gateway: Gateway) -> None:
    gateway._models["claude-sonnet"] = Model(
        "claude-sonnet", input_price=0.0, output_price=1.0, write_price=0.0
    )
    budget = "the budget of $2500.00 (--budget)"
    gateway.limit_to(2_500.0, budget)
    fake.plan(streamed("", finish="length"))
    (outcome,) = run(gateway, [replace(request(), answer_tokens=8_000)])
    assert fake.calls[0].body["max_tokens"] == 2_500
    assert f"{budget} left it no more room" in outcome.problem


def test_a_try_that_was_sent_counts_though_nobody_answered(
    fake: FakeGateway, gateway: Gateway
) -> None:
    """The gateway goes on without us, and pays."""
    gateway._models["claude-sonnet"] = Model("claude-sonnet", input_price=0.1, output_price=0.1)
    gateway.limit_to(1_000_000.0, "the budget")
    fake.plan(fg.hanging)
    (outcome,) = run(gateway, [request()], seconds=1.0)
    assert outcome.problem == module.OUT_OF_TIME
    assert gateway.meter.spent > 50.0


def test_the_last_model_is_waited_for(fake: FakeGateway, gateway: Gateway) -> None:
    soon = failed(429, "all_deployments_in_cooldown", "No deployments", {"retry-after": "1"})
    fake.plan(soon, soon, streamed(WHOLE))
    deadline = time.monotonic() + fg.PATIENCE
    (outcome,) = calls.run(
        [request()], gateway, jobs=1, deadline=deadline, fallbacks=["claude-haiku"]
    )
    assert (outcome.problem, outcome.model) == ("", "claude-haiku")
    asked = [call.body["model"] for call in fake.calls]
    assert asked == ["claude-sonnet", "claude-haiku", "claude-haiku"]
