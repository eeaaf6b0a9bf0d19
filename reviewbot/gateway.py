"""The gateway: the one place that code is sent to, and the only user of the openai client.

A LiteLLM proxy tells prices, windows and the key's limits on its own routes; any other
OpenAI-compatible endpoint is used without them.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from reviewbot import models
from reviewbot.connections import as_the_environment_wants, connections, never_sent
from reviewbot.endpoint import Address, Endpoint
from reviewbot.errors import BusyError, CallError, GatewayError, SchemaError
from reviewbot.meanwhile import meanwhile
from reviewbot.meter import STEP, Meter
from reviewbot.models import Attempt, Limits, Model, Question, Reply, Usage
from reviewbot.quoting import quoted
from reviewbot.refusals import Refusal, elsewhere, is_about_the_key, refusal
from reviewbot.unreachable import unreachable

if TYPE_CHECKING:
    import httpx2
    import openai

CONNECT_TIMEOUT = 10.0  # seconds
QUESTION_TIMEOUT = 15.0  # seconds; for prices and limits
TRIES = 4  # of a call that fails otherwise than by a rate limit
FIRST_DELAY = 1.0  # seconds before the second try; doubled for each further one
LONGEST_DELAY = 30.0  # seconds, where the gateway names no time
LIMIT_DELAY = 5.0  # seconds before another try, where a rate limit names no time

CALL_ID = "x-litellm-call-id"

OUT_OF_TIME = "the time limit of the run is over (timeout)"

_REFUSALS = (401, 402, 422)  # of a key, where a list of models is asked for
_SCHEMA_WORDS = ("response_format", "json_schema", "schema", "structured", "output_config")


class Gateway:
    """Calls models through one endpoint.

    Args:
        endpoint: where, and with which key.
        call_timeout: seconds that one call may take.
        paused: told of each second of a wait: how many are left, and why; from any thread.
        noted: told of each attempt that was made; from any thread.
        labels: what the gateway's own books should say of the run, as `repository`, `run`.

    Raises:
        GatewayError: it cannot be reached, or refuses the key.
        UsageError: the environment allows no connection.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        call_timeout: float,
        paused: Callable[[float, str], None] = lambda _seconds, _why: None,
        noted: Callable[[Attempt], None] = lambda _attempt: None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._paused = paused
        self._noted = noted
        self.labels = dict(labels or {})
        self.meter = Meter(math.inf, "no budget", Limits(), paused)
        self.is_litellm = False
        self._call_timeout = call_timeout
        self._refused_schemas: set[str] = set()
        self._models: dict[str, Model] = {}
        self._client = _client(endpoint)
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections."""
        self._client.close()

    # --- what it tells about itself -----------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """What the key may do."""
        return self.meter.limits

    def limit_to(self, dollars: float, words: str) -> None:
        """Let no call go beyond this many dollars in all; `words` say what sets that bound."""
        self.meter.ceiling, self.meter.ceiling_words = dollars, words

    def model(self, name: str) -> Model:
        """What is known about a model; safe guesses for one that the gateway does not list."""
        return self._models.get(name, Model(name))

    def models(self) -> Mapping[str, Model]:
        """All that the gateway tells of, by name; empty where it tells of none."""
        return self._models

    def allowed(self) -> tuple[str, ...] | None:
        """The names of the models that the key may call; None where the endpoint does not say.

        Raises:
            GatewayError: the key is refused.
        """
        listed = self._question(self.endpoint.url + "/models", refusals=_REFUSALS).get("data")
        if not isinstance(listed, list):
            return None
        names = (entry.get("id") for entry in listed if isinstance(entry, dict))
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))

    def owner(self) -> Limits:
        """What whoever the key belongs to may do, with all keys together."""
        try:
            info = self._question(self.endpoint.root + "/user/info").get("user_info")
        except GatewayError:  # a key may be kept from this route
            return Limits()
        return models.limits(info) if isinstance(info, dict) else Limits()

    def _introduce(self) -> None:
        """Ask for the key's limits and the models, side by side; both may be unknown."""
        asked = [
            meanwhile(partial(self._question, self.endpoint.root + route))
            for route in ("/key/info", "/model/info")
        ]
        wait(asked)  # both: an error closes the connections, which the other may still be using
        key, listed = (answer.result() for answer in asked)
        info = key.get("info")
        if isinstance(info, dict):
            self.meter.limits = models.limits(info)
        entries = listed.get("data")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("model_name"), str):
                self._models.setdefault(entry["model_name"], models.model(entry))
        self.is_litellm = isinstance(info, dict) or bool(self._models)

    def _question(self, url: str, refusals: Container[int] = ()) -> dict[str, Any]:
        """The answer to a question that costs nothing; empty where the route is not there.

        `refusals` are the statuses that are errors whoever answers so.
        """
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        try:
            response = self._client.get(
                url,
                cast_to=httpx2.Response,
                options={"timeout": _timeout(min(QUESTION_TIMEOUT, self._call_timeout))},
            )
        except openai.APIStatusError as error:
            if is_about_the_key(_type(error)) or error.status_code in refusals:
                raise self._translate(error, "") from None
            return {}
        except (openai.APIError, httpx2.RequestError) as error:
            raise self._translate(error, "") from None
        try:
            content = response.json()
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    # --- calls --------------------------------------------------------------------------------

    def ask(self, question: Question) -> Reply:
        """Send one prompt and wait for the whole answer, trying again where that can help.

        Raises:
            BusyError: the model is busy, and nobody waits for it.
            BudgetError: the budget is not enough for it.
            CallError: this call failed for good.
            GatewayError: no call can succeed: the key, the model or the address is wrong.
        """
        failures = 0
        while True:
            try:
                return self._measured(question)
            except SchemaError:
                self._refused_schemas.add(question.model)
                continue
            except CallError as error:
                impatient = isinstance(error, BusyError) and not question.patient
                if error.retry_after is None or impatient:
                    raise
                failures += not error.retry_after  # to be told to wait is no failure
                delay = error.retry_after or _backoff(failures)
                delay *= random.uniform(1.0, 1.2)  # noqa: S311 - not a secret
                if failures >= TRIES or time.monotonic() + delay >= question.deadline:
                    raise
                why = error.message
            self._wait(delay, why)

    def _wait(self, seconds: float, why: str) -> None:
        """Sleep, and count down."""
        while seconds > 0:
            self._paused(seconds, why)
            time.sleep(min(seconds, STEP))
            seconds -= STEP

    def _measured(self, asked: Question) -> Reply:
        """Make one attempt within the limits of key and budget, and note what came of it."""
        model = self.model(asked.model)
        given = self.meter.enter(model, asked.input_tokens, asked.answer_tokens, asked.deadline)
        began = time.monotonic()
        usage, status = None, "interrupted"
        seen = _Seen(asked.opened)
        try:
            reply = self._attempt(asked, given.answer_tokens, seen)
            usage, status = reply.usage, "ok"
            if reply.cut and given.answer_tokens < asked.answer_tokens:
                reply = replace(reply, cut_by=given.bound)
        except GatewayError as error:
            status = type(error).__name__.removesuffix("Error").lower()
            raise
        else:
            return reply
        finally:
            self.meter.leave(given, usage, begun=seen.answered)
            milliseconds = int(1000 * (time.monotonic() - began))
            used = usage or Usage()
            self._noted(
                Attempt(asked.purpose, asked.model, status, used, milliseconds, seen.call_id)
            )

    def _attempt(self, asked: Question, answer_tokens: int, seen: _Seen) -> Reply:
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        model, deadline = asked.model, asked.deadline
        left = deadline - time.monotonic()
        if left <= 0:
            raise CallError(OUT_OF_TIME)
        arguments = self._arguments(asked, answer_tokens)
        timeout = _timeout(min(self._call_timeout, left))
        try:
            with self._client.chat.completions.with_streaming_response.create(
                **arguments, timeout=timeout
            ) as raw:
                seen.call_id = raw.headers.get(CALL_ID, "")
                if "text/event-stream" in raw.headers.get("content-type", ""):
                    reply = _collect(
                        (chunk.to_dict(warnings=False) for chunk in raw.parse()), seen.begin
                    )
                else:
                    reply = _collect([self._completion(raw.read())], seen.begin)
                cost = models.number(raw.headers.get("x-litellm-response-cost"))
        except (openai.APIError, httpx2.RequestError) as error:
            if isinstance(error, openai.APIStatusError):
                seen.call_id = error.response.headers.get(CALL_ID, "")
            elif not never_sent(error.__cause__ or error):
                seen.answered = True  # the gateway goes on without us, and pays for it
            if time.monotonic() >= deadline:
                raise CallError(OUT_OF_TIME) from None
            translated = self._translate(error, model)
            if "response_format" in arguments and _refuses_schema(error):
                raise SchemaError(translated.message) from None
            raise translated from None
        except (ValueError, TypeError, AttributeError):  # pieces that are no JSON, or no chunks
            raise CallError("the answer is not one of a chat model", retry_after=0.0) from None
        cost = reply.usage.cost_usd or cost or self.model(model).price(reply.usage)
        return replace(reply, usage=replace(reply.usage, cost_usd=cost))

    def _arguments(self, asked: Question, answer_tokens: int) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": asked.model,
            "messages": asked.messages,
            "max_tokens": answer_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if asked.model not in self._refused_schemas:
            schema = {"name": asked.form.name, "strict": True, "schema": asked.form.schema}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.is_litellm:
            tags = [f"{name}:{value}" for name, value in self.labels.items()]
            tags += [f"checklist:{name}" for name in asked.purpose.split("+")]
            # Its tries and ours would multiply. What it is told of the run goes no further.
            arguments["extra_body"] = {"num_retries": 0, "metadata": {"tags": tags}}
        return arguments

    def _completion(self, body: bytes) -> dict[str, Any]:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("choices"), list):
            raise GatewayError(
                f"what {self.endpoint.host} answers is not a chat completion",
                "Check the gateway's address: it should end where /v1 begins.",
            )
        return content

    # --- errors -------------------------------------------------------------------------------

    def _translate(self, error: openai.APIError | httpx2.RequestError, model: str) -> GatewayError:
        """An error of the client libraries in our words, with who can do what about it.

        What happens while an answer is read, httpx2 says itself.
        """
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        host = self.endpoint.host
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            if not model:
                return _silent(host)
            return CallError("the gateway did not answer in time (call_timeout)", retry_after=0.0)
        if isinstance(error, openai.APIConnectionError | httpx2.RequestError):
            reason = self._clean(error.__cause__ or error)
            if not model:
                return _unreachable(self.endpoint, error, reason)
            hint = "Check the gateway's address and that it is up; behind a proxy, HTTPS_PROXY."
            return CallError(f"the connection to {host} failed: {reason}", hint, retry_after=0.0)
        if not isinstance(error, openai.APIStatusError):
            return CallError(f"the answer broke off: {self._words(error)}", retry_after=0.0)
        return self._translate_status(error, model)

    def _translate_status(self, error: openai.APIStatusError, model: str) -> GatewayError:
        headers = error.response.headers
        return refusal(
            Refusal(
                host=self.endpoint.host,
                model=model,
                other_models=self._known_models(model),
                status=error.status_code,
                kind=_type(error),
                words=self._words(error),
                by_provider=CALL_ID in headers,
                retry_after=_wait(headers),
            )
        )

    def _words(self, error: openai.APIError) -> str:
        """What the gateway says."""
        message = error.body.get("message") if isinstance(error.body, dict) else None
        return self._clean(message or error.message)

    def _clean(self, said: object) -> str:
        return quoted(said, self.endpoint.key)

    def _known_models(self, wrong: str) -> str:
        names = sorted(self._models)
        return ", ".join(get_close_matches(wrong, names, n=3) or names[:5])


