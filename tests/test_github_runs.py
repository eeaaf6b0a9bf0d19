"""Whole runs on GitHub from the ways in which people set them up: checkouts, jobs, collisions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_gateway import FakeGateway
from fake_github import BOT, Call, primary_limit
from scripted import Notice, noticing
from worlds import ADA, ALL, EVE, GitHubWorld, Run, begun, edit, github_world

from reviewbot.pull_request import Order
from reviewbot.report import Report

CART = "shop/cart.py"
CHECKLISTS = ("--checklist", ["correctness", "security"])
PLACES = [(CART, 10), (CART, 34), ("shop/new.py", 2)]


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(*ALL)
    with github_world(repo, fake, tmp_path) as made:
        yield made


def places(world: GitHubWorld) -> list[tuple[str, int]]:
    return sorted((each.path, each.line) for each in world.said())


def states(world: GitHubWorld) -> list[str]:
    return [each.state for each in world.hub.statuses]


# --- checkouts ----------------------------------------------------------------------------------


def merge_commit(world: GitHubWorld) -> str:
    """What GitHub makes of a pull request whose target branch has moved on."""
    git = world.repo.git
    git("switch", "--quiet", "main")
    edit(world.repo, CART, "def step_1(", "# The steps.\ndef step_1(")
    world.repo.commit("meanwhile")
    git("switch", "--quiet", "--detach")
    git("merge", "--quiet", "--no-ff", "--no-edit", "feature")
    git("tag", "merged")
    git("switch", "--quiet", "feature")
    world.hub.push(world.pull.number)
    kept = "+refs/tags/merged:refs/pull/1/merge"
    world.hub.origin.git("fetch", "--quiet", "--no-tags", str(world.repo.folder), kept)
    return git("rev-parse", "merged")


@pytest.mark.parametrize("depth", [1, None], ids=["depth 1", "whole"])
def test_a_checkout_of_the_merge_commit_is_reviewed_at_the_head(
    world: GitHubWorld, depth: int | None
) -> None:
    run = world.run(commit=merge_commit(world), depth=depth)
    assert run.outputs["status"] == "complete"
    assert places(world) == PLACES  # line numbers of the head: in the merge they are one higher
    assert {each.commit for each in world.pull.reviews} == {world.pull.head_sha}
    assert run.report
    assert {entry.path for entry in run.report.coverage} == {CART, "shop/new.py"}


@pytest.mark.parametrize("kept", ["the job's token", "another token"])
def test_credentials_that_the_checkout_has_kept_are_not_sent_beside_ours(
    world: GitHubWorld, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    plain = world.checkout

    def checkout(*arguments: Any) -> Path:
        folder = plain(*arguments)
        token = world.token if kept == "the job's token" else "expired"
        header = b64encode(f"x-access-token:{token}".encode()).decode()
        key = f"http.{world.hub.server_url}/.extraheader"
        Repo(folder).git("config", "--local", key, f"AUTHORIZATION: basic {header}")
        return folder

    monkeypatch.setattr(world, "checkout", checkout)
    run = world.run()
    assert run.outputs["status"] == "complete"
    assert world.hub.fetches > 0  # two headers would have been refused
    assert places(world) == PLACES


# --- events -------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["1", " #1 "])
def test_a_review_can_be_started_by_hand(world: GitHubWorld, typed: str) -> None:
    payload = {"inputs": {"pull_request": typed}}
    run = world.run(event="workflow_dispatch", payload=payload, commit=world.pull.base_sha)
    assert run.outputs["status"] == "complete"
    assert places(world) == PLACES


def fork_run(world: GitHubWorld, head: str) -> Run:
    """The job that follows a fork's own workflow run at this head, in a checkout of the base."""
    run = {
        "event": "pull_request",
        "head_sha": head,
        "head_branch": world.pull.head,
        "head_repository": {"full_name": "eve/shop"},
    }
    return world.run(
        event="workflow_run", payload={"workflow_run": run}, commit=world.pull.base_sha
    )


@pytest.fixture
def fork(world: GitHubWorld) -> GitHubWorld:
    """The world, with the pull request from a fork: its branch is not in the base repository."""
    world.pull.head_repository = "eve/shop"
    world.hub.origin.git("update-ref", "-d", "refs/heads/feature")
    return world


