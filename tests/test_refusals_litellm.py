"""What a person sees of each refusal of a real LiteLLM proxy: what happened, who can do what."""

from __future__ import annotations

import os
import random
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from litellm_proxy import MARKS, Work, administer, blocked, deleted, expired, make_key

from reviewbot import cli

pytestmark = MARKS

HOST = urlsplit(os.environ.get("AI_GATEWAY_URL", "")).netloc
OTHERS = "claude-sonnet, claude-sonnet-direct, claude-opus"


@dataclass(frozen=True)
class Seen:
    """How the program ended, and what stood on the screen."""

    code: object
    out: list[str]
    err: list[str]


Run = Callable[..., Seen]


@pytest.fixture
def run(
    work: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs the program as the command line does, with one call; no wait before another try fits."""
    monkeypatch.setattr(random, "uniform", lambda *_: 1000.0)
    monkeypatch.chdir(work.repo.folder)
    before = signal.getsignal(signal.SIGTERM)

    def runner(key: str, *arguments: str) -> Seen:
        monkeypatch.setenv("LITELLM_API_KEY", key)
        command = ["reviewbot", "diff", "main", "--checklist", "style", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        assert key not in shown.out + shown.err
        return Seen(ended.value.code, shown.out.splitlines(), shown.err.splitlines())

    yield runner
    signal.signal(signal.SIGTERM, before)


# --- the key and the model: nothing can be reviewed ---------------------------------------------


def in_team(**limits: object) -> str:
    team = administer("/team/new", team_alias=uuid.uuid4().hex, **limits)
    return make_key(team_id=team["team_id"])


def of_user(**limits: object) -> str:
    user = administer("/user/new", user_id=uuid.uuid4().hex, auto_create_key=False, **limits)
    return make_key(user_id=user["user_id"])


NEW_KEY = "The key's owner needs a new one from the gateway's operator, and has to set it."
BELONGS = (
    "The key's owner can see whether key and address belong together. If they do, the key was "
    "deleted: the gateway's operator can give a new one."
)
RAISE = (
    "The gateway's operator can raise or reset it. Calls under way count in full: where little is "
    "spent, you can try --jobs 1."
)
MEND = "The gateway's operator has to mend the credentials for the provider, or what they may do."

KEYS: list[tuple[Callable[[], str], list[str], str, str]] = [
    (
        lambda: "no-key-of-litellm",
        [],
        f"the key is not accepted at {HOST}: LiteLLM's keys begin with sk-",
        "The key's owner can mend it: set the virtual key itself, without quotes or prefix.",
    ),
    (
        lambda: "sk-never-made",
        [],
        f"the key is not accepted at {HOST}: it is not known there",
        BELONGS,
    ),
    (deleted, [], f"the key is not accepted at {HOST}: it is not known there", BELONGS),
    (expired, [], f"the key has expired at {HOST}", NEW_KEY),
    (
        blocked,
        [],
        f"the key is not accepted at {HOST}: it is blocked",
        "Only the gateway's operator can unblock it.",
    ),
    (
        lambda: make_key(models=["claude-haiku"]),
        [],
        "the key may not use the model 'claude-sonnet'",
        "You can choose another with --model: claude-haiku. "
        "Only the gateway's operator can add 'claude-sonnet'.",
    ),
    (
        lambda: in_team(models=["claude-haiku"]),
        [],
        "the key's team may not use the model 'claude-sonnet'",
        "You can choose another with --model: claude-haiku. "
        "Only the gateway's operator can add 'claude-sonnet'.",
    ),
    (
        make_key,
        ["--model", "claude-sonet"],
        "the gateway has no model 'claude-sonet'",
        f"You can choose another with --model: {OTHERS}. "
        "Only the gateway's operator can add 'claude-sonet'.",
    ),
    (
        lambda: make_key(max_budget=0.01, spend=0.02),
        [],
        "the budget of the key is spent",
        RAISE,
    ),
    (
        lambda: of_user(max_budget=0.01, spend=0.02),
        [],
        "the budget of the key's owner is spent",
        RAISE,
    ),
    (
        lambda: make_key(allowed_routes=["/key/info", "/model/info"]),
        [],
        f"{HOST} forbids the call: ",
        "The gateway's operator can say what the key lacks.",
    ),
    (
        lambda: make_key(tpm_limit=3000),
        [],
        "a call may have 2,700 tokens",
        "The gateway's operator can raise the key's tokens-per-minute limit; you can choose a "
        "model with a larger window.",
    ),
    (
        make_key,
        ["--model", "claude-unconfigured"],
        f"{HOST} takes the key, but its provider refuses the gateway (401, claude-unconfigured)",
        MEND,
    ),
]


@pytest.mark.parametrize(("key", "arguments", "message", "hint"), KEYS)
def test_a_key_that_will_not_do(
    *,
    work: Work,
    run: Run,
    key: Callable[[], str],
    arguments: list[str],
    message: str,
    hint: str,
) -> None:
    seen = run(key(), *arguments)
    assert (seen.code, seen.out) == (4, [])
    assert seen.err[-1].startswith(f"reviewbot: {message}")
    assert seen.err[-1].endswith(f". {hint}")
    assert work.sent == []


def test_the_budget_of_a_team(work: Work, run: Run) -> None:
    """It must be spent first, and is counted a moment later."""
    key = in_team(max_budget=0.0)
    refused = next(seen for _ in range(50) if (seen := run(key)).code)
    assert refused.code == 4
    assert refused.err[-1] == f"reviewbot: the budget of the key's team is spent. {RAISE}"


# --- the provider: nothing can be reviewed with this model --------------------------------------


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("claude-opus", 403),
        ("claude-sonnet-direct", 403),
        ("gemini-flash", 401),
        ("gemini-flash", 403),
        ("gpt-openai", 403),
        ("gpt-azure", 403),
    ],
)
def test_a_provider_that_refuses_the_gateway(work: Work, run: Run, model: str, status: int) -> None:
    work.answers(status=status, answer="no")
    seen = run(make_key(), "--model", model)
    assert (seen.code, seen.out) == (4, [])
    assert seen.err[-1] == (
        f"reviewbot: {HOST} takes the key, but its provider refuses the gateway "
        f"({status}, {model}). {MEND}"
    )
    assert len(work.sent) == 1


# --- limits, and providers that fail: other calls may do better ---------------------------------


def assert_call_failed(seen: Seen, message: str, hint: str) -> None:
    """The report says what happened and, once, who can do what."""
    assert seen.code == 4
    assert "FAILED: nothing could be reviewed." in seen.out
    assert [line for line in seen.out if line.startswith("! ")] == [f"! {hint}"]
    (reason,) = [line for line in seen.out if line.startswith("not read")]
    assert reason == f"not read: app.py: {message}"


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        (
            lambda: make_key(rpm_limit=0),
            "the limit of the key is reached: 0 requests a minute",
            "You can run the review again in a minute; the gateway's operator can raise the limit.",
        ),
        (
            lambda: in_team(tpm_limit=100),
            "the limit of the key's team is reached: 100 tokens a minute",
            "You can run the review again in a minute; the gateway's operator can raise the limit.",
        ),
        (
            lambda: make_key(max_parallel_requests=0),
            "the limit of the key is reached: 0 calls side by side",
            "You can set --jobs 1; the gateway's operator can raise the limit.",
        ),
    ],
)
def test_a_limit_of_the_key(
    work: Work, run: Run, key: Callable[[], str], message: str, hint: str
) -> None:
    assert_call_failed(run(key()), message, hint)
    assert work.sent == []


FAILING = [
    ("claude-sonnet", 500, "the model's provider failed (503): oops"),
    ("claude-sonnet", 503, "the model's provider failed (503): oops"),
    ("claude-sonnet", 529, "the model's provider failed (529): oops"),
    ("claude-sonnet-direct", 500, "the model's provider failed (500): oops"),
    ("claude-sonnet-direct", 529, "the model's provider failed (500): oops"),
    ("gemini-flash", 503, "the model's provider failed (503): oops"),
    ("gpt-azure", 500, "the model's provider failed (500): oops"),
    ("gpt-openai", 503, "the model's provider failed (503): oops"),
]
LATER = "It mostly passes: run the review again. If it stays, the gateway's operator can see why."


@pytest.mark.parametrize(("model", "status", "message"), FAILING)
def test_a_provider_that_fails(work: Work, run: Run, model: str, status: int, message: str) -> None:
    work.answers(status=status, answer="oops")
    assert_call_failed(run(make_key(), "--model", model), message, LATER)
    assert len(work.sent) == 1  # neither the proxy nor the program has tried again


@pytest.mark.parametrize("model", ["claude-sonnet", "gpt-openai"])
def test_a_provider_that_takes_too_long(work: Work, run: Run, model: str) -> None:
    work.answers(status=408, answer="too slow")
    assert_call_failed(
        run(make_key(), "--model", model),
        "the model's provider did not answer in the time the gateway gives it (408)",
        "Run the review again. If it stays, the gateway's operator can allow more time.",
    )


MODELS = ("claude-sonnet", "claude-sonnet-direct", "gemini-flash", "gpt-azure", "gpt-openai")


@pytest.mark.parametrize("model", MODELS)
def test_a_provider_that_limits_the_gateway(work: Work, run: Run, model: str) -> None:
    work.answers(status=429, answer="slow down")
    assert_call_failed(
        run(make_key(), "--model", model),
        "the model's provider limits the gateway: slow down",
        "Run the review again later, or with fewer --jobs. If it stays, the gateway's operator can "
        "raise the limit.",
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_provider_that_refuses_the_call(work: Work, run: Run, model: str) -> None:
    work.answers(status=400, answer="no such thing")
    assert_call_failed(
        run(make_key(), "--model", model),
        "the model's provider refuses the call (400): no such thing",
        "You can try another --model; the gateway's operator can see more in its log.",
    )


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("claude-sonnet", 400, "prompt is too long: 212345 tokens > 200000 maximum"),
        ("claude-sonnet-direct", 400, "prompt is too long: 9 > 8"),
        ("gpt-openai", 400, "This model's maximum context length is 128000 tokens."),
        ("claude-opus", 413, "too large"),
    ],
)
def test_a_prompt_that_is_too_long(
    work: Work, run: Run, model: str, status: int, words: str
) -> None:
    work.answers(status=status, answer=words)
    assert_call_failed(
        run(make_key(), "--model", model),
        f"the prompt is too long for the model '{model}': {words}",
        "You can set a smaller context_tokens, leave out the largest files (path_filters), or "
        "choose a model with a larger window.",
    )


# Last, as these models rest for five seconds from here on.


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("claude-haiku", 401, f"{HOST} takes the key, but its provider refuses the gateway"),
        ("gpt-openai", 401, f"{HOST} takes the key, but its provider refuses the gateway"),
        ("gpt-azure", 404, f"the provider behind {HOST} does not know what 'gpt-azure' stands for"),
    ],
)
def test_a_model_rests_after_a_refusal(
    work: Work, run: Run, model: str, status: int, said: str
) -> None:
    work.answers(status=status, answer="no")
    key = make_key()
    first, second = (run(key, "--model", model) for _ in range(2))
    assert (first.code, first.out) == (4, [])
    assert first.err[-1].startswith(f"reviewbot: {said}")
    assert "The gateway's operator has to mend " in first.err[-1]
    assert_call_failed(
        second,
        f"the gateway lets the model '{model}' rest: its provider has just refused calls",
        "Run the review again in a minute. If it stays, the gateway's operator has to mend it.",
    )
    assert len(work.sent) == 1
