"""Code elsewhere that decides a review: what added lines use, who uses what has changed, its tests.

It is found by the look of the lines; nothing runs, and the same change gives the same text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import PurePosixPath

from reviewbot import context, meaning
from reviewbot.batches import LEFT_OUT, Shown, row_of
from reviewbot.change import Change
from reviewbot.diff import ADDED, CONTEXT
from reviewbot.meaning import Place, is_test, plain, tested_by
from reviewbot.models import tokens
from reviewbot.search import Findings, search
from reviewbot.selection import Selection
from reviewbot.symbols import FIELD, FUNCTION, MAKERS, TYPE, Definition, Use, uses
from reviewbot.text import listed, plural, visible

MODEST = 8_000  # tokens, or as many as the change itself has where these are more
LARGEST_CHANGE = 8_000_000  # bytes
SMALLEST = 20  # tokens; in fewer nothing can be shown
SMALL = 25  # lines; of a definition that is shown whole
HEAD = 10  # lines; of a larger one
LARGE = 120  # lines; of one that is called, as far as there is room
SIGNATURE = 8  # lines, at most
MOST_TYPES = 20  # that a batch's rows belong to, of which more is shown
MOST_MEMBERS = 30  # of a class or a test, a line each
MARGIN = 2  # lines around a use
OF_TESTS = 3  # what tests use decides less than all that others use
MOST_FILES, FEW_FILES = 8, 2  # that use a name: with a new head, or with a new body only
KEPT_FILES = 256  # that were looked through for secrets

DEFINES, USES, TESTS = "defines", "uses", "tests"

_ABOVE = ("@", "#[", "//", "/*", "*", "# ", "--")  # decorators and comments


class File:
    """The lines of a file with their outline."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._parents, self._ends = context.outline(lines)

    def headers(self, line: int) -> list[range]:
        """The first lines of the blocks around a line."""
        found = []
        index = self._parents[line - 1]
        while index >= 0:
            found.append(range(index + 1, index + 2))
            index = self._parents[index]
        return found

    def signature(self, line: int) -> range:
        """The first line of a definition, and those until its brackets are closed."""
        depth = 0
        for number in range(line, min(line + SIGNATURE, len(self.lines) + 1)):
            text = self.lines[number - 1]
            depth += text.count("(") - text.count(")")
            if depth <= 0:
                return range(line, number + 1)
        return range(line, line + 1)

    def body(self, line: int, *, members: bool) -> list[range]:
        """A small definition; of a large one how it begins, and how its members do."""
        above, end = self._above(line), self._ends[line - 1] + 1
        if end - line < SMALL:
            return [range(above, end + 1)]
        heads = [
            range(index + 1, index + 2)
            for index in range(line, end)
            if members and self._parents[index] == line - 1 and self._ends[index] > index
        ]
        return [range(above, line + HEAD), *heads[:MOST_MEMBERS]]

    def whole(self, line: int) -> range:
        """A definition as far as anybody would read it."""
        return range(line, min(self._ends[line - 1] + 2, line + LARGE))

    def _above(self, line: int) -> int:
        """Where the decorators and comments of a definition begin."""
        begin = line
        while begin > max(line - SIGNATURE, 1):
            if not self.lines[begin - 2].lstrip().startswith(_ABOVE):
                break
            begin -= 1
        return begin


_Why = tuple[str, str]  # what it does, to which name


@dataclass(frozen=True, slots=True)
class _Step:
    """Lines to show if there is room for all of them, and for `spare` tokens more."""

    path: str
    why: _Why
    lines: Callable[[File], Iterable[range]]
    spare: int = 0


