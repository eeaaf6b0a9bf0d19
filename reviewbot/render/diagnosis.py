"""What the doctor has found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import click

from reviewbot.render import Style
from reviewbot.text import plural, visible

Status = Literal["ok", "warning", "failed", "skipped"]

_SIGNS: dict[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "bright_black"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it is, in words, and what mends it.

    `code` is the exit code of a review that fails by it.
    """

    name: str
    status: Status
    words: str
    remedy: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, in their order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """That of the first failed check; 0 where a review would work."""
        return next((check.code for check in self.checks if check.status == "failed"), 0)

    @property
    def verdict(self) -> str:
        """All of it in one line."""
        problems, warnings = self._count("failed"), self._count("warning")
        beside = plural(warnings, "warning") if warnings else ""
        if problems:
            counts = ", ".join(filter(None, (plural(problems, "problem"), beside)))
            return f"A review would fail: {counts}."
        return f"A review would work, with {beside}." if beside else "A review would work."

    def _count(self, status: Status) -> int:
        return sum(check.status == status for check in self.checks)

    def to_text(self, style: Style) -> str:
        """One line a check, with the remedy below it; at the end the verdict."""
        width = max(len(check.name) for check in self.checks)
        lines = [line for check in self.checks for line in _lines(check, width, style)]
        color = "red" if self.exit_code else "green"
        return "\n".join((*lines, "", _paint(self.verdict, color, style, bold=True))) + "\n"

    def to_json(self) -> str:
        """A list of all checks."""
        listed = [
            {"name": each.name, "status": each.status, "words": each.words, "remedy": each.remedy}
            for each in self.checks
        ]
        return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def _lines(check: Check, width: int, style: Style) -> Iterator[str]:
    sign, color = _SIGNS[check.status]
    yield f"{_paint(sign, color, style)} {check.name:<{width}}  {visible(check.words)}"
    if check.remedy:
        yield f"  {'':<{width}}  → {visible(check.remedy)}"


def _paint(text: str, color: str, style: Style, *, bold: bool = False) -> str:
    return click.style(text, fg=color, bold=bold or None) if style.color else text
