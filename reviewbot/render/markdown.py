"""The report as Markdown, for a file, a wiki or a job summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
    if dropped := words.dropped(report):
        yield dropped


def _finding(comment: Comment) -> Iterator[str]:
    yield f"### {_line(comment.title)}"
    names = _line(", ".join(comment.checklists))
    yield f"{_code(visible(words.place(comment)))} · {names} · {_code(comment.id)}"
    if comment.anchor_note:
        yield f"_{_line(comment.anchor_note)}_"
    if comment.frame:
        yield _fenced(
            "diff", "\n".join(f"{each.kind}{visible(each.text)}" for each in comment.frame)
        )
    if body := comment.body.strip():
        yield "\n".join(_inert(body.split("\n")))
    if comment.suggestion:
        text = comment.suggestion.removesuffix("\n").split("\n")
        yield "Suggestion:\n\n" + _fenced("", "\n".join(map(visible, text)))


def _checklist(checklist: AnsweredChecklist) -> str:
    lines = [f"**{_line(checklist.name)}**", ""]
    for item in checklist.items:
        note = f" ({_line(item.note)})" if item.note else ""
        tick = words.TICKS[item.status].replace("-", "\\-")  # or it would begin another list
        lines.append(f"- {tick} {_line(item.text)}{note}")
    return "\n".join(lines)


def _line(text: str) -> str:
    """Text for the middle of a line: no line end, no tag, no image."""
    return _escaped(words.line(text))


# What begins a tag, a comment or an image. Also within code spans, where it is a blemish only: a
# span may begin lines above, so that no line can tell what is in one.
_ACTIVE = re.compile(r"<(?=[a-zA-Z/!?])|!(?=\[)")


def _escaped(line: str) -> str:
    escapes = {"<": "&lt;", "!": "\\!"}
    return _ACTIVE.sub(lambda match: escapes[match[0]], line)


_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


def _inert(lines: Iterable[str]) -> Iterator[str]:
    """The model's Markdown: nothing loads or hides anything, no code block stays open."""
    fence = ""
    for line in map(visible, lines):
        mark = _FENCE.match(line)
        if not fence:
            fence = mark[1] if mark else ""
            yield line if mark else _escaped(line)
            continue
        if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            fence = ""
        yield line
    if fence:
        yield fence


def _code(text: str) -> str:
    """A code span, with a delimiter that the text does not hold."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    return f"{mark} {text} {mark}" if longest else f"`{text}`"


def _fenced(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
