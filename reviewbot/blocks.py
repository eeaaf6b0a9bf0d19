"""Private keys that run over lines of base64: with a header, with a footer, or with neither."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reviewbot.placeholders import Spot

BLOT = "\uffff"  # stands for what is gone already, in the text that is searched
PRIVATE_KEY = "private-key"
DOUBT = "line"  # what may be a key's line, but a certificate's looks the same

_HINTS = ("----BEGIN", "---- BEGIN", "----END", "---- END", "Private-Lines:")
_MARK = re.compile(
    r"-{4,5} ?(?P<side>BEGIN|END) (?P<what>[A-Za-z0-9 ]{1,50}?) ?-{4,5}"
    r"|(?P<putty>Public|Private)-Lines: ?[0-9]+"
)
_SECRET = re.compile(r"private|static key", re.IGNORECASE)
# Base64 with what code and prose put around a line of it: margins, comment signs, quotes, joints.
_BODY = re.compile(
    r"[\s#/*>;|.+-]*?(?P<quote>[bBrR]?[\"'`])?(?:\\+[nrt])*"
    rf"(?P<body>=?[A-Za-z0-9+/{BLOT}]+={{0,3}})"
    r"(?:\\+[nrt])*[\s\"'`,;+.&)\\\]}]*"
)
_HEADER = re.compile(
    r"[\s#/*>;|\"'`+\\nr-]*(?:[A-Z][A-Za-z0-9-]{2,24}: ?[^=]{0,80})?[\s\"'+,\\nr]*"
)
_RUN = re.compile(r"[A-Za-z0-9+/]{20,}")
_FULL = 60  # characters of a whole line; keys have 64, 70 or 76
_LEAST = 16  # of a line in a block that is known for one
# How pictures, fonts, archives and public keys begin.
_PUBLIC = (
    "iVBOR",
    "R0lGOD",
    "/9j/",
    "d09G",
    "AAEAAA",
    "UEsDB",
    "H4sI",
    "AAAAB3",
    "AAAAC3",
    "PD94",
    "PHN2",
    "Qk0",
    "JVBER",
)


def key_lines(text: str, longest: int) -> Iterator[Spot]:
    """What belongs to a private key in the text, without its headers and footers.

    Args:
        text: one line or many.
        longest: length of its longest word.
    """
    if longest >= _FULL or any(hint in text for hint in _HINTS):
        yield from _Reader().read(text)


class _Reader:
    """Goes over the lines, and knows what sort of block it is in."""

    def __init__(self) -> None:
        self.secret: bool | None = None  # None is outside of any block
        self.last = 0  # length of the line of base64 before this one
        self.held: list[Spot] = []  # lines of base64 outside of a block, until its end is seen

    def read(self, text: str) -> Iterator[Spot]:
        start = 0
        for line in text.split("\n"):
            marks = list(_MARK.finditer(line)) if "-" in line else []
            yield from self._marked(line, start, marks) if marks else self._plain(line, start)
            start += len(line) + 1
        yield from self._given_up()

    def _marked(self, line: str, start: int, marks: list[re.Match[str]]) -> Iterator[Spot]:
        """A line with a header or footer, and perhaps the whole key."""
        place = 0
        for mark in marks:
            secret = bool(_SECRET.search(mark["what"] or mark["putty"]))
            if mark["side"] == "END":
                yield from self._ended(secret=secret)
                if secret:
                    yield from _inline(line, place, mark.start(), start)
                self.secret = None
            else:
                yield from self._given_up()
                self.secret = secret
            self.last, place = 0, mark.end()
        if self.secret:
            yield from _inline(line, place, len(line), start)

    def _plain(self, line: str, start: int) -> Iterator[Spot]:
        found = _BODY.fullmatch(line)
        body = found["body"] if found else ""
        if self.secret is None:
            if found and (_is_full(body) or (self.held and len(body) < self.last)):
                self.held.append(_spot(found, start, DOUBT))
                self.last = len(body)
            else:
                yield from self._given_up()
        elif found and (
            len(body) >= _LEAST or BLOT in body or (self.last and len(body) <= self.last)
        ):
            if self.secret:
                yield _spot(found, start, PRIVATE_KEY)
            self.last = len(body)
        elif not _HEADER.fullmatch(line):
            self.secret, self.last = None, 0

    def _ended(self, *, secret: bool) -> Iterator[Spot]:
        """What was held belongs to the block that ends here."""
        if secret:
            yield from (spot._replace(kind=PRIVATE_KEY) for spot in self.held)
        self.held, self.last = [], 0

    def _given_up(self) -> Iterator[Spot]:
        """No footer came: nobody can tell what was held."""
        yield from self.held
        self.held, self.last = [], 0


def _spot(found: re.Match[str], start: int, kind: str) -> Spot:
    return Spot(start + found.start("body"), start + found.end("body"), kind)


def _inline(line: str, start: int, end: int, offset: int) -> Iterator[Spot]:
    """Base64 beside a header or footer, with all that stands between its lines."""
    runs = list(_RUN.finditer(line, start, end))
    if runs and any(c.isdigit() for c in runs[0][0]):
        last = max(n for n in range(runs[-1].end(), end + 1) if n == end or line[n] in "\"'`")
        yield Spot(offset + runs[0].start(), offset + last, PRIVATE_KEY)


def _is_full(body: str) -> bool:
    """Is it as long and as mixed as a key's line?"""
    return (
        len(body) >= _FULL
        and not body.startswith(_PUBLIC)
        and any(c.isdigit() for c in body)
        and any(c.islower() for c in body)
        and any(c.isupper() for c in body)
    )
