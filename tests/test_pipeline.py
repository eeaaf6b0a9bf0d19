"""One report of all that came of the requests: status, coverage, items, findings, usage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import fake_gateway as fg
import pytest
from fake_gateway import KEY, FakeGateway, answered, failed, streamed

from reviewbot import checklists, config, gateway, pipeline, scope
from reviewbot.calls import Outcome
from reviewbot.change import from_patch
from reviewbot.checklists import Checklist
from reviewbot.endpoint import Endpoint
from reviewbot.errors import CallError, GatewayError, InterruptedReview
from reviewbot.findings import Answer, Finding, ItemAnswer, Severity, Status
from reviewbot.gateway import Gateway
from reviewbot.models import ANSWER_TOKENS, Model, Usage
from reviewbot.pipeline import Review, prepare, report, review_change
from reviewbot.prompt import Request
from reviewbot.report import Coverage, Report
from reviewbot.selection import select

PATCH = b"""\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1 +1,2 @@
 one
+two
diff --git a/b.js b/b.js
--- a/b.js
+++ b/b.js
@@ -1 +1,2 @@
 uno
+due
diff --git a/go.sum b/go.sum
--- a/go.sum
+++ b/go.sum
@@ -1 +1,2 @@
 x
+y
"""
OWN = """\
---
title: {title}
items:
  first: One.
  second: Two.
