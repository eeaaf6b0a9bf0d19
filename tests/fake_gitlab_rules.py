"""What GitLab makes of a place in a diff and of a text: where it refuses, and what it executes.

Facts are those of GitLab's own `lib/gitlab/diff` and `lib/gitlab/quick_actions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from conftest import Repo
from fake_forge import DIFF, Hunk, hunks

BODY_LIMIT = 1_000_000  # characters

NO_LINE = 'Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'
BLANK = 'Note {:note=>["can\'t be blank"]}'
TOO_LONG = f'Note {{:note=>["is too long (maximum is {BODY_LIMIT} characters)"]}}'

Position = Mapping[str, Any]

# --- places -------------------------------------------------------------------------------------

_PATCH = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_CODE = re.compile(r"([0-9a-f]{40})_(\d+)_(\d+)")


@dataclass(frozen=True)
class Line:
    """A line of a diff; on the side that it is not on, the number is that of the next line."""

    sign: str
    old: int
    new: int

    @property
    def numbers(self) -> tuple[int | None, int | None]:
        """The numbers that a position names: of the old file, and of the new one."""
        return None if self.sign == "+" else self.old, None if self.sign == "-" else self.new


@dataclass(frozen=True)
class FileDiff:
    """The diff of one file; the lines outside its hunks can be unfolded where both sides exist."""

    path: str
    hunks: Sequence[Hunk]
    lines: Mapping[tuple[int | None, int | None], Line]
    foldable: int  # how many lines the old file has; 0 where there is nothing to unfold

    def line(self, old: int | None, new: int | None) -> Line | None:
        """The line at these numbers; it must be exactly there."""
        if found := self.lines.get((old, new)):
            return found
        if not old or not new or not 0 < old <= self.foldable or self._shift(old) != new - old:
            return None
        return Line(" ", old, new)

    def unchanged(self, new: int) -> int | None:
        """What number a line of the new file had in the old one; None where it is added."""
        near = [old for old, number in self.lines if old and number == new]
        near += [new - hunk.right.start + hunk.left.start for hunk in self.hunks]
        near += [new - hunk.right.stop + hunk.left.stop for hunk in self.hunks]
        return next((old for old in near if self.line(old, new)), None)

    def code(self, line: Line) -> str:
        name = sha1(self.path.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{name}_{line.old}_{line.new}"

    def coded(self, code: str) -> Line | None:
        """The line that a code means."""
        match = _CODE.fullmatch(code)
        if match is None:
            return None
        old, new = int(match[2]), int(match[3])
        for numbers in ((None, new), (old, None), (old, new)):
            line = self.line(*numbers)
            if line and self.code(line) == code:
                return line
        return None

    def _shift(self, old: int) -> int | None:
        """How far a line outside the hunks has moved; None for a line in a hunk."""
        shift: int | None = None
        for hunk in self.hunks:
            if old in hunk.left:
                return None
            if old < hunk.left.start:
                return hunk.right.start - hunk.left.start
            shift = hunk.right.stop - hunk.left.stop
        return shift


def file_diff(repo: Repo, base: str, head: str, paths: Sequence[str]) -> FileDiff | None:
    """The first file that differs below these paths, which is all that GitLab looks at."""
    asked = ["-M", base, head, "--", *(f":(literal){path}" for path in paths)]
    raw = repo.git_bytes(*DIFF, "--raw", "-z", "--no-abbrev", *asked)
    change, *names = raw.decode("utf-8", "surrogateescape").split("\0")
    if not names:
        return None
    mode, _, blob, _, status = change.removeprefix(":").split()
    patch = _PATCH.split(repo.git_bytes(*DIFF, *asked))[1]
    found = hunks(patch)
    lines = {line.numbers: line for hunk in found for line in _lines(hunk)}
    folds = mode.startswith("100") and status[0] not in "AD"
    return FileDiff(
        names[status[0] in "RC"],
        found,
        lines,
        _length(repo.git_bytes("cat-file", "blob", blob)) if folds and lines else 0,
    )


def _lines(hunk: Hunk) -> list[Line]:
    old, new = hunk.left.start, hunk.right.start
    found = []
    for text in hunk.text.split(b"\n"):
        sign = text[:1].decode("latin-1")
        if sign and sign in " +-":
            found.append(Line(sign, old, new))
            old += sign != "+"
            new += sign != "-"
    return found


def _length(content: bytes) -> int:
    return content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))


def paths_of(position: Position) -> list[str]:
    """The paths that a position names, each once."""
    return list(dict.fromkeys(filter(None, (position.get("old_path"), position.get("new_path")))))


def has_place(diff: FileDiff | None, position: Position) -> bool:
    """Whether there is a line, or for a comment on a whole file the file."""
    if position["position_type"] != "text":
        return diff is not None
    numbers = position.get("old_line"), position.get("new_line")
    return diff is not None and diff.line(*numbers) is not None


def range_problem(diff: FileDiff, position: Position) -> str:
    """What is wrong with the lines that a comment is said to span; nothing where it is right.

    GitLab itself believes any range, and shows nonsense.
    """
    spanned = position.get("line_range")
    if spanned is None:
        return ""
    found = []
    for name in ("start", "end"):
        end = spanned.get(name) or {}
        line = diff.coded(str(end.get("line_code")))
        if line is None:
            return f"line_range[{name}]: {end.get('line_code')} is no line of {diff.path}"
        if problem := _end_problem(line, end):
            return f"line_range[{name}]: {problem}"
        found.append(line)
    start, end = found
    if end.numbers != (position.get("old_line"), position.get("new_line")):
        return "line_range[end] is another line than the position's"
    if (start.old, start.new) > (end.old, end.new) or start.new > end.new:
        return "line_range[start] comes after line_range[end]"
    return ""


_TYPES: Mapping[str, Sequence[object]] = {"+": ["new"], "-": ["old"], " ": ["new", "old", None]}


def _end_problem(line: Line, end: Mapping[str, Any]) -> str:
    types = _TYPES[line.sign]
    if end.get("type", "missing") not in types:
        return f"type is none of {types}"
    given = end.get("old_line"), end.get("new_line")
    right = all(one in (None, other) for one, other in zip(given, line.numbers, strict=True))
    return "" if right else f"its lines are {line.numbers}, not {given}"


# --- texts --------------------------------------------------------------------------------------

_COMMANDS = """
    add_contacts add_email approve assign assign_reviewer award blocked_by blocks
    clear_health_status clear_weight clone close confidential convert_to_ticket copy_metadata
    create_merge_request done draft due due_date duplicate epic estimate health_status invite_email
    iteration label labels lock merge milestone move page promote promote_to react ready reassign
    reassign_reviewer rebase relabel relate remove_contacts remove_due_date remove_epic
    remove_estimate remove_iteration remove_label remove_milestone remove_parent remove_reviewer
    remove_time_spent remove_zoom reopen request_changes request_review reviewer set_parent severity
    ship shrug spend spend_time spent status submit_review subscribe tableflip target_branch
    timeline title todo type unapprove unassign unassign_reviewer unlabel unlink unlock unsubscribe
    weight zoom
"""

QUICK_ACTION = re.compile(
    rf"^/({'|'.join(_COMMANDS.split())})(?: ([^\n]*))?[ \t\f\v]*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def text_problem(text: str) -> str | None:
    """Why a text is no note."""
    if not text.strip():
        return BLANK
    return TOO_LONG if len(text) > BODY_LIMIT else None
