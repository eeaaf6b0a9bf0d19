"""The report as JSON, as `docs/report.schema.json` describes it."""

from __future__ import annotations

from reviewbot.render import Style
from reviewbot.report import Report


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - JSON has no style
    """The whole report, with what was dropped."""
    return report.to_json()
