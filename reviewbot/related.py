"""Code elsewhere that decides a review: what added lines use, who uses what has changed, its tests.

The files of the head are searched once, by the look of their lines; nothing runs, and the same
change gives the same text. What is meant by a name is a guess: the nearest definition that the
imports, the receiver and the folders speak for. Where nothing speaks for one of many, none is shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from reviewbot import context
from reviewbot.anchors import numbered
from reviewbot.change import Change, Tree
from reviewbot.diff import ADDED, CONTEXT, REMOVED, FileDiff, Hunk
from reviewbot.git import Blob
from reviewbot.languages import Language, language
from reviewbot.prompt import Shown, row_of, tokens
from reviewbot.selection import LONGEST_LINES, Selection
from reviewbot.symbols import FUNCTION, TYPE, Definition, Use, definitions, imports, uses
from reviewbot.text import listed, plural, visible

MOST_READ = 32_000_000  # bytes of all files that are searched; the nearest to the change go first
LARGEST_FILE = 400_000  # bytes
MOST_CHANGED = 200  # names whose uses are looked for
MOST_MENTIONS = 4  # of one name in one file
MOST_FILES, FEW_FILES = 8, 2  # in which uses of a name are shown: a new head, or a new body only
MOST_MEANT = 3  # definitions that one use may mean
CERTAIN = 2  # a score from which a definition is not one of many

MODEST = 8_000  # tokens; to a larger change there may be as much of this as there is of the change
SMALL = 25  # lines; of a definition that is shown whole
HEAD = 10  # lines; of a larger one
SIGNATURE = 8  # lines, at most
MOST_MEMBERS = 30  # of a class, a line each
MARGIN = 2  # lines around a use
MOST_NAMES = 6  # said in a heading

_ITSELF = frozenset(("self", "this", "cls", "super", "Self", "static", "parent", "base", "?"))
_MAKERS = frozenset(("__init__", "__new__", "constructor", "initialize", "__construct", "init"))
_STUBS = (".pyi", ".d.ts")
_INDEXES = frozenset(("__init__", "index", "mod", "lib", "main"))
# Methods of every language's own types: by their name alone, nobody knows whose.
_EVERYWHERE = frozenset(
    """
    add all any append apply build call clear close contains copy count create decode default delete
    each encode end equals error execute exists extend filter find first flush forEach format get
    getattr group has hash index info init insert invoke is isEmpty items iter join keys last len
    length list load log lower main make map match max min name new next of open parse pop print push
    put read reduce remove replace reset reverse run save search send set setdefault size slice sort
    split start startswith stop strip sub sum test then toString trim update upper value values warn
    write
    """.split()
)
_WORD = re.compile(r"\w+")


def survey(change: Change, selection: Selection) -> Elsewhere | None:
    """What the head has around a change: searched now, shown batch by batch.

    None where there is nothing to find: of a bare patch, or of files without definitions.
    """
    read = {each for file in selection.files if (each := language(file.path))}
    if not (change.tree and read):
        return None
    changed = _changed(change, selection)
    found = _Findings(changed)
    blobs = _nearest(change.tree, selection, read)
    for blob, text in zip(blobs, change.tree.texts(blobs), strict=True):
        found.read(visible(blob.path), text)
    return Elsewhere(found, change.tree, {visible(blob.path): blob for blob in blobs})


def _nearest(tree: Tree, selection: Selection, read: set[Language]) -> list[Blob]:
    """The files to search: of the change's languages, the nearest first, as many as may be read."""
    around = {folder for file in selection.files for folder in PurePosixPath(file.path).parents}

    def distance(blob: Blob) -> tuple[int, str]:
        parents = PurePosixPath(blob.path).parents
        return next(n for n, folder in enumerate(parents) if folder in around), blob.path

    blobs = [
        blob
        for blob in tree.blobs()
        if blob.size <= LARGEST_FILE and language(blob.path) in read
    ]
    chosen, left = [], MOST_READ
    for blob in sorted(blobs, key=distance):
        left -= blob.size
        if left < 0:
            break
        chosen.append(blob)
    paths = [blob.path for blob in chosen]
    shown = frozenset(selection.beside(paths, tree.attributes(paths)))
    return [blob for blob in chosen if blob.path in shown]


# --- what the change changes ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Changed:
    """A name that is not what it was, in the file that defines it.

    `rank` is 0 where its head has changed. `deleted`: the whole file is gone.
    """

    name: str
    path: str
    owner: str
    kind: str
    rank: int
    deleted: bool


