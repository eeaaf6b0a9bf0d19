"""The findings as GitLab's Code Quality report, which needs no token to be shown."""

from __future__ import annotations

import json
from typing import Any

from reviewbot import markup
from reviewbot.anchors import Comment
from reviewbot.diff import REMOVED
from reviewbot.findings import Severity
from reviewbot.render import Style, words
from reviewbot.report import Report
from reviewbot.text import digest

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - JSON has no style
    """One issue a finding, as https://docs.gitlab.com/ci/testing/code_quality/ says; in ASCII."""
    issues = [_trouble(report)] if report.status in ("failed", "incomplete") else []
    issues += map(_issue, report.standing)
    return json.dumps(issues, indent=2) + "\n"


def _trouble(report: Report) -> dict[str, Any]:
    """That the review is not whole, as an issue of its own: no report looks like a clean one."""
    said = (words.verdict(report), *map(words.line, report.warnings))
    path = next((entry.path for entry in report.coverage), ".gitlab-ci.yml")
    return {
        "type": "issue",
        "description": words.line(" ".join(said)),
        "check_name": "reviewbot",
        "fingerprint": digest("trouble", report.status, report.head or ""),
        "severity": "critical",
        "location": {"path": path, "lines": {"begin": 1, "end": 1}},
    }


def _issue(comment: Comment) -> dict[str, Any]:
    checklists = "+".join(comment.checklists)
    return {
        "type": "issue",
        "description": words.line(comment.title),
        "check_name": words.line("/".join(("reviewbot", checklists, *comment.items[:1]))),
        "content": {"body": markup.block(comment.body)},
        "fingerprint": comment.fingerprint,
        "severity": _SEVERITIES[comment.severity],
        "location": {"path": comment.path, "lines": _lines(comment)},
    }


def _lines(comment: Comment) -> dict[str, int]:
    """Lines of the head; of removed ones what stands beside them, the first one without a place."""
    if comment.side == "new" and comment.line is not None:
        return {"begin": comment.line, "end": comment.end_line or comment.line}
    beside = next((entry.line for entry in comment.frame if entry.kind != REMOVED), 1)
    return {"begin": beside, "end": beside}
