"""The code around a change: the blocks that enclose it, found by indentation in any language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SMALL_FILE = 120  # lines; shown whole
LARGEST_BLOCK = 80  # lines; of the enclosing blocks, the largest up to this size is shown
MARGIN = 8  # lines around a change whose blocks are all larger

# The end of a block on a line of its own. What it opens anew belongs to the same block: the body
# behind a signature's last line `):`, an `} else {`.
_CLOSER = re.compile(r"[})\]]|(end|fi|done|esac)\b|</")
_MARGIN_COMMENTS = ("#", "//", "--")  # and #ifdef: at the margin they end no block


def enclosing(lines: Sequence[str], changed: Iterable[int]) -> list[range]:
    """Line numbers worth showing with a change.

    These are the largest enclosing block of reasonable size, and the first line of each block
    around that (the class of a method, the function of a long loop), so that a reader knows where
    the lines stand. Takes time in proportion to the file.

    Args:
        lines: the file in its new version.
        changed: 1-based numbers of the lines that the change adds, or that follow a removed one.

    Returns:
        Ranges of 1-based line numbers, sorted, neither overlapping nor touching.
    """
    count = len(lines)
    if count <= SMALL_FILE:
        return [range(1, count + 1)] if count else []
    parents, ends = outline(lines)
    headers: set[int] = set()
    shown: list[range] = []
    for number in dict.fromkeys(min(max(number, 1), count) for number in changed):
        if not (shown and number in shown[-1]):
            _add_headers(headers, number - 1, parents, ends)
            shown.append(_block(number - 1, parents, ends))
    return merged([*shown, *(range(header + 1, header + 2) for header in headers)])


def merged(ranges: Iterable[range]) -> list[range]:
    """The same numbers in sorted ranges that neither overlap nor touch."""
    result: list[range] = []
    for each in sorted(ranges, key=lambda each: each.start):
        if result and each.start <= result[-1].stop:
            result[-1] = range(result[-1].start, max(result[-1].stop, each.stop))
        else:
            result.append(each)
    return result


def outline(lines: Sequence[str]) -> tuple[list[int], list[int]]:
    """For each line (from 0): the line that heads its block, or -1; the last line it heads.

    A blank line belongs to the block of the next line with text.
    """
    parents: list[int] = []
    ends = list(range(len(lines)))
    open_blocks: list[tuple[int, int]] = []  # indentation and index, outermost first
    last_text = -1
    for index, line in enumerate(lines):
        text = line.strip()
        if not text or line.startswith(_MARGIN_COMMENTS):
            continue
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        head = index
        while open_blocks and open_blocks[-1][0] >= indent:
            depth, header = open_blocks.pop()
            ends[header] = max(last_text, header)
            own_line = text.startswith("{") and header == last_text
            if depth == indent and (own_line or _CLOSER.match(text)):
                head = header
        parent = head if head < index else open_blocks[-1][1] if open_blocks else -1
        parents += [parent] * (index + 1 - len(parents))
        open_blocks.append((indent, head))
        last_text = index
    for _, header in open_blocks:
        ends[header] = max(last_text, header)
    return parents + [-1] * (len(lines) - len(parents)), ends


def _block(index: int, parents: Sequence[int], ends: Sequence[int]) -> range:
    """The largest block of reasonable size around a line, or else a few lines about it."""
    best = range(max(index - MARGIN, 0) + 1, min(index + MARGIN + 1, len(ends)) + 1)
    header = index
    while header >= 0 and ends[header] - header < LARGEST_BLOCK:
        if ends[header] > header:
            best = range(header + 1, ends[header] + 2)
        header = parents[header]
    return best


def _add_headers(
    headers: set[int], index: int, parents: Sequence[int], ends: Sequence[int]
) -> None:
    """The first lines of the blocks around a line that are too large to be shown whole.

    Around one that is known already, all others are known too.
    """
    header = parents[index]
    while header >= 0 and header not in headers:
        if ends[header] - header >= LARGEST_BLOCK:
            headers.add(header)
        header = parents[header]
