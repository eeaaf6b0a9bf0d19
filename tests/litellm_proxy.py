"""A real LiteLLM proxy, with simulated model providers behind it, as the tests use it."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from fake_gateway import answered

from reviewbot import change, local
from reviewbot.config import Config
from reviewbot.progress import Progress
from reviewbot.report import Report

NEEDED = ("AI_GATEWAY_URL", "LITELLM_MASTER_KEY", "UPSTREAM_ANSWERS", "UPSTREAM_LOG")
MARKS = [
    pytest.mark.skipif(
        any(not os.environ.get(name) for name in NEEDED),
        reason="the LiteLLM test gateway does not run",
    ),
    pytest.mark.xdist_group("litellm"),
]
# The gateway is on this machine: no proxy leads to it.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Folder(Protocol):
    """What is needed of a repository."""

    folder: Path

    def git(self, *arguments: str) -> str:
        """Run git here."""

    def write(self, path: str, content: str) -> Path:
        """Write a file."""

    def commit(self, message: str) -> str:
        """Commit everything that lies in the working tree."""


def administer(route: str, **body: object) -> Any:
    """Use one of the proxy's routes with the master key."""
    headers = {
        "Authorization": f"Bearer {os.environ['LITELLM_MASTER_KEY']}",
        "Content-Type": "application/json",
    }
    url = os.environ["AI_GATEWAY_URL"] + route
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with _HTTP.open(request, timeout=60) as response:
        return json.load(response)


def make_key(**limits: object) -> str:
    return str(administer("/key/generate", **limits)["key"])


def expired() -> str:
    return make_key(duration="0s")


def deleted() -> str:
    key = make_key()
    administer("/key/delete", keys=[key])
    return key


def blocked() -> str:
    key = make_key()
    administer("/key/block", key=key)
    return key


@dataclass
class Work:
    """A branch with a mark of its own in the code, by which the proxy's log and answers know it."""

    repo: Folder
    mark: str
    monkeypatch: pytest.MonkeyPatch

    def review(self, key: str, **settings: object) -> tuple[Report, Config]:
        wish = local.Wish(
            span=lambda repository: change.branch(repository, "main", "HEAD"),
            patch=None,
            overrides={name: ("test", value) for name, value in settings.items()},
        )
        environment = {"AI_GATEWAY_URL": os.environ["AI_GATEWAY_URL"], "LITELLM_API_KEY": key}
        self.monkeypatch.chdir(self.repo.folder)
        with Path(os.devnull).open("w") as nowhere:
            return local.review(wish, environment, Progress(nowhere))

    def answers(self, **answer: object) -> None:
        """Have the models answer this from now on."""
        self.file.write_text(json.dumps({"match": self.mark, **answer}))

    @property
    def file(self) -> Path:
        """What the simulated providers read their answer from."""
        return Path(os.environ["UPSTREAM_ANSWERS"]) / f"00-{self.mark}.json"

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What reached the providers for this branch, model calls or not."""
        with Path(os.environ["UPSTREAM_LOG"]).open(encoding="utf-8") as log:
            return [json.loads(line) for line in log if self.mark in line]


@contextmanager
def branch(repo: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """A branch that adds many lines to a file; the model finds fault with the first."""
    work = Work(repo, f"mark_{uuid.uuid4().hex}", monkeypatch)
    repo.write("app.py", "one = 1\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    code = "".join(f"value_{number} = {work.mark}({number})\n" for number in range(150))
    repo.write("app.py", f"one = 1\n{code}")
    repo.commit("work")
    finding = {
        "path": "app.py",
        "line": 2,
        "end_line": 2,
        "quote": f"value_0 = {work.mark}(0)",
        "severity": "high",
        "confidence": 9,
        "item": "",
        "title": "It is wrong",
        "body": "It fails.",
        "suggestion": "",
    }
    work.answers(answer=json.loads(answered([finding])))
    try:
        yield work
    finally:
        work.file.unlink()
