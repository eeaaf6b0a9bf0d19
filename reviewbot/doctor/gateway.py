"""The checks of the gateway, of the key, and of the models. None of them calls a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from reviewbot import estimate, pipeline
from reviewbot.catalogue import per_million, permitted
from reviewbot.change import Change
from reviewbot.diff import Diff
from reviewbot.doctor.case import Case, Outcome, failed, ok, warning
from reviewbot.errors import CertificateError, GatewayError, ModelError, ReviewbotError
from reviewbot.models import Limits, Model
from reviewbot.pipeline import Review
from reviewbot.selection import Selection
from reviewbot.text import listed, plural

SOON = timedelta(days=7)
NEARLY_SPENT = 0.1  # of a budget
SERVER_ERRORS = 500  # statuses from here on

# --- the way to it -------------------------------------------------------------------------------


def address(case: Case) -> Outcome:
    """The environment names a gateway."""
    return ok(f"{case.source.variable} is {case.source.address.url}")


def connection(case: Case) -> Outcome:
    """Something answers there."""
    host = case.source.address.host
    try:
        answer = case.readiness
    except CertificateError:
        return ok(f"{host} answers")
    if answer.status >= SERVER_ERRORS and answer.content is None:
        return failed(
            GatewayError(
                f"{host} answers with an error ({answer.status})",
                "Is the gateway up, behind the server that answers for it?",
            )
        )
    return ok(f"{host} answers")


def encryption(case: Case) -> Outcome:
    """Nobody on the way can read what is sent."""
    address = case.source.address
    if address.url.startswith("https:"):
        _ = case.readiness  # else its error says what is wrong with the certificate
        return ok("the connection is encrypted, the certificate is trusted")
    if address.is_loopback:
        return ok("not encrypted, and need not be: the gateway is on this machine")
    return warning(
        f"{address.host} is spoken to in the clear: key and code can be read on the way",
        f"export {case.source.variable}={address.root.replace('http:', 'https:', 1)}",
    )


def readiness(case: Case) -> Outcome:
    """It is a gateway, and ready."""
    told = case.readiness.content
    if not isinstance(told, dict) or "status" not in told:
        return _other_endpoint(case)
    if case.readiness.status >= SERVER_ERRORS:
        return failed(
            GatewayError("LiteLLM is not ready to take calls", "Tell the gateway's operator.")
        )
    if told.get("db") not in ("connected", None):
        return warning(
            "LiteLLM has no database: it knows no virtual keys, budgets or limits",
            "Ask the gateway's operator whether that is so on purpose.",
        )
    return ok("LiteLLM is ready" + (", its database is connected" if "db" in told else ""))


def _other_endpoint(case: Case) -> Outcome:
    answer, url = case.listing, case.source.address.url
    check = f"Check {case.source.variable}: it should end where /v1 begins."
    if answer.content is None and answer.status < SERVER_ERRORS and "html" in answer.kind:
        what = f"a web page ({answer.status})"
        return failed(GatewayError(f"{url}/models is {what}, not that of a gateway", check))
    if answer.content is None:
        return warning(f"{url}/models does not answer as a gateway does ({answer.status})", check)
    return ok("an OpenAI-compatible endpoint; it does not say that it is LiteLLM")


# --- the key -------------------------------------------------------------------------------------


def key(case: Case) -> Outcome:
    """The gateway takes the key."""
    if case.gateway.is_litellm:
        return ok(f"{case.source.key_variable} is accepted")
    if case.allowed is None:
        return warning(
            f"whether {case.source.key_variable} is accepted shows at the first call only",
            "reviewbot diff --commit HEAD --checklist security",
        )
    return ok(
        f"{case.source.key_variable} is accepted; "
        "this endpoint tells no prices, limits, budget or abilities of models"
    )


def expiry(case: Case) -> Outcome | None:
    """The key will be good for a while."""
    if not case.gateway.is_litellm:
        return None
    expires = case.gateway.limits.expires
    if expires is None:
        return ok("the key does not expire")
    words = f"the key expires on {_day(expires)}"
    if expires - datetime.now(UTC) < SOON:
        return warning(words, "Ask the gateway's operator for a new key before that.")
    return ok(words)


def budget(case: Case) -> Outcome | None:
    """There is money for a review: on the key, and for all keys of its owner."""
    if not case.gateway.is_litellm:
        return None
    bounds = [("on the key", case.gateway.limits), ("for all your keys", case.gateway.owner())]
    known = [bound for bound in bounds if bound[1].budget_left is not None]
    if not known:
        return ok("there is no budget that could be spent")
    where, scarcest = min(known, key=lambda bound: bound[1].budget_left or 0.0)
    return _budget(where, scarcest, _typical(case))


def _budget(where: str, limits: Limits, typical: float | None) -> Outcome:
    left, whole = limits.budget_left or 0.0, limits.budget or 0.0
    reset = limits.budget_reset
    more = f"; it is reset on {_day(reset)}" if reset else ""
    if not left:
        words = f"the budget {where} is spent: nothing is left of ${whole:.2f}{more}"
        return failed(GatewayError(words, _ask_for_more(reset)))
    words = f"${left:.2f} of ${whole:.2f} are left {where}{more}"
    if typical is not None and left < typical:
        usual = f"a review of a usual change costs about ${typical:.2f}"
        return warning(f"{words}; {usual}", _ask_for_more(reset))
    if left < whole * NEARLY_SPENT:
        return warning(words, _ask_for_more(reset))
    return ok(words)


def _ask_for_more(reset: datetime | None = None) -> str:
    wait = f"Wait until {_day(reset)}, or ask" if reset else "Ask"
    return f"{wait} the gateway's operator to raise the budget."


def _typical(case: Case) -> float | None:
    try:
        return estimate.typical(case.readers, case.gateway.model)
    except ReviewbotError:
        return None


def limits(case: Case) -> Outcome | None:
    """A call fits into what the key may do in a minute, and so do all calls of a batch."""
    if not case.gateway.is_litellm:
        return None
    limits = case.gateway.limits
    calls, minute, parallel = len(case.readers), limits.requests_per_minute, limits.parallel
    words = _limits(limits)
    try:
        _see_that_a_call_fits(case)
    except GatewayError as error:
        return failed(GatewayError(f"{words}: {error.message}", error.hint))
    if minute is not None and minute < calls:
        return warning(
            f"{words}; a review makes {plural(calls, 'call')} at least, and would wait for "
            "the next minute",
            f"reviewbot diff --checklist {case.chosen[0][0].name}",
        )
    if parallel is not None and parallel < min(calls, case.config.jobs):
        return warning(
            f"{words}; a review makes up to {case.config.jobs}, and some would wait for others",
            f"reviewbot diff --jobs {parallel}",
        )
    return ok(words)


def _limits(limits: Limits) -> str:
    tokens = limits.tokens_per_minute
    largest = int((tokens or 0) * pipeline.OWN_SHARE)
    said = []
    if limits.requests_per_minute:
        said.append(f"{plural(limits.requests_per_minute, 'call')} a minute")
    if tokens:
        said.append(f"{tokens:,} tokens a minute, so that one call has {largest:,} at most")
    if limits.parallel:
        said.append(f"{plural(limits.parallel, 'call')} at a time")
    return ", ".join(said) or "the key has no limits"


def _see_that_a_call_fits(case: Case) -> None:
    """Prepare a review of nothing: instructions and answer must fit all the same.

    Raises:
        GatewayError: no change fits beside them.
    """
    nothing = Change("nothing", None, None, Diff(()), lambda _: (), {}, {})
    review = Review(nothing, Selection((), ()), case.chosen, case.config)
    limit = case.gateway.limits.tokens_per_minute
    for _ in pipeline.prepare(review, case.gateway.model, limit):
        pass


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# --- the models ----------------------------------------------------------------------------------


def models(case: Case) -> Outcome:
    """The models of a review are there, and the key may use them."""
    names, allowed = case.models(), case.allowed
    if allowed is None:
        return warning(
            f"this endpoint lists no models: whether it has {listed(list(names))} shows at the "
            "first call",
            "Ask the gateway's operator how its models are called, and name one with --model.",
        )
    missing = [name for name in names if not permitted(name, allowed)]
    if missing:
        return failed(_missing(case, missing, allowed))
    if spare := [name for name in case.config.fallback_models if not permitted(name, allowed)]:
        return warning(
            f"the key may not use {listed(spare)}, which stands in fallback_models",
            "Take it out of fallback_models, or choose another: reviewbot models",
        )
    guessed = case.lacking(lambda model: model.window_known) if case.gateway.is_litellm else []
    words = listed([_with_window(case.gateway.model(name)) for name in names])
    if guessed:
        return warning(
            f"{words}; no window is told of {listed(guessed)}, so batches are small",
            _to_set("max_input_tokens"),
        )
    return ok(words)


def _missing(case: Case, missing: list[str], allowed: tuple[str, ...]) -> ModelError:
    near = get_close_matches(missing[0], allowed, n=1) or allowed[:1]
    wanted = listed(case.models()[missing[0]])
    hint = f"reviewbot diff --model {near[0]}" if near else "Ask the gateway's operator for models."
    return ModelError(
        f"the gateway has no {listed(missing)}, or the key may not use it (for {wanted}); "
        f"it may use {listed(list(allowed)) or 'none'}",
        hint,
    )


def _with_window(model: Model) -> str:
    return f"{model.name} (window {model.window:,})" if model.window_known else model.name


def prices(case: Case) -> Outcome | None:
    """It is known what a call costs."""
    if not case.gateway.is_litellm:
        return None
    if unpriced := case.lacking(lambda model: model.priced):
        return warning(
            f"no price is known of {listed(unpriced)}: costs are not shown, and "
            f"{estimate.budget(case.config.budget, None).words} does not hold",
            _to_set("input_cost_per_token and output_cost_per_token"),
        )
    priced = [_with_price(case.gateway.model(name)) for name in case.models()]
    return ok(f"per million tokens: {listed(priced)}")


def _with_price(model: Model) -> str:
    dollars = [
        f"${per_million(price) or 0.0:,.2f}" for price in (model.input_price, model.output_price)
    ]
    return f"{model.name} {dollars[0]} in and {dollars[1]} out"


def structured_output(case: Case) -> Outcome | None:
    """The models keep to the form of answers that they are given."""
    if not case.gateway.is_litellm:
        return None
    if lacking := case.lacking(lambda model: model.takes_schemas):
        return warning(
            f"{listed(lacking)} may not keep to the form of answers: some have to be asked again",
            _to_set("supports_response_schema: true", condition=" if the model does so"),
        )
    return ok("the models answer in the form that they are given")


def caching(case: Case) -> Outcome | None:
    """The change is paid for once, not for each checklist."""
    if not case.gateway.is_litellm:
        return None
    if lacking := case.lacking(lambda model: model.caches):
        return warning(
            f"{listed(lacking)} may not cache prompts: each checklist pays for the whole change",
            _to_set("supports_prompt_caching: true", condition=" if the model does so"),
        )
    return ok("the change is paid for once, and read from the cache by the other checklists")


def _to_set(what: str, condition: str = "") -> str:
    return f"Ask the gateway's operator to set {what} in its model_info{condition}."
