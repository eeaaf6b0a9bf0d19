"""What a job of GitHub Actions is asked to do, and what its runner is told."""

from __future__ import annotations

import json
import os
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_github import serving
from hypothesis import given
from hypothesis import strategies as st
from sample_report import REPORT

from reviewbot.commands import Command
from reviewbot.errors import OutputError, UsageError
from reviewbot.jobs import Job
from reviewbot.jobs.github import (
    LARGEST_SUMMARY,
    Actions,
    connection,
    fitting,
    job,
    payload,
    write_outputs,
    write_summary,
)
from reviewbot.render.annotations import render
from reviewbot.text import harmless

HEAD = "a" * 40
URL = "https://github.com/shop/cart/actions/runs/77"


def environment(event: str, **more: str) -> dict[str, str]:
    return {
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REPOSITORY": "shop/cart",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "77",
        "GITHUB_ACTOR": "ada",
        **more,
    }


def pull(action: str = "opened", head: str | None = "shop/cart") -> dict[str, Any]:
    repo = {"full_name": head} if head else None
    return {"action": action, "pull_request": {"number": 7, "head": {"sha": HEAD, "repo": repo}}}


def comment(body: str = "/reviewbot review", action: str = "created") -> dict[str, Any]:
    return {
        "action": action,
        "issue": {"number": 7, "pull_request": {"url": "https://api.github.com/x"}},
        "comment": {"id": 123, "body": body, "user": {"login": "ada"}},
    }


def run(event: str = "pull_request", repository: str | None = "eve/cart") -> dict[str, Any]:
    return {
        "action": "completed",
        "workflow_run": {
            "event": event,
            "head_sha": HEAD,
            "head_branch": "mend",
            "head_repository": {"full_name": repository} if repository else None,
            "pull_requests": [],
        },
    }


@pytest.mark.parametrize(
    "action", ["opened", "synchronize", "reopened", "ready_for_review", "labeled", "edited"]
)
@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_is_reviewed_at_the_head_of_the_event(event: str, action: str) -> None:
    assert job(environment(event), pull(action)) == Job("shop/cart", 7, head=HEAD, url=URL)


def test_a_closed_pull_request_is_left_alone() -> None:
    assert job(environment("pull_request"), pull("closed")).idle == "the pull request was closed"


@pytest.mark.parametrize("head", ["eve/cart", None])
def test_a_fork_has_no_secrets_and_says_so(head: str | None) -> None:
    assert "fork" in job(environment("pull_request"), pull(head=head)).secretless
    assert job(environment("pull_request_target"), pull(head=head)).secretless == ""


def test_names_of_repositories_differ_by_more_than_their_case() -> None:
    assert job(environment("pull_request"), pull(head="Shop/Cart")).secretless == ""


def test_dependabot_has_secrets_of_its_own() -> None:
    started = environment("pull_request", GITHUB_ACTOR="dependabot[bot]")
    assert "Dependabot" in job(started, pull()).secretless


def test_a_merge_queue_entry_is_done_at_once() -> None:
    found = job(environment("merge_group"), {"action": "checks_requested", "merge_group": {}})
    assert found == Job(
        "shop/cart", None, idle="a merge queue entry: its pull requests were reviewed", url=URL
    )


def test_a_comment_gives_commands() -> None:
    body = "/reviewbot dismiss 1a2b3c4d not a defect\r\n/reviewbot review\n"
    assert job(environment("issue_comment"), comment(body)) == Job(
        "shop/cart",
        7,
        commands=(Command("dismiss", "1a2b3c4d not a defect"), Command("review", "")),
        note="123",
        asker="ada",
        url=URL,
    )


def test_words_that_are_no_command_ask_for_help_and_not_for_a_review() -> None:
    found = job(environment("issue_comment"), comment("/reviewbot make me a sandwich"))
    assert found.commands == (Command("help", ""),)