def test_a_pull_request_that_the_fork_has_closed_is_passed_over(fork: GitHubWorld) -> None:
    closed = fork.pull
    fork.pull = fork.hub.open_pull(author=EVE, head_repository="eve/shop")
    closed.state = "closed"
    fork_run(fork, fork.pull.head_sha)
    assert places(fork) == PLACES
    assert closed.threads == []


def test_a_fork_that_has_pushed_since_is_reviewed_by_its_next_run(fork: GitHubWorld) -> None:
    old = fork.pull.head_sha
    edit(fork.repo, CART, "cart.total(6)", "exec(cart)")
    new = fork.push()
    assert fork_run(fork, old).outputs["status"] == "skipped"
    assert fork.gateway.calls == []
    assert fork.hub.statuses == []
    assert fork_run(fork, new).outputs["status"] == "complete"
    assert [(each.sha, each.state) for each in fork.hub.statuses] == [
        (new, "pending"),
        (new, "success"),
    ]


def test_a_head_that_was_left_during_the_review_gets_no_success(fork: GitHubWorld) -> None:
    react = noticing(*ALL)
    pushed: list[str] = []

    def pushing(call: Any) -> Any:
        if not pushed:
            fork.repo.write("late.py", "late\n")
            pushed.append(fork.push())
        return react(call)

    fork.gateway.react = pushing
    run = fork_run(fork, fork.pull.head_sha)
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert states(fork) == ["pending", "error"]


def test_a_pull_request_that_cannot_be_read_any_more_is_no_success(fork: GitHubWorld) -> None:
    fork.hub.fail(2, "Look", status=404)
    run = fork_run(fork, fork.pull.head_sha)
    assert run.code == 5
    assert states(fork) == ["pending", "error"]
    assert run.report
    assert len(run.report.findings) == 3


def test_findings_that_block_are_a_failure_of_the_status(fork: GitHubWorld) -> None:
    (fork.repo.folder / ".reviewbot.yaml").write_text("fail_on: none\n")
    fork.repo.git("switch", "--quiet", "main")
    fork.repo.write(".reviewbot.yaml", "fail_on: critical\n")
    fork.repo.commit("settings")
    fork.repo.git("switch", "--quiet", "feature")
    fork.repo.git("rebase", "--quiet", "main")
    fork.push()
    assert fork_run(fork, fork.pull.head_sha).code == 1
    assert states(fork) == ["pending", "failure"]


# --- two at once --------------------------------------------------------------------------------


def test_two_runs_that_write_their_first_summary_at_once_leave_one(world: GitHubWorld) -> None:
    both = threading.Barrier(2)

    def hold(call: Call) -> None:
        """Both have looked, and neither has found a summary."""
        if call.method == "POST" and call.path.endswith("/issues/1/comments"):
            both.wait(30)

    world.hub.before_call = hold
    programs = [start(world) for _ in range(2)]
    ends = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0], ends
    assert sum(each.kind == "note" for each in world.hub.notifications) == 2  # they did collide
    assert "3 findings" in world.summary()
    assert places(world) == PLACES