severity: low
paths: {paths}
---
Look.
"""
USAGE = Usage(100, 50, 10, 5, 0.25)


def own(name: str = "own", paths: str = "[]") -> Checklist:
    return checklists.load({f"{name}.md": OWN.format(title=name, paths=paths)})[name]


def a_review(
    *chosen: Checklist, patch: bytes = PATCH, filters: Sequence[str] = (), **settings: object
) -> Review:
    change = from_patch("test", patch.splitlines(keepends=True))
    overrides = {key: ("test", value) for key, value in settings.items()}
    return Review(
        change,
        select(change.diff.files, {"path_filters": filters}, {}),
        [(checklist, "claude-sonnet") for checklist in chosen],
        config.load({}, overrides).config,
    )


def asked(
    checklist: str = "own", batch: int = 0, paths: Iterable[str] = ("a.py", "b.js")
) -> Request:
    return Request(checklist, "claude-sonnet", batch, tuple(paths), "", "", "", 100)


def found(**values: Any) -> Finding:
    default: dict[str, Any] = {"path": "a.py", "body": "It fails.", "line": 2, "quote": "two"}
    return Finding(**default | values)


def ended(
    findings: Iterable[Finding] = (),
    items: dict[str, str] | None = None,
    problem: str = "",
    **request: Any,
) -> Outcome:
    answers = [ItemAnswer(name, Status(status)) for name, status in (items or {}).items()]
    answer = Answer(tuple(findings), tuple(answers), problem)
    return Outcome(asked(**request), answer, None, (USAGE,))


def lost(*usages: Usage, words: str = "oops", **request: Any) -> Outcome:
    return Outcome(asked(**request), None, CallError(words), usages)


# --- status and coverage ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([ended()], "complete"),
        ([ended(), lost()], "incomplete"),
        ([ended(problem="the answer was cut off")], "incomplete"),
        ([lost()], "failed"),
        ([lost(), lost()], "failed"),
        # The gateway did its part; the model gave nothing that can be read.
        ([lost(USAGE)], "incomplete"),
    ],
)
def test_status(outcomes: list[Outcome], status: str) -> None:
    assert report(a_review(own()), outcomes, 1.0).status == status


def again(review: Review, before: bytes = PATCH) -> Review:
    """The review after a complete one of another version of the change."""
    then = from_patch("test", before.splitlines(keepends=True)).diff
    new = scope.since("1" * 40, review.change.diff, then)
    return replace(review, selection=scope.narrowed(review.selection, new), scope=new)


def test_what_is_unchanged_since_a_complete_review_is_not_sent_and_said_so() -> None:
    review = again(a_review(own()), PATCH.replace(b"+two", b"+2"))
    request, _ = prepare(review, Model, None)
    assert request.paths == ("a.py",)
    assert "b.js (modified, +1 -0); not shown: unchanged since 1111111111" in request.change
    made = report(review, [ended(paths=["a.py"])], 1.0)
    assert made.status == "complete"
    assert made.coverage == (
        Coverage("a.py", "own", "reviewed", "", "claude-sonnet"),
        Coverage("b.js", "own", "skipped", "unchanged since 1111111111", ""),
        Coverage("go.sum", "own", "skipped", "lock file", ""),
    )


@pytest.mark.parametrize("filters", [(), ("!b.js",)])
def test_where_nothing_is_new_the_review_is_complete_without_a_call(filters: list[str]) -> None:
    review = again(a_review(own(), filters=filters))
    assert [*prepare(review, Model, None)] == []
    made = report(review, [], 1.0)
    assert (made.status, made.usage.calls, made.warnings) == ("complete", 0, ())


def test_old_parts_are_marked_in_the_requests_of_a_later_review() -> None:
    more = PATCH.replace(b"+two\n", b"+two\n@@ -9 +10,2 @@\n nine\n+ten\n")
    request, _ = prepare(again(a_review(own(), patch=more)), Model, None)
    assert "[reviewed before]\n1\t one\n2\t+two\n...\n[new]\n10\t nine" in request.change


def test_a_file_that_should_have_been_read_is_a_gap() -> None:
    lines = b"".join(b"+%d\n" % number for number in range(20_001))
    huge = b"diff --git a/c.py b/c.py\n--- a/c.py\n+++ b/c.py\n@@ -0,0 +1,20001 @@\n" + lines
    for patch, outcomes in ((PATCH + huge, [ended()]), (huge, [])):
        made = report(a_review(own(), patch=patch), outcomes, 1.0)
        assert made.status == "incomplete"
        entry = made.coverage[-1]
        assert (entry.path, entry.status) == ("c.py", "skipped")
        assert entry.reason == "too large: 20,001 changed lines, 20,000 at most"


def test_coverage_says_for_each_file_and_checklist_what_became_of_it() -> None:
    review = a_review(own("all"), own("python", "['*.py']"))
    outcomes = [
        lost(checklist="all", batch=1, paths=["b.js"], words="late"),
        ended(checklist="all", paths=["a.py", "b.js"], problem="cut off"),
        ended(checklist="python", paths=["a.py"]),
    ]
    assert report(review, outcomes, 1.0).coverage == (
        Coverage("a.py", "all", "failed", "cut off", "claude-sonnet"),
        Coverage("a.py", "python", "reviewed", "", "claude-sonnet"),
        Coverage("b.js", "all", "failed", "late; cut off", "claude-sonnet"),
        Coverage("b.js", "python", "skipped", "not among the checklist's paths", ""),
        Coverage("go.sum", "all", "skipped", "lock file", ""),
        Coverage("go.sum", "python", "skipped", "lock file", ""),
    )


def test_the_same_reason_is_said_once() -> None:
    outcomes = [lost(batch=0), lost(batch=1)]
    assert {entry.reason for entry in report(a_review(own()), outcomes, 1.0).coverage} == {
        "oops",
        "lock file",
    }


def test_no_checklist_for_any_file_is_nothing_to_do() -> None:
    made = report(a_review(own("sql", "['*.sql']")), [], 1.0)
    assert made.status == "skipped"
    assert [entry.status for entry in made.coverage] == ["skipped"] * 3


# --- items --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (["pass"], "pass"),
        (["pass", "fail"], "fail"),
        (["unanswered", "fail"], "fail"),
        (["pass", "unanswered"], "unanswered"),
        (["pass", None], "unanswered"),
        (["not_applicable", "pass"], "pass"),
        (["not_applicable", "not_applicable"], "not_applicable"),
        ([None], "unanswered"),
    ],
)
def test_items_over_batches(answers: list[str | None], status: str) -> None:
    outcomes = [
        ended(items={"first": answer} if answer else {}, batch=number)
        for number, answer in enumerate(answers)
    ]
    for order in (outcomes, outcomes[::-1]):
        (checklist,) = report(a_review(own()), order, 1.0).checklists
        first, second = checklist.items
        assert (first.id, first.text, first.status) == ("first", "One.", status)
        assert second.status == "unanswered"


def test_a_failed_batch_leaves_the_items_unanswered() -> None:
    outcomes = [ended(items={"first": "pass", "second": "fail"}), lost(batch=1)]
    (checklist,) = report(a_review(own()), outcomes, 1.0).checklists
    assert [item.status for item in checklist.items] == ["unanswered", "fail"]


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (found(item="first"), "fail"),
        (found(item="second"), "pass"),
        (found(item="first", path="not/in/the/diff.py"), "pass"),
        (found(item="first", quote="nowhere"), "fail"),
    ],
)
def test_a_finding_fails_its_item_whatever_the_model_ticks(finding: Finding, status: str) -> None:
    outcomes = [ended([finding], items={"first": "pass"})]
    (checklist,) = report(a_review(own()), outcomes, 1.0).checklists
    assert checklist.items[0].status == status


def test_another_checklists_finding_fails_nothing_here() -> None:
    outcomes = [
        ended([found(item="first")], checklist="one"),
        ended(items={"first": "pass"}, checklist="two"),
    ]
    one, two = report(a_review(own("one"), own("two")), outcomes, 1.0).checklists
    assert (one.items[0].status, two.items[0].status) == ("fail", "pass")


# --- findings -----------------------------------------------------------------------------------


def test_findings_are_ranked_and_known_by_checklist_and_model() -> None:
    findings = [
        found(severity=Severity.MEDIUM, title="Middle"),
        found(severity=None, title="Default", path="b.js", quote="due"),
        found(severity=Severity.CRITICAL, title="Worst", quote="one", line=1),
    ]
    made = report(a_review(own()), [ended(findings)], 1.0).findings
    assert [(each.title, str(each.severity), each.path, each.line) for each in made] == [
        ("Worst", "critical", "a.py", 1),
        ("Middle", "medium", "a.py", 2),
        ("Default", "low", "b.js", 2),
    ]
    assert {(each.state, each.checklists, each.model) for each in made} == {
        ("new", ("own",), "claude-sonnet")
    }


def test_one_defect_found_twice_is_one_finding() -> None:
    outcomes = [
        ended([found(title="Broken sum", item="first")], checklist=name) for name in ("one", "two")
    ]
    (comment,) = report(a_review(own("one"), own("two")), outcomes, 1.0).findings
    assert sorted(comment.checklists) == ["one", "two"]


def test_what_is_below_min_severity_is_kept_with_the_reason() -> None:
    findings = [
        found(severity=Severity.HIGH, title="High"),
        found(severity=Severity.LOW, title="Low", item="first"),
        found(severity=Severity.LOW, title="Elsewhere", path="no.py"),
    ]
    made = report(a_review(own(), min_severity="medium"), [ended(findings)], 1.0)
    reasons = {each.title: (each.state, each.drop_reason) for each in made.findings}
    assert reasons == {
        "High": ("new", None),
        "Low": ("dropped", "below min_severity (medium)"),
        "Elsewhere": ("dropped", "its file was not read"),
    }
    assert [each.title for each in made.standing] == ["High"]


def test_the_order_in_which_answers_come_changes_nothing() -> None:
    outcomes = [
        ended([found(title=f"Number {number}", line=1, quote="one")], batch=number)
        for number in range(3)
    ]
    forwards = report(a_review(own()), outcomes, 1.0)
    backwards = report(a_review(own()), outcomes[::-1], 1.0)
    assert forwards.findings == backwards.findings


# --- usage --------------------------------------------------------------------------------------


def test_usage_is_the_sum_of_all_calls_of_repairs_and_failures_too() -> None:
    outcomes = [ended(), Outcome(asked(), None, CallError("oops"), (USAGE, USAGE)), lost()]
    used = report(a_review(own()), outcomes, 1.23456).usage
    assert (used.calls, used.input_tokens, used.cached_tokens) == (3, 300, 150)
    assert (used.cache_write_tokens, used.output_tokens, used.cost_usd) == (30, 15, 0.75)
    assert (used.seconds, used.models) == (1.235, ("claude-sonnet",))


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    outcomes = [ended(), Outcome(asked(), None, CallError("oops"), (Usage(5),))]
    assert report(a_review(own()), outcomes, 1.0).usage.cost_usd is None


def test_nothing_to_read_is_nothing_to_do() -> None:
    made = report(a_review(own(), filters=["docs/"]), [], 1.0)
    assert made.status == "skipped"
    assert {entry.reason for entry in made.coverage} == {"left out by path_filters", "lock file"}
    assert [item.status for item in made.checklists[0].items] == ["unanswered"] * 2
    assert (made.usage.calls, made.usage.cost_usd) == (0, 0)


# --- the whole way ------------------------------------------------------------------------------


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "TRIES", 1)


def reviewed(fake: FakeGateway, review: Review) -> tuple[Report, list[tuple[int, int]]]:
    heard: list[tuple[int, int]] = []
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), fg.PATIENCE) as gateway:
        prepared = list(prepare(review, gateway.model, gateway.limits.tokens_per_minute))
        made = review_change(
            review, prepared, gateway, lambda _, done, total: heard.append((done, total))
        )
    return made, heard


def test_a_review(fake: FakeGateway) -> None:
    finding = {"path": "a.py", "line": 2, "quote": "two", "severity": "high", "body": "Bad."}
    fake.react = lambda call: streamed(answered([finding], {"first": "fail", "second": "pass"}))
    made, heard = reviewed(fake, a_review(own("one"), own("two")))
    assert made.status == "complete"
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert [(each.path, each.line, each.checklists) for each in made.findings] == [
        ("a.py", 2, ("one", "two"))
    ]
    assert (len(fake.calls), len(fake.verifications)) == (2, 1)
    assert made.usage.calls == 3


@pytest.mark.usefixtures("one_try")
def test_a_useless_key_is_an_error_not_a_report(fake: FakeGateway) -> None:
    fake.plan(failed(401, "token_not_found_in_db", "no such key"))
    with pytest.raises(GatewayError, match="is not accepted"):
        reviewed(fake, a_review(own("one"), own("two")))


@pytest.mark.usefixtures("one_try")
def test_what_came_before_a_useless_key_is_kept(fake: FakeGateway) -> None:
    fake.plan(streamed(answered()), failed(422, "budget_exceeded", "spent"))
    made, _ = reviewed(fake, a_review(own("one"), own("two"), jobs=1))
    assert made.status == "incomplete"
    assert {entry.reason for entry in made.coverage if entry.status == "failed"} == {
        "the budget of the key is spent"
    }


@pytest.mark.usefixtures("one_try")
def test_all_calls_failing_is_a_failed_review(fake: FakeGateway) -> None:
    fake.plan(failed(500, "", "oops"))
    made, _ = reviewed(fake, a_review(own("one"), own("two")))
    assert made.status == "failed"
    assert made.exit_code("none") == 4


def test_an_interruption_says_what_is_lost(fake: FakeGateway) -> None:
    def press(_: Outcome, done: int, total: int) -> None:
        raise KeyboardInterrupt

    fake.plan(streamed(answered(), usage=fg.USAGE | {"cost": 0.5}))
    review = a_review(own("one"), own("two"))
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), fg.PATIENCE) as gateway:
        prepared = list(prepare(review, gateway.model, None))
        with pytest.raises(InterruptedReview) as caught:
            review_change(review, prepared, gateway, press)
    assert caught.value.message == (
        "interrupted: 1 answer of 3 had come; they are lost, and nothing is written. "
        "$0.5000 is spent."
    )
    assert caught.value.exit_code == 130


# --- room ---------------------------------------------------------------------------------------


def test_requests_fit_the_smallest_window_and_the_keys_limit() -> None:
    def model_of(name: str) -> Model:
        return Model(name, window=50_000, answer=ANSWER_TOKENS)

    request, _ = prepare(a_review(own()), model_of, None)
    assert request.answer_tokens == ANSWER_TOKENS
    request, _ = prepare(a_review(own()), model_of, 12_000)
    assert request.answer_tokens == 3_000
    assert request.input_tokens + request.answer_tokens <= 12_000 * pipeline.OWN_SHARE


def test_a_limit_that_no_call_fits_into_is_said_at_once() -> None:
    with pytest.raises(GatewayError, match="no change fits") as caught:
        list(prepare(a_review(own()), Model, 2_000))
    assert "tokens-per-minute" in caught.value.hint


def test_a_filter_that_leaves_nothing_is_said() -> None:
    made = report(a_review(own(), filters=["no/such"]), (), 0.0)
    assert made.warnings == ("nothing is reviewed: 2 files left out by path_filters",)


def test_a_checklist_without_any_answer_to_its_items_is_said() -> None:
    outcome = Outcome(asked(), Answer((), ()), None, (USAGE,))
    made = report(a_review(own()), [outcome], 0.0)
    assert made.warnings == ("the model ticked no item of own",)
    assert made.status == "complete"


def test_what_fails_the_run_is_shown() -> None:
    outcome = ended([found(severity=Severity.HIGH)])
    made = report(a_review(own(), min_severity="critical", fail_on="high"), [outcome], 0.0)
    assert [finding.state for finding in made.findings] == ["new"]
    assert made.exit_code("high") == 1


def test_a_file_that_the_patch_deletes_and_adds_again_is_covered_once_each() -> None:
    patch = b"""\
