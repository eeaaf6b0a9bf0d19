"""What GitHub shows of a pull request's diff, and where in it a comment may stand.

Lines come from git itself, by way of `fake_forge`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from conftest import Repo
from fake_forge import DIFF, Hunk, environment, hunks

__all__ = ["BODY_LIMIT", "Shown", "body_problem", "environment", "problems", "shift", "shown"]

# https://docs.github.com/repositories/creating-and-managing-repositories/repository-limits
MOST_FILES = 300
MOST_LINES = 20_000  # of one file, and of all
FILE_BYTES, DIFF_BYTES = 500_000, 1_000_000
BODY_LIMIT = 65_536  # characters

OUTSIDE = "Pull request review thread line must be part of the diff"
BLANK_HUNK = "Pull request review thread diff hunk can't be blank"
BACKWARDS = "Pull request review thread start line must precede the end line."
TWO_HUNKS = "Pull request review thread start line must be part of the same hunk as the line."
NO_PATH = "Path could not be resolved"
NO_SIDE = "Pull request review thread side must be LEFT or RIGHT"
NO_START_SIDE = "Pull request review thread start side is missing"
TOO_LONG = f"body is too long (maximum is {BODY_LIMIT} characters)"
BLANK = "body can't be blank"

_PATCH = re.compile(rb"^(?=diff --git )", re.MULTILINE)

Shown = Mapping[str, Sequence[Hunk]]


def shown(repo: Repo, base: str, head: str) -> Shown:
    """What GitHub shows of the changes between two commits: no hunk of what is too large."""
    raw = repo.git_bytes(*DIFF, "--raw", "-z", "-M", base, head).decode("utf-8", "surrogateescape")
    patches = _PATCH.split(repo.git_bytes(*DIFF, "-M", base, head))
    segments, names = iter(patches[1:]), iter(raw.split("\0")[:-1])
    found: dict[str, Sequence[Hunk]] = {}
    lines = size = 0
    for entry in names:
        change, path = entry.split()[-1], next(names)
        if change.startswith("R"):
            path = next(names)
        patch = next(segments) + (next(segments) if change == "T" else b"")
        fits = patch.count(b"\n") <= MOST_LINES and len(patch) <= FILE_BYTES
        if fits:
            lines, size = lines + patch.count(b"\n"), size + len(patch)
        room = len(found) < MOST_FILES and lines <= MOST_LINES and size <= DIFF_BYTES
        found[path] = hunks(patch) if fits and room else ()
    return found


def problems(diff: Shown, comment: Mapping[str, Any]) -> list[str]:
    """Why a comment cannot stand where it is meant to; nothing where it can."""
    if text := body_problem(comment["body"]):
        return [text]
    if comment["path"] not in diff:
        return [NO_PATH]
    side = comment.get("side", "RIGHT")
    if side not in ("LEFT", "RIGHT"):
        return [NO_SIDE]
    for hunk in diff[comment["path"]]:
        if comment.get("line") in hunk.side(side):
            return _start_problems(hunk, side, comment)
    return [OUTSIDE, BLANK_HUNK]


def _start_problems(hunk: Hunk, side: str, comment: Mapping[str, Any]) -> list[str]:
    start, start_side = comment.get("start_line"), comment.get("start_side")
    if start is None:
        return []
    if start_side not in ("LEFT", "RIGHT"):
        return [NO_START_SIDE]
    if start_side == side and start >= comment["line"]:
        return [BACKWARDS]
    return [] if start in hunk.side(start_side) else [TWO_HUNKS]


def body_problem(body: str) -> str | None:
    """Why a text is no comment."""
    if not body.strip():
        return BLANK
    return TOO_LONG if len(body) > BODY_LIMIT else None


def shift(repo: Repo, old: str, new: str, path: str, lines: range) -> int | None:
    """How far lines of a file have moved between two commits; None where one was edited."""
    moved = 0
    for hunk in hunks(repo.git_bytes(*DIFF, "-U0", old, new, "--", f":(literal){path}")):
        if not hunk.left:  # an insertion after the line `start`
            if lines.start <= hunk.left.start < lines.stop - 1:
                return None
            before = hunk.left.start < lines.start
        elif hunk.left.start < lines.stop and lines.start < hunk.left.stop:
            return None
        else:
            before = hunk.left.stop <= lines.start
        moved += (len(hunk.right) - len(hunk.left)) if before else 0
    return moved
