"""Which definition a name most probably means: what imports, receivers and folders speak for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import PurePosixPath

from reviewbot.languages import Language
from reviewbot.symbols import Definition, Use

MOST_MEANT = 3  # definitions that one use may mean
CERTAIN = 2  # from this score on a definition was meant, however many there are
IMPOSSIBLE = -1
SHORTEST = 3  # characters of a variable that is named after its class, or after a part of that

# Methods that types of every language have: by such a name alone, nobody knows whose it is.
_EVERYWHERE = """
    add all any append apply build call clear close contains copy count create decode default
    delete each encode end equals error execute exists extend filter find first flush forEach
    format get getattr group has hash index info init insert invoke is isEmpty items iter join keys
    last len length list load log lower main make map match max min name new next of open parse pop
    print push put read reduce remove replace reset reverse run save search send set setdefault
    size slice sort split start startswith stop strip sub sum test then toString trim update upper
    value values warn write
"""
_COMMON = frozenset(_EVERYWHERE.split())
_ITSELF = frozenset(("self", "this", "cls", "super", "Self", "static", "parent", "base"))
_SUPER = frozenset(("super", "parent", "base"))
_INDEXES = frozenset(("__init__", "index", "mod", "lib", "main"))  # a file that is its folder
_STUBS = (".pyi", ".d.ts")  # say what another file does


@dataclass(frozen=True, slots=True)
class Place:
    """The file that uses names, and what it says of them.

    `imports` has each imported name with the names of its statement. `bases` are the names in the
    heads of its classes.
    """

    path: str
    language: Language
    imports: Mapping[str, frozenset[str]]
    bases: frozenset[str]


def meant(use: Use, place: Place, known: Iterable[Definition]) -> list[tuple[int, Definition]]:
    """The definitions that a use most probably means, each with how much speaks for it.

    Args:
        use: a name, as a line of the file has it.
        place: the file.
        known: all definitions of the name.
    """
    possible = [(score(use, place, each), each) for each in known]
    possible = [each for each in possible if each[0] > IMPOSSIBLE]
    possible = [each for each in possible if not each[1].path.endswith(_STUBS)] or possible
    best = max((score for score, _ in possible), default=IMPOSSIBLE)
    likely = [(score, each) for score, each in possible if score == best]
    if best < CERTAIN and len(likely) > MOST_MEANT:
        return []
    # Of several forms of one name, the last is the one that does the work.
    likely.sort(key=lambda one: (-shared(one[1].path, place.path), one[1].path, -one[1].line))
    return likely[:MOST_MEANT]


def score(use: Use, place: Place, definition: Definition) -> int:
    """How much speaks for this definition, up to 4."""
    of_tests = is_test(definition.path) and not is_test(place.path)
    if (definition.local or of_tests) and definition.path != place.path:
        return IMPOSSIBLE
    if use.receiver in _ITSELF:
        return _of_itself(use, place, definition)
    if use.receiver:
        return _of_receiver(use, place, definition)
    return _alone(use, place, definition)


def _of_itself(use: Use, place: Place, definition: Definition) -> int:
    own, inherited = definition.path == place.path, definition.owner in place.bases
    if use.receiver in _SUPER:
        own, inherited = inherited and not own, own
    if definition.owner and (own or inherited):
        return 4 if own else 3
    return _by_name(use, definition)


def _of_receiver(use: Use, place: Place, definition: Definition) -> int:
    receiver, owner = plain(use.receiver), plain(definition.owner)
    known = place.imports.get(use.receiver, frozenset())
    if owner == receiver:
        return 4
    if not owner:
        return _from(known | {use.receiver}, definition.path)
    if len(receiver) >= SHORTEST and (receiver in owner or owner in receiver):
        return 3
    if known:
        return min(_from(known, definition.path), 2)
    return _by_name(use, definition)


def _alone(use: Use, place: Place, definition: Definition) -> int:
    if definition.owner and not (place.language.methods or definition.local):
        return IMPOSSIBLE
    if definition.path == place.path:
        return 4
    if use.name in place.imports:
        return max(_from(place.imports[use.name], definition.path), 2)
    if place.language.imported:
        return 1 if "*" in place.imports else IMPOSSIBLE
    if not (use.called or use.name[0].isupper()):
        return IMPOSSIBLE
    beside = PurePosixPath(definition.path).parent == PurePosixPath(place.path).parent
    return 2 if beside else 1


def _from(names: frozenset[str], path: str) -> int:
    """How much speaks for it that an import with these names means this file."""
    module, folder = modules(path)
    if module in names:
        return 4
    return 3 if folder in names else 2 if names & _folders(path) else IMPOSSIBLE


def _by_name(use: Use, definition: Definition) -> int:
    """Where nothing but the name speaks for a method."""
    told = use.called and definition.owner and use.name not in _COMMON
    return 1 if told else IMPOSSIBLE


def plain(name: str) -> str:
    """The name as other styles write it too: `http_client` as `HttpClient`."""
    return name.replace("_", "").lower()


def shared(path: str, other: str) -> int:
    """How many folders two paths have in common."""
    pairs = zip(path.split("/")[:-1], other.split("/")[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


_TEST = re.compile(r"^test_|[._-](?:test|spec)$|(?<=[a-z])(?:Tests?|Spec)$")
_SURE_TEST = re.compile(r"^test_|\.(?:test|spec)$")  # wherever it lies
_TEST_FOLDER = re.compile(r"(?:^|[._-])(?:tests?|specs?)_*$", re.IGNORECASE)


@lru_cache(10_000)
def is_test(path: str) -> bool:
    """Whether a file has tests: by its name, and where that may mean something else, its folder."""
    at = PurePosixPath(path)
    if not _TEST.search(at.stem):
        return False
    sure = _SURE_TEST.search(at.stem) or path.endswith("_test.go")
    return bool(sure or any(map(_TEST_FOLDER.search, at.parts[:-1])))


def tested_by(path: str) -> str:
    """The name of what a file of tests is named after; empty where its name is not that of one."""
    stem = PurePosixPath(path).stem
    return _TEST.sub("", stem) if _TEST.search(stem) else ""


@lru_cache(10_000)
def modules(path: str) -> tuple[str, str]:
    """The names by which other files import from this one: its own, and its folder's."""
    at = PurePosixPath(path)
    stem, folder = at.name.partition(".")[0], at.parent.name
    return folder if stem in _INDEXES else stem, folder


@lru_cache(10_000)
def _folders(path: str) -> frozenset[str]:
    return frozenset(PurePosixPath(path).parts)
