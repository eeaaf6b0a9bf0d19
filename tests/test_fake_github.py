"""The rules of the GitHub that other tests rely on, under the real PyGithub and the real git."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import github
import pytest
from conftest import Repo
from fake_github import BOT, REPOSITORY, FakeGitHub, Pull, serving
from github.PullRequest import PullRequest

BASE = "".join(f"line {number}\n" for number in range(1, 41))
CHANGED = BASE.replace("line 5\n", "five\n").replace("line 30\n", "thirty\n")


@pytest.fixture
def hub(repo: Repo) -> Iterator[FakeGitHub]:
    """A GitHub with a branch that changes lines 5 and 30 of a file, and adds a file."""
    repo.write("shop.py", BASE)
    repo.write("other.py", BASE)
    repo.commit()
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("shop.py", CHANGED)
    repo.write("new.py", "one\ntwo\n")
    repo.commit()
    with serving(repo) as hub:
        yield hub


@pytest.fixture
def pull(hub: FakeGitHub) -> Pull:
    return hub.open_pull()


def client(hub: FakeGitHub, **values: Any) -> github.Github:
    auth = github.Auth.Token(hub.token(**values))
    return github.Github(
        auth=auth,
        base_url=hub.url,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


def seen(hub: FakeGitHub, **values: Any) -> PullRequest:
    return client(hub, **values).get_repo(REPOSITORY).get_pull(1)


def at(line: int, body: str = "Hm.", **values: Any) -> Any:
    return {"path": "shop.py", "body": body, "line": line, "side": "RIGHT", **values}


def test_a_review_is_posted(hub: FakeGitHub, pull: Pull) -> None:
    review = seen(hub).create_review(
        body="Two.",
        event="COMMENT",
        comments=[at(8), at(30, side="LEFT"), at(6, start_line=4, start_side="RIGHT")],
    )
    assert review.state == "COMMENTED"
    assert [(each.side, each.start_line, each.line) for each in pull.threads] == [
        ("RIGHT", None, 8),
        ("LEFT", None, 30),
        ("RIGHT", 4, 6),
    ]
    assert [each.kind for each in hub.notifications] == ["review"]
    assert pull.threads[0].author == BOT
