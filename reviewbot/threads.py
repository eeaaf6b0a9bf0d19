"""What is said on a pull request, and what is already said there.

`plan` compares a report with the history of the pull request: what is new is posted, what stands
there is not said again, what is mended is resolved. It is the same for every forge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reviewbot.findings import Severity

# --- what the forge shows -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """One comment. `own` is what the forge says of its author; `rejected_by` gave a thumbs-down."""

    id: str
    author: str
    own: bool
    body: str
    url: str
    at: str
    rejected_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discussion:
    """Comments at a line of code, the first one first; `resolvable` says whether by this token."""

    id: str
    resolved: bool
    resolved_by: str | None
    resolvable: bool
    notes: tuple[Note, ...]


# --- what the bot remembers ---------------------------------------------------------------------

How = Literal["command", "resolved", "thumbs-down", "deleted"]


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who does not want a finding raised again, since when, why, and how they said it."""

    by: str
    at: str
    reason: str
    how: How


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding that the pull request has been told of.

    Its lines are those of the last run. `digests` has one for each of its lines (text and
    occurrence). `commented` says whether it has a comment of its own, or stands in the summary.
    """

    id: str
    fingerprint: str
    checklists: tuple[str, ...]
    path: str
    line: int | None
    end_line: int | None
    side: str
    digests: tuple[str, ...]
    severity: Severity
    title: str
    state: Literal["open", "fixed", "dismissed"] = "open"
    commented: bool = False
    dismissal: Dismissal | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the summary remembers from one run to the next.

    `watermark` is the head of the last complete review, `base` the merge base it had. `target` and
    `rules` tell whether the branch it goes to, or the configuration, have changed since. The
    lines of the entries are lines of the commit `at`.
    """

    watermark: str | None
    base: str | None
    target: str
    rules: str
    at: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """A discussion that the bot began, and the finding it is about."""

    discussion: Discussion
    entry: Entry
