"""Git's own records of a diff: names, modes and counts that a patch's headers say less plainly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from reviewbot.diff import FileDiff, decode, split
from reviewbot.errors import DiffError

_RAW = re.compile(
    rb":(\d+) (\d+) (\w+) (\w+) (?:([RC])\d*\0([^\0]+)|([ADMTUX])\d*)\0([^\0]+)\0", re.DOTALL
)
_NUMSTAT = re.compile(rb"(\d+|-)\t(\d+|-)\t(?:\0[^\0]+\0)?[^\0]+\0", re.DOTALL)

_Records = list[tuple[bytes, ...]]


def read_diff(output: Iterable[bytes]) -> Iterator[FileDiff]:
    """Pair git's raw and numstat records with the blocks of the patch that follows them.

    Args:
        output: what `git diff-tree -z --raw --numstat -p` prints, cut after each LF.

    Raises:
        DiffError: records and patch contradict each other.
    """
    records, counts, lines = _read_records(iter(output))
    blocks = split(lines)
    next(blocks)
    for record, counted in zip(records, counts, strict=True):
        old_mode, new_mode, old_oid, new_oid, moved, old_path, status, path = map(decode, record)
        letter = moved or status
        try:
            parts = [next(blocks) for _ in range(2 if letter == "T" else 1)]
        except StopIteration:
            raise DiffError(f"git shows no patch for {path}") from None
        binary = counted == (b"-", b"-")
        shown = sum(part.added for part in parts), sum(part.removed for part in parts)
        # Of a type change git counts the lines that differ, and shows both sides whole.
        if not binary and letter != "T" and (b"%d" % shown[0], b"%d" % shown[1]) != counted:
            raise DiffError(f"git's count of changed lines does not fit its patch of {path}")
        yield FileDiff(
            status=letter,
            old_path=None if letter == "A" else old_path or path,
            new_path=None if letter == "D" else path,
            old_mode=old_mode.lstrip("0"),
            new_mode=new_mode.lstrip("0"),
            old_oid=old_oid.strip("0") and old_oid,
            new_oid=new_oid.strip("0") and new_oid,
            binary=binary,
            added=shown[0],
            removed=shown[1],
            patch=b"".join(part.patch for part in parts),
        )
    if next(blocks, None):
        raise DiffError("git shows more patches than changed files")


def _read_records(output: Iterator[bytes]) -> tuple[_Records, _Records, Iterator[bytes]]:
    """Raw records, numstat records, and the lines of the patch."""
    text, first = _cut_records(output)
    raws, position = _matches(_RAW, text, 0)
    counts, position = _matches(_NUMSTAT, text, position)
    patched = first.startswith(b"diff --git ")
    if position < len(text) or not len(raws) == len(counts) or patched != bool(raws):
        raise DiffError("git's records of the changed files cannot be read")
    return raws, counts, chain([first], output)


def _cut_records(output: Iterator[bytes]) -> tuple[bytes, bytes]:
    """All of the records, and the first line of the patch: two NULs in a row stand between them."""
    parts: list[bytes] = []
    for line in output:
        before, mark, first = line.partition(b"\0\0")
        parts.append(before)
        if mark:
            return b"".join([*parts, b"\0"]), first
    return b"".join(parts), b""


def _matches(pattern: re.Pattern[bytes], text: bytes, position: int) -> tuple[_Records, int]:
    """Groups of all matches that follow each other, and where they end."""
    found = []
    while match := pattern.match(text, position):
        found.append(match.groups(b""))
        position = match.end()
    return found, position
