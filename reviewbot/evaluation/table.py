"""Results, and what differs between two, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.compare import Comparison, Difference
from reviewbot.evaluation.results import CaseResult, JudgedFinding, Results
from reviewbot.evaluation.score import Figures, Interval, Places, Rate, Score
from reviewbot.render import words
from reviewbot.report import TotalUsage
from reviewbot.text import columns, listed, plural, visible

_RATES = ("precision", "recall", "F1")


def shown(results: Results, figures: Figures, width: int, *, verbose: bool) -> str:
    """The figures as tables; `verbose` adds what was missed and what was false, a line each."""
    blocks = [_heading(results)]
    if results.scored:
        blocks += [_sources(figures), _parts("checklist", figures.checklists)]
        blocks += [_parts("severity (said)", figures.severities), _wanted(figures.wanted)]
        blocks.append("\n".join(_lines(figures)))
    if verbose:
        blocks.append("\n".join(_listed("Missed", _missed(results.scored), width)))
        blocks.append("\n".join(_listed("False", _false(results.scored), width)))
    blocks.append("\n".join(_gaps(results, width)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _heading(results: Results) -> str:
    return f"Reviewed by {_reviewers(results)}, judged by {visible(results.judge)}"


def _reviewers(results: Results) -> str:
    """The models, each with its checklists."""
    by_model: dict[str, list[str]] = {}
    for checklist, model in results.checklists.items():
        by_model.setdefault(visible(model), []).append(visible(checklist))
    return "; ".join(f"{model} ({', '.join(names)})" for model, names in by_model.items())


def _sources(figures: Figures) -> str:
    """The scores of each source and of all; of one source alone, just the latter."""
    scores = dict(figures.sources) if len(figures.sources) > 1 else {}
    heads = ("", "cases", "goldens", "found", "missed", "false", *_RATES)
    rows = [
        (
            visible(name),
            *(f"{count:,}" for count in (score.cases, score.goldens)),
            *(f"{count:,}" for count in (score.found, score.missed, score.false)),
            *map(_sure, (score.precision, score.recall, score.f1)),
        )
        for name, score in {**scores, "all": figures.all}.items()
    ]
    return "\n".join(columns([heads, *rows]))


def _sure(rate: Rate) -> str:
    return f"{_figure(rate.value)} {_between(rate.interval)}".rstrip()


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _between(interval: Interval) -> str:
    return "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def _parts(name: str, scores: Mapping[str, Score]) -> str:
    """What the findings of each checklist, or of each severity, come to by themselves."""
    heads = (name, "findings", "found", "false", "precision", "recall")
    rows = [
        (
            visible(part),
            *(f"{count:,}" for count in (score.findings, score.found, score.false)),
            *(_figure(rate.value) for rate in (score.precision, score.recall)),
        )
        for part, score in scores.items()
    ]
    return "\n".join(columns([heads, *rows])) if rows else ""


def _wanted(wanted: Mapping[str, tuple[int, int]]) -> str:
    heads = ("severity (known)", "found", "missed", "recall")
    rows = [
        (level, f"{found:,}", f"{missed:,}", _figure(found / (found + missed)))
        for level, (found, missed) in wanted.items()
    ]
    return "\n".join(columns([heads, *rows])) if rows else ""


def _lines(figures: Figures) -> Iterator[str]:
    yield f"Findings: {figures.all.findings / figures.all.cases:.1f} a case"
    if figures.places.placed:
        yield _places(figures.places)
    yield f"Reviews:  {_taken(figures.review, figures.all.cases)}"
    yield f"Judge:    {_taken(figures.judge, figures.all.cases)}"


def _places(places: Places) -> str:
    counts = (places.same_file, *places.near.values())
    same, *near = (f"{count / places.placed:.0%}" for count in counts)
    lines = ", ".join(map(str, places.near))
    placed = f"of {plural(places.placed, 'found golden')} with a place"
    return f"Places:   {placed}, {same} in the file; within {lines} lines {', '.join(near)}"


def _taken(usage: TotalUsage, cases: int) -> str:
    if not usage.calls:
        return "no call"
    return f"{words.taken(usage)}, {usage.seconds / cases:.1f} s a case"


# --- lists ---------------------------------------------------------------------------------------

_Entry = tuple[str, str, str]  # case, place, text


def _missed(cases: Iterable[CaseResult]) -> list[_Entry]:
    return [_golden(case, golden) for case in cases for golden in case.missed]


def _golden(case: CaseResult, golden: Golden) -> _Entry:
    level = f"{golden.severity}: " if golden.severity else ""
    return case.id, _place(golden.path, golden.line), f"{level}{golden.text}"


def _false(cases: Iterable[CaseResult]) -> list[_Entry]:
    return [_finding(case, finding) for case in cases for finding in case.false]


def _finding(case: CaseResult, finding: JudgedFinding) -> _Entry:
    names = f"{', '.join(finding.checklists)}, {finding.severity}"
    return case.id, _place(finding.path, finding.line), f"{names}: {finding.title}"


def _place(path: str | None, line: int | None) -> str:
    if path is None:
        return ""
    name = path.rpartition("/")[2]  # the whole path would leave no room for what is said
    return name if line is None else f"{name}:{line}"


def _listed(name: str, entries: Sequence[_Entry], width: int) -> Iterator[str]:
    yield f"{name}: {len(entries):,}"
    for each in entries:
        line = ": ".join(words.line(part) for part in each if part)
        yield "  " + textwrap.shorten(line, width - 2, placeholder="…")


def _gaps(results: Results, width: int) -> Iterator[str]:
    """What could not be done: never a clean result."""
    problems: dict[str, list[str]] = {}
    for case in results.cases:
        if case.status != "complete":
            problems.setdefault(case.problem, []).append(case.id)
    if problems:
        partial = sum(case.status == "incomplete" for case in results.cases)
        yield (
            f"INCOMPLETE: of {plural(len(results.cases), 'case')}, "
            f"{len(results.cases) - len(results.scored)} are not scored, {partial} not wholly "
            "reviewed. The same command goes on."
        )
    for problem, names in problems.items():
        yield from textwrap.wrap(
            words.line(f"{listed(names)}: {problem}"),
            width,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )


# --- a comparison --------------------------------------------------------------------------------


def compared(comparison: Comparison, names: tuple[str, str], width: int) -> str:
    """What differs, and which goldens were won and lost."""
    both = zip("AB", names, comparison.results, strict=True)
    blocks = [
        "\n".join(
            f"{letter}  {visible(name)}: {_reviewers(results)}, judged by {visible(results.judge)}"
            for letter, name, results in both
        ),
        "\n".join(map(words.line, comparison.warnings)),
    ]
    if comparison.cases:
        goldens = plural(comparison.goldens, "golden")
        common = f"{plural(len(comparison.cases), 'common case')}, {goldens}"
        blocks += [f"{common}\n\n{_differences(comparison.differences)}"]
        blocks += ["\n".join(_listed("Won", _entries(comparison.won), width))]
        blocks += ["\n".join(_listed("Lost", _entries(comparison.lost), width))]
    if comparison.apart:
        blocks.append(f"Not compared: {listed(list(map(visible, comparison.apart)))}")
    return "\n\n".join(block for block in blocks if block) + "\n"


def _entries(goldens: Iterable[tuple[CaseResult, Golden]]) -> list[_Entry]:
    return [_golden(case, golden) for case, golden in goldens]


def _differences(differences: Mapping[str, Difference]) -> str:
    heads = ("", "A", "B", "B - A", "95 %")
    rows = [
        (
            name.replace("f1", "F1"),
            _number(each.a),
            _number(each.b),
            _signed(each.value),
            _range(each.interval),
        )
        for name, each in differences.items()
    ]
    return "\n".join(columns([heads, *rows]))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _signed(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:+,}" if isinstance(value, int) else f"{round(value, 2) + 0.0:+.2f}"


def _range(interval: Interval) -> str:
    return "" if interval is None else f"[{interval[0]:+.2f}, {interval[1]:+.2f}]"
