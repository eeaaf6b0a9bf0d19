"""Law: the lines of a comment come from the diff, never from the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import added_file, claim, comment, diff, file_diff, renamed
from hypothesis import given
from hypothesis import strategies as st

from reviewbot import anchors
from reviewbot.anchors import Comment, digests, numbered, place
from reviewbot.diff import FileDiff
from reviewbot.text import visible

HUNKS = """\
@@ -10,7 +10,8 @@ def total(cart):
     price = 0
-    for item in cart.items:
-        price += item.price
+    for item in cart.entries:
+        price += item.price * item.count
+        price -= item.discount or 0
     check(price)
     return price

     # done
@@ -40,4 +41,4 @@ def refund(cart):
     check(price)
-    require_admin(cart.user)
+    log(cart.user)
     pay(cart)
     close(cart)
"""
FILE = file_diff("shop/cart.py", HUNKS)


def nothing(_: FileDiff) -> Sequence[str]:
    return ()


def place_one(file: FileDiff = FILE, head: Sequence[str] = (), **changes: Any) -> Comment:
    changes = {"path": file.path, **changes}
    changes.setdefault("end_line", changes.get("line", 0))
    (comment,) = place([file], [claim(**changes)], lambda _: head)
    return comment


def where(comment: Comment) -> tuple[str, int | None, int | None]:
    return comment.side, comment.line, comment.end_line


@pytest.mark.parametrize(
    ("line", "quote", "expected"),
    [
        (12, "        price += item.price * item.count", ("new", 12, 12)),
        (12, "price += item.price * item.count", ("new", 12, 12)),
        (12, "price  +=\titem.price * item.count  ", ("new", 12, 12)),
        (12, "price += item.price * item.count\n        price -= item.dis", ("new", 12, 12)),
        (12, "\n\nprice += item.price * item.count", ("new", 12, 12)),
        (12, "12\t+        price += item.price * item.count", ("new", 12, 12)),
        (12, "12 +        price += item.price * item.count", ("new", 12, 12)),
        (12, "+        price += item.price * item.count", ("new", 12, 12)),
        (12, "12\t        price += item.price * item.count", ("new", 12, 12)),
        (12, "price += item.price * item.count\r", ("new", 12, 12)),
        (12, "item.price * item.count", ("new", 12, 12)),
        (14, "    check(price)", ("new", 14, 14)),
        (41, "    check(price)", ("new", 41, 41)),
        (42, "log(cart.user)", ("new", 42, 42)),
        (42, "require_admin(cart.user)", ("old", 41, 41)),
        (42, "-    require_admin(cart.user)", ("old", 41, 41)),
        (11, "price += item.price", ("old", 12, 12)),
    ],
)
def test_line_and_quote_agree_so_it_is_anchored_there(
    line: int, quote: str, expected: tuple[str, int, int]
) -> None:
    comment = place_one(line=line, quote=quote)
    assert where(comment) == expected
    assert (comment.anchored, comment.anchor_note, comment.drop_reason) == (True, "", None)


@pytest.mark.parametrize(
    ("line", "quote", "expected", "note"),
    [
        (99, "log(cart.user)", 42, "the model said line 99; what it quotes is line 42"),
        (11, "log(cart.user)", 42, "the model said line 11; what it quotes is line 42"),
        (0, "log(cart.user)", 42, "the model named no line; what it quotes is line 42"),
    ],
)
def test_a_quote_that_stands_once_elsewhere_moves_the_comment_with_a_note(
    line: int, quote: str, expected: int, note: str
) -> None:
    comment = place_one(line=line, quote=quote)
    assert where(comment) == ("new", expected, expected)
    assert comment.anchor_note == note


def test_a_removed_line_quoted_from_afar_moves_to_the_old_side() -> None:
    comment = place_one(line=3, quote="require_admin(cart.user)")
    assert where(comment) == ("old", 41, 41)
    assert (
        comment.anchor_note == "the model said line 3; what it quotes is line 41 of the old version"
    )


@pytest.mark.parametrize(
    ("line", "quote", "note"),
    [
        (20, "check(price)", "the quoted line stands 2 times in the change"),
        (7, "item.discount or 0", "the quoted line is not in the change"),
        (12, "launch()", "the quoted line is not in the change"),
        (12, "price", "the quoted line is not in the change"),
        (12, "", "the finding quotes no line of the change"),
        (12, " \n\t\n", "the finding quotes no line of the change"),
        (12, "12\t+", "the quoted line is not in the change"),
    ],
)
def test_a_finding_without_a_sure_line_stays_without_one_and_says_why(
    line: int, quote: str, note: str
) -> None:
    comment = place_one(line=line, quote=quote, suggestion="x")
    assert where(comment) == ("new", None, None)
    assert (comment.anchored, comment.state, comment.drop_reason) == (False, "new", None)
    assert comment.anchor_note == f"{note}; its suggestion fits no lines of the new version"
    assert (comment.suggestion, comment.frame) == ("", ())
    assert comment.path == "shop/cart.py"


def test_a_path_that_is_not_in_the_diff_drops_the_finding_with_the_reason() -> None:
    comment = place_one(path="../etc/passwd", line=12, quote="log(cart.user)")
    assert (comment.state, comment.drop_reason) == ("dropped", "its file was not read")
    assert (comment.anchored, comment.line, comment.path) == (False, None, "../etc/passwd")


@pytest.mark.parametrize(
    "path",
    [
        "./shop/cart.py",
        "`shop/cart.py`",
        "/shop/cart.py",
        " shop/cart.py\n",
        "shop/cart.py (modified, +4 -3)",
        "`./shop/cart.py`",
    ],
)
def test_a_path_with_decoration_is_found(path: str) -> None:
    comment = place_one(path=path, line=42, quote="log(cart.user)")
    assert (comment.path, comment.line) == ("shop/cart.py", 42)


def test_a_path_with_a_hidden_character_is_found_as_the_model_sees_it() -> None:
    file = file_diff("a\u200bb.py")
    assert place_one(file, path="a<U+200B>b.py", line=1).path == "a<U+200B>b.py"
    assert place_one(file, path="a<U+200B>b.py", line=1).anchored


def test_a_renamed_file_is_found_by_its_old_name() -> None:
    file = renamed(FILE, "shop/basket.py")
    comment = place_one(file, path="shop/basket.py", line=42, quote="log(cart.user)")
    assert (comment.path, comment.line) == ("shop/cart.py", 42)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_new_file_in_the_place_of_a_renamed_one_goes_before_it(turn: int) -> None:
    files = [renamed(file_diff("b.py"), "a.py"), added_file("a.py", ["new"])][::turn]
    (comment,) = place(files, [claim(path="a.py", line=1, quote="new")], nothing)
    assert comment.path == "a.py"


# --- ranges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "end_line", "quote", "expected"),
    [
        (11, 13, "for item in cart.entries:", ("new", 11, 13)),
        (11, 17, "for item in cart.entries:", ("new", 11, 17)),
        (11, 0, "for item in cart.entries:", ("new", 11, 11)),
        (11, 4, "for item in cart.entries:", ("new", 11, 11)),
        (61, 63, "for item in cart.entries:", ("new", 11, 13)),
        (11, 12, "for item in cart.items:", ("old", 11, 12)),
    ],
)
def test_a_range_within_one_hunk_is_kept(
    line: int, end_line: int, quote: str, expected: tuple[str, int, int]
) -> None:
    assert where(place_one(line=line, end_line=end_line, quote=quote)) == expected


@pytest.mark.parametrize(
    ("line", "end_line", "quote", "expected"),
    [
        (11, 18, "for item in cart.entries:", ("new", 11, 11)),
        (11, 42, "for item in cart.entries:", ("new", 11, 11)),
        (11, 13, "for item in cart.items:", ("old", 11, 11)),
    ],
)
def test_a_range_that_leaves_its_hunk_shrinks_to_the_first_line_and_loses_its_suggestion(
    line: int, end_line: int, quote: str, expected: tuple[str, int, int]
) -> None:
    comment = place_one(line=line, end_line=end_line, quote=quote, suggestion="x")
    assert where(comment) == expected
    assert "do not lie together in one hunk; the first is shown" in comment.anchor_note
    assert comment.suggestion == ""


def test_a_finding_of_very_many_lines_is_shown_at_the_first() -> None:
    file = added_file("app.py", [f"step({n})" for n in range(anchors.LONGEST_SPAN + 1)])
    whole = place_one(file, path="app.py", quote="step(0)", end_line=anchors.LONGEST_SPAN)
    more = place_one(file, path="app.py", quote="step(0)", end_line=anchors.LONGEST_SPAN + 1)
    assert len(whole.digests) == anchors.LONGEST_SPAN
    assert len(more.digests) == 1
    assert more.anchor_note == "its 501 lines are too many to mark; the first is shown"


def test_many_findings_about_many_removed_lines_are_placed_in_one_go() -> None:
    count = 20_000
    body = "".join(f"-old {n}\n" for n in range(count))
    file = file_diff(hunks=f"@@ -1,{count} +0,0 @@\n{body}")
    claims = [claim(quote=f"old {n}", line=1) for n in range(0, count, 50)]
    placed = place([file], claims, lambda _: ())
    assert [each.line for each in placed] == list(range(1, count, 50))
    again = anchors.place_again([file], placed, lambda _: ())
    assert [each.line for each in again] == list(range(1, count, 50))


def test_a_suggestion_stays_with_its_range_and_goes_with_a_removed_line() -> None:
    quote = "for item in cart.entries:"
    kept = place_one(line=11, end_line=12, quote=quote, suggestion="    x")
    assert kept.suggestion == "    x"
    assert place_one(line=42, quote="require_admin(cart.user)", suggestion="x").suggestion == ""


def test_a_suggestion_that_does_not_apply_goes_and_the_comment_says_why() -> None:
    comment = place_one(line=14, quote="check(price)", suggestion="    check(price) ")
    assert (comment.suggestion, comment.anchor_note) == ("", "its suggestion changes nothing")
    moved = place_one(line=99, quote="log(cart.user)", suggestion="    log(cart.user)")
    assert moved.anchor_note == (
        "the model said line 99; what it quotes is line 42; its suggestion changes nothing"
    )


def test_the_frame_shows_the_range_with_two_lines_around_it() -> None:
    frame = place_one(line=12, end_line=13, quote="price += item.price * item.count").frame
    assert [(entry.line, entry.kind) for entry in frame] == [
        *((12, "-"), (11, "+"), (12, "+"), (13, "+")),
        *((14, " "), (15, " ")),
    ]
    assert frame[1].text == "    for item in cart.entries:"


def test_the_frame_of_a_removed_line_ends_at_the_hunk() -> None:
    frame = place_one(line=42, quote="require_admin(cart.user)").frame
    assert [(entry.line, entry.kind) for entry in frame] == [
        *((41, " "), (41, "-"), (42, "+"), (43, " ")),
    ]


@pytest.mark.parametrize(
    ("line", "quote", "expected"),
    [
        pytest.param(12, "        price += item.price * item.count", 12, id="added"),
        pytest.param(42, "require_admin(cart.user)", 42, id="removed before another"),
        pytest.param(11, "        price += item.price", 11, id="the second that is removed"),
        pytest.param(0, "nowhere to be found", None, id="without a place"),
    ],
)
def test_each_place_has_a_line_in_the_new_version(
    line: int, quote: str, expected: int | None
) -> None:
    assert place_one(line=line, quote=quote).head_line == expected


@pytest.mark.parametrize(
    ("hunk", "expected"),
    [
        pytest.param("@@ -7,2 +7 @@\n kept()\n-gone()\n", 8, id="at the end of a file"),
        pytest.param("@@ -7 +6,0 @@\n-gone()\n", 7, id="without context"),
    ],
)
def test_a_removed_line_that_nothing_follows_has_the_number_after_the_line_before(
    hunk: str, expected: int | None
) -> None:
    comment = place_one(file_diff("app.py", hunk), line=0, quote="gone()")
    assert (comment.side, comment.head_line) == ("old", expected)


# --- odd text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        ("call()\r", "call()"),
        ("a = 'x\u200by'", "a = 'x<U+200B>y'"),
        ("a = 'x\u2028y'", "a = 'x<U+2028>y'"),
        ("\x0cpaginate()", "paginate()"),
        ("\x0cpage()", "<U+000C>page()"),
        ("caf\udce9()", "café()"),
        ("- item of a list", "- item of a list"),
        ("1 + 2", "1 + 2"),
        ("}", "}"),
    ],
)
def test_lines_with_odd_characters_are_found_as_they_are_shown(line: str, quote: str) -> None:
    file = file_diff(hunks=f"@@ -1 +1 @@\n-old\n+{line}\n")
    comment = place_one(file, line=1, quote=quote)
    assert (where(comment), comment.quote) == (("new", 1, 1), visible(line))


def test_the_quote_of_a_comment_is_the_line_and_not_what_the_model_wrote() -> None:
    assert place_one(line=42, quote="42\t+ log(cart.user)").quote == "    log(cart.user)"


def test_a_title_is_made_of_the_body_where_there_is_none() -> None:
    assert place_one(title="", body="\nIt fails.\nBadly.").title == "It fails."
    assert place_one(title="", body=" ").title == "(no title)"


def test_who_said_what_stays_with_the_comment() -> None:
    comment = place_one(line=42, quote="log(cart.user)", confidence=3, item="")
    assert (comment.checklists, comment.items, comment.confidence) == (("correctness",), (), 3)
    assert (comment.model, comment.state) == ("claude-sonnet", "new")


# --- fingerprints -------------------------------------------------------------------------------

TWICE = ["def a():", "    return None", "def b():", "    return None"]


def fingerprint(file: FileDiff, head: Sequence[str] = (), **changes: Any) -> str:
    comment = place_one(file, head, **changes)
    assert comment.anchored
    return comment.fingerprint


@pytest.mark.parametrize("head", [TWICE, ()], ids=["head", "patch alone"])
def test_equal_lines_have_distinct_fingerprints(head: Sequence[str]) -> None:
    file = added_file("a.py", TWICE)
    prints = {fingerprint(file, head, line=line, quote="return None") for line in (2, 4)}
    assert len(prints) == 2


def test_equal_removed_lines_are_told_apart_by_number() -> None:
    file = file_diff(hunks="@@ -1,5 +1,3 @@\n-lock()\n a\n b\n-lock()\n c\n")
    comments = [place_one(file, line=line, quote="lock()") for line in (1, 3)]
    assert [where(comment) for comment in comments] == [("old", 1, 1), ("old", 4, 4)]
    assert comments[0].fingerprint != comments[1].fingerprint


@pytest.mark.parametrize("head", [True, False])
def test_a_fingerprint_stays_when_lines_are_added_above(head: bool) -> None:
    longer = ["import os", "", *TWICE]
    before = fingerprint(added_file("a.py", TWICE), TWICE if head else (), line=4, quote=TWICE[3])
    after = fingerprint(added_file("a.py", longer), longer if head else (), line=6, quote=TWICE[3])
    assert before == after


def test_a_fingerprint_stays_when_the_indentation_or_the_words_of_the_model_change() -> None:
    one = fingerprint(added_file("a.py", ["x = f( y )"]), line=1, quote="x = f( y )")
    other = added_file("a.py", ["    x =  f( y )\r"])
    assert one == fingerprint(other, line=1, quote="x = f( y )", title="?", body="?", severity=None)


def test_another_line_has_another_fingerprint() -> None:
    file = added_file("a.py", TWICE)
    one = fingerprint(file, line=2, quote="return None")
    assert one != fingerprint(file, line=1, quote="def a():")


def test_the_fingerprint_of_a_line_stays_when_the_model_names_another_item() -> None:
    file = added_file("a.py", TWICE)
    one = fingerprint(file, line=2, quote="return None")
    assert one == fingerprint(file, line=2, quote="return None", item="other")


def test_unanchored_findings_go_by_checklist_path_and_item() -> None:
    one, other = (place_one(line=line, quote="?" * line).fingerprint for line in (1, 2))
    assert one == other
    assert place_one(quote="", item="other").fingerprint != one


def test_the_head_is_read_once_a_file_and_only_where_it_is_needed() -> None:
    read: list[str] = []

    def head(file: FileDiff) -> Sequence[str]:
        read.append(file.path)
        return ["new", "new"]

    files = [file_diff("a.py"), file_diff("b.py")]
    place(files, [claim(path="a.py"), claim(path="a.py"), claim(path="b.py", quote="")], head)
    assert read == ["a.py"]


# --- digests of lines ---------------------------------------------------------------------------

CALLS = ["a()", "b()", "a()", "b()", "a()"]


@pytest.mark.parametrize("head", [CALLS, ()], ids=["head", "patch alone"])
def test_each_anchored_line_has_its_digest_and_equal_lines_have_their_own(
    head: Sequence[str],
) -> None:
    comment = place_one(added_file("a.py", CALLS), head, line=2, end_line=5, quote="b()")
    assert len(set(comment.digests)) == 4
    assert {len(each) for each in comment.digests} == {12}


def test_lines_keep_their_digests_wherever_they_move_and_however_they_are_indented() -> None:
    moved = ["import os", "", "if x:", *(f"    {line}" for line in CALLS)]
    one = place_one(added_file("a.py", CALLS), CALLS, line=1, end_line=3, quote="a()")
    other = place_one(added_file("b.py", moved), moved, line=4, end_line=6, quote="a()")
    assert one.digests == other.digests


def test_a_removed_line_has_another_digest_than_an_added_one() -> None:
    file = file_diff(hunks="@@ -1,2 +1,2 @@\n-a()\n b()\n+a()\n")
    sides = [place_one(file, ["b()", "a()"], line=line, quote="a()") for line in (1, 2)]
    assert [comment.side for comment in sides] == ["old", "new"]
    assert sides[0].digests != sides[1].digests


def test_a_comment_without_a_line_has_no_digest() -> None:
    assert place_one(quote="").digests == ()
    assert place_one(path="elsewhere.py").digests == ()


HEAD = ["#"] * 9 + [line.text for h in FILE.hunks() for line in h.lines if line.kind != "-"]


@pytest.mark.parametrize("head", [HEAD[:17], ()], ids=["head", "patch alone"])
def test_the_digests_of_a_file_are_those_of_its_comments(head: Sequence[str]) -> None:
    """One hunk: what stands between two cannot be made up here."""
    file = file_diff("shop/cart.py", HUNKS.partition("@@ -40")[0])
    standing = digests(file, head)
    for number, line in numbered(file.hunks()):
        comment = place_one(file, head, line=number, quote=line.text)
        assert set(comment.digests) <= standing
        assert comment.digests or not line.text.strip()


def test_the_digests_of_a_file_have_lines_that_the_diff_does_not_show() -> None:
    file = file_diff(hunks="@@ -2 +2 @@\n-old\n+new\n")
    assert len(digests(file, ["far", "new", "away"])) == 4
    assert digests(file, ()) < digests(file, ["far", "new", "away"])


def test_equal_lines_in_a_very_long_file_are_told_apart() -> None:
    lines = ["x = 1"] * 20_000
    file = added_file("a.py", lines)
    claims = [claim(path="a.py", line=n, end_line=n, quote="x = 1") for n in range(1, 20_001, 10)]
    comments = place([file], claims, lambda _: lines)
    assert len({comment.fingerprint for comment in comments}) == 2_000
    assert {each for comment in comments for each in comment.digests} < digests(file, lines)


# --- numbers and properties ---------------------------------------------------------------------


def test_removed_lines_have_the_number_of_the_next_line() -> None:
    rows = [(number, line.kind) for number, line in numbered(FILE.hunks())]
    assert rows[:6] == [(10, " "), (11, "-"), (11, "-"), (11, "+"), (12, "+"), (13, "+")]
    assert rows[-4:] == [(42, "-"), (42, "+"), (43, " "), (44, " ")]


def test_hunks_of_removed_lines_alone_are_numbered_by_the_hunks_before() -> None:
    patch = "@@ -1 +1,2 @@\n a\n+b\n@@ -10,2 +10,0 @@\n-c\n-d\n@@ -20 +18,0 @@\n-e\n"
    rows = [(number, line.kind) for number, line in numbered(file_diff(hunks=patch).hunks())]
    assert rows == [(1, " "), (2, "+"), (11, "-"), (11, "-"), (19, "-")]


TEXTS = ["a", "b", "return total", "  return total", "return total or 0", "", "}", "-x", "12"]
LINES = st.lists(st.tuples(st.sampled_from(" +-"), st.sampled_from(TEXTS)), min_size=1, max_size=9)


def hunk(lines: list[tuple[str, str]], start: int) -> str:
    old, new = (sum(kind in sign for kind, _ in lines) for sign in (" -", " +"))
    rows = "".join(f"{kind}{text}\n" for kind, text in lines)
    return f"@@ -{start},{old} +{start},{new} @@\n{rows}"


QUOTES = st.sampled_from([*TEXTS, "return", "+return total", "3\t-return total"]) | st.text(
    max_size=9
)


@given(st.lists(LINES, min_size=1, max_size=3), QUOTES, st.integers(0, 60), st.integers(0, 70))
def test_an_anchored_comment_stands_on_lines_of_the_diff_and_quotes_the_first(
    hunks: list[list[tuple[str, str]]], quote: str, line: int, end_line: int
) -> None:
    file = file_diff(hunks="".join(hunk(lines, 1 + 20 * i) for i, lines in enumerate(hunks)))
    comment = place_one(file, line=line, end_line=end_line, quote=quote)
    if comment.line is None or comment.end_line is None:
        assert (comment.anchored, bool(comment.anchor_note)) == (False, True)
        return
    sides = [_side(lines, comment.side) for lines in (each.lines for each in file.hunks())]
    (mine,) = [side for side in sides if comment.line in side]
    assert set(range(comment.line, comment.end_line + 1)) <= set(mine)
    assert comment.quote == visible(mine[comment.line])


def _side(lines: Sequence[Any], side: str) -> dict[int, str]:
    number = "old" if side == "old" else "new"
    return {getattr(line, number): line.text for line in lines if getattr(line, number)}


def test_each_claim_has_its_comment_in_the_same_order() -> None:
    claims = [claim(path="b.py"), claim(path="?"), claim(path="a.py"), claim(path="b.py", quote="")]
    claims = [replace(each, checklist=str(n)) for n, each in enumerate(claims)]
    comments = place([file_diff("a.py"), file_diff("b.py")], claims, nothing)
    assert [comment.checklists for comment in comments] == [("0",), ("1",), ("2",), ("3",)]


def test_a_deleted_file_takes_comments_on_its_old_side() -> None:
    header = "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n"
    (file,) = diff(f"{header}@@ -1,2 +0,0 @@\n-a()\n-b()\n").files
    assert where(place_one(file, line=1, quote="b()")) == ("old", 2, 2)


# --- places found anew --------------------------------------------------------------------------

EQUAL = "@@ -1,4 +1,4 @@\n x = 1\n-old\n-old\n+new\n+new\n y = 2\n"


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        pytest.param(3, "new", id="an added line that stands twice"),
        pytest.param(2, "old", id="a removed line that stands twice"),
        pytest.param(1, "x = 1", id="an unchanged line"),
    ],
)
def test_a_report_from_elsewhere_keeps_its_true_places(line: int, quote: str) -> None:
    file = file_diff(hunks=EQUAL)
    placed = place([file], [claim(line=line, end_line=line, quote=quote)], lambda _: ())
    again = anchors.place_again([file], placed, lambda _: ())
    assert placed[0].line is not None
    assert again == placed


def test_a_report_from_elsewhere_loses_places_that_are_not_there() -> None:
    forged = comment(line=900, end_line=900, quote="rm -rf /")
    elsewhere = comment(path="etc/passwd")
    dropped = comment(state="dropped", drop_reason="below", line=2, end_line=2, quote="new")
    made = anchors.place_again([file_diff()], [forged, elsewhere, dropped], lambda _: ())
    assert [each.line for each in made] == [None, None, 1]
    assert [each.state for each in made] == ["new", "dropped", "dropped"]
    assert made[2].drop_reason == "below"
