"""The job of GitLab CI that this is, and where it leaves its results."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from reviewbot.errors import OutputError, ReadOnlyError, UsageError
from reviewbot.forge import Environment, PullRequest, Remote, basic
from reviewbot.forge.api import Paused
from reviewbot.forge.gitlab import GitLab
from reviewbot.forge.gitlab_api import NEEDS
from reviewbot.forge.silent import Silent
from reviewbot.jobs import Access, Job
from reviewbot.render import Style
from reviewbot.render.gitlab import render
from reviewbot.report import Report

CODE_QUALITY = "gl-code-quality-report.json"
OUTPUTS = "reviewbot.env"

_DRAFT = re.compile(r"\s*(\[draft\]|\(draft\)|draft:)", re.IGNORECASE)
_RULE = """rules: [if: $CI_PIPELINE_SOURCE == "merge_request_event"]"""


class GitLabCI:
    """GitLab CI; see `reviewbot.jobs.Runner` for what it can do.

    Args:
        environment: the variables of the job.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def job(self) -> Job:
        """What the job is asked to do."""
        return job(self._environment)

    def access(self, job: Job, paused: Paused) -> Access:
        """The way to the merge request: without a token, to what the job knows of it."""
        environment = self._environment
        token = environment.get("GITLAB_TOKEN", "").strip()
        assert job.number is not None
        if not token:
            return Access(silent(environment, job))
        return Access(
            GitLab(
                _variable(environment, "CI_API_V4_URL"),
                _variable(environment, "CI_API_GRAPHQL_URL"),
                token,
                job.repository,
                job.number,
                remote=remote(environment),
                paused=paused,
            )
        )

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Give values to later jobs: as variables, by an artifact of the kind dotenv."""
        lines = [f"REVIEWBOT_{_name(name)}={value}\n" for name, value in values.items()]
        self._write(OUTPUTS, "".join(lines))

    def show(self, report: Report | None, summary: str, *, delivered: bool) -> None:  # noqa: ARG002
        """The findings as a Code Quality report; the log has all else."""
        self._write(CODE_QUALITY, render(report, Style()) if report else "[]\n")

    def _write(self, name: str, text: str) -> None:
        """Put a file where artifacts are taken from, in place of whatever the branch has there."""
        path = Path(_variable(self._environment, "CI_PROJECT_DIR"), name)
        temporary = path.with_name(f".{name}-{secrets.token_hex(8)}")
        try:
            temporary.write_text(text, "utf-8")
            temporary.replace(path)  # of a link the link, never what it leads to
        except OSError as error:
            raise OutputError(f"{name} cannot be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)


def runner(environment: Environment) -> GitLabCI:
    """The runner of the job that has this environment."""
    return GitLabCI(environment)


def _name(output: str) -> str:
    return output.upper().replace("-", "_")


# --- what the job is to do -----------------------------------------------------------------------


def job(environment: Environment) -> Job:
    """What the variables of the job ask for.

    Raises:
        UsageError: the pipeline is none of a merge request, or a variable is not there.
    """
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    if not number:
        source = environment.get("CI_PIPELINE_SOURCE") or "unknown"
        raise UsageError(
            f"this pipeline is none of a merge request, its source is {source}",
            f"Let the job run in merge request pipelines only: {_RULE}",
        )
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f"'{number}' in CI_MERGE_REQUEST_IID is no number of a merge request")
    return Job(
        repository=_variable(environment, "CI_MERGE_REQUEST_PROJECT_PATH"),
        number=int(number),
        head=_head(environment),
        secretless=_secretless(environment),
        url=environment.get("CI_JOB_URL", ""),
    )


def _head(environment: Environment) -> str:
    """The newest commit of the source branch.

    Pipelines of merged results and merge trains run at a commit that is made for them only.
    """
    return environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or _variable(
        environment, "CI_COMMIT_SHA"
    )


def _secretless(environment: Environment) -> str:
    """Why there may be no key: the pipeline of a fork has the variables of the fork."""
    source = environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    of_fork = source != environment.get("CI_MERGE_REQUEST_PROJECT_ID")
    if of_fork and source == environment.get("CI_PROJECT_ID"):
        return "the merge request comes from a fork, and its pipeline runs there"
    return ""


def _variable(environment: Environment, name: str) -> str:
    value = environment.get(name)
    if not value:
        raise UsageError(f"this is no job of GitLab CI: {name} is not set")
    return value


# --- how to reach GitLab -------------------------------------------------------------------------


def remote(environment: Environment) -> Remote:
    """Where git fetches commits from, with the token that each job has for that."""
    project = _variable(environment, "CI_MERGE_REQUEST_PROJECT_PATH")
    server = _variable(environment, "CI_SERVER_URL").rstrip("/")
    return Remote(
        url=f"{server}/{project}.git",
        authorization=basic("gitlab-ci-token", _variable(environment, "CI_JOB_TOKEN")),
        authorities=environment.get("CI_SERVER_TLS_CA_FILE", ""),
    )


def silent(environment: Environment, job: Job) -> Silent:
    """The merge request as the variables of the job describe it.

    Raises:
        UsageError: one of them is not there.
    """
    assert job.number is not None
    assert job.head is not None
    base = _variable(environment, "CI_MERGE_REQUEST_DIFF_BASE_SHA")
    labels = environment.get("CI_MERGE_REQUEST_LABELS", "")
    title = environment.get("CI_MERGE_REQUEST_TITLE", "")
    url = environment.get("CI_MERGE_REQUEST_PROJECT_URL", "")
    pull = PullRequest(
        repository=job.repository,
        number=job.number,
        url=f"{url}/-/merge_requests/{job.number}",
        title=title,
        description=environment.get("CI_MERGE_REQUEST_DESCRIPTION", ""),
        author="",
        open=True,
        draft=environment.get("CI_MERGE_REQUEST_DRAFT") == "true" or bool(_DRAFT.match(title)),
        labels=tuple(filter(None, labels.split(","))),
        target=environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
        tip=base,
        head=job.head,
        foreign=bool(job.secretless),
    )
    refusal = ReadOnlyError("CI_JOB_TOKEN cannot write comments, and no other one is here", NEEDS)
    return Silent(pull, base, remote(environment), refusal)
