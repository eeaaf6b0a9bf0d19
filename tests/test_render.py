"""Every format shows the same report; hostile text stays text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import comment
from hypothesis import given
from hypothesis import strategies as st
from sample_report import REPORT

from reviewbot.errors import UsageError
from reviewbot.render import FORMATS, Style, format_of, renderer, words
from reviewbot.report import Report, from_json

PLAIN, COLOR, NARROW = Style(), Style(color=True), Style(width=60)
QUIET = replace(REPORT, status="complete", findings=(), warnings=(), coverage=REPORT.coverage[:1])


def render(name: str, report: Report = REPORT, style: Style = PLAIN) -> str:
    return renderer(name)(report, style)


@pytest.mark.parametrize(
    ("file", "name", "report", "style"),
    [
        ("full.txt", "text", REPORT, PLAIN),
        ("full-color.txt", "text", REPORT, COLOR),
        ("full-narrow.txt", "text", REPORT, NARROW),
        ("full.md", "markdown", REPORT, PLAIN),
        ("full.json", "json", REPORT, PLAIN),
        ("full-gl-code-quality-report.json", "gitlab", REPORT, PLAIN),
        ("quiet.txt", "text", QUIET, PLAIN),
        ("quiet.md", "markdown", QUIET, PLAIN),
        ("quiet-gl-code-quality-report.json", "gitlab", QUIET, PLAIN),
    ],
)
def test_golden(
    golden: Callable[[str, str], None], file: str, name: str, report: Report, style: Style
) -> None:
    golden(file, render(name, report, style))


def hidden(text: str) -> set[str]:
    """The control, format and private characters of a text."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")}


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_no_escape_and_no_hidden_character_gets_through(name: str) -> None:
    assert hidden(render(name)) == {"\n"}


def test_colours_are_the_only_escapes_and_take_nothing_away() -> None:
    painted = render("text", style=COLOR)
    assert re.sub(r"\x1b\[\d+m", "", painted) == render("text")


ANY = st.text(st.sampled_from("ab `~<>!-[]()\n\t\x1b\r\u202e\u2028\u200b") | st.characters())


@given(ANY, ANY, ANY)
def test_any_text_of_a_model_stays_text(title: str, body: str, suggestion: str) -> None:
    made = comment(title=title, body=body, suggestion=suggestion, line=1, end_line=1)
    report = replace(QUIET, findings=(made,))
    assert hidden(render("text", report)) <= {"\n", "\t"}
    markdown = render("markdown", report)
    assert hidden(markdown) <= {"\n", "\t"}
    assert "\n## Checklists\n" in outside_of_fences(markdown)


def outside_of_fences(text: str) -> str:
    """A Markdown text without its code blocks, by the rules of CommonMark."""
    kept, fence = [""], ""
    for line in text.split("\n"):
        mark = re.match(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})", line)
        if not fence:
            fence = mark[1] if mark else ""
            kept += [] if mark else [line]
        elif mark and mark[1].startswith(fence) and not line[mark.end() :].strip(" \t"):
            fence = ""
    return "\n".join([*kept, ""])


def test_a_suggestion_cannot_leave_its_fence() -> None:
    markdown = render("markdown")
    assert "# out of the fence" in markdown
    assert "# out of the fence" not in outside_of_fences(markdown)


def test_tags_and_images_of_a_model_are_disarmed_and_code_is_not() -> None:
    outside = outside_of_fences(render("markdown"))
    assert "&lt;img src=x" in outside
    assert r"!\[x]\(`https://evil.invalid`)" in outside
    assert "&lt;!-- " in outside
    assert "see `a < b` and a&lt;b" in outside


def test_json_is_the_whole_report() -> None:
    assert from_json(render("json")) == REPORT
    assert len(json.loads(render("json"))["findings"]) == len(REPORT.findings)


