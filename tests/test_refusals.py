"""What each refusal of a gateway means: for one call or for all, and who can do what."""

from __future__ import annotations

import pytest

from reviewbot.errors import BusyError, CallError, GatewayError, ModelError
from reviewbot.refusals import Refusal, refusal


def told(
    status: int, kind: str = "", words: str = "so it is", *, provider: bool = False
) -> Refusal:
    return Refusal("ai.example.org", "gpt", "claude, gemini", status, kind, words, provider, 7.0)


REFUSED = "ai.example.org takes the key, but its provider refuses the gateway"
NO_ACCESS = "may not use the model 'gpt'"

# For all calls: status, type, words, from the provider; what is said.
FOR_ALL = [
    (401, "auth_error", "", False, "the key is not accepted at ai.example.org"),
    (
        *(401, "auth_error", "Authentication Error, Key is blocked. Update via", False),
        "the key is not accepted at ai.example.org: it is blocked",
    ),
    (
        *(401, "auth_error", "Received=****, expected to start with 'sk-'.", False),
        "the key is not accepted at ai.example.org: LiteLLM's keys begin with sk-",
    ),
    (
        *(401, "token_not_found_in_db", "Invalid proxy server token", False),
        "the key is not accepted at ai.example.org: it is not known there",
    ),
    (401, "expired_key", "", False, "the key has expired at ai.example.org"),
    (401, "", "", False, "the key is not accepted at ai.example.org"),
    (403, "", "so it is", False, "ai.example.org forbids the call: so it is"),
    *(
        (status, "budget_exceeded", "Key=key (sk-…)", False, "the budget of the key is spent")
        for status in (400, 422, 429)
    ),
    (
        *(422, "budget_exceeded", "ExceededBudget: User=ada over budget.", False),
        "the budget of the key's owner is spent",
    ),
    (
        *(422, "budget_exceeded", "Budget has been exceeded! Team=4 Current cost: 2", False),
        "the budget of the key's team is spent",
    ),
    (
        *(429, "insufficient_quota", "You exceeded your current quota", False),
        "the quota of the key is spent at ai.example.org",
    ),
    *(
        (status, "", "", False, f"ai.example.org sends the call elsewhere ({status})")
        for status in (302, 307)
    ),
]

# For all calls to this model, but not to others.
FOR_ONE_MODEL = [
    (401, "authentication_error", "", True, f"{REFUSED} (401, gpt)"),
    (401, "invalid_request_error", "", True, f"{REFUSED} (401, gpt)"),
    (403, "permission_error", "", True, f"{REFUSED} (403, gpt)"),
    (403, "key_model_access_denied", "", False, f"the key {NO_ACCESS}"),
    (403, "team_model_access_denied", "", False, f"the key's team {NO_ACCESS}"),
    (
        *(404, "", "", False),
        "ai.example.org has no model 'gpt', or no chat completions at this address",
    ),
    (
        *(404, "invalid_request_error", "", True),
        "the provider behind ai.example.org does not know what 'gpt' stands for",
    ),
    (
        *(429, "insufficient_quota", "", True),
        "the provider of 'gpt' gives the gateway nothing more: its quota is spent",
    ),
    *(
        (400, "invalid_request_error", words, True, "the gateway has no model 'gpt'")
        for words in (
            "Invalid model name passed in model=gpt. Call `/v1/models`",
            "litellm.BadRequestError: invalid model ID",
        )
    ),
]

LIMIT = "Rate limit exceeded for {}: 4f2a. Limit type: {}. Current limit: 5, Remaining: 0. Limit"
TOO_LONG = "the prompt is too long for the model 'gpt': "

# For this call: status, type, words, from the provider; what is said, seconds before another try.
FOR_ONE: list[tuple[int, str, str, bool, str, float | None]] = [
    *(
        (429, "throttling_error", LIMIT.format(owner, kind), True, f"the limit of {said}", 7.0)
        for owner, kind, said in (
            ("api_key", "requests", "the key is reached: 5 requests a minute"),
            ("api_key", "tokens", "the key is reached: 5 tokens a minute"),
            ("api_key", "max_parallel_requests", "the key is reached: 5 calls side by side"),
            ("team", "requests", "the key's team is reached: 5 requests a minute"),
            ("user", "tokens", "the key's owner is reached: 5 tokens a minute"),
            ("model_per_key", "tokens", "the key is reached: 5 tokens a minute"),
        )
    ),
    (429, "", "slow down", False, "the gateway's limit is reached: slow down", 7.0),
    (
        *(429, "throttling_error", "litellm.RateLimitError: AzureException RateLimitError - slow"),
        *(True, "the model's provider limits the gateway: slow", 7.0),
    ),
    (
        *(429, "all_deployments_in_cooldown", "No deployments available", True),
        *("the gateway lets the model 'gpt' rest: its provider has just refused calls", 7.0),
    ),
    *(
        (status, "", "oops", True, f"the model's provider failed ({status}): oops", 0.0)
        for status in (409, 500, 503, 529)
    ),
    (
        *(408, "invalid_request_error", "litellm.Timeout: passed=1.0", True),
        *("the model's provider did not answer in the time the gateway gives it (408)", 0.0),
    ),
    *(
        (status, "", "no", False, f"the gateway refuses the call ({status}): no", None)
        for status in (400, 405, 422)
    ),
    (400, "", "no", True, "the model's provider refuses the call (400): no", None),
    (413, "", "no", False, f"{TOO_LONG}no", None),
    (400, "", "prompt is too long: 9 > 8", False, f"{TOO_LONG}prompt is too long: 9 > 8", None),
    (
        *(400, "", "litellm.ContextWindowExceededError: litellm.BadRequestError: 9 tokens", True),
        *(f"{TOO_LONG}9 tokens", None),
    ),
]


