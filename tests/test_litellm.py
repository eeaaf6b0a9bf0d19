"""Through a real LiteLLM proxy, with simulated model providers behind it."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_gateway import answered

from reviewbot import change, local
from reviewbot.catalogue import Catalogue
from reviewbot.config import Config
from reviewbot.doctor import examine
from reviewbot.doctor.case import Request
from reviewbot.endpoint import Endpoint
from reviewbot.errors import CallError, GatewayError
from reviewbot.gateway import Gateway
from reviewbot.progress import Progress
from reviewbot.render.diagnosis import Check
from reviewbot.report import Report

NEEDED = ("AI_GATEWAY_URL", "LITELLM_MASTER_KEY", "UPSTREAM_ANSWERS", "UPSTREAM_LOG")
pytestmark = [
    pytest.mark.skipif(
        any(not os.environ.get(name) for name in NEEDED),
        reason="the LiteLLM test gateway does not run",
    ),
    pytest.mark.xdist_group("litellm"),
]
# The gateway is on this machine: no proxy leads to it.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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


@dataclass
class Work:
    """A branch with a mark of its own in the code, by which the proxy's log and answers know it."""

    repo: Repo
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

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What reached the providers for this branch."""
        with Path(os.environ["UPSTREAM_LOG"]).open(encoding="utf-8") as log:
            return [json.loads(line) for line in log if self.mark in line and "protocol" in line]


@pytest.fixture
def work(make_repo: Callable[..., Repo], monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """A branch that adds a line in each of some files; the model finds fault with the first."""
    mark = f"mark_{uuid.uuid4().hex}"
    repo = make_repo("work")
    repo.write("app.py", "one = 1\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    code = "".join(f"value_{number} = {mark}({number})\n" for number in range(150))
    repo.write("app.py", f"one = 1\n{code}")
    repo.commit("work")
    finding = {
        "path": "app.py",
        "line": 2,
        "end_line": 2,
        "quote": f"value_0 = {mark}(0)",
        "severity": "high",
        "confidence": 9,
        "item": "",
        "title": "It is wrong",
        "body": "It fails.",
        "suggestion": "",
    }
    file = Path(os.environ["UPSTREAM_ANSWERS"]) / f"00-{mark}.json"
    file.write_text(json.dumps({"match": mark, "answer": json.loads(answered([finding]))}))
    yield Work(repo, mark, monkeypatch)
    file.unlink()


def test_a_review_reads_the_cache_that_its_first_call_writes(work: Work) -> None:
    report, _ = work.review(make_key())
    assert report.status == "complete"
    assert [(each.path, each.line, len(each.checklists)) for each in report.findings] == [
        ("app.py", 2, 4)
    ]
    used = report.usage
    assert used.calls == len(work.sent) == 4
    assert used.cache_write_tokens > 1024
    assert used.cached_tokens == 3 * used.cache_write_tokens
    assert used.cost_usd
    assert used.models == ("claude-sonnet",)


def test_what_reaches_the_provider(work: Work) -> None:
    work.review(make_key())
    bodies = [call["body"] for call in work.sent]
    assert len({json.dumps(body["outputConfig"]) for body in bodies}) == 1
    assert '\\"findings\\"' in json.dumps(bodies[0]["outputConfig"])
    assert len({json.dumps(body["messages"][0]["content"][:2]) for body in bodies}) == 1
    for body in bodies:
        (message,) = body["messages"]
        shared, point, task = message["content"]
        assert work.mark in shared["text"]
        assert list(point) == ["cachePoint"]
        assert "# Checklist: " in task["text"]
        assert "cachePoint" not in json.dumps(body["system"])


@pytest.mark.parametrize(
    "model", ["claude-opus", "claude-sonnet-direct", "gpt-openai", "gpt-azure", "gemini-flash"]
)
def test_every_provider_answers_in_the_schema(work: Work, model: str) -> None:
    report, _ = work.review(make_key(), model=model, checklists=["security", "style"])
    assert report.status == "complete"
    assert [(each.path, each.line, each.model) for each in report.findings] == [
        ("app.py", 2, model)
    ]
    assert report.usage.calls == 2
    assert report.usage.cost_usd
    assert all('"findings"' in json.dumps(call["body"]) for call in work.sent)


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


@pytest.mark.parametrize(
    ("key", "settings", "words"),
    [
        (expired, {}, "the key has expired"),
        (deleted, {}, "the key is not accepted"),
        (blocked, {}, "the key is blocked"),
        (lambda: "sk-never-made", {}, "the key is not accepted"),
        (lambda: "no-key", {}, "a virtual key begins with sk-"),
        (lambda: make_key(max_budget=0.01, spend=0.02), {}, "the budget of the key is spent"),
        (lambda: make_key(models=["claude-haiku"]), {}, "may not use the model 'claude-sonnet'"),
        (make_key, {"model": "claude-sonet"}, "the gateway has no model 'claude-sonet'"),
        (make_key, {"model": "claude-unconfigured"}, "its provider refuses the gateway"),
        (lambda: make_key(tpm_limit=3000), {}, "no change fits into what is left"),
    ],
)
def test_a_key_that_will_not_do(
    work: Work, key: Callable[[], str], settings: dict[str, object], words: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        work.review(key(), **settings)
    assert not isinstance(caught.value, CallError)
    assert words in caught.value.message
    assert caught.value.hint
    assert work.sent == []


def test_an_unknown_model_is_told_apart_by_a_hint(work: Work) -> None:
    with pytest.raises(GatewayError) as caught:
        work.review(make_key(), model="claude-sonet")
    assert "claude-sonnet" in caught.value.hint


# --- the doctor ---------------------------------------------------------------------------------


def seen(work: Work, key: str, **settings: object) -> dict[str, Check]:
    """What the doctor finds, by the names of the checks."""
    environment = {"AI_GATEWAY_URL": os.environ["AI_GATEWAY_URL"], "LITELLM_API_KEY": key}
    overrides = {name: ("test", value) for name, value in settings.items()}
    diagnosis = examine(Request(work.repo.folder, environment, overrides))
    assert key not in diagnosis.to_json()
    assert work.sent == []
    return {check.name: check for check in diagnosis.checks}


def test_the_doctor_finds_nothing_wrong(work: Work) -> None:
    found = seen(work, make_key(max_budget=5.0, tpm_limit=100_000, rpm_limit=60, duration="30d"))
    assert {check.status for check in found.values()} == {"ok", "skipped"}
    assert found["gateway"].words == "LiteLLM is ready, its database is connected"
    assert found["budget"].words == "$5.00 of $5.00 are left on the key"
    assert found["limits"].words.startswith("60 calls a minute, 100,000 tokens a minute")
    assert found["models"].words == "claude-sonnet (window 200,000)"
    assert "claude-sonnet $3.00 in and $15.00 out" in found["prices"].words


def of_a_poor_user() -> str:
    """A key of somebody whose budget for all keys is spent, which the key itself does not tell."""
    name = f"user-{uuid.uuid4().hex}"
    administer("/user/new", user_id=name, max_budget=0.01, auto_create_key=False)
    administer("/user/update", user_id=name, spend=0.02)
    return make_key(user_id=name)


@pytest.mark.parametrize(
    ("key", "settings", "name", "status", "words"),
    [
        (expired, {}, "key", "failed", "the key has expired"),
        (deleted, {}, "key", "failed", "the key is not accepted"),
        (blocked, {}, "key", "failed", "the key is blocked"),
        (lambda: "no-key", {}, "key", "failed", "a virtual key begins with sk-"),
        (lambda: make_key(duration="3d"), {}, "expiry", "warning", "the key expires on "),
        (
            lambda: make_key(max_budget=0.01, spend=0.02, budget_duration="30d"),
            {},
            "budget",
            "failed",
            "nothing is left of $0.01; it is reset on ",
        ),
        (lambda: make_key(max_budget=9, spend=8.5), {}, "budget", "warning", "$0.50 of $9.00"),
        (lambda: make_key(max_budget=0.1), {}, "budget", "warning", "a usual change costs about"),
        (of_a_poor_user, {}, "budget", "failed", "for all your keys is spent"),
        (lambda: make_key(tpm_limit=3000), {}, "limits", "failed", "3,000 tokens a minute"),
        (lambda: make_key(rpm_limit=2), {}, "limits", "warning", "2 calls a minute"),
        (lambda: make_key(max_parallel_requests=1), {}, "limits", "warning", "1 call at a time"),
        (lambda: make_key(models=["claude-haiku"]), {}, "models", "failed", "no claude-sonnet"),
        (make_key, {"model": "claude-sonet"}, "models", "failed", "no claude-sonet"),
    ],
)
def test_what_the_doctor_finds(
    work: Work,
    *,
    key: Callable[[], str],
    settings: dict[str, object],
    name: str,
    status: str,
    words: str,
) -> None:
    check = seen(work, key(), **settings)[name]
    assert (check.status, check.code) == (status, 4 if status == "failed" else 0)
    assert words in check.words
    assert check.remedy


@pytest.mark.parametrize(
    ("allowed", "names"),
    [([], {"claude-sonnet", "gpt-openai"}), (["claude-haiku"], {"claude-haiku"})],
)
def test_the_models_of_a_key(allowed: list[str], names: set[str]) -> None:
    place = Endpoint(f"{os.environ['AI_GATEWAY_URL']}/v1", make_key(models=allowed))
    with Gateway(place, 20.0) as gateway:
        catalogue = Catalogue.of(gateway, {"claude-haiku": ("style",)})
    may = {each.model.name for each in catalogue.entries if each.allowed}
    assert names <= may
    (chosen,) = [each for each in catalogue.entries if each.read_by]
    assert (chosen.model.name, chosen.model.longest_answer) == ("claude-haiku", 64_000)
    assert (chosen.model.takes_schemas, chosen.model.caches) == (True, True)


def test_a_usual_key_gets_through_a_larger_branch(work: Work) -> None:
    for number in range(20):
        lines = "".join(f"value_{line} = {work.mark}({number})\n" for line in range(20))
        work.repo.write(f"file_{number}.py", lines)
    work.repo.commit("more")
    report, _ = work.review(make_key(tpm_limit=100_000, rpm_limit=60))
    assert report.status == "complete"
    assert {entry.status for entry in report.coverage} == {"reviewed"}
    assert len({entry.path for entry in report.coverage}) == 21
