"""One comment for one defect, whichever checklists and batches found it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Any

from reviewbot.anchors import Comment
from reviewbot.text import digest, squeezed

ALIKE = 0.5  # share of the shorter title's words that must be common
ALIKE_WORDS = 2  # and how many at least, where it has as many

_WORD = re.compile(r"\w{3,}")
_FILLERS = frozenset(
    (
        *("and", "are", "but", "can", "for", "from", "has", "have"),
        *("into", "not", "that", "the", "this", "was", "when", "with"),
    )
)
ID_LENGTH = 8
SAME = "the same as"  # begins the drop_reason of other words for a finding that is shown


def merge(comments: Iterable[Comment]) -> tuple[Comment, ...]:
    """Join comments that say the same of the same lines, keep all their names, and give them ids.

    The same place alone is not enough: one line can have two defects. By the same item, two
    checklists mean the same. What was said with the
    highest severity and confidence stays; other words for it are kept as a dropped finding. The
    order of the comments makes no difference.
    """
    by_path: dict[tuple[str, str, bool], list[list[Comment]]] = defaultdict(list)
    for comment in sorted(comments, key=_strongest_first):
        groups = by_path[comment.path, comment.state, comment.anchored]
        group = next((group for group in groups if _belongs(comment, group)), None)
        if group is None:
            groups.append([comment])
        else:
            group.append(comment)
    return _identified(list(chain.from_iterable(by_path.values())))


def _belongs(comment: Comment, group: list[Comment]) -> bool:
    """Whether it is said again: by another checklist, or to the letter by the same one.

    What one answer tells apart by itself are two defects.
    """
    own = [other for other in group if other.checklists == comment.checklists]
    return _same(group[0], comment) and all(_repeated(comment, other) for other in own)


def _repeated(one: Comment, other: Comment) -> bool:
    return _same_lines(one, other) and squeezed(one.title) == squeezed(other.title)


def _strongest_first(comment: Comment) -> tuple[Any, ...]:
    text = (comment.title, comment.body, comment.suggestion)
    return comment.severity.rank, -comment.confidence, comment.checklists, comment.fingerprint, text


def _same(one: Comment, other: Comment) -> bool:
    return _overlap(one, other) and (
        _alike(one.title, other.title)
        or (one.suggestion != "" and one.suggestion == other.suggestion)
        or not set(one.items).isdisjoint(other.items)
    )


def _overlap(one: Comment, other: Comment) -> bool:
    if one.line is None or other.line is None:
        return one.line is other.line
    assert one.end_line is not None
    assert other.end_line is not None
    same_side = one.side == other.side
    return same_side and one.line <= other.end_line and other.line <= one.end_line


def _alike(one: str, other: str) -> bool:
    """Whether two titles share most of the words of the shorter one."""
    words, others = (set(_WORD.findall(title.lower())) - _FILLERS for title in (one, other))
    if not words or not others:
        return one == other
    shorter, common = min(len(words), len(others)), len(words & others)
    return common >= max(shorter * ALIKE, min(shorter, ALIKE_WORDS))


def joined(kept: Comment, other: Comment) -> Comment:
    """One comment for two that say the same: the first, with what the other one adds."""
    return replace(
        kept,
        checklists=tuple(dict.fromkeys((*kept.checklists, *other.checklists))),
        items=tuple(dict.fromkeys((*kept.items, *other.items))),
        suggestion=kept.suggestion or (other.suggestion if _same_lines(kept, other) else ""),
    )


def _same_lines(one: Comment, other: Comment) -> bool:
    return (one.line, one.end_line) == (other.line, other.end_line)


def _identified(groups: Iterable[list[Comment]]) -> tuple[Comment, ...]:
    """One comment a group, with an id that no other has; and the other words of the group."""
    seen: dict[str, int] = defaultdict(int)
    identified = []
    for group in groups:
        comment = _named(reduce(joined, group), seen)
        said = {(comment.title, comment.body)}
        identified.append(comment)
        for other in group[1:]:
            if (other.title, other.body) not in said:
                said.add((other.title, other.body))
                reason = other.drop_reason or f"{SAME} {comment.id}"
                identified.append(_named(replace(other, state="dropped", drop_reason=reason), seen))
    return tuple(identified)


def _named(comment: Comment, seen: dict[str, int]) -> Comment:
    """The comment with a fingerprint of its own in this review, and an id that begins it."""
    seen[comment.fingerprint] += 1
    nth = seen[comment.fingerprint]
    own = digest(comment.fingerprint, str(nth)) if nth > 1 else comment.fingerprint
    return replace(comment, id=own[:ID_LENGTH], fingerprint=own)
