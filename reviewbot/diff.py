"""A diff as values: which files changed, and every line with its numbers.

Names, modes and counts come from the headers (or, better, from git's own records, see
`reviewbot.git`); unidiff reads the hunks. It is fed one hunk at a time, split at LF only: form
feeds, U+2028 and lone CRs belong to the text of a line, and a diff of any size needs no more
memory than its largest hunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import StringIO
from itertools import pairwise
from typing import NamedTuple

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from reviewbot.errors import DiffError

ADDED, REMOVED, CONTEXT = "+", "-", " "
_KINDS = frozenset((ADDED, REMOVED, CONTEXT))

SYMLINK, SUBMODULE = "120000", "160000"

_HUNK = re.compile(rb"^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@", re.MULTILINE)
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
            added += sum(line.kind == ADDED for line in hunk.lines)
            removed += sum(line.kind == REMOVED for line in hunk.lines)
            yield hunk
        if (added, removed) != (self.added, self.removed):
            raise DiffError(
                f"{self.path}: the hunks have +{added} -{removed} lines, "
                f"the diff says +{self.added} -{self.removed}"
            )

    def with_hunks(self, hunks: Iterable[Hunk]) -> FileDiff:
        """The same file where its lines, as many as before, have other texts."""
        return replace(self, patch=b"".join(map(_written, hunks)))


@dataclass(frozen=True, slots=True)
class Diff:
    """All changed files, in the order of the diff."""

    files: tuple[FileDiff, ...]


def decode(raw: bytes) -> str:
    """Text of a name or a line; bytes that are not UTF-8 become surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` has made this of."""
    return text.encode("utf-8", "surrogateescape")


def _written(hunk: Hunk) -> bytes:
    """The hunk as it stands in a patch."""
    old = [line.old for line in hunk.lines if line.old is not None]
    new = [line.new for line in hunk.lines if line.new is not None]
    begins = (f"{(numbers or [0])[0]},{len(numbers)}" for numbers in (old, new))
    header = "@@ -{} +{} @@ {}".format(*begins, hunk.section).rstrip()
    lines = "".join(f"{line.kind}{line.text}\n" for line in hunk.lines)
    return encode(f"{header}\n{lines}")


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
    blocks = split(lines)
    preamble = next(blocks)
    files = tuple(map(_file, blocks))
    if preamble.header and not files:
        raise DiffError(
            "there is no unified diff in this text", "Make one with: git diff BASE...HEAD"
        )
    _refuse_series(files)
    return Diff(files)


def _refuse_series(files: Iterable[FileDiff]) -> None:
    """A file may be deleted and added again (its type changed), but not be changed twice."""
    seen: dict[str, str] = {}
    for file in files:
        if seen.get(file.path, "D") != "D":
            raise DiffError(
                f"{file.path} is changed twice: this is a series of patches",
                "Make one with: git diff BASE...HEAD",
            )
        seen[file.path] = file.status


class Block:
    """What one file's part of a patch says: its header lines, and the bytes of its hunks.

    Without names it is the text before the first file: nothing in it is a hunk.
    """

    def __init__(self, *names: bytes) -> None:
        self.header = [_stripped(line) for line in names]
        self.named = bool(names)
        self.patch = bytearray()
        self.added = self.removed = 0
        self._old = self._new = 0

    @property
    def in_hunk(self) -> bool:
        """Whether the header of the last hunk promises more lines."""
        return self._old > 0 or self._new > 0

    @property
    def complete(self) -> bool:
        """Whether another pair of names must belong to another file."""
        return not self.field(b"diff --git ") or self.field(b"+++ ") is not None

    def field(self, name: bytes) -> bytes | None:
        """The rest of the first header line that begins with `name`."""
        return next((line[len(name) :] for line in self.header if line.startswith(name)), None)

    def open_hunk(self, line: bytes, counts: Iterable[bytes]) -> None:
        """Begin a hunk of so many old and new lines."""
        self._old, self._new = map(int, counts)
        if not self.in_hunk:
            raise self.broken("has no lines", line)
        self.patch += line

    def add(self, line: bytes) -> None:
        """Take a line of the open hunk.

        Raises:
            DiffError: it cannot be one.
        """
        # Mail programs, and diff.suppressBlankEmpty, strip the blank of an empty context line.
        kind = b" " if line in (b"\n", b"\r\n") else line[:1]
        if kind not in (b"+", b"-", b" ", b"\\"):
            raise self.broken("is cut short", line)
        self._old -= kind in b"- "
        self._new -= kind in b"+ "
        self.added += kind == b"+"
        self.removed += kind == b"-"
        self.patch += line if line.endswith(b"\n") else line + b"\n"

    def broken(self, what: str, line: bytes) -> DiffError:
        """The error for a hunk that does not have as many lines as it says."""
        where, text = decode(self.header[-1]), decode(line[:60].rstrip())
        return DiffError(f"a hunk of '{where}' {what}: '{text}'", "Is the diff cut, or edited?")


def _stripped(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def split(lines: Iterable[bytes]) -> Iterator[Block]:
    """Cut a patch into what stands before the first file (always given) and one block a file.

    Hunks are counted through: a removed line may well read `-- a/x` and look like a header.

    Raises:
        DiffError: a hunk has not the lines it says, or the diff is a combined one.
    """
    block, previous, ended = Block(), b"", False
    for line in lines:
        in_hunk, marker = block.in_hunk, line.startswith(b"\\")
        if in_hunk:
            block.add(line)
        elif names := _names(line, previous, block):
            yield block
            block = Block(*names)
        elif block.named and (hunk := _HUNK.match(line)):
            block.open_hunk(line, hunk.groups(b"1"))
        elif ended and marker:
            block.patch += line
        elif ended and _is_content(line):
            raise block.broken("goes on after its end", line)
        elif not block.patch:
            block.header.append(_stripped(line))
        previous, ended = line, in_hunk or (ended and marker)
    if block.in_hunk:
        raise block.broken("is cut short", b"the end")
    yield block


def _names(line: bytes, previous: bytes, block: Block) -> tuple[bytes, ...]:
    """The header lines that another file begins with, if it begins here."""
    if line.startswith(b"diff --git "):
        return (line,)
    if line.startswith((b"diff --cc ", b"diff --combined ")):
        raise DiffError(
            "this is a combined diff of a merge, which has no single old side",
            "Make a plain one with: git diff BASE...HEAD",
        )
    if line.startswith(b"+++ ") and previous.startswith(b"--- ") and block.complete:
        return previous, line
    return ()


def _is_content(line: bytes) -> bool:
    """Whether a line belongs to a hunk, not to the next file or to a mail's signature."""
    return (
        line[:1] in b"+- "
        and not line.startswith(b"--- ")
        and _stripped(line) not in (b"-- ", b"--")
    )


def _file(block: Block) -> FileDiff:
    old_path, new_path = _paths(block)
    old_oid, new_oid, mode = _index(block)
    if old_oid and new_oid and not block.patch and not _is_binary(block):
        raise DiffError(f"the diff of {new_path} ends before its lines", "Is the diff cut?")
    old_mode = block.field(b"deleted file mode ") or block.field(b"old mode ") or mode
    new_mode = block.field(b"new file mode ") or block.field(b"new mode ") or mode
    return FileDiff(
        status=_status(block, old_path, new_path),
        old_path=old_path,
        new_path=new_path,
        old_mode=decode(old_mode) if old_path else "",
        new_mode=decode(new_mode) if new_path else "",
        old_oid=decode(old_oid),
        new_oid=decode(new_oid),
        binary=_is_binary(block),
        added=block.added,
        removed=block.removed,
        patch=bytes(block.patch),
    )


def _status(block: Block, old_path: str | None, new_path: str | None) -> str:
    if old_path is None:
        return "A"
    if new_path is None:
        return "D"
    if block.field(b"rename from ") is not None:
        return "R"
    return "C" if block.field(b"copy from ") is not None else "M"


def _is_binary(block: Block) -> bool:
    return block.field(b"Binary files ") is not None or block.field(b"GIT binary patch") is not None


def _index(block: Block) -> tuple[bytes, bytes, bytes]:
    """Ids and mode of the line `index OLD..NEW MODE`; empty where it says nothing."""
    match = re.fullmatch(rb"(\w+)\.\.(\w+)(?: (\d+))?", block.field(b"index ") or b"")
    old, new, mode = match.groups(b"") if match else (b"", b"", b"")
    return old.strip(b"0") and old, new.strip(b"0") and new, mode


_NULL = b"/dev/null"


def _paths(block: Block) -> tuple[str | None, str | None]:
    """Old and new path, from the header lines that say them most plainly."""
    for kind in (b"rename", b"copy"):
        old, new = block.field(kind + b" from "), block.field(kind + b" to ")
        if old and new:
            return decode(unquote(old)), decode(unquote(new))
    names = [(block.field(mark) or b"").partition(b"\t")[0] for mark in (b"--- ", b"+++ ")]
    created = names[0] == _NULL or block.field(b"new file mode ") is not None
    deleted = names[1] == _NULL or block.field(b"deleted file mode ") is not None
    old, new = _git_header_names(block) or _without_prefixes(*map(unquote, names))
    if not (old and new) or (created and deleted):
        raise DiffError(f"there is no file name in '{decode(block.header[0])}'")
    return None if created else decode(old), None if deleted else decode(new)


_QUOTED_NAMES = re.compile(rb'("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")')


def _git_header_names(block: Block) -> tuple[bytes, bytes] | None:
    """The names of `diff --git OLD NEW`, where they are equal but for a prefix.

    Then the blank in the middle parts them, whatever blanks there are in the names.
    """
    names = block.field(b"diff --git ") or b""
    half = len(names) // 2
    quoted = _QUOTED_NAMES.fullmatch(names)
    old, new = quoted.groups() if quoted else (names[:half], names[half + 1 :])
    old, new = _without_prefixes(unquote(old), unquote(new))
    return (old, new) if names and old == new else None


_PREFIX = re.compile(rb"^[abciow12]/")


def _without_prefixes(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Drop `a/` and `b/` (or the pairs of diff.mnemonicPrefix); keep them where both are the same.

    Git never puts one prefix on both sides, so `c/x.py` twice is a folder named c.
    """
    if old[:2] == new[:2] or not all(_PREFIX.match(name) or name == _NULL for name in (old, new)):
        return old, new
    return _PREFIX.sub(b"", old, count=1), _PREFIX.sub(b"", new, count=1)


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