class Part(Gateway):
    """A gateway as one of several runs at the same time sees it.

    It has a ceiling of its own, and what holds for the whole holds for it: ceiling and limits.

    Args:
        whole: the gateway.
        noted: told of each attempt of this part; from any thread.
    """

    def __init__(self, whole: Gateway, noted: Callable[[Attempt], None]) -> None:
        vars(self).update(vars(whole))
        self.meter = whole.meter.part()
        self._noted = noted

    def close(self) -> None:
        """Nothing: the connections are those of the whole."""


@dataclass(slots=True)
class _Seen:
    """What is known of an attempt: the gateway's id for it, and whether its answer began."""

    opened: Callable[[], None]
    answered: bool = False
    call_id: str = ""

    def begin(self) -> None:
        self.answered = True
        self.opened()


@dataclass(frozen=True, slots=True)
class Knock:
    """What came back to a question that was asked without a key; no `content` if it is no JSON."""

    status: int
    kind: str
    content: Any


def knock(address: Address, url: str, timeout: float) -> Knock:
    """See who answers at an address; nothing is told of anybody.

    Args:
        address: of the gateway.
        url: what is asked for there.
        timeout: seconds for all of the answer.

    Raises:
        GatewayError: it cannot be reached, or sends the question elsewhere.
        UsageError: the environment allows no connection.
    """
    import httpx2  # noqa: PLC0415

    try:
        with _connections(address) as client:
            response = client.get(url, timeout=_timeout(min(QUESTION_TIMEOUT, timeout)))
    except httpx2.TimeoutException:
        raise _silent(address.host) from None
    except httpx2.RequestError as error:
        raise _unreachable(address, error, quoted(error)) from None
    if response.is_redirect:
        raise elsewhere(address.host, response.status_code)
    try:
        content = response.json()
    except ValueError:
        content = None
    return Knock(response.status_code, response.headers.get("content-type", ""), content)


