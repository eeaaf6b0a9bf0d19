"""A model that notices the same things whenever it is shown them, for the fake gateway.

It reads the prompt as a model does: the rows of the change, with their numbers and signs. What it
notices is the same at each run, whether or not somebody has been told of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from builders import raw_finding
from fake_gateway import Call, Reaction, answered, streamed

_FILE = re.compile(r"^## (.+) \([a-z][^()]*, \+\d+ -\d+\)$")
_ROW = re.compile(r"^(\d*)\t([ +-])(.*)$")


@dataclass(frozen=True)
class Row:
    """One line of the change, as the prompt shows it."""

    path: str
    number: int
    sign: str
    text: str


def rows(prompt: str) -> Iterator[Row]:
    """The lines of the change; a removed one with the number of the next line that has one."""
    path = ""
    pending: list[Row] = []
    for line in prompt.splitlines():
        if heading := _FILE.match(line):
            path, pending = heading[1], []
        elif row := _ROW.match(line):
            number, sign, text = row.groups()
            if not number:
                pending.append(Row(path, 0, sign, text))
                continue
            for each in pending:
                yield Row(path, int(number), each.sign, each.text)
            pending = []
            yield Row(path, int(number), sign, text)


@dataclass(frozen=True)
class Notice:
    """What the model says wherever a changed line holds a fragment."""

    fragment: str
    severity: str = "high"
    checklist: str = "Correctness"
    sign: str = "+"
    lines: int = 1
    values: dict[str, Any] = field(default_factory=dict)

    def findings(self, prompt: str) -> Iterator[dict[str, Any]]:
        """One finding for each line of the change that holds the fragment."""
        for row in rows(prompt):
            if row.sign == self.sign and self.fragment in row.text:
                own = {
                    "path": row.path,
                    "line": row.number,
                    "end_line": row.number + self.lines - 1,
                    "quote": row.text,
                    "severity": self.severity,
                    "title": f"{self.fragment.strip()} is wrong",
                    "body": f"What `{self.fragment.strip()}` does is not what it says.",
                }
                yield raw_finding(**own | self.values)


def noticing(*notices: Notice) -> Callable[[Call], Reaction]:
    """A gateway's reaction that reports each notice to the checklist it belongs to."""

    def react(call: Call) -> Reaction:
        mine = [notice for notice in notices if notice.checklist == call.checklist]
        found = [finding for notice in mine for finding in notice.findings(call.prompt)]
        return streamed(answered(found))

    return react
