"""Suggestions that apply: each is held against the lines that it would replace, and their file.

Whoever commits one does so with a click, so it must be right as it is. Two slips of models are
mended: a fence around the new text, and a left margin that was left out. Any other mistake takes
the suggestion away.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import takewhile
from pathlib import PurePosixPath
from typing import NamedTuple

import yaml

from reviewbot.text import squeezed

LARGEST = 100_000  # characters of a file that is parsed
MOST_DOTS = 100  # in a line of TOML: the parts of a key take time and memory by their square
NEIGHBOURS = 3  # lines above and below that a suggestion may repeat

EMPTY = "its suggestion is empty"
NO_CHANGE = "its suggestion changes nothing"
FOREIGN = "its suggestion has marks in it that only the prompt has"
LEFT_OUT = "its suggestion leaves code out"
REPEATED = "its suggestion repeats lines that stand beside the ones it is for"
INDENTED = "its suggestion is indented in another way than the lines it is for"
BROKEN = "with its suggestion the file could not be parsed any more"


class Fitted(NamedTuple):
    """A suggestion as it can be offered; or an empty text, and why there is none."""

    text: str
    why: str


class Original:
    """The new version of a file, as far as it is known, that suggestions are made for."""

    def __init__(self, path: str, lines: Sequence[str], shown: Mapping[int, str]) -> None:
        """Take what is known.

        Args:
            path: of the file; its ending says which language it is.
            lines: all its lines; empty where they cannot be had.
            shown: those that the diff shows, by their numbers.
        """
        self._suffix = PurePosixPath(path).suffix.lower()
        self._marks = _MARKS_IN_PROSE if self._suffix in _PROSE else _MARKS
        self._lines = [line.removesuffix("\r") for line in lines]
        self._known = dict(enumerate(self._lines, 1))
        self._known |= {number: text.removesuffix("\r") for number, text in shown.items()}

    def fitted(self, suggestion: str, first: int, last: int) -> Fitted:
        """The suggestion as it can replace the lines `first` to `last`.

        It keeps their margin, differs from them, repeats none beside them and leaves nothing out;
        where the file is known and can be parsed, it still can be with it.
        """
        old = self._run(range(first, last + 1))
        new = suggestion.replace("\r\n", "\n").removesuffix("\n").split("\n")
        if self._marks is _MARKS:
            new = _unwrapped(new, old)
        moved = _with_margin(new, old)
        if why := next(self._misfits(new, moved, old, first), ""):
            return Fitted("", why)
        return Fitted("\n".join(moved) + "\n" * (not moved[-1]), "")

    def _run(self, numbers: Iterable[int]) -> list[str]:
        """The lines of these numbers, as far as they are known without a gap."""
        known = takewhile(self._known.__contains__, numbers)
        return [self._known[number] for number in known]

    def _misfits(
        self, written: Sequence[str], new: Sequence[str], old: Sequence[str], first: int
    ) -> Iterator[str]:
        """Why the new lines cannot replace the old ones, from the line `first` on.

        `written` are the new ones as the model wrote them.
        """
        end = first + len(old)
        above = self._run(range(first - 1, first - 1 - NEIGHBOURS, -1))[::-1]
        below = self._run(range(end, end + NEIGHBOURS))
        if not any(map(str.strip, new)):
            yield EMPTY
        if _has_marks(written, old, self._marks):
            yield FOREIGN
        if _trimmed(new) == _trimmed(old):
            yield NO_CHANGE
        if _leaves_out(new, old, bare=self._suffix not in _PYTHON):
            yield LEFT_OUT
        if _repeats(*map(_trimmed, (new, old, above, below))):
            yield REPEATED
        if _margin(new) != _margin(old) and any(map(str.strip, old)):
            yield INDENTED
        if not _beginnings(new) <= (self._beginnings or _BEGINNINGS):
            yield INDENTED
        if self._passes and not self._check(
            [*self._lines[: first - 1], *new, *self._lines[end - 1 :]]
        ):
            yield BROKEN

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return _beginnings(self._known.values())

    @cached_property
    def _passes(self) -> bool:
        """Whether all of the original is known, and right: nothing can be said of it otherwise."""
        return bool(self._lines) and self._check(self._lines)

    def _check(self, lines: Sequence[str]) -> bool:
        """Whether lines are right in the file's language: no, if nobody can tell."""
        check = _CHECKS.get(self._suffix)
        text = "\n".join((*lines, ""))
        if check is None or len(text) > LARGEST:
            return False
        try:
            with warnings.catch_warnings(action="ignore"):
                return check(text)
        except (SyntaxError, ValueError, yaml.YAMLError, RecursionError, MemoryError):
            return False