def _changed(change: Change, selection: Selection) -> dict[str, _Changed]:
    """Names that the change removes, defines anew, or gives another body, the first ones first."""
    gone = [each.file for each in selection.skipped if each.file.status == "D"]
    found: dict[str, _Changed] = {}
    for file in (*selection.files, *gone):
        spoken = language(file.path)
        if spoken is None or file.status == "A" or len(found) >= MOST_CHANGED:
            continue
        hunks = list(file.hunks())
        lines = change.lines(file) if file.status != "D" else ()
        for rank, each in _redefined(hunks, lines, file, spoken):
            name = each.owner if each.name in _MAKERS else each.name
            if len(name) > 2 and not name.startswith("__") and name not in found:
                found[name] = _Changed(
                    *(name, visible(file.path), each.owner, each.kind),
                    *(rank, file.status == "D"),
                )
    return dict(list(found.items())[:MOST_CHANGED])


def _redefined(
    hunks: Sequence[Hunk], lines: Sequence[str], file: FileDiff, spoken: Language
) -> Iterator[tuple[int, Definition]]:
    """Definitions that lost a line of their head, then those that lost or gained one in their body."""
    for hunk in hunks:
        removed = "\n".join(line.text for line in hunk.lines if line.kind == REMOVED)
        yield from ((0, each) for each in definitions(removed, file.path, spoken))
    if not lines:
        return
    there = {each.line - 1: each for each in definitions("\n".join(lines), file.path, spoken)}
    parents, _ = context.outline(lines)
    for number, line in numbered(hunks):
        index = min(number, len(lines)) - 1 if line.kind != CONTEXT else -1
        if index in there and line.kind == REMOVED:  # it stood above this definition, not in it
            index = -1
        while index >= 0 and index not in there:
            index = parents[index]
        if index >= 0:
            yield 1, there[index]


# --- what the head has ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mention:
    """A line that names what has changed; `near`: the file imports it, or is the same."""

    path: str
    line: int
    near: bool


class _Findings:
    """What a search through the files has found: definitions, imports, and uses of some names."""

    def __init__(self, changed: Mapping[str, _Changed]) -> None:
        self.changed = changed
        self.definitions: dict[str, list[Definition]] = defaultdict(list)
        self.by_path: dict[str, list[Definition]] = {}
        self.imports: dict[str, Mapping[str, frozenset[str]]] = {}
        self.bases: dict[str, frozenset[str]] = {}
        self.mentions: dict[str, list[_Mention]] = defaultdict(list)
        self.stems: set[str] = set()

    def read(self, path: str, text: str) -> None:
        """Search one file; not what a program has written."""
        spoken = language(path)
        if spoken is None or "\0" in text or len(text) > LONGEST_LINES * (text.count("\n") + 1):
            return
        found = list(definitions(text, path, spoken))
        self.by_path[path] = found
        for each in found:
            self.definitions[each.name].append(each)
        self.stems.update(_places(path))
        self.imports[path] = imports(text)
        lines = text.split("\n")
        heads = (lines[each.line - 1] for each in found if each.kind == TYPE)
        self.bases[path] = frozenset(_WORD.findall(" ".join(heads)))
        named = self.changed.keys() & set(_WORD.findall(text)) if self.changed else ()
        for name in sorted(named):
            own = {each.line for each in found if each.name == name}
            self.mentions[name] += self._mentions(name, path, text, spoken, own)

    def place(self, path: str, spoken: Language) -> _Place:
        """Where names stand that a file uses."""
        return _Place(path, spoken, self.imports.get(path, {}), self.bases.get(path, frozenset()))

    def _mentions(
        self, name: str, path: str, text: str, spoken: Language, own: set[int]
    ) -> list[_Mention]:
        changed = self.changed[name]
        known = self.imports[path]
        near = path == changed.path or bool(known.keys() & {*_places(changed.path), changed.owner})
        lines = [
            number
            for number, line in enumerate(text.split("\n"), 1)
            if name in line and number not in own and _names(changed, line, spoken)
        ]
        return [_Mention(path, line, near) for line in lines[:MOST_MENTIONS]]


def _names(changed: _Changed, line: str, spoken: Language) -> bool:
    """Whether a line uses this name; an argument or a variable may be named like a function."""
    return any(
        use.name == changed.name and (use.called or use.receiver or changed.kind != FUNCTION)
        for use in uses(line, spoken)
    )


