"""What a value looks like: a password, a token, or what code and texts have in such places."""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping

_SHORTEST_LITERAL = 3
_SHORTEST_PASSWORD = 6
_SHORTEST_TOKEN = 8
_SHORTEST_LETTERS = 10  # of a value without digits or signs
# How often, a character, random text changes between sorts of characters, and words do not: text
# with digits, names with dots.
_RANDOM, _RANDOM_NAME = 0.2, 0.3
_PIECE, _FEWEST_PIECES = 2.9, 4  # length and number of what capitals divide random letters into
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
# What stands for a value that is elsewhere: $NAME, ${…}, {{…}}, <…>, %(…)s, %NAME%, a path, a URL.
_REFERENCE = re.compile(
    r"""[$%@&*!]?[A-Z_]*_[A-Z0-9_]*%? | \$[a-z_][a-z_]*\)?;?
      | .*(?: \$\{ | \{\{ | \$\( | \#\{ | <% | %\( | \$\[ ).*
      | .*\{[\w.\[\]()"'!:]*\}.* | .*%(?:[sdrv@](?![A-Za-z0-9])|[0-9]*\.[0-9]*[df]).*
      | [0-9]+(?:[.,:/-][0-9]+)+ | \#[0-9A-Fa-f]{3,8};? | <.* | \[.* | \(.* | [*.•_x#?-]+
      | (?:~|\.{1,2})?/.* | [a-z][a-z0-9+.-]*://.* | arn:.* | [A-Z]:\\.*
    """,
    re.VERBOSE,
)
_VARIABLE = re.compile(r"\$\w+|[$%@&*!]?[A-Z][A-Z0-9]*%?")
# An expression of code: a name with dots or arrows, a call, an index.
_EXPRESSION = re.compile(
    r"""[!&*]*+[A-Za-z_$][\w$]*+(?: (?: \.|->|::|\?\. ) [A-Za-z_$][\w$]*+ )++ (?: [(\[{;,)]  .* )?
      | [!&*]*+[A-Za-z_$][\w$]*+[(\[{] .*
    """,
    re.VERBOSE,
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SAID = re.compile(
    r"pass(?:word|wd|phrase)?|pwd|pw|secret|token|key|test(?:ing)?|(?:user)?name|user|admin|root|null|none"
    r"|undefined|true|false|nil|foo(?:bar)?|bar|baz|abc|123(?:4(?:5(?:6(?:7(?:8(?:9)?)?)?)?)?)?|todo"
    r"|[0-9]{1,3}|default|sample|fake|mock|string|my|the|an?|some|your|value|here|new|old|invalid|valid|wrong"
)
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]+[0-9]{1,4}")
# Words with signs between them: messages, identifiers, media types, names of models and versions.
_SIGN = re.compile(r"[!@#$%^&*?+=~]")
_WORDS = re.compile(r"[^\W\d_]++(?:[-_.:/,+]++[^\W\d_]++[0-9]?)*+[.,:;!?]?")
_SEGMENTS = re.compile(
    r"""(?: [a-z]++ | [A-Z][a-z]++ | [A-Z]++ )?+ [0-9]{0,4}+
    (?: [-_./:+]++
        (?: (?: [a-z]++ | [A-Z][a-z]++ | [A-Z]++ ) [0-9]{0,4}+ | [0-9]{1,8}+ [a-z]{0,3}+ ) )++
    """,
    re.VERBOSE,
)
_USER_AND_PASSWORD = re.compile(r"[\x21-\x39\x3b-\x7e]{1,64}:[\x20-\x7e]{3,}")


def entropy(value: str) -> float:
    """Shannon's entropy in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def is_literal(value: str) -> bool:
    """Is it a value at all, and not a reference to one, a gap to fill, or a word for it?"""
    return (
        len(value) >= _SHORTEST_LITERAL and not _REFERENCE.fullmatch(value) and not _is_said(value)
    )


def is_password(value: str) -> bool:
    """Could a person have chosen it, or a generator made it, as a password?"""
    if len(value) < _SHORTEST_PASSWORD or not is_literal(value) or _is_code(value) or " " in value:
        return False
    if value.isalnum() and (value.isalpha() or value.isdigit()):
        return value.isdigit() or _mixed(value)
    if any(map(str.isdigit, value)):
        return not _is_words(value)
    return (
        value.lower() != value != value.upper()
        and bool(_SIGN.search(value))
        and not _is_words(value)
    )


def is_token(value: str) -> bool:
    """Could a machine have made it?"""
    if len(value) < _SHORTEST_TOKEN or not is_literal(value) or _is_code(value) or " " in value:
        return False
    if not any(c.isdigit() for c in value):
        return _mixed(value)
    if not any(c.isalpha() for c in value) or _SEGMENTS.fullmatch(value):
        return False
    return entropy(value) >= min(3.0, 0.7 * math.log2(len(value))) and _changes(value) >= _RANDOM


def is_basic(value: str) -> bool:
    """Is it `user:password` in base64?"""
    return bool(_USER_AND_PASSWORD.fullmatch(decoded(value)))


def decoded(value: str) -> str:
    """What the base64 says, if it is printable text; else nothing."""
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("ascii")
    except ValueError:
        return ""
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else ""


def _is_code(value: str) -> bool:
    """An expression: names with dots, a call, an index."""
    return bool(_EXPRESSION.fullmatch(value)) and (
        _changes(value) < _RANDOM_NAME or value[-1] in ")]}(;,"
    )


def _is_said(value: str) -> bool:
    """Is each part a word that people write where a secret would be?"""
    parts = [part.lower() for part in _PART.findall(value)]
    return not all(map(str.isdigit, parts)) and all(_SAID.fullmatch(part) for part in parts)


def _is_words(value: str) -> bool:
    """Words with signs between them, as identifiers, versions and messages are."""
    if _changes(value) >= _RANDOM and any(c.isdigit() for c in value):
        return False
    return bool(_WORDS.fullmatch(value))


def _mixed(value: str) -> bool:
    """Letters of both cases, in shorter pieces than the words of camelCase, or with no vowels."""
    if not (value.isascii() and value.isalpha() and len(value) >= _SHORTEST_LETTERS):
        return False
    parts = _PART.findall(value)
    odd = sum(not _VOWEL.search(part) for part in parts if len(part) > 1)
    return len(parts) >= _FEWEST_PIECES and (
        len(value) <= _PIECE * len(parts) or odd * 2 >= len(parts)
    )


def _changes(value: str) -> float:
    """How often, a character, the sort of character changes; a word may begin with a capital."""
    parts = len(_PART.findall(value)) - 1
    return parts / len(value)


SHAPES: Mapping[str, Callable[[str], bool]] = {
    "literal": is_literal,
    "password": is_password,
    "token": is_token,
    "basic": is_basic,
}
