"""The report as Markdown, for a file, a wiki or a job summary."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reviewbot.anchors import Comment
from reviewbot.findings import Severity
from reviewbot.render import Style, words
from reviewbot.report import AnsweredChecklist, Report
from reviewbot.text import visible


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - Markdown has no style
    """Verdict, findings, ticked checklists, coverage and cost."""
    blocks = ["# Review", f"**{words.verdict(report)}**"]
    blocks += [f"> **Warning:** {_line(warning)}" for warning in report.warnings]
    for level in Severity:
        mine = [comment for comment in report.standing if comment.severity == level]
        if mine:
            blocks.append(f"## {level.capitalize()}")
            blocks += ["\n\n".join(_finding(comment)) for comment in mine]
    blocks.append("## Checklists")
    blocks += [_checklist(checklist) for checklist in report.checklists]
    blocks.append("## Coverage")
    blocks.append("\n".join(f"- {_line(line)}" for line in _coverage(report)))
    return "\n\n".join(blocks) + "\n"


def _coverage(report: Report) -> Iterator[str]:
    yield words.files(report)
    yield from words.exceptions(report)
    yield words.usage(report)


def _finding(comment: Comment) -> Iterator[str]:
    yield f"### {_line(comment.title)}"
    yield f"{_code(words.place(comment))} · {', '.join(comment.checklists)} · `{comment.id}`"
    if comment.anchor_note:
        yield f"_{_line(comment.anchor_note)}_"
    if comment.frame:
        yield _fenced("diff", "\n".join(f"{line.kind}{line.text}" for line in comment.frame))
    yield "\n".join(visible(line) for line in comment.body.strip().splitlines())
    if comment.suggestion:
        text = comment.suggestion.removesuffix("\n").split("\n")
        yield "Suggestion:\n\n" + _fenced("", "\n".join(map(visible, text)))


def _checklist(checklist: AnsweredChecklist) -> str:
    lines = [f"**{checklist.name}**", ""]
    for item in checklist.items:
        note = f" ({_line(item.note)})" if item.note else ""
        lines.append(f"- {words.TICKS[item.status]} {item.text}{note}")
    return "\n".join(lines)


def _line(text: str) -> str:
    """Text for the middle of a line: no line end, and no mark-up that begins a block or a tag."""
    return " ".join(visible(text.replace("\n", " ")).split()).replace("<", "&lt;")


def _code(text: str) -> str:
    """A code span, with a delimiter that the text does not hold."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    return f"{mark} {text} {mark}" if longest else f"`{text}`"


def _fenced(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
