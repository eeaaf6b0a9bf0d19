"""Two evaluations of the same cases: what differs, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.results import CaseResult, Results, total
from reviewbot.evaluation.score import RATES, Counts, Interval, counts, intervals, summed

VERSION = 1
_SIZE = len(Counts._fields)

Pair = tuple[CaseResult, CaseResult]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of both, and what it is more in B; with its 95 % interval where there is one."""

    a: float | None
    b: float | None
    value: float | None
    interval: Interval = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results, by the cases that both have scored with the same goldens.

    `won` are the goldens that only B has found, `lost` those that only A has; `apart` are the cases
    that are not compared.
    """

    results: tuple[Results, Results]
    cases: tuple[str, ...]
    goldens: int
    differences: Mapping[str, Difference]
    won: tuple[tuple[CaseResult, Golden], ...]
    lost: tuple[tuple[CaseResult, Golden], ...]
    apart: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """For programs."""
        content: dict[str, Any] = {
            "version": VERSION,
            "cases": self.cases,
            "goldens": self.goldens,
            "differences": {name: asdict(each) for name, each in self.differences.items()},
            "won": [{"case": case.id, **asdict(golden)} for case, golden in self.won],
            "lost": [{"case": case.id, **asdict(golden)} for case, golden in self.lost],
            "apart": self.apart,
            "warnings": self.warnings,
        }
        return json.dumps(content, indent=2) + "\n"


def compare(a: Results, b: Results) -> Comparison:
    """Hold two results against each other."""
    others = {case.id: case for case in b.scored}
    pairs = [(case, others[case.id]) for case in a.scored if case.id in others]
    pairs = [pair for pair in pairs if pair[0].golden == pair[1].golden]
    common = tuple(one.id for one, _ in pairs)
    every = dict.fromkeys(case.id for case in (*a.cases, *b.cases))
    return Comparison(
        results=(a, b),
        cases=common,
        goldens=sum(len(one.golden) for one, _ in pairs),
        differences=_differences(pairs) if pairs else {},
        won=tuple(_gained(pairs)),
        lost=tuple(_gained([(two, one) for one, two in pairs])),
        apart=tuple(name for name in every if name not in common),
        warnings=tuple(_warnings(a, b)),
    )


def _gained(pairs: Sequence[Pair]) -> Iterator[tuple[CaseResult, Golden]]:
    """What the second of each pair has found, and the first has not."""
    for one, two in pairs:
        for place in sorted(two.found - one.found):
            yield two, two.golden[place]


def _warnings(a: Results, b: Results) -> Iterator[str]:
    if a.judge != b.judge:
        yield "! They were judged by different models: a part of the difference may be the judges'."
    if a.rules == b.rules:
        yield "! Both were reviewed with the same settings: what differs is chance."


def _differences(pairs: Sequence[Pair]) -> dict[str, Difference]:
    rows = [(*counts(one), *counts(two)) for one, two in pairs]
    sums = summed(rows)
    sure = intervals(rows, {name: _difference(rate) for name, rate in RATES.items()})
    before, after = _divided(sums)
    found = {
        name: Difference(rate(before), rate(after), _difference(rate)(sums), sure[name])
        for name, rate in RATES.items()
    }
    for name in Counts._fields:
        found[name] = _plain(getattr(before, name), getattr(after, name))
    sides = list(zip(*pairs, strict=True))
    said = [sum(len(case.findings) for case in side) / len(side) for side in sides]
    paid = [total([case.review for case in side]).cost_usd for side in sides]
    return {**found, "findings a case": _plain(*said), "dollars": _plain(*paid)}


def _plain(a: float | None, b: float | None) -> Difference:
    return Difference(a, b, None if a is None or b is None else b - a)


def _divided(sums: tuple[int, ...]) -> tuple[Counts, Counts]:
    return Counts(*sums[:_SIZE]), Counts(*sums[_SIZE:])


def _difference(
    rate: Callable[[Counts], float | None],
) -> Callable[[tuple[int, ...]], float | None]:
    """How much more the rate of the second is, as a function of the sums of both."""

    def difference(sums: tuple[int, ...]) -> float | None:
        before, after = map(rate, _divided(sums))
        return None if before is None or after is None else after - before

    return difference