@dataclass(slots=True)
class _Wanted:
    """A definition that added lines use, so many times."""

    definition: Definition
    rank: int
    score: int
    count: int = 0

    @property
    def order(self) -> tuple[int, int, int, str, int]:
        """What is called decides the most, and of that what is surely meant and often used."""
        at = self.definition
        return self.rank, -self.score, -self.count, at.path, at.line

    @property
    def surely_called(self) -> bool:
        """Whether it is a function that others than tests call."""
        sure = self.rank == 0 and self.score >= meaning.CERTAIN
        return sure and self.definition.kind == FUNCTION


@dataclass(slots=True)
class _Part:
    """What is shown of one file."""

    lines: set[int] = field(default_factory=set)
    whys: dict[_Why, None] = field(default_factory=dict)


class Elsewhere:
    """The code elsewhere, of which each batch shows what it needs.

    Args:
        findings: what the search has found.
        lines: gives the lines of a file, by its path, as they may be shown.
    """

    def __init__(self, findings: Findings, lines: Callable[[str], Sequence[str]]) -> None:
        self._found = findings
        self._file = lru_cache(KEPT_FILES)(lambda path: File(lines(path)))
        self._functions = lru_cache(KEPT_FILES)(self._functions_by_owner)

    def text(self, shown: Shown, budget: int) -> str:
        """What to show with a batch, in no more tokens than the budget.

        Every definition comes with its signature first; bodies follow as far as there is room.
        """
        size = sum(tokens(text) for rows in shown.values() for text in rows.values())
        budget = min(budget, max(MODEST, size))
        spare = max(budget - MODEST, 0)
        wanted, around = self._wanted(shown), self._types_around(shown)
        called = [each.definition for each in wanted if each.surely_called]
        steps = (
            *map(self._signature, wanted),
            *map(self._body, around),
            *self._callers(shown),
            *map(self._body, called),
            *(self._whole(each, spare) for each in called),
            *(self._member(each, spare) for each in self._members(around)),
            *(self._body(each.definition) for each in wanted),
            *self._tests(shown),
        )
        return self._fitting(steps, shown, budget)

    # --- what is used ----------------------------------------------------------------------------

    def _wanted(self, shown: Shown) -> list[_Wanted]:
        """The definitions of what added rows use, but for those that the rows show themselves."""
        found: dict[Definition, _Wanted] = {}
        for path, rows in shown.items():
            place = self._found.place(path)
            for use, count in _used(rows, place).items() if place else ():
                rank = _rank(use) + OF_TESTS * is_test(path)
                for score, meant in self._meant(use, place) if place else ():
                    each = found.setdefault(meant, _Wanted(meant, rank, score))
                    each.rank, each.score = min(each.rank, rank), max(each.score, score)
                    each.count += count
        hidden = (each for at, each in found.items() if at.line not in shown.get(at.path, ()))
        return sorted(hidden, key=lambda each: each.order)

    def _meant(self, use: Use, place: Place) -> list[tuple[int, Definition]]:
        if self._is_foreign(use, place):
            return []
        return meaning.meant(use, place, self._found.definitions.get(use.name, ()))

    def _is_foreign(self, use: Use, place: Place) -> bool:
        """Whether it belongs to an import that is not in the repository."""
        if not use.receiver:
            others = place.imports.get(use.name, frozenset()) - {use.name}
            return bool(others) and not self._found.knows(use.name, others)
        known = place.imports.get(use.receiver, frozenset())
        foreign = known and not known & self._found.modules
        return bool(foreign) and use.receiver not in self._found.definitions

    def _signature(self, wanted: _Wanted) -> _Step:
        at = wanted.definition
        members = self._found.by_path[at.path] if at.kind == TYPE else ()
        makers = [each.line for each in members if each.owner == at.name and each.name in MAKERS]

        def lines(file: File) -> Iterable[range]:
            return (*map(file.signature, (at.line, *makers)), *file.headers(at.line))

        return _Step(at.path, (DEFINES, at.name), lines)

    def _body(self, at: Definition) -> _Step:
        return _Step(
            at.path,
            (DEFINES, at.name),
            lambda file: file.body(at.line, members=at.kind == TYPE),
        )

    def _whole(self, at: Definition, spare: int) -> _Step:
        return _Step(at.path, (DEFINES, at.name), lambda file: [file.whole(at.line)], spare)

    # --- what it belongs to ----------------------------------------------------------------------

    def _members(self, types: Iterable[Definition]) -> Iterator[Definition]:
        """The functions of types."""
        for each in types:
            yield from self._functions(each.path).get(each.name, ())

    def _functions_by_owner(self, path: str) -> Mapping[str, Sequence[Definition]]:
        found: dict[str, list[Definition]] = defaultdict(list)
        for each in self._found.by_path[path]:
            if each.owner and each.kind == FUNCTION and not each.local:
                found[each.owner].append(each)
        return found

    def _member(self, at: Definition, spare: int) -> _Step:
        return replace(self._body(at), why=(DEFINES, at.owner), spare=spare)

    def _types_around(self, shown: Shown) -> Sequence[Definition]:
        """The types to which added rows belong; those of tests say little."""
        found: dict[Definition, None] = {}
        for path, rows in shown.items():
            if self._found.place(path) and not is_test(path):
                for head in self._heads(path, rows):
                    found |= dict.fromkeys(self._types_of(head))
        return tuple(found)[:MOST_TYPES]

    def _heads(self, path: str, rows: Mapping[int, str]) -> Iterator[Definition]:
        """The definitions that begin at added rows, or have them in them."""
        heads = {each.line: each for each in self._found.by_path[path]}
        for number in (n for n, text in rows.items() if text[0] == ADDED):
            lines = number, *(each.start for each in self._file(path).headers(number))
            yield from filter(None, map(heads.get, lines))

    def _types_of(self, head: Definition) -> Iterable[Definition]:
        """The type that begins there, or whose member does, as far as it is in the same folder."""
        if head.kind == TYPE:
            return (head,)
        folder = PurePosixPath(head.path).parent
        named = (each for each in self._found.definitions.get(head.owner, ()) if each.kind == TYPE)
        beside = [each for each in named if PurePosixPath(each.path).parent == folder]
        return sorted(beside, key=lambda each: each.path != head.path)[:1]

    # --- who uses what has changed ---------------------------------------------------------------

    def _callers(self, shown: Shown) -> Iterator[_Step]:
        changed = [
            each
            for each in self._found.changed.values()
            if each.deleted or each.definition.path in shown
        ]
        for each in sorted(changed, key=lambda each: not each.redefined):
            for path, line in self._mentions(each.name, each.definition.path, shown):
                yield _Step(path, (USES, each.name), partial(_around, line))

    def _mentions(self, name: str, path: str, shown: Shown) -> list[tuple[str, int]]:
        """Path and line of the uses to show, the nearest first."""
        changed = self._found.changed[name]
        others = (each.path != path for each in self._found.definitions.get(name, ()))
        alone = changed.definition.kind != FIELD and not any(others)
        found = [
            (each.path, each.line)
            for each in sorted(
                self._found.mentions.get(name, ()),
                key=lambda at: (not at.near, -meaning.shared(at.path, path), at.path, at.line),
            )
            if (each.near or alone) and each.line not in shown.get(each.path, ())
        ]
        paths = list(dict.fromkeys(path for path, _ in found))
        most = frozenset(paths[: MOST_FILES if changed.redefined else FEW_FILES])
        return [each for each in found if each[0] in most]

    # --- what tests it ---------------------------------------------------------------------------

    def _tests(self, shown: Shown) -> Iterator[_Step]:
        """How the tests begin that are named after the batch's files."""
        files = {plain(_stem(path)): path for path in shown}
        for path, found in self._found.by_path.items():
            tested = files.get(plain(tested_by(path)))
            if tested and path not in shown:
                heads = [range(each.line, each.line + 1) for each in found[:MOST_MEMBERS]]
                yield _Step(path, (TESTS, tested), partial(_given, heads))

    # --- what fits -------------------------------------------------------------------------------

    def _fitting(self, steps: Iterable[_Step], shown: Shown, budget: int) -> str:
        parts: dict[str, _Part] = {}
        left_out: dict[tuple[str, _Why], None] = {}
        budget -= tokens(_rest(999_999))
        for step in steps:
            new = self._new(step, parts, shown) if budget > SMALLEST else None
            cost = self._cost(step, new, parts) if new else 0
            if new is None or (new and cost > budget - step.spare):
                left_out[step.path, step.why] = None
            elif new:
                budget -= cost
                part = parts.setdefault(step.path, _Part())
                part.lines |= new
                part.whys[step.why] = None
        texts = [self._text(path, part) for path, part in parts.items()]
        missing = sum(path not in parts or why not in parts[path].whys for path, why in left_out)
        return "\n\n".join([*texts, _rest(missing)] if texts and missing else texts)

    def _new(self, step: _Step, parts: Mapping[str, _Part], shown: Shown) -> set[int]:
        """The lines of a step that are not shown yet."""
        file = self._file(step.path)
        there = parts[step.path].lines if step.path in parts else ()
        rows = shown.get(step.path, ())
        wanted = {number for each in step.lines(file) for number in each}
        return {
            number
            for number in wanted
            if number <= len(file.lines) and number not in there and number not in rows
        }

    def _cost(self, step: _Step, new: Iterable[int], parts: Mapping[str, _Part]) -> int:
        """Tokens of new lines, each with a gap before it, and of what the heading says of them."""
        lines = self._file(step.path).lines
        heading = 0 if step.path in parts else tokens(f"## {step.path} ()\n\n")
        rows = (tokens(row_of(number, CONTEXT, lines[number - 1])) for number in new)
        return sum(size + tokens(LEFT_OUT) for size in rows) + heading + tokens(f"{step.why}, ")

    def _text(self, path: str, part: _Part) -> str:
        lines = self._file(path).lines
        rows = [f"## {path} ({_said(part.whys)})"]
        for number in sorted(part.lines):
            if number > 1 and number - 1 not in part.lines:
                rows.append(LEFT_OUT)
            rows.append(row_of(number, CONTEXT, lines[number - 1]))
        return "\n".join(rows)


