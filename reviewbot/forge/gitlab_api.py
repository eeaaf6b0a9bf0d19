"""Calls to GitLab, as python-gitlab carries them.

python-gitlab keeps the connection, with the token, TLS and proxies. What is asked is built by the
caller; python-gitlab's own tries and waits are off, as nobody is told of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
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
    Answer,
    bounded,
)
from reviewbot.models import number as parsed

if TYPE_CHECKING:
    import requests

NEEDS = (
    "Make a project or group access token with the role Developer and the scope api "
    "(Settings > Access tokens), and put it into the masked variable GITLAB_TOKEN."
)
_API = "/api/v4"


class Carrier:
    """Carries calls to GitLab; see `reviewbot.forge.api.Carrier`.

    Args:
        url: the REST API, as `https://gitlab.com/api/v4`.
        token: who asks.
        authorities: the path of a file with the certificates to trust; empty for the usual ones.
    """

    name = "GitLab"

    def __init__(self, url: str, token: str, authorities: str = "") -> None:
        import gitlab  # noqa: PLC0415 - slow, and not needed for --help
        import requests  # noqa: PLC0415

        if urlsplit(url).scheme not in ("https", "http") or not url.endswith(_API):
            raise ForgeError(f"'{url}' is no address of GitLab's API", "Set CI_API_V4_URL.")
        if authorities and not Path(authorities).is_file():
            raise ForgeError(
                f"there is no file {authorities} with certificates", "Check CI_SERVER_TLS_CA_FILE."
            )
        self.host = urlsplit(url).netloc
        self.token = token
        self._answers: list[requests.Response] = []
        session = requests.Session()
        session.max_redirects = 0  # the token goes to this host only
        session.hooks["response"].append(self._keep)
        self._gitlab = gitlab.Gitlab(
            url.removesuffix(_API),
            private_token=token,
            ssl_verify=authorities or True,
            timeout=TIMEOUT,
            user_agent=f"reviewbot/{__version__}",
            session=session,
        )

    def _keep(self, response: requests.Response, **_: object) -> None:
        """Keep an answer with its headers: the errors of python-gitlab tell none."""
        self._answers = [response]

    def carry(self, verb: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Make one call."""
        from gitlab.exceptions import GitlabError  # noqa: PLC0415
        from requests import TooManyRedirects  # noqa: PLC0415

        self._answers = []
        sent = None if body is None else dict(body)
        try:
            self._gitlab.http_request(verb, path, post_data=sent, obey_rate_limit=False)
        except (GitlabError, TooManyRedirects):
            pass  # what is wrong stands in the answer
        except OSError as error:  # requests' own are such, and those of certificates
            return Answer(0, type(error).__name__)
        (response,) = self._answers
        try:
            content = response.json() if response.content else None
        except ValueError:
            content = None
        return Answer(response.status_code, words(content), response.headers, content)

    def limit(self, answer: Answer) -> float | None:
        """Seconds to wait, where a rate limit has refused the call; None otherwise."""
        if answer.status != TOO_MANY:
            return None
        return bounded(parsed(answer.headers.get("retry-after")) or LIMIT_DELAY)

    def refusal(self, answer: Answer, *, writing: bool) -> ForgeError:
        """The error for a call that GitLab does not take, with what to do about it."""
        if answer.status == UNAUTHORISED:
            return ForgeError("GitLab does not accept the token (401)", f"Is it expired? {NEEDS}")
        if answer.status == FORBIDDEN and writing:
            return ReadOnlyError(f"the token may not write here: {answer.words}", NEEDS)
        hint = NEEDS if answer.status in (FORBIDDEN, NOT_FOUND) else ""
        return ForgeError(f"GitLab refuses the call ({answer.status}): {answer.words}", hint)


def words(content: object) -> str:
    """GitLab's own messages in an error, and nothing else of it."""
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors")
    listed = [words(each) for each in errors] if isinstance(errors, list) else []
    said = [content.get(name) for name in ("message", "error", "error_description")]
    return ": ".join(str(each) for each in (*said, *listed) if each)
