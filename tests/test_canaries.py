"""A canary in each place that a secret can stand in: it comes out nowhere, in no form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attacks
import pytest
from attacks import (
    BASE_SETTINGS,
    CANARIES,
    DOORS,
    HONEST,
    HOSTILE,
    Answers,
    Attack,
    Door,
    Played,
    Scene,
    answers,
    at,
    content,
    forms,
    gullible,
    with_lines,
)
from builders import token
from conftest import Repo
from fake_gateway import FakeGateway, failed, page

from reviewbot import crash

CANARY = token(15)
DIFF = """\
diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -3,3 +3,4 @@ def total(cart):
     sum = 0
-    for item in cart:
+    for item in cart.items:
+        sum += item.price
     return sum
diff --git a/shop/mail.py b/shop/mail.py
--- a/shop/mail.py
+++ b/shop/mail.py
@@ -1,1 +1,2 @@
 import smtp
+import ssl
"""


@contextmanager
def opened(
    name: str, fake: FakeGateway, folder: Path, attack: Attack | None = None, diff: str = DIFF
) -> Iterator[tuple[Door, Scene]]:
    """One of the doors, to a change that holds the attack."""
    fake.be_litellm(max_budget=10.0, spend=1.0)
    repo, scene = Repo(folder / "work"), Scene.of(diff)
    scene.commit(repo, attack)
    with DOORS[name](repo, fake, folder) as door:
        yield door, scene


def stays_in(played: Played) -> None:
    """The canary, and those of the environment, are in nothing that leaves."""
    assert played.calls or played.code == 4
    for value in (CANARY, *CANARIES.values()):
        for form in forms(value):
            assert form not in played.let_out


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize(
    ("place", "payload"),
    [
        ("dif", "+TOKEN = '{}'"),
        ("file", " TOKEN = '{}'"),
        ("removed", "-TOKEN = '{}'"),
        ("title", "Use {}"),
        ("description", "It works with {}."),
        ("branch", "try-{}"),
        ("commit_message", "Use {}"),
        ("author_name", "{}"),
        ("label", "{}"),
        ("existing_comment", "Try it with {}"),
    ],
)
def test_what_the_author_has_written(
    name: str, place: str, payload: str, fake: FakeGateway, tmp_path: Path
) -> None:
    payload = payload.format(CANARY)
    in_lines = place in ("diff", "file", "removed")
    attack = Attack(place, "diff_line" if in_lines else place, payload)
    diff = with_lines(DIFF, payload) if in_lines else DIFF
    with opened(name, fake, tmp_path, attack, diff) as (door, scene):
        played = door.play(gullible(scene, attack), attack)
    stays_in(played)
    if place == "diff":
        assert "[redacted:github-token]" in "".join(played.prompts)


@pytest.mark.parametrize("name", DOORS)
def test_what_the_configuration_says(
    name: str, fake: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = f"path_instructions: [{{path: '*.py', instructions: 'Try {CANARY}'}}]\n"
    monkeypatch.setattr(attacks, "BASE_SETTINGS", BASE_SETTINGS + advice)
    with opened(name, fake, tmp_path) as (door, scene):
        played = door.play(answers(scene))
    assert "Try [redacted:github-token]" in "".join(played.prompts)
    stays_in(played)


def test_a_configuration_that_cannot_be_read(fake: FakeGateway, tmp_path: Path) -> None:
    broken = {"path": ".reviewbot.yaml", "content": f"model: {CANARY}: [\n"}
    with opened("terminal", fake, tmp_path, Attack("config", "repo_file", broken)) as (door, scene):
        played = door.play(answers(scene))
    assert (played.code, played.calls) == (2, [])
    assert CANARY not in played.let_out


def quoting_it(scene: Scene) -> Answers:
    said = dict.fromkeys(("title", "body", "suggestion", "item"), f"Say {CANARY}")
    elsewhere = {**at(scene.spots[1], **said), "path": CANARY, "quote": CANARY}
    return answers(scene, content(HOSTILE, [at(scene.spots[1], **said), elsewhere], CANARY))


def unreadable(scene: Scene) -> Answers:
    return answers(scene, f"I cannot say more than {CANARY}")


def refusing(_: Scene) -> Answers:
    return dict.fromkeys((HONEST, HOSTILE), failed(400, "bad_request", f"no {CANARY} here"))


def with_headers(scene: Scene) -> Answers:
    headers = {"x-litellm-call-id": CANARY, "x-litellm-response-cost": CANARY}
    said = {"role": "assistant", "content": content(HOSTILE, [at(scene.spots[1])])}
    choice = {"index": 0, "finish_reason": "stop", "message": said}
    body = json.dumps({"id": CANARY, "object": "chat.completion", "choices": [choice]})
    return {**answers(scene), HOSTILE: page(body, kind="application/json", headers=headers)}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("model", [quoting_it, unreadable, refusing, with_headers])
def test_what_the_gateway_says(
    name: str, model: Callable[[Scene], Answers], fake: FakeGateway, tmp_path: Path
) -> None:
    with opened(name, fake, tmp_path) as (door, scene):
        stays_in(door.play(model(scene)))


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_report_that_another_job_has_made(name: str, fake: FakeGateway, tmp_path: Path) -> None:
    with opened(name, fake, tmp_path) as (door, scene):
        made = json.loads(door.play(answers(scene)).left["report.json"])
        report = tmp_path / "report.json"
        report.write_text(json.dumps(_with_canary(made)))
        door.arguments = ("post", str(report))
        played = door.play(answers(scene))
    assert any("[redacted:github-token]" in text for text in played.posted)
    assert CANARY not in played.let_out


def _with_canary(value: Any) -> Any:
    """A report with the canary in all that a model says."""
    if isinstance(value, Mapping):
        words = ("title", "body", "note", "reason", "verification")
        return {
            name: f"{each} {CANARY}" if name in words and each else _with_canary(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [
            f"Say {CANARY}" if isinstance(e, str) and " " in e else _with_canary(e) for e in value
        ]
    return value


def test_a_record_of_what_was_said(fake: FakeGateway, tmp_path: Path) -> None:
    diff = with_lines(DIFF, f"+TOKEN = '{CANARY}'\n+OTHER = '{CANARIES['GITHUB_TOKEN']}'")
    record = tmp_path / "record"
    with opened("terminal", fake, tmp_path, diff=diff) as (door, scene):
        said = {"body": CANARIES["GITHUB_TOKEN"]}
        door.arguments = ("diff", "main", "--record", str(record))
        stays_in(door.play(answers(scene, content(HOSTILE, [at(scene.spots[1], **said)]))))
    kept = "\n".join(file.read_text() for file in record.iterdir())
    assert "[redacted:github-token]" in kept
    for value in (CANARY, *CANARIES.values()):
        assert not any(form in kept for form in forms(value))


def test_a_bug() -> None:
    def fail(secret: str) -> None:
        raise ValueError(f"no {secret} here")

    with pytest.raises(ValueError, match="here") as caught:
        fail(CANARY)
    assert CANARY not in crash.report(caught.value)
