"""Calls to GitHub's API: questions tried again, rate limits waited for, errors in our words.

PyGithub keeps the connection, with the token, TLS and proxies. What is asked is built by the
caller, so that nothing is fetched that is not needed; PyGithub's own tries are off, as they repeat
writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from reviewbot import __version__
from reviewbot.errors import ForgeError, ReadOnlyError, UnsureError
from reviewbot.models import number as parsed
from reviewbot.text import visible

TIMEOUT = 30  # seconds; GitHub itself gives up after 10
RETRY_DELAYS = (1.0, 2.0)  # seconds before another try of a question that got no answer
LIMIT_DELAY = 60.0  # seconds to wait where a rate limit names no time, as GitHub's documents say
PATIENCE = 180.0  # seconds to wait for rate limits in all

_NEEDS = "It needs pull-requests: write and contents: read; statuses: write where a status is set."
_LIMIT_WORDS = ("rate limit", "abuse detection", "submitted too quickly")
_UNAUTHORISED, FORBIDDEN, NOT_FOUND, UNPROCESSABLE, _TOO_MANY = 401, 403, 404, 422, 429
_GRAPHQL_STATUS = {
    "FORBIDDEN": FORBIDDEN,
    "INSUFFICIENT_SCOPES": FORBIDDEN,
    "NOT_FOUND": NOT_FOUND,
    "RATE_LIMITED": _TOO_MANY,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered, with its own words; status 0 where nothing came back."""

    status: int
    words: str
    headers: Mapping[str, str]
    content: Any


class Api:
    """Calls GitHub: tries questions again, waits for rate limits, puts errors in our words."""

    def __init__(
        self,
        url: str,
        token: str,
        paused: Callable[[float, str], None],
        patience: float,
        sleep: Callable[[float], None],
    ) -> None:
        import github  # noqa: PLC0415 - slow, and not needed for --help

        if not token:
            raise ForgeError("there is no token for GitHub", _NEEDS)
        if urlsplit(url).scheme not in ("https", "http"):
            raise ForgeError(f"'{url}' is no address of GitHub's API", "Set GITHUB_API_URL.")
        self._host = urlsplit(url).netloc
        self._token = token
        self._paused = paused
        self._patience = patience
        self._sleep = sleep
        self._requester = github.Github(
            auth=github.Auth.Token(token),
            base_url=url,
            timeout=TIMEOUT,
            user_agent=f"reviewbot/{__version__}",
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

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
            limit = _limit(answer)
            if limit is not None:  # nothing was done, so a write may be tried again as well
                self._wait_for_limit(limit)
            elif answer.status in fine or 200 <= answer.status < 300:  # noqa: PLR2004 - success
                return answer
            elif answer.status == 0 or answer.status >= 500:  # noqa: PLR2004 - server errors
                delay = next(delays, None)
                if delay is None:
                    raise self._lost(answer, reading=reading)
                self._pause(delay, f"{self._host} did not answer: {answer.words}")
            else:
                raise refusal(answer.status, answer.words, writing=not reading)

    def _once(self, verb: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        from requests import RequestException  # noqa: PLC0415

        try:
            status, headers, text = self._requester.requestJson(verb, path, input=body)
        except RequestException as error:
            return Answer(0, type(error).__name__, {}, None)
        except RuntimeError:  # a redirect to another host: PyGithub does not follow
            raise refusal(301, "") from None
        try:
            content = json.loads(text) if text else None
        except ValueError:
            content = None
        errors = content.get("errors") if isinstance(content, dict) and "data" in content else None
        whole = [graphql_status(error) for error in errors or ()]
        if any(each == _TOO_MANY or each >= 500 for each in whole):  # noqa: PLR2004 - server errors
            status = max(whole)
        return Answer(status, self.cleaned(words(content) or str(status)), headers, content)

    def _lost(self, answer: Answer, *, reading: bool) -> ForgeError:
        what = f"{self._host} did not answer as it should ({answer.words})"
        if reading:
            return ForgeError(what, "Is it up? Behind a proxy, set HTTPS_PROXY.")
        return UnsureError(
            f"{what}; nobody knows whether it did what it was asked", "Run it again."
        )

    def _wait_for_limit(self, seconds: float) -> None:
        if seconds > self._patience:
            end = datetime.fromtimestamp(time.time() + seconds, UTC)
            raise ForgeError(
                f"the rate limit of {self._host} is reached; it ends at {end:%H:%M} UTC",
                "Run it again after that.",
            )
        self._patience -= seconds
        self._pause(seconds, f"the rate limit of {self._host} is reached")

    def _pause(self, seconds: float, why: str) -> None:
        self._paused(seconds, why)
        self._sleep(seconds)

    def cleaned(self, said: str) -> str:
        """One short line without the token."""
        return visible(" ".join(said.split())).replace(self._token, "[token]")[:200]


def words(content: object) -> str:
    """GitHub's own messages in an error, and nothing else of it."""
    if not isinstance(content, dict):
        return content if isinstance(content, str) else ""
    errors = content.get("errors")
    said = [content.get("message"), *map(words, errors if isinstance(errors, list) else ())]
    return ": ".join(str(each) for each in said if each)


def graphql_status(error: Mapping[str, Any]) -> int:
    """The HTTP status that the REST API would have given."""
    if "something went wrong" in words(error).lower():
        return 502
    return _GRAPHQL_STATUS.get(str(error.get("type")), 400)


def _limit(answer: Answer) -> float | None:
    """Seconds to wait, where a rate limit has refused the call; None otherwise."""
    headers = answer.headers
    after = parsed(headers.get("retry-after"))
    spent = headers.get("x-ratelimit-remaining") == "0"
    limited = answer.status == _TOO_MANY or (
        answer.status in (FORBIDDEN, UNPROCESSABLE)
        and any(words in answer.words.lower() for words in _LIMIT_WORDS)
    )
    if not limited and not (answer.status == FORBIDDEN and (spent or after is not None)):
        return None
    reset = parsed(headers.get("x-ratelimit-reset"))
    if after is None:
        after = reset - time.time() + 1 if spent and reset else LIMIT_DELAY
    return min(max(after, 1.0), 86_400.0)


def refusal(status: int, words: str, *, writing: bool = False) -> ForgeError:
    """The error for a call that GitHub does not take, with what to do about it."""
    if status == _UNAUTHORISED:
        return ForgeError("GitHub does not accept the token (401)", f"Set another. {_NEEDS}")
    if status == FORBIDDEN and writing:
        return ReadOnlyError(f"the token may not write here: {words}", _NEEDS)
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return ForgeError(
            f"GitHub sends the call elsewhere ({status}), and the token must not follow",
            "Was the repository renamed, or moved? Set its final address.",
        )
    hint = _NEEDS if status in (FORBIDDEN, NOT_FOUND) else ""
    return ForgeError(f"GitHub refuses the call ({status}): {words}", hint)


@contextmanager
def understood() -> Iterator[None]:
    """What is read of an answer must be there."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ForgeError(
            "GitHub answers otherwise than its API should", "Check the API's address."
        ) from error
