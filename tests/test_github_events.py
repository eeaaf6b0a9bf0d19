"""What starts a run on GitHub, and what the run makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_gateway import FakeGateway, failed
from fake_github import BOT
from scripted import Notice, noticing
from worlds import ADA, ALL, EVE, GitHubWorld, Run, begun, edit, github_world

from reviewbot.errors import UsageError
from reviewbot.pull_request import Order
from reviewbot.report import from_json


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(*ALL)
    with github_world(repo, fake, tmp_path) as made:
        yield made


def asked(world: GitHubWorld) -> int:
    """Calls to the model since it was last asked here."""
    count = len(world.gateway.calls)
    world.gateway.calls.clear()
    return count


# --- events without a review --------------------------------------------------------------------


def test_a_merge_queue_entry_succeeds_at_once(world: GitHubWorld) -> None:
    run = world.run(event="merge_group", payload={"action": "checks_requested"})
    assert (run.code, run.outputs["status"]) == (0, "skipped")
    assert world.hub.calls == []


def test_a_pull_request_that_was_closed_is_left_alone(world: GitHubWorld) -> None:
    assert world.run(payload=world.event("closed")).outputs["status"] == "skipped"
    world.pull.state = "closed"
    assert world.run().outputs["status"] == "skipped"
    assert asked(world) == 0


def test_an_event_of_an_older_head_is_superseded(world: GitHubWorld) -> None:
    old = world.event()
    world.repo.write("more.py", "more\n")
    world.push()
    run = world.run(payload=old)
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert asked(world) == 0
    assert world.summaries() == []


def test_an_event_that_has_no_pull_request_names_those_that_have(world: GitHubWorld) -> None:
    with pytest.raises(UsageError, match="push") as caught:
        world.run(event="push", payload={})
    assert "pull_request" in caught.value.hint


def test_a_draft_is_reviewed_when_somebody_asks(world: GitHubWorld) -> None:
    world.pull.draft = True
    assert world.run().outputs["status"] == "skipped"
    assert world.summaries() == []
    assert command(world, ADA, "review").outputs["status"] == "complete"
    assert len(world.said()) == 3


# --- forks, and runs without a key --------------------------------------------------------------

NO_KEY: dict[str, Any] = {"AI_GATEWAY_URL": "", "LITELLM_API_KEY": ""}


@pytest.mark.parametrize(
    ("head", "actor", "word"),
    [("eve/shop", "eve", "fork"), ("acme/shop", "dependabot[bot]", "Dependabot")],
)
def test_runs_that_get_no_secrets_are_neutral(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str], head: str, actor: str, word: str
) -> None:
    world.pull.head_repository = head
    run = world.run(GITHUB_ACTOR=actor, LITELLM_API_KEY="")
    assert (run.code, run.outputs["status"]) == (0, "skipped")
    assert word in capsys.readouterr().out
    assert world.hub.calls == []


def test_a_fork_with_a_key_is_reviewed(world: GitHubWorld) -> None:
    world.pull.head_repository = "eve/shop"
    assert world.run().outputs["status"] == "complete"


@pytest.mark.parametrize(
    ("missing", "code"), [({"LITELLM_API_KEY": ""}, 4), (NO_KEY, 2)], ids=["key", "address"]
)
def test_a_missing_key_is_said_on_the_pull_request(
    world: GitHubWorld, missing: dict[str, Any], code: int
) -> None:
    run = world.run(**missing)
    assert run.code == code
    assert "FAILED" in world.summary()
    assert next(iter(missing)) in world.summary() or "AI_GATEWAY_URL" in world.summary()


def test_a_fork_is_reviewed_after_its_own_run(world: GitHubWorld) -> None:
    world.repo.git("switch", "--quiet", "--create", "theirs", "feature")
    world.repo.write("theirs.py", "def theirs():\n    secret(1)\n")
    world.repo.commit("theirs")
    world.pull = world.hub.open_pull(head="theirs", author=EVE, head_repository="eve/shop")
    run = world.run(
        event="workflow_run", payload=finished(world), commit=world.hub.pulls[1].base_sha
    )
    assert (run.code, run.outputs["status"]) == (0, "complete")
    assert "theirs.py" in {each.path for each in world.said()}
    assert [(each.sha, each.state) for each in world.hub.statuses] == [
        (world.pull.head_sha, "pending"),
        (world.pull.head_sha, "success"),
    ]
    assert {each.context for each in world.hub.statuses} == {"reviewbot"}


def finished(world: GitHubWorld, **changes: Any) -> dict[str, Any]:
    """The payload of `workflow_run` for the pull request; GitHub lists none for a fork."""
    values = {
        "event": "pull_request",
        "head_sha": world.pull.head_sha,
        "head_branch": world.pull.head,
        "head_repository": {"full_name": world.pull.head_repository},
        "pull_requests": [],
    }
    return {"action": "completed", "workflow_run": values | changes}


@pytest.mark.parametrize(
    "changes",
    [{"head_sha": "0" * 40}, {"head_repository": {"full_name": "mallory/shop"}}, {"event": "push"}],
    ids=["an older head", "another repository", "another event"],
)
def test_a_run_of_no_open_pull_request_is_left_alone(
    world: GitHubWorld, changes: dict[str, Any]
) -> None:
    run = world.run(event="workflow_run", payload=finished(world, **changes))
    assert (run.code, run.outputs["status"], asked(world)) == (0, "skipped", 0)
    assert world.hub.statuses == []


# --- commands -----------------------------------------------------------------------------------


def command(world: GitHubWorld, who: str, words: str) -> Run:
    """Somebody gives a command, and the job that follows runs on the default branch."""
    note = world.hub.human_comment(world.pull.number, who, f"/reviewbot {words}")
    payload = {
        "action": "created",
        "issue": {"number": world.pull.number, "pull_request": {"url": "u"}},
        "comment": {"id": note.id, "body": note.body, "user": {"login": who}},
    }
    return world.run(event="issue_comment", payload=payload, commit=world.pull.base_sha)


def test_a_command_is_heard_and_its_review_shown_at_the_head(world: GitHubWorld) -> None:
    run = command(world, ADA, "review")
    assert run.outputs["status"] == "complete"
    assert [each.content for each in world.hub.reactions] == ["+1"]
    assert [each.state for each in world.hub.statuses] == ["pending", "success"]
    assert world.hub.statuses[-1].sha == world.pull.head_sha
    assert "3 findings" in world.hub.statuses[-1].description
    assert len(world.said()) == 3


def test_a_status_says_when_the_review_has_failed(world: GitHubWorld) -> None:
    world.gateway.react = lambda _: failed(401, "token_not_found_in_db", "Authentication Error")
    assert command(world, ADA, "review").code == 4
    assert [each.state for each in world.hub.statuses] == ["pending", "error"]


@pytest.mark.parametrize("words", ["review", "full review", "dismiss 12345678 no", "pause", "help"])
def test_commands_of_others_have_no_effect_and_no_price(world: GitHubWorld, words: str) -> None:
    run = command(world, EVE, words)
    assert (run.code, run.outputs["status"], asked(world)) == (0, "skipped", 0)
    assert world.summaries() == []
    assert world.hub.reactions == []


def test_a_full_review_reads_everything_and_says_nothing_twice(world: GitHubWorld) -> None:
    begun(world)
    asked(world)
    command(world, ADA, "full review")
    assert asked(world) == 2
    assert len(world.said()) == 3
    assert "a full review was asked for" in world.summary()


def test_a_dismissal_changes_the_summary_at_once(world: GitHubWorld) -> None:
    begun(world)
    finding = world.said()[0].body.partition("/reviewbot dismiss ")[2].split()[0]
    asked(world)
    run = command(world, ADA, f"dismiss {finding} it is meant so")
    assert asked(world) == 0
    assert run.outputs["findings"] == "2"
    assert "it is meant so" in world.summary()


def test_a_pause_lasts_until_somebody_resumes(world: GitHubWorld) -> None:
    begun(world)
    command(world, ADA, "pause")
    edit(world.repo, "shop/cart.py", "cart.total(6)", "exec(cart)")
    world.push()
    asked(world)
    assert world.run().outputs["status"] == "skipped"
    assert asked(world) == 0
    assert command(world, ADA, "resume").outputs["status"] == "complete"
    assert asked(world) == 2


@pytest.mark.parametrize("words", ["help", "make me a sandwich"])
def test_help_is_given(world: GitHubWorld, words: str) -> None:
    command(world, ADA, words)
    answers = [note.body for note in world.pull.notes if note.author == BOT]
    assert len(answers) == 1
    assert "/reviewbot full review" in answers[0]
    assert asked(world) == 0
    command(world, ADA, "review")
    assert len(world.summaries()) == 2  # the help, and the summary


# --- checkouts ----------------------------------------------------------------------------------


def test_a_full_clone_needs_fewer_calls(world: GitHubWorld) -> None:
    world.run(depth=None)
    assert not any("compare" in call.path for call in world.hub.calls)
    assert len(world.said()) == 3


def test_a_checkout_of_the_base_is_enough(world: GitHubWorld) -> None:
    world.run(commit=world.pull.base_sha)
    assert len(world.said()) == 3


def test_a_folder_without_a_repository_is_said_to_be_one(world: GitHubWorld) -> None:
    run = world.run(bare_folder=True)
    assert run.code == 2
    assert "not in a git repository" in world.summary()


# --- two jobs -----------------------------------------------------------------------------------


def reviewed(world: GitHubWorld) -> Run:
    """The first job: it has the key, and may only read."""
    writing, world.token = world.token, world.hub.token("read")
    run = world.run(order=Order({"checklists": CHECKLISTS}, post=False))
    world.token = writing
    assert world.hub.notifications == []
    return run


CHECKLISTS = ("--checklist", ["correctness", "security"])


def posted(world: GitHubWorld, report: Any) -> Run:
    """The second job: it has no key, and may write."""
    order = Order({"checklists": CHECKLISTS}, report=report)
    return world.run(order=order, **NO_KEY)


def test_review_and_post_are_as_one_run(world: GitHubWorld) -> None:
    first = reviewed(world)
    assert first.code == 0
    run = posted(world, first.report)
    assert (run.code, run.outputs["posted"], run.outputs["status"]) == (0, "3", "complete")
    assert {(each.path, each.line) for each in world.said()} == {
        ("shop/cart.py", 10),
        ("shop/cart.py", 34),
        ("shop/new.py", 2),
    }
    assert "3 findings" in world.summary()
    posted(world, first.report)
    assert len(world.said()) == 3


def test_a_report_that_is_forged_is_no_success(world: GitHubWorld) -> None:
    report = reviewed(world).report
    assert report
    nothing = replace(report, findings=(), coverage=(), status="complete")
    run = posted(world, nothing)
    assert run.code == 3
    assert "INCOMPLETE" in world.summary()


def test_a_report_whose_lines_are_forged_posts_at_none_of_them(world: GitHubWorld) -> None:
    report = reviewed(world).report
    assert report
    moved = tuple(
        replace(each, line=1, end_line=1, quote="nowhere", body="<!-- x --> @everybody\n/close")
        for each in report.findings
    )
    run = posted(world, replace(report, findings=moved))
    assert world.said() == []
    assert run.outputs["findings"] == "3"
    assert "@everybody" not in world.summary().replace("`@everybody`", "")


@pytest.mark.parametrize(
    "changes", [{"repository": "eve/shop"}, {"pull_request": 99}, {"head": None}]
)
def test_a_report_about_something_else_is_refused(
    world: GitHubWorld, changes: dict[str, Any]
) -> None:
    report = reviewed(world).report
    assert report
    assert posted(world, replace(report, **changes)).code == 2
    assert world.said() == []


def test_a_report_of_an_older_head_is_superseded(world: GitHubWorld) -> None:
    report = reviewed(world).report
    world.repo.write("more.py", "more\n")
    world.push()
    run = posted(world, report)
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert world.summaries() == []


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(UsageError, match="not a report"):
        from_json(json.dumps({"version": 1, "findings": "none"}))


def test_an_annotation_cannot_be_a_command(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.token = world.hub.token("read")
    hostile = "x\n::set-output name=status::ok\n##[error]y"
    begun(world, Notice("eval(", values={"title": hostile, "body": hostile}))
    lines = capsys.readouterr().out.splitlines()
    obeyed = [line for line in lines if line.startswith("::") or "##[" in line]
    assert [line.split()[0] for line in obeyed] == ["::error"]
