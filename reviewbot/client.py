"""What an endpoint is sent, and what it answers: the only user of the openai client."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reviewbot import models
from reviewbot.connections import (
    as_the_environment_wants,
    bounded,
    leads_through_a_proxy,
    never_sent,
    timeout,
)
from reviewbot.endpoint import Endpoint
from reviewbot.errors import CallError, GatewayError, SchemaError
from reviewbot.models import Reply
from reviewbot.quoting import quoted
from reviewbot.refusals import Refusal, is_about_the_key, refusal
from reviewbot.unreachable import silent, unreachable

if TYPE_CHECKING:
    import httpx2
    import openai

LIMIT_DELAY = 5.0  # seconds before another try, where a rate limit names no time

_CALL_ID = "x-litellm-call-id"
_SCHEMA_WORDS = ("response_format", "json_schema", "schema", "structured", "output_config")


@dataclass(slots=True)
class Seen:
    """What is known of a call: the gateway's id for it, and whether its answer began."""

    opened: Callable[[], None]
    answered: bool = False
    call_id: str = ""

    def begin(self) -> None:
        """A piece of the answer is here."""
        self.answered = True
        self.opened()


class Client:
    """Asks one endpoint, once; what it answers, and what goes wrong, is told in our words.

    Args:
        endpoint: where, and with which key.
        alike: names models there, for people who have asked for one that is not.

    Raises:
        UsageError: the environment allows no connection.
    """

    def __init__(self, endpoint: Endpoint, alike: Callable[[str], str]) -> None:
        self._endpoint = endpoint
        self._alike = alike
        self._openai = _opened(endpoint)

    def close(self) -> None:
        """Give up the connections."""
        self._openai.close()

    def question(self, url: str, seconds: float, refusals: Container[int] = ()) -> dict[str, Any]:
        """The answer to a question that costs nothing; empty where the route is not there.

        Args:
            url: what is asked for.
            seconds: for all of the answer.
            refusals: the statuses that are errors whoever answers so.

        Raises:
            GatewayError: it cannot be reached, or refuses the key.
        """
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        try:
            response = self._openai.get(
                url, cast_to=httpx2.Response, options={"timeout": timeout(seconds)}
            )
        except openai.APIStatusError as error:
            if is_about_the_key(_type(error)) or error.status_code in refusals:
                raise self._refused(error, "") from None
            return {}
        except (openai.APIError, httpx2.RequestError) as error:
            raise self._unreached(error) from None
        try:
            content = response.json()
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def call(self, arguments: Mapping[str, Any], seconds: float, seen: Seen) -> Reply:
        """Have a chat completed.

        Args:
            arguments: those of the route, for an answer that is streamed.
            seconds: for all of the answer.
            seen: told what is known of the call, also where it fails.

        Raises:
            SchemaError: the answer's schema is refused.
            CallError: this call failed for good, or may do better after `retry_after` seconds.
            GatewayError: no call can succeed: the key, the model or the address is wrong.
        """
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        try:
            return self._streamed(arguments, seconds, seen)
        except (openai.APIError, httpx2.RequestError) as error:
            if isinstance(error, openai.APIStatusError):
                seen.call_id = error.response.headers.get(_CALL_ID, "")
            elif not never_sent(error.__cause__ or error):
                seen.answered = True  # the gateway goes on without us, and pays for it
            failed = self._failed(error, arguments["model"])
            if "response_format" in arguments and _refuses_schema(error):
                raise SchemaError(failed.message) from None
            raise failed from None
        except (ValueError, TypeError, AttributeError):  # pieces that are no JSON, or no chunks
            raise CallError("the answer is not one of a chat model", retry_after=0.0) from None

    def _streamed(self, arguments: Mapping[str, Any], seconds: float, seen: Seen) -> Reply:
        with self._openai.chat.completions.with_streaming_response.create(
            **arguments, timeout=timeout(seconds)
        ) as raw:
            seen.call_id = raw.headers.get(_CALL_ID, "")
            if "text/event-stream" in raw.headers.get("content-type", ""):
                chunks = (chunk.to_dict(warnings=False) for chunk in raw.parse())
                reply = models.reply(chunks, seen.begin)
            else:
                reply = models.reply([self._completion(raw.read())], seen.begin)
            cost = reply.usage.cost_usd or models.number(raw.headers.get("x-litellm-response-cost"))
        return replace(reply, usage=replace(reply.usage, cost_usd=cost))

    def _completion(self, body: bytes) -> dict[str, Any]:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("choices"), list):
            raise GatewayError(
                f"what {self._endpoint.host} answers is not a chat completion",
                "Check the gateway's address: it should end where /v1 begins.",
            )
        return content

    # --- errors: what happens while an answer is read, httpx2 says itself ---------------------

    def _unreached(self, error: openai.APIError | httpx2.RequestError) -> GatewayError:
        """Why a question has no answer."""
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        host = self._endpoint.host
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return silent(host)
        if isinstance(error, openai.APIConnectionError | httpx2.RequestError):
            proxied = leads_through_a_proxy(self._endpoint)
            return unreachable(host, error, self._reason(error), proxied=proxied)
        return self._broken_off(error)

    def _failed(self, error: openai.APIError | httpx2.RequestError, model: str) -> GatewayError:
        """Why a call has no answer, with who can do what about it."""
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return CallError("the gateway did not answer in time (call_timeout)", retry_after=0.0)
        if isinstance(error, openai.APIConnectionError | httpx2.RequestError):
            return CallError(
                f"the connection to {self._endpoint.host} failed: {self._reason(error)}",
                "Check the gateway's address and that it is up; behind a proxy, HTTPS_PROXY.",
                retry_after=0.0,
            )
        if isinstance(error, openai.APIStatusError):
            return self._refused(error, model)
        return self._broken_off(error)

    def _broken_off(self, error: openai.APIError) -> GatewayError:
        return CallError(f"the answer broke off: {self._words(error)}", retry_after=0.0)

    def _refused(self, error: openai.APIStatusError, model: str) -> GatewayError:
        headers = error.response.headers
        return refusal(
            Refusal(
                host=self._endpoint.host,
                model=model,
                other_models=self._alike(model),
                status=error.status_code,
                kind=_type(error),
                words=self._words(error),
                by_provider=_CALL_ID in headers,
                retry_after=_wait(headers),
            )
        )

    def _words(self, error: openai.APIError) -> str:
        """What the gateway says."""
        message = error.body.get("message") if isinstance(error.body, dict) else None
        return self._clean(message or error.message)

    def _reason(self, error: BaseException) -> str:
        return self._clean(error.__cause__ or error)

    def _clean(self, said: object) -> str:
        return quoted(said, self._endpoint.key)


def _opened(endpoint: Endpoint) -> openai.OpenAI:
    import openai  # noqa: PLC0415 - slow, and not needed for --help

    class Discreet(openai.OpenAI):
        def platform_headers(self) -> dict[str, str]:
            """Nothing of this machine: to know it, the library would start `uname`."""
            return {}

    client = bounded(endpoint)
    with as_the_environment_wants():
        return Discreet(
            api_key=endpoint.key, base_url=endpoint.url, max_retries=0, http_client=client
        )


def _type(error: openai.APIStatusError) -> str:
    return str(error.body.get("type") or "") if isinstance(error.body, dict) else ""


def _refuses_schema(error: openai.APIError | httpx2.RequestError) -> bool:
    import openai  # noqa: PLC0415

    if not isinstance(error, openai.APIStatusError):
        return False
    words = str(error.body or error.message).lower()
    return error.status_code in (400, 404, 415, 422) and any(w in words for w in _SCHEMA_WORDS)


def _wait(headers: Mapping[str, str]) -> float:
    """How long a rate limit asks to wait: at least a second."""
    for name in ("retry-after", "llm_provider-retry-after"):
        value = models.number(headers.get(name))
        if value is not None:
            return max(value, 1.0)
    return LIMIT_DELAY
