"""What the model claims, and the contract its answer is held to: schema and reader in one place."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field, TypeAdapter, ValidationError

from reviewbot.errors import AnswerError


class Severity(StrEnum):
    """How bad it is, from the worst on."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, 4 for info."""
        return list(Severity).index(self)

    def at_least(self, other: Severity) -> bool:
        """Whether this is as bad as `other`, or worse."""
        return self.rank <= other.rank


class Status(StrEnum):
    """A checklist item's answer; over several batches the first of these wins."""

    FAIL = "fail"
    UNANSWERED = "unanswered"
    PASS = "pass"  # noqa: S105 - not a password
    NOT_APPLICABLE = "not_applicable"


# The same bytes for every call: the schema is part of the provider's cache key. Item ids are plain
# strings in it for that reason; numbers have no bounds, as providers turn these into prose.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["findings", "items"],
    "properties": {
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    *("path", "line", "end_line", "quote", "severity"),
                    *("confidence", "item", "title", "body", "suggestion"),
                ],
                "properties": {
                    "path": {"type": "string", "description": "file, as in its heading"},
                    "line": {"type": "integer", "description": "number of the first line"},
                    "end_line": {"type": "integer", "description": "number of the last line"},
                    "quote": {"type": "string", "description": "text of the first line, copied"},
                    "severity": {"type": "string", "enum": [str(level) for level in Severity]},
                    "confidence": {"type": "integer", "description": "0 (guess) to 10 (certain)"},
                    "item": {"type": "string", "description": "id of the checklist item"},
                    "title": {"type": "string", "description": "the defect, in one line"},
                    "body": {"type": "string", "description": "what fails and when, why, remedy"},
                    "suggestion": {
                        "type": "string",
                        "description": "new text for the lines line..end_line; empty for none",
                    },
                },
            },
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "status", "note"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["pass", "fail", "not_applicable"]},
                    "note": {"type": "string", "description": "why, in a few words"},
                },
            },
        },
    },
}

_SEVERITIES = {
    **{str(level): level for level in Severity},
    **dict.fromkeys(("blocker", "fatal"), Severity.CRITICAL),
    **dict.fromkeys(("error", "major", "severe"), Severity.HIGH),
    **dict.fromkeys(("warning", "moderate", "warn"), Severity.MEDIUM),
    **dict.fromkeys(("minor", "trivial"), Severity.LOW),
    **dict.fromkeys(("note", "nit", "nitpick", "notice", "informational"), Severity.INFO),
}
_STATUSES = {
    **{str(status): status for status in Status},
    **dict.fromkeys(("n/a", "na", "not applicable"), Status.NOT_APPLICABLE),
    **dict.fromkeys(("passed", "ok"), Status.PASS),
    "failed": Status.FAIL,
}


def _severity(value: object) -> Severity | None:
    return _SEVERITIES.get(str(value).strip().lower())


def _status(value: object) -> Status:
    return _STATUSES.get(str(value).strip().lower(), Status.UNANSWERED)


def _number(value: object) -> int:
    """The first number in what the model wrote for a line (`12`, "12-14", "L12"); else 0."""
    found = re.search(r"\d{1,9}", str(value))
    return int(found[0]) if found else 0


def _confidence(value: object) -> int:
    try:
        number = float(str(value))
    except ValueError:
        return 5
    scaled = number * 10 if 0 < number < 1 else number
    return int(min(max(scaled, 0), 10)) if scaled == scaled else 5  # noqa: PLR0124 - NaN