# --- lines against lines -------------------------------------------------------------------------

_PROSE = frozenset((".md", ".markdown", ".mdx", ".rst", ".adoc", ".txt"))
_PYTHON = frozenset((".py", ".pyi", ".pyw"))
_BEGINNINGS = frozenset((" ", "\t"))

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_MARKS_IN_PROSE = (
    re.compile(r"\s*\d+\t[-+ ]"),  # what stands before each line that the model is shown
    re.compile(r".*<U\+[0-9A-F]{4,6}>"),  # what it is shown in place of a hidden character
)
_MARKS = (*_MARKS_IN_PROSE, _FENCE, re.compile(r"\+(?!\+)"))
_ELISION = re.compile(r"\s*(?:#|//|/\*|\{/\*|<!--|--|;)\s*(?:\.\.\.|…)")
_BARE_ELISION = re.compile(r"\s*(?:\.\.\.|…)\s*")
_WORD = re.compile(r"\w")


def _trimmed(lines: Iterable[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def _margin(lines: Iterable[str]) -> str:
    """White space at the left of the first line that is not blank."""
    first = next(filter(str.strip, lines), "")
    return first[: len(first) - len(first.lstrip())]


def _beginnings(lines: Iterable[str]) -> frozenset[str]:
    """Which white space lines begin with: blanks, tabs, both or none."""
    return frozenset(line[0] for line in lines if line[:1] in _BEGINNINGS and line.strip())


def _unwrapped(new: list[str], old: Iterable[str]) -> list[str]:
    """Without a fence around all of it, unless the old lines have one themselves."""
    opening, closing = (_FENCE.match(new[end]) for end in (0, -1))
    wrapped = len(new) > 1 and opening and closing and new[-1].strip() == opening[1]
    return new[1:-1] or [""] if wrapped and not any(map(_FENCE.match, old)) else new


def _with_margin(new: list[str], old: Sequence[str]) -> list[str]:
    """The new lines at the margin of the old ones, if they were written without it.

    Models like to quote code from its first letter on. It is moved only where that is sure to be
    meant: no old line goes left of the margin; and a new line after the first one does, as
    otherwise only the first may lack it.
    """
    margin = _margin(old)
    lost = margin and not new[0][:1].isspace()
    if not lost or any(line.strip() and not line.startswith(margin) for line in old):
        return new
    others = [line for line in new[1:] if line.strip()]
    if others and all(line.startswith(margin) for line in others):
        return new
    return [margin + line if line.strip() else line for line in new]


def _has_marks(new: Iterable[str], old: Sequence[str], marks: Iterable[re.Pattern[str]]) -> bool:
    """Whether new lines have marks that no old one has, or the sign of a removed line."""
    foreign = [mark for mark in marks if not any(map(mark.match, old))]
    texts = {squeezed(line) for line in old} - {""}
    return any(
        any(mark.match(line) for mark in foreign)
        or (line.startswith("-") and squeezed(line[1:]) in texts)
        for line in new
    )


def _leaves_out(new: Iterable[str], old: Iterable[str], *, bare: bool) -> bool:
    """Whether three dots stand for code; `bare`: also where they are alone on their line."""
    kept = frozenset(map(str.strip, old))
    return any(
        (_ELISION.match(line) or (bare and _BARE_ELISION.fullmatch(line)))
        and line.strip() not in kept
        for line in new
    )


def _repeats(new: list[str], old: list[str], above: list[str], below: list[str]) -> bool:
    """Whether new lines begin with those above, or end with those below, and the old ones do not.

    Brackets alone do not count: they may well stand in a row.
    """
    return any(
        (_has_word(above[-n:]) and new[:n] == above[-n:] != old[:n])
        or (_has_word(below[:n]) and new[-n:] == below[:n] != old[-n:])
        for n in range(1, NEIGHBOURS + 1)
    )


def _has_word(lines: Iterable[str]) -> bool:
    return any(map(_WORD.search, lines))


# --- the file as a whole -------------------------------------------------------------------------


def _is_python(text: str) -> bool:
    return bool(ast.parse(text))


def _is_json(text: str) -> bool:
    json.loads(text)
    return True


def _is_yaml(text: str) -> bool:
    """YAML of any tags, in any number of documents: nothing is made of it."""
    return all(True for _ in yaml.compose_all(text, Loader=yaml.SafeLoader))


def _is_toml(text: str) -> bool:
    if max(line.count(".") for line in text.split("\n")) > MOST_DOTS:
        return False
    tomllib.loads(text)
    return True


_PAIRS = {")": "(", "]": "[", "}": "{"}
# Comments, strings and brackets. What is never closed goes on to the end of its line, or of all.
_TOKENS = r"""
    //[^\n]*+
  | (?P<comment> /\*(?:.*?\*/|.*) )
  | (?P<long> \"{3}(?:.*?\"{3}|.*) )
  | (?P<raw> `(?:\\.|[^`\\])*+`? )
  | (?P<string> "(?:\\.|[^"\\\n])*+"? )
  | (?P<bracket> [()\[\]{}] )
  | (?P<other> QUOTED )
"""
_CHARACTER = r"'(?:\\[^'\n]{1,10}|[^\\'\n])'"  # other such marks are none, as in Rust
_STRING = r"'(?:\\.|[^'\\\n])*+'?"
_ENDS = {"comment": "*/", "long": '"""', "raw": "`", "string": '"'}


def _tokens(quoted: str) -> re.Pattern[str]:
    return re.compile(_TOKENS.replace("QUOTED", quoted), re.VERBOSE | re.DOTALL)


def _is_balanced(text: str, tokens: re.Pattern[str]) -> bool:
    """Whether each bracket has its other half, and each comment and string its end."""
    opened: list[str] = []
    for token in tokens.finditer(text):
        kind, found = token.lastgroup, token[0]
        if kind == "bracket" and found in _PAIRS:
            if not opened or opened.pop() != _PAIRS[found]:
                return False
        elif kind == "bracket":
            opened.append(found)
        elif kind and not _is_closed(found, _ENDS.get(kind, "'")):
            return False
    return not opened


def _is_closed(token: str, end: str) -> bool:
    return len(token) > len(end) and token.endswith(end)


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(_PYTHON, _is_python),
    **dict.fromkeys((".json", ".ipynb", ".webmanifest"), _is_json),
    **dict.fromkeys((".yaml", ".yml"), _is_yaml),
    ".toml": _is_toml,
    **dict.fromkeys(
        (
            *(".c", ".cc", ".cpp", ".cs", ".cxx", ".go", ".h", ".hh", ".hpp", ".java"),
            *(".kt", ".kts", ".rs", ".scala", ".swift"),
        ),
        partial(_is_balanced, tokens=_tokens(_CHARACTER)),
    ),
    **dict.fromkeys(
        (".cjs", ".cts", ".js", ".jsx", ".mjs", ".mts", ".php", ".ts", ".tsx"),
        partial(_is_balanced, tokens=_tokens(_STRING)),
    ),
}
