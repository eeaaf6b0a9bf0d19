"""What the model claims, and the contract its answer is held to: schema and reader in one place."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field, TypeAdapter, ValidationError

from reviewbot.errors import AnswerError
from reviewbot.models import Form


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
# strings in it for that reason; numbers have no bounds, as providers turn these into prose. What a
# model is to think of before it decides stands before the decision: it writes in this order.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reading", "findings", "items"],
    "properties": {
        "reading": {"type": "string", "description": "notes, before anything is decided"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    *("path", "line", "end_line", "quote", "title"),
                    *("body", "severity", "confidence", "item", "suggestion"),
                ],
                "properties": {
                    "path": {"type": "string", "description": "file, as in its heading"},
                    "line": {"type": "integer", "description": "number of the first line"},
                    "end_line": {"type": "integer", "description": "number of the last line"},
                    "quote": {"type": "string", "description": "text of the first line, copied"},
                    "title": {"type": "string", "description": "the defect, in one line"},
                    "body": {"type": "string", "description": "what fails and when, why, remedy"},
                    "severity": {"type": "string", "enum": [str(level) for level in Severity]},
                    "confidence": {"type": "integer", "description": "0 (guess) to 10 (certain)"},
                    "item": {"type": "string", "description": "id of the checklist item"},
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
                "required": ["id", "note", "status"],
                "properties": {
                    "id": {"type": "string"},
                    "note": {"type": "string", "description": "why, in a few words"},
                    "status": {"type": "string", "enum": ["pass", "fail", "not_applicable"]},
                },
            },
        },
    },
}
FORM = Form("review", SCHEMA)

_LOOK_UPS = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["path", "line", "end_line", "search"],
        "properties": {
            "path": {"type": "string", "description": "file; of a search also folder, or empty"},
            "line": {"type": "integer", "description": "first line to see; 0 in a search"},
            "end_line": {"type": "integer", "description": "last line to see; 0 in a search"},
            "search": {"type": "string", "description": "text to find; empty to see lines"},
        },
    },
}


def _with_look_ups(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same form with look-ups before the two lists that may hang on them."""
    properties = dict(schema["properties"])
    lists = {name: properties.pop(name) for name in ("findings", "items")}
    properties |= {"look_ups": _LOOK_UPS, **lists}
    return {**schema, "required": list(properties), "properties": properties}


# Of all calls of a run whose models may look things up.
ASKING_FORM = Form("review", _with_look_ups(SCHEMA))

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
    """0 to 10, from what models write: `8`, "8/10", 0.8, "80%"; 5 where no number is in it."""
    found = re.search(r"-?\d{1,9}(\.\d{1,9})?", str(value))
    if not found:
        return 5
    number = float(found[0])
    if 0 < number < 1:
        number *= 10
    elif number > 10:  # noqa: PLR2004 - in per cent
        number /= 10
    return int(min(max(number, 0), 10))


