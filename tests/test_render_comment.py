"""A line comment: short, committable where it may be, and answerable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import comment
from hostile import MARKUP
from hypothesis import given
from hypothesis import strategies as st
from inert import assert_inert, in_code, said

from reviewbot import marker
from reviewbot.findings import Severity
from reviewbot.render.comment import render

MARKER = marker.write("finding", "{}")
FULL = comment(
    checklists=("security", "correctness"),
    severity=Severity.CRITICAL,
    title="Total ignores the `List<Item>` discount",
    body="A cart of 10 with a discount of 2 costs 10, as @ada said in #12:\n\n"
    "```python\ntotal(Cart(10, discount=2))\n```",
    suggestion="    price = cart.sum() - cart.discount  # ```\n    return price\n",
)


def without_marker(text: str) -> str:
    assert text.startswith(f"{MARKER}\n")
    return text.removeprefix(f"{MARKER}\n")


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("comment.md", render(FULL, MARKER))


def test_the_marker_can_be_read_back() -> None:
    assert marker.read("finding", render(FULL, MARKER)) == "{}"


def test_a_comment_without_a_marker_begins_with_its_severity() -> None:
    assert render(FULL, "").startswith("**Critical: Total")


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({}, True),
        ({"suggestion": "\n"}, True),
        ({"suggestion": ""}, False),
        ({"side": "old"}, False),
        ({"line": None, "end_line": None}, False),
        ({"suggestion": "if admin:  # \u202e\n"}, False),
        ({"suggestion": "a\n\u200b\n"}, False),
        ({"suggestion": "```\na\n```\n"}, False),
        ({"suggestion": "a\n/merge\n"}, False),
    ],
)
def test_only_what_is_plain_and_new_can_be_committed(
    changes: dict[str, object], offered: bool
) -> None:
    text = render(replace(FULL, **changes), MARKER)  # type: ignore[arg-type]
    assert ("suggestion\n" in text) == offered


def test_a_suggestion_with_hidden_characters_is_shown_with_them_written_out() -> None:
    text = render(replace(FULL, suggestion="if admin:  # \u202e\n"), MARKER)
    assert "if admin:  # <U+202E>\n" in in_code(text)


def test_the_committed_text_is_the_suggestion() -> None:
    text = render(FULL, MARKER, suggestion_as="suggestion:-0+1")
    assert FULL.suggestion in in_code(text)
    assert "````suggestion:-0+1\n" in text or "```suggestion:-0+1\n" in text


def test_a_body_offers_nothing_for_committing() -> None:
    sly = replace(FULL, suggestion="", body="```suggestion\nevil()\n```\n~~~suggestion:-0+9\nx")
    assert "suggestion" not in render(sly, MARKER)


def test_a_recalled_finding_has_no_confidence() -> None:
    assert "confidence 8/10" in render(FULL, MARKER)
    assert "confidence" not in render(replace(FULL, confidence=0), MARKER)


@pytest.mark.parametrize("limit", [700, 1_000, 60_000])
def test_a_long_body_is_cut_and_the_rest_stays(limit: int) -> None:
    long = replace(FULL, body="```\n" + "@bob `x`\n" * 20_000)
    text = render(long, MARKER, limit=limit)
    assert len(text) <= limit
    assert FULL.suggestion in in_code(text)
    assert "the rest stands in the JSON report" in said(text)
    assert "dismiss 0123abcd REASON" in text


def test_a_suggestion_that_does_not_fit_is_not_cut_but_left_out() -> None:
    text = render(replace(FULL, suggestion="x = 1\n" * 20_000), MARKER)
    assert "x = 1" not in text
    assert "total(Cart(10, discount=2))" in text


@given(MARKUP, MARKUP, MARKUP, st.integers(900, 1_500))
def test_any_text_of_a_model_is_inert(title: str, body: str, suggestion: str, limit: int) -> None:
    made = replace(FULL, title=title, body=body, suggestion=suggestion)
    text = without_marker(render(made, MARKER, limit=limit))
    assert len(text) <= limit
    assert "dismiss 0123abcd REASON" in in_code(text)[-1]
    bare = text.replace("<sub>", "").replace("</sub>", "")
    assert_inert(bare)
