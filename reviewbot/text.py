"""Text as a person and a model can see it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
# Controls, line separators, zero-width and bidirectional marks, tags, private use, surrogates.
# The selectors U+FE0E and U+FE0F stay where ordinary emoji are written with them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\U000f0000-\U0010ffff]"
    "|(?<![\xa9\xae\u203c-\u205f\u2070-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f](?!\u20e3)"
)


def visible(line: str) -> str:
    """One line with every hidden character written out, as `<U+200B>`.

    Bytes that were not UTF-8 are read as latin-1; the CR of a CRLF line end is dropped; tabs stay.
    """
    line = line.removesuffix("\r")
    if line.isascii() and line.isprintable():
        return line
    line = _ESCAPED_BYTE.sub(lambda match: chr(ord(match[0]) - 0xDC00), line)
    return _HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", line)


def squeezed(line: str) -> str:
    """The visible text with each run of white space as one blank."""
    return " ".join(visible(line).split())


def digest(*parts: str) -> str:
    """A SHA-256 over the parts, as 64 hexadecimal digits."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL, and is not needed for --help

    whole = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()


def fenced(name: str, text: str) -> str:
    """The text between marks that do not occur in it and follow from it alone.

    Whoever wrote the text cannot end the block: the mark is a digest of all of it. The same text
    gives the same bytes, so prompt caches hold.
    """
    mark = digest(text)[:16]
    while mark in text:
        mark = digest(mark, text)[:16]
    return f"<{name}-{mark}>\n{text}\n</{name}-{mark}>"


def wrapped(text: str, width: int) -> str:
    """The text with no line longer than `width` characters: broken at blanks, if there are any."""
    if len(text) <= width:
        return text
    return "\n".join(chain.from_iterable(_pieces(line, width) for line in text.split("\n")))


def _pieces(line: str, width: int) -> Iterator[str]:
    while len(line) > width:
        end = line.rfind(" ", 1, width) + 1 or width
        yield line[:end].rstrip(" ")
        line = line[end:]
    yield line


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `3 batches`."""
    ending = "es" if noun.endswith(("ch", "sh", "s", "x")) else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def dollars(amount: float) -> str:
    """`$0.05`; of amounts that are no whole cents, four places."""
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${amount:.4f}"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()


def listed(names: Sequence[str], most: int = 8) -> str:
    """The names with commas between them; of very many, how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# A CI runner obeys lines of a job's log that begin with two colons, or have `##[` in them, and its
# comparisons pass over characters that show nothing: so more is broken up than what looks so. In
# GitLab's logs `section_start:` and a time fold what follows.
_BEGINNING = re.compile(r"(?:^|(?<=\r))[^\w\r\n]+", re.MULTILINE)
_LONE_COLON = re.compile(":(?! )")
_OLD_COMMAND = re.compile(r"(#(?:vso)?[^\w\s#\[]*)\[")
_SECTION = re.compile(r"(section_(?:start|end)):(?=\d)")


def harmless(text: str) -> str:
    """Text of any origin for the log of a job, where no line of it is taken for a command."""
    text = _BEGINNING.sub(lambda match: _LONE_COLON.sub(": ", match[0]), text)
    return _SECTION.sub(r"\1: ", _OLD_COMMAND.sub(r"\1 [", text))