diff --git a/a.py b/a.py
deleted file mode 100644
--- a/a.py
+++ /dev/null
@@ -1 +0,0 @@
-one
diff --git a/a.py b/a.py
new file mode 120000
--- /dev/null
+++ b/a.py
@@ -0,0 +1 @@
+two
"""
    made = report(a_review(own(), patch=patch), [ended(paths=["a.py"])], 0.0)
    assert [entry.status for entry in made.coverage] == ["skipped", "reviewed"]


def test_a_failed_item_without_a_finding_is_said() -> None:
    made = report(a_review(own()), [ended(items={"first": "fail", "second": "pass"})], 0.0)
    assert made.warnings == ("own: the model says that first fails, without a finding",)


def test_a_file_that_may_hold_secrets_is_said() -> None:
    patch = b"--- /dev/null\n+++ b/.env\n@@ -0,0 +1 @@\n+A=1\n"
    (warning,) = report(a_review(own(), patch=patch), (), 0.0).warnings
    assert warning.startswith("not sent, as they may hold secrets")
    assert warning.endswith(": .env")


def test_what_matters_most_comes_first() -> None:
    files = {"README.md": 9, "tests/test_a.py": 5, "a.py": 1, "b.py": 3, "web/x.test.ts": 2}
    patch = "".join(
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1,{count + 1} @@\n one\n"
        + "+two\n" * count
        for path, count in files.items()
    )
    style, security = checklists.choose(checklists.load({}), ("style", "security"))
    ordered = pipeline.important_first(a_review(style, security, patch=patch.encode()))
    paths = [file.path for file in ordered.selection.files]
    assert paths == ["b.py", "a.py", "tests/test_a.py", "web/x.test.ts", "README.md"]
    assert [checklist.name for checklist, _ in ordered.chosen] == ["security", "style"]
