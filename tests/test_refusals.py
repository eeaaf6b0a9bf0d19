"""What each refusal of a gateway means: for one call or for all, and who can do what."""

from __future__ import annotations

import pytest

from reviewbot.errors import CallError, GatewayError
from reviewbot.refusals import Refusal, refusal


def told(
    status: int, kind: str = "", words: str = "so it is", *, provider: bool = False
) -> Refusal:
    return Refusal("ai.example.org", "gpt", "claude, gemini", status, kind, words, provider, 7.0)


# For all calls: status, type, from the provider; what is said.
FOR_ALL = [
    (401, "auth_error", False, "the key is not accepted at ai.example.org"),
    (401, "token_not_found_in_db", False, "the key is not accepted at ai.example.org"),
    (401, "expired_key", False, "the key has expired at ai.example.org"),
    (401, "", False, "the key is not accepted at ai.example.org"),
    (401, "authentication_error", True, "its provider refuses the gateway (gpt)"),
    (403, "key_model_access_denied", False, "the key may not use the model 'gpt'"),
    (403, "team_model_access_denied", False, "the key may not use the model 'gpt'"),
    (403, "permission_error", True, "its provider refuses the gateway (gpt)"),
    (403, "", False, "ai.example.org forbids the call: so it is"),
    (404, "", False, "ai.example.org has no model 'gpt', or no chat completions at this address"),
    *(
        (status, "budget_exceeded", False, "budget of the key is spent")
        for status in (400, 422, 429)
    ),
    (429, "insufficient_quota", True, "budget of the key is spent"),
    (307, "", False, "sends the call elsewhere (307)"),
    (302, "", False, "sends the call elsewhere (302)"),
]

# For this call: status, type, what is said, seconds to wait before another try.
FOR_ONE: list[tuple[int, str, str, float | None]] = [
    (429, "throttling_error", "the gateway's limit is reached: so it is", 7.0),
    (429, "all_deployments_in_cooldown", "gpt is busy: so it is", 7.0),
    (500, "internal_server_error", "the model's provider failed (500): so it is", 0.0),
    (503, "internal_server_error", "the model's provider failed (503): so it is", 0.0),
    (529, "internal_server_error", "the model's provider failed (529): so it is", 0.0),
    (408, "invalid_request_error", "the model's provider failed (408): so it is", 0.0),
    (409, "", "the model's provider failed (409): so it is", 0.0),
    (400, "invalid_request_error", "the gateway refuses the call (400): so it is", None),
    (413, "invalid_request_error", "the gateway refuses the call (413): so it is", None),
    (422, "invalid_request_error", "the gateway refuses the call (422): so it is", None),
]


@pytest.mark.parametrize(("status", "kind", "provider", "words"), FOR_ALL)
def test_no_call_can_succeed(status: int, kind: str, provider: bool, words: str) -> None:
    error = refusal(told(status, kind, provider=provider))
    assert isinstance(error, GatewayError)
    assert not isinstance(error, CallError)
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(("status", "kind", "words", "retry_after"), FOR_ONE)
def test_other_calls_may_do_better(
    status: int, kind: str, words: str, retry_after: float | None
) -> None:
    error = refusal(told(status, kind))
    assert isinstance(error, CallError)
    assert (error.message, error.retry_after) == (words, retry_after)


@pytest.mark.parametrize(
    "words",
    [
        "Invalid model name passed in model=gpt. Call `/v1/models`",
        "litellm.BadRequestError: invalid model ID",
    ],
)
def test_an_unknown_model_names_others(words: str) -> None:
    error = refusal(told(400, "invalid_request_error", words))
    assert isinstance(error, GatewayError)
    assert not isinstance(error, CallError)
    assert error.message == "the gateway has no model 'gpt'"
    assert error.hint.endswith("choose another with --model: claude, gemini")
