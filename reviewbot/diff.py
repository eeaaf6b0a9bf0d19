"""A diff as values: which files changed, and every line with its numbers.

Names, modes and counts come from the headers (or, better, from git's own records, see
`reviewbot.git`); unidiff reads the hunks. It is fed one hunk at a time, split at LF only: form
feeds, U+2028 and lone CRs belong to the text of a line, and a diff of any size needs no more
memory than its largest hunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from typing import NamedTuple

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from reviewbot.errors import DiffError

ADDED, REMOVED, CONTEXT = "+", "-", " "
_KINDS = frozenset((ADDED, REMOVED, CONTEXT))

SYMLINK, SUBMODULE = "120000", "160000"

_HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", re.MULTILINE)
_HEADER = "--- a/x\n+++ b/x\n"


class Line(NamedTuple):
    """One line of a hunk.

    `kind` is "+", "-" or " "; `old` and `new` are 1-based line numbers, None on the side where the
    line does not exist. `text` has no LF; bytes that are not UTF-8 are kept as surrogate escapes.
    """

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """Consecutive lines of a file's diff; `section` is the text after the second `@@`."""

    section: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One changed file.

    `status` is git's letter: A, M, D, R (renamed), C (copied) or T (type changed). Paths are None
    on the side where the file does not exist, ids and modes are empty when unknown. `patch` holds
    the raw text of the hunks.
    """

    status: str
    old_path: str | None
    new_path: str | None
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    binary: bool
    added: int
    removed: int
    patch: bytes

    @property
    def path(self) -> str:
        """The path in the head, or in the base when the file was deleted."""
        path = self.new_path or self.old_path
        assert path is not None
        return path

    @property
    def changed(self) -> int:
        """Number of added and removed lines."""
        return self.added + self.removed

    @property
    def submodule(self) -> bool:
        """Whether the change is a commit of another repository."""
        return SUBMODULE in (self.old_mode, self.new_mode)

    def hunks(self) -> Iterator[Hunk]:
        """Parse the hunks, one at a time, anew at each call.

        Raises:
            DiffError: a hunk is malformed, or the lines do not add up to the counts.
        """
        added = removed = 0
        starts = [match.start() for match in _HUNK.finditer(self.patch)]
        for start, end in pairwise([*starts, len(self.patch)]):
            hunk = _parse_hunk(self.patch[start:end], self.path)
            added += self.patch.count(b"\n+", start, end)
            removed += self.patch.count(b"\n-", start, end)
            yield hunk
        if (added, removed) != (self.added, self.removed):
            raise DiffError(
                f"{self.path}: the hunks have +{added} -{removed} lines, "
                f"the diff says +{self.added} -{self.removed}"
            )


@dataclass(frozen=True, slots=True)
class Diff:
    """All changed files, in the order of the diff."""

    files: tuple[FileDiff, ...]


def decode(raw: bytes) -> str:
    """Text of a name or a line; bytes that are not UTF-8 become surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def _parse_hunk(raw: bytes, path: str) -> Hunk:
    try:
        (hunk,) = PatchSet(StringIO(_HEADER + decode(raw), newline="\n"))[0]
    except UnidiffParseError as error:
        raise DiffError(f"{path}: {str(error).splitlines()[0]}") from error
    return Hunk(
        section=hunk.section_header,
        lines=tuple(
            Line(line.line_type, line.source_line_no, line.target_line_no, line.value[:-1])
            for line in hunk
            if line.line_type in _KINDS
        ),
    )


# --- plain patches ------------------------------------------------------------------------------


def parse(lines: Iterable[bytes]) -> Diff:
    """Read a unified diff that stands alone, as of `git diff` or `diff -u`.

    Args:
        lines: the diff, cut after each LF, as an open binary file gives it.

    Raises:
        DiffError: the text holds no diff, or a broken one.
    """
    preamble, *blocks = split(lines)
    if not blocks and (preamble.header or preamble.patch):
        raise DiffError(
            "there is no unified diff in this text", "Make one with: git diff BASE...HEAD"
        )
    return Diff(tuple(_file(block) for block in blocks))


class Block:
    """What one file's part of a patch says: its header lines, and the bytes of its hunks."""

    def __init__(self, *header: bytes) -> None:
        self.header = [line.rstrip(b"\n") for line in header]
        self.patch = bytearray()
        self.added = self.removed = 0

    @property
    def complete(self) -> bool:
        """Whether another pair of names must belong to another file."""
        return not self.field(b"diff --git ") or self.field(b"+++ ") is not None

    def field(self, name: bytes) -> bytes | None:
        """The rest of the first header line that begins with `name`."""
        return next((line[len(name) :] for line in self.header if line.startswith(name)), None)


