"""Whole runs on each forge where a change gives something away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import token
from conftest import Repo
from fake_gateway import FakeGateway, failed
from scripted import Notice, noticing
from worlds import ADA, WORLDS, Run, World, edit

from reviewbot.pull_request import Order

KEYS = "shop/keys.py"


@pytest.fixture(params=WORLDS)
def world(
    request: pytest.FixtureRequest, repo: Repo, fake: FakeGateway, tmp_path: Path
) -> Iterator[World]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(Notice("eval("))
    with WORLDS[request.param](repo, fake, tmp_path) as made:
        made.repo.write(KEYS, f"HOST = 'x'\nTOKEN = '{token()}'\n")
        made.push()
        yield made


def secrets(world: World) -> list[tuple[str, int, bool]]:
    said = [each for each in world.said() if "Hard-coded credential" in each.body]
    return [(each.path, each.line, each.resolved) for each in said]


def shown(world: World, run: Run) -> str:
    """All that anybody gets to see, and all that is sent."""
    prompts = [call.prompt for call in world.gateway.calls]
    bodies = [each.body for each in world.said()]
    report = run.report.to_json() if run.report else ""
    return "\n".join((*prompts, *bodies, *world.summaries(), run.log, run.page, report))


def test_a_credential_is_said_once_at_its_line_and_never_shown(world: World) -> None:
    run = world.run(settings={"fail_on": "critical"})
    assert run.code == 1
    assert secrets(world) == [(KEYS, 2, False)]
    assert token() not in shown(world, run)
    assert "TOKEN = '[redacted:github-token]'" in shown(world, run)
    told = world.told()
    assert world.run(settings={"fail_on": "critical"}).code == 1
    assert (len(secrets(world)), world.told()) == (1, told)


def test_its_thread_is_resolved_when_it_is_gone(world: World) -> None:
    world.run()
    edit(world.repo, KEYS, f"'{token()}'", "environ['TOKEN']")
    world.push()
    run = world.run(settings={"fail_on": "critical"})
    assert secrets(world) == [(KEYS, 2, True)]
    assert run.code == 0
    assert token() not in shown(world, run)


def test_another_one_in_its_place_is_not_mended(world: World) -> None:
    world.run()
    edit(world.repo, KEYS, token(), token(2))
    world.push()
    assert world.run(settings={"fail_on": "critical"}).code == 1
    assert secrets(world) == [(KEYS, 2, False)]


def test_one_that_somebody_has_dismissed_is_not_said_again(world: World) -> None:
    world.run()
    where = next(n for n, each in enumerate(world.said()) if "Hard-coded" in each.body)
    world.answer(where, ADA, "/reviewbot dismiss it opens nothing")
    assert world.run(settings={"fail_on": "critical"}).code == 0


def test_the_model_that_says_it_too_is_not_heard_twice(world: World) -> None:
    said = {"item": "credentials", "title": "Never commit such things", "severity": "high"}
    world.gateway.react = noticing(Notice("[redacted:", checklist="Security", values=said))
    world.run()
    assert [(each.path, each.line) for each in world.said()] == [(KEYS, 2)]


def test_without_a_gateway_it_is_said_all_the_same(world: World) -> None:
    world.gateway.react = lambda _: failed(401, "auth_error", "no such key")
    run = world.run()
    assert run.code == 4
    assert secrets(world) == [(KEYS, 2, False)]
    assert "FAILED" in world.summary()


def test_offline_no_gateway_is_needed_and_the_next_review_is_a_full_one(world: World) -> None:
    run = world.run(order=Order({}, offline=True), AI_GATEWAY_URL="", LITELLM_API_KEY="")
    assert run.code == 0
    assert not world.gateway.calls
    assert [(each.path, each.line) for each in world.said()] == [(KEYS, 2)]
    assert re.search("offline: no model was asked", world.summary())
    world.run()
    assert len(world.gateway.calls) == 2
    assert len(world.said()) == 2
    assert "the configuration has changed" in world.summary()
