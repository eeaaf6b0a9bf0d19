"""Calls to a forge's API: questions tried again, rate limits waited for, errors in our words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from reviewbot.errors import ForgeError, ReadOnlyError, UnsureError
from reviewbot.quoting import quoted

TIMEOUT = 30  # seconds for one call
RETRY_DELAYS = (1.0, 2.0)  # seconds before another try of a question that got no answer
LIMIT_DELAY = 60.0  # seconds to wait where a rate limit names no time
PATIENCE = 180.0  # seconds to wait for rate limits in all

BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
UNPROCESSABLE, TOO_MANY = 422, 429

Paused = Callable[[float, str], None]


def unheard(_seconds: float, _why: str) -> None:
    """Tell nobody of a wait."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a forge answered, with its own words; status 0 where nothing came back."""

    status: int
    words: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Any = None

    @property
    def lost(self) -> bool:
        """Whether nobody knows what became of the call."""
        return self.status == 0 or self.status >= 500  # noqa: PLR2004 - server errors

    @property
    def moved(self) -> bool:
        """Whether it leads elsewhere."""
        return 300 <= self.status < 400  # noqa: PLR2004 - redirects


class Carrier(Protocol):
    """What carries calls to one forge, by its own client library.

    `name` is what people call the forge, `host` where it answers; `needs` says in a sentence what
    the token must be.
    """

    name: str
    needs: str
    host: str
    token: str

    def carry(self, verb: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Make one call; redirects are not followed, and no error is raised for a status."""

    def limit(self, answer: Answer) -> float | None:
        """Seconds to wait, where a rate limit has refused the call; None otherwise."""


class Api:
    """Calls a forge: tries questions again, waits for rate limits, puts errors in our words.

    Args:
        carrier: carries the calls.
        paused: told of each wait, in seconds, and why.
        patience: seconds to wait for rate limits in all.
        sleep: waits.
    """

    def __init__(
        self,
        carrier: Carrier,
        paused: Paused = unheard,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not re.fullmatch(r"[!-~]+", carrier.token):
            hint = f"Set it anew. {carrier.needs}"
            raise ForgeError(f"the token for {carrier.name} has characters that none has", hint)
        self._carrier = carrier
        self._paused = paused
        self._patience = patience
        self._sleep = sleep
        self._known: dict[str, Answer] = {}

    def recall(self, path: str, *, fine: Container[int] = ()) -> Answer:
        """The answer to a question that needs to be asked once only; see `ask`."""
        if path not in self._known:
            self._known[path] = self.ask("GET", path, fine=fine)
        return self._known[path]

    def ask(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        reading: bool = False,
        fine: Container[int] = (),
    ) -> Answer:
        """Make a call, again where that is safe.

        Args:
            verb: the HTTP method; a GET is always a question.
            path: below the API's address, or a whole URL of its host.
            body: what is sent.
            reading: whether it is a question, which changes nothing.
            fine: statuses that are no error here.
        """
        reading = reading or verb == "GET"
        delays = iter(RETRY_DELAYS if reading else ())
        while True:
            answer = self._once(verb, path, body)
            limit = self._carrier.limit(answer)
            if limit is not None:  # nothing was done, so a write may be tried again as well
                self._wait_for_limit(limit)
            elif answer.status in fine or 200 <= answer.status < 300:  # noqa: PLR2004 - success
                return answer
            elif answer.lost:
                delay = next(delays, None)
                if delay is None:
                    raise self._lost(answer, reading=reading)
                self._pause(delay, f"{self._carrier.host} did not answer: {answer.words}")
            else:
                raise self.refusal(answer, writing=not reading)

    def refusal(self, answer: Answer, *, writing: bool = False) -> ForgeError:
        """The error for a call that the forge does not take, with what to do about it."""
        name, needs, status = self._carrier.name, self._carrier.needs, answer.status
        if answer.moved:
            return ForgeError(
                f"{name} sends the call elsewhere ({status}), and the token must not follow",
                "Was the repository renamed, or moved? Set its final address.",
            )
        if status == UNAUTHORISED:
            return ForgeError(f"{name} does not accept the token (401)", f"Is it expired? {needs}")
        if status == FORBIDDEN and writing:
            return ReadOnlyError(f"the token may not write here: {answer.words}", needs)
        hint = needs if status in (FORBIDDEN, NOT_FOUND) else ""
        return ForgeError(f"{name} refuses the call ({status}): {answer.words}", hint)

    def cleaned(self, said: str) -> str:
        """One short line without the token."""
        return quoted(said, self._carrier.token, "[token]")

    @contextmanager
    def understood(self) -> Iterator[None]:
        """What is read of an answer must be there."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ForgeError(
                f"{self._carrier.name} answers otherwise than its API should",
                "Check the API's address.",
            ) from error

    def _once(self, verb: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        answer = self._carrier.carry(verb, path, body)
        said = self.cleaned(answer.words or str(answer.status))
        return Answer(answer.status, said, answer.headers, answer.content)

    def _lost(self, answer: Answer, *, reading: bool) -> ForgeError:
        what = f"{self._carrier.host} did not answer as it should ({answer.words})"
        if reading:
            return ForgeError(what, "Is it up? Behind a proxy, set HTTPS_PROXY.")
        return UnsureError(
            f"{what}; nobody knows whether it did what it was asked", "Run it again."
        )

    def _wait_for_limit(self, seconds: float) -> None:
        host = self._carrier.host
        if seconds > self._patience:
            end = datetime.fromtimestamp(time.time() + seconds, UTC)
            raise ForgeError(
                f"the rate limit of {host} is reached; it ends at {end:%H:%M} UTC",
                "Run it again after that.",
            )
        self._patience -= seconds
        self._pause(seconds, f"the rate limit of {host} is reached")

    def _pause(self, seconds: float, why: str) -> None:
        self._paused(seconds, why)
        self._sleep(seconds)


def check_host(api_url: str, graphql_url: str) -> None:
    """See that both APIs are of one host: the token goes to either.

    Raises:
        ForgeError: they are not.
    """
    if urlsplit(graphql_url)[:2] != urlsplit(api_url)[:2]:
        raise ForgeError(f"{graphql_url} and {api_url} are not of one host")


def bounded(seconds: float) -> float:
    """A time to wait as it is believed: a second at least, a day at most."""
    return min(max(seconds, 1.0), 86_400.0)


def nodes(connection: Mapping[str, Any] | None) -> list[Any]:
    """The entries of a list in GraphQL, which may be null, and so may each of them."""
    return [node for node in (connection or {}).get("nodes") or () if node]
