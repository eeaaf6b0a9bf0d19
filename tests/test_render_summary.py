"""The sticky comment: what counts stands first, and all of it fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import comment
from hostile import MARKUP
from hypothesis import given, settings
from inert import assert_inert, in_code, said, tokens
from sample_report import REPORT as HOSTILE

from reviewbot import marker
from reviewbot.anchors import Comment
from reviewbot.findings import Severity, Status
from reviewbot.history import Dismissal, Entry
from reviewbot.render.summary import View, render
from reviewbot.report import AnsweredChecklist, AnsweredItem, Coverage, Report, TotalUsage

LIMIT = 65_536
MARKER = marker.write("state", "{}")
PULL = "https://forge.example/acme/shop/pull/7"

CLEAN = Report(
    version=1,
    status="complete",
    repository="acme/shop",
    pull_request=7,
    base="1" * 40,
    head="2" * 40,
    findings=(),
    checklists=(
        AnsweredChecklist(
            "correctness",
            (
                AnsweredItem("logic", "Conditions are the ones that are meant.", Status.PASS, ""),
                AnsweredItem("api-use", "Libraries are used as defined.", Status.PASS, "looked"),
            ),
        ),
        AnsweredChecklist(
            "security",
            (AnsweredItem("xss", "Output is escaped.", Status.NOT_APPLICABLE, "no output"),),
        ),
    ),
    coverage=(
        Coverage("shop/cart.py", "correctness", "reviewed", "", "claude-sonnet"),
        Coverage("shop/cart.py", "security", "reviewed", "", "claude-sonnet"),
    ),
    usage=TotalUsage(2, 12_345, 6_000, 3_000, 678, 0.01234, 4.25, ("claude-sonnet",)),
    warnings=(),
)
FIRST = comment(
    id="aaaaaaaa",
    severity=Severity.CRITICAL,
    path="shop/cart.py",
    line=12,
    title="Total ignores the `List<Item>` discount",
)
SECOND = comment(
    id="bbbbbbbb",
    severity=Severity.LOW,
    path="shop/__init__.py",
    line=3,
    title="`a|b` is read twice",
    body="It is read at each call.",
    suggestion="x = 1\n",
)
ADRIFT = comment(
    id="cccccccc",
    severity=Severity.MEDIUM,
    path="shop/web.py",
    line=None,
    end_line=None,
    anchored=False,
    anchor_note="the quoted line stands 2 times in the change",
    title="The cart is never closed",
    body="Each request leaves one open:\n\n```python\nopen_cart()\n```",
)
EVERYTHING = "everything, as there was no review before"
SINCE = "what is new since 1a2b3c4d5e"
LINKS = {each: f"{PULL}#discussion_{each}" for each in ("aaaaaaaa", "bbbbbbbb", "dddddddd")}


def report(*findings: Comment, **changes: Any) -> Report:
    return replace(CLEAN, findings=findings, **changes)


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "id": "eeeeeeee",
        "fingerprint": "e" * 64,
        "checklists": ("style",),
        "path": "shop/cart.py",
        "line": 3,
        "end_line": 3,
        "side": "new",
        "digests": (),
        "severity": Severity.LOW,
        "title": "Unclear name",
        "state": "dismissed",
        "dismissal": Dismissal("ada", "2026-11-02T10:00:00Z", "known since #12", "command"),
    }
    return Entry(**(values | changes))


DISMISSED = (
    entry(),
    entry(id="f1f1f1f1", dismissal=Dismissal("bob", "2026-11-03T10:00:00Z", "", "thumbs-down")),
    entry(id="f2f2f2f2", dismissal=Dismissal("bob", "2026-11-03T10:00:00Z", "", "resolved")),
    entry(id="f3f3f3f3", dismissal=Dismissal("", "", "", "deleted")),
)
MIXED = report(
    FIRST,
    replace(SECOND, state="open"),
    ADRIFT,
    comment(id="dddddddd", state="fixed", title="Session is never renewed"),
    comment(id="eeeeeeee", state="dismissed", title="Unclear name"),
    comment(id="77777777", state="dropped", drop_reason="below min_severity (low)"),
    coverage=(*CLEAN.coverage, Coverage("uv.lock", "correctness", "skipped", "lock file", "")),
    warnings=("the model ticked no item of style",),
)
INCOMPLETE = report(
    FIRST,
    status="incomplete",
    coverage=(
        CLEAN.coverage[0],
        Coverage("shop/cart.py", "security", "failed", "the run's budget is spent ($1.00)", ""),
    ),
    warnings=("what --budget allows was spent. Raise it, or split the change.",),
)
FAILED = report(
    status="failed",
    head=None,
    checklists=(),
    coverage=(),
    usage=TotalUsage(0, 0, 0, 0, 0, 0.0, 0.0, ()),
    warnings=(
        "the budget of the key is spent. Ask your gateway's operator to raise or to reset it.",
    ),
)
NOTHING = replace(
    FAILED,
    status="skipped",
    coverage=(Coverage("uv.lock", "correctness", "skipped", "lock file", ""),),
    warnings=(),
)
MANY = report(
    *(
        replace(
            ADRIFT,
            id=f"{n:08x}",
            severity=list(Severity)[n % 5],
            title=f"Finding {n}",
            body="It fails. " * 50,
        )
        for n in range(2_000)
    )
)
JOB = "https://forge.example/acme/shop/actions/runs/5"


@pytest.mark.parametrize(
    ("name", "made", "view", "limit"),
    [
        ("clean", CLEAN, View(scope=EVERYTHING), LIMIT),
        ("new", report(FIRST, SECOND), View(links=LINKS, scope=EVERYTHING), LIMIT),
        (
            "mixed",
            MIXED,
            View(
                links=LINKS,
                dismissed=DISMISSED,
                scope=SINCE,
                resolved=("dddddddd",),
                notes=("The forge did not take 1 comment at their lines: they stand above.",),
            ),
            LIMIT,
        ),
        ("converged", CLEAN, View(dismissed=DISMISSED[:1], scope=SINCE, converged=True), LIMIT),
        ("incomplete", INCOMPLETE, View(links=LINKS, scope=EVERYTHING, again=JOB), LIMIT),
        ("failed", FAILED, View(again=JOB), LIMIT),
        ("nothing", NOTHING, View(), LIMIT),
        ("overflow", replace(MANY, findings=MANY.findings[:60]), View(scope=EVERYTHING), 6_000),
    ],
)
def test_golden(
    golden: Callable[[str, str], None], name: str, made: Report, view: View, limit: int
) -> None:
    text = render(made, view, MARKER, limit)
    golden(f"summary-{name}.md", text)
    assert len(text) <= limit
    assert marker.read("state", text) == "{}"
    assert_inert(shown(text))


def shown(text: str) -> str:
    """A summary without the tags and the links that are ours."""
    text = text.split(" -->\n", 1)[-1]
    for tag in ("details", "summary", "sub"):
        text = text.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    return text.replace("<br>", "").replace("](https://forge.example/", "")


def test_a_clean_review_is_a_few_lines() -> None:
    text = render(CLEAN, View(), "", LIMIT)
    open_lines = text.split("<details>")[0] + text.split("</details>")[1]
    assert len([line for line in open_lines.split("\n") if line]) <= 3
    assert "dismiss" not in text


@pytest.mark.parametrize("made", [INCOMPLETE, FAILED, replace(INCOMPLETE, findings=())])
@pytest.mark.parametrize("limit", [LIMIT, 1_500])
def test_trouble_stands_before_all_findings(made: Report, limit: int) -> None:
    heading, trouble, *_ = render(made, View(), "", limit).split("\n\n")
    assert heading.startswith(("## reviewbot: INCOMPLETE", "## reviewbot: FAILED"))
    assert made.warnings[0].split("(")[0] in trouble
    assert "Run it again when that is mended." in trouble


def test_what_went_wrong_is_said_once() -> None:
    assert render(INCOMPLETE, View(), "", LIMIT).count("is spent") == 1


def test_open_findings_are_said_though_the_review_failed() -> None:
    text = render(replace(FAILED, findings=(replace(FIRST, state="open"),)), View(), "", LIMIT)
    assert "FAILED: nothing could be reviewed. 1 finding (1 critical), still open\n" in text
    assert "still open | `aaaaaaaa` |" in text


def test_only_what_has_no_comment_is_told_in_full() -> None:
    text = render(MIXED, View(links=LINKS), "", LIMIT)
    assert ADRIFT.anchor_note in text
    assert "open_cart()\n" in in_code(text)
    assert SECOND.body not in text
    assert "Suggestion:\n\n```\nx = 1\n```" in render(MIXED, View(), "", LIMIT)


def test_a_finding_without_a_line_shows_its_path() -> None:
    assert "| `shop/web.py` | The cart is never closed |" in render(MIXED, View(), "", LIMIT)


def test_addresses_cannot_leave_their_links() -> None:
    links = {"aaaaaaaa": f"{PULL}) @bob <b> ["}
    text = render(report(FIRST), View(links=links), "", LIMIT)
    (url,) = [token.attrs["href"] for token in tokens(text) if token.type == "link_open"]
    assert url == f"{PULL}%29%20@bob%20%3Cb%3E%20%5B"


def test_long_paths_are_cut_at_their_beginning() -> None:
    far = replace(FIRST, path="a/" * 200 + "end.py")
    assert "/a/end.py:12` |" in render(report(far), View(), "", LIMIT)


@pytest.mark.parametrize("limit", [3_000, 20_000, LIMIT, 1_000_000])
@pytest.mark.parametrize("head", ["", "<!-- reviewbot:state:1 {} -->".format("A" * 60_000)])
@pytest.mark.parametrize("made", [MIXED, MANY, replace(MANY, warnings=("w" * 400,) * 900)])
def test_everything_fits(made: Report, head: str, limit: int) -> None:
    view = View(links=LINKS, dismissed=DISMISSED * 500, scope=SINCE, notes=("n",) * 900)
    if head:
        limit += 60_000
    text = render(made, view, head, limit)
    assert len(text) <= limit
    assert text.startswith(head)
    assert "## reviewbot: " in text
    assert "dismiss ID REASON" in text
    assert shown(text).count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")


def test_what_does_not_fit_is_counted() -> None:
    text = render(MANY, View(dismissed=DISMISSED * 500), MARKER, LIMIT)
    rows = text.count("| `shop/web.py` |")
    assert 100 < rows < 2_000
    assert f"\n{2_000 - rows:,} more findings in the JSON report." in text
    listed = text.count("Unclear name")
    assert f"\n- {2_000 - listed:,} more dismissed findings in the JSON report" in text


def test_the_least_severe_are_left_out_first() -> None:
    text = render(MANY, View(), MARKER, 30_000)
    severities = [row.split(" | ")[0] for row in text.split("\n") if row.startswith("| ")][1:]
    assert severities[0] == "| **critical**"
    assert "| info" not in severities


def test_texts_give_way_to_rows_and_checklists_to_texts() -> None:
    few = replace(MANY, findings=MANY.findings[:40], checklists=CLEAN.checklists[:1] * 40)
    text = render(few, View(), MARKER, 12_000)
    assert text.count("| `shop/web.py` |") == 40
    told = text.count("<br>`shop/web.py`")
    assert 0 < told < 40
    assert f"\n{40 - told} more texts in the JSON report." in text
    assert "Checklists: 80 pass" in text
    assert re.search(r"\n3\d more checklists in the JSON report.", text)


@settings(max_examples=60)
@given(MARKUP, MARKUP, MARKUP)
def test_any_text_stays_text(title: str, body: str, reason: str) -> None:
    made = report(
        replace(ADRIFT, title=title, body=body, path=f"a{reason}", anchor_note=reason),
        replace(FIRST, title=body, suggestion=title),
        comment(id="dddddddd", state="fixed", title=title),
        warnings=(title, body),
    )
    dismissal = Dismissal(reason, "", title, "command")
    view = View(dismissed=[entry(title=body, dismissal=dismissal)], notes=(reason,), scope=title)
    text = render(made, view, MARKER, LIMIT)
    assert_inert(shown(text))
    assert text.count("<details>") == text.count("</details>") == 2
    assert "Dismissed" in said(shown(text))


def test_a_hostile_report_is_inert() -> None:
    assert_inert(shown(render(HOSTILE, View(), MARKER, LIMIT)))
