"""The one result of a review, readable and writable as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from reviewbot.anchors import Comment
from reviewbot.errors import UsageError
from reviewbot.findings import Severity, Status

VERSION = 1


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """One item of a checklist and the answer to it, over all batches."""

    id: str
    text: str
    status: Status
    note: str


@dataclass(frozen=True, slots=True)
class AnsweredChecklist:
    """A checklist with its answers."""

    name: str
    items: tuple[AnsweredItem, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether one file was read with one checklist; `reason` says why not."""

    path: str
    checklist: str
    status: Literal["reviewed", "skipped", "failed"]
    reason: str
    model: str


@dataclass(frozen=True, slots=True)
class TotalUsage:
    """What the review took; `cost_usd` is null where the gateway tells no price.

    `budget_left_usd` is what is left on the key then; null where it has no budget, or none is told.
    `look_ups` is how often models have asked to see lines of a file, or where a text occurs.
    """

    calls: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float
    models: tuple[str, ...]
    budget_left_usd: float | None = None
    look_ups: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A review: `findings` holds all of them, the dropped ones with their reason.

    `status` is complete; incomplete when a file or checklist that should have been read was not;
    failed when none was; skipped when there was nothing to do or no way to do it.
    """

    version: Literal[1]
    status: Literal["complete", "incomplete", "failed", "skipped"]
    repository: str | None
    pull_request: int | None
    base: str | None
    head: str | None
    findings: tuple[Comment, ...]
    checklists: tuple[AnsweredChecklist, ...]
    coverage: tuple[Coverage, ...]
    usage: TotalUsage
    warnings: tuple[str, ...]

    @property
    def standing(self) -> tuple[Comment, ...]:
        """The findings that count: new, or still open."""
        return tuple(each for each in self.findings if each.state in ("new", "open"))

    def exit_code(self, fail_on: str) -> int:
        """What the program ends with: 1 for a finding at or above `fail_on`, then 4, 3 or 0.

        Args:
            fail_on: a severity, or "none".
        """
        if fail_on != "none":
            threshold = Severity(fail_on)
            if any(each.severity.at_least(threshold) for each in self.standing):
                return 1
        return {"failed": 4, "incomplete": 3}.get(self.status, 0)

    def with_texts(self, clean: Callable[[str], str]) -> Report:
        """The report with all that a model or a server may have written made clean.

        A suggestion that is not clean is none: nobody is to commit what stands in its place.
        """
        return replace(
            self,
            findings=tuple(_cleaned(each, clean) for each in self.findings),
            checklists=tuple(
                replace(each, items=tuple(replace(it, note=clean(it.note)) for it in each.items))
                for each in self.checklists
            ),
            coverage=tuple(replace(each, reason=clean(each.reason)) for each in self.coverage),
            warnings=tuple(map(clean, self.warnings)),
        )

    def to_json(self) -> str:
        """The report as JSON in ASCII: no terminal can be steered by it."""
        return json.dumps(_ADAPTER.dump_python(self, mode="json"), indent=2) + "\n"


def _cleaned(comment: Comment, clean: Callable[[str], str]) -> Comment:
    suggestion = comment.suggestion
    return replace(
        comment,
        path=comment.path if comment.anchored else clean(comment.path),
        items=tuple(map(clean, comment.items)),
        sources=tuple(map(clean, comment.sources)),
        title=clean(comment.title),
        body=clean(comment.body),
        quote=clean(comment.quote),
        suggestion=suggestion if clean(suggestion) == suggestion else "",
    )


_ADAPTER = TypeAdapter(Report)


def from_json(text: str) -> Report:
    """Read a report.

    Raises:
        UsageError: the text is not one.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f"this is not a report of version {VERSION}: {place}"
        raise UsageError(f"{where}: {first['msg']}") from None


class _Schema(GenerateJsonSchema):
    """Every field is always written, so every field is required; nothing else is there."""

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of one dataclass."""
        made = super().dataclass_schema(schema)
        return {**made, "additionalProperties": False}

    def field_is_required(self, *_: Any, **__: Any) -> bool:
        """Whether a field must be there."""
        return True


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    schema = _ADAPTER.json_schema(schema_generator=_Schema, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def ranked(comments: Iterable[Comment]) -> Sequence[Comment]:
    """The most severe first, then by place."""
    return sorted(comments, key=lambda each: (each.severity.rank, each.path, each.line or 0))
