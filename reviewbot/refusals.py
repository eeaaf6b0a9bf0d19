"""What a gateway's refusal means: in one line, with who can do what about it.

Three can do something: you, who run the review; the owner of the key, who in CI has set the secret;
the operator of the gateway. LiteLLM's answers are told apart by `type` first, and by words only
where two remedies share one type: statuses and messages differ between versions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reviewbot.errors import BusyError, CallError, GatewayError, ModelError


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


# What LiteLLM puts before the words of a provider, as in `litellm.APIError: AzureException - `.
_FRAME = re.compile(r"(?:(?:litellm\.)?\w+(?:Error|Exception|Timeout):?\s(?:-\s)?)+")
_LIMIT = re.compile(r"exceeded for (\w+):.*Limit type: (\w+)\. Current limit: (\d+)")
_TOO_LONG = re.compile(r"ContextWindowExceeded|(?:prompt|input) is too long|maximum context length")

_OWNERS = {"user": "the key's owner", "team": "the key's team"}
_LIMITS = {"requests": "requests a minute", "tokens": "tokens a minute"}
_LATER = "It mostly passes: run the review again. If it stays, the gateway's operator can see why."


def is_about_the_key(kind: str) -> bool:
    """Whether a type of errors is LiteLLM's word on a key that will not do."""
    return kind in ("auth_error", "token_not_found_in_db", "expired_key", "budget_exceeded")


def refusal(told: Refusal) -> GatewayError:
    """The error to raise: a CallError where other calls may do better, else one for all calls."""
    if told.kind == "budget_exceeded":
        return _spent(told)
    if told.kind == "insufficient_quota":
        return _unpaid(told)
    if told.status in _EXPLAINED:
        return _EXPLAINED[told.status](told)
    if told.status >= 500:  # noqa: PLR2004 - server errors
        return _failed(told)
    if 300 <= told.status < 400:  # noqa: PLR2004 - redirects
        return elsewhere(told.host, told.status)
    return _bad_request(told)


def elsewhere(host: str, status: int) -> GatewayError:
    """The error for a redirect."""
    return GatewayError(
        f"{host} sends the call elsewhere ({status}), and code must not follow",
        "You can mend it: set the gateway's final address.",
    )


# --- the key ------------------------------------------------------------------------------------


def _unauthorised(told: Refusal) -> GatewayError:
    if told.by_provider:
        return _refused_by_provider(told)
    if told.kind == "expired_key":
        return GatewayError(
            f"the key has expired at {told.host}",
            "The key's owner needs a new one from the gateway's operator, and has to set it.",
        )
    why, hint = _useless_key(told)
    return GatewayError(f"the key is not accepted at {told.host}{why}", hint)


def _useless_key(told: Refusal) -> tuple[str, str]:
    """Why the key will not do, as far as it is told, and who can do what."""
    if "is blocked" in told.words:
        return ": it is blocked", "Only the gateway's operator can unblock it."
    if "expected to start with" in told.words:
        return (
            ": LiteLLM's keys begin with sk-",
            "The key's owner can mend it: set the virtual key itself, without quotes or prefix.",
        )
    if told.kind == "token_not_found_in_db":
        return (
            ": it is not known there",
            "The key's owner can see whether key and address belong together. If they do, the key "
            "was deleted: the gateway's operator can give a new one.",
        )
    return "", "The key's owner needs a new one from the gateway's operator, and has to set it."


def _forbidden(told: Refusal) -> GatewayError:
    if told.by_provider:
        return _refused_by_provider(told)
    if told.kind.endswith("model_access_denied"):
        whose = _OWNERS.get(told.kind.partition("_")[0], "the key")
        return ModelError(f"{whose} may not use the model '{told.model}'", _choose_another(told))
    return GatewayError(
        f"{told.host} forbids the call: {told.words}",
        "The gateway's operator can say what the key lacks.",
    )


def _spent(told: Refusal) -> GatewayError:
    whose = next((_OWNERS[name] for name in _OWNERS if f"{name}=" in told.words.lower()), "the key")
    return GatewayError(
        f"the budget of {whose} is spent",
        "The gateway's operator can raise or reset it. Calls under way count in full: where little "
        "is spent, you can try --jobs 1.",
    )