def split(lines: Iterable[bytes]) -> Iterator[Block]:
    """Cut a patch into what stands before the first file (always given) and one block a file.

    Hunks are counted through: a removed line may well read `-- a/x` and look like a header.
    """
    block, previous, old, new = Block(), b"", 0, 0
    for line in lines:
        if old > 0 or new > 0:
            kind = line[:1]
            old -= kind in b"- \r\n"
            new -= kind in b"+ \r\n"
            block.added += kind == b"+"
            block.removed += kind == b"-"
            block.patch += line
        elif hunk := _HUNK.match(line):
            old, new = (int(count) for count in hunk.groups(b"1"))
            block.patch += line
        elif line.startswith(b"\\"):
            block.patch += line
        elif line.startswith(b"diff --git "):
            yield block
            block = Block(line)
        elif line.startswith(b"+++ ") and previous.startswith(b"--- ") and block.complete:
            yield block
            block = Block(previous, line)
        elif line.startswith((b"diff --cc ", b"diff --combined ")):
            raise DiffError(
                "this is a combined diff of a merge, which has no single old side",
                "Make a plain one with: git diff BASE...HEAD",
            )
        elif not block.patch:
            block.header.append(line.rstrip(b"\n"))
        previous = line
    yield block


def _file(block: Block) -> FileDiff:
    old_path, new_path = _paths(block)
    old_oid, new_oid, mode = _index(block)
    status, old_mode, new_mode = "M", mode, mode
    if (created := block.field(b"new file mode ")) is not None or old_path is None:
        status, old_path, old_mode, new_mode = "A", None, "", decode(created or b"")
    elif (deleted := block.field(b"deleted file mode ")) is not None or new_path is None:
        status, new_path, old_mode, new_mode = "D", None, decode(deleted or b""), ""
    elif block.field(b"rename from ") is not None:
        status = "R"
    elif block.field(b"copy from ") is not None:
        status = "C"
    return FileDiff(
        status=status,
        old_path=old_path,
        new_path=new_path,
        old_mode=decode(block.field(b"old mode ") or old_mode.encode()),
        new_mode=decode(block.field(b"new mode ") or new_mode.encode()),
        old_oid=old_oid,
        new_oid=new_oid,
        binary=_is_binary(block),
        added=block.added,
        removed=block.removed,
        patch=bytes(block.patch),
    )


def _is_binary(block: Block) -> bool:
    return block.field(b"Binary files ") is not None or block.field(b"GIT binary patch") is not None


def _index(block: Block) -> tuple[str, str, str]:
    """Ids and mode of the line `index OLD..NEW MODE`; empty where it says nothing."""
    match = re.fullmatch(r"(\w+)\.\.(\w+)(?: (\d+))?", decode(block.field(b"index ") or b""))
    return (match[1], match[2], match[3] or "") if match else ("", "", "")


def _paths(block: Block) -> tuple[str | None, str | None]:
    """Old and new path, from the header line that says them most plainly."""
    for kind in (b"rename", b"copy"):
        old, new = block.field(kind + b" from "), block.field(kind + b" to ")
        if old is not None and new is not None:
            return decode(unquote(old)), decode(unquote(new))
    old, new = block.field(b"--- "), block.field(b"+++ ")
    if old is None or new is None:
        old, new = _git_header_names(block)
    return _strip_prefixes(*(unquote(name.partition(b"\t")[0]) for name in (old, new)))


def _git_header_names(block: Block) -> tuple[bytes, bytes]:
    """The names of `diff --git OLD NEW`: equal but for a prefix, as nothing else says them."""
    names = (block.field(b"diff --git ") or b"").rstrip(b"\r")
    if names.startswith(b'"'):
        old, _, new = names[1:].partition(b'" ')
        return b'"' + old + b'"', new
    half = len(names) // 2
    return names[:half], names[half + 1 :]


_PREFIX = re.compile(rb"[abciow12]/")


def _strip_prefixes(old: bytes, new: bytes) -> tuple[str | None, str | None]:
    """Drop `a/` and `b/` (or the pairs of diff.mnemonicPrefix); keep them where both are the same.

    Git never puts one prefix on both sides, so `c/x.py` twice is a folder named c.
    """
    prefixed = [_PREFIX.match(name) is not None or name == b"/dev/null" for name in (old, new)]
    strip = all(prefixed) and old[:2] != new[:2]
    paths = (name[2:] if strip else name for name in (old, new))
    before, after = (
        None if name == b"/dev/null" else decode(path)
        for name, path in zip((old, new), paths, strict=True)
    )
    return before, after


_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


def unquote(name: bytes) -> bytes:
    """Undo git's C-style quoting of a path (`core.quotePath`); other names stay as they are."""
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return name

    def character(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255]) if len(code) > 1 else _ESCAPES.get(code, code)

    return _ESCAPE.sub(character, name[1:-1])