def test_comments_that_are_not_meant_for_the_bot_are_left_alone() -> None:
    on_an_issue = comment()
    del on_an_issue["issue"]["pull_request"]
    for event in (on_an_issue, comment(action="edited"), comment("see `/reviewbot review`")):
        found = job(environment("issue_comment"), event)
        assert found.idle.startswith("a comment")
        assert found.commands == ()


def test_a_pull_request_of_a_fork_is_found_by_its_head() -> None:
    assert job(environment("workflow_run"), run()) == Job(
        "shop/cart",
        None,
        head=HEAD,
        head_repository="eve/cart",
        head_branch="mend",
        url=URL,
    )


@pytest.mark.parametrize("payload", [run(event="push"), run(repository=None)])
def test_a_run_for_something_else_is_left_alone(payload: object) -> None:
    assert job(environment("workflow_run"), payload).idle


@pytest.mark.parametrize("typed", ["12", " #12 "])
def test_a_pull_request_can_be_named_by_hand(typed: str) -> None:
    found = job(environment("workflow_dispatch"), {"inputs": {"pull_request": typed}})
    assert found == Job("shop/cart", 12, url=URL)


@pytest.mark.parametrize("inputs", [None, {}, {"pull_request": ""}, {"pull_request": "1 2"}])
def test_a_pull_request_named_by_hand_is_a_number(inputs: object) -> None:
    with pytest.raises(UsageError, match=r"damaged: inputs"):
        job(environment("workflow_dispatch"), {"inputs": inputs})


def test_other_events_are_errors_that_name_those_that_work() -> None:
    with pytest.raises(UsageError, match=r"on the event push\nUse one of pull_request, "):
        job(environment("push"), {})


@pytest.mark.parametrize("name", ["GITHUB_EVENT_NAME", "GITHUB_REPOSITORY"])
def test_outside_of_a_job_it_says_so(name: str) -> None:
    variables = environment("merge_group")
    del variables[name]
    with pytest.raises(UsageError, match=f"no job of GitHub Actions: {name} is not set"):
        job(variables, {})


def places(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    return found


def damaged(whole: dict[str, Any], place: tuple[str, ...], junk: object) -> object:
    holder: Any = {"event": deepcopy(whole)}
    event = holder
    *above, last = ("event", *place)
    for key in above:
        holder = holder[key]
    holder[last] = junk
    if junk == "missing":
        del holder[last]
    return event.get("event")


def outcome(event: str, payload: object) -> str:
    """What becomes of an event: `damaged`, `idle`, or the one pull request that it may be about."""
    try:
        found = job(environment(event), payload)
    except UsageError as error:
        return error.message.removeprefix("the event of this job is ").partition(":")[0]
    if found.idle:
        return "idle"
    return f"{found.number} {found.head_repository} {found.head}"


WHOLE = {"pull_request": pull(), "issue_comment": comment(), "workflow_run": run()}
PLACES = [(event, place) for event, whole in WHOLE.items() for place in places(whole)]


@pytest.mark.parametrize(("event", "place"), PLACES)
@pytest.mark.parametrize("junk", [None, [], {}, 0, -1, 1.5, True, "", "x\n", "../..", "missing"])
def test_a_damaged_event_never_means_another_pull_request(
    event: str, place: tuple[str, ...], junk: object
) -> None:
    whole = outcome(event, WHOLE[event])
    assert outcome(event, damaged(WHOLE[event], place, junk)) in ("damaged", "idle", whole)


def examples() -> list[tuple[str, dict[str, Any]]]:
    modules = os.environ.get("REVIEWBOT_NODE_MODULES", "")
    file = Path(modules, "@octokit/webhooks-examples/api.github.com/index.json")
    if not modules or not file.exists():
        pytest.skip("REVIEWBOT_NODE_MODULES has no @octokit/webhooks-examples")
    return [
        (event["name"], example)
        for event in json.loads(file.read_bytes())
        for example in event["examples"]
    ]


def test_events_as_github_sends_them_are_understood() -> None:
    names = ("pull_request", "merge_group", "issue_comment", "workflow_run")
    found = [job(environment(name), sent) for name, sent in examples() if name in names]
    assert len(found) > 40
    assert any(each.head for each in found)


def test_the_event_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(pull()))
    assert payload({"GITHUB_EVENT_PATH": str(file)}) == pull()


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b"[" * 100_000])
def test_an_event_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "event.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        payload({"GITHUB_EVENT_PATH": str(file)})


