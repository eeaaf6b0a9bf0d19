"""What is to be compared, as revisions on the command line say it: functions of the repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from reviewbot.errors import UsageError

if TYPE_CHECKING:
    from reviewbot.change import Span
    from reviewbot.git import Repository


def chosen(options: Mapping[str, Any]) -> Callable[[Repository], Span] | None:
    """What the options of `reviewbot diff` choose; None for a patch.

    Raises:
        UsageError: they do not go together.
    """
    from reviewbot import change

    modes = [name for name in ("staged", "uncommitted", "commit_", "patch") if options[name]]
    if "" in (options["base"], options["head"], options["commit_"]):
        raise UsageError("a revision is empty", "Is a variable of your script not set?")
    base, head = _range(options["base"], options["head"])
    named = [f"--{name.rstrip('_')}" for name in modes]
    if len(modes) > 1 or (modes and (base or head or options["committed"])):
        raise UsageError(f"{' and '.join(named)} cannot go with another choice of changes")
    if options["patch"]:
        return None
    if options["staged"]:
        return change.staged
    if options["uncommitted"]:
        return change.uncommitted
    if options["commit_"]:
        return lambda repository: change.commit(repository, options["commit_"])
    head = head or ("HEAD" if options["committed"] else None)
    return lambda repository: change.branch(repository, base, head)


def of(revision: str) -> Callable[[Repository], Span]:
    """What a commit changes, or what a range BASE...HEAD brings."""
    from reviewbot import change

    base, head = _range(revision, None)
    if head is None:
        return lambda repository: change.commit(repository, revision)
    return lambda repository: change.branch(repository, base, head)


def _range(base: str | None, head: str | None) -> tuple[str | None, str | None]:
    """`BASE...HEAD` as two; an empty side of it means what it means to git."""
    if base is None or "..." not in base:
        return base, head
    if head is not None:
        raise UsageError("a range BASE...HEAD stands alone", "Leave out the second revision.")
    left, _, right = base.partition("...")
    return left or "HEAD", right or "HEAD"
