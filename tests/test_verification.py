"""Findings that somebody tries to refute: what is asked, what is read, and what comes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import checklist, comment, file_diff, raw_finding, request
from fake_gateway import KEY, FakeGateway, answered, failed, streamed

from reviewbot import calls, checklists, config, verification
from reviewbot.anchors import Comment
from reviewbot.change import Change
from reviewbot.diff import Diff
from reviewbot.endpoint import Endpoint
from reviewbot.findings import Answer, ItemAnswer, Status
from reviewbot.gateway import Gateway
from reviewbot.pipeline import Review, prepare, review_change
from reviewbot.report import Report
from reviewbot.selection import select
from reviewbot.verification import Verdict, settled, verdicts

TITLES = ("Total is wrong", "Nobody closes it", "It may be slow")


def claims() -> list[Comment]:
    return [
        comment(id=f"id{n}", title=title, fingerprint=f"{n}" * 64, line=n, end_line=n)
        for n, title in enumerate(TITLES, 1)
    ]


def told(*items: tuple[str, str, str]) -> Answer:
    return Answer((), tuple(ItemAnswer(name, Status(status), note) for name, status, note in items))


# --- what is asked and read ----------------------------------------------------------------------


def test_the_claims_stand_in_a_block_with_their_places_and_quotes() -> None:
    waiting = replace(request(), verifies=True, task="")
    asked = verification.request(waiting, claims(), [checklist()])
    assert asked is not None
    assert (
        "c1. app.py:1 (high, correctness): Total is wrong\nAsked for: The logic is right.\n"
        "> return total\nIt fails.\n" in asked.task
    )
    assert "c3. app.py:3 (high, correctness): It may be slow" in asked.task
    assert asked.task.count("<claims-") == 1
    assert (asked.system, asked.change) == (waiting.system, waiting.change)
    assert verification.request(waiting, [], []) is None


def test_a_claim_about_a_removed_line_has_the_number_by_which_the_change_shows_it() -> None:
    removed = comment(side="old", line=17, end_line=17, head_line=21, quote="check(user)")
    asked = verification.request(request(), [removed], [])
    assert asked is not None
    assert "c1. app.py:21, removed (high, " in asked.task
    assert "\n> check(user)\n" in asked.task


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (("c1", "pass", "Line 3 shows it. [8]"), {0: Verdict(8, "Line 3 shows it.", None)}),
        (("c1", "pass", "a[0] is so [7/10]."), {0: Verdict(7, "a[0] is so", None)}),
        (("c2", "pass", "it is so [9] same as c1"), {1: Verdict(9, "it is so", 0)}),
        (("c2", "pass", "it is so, same as c1 [9]"), {1: Verdict(9, "it is so", 0)}),
        (("c3", "fail", "it is not [0]"), {2: Verdict(0, "it is not", None)}),
        (
            ("c1", "pass", "`rows[0]` is empty, see 2"),
            {0: Verdict(10, "`rows[0]` is empty, see 2", None)},
        ),
        (("c1", "pass", "[8] rows[0] is empty"), {0: Verdict(8, "rows[0] is empty", None)}),
        (("c1", "pass", "2 callers pass None."), {0: Verdict(10, "2 callers pass None.", None)}),
        (("c1", "pass", "it holds (8)"), {0: Verdict(8, "it holds", None)}),
        (("c1", "pass", "it holds: 9/10."), {0: Verdict(9, "it holds:", None)}),
        (("c2", "pass", "Not the same as c1. [8]"), {1: Verdict(8, "Not the same as c1.", None)}),
        (
            ("c2", "pass", "Same as c1 in kind only. [8]"),
            {1: Verdict(8, "Same as c1 in kind only.", None)},
        ),
        (("c1", "pass", "8: it is so."), {0: Verdict(8, "it is so.", None)}),
        (("2", "pass", "10/10 - proven"), {1: Verdict(10, "proven", None)}),
        ((" C3 ", "fail", "2: no"), {}),
        (("c3", "fail", "2: no"), {2: Verdict(2, "no", None)}),
        (("c3", "fail", "9: a slip"), {2: Verdict(5, "a slip", None)}),
        (("c3", "fail", "no number"), {2: Verdict(5, "no number", None)}),
        (("c3", "pass", "no number"), {2: Verdict(10, "no number", None)}),
        (("c3", "not_applicable", "not shown"), {2: Verdict(5, "not shown", None)}),
        (("c2", "pass", "8: yes; same as c1"), {1: Verdict(8, "yes", 0)}),
        (("c2", "pass", "same as c1."), {1: Verdict(10, "", 0)}),
        (("c1", "pass", "8: same as c2"), {0: Verdict(8, "", None)}),
        (("c2", "pass", "99: sure"), {1: Verdict(10, "sure", None)}),
        (("c4", "pass", "8"), {}),
        (("c0", "pass", "8"), {}),
        (("logic", "pass", "8"), {}),
        (("c1", "unanswered", "8"), {}),
    ],
)
def test_verdicts_as_models_write_them(
    item: tuple[str, str, str], found: Mapping[int, Verdict]
) -> None:
    assert verdicts(told(item), 3) == found


def states(comments: Sequence[Comment]) -> list[tuple[str, int, str]]:
    return [(each.state, each.confidence, each.drop_reason or "") for each in comments]


def test_what_is_not_sure_is_dropped_and_keeps_the_reason() -> None:
    found = {0: Verdict(9, "so it is", None), 1: Verdict(3, "the with block does", None)}
    sure, unsure, unasked = settled(claims(), found, 6)
    assert states([sure, unsure, unasked]) == [
        ("new", 9, ""),
        ("dropped", 3, "below min_confidence (6)"),
        ("new", 8, ""),
    ]
    assert (sure.verification, unsure.verification) == ("so it is", "the with block does")


def test_what_states_the_same_becomes_one_with_both_names() -> None:
    first, second, third = claims()
    second = replace(second, checklists=("security",), items=("leak",))
    found = {1: Verdict(9, "", 0), 2: Verdict(9, "", 1)}
    kept, same, also = settled([first, second, third], found, 6)
    assert (kept.checklists, kept.items) == (("correctness", "security"), ("logic", "leak"))
    assert states([same])[0][::2] == ("dropped", "the same as id1")
    assert also.state == "new"  # what it is the same as is not shown


# --- in a review ---------------------------------------------------------------------------------

NEW = raw_finding(path="app.py", line=1, end_line=1, quote="new", title="Wrong", item="logic")


def a_review(**settings: Any) -> Review:
    the_change = Change("test", None, None, Diff((file_diff(),)), lambda _: (), {}, {})
    overrides = {name: ("test", value) for name, value in settings.items()}
    return Review(
        the_change,
        select(the_change.diff.files, {}, {}),
        [(checklists.load({})["correctness"], "claude-sonnet")],
        config.load({}, overrides).config,
    )


def reviewed(fake: FakeGateway, review: Review) -> Report:
    fake.be_litellm()
    fake.react = lambda _: streamed(answered([NEW], {"logic": "fail"}))
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), 20.0) as gateway:
        prepared = list(prepare(review, gateway.model, None))
        return review_change(review, prepared, gateway, lambda *_: None)


def judged(status: str, note: str) -> str:
    return json.dumps({"findings": [], "items": [{"id": "c1", "status": status, "note": note}]})


def test_a_finding_that_is_refuted_stands_in_the_json_only(fake: FakeGateway) -> None:
    fake.verify = lambda _: streamed(judged("fail", "1: it was so before"))
    report = reviewed(fake, a_review())
    (finding,) = report.findings
    assert (finding.state, finding.confidence) == ("dropped", 1)
    assert finding.verification == "it was so before"
    assert report.status == "complete"
    ticks = {item.id: item.status for each in report.checklists for item in each.items}
    assert ticks["logic"] == Status.PASS
    assert (report.usage.calls, report.warnings) == (2, ())


def test_one_that_holds_is_shown_with_how_sure_it_is(fake: FakeGateway) -> None:
    fake.verify = lambda _: streamed(judged("pass", "9: line 1 says so"))
    (finding,) = reviewed(fake, a_review()).findings
    assert (finding.state, finding.confidence) == ("new", 9)


@pytest.mark.parametrize(
    "settings", [{"effort": "low"}, {"min_severity": "critical"}], ids=["low effort", "not shown"]
)
def test_where_nothing_is_to_be_verified_nothing_is_asked(
    fake: FakeGateway, settings: dict[str, Any]
) -> None:
    report = reviewed(fake, a_review(**settings))
    assert not fake.verifications
    assert report.usage.calls == 1


def test_without_a_verdict_a_finding_stands(fake: FakeGateway) -> None:
    fake.verify = lambda _: failed(400, "bad_request", "no")
    report = reviewed(fake, a_review())
    assert [each.state for each in report.findings] == ["new"]
    assert report.status == "complete"
    (warning,) = (each for each in report.warnings if "verified" in each)
    assert warning.startswith("not all findings were verified: ")


def test_at_low_effort_the_reviewers_own_word_counts(fake: FakeGateway) -> None:
    report = reviewed(fake, a_review(effort="low", min_confidence=9))
    (finding,) = report.findings
    assert finding.drop_reason == "below min_confidence (9)"


def test_another_model_may_verify(fake: FakeGateway) -> None:
    reviewed(fake, a_review(verify_model="claude-haiku"))
    (call,) = fake.verifications
    assert call.body["model"] == "claude-haiku"


def test_it_reads_the_same_prefix_from_the_cache(fake: FakeGateway) -> None:
    reviewed(fake, a_review())
    (first,), (second,) = fake.calls, fake.verifications
    one, other = (call.body["messages"] for call in (first, second))
    assert one[0] == other[0]
    assert one[1]["content"][0] == other[1]["content"][0]
    assert first.body["response_format"] == second.body["response_format"]


def test_it_waits_for_its_whole_batch_and_for_no_other(fake: FakeGateway) -> None:
    order: list[str] = []
    fake.be_litellm()

    def react(call: Any) -> Any:
        order.append(call.checklist)
        return streamed(answered())

    fake.react = react

    def completed(waiting: Any, ended: Sequence[calls.Outcome]) -> Any:
        order.append(f"batch {waiting.batch}: {len(ended)}")

    requests = [
        request(checklist=name, batch=n, verifies=name == "v", task=f"# Checklist: {name}{n}")
        for n in (0, 1)
        for name in ("a", "b", "v")
    ]
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), 20.0) as gateway:
        deadline = time.monotonic() + 20
        found = list(calls.run(requests, gateway, jobs=1, deadline=deadline, completed=completed))
    assert len(found) == 4
    assert order.index("batch 0: 2") > max(order.index("a0"), order.index("b0"))
    assert order.count("batch 1: 2") == 1
