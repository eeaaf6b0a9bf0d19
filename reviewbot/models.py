"""Models as the gateway tells about them: windows, prices, and what calls used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from reviewbot.errors import CallError

SAFE_WINDOW = 32_000  # tokens; for a model that the gateway tells nothing about
BYTES_PER_TOKEN = 3  # of code, with numbers and signs; on the safe side for every model
ANSWER_TOKENS = 8_000  # reserved by the proxy against budget and limit while a call runs


def tokens(text: str) -> int:
    """An estimate of the tokens that a text takes, rather too high than too low."""
    return len(text.encode("utf-8", "surrogateescape")) // BYTES_PER_TOKEN + 1


@dataclass(frozen=True, slots=True)
class Model:
    """What the gateway tells about a model; prices in dollars a token, None where unknown.

    `window` and `answer` are safe guesses where it tells none; `longest_answer`, in tokens, and
    whether the model `takes_schemas` and `caches` are None then.
    """

    name: str
    window: int = SAFE_WINDOW
    answer: int = ANSWER_TOKENS
    input_price: float | None = None
    output_price: float | None = None
    read_price: float | None = None
    write_price: float | None = None
    longest_answer: int | None = None
    window_known: bool = False
    takes_schemas: bool | None = None
    caches: bool | None = None

    @property
    def priced(self) -> bool:
        """Whether it is known what a call costs."""
        return self.input_price is not None and self.output_price is not None

    @property
    def takes_breakpoints(self) -> bool:
        """Whether a cache breakpoint in the prompt means something to this model."""
        return "claude" in self.name.lower() or self.write_price is not None

    @property
    def cache_minimum(self) -> int:
        """Tokens below which a provider does not cache a prefix."""
        return 4096 if "haiku" in self.name.lower() else 1024

    def price(self, usage: Usage) -> float | None:
        """Dollars for what a call used; None where the gateway tells no prices."""
        if self.input_price is None or self.output_price is None:
            return None
        read = self.input_price if self.read_price is None else self.read_price
        write = self.input_price if self.write_price is None else self.write_price
        plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        return (
            max(plain, 0) * self.input_price
            + usage.cached_tokens * read
            + usage.cache_write_tokens * write
            + usage.output_tokens * self.output_price
        )

    def worst_price(self, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars for a call that reads nothing from the cache, and may write all of it."""
        if self.input_price is None or self.output_price is None:
            return None
        each = max(self.input_price, self.write_price or 0.0)
        return input_tokens * each + output_tokens * self.output_price


@dataclass(frozen=True, slots=True)
class Limits:
    """What the key may do; None where there is no limit, or the gateway tells none.

    `parallel` is how many calls it may have under way at once. `budget` and `budget_left` are
    dollars; `budget_reset` says when they are all there again.
    """

    tokens_per_minute: int | None = None
    requests_per_minute: int | None = None
    parallel: int | None = None
    budget_left: float | None = None
    budget: float | None = None
    budget_reset: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls took. `input_tokens` counts all input, cached or not."""

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call as it was made, for whoever keeps the books: nothing of its content.

    `status` is ok, or the kind of the error; `call_id` the gateway's own name for it.
    """

    purpose: str
    model: str
    status: str
    usage: Usage
    milliseconds: int
    call_id: str


