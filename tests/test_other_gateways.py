"""Gateways that are no LiteLLM proxy: the review works, and what they do not tell is said once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Repo
from fake_gateway import (
    KEY,
    Call,
    FakeGateway,
    Reaction,
    answered,
    failed,
    page,
    redirecting,
    streamed,
    whole,
)

from reviewbot import change, local
from reviewbot.errors import GatewayError
from reviewbot.progress import Progress
from reviewbot.report import Report

LITELLM_ROUTES = ("/key/info", "/model/info")
BRIDGE = "/api/v2/aibridge/openai"
PLAIN = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}

FINDING = {
    "path": "app.py",
    "line": 2,
    "end_line": 2,
    "quote": "two = 2",
    "severity": "high",
    "title": "It is wrong",
    "body": "It fails.",
}


@dataclass
class Desk:
    """Somebody's laptop with a branch to review, and a gateway of some kind."""

    repo: Repo
    fake: FakeGateway

    @property
    def host(self) -> str:
        return self.fake.url.removeprefix("http://")

    @property
    def silence(self) -> str:
        """What is said of a gateway that tells nothing."""
        return (
            f"{self.host} tells neither prices nor limits of the key: the cost is unknown, and the "
            "budget of $1.00 (--budget) cannot hold"
        )

    def review(self, environment: dict[str, str]) -> Report:
        """A review of two checklists."""
        wish = local.Wish(
            span=lambda repository: change.branch(repository, "main", "HEAD"),
            patch=None,
            overrides={"checklists": ("test", ["security", "style"])},
        )
        with Path(os.devnull).open("w") as nowhere:
            return local.review(wish, environment, Progress(nowhere))[0]


@pytest.fixture
def desk(repo: Repo, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Desk:
    repo.write("app.py", "one = 1\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("app.py", "one = 1\ntwo = 2\n")
    repo.commit("work")
    monkeypatch.chdir(repo.folder)
    fake.react = reviewing(streamed)
    return Desk(repo, fake)


def reviewing(form: Callable[..., Reaction]) -> Callable[[Call], Reaction]:
    """A model that finds fault, and ticks the items of its checklist."""

    def react(call: Call) -> Reaction:
        rows = [row for row in call.prompt.splitlines() if row.startswith("- `")]
        items = dict.fromkeys([row.split("`")[1] for row in rows], "pass")
        return form(answered([FINDING], items), usage=PLAIN)

    return react


def assert_reviewed(desk: Desk, report: Report) -> None:
    assert report.status == "complete"
    assert [(each.path, each.line) for each in report.findings] == [("app.py", 2)]
    assert report.warnings == (desk.silence,)
    assert (report.usage.calls, report.usage.input_tokens) == (3, 3000)
    assert report.usage.cost_usd is None
    assert report.usage.budget_left_usd is None
    assert report.to_json().count("tells neither") == 1


NOT_THERE = [
    failed(404, "", "Not Found"),
    failed(405, "", "Method Not Allowed"),
    failed(403, "", "no"),
    failed(501, "", "Not Implemented"),
    page("<html>Sign in</html>"),
    page("<html>Sign in</html>", status=401),
    page('{"message": "no such route"}', status=401, kind="application/json"),
    redirecting("http://127.0.0.1:1/login"),
]


@pytest.mark.parametrize("reaction", NOT_THERE)
@pytest.mark.parametrize("form", [streamed, whole])
def test_any_endpoint_that_speaks_openai(
    desk: Desk, reaction: Reaction, form: Callable[..., Reaction]
) -> None:
    desk.fake.routes = dict.fromkeys(LITELLM_ROUTES, reaction)
    desk.fake.react = reviewing(form)
    report = desk.review({"OPENAI_BASE_URL": f"{desk.fake.url}/v1", "OPENAI_API_KEY": KEY})
    assert_reviewed(desk, report)
    for call in desk.fake.calls:
        assert call.path == "/v1/chat/completions"
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert set(call.body) == {
            *("model", "messages", "max_tokens", "response_format"),
            *("stream", "stream_options"),
        }


def test_a_401_that_is_none_of_litellm_s_says_nothing_of_the_key(desk: Desk) -> None:
    reaction = failed(401, "invalid_request_error", "You have no access to this route.")
    desk.fake.routes = dict.fromkeys(LITELLM_ROUTES, reaction)
    report = desk.review({"OPENAI_BASE_URL": desk.fake.url, "OPENAI_API_KEY": KEY})
    assert_reviewed(desk, report)


def test_coder_ai_bridge(desk: Desk) -> None:
    environment = {"CODER_URL": f"{desk.fake.url}/", "CODER_SESSION_TOKEN": "session-token"}
    assert_reviewed(desk, desk.review(environment))
    assert {call.path for call in desk.fake.calls} == {f"{BRIDGE}/v1/chat/completions"}
    # Nothing beside the bridge is asked: the token is good for all of Coder.
    assert {call.path for call in desk.fake.questions} == {
        f"{BRIDGE}{route}" for route in LITELLM_ROUTES
    }
    headers = {call.headers["authorization"] for call in (*desk.fake.calls, *desk.fake.questions)}
    assert headers == {"Bearer session-token"}


def test_coder_s_own_refusal(desk: Desk) -> None:
    """Coder answers in a form of its own."""
    body = json.dumps({"message": "Cookie or session token is invalid.", "detail": ""})
    desk.fake.plan(page(body, status=401, kind="application/json"))
    with pytest.raises(GatewayError) as caught:
        desk.review({"CODER_URL": desk.fake.url, "CODER_SESSION_TOKEN": "session-token"})
    assert caught.value.message == f"the key is not accepted at {desk.host}"
    assert "key's owner" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_cost_that_is_told_with_the_answer_is_known(desk: Desk) -> None:
    desk.fake.react = lambda _: streamed(answered(), usage=PLAIN | {"cost": 0.25})
    report = desk.review({"OPENAI_BASE_URL": desk.fake.url, "OPENAI_API_KEY": KEY})
    assert report.usage.cost_usd == 0.5
    assert report.warnings[-1] == desk.silence.replace("the cost is unknown, and ", "")


def test_a_gateway_without_answer_schemas(desk: Desk) -> None:
    answer = reviewing(streamed)
    refusal = failed(400, "invalid_request_error", "response_format is not supported")
    desk.fake.react = lambda call: refusal if "response_format" in call.body else answer(call)
    report = desk.review({"OPENAI_BASE_URL": desk.fake.url, "OPENAI_API_KEY": KEY})
    assert_reviewed(desk, report)


def test_advice_is_given_once(desk: Desk) -> None:
    desk.fake.be_litellm()
    desk.fake.plan(failed(400, "invalid_request_error", "no such thing"))
    report = desk.review({"AI_GATEWAY_URL": desk.fake.url, "LITELLM_API_KEY": KEY})
    assert report.status == "failed"
    assert report.warnings == (
        "You can try another --model; the gateway's operator can see more in its log.",
    )