def survey(change: Change, selection: Selection) -> Elsewhere | None:
    """What the head has around a change: searched now, shown batch by batch.

    None for a bare patch, for a change that nobody can read, and where no file is in a language
    that is known here.
    """
    tree = change.tree
    if tree is None or sum(len(file.patch) for file in selection.files) > LARGEST_CHANGE:
        return None
    findings, blobs = search(change, selection, tree)
    return Elsewhere(findings, lambda path: tree.lines(blobs[path])) if blobs else None


def _used(rows: Mapping[int, str], place: Place) -> Counter[Use]:
    """What added rows use, and how often."""
    added = (text[1:] for text in rows.values() if text[0] == ADDED)
    return Counter(use for text in added for use in uses(text, place.language))


def _rank(use: Use) -> int:
    """Calls first, then types and constants, then the rest."""
    return 0 if use.called else 1 if use.name[0].isupper() else 2


def _around(line: int, file: File) -> list[range]:
    near = range(max(line - MARGIN, 1), line + MARGIN + 1)
    return [near, *file.headers(line)]


def _given(lines: Iterable[range], _: File) -> Iterable[range]:
    return lines


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


def _rest(count: int) -> str:
    return f"... and {plural(count, 'more place')}, left out"


def _said(whys: Iterable[_Why]) -> str:
    """``defines `a`, `b`; uses `c` ``."""
    names: dict[str, list[str]] = {}
    for what, name in whys:
        names.setdefault(what, []).append(f"`{visible(name)}`")
    return "; ".join(f"{what} {listed(each)}" for what, each in names.items())
