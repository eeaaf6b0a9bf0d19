"""The forge that holds the pull request: what the bot needs of it, whichever it is.

A forge is a module with a class that satisfies `Forge`; `reviewbot.threads` decides what is said,
a forge only says it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from reviewbot.anchors import Comment
from reviewbot.diff import Diff
from reviewbot.history import Discussion, Note, Thread


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, or merge request, as it is now; commits by their full ids.

    `target` is the branch it goes to, `tip` that branch's commit. `foreign` says whether the head
    lies in another repository.
    """

    repository: str
    number: int
    url: str
    title: str
    description: str
    author: str
    open: bool
    draft: bool
    labels: tuple[str, ...]
    target: str
    tip: str
    head: str
    foreign: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is to be seen of a pull request at one moment.

    `discussions` hang at lines of code; `notes` are the other comments, oldest first.
    """

    pull: PullRequest
    discussions: tuple[Discussion, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Remote:
    """Where git fetches commits from.

    `authorization` is the value of the HTTP header; `authorities` the path of a file with the
    certificates to trust, empty for the usual ones.
    """

    url: str
    authorization: str = field(repr=False)
    authorities: str = ""


def basic(user: str, token: str) -> str:
    """The HTTP header's value that lets git fetch with a token."""
    return f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"


State = Literal["pending", "success", "failure", "error"]


class Forge(Protocol):
    """What every forge can do.

    Each verb raises ForgeError where the forge refuses or cannot be reached: ReadOnlyError where
    the token may not write, UnsureError where nobody knows whether something was written.
    """

    body_limit: int
    """Characters that a comment may have."""

    def look(self) -> Sight:
        """The pull request with all its comments, as they are now."""

    def merge_base(self, pull: PullRequest) -> str:
        """The commit where the head left the target branch."""

    def remote(self) -> Remote:
        """Where its commits can be fetched from."""

    def may_write(self, login: str) -> bool:
        """Whether somebody may write to the repository."""

    def placeable(self, diff: Diff, comment: Comment) -> bool:
        """Whether a comment can stand at its lines."""

    def suggestion_as(self, comment: Comment) -> str:
        """The word at which the forge offers a code block of this comment for committing.

        Empty where it would not offer it.
        """

    def post(
        self,
        head: str,
        diff: Diff,
        comments: Sequence[tuple[Comment, str]],
        opening: str,
        *,
        complete: bool,
    ) -> Sequence[Comment]:
        """Put comments, each with its text, at their lines.

        What an earlier run has left half done is removed, also where there are no comments.

        Args:
            head: the commit that they are about.
            diff: the change, from the merge base to the head.
            comments: they can stand at their lines, see `placeable`.
            opening: a first summary, for a forge that can post it in one with the comments; empty
                where one is there.
            complete: whether all was reviewed.

        Returns:
            Those that the forge does not take at their lines.
        """

    def write_summary(self, note: str | None, body: str) -> str:
        """Put a text into the note with this id, or into a new one; the id of the note."""

    def resolve(self, threads: Sequence[Thread]) -> None:
        """Mark discussions as resolved."""

    def delete(self, notes: Sequence[str], comments: Sequence[str]) -> None:
        """Take back notes and line comments of the bot's own, by their ids."""


class Respondent(Protocol):
    """Where a job answers that is not shown at its pull request, as a comment has started it.

    Each verb raises ForgeError where the forge refuses or cannot be reached.
    """

    def acknowledge(self, note: str) -> None:
        """Show somebody that their command was heard."""

    def answer(self, body: str) -> None:
        """Say something that is no review, in a note of its own."""

    def set_status(self, commit: str, state: State, description: str, url: str) -> None:
        """Say at a commit how its review went."""


Environment = Mapping[str, str]
