"""What a job of GitLab CI is asked to do, and what it leaves behind."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_report import REPORT

from reviewbot import jobs
from reviewbot.errors import OutputError, ReadOnlyError, UsageError
from reviewbot.forge.gitlab import GitLab
from reviewbot.forge.silent import Silent
from reviewbot.jobs import Job
from reviewbot.jobs.gitlab import GitLabCI, job

COMPLETE = replace(REPORT, status="complete")
HEAD, MERGED, BASE = "a" * 40, "c" * 40, "b" * 40
URL = "https://gitlab.example.org/sub/acme/shop/-/jobs/77"
TOKENS = {name: "-".join((name.lower(), "x" * 20)) for name in ("GITLAB_TOKEN", "CI_JOB_TOKEN")}


def environment(**changes: str) -> dict[str, str]:
    values = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_PROJECT_ID": "42",
        "CI_SERVER_URL": "https://gitlab.example.org/sub",
        "CI_API_V4_URL": "https://gitlab.example.org/sub/api/v4",
        "CI_API_GRAPHQL_URL": "https://gitlab.example.org/sub/api/graphql",
        "CI_COMMIT_SHA": HEAD,
        "CI_JOB_URL": URL,
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_PROJECT_PATH": "acme/web/shop",
        "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.example.org/sub/acme/web/shop",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": BASE,
        "CI_MERGE_REQUEST_TITLE": "Sell more",
        "CI_MERGE_REQUEST_LABELS": "shop,no-review",
        **TOKENS,
    }
    return {name: value for name, value in (values | changes).items() if value}


def access(**changes: str) -> Any:
    runner = GitLabCI(environment(**changes))
    return runner.access(runner.job(), lambda _seconds, _why: None)


# --- what it is to do ---------------------------------------------------------------------------


def test_gitlab_ci_is_known_by_its_variable() -> None:
    assert isinstance(jobs.runner(environment()), GitLabCI)


def test_a_merge_request_is_reviewed_at_the_head_of_its_pipeline() -> None:
    assert job(environment()) == Job("acme/web/shop", 7, head=HEAD, url=URL)


@pytest.mark.parametrize("kind", ["merged_result", "merge_train"])
def test_a_commit_that_was_made_for_the_pipeline_is_never_the_head(kind: str) -> None:
    found = job(
        environment(
            CI_MERGE_REQUEST_EVENT_TYPE=kind,
            CI_COMMIT_SHA=MERGED,
            CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=HEAD,
        )
    )
    assert found.head == HEAD


@pytest.mark.parametrize("source", ["push", "schedule", ""])
def test_a_pipeline_of_no_merge_request_says_which_rule_is_missing(source: str) -> None:
    with pytest.raises(UsageError, match=source or "unknown") as raised:
        job(environment(CI_MERGE_REQUEST_IID="", CI_PIPELINE_SOURCE=source))
    assert "merge_request_event" in raised.value.hint


@pytest.mark.parametrize("number", ["x", "-1", "1/../2", "\u0661"])
def test_a_number_is_one(number: str) -> None:
    with pytest.raises(UsageError, match="no number"):
        job(environment(CI_MERGE_REQUEST_IID=number))


@pytest.mark.parametrize("name", ["CI_COMMIT_SHA", "CI_MERGE_REQUEST_PROJECT_PATH"])
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is not set"):
        job(environment(**{name: ""}))


@pytest.mark.parametrize(
    ("source", "project", "fork"), [("42", "42", False), ("43", "43", True), ("43", "42", False)]
)
def test_a_fork_s_own_pipeline_has_no_secrets_and_says_so(
    source: str, project: str, *, fork: bool
) -> None:
    found = job(environment(CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source, CI_PROJECT_ID=project))
    assert ("fork" in found.secretless) == fork


# --- how to reach GitLab ------------------------------------------------------------------------


def test_the_token_is_for_the_api_and_the_job_s_own_for_git() -> None:
    forge = access(CI_SERVER_TLS_CA_FILE=__file__).forge
    assert isinstance(forge, GitLab)
    remote = forge.remote()
    assert remote.url == "https://gitlab.example.org/sub/acme/web/shop.git"
    assert b64decode(remote.authorization.removeprefix("Basic ")).decode() == (
        f"gitlab-ci-token:{TOKENS['CI_JOB_TOKEN']}"
    )
    assert remote.authorities == __file__
    assert remote.authorization not in repr(remote)


def test_nobody_answers_comments_as_none_has_started_the_job() -> None:
    assert access().respondent is None


@pytest.mark.parametrize("token", ["", "  "])
def test_without_a_token_the_variables_are_all_that_is_known(token: str) -> None:
    forge = access(GITLAB_TOKEN=token).forge
    assert isinstance(forge, Silent)
    sight = forge.look()
    pull = sight.pull
    assert (pull.repository, pull.number, pull.head) == ("acme/web/shop", 7, HEAD)
    assert (pull.title, pull.labels, pull.target) == ("Sell more", ("shop", "no-review"), "main")
    assert pull.url == "https://gitlab.example.org/sub/acme/web/shop/-/merge_requests/7"
    assert (pull.open, pull.draft, pull.foreign) == (True, False, False)
    assert forge.merge_base(pull) == BASE
    assert (sight.discussions, sight.notes) == ((), ())
    assert not forge.may_write("ada")
    with pytest.raises(ReadOnlyError, match="CI_JOB_TOKEN cannot write") as raised:
        forge.write_summary(None, "text")
    assert "GITLAB_TOKEN" in raised.value.hint


@pytest.mark.parametrize(
    "changes", [{"CI_MERGE_REQUEST_TITLE": "Draft: x"}, {"CI_MERGE_REQUEST_DRAFT": "true"}]
)
def test_a_draft_is_one_without_a_token_too(changes: dict[str, str]) -> None:
    assert access(GITLAB_TOKEN="", **changes).forge.look().pull.draft


# --- what it leaves behind ----------------------------------------------------------------------


def test_outputs_are_variables_for_later_jobs(tmp_path: Path) -> None:
    runner = GitLabCI(environment(CI_PROJECT_DIR=str(tmp_path)))
    runner.set_outputs({"status": "complete", "cost-usd": ""})
    written = (tmp_path / "reviewbot.env").read_text()
    assert written == "REVIEWBOT_STATUS=complete\nREVIEWBOT_COST_USD=\n"


@pytest.mark.parametrize("delivered", [True, False])
def test_the_code_quality_report_is_written_whatever_was_posted(
    tmp_path: Path, *, delivered: bool
) -> None:
    runner = GitLabCI(environment(CI_PROJECT_DIR=str(tmp_path)))
    runner.show(None, "", delivered=True)
    file = tmp_path / "gl-code-quality-report.json"
    assert json.loads(file.read_text()) == []
    runner.show(COMPLETE, "", delivered=delivered)
    assert len(json.loads(file.read_text())) == len(REPORT.standing)
    runner.show(replace(COMPLETE, findings=()), "", delivered=delivered)
    assert json.loads(file.read_text()) == []
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_a_link_that_the_branch_has_there_leads_nowhere(tmp_path: Path) -> None:
    project, secret = tmp_path / "project", tmp_path / "secret"
    project.mkdir()
    secret.write_text("kept")
    file = project / "gl-code-quality-report.json"
    file.symlink_to(secret)
    GitLabCI(environment(CI_PROJECT_DIR=str(project))).show(None, "", delivered=True)
    assert (secret.read_text(), file.read_text()) == ("kept", "[]\n")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gl-code-quality-report.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        GitLabCI(environment(CI_PROJECT_DIR=str(tmp_path))).show(None, "", delivered=True)
    assert [each.name for each in tmp_path.iterdir()] == ["gl-code-quality-report.json"]