def _silent(host: str) -> GatewayError:
    return GatewayError(f"{host} does not answer", "Is the gateway up?")


def _unreachable(
    address: Address, error: openai.APIError | httpx2.RequestError, reason: str
) -> GatewayError:
    proxied = not address.is_loopback and _leads_through_a_proxy(address.url)
    return unreachable(address.host, error, reason, proxied=proxied)


def _leads_through_a_proxy(url: str) -> bool:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    parts, proxies = urlsplit(url), getproxies()
    there = proxies.get(parts.scheme) or proxies.get("all")
    return bool(there) and not proxy_bypass(parts.netloc)


def _client(endpoint: Endpoint) -> openai.OpenAI:
    import openai  # noqa: PLC0415 - slow, and not needed for --help

    class Discreet(openai.OpenAI):
        def platform_headers(self) -> dict[str, str]:
            """Nothing of this machine: to know it, the library would start `uname`."""
            return {}

    client = _connections(endpoint)
    with as_the_environment_wants():
        return Discreet(
            api_key=endpoint.key, base_url=endpoint.url, max_retries=0, http_client=client
        )


def _connections(address: Address) -> httpx2.Client:
    import httpx2  # noqa: PLC0415

    hooks = {"request": [_begin], "response": [_bound]}
    return connections(address, event_hooks=hooks, limits=httpx2.Limits(max_connections=None))