def _text(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    # Surrogates in pairs are a character; one alone cannot be written anywhere.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_Text = Annotated[str, BeforeValidator(_text)]


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim of the model about some lines; nothing in it is true yet.

    `severity` is None where the model gave none that is known.
    """

    path: Annotated[str, BeforeValidator(_text), Field(min_length=1)]
    line: Annotated[int, BeforeValidator(_number)] = 0
    end_line: Annotated[int, BeforeValidator(_number)] = 0
    quote: _Text = ""
    severity: Annotated[Severity | None, BeforeValidator(_severity)] = None
    confidence: Annotated[int, BeforeValidator(_confidence)] = 5
    item: _Text = ""
    title: _Text = ""
    body: Annotated[
        _Text,
        Field(validation_alias=AliasChoices("body", "message", "description", "comment")),
    ] = ""
    suggestion: _Text = ""


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """The model's answer to one item of its checklist."""

    id: _Text
    status: Annotated[Status, BeforeValidator(_status)] = Status.UNANSWERED
    note: _Text = ""


@dataclass(frozen=True, slots=True)
class LookUp:
    """What the model wants to see before it answers: lines of a file, or where a text occurs."""

    path: _Text = ""
    line: Annotated[int, BeforeValidator(_number)] = 0
    end_line: Annotated[int, BeforeValidator(_number)] = 0
    search: _Text = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be read of a reply; `problem` says what could not, and is empty when all was.

    With `look_ups`, it is not the model's last word yet.
    """

    findings: tuple[Finding, ...]
    items: tuple[ItemAnswer, ...]
    problem: str = ""
    look_ups: tuple[LookUp, ...] = ()


def divided(answer: Answer, checklists: Sequence[str]) -> Mapping[str, Answer]:
    """An answer to several checklists as one for each.

    Args:
        answer: its ids have the form `checklist/item`; what names no checklist goes to the first.
        checklists: their names.
    """
    return {
        name: Answer(
            tuple(
                replace(each, item=_item(each.item))
                for each in answer.findings
                if _owner(each.item, checklists) == name
            ),
            tuple(
                replace(each, id=_item(each.id))
                for each in answer.items
                if _owner(each.id, checklists) == name
            ),
            answer.problem,
        )
        for name in checklists
    }


def _owner(identifier: str, checklists: Sequence[str]) -> str:
    name = identifier.partition("/")[0].strip().lower()
    return name if name in checklists else checklists[0]


def _item(identifier: str) -> str:
    return identifier.rpartition("/")[2].strip()


_T = TypeVar("_T")
_FINDING = TypeAdapter(Finding)
_ITEM = TypeAdapter(ItemAnswer)
_LOOK_UP = TypeAdapter(LookUp)
_LISTS = ("findings", "issues", "comments")


def read(text: str) -> Answer:
    """Read a reply: strictly, then past fences and prose, then loosely, then as far as it goes.

    Raises:
        AnswerError: no answer can be recognised in it; asking for a repair may help.
    """
    contents = _json_contents(text) or _python_contents(text)
    if contents:
        return _answer(contents)
    if not text.rstrip("` \r\n").endswith(("}", "]")):
        found = salvage(text)
        if found.findings or found.items:
            return found
    raise AnswerError("the model's answer is not the JSON that was asked for")


def salvage(text: str) -> Answer:
    """The whole findings and items of a reply that was cut off or is damaged further on."""
    content = {name: list(_whole_elements(text, rf'"{name}"\s*:\s*')) for name in _LISTS}
    bare = _whole_elements(text, r"\A\W*?(?:json\s*)?") if not any(content.values()) else ()
    items = list(_whole_elements(text, r'"items"\s*:\s*'))
    answer = _answer([{**content, "items": items}, {"findings": list(bare)}])
    count = len(answer.findings)
    return Answer(
        answer.findings,
        answer.items,
        f"the answer was cut off; {count} whole finding{'' if count == 1 else 's'} could be read",
    )


_Content = Mapping[str, Any]
# What an object with names or a list of objects begins with; `[1]` and `{x}` in prose are neither.
_OPENING = re.compile(r"""\{(?=\s*(?:["'}/]|\Z))|\[(?=\s*(?:[{/]|\Z))""")


def _json_contents(text: str) -> list[_Content]:
    """What the JSON values in the text hold of an answer.

    Nothing counts where one of them is damaged: what decodes within it or beside it may be a piece
    of a longer answer, or a text that the answer quotes.
    """
    text = text.strip("\ufeff \r\n\t")
    if text.startswith('"') and (inner := _encoded_contents(text)):
        return inner
    decoder = json.JSONDecoder(strict=False)
    values: list[object] = []
    position = 0
    while opening := _OPENING.search(text, position):
        try:
            value, position = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            return []
        values.append(value)
    return _contents(values)


def _encoded_contents(text: str) -> list[_Content]:
    """The same of an answer that was made a JSON string once more."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except ValueError:
        return []
    return _json_contents(value)


def _python_contents(text: str) -> list[_Content]:
    """The same of JSON with single quotes or trailing commas: both are fine in Python."""
    opening = _OPENING.search(text)
    start, end = opening.start() if opening else 0, max(text.rfind("}"), text.rfind("]")) + 1
    if _OPENING.search(text, end):
        return []
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
            return _contents([ast.literal_eval(text[start:end])])
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return []


def _contents(values: Iterable[object]) -> list[_Content]:
    found = (_bare(value) or _named(value) for value in values)
    return [content for content in found if content]


def _named(value: object) -> _Content | None:
    """The object with the answer's lists, if the value is one or holds one."""
    if not isinstance(value, Mapping):
        return None
    for each in (value, *value.values()):
        if isinstance(each, Mapping):
            names = (*_LISTS, "items", "look_ups")
            content = {name: _decoded(each.get(name)) for name in names}
            if any(isinstance(content[name], list) for name in _LISTS):
                return content
    return None


def _decoded(value: object) -> object:
    """Some models write a list as a string that holds its JSON."""
    if not (isinstance(value, str) and value.lstrip().startswith("[")):
        return value
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return value


def _bare(value: object) -> _Content | None:
    """A list of findings, or one finding, that stands by itself."""
    entries = value if isinstance(value, list) else [value]
    if any(
        isinstance(e, Mapping) and "path" in e and ("title" in e or "body" in e) for e in entries
    ):
        return {"findings": entries}
    return None


def _answer(contents: Iterable[_Content]) -> Answer:
    entries: list[object] = []
    answers: list[object] = []
    wishes: list[object] = []
    for content in contents:
        lists = (content[name] for name in _LISTS if isinstance(content.get(name), list))
        entries += chain.from_iterable(lists)
        answers += _item_entries(content.get("items"))
        wishes += _listed(content.get("look_ups"))
    findings = [_finding(entry) for entry in entries]
    items = [_validated(_ITEM, entry) for entry in answers]
    look_ups = [_validated(_LOOK_UP, entry) for entry in wishes]
    broken = findings.count(None)
    return Answer(
        tuple(finding for finding in findings if finding),
        tuple(item for item in items if item),
        f"{broken} of {len(findings)} findings could not be read" if broken else "",
        tuple(each for each in look_ups if each and (each.path or each.search)),
    )


def _item_entries(items: object) -> list[object]:
    if isinstance(items, Mapping):
        return [{"id": name, "status": status} for name, status in items.items()]
    return _listed(items)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _finding(entry: object) -> Finding | None:
    finding = _validated(_FINDING, entry)
    says = finding and (finding.title or finding.body or finding.quote)
    return finding if says else None


def _validated(adapter: TypeAdapter[_T], entry: object) -> _T | None:
    try:
        return adapter.validate_python(entry)
    except (ValidationError, TypeError, RecursionError):  # the latter two from values of no JSON
        return None


def _whole_elements(text: str, before: str) -> Iterator[object]:
    """The leading elements that are complete, of the JSON array behind `before`."""
    opening = re.search(rf"{before}\[", text)
    position = opening.end() if opening else len(text)
    decoder = json.JSONDecoder(strict=False)
    while match := re.compile(r"[\s,]*(?=\{)").match(text, position):
        try:
            element, position = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        yield element
