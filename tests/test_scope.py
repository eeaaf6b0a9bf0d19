"""What is new since the last complete review, and where the lines of an earlier commit went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import added_file, file_diff, renamed
from conftest import Repo
from hypothesis import given, settings
from hypothesis import strategies as st
from test_diff_properties import lines_of, store, text_lines, versions

from reviewbot import scope
from reviewbot.diff import Diff, FileDiff
from reviewbot.git import Repository
from reviewbot.scope import Moved, Moves, Scope
from reviewbot.selection import Selection, Skipped

WATERMARK = "0123456789" * 4
PATH = "file 000"


def since(now: FileDiff, before: FileDiff) -> Scope:
    return scope.since(WATERMARK, Diff((now,)), Diff((before,)))


def fresh(now: FileDiff, before: FileDiff) -> list[tuple[str, int]]:
    return sorted(since(now, before).fresh[now.path])


# --- what is new --------------------------------------------------------------------------------

HUNKS = """\
@@ -10,3 +10,4 @@
 price = 0
-old(price)
+new(price)
+check(price)
 return price
@@ -50,2 +51,3 @@
 close()
+log()
 end()
"""
FILE = file_diff(hunks=HUNKS)


def test_all_is_new_where_nothing_was_reviewed() -> None:
    everything = scope.everything("first review")
    assert (everything.since, everything.reason) == (None, "first review")
    assert everything.is_fresh("app.py", "new", 1, 1)
    assert all(everything.is_new(FILE, hunk) for hunk in FILE.hunks())
    assert not everything.untouched(FILE)


def test_a_file_that_was_not_changed_before_is_new() -> None:
    new = since(FILE, file_diff("other.py"))
    assert new.is_fresh("app.py", "new", 1, 1)
    assert not new.untouched(FILE)


def test_a_file_that_is_as_it_was_is_untouched() -> None:
    new = since(FILE, FILE)
    assert new.untouched(FILE)
    assert not any(new.is_new(FILE, hunk) for hunk in FILE.hunks())
    assert not new.is_fresh("app.py", "new", 1, 99)


def test_lines_that_only_moved_are_old() -> None:
    moved = HUNKS.replace("-10,3 +10,4", "-30,3 +90,4").replace("-50,2 +51,3", "-70,2 +131,3")
    assert since(file_diff(hunks=moved), FILE).untouched(FILE)


def test_an_edit_makes_its_hunk_new_and_no_other() -> None:
    edited = file_diff(hunks=HUNKS.replace("+log()", "+log(me)"))
    new = since(edited, FILE)
    assert fresh(edited, FILE) == [("new", 51), ("new", 52), ("new", 53)]
    assert [new.is_new(edited, hunk) for hunk in edited.hunks()] == [False, True]
    assert not new.untouched(edited)
    assert new.is_fresh("app.py", "new", 40, 51)
    assert not new.is_fresh("app.py", "new", 1, 50)
    assert not new.is_fresh("app.py", "old", 51, 53)


def test_in_a_long_hunk_what_is_not_near_the_edit_stays_old() -> None:
    lines = [f"step({n})" for n in range(1, 21)]
    edited = [*lines[:9], "stop()", *lines[10:]]
    assert fresh(added_file("a.py", edited), added_file("a.py", lines)) == [
        ("new", 9),
        ("new", 10),
        ("new", 11),
    ]


def test_a_removed_line_is_new_on_the_old_side() -> None:
    before = file_diff(hunks="@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n d\n")
    now = file_diff(hunks="@@ -1,4 +1,3 @@\n a\n-b\n+B\n c\n-d\n")
    assert fresh(now, before) == [("new", 1), ("new", 3), ("old", 4)]


@pytest.mark.parametrize(
    "lines",
    [
        ["lock()", "use()", "write()", "close()"],
        ["lock()", "close()", "use()", "write()"],
        ["lock()", "use()", "close()"],
        ["lock()", "write()", "use()", "close()", "close()"],
        ["lock()", "write()", "lock()", "write()", "use()", "close()"],
    ],
    ids=["swapped", "moved", "taken back", "said twice", "repeated"],
)
def test_another_order_and_a_line_less_are_new(lines: list[str]) -> None:
    before = added_file("a.py", ["lock()", "write()", "use()", "close()"])
    now = added_file("a.py", lines)
    assert not since(now, before).untouched(now)
    assert fresh(now, before)


def test_a_line_that_went_elsewhere_in_the_file_is_new() -> None:
    hunk = "@@ -{0},2 +{0},3 @@\n {1}\n+@login_required\n {2}\n"
    now = file_diff(hunks=hunk.format(30, "", "def delete():"))
    before = file_diff(hunks=hunk.format(10, "", "def show():"))
    assert fresh(now, before) == [("new", 30), ("new", 31), ("new", 32)]


def test_equal_lines_of_other_hunks_stay_old() -> None:
    hunk = "@@ -{0},2 +{1},5 @@\n a{0}\n+if x:\n+    f()\n+\n b{0}\n"
    before = hunk.format(10, 10) + hunk.format(30, 33)
    edited = before.replace("+    f()\n+\n b30", "+    f()\n+\n+if x:\n+    f()\n+\n b30")
    edited = edited.replace("-30,2 +33,5", "-30,2 +33,8")
    assert {number for _, number in fresh(file_diff(hunks=edited), file_diff(hunks=before))} <= set(
        range(33, 41)
    )


def test_where_something_was_taken_back_nothing_is_new_but_the_file_is_looked_at() -> None:
    now = file_diff(hunks=HUNKS.partition("@@ -50")[0])
    assert fresh(now, FILE) == []
    assert not since(now, FILE).untouched(now)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (renamed(file_diff("b.py", HUNKS), "app.py"), FILE),
        (renamed(file_diff("c.py", HUNKS), "app.py"), renamed(file_diff("b.py", HUNKS), "app.py")),
        (FILE, renamed(file_diff("b.py", HUNKS), "app.py")),
    ],
    ids=["renamed since", "renamed otherwise", "renamed back"],
)
def test_renames_are_followed(now: FileDiff, before: FileDiff) -> None:
    assert since(now, before).untouched(now)


def test_a_copy_of_a_reviewed_file_is_new() -> None:
    copy = replace(renamed(file_diff("b.py", HUNKS), "app.py"), status="C")
    assert not since(copy, FILE).untouched(copy)
    back = since(FILE, replace(copy, old_path="x.py"))
    assert not back.untouched(FILE)


def blob(old: str, new: str, path: str = "logo.png") -> FileDiff:
    return replace(
        file_diff(path), old_oid=old, new_oid=new, binary=True, added=0, removed=0, patch=b""
    )


def test_files_without_lines_are_old_with_the_same_contents_only() -> None:
    logo = blob("1" * 40, "2" * 40)
    assert since(logo, logo).untouched(logo)
    assert not since(logo, blob("1" * 40, "3" * 40)).untouched(logo)
    assert not since(blob("", ""), blob("", "")).untouched(blob("", ""))


def test_the_same_contents_are_not_even_parsed() -> None:
    one = replace(FILE, old_oid="1" * 40, new_oid="2" * 40)
    assert since(one, replace(one, patch=b"@@ -1 +1 @@\nbroken\n")).untouched(one)


def test_two_files_that_look_the_same_are_never_taken_for_each_other() -> None:
    hidden, plain = file_diff("a\u200b.py"), file_diff("a<U+200B>.py")
    new = scope.since(WATERMARK, Diff((hidden, plain)), Diff((hidden,)))
    assert not new.untouched(plain)
    assert new.is_fresh("a<U+200B>.py", "new", 1, 1)


def test_paths_may_be_given_as_they_are_shown() -> None:
    hidden = file_diff("a\u200b.py")
    assert not since(hidden, hidden).is_fresh("a<U+200B>.py", "new", 1, 1)
    assert not since(hidden, hidden).is_fresh("a\u200b.py", "new", 1, 1)


def test_words_for_people() -> None:
    assert scope.everything().words() == "the whole change"
    assert scope.everything("first review").words() == "the whole change (first review)"
    assert since(FILE, FILE).words() == "what is new since 0123456789"


def test_untouched_files_are_left_out_of_a_selection_with_the_reason() -> None:
    other, locked = file_diff("b.py"), Skipped(file_diff("go.sum"), "lock file")
    chosen = Selection((FILE, other), (locked,))
    narrowed = scope.narrowed(chosen, since(FILE, FILE))
    assert narrowed.files == (other,)
    assert narrowed.skipped == (locked, Skipped(FILE, "unchanged since 0123456789"))
    assert scope.narrowed(chosen, scope.everything("first review")) is chosen


# --- real edits, real diffs ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return Repo(Path(tmp_path_factory.mktemp("scope")))


def diffs(repo: Repo, *pairs: tuple[list[str], list[str]]) -> Iterator[Diff]:
    """The diff of each pair of texts, as versions of one file."""
    with Repository(repo.folder) as repository:
        for pair in pairs:
            trees = [store(repo, ["".join(f"{x}\n" for x in text).encode()]) for text in pair]
            yield repository.diff(*trees)


@st.composite
def merged(draw: st.DrawFn) -> tuple[list[str], list[str], list[str], list[str]]:
    """Base, target, branch, and both merged; an unchanged line lies between any two edits."""
    owners = draw(st.lists(st.sampled_from(["branch", "target", ""]), min_size=1, max_size=12))
    base, target, branch, both = [], [], [], []
    for number, owner in enumerate(owners):
        old = [f"old {number} {n}" for n in range(draw(st.integers(0, 9)))]
        new = [f"new {number} {n}" for n in range(draw(st.integers(0, 4)))] if owner else old
        edge = [f"between {number}"]
        base += old + edge
        target += (new if owner == "target" else old) + edge
        branch += (new if owner == "branch" else old) + edge
        both += new + edge
    return base, target, branch, both


@settings(deadline=None, max_examples=30)
@given(merged())
def test_merging_the_target_into_the_branch_adds_nothing(
    shared_repo: Repo, texts: tuple[list[str], list[str], list[str], list[str]]
) -> None:
    base, target, branch, both = texts
    before, now = diffs(shared_repo, (base, branch), (target, both))
    new = scope.since(WATERMARK, now, before)
    assert all(map(new.untouched, now.files))


@settings(deadline=None, max_examples=30)
@given(merged(), st.data())
def test_an_edit_after_a_merge_is_all_that_is_new(
    shared_repo: Repo, texts: tuple[list[str], list[str], list[str], list[str]], data: st.DataObject
) -> None:
    base, target, branch, both = texts
    start = data.draw(st.integers(0, len(both)))
    head = [*both[:start], "edited", *both[start + data.draw(st.integers(0, 2)) :]]
    before, now = diffs(shared_repo, (base, branch), (target, head))
    new = scope.since(WATERMARK, now, before)
    (file,) = now.files
    assert new.is_fresh(PATH, "new", start + 1, start + 1)
    with_edit = [
        start + 1 in [line.new for line in hunk.lines] and new.is_new(file, hunk)
        for hunk in file.hunks()
    ]
    if PATH in new.fresh:
        assert [new.is_new(file, hunk) for hunk in file.hunks()] == with_edit


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["", "}", "a()", "b()"]), max_size=20), st.data())
def test_what_was_really_added_is_new(
    shared_repo: Repo, base: list[str], data: st.DataObject
) -> None:
    branch, head = list(base), []
    for number in range(data.draw(st.integers(0, 3))):
        branch.insert(data.draw(st.integers(0, len(branch))), f"branch {number}")
    head = list(branch)
    for number in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(head)))
        head[start : start + data.draw(st.integers(0, 2))] = [f"added {number}", "}"]
    before, now = diffs(shared_repo, (base, branch), (base, head))
    new = scope.since(WATERMARK, now, before)
    for number, text in enumerate(head, 1):
        assert new.is_fresh(PATH, "new", number, number) or not text.startswith("added")


# --- where lines went ---------------------------------------------------------------------------

MOVES = Moves(
    Diff(
        (
            file_diff("shift.py", "@@ -0,0 +1,2 @@\n+x\n+y\n@@ -10,2 +12,1 @@\n a\n-b\n"),
            file_diff("edit.py", "@@ -4,5 +4,6 @@\n 4\n-5\n-6\n+five\n+and\n+six\n 7\n 8\n"),
            file_diff("rewritten.py", "@@ -1,3 +1,3 @@\n-1\n-2\n-3\n+one\n+two\n+three\n"),
            file_diff("insert.py", "@@ -4,2 +4,3 @@\n 4\n+x\n 5\n"),
            file_diff("gone.py", "@@ -1,3 +0,0 @@\n-a\n-b\n-c\n"),
            renamed(file_diff("to.py", "@@ -1,1 +1,2 @@\n+x\n a\n"), "from.py"),
            replace(renamed(file_diff("copy.py"), "origin.py"), status="C"),
            replace(file_diff("deleted.py"), status="D", new_path=None),
            replace(file_diff("data"), binary=True, added=0, removed=0, patch=b""),
        )
    ),
    Diff((file_diff("shift.py", "@@ -1,1 +1,2 @@\n a\n+b\n"),)),
)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("same.py", "new", 3, 4), Moved("same.py", 3, 4, changed=False)),
        (("shift.py", "new", 1, 1), Moved("shift.py", 3, 3, changed=False)),
        (("shift.py", "new", 9, 10), Moved("shift.py", 11, 12, changed=False)),
        (("shift.py", "new", 12, 13), Moved("shift.py", 13, 14, changed=False)),
        (("shift.py", "new", 11, 11), Moved("shift.py", 13, 13, changed=True)),
        (("shift.py", "new", 10, 11), Moved("shift.py", 12, 12, changed=True)),
        (("shift.py", "new", 11, 12), Moved("shift.py", 13, 13, changed=True)),
        (("shift.py", "old", 1, 1), Moved("shift.py", 1, 1, changed=False)),
        (("shift.py", "old", 2, 5), Moved("shift.py", 3, 6, changed=False)),
        (("edit.py", "new", 5, 5), Moved("edit.py", 5, 6, changed=True)),
        (("edit.py", "new", 4, 7), Moved("edit.py", 4, 8, changed=True)),
        (("edit.py", "new", 6, 7), Moved("edit.py", 5, 8, changed=True)),
        (("edit.py", "new", 7, 8), Moved("edit.py", 8, 9, changed=False)),
        (("edit.py", "old", 5, 6), Moved("edit.py", 5, 6, changed=False)),
        (("rewritten.py", "new", 2, 2), Moved("rewritten.py", 2, 2, changed=True)),
        (("insert.py", "new", 4, 4), Moved("insert.py", 4, 4, changed=False)),
        (("insert.py", "new", 5, 5), Moved("insert.py", 6, 6, changed=False)),
        (("insert.py", "new", 4, 5), Moved("insert.py", 4, 6, changed=True)),
        (("gone.py", "new", 2, 3), Moved("gone.py", 1, 1, changed=True)),
        (("from.py", "new", 1, 1), Moved("to.py", 2, 2, changed=False)),
        (("from.py", "old", 1, 1), Moved("to.py", 1, 1, changed=False)),
        (("origin.py", "new", 1, 1), Moved("origin.py", 1, 1, changed=False)),
        (("deleted.py", "new", 1, 1), None),
        (("deleted.py", "old", 1, 1), None),
        (("data", "new", 1, 1), Moved("data", 1, 1, changed=True)),
    ],
)
def test_places_after_an_edit(place: tuple[str, str, int, int], expected: Moved | None) -> None:
    assert MOVES.place(*place) == expected


def test_without_a_diff_of_the_bases_removed_lines_stay_where_they_are() -> None:
    moves = Moves(Diff((file_diff("a.py", "@@ -1,1 +1,2 @@\n+x\n a\n"),)))
    assert moves.place("a.py", "old", 1, 2) == Moved("a.py", 1, 2, changed=False)


@settings(deadline=None, max_examples=50)
@given(versions(), st.data())
def test_lines_are_where_the_blobs_have_them(
    shared_repo: Repo, pair: tuple[bytes, bytes], data: st.DataObject
) -> None:
    old, new = map(text_lines, pair)
    with Repository(shared_repo.folder) as repository:
        diff = repository.diff(*(store(shared_repo, [content]) for content in pair))
    lines = lines_of(diff.files[0]) if diff.files else []
    removed = {line.old for line in lines if line.old and not line.new}
    added = {line.new for line in lines if line.new and not line.old}
    kept = dict(
        zip(
            (n for n in range(1, len(old) + 1) if n not in removed),
            (n for n in range(1, len(new) + 1) if n not in added),
            strict=True,
        )
    )
    first = data.draw(st.integers(1, max(len(old), 1)))
    last = data.draw(st.integers(first, max(len(old), first)))
    moved = Moves(diff).place(PATH, "new", first, last)
    assert moved
    assert moved.line >= 1
    if not old:
        return
    there = [kept[n] for n in range(first, last + 1) if n in kept]
    whole = [*range(moved.line, moved.end_line + 1)]
    assert moved.changed == (there != whole or len(there) <= last - first)
    assert set(there) <= set(whole)
    if not moved.changed:
        assert [new[n - 1] for n in whole] == old[first - 1 : last]