def _timeout(seconds: float) -> httpx2.Timeout:
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(seconds, connect=min(CONNECT_TIMEOUT, seconds))


def _begin(request: httpx2.Request) -> None:
    """Note when the whole answer must be there: httpx2's own timeout is one for each piece."""
    request.extensions["end"] = time.monotonic() + request.extensions["timeout"]["read"]


def _bound(response: httpx2.Response) -> None:
    """Make the timeout of a call hold for the whole of its answer."""
    import httpx2  # noqa: PLC0415

    end = response.request.extensions["end"]
    stream = response.stream
    assert isinstance(stream, httpx2.SyncByteStream)
    inner: httpx2.SyncByteStream = stream

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for piece in inner:
                if time.monotonic() > end:
                    raise httpx2.ReadTimeout("the answer took too long", request=response.request)
                yield piece

        def close(self) -> None:
            inner.close()

    response.stream = Bounded()


def _collect(chunks: Iterable[Mapping[str, Any]], opened: Callable[[], None]) -> Reply:
    """Put a streamed answer together; a whole completion is a stream of one.

    Raises:
        CallError: the stream ended before there was anything.
    """
    text: list[str] = []
    finish = ""
    usage = Usage()
    for chunk in chunks:
        opened()
        for choice in chunk.get("choices") or ():
            part = choice.get("delta") or choice.get("message") or {}
            text.append(part.get("content") or "")
            finish = choice.get("finish_reason") or finish
        if chunk.get("usage"):
            usage = models.usage(chunk["usage"])
    if not finish and not any(text):
        raise CallError("the answer broke off before it began", retry_after=0.0)
    return Reply("".join(text), finish in ("", "length", "content_filter"), usage)


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


def _backoff(failures: int) -> float:
    return min(FIRST_DELAY * 2.0 ** (failures - 1), LONGEST_DELAY)