def test_a_job_that_is_about_no_pull_request_asks_github_nothing(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text("{}")
    runner = Actions(environment("merge_group", GITHUB_EVENT_PATH=str(event)))
    idle = runner.job()
    assert idle.idle
    assert runner.access(idle, lambda _seconds, _why: None) is None


@pytest.mark.parametrize(("head", "found"), [("", True), ("b" * 40, False)])
def test_the_pull_request_is_found_and_looked_at(repo: Repo, head: str, *, found: bool) -> None:
    repo.commit()
    repo.git("switch", "--quiet", "--create", "mend")
    repo.commit()
    with serving(repo) as hub:
        pull = hub.open_pull(head="mend", head_repository="eve/cart")
        sent = {
            "GITHUB_REPOSITORY": hub.name,
            "GITHUB_API_URL": hub.url,
            "GITHUB_GRAPHQL_URL": hub.graphql_url,
            "GITHUB_SERVER_URL": hub.server_url,
            "GITHUB_TOKEN": hub.token(),
        }
        event = run()
        event["workflow_run"]["head_sha"] = head or pull.head_sha
        variables = environment("workflow_run", **sent)
        access = Actions(variables).access(job(variables, event), lambda _seconds, _why: None)
        assert (access is not None) == found
        if access:
            assert access.forge.look().pull.number == pull.number
            assert access.respondent  # the job is shown at another commit


def test_findings_that_are_not_on_the_pull_request_are_annotated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runner = Actions({})
    complete = replace(REPORT, status="complete")
    runner.show(complete, "", delivered=True)
    assert capsys.readouterr().out == ""
    runner.show(complete, "", delivered=False)
    assert capsys.readouterr().out == render(REPORT.standing) != ""


def test_a_review_that_failed_is_seen_without_opening_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = replace(REPORT, status="failed", findings=(), warnings=("no key\n::set-output::",))
    Actions({}).show(failed, "", delivered=True)
    said = "FAILED: nothing could be reviewed. no key ::set-output::"
    assert capsys.readouterr().out == f"::error title=reviewbot::{said}\n"


# --- how to reach GitHub -------------------------------------------------------------------------

TOKEN = "-".join(("ghs", "secret"))


def test_github_dot_com_is_meant_where_no_other_is_named() -> None:
    found = connection({"GITHUB_TOKEN": TOKEN})
    assert (found.api, found.server) == ("https://api.github.com", "https://github.com")
    assert found.graphql == "https://api.github.com/graphql"
    assert TOKEN not in repr(found)


def test_a_server_of_ones_own() -> None:
    found = connection(
        {
            "GITHUB_API_URL": "https://git.example/api/v3/",
            "GITHUB_GRAPHQL_URL": "https://git.example/api/graphql",
            "GITHUB_SERVER_URL": "https://git.example",
            "GITHUB_TOKEN": TOKEN,
        }
    )
    assert (found.api, found.graphql, found.server, found.token) == (
        "https://git.example/api/v3",
        "https://git.example/api/graphql",
        "https://git.example",
        TOKEN,
    )


def test_the_token_of_one_server_is_never_sent_to_another() -> None:
    with pytest.raises(UsageError, match="GITHUB_GRAPHQL_URL, GITHUB_SERVER_URL must be set too"):
        connection({"GITHUB_API_URL": "https://git.example/api/v3", "GITHUB_TOKEN": TOKEN})


@pytest.mark.parametrize("token", [{}, {"GITHUB_TOKEN": " "}])
def test_a_missing_token_is_named_as_the_action_does(token: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="github-token"):
        connection(token)


# --- what the runner is told ---------------------------------------------------------------------


def outputs(text: str) -> dict[str, str]:
    """Read a file of outputs by the runner's rules."""
    found = {}
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        name, _, mark = line.rstrip("\n").partition("<<")
        value = ""
        while (following := next(lines)) != f"{mark}\n":
            value += following
        found[name] = value.removesuffix("\n")
    return found


def test_outputs_hold_any_text(tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_text("earlier<<E\nkept\nE\n")
    values = {"status": "complete", "words": "a\nghadelimiter_0\nstatus=failed\n", "none": ""}
    write_outputs({"GITHUB_OUTPUT": str(file)}, values)
    assert outputs(file.read_text("utf-8")) == {"earlier": "kept", **values}


def test_every_output_has_a_mark_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "output"
    write_outputs({"GITHUB_OUTPUT": str(file)}, {"one": "1", "two": "2"})
    assert len(set(re.findall("<<(.*)", file.read_text()))) == 2


def test_a_summary_is_added_and_fits(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    write_summary({"GITHUB_STEP_SUMMARY": str(file)}, "é\n" * LARGEST_SUMMARY)
    assert LARGEST_SUMMARY - 10 < file.stat().st_size <= LARGEST_SUMMARY
    assert file.read_text("utf-8").endswith(
        "é\n\n_The rest did not fit here; the report has all of it._\n"
    )


@given(st.text(st.sampled_from("aé\n€"), max_size=300), st.integers(80, 400))
def test_what_fits_is_whole_lines_from_the_top(text: str, limit: int) -> None:
    kept = fitting(text, limit)
    assert len(kept.encode()) <= limit
    head, cut, _ = kept.partition("\n_The rest did not fit")
    assert kept == text if not cut else text.startswith(head) and head[-1:] in ("", "\n")


def test_on_a_laptop_nothing_is_told(tmp_path: Path) -> None:
    for variables in ({}, {"GITHUB_OUTPUT": ""}, {"GITHUB_OUTPUT": str(tmp_path / "gone" / "x")}):
        write_outputs(variables, {"status": "complete"})
    write_summary({}, "# Review")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="GITHUB_OUTPUT cannot be written"):
        write_outputs({"GITHUB_OUTPUT": str(tmp_path)}, {"status": "complete"})


def is_command(line: str) -> bool:
    """Whether the runner obeys a line; its comparisons pass over what shows nothing."""
    shown = re.sub("[\u00ad\u200b-\u200f\ufe0f\0]", "", line)
    return shown.lstrip().startswith("::") or "##[" in shown


@pytest.mark.parametrize(
    "line",
    [
        "::error::x",
        "  ::stop-commands::x",
        "\u3000::add-mask::x",
        "\u200b:\u200b:error::x",
        "text ##[error]x",
        "text #\ufe0f#\ufe0f[error]x",
        "##[[error]x",
        "first\r::error::x",
        "first\n\n ::::error::x",
    ],
)
def test_no_text_is_a_command(line: str) -> None:
    assert any(map(is_command, re.split("[\r\n]", line)))
    assert not any(map(is_command, re.split("[\r\n]", harmless(line))))


@given(st.text(st.sampled_from(":#[a \t\r\n\u200b\ufe0f\u3000e")))
def test_no_text_at_all_is_a_command(text: str) -> None:
    assert not any(map(is_command, re.split("[\r\n]", harmless(text))))


def test_ordinary_text_stays_as_it_is() -> None:
    text = (
        "reviewbot: 3 of 5 calls\n  std::vector<int> x[3]; # a list [1]\n- see https://x.example\n"
    )
    assert harmless(text) == text
