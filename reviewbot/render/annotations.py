"""Findings as workflow commands, which a forge shows beside the lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reviewbot.anchors import Comment
from reviewbot.findings import Severity
from reviewbot.render import words
from reviewbot.report import ranked
from reviewbot.text import harmless, visible

LONGEST_TITLE = 255

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(comments: Iterable[Comment], most: int = 10) -> str:
    """One workflow command a finding, the most severe first.

    Args:
        comments: the findings that count.
        most: how many of each level (error, warning, notice) a step can show. Where some are left
            out, the last notice says how many.

    Returns:
        Lines for the output of the job; empty without findings.
    """
    comments = ranked(comments)
    shown = _first(comments, {"error": most, "warning": most, "notice": most})
    if len(shown) < len(comments):
        shown = _first(comments, {"error": most, "warning": most, "notice": most - 1})
    lines = [_annotation(comment) for comment in shown]
    if left := len(comments) - len(shown):
        title = f"{left} more in the job summary"
        message = f"A step shows {most} annotations of a level; the job summary has all findings."
        lines.append(command("notice", {"title": title}, message))
    return "".join(f"{line}\n" for line in lines)


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    """A workflow command: one line, whatever stands in the values."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{name}{' ' if listed else ''}{listed}::{_data(message)}"


def _first(comments: Sequence[Comment], room: Mapping[str, int]) -> list[Comment]:
    """The first comments of each level, as many as there is room for."""
    room = dict(room)
    chosen = []
    for comment in comments:
        level = _LEVELS[comment.severity]
        if room[level] > 0:
            room[level] -= 1
            chosen.append(comment)
    return chosen


def _annotation(comment: Comment) -> str:
    properties = {"title": words.line(comment.title)[:LONGEST_TITLE], "file": comment.path}
    if comment.side == "new" and comment.line is not None:
        properties["line"] = str(comment.line)
        properties["endLine"] = str(comment.end_line or comment.line)
    return command(_LEVELS[comment.severity], properties, _message(comment))


def _message(comment: Comment) -> str:
    """The body, then where it stands and by which name it can be dismissed."""
    body = "\n".join(map(visible, comment.body.strip().split("\n")))
    foot = f"{words.place(comment)} · {', '.join(comment.checklists)} · {comment.id}"
    return "\n\n".join(part for part in (body, words.line(foot)) if part)


def _data(text: str) -> str:
    return harmless(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
