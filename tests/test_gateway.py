"""The one place that code is sent to, held against a gateway on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import fake_gateway as fg
import pytest
from fake_gateway import KEY, FakeGateway, Reaction, failed, page, streamed, whole

from reviewbot import client
from reviewbot import gateway as module
from reviewbot.endpoint import Endpoint, endpoint
from reviewbot.errors import CallError, GatewayError, UsageError
from reviewbot.findings import FORM, SCHEMA
from reviewbot.gateway import Gateway
from reviewbot.models import ANSWER_TOKENS, Attempt, Limits, Model, Question, Reply, Usage

Opener = Callable[..., Gateway]
MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(module, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(client, "LIMIT_DELAY", 0.001)


@pytest.fixture
def connect(fake: FakeGateway) -> Iterator[Opener]:
    with ExitStack() as stack:

        def opener(call_timeout: float = 20.0, key: str = KEY) -> Gateway:
            place = endpoint({"AI_GATEWAY_URL": fake.url, "LITELLM_API_KEY": key})
            return stack.enter_context(Gateway(place, call_timeout))

        yield opener


def ask(gateway: Gateway, *, seconds: float = 20.0, **others: Any) -> Reply:
    values: dict[str, Any] = {
        "model": "claude-sonnet",
        "messages": MESSAGES,
        "purpose": "security",
        "form": FORM,
        "answer_tokens": 500,
        "deadline": time.monotonic() + seconds,
    }
    return gateway.ask(Question(**(values | others)))


# --- what it tells about itself -----------------------------------------------------------------


def test_litellm_tells_prices_windows_and_limits(fake: FakeGateway, connect: Opener) -> None:
    fake.be_litellm(tpm_limit=5000)
    gateway = connect()
    assert gateway.is_litellm
    assert gateway.limits == Limits(tokens_per_minute=5000)
    assert gateway.model("claude-haiku") == Model(
        *("claude-haiku", 200_000, ANSWER_TOKENS, 3e-06, 1.5e-05, 3e-07, 3.75e-06),
        longest_answer=64_000,
        window_known=True,
        takes_schemas=True,
        caches=True,
    )
    assert gateway.model("other") == Model("other")
    assert sorted(call.path for call in fake.questions) == ["/key/info", "/model/info"]
    assert {call.headers["authorization"] for call in fake.questions} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("info", "left"),
    [
        ({}, None),
        ({"max_budget": None, "spend": 3.0}, None),
        ({"max_budget": 5.0, "spend": 0.75}, 4.25),
        ({"max_budget": 5.0, "spend": None}, 5.0),
        ({"max_budget": 1.0, "spend": 1.5}, 0.0),
        ({"max_budget": "much", "spend": 1.5}, None),
    ],
)
def test_what_is_left_on_the_key(
    fake: FakeGateway, connect: Opener, info: dict[str, object], left: float | None
) -> None:
    fake.be_litellm(**info)
    assert connect().limits.budget_left == left


@pytest.mark.parametrize(
    "reaction",
    [
        failed(404, "", "Not Found"),
        failed(403, "", "no"),
        failed(500, "internal_server_error", "oops"),
        page("<html>log in</html>"),
        page("<html>log in</html>", status=401),
        fg.redirecting("http://127.0.0.1:1/"),
        page("[1, 2]", kind="application/json"),
        page('{"info": 5, "data": 5}', kind="application/json"),
        page('{"data": [null, {"model_name": 7}, {}]}', kind="application/json"),
    ],
)
def test_any_other_endpoint_is_used_without(
    fake: FakeGateway, connect: Opener, reaction: Reaction
) -> None:
    fake.routes = dict.fromkeys(("/key/info", "/model/info"), reaction)
    gateway = connect()
    assert not gateway.is_litellm
    assert gateway.limits == Limits()
    assert gateway.model("claude-sonnet") == Model("claude-sonnet")
    assert ask(gateway).text == fg.CLEAN
    assert "num_retries" not in fake.calls[0].body


def test_models_may_be_told_without_key_info(fake: FakeGateway, connect: Opener) -> None:
    fake.be_litellm()
    fake.routes["/key/info"] = failed(403, "", "not for you")
    assert connect().is_litellm


@pytest.mark.parametrize("info", [None, {"max_input_tokens": "many", "input_cost_per_token": "?"}])
def test_a_model_with_odd_data_gets_safe_guesses(
    fake: FakeGateway, connect: Opener, info: object
) -> None:
    data = {"data": [{"model_name": "odd", "model_info": info}]}
    fake.routes["/model/info"] = page(json.dumps(data), kind="application/json")
    assert connect().model("odd") == Model("odd")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("expired_key", "the key has expired"),
        ("token_not_found_in_db", "the key is not accepted"),
        ("auth_error", "the key is not accepted"),
    ],
)
def test_a_refused_key_is_said_before_any_code_is_sent(
    fake: FakeGateway, connect: Opener, kind: str, words: str
) -> None:
    fake.routes["/key/info"] = failed(401, kind, f"bad key {KEY}")
    with pytest.raises(GatewayError, match=words) as caught:
        connect()
    assert KEY not in str(caught.value)
    assert fake.calls == []


def test_nobody_there(connect: Opener) -> None:
    with pytest.raises(GatewayError, match=r"cannot reach 127\.0\.0\.1:1: "):
        Gateway(Endpoint("http://127.0.0.1:1/v1", KEY), 5.0)


def test_it_does_not_answer(fake: FakeGateway, connect: Opener) -> None:
    fake.routes["/key/info"] = fg.hanging
    with pytest.raises(GatewayError, match="does not answer"):
        connect(call_timeout=0.2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "no-such://127.0.0.1"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ],
)
def test_an_environment_that_allows_no_connection(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="no connection can be made"):
        Gateway(Endpoint("https://ai.example.invalid/v1", KEY), 5.0)


def test_a_host_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="no connection can be made"):
        Gateway(Endpoint("http://…/v1", KEY), 5.0)


def test_no_proxy_leads_to_this_machine(
    fake: FakeGateway, connect: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ask(connect()).text == fg.CLEAN


# --- a call -------------------------------------------------------------------------------------


def test_what_is_sent(fake: FakeGateway, connect: Opener) -> None:
    fake.be_litellm()
    ask(connect())
    (call,) = fake.calls
    assert call.path == "/v1/chat/completions"
    assert call.body == {
        "model": "claude-sonnet",
        "messages": MESSAGES,
        "max_tokens": 500,
        "stream": True,
        "stream_options": {"include_usage": True},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "review", "strict": True, "schema": SCHEMA},
        },
        "num_retries": 0,
        "metadata": {"tags": ["checklist:security"]},
    }


DETAILS = {
    "prompt_tokens": 1000,
    "completion_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 600, "cache_creation_tokens": 100},
}
CLAUDE = {
    "prompt_tokens": 1000,
    "completion_tokens": 10,
    "cache_read_input_tokens": 600,
    "cache_creation_input_tokens": 100,
}


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (CLAUDE, Usage(1000, 600, 100, 10)),
        (DETAILS, Usage(1000, 600, 100, 10)),
        (DETAILS | CLAUDE, Usage(1000, 600, 100, 10)),
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(5, 0, 0, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(5, 0, 0, 0)),
        ({"prompt_tokens": -5, "completion_tokens": "many"}, Usage()),
        ({"prompt_tokens": 5, "cost": 0.25}, Usage(5, 0, 0, 0, 0.25)),
        (None, Usage()),
    ],
)
@pytest.mark.parametrize("form", [streamed, whole])
def test_usage(
    fake: FakeGateway,
    connect: Opener,
    form: Callable[..., Reaction],
    told: dict[str, Any] | None,
    counted: Usage,
) -> None:
    fake.plan(form("text", usage=told))
    assert ask(connect()) == Reply("text", cut=False, usage=counted)


HEADER = {"x-litellm-response-cost": "0.5"}


@pytest.mark.parametrize(
    ("usage", "headers", "litellm", "cost"),
    [
        (fg.USAGE | {"cost": 0.25}, HEADER, True, 0.25),
        (fg.USAGE | {"cost": 0}, HEADER, True, 0.5),
        (fg.USAGE, HEADER, True, 0.5),
        (fg.USAGE, {"x-litellm-response-cost": "0"}, True, 1000 * 3e-06 + 10 * 1.5e-05),
        (fg.USAGE | {"cost": float("nan")}, {"x-litellm-response-cost": "inf"}, False, None),
        (CLAUDE, {}, True, 300 * 3e-06 + 600 * 3e-07 + 100 * 3.75e-06 + 10 * 1.5e-05),
        (fg.USAGE, {}, False, None),
    ],
)
def test_cost(
    fake: FakeGateway,
    connect: Opener,
    *,
    usage: dict[str, Any],
    headers: dict[str, str],
    litellm: bool,
    cost: float | None,
) -> None:
    if litellm:
        fake.be_litellm()
    fake.plan(streamed("text", usage=usage, headers=headers))
    assert ask(connect()).usage.cost_usd == (None if cost is None else pytest.approx(cost))


def test_a_model_without_charge_costs_nothing() -> None:
    assert Model("free", input_price=0.0, output_price=0.0).price(Usage(10, 0, 0, 10)) == 0.0


@pytest.mark.parametrize(
    ("reaction", "text", "cut"),
    [
        (streamed("text", finish="stop"), "text", False),
        (streamed("text", finish="length"), "text", True),
        (streamed("text", finish="content_filter"), "text", True),
        (streamed("text", finish=None), "text", True),
        (streamed("", finish="length"), "", True),
        (streamed("", finish="stop"), "", False),
        (whole("text"), "text", False),
        (fg.events([": hello\n\n", *fg.chunks("text", finish="stop", usage=None)]), "text", False),
    ],
)
def test_whether_an_answer_is_whole(
    fake: FakeGateway, connect: Opener, reaction: Reaction, text: str, cut: bool
) -> None:
    fake.plan(reaction)
    reply = ask(connect())
    assert (reply.text, reply.cut) == (text, cut)


def test_it_is_said_when_the_answer_begins(fake: FakeGateway, connect: Opener) -> None:
    begun: list[int] = []

    def react(wire: fg.Wire) -> None:
        wire.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        first, *others = fg.chunks("text", finish="stop", usage=None)
        wire.piece(first)
        assert wire.released.wait(fg.PATIENCE)  # released by `opened`: the rest has not come yet
        for piece in others:
            wire.piece(piece)
        wire.end()

    def opened() -> None:
        begun.append(len(fake.calls))
        fake.released.set()

    fake.plan(react)
    assert ask(connect(), opened=opened).text == "text"
    assert set(begun) == {1}


# --- the schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        failed(400, "invalid_request_error", "response_format is not supported"),
        failed(422, "", "Extra inputs are not permitted: response_format.json_schema"),
        failed(400, "invalid_request_error", "output_config.format: this model has no such thing"),
        page("Unsupported: structured outputs", status=415, kind="text/plain"),
    ],
)
def test_a_refused_schema_is_left_away_and_remembered(
    fake: FakeGateway, connect: Opener, refusal: Reaction
) -> None:
    fake.react = lambda call: (
        refusal if "response_format" in call.body else streamed(call.body["model"])
    )
    gateway = connect()
    assert [ask(gateway, model=name).text for name in ("a", "a", "b")] == ["a", "a", "b"]
    sent = [(call.body["model"], "response_format" in call.body) for call in fake.calls]
    assert sent == [("a", True), ("a", False), ("a", False), ("b", True), ("b", False)]


def test_another_bad_request_is_no_refused_schema(fake: FakeGateway, connect: Opener) -> None:
    fake.plan(failed(400, "invalid_request_error", "prompt is too long"))
    with pytest.raises(CallError, match="prompt is too long"):
        ask(connect())
    assert len(fake.calls) == 1


# --- other tries --------------------------------------------------------------------------------

LIMITED = failed(429, "throttling_error", "Limit type: requests", {"retry-after": "0"})


@pytest.mark.parametrize(
    "reaction",
    [
        failed(500, "internal_server_error", "oops"),
        failed(503, "internal_server_error", "overloaded"),
        failed(408, "invalid_request_error", "timeout"),
        page("<html>Bad gateway</html>", status=502),
        fg.broken(),
        fg.broken(fg.chunks('{"findings": []}', finish=None, usage=None)),
        fg.events([fg.event('{"error": {"message": "overloaded", "type": "x"}}')]),
        fg.events([fg.event("{broken")]),
        fg.events([fg.event("5")]),
        fg.events([]),
        fg.events([fg.event({"choices": [5]})]),
        fg.events([fg.event({"choices": [{"delta": {"content": [5]}}]})]),
    ],
)
def test_a_failure_is_tried_again_a_few_times(
    fake: FakeGateway, connect: Opener, reaction: Reaction
) -> None:
    gateway = connect()
    fake.plan(reaction, reaction, streamed("text"))
    assert ask(gateway).text == "text"
    assert len(fake.calls) == 3
    fake.plan(reaction)
    with pytest.raises(CallError) as caught:
        ask(gateway)
    assert len(fake.calls) == 3 + module.TRIES
    assert caught.value.message


@pytest.mark.parametrize(
    "headers", [{"retry-after": "0"}, {"llm_provider-retry-after": "0.5"}, {}, {"retry-after": "?"}]
)
def test_a_rate_limit_is_waited_for(
    fake: FakeGateway, connect: Opener, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    limited = failed(429, "throttling_error", "Limit type: requests", headers)
    gateway = connect()
    fake.plan(*[limited] * (module.TRIES + 2), streamed("text"))
    assert ask(gateway).text == "text"
    assert len(fake.calls) == module.TRIES + 3
    least = 0.001 if headers in ({}, {"retry-after": "?"}) else 1.0
    total = least * (module.TRIES + 2)
    assert total <= round(sum(waited), 6) <= 1.2 * total


def test_a_wait_beyond_the_deadline_is_not_begun(fake: FakeGateway, connect: Opener) -> None:
    fake.plan(failed(429, "throttling_error", "Limit type: tokens", {"retry-after": "60"}))
    with pytest.raises(CallError, match="limit is reached: Limit type: tokens"):
        ask(connect(), seconds=20.0)
    assert len(fake.calls) == 1


def test_nothing_is_sent_after_the_deadline(fake: FakeGateway, connect: Opener) -> None:
    with pytest.raises(CallError, match=r"time limit of the run is over \(timeout\)"):
        ask(connect(), seconds=-1.0)
    assert fake.calls == []


@pytest.mark.parametrize(
    ("call_timeout", "seconds", "words"),
    [(0.1, 20.0, "in time (call_timeout)"), (20.0, 0.1, "is over (timeout)")],
)
@pytest.mark.parametrize("reaction", [fg.hanging, fg.trickling(), fg.trickling(status=500)])
def test_a_call_ends_in_time(
    fake: FakeGateway,
    connect: Opener,
    monkeypatch: pytest.MonkeyPatch,
    *,
    reaction: Reaction,
    call_timeout: float,
    seconds: float,
    words: str,
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    gateway = connect()
    gateway._call_timeout = call_timeout
    fake.plan(reaction)
    with pytest.raises(CallError) as caught:
        ask(gateway, seconds=seconds)
    assert words in caught.value.message
    assert not fake.released.is_set()  # it was the client that gave up


# --- refusals -----------------------------------------------------------------------------------


def test_a_page_is_no_answer(fake: FakeGateway, connect: Opener) -> None:
    fake.plan(page("<html>Welcome</html>"))
    with pytest.raises(GatewayError, match="is not a chat completion") as caught:
        ask(connect())
    assert not isinstance(caught.value, CallError)
    assert len(fake.calls) == 1


def test_a_redirect_is_not_followed(fake: FakeGateway, connect: Opener) -> None:
    with fg.serving() as elsewhere:
        fake.plan(fg.redirecting(f"{elsewhere.url}/v1/chat/completions"))
        with pytest.raises(GatewayError, match="sends the call elsewhere"):
            ask(connect())
        assert elsewhere.calls == elsewhere.questions == []


def test_an_unknown_model_names_those_that_are_known(fake: FakeGateway, connect: Opener) -> None:
    fake.be_litellm()
    fake.plan(failed(400, "invalid_request_error", "Invalid model name passed in model=claud"))
    with pytest.raises(GatewayError, match="no model 'claude-sonett'") as caught:
        ask(connect(), model="claude-sonett")
    assert "claude-sonnet" in caught.value.hint


@pytest.mark.parametrize(
    "reaction",
    [
        *(failed(status, "", f"key {KEY} is bad") for status in (400, 401, 403, 404, 429, 500)),
        page(f"<html>{KEY}</html>", status=400),
        fg.events([fg.event(json.dumps({"error": {"message": f"bad {KEY}"}}))]),
        fg.redirecting(f"http://127.0.0.1:1/?key={KEY}"),
    ],
)
def test_the_key_is_in_no_message(fake: FakeGateway, connect: Opener, reaction: Reaction) -> None:
    gateway = connect()
    fake.plan(reaction)
    with pytest.raises(GatewayError) as caught:
        ask(gateway, seconds=0.5)
    assert KEY not in f"{caught.value}{caught.value!r}"


def test_what_the_gateway_says_is_one_short_line_without_controls(
    fake: FakeGateway, connect: Opener
) -> None:
    fake.plan(failed(400, "", "a\n\tb\x1b[31m " + "x" * 5000))
    with pytest.raises(CallError) as caught:
        ask(connect())
    assert caught.value.message.startswith(
        "the gateway refuses the call (400): a b<U+001B>[31m xxx"
    )
    assert len(caught.value.message) < 250


# --- parts --------------------------------------------------------------------------------------


def test_a_part_keeps_its_own_books_and_leaves_the_connections_open(
    fake: FakeGateway, connect: Opener
) -> None:
    fake.be_litellm()
    fake.plan(streamed("{}"))
    whole = connect()
    noted: list[Attempt] = []
    whole.limit_to(1.0, "the budget of all")
    with whole.part(noted.append) as part:
        part.labels = {"run": "one"}
        part.limit_to(0.5, "its own budget")
        ask(part)
    ask(whole)
    assert [attempt.status for attempt in noted] == ["ok"]
    assert [part.meter.spent, whole.meter.spent] == pytest.approx([0.00315, 0.0063])
    assert [call.body["metadata"]["tags"] for call in fake.calls] == [
        ["run:one", "checklist:security"],
        ["checklist:security"],
    ]
    assert (whole.meter.ceiling, part.meter.ceiling) == (1.0, 0.5)
    assert (part.limits, len(fake.questions)) == (whole.limits, 2)
