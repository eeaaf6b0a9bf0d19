"""What came of an evaluation, case by case; readable and writable as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from reviewbot.errors import UsageError
from reviewbot.evaluation.case import Golden
from reviewbot.findings import Severity
from reviewbot.report import TotalUsage

VERSION = 1
SCORED = ("complete", "incomplete")
NO_USAGE = TotalUsage(0, 0, 0, 0, 0, 0.0, 0.0, ())


@dataclass(frozen=True, slots=True)
class JudgedFinding:
    """A finding as it is shown; `goldens` are those that it reports, by their place in the list.

    `line` and `end_line` are None where it has none in the new version. `reason` is the judge's.
    """

    id: str
    path: str
    line: int | None
    end_line: int | None
    severity: Severity
    checklists: tuple[str, ...]
    title: str
    body: str
    goldens: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case.

    `status` is complete; incomplete where not all of it was reviewed; failed where it could not be
    done, skipped where it was not: these two have no findings and do not count. `problem` says why.
    """

    id: str
    source: str
    status: Literal["complete", "incomplete", "failed", "skipped"]
    problem: str
    golden: tuple[Golden, ...]
    findings: tuple[JudgedFinding, ...] = ()
    review: TotalUsage = NO_USAGE
    judge: TotalUsage = NO_USAGE

    @property
    def found(self) -> frozenset[int]:
        """The goldens that some finding reports, by their place."""
        return frozenset(chain.from_iterable(each.goldens for each in self.findings))

    @property
    def missed(self) -> tuple[Golden, ...]:
        """The goldens that no finding reports."""
        found = self.found
        return tuple(each for place, each in enumerate(self.golden) if place not in found)

    @property
    def false(self) -> tuple[JudgedFinding, ...]:
        """The findings that report no golden."""
        return tuple(each for each in self.findings if not each.goldens)


@dataclass(frozen=True, slots=True)
class Results:
    """All cases, and with what they were reviewed and judged.

    `checklists` are those that were run, with their models; `rules` is a digest of all that decides
    how a case is reviewed.
    """

    version: Literal[1]
    reviewbot: str
    made: datetime
    checklists: Mapping[str, str]
    rules: str
    judge: str
    cases: tuple[CaseResult, ...]

    @property
    def scored(self) -> tuple[CaseResult, ...]:
        """The cases that count."""
        return tuple(each for each in self.cases if each.status in SCORED)

    @property
    def exit_code(self) -> int:
        """4 where all that was tried has failed, 3 where not all was done, else 0."""
        statuses = {each.status for each in self.cases}
        if "failed" in statuses and not self.scored:
            return 4
        return 0 if statuses == {"complete"} else 3

    def to_json(self, figures: Mapping[str, Any]) -> str:
        """All of it as JSON in ASCII, with figures that can be made of it."""
        content = _ADAPTER.dump_python(self, mode="json")
        return json.dumps({**content, "figures": figures}, indent=2) + "\n"


_ADAPTER = TypeAdapter(Results)


def read(file: Path) -> Results:
    """Read results.

    Raises:
        UsageError: the file holds none.
    """
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f"{file} holds no results of version {VERSION}: {place}"
        raise UsageError(f"{where}: {first['msg']}") from None


def total(usages: Sequence[TotalUsage]) -> TotalUsage:
    """The sum; its cost is unknown where one is."""
    costs = [usage.cost_usd for usage in usages]
    return TotalUsage(
        calls=sum(usage.calls for usage in usages),
        input_tokens=sum(usage.input_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        cache_write_tokens=sum(usage.cache_write_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        seconds=round(sum(usage.seconds for usage in usages), 3),
        models=tuple(dict.fromkeys(chain.from_iterable(usage.models for usage in usages))),
        look_ups=sum(usage.look_ups for usage in usages),
    )
