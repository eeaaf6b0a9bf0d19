"""What a value looks like: a password, a token, or what code and texts have in such places."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping

# What stands for a value that is elsewhere: $NAME, ${…}, {{…}}, <…>, %(…)s, %NAME%, a path, a URL.
_REFERENCE = re.compile(
    r"""[$%@&*!]?[A-Z_][A-Z0-9_]*%? | \$[a-z_][a-z_]*\)?;? | \$\w+\$?
      | .*(?: \$\{ | \{\{ | \$\( | \#\{ | <% | %\( | \$\[ ).*
      | .*\{[A-Za-z_][\w.\[\]()"'!:]*\}.* | .*%[sdrv@](?![A-Za-z0-9]).*
      | <.* | \[.* | \(.* | [*.•_x#?-]+
      | (?:~|\.{1,2})?/.* | [a-z][a-z0-9+.-]*://.* | arn:.* | [A-Z]:\\.*
    """,
    re.VERBOSE,
)
# An expression of code: a name with dots or arrows, a call, an index.
_EXPRESSION = re.compile(
    r"""[!&*]*[A-Za-z_$][\w$]*(?: (?: \.|->|::|\?\. ) [A-Za-z_$][\w$]* )+ (?: [(\[{;,)]  .* )?
      | [!&*]*[A-Za-z_$][\w$]*[(\[{] .*
    """,
    re.VERBOSE,
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]")
_SAID = re.compile(
    r"pass(?:word|wd|phrase)?|pwd|pw|secret|token|key|test(?:ing)?|user(?:name)?|admin|root|null|none"
    r"|undefined|true|false|nil|foo(?:bar)?|bar|baz|abc|123(?:4(?:5(?:6(?:7(?:8(?:9)?)?)?)?)?)?|todo"
    r"|default|sample|fake|mock|string|my|the|an?|some|your|value|here|new|old|invalid|valid|wrong"
)
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]+[0-9]{1,4}")
_USER_AND_PASSWORD = re.compile(r"[\x21-\x39\x3b-\x7e]{1,64}:[\x20-\x7e]{3,}")


def entropy(value: str) -> float:
    """Shannon's entropy in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def is_literal(value: str) -> bool:
    """Is it a value at all, and not a reference to one, a gap to fill, or a word for it?"""
    return len(value) >= 3 and not _REFERENCE.fullmatch(value) and not _is_said(value)


def is_password(value: str) -> bool:
    """Could a person have chosen it, or a generator made it, as a password?"""
    if len(value) < 6 or not is_literal(value) or _EXPRESSION.fullmatch(value) or " " in value:
        return False
    classes = sum(
        any(map(test, value)) for test in (str.isalpha, str.isdigit, lambda c: not c.isalnum())
    )
    if classes < 2:
        return value.isdigit() or _mixed(value)
    return not _is_words(value)


def is_token(value: str) -> bool:
    """Could a machine have made it?"""
    if len(value) < 8 or not is_literal(value) or _EXPRESSION.fullmatch(value) or " " in value:
        return False
    if not any(c.isdigit() for c in value):
        return _mixed(value)
    if not any(c.isalpha() for c in value):
        return False
    return entropy(value) >= min(3.0, 0.7 * math.log2(len(value))) and _changes(value) >= 0.2


def is_basic(value: str) -> bool:
    """Is it `user:password` in base64?"""
    return bool(_USER_AND_PASSWORD.fullmatch(decoded(value)))


def decoded(value: str) -> str:
    """What the base64 says, if it is printable text; else nothing."""
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else ""


def _is_said(value: str) -> bool:
    """Is each part a word that people write where a secret would be?"""
    parts = [part for part in _PART.findall(value) if part.isalnum()]
    return all(_SAID.fullmatch(part.lower()) for part in parts)


def _is_words(value: str) -> bool:
    """Words with signs between them, as identifiers, versions and messages are."""
    if _changes(value) >= 0.2 and any(c.isdigit() for c in value):
        return False
    return bool(re.fullmatch(r"[A-Za-z]+(?:[-_.:/,]+[A-Za-z]+[0-9]?)*[.,:;!?]?", value))


def _mixed(value: str) -> bool:
    """Letters of both cases, not as in camelCase."""
    return len(value) >= 10 and value.isalpha() and _changes(value) >= 0.42


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
