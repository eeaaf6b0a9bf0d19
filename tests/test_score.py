"""Figures of an evaluation, against what can be counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewbot.errors import UsageError
from reviewbot.evaluation import table
from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.compare import compare
from reviewbot.evaluation.results import CaseResult, JudgedFinding, Results, read
from reviewbot.evaluation.score import (
    Counts,
    Places,
    counts,
    figures,
    intervals,
    places,
    score,
    summed,
)
from reviewbot.findings import Severity
from reviewbot.report import TotalUsage

HIGH, LOW = Severity.HIGH, Severity.LOW


def finding(*goldens: int, **changes: Any) -> JudgedFinding:
    values: dict[str, Any] = {
        "id": "0123abcd",
        "path": "app.py",
        "line": 3,
        "end_line": 3,
        "severity": HIGH,
        "checklists": ("correctness",),
        "title": "Total ignores the discount",
        "body": "It fails.",
        "goldens": goldens,
        "reason": "the same",
    }
    return JudgedFinding(**(values | changes))


def golden(line: int | None = 3, **changes: Any) -> Golden:
    values: dict[str, Any] = {"text": "The discount is lost", "path": "app.py", "line": line}
    return Golden(**(values | changes))


def used(cost: float | None, calls: int = 4) -> TotalUsage:
    return TotalUsage(calls, 1000, 400, 0, 50, cost, 2.0, ("claude-sonnet",))


def case(
    name: str, goldens: int | Sequence[Golden], *findings: JudgedFinding, **changes: Any
) -> CaseResult:
    known = [golden()] * goldens if isinstance(goldens, int) else goldens
    values: dict[str, Any] = {
        "id": name,
        "source": name.partition("-")[0],
        "status": "complete",
        "problem": "",
        "golden": tuple(known),
        "findings": findings,
        "review": used(0.25),
        "judge": used(0.05, 1),
    }
    return CaseResult(**(values | changes))


def results(*cases: CaseResult, **changes: Any) -> Results:
    values: dict[str, Any] = {
        "version": 1,
        "reviewbot": "0.1",
        "made": datetime(2026, 11, 2, tzinfo=UTC),
        "checklists": {"correctness": "claude-sonnet", "style": "claude-haiku"},
        "rules": "r" * 64,
        "judge": "claude-opus",
        "cases": cases,
    }
    return Results(**(values | changes))


# --- counts and rates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goldens", "findings", "expected"),
    [
        (2, [], Counts(found=0, missed=2, false=0)),
        (2, [finding(0), finding()], Counts(found=1, missed=1, false=1)),
        (2, [finding(0), finding(0), finding(0)], Counts(found=1, missed=1, false=0)),
        (3, [finding(0, 2)], Counts(found=2, missed=1, false=0)),
        (0, [finding(), finding()], Counts(found=0, missed=0, false=2)),
    ],
)
def test_counts(goldens: int, findings: list[JudgedFinding], expected: Counts) -> None:
    assert counts(case("a", goldens, *findings)) == expected


@pytest.mark.parametrize(
    ("each", "precision", "recall", "f1"),
    [
        (Counts(found=3, missed=1, false=2), 0.6, 0.75, 2 / 3),
        (Counts(found=0, missed=1, false=2), 0.0, 0.0, 0.0),
        (Counts(found=0, missed=1, false=0), None, 0.0, 0.0),
        (Counts(found=0, missed=0, false=1), 0.0, None, 0.0),
        (Counts(found=0, missed=0, false=0), None, None, None),
    ],
)
def test_rates(
    each: Counts, precision: float | None, recall: float | None, f1: float | None
) -> None:
    assert (each.precision, each.recall) == (precision, recall)
    assert each.f1 == pytest.approx(f1)


MANY = (
    case("a-1", 2, finding(0), finding()),
    case("a-2", 1, finding(0, severity=LOW), finding(0)),
    case("b-1", 3, finding(checklists=("style",)), finding(1, checklists=("style", "correctness"))),
    case("b-2", 1),
)


def test_counts_are_summed_over_the_cases() -> None:
    made = score(MANY)
    assert (made.cases, made.goldens, made.findings) == (4, 7, 6)
    assert (made.found, made.missed, made.false) == (3, 4, 2)
    assert made.precision.value == 3 / 5
    assert made.recall.value == 3 / 7
    assert made.f1.value == 6 / 12


def test_each_source_checklist_and_severity_by_itself() -> None:
    made = figures(MANY)
    assert {name: (each.found, each.missed, each.false) for name, each in made.sources.items()} == {
        "a": (2, 1, 1),
        "b": (1, 3, 1),
    }
    assert {name: (each.found, each.false) for name, each in made.checklists.items()} == {
        "correctness": (3, 1),
        "style": (1, 1),
    }
    assert {name: (each.found, each.false) for name, each in made.severities.items()} == {
        "high": (3, 2),
        "low": (1, 0),
    }
    assert made.wanted == {"unknown": (3, 4)}
    assert (made.review.calls, made.review.cost_usd, made.review.seconds) == (16, 1.0, 8.0)
    assert made.judge.cost_usd == pytest.approx(0.2)


def test_goldens_by_their_severity() -> None:
    goldens = [golden(severity=LOW), golden(severity=HIGH), golden(), golden(severity=HIGH)]
    wanted = figures([case("a", goldens, finding(1), finding(2))]).wanted
    assert wanted == {"high": (1, 1), "low": (0, 1), "unknown": (1, 0)}
    assert list(wanted) == ["high", "low", "unknown"]


def test_a_price_that_is_unknown_leaves_the_sum_unknown() -> None:
    cases = [case("a", 1, review=used(0.1)), case("b", 1, review=used(None))]
    assert figures(cases).review.cost_usd is None


def test_no_case_has_no_figures() -> None:
    made = figures(())
    assert (made.all.cases, made.all.f1.value, made.all.f1.interval) == (0, None, None)


# --- intervals ----------------------------------------------------------------------------------


def first_share(sums: tuple[int, ...]) -> float | None:
    return sums[0] / (sums[0] + sums[1]) if sums[0] + sums[1] else None


def test_the_same_rows_have_the_same_interval_around_their_figure() -> None:
    rows = [(number % 3, 1) for number in range(30)]
    (interval,) = intervals(rows, {"share": first_share}).values()
    assert interval == intervals(rows, {"share": first_share})["share"]
    # The share's standard error by the delta method is 0.0373: 1.96 of it lie on each side.
    assert interval == pytest.approx((0.427, 0.573), abs=0.025)


def test_rows_that_are_all_alike_leave_no_doubt() -> None:
    assert intervals([(1, 3)] * 5, {"share": first_share}) == {"share": (0.25, 0.25)}


@pytest.mark.parametrize("rows", [[], [(1, 1)], [(0, 0), (0, 0)]])
def test_of_too_little_there_is_no_interval(rows: list[tuple[int, int]]) -> None:
    assert intervals(rows, {"share": first_share}) == {"share": None}


def test_sums_of_columns() -> None:
    assert summed([(1, 2), (3, 4), (5, 6)]) == (9, 12)


# --- places -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        (golden(10), [finding(0, line=10, end_line=10)], (1, 1, 1, 1, 1)),
        (golden(10), [finding(0, line=11, end_line=15)], (1, 1, 1, 1, 1)),
        (golden(10), [finding(0, line=5, end_line=8)], (1, 1, 0, 1, 1)),
        (golden(10), [finding(0, line=20, end_line=20)], (1, 1, 0, 0, 1)),
        (golden(10), [finding(0, line=21, end_line=21)], (1, 1, 0, 0, 0)),
        (golden(10, start_line=4), [finding(0, line=5, end_line=5)], (1, 1, 1, 1, 1)),
        (golden(10), [finding(0, line=90), finding(0, line=9, end_line=9)], (1, 1, 1, 1, 1)),
        (golden(10), [finding(0, line=10, end_line=10, path="other.py")], (1, 0, 0, 0, 0)),
        (golden(10), [finding(0, line=None, end_line=None)], (1, 1, 0, 0, 0)),
        (golden(10), [finding(line=10)], (0, 0, 0, 0, 0)),
        (golden(None), [finding(0)], (0, 0, 0, 0, 0)),
        (golden(10, path=None), [finding(0)], (0, 0, 0, 0, 0)),
    ],
)
def test_where_a_golden_was_reported(
    known: Golden, said: list[JudgedFinding], expected: tuple[int, ...]
) -> None:
    placed, same_file, *near = expected
    made = places([case("a", [known], *said)])
    assert made == Places(placed, same_file, dict(zip((1, 3, 10), near, strict=True)))


# --- comparison ---------------------------------------------------------------------------------


def test_what_two_results_differ_in() -> None:
    before = results(
        case("a", 2, finding(0), finding()),
        case("b", 2, finding(1), finding(), finding()),
        case("only-a", 1),
        case("other-goldens", [golden(1)]),
        case("failed-in-b", 1),
    )
    after = results(
        case("b", 2, finding(0), finding(1)),
        case("a", 2, finding(1)),
        case("other-goldens", [golden(2)]),
        case("failed-in-b", 1, status="failed", problem="not reviewed"),
        case("only-b", 1),
        judge="gpt",
        rules="s" * 64,
    )
    made = compare(before, after)
    assert made.cases == ("a", "b")
    assert made.goldens == 4
    assert set(made.apart) == {"only-a", "other-goldens", "failed-in-b", "only-b"}
    assert [(each.id, each.golden.index(known)) for each, known in made.lost] == [("a", 0)]
    assert [each.id for each, _ in made.won] == ["a", "b"]
    figures = {name: (each.a, each.b, each.value) for name, each in made.differences.items()}
    assert figures == {
        "precision": (2 / 5, 1.0, pytest.approx(3 / 5)),
        "recall": (2 / 4, 3 / 4, pytest.approx(1 / 4)),
        "f1": (4 / 9, 6 / 7, pytest.approx(26 / 63)),
        "found": (2, 3, 1),
        "missed": (2, 1, -1),
        "false": (3, 0, -3),
        "findings a case": (2.5, 1.5, -1.0),
        "dollars": (0.5, 0.5, 0.0),
    }
    assert made.warnings == (
        "! They were judged by different models: a part of the difference may be the judges'.",
    )


def test_cases_are_drawn_in_pairs() -> None:
    """A difference that is the same in each case is sure, however much the cases differ."""
    before = [case(str(n), n, *[finding(each) for each in range(n // 2)]) for n in (2, 4, 8, 16)]
    after = [case(str(n), n, *[finding(each) for each in range(n)]) for n in (2, 4, 8, 16)]
    made = compare(results(*before), results(*after)).differences
    assert made["recall"].interval == (0.5, 0.5)
    assert made["precision"].interval == (0.0, 0.0)


def test_nothing_in_common() -> None:
    made = compare(results(case("a", 1)), results(case("b", 1)))
    assert (made.cases, made.differences, made.apart) == ((), {}, ("a", "b"))
    assert "Not compared: a, b" in table.compared(made, ("a.json", "b.json"), 80)


# --- how it is shown and written ----------------------------------------------------------------

SHOWN = results(
    case(
        "b-tools",
        [golden(severity=HIGH), golden(40, text="A key is\nlogged", severity=LOW), golden(None)],
        finding(0, line=4),
        finding(title="Name is \x1b[31munclear", severity=LOW, checklists=("style",), line=None),
    ),
    case("a-shop", 1, finding(0), finding(0, checklists=("style",))),
    case("a-blog", 1, status="incomplete", problem="the answer was cut off"),
    case("b-late", 1, status="skipped", problem="not done: over the budget", findings=()),
    case("b-lost", 1, status="failed", problem="not judged: the answer broke off", findings=()),
    case("b-more", 1, status="skipped", problem="not done: over the budget", findings=()),
)


def test_the_tables(golden: Callable[[str, str], None]) -> None:
    made = figures(SHOWN.scored)
    golden("evaluation.txt", table.shown(SHOWN, made, 80, verbose=False))
    golden("evaluation-verbose.txt", table.shown(SHOWN, made, 80, verbose=True))


def test_the_table_of_a_comparison(golden: Callable[[str, str], None]) -> None:
    better = replace(
        SHOWN,
        checklists={"correctness": "gpt"},
        cases=tuple(
            replace(each, findings=(*each.findings, finding(0)), review=used(None))
            for each in SHOWN.cases
        ),
    )
    text = table.compared(compare(SHOWN, better), ("a.json", "b.json"), 80)
    golden("evaluation-compared.txt", text)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(SHOWN.to_json(asdict(figures(SHOWN.scored))), "ascii")
    assert read(file) == SHOWN
    assert json.loads(file.read_text())["figures"]["all"]["found"] == 2


@pytest.mark.parametrize(
    ("text", "words"), [("{}", "version: Field required"), ('{"version": 2}', "version: Input")]
)
def test_what_are_no_results(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=f"holds no results of version 1: {words}"):
        read(file)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["complete"], 0),
        (["complete", "incomplete"], 3),
        (["complete", "failed"], 3),
        (["skipped", "skipped"], 3),
        (["failed", "skipped"], 4),
    ],
)
def test_how_it_ends(statuses: list[Any], code: int) -> None:
    cases = [replace(case("a", 1), status=status) for status in statuses]
    assert results(*cases).exit_code == code