def _text(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written anywhere


_Text = Annotated[str, BeforeValidator(_text)]


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim of the model about some lines; nothing in it is true yet.

    `severity` is None where the model gave none that is known.
    """

    path: Annotated[str, BeforeValidator(_text), Field(min_length=1)]
    body: Annotated[
        _Text,
        Field(validation_alias=AliasChoices("body", "message", "description", "comment")),
    ]
    line: Annotated[int, BeforeValidator(_number)] = 0
    end_line: Annotated[int, BeforeValidator(_number)] = 0
    quote: _Text = ""
    severity: Annotated[Severity | None, BeforeValidator(_severity)] = None
    confidence: Annotated[int, BeforeValidator(_confidence)] = 5
    item: _Text = ""
    title: _Text = ""
    suggestion: _Text = ""


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """The model's answer to one item of its checklist."""

    id: _Text
    status: Annotated[Status, BeforeValidator(_status)] = Status.UNANSWERED
    note: _Text = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be read of a reply; `problem` says what could not, and is empty when all was."""

    findings: tuple[Finding, ...]
    items: tuple[ItemAnswer, ...]
    problem: str = ""


_T = TypeVar("_T")
_FINDING = TypeAdapter(Finding)
_ITEM = TypeAdapter(ItemAnswer)
_LISTS = ("findings", "issues", "comments")


def read(text: str) -> Answer:
    """Read a reply: strictly, then past fences and prose, then loosely, then as far as it goes.

    Raises:
        AnswerError: no answer can be recognised in it; asking for a repair may help.
    """
    for document in _documents(text):
        content = _content(document)
        if content is not None:
            return _answer(content)
    if not text.rstrip("` \n").endswith(("}", "]")):
        found = salvage(text)
        if found.findings or found.items:
            return found
    raise AnswerError("the model's answer is not the JSON that was asked for")


def salvage(text: str) -> Answer:
    """The whole findings and items of a reply that was cut off or is damaged further on."""
    content = {name: list(_whole_elements(text, name)) for name in (*_LISTS, "items")}
    answer = _answer(content)
    count = len(answer.findings)
    return Answer(
        answer.findings,
        answer.items,
        f"the answer was cut off; {count} whole finding{'' if count == 1 else 's'} could be read",
    )


def _documents(text: str) -> Iterator[object]:
    """Every JSON value that the text may be meant as, the likeliest first."""
    text = text.strip("\ufeff \r\n\t")
    decoder = json.JSONDecoder(strict=False)
    starts = [match.start() for match in re.finditer(r"[{\[]", text)][:50]
    for start in [0, *starts]:
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str):
            yield from _documents(value)
        elif start in (0, *starts[:1]) or _holds_findings(value):
            yield value  # further on, a lone finding is a piece of an answer that was cut off
    yield _python_literal(text[text.find("{") : text.rfind("}") + 1])


def _python_literal(text: str) -> object:
    """The value of JSON with single quotes or trailing commas: both are fine in Python."""
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _holds_findings(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(n), list) for n in _LISTS)


def _content(document: object) -> Mapping[str, Any] | None:
    """The object with the answer's lists, if the document is one or holds one."""
    if isinstance(document, list) and any(isinstance(e, Mapping) and "path" in e for e in document):
        return {"findings": document}
    if not isinstance(document, Mapping):
        return None
    if "path" in document and ("title" in document or "body" in document):
        return {"findings": [document]}
    return next((each for each in (document, *document.values()) if _holds_findings(each)), None)


def _answer(content: Mapping[str, Any]) -> Answer:
    lists = (content[name] for name in _LISTS if isinstance(content.get(name), list))
    entries: list[object] = next(lists, [])
    findings = [_validated(_FINDING, entry) for entry in entries]
    items = [_validated(_ITEM, entry) for entry in _item_entries(content.get("items"))]
    broken = findings.count(None)
    return Answer(
        tuple(finding for finding in findings if finding),
        tuple(item for item in items if item),
        f"{broken} of {len(findings)} findings could not be read" if broken else "",
    )


def _item_entries(items: object) -> list[object]:
    if isinstance(items, Mapping):
        return [{"id": name, "status": status} for name, status in items.items()]
    return items if isinstance(items, list) else []


def _validated(adapter: TypeAdapter[_T], entry: object) -> _T | None:
    try:
        return adapter.validate_python(entry)
    except ValidationError:
        return None


def _whole_elements(text: str, name: str) -> Iterator[object]:
    """The leading elements of the named JSON array that are complete."""
    opening = re.search(rf'"{name}"\s*:\s*\[', text)
    position = opening.end() if opening else len(text)
    decoder = json.JSONDecoder(strict=False)
    while match := re.compile(r"[\s,]*(?=\{)").match(text, position):
        try:
            element, position = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        yield element
