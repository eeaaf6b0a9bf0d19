"""A suggestion is offered only where a click on it gives what was meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.suggestions import (
    BROKEN,
    EMPTY,
    FOREIGN,
    INDENTED,
    LARGEST,
    LEFT_OUT,
    NO_CHANGE,
    REPEATED,
    Original,
)

CART = """\
def total(cart):
    price = 0
    for item in cart.items:
        price += item.price
    return price


def refund(cart):
    pay(cart)
""".splitlines()


def fitted(
    suggestion: str,
    first: int,
    last: int = 0,
    *,
    path: str = "shop/cart.py",
    lines: Sequence[str] = CART,
) -> tuple[str, str]:
    return Original(path, lines, {}).fitted(suggestion, first, last or first)


# --- what stays ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suggestion", "first", "last"),
    [
        pytest.param("    price = Decimal()", 2, 2, id="another line"),
        pytest.param("        price += item.price\n        log(item)", 4, 4, id="one more line"),
        pytest.param("    return sum(item.price for item in cart.items)", 2, 5, id="fewer lines"),
        pytest.param("    price = 0\n\n    check(cart)", 2, 2, id="a blank line"),
        pytest.param("\n    # the way back", 6, 7, id="in place of blank lines"),
        pytest.param("    if cart:\n        pay(cart)", 9, 9, id="deeper lines"),
    ],
)
def test_what_applies_stays_as_it_is(suggestion: str, first: int, last: int) -> None:
    assert fitted(suggestion, first, last) == (suggestion, "")


@pytest.mark.parametrize(
    ("suggestion", "made"),
    [
        ("    price = 1\n", "    price = 1"),
        ("    price = 1\r\n    rate = 2\r\n", "    price = 1\n    rate = 2"),
        ("    price = 1\n\n", "    price = 1\n\n"),
        ("```python\n    price = 1\n```", "    price = 1"),
        ("```suggestion\n    price = 1\n```\n", "    price = 1"),
        ("~~~~\n    price = 1\n~~~~", "    price = 1"),
        ("```\nprice = 1\n```", "    price = 1"),
    ],
)
def test_line_ends_and_a_fence_around_it_are_no_part_of_it(suggestion: str, made: str) -> None:
    assert fitted(suggestion, 2) == (made, "")


@pytest.mark.parametrize(
    ("suggestion", "first", "last", "made"),
    [
        pytest.param("price = 1", 2, 2, "    price = 1", id="one line"),
        pytest.param("if x:\n    a()\nb()", 9, 9, "    if x:\n        a()\n    b()", id="a block"),
        pytest.param("a()\n\nb()", 9, 9, "    a()\n\n    b()", id="a blank line between"),
    ],
)
def test_what_was_written_without_its_margin_is_moved_there(
    suggestion: str, first: int, last: int, made: str
) -> None:
    assert fitted(suggestion, first, last) == (made, "")
    assert fitted(made, first, last) == (made, "")


def test_tabs_are_a_margin_too() -> None:
    lines = ["func total() {", "\ta()", "}"]
    assert fitted("b()", 2, path="a.go", lines=lines) == ("\tb()", "")
    assert fitted("    b()", 2, path="a.go", lines=lines) == ("", INDENTED)
    assert fitted("\tif x {\n\t    b()\n\t}", 2, path="a.go", lines=lines)[1] == ""
    assert fitted("\tif x {\n    b()\n\t}", 2, path="a.go", lines=lines) == ("", INDENTED)


@pytest.mark.parametrize("end", ["", "\r"])
def test_line_ends_of_the_file_make_no_difference(end: str) -> None:
    lines = [line + end for line in CART]
    assert fitted("    price = 1\r\n", 2, lines=lines) == ("    price = 1", "")
    assert fitted("    price = 0", 2, lines=lines) == ("", NO_CHANGE)
    assert fitted("    price = 1\n    for item in cart.items:", 2, lines=lines) == ("", REPEATED)
    assert fitted("    price = (", 2, lines=lines) == ("", BROKEN)


def test_the_last_line_of_a_file_can_be_replaced() -> None:
    assert fitted("    refuse(cart)", 9) == ("    refuse(cart)", "")


# --- what goes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suggestion", "first", "last", "why"),
    [
        ("\n", 2, 2, EMPTY),
        ("   \n\t\n", 2, 2, EMPTY),
        ("```\n```", 2, 2, EMPTY),
        ("    price = 0", 2, 2, NO_CHANGE),
        ("    price = 0  \t", 2, 2, NO_CHANGE),
        ("price = 0", 2, 2, NO_CHANGE),
        ("2\t+    price = 1", 2, 2, FOREIGN),
        ("2\t     price = 1", 2, 2, FOREIGN),
        ("+    price = 1", 2, 2, FOREIGN),
        ("-    price = 0\n+    price = 1", 2, 2, FOREIGN),
        ("-    price = 0", 2, 2, FOREIGN),
        ("    price = 1\n```", 2, 2, FOREIGN),
        ("    price = '<U+200B>'", 2, 2, FOREIGN),
        ("    # ... as before\n    return price", 2, 5, LEFT_OUT),
        ("    price = 1\n    # …", 2, 3, LEFT_OUT),
        ("def total(cart):\n    price = 1", 2, 2, REPEATED),
        ("    price = 1\n    for item in cart.items:", 2, 2, REPEATED),
        ("def total(cart):\n    price = 0\n    for item in all(cart):", 3, 3, REPEATED),
        ("        log(item)\n    return price", 4, 4, REPEATED),
        ("        price = 1", 2, 2, INDENTED),
        ("      price += 1", 4, 4, INDENTED),
        ("\tprice = 1", 2, 2, INDENTED),
        ("    if a:\n\t\tprice = 1", 2, 2, INDENTED),
        ("if x:\n    price = 1", 2, 2, INDENTED),
        ("    price = (1", 2, 2, BROKEN),
        ("    for item in cart.items", 3, 3, BROKEN),
        ("    check(cart)", 3, 3, BROKEN),
    ],
)
def test_what_does_not_apply_goes_with_a_reason(
    suggestion: str, first: int, last: int, why: str
) -> None:
    assert fitted(suggestion, first, last) == ("", why)


def test_a_first_line_alone_without_margin_is_not_guessed_at() -> None:
    lines = ["call(", "    one,", "    two,", ")"]
    assert fitted("three,\n    two,", 2, 3, lines=lines) == ("", INDENTED)


def test_what_the_old_lines_have_themselves_is_no_mistake() -> None:
    text = ["+ one", "...", "```", "12\t-3", "# ..."]
    for number, line in enumerate(text, 1):
        changed = f"{line}\nmore"
        assert fitted(changed, number, path="a.txt2", lines=text) == (changed, "")


def test_equal_lines_that_stand_in_a_row_already_may_stay() -> None:
    lines = ["tick()", "tick()", "}", "}"]
    assert fitted("tick()\ntock()", 2, path="a.txt2", lines=lines) == ("tick()\ntock()", "")
    assert fitted("tock()\n}", 2, path="a.txt2", lines=lines) == ("tock()\n}", "")


def test_prose_may_have_fences_and_lists() -> None:
    lines = ["Run this:", "make test"]
    code = "```\nmake test\n```"
    assert fitted(code, 2, path="README.md", lines=lines) == (code, "")
    assert fitted("+ one\n+ two", 2, path="README.md", lines=lines)[1] == ""


def test_dots_alone_are_code_in_python_only() -> None:
    assert fitted("    ...", 9) == ("    ...", "")
    lines = ["a();", "b();"]
    assert fitted("c();\n...", 1, path="a.js", lines=lines) == ("", LEFT_OUT)


# --- a patch alone -------------------------------------------------------------------------------


def test_of_a_patch_alone_the_lines_that_it_shows_count() -> None:
    original = Original("a.py", (), {3: "    a()", 4: "    b()", 9: "    c()"})
    assert original.fitted("    a()\n    x()", 4, 4) == ("", REPEATED)
    assert original.fitted("    b()\n    x()", 9, 9) == ("    b()\n    x()", "")
    assert original.fitted("    x(", 4, 4) == ("    x(", "")


# --- the file as a whole -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "lines", "right", "wrong"),
    [
        ("a.py", ["x = 1", "y = 2"], "x = {1: 2}", "x = {1: 2"),
        ("a.PY", ["x = 1", "y = 2"], "x = {1: 2}", "x = {1: 2"),
        ("a.pyi", ["x: int", "y: int"], "x: str", "x: str ="),
        ("a.json", ["[1,", "2]"], "[3,", "[3"),
        ("a.yaml", ["a: !Ref x", "---", "b: 1"], "a: !Sub [x, y]", "a: [x"),
        ("a.yml", ["a:", "  b: 1"], "a: &x", "a: 'x"),
        ("a.toml", ["[a]", "b = 1"], "[c]", "[c"),
        ("a.js", ["f(1)", "g()"], "f(`${1}`, ')', /* ( */ '[') // {", "f(1"),
        ("a.ts", ["if (a) {", "  b()", "}"], "if (a || c) {", "if (a || c)"),
        ("a.go", ["f(1)", "g()"], "f(`)`)", 'f("a)'),
        ("a.rs", ["f(1)", "g()"], "f::<'a>(')')", "f(1))"),
        ("a.c", ["f(1);", "g();"], 'f(\'"\', "\\"(");', 'f("1);'),
        ("a.java", ["f(1);", "g();"], 'f("""\n ( " \n""");', "f(1); /* not yet"),
        ("a.php", ["f(1);", "g();"], "f('(');", "f('1);"),
        ("a.kt", ["f(1)", "g()"], "f(listOf(1))", "f(listOf(1)"),
    ],
)
def test_what_can_be_parsed_still_can_be_afterwards(
    path: str, lines: list[str], right: str, wrong: str
) -> None:
    assert fitted(right, 1, path=path, lines=lines) == (right, "")
    assert fitted(wrong, 1, path=path, lines=lines) == ("", BROKEN)