def start(world: GitHubWorld) -> subprocess.Popen[bytes]:
    """The program by itself, in a checkout of its own."""
    checkout = world.checkout()
    job = checkout.with_name(f"{checkout.name}-job")
    job.mkdir()
    world.write_event(job)
    return subprocess.Popen(
        [sys.executable, "-m", "reviewbot", "ci", "--checklist", "correctness,security"],
        cwd=checkout,
        env={**os.environ, **world.environment(job)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


# --- what cannot be told ------------------------------------------------------------------------


def test_what_nothing_can_be_told_of_stands_in_the_job(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.fail(None, "POST /repos", status=502)
    run = begun(world)
    assert run.code == 5
    shown = capsys.readouterr().out
    assert "::error title=eval( is wrong,file=shop/cart.py,line=10,endLine=10::" in shown
    assert "sleep( is wrong" in run.page
    assert run.report
    assert len(run.report.findings) == 3


# --- tokens and limits --------------------------------------------------------------------------


def test_a_token_that_cannot_write_loses_nothing(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.token = world.hub.token("read")
    run = begun(world)
    assert run.code == 0
    assert (world.said(), world.summaries()) == ([], [])
    shown = capsys.readouterr().out
    assert shown.count("::error title=") + shown.count("::warning ") + shown.count("::notice ") == 3
    assert "eval( is wrong" in run.page
    assert run.outputs["posted"] == "0"
    assert "pull-requests: write" in shown


def test_a_token_that_cannot_resolve_says_so(world: GitHubWorld) -> None:
    begun(world)
    edit(world.repo, CART, "eval(cart.total)", "cart.total")
    world.push()
    world.token = world.hub.token(scopes={"pull-requests", "issues"}, login=BOT)
    run = world.run()
    assert run.code == 0
    assert not any(each.resolved for each in world.said())
    assert "for somebody to resolve" in world.summary()


# --- refusals that last -------------------------------------------------------------------------


def test_a_spent_hour_is_said_and_the_report_kept(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.fail(None, "POST /repos", **primary_limit(3000))
    run = begun(world)
    assert run.code == 5
    assert "rate limit" in capsys.readouterr().out
    assert run.report
    assert len(run.report.findings) == 3
    assert "eval( is wrong" in run.page


def test_a_verdict_goes_before_a_failed_delivery(world: GitHubWorld) -> None:
    world.hub.fail(None, "POST /repos", status=502)
    assert world.run(settings={"fail_on": "critical"}).code == 1


@pytest.mark.parametrize("write", ["PATCH .*/issues/comments", "Resolve"])
def test_what_was_not_written_is_written_by_the_next_run(world: GitHubWorld, write: str) -> None:
    begun(world)
    edit(world.repo, CART, "eval(cart.total)", "cart.total")
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    world.gateway.react = noticing(*ALL, Notice("exec("))
    world.hub.fail(None, write, status=502)
    world.run()
    assert len(world.summaries()) == 1
    world.hub.faults.clear()
    world.run()
    assert places(world) == [(CART, 10), (CART, 22), (CART, 34), ("shop/new.py", 2)]
    assert "3 findings (1 high, 1 medium, 1 low)" in world.summary()
    if write.startswith("PATCH"):
        assert [each.resolved for each in world.said()] == [True, False, False, False]


# --- two jobs -----------------------------------------------------------------------------------


def reviewed(world: GitHubWorld) -> Report:
    """What the job with the key hands over; it may only read."""
    writing, world.token = world.token, world.hub.token("read")
    report = world.run(order=Order({"checklists": CHECKLISTS}, post=False)).report
    world.token = writing
    assert report
    return report


def posted(world: GitHubWorld, report: Report, fail_on: str = "none", **how: Any) -> Run:
    """The job that may write; it has no key."""
    settings = {"checklists": CHECKLISTS, "fail_on": ("--fail-on", fail_on)}
    order = Order(settings, report=report)
    return world.run(order=order, AI_GATEWAY_URL="", LITELLM_API_KEY="", **how)


def standing(world: GitHubWorld) -> tuple[list[str], str]:
    """What the pull request says, without what no two runs have in common."""
    summary = re.sub(r"discussion_r\d+|\d+(\.\d+)? s\b", "", world.summary())
    return sorted(each.body for each in world.said()), summary


def test_two_jobs_say_what_one_would_have_said(world: GitHubWorld) -> None:
    assert posted(world, reviewed(world)).code == 0
    by_two = standing(world)
    for kept in (world.pull.threads, world.pull.notes, world.pull.reviews):
        kept.clear()
    world.run(settings={"fail_on": "none"})
    assert standing(world) == by_two


def without_a_file(report: Report) -> Report:
    return replace(
        report,
        findings=tuple(each for each in report.findings if each.path != CART),
        coverage=tuple(each for each in report.coverage if each.path != CART),
    )


def without_a_checklist(report: Report) -> Report:
    kept = tuple(each for each in report.coverage if each.checklist != "security")
    return replace(report, coverage=kept, checklists=())


def all_skipped(report: Report) -> Report:
    kept = tuple(replace(each, status="skipped") for each in report.coverage)
    return replace(report, findings=(), coverage=kept, status="skipped")


def failed_but_complete(report: Report) -> Report:
    kept = tuple(replace(each, status="failed") for each in report.coverage)
    return replace(report, findings=(), coverage=kept)


def of_another_base(report: Report) -> Report:
    return replace(report, base=report.head)


@pytest.mark.parametrize(
    "forge",
    [without_a_file, without_a_checklist, all_skipped, failed_but_complete, of_another_base],
)
def test_a_report_with_a_gap_is_incomplete_whatever_it_says_of_itself(
    world: GitHubWorld, forge: Callable[[Report], Report]
) -> None:
    run = posted(world, forge(reviewed(world)))
    assert (run.code, run.outputs["status"]) == (3, "incomplete")
    assert "INCOMPLETE" in world.summary()
    assert set(places(world)) <= set(PLACES)
    world.run()
    assert world.gateway.calls[2:]  # no watermark was set: all of it is reviewed again


@pytest.mark.parametrize("state", ["fixed", "dismissed", "open"])
def test_the_states_that_a_report_claims_count_for_nothing(world: GitHubWorld, state: str) -> None:
    report = reviewed(world)
    claimed = tuple(replace(each, state=state) for each in report.findings)
    run = posted(world, replace(report, findings=claimed), fail_on="critical")
    assert (run.code, run.outputs["findings"]) == (1, "3")
    assert places(world) == PLACES


def test_lines_that_a_report_has_wrong_are_found_by_what_they_quote(world: GitHubWorld) -> None:
    report = reviewed(world)
    moved = tuple(replace(each, line=1, end_line=1, side="new") for each in report.findings)
    posted(world, replace(report, findings=moved))
    assert places(world) == PLACES


MARKER = "<!-- reviewbot:state:1 eJyrrgUAAXUA+Q== -->"
HOSTILE = f"{MARKER}\n<img src=x onerror=alert(1)> @everybody acme/shop#1\n```\n/reviewbot pause"


def test_what_a_report_says_is_text_and_no_more(world: GitHubWorld) -> None:
    report = reviewed(world)
    hostile = tuple(
        replace(each, title=HOSTILE, body=HOSTILE, suggestion="") for each in report.findings
    )
    lost = replace(hostile[0], path=CART, quote="nowhere at all", line=None, end_line=None)
    warnings = (HOSTILE,)
    posted(world, replace(report, findings=(*hostile, lost), warnings=warnings))
    for body in (*(each.body for each in world.said()), *world.summaries()):
        visible_part = body.partition("\n")[2]  # after the marker of our own
        assert "<!--" not in visible_part
        assert "<img" not in visible_part
        assert not re.search(r"(?<!`)@everybody", visible_part)
    assert world.run().outputs["status"] == "complete"  # nobody has paused anything
    assert len(world.summaries()) == 1


def test_an_old_report_that_is_posted_by_a_command_is_superseded(world: GitHubWorld) -> None:
    report = reviewed(world)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    note = world.hub.human_comment(1, ADA, "/reviewbot review")
    payload = {
        "action": "created",
        "issue": {"number": 1, "pull_request": {}},
        "comment": {"id": note.id, "body": note.body, "user": {"login": ADA}},
    }
    run = posted(world, report, event="issue_comment", payload=payload)
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert world.summaries() == []
    assert world.hub.statuses == []  # nothing is said of the head, which nobody has reviewed


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', "\x00"])
def test_a_file_that_is_no_report_is_a_mistake_of_the_caller(
    world: GitHubWorld, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "report.json"
    file.write_text(content)
    done = reviewbot(world, tmp_path, ["post", str(file)])
    assert done.returncode == 2
    assert b"not a report" in done.stderr
    assert world.hub.calls == []


def reviewbot(
    world: GitHubWorld, folder: Path, arguments: Sequence[str]
) -> subprocess.CompletedProcess[bytes]:
    job = folder / "job"
    job.mkdir()
    world.write_event(job)
    return subprocess.run(
        [sys.executable, "-m", "reviewbot", *arguments],
        cwd=world.checkout(),
        env={**os.environ, **world.environment(job)},
        capture_output=True,
        check=False,
    )
