"""The report for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from reviewbot.anchors import Comment, FrameLine
from reviewbot.findings import Severity, Status
from reviewbot.render import Style, words
from reviewbot.report import AnsweredChecklist, AnsweredItem, Report, ranked
from reviewbot.text import visible

LONGEST_FRAME = 16  # lines of code shown with one finding

_COLORS = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "blue",
}
_STATUS_COLORS = {Status.PASS: "green", Status.FAIL: "red", Status.UNANSWERED: "yellow"}


def render(report: Report, style: Style) -> str:
    """Findings by file with the code around them, ticked checklists, coverage and cost."""
    blocks = list(_findings(report, style))
    blocks.append(words.line(words.dropped(report)))
    if report.usage.calls:
        indent = max((len(each.name) for each in report.checklists), default=0) + 2
        blocks.append("\n".join(_checklist(each, style, indent) for each in report.checklists))
    notes = [f"! {words.line(warning)}" for warning in report.warnings]
    notes += map(words.line, words.exceptions(report))
    if notes:
        blocks.append("\n".join(notes))
    blocks.append("\n".join((_verdict(report, style), words.files(report), words.usage(report))))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(report: Report, style: Style) -> str:
    color = "green" if report.status == "complete" and not report.standing else "yellow"
    color = "red" if report.status in ("incomplete", "failed") else color
    return _paint(words.verdict(report), style, fg=color, bold=True)


def _findings(report: Report, style: Style) -> Iterator[str]:
    worst: dict[str, int] = {}
    for comment in ranked(report.standing):
        worst.setdefault(comment.path, len(worst))
    standing = sorted(ranked(report.standing), key=lambda comment: worst[comment.path])
    for path, comments in groupby(standing, key=lambda comment: comment.path):
        yield _paint(visible(path), style, bold=True, underline=style.color)
        for comment in comments:
            yield textwrap.indent("\n".join(_finding(comment, style)), "  ")


def _finding(comment: Comment, style: Style) -> Iterator[str]:
    severity = _paint(str(comment.severity).upper(), style, fg=_COLORS[comment.severity], bold=True)
    place = _paint(visible(words.place(comment)), style, fg="cyan")
    names = f"{words.names(comment)}  {comment.id}"
    yield f"{severity}  {place}  {_paint(names, style, dim=True)}"
    yield _paint(words.line(comment.title), style, bold=True)
    if comment.anchor_note:
        yield _paint(f"({words.line(comment.anchor_note)})", style, dim=True)
    yield from _frame(comment, style)
    yield from _wrapped(comment.body, style.width - 2)
    if comment.suggestion:
        yield "Suggestion:"
        yield from _suggestion(comment, style)


def _frame(comment: Comment, style: Style) -> Iterator[str]:
    """The code around the finding, its own lines marked with `>`."""
    frame = comment.frame[:LONGEST_FRAME]
    digits = max((len(str(entry.line)) for entry in frame), default=0)
    for entry in frame:
        mark = ">" if entry in _own_lines(comment) else " "
        number = entry.line if _is_numbered(entry, comment) else ""
        line = f"{mark} {number:>{digits}} {entry.kind} {visible(entry.text)}"
        shown = _fitting(line, style.width - 2).rstrip()
        yield _paint(shown, style, bold=mark == ">", dim=mark != ">")
    if len(comment.frame) > LONGEST_FRAME:
        yield f"  {'':>{digits}} … {len(comment.frame) - LONGEST_FRAME} more lines"


def _is_numbered(entry: FrameLine, comment: Comment) -> bool:
    """Lines of the other side have numbers of their own, which would only confuse."""
    return (entry.kind == "-") == (comment.side == "old")


def _fitting(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _own_lines(comment: Comment) -> Sequence[FrameLine]:
    """The lines of the frame that the finding is about, on its side."""
    if comment.line is None or comment.end_line is None:
        return ()
    numbers = range(comment.line, comment.end_line + 1)
    removed = comment.side == "old"
    return [e for e in comment.frame if e.line in numbers and (e.kind == "-") == removed]


def _suggestion(comment: Comment, style: Style) -> Iterator[str]:
    for entry in _own_lines(comment):
        yield _paint(f"- {visible(entry.text)}", style, fg="red")
    for line in comment.suggestion.removesuffix("\n").split("\n"):
        yield _paint(f"+ {visible(line)}", style, fg="green")


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Paragraphs filled to the width; lines of code blocks and lists as they are."""
    fenced = False
    for line in text.strip().splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if fenced or fence or line[:1] in " \t":
            yield visible(line)
        else:
            yield from textwrap.wrap(visible(line), width) or [""]


def _checklist(checklist: AnsweredChecklist, style: Style, indent: int) -> str:
    """The checklist's name, then its items by id, ticked, in as many lines as they need."""
    rows: list[list[AnsweredItem]] = [[]]
    room = width = max(style.width - indent, 1)
    for item in checklist.items:
        room -= len(item.id) + 4
        if room < 0 and rows[-1]:
            rows.append([])
            room = width - len(item.id) - 4
        rows[-1].append(item)
    name = f"{words.line(checklist.name):<{indent}}"
    first = _paint(name, style, bold=True)
    ticked = ("  ".join(_ticked(item, style) for item in row) for row in rows)
    return first + f"\n{' ' * indent}".join(ticked)


def _ticked(item: AnsweredItem, style: Style) -> str:
    tick = _paint(words.TICKS[item.status], style, fg=_STATUS_COLORS.get(item.status))
    return f"{tick} {item.id}"


def _paint(text: str, style: Style, **how: object) -> str:
    return click.style(text, **how) if style.color and text else text  # type: ignore[arg-type]
