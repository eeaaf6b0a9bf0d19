"""One fixed report with all kinds of findings, for the renderers; much of its text is hostile."""

from __future__ import annotations

from builders import comment

from reviewbot.anchors import FrameLine
from reviewbot.findings import Severity, Status
from reviewbot.report import AnsweredChecklist, AnsweredItem, Coverage, Report, TotalUsage

_FRAME = (
    FrameLine(11, " ", "def total(cart):"),
    FrameLine(12, "-", "    return cart.sum()"),
    FrameLine(12, "+", "    price = cart.sum()"),
    FrameLine(13, "+", "    return price  # ```"),
    FrameLine(14, " ", ""),
)
_LONG_FRAME = tuple(FrameLine(n, "+", f"step({n})") for n in range(1, 31))

_FINDINGS = (
    comment(
        id="aaaaaaaa",
        severity=Severity.CRITICAL,
        checklists=("security", "correctness"),
        path="shop/cart.py",
        line=12,
        end_line=13,
        title="Total ignores\nthe `List<Item>` discount",
        body="A cart of 10 with a discount of 2 costs 10.\n\nSubtract it:\n\n```python\n"
        "x < y\n```\n"
        "- as the old code did\n    and its callers expect, see `a < b` and a<b",
        suggestion="    price = cart.sum() - cart.discount\n    return price\n",
        frame=_FRAME,
        sources=("ruff B909", "Semgrep <b>no-list[0]\x1b[31m"),
    ),
    comment(
        id="bbbbbbbb",
        path="shop/cart.py",
        line=12,
        end_line=12,
        side="old",
        title="The check of the old version is gone",
        anchor_note="the model said line 99; what it quotes is line 12 of the old version",
        frame=_FRAME,
    ),
    comment(
        id="cccccccc",
        severity=Severity.MEDIUM,
        line=2,
        end_line=29,
        title="\x1b[2J\x1b]8;;https://evil.invalid\x07click\x1b]8;;\x07 \u202egnp.exe",
        body="Hidden\u200b and \x9b31m red.\r\n<img src=x onerror=alert(1)> ![x](https://evil.invalid)\n"
        "<!-- \n~~~~\nnever closed\n~~~",
        suggestion="```\n# out of the fence\n````\n\x1b[31m",
        frame=_LONG_FRAME,
    ),
    comment(
        id="dddddddd",
        state="open",
        severity=Severity.LOW,
        path="a`b<U+202E>.py",
        line=None,
        end_line=None,
        anchored=False,
        digests=(),
        anchor_note="the quoted line stands 2 times in the change",
        title="Unclear name",
        suggestion="",
    ),
    comment(id="eeeeeeee", severity=Severity.INFO, line=3, title="(no title)", body=""),
    comment(id="ffffffff", state="fixed", title="Was mended"),
    comment(id="99999999", state="dismissed", title="Was dismissed"),
    comment(
        id="88888888",
        state="dropped",
        drop_reason="its file was not read",
        path="../etc/passwd\x1b[0m",
        title="Not in this change",
    ),
    comment(
        id="77777777",
        state="dropped",
        drop_reason="below min_severity (low)",
        severity=Severity.INFO,
        title="Too small",
    ),
)

_ITEMS = (
    AnsweredItem("logic", "Conditions are the ones that are meant.", Status.FAIL, "see line 12"),
    AnsweredItem("callers", "Everything that uses it still works.", Status.PASS, "looked"),
    AnsweredItem("api-use", "Libraries are used as defined.", Status.NOT_APPLICABLE, ""),
    AnsweredItem("data-loss", "Nothing <stored> is lost.", Status.UNANSWERED, "\x1b[1m<b>\nx"),
)

REPORT = Report(
    version=1,
    status="incomplete",
    repository=None,
    pull_request=None,
    base="1" * 40,
    head=None,
    findings=_FINDINGS,
    checklists=(
        AnsweredChecklist("correctness", _ITEMS),
        AnsweredChecklist(
            "security", (AnsweredItem("xss", "Output is escaped.", Status.PASS, ""),)
        ),
    ),
    coverage=(
        Coverage("shop/cart.py", "correctness", "reviewed", "", "claude-sonnet"),
        Coverage("shop/cart.py", "security", "failed", "timeout\n\x1b[31m", "claude-sonnet"),
        Coverage("app.py", "correctness", "reviewed", "", "claude-sonnet"),
        Coverage("app.py", "security", "reviewed", "", "claude-sonnet"),
        Coverage("go.sum", "correctness", "skipped", "lock file", ""),
        Coverage("go.sum", "security", "skipped", "lock file", ""),
    ),
    usage=TotalUsage(
        calls=3,
        input_tokens=12_345,
        cached_tokens=6_000,
        cache_write_tokens=3_000,
        output_tokens=678,
        cost_usd=0.01234,
        seconds=4.25,
        models=("claude-sonnet",),
        budget_left_usd=4.31,
    ),
    warnings=("the base is \x1b[5mold\u2028",),
)