def _places(path: str) -> tuple[str, ...]:
    """The names by which other files import from this one."""
    at = PurePosixPath(path)
    stem = at.name.partition(".")[0]
    return (at.parent.name,) if stem in _INDEXES else (stem, at.parent.name)


# --- what a name means ---------------------------------------------------------------------------


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


@dataclass(frozen=True, slots=True)
class _Place:
    """The file in which a name is used."""

    path: str
    spoken: Language
    imports: Mapping[str, frozenset[str]]
    bases: frozenset[str]

    def score(self, use: Use, meant: Definition) -> int:
        """How much speaks for this definition; below 0 it cannot be meant."""
        same = meant.path == self.path
        if meant.local and not same:
            return -1
        if use.receiver in _ITSELF:
            return self._of_itself(use, meant, same=same)
        if use.receiver:
            return self._of_receiver(use, meant)
        return self._alone(use, meant, same=same)

    def _of_itself(self, use: Use, meant: Definition, *, same: bool) -> int:
        if not meant.owner:
            return -1
        if use.receiver != "?" and (same or meant.owner in self.bases):
            return 4 if same == (use.receiver != "super") else 3
        return self._by_name(use)

    def _by_name(self, use: Use) -> int:
        """Nothing but the name speaks for it."""
        return 1 if use.called and use.name not in _EVERYWHERE else -1

    def _of_receiver(self, use: Use, meant: Definition) -> int:
        receiver, owner = _plain(use.receiver), _plain(meant.owner)
        places = _places(meant.path)
        known = self.imports.get(use.receiver, frozenset())
        if owner == receiver:
            return 4
        if not owner:
            modules = {use.receiver, *known}
            inside = modules & set(PurePosixPath(meant.path).parts)
            return 4 if modules & set(places) else 2 if inside else -1
        if len(receiver) > 2 and (receiver in owner or owner in receiver):
            return 3
        if known & set(places):
            return 2
        return self._by_name(use) if not known else -1

    def _alone(self, use: Use, meant: Definition, *, same: bool) -> int:
        if meant.owner and not self.spoken.methods and not meant.local:
            return -1
        if same:
            return 4
        if use.name in self.imports:
            return 4 if self.imports[use.name] & set(_places(meant.path)) else 2
        if self.spoken.imported:
            return 1 if "*" in self.imports else -1
        if not (use.called or use.name[0].isupper()):
            return -1
        return 2 if PurePosixPath(meant.path).parent == PurePosixPath(self.path).parent else 1


def _tier(use: Use) -> int:
    """What is called decides the most, then types and constants, then the rest."""
    return 0 if use.called else 1 if use.name[0].isupper() else 2


@dataclass(slots=True)
class _Wanted:
    """A definition that added lines use."""

    meant: Definition
    tier: int
    score: int
    count: int = 0

    @property
    def order(self) -> tuple[int, int, int, str, int]:
        return self.tier, -self.score, -self.count, self.meant.path, self.meant.line


# --- what is shown -------------------------------------------------------------------------------


_Why = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Step:
    """Lines to show if there is room for all of them, and why: what they do, to which name."""

    path: str
    lines: tuple[range, ...]
    why: _Why


@dataclass(slots=True)
class _Chosen:
    """What is shown of one file."""

    lines: set[int] = field(default_factory=set)
    whys: dict[_Why, None] = field(default_factory=dict)