def test_what_no_longer_counts_is_not_shown() -> None:
    for name in ("text", "markdown"):
        text = render(name)
        assert "Was mended" not in text
        assert "Was dismissed" not in text
        assert "Not in this change" not in text
        reasons = "below min_severity (low); its file was not read"
        assert f"2 more in the JSON report only: {reasons}" in text


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"status": "complete", "findings": ()}, "No findings."),
        ({"status": "complete", "findings": (comment(),)}, "1 finding (1 high)"),
        (
            {"status": "incomplete"},
            "INCOMPLETE: not everything was reviewed. "
            "So far 5 findings (1 critical, 1 high, 1 medium, 1 low, 1 info): "
            "4 new, 1 still open.",
        ),
        (
            {"status": "incomplete", "findings": ()},
            "INCOMPLETE: not everything was reviewed. So far 0 findings.",
        ),
        ({"status": "failed", "findings": ()}, "FAILED: nothing could be reviewed."),
        (
            {"status": "failed", "findings": (comment(state="open"),)},
            "FAILED: nothing could be reviewed. 1 finding (1 high), still open.",
        ),
        ({"status": "skipped", "findings": ()}, "Nothing to review."),
        (
            {"status": "skipped", "findings": (comment(state="open"),)},
            "Nothing to review. 1 finding (1 high), still open.",
        ),
    ],
)
def test_the_verdict_of_a_review_that_is_not_whole_is_never_clean(
    changes: dict[str, object], verdict: str
) -> None:
    report = replace(REPORT, **changes)  # type: ignore[arg-type]
    assert words.verdict(report) == verdict
    assert verdict in render("text", report)
    assert f"**{verdict}**" in render("markdown", report)


def test_files_are_counted_by_the_worst_that_happened_to_them() -> None:
    assert words.files(REPORT) == "1 file read, 1 left out, 1 not or not wholly read"


def test_exceptions_name_what_was_not_read_first() -> None:
    assert words.exceptions(REPORT) == [
        "not read for security: shop/cart.py: timeout\n\x1b[31m",
        "left out: go.sum: lock file",
    ]


def test_many_files_of_one_reason_are_one_line() -> None:
    entry = REPORT.coverage[-1]
    many = tuple(replace(entry, path=f"{n}.lock") for n in range(20))
    (line,) = words.exceptions(replace(REPORT, coverage=many))
    assert line == f"left out: {', '.join(f'{n}.lock' for n in range(8))} and 12 more: lock file"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"calls": 0}, "no call to the model"),
        (
            {},
            "3 calls (claude-sonnet), 12,345 tokens in (49% cached), 678 out, $0.0123, 4.2 s, "
            "$4.31 left on the key",
        ),
        (
            {
                "calls": 1,
                "cost_usd": None,
                "input_tokens": 0,
                "cached_tokens": 0,
                "budget_left_usd": None,
            },
            "1 call (claude-sonnet), 0 tokens in (0% cached), 678 out, price unknown, 4.2 s",
        ),
        (
            {"look_ups": 7},
            "3 calls (claude-sonnet), 7 look-ups, 12,345 tokens in (49% cached), 678 out, "
            "$0.0123, 4.2 s, $4.31 left on the key",
        ),
    ],
)
def test_usage(changes: dict[str, object], expected: str) -> None:
    usage = replace(REPORT.usage, **changes)  # type: ignore[arg-type]
    assert words.usage(replace(REPORT, usage=usage)) == expected


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("r.txt", "text"),
        ("r.json", "json"),
        ("R.MD", "markdown"),
        ("a.b.md", "markdown"),
        ("gl-code-quality-report.json", "gitlab"),
    ],
)
def test_the_suffix_of_a_file_says_the_format(file: str, name: str) -> None:
    assert format_of(file) == name


@pytest.mark.parametrize("file", ["r", "r.pdf", "json"])
def test_an_unknown_suffix_is_an_error_that_names_the_known_ones(file: str) -> None:
    with pytest.raises(UsageError) as raised:
        format_of(file)
    assert ".txt, .json, .md" in raised.value.hint


def test_every_format_has_its_renderer_and_no_other_name_has_one() -> None:
    assert all(render(name) for name in FORMATS)
    with pytest.raises(UsageError, match="there is no format 'pdf'"):
        renderer("pdf")
