"""What linters and scanners say of the change: hints, which a model confirms or passes over.

A finding that confirms one carries both names, the checklist's and the rule's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reviewbot.anchors import Comment
from reviewbot.diff import ADDED, FileDiff
from reviewbot.text import visible


@dataclass(frozen=True, slots=True)
class Hint:
    """What a tool says of some lines of a file's new version.

    `path` counts from the top of the repository; `rank` is 0 for an error, more for what is milder.
    """

    path: str
    line: int
    end_line: int
    tool: str
    rule: str
    message: str
    rank: int = 1

    @property
    def source(self) -> str:
        """Who says it, as in `ruff S608`."""
        return f"{self.tool} {self.rule}".rstrip()

    @property
    def row(self) -> str:
        """All of it in one line."""
        return f"{self.path}:{self.line} [{self.source}] {self.message}"

    def is_confirmed_by(self, comment: Comment) -> bool:
        """Whether a comment that is to be shown carries its name at its lines."""
        shown = comment.state != "dropped" and self.source in comment.sources
        return shown and comment.path == self.path and _overlap(self, comment)


def on_added_lines(hints: Iterable[Hint], files: Iterable[FileDiff]) -> tuple[Hint, ...]:
    """The hints about lines that the files add, each once and at the first such line.

    Args:
        hints: what the tools said, of any files.
        files: those that are read.

    Returns:
        In the order of the files and their lines, with the paths as these are shown.
    """
    by_path: dict[str, list[Hint]] = defaultdict(list)
    for hint in hints:
        by_path[hint.path].append(hint)
    found = [
        replace(hint, path=visible(file.path), line=line)
        for file in files
        if file.path in by_path
        for line, hint in _on_lines(by_path[file.path], _added(file))
    ]
    return tuple(dict.fromkeys(found))


def _added(file: FileDiff) -> list[int]:
    lines = (line for hunk in file.hunks() for line in hunk.lines)
    return [line.new for line in lines if line.kind == ADDED and line.new is not None]


def _on_lines(hints: Iterable[Hint], added: Sequence[int]) -> list[tuple[int, Hint]]:
    """Each hint about added lines, with the first of them, in their order."""
    found = []
    for hint in hints:
        first = bisect_left(added, hint.line)
        if first < len(added) and added[first] <= hint.end_line:
            found.append((added[first], hint))
    return sorted(found, key=lambda pair: (pair[0], pair[1].rank))


def credited(comments: Iterable[Comment], hints: Iterable[Hint]) -> tuple[Comment, ...]:
    """The comments, with the names of the hints that they confirm: at their lines, and by name.

    The mark that the model was asked to put into the title is taken out of it.
    """
    by_path: dict[str, list[Hint]] = defaultdict(list)
    for hint in hints:
        by_path[hint.path].append(hint)
    return tuple(_credited(comment, by_path.get(comment.path, ())) for comment in comments)


def _credited(comment: Comment, hints: Iterable[Hint]) -> Comment:
    said = f"{comment.title}\n{comment.body}"
    confirmed = [hint for hint in hints if _overlap(hint, comment) and _is_named(hint, said)]
    title = comment.title
    for hint in confirmed:
        title = _mark(hint).sub("", title).strip()
    return replace(
        comment,
        title=title or comment.title,
        sources=tuple(dict.fromkeys(hint.source for hint in confirmed)),
    )


def _overlap(hint: Hint, comment: Comment) -> bool:
    if comment.line is None or comment.end_line is None or comment.side != "new":
        return False
    return hint.line <= comment.end_line and comment.line <= hint.end_line


def _is_named(hint: Hint, text: str) -> bool:
    """Whether a text has the mark, or the rule's name where that is no word of a language."""
    if _mark(hint).search(text):
        return True
    is_word = hint.rule.isalpha() or not any(map(str.isalpha, hint.rule))
    name = re.compile(rf"(?<![\w.-]){re.escape(hint.rule)}(?![\w-])", re.IGNORECASE)
    return not is_word and bool(name.search(text))


def _mark(hint: Hint) -> re.Pattern[str]:
    return re.compile(rf"\s*\[{re.escape(hint.source)}\]", re.IGNORECASE)