def test_of_other_languages_nothing_is_parsed() -> None:
    assert fitted("f(1", 1, path="a.rb", lines=["f(1)"]) == ("f(1", "")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "print 'of an older Python'"),
        ("a.json", "// with a comment"),
        ("a.yaml", "{{ template }}: {{ x }}: y"),
        ("a.toml", "a = 1\na = 2"),
        ("a.c", "#if X\nif (a) {\n#else\nif (b) {\n#endif"),
        ("a.js", "if (/[(]/.test(a)) {"),
        ("a.jsx", "<p>don't</p>"),
    ],
)
def test_what_cannot_be_parsed_before_says_nothing(path: str, line: str) -> None:
    lines = ["x", *line.split("\n")]
    assert fitted("y((", 1, path=path, lines=lines) == ("y((", "")


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    lines = ["x = 1"] * (LARGEST // 6)
    assert fitted("y((", 1, lines=lines) == ("", BROKEN)
    assert fitted("y((", 1, lines=[*lines, "z = 1"]) == ("y((", "")


# --- hostile text --------------------------------------------------------------------------------

DEEP = 50_000


@pytest.mark.parametrize(
    "suggestion",
    [
        *("(" * DEEP, "[" * DEEP, "{" * DEEP, '{"a":' * DEEP, "-" * DEEP + "1", "- " * DEEP),
        *("not " * DEEP + "1", "a." * DEEP + "a", "x = " + "[" * DEEP, "/*" * DEEP, '"' * DEEP),
        *(
            "`\\" * DEEP,
            '"""' * DEEP,
            "'\\" * DEEP,
            "1" * DEEP,
            "{a: " * DEEP,
            "a." * DEEP + "a = 1",
        ),
        *("&a " * DEEP, "? " * DEEP, "\0", "\\" * DEEP, "a()" * DEEP, "<U+" * DEEP, "#..." * DEEP),
        *(" " * DEEP, "\n" * DEEP, "x\n" * DEEP, "`" * DEEP + "\n", "0\t" * DEEP, "'" * DEEP),
    ],
    ids=lambda suggestion: repr(suggestion[:8]),
)
@pytest.mark.parametrize("path", ["a.py", "a.json", "a.yaml", "a.toml", "a.js", "a.rs"])
def test_a_hostile_suggestion_is_answered_too(path: str, suggestion: str) -> None:
    lines = ["a = [" if path == "a.toml" else "[", "1,", "2", "]"]
    text, why = fitted(suggestion, 2, path=path, lines=lines)
    assert bool(text) != bool(why)


@given(
    suggestion=st.text(alphabet=" \t\n+-`'\"()[]{}xy.…#/<>0", max_size=60),
    first=st.integers(1, 9),
    count=st.integers(0, 3),
)
def test_what_is_offered_is_offered_again_as_it_is(suggestion: str, first: int, count: int) -> None:
    last = min(first + count, 9)
    text, why = fitted(suggestion, first, last)
    assert bool(text) != bool(why)
    if text:
        assert fitted(text, first, last) == (text, "")