class _File:
    """The lines of a file with their outline."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.parents, self.ends = context.outline(lines)

    def headers(self, line: int) -> list[range]:
        """The first lines of the blocks around a line."""
        found = []
        index = self.parents[line - 1]
        while index >= 0:
            found.append(range(index + 1, index + 2))
            index = self.parents[index]
        return found

    def signature(self, line: int) -> range:
        """The first line of a definition, and those until its brackets are closed."""
        depth, number = 0, line
        for number in range(line, min(line + SIGNATURE, len(self.lines) + 1)):
            text = self.lines[number - 1]
            depth += text.count("(") - text.count(")")
            if depth <= 0:
                break
        return range(line, number + 1)

    def body(self, line: int, *, of_type: bool) -> list[range]:
        """A small definition; of a large one its beginning, and what its members are called."""
        end = self.ends[line - 1] + 1
        above = self._above(line)
        if end - line < SMALL:
            return [range(above, end + 1)]
        members = [
            range(index + 1, index + 2)
            for index in range(line, end)
            if of_type and self.parents[index] == line - 1 and self.ends[index] > index
        ]
        return [range(above, line + HEAD), *members[:MOST_MEMBERS]]

    def _above(self, line: int) -> int:
        """Where the decorators and comments of a definition begin."""
        begin = line
        while begin > max(line - SIGNATURE, 1) and self.lines[begin - 2].lstrip().startswith(
            ("@", "#[", "//", "/*", "*", "# ", "--")
        ):
            begin -= 1
        return begin


class Elsewhere:
    """The code elsewhere, of which each batch shows what it needs."""

    def __init__(self, found: _Findings, tree: Tree, blobs: Mapping[str, Blob]) -> None:
        self._found = found
        self._blobs = blobs
        self._file: Callable[[str], _File] = lru_cache(64)(
            lambda path: _File(tree.lines(blobs[path]))
        )

    def text(self, shown: Shown, budget: int) -> str:
        """What to show with a batch, in no more tokens than the budget.

        Args:
            shown: the rows of the batch by path and number, each with its sign.
            budget: tokens.
        """
        wanted = self._wanted(shown)
        budget = min(budget, max(MODEST, sum(map(tokens, _texts(shown)))))
        steps = [
            *(self._signature(each) for each in wanted),
            *self._callers(shown),
            *(self._body(each) for each in wanted),
            *self._tests(shown),
        ]
        return self._fitting(steps, shown, budget)

    def _wanted(self, shown: Shown) -> list[_Wanted]:
        """Definitions of what the added rows use, as far as the rows do not show them."""
        found: dict[Definition, _Wanted] = {}
        for path, rows in shown.items():
            spoken = language(path)
            if spoken is None:
                continue
            at = self._found.place(path, spoken)
            counts: dict[Use, int] = defaultdict(int)
            for text in rows.values():
                for use in uses(text[1:], spoken) if text[0] == ADDED else ():
                    counts[use] += 1
            for use, count in counts.items():
                for score, meant in self._meant(use, at):
                    each = found.setdefault(meant, _Wanted(meant, _tier(use), score))
                    each.tier, each.score = min(each.tier, _tier(use)), max(each.score, score)
                    each.count += count
        hidden = (each for each in found.values() if not _is_shown(each.meant, shown))
        return sorted(hidden, key=lambda each: each.order)

    def _meant(self, use: Use, at: _Place) -> list[tuple[int, Definition]]:
        """The definitions that a use most probably means."""
        scored = [
            (score, each)
            for each in self._found.definitions.get(use.name, ())
            if (score := at.score(use, each)) >= 0
        ]
        if not scored or self._is_foreign(use, at):
            return []
        real = [(score, each) for score, each in scored if not each.path.endswith(_STUBS)] or scored
        best = max(score for score, _ in real)
        likely = [(score, each) for score, each in real if score == best]
        if best < CERTAIN and len(likely) > MOST_MEANT:
            return []
        likely.sort(key=lambda each: (-_common(each[1].path, at.path), each[1].path, -each[1].line))
        return likely[:MOST_MEANT]

    def _is_foreign(self, use: Use, at: _Place) -> bool:
        """Whether it belongs to an imported thing that is not in the repository."""
        known = at.imports.get(use.receiver)
        return known is not None and not (
            known & self._found.stems or use.receiver in self._found.definitions
        )

    def _signature(self, wanted: _Wanted) -> _Step:
        meant = wanted.meant
        file = self._file(meant.path)
        lines = [file.signature(meant.line), *file.headers(meant.line)]
        if meant.kind == TYPE:
            lines += [
                file.signature(each.line)
                for each in self._found.by_path[meant.path]
                if each.owner == meant.name and each.name in _MAKERS and each.kind == FUNCTION
            ]
        return _Step(meant.path, tuple(lines), ("defines", meant.name))

    def _body(self, wanted: _Wanted) -> _Step:
        meant = wanted.meant
        lines = self._file(meant.path).body(meant.line, of_type=meant.kind == TYPE)
        return _Step(meant.path, tuple(lines), ("defines", meant.name))

    def _callers(self, shown: Shown) -> Iterator[_Step]:
        """Lines that use what the batch removes or changes."""
        changed = [
            each for each in self._found.changed.values() if each.deleted or each.path in shown
        ]
        for each in sorted(changed, key=lambda each: each.rank):
            others = {found.path for found in self._found.definitions.get(each.name, ())}
            alone = len(others - {each.path}) == 0
            mentions = [
                mention
                for mention in self._found.mentions.get(each.name, ())
                if (mention.near or alone) and mention.line not in shown.get(mention.path, {})
            ]
            mentions.sort(key=lambda at: (not at.near, -_common(at.path, each.path), at.path, at.line))
            paths = list(dict.fromkeys(mention.path for mention in mentions))
            paths = paths[: MOST_FILES if each.rank == 0 else FEW_FILES]
            for mention in mentions:
                if mention.path in paths:
                    around = range(max(mention.line - MARGIN, 1), mention.line + MARGIN + 1)
                    lines = (around, *self._file(mention.path).headers(mention.line))
                    yield _Step(mention.path, lines, ("uses", each.name))

    def _tests(self, shown: Shown) -> Iterator[_Step]:
        """What the tests beside the batch's files are called."""
        tested = {_plain(PurePosixPath(path).name.partition(".")[0]): path for path in shown}
        for path, found in self._found.by_path.items():
            stem = PurePosixPath(path).name.partition(".")[0]
            name = _tested(path, stem)
            if name and _plain(name) in tested and path not in shown:
                lines = tuple(range(each.line, each.line + 1) for each in found[:MOST_MEMBERS])
                yield _Step(path, lines, ("tests", tested[_plain(name)]))

    # --- what fits -------------------------------------------------------------------------------

    def _fitting(self, steps: Iterable[_Step], shown: Shown, budget: int) -> str:
        chosen: dict[str, _Chosen] = {}
        left_out: dict[tuple[str, _Why], None] = {}
        budget -= tokens("... and 999,999 more places, left out")
        for step in steps:
            lines = self._new(step, shown, chosen)
            if not lines:
                continue
            cost = self._cost(step, lines, new=step.path not in chosen)
            if cost > budget:
                left_out[step.path, step.why] = None
                continue
            budget -= cost
            into = chosen.setdefault(step.path, _Chosen())
            into.lines |= lines
            into.whys[step.why] = None
        missing = [
            why for path, why in left_out if path not in chosen or why not in chosen[path].whys
        ]
        parts = [self._part(path, each) for path, each in chosen.items()]
        if parts and missing:
            parts.append(f"... and {plural(len(missing), 'more place')}, left out")
        return "\n\n".join(parts)

    def _new(self, step: _Step, shown: Shown, chosen: Mapping[str, _Chosen]) -> set[int]:
        count = len(self._file(step.path).lines)
        there = chosen[step.path].lines if step.path in chosen else set()
        rows = shown.get(step.path, {})
        return {
            number
            for each in step.lines
            for number in each
            if number <= count and number not in there and number not in rows
        }

    def _cost(self, step: _Step, lines: set[int], *, new: bool) -> int:
        texts = self._file(step.path).lines
        size = sum(tokens(row_of(number, CONTEXT, texts[number - 1])) + 3 for number in lines)
        words = tokens(f"{step.why}, ") + (tokens(f"## {step.path} ()\n\n") if new else 0)
        return size + words

    def _part(self, path: str, chosen: _Chosen) -> str:
        texts = self._file(path).lines
        rows = []
        end = 0
        for number in sorted(chosen.lines):
            if number > end + 1:
                rows.append("...")
            rows.append(row_of(number, CONTEXT, texts[number - 1]))
            end = number
        return "\n".join([f"## {path} ({_said(chosen.whys)})", *rows])


def _texts(shown: Shown) -> Iterator[str]:
    for rows in shown.values():
        yield from rows.values()


def _is_shown(meant: Definition, shown: Shown) -> bool:
    return meant.line in shown.get(meant.path, {})


def _common(path: str, other: str) -> int:
    """How many folders two paths share."""
    return next(
        (n for n, (one, two) in enumerate(zip(path.split("/"), other.split("/"), strict=False)) if one != two),
        0,
    )


def _said(whys: Iterable[_Why]) -> str:
    """`defines a, b; uses c`, with what is too much only counted."""
    names: dict[str, list[str]] = {}
    for what, name in whys:
        names.setdefault(what, []).append(f"`{visible(name)}`")
    return "; ".join(f"{what} {listed(each, MOST_NAMES)}" for what, each in names.items())


def _tested(path: str, stem: str) -> str:
    """What a file tests by its name; empty where it is no test."""
    name = PurePosixPath(path).name
    if re.search(r"[._](test|spec)\.", name) or stem.startswith("test_"):
        return re.sub(r"^test_|[_.](test|spec)$", "", stem)
    return re.sub(r"(Tests?|Spec)$", "", stem) if re.search(r"(Tests?|Spec)$", stem) else ""
