"""A LiteLLM proxy's own routes for users and keys: the only place that uses the master key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from reviewbot.accounts import Key, Made, User
from reviewbot.connections import connections, never_sent, timeout
from reviewbot.endpoint import Endpoint
from reviewbot.errors import GatewayError
from reviewbot.quoting import quoted
from reviewbot.unreachable import unreachable

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 30.0  # seconds; a proxy may have a slow database

_LOOKS_LIKE_A_KEY = re.compile(r"sk-[\w-]{5,}")
_UNSURE = (
    "Nobody knows whether that had an effect: run it again. A key that was made but not shown is "
    "replaced by `reviewbot keys rotate`."
)
_NO_DATABASE = ("db not connected", "database not connected", "no connected db")
_Told = TypeVar("_Told", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: Mapping[str, Any]
    words: str  # of an error
    kind: str  # of an error

    def says(self, *words: str) -> bool:
        """Whether the error speaks of this."""
        return any(word in self.words.lower() for word in words)


class Management:
    """One proxy, and the key that opens it.

    Args:
        endpoint: where, and with which key.
        key_name: the variable that holds the key, for messages.

    Raises:
        UsageError: the environment allows no connection.
    """

    def __init__(self, endpoint: Endpoint, key_name: str) -> None:
        self.host = endpoint.host
        self._endpoint = endpoint
        self._key_name = key_name
        self._client = _client(endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # --- users --------------------------------------------------------------------------------

    def add_user(self, user: str, settings: Mapping[str, Any]) -> bool:
        """Make a user without any key; False if there is one of that name, who stays as is."""
        body = {"user_id": user, "auto_create_key": False, **settings}
        answer = self._ask("POST", "/user/new", body)
        if answer.status == 409 or answer.says("already exists"):  # noqa: PLR2004 - conflict
            return False
        self._accept(answer)
        return True

    def change_user(self, user: str, settings: Mapping[str, Any]) -> None:
        """Give a user other settings."""
        self._accept(self._ask("POST", "/user/update", {"user_id": user, **settings}))

    def user(self, user: str | None) -> User | None:
        """A user, or the one whom the key in use belongs to."""
        answer = self._ask("GET", "/user/info", {"user_id": user} if user else {})
        if answer.status == 404 and answer.words:  # noqa: PLR2004 - not found
            return None
        told = self._accept(answer).get("user_info")
        return self._read(User, told) if told else None

    # --- keys ---------------------------------------------------------------------------------

    def key(self, alias: str) -> Key | None:
        """The key of this alias, which is unique at a proxy."""
        query = {"key_alias": alias, "return_full_object": "true"}
        told = self._accept(self._ask("GET", "/key/list", query)).get("keys")
        keys = [self._read(Key, entry) for entry in told or ()]
        return next((key for key in keys if key.key_alias == alias), None)  # some also list similar

    def own_key(self) -> Key:
        """What a key may know about itself."""
        told = self._accept(self._ask("GET", "/key/info", {}))
        return self._read(Key, {**(told.get("info") or {}), "token": told.get("key")})

    def make_key(self, settings: Mapping[str, Any]) -> Made:
        """Make a key with exactly these settings."""
        answer = self._ask("POST", "/key/generate", settings)
        if answer.says("already exists"):
            raise GatewayError(
                f"somebody else has just made a key '{settings['key_alias']}' at {self.host}",
                "Look at it with `reviewbot keys info`.",
            )
        return self._read(Made, self._accept(answer))

    def change_key(self, token: str, settings: Mapping[str, Any]) -> None:
        """Give a key other settings."""
        self._accept(self._ask("POST", "/key/update", {"key": token, **settings}))

    def delete_key(self, token: str) -> None:
        """Delete a key; that there is none is as good."""
        answer = self._ask("POST", "/key/delete", {"keys": [token]})
        if not (answer.status == 404 and answer.words):  # noqa: PLR2004 - not found
            self._accept(answer)

    # --- models -------------------------------------------------------------------------------

    def models(self) -> list[str]:
        """The names that a key's list of models may have; patterns with `*`, and groups, too."""
        query = {"include_model_access_groups": "true", "return_wildcard_routes": "true"}
        told = self._accept(self._ask("GET", "/v1/models", query)).get("data")
        return [
            str(entry["id"]) for entry in told or () if isinstance(entry, dict) and "id" in entry
        ]

    # --- asking -------------------------------------------------------------------------------

    def _ask(self, method: str, route: str, content: Mapping[str, Any]) -> _Answer:
        import httpx2  # noqa: PLC0415

        query, body = (content, None) if method == "GET" else (None, content)
        url = self._endpoint.root + route
        try:
            response = self._client.request(method, url, params=query, json=body)
        except httpx2.RequestError as error:
            raise self._unanswered(error, wrote=method != "GET") from None
        return _read_answer(response, self._clean)

    def _unanswered(self, error: httpx2.RequestError, *, wrote: bool) -> GatewayError:
        import httpx2  # noqa: PLC0415

        why = unreachable(self.host, error, self._clean(error), proxied=False)
        if isinstance(error, httpx2.TimeoutException):
            why = GatewayError(f"{self.host} does not answer", why.hint)
        return GatewayError(why.message, _UNSURE) if wrote and not never_sent(error) else why

    def _accept(self, answer: _Answer) -> Mapping[str, Any]:
        """The content of an answer that is no error.

        Raises:
            GatewayError: it is one.
        """
        if answer.status == 200 and answer.content:  # noqa: PLR2004 - it is well
            return answer.content
        raise self._refusal(answer)

    def _refusal(self, answer: _Answer) -> GatewayError:
        """An error answer in our words, with who can do what about it."""
        if answer.says(*_NO_DATABASE):
            return GatewayError(
                f"{self.host} runs without a database, and so without users and keys",
                "Who runs the proxy has to set its DATABASE_URL.",
            )
        if answer.status in (401, 403):
            return self._refused_key(answer)
        if not answer.words:
            return GatewayError(
                f"what {self.host} answers ({answer.status}) is not what a LiteLLM proxy does",
                "Check the address: it should be the proxy's own, and final, not a redirection.",
            )
        return GatewayError(
            f"{self.host} refuses ({answer.status}): {answer.words}",
            "Ask who runs the proxy, or look into its log.",
        )

    def _refused_key(self, answer: _Answer) -> GatewayError:
        master = self._key_name == "LITELLM_MASTER_KEY"
        if answer.kind == "expired_key":
            what = "has expired"
        elif master and answer.says("admin"):
            what = "is no master key"
        else:
            what = "is not accepted"
        hint = "Ask your platform team for another: `reviewbot keys rotate` makes one."
        if master:
            hint = "Who runs the proxy has its master key."
        return GatewayError(f"the key in {self._key_name} {what} at {self.host}", hint)

    def _read(self, kind: type[_Told], told: object) -> _Told:
        try:
            return kind.model_validate(told)
        except ValidationError as error:  # which quotes what it was given
            places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            raise GatewayError(
                f"{self.host} tells of a {kind.__name__.lower()} in a way that is new ({places})",
                "Is it a LiteLLM proxy? This program knows version 1.106.",
            ) from None

    def _clean(self, said: object) -> str:
        """One short line without any key."""
        return _LOOKS_LIKE_A_KEY.sub("[key]", quoted(said, self._endpoint.key))


def _client(endpoint: Endpoint) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {endpoint.key}"}
    return connections(endpoint, headers=headers, timeout=timeout(TIMEOUT))


def _read_answer(response: httpx2.Response, clean: Callable[[object], str]) -> _Answer:
    try:
        content = response.json()
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    error = content.get("error")
    error = error if isinstance(error, dict) else {}
    words = clean(error.get("message") or _detail(content.get("detail")))
    return _Answer(response.status_code, content, words, str(error.get("type") or ""))


def _detail(detail: object) -> object:
    """What is wrong with the request; that there is no such route is said by any server."""
    return "" if detail in (None, "Not Found", "Method Not Allowed") else detail
