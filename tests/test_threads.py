"""What is said, and what is not said again: decided from values alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import comment
from sample_report import REPORT

from reviewbot import history, scope, threads
from reviewbot.anchors import Comment
from reviewbot.commands import Command
from reviewbot.findings import Severity
from reviewbot.history import (
    Discussion,
    Dismissal,
    Entry,
    History,
    Note,
    Remark,
    State,
    Thread,
)
from reviewbot.report import Coverage, Report
from reviewbot.scope import Moved, Scope
from reviewbot.threads import Ground, Plan

BOT, ADA, EVE = "bot", "ada", "eve"
HEAD = "a" * 40


def trusts(login: str) -> bool:
    return login == ADA


def note(body: str, author: str = BOT, **changes: Any) -> Note:
    values: dict[str, Any] = {
        "id": "1",
        "author": author,
        "own": author == BOT,
        "body": body,
        "url": "https://forge/1",
        "at": "2026-01-01T00:00:00Z",
    }
    return Note(**(values | changes))


def entry(**changes: Any) -> Entry:
    made = history.entry_of(comment(digests=("d3",)), HEAD)
    values: dict[str, Any] = {"commented": True, "body": ""}
    return replace(made, **(values | changes))


def discussion(of: Entry, *answers: Note, **changes: Any) -> Discussion:
    opening = changes.pop("opening", note(history.finding_marker(of) + "\n**high**"))
    values: dict[str, Any] = {
        "id": "T1",
        "resolved": False,
        "resolved_by": None,
        "resolvable": True,
        "notes": (opening, *answers),
    }
    return Discussion(**(values | changes))


def remembered(
    *discussions: Discussion, notes: Sequence[Note] = (), state: State | None = None
) -> Sequence[Entry]:
    found = history.read(discussions, notes)
    return history.remembered(replace(found, state=state or found.state), trusts)


def report(*comments: Comment, reviewed: Sequence[str] = ("app.py",), **changes: Any) -> Report:
    coverage = tuple(Coverage(path, "correctness", "reviewed", "", "m") for path in reviewed)
    values = {"status": "complete", "findings": comments, "coverage": coverage, "head": HEAD}
    return replace(REPORT, **(values | changes))


class Where:
    """Moves that the test says."""

    def __init__(self, *moved: Moved | None) -> None:
        self._moved = list(moved)

    def place(self, path: str, side: str, line: int, end_line: int) -> Moved | None:
        return self._moved[0] if self._moved else Moved(path, line, end_line, changed=False)


def ground(
    moves: Any = None,
    new: Scope | None = None,
    standing: Sequence[str] | None = None,
    paths: Sequence[str] = ("app.py",),
) -> Ground:
    return Ground(
        frozenset(paths),
        new or scope.everything("test"),
        lambda _: moves or Where(),  # type: ignore[arg-type, return-value]
        lambda _: frozenset((() if moves else ("d3",)) if standing is None else standing),
    )


def planned(
    made: Report,
    *entries: Entry,
    on: Ground | None = None,
    known: Sequence[Thread] = (),
    most: int = 30,
) -> Plan:
    return threads.plan(
        made,
        entries,
        known,
        on or ground(),
        placeable=lambda each: each.anchored,
        most=most,
    )


def states(plan: Plan) -> dict[str, str]:
    return {each.title: each.state for each in plan.report.findings}


EDITED = Where(Moved("app.py", 3, 3, changed=True))
NEW = comment(digests=("d3",))
REWORDED = replace(NEW, title="Other words", body="Said otherwise.", fingerprint="e" * 64)


# --- said once ----------------------------------------------------------------------------------


def test_what_is_new_is_posted() -> None:
    plan = planned(report(NEW))
    assert plan.post == (NEW,)
    assert [each.fingerprint for each in plan.entries] == [NEW.fingerprint]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(NEW, id="the same"),
        pytest.param(REWORDED, id="reworded, at the same line"),
        pytest.param(replace(REWORDED, digests=("d9",)), id="the line was edited"),
        pytest.param(
            replace(REWORDED, line=2, end_line=5, digests=("x", "d3")), id="a wider range"
        ),
        pytest.param(replace(REWORDED, checklists=("style", "correctness")), id="found by more"),
        pytest.param(replace(REWORDED, severity=Severity.CRITICAL), id="called worse"),
    ],
)
def test_what_was_said_is_not_said_again(again: Comment) -> None:
    plan = planned(report(again), entry())
    assert plan.post == ()
    (finding,) = plan.report.findings
    assert (finding.state, finding.id) == ("open", NEW.id)
    assert [each.fingerprint for each in plan.entries] == [NEW.fingerprint]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(REWORDED, line=40, end_line=40, digests=("d9",)), id="another line"),
        pytest.param(replace(REWORDED, path="b.py"), id="the same line of another file"),
        pytest.param(replace(REWORDED, checklists=("security",)), id="another checklist, and loud"),
        pytest.param(replace(REWORDED, side="old", digests=("o1",)), id="the line it replaces"),
    ],
)
def test_what_is_another_matter_is_posted(other: Comment) -> None:
    assert planned(report(other), entry()).post == (other,)


def test_a_line_that_was_cut_out_and_put_elsewhere_is_known_by_its_text() -> None:
    moved = replace(REWORDED, line=90, end_line=90)
    plan = planned(report(moved), entry(), on=ground(EDITED))
    assert plan.post == ()
    assert states(plan) == {"Other words": "open"}


def test_a_copy_of_a_line_above_it_is_another_matter() -> None:
    copy = replace(NEW, line=1, end_line=1)  # the first of two equal lines: the old one's digest
    old = replace(NEW, digests=("d3 again",), fingerprint="9" * 64)
    for state in ("open", "dismissed"):
        plan = planned(report(copy, old), entry(state=state))
        assert [each.line for each in plan.post] == [1]
        assert plan.post[0].fingerprint != NEW.fingerprint
        assert len(plan.entries) == len({each.fingerprint for each in plan.entries}) == 2
        assert sorted(each.state for each in plan.report.findings) == sorted(["new", state])


def test_a_dismissed_nit_that_becomes_a_defect_is_raised() -> None:
    nit = entry(state="dismissed", severity=Severity.LOW)
    worse = replace(REWORDED, digests=("d9",), severity=Severity.CRITICAL)
    assert len(planned(report(worse), nit, on=ground(EDITED)).post) == 1
    as_bad = replace(worse, severity=Severity.LOW)
    assert planned(report(as_bad), nit, on=ground(EDITED)).post == ()


def test_what_could_not_be_posted_is_posted_though_the_model_forgets_it() -> None:
    late = entry(commented=False, waiting=True, said_at="b" * 40, body="It fails.")
    plan = planned(report(), late)
    assert [(each.id, each.body) for each in plan.post] == [(late.id, "It fails.")]
    assert [(each.waiting, each.said_at) for each in plan.entries] == [(False, HEAD)]


def test_the_old_words_stay_with_the_worse_of_two_severities() -> None:
    plan = planned(report(replace(REWORDED, severity=Severity.LOW)), entry())
    assert plan.report.findings[0].severity == Severity.HIGH
    assert plan.entries[0].severity == Severity.HIGH


def test_two_findings_that_are_one_thread_are_shown_once() -> None:
    plan = planned(report(NEW, REWORDED), entry())
    assert sorted(each.state for each in plan.report.findings) == ["dropped", "open"]
    assert "the same as" in (plan.report.findings[1].drop_reason or "")


def test_another_checklist_at_the_same_place_must_be_loud_for_a_comment_of_its_own() -> None:
    quiet = replace(REWORDED, checklists=("style",), severity=Severity.MEDIUM)
    plan = planned(report(quiet), entry())
    assert plan.post == ()
    assert states(plan)["Other words"] == "new"  # it stands in the summary
    assert planned(report(NEW, quiet)).post == (NEW,)


def test_what_has_no_line_is_known_by_checklist_path_and_item() -> None:
    without = replace(NEW, line=None, end_line=None, digests=(), anchored=False)
    plan = planned(report(without))
    assert plan.post == ()
    again = planned(report(replace(without, title="Other words")), *plan.entries)
    assert [each.state for each in again.report.findings] == ["open"]


def test_the_most_severe_are_posted_and_all_are_remembered() -> None:
    many = [
        replace(
            NEW,
            id=str(n),
            fingerprint=str(n),
            line=n,
            end_line=n,
            digests=(f"l{n}",),
            severity=Severity.CRITICAL if n == 50 else Severity.LOW,
        )
        for n in range(1, 51)
    ]
    plan = planned(report(*many), most=30)
    assert len(plan.post) == 30
    assert plan.post[0].line == 50
    assert len(plan.entries) == 50


# --- convergence --------------------------------------------------------------------------------


def seen_before(severity: Severity) -> Plan:
    converged = replace(scope.everything(""), since="b" * 40, fresh={"app.py": frozenset()})
    return planned(report(replace(NEW, severity=severity)), on=ground(new=converged))


@pytest.mark.parametrize("severity", [Severity.MEDIUM, Severity.LOW, Severity.INFO])
def test_old_lines_get_no_new_small_findings(severity: Severity) -> None:
    plan = seen_before(severity)
    assert plan.post == ()
    (finding,) = plan.report.findings
    assert finding.state == "dropped"
    assert "reviewed before" in (finding.drop_reason or "")


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.HIGH])
def test_old_lines_get_new_grave_findings(severity: Severity) -> None:
    assert len(seen_before(severity).post) == 1


# --- fixed, or only not repeated ----------------------------------------------------------------


def known(of: Entry, *answers: Note, **changes: Any) -> Sequence[Thread]:
    return history.read([discussion(of, *answers, **changes)], ()).threads


def test_not_repeated_is_not_fixed() -> None:
    plan = planned(report(), entry(), known=known(entry()))
    assert states(plan) == {NEW.title: "open"}
    assert plan.resolve == ()


def test_edited_and_reviewed_again_without_a_finding_is_fixed() -> None:
    plan = planned(report(), entry(), on=ground(EDITED), known=known(entry()))
    assert states(plan) == {NEW.title: "fixed"}
    assert plan.report.standing == ()
    assert len(plan.resolve) == 1


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(report(reviewed=()), id="its file was not reviewed again"),
        pytest.param(
            report(replace(REWORDED, checklists=("style",))), id="another finding is there"
        ),
    ],
)
def test_edited_alone_is_not_fixed(made: Report) -> None:
    plan = planned(made, entry(), on=ground(EDITED), known=known(entry()))
    assert states(plan)[NEW.title] == "open"
    assert plan.resolve == ()


def test_an_edit_is_remembered_until_the_file_is_reviewed_again() -> None:
    first = planned(report(reviewed=()), entry(), on=ground(EDITED))
    second = planned(report(), *first.entries, on=ground(standing=()))
    assert states(second) == {NEW.title: "fixed"}


def test_an_edit_that_was_taken_back_is_none() -> None:
    first = planned(report(reviewed=()), entry(), on=ground(EDITED))
    second = planned(report(), *first.entries)
    assert states(second) == {NEW.title: "open"}


def test_lines_that_stand_elsewhere_in_the_file_are_not_mended() -> None:
    plan = planned(report(), entry(), on=ground(EDITED, standing=("d3",)))
    assert states(plan) == {NEW.title: "open"}


def test_edited_but_still_found_is_open_and_no_longer_edited() -> None:
    plan = planned(report(REWORDED), entry(), on=ground(EDITED))
    assert plan.post == ()
    assert not plan.entries[0].edited
    assert states(planned(report(), *plan.entries)) == {NEW.title: "open"}


def test_a_thread_that_somebody_answered_is_not_resolved() -> None:
    answered = known(entry(), note("Are you sure?", ADA))
    plan = planned(report(), entry(), on=ground(EDITED), known=answered)
    assert states(plan) == {NEW.title: "fixed"}
    assert plan.resolve == ()


def test_a_thread_that_is_resolved_is_not_resolved_again() -> None:
    done = known(entry(), resolved=True)
    assert planned(report(), entry(), on=ground(EDITED), known=done).resolve == ()


def test_what_left_the_change_is_fixed() -> None:
    plan = planned(report(), entry(), on=ground(paths=()))
    assert states(plan) == {NEW.title: "fixed"}


def test_a_removed_line_that_is_back_is_edited() -> None:
    old = entry(side="old", digests=("o1",))
    assert states(planned(report(), old, on=ground(standing=("o1",)))) == {NEW.title: "open"}
    assert states(planned(report(), old, on=ground(standing=()))) == {NEW.title: "fixed"}


def test_without_the_commit_of_the_last_run_the_text_of_the_lines_tells() -> None:
    lost = replace(ground(), moves=lambda _: None)
    assert states(planned(report(), entry(), on=lost)) == {NEW.title: "open"}
    assert states(planned(report(REWORDED), entry(), on=lost)) == {"Other words": "open"}
    gone = replace(lost, standing=lambda _: frozenset())
    assert states(planned(report(), entry(), on=gone)) == {NEW.title: "fixed"}


def test_what_was_fixed_and_is_back_is_posted_anew() -> None:
    plan = planned(report(NEW), entry(state="fixed"))
    assert plan.post == (NEW,)
    assert [each.state for each in plan.entries] == ["open"]


def test_where_nothing_is_known_of_the_code_all_stays_open() -> None:
    plan = threads.carried(
        report(status="failed", reviewed=()), [entry(), entry(state="dismissed")]
    )
    assert [each.state for each in plan.report.standing] == ["open"]
    assert len(plan.entries) == 2


# --- what people say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "state", "how"),
    [
        pytest.param(discussion(entry()), "open", None, id="nobody said anything"),
        pytest.param(
            discussion(entry(), resolved=True, resolved_by=ADA),
            "dismissed",
            "resolved",
            id="resolved",
        ),
        pytest.param(
            discussion(entry(), resolved=True, resolved_by=EVE), "open", None, id="not by her"
        ),
        pytest.param(
            discussion(entry(), note(f"/reviewbot dismiss {NEW.id} it is meant so", ADA)),
            *("dismissed", "command"),
            id="told",
        ),
        pytest.param(
            discussion(entry(), note("/reviewbot dismiss it is meant so", ADA)),
            *("dismissed", "command"),
            id="told in its thread, without the id",
        ),
        pytest.param(
            discussion(entry(), note(f"/reviewbot dismiss {NEW.id} no", EVE)),
            "open",
            None,
            id="eve",
        ),
        pytest.param(discussion(entry(), resolved=True), "open", None, id="nobody knows by whom"),
    ],
)
def test_people_with_write_access_dismiss(made: Discussion, state: str, how: str | None) -> None:
    (found,) = remembered(made)
    assert found.state == state
    assert (found.dismissal.how if found.dismissal else None) == how


@pytest.mark.parametrize(("who", "state"), [(ADA, "dismissed"), (EVE, "open")])
def test_a_thumbs_down_dismisses(who: str, state: str) -> None:
    opening = note(history.finding_marker(entry()), rejected_by=(who,))
    (found,) = remembered(discussion(entry(), opening=opening))
    assert found.state == state


def test_a_deleted_comment_dismisses() -> None:
    (found,) = remembered(state=State(entries=(entry(),)))
    assert found.dismissal == Dismissal("", "", "its comment was deleted", "deleted")


def test_a_resolution_that_is_taken_back_opens_the_finding_again() -> None:
    dismissed = entry(state="dismissed", dismissal=Dismissal(ADA, "", "", "resolved"))
    (found,) = remembered(discussion(entry()), state=State(entries=(dismissed,)))
    assert (found.state, found.dismissal) == ("open", None)


def test_a_dismissed_finding_is_not_raised_again() -> None:
    dismissed = entry(state="dismissed", dismissal=Dismissal(ADA, "", "meant so", "command"))
    plan = planned(report(REWORDED), dismissed)
    assert plan.post == ()
    assert states(plan) == {"Other words": "dismissed"}
    assert plan.report.standing == ()


def test_a_dismissal_by_command_outlives_its_comment() -> None:
    command = note(f"/reviewbot dismiss {NEW.id} meant so", ADA, at="2026-01-02T00:00:00Z")
    (first,) = remembered(discussion(entry()), notes=[command])
    assert first.dismissal == Dismissal(ADA, command.at, "meant so", "command")
    (second,) = remembered(discussion(entry()), state=State(entries=(first,)))
    assert second.state == "dismissed"


def said(verb: str, who: str) -> Remark:
    return Remark(Command(verb, ""), note("", who), None)


@pytest.mark.parametrize(
    ("remarks", "who"),
    [
        ([], None),
        ([said("pause", ADA)], ADA),
        ([said("pause", EVE)], None),
        ([said("pause", ADA), said("resume", EVE)], ADA),
        ([said("pause", ADA), said("resume", ADA)], None),
    ],
)
def test_the_last_word_of_a_writer_pauses(remarks: list[Remark], who: str | None) -> None:
    assert history.paused(History(remarks=tuple(remarks)), trusts) == who


# --- what is left on the pull request -----------------------------------------------------------


def test_a_forged_marker_is_ignored() -> None:
    forged = note(history.finding_marker(entry()), EVE)
    quoted = note("> " + history.finding_marker(entry()))
    state = note(history.state_marker(State(watermark=HEAD), 10_000)[0], EVE)
    found = history.read(
        [discussion(entry(), opening=forged), discussion(entry(), opening=quoted)], [state]
    )
    assert (found.threads, found.state, found.summary) == ((), State(), None)


def test_the_state_comes_back_from_the_summary() -> None:
    entries = (entry(), entry(state="fixed"))
    state = State(HEAD, "b" * 40, "main", "r", "complete", HEAD, "b" * 40, entries)
    found = history.read([], [note(history.state_marker(state, 10_000)[0] + "\n## reviewbot")])
    assert found.state == state


def test_a_damaged_summary_is_written_over() -> None:
    body = history.state_marker(State(watermark=HEAD), 10_000)[0]
    found = history.read([], [note(body[:40] + "x" + body[41:], id="7")])
    assert (found.summary, found.state) == ("7", State())


def test_what_two_runs_have_said_at_once_is_known_as_said_twice() -> None:
    def opening(id_: str) -> Note:
        return note(history.finding_marker(entry()), id=id_)

    both = [
        discussion(entry(), id="T2", opening=opening("10")),
        discussion(entry(), id="T1", opening=opening("9")),
    ]
    summaries = [note(history.state_marker(State(), 10_000)[0], id=id_) for id_ in ("5", "6")]
    found = history.read(both, summaries)
    assert [each.discussion.id for each in found.threads] == ["T1"]
    assert [each.discussion.id for each in found.repeated] == ["T2"]
    assert (found.summary, found.spare) == ("5", ("6",))


def test_too_much_to_remember_is_cut_to_the_limit_with_the_rarest_kept() -> None:
    def one(n: int) -> Entry:
        lines = tuple(f"{n * 97 + k:012x}" for k in range(40))
        return entry(
            id=str(n),
            fingerprint=f"{n * 7919:064x}",
            digests=lines,
            commented=n % 2 == 0,
            body="words " * 80,
            title=f"Finding {n}",
        )

    state = State(watermark=HEAD, entries=tuple(map(one, range(3000))))
    body, forgotten = history.state_marker(state, 40_000)
    assert len(body) <= 40_000
    kept = history.read([], [note(body)]).state
    assert kept.watermark is None  # so that the next review is a full one
    assert forgotten == 1500 - sum(not each.commented for each in kept.entries) > 0
    assert len(kept.entries) > 100
    assert not kept.entries[0].commented
