"""One search through the files of the head: what they define, and use of what has changed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reviewbot import context
from reviewbot.anchors import numbered
from reviewbot.change import Change, Tree
from reviewbot.diff import ADDED, CONTEXT, REMOVED, FileDiff
from reviewbot.git import Blob
from reviewbot.languages import Language, language
from reviewbot.meaning import Place, is_test, modules
from reviewbot.selection import LONGEST_LINES, Selection
from reviewbot.symbols import (
    FIELD,
    FUNCTION,
    MAKERS,
    TYPE,
    Definition,
    definitions,
    fields_set,
    imports,
    uses,
)
from reviewbot.text import visible

MOST_READ = 32_000_000  # bytes of all files that are searched
LARGEST_FILE = 400_000  # bytes
MOST_CHANGED = 200  # names whose uses are looked for
MOST_MENTIONS = 4  # of one name in one file
MOST_KNOWN = 300  # definitions of one name
SHORTEST = 3  # characters of a name whose uses are looked for

_WORD = re.compile(r"\w+")
_OWN = ("crate", "self", "super")  # stand for the own package


@dataclass(frozen=True, slots=True)
class Changed:
    """A name that is not what it was, in the file that defines it.

    `redefined`: its head has changed, or it is gone; else it is its body. `deleted`: with its file.
    """

    definition: Definition
    name: str
    redefined: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class Mention:
    """A line that uses what has changed. `near`: its file says that it means this one."""

    path: str
    line: int
    near: bool


class Findings:
    """What was found, by names and by paths (as they are shown); the nearest files first."""

    def __init__(self, changed: Mapping[str, Changed]) -> None:
        self.changed = changed
        self.definitions: dict[str, list[Definition]] = defaultdict(list)
        self.by_path: dict[str, list[Definition]] = {}
        self.mentions: dict[str, list[Mention]] = defaultdict(list)
        self.modules: set[str] = set()
        self._stems: set[str] = set()
        self._folders = set(_OWN)
        self._places: dict[str, Place] = {}

    def place(self, path: str) -> Place | None:
        """A file that uses names; None for one that was not searched."""
        return self._places.get(path)

    def knows(self, name: str, others: frozenset[str]) -> bool:
        """Whether an import of a name, with others in its statement, may be of the repository."""
        return name in self._stems or bool(others & (self._stems | self._folders))

    def read(self, path: str, text: str) -> None:
        """Search one file, unless a program has written it."""
        spoken = language(path)
        if spoken is None or not is_written_by_people(text):
            return
        found = self.by_path[path] = list(definitions(text, path, spoken))
        for each in found:
            if len(self.definitions[each.name]) < MOST_KNOWN:
                self.definitions[each.name].append(each)
        lines = text.split("\n")
        heads = " ".join(lines[each.line - 1] for each in found if each.kind == TYPE)
        place = Place(path, spoken, imports(text), frozenset(_WORD.findall(heads)))
        self._places[path] = place
        self.modules |= {*modules(path)}
        at = PurePosixPath(path)
        self._stems.add(at.name.partition(".")[0])
        self._folders.update(at.parts[:-1])
        if self.changed:
            for name in sorted(self.changed.keys() & set(_WORD.findall(text))):
                self.mentions[name] += _mentions(self.changed[name], place, lines)


def _mentions(changed: Changed, place: Place, lines: Sequence[str]) -> list[Mention]:
    name, source = changed.name, changed.definition
    known = {*modules(source.path), source.owner} & place.imports.keys()
    near = place.path == source.path or bool(known)
    named = [(number, line) for number, line in enumerate(lines, 1) if name in line]
    using = [number for number, line in named if _uses(changed, line, place.language)]
    importing = [number for number, line in named if name in imports(line)]
    return [Mention(place.path, number, near) for number in (using or importing)[:MOST_MENTIONS]]


def _uses(changed: Changed, line: str, spoken: Language) -> bool:
    """Whether a line uses this name; variables and arguments may have the name of a function."""
    if any(each.name == changed.name for each in definitions(line, "", spoken)):
        return False
    return any(
        use.name == changed.name
        and (use.called or use.receiver or changed.definition.kind not in (FUNCTION, FIELD))
        for use in uses(line, spoken)
    )


def search(change: Change, selection: Selection, tree: Tree) -> tuple[Findings, dict[str, Blob]]:
    """Search the files of the change's languages, and tell which ones they were."""
    blobs = _nearest(tree, selection)
    findings = Findings(_changed(change, selection))
    for blob, text in zip(blobs, tree.texts(blobs), strict=False):
        findings.read(visible(blob.path), text)
    return findings, {visible(blob.path): blob for blob in blobs}


