"""What a gateway's refusal means: in one line, with who can do what about it.

LiteLLM's answers are told apart by `type` first: statuses and messages differ between versions.
"""

from __future__ import annotations

from dataclasses import dataclass

from reviewbot.errors import CallError, GatewayError, ModelError


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: `kind` is LiteLLM's `type`, `words` its message without the key.

    `by_provider`: it came from behind the gateway, not from its door. `retry_after`: seconds.
    """

    host: str
    model: str
    other_models: str
    status: int
    kind: str
    words: str
    by_provider: bool
    retry_after: float


def refusal(told: Refusal) -> GatewayError:
    """The error to raise: a CallError where other calls may do better, else one for all calls."""
    if told.kind in ("budget_exceeded", "insufficient_quota"):
        return GatewayError(
            "the budget of the key is spent", "Ask your gateway's operator to raise or to reset it."
        )
    if told.status in _EXPLAINED:
        return _EXPLAINED[told.status](told)
    if told.status >= 500:  # noqa: PLR2004 - server errors
        return _failed(told)
    if 300 <= told.status < 400:  # noqa: PLR2004 - redirects
        return elsewhere(told.host, told.status)
    return CallError(f"the gateway refuses the call ({told.status}): {told.words}")


def elsewhere(host: str, status: int) -> GatewayError:
    """The error for a redirect."""
    return GatewayError(
        f"{host} sends the call elsewhere ({status}), and code must not follow",
        "Set the gateway's final address.",
    )


def _unauthorised(told: Refusal) -> GatewayError:
    if told.by_provider:
        return _refused_by_provider(told)
    new_key = "Ask the gateway's operator for a new key, and set it in the environment."
    if "key is blocked" in told.words.lower():
        unblock = "Ask the gateway's operator to unblock it, or for a new one."
        return GatewayError(f"the key is blocked at {told.host}", unblock)
    if "expected to start with 'sk-'" in told.words:
        return GatewayError(
            f"the key is not accepted at {told.host}: a virtual key begins with sk-", new_key
        )
    what = "has expired" if told.kind == "expired_key" else "is not accepted"
    return GatewayError(f"the key {what} at {told.host}", new_key)


def _forbidden(told: Refusal) -> GatewayError:
    if told.by_provider:
        return _refused_by_provider(told)
    if told.kind.endswith("model_access_denied"):
        return ModelError(f"the key may not use the model '{told.model}'", _choose_another(told))
    return GatewayError(
        f"{told.host} forbids the call: {told.words}", "Ask the gateway's operator what is missing."
    )


def _refused_by_provider(told: Refusal) -> GatewayError:
    return ModelError(
        f"{told.host} takes the key, but its provider refuses the gateway ({told.model})",
        "The gateway's operator has to mend the provider's credentials.",
    )


def _not_found(told: Refusal) -> GatewayError:
    return ModelError(
        f"{told.host} has no model '{told.model}', or no chat completions at this address",
        f"Check the address. {_choose_another(told)}",
    )


def _bad_request(told: Refusal) -> GatewayError:
    if "invalid model" in told.words.lower():
        return ModelError(f"the gateway has no model '{told.model}'", _choose_another(told))
    return CallError(f"the gateway refuses the call (400): {told.words}")


def _limited(told: Refusal) -> GatewayError:
    return CallError(f"the gateway's limit is reached: {told.words}", retry_after=told.retry_after)


def _failed(told: Refusal) -> GatewayError:
    return CallError(f"the model's provider failed ({told.status}): {told.words}", retry_after=0.0)


def _choose_another(told: Refusal) -> str:
    others = f": {told.other_models}" if told.other_models else "."
    return f"Ask your gateway's operator, or choose another with --model{others}"


_EXPLAINED = {
    400: _bad_request,
    401: _unauthorised,
    403: _forbidden,
    404: _not_found,
    408: _failed,
    409: _failed,
    429: _limited,
}
