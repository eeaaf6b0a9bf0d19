"""The CI job in which the program runs: what it is about, and where its results go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from reviewbot.commands import Command
from reviewbot.errors import UsageError
from reviewbot.forge import Forge, Respondent
from reviewbot.report import Report


@dataclass(frozen=True, slots=True)
class Job:
    """What a CI job is asked to do, whichever system runs it.

    `idle` says in words why there is nothing to do: then nothing else counts. `number` is None
    where the pull request must be found by its head (`head_repository`, `head_branch`, `head`).
    `head` is the commit that the event is about, None for the current one. `secretless` says why
    no key can be there (a fork, a dependency bot). `commands` stand in the comment `note` by
    `asker` that started the job. `url` is the page of the job.
    """

    repository: str
    number: int | None
    head: str | None = None
    head_repository: str = ""
    head_branch: str = ""
    idle: str = ""
    secretless: str = ""
    commands: tuple[Command, ...] = ()
    note: str = ""
    asker: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How a job reaches its pull request.

    `respondent` is there where the job is shown at another commit than the head.
    """

    forge: Forge
    respondent: Respondent | None = None


class Runner(Protocol):
    """The CI system that runs the job: what it started it with, and what it can be told."""

    def job(self) -> Job:
        """What the job is asked to do."""

    def access(self, job: Job, paused: Callable[[float, str], None]) -> Access | None:
        """The way to the job's pull request; None where there is no such pull request."""

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Give values to later steps or jobs."""

    def show(self, report: Report | None, summary: str, *, delivered: bool) -> None:
        """Show a report where the CI system has places for it.

        Args:
            report: what was found; None where nothing was reviewed.
            summary: what the pull request's summary says, or would say.
            delivered: whether the pull request was told.
        """


# By the variable that the system sets in all its jobs.
_RUNNERS = {"GITHUB_ACTIONS": "reviewbot.jobs.github", "GITLAB_CI": "reviewbot.jobs.gitlab"}


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether this environment is that of a CI job which is known here."""
    return any(environment.get(variable) == "true" for variable in _RUNNERS)


def runner(environment: Mapping[str, str]) -> Runner:
    """The CI system that this environment is of.

    Raises:
        UsageError: it is none.
    """
    for variable, module in _RUNNERS.items():
        if environment.get(variable) == "true":
            made: Runner = import_module(module).runner(environment)
            return made
    raise UsageError(
        "this is no CI job that is known here", "On a laptop, take: reviewbot diff main"
    )
