"""The checks of the folder: settings, git, and what a change is compared with."""

from __future__ import annotations

from reviewbot import books, checklists, git, house
from reviewbot.config import DEFAULT
from reviewbot.doctor.case import Case, Outcome, ok, warning
from reviewbot.text import listed, visible

OLDEST_GIT = (2, 31)  # before, no filter of the repository could be switched off


def configuration(case: Case) -> Outcome:
    """The files can be read, and say what is known; the checklists are there, and can be asked."""
    for checklist, _ in case.chosen:
        checklists.task(checklist, ())
    books.place(case.config.audit, house.home(case.request.folder), case.environment)
    names = listed([checklist.name for checklist, _ in case.chosen])
    origins = dict.fromkeys(case.house.settings.origins.values())
    origins.pop(DEFAULT, None)
    by = f"settings from {listed(list(origins))}" if origins else "all settings are the defaults"
    return ok(f"{by}; checklists {names}")


def installed(case: Case) -> Outcome:  # noqa: ARG001 - as all checks
    """Git is there, and new enough."""
    version = git.version()
    words = f"git {'.'.join(map(str, version))}"
    if version < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        return warning(
            f"{words}: before {oldest}, filters that are configured may run in a review",
            f"Install git {oldest} or newer.",
        )
    return ok(words)


def repository(case: Case) -> Outcome:
    """The folder is in a repository that git trusts."""
    return ok(visible(str(case.repository.top)))


def depth(case: Case) -> Outcome:
    """All of the history, and all files of it, are here."""
    if case.repository.partial:
        return warning(
            "this clone is partial: a review gets nothing by itself that is not here",
            "git fetch --refetch --no-filter",
        )
    if case.repository.shallow and case.in_ci:
        return ok("this clone is shallow: the job gets the commits that it lacks")
    if case.repository.shallow:
        return warning(
            "this clone is shallow: where a branch began may not be known",
            "git fetch --unshallow",
        )
    return ok("the whole history is here")


def base(case: Case) -> Outcome:
    """There is something to compare with."""
    if case.in_ci and case.request.base is None:
        return ok("the forge says what the pull request is compared with")
    name = case.request.base or case.repository.default_base()
    base, head = case.repository.resolve(name), case.repository.resolve("HEAD")
    start = case.repository.merge_base(base, head)
    shown = name.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    return ok(f"compared with {visible(shown)}, which was left at {start[:10]}")