@pytest.mark.parametrize(("status", "kind", "words", "provider", "said"), FOR_ALL)
def test_no_call_can_succeed(status: int, kind: str, words: str, provider: bool, said: str) -> None:
    error = refusal(told(status, kind, words, provider=provider))
    assert type(error) is GatewayError
    assert error.message.startswith(said)
    assert _names_somebody(error)


@pytest.mark.parametrize(("status", "kind", "words", "provider", "said"), FOR_ONE_MODEL)
def test_no_call_to_this_model_can_succeed(
    status: int, kind: str, words: str, provider: bool, said: str
) -> None:
    error = refusal(told(status, kind, words, provider=provider))
    assert type(error) is ModelError
    assert error.message == said
    assert _names_somebody(error)


@pytest.mark.parametrize(("status", "kind", "words", "provider", "said", "retry_after"), FOR_ONE)
def test_other_calls_may_do_better(
    *, status: int, kind: str, words: str, provider: bool, said: str, retry_after: float | None
) -> None:
    error = refusal(told(status, kind, words, provider=provider))
    assert isinstance(error, CallError)
    assert (error.message, error.retry_after) == (said, retry_after)
    assert _names_somebody(error)


def _names_somebody(error: GatewayError) -> bool:
    """Whether the hint says who can do something."""
    somebody = ("You can", "Run the review", "key's owner", "gateway's operator", "owner of that")
    return any(who in error.hint for who in somebody)


def test_different_remedies_have_different_words() -> None:
    errors = [refusal(told(*case[:3], provider=case[3])) for case in (*FOR_ALL, *FOR_ONE_MODEL)]
    hints: dict[str, set[str]] = {}
    for error in errors:
        hints.setdefault(error.message, set()).add(error.hint)
    assert [message for message, said in hints.items() if len(said) > 1] == []


def test_a_model_that_cannot_be_used_names_others() -> None:
    error = refusal(told(403, "key_model_access_denied"))
    assert error.hint.startswith("You can choose another with --model: claude, gemini.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('litellm.APIError: BedrockException - {"message": "oops"} LiteLLM: model group', "oops"),
        (
            'litellm.InternalServerError: AnthropicException - b\'{"type": "error", "error": '
            '{"type": "api_error", "message": "oops"}, "request_id": "req_53d8"}\'',
            "oops",
        ),
        ('b\'{"error": {"code": 503, "message": "it fails and is cut', "it fails and is cut"),
        ("litellm.APIError: AzureException APIError - oops LiteLLM: model group 'g'", "oops"),
        (
            "litellm.InternalServerError: InternalServerError: OpenAIException - oops LiteLLM: m",
            "oops",
        ),
        ("oops", "oops"),
        ("LiteLLM: model group 'g' failed", "LiteLLM: model group 'g' failed"),
        ("", ""),
    ],
)
def test_of_what_is_said_the_provider_s_own_words_are_shown(words: str, said: str) -> None:
    """Ids of single calls would make as many reasons out of one."""
    error = refusal(told(503, "internal_server_error", words, provider=True))
    assert error.message == f"the model's provider failed (503): {said}"


def test_where_a_model_is_busy_another_may_be_free() -> None:
    """Not so where the key itself is at its limit."""

    def busy(kind: str, words: str, *, provider: bool = True) -> bool:
        return isinstance(refusal(told(429, kind, words, provider=provider)), BusyError)

    assert busy("all_deployments_in_cooldown", "No deployments available")
    assert busy("throttling_error", "litellm.RateLimitError: slow down")
    assert busy("throttling_error", LIMIT.format("model_per_key", "tokens"))
    assert not busy("throttling_error", LIMIT.format("api_key", "tokens"))
    assert not busy("", "slow down", provider=False)
