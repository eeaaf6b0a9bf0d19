"""A GitLab on loopback with a real git repository, to be spoken to by python-gitlab and by git.

It keeps state, and refuses what GitLab refuses: `fake_gitlab_state` is what tests set up and look
at, `fake_gitlab_rules` says where a comment may stand and which lines are quick actions,
`fake_gitlab_rest` and `fake_gitlab_graphql` answer, and `fake_forge` carries their answers.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from conftest import Repo
from fake_forge import REPOSITORY, Answer, Call, bare_origin, running
from fake_gitlab_graphql import graphql
from fake_gitlab_rest import UNAUTHORIZED, rest
from fake_gitlab_state import BOT, Draft, FakeGitLab, MergeRequest, Note, Thread

__all__ = [
    "BOT",
    "REPOSITORY",
    "Call",
    "Draft",
    "FakeGitLab",
    "MergeRequest",
    "Note",
    "Thread",
    "rate_limit",
    "serving",
]


def rate_limit(seconds: int = 1) -> dict[str, Any]:
    """What `fail` takes for calls that come too fast."""
    headers = {"Retry-After": str(seconds), "Content-Type": "text/plain"}
    return {"status": 429, "headers": headers, "body": b"Retry later\n"}


@contextmanager
def serving(
    repo: Repo, *, root: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[FakeGitLab]:
    """Run one while the block runs; at its end no place in a diff must have been a wrong one.

    Args:
        repo: where tests commit.
        root: the path below which all of it lives, as `/gitlab`.
        tls: for https.
    """
    lab = FakeGitLab(repo, bare_origin(repo), root=root)
    with running(lab, partial(_done, lab), tls):
        yield lab


def _done(lab: FakeGitLab, call: Call) -> Answer:
    secret = _secret(call)
    token = lab.tokens.get(secret)
    if call.path == "/api/graphql":
        if secret and (token is None or token.access == "job"):
            return Answer(401, {"errors": [{"message": "Invalid token"}]})
        return graphql(lab, token, call)
    return rest(lab, token, call) if token else Answer(401, UNAUTHORIZED)


def _secret(call: Call) -> str:
    """The token of a call, from any of the headers that GitLab reads."""
    kind, _, bearer = call.headers.get("authorization", "").partition(" ")
    named = call.headers.get("private-token") or call.headers.get("job-token")
    return named or (bearer if kind.lower() == "bearer" else "")
