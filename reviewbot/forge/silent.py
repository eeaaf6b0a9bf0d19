"""A pull request at which nothing can be written: what its CI job knows is all there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from reviewbot.anchors import Comment
from reviewbot.diff import Diff
from reviewbot.errors import ReadOnlyError
from reviewbot.forge import PullRequest, Remote, Sight
from reviewbot.history import Thread


class Silent:
    """A forge without a token; see `reviewbot.forge.Forge` for what others can do.

    Args:
        pull: what is known of it.
        base: where its head left the target branch.
        remote: where its commits can be fetched from.
        refusal: why nothing can be written, and what to do about it.
    """

    body_limit = 1_000_000

    def __init__(
        self, pull: PullRequest, base: str, remote: Remote, refusal: ReadOnlyError
    ) -> None:
        self._pull = pull
        self._base = base
        self._remote = remote
        self._refusal = refusal

    def look(self) -> Sight:
        """The pull request, of whose comments nothing is known."""
        return Sight(self._pull, (), ())

    def merge_base(self, _: PullRequest) -> str:
        """The commit where the head left the target branch."""
        return self._base

    def remote(self) -> Remote:
        """Where its commits can be fetched from."""
        return self._remote

    def may_write(self, _: str) -> bool:
        """Nobody is known."""
        return False

    def placeable(self, _: Diff, __: Comment) -> bool:
        """No comment can stand anywhere."""
        return False

    def suggestion_as(self, _: Comment) -> str:
        """Nothing is offered."""
        return ""

    def post(self, *_: object, **__: object) -> NoReturn:
        """Nothing can be posted.

        Raises:
            ReadOnlyError: always.
        """
        raise self._refusal

    def write_summary(self, *_: object) -> NoReturn:
        """Nothing can be written.

        Raises:
            ReadOnlyError: always.
        """
        raise self._refusal

    def resolve(self, _: Sequence[Thread]) -> None:
        """There is nothing to resolve."""

    def delete(self, _: Sequence[str], __: Sequence[str]) -> None:
        """There is nothing to take back."""
