"""A case made of a change in a repository's own history."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reviewbot import books
from reviewbot.change import Span
from reviewbot.errors import UsageError
from reviewbot.evaluation.case import Case, Golden
from reviewbot.git import Repository
from reviewbot.text import listed, visible

_GOLDEN = re.compile(
    r"(?P<path>.+?):(?P<first>\d+)(?:-(?P<last>\d+))?:\s*(?P<text>\S.*)", re.DOTALL
)


def golden(text: str) -> Golden:
    """A golden as it is written on the command line: `path:line: text`, or `path:10-12: text`.

    Raises:
        UsageError: it is not written so.
    """
    found = _GOLDEN.fullmatch(text)
    if not found:
        raise UsageError(f"--golden: {visible(text)!r} is not PATH:LINE: TEXT")
    first, last = int(found["first"]), int(found["last"] or found["first"])
    return Golden(
        text=found["text"].strip(),
        path=found["path"],
        line=last,
        start_line=first if first != last else None,
    )


def case(repository: Repository, span: Span, goldens: Sequence[Golden]) -> Case:
    """The case of a change between two commits.

    Args:
        repository: where.
        span: the commits.
        goldens: what a review of the change should find.

    Raises:
        UsageError: a golden is not in the change, or nothing is changed.
    """
    paths = [visible(file.path) for file in repository.diff(span.base, span.head).files]
    if strange := [each.path or "" for each in goldens if each.path not in paths]:
        raise UsageError(
            f"--golden: {visible(strange[0])} is not in {visible(span.name)}",
            f"The change is in {listed(paths)}." if paths else "It changes nothing.",
        )
    name = books.repository_name(repository.origin_url(), repository.top)
    messages = [repository.message(commit) for commit in reversed(span.commits)]
    title, _, rest = "\n\n".join(messages).partition("\n")
    return Case(
        id=f"{name.rpartition('/')[2]}-{span.head[:10]}",
        source=name,
        title=title,
        description=rest.strip(),
        golden=tuple(goldens),
        diff=repository.patch(span.base, span.head),
        base=span.base,
        head=span.head,
    )
