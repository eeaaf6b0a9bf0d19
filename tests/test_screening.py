"""A change without its secrets: what is shown of it, and what its added lines give away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import added_file, claim, diff, file_diff, key, token
from conftest import Repo

from reviewbot import change, config, pipeline
from reviewbot.anchors import place
from reviewbot.change import Change
from reviewbot.diff import Diff, FileDiff
from reviewbot.findings import Severity
from reviewbot.git import Repository
from reviewbot.personal import spots
from reviewbot.pipeline import Review
from reviewbot.redaction import Redactor, shipped
from reviewbot.screening import SECRETS, Screening, screen
from reviewbot.selection import MAY_HOLD_SECRETS, Selection, select

REDACTOR = Redactor(shipped())


def change_of(
    *files: FileDiff, new: Sequence[str] = (), old: Sequence[str] = (), name: str = "test"
) -> Change:
    return Change(name, None, None, Diff(files), lambda _: new, {}, {}, old_lines=lambda _: old)


def screened(the_change: Change) -> tuple[Change, Selection, Screening]:
    return screen(the_change, select(the_change.diff.files, {}, {}), REDACTOR)


def texts(file: FileDiff) -> list[str]:
    return [f"{line.kind}{line.text}" for hunk in file.hunks() for line in hunk.lines]


def places(screening: Screening) -> list[tuple[str, int, int]]:
    findings = (each.finding for each in screening.credentials)
    return [(each.path, each.line, each.end_line) for each in findings]


def test_a_secret_is_gone_from_both_versions_and_the_numbers_hold() -> None:
    hunks = f"@@ -3,2 +3,3 @@ def f():\n same\n-a = '{token(1)}'\n+a = '{token(2)}'\n+b = 1\n"
    made, _, screening = screened(change_of(file_diff(hunks=hunks)))
    (file,) = made.diff.files
    assert texts(file) == [
        *(" same", "-a = '[redacted:github-token]'", "+a = '[redacted:github-token]'", "+b = 1")
    ]
    ((hunk,),) = (list(file.hunks()),)
    assert [(line.old, line.new) for line in hunk.lines] == [
        (3, 3),
        (4, None),
        (None, 4),
        (None, 5),
    ]
    assert hunk.section == "def f():"
    assert places(screening) == [("app.py", 4, 4)]


def test_what_holds_no_secret_stays_what_it_was() -> None:
    file = file_diff()
    made, selection, screening = screened(change_of(file))
    assert made.diff.files == selection.files == (file,)
    assert screening == Screening(paths=frozenset(("app.py",)))


def test_a_key_is_known_by_a_header_that_the_hunk_does_not_show() -> None:
    lines = ["# ours", *key(), "# end"]
    hunks = f"@@ -4,2 +4,3 @@\n {lines[3]}\n+{lines[4]}\n {lines[5]}\n"
    old = [line for number, line in enumerate(lines, 1) if number != 5]
    made, _, screening = screened(change_of(file_diff("deploy.txt", hunks), new=lines, old=old))
    assert texts(made.diff.files[0]) == [
        *(" [redacted:private-key]", "+[redacted:private-key]", " [redacted:private-key]")
    ]
    assert list(made.lines(made.diff.files[0]))[::7] == ["# ours", "[redacted:private-key]"]
    assert places(screening) == [("deploy.txt", 5, 5)]


def test_half_a_secret_in_the_heading_of_a_hunk_goes_with_the_line_it_is_cut_from() -> None:
    secret = token()
    new = [f"def connect(key='{secret}'):", "    a = 1", "    b = 2"]
    hunks = f"@@ -2 +2,2 @@ {new[0][:30]}\n     a = 1\n+    b = 2\n"
    made, _, _ = screened(change_of(file_diff(hunks=hunks), new=new, old=new[:2]))
    assert [hunk.section for hunk in made.diff.files[0].hunks()] == [""]


def test_lines_in_a_row_are_one_finding() -> None:
    lines = ["a = 1", *key(), f"b = '{token()}'"]
    _, _, screening = screened(change_of(added_file("app.py", lines)))
    assert places(screening) == [("app.py", 3, 8), ("app.py", 10, 10)]


def test_what_a_change_does_not_add_is_no_finding_of_it() -> None:
    hunks = f"@@ -1,3 +1,2 @@\n a = '{token(1)}'\n-b = '{token(2)}'\n c = '{token(3)}'\n"
    made, _, screening = screened(change_of(file_diff(hunks=hunks)))
    assert not screening.credentials
    assert "gh" + "p_" not in "".join(texts(made.diff.files[0]))


def test_a_file_that_is_never_sent_is_looked_through() -> None:
    the_change = change_of(added_file(".env", [f"TOKEN={token()}"]))
    _, selection, screening = screened(the_change)
    assert [(each.file.path, each.reason) for each in selection.skipped] == [
        (".env", MAY_HOLD_SECRETS)
    ]
    assert places(screening) == [(".env", 1, 1)]


def test_what_a_program_has_written_is_not() -> None:
    _, _, screening = screened(change_of(added_file("yarn.lock", [f"TOKEN={token()}"])))
    assert screening == Screening()


def test_a_line_that_is_too_long_to_be_looked_through_is_withheld_and_counted() -> None:
    lines = [*["a = 1"] * 9, "x" * 8_000]
    made, _, screening = screened(change_of(added_file("app.py", lines)))
    assert texts(made.diff.files[0])[-2:] == ["+a = 1", "+[redacted:line]"]
    assert (screening.withheld, screening.credentials) == (1, ())


def test_a_secret_in_the_name_of_a_branch_is_not_said() -> None:
    made, _, _ = screened(change_of(file_diff(), name=f"main...{token()}"))
    assert made.name == "main...[redacted:github-token]"


def test_bytes_that_are_not_utf8_stay() -> None:
    hunks = f"@@ -1 +1,2 @@\n caf\udce9\r\n+a = '{token()}'\n"
    made, _, _ = screened(change_of(file_diff(hunks=hunks)))
    assert texts(made.diff.files[0]) == [" caf\udce9\r", "+a = '[redacted:github-token]'"]


def test_a_repository_is_screened_in_both_its_versions(repo: Repo) -> None:
    lines = [*key(8), "one", "two"]
    repo.write("app.txt", "\n".join(lines) + "\n")
    repo.commit()
    repo.write("app.txt", "\n".join([*lines[:4], *lines[5:], f"t = '{token()}'"]) + "\n")
    repo.commit()
    with Repository(repo.folder) as repository:
        the_change = change.from_repository(repository, change.commit(repository, "HEAD"))
        made, _, screening = screened(the_change)
        shown = [*texts(made.diff.files[0]), *made.lines(made.diff.files[0])]
    assert not any(line in "\n".join(shown) for line in lines[1:9])
    assert places(screening) == [("app.txt", 12, 12)]


# --- what a review makes of it -------------------------------------------------------------------


def review_of(the_change: Change) -> Review:
    made, selection, screening = screened(the_change)
    settings = config.load({}, {}).config
    return Review(made, selection, [], settings, redactor=REDACTOR, screening=screening)


def test_a_credential_is_a_critical_finding_at_its_line() -> None:
    report = pipeline.report(
        review_of(change_of(added_file("app.py", [f"t = '{token()}'"]))), (), 0.0
    )
    (finding,) = report.findings
    assert (finding.severity, finding.checklists, finding.items) == (
        *(Severity.CRITICAL, (SECRETS,), ("credentials",)),
    )
    assert (finding.path, finding.line, finding.anchored) == ("app.py", 1, True)
    assert finding.quote == finding.frame[0].text == "t = '[redacted:github-token]'"
    assert finding.title == "Hard-coded credential: a GitHub token"
    assert token() not in report.to_json()


def test_what_a_model_makes_up_is_no_personal_data() -> None:
    review = replace(review_of(change_of(file_diff())), redactor=Redactor(shipped(), (), spots))
    said = f"As ada@shop.invalid and {token()}"
    assert review.redactor.text(said) == "As [redacted:personal-email] and [redacted:github-token]"
    assert review.clean(said) == "As ada@shop.invalid and [redacted:github-token]"


def test_without_a_model_the_report_says_so() -> None:
    report = pipeline.report(review_of(change_of(file_diff())), (), 0.0)
    assert report.status == "complete"
    assert report.warnings == (pipeline.OFFLINE,)
    assert [(each.path, each.checklist, each.status) for each in report.coverage] == [
        ("app.py", SECRETS, "reviewed")
    ]


@pytest.mark.parametrize(
    ("suggestion", "kept"),
    [("b = 2", True), ("b = '[redacted:password]'", False)],
)
def test_a_suggestion_with_a_placeholder_loses_its_block(suggestion: str, kept: bool) -> None:
    (comment,) = place([file_diff()], [claim(suggestion=suggestion)], lambda _: ())
    assert (comment.suggestion == suggestion) is kept
    assert ("taken out" in comment.anchor_note) is not kept


def test_a_suggestion_for_a_line_that_something_was_taken_out_of_loses_its_block() -> None:
    file = file_diff(hunks="@@ -1 +1 @@\n-old\n+a = '[redacted:password]'\n")
    its_claim = claim(quote="a = '[redacted:password]'", suggestion="a = get()")
    (comment,) = place([file], [its_claim], lambda _: ())
    assert (comment.anchored, comment.suggestion) == (True, "")


def test_of_files_that_nobody_was_shown_nothing_is_said() -> None:
    lock = diff("diff --git a/go.sum b/go.sum\n--- a/go.sum\n+++ b/go.sum\n@@ -1 +1 @@\n-a\n+new\n")
    review = review_of(change_of(*lock.files, file_diff()))
    review = replace(
        review, screening=replace(review.screening, credentials=(claim(path="go.sum"),))
    )
    (finding,) = pipeline.report(review, (), 0.0).findings
    assert (finding.state, finding.drop_reason, finding.frame) == (
        *("dropped", "its file was not read", ()),
    )
