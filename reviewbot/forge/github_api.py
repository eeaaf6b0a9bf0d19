"""Calls to GitHub, as PyGithub carries them.

PyGithub keeps the connection, with the token, TLS and proxies. What is asked is built by the
caller, so that nothing is fetched that is not needed; PyGithub's own tries are off, as they repeat
writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from reviewbot import __version__
from reviewbot.errors import ForgeError, ReadOnlyError
from reviewbot.forge.api import (
    FORBIDDEN,
    LIMIT_DELAY,
    NOT_FOUND,
    TIMEOUT,
    TOO_MANY,
    UNAUTHORISED,
    UNPROCESSABLE,
    Answer,
    bounded,
)
from reviewbot.models import number as parsed

_NEEDS = "It needs pull-requests: write and contents: read; statuses: write where a status is set."
_LIMIT_WORDS = ("rate limit", "abuse detection", "submitted too quickly")
_GRAPHQL_STATUS = {
    "FORBIDDEN": FORBIDDEN,
    "INSUFFICIENT_SCOPES": FORBIDDEN,
    "NOT_FOUND": NOT_FOUND,
    "RATE_LIMITED": TOO_MANY,
}


class Carrier:
    """Carries calls to GitHub; see `reviewbot.forge.api.Carrier`.

    Args:
        url: the REST API.
        token: who asks.
    """

    name = "GitHub"

    def __init__(self, url: str, token: str) -> None:
        import github  # noqa: PLC0415 - slow, and not needed for --help

        if not token:
            raise ForgeError("there is no token for GitHub", _NEEDS)
        if urlsplit(url).scheme not in ("https", "http"):
            raise ForgeError(f"'{url}' is no address of GitHub's API", "Set GITHUB_API_URL.")
        self.host = urlsplit(url).netloc
        self.token = token
        self._requester = github.Github(
            auth=github.Auth.Token(token),
            base_url=url,
            timeout=TIMEOUT,
            user_agent=f"reviewbot/{__version__}",
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    def carry(self, verb: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Make one call; GraphQL's errors have the status that the REST API would give."""
        try:
            status, headers, text = self._requester.requestJson(verb, path, input=body)
        except OSError as error:  # requests' own are such, and those of certificates
            return Answer(0, type(error).__name__)
        except RuntimeError:  # a redirect to another host: PyGithub does not follow
            return Answer(301)
        try:
            content = json.loads(text) if text else None
        except ValueError:
            content = None
        errors = content.get("errors") if isinstance(content, dict) and "data" in content else None
        whole = [graphql_status(error) for error in errors or ()]
        if any(each == TOO_MANY or each >= 500 for each in whole):  # noqa: PLR2004 - server errors
            status = max(whole)
        return Answer(status, words(content), headers, content)

    def limit(self, answer: Answer) -> float | None:
        """Seconds to wait, where a rate limit has refused the call; None otherwise."""
        headers = answer.headers
        after = parsed(headers.get("retry-after"))
        spent = headers.get("x-ratelimit-remaining") == "0"
        limited = answer.status == TOO_MANY or (
            answer.status in (FORBIDDEN, UNPROCESSABLE)
            and any(words in answer.words.lower() for words in _LIMIT_WORDS)
        )
        if not limited and not (answer.status == FORBIDDEN and (spent or after is not None)):
            return None
        reset = parsed(headers.get("x-ratelimit-reset"))
        if after is None:
            after = reset - time.time() + 1 if spent and reset else LIMIT_DELAY
        return bounded(after)

    def refusal(self, answer: Answer, *, writing: bool) -> ForgeError:
        """The error for a call that GitHub does not take, with what to do about it."""
        if answer.status == UNAUTHORISED:
            return ForgeError("GitHub does not accept the token (401)", f"Set another. {_NEEDS}")
        if answer.status == FORBIDDEN and writing:
            return ReadOnlyError(f"the token may not write here: {answer.words}", _NEEDS)
        hint = _NEEDS if answer.status in (FORBIDDEN, NOT_FOUND) else ""
        return ForgeError(f"GitHub refuses the call ({answer.status}): {answer.words}", hint)


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
