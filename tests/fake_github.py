"""A GitHub on loopback with a real git repository, to be spoken to by PyGithub and by git.

It keeps state, and refuses what GitHub refuses: `fake_github_state` is what tests set up and look
at, `fake_github_rules` says where a comment may stand, `fake_github_rest` and `fake_github_graphql`
answer, and `fake_forge` carries their answers, and serves git.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from conftest import Repo
from fake_forge import REPOSITORY, Answer, Call, bare_origin, running
from fake_github_graphql import graphql
from fake_github_rest import rest
from fake_github_state import BOT, Comment, FakeGitHub, Pull, Thread

__all__ = [
    "BOT",
    "REPOSITORY",
    "Call",
    "Comment",
    "FakeGitHub",
    "Pull",
    "Thread",
    "primary_limit",
    "secondary_limit",
    "serving",
]


def secondary_limit(seconds: int = 1, status: int = 403) -> dict[str, Any]:
    """What `fail` takes for calls that come too fast."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes."
    headers = {"Retry-After": str(seconds)}
    return {"status": status, "headers": headers, "body": {"message": message}}


def primary_limit(seconds: int = 1, status: int = 403) -> dict[str, Any]:
    """What `fail` takes where the calls of this hour are spent."""
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(time.time()) + seconds),
    }
    message = "API rate limit exceeded for installation ID 1."
    return {"status": status, "headers": headers, "body": {"message": message}}


@contextmanager
def serving(repo: Repo) -> Iterator[FakeGitHub]:
    """Run one while the block runs; at its end nothing must have broken the official schema."""
    hub = FakeGitHub(repo, bare_origin(repo))
    with running(hub, partial(_done, hub)):
        yield hub


def _done(hub: FakeGitHub, call: Call) -> Answer:
    kind, _, secret = call.headers.get("authorization", "").partition(" ")
    token = hub.tokens.get(secret) if kind.lower() in ("bearer", "token") else None
    if token is None:
        return Answer(401, {"message": "Bad credentials"})
    if call.path == "/graphql":
        return graphql(hub, token, call)
    return rest(hub, token, call)
