"""Names in code: where they are defined, imported and used, told by the look of the lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from reviewbot.languages import Language

FUNCTION, TYPE, VALUE, SCOPE, FIELD = "function", "type", "value", "scope", "field"
MAKERS = frozenset(("__init__", "__new__", "constructor", "initialize", "__construct", "init"))

MOST_IMPORTS = 300  # statements of one file


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a name is defined.

    `line` is 1-based. `owner` is the class or function that it belongs to, empty for none.
    `local`: it is inside a function, so nobody else can mean it.
    """

    name: str
    path: str
    line: int
    kind: str
    owner: str
    local: bool


class Use(NamedTuple):
    """A name as a line uses it.

    `receiver` is the name before its dot, `?` for something longer, empty for none. `called`: an
    argument list follows.
    """

    name: str
    receiver: str
    called: bool


# The end of a block at the margin, in languages with braces; none ends where another one begins.
_ENDED = re.compile(r"\n\}(?![^\n]*\{[ \t\r]*(?:\n|\Z))")


def definitions(text: str, path: str, language: Language) -> Iterator[Definition]:
    """All definitions of a file, from top to bottom."""
    opened: list[tuple[int, str, str]] = []  # indentation, name and kind of the blocks around
    line, counted, searched = 0, 0, 0
    text = f"\n{text}"
    for match in language.definition.finditer(text):
        if opened and language.braces and _ENDED.search(text, searched, match.start()):
            opened.clear()
        searched = match.start() + 1
        found = match.groupdict()
        group = match.lastgroup or ""
        kind = group.rstrip("234")
        name = match[group]
        indent = len(match["indent"].expandtabs(4))
        line += text.count("\n", counted, match.end("indent"))
        counted = match.end("indent")
        while opened and opened[-1][0] >= indent:
            opened.pop()
        local = any(kind == FUNCTION for _, _, kind in opened)
        member = bool(opened) and opened[-1][2] == TYPE
        owner = found.get("owner") or found.get("owner2") or "self"
        owner = owner if owner != "self" else opened[-1][1] if opened else ""
        if kind == FIELD and member:
            yield Definition(name, path, line, FIELD, owner, local)
        elif kind not in (FIELD, SCOPE) and not (local and kind == VALUE):
            yield Definition(name, path, line, kind, owner, local)
        if kind not in (FIELD, VALUE):
            opened.append((indent, name, kind))


_OWN = r"(?:\b(?:self|this|cls)(?:\.|->)|@)"
_SET = re.compile(
    rf"{_OWN}(?P<name>[^\W\d]\w*+)[ \t]*+(?:(?:[-+*/%&|^]|\*\*|//|\?\?|<<|>>)?=(?![=>~])|\+\+|--)"
    rf"|^[ \t]*+{_OWN}(?P<annotated>[^\W\d]\w*+)[ \t]*+:[^=\n]{{1,100}}=(?!=)"
)


def fields_set(line: str) -> Iterator[str]:
    """The fields of its own object that a line gives a value."""
    return (match["name"] or match["annotated"] for match in _SET.finditer(line))


# --- imports -------------------------------------------------------------------------------------

_IMPORT = re.compile(
    r"^[ \t]*+(?:(?:from|import|use|using|require(?:_once|_relative)?|include|load|source)\b"
    r"|#[ \t]*(?:include|import)\b|export\b[^\n(]{0,200}\bfrom\b"
    r"|(?:const|let|var)\b[^=\n]{0,200}=[ \t]*(?:await[ \t]+)?(?:require|import)\b)"
    r"[^\n({]*+(?:\([^)]{0,1000}\)|\{[^}]{0,1000}\})?[^\n]*+",
    re.MULTILINE,
)
_NAME = re.compile(r"[^\W\d]\w*|\*")
_IMPORT_WORDS = frozenset(
    ("as", "const", "export", "from", "import", "include", "let", "require", "use", "using", "var")
)


def imports(text: str) -> Mapping[str, frozenset[str]]:
    """Each name in a file's import statements, with all names of its statements."""
    found: dict[str, frozenset[str]] = {}
    for match in islice(_IMPORT.finditer(text), MOST_IMPORTS):
        names = frozenset(_NAME.findall(match[0])) - _IMPORT_WORDS
        for name in names:
            found[name] = found.get(name, frozenset()) | names
    return found


# --- uses ----------------------------------------------------------------------------------------

_TOKEN = re.compile(
    # Strings, which use nothing: all but those with a brace, that code may stand in.
    r"\"(?:[^\"\\\n{]|\\.){0,200}+\"|'(?:[^'\\\n{]|\\.){0,200}+'"
    r"|(?P<comment>//|\#|--)"
    r"|(?P<word>[^\W\d]\w*+(?:[?!](?=\())?)|(?P<sign>\?\.|!\.|->|::|\.|\(|\)|\])"
)
_LINKS = frozenset((".", "?.", "!.", "->", "::"))
_KEYWORDS = """
    and as assert async await begin bool break case catch class const continue def default defer
    del delete do elif else elsif end enum except export extends extern false False final finally
    float fn for foreach from fun func function global go goto if impl implements import in include
    instanceof int interface is lambda let long match mod module mut namespace new nil None
    nonlocal not null of or package pass private protected pub public raise range record require
    rescue return self static str string struct super switch then this throw throws trait true True
    try type typeof undefined unless until use using val var void when where while with yield
"""
_NO_NAMES = frozenset(_KEYWORDS.split())


def uses(line: str, language: Language) -> Iterator[Use]:
    """The names in a line of code, without those in its strings and comments."""
    tokens = []
    for match in _TOKEN.finditer(line):
        if match["comment"] == language.comment:
            break
        if match.lastgroup and not match["comment"]:
            tokens.append((match[0], match.lastgroup))
    for index, (text, group) in enumerate(tokens):
        if group == "word" and (text not in _NO_NAMES or _linked(tokens, index)):
            called = index + 1 < len(tokens) and tokens[index + 1][0] == "("
            yield Use(text, _receiver(tokens, index), called)


def _linked(tokens: list[tuple[str, str]], index: int) -> bool:
    return index > 0 and tokens[index - 1][0] in _LINKS


def _receiver(tokens: list[tuple[str, str]], index: int) -> str:
    if not _linked(tokens, index):
        return ""
    before = [text for text, _ in tokens[max(index - 4, 0) : index - 1]]
    if before == ["super", "(", ")"]:
        return "super"
    if index > 1 and tokens[index - 2][1] == "word":
        return tokens[index - 2][0]
    return "?"
