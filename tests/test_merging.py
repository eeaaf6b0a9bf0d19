"""One comment for one defect, and every defect in one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from builders import comment

from reviewbot.anchors import Comment
from reviewbot.findings import Severity
from reviewbot.merging import SAME, merge

OTHER: dict[str, Any] = {"checklists": ("style",), "items": ("naming",), "fingerprint": "e" * 64}
UNANCHORED: dict[str, Any] = {"line": None, "end_line": None, "anchored": False}


def merged(*changes: dict[str, Any]) -> tuple[Comment, ...]:
    """The first is as the builder makes it, the others with these changes and from elsewhere."""
    return shown(merge([comment(), *(comment(**{**OTHER, **each}) for each in changes)]))


def shown(comments: tuple[Comment, ...]) -> tuple[Comment, ...]:
    """Without the other words for what is shown."""
    return tuple(each for each in comments if not (each.drop_reason or "").startswith(SAME))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"title": "The discount is ignored by the total"},
        {"title": "TOTAL IGNORES DISCOUNT!"},
        {"line": 1, "end_line": 9},
        {"line": 3, "end_line": 4},
        {"body": "Quite another explanation"},
    ],
)
def test_the_same_defect_on_shared_lines_is_said_once(changes: dict[str, Any]) -> None:
    (one,) = merged(changes)
    assert (one.checklists, one.items) == (("correctness", "style"), ("logic", "naming"))


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "SQL injection through the name"},
        {"title": "Total has the wrong type"},
        {"title": ""},
        {"path": "b.py"},
        {"line": 4, "end_line": 5},
        {"side": "old"},
        {"state": "dropped", "drop_reason": "below"},
        UNANCHORED,
    ],
)
def test_another_defect_or_another_place_stays_a_comment_of_its_own(
    changes: dict[str, Any],
) -> None:
    assert len(merged(changes)) == 2


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("Unused import", "Unused variable", 2),
        ("Injection", "SQL injection", 1),
        ("SQL injection through name", "SQL injection by f-string", 1),
        ("It is", "It is", 1),
        ("It is", "Is it", 2),
        ("Die Prüfung fehlt", "Hier fehlt die Prüfung", 1),
        ("缺少权限检查", "缺少权限检查", 1),
    ],
)
def test_titles_are_compared_by_their_words(one: str, other: str, count: int) -> None:
    assert len(shown(merge([comment(title=one), comment(title=other, **OTHER)]))) == count


def test_the_same_suggestion_for_shared_lines_is_the_same_defect() -> None:
    pair = [comment(suggestion="x"), comment(suggestion="x", title="Quite different", **OTHER)]
    assert len(shown(merge(pair))) == 1


def test_other_words_for_the_same_defect_are_kept_as_dropped() -> None:
    kept, other = merge([comment(), comment(**OTHER, body="Other words", confidence=1)])
    assert (kept.state, kept.checklists) == ("new", ("correctness", "style"))
    assert (other.state, other.body) == ("dropped", "Other words")
    assert other.drop_reason == f"the same as {kept.id}"
    assert other.id != kept.id


def test_unanchored_comments_of_one_file_merge_by_title() -> None:
    pair = [comment(**UNANCHORED), comment(**UNANCHORED, **OTHER)]
    assert len(merge(pair)) == 1
    assert len(merge([*pair, comment(**UNANCHORED, title="Missing test of refunds")])) == 2


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"severity": Severity.CRITICAL, "confidence": 1}, "mine"),
        ({"severity": Severity.LOW, "confidence": 10}, "It fails."),
        ({"confidence": 9}, "mine"),
        ({"confidence": 7}, "It fails."),
    ],
)
def test_the_strongest_statement_stays(changes: dict[str, Any], body: str) -> None:
    (one,) = merged({"body": "mine", **changes})
    assert one.body == body


@pytest.mark.parametrize(
    ("changes", "suggestion"),
    [({}, "x"), ({"line": 3, "end_line": 4}, ""), ({"line": 2}, "")],
)
def test_a_suggestion_is_taken_over_for_the_same_lines_only(
    changes: dict[str, Any], suggestion: str
) -> None:
    (one,) = merged({"suggestion": "x", "confidence": 1, **changes})
    assert one.suggestion == suggestion


def test_ids_are_the_beginning_of_fingerprints_and_both_are_unique() -> None:
    found = merge(
        [comment(title=title) for title in ("Wrong sum", "Missing lock", "Leaks a socket")]
    )
    assert len({each.fingerprint for each in found}) == 3
    assert [each.id for each in found] == [each.fingerprint[:8] for each in found]
    assert "f" * 64 in {each.fingerprint for each in found}


def test_the_order_of_the_comments_makes_no_difference() -> None:
    comments = [
        comment(),
        comment(**OTHER),
        comment(title="Missing lock"),
        comment(title="Leaks a socket", body="a"),
        comment(title="Leaks a socket", body="b", line=3, end_line=5),
    ]
    results = {merge(order) for order in itertools.permutations(comments)}
    assert len(results) == 1


def test_what_is_kept_is_known_again_by_its_own_lines() -> None:
    (one,) = merged({"digests": ("e" * 12, "f" * 12), "line": 3, "end_line": 4})
    assert one.digests == comment().digests
