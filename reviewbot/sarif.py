"""SARIF 2.1.0, the form in which linters and scanners write down what they have found, as hints.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/ is read as tools write it: what is missing or of
another kind counts as absent. Nothing that a file refers to is opened.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from reviewbot.errors import UsageError
from reviewbot.hints import Hint
from reviewbot.text import visible

LARGEST = 20_000_000  # bytes of a file
LONGEST_NAME = 80  # characters of a tool or a rule
LONGEST_MESSAGE = 200
DEEPEST_BASE = 8  # addresses that build on each other

_RANKS = {"error": 0, "warning": 1, "note": 2}

_T = TypeVar("_T")


def read(files: Iterable[Path], top: Path) -> tuple[Hint, ...]:
    """What the tools say of files in the repository.

    Args:
        files: written by the tools.
        top: the repository's folder, from which the paths of hints count.

    Raises:
        UsageError: a file cannot be read, is too large, or is no SARIF 2.1.
    """
    tops = dict.fromkeys((top.absolute().as_posix(), top.resolve().as_posix()))
    return tuple(hint for file in files for run in _runs(file) for hint in _Run(run, tops).hints())


def _runs(file: Path) -> Sequence[Any]:
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"the hints in {file} cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise _wrong(file, f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        log = json.loads(raw)
    except (ValueError, RecursionError):
        raise _wrong(file, "it is no JSON") from None
    runs = log.get("runs") if isinstance(log, Mapping) else None
    if not isinstance(runs, list):
        raise _wrong(file, "it has no list of runs")
    version = _get(log, "version", kind=str)
    if not version.startswith("2.1."):
        raise _wrong(file, f"its version is {visible(version[:20]) or 'not said'}")
    return runs


def _wrong(file: Path, why: str) -> UsageError:
    return UsageError(f"{file} is no SARIF 2.1.0 with hints: {why}", "Which tool has written it?")


def _get(value: object, *keys: str, kind: type[_T]) -> _T:
    """What lies at the end of a way through objects; where it is of another kind, nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, kind) else kind()


def _at(values: Sequence[object], index: object) -> object:
    if isinstance(index, int) and 0 <= index < len(values):
        return values[index]
    return None