def nothing() -> None:
    """Nobody waits for the answer to begin."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form that an answer is to have: a JSON Schema, by a name."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt for a model, and the form of its answer.

    `purpose` says what it is for, for the books; `answer_tokens` is the room for the answer. After
    `deadline`, by `time.monotonic()`, no further try is made. `opened` is called as soon as the
    answer begins: what the prompt shares with others is cached by then. `patient` says whether to
    wait for a model that is busy; another may be free.
    """

    model: str
    messages: list[dict[str, Any]]
    purpose: str
    form: Form
    answer_tokens: int
    deadline: float
    opened: Callable[[], None] = nothing
    patient: bool = True

    @property
    def input_tokens(self) -> int:
        """An estimate, rather too high than too low."""
        return len(json.dumps(self.messages, ensure_ascii=False).encode()) // BYTES_PER_TOKEN + 1


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model; `cut` when the model was stopped before its end.

    `cut_by` says what left it less room than was wanted; empty where nothing did.
    """

    text: str
    cut: bool
    usage: Usage
    cut_by: str = ""


class Asker(Protocol):
    """What is needed of a gateway."""

    def model(self, name: str) -> Model:
        """What is known about a model."""

    def ask(self, question: Question) -> Reply:
        """Send one prompt and wait for the whole answer."""


def reply(chunks: Iterable[Mapping[str, Any]], opened: Callable[[], None]) -> Reply:
    """The answer that is streamed in chunks; a whole completion is a stream of one.

    Args:
        chunks: of a chat completion.
        opened: called at each of them.

    Raises:
        CallError: the stream ended before there was anything.
    """
    text: list[str] = []
    finish = ""
    used = Usage()
    for chunk in chunks:
        opened()
        for choice in chunk.get("choices") or ():
            part = choice.get("delta") or choice.get("message") or {}
            text.append(part.get("content") or "")
            finish = choice.get("finish_reason") or finish
        if chunk.get("usage"):
            used = usage(chunk["usage"])
    if not finish and not any(text):
        raise CallError("the answer broke off before it began", retry_after=0.0)
    return Reply("".join(text), finish in ("", "length", "content_filter"), used)


def usage(told: Mapping[str, Any]) -> Usage:
    """The `usage` of a chat completion, with what providers add to it."""
    details = told.get("prompt_tokens_details") or {}
    return Usage(
        input_tokens=_count(told.get("prompt_tokens")),
        cached_tokens=_count(told.get("cache_read_input_tokens") or details.get("cached_tokens")),
        cache_write_tokens=_count(
            told.get("cache_creation_input_tokens") or details.get("cache_creation_tokens")
        ),
        output_tokens=_count(told.get("completion_tokens")),
        cost_usd=number(told.get("cost")),
    )


def limits(info: Mapping[str, Any]) -> Limits:
    """The `info` of LiteLLM's `/key/info`, or the `user_info` of its `/user/info`."""
    budget = number(info.get("max_budget"))
    spent = number(info.get("spend")) or 0.0
    return Limits(
        tokens_per_minute=positive(info.get("tpm_limit")),
        requests_per_minute=positive(info.get("rpm_limit")),
        parallel=positive(info.get("max_parallel_requests")),
        budget_left=None if budget is None else max(budget - spent, 0.0),
        budget=budget,
        budget_reset=moment(info.get("budget_reset_at")),
        expires=moment(info.get("expires")),
    )


def model(entry: Mapping[str, Any]) -> Model:
    """An entry of LiteLLM's `/model/info`."""
    info = entry.get("model_info")
    info = info if isinstance(info, dict) else {}
    output = positive(info.get("max_output_tokens")) or ANSWER_TOKENS
    return Model(
        name=entry["model_name"],
        window=positive(info.get("max_input_tokens")) or SAFE_WINDOW,
        answer=min(output, ANSWER_TOKENS),
        input_price=number(info.get("input_cost_per_token")),
        output_price=number(info.get("output_cost_per_token")),
        read_price=number(info.get("cache_read_input_token_cost")),
        write_price=number(info.get("cache_creation_input_token_cost")),
        longest_answer=positive(info.get("max_output_tokens")),
        window_known=positive(info.get("max_input_tokens")) is not None,
        takes_schemas=_flag(info.get("supports_response_schema")),
        caches=_flag(info.get("supports_prompt_caching")),
    )


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < math.inf else 0


def positive(value: object) -> int | None:
    """A count, or None where there is none."""
    return _count(value) or None


def moment(value: object) -> datetime | None:
    """A point in time, as JSON has it; without a zone it is one of UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def number(value: object) -> float | None:
    """A number of dollars or seconds, as JSON or a header has it."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None
