"""Whether a finding is worth a comment: a second look at the prompt it came from decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reviewbot import checklists
from reviewbot.anchors import Comment
from reviewbot.checklists import Checklist
from reviewbot.findings import Answer, ItemAnswer, Status
from reviewbot.merging import SAME, joined
from reviewbot.prompt import Request
from reviewbot.text import fenced, squeezed, visible

UNDECIDED = 5  # of 10; where the verifier gives no number

_ID = re.compile(r"\s*c?(\d{1,4})\s*")
# At the end of a note, or where it begins: an index as `rows[0]` in the midst of it is no score.
_SCORES = (
    re.compile(r"\s*[\[(]\s*(\d{1,2})(?:\s*/\s*10)?\s*[\])]\W*\Z"),
    re.compile(r"\s*\b(\d{1,2})\s*/\s*10\W*\Z"),
    re.compile(r"\A[\s\[(]*(\d{1,2})(?:\s*/\s*10)?\s*(?:[\]):.,;-]+\s*|\Z)"),
)
_SAME_AS = re.compile(
    r"[\s.,;(-]*(?<!not )(?<!not the )\bsame as c(\d{1,4})\b[.)]*(?=\W*(?:\d{1,2}\W*){0,2}\Z)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one claim: how sure it is, 0 to 10, why, and which earlier one says the same."""

    score: int
    reason: str
    same_as: int | None


def request(
    waiting: Request, candidates: Sequence[Comment], asked: Sequence[Checklist]
) -> Request | None:
    """The request that asks about these findings of some checklists; None where there are none."""
    if not candidates:
        return None
    claims = "\n\n".join(_claim(n, each, asked) for n, each in enumerate(candidates, 1))
    task = checklists.frame("verify", claims=fenced("claims", claims))
    return replace(waiting, task=task)


def _claim(number: int, comment: Comment, asked: Sequence[Checklist]) -> str:
    removed = ", removed" if comment.side == "old" else ""
    place = f"{comment.path}:{comment.head_line or '?'}{removed}"
    names = ", ".join(comment.checklists)
    quote = [f"> {comment.quote}"] if comment.quote else []
    head = f"c{number}. {place} ({comment.severity}, {names}): {visible(comment.title)}"
    own = [each for each in asked if each.name in comment.checklists]
    items = [item.text for each in own for item in each.items if item.id in comment.items]
    wanted = [f"Asked for: {' '.join(items)}"] if items else []
    return "\n".join((head, *wanted, *quote, *map(visible, comment.body.splitlines())))


def verdicts(answer: Answer, count: int) -> Mapping[int, Verdict]:
    """The verdicts by the place of the finding they are about, from 0; some may be missing."""
    found: dict[int, Verdict] = {}
    for item in answer.items:
        match = _ID.fullmatch(item.id)
        place = int(match[1]) - 1 if match else -1
        if 0 <= place < count and item.status != Status.UNANSWERED:
            found.setdefault(place, _verdict(item, place))
    return found


def _verdict(item: ItemAnswer, place: int) -> Verdict:
    same = _SAME_AS.search(item.note)
    earlier = int(same[1]) - 1 if same else place
    note = _SAME_AS.sub("", item.note, count=1)
    score = next(filter(None, (form.search(note) for form in _SCORES)), None)
    reason = squeezed(f"{note[: score.start()]} {note[score.end() :]}" if score else note)
    number = min(int(score[1]), 10) if score else 10 if item.status == Status.PASS else UNDECIDED
    return Verdict(
        score=min(number, UNDECIDED) if item.status == Status.FAIL else number,
        reason=reason,
        same_as=earlier if 0 <= earlier < place else None,
    )


def settled(
    candidates: Sequence[Comment], found: Mapping[int, Verdict], min_confidence: int
) -> tuple[Comment, ...]:
    """The findings as the verdicts leave them; one without a verdict stays as it is.

    Args:
        candidates: in the order in which they were asked about.
        found: the verdicts.
        min_confidence: a finding that is less sure is dropped.
    """
    settled = list(candidates)
    for place, verdict in sorted(found.items()):
        comment = replace(settled[place], confidence=verdict.score, verification=verdict.reason)
        first = settled[verdict.same_as] if verdict.same_as is not None else None
        if first is not None and first.state != "dropped":
            settled[verdict.same_as or 0] = joined(first, comment)
            comment = replace(comment, state="dropped", drop_reason=f"{SAME} {first.id}")
        settled[place] = sure_enough(comment, min_confidence)
    return tuple(settled)


UNSURE = "below min_confidence"  # begins the drop_reason of what is not sure enough


def is_refuted(comment: Comment) -> bool:
    """Whether it was dropped as it is not sure enough."""
    return (comment.drop_reason or "").startswith(UNSURE)


def sure_enough(comment: Comment, min_confidence: int) -> Comment:
    """The finding, dropped where it is not sure enough to be shown."""
    if comment.state == "dropped" or comment.confidence >= min_confidence:
        return comment
    return replace(comment, state="dropped", drop_reason=f"{UNSURE} ({min_confidence})")
