"""LiteLLM's routes for users and keys on loopback, as version 1.106 answers them, with a state."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wire import Answer, Call

MASTER = "-".join(("sk", "master", "0123456789abcdef"))
CREATED = "2026-01-01T00:00:00.000000Z"
EXPIRES = "2126-04-01T00:00:00.000000Z"
MODELS = ("claude-sonnet", "claude-haiku", "bedrock/*")


def refused(status: int, message: str, kind: str = "internal_server_error") -> Answer:
    return Answer({"error": {"message": message, "type": kind, "code": str(status)}}, status)


@dataclass
class Trouble:
    """What goes wrong with a call: its answer, in place of the effect or after it."""

    route: str
    answer: Answer
    after: bool
    passed: int  # calls to let through before


@dataclass
class FakeProxy:
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)  # by token
    secrets: list[str] = field(default_factory=list)  # of all keys that were ever made
    calls: list[Call] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    meanwhile: Callable[[Call], None] = lambda _: None

    def fail(self, route: str, answer: Answer, *, after: bool = False, passed: int = 0) -> None:
        """Break a call to this route, before or after it has had its effect."""
        self.troubles.append(Trouble(route, answer, after, passed))

    def react(self, call: Call) -> Answer:
        self.calls.append(call)
        self.meanwhile(call)
        url = urlsplit(call.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        trouble = self._trouble(url.path)
        if trouble and not trouble.after:
            return trouble.answer
        answer = self._answer(url.path, call.body or query, call.headers.get("authorization", ""))
        return trouble.answer if trouble else answer

    @property
    def changes(self) -> list[str]:
        """The routes that were told to change something."""
        return [call.path for call in self.calls if call.verb == "POST"]

    def key_of(self, user: str) -> dict[str, Any]:
        (key,) = [key for key in self.keys.values() if key["user_id"] == user]
        return key

    def works(self, secret: str) -> bool:
        return _token(secret) in self.keys

    def _trouble(self, route: str) -> Trouble | None:
        for trouble in self.troubles:
            if re.fullmatch(trouble.route, route):
                if trouble.passed == 0:
                    self.troubles.remove(trouble)
                    return trouble
                trouble.passed -= 1
        return None

    def _answer(self, route: str, said: dict[str, Any], authorization: str) -> Answer:
        secret = authorization.removeprefix("Bearer ")
        if secret == MASTER:
            return getattr(self, "_" + route.strip("/").replace("/", "_"))(said)  # type: ignore[no-any-return]
        key = self.keys.get(_token(secret))
        if key is None:
            words = f"Invalid proxy server token passed. Received API Key = {secret}"
            return refused(401, words, "token_not_found_in_db")
        if route == "/key/info":
            info = {name: value for name, value in key.items() if name != "token"}
            return Answer({"key": key["token"], "info": info})
        if route == "/user/info":
            return self._user_info({"user_id": key["user_id"]})
        return refused(401, f"Only proxy admin can be used. Route={route}", "auth_error")

    # --- routes -------------------------------------------------------------------------------

    def _user_new(self, said: dict[str, Any]) -> Answer:
        assert said.pop("auto_create_key") is False
        if said["user_id"] in self.users:
            return refused(409, f"{{'error': 'User with id {said['user_id']} already exists'}}")
        self.users[said["user_id"]] = {"spend": 0.0, **said}
        return Answer({**said, "key": ""})

    def _user_update(self, said: dict[str, Any]) -> Answer:
        self.users[said["user_id"]] |= said
        return Answer({"user_id": said["user_id"], "data": said})

    def _user_info(self, said: dict[str, Any]) -> Answer:
        user = self.users.get(said["user_id"])
        if user is None:
            return refused(404, f"User {said['user_id']} not found")
        return Answer({"user_id": said["user_id"], "user_info": user, "keys": []})

    def _key_list(self, said: dict[str, Any]) -> Answer:
        # Some versions also list aliases that only contain this one.
        found = [key for key in self.keys.values() if said["key_alias"] in key["key_alias"]]
        return Answer({"keys": found, "total_count": len(found)})

    def _key_generate(self, said: dict[str, Any]) -> Answer:
        if any(key["key_alias"] == said["key_alias"] for key in self.keys.values()):
            return refused(400, f"Key with alias '{said['key_alias']}' already exists.")
        secret = f"sk-{len(self.secrets):04}-{'k' * 16}"
        self.secrets.append(secret)
        token = _token(secret)
        times = {"created_at": CREATED, "expires": EXPIRES if "duration" in said else None}
        name = f"sk-...{secret[-4:]}"
        self.keys[token] = {"token": token, "key_name": name, "spend": 0.0, **times, **said}
        return Answer({"key": secret, **self.keys[token]})

    def _key_update(self, said: dict[str, Any]) -> Answer:
        token = said.pop("key")
        self.keys[token] |= said
        return Answer({"key": token, **self.keys[token]})

    def _key_delete(self, said: dict[str, Any]) -> Answer:
        gone = [self.keys.pop(token, None) for token in said["keys"]]
        if not any(gone):
            return refused(404, "{'error': 'No keys found'}")
        return Answer({"deleted_keys": said["keys"]})

    def _v1_models(self, _: dict[str, Any]) -> Answer:
        return Answer({"data": [{"id": name} for name in MODELS]})


def _token(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def not_found() -> Answer:
    """What a server answers that is no LiteLLM."""
    return Answer(json.dumps({"detail": "Not Found"}), 404)
