"""The job of GitHub Actions that this is, and what it can be told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, StrictInt, StrictStr, TypeAdapter, ValidationError

from reviewbot.commands import Command, addressed, commands
from reviewbot.errors import OutputError, UsageError
from reviewbot.forge import Environment
from reviewbot.forge.api import Paused
from reviewbot.forge.github import GitHub, find_pull
from reviewbot.jobs import Access, Job
from reviewbot.output import show
from reviewbot.render import words
from reviewbot.render.annotations import command, render
from reviewbot.report import Report

LARGEST_SUMMARY = 1024 * 1024  # bytes; of a longer one GitHub shows nothing at all


class Actions:
    """GitHub Actions; see `reviewbot.jobs.Runner` for what it can do.

    Args:
        environment: the variables of the job.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def job(self) -> Job:
        """What the job is asked to do."""
        return job(self._environment, payload(self._environment))

    def access(self, job: Job, paused: Paused) -> Access | None:
        """The way to the job's pull request at GitHub; None where there is no such one."""
        if not job.number and not job.head:
            return None
        at = connection(self._environment)
        number = job.number or find_pull(
            at.api,
            at.token,
            job.repository,
            head_repository=job.head_repository,
            head_branch=job.head_branch,
            head=job.head or "",
            paused=paused,
        )
        if number is None:
            return None
        github = GitHub(
            at.api, at.graphql, at.server, at.token, job.repository, number, paused=paused
        )
        elsewhere = self._environment["GITHUB_EVENT_NAME"] in _SHOWN_ELSEWHERE
        return Access(github, github if elsewhere else None)

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Give values to later steps."""
        write_outputs(self._environment, values)

    def show(self, report: Report | None, summary: str, *, delivered: bool) -> None:
        """The summary on the page of the job; beside the code, what stands in no comment.

        Above all of it, that a review has failed.
        """
        if report is None:
            return
        write_summary(self._environment, summary)
        if report.status in ("failed", "incomplete"):
            said = " ".join((words.verdict(report), *map(words.line, report.warnings[:1])))
            show(f"{command('error', {'title': 'reviewbot'}, said)}\n")
        if not delivered:
            show(render(report.standing))


def runner(environment: Environment) -> Actions:
    """The runner of the job that has this environment."""
    return Actions(environment)


# --- what events say: nothing in them is trusted -------------------------------------------------

_Number = Annotated[StrictInt, Field(gt=0)]
_Commit = Annotated[StrictStr, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})\z")]
_FullName = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9_.-]+\z")]
_Typed = Annotated[StrictStr, Field(pattern=r"^ *#?[1-9][0-9]{0,9} *\z")]


@dataclass(frozen=True, slots=True)
class _Repository:
    full_name: _FullName


@dataclass(frozen=True, slots=True)
class _Head:
    """The head of a pull request; its repository is null where the fork was deleted."""

    sha: _Commit
    repo: _Repository | None


@dataclass(frozen=True, slots=True)
class _Pull:
    number: _Number
    head: _Head


@dataclass(frozen=True, slots=True)
class _PullEvent:
    action: StrictStr
    pull_request: _Pull


@dataclass(frozen=True, slots=True)
class _User:
    login: StrictStr


@dataclass(frozen=True, slots=True)
class _Comment:
    id: _Number
    body: StrictStr
    user: _User


@dataclass(frozen=True, slots=True)
class _Issue:
    """An issue; `pull_request` is there where it is the conversation of one."""

    number: _Number
    pull_request: object | None = None


@dataclass(frozen=True, slots=True)
class _CommentEvent:
    action: StrictStr
    issue: _Issue
    comment: _Comment


@dataclass(frozen=True, slots=True)
class _Run:
    event: StrictStr
    head_sha: _Commit
    head_branch: StrictStr | None
    head_repository: _Repository | None


@dataclass(frozen=True, slots=True)
class _RunEvent:
    workflow_run: _Run


@dataclass(frozen=True, slots=True)
class _Inputs:
    pull_request: _Typed


@dataclass(frozen=True, slots=True)
class _DispatchEvent:
    inputs: _Inputs


# --- what the job is to do -----------------------------------------------------------------------


def job(environment: Environment, payload: object) -> Job:
    """What the event asks for.

    Args:
        environment: the variables of the runner.
        payload: the event, decoded from JSON.

    Raises:
        UsageError: this is no job of GitHub Actions, the event is none that can be reviewed, or it
            lacks something.
    """
    name = _variable(environment, "GITHUB_EVENT_NAME")
    if name not in _EVENTS:
        raise UsageError(
            f"nothing can be reviewed on the event {name}", f"Use one of {', '.join(_EVENTS)}."
        )
    return _EVENTS[name](environment, payload)


def payload(environment: Environment) -> object:
    """The event that started the job, as the runner has written it down.

    Raises:
        UsageError: it is not there, or no JSON.
    """
    file = Path(_variable(environment, "GITHUB_EVENT_PATH"))
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the event in {file} cannot be read: {error}") from error


def _pull_request(environment: Environment, payload: object) -> Job:
    event = _read(_PULL_EVENT, payload)
    pull = event.pull_request
    return Job(
        repository=_repository(environment),
        number=pull.number,
        head=pull.head.sha,
        idle="the pull request was closed" if event.action == "closed" else "",
        secretless=_secretless(environment, pull.head.repo),
        url=_url(environment),
    )


def _secretless(environment: Environment, head: _Repository | None) -> str:
    """Why GitHub gives this run no secrets; with pull_request_target it gives them to all."""
    if environment["GITHUB_EVENT_NAME"] != "pull_request":
        return ""
    if head is None or head.full_name.lower() != _repository(environment).lower():
        return "the pull request comes from a fork, and GitHub gives such runs no secrets"
    if environment.get("GITHUB_ACTOR") == "dependabot[bot]":
        return "Dependabot started the run, and GitHub gives it Dependabot's own secrets only"
    return ""


def _merge_group(environment: Environment, _: object) -> Job:
    return _idle(environment, "a merge queue entry: its pull requests were reviewed")


_NOT_UNDERSTOOD = (Command("help", ""),)


def _issue_comment(environment: Environment, payload: object) -> Job:
    event = _read(_COMMENT_EVENT, payload)
    if event.action != "created":
        return _idle(environment, "a comment was edited or deleted: only new ones count")
    if event.issue.pull_request is None:
        return _idle(environment, "a comment on an issue, not on a pull request")
    if not addressed(event.comment.body):
        return _idle(environment, "a comment that does not speak to /reviewbot")
    return Job(
        repository=_repository(environment),
        number=event.issue.number,
        commands=tuple(commands(event.comment.body)) or _NOT_UNDERSTOOD,
        note=str(event.comment.id),
        asker=event.comment.user.login,
        url=_url(environment),
    )


def _workflow_run(environment: Environment, payload: object) -> Job:
    run = _read(_RUN_EVENT, payload).workflow_run
    if run.event != "pull_request":
        return _idle(environment, "the workflow before this one was not run for a pull request")
    if run.head_repository is None or run.head_branch is None:
        return _idle(environment, "the branch of the pull request is gone")
    return Job(
        repository=_repository(environment),
        number=None,  # the event lists no pull requests of forks
        head=run.head_sha,
        head_repository=run.head_repository.full_name,
        head_branch=run.head_branch,
        url=_url(environment),
    )


def _workflow_dispatch(environment: Environment, payload: object) -> Job:
    typed = _read(_DISPATCH_EVENT, payload).inputs.pull_request
    return Job(
        repository=_repository(environment),
        number=int(typed.strip(" #")),
        url=_url(environment),
    )


def _idle(environment: Environment, why: str) -> Job:
    return Job(_repository(environment), number=None, idle=why, url=_url(environment))


_PULL_EVENT = TypeAdapter(_PullEvent)
_COMMENT_EVENT = TypeAdapter(_CommentEvent)
_RUN_EVENT = TypeAdapter(_RunEvent)
_DISPATCH_EVENT = TypeAdapter(_DispatchEvent)

_EVENTS: Mapping[str, Callable[[Environment, object], Job]] = {
    "pull_request": _pull_request,
    "pull_request_target": _pull_request,
    "merge_group": _merge_group,
    "issue_comment": _issue_comment,
    "workflow_run": _workflow_run,
    "workflow_dispatch": _workflow_dispatch,
}
_SHOWN_ELSEWHERE = {"issue_comment", "workflow_run"}  # at the default branch's commit

_T = TypeVar("_T")


def _read(kind: TypeAdapter[_T], payload: object) -> _T:
    try:
        return kind.validate_python(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "as a whole"
        raise UsageError(f"the event of this job is damaged: {place}: {first['msg']}") from None


def _repository(environment: Environment) -> str:
    return _variable(environment, "GITHUB_REPOSITORY")


def _url(environment: Environment) -> str:
    """The page of this run; empty where none is known."""
    run = environment.get("GITHUB_RUN_ID")
    server = environment.get("GITHUB_SERVER_URL") or _SERVERS["GITHUB_SERVER_URL"]
    return f"{server}/{_repository(environment)}/actions/runs/{run}" if run else ""


def _variable(environment: Environment, name: str) -> str:
    value = environment.get(name)
    if not value:
        raise UsageError(f"this is no job of GitHub Actions: {name} is not set")
    return value


# --- how to reach GitHub -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connection:
    """Where GitHub answers, without a slash at the end, and the token for it."""

    api: str
    graphql: str
    server: str
    token: str = field(repr=False)


_SERVERS = {
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_GRAPHQL_URL": "https://api.github.com/graphql",
    "GITHUB_SERVER_URL": "https://github.com",
}


def connection(environment: Environment) -> Connection:
    """The GitHub that the job runs on: github.com where the environment names none.

    Raises:
        UsageError: no token is there, or only some of the addresses: the token would go to two
            different hosts.
    """
    given = {name: environment.get(name, "").rstrip("/") for name in _SERVERS}
    missing = [name for name, url in given.items() if not url]
    if missing and len(missing) < len(given):
        raise UsageError(
            f"{', '.join(missing)} must be set too", f"Set {', '.join(_SERVERS)}, or none of them."
        )
    token = environment.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise UsageError(
            "there is no token for GitHub in GITHUB_TOKEN",
            "Leave the action's input github-token alone, or give it a token.",
        )
    api, graphql, server = (given if not missing else _SERVERS).values()
    return Connection(api, graphql, server, token)


# --- what the runner is told ---------------------------------------------------------------------


def write_outputs(environment: Environment, values: Mapping[str, str]) -> None:
    """Set outputs of the step; nothing happens outside of a job."""
    _append(environment, "GITHUB_OUTPUT", "".join(_output(*each) for each in values.items()))


def _output(name: str, value: str) -> str:
    mark = f"ghadelimiter_{secrets.token_hex(16)}"
    while mark in value:
        mark = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{name}<<{mark}\n{value}\n{mark}\n"


def write_summary(environment: Environment, markdown: str) -> None:
    """Show a text on the page of the run, as far as it fits; nothing happens outside of a job."""
    _append(environment, "GITHUB_STEP_SUMMARY", fitting(markdown, LARGEST_SUMMARY))


_CUT = "\n_The rest did not fit here; the report has all of it._\n"


def fitting(text: str, limit: int) -> str:
    """The first lines of a text, at most `limit` bytes in all, with a word on what is missing."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    end = encoded.rfind(b"\n", 0, limit - len(_CUT)) + 1
    return encoded[:end].decode() + _CUT


def _append(environment: Environment, variable: str, text: str) -> None:
    if not (name := environment.get(variable)):
        return
    try:
        with Path(name).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileNotFoundError:
        return  # the variable is left over from another job: its folder is gone
    except OSError as error:
        raise OutputError(f"{variable} cannot be written: {error}") from error