def _limited(told: Refusal) -> GatewayError:
    if told.kind == "all_deployments_in_cooldown":
        return BusyError(
            f"the gateway lets the model '{told.model}' rest: its provider has just refused calls",
            "Run the review again in a minute. If it stays, the gateway's operator has to mend it.",
            retry_after=told.retry_after,
        )
    if limit := _LIMIT.search(told.words):
        return _limited_key(told, *limit.groups())
    limited, error = "the gateway's limit is reached", CallError
    if told.by_provider:
        limited, error = "the model's provider limits the gateway", BusyError
    return error(
        f"{limited}: {_said(told)}",
        "Run the review again later, or with fewer --jobs. If it stays, the gateway's operator can "
        "raise the limit.",
        retry_after=told.retry_after,
    )


def _limited_key(told: Refusal, owner: str, kind: str, limit: str) -> GatewayError:
    whose = _OWNERS.get(owner, "the key")
    jobs = max(int(limit), 1)
    yours = "run the review again in a minute" if kind in _LIMITS else f"set --jobs {jobs}"
    error = BusyError if owner.startswith("model") else CallError
    return error(
        f"the limit of {whose} is reached: {limit} {_LIMITS.get(kind, 'calls side by side')}",
        f"You can {yours}; the gateway's operator can raise the limit.",
        retry_after=told.retry_after,
    )


# --- the model ----------------------------------------------------------------------------------


def _refused_by_provider(told: Refusal) -> GatewayError:
    return ModelError(
        f"{told.host} takes the key, but its provider refuses the gateway "
        f"({told.status}, {told.model})",
        "The gateway's operator has to mend the credentials for the provider, or what they may do.",
    )


def _unpaid(told: Refusal) -> GatewayError:
    if told.by_provider:
        return ModelError(
            f"the provider of '{told.model}' gives the gateway nothing more: its quota is spent",
            "The gateway's operator has to pay the provider, or to raise the quota there.",
        )
    return GatewayError(
        f"the quota of the key is spent at {told.host}", "The owner of that account can raise it."
    )


def _not_found(told: Refusal) -> GatewayError:
    if told.by_provider:
        return ModelError(
            f"the provider behind {told.host} does not know what '{told.model}' stands for",
            "The gateway's operator has to mend the model's entry.",
        )
    return ModelError(
        f"{told.host} has no model '{told.model}', or no chat completions at this address",
        f"You can check the address. {_choose_another(told)}",
    )


def _bad_request(told: Refusal) -> GatewayError:
    if "invalid model" in told.words.lower():
        return ModelError(f"the gateway has no model '{told.model}'", _choose_another(told))
    if told.status == 413 or _TOO_LONG.search(told.words):  # noqa: PLR2004 - content too large
        return CallError(
            f"the prompt is too long for the model '{told.model}': {_said(told)}",
            "You can set a smaller context_tokens, leave out the largest files (path_filters), or "
            "choose a model with a larger window.",
        )
    who = "the model's provider" if told.by_provider else "the gateway"
    return CallError(
        f"{who} refuses the call ({told.status}): {_said(told)}",
        "You can try another --model; the gateway's operator can see more in its log.",
    )


def _timed_out(told: Refusal) -> GatewayError:
    return CallError(
        f"the model's provider did not answer in the time the gateway gives it ({told.status})",
        "Run the review again. If it stays, the gateway's operator can allow more time.",
        retry_after=0.0,
    )


def _failed(told: Refusal) -> GatewayError:
    return CallError(
        f"the model's provider failed ({told.status}): {_said(told)}", _LATER, retry_after=0.0
    )


def _said(told: Refusal) -> str:
    """The words of the provider itself, without what is around them and differs in each call."""
    quoted = re.search(r'"message": ?"((?:[^"\\]|\\.)*)', told.words)
    if quoted:
        return quoted[1]
    words = _FRAME.sub("", told.words, count=1)
    return re.split(r" LiteLLM: | model=", words)[0].strip() or told.words


def _choose_another(told: Refusal) -> str:
    others = f": {told.other_models}" if told.other_models else ""
    return (
        f"You can choose another with --model{others}. "
        f"Only the gateway's operator can add '{told.model}'."
    )


_EXPLAINED = {
    400: _bad_request,
    401: _unauthorised,
    403: _forbidden,
    404: _not_found,
    408: _timed_out,
    409: _failed,
    429: _limited,
}
