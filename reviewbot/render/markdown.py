"""The report as Markdown, for a file, a wiki or a job summary."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot import markup
from reviewbot.anchors import Comment
from reviewbot.findings import Severity
from reviewbot.render import Style, words
from reviewbot.report import AnsweredChecklist, Report


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - Markdown has no style
    """Verdict, findings, ticked checklists, coverage and cost."""
    blocks = ["# Review", f"**{words.verdict(report)}**"]
    blocks += [f"> **Warning:** {markup.line(warning)}" for warning in report.warnings]
    for level in Severity:
        mine = [comment for comment in report.standing if comment.severity == level]
        if mine:
            blocks.append(f"## {level.capitalize()}")
            blocks += ["\n\n".join(_finding(comment)) for comment in mine]
    blocks.append("## Checklists")
    blocks += [checklist(each) for each in report.checklists]
    blocks.append("## Coverage")
    blocks.append("\n".join(f"- {markup.line(line)}" for line in _coverage(report)))
    return "\n\n".join(blocks) + "\n"


def _coverage(report: Report) -> Iterator[str]:
    yield words.files(report)
    yield from words.exceptions(report)
    yield words.usage(report)
    if dropped := words.dropped(report):
        yield dropped


def _finding(comment: Comment) -> Iterator[str]:
    yield f"### {markup.line(comment.title)}"
    names = markup.line(words.names(comment))
    yield f"{markup.code(words.place(comment))} · {names} · {markup.code(comment.id)}"
    if comment.anchor_note:
        yield f"_{markup.line(comment.anchor_note)}_"
    if comment.frame:
        yield markup.fenced("diff", "\n".join(f"{each.kind}{each.text}" for each in comment.frame))
    if body := comment.body.strip():
        yield markup.block(body)
    if comment.suggestion:
        yield "Suggestion:\n\n" + markup.fenced("", comment.suggestion.removesuffix("\n"))


def checklist(answered: AnsweredChecklist) -> str:
    """A checklist with its items ticked."""
    lines = [f"**{markup.line(answered.name)}**", ""]
    for item in answered.items:
        note = f" ({markup.line(item.note)})" if item.note else ""
        tick = words.TICKS[item.status].replace("-", "\\-")  # or it would begin another list
        lines.append(f"- {tick} {markup.line(item.text)}{note}")
    return "\n".join(lines)