def _nearest(tree: Tree, selection: Selection) -> list[Blob]:
    """The files to search, the nearest to the change first, as many as may be read."""
    spoken = {language(file.path) for file in selection.files} - {None}
    if not spoken:
        return []
    blobs = (each for each in tree.blobs() if language(each.path) in spoken)
    return may_be_shown(nearest(blobs, selection), selection, tree)


def nearest(blobs: Iterable[Blob], selection: Selection) -> list[Blob]:
    """The files that are not too large, those nearest to the change first, as many as are read."""
    around = {folder for file in selection.files for folder in PurePosixPath(file.path).parents}

    def distance(blob: Blob) -> tuple[int, str]:
        parents = PurePosixPath(blob.path).parents
        return next(n for n, folder in enumerate(parents) if folder in around), blob.path

    near, left = [], MOST_READ
    for blob in sorted((each for each in blobs if each.size <= LARGEST_FILE), key=distance):
        left -= blob.size
        if left < 0:
            break
        near.append(blob)
    return near


def may_be_shown(blobs: Sequence[Blob], selection: Selection, tree: Tree) -> list[Blob]:
    """Those of the files that a model may be shown although the change does not touch them."""
    paths = [blob.path for blob in blobs]
    shown = frozenset(selection.beside(paths, tree.attributes(paths)))
    return [blob for blob in blobs if blob.path in shown]


def is_written_by_people(text: str) -> bool:
    """Whether it is text, with lines that somebody can have written."""
    return "\0" not in text and len(text) <= LONGEST_LINES * (text.count("\n") + 1)


# --- what the change changes ---------------------------------------------------------------------


def _changed(change: Change, selection: Selection) -> dict[str, Changed]:
    """The names that a change removes, defines anew, or gives another body, but for its tests."""
    deleted = [each.file for each in selection.skipped if each.file.status == "D"]
    found: dict[str, Changed] = {}
    for file in (*selection.files, *deleted):
        spoken = language(file.path)
        if spoken is None or file.status == "A" or is_test(file.path) or len(found) >= MOST_CHANGED:
            continue
        for each, redefined in _altered(file, change, spoken):
            # Nobody calls a constructor by its name.
            name = each.owner if each.name in MAKERS else each.name
            if len(name) >= SHORTEST and not name.startswith("__"):
                found.setdefault(name, Changed(each, name, redefined, file.status == "D"))
    return found


def _altered(file: FileDiff, change: Change, spoken: Language) -> Iterator[tuple[Definition, bool]]:
    """Definitions whose head was removed, then those in whose body a line is another.

    A field counts as such where a line sets it: others read what is now something else.
    """
    hunks = list(file.hunks())
    path = visible(file.path)
    for hunk in hunks:
        removed = "\n".join(line.text for line in hunk.lines if line.kind == REMOVED)
        yield from ((each, True) for each in definitions(removed, path, spoken))
    lines = change.lines(file) if file.status != "D" else ()
    parents, _ = context.outline(lines)
    there = list(definitions("\n".join(lines), path, spoken))
    heads = {each.line - 1: each for each in there if each.kind != FIELD}
    fields = {each.line - 1: each for each in there if each.kind == FIELD}
    for number, line in numbered(hunks):
        index = min(number, len(lines)) - 1
        if line.kind != CONTEXT:
            for name in fields_set(line.text):
                yield Definition(name, path, number, FIELD, "", local=False), False
            if line.kind == ADDED and index in fields:
                yield fields[index], False
        if line.kind == CONTEXT or (line.kind == REMOVED and index in heads):
            continue  # what is removed just above a definition is not in it
        while index >= 0 and index not in heads:
            index = parents[index]
        if index >= 0:
            yield heads[index], False
