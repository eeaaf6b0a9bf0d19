"""The CI job in which the program runs: what it is about, and where its results go."""

from __future__ import annotations

from dataclasses import dataclass

from reviewbot.commands import Command


@dataclass(frozen=True, slots=True)
class Job:
    """What a CI job is asked to do, whichever system runs it.

    `idle` says in words why there is nothing to do: then nothing else counts. `number` is None
    where the pull request must be found by its head (`head_repository`, `head_branch`, `head`).
    `head` is the commit that the event is about, None for the current one. `secretless` says why
    no key can be there (a fork, a dependency bot). `commands` stand in the comment `note` by
    `asker` that started the job. `foreign` says that the job is shown at another commit than the
    head, so that a commit status is needed.
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
    foreign: bool = False
    url: str = ""