class _Run:
    """What one run of one tool has found."""

    def __init__(self, run: object, tops: Iterable[str]) -> None:
        driver = _get(run, "tool", "driver", kind=dict)
        extensions = _get(run, "tool", "extensions", kind=list)
        self._tool = _name(_get(driver, "name", kind=str)) or "a tool"
        self._results = _get(run, "results", kind=list)
        self._artifacts = _get(run, "artifacts", kind=list)
        self._bases = _get(run, "originalUriBaseIds", kind=dict)
        self._rules = _get(driver, "rules", kind=list)
        self._strings = _get(driver, "globalMessageStrings", kind=dict)
        components = (driver, *extensions)
        rules = (rule for each in components for rule in _get(each, "rules", kind=list))
        self._by_id = {_get(rule, "id", kind=str): rule for rule in rules}
        self._tops = tuple(tops)

    def hints(self) -> Iterator[Hint]:
        """One for each result that counts, at its first place in the repository."""
        for result in self._results:
            rule = self._rule(result)
            level = _level(result, rule)
            place = self._place(result)
            if place and level in _RANKS and not _is_settled(result):
                path, line, end_line = place
                identifier = _get(result, "ruleId", kind=str) or _get(rule, "id", kind=str)
                message = _line(self._message(result, rule), LONGEST_MESSAGE)
                yield Hint(
                    *(path, line, end_line, self._tool, _name(identifier), message, _RANKS[level])
                )

    def _rule(self, result: object) -> object:
        """What the tool says of a result's rule."""
        for name in (_get(result, "ruleId", kind=str), _get(result, "rule", "id", kind=str)):
            # A name such as CA1000/1 is of a part of the rule CA1000.
            found = self._by_id.get(name) or self._by_id.get(name.rpartition("/")[0])
            if name and found:
                return found
        index = result.get("ruleIndex") if isinstance(result, Mapping) else None
        return _at(self._rules, index)

    def _message(self, result: object, rule: object) -> str:
        """What a result says: in words, or by the name of words that the rule or the tool has."""
        message = _get(result, "message", kind=dict)
        name = _get(message, "id", kind=str)
        text = (
            _get(message, "text", kind=str)
            or _get(rule, "messageStrings", name, "text", kind=str)
            or _get(self._strings, name, "text", kind=str)
            or _get(rule, "shortDescription", "text", kind=str)
        )
        values = [each for each in _get(message, "arguments", kind=list) if isinstance(each, str)]
        return re.sub(r"\{(\d{1,3})\}", lambda gap: str(_at(values, int(gap[1])) or gap[0]), text)

    # --- places ------------------------------------------------------------------------------

    def _place(self, result: object) -> tuple[str, int, int] | None:
        """Path, first and last line of the first location that has them."""
        for location in _get(result, "locations", kind=list):
            physical = _get(location, "physicalLocation", kind=dict)
            start = _get(physical, "region", "startLine", kind=int)
            end = _get(physical, "region", "endLine", kind=int)
            path = self._path(_get(physical, "artifactLocation", kind=dict))
            if path and start > 0:
                return path, start, max(start, end)
        return None

    def _path(self, location: Mapping[str, object]) -> str:
        """The path from the repository's top; empty where it lies elsewhere."""
        artifact = _get(_at(self._artifacts, location.get("index")), "location", kind=dict)
        path = _plain(self._address(location if location.get("uri") else artifact))
        if _is_absolute(path):
            inside = (path[len(top) + 1 :] for top in self._tops if path.startswith(f"{top}/"))
            path = next(inside, "")
        return "" if path in ("", ".", "..") or path.startswith("../") else path

    def _address(self, location: Mapping[str, object]) -> str:
        """The address of a file, with the bases that it builds on as far as they are told."""
        address = _get(location, "uri", kind=str)
        for _ in range(DEEPEST_BASE):
            if _SCHEME.match(address) or _is_absolute(address):
                break
            location = _get(self._bases, _get(location, "uriBaseId", kind=str), kind=dict)
            base = _get(location, "uri", kind=str)
            address = f"{base.rstrip('/')}/{address}" if base else address
        return address


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter alone is a drive
_DRIVE = re.compile(r"[A-Za-z]:/")


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\")) or bool(_DRIVE.match(path.replace("\\", "/")))


def _plain(address: str) -> str:
    """The path in an address; empty where that is of another kind than a file's."""
    path = re.sub(r"^file:(?://[^/]*(?=/))?", "", address, flags=re.IGNORECASE)
    if _SCHEME.match(path):
        return ""
    path = unquote(path, errors="surrogateescape").replace("\\", "/")
    if _DRIVE.match(path[1:]):
        path = path[1:]
    return posixpath.normpath(path) if path else ""


# --- results -------------------------------------------------------------------------------------


def _level(result: object, rule: object) -> str:
    """How bad the result is; what has passed, or is only told, is "none"."""
    if _get(result, "kind", kind=str) not in ("", "fail", "open", "review"):
        return "none"
    default = _get(rule, "defaultConfiguration", "level", kind=str)
    return _get(result, "level", kind=str) or default or "warning"


def _is_settled(result: object) -> bool:
    """Whether somebody has said that it is to be left alone, or it is gone."""
    said = _get(result, "suppressions", kind=list)
    open_ = any(_get(each, "status", kind=str) in ("underReview", "rejected") for each in said)
    return (bool(said) and not open_) or _get(result, "baselineState", kind=str) == "absent"


def _name(text: str) -> str:
    """A name that can stand in brackets."""
    return _line(re.sub(r"[\[\]]", "", text), LONGEST_NAME)


def _line(text: str, most: int) -> str:
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
