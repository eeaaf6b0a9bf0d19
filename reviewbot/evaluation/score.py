"""Figures of an evaluation: what was found, missed and false, and how sure that is.

A golden that some finding reports is found, else missed. A finding that reports no golden is false.
A further finding of a golden counts neither way. Counts are summed over the cases.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import NamedTuple

from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.results import CaseResult, JudgedFinding, total
from reviewbot.findings import Severity
from reviewbot.report import TotalUsage

SEED = 1  # so that the same results have the same intervals
DRAWS = 2_000
NEAR = (1, 3, 10)  # lines

Interval = tuple[float, float] | None
Shown = Callable[[JudgedFinding], bool]


class Counts(NamedTuple):
    """Goldens found and missed, and false findings."""

    found: int
    missed: int
    false: int

    @property
    def precision(self) -> float | None:
        """How much of what is said is right; None where nothing is."""
        return _share(self.found, self.found + self.false)

    @property
    def recall(self) -> float | None:
        """How many of the goldens are found; None where there are none."""
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        return _share(2 * self.found, 2 * self.found + self.false + self.missed)


RATES: Mapping[str, Callable[[Counts], float | None]] = {
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
    "f1": lambda counts: counts.f1,
}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def counts(case: CaseResult, shown: Shown = lambda _: True) -> Counts:
    """The counts of one case, where only these of its findings are shown."""
    goldens = [finding.goldens for finding in case.findings if shown(finding)]
    found = len({golden for those in goldens for golden in those})
    return Counts(found, len(case.golden) - found, sum(not those for those in goldens))


def summed(rows: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The sums of the columns."""
    return tuple(map(sum, zip(*rows, strict=True)))


def intervals(
    rows: Sequence[Sequence[int]],
    measures: Mapping[str, Callable[[tuple[int, ...]], float | None]],
) -> dict[str, Interval]:
    """95 % intervals of measures of the sums: by drawing as many cases anew, again and again.

    Args:
        rows: counts of each case.
        measures: each gives a figure for sums of such counts; None where there is none.
    """
    chance = random.Random(SEED)  # noqa: S311 - not a secret
    drawn = [summed(chance.choices(rows, k=len(rows))) for _ in range(DRAWS if rows[1:] else 0)]
    return {name: _middle(map(measure, drawn)) for name, measure in measures.items()}


def _middle(values: Iterable[float | None]) -> Interval:
    known = [value for value in values if value is not None]
    if len(known) < DRAWS / 2:  # of so little, nothing can be said
        return None
    cuts = quantiles(known, n=40, method="inclusive")
    return cuts[0], cuts[-1]


@dataclass(frozen=True, slots=True)
class Rate:
    """A figure with its 95 % interval; None where there is none."""

    value: float | None
    interval: Interval


@dataclass(frozen=True, slots=True)
class Score:
    """What some findings of some cases come to."""

    cases: int
    goldens: int
    findings: int
    found: int
    missed: int
    false: int
    precision: Rate
    recall: Rate
    f1: Rate


def score(cases: Sequence[CaseResult], shown: Shown = lambda _: True) -> Score:
    """The score of cases, where only these of their findings are shown."""
    rows = [counts(case, shown) for case in cases]
    sums = Counts(*summed(rows)) if rows else Counts(0, 0, 0)
    measures = {name: _of_sums(rate) for name, rate in RATES.items()}
    sure = intervals(rows, measures)
    return Score(
        cases=len(cases),
        goldens=sums.found + sums.missed,
        findings=sum(shown(finding) for case in cases for finding in case.findings),
        found=sums.found,
        missed=sums.missed,
        false=sums.false,
        precision=Rate(sums.precision, sure["precision"]),
        recall=Rate(sums.recall, sure["recall"]),
        f1=Rate(sums.f1, sure["f1"]),
    )


def _of_sums(
    rate: Callable[[Counts], float | None],
) -> Callable[[tuple[int, ...]], float | None]:
    return lambda sums: rate(Counts(*sums))


# --- places --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """Of the found goldens with a place, how many were reported there.

    `near` counts those that were reported within 1, 3 and 10 lines in the same file.
    """

    placed: int
    same_file: int
    near: Mapping[int, int]


def places(cases: Sequence[CaseResult]) -> Places:
    """Where the found goldens were reported, by the nearest finding of each."""
    pairs = [
        (golden, [finding for finding in case.findings if place in finding.goldens])
        for case in cases
        for place, golden in enumerate(case.golden)
        if golden.lines and place in case.found
    ]
    distances = [_distance(golden, findings) for golden, findings in pairs]
    return Places(
        placed=len(pairs),
        same_file=sum(
            any(finding.path == golden.path for finding in findings) for golden, findings in pairs
        ),
        near={most: sum(d is not None and d <= most for d in distances) for most in NEAR},
    )


def _distance(golden: Golden, findings: Iterable[JudgedFinding]) -> int | None:
    """Lines from the golden to the nearest finding in its file: 0 where they overlap."""
    there = [each for each in findings if each.path == golden.path and each.line is not None]
    return min((_gap(golden.lines, each) for each in there), default=None)


def _gap(lines: range, finding: JudgedFinding) -> int:
    assert finding.line is not None
    last = finding.end_line or finding.line
    return max(finding.line - lines[-1], lines[0] - last, 0)


# --- all -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of some results.

    `sources` are scores of the cases of each source; `checklists` and `severities` those of all
    cases, had only the findings of one checklist or severity been shown. `wanted` tells how many
    goldens of each severity were found and missed.
    """

    all: Score
    sources: Mapping[str, Score]
    checklists: Mapping[str, Score]
    severities: Mapping[str, Score]
    wanted: Mapping[str, tuple[int, int]]
    places: Places
    review: TotalUsage
    judge: TotalUsage


def figures(cases: Sequence[CaseResult]) -> Figures:
    """The figures of cases that were scored."""
    findings = [finding for case in cases for finding in case.findings]
    names = sorted({name for finding in findings for name in finding.checklists})
    levels = [level for level in Severity if any(each.severity == level for each in findings)]
    return Figures(
        all=score(cases),
        sources={
            source: score([case for case in cases if case.source == source])
            for source in sorted({case.source for case in cases})
        },
        checklists={name: score(cases, _by_checklist(name)) for name in names},
        severities={str(level): score(cases, _by_severity(level)) for level in levels},
        wanted=_wanted(cases),
        places=places(cases),
        review=total([case.review for case in cases]),
        judge=total([case.judge for case in cases]),
    )


def _by_checklist(name: str) -> Shown:
    return lambda finding: name in finding.checklists


def _by_severity(level: Severity) -> Shown:
    return lambda finding: finding.severity == level


def _wanted(cases: Sequence[CaseResult]) -> Mapping[str, tuple[int, int]]:
    goldens = [
        (golden.severity, place in case.found)
        for case in cases
        for place, golden in enumerate(case.golden)
    ]
    levels = [level for level in (*Severity, None) if any(each == level for each, _ in goldens)]
    return {
        str(level or "unknown"): (goldens.count((level, True)), goldens.count((level, False)))
        for level in levels
    }
