"""The gateway: the one place that code is sent to, within limits of money and time.

A LiteLLM proxy tells prices, windows and the key's limits on its own routes; any other
OpenAI-compatible endpoint is used without them.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Container, Mapping
from concurrent.futures import wait
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any, Self

from reviewbot import models
from reviewbot.client import Client, Seen
from reviewbot.connections import QUESTION_TIMEOUT
from reviewbot.endpoint import Endpoint
from reviewbot.errors import BusyError, CallError, GatewayError, SchemaError
from reviewbot.meanwhile import meanwhile
from reviewbot.meter import STEP, Meter
from reviewbot.models import Attempt, Limits, Model, Question, Reply, Usage

TRIES = 4  # of a call that fails otherwise than by a rate limit
FIRST_DELAY = 1.0  # seconds before the second try; doubled for each further one
LONGEST_DELAY = 30.0  # seconds, where the gateway names no time

OUT_OF_TIME = "the time limit of the run is over (timeout)"

_REFUSALS = (401, 402, 422)  # of a key, where a list of models is asked for


class Gateway:
    """Calls models through one endpoint.

    Args:
        endpoint: where, and with which key.
        call_timeout: seconds that one call may take.
        paused: told of each second of a wait: how many are left, and why; from any thread.
        noted: told of each attempt that was made; from any thread.

    `labels` are what the gateway's own books should say of the run, as `repository`, `run`.

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
    ) -> None:
        self.endpoint = endpoint
        self._paused = paused
        self._noted = noted
        self.labels: Mapping[str, str] = {}
        self.meter = Meter(math.inf, "no budget", Limits(), paused)
        self.is_litellm = False
        self._call_timeout = call_timeout
        self._refused_schemas: set[str] = set()
        self._models: dict[str, Model] = {}
        self._client = Client(endpoint, self._alike)
        self._open = ExitStack()
        self._open.callback(self._client.close)
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
        self._open.close()

    def part(self, noted: Callable[[Attempt], None]) -> Gateway:
        """The gateway as one of several runs at the same time sees it.

        It has labels and a ceiling of its own, and what holds for the whole holds for it: ceiling
        and limits. Closing it leaves the connections open, which are those of the whole.

        Args:
            noted: told of each attempt of this part; from any thread.
        """
        part: Gateway = copy(self)
        part.meter = self.meter.part()
        part._noted = noted
        part._open = ExitStack()
        return part

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
        seconds = min(QUESTION_TIMEOUT, self._call_timeout)
        return self._client.question(url, seconds, refusals)

    def _alike(self, wrong: str) -> str:
        """Models to take in place of one that is not there."""
        names = sorted(self._models)
        return ", ".join(get_close_matches(wrong, names, n=3) or names[:5])

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
        seen = Seen(asked.opened)
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

    def _attempt(self, asked: Question, answer_tokens: int, seen: Seen) -> Reply:
        left = asked.deadline - time.monotonic()
        if left <= 0:
            raise CallError(OUT_OF_TIME)
        arguments = self._arguments(asked, answer_tokens)
        try:
            reply = self._client.call(arguments, min(self._call_timeout, left), seen)
        except GatewayError:
            if time.monotonic() >= asked.deadline:
                raise CallError(OUT_OF_TIME) from None
            raise
        cost = reply.usage.cost_usd or self.model(asked.model).price(reply.usage)
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


def _backoff(failures: int) -> float:
    return min(FIRST_DELAY * 2.0 ** (failures - 1), LONGEST_DELAY)
