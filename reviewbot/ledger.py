"""The audit log summed up: runs, calls, tokens and dollars, by day, repository, model and more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from reviewbot.audit import CallLine, Line, Reading
from reviewbot.errors import UsageError
from reviewbot.text import columns, visible

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Sum:
    """What some lines come to; `dollars` is of the calls whose price is known.

    `failed` and `unpriced` count calls: those that got no answer, and answers without a price.
    """

    runs: int
    calls: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    dollars: float
    unpriced: int


def _by_call(name: Callable[[CallLine], str]) -> Callable[[Line], str | None]:
    """By what only calls have: a run may have asked several models."""
    return lambda line: name(line) if isinstance(line, CallLine) else None


GROUPS: Mapping[str, Callable[[Line], str | None]] = {
    "day": lambda line: f"{line.time.astimezone(UTC):%Y-%m-%d}",
    "repository": lambda line: line.origin.repository,
    "model": _by_call(lambda line: line.model),
    "user": lambda line: line.origin.user,
    "checklist": _by_call(lambda line: line.checklist),
}


def since(text: str, now: datetime) -> datetime:
    """The moment that `7d`, `12h`, `2w` or a date such as `2026-11-01` names.

    Raises:
        UsageError: it names none.
    """
    try:
        if found := re.fullmatch(r"(\d{1,4})([hdw])", text):
            return now - int(found[1]) * _UNITS[found[2]]
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since: {visible(text)} is no time", "Say 7d, 12h, 2w, or a day as 2026-11-01."
        ) from None


def after(lines: Iterable[Line], oldest: datetime | None) -> list[Line]:
    """The lines from that moment on."""
    return [line for line in lines if oldest is None or line.time >= oldest]


def summed(lines: Iterable[Line]) -> Sum:
    """What these lines come to: dollars and tokens by the calls, as runs say the same again."""
    lines = list(lines)
    calls = [line for line in lines if isinstance(line, CallLine)]
    answered = [call for call in calls if call.status == "ok"]
    return Sum(
        runs=len({line.origin.run for line in lines}),
        calls=len(calls),
        failed=len(calls) - len(answered),
        input_tokens=sum(call.tokens.input for call in calls),
        cached_tokens=sum(call.tokens.cached for call in calls),
        output_tokens=sum(call.tokens.output for call in calls),
        dollars=round(sum(call.dollars or 0.0 for call in calls), 6),
        unpriced=sum(call.dollars is None for call in answered),
    )


def grouped(lines: Iterable[Line], by: str) -> Mapping[str, Sum]:
    """The sums of each group, in the order of their names."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        name = GROUPS[by](line)
        if name is not None:
            groups.setdefault(name, []).append(line)
    return {name: summed(groups[name]) for name in sorted(groups)}


# --- how it is shown -----------------------------------------------------------------------------

_HEADS = ("runs", "calls", "failed", "input", "cached", "output", "dollars")


def table(reading: Reading, oldest: datetime | None, by: str) -> str:
    """The sums as a table for people."""
    lines = after(reading.lines, oldest)
    total = summed(lines)
    rows: list[Sequence[str]] = [(by, *_HEADS)]
    rows += [(visible(name) or "-", *_cells(each)) for name, each in grouped(lines, by).items()]
    rows.append(("all", *_cells(total)))
    return "\n".join([*columns(rows), *_remarks(reading, total)]) + "\n"


def _cells(each: Sum) -> Sequence[str]:
    counts = (each.runs, each.calls, each.failed)
    tokens = (each.input_tokens, each.cached_tokens, each.output_tokens)
    mark = "+" if each.unpriced else ""
    return (*(f"{count:,}" for count in (*counts, *tokens)), f"${each.dollars:.4f}{mark}")


def _remarks(reading: Reading, total: Sum) -> Iterable[str]:
    if total.unpriced:
        yield f"+ the gateway told no price of {total.unpriced:,} of the calls"
    if reading.skipped:
        yield f"{reading.skipped:,} of the lines are torn or not of this log, and are left out"


def to_json(reading: Reading, oldest: datetime | None, by: str) -> str:
    """The sums for programs."""
    lines = after(reading.lines, oldest)
    groups = [{by: name, **_values(each)} for name, each in grouped(lines, by).items()]
    said = {
        "version": 1,
        "since": oldest.isoformat() if oldest else None,
        "by": by,
        "groups": groups,
        "total": _values(summed(lines)),
        "skipped_lines": reading.skipped,
    }
    return json.dumps(said, indent=2) + "\n"


def _values(each: Sum) -> Mapping[str, object]:
    return {field.name: getattr(each, field.name) for field in fields(each)}
