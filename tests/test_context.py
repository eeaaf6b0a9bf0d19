"""The code around a change, found by indentation."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.context import LARGEST_BLOCK, MARGIN, SMALL_FILE, enclosing, merged

FILLER = [f"setting_{n} = {n}" for n in range(SMALL_FILE)]


def shown(code: str, marked: str, filler: list[str] = FILLER) -> list[str]:
    """What is shown around the line that holds `marked`, with other code before and after it."""
    lines = [*filler, *dedent(code).strip("\n").split("\n"), *filler]
    (number,) = [n for n, line in enumerate(lines, 1) if marked in line]
    return [lines[n - 1] for each in enclosing(lines, [number]) for n in each]


def block(code: str) -> list[str]:
    return dedent(code).strip("\n").split("\n")


PYTHON = """
    class Cart:
        rate = 1

        def total(self):
            price = 0
            for item in self.items:
                price += item.price

            return price

        def clear(self):
            self.items = []
    """
BLACK = """
    def total(
        cart,
        rate,
    ) -> int:
        price = 0
        return price * rate  # here
    """
BRACES = """
    int total(struct cart *cart) {
        int price = 0;
        if (cart) {
            price = cart->price; // here
        } else {
            price = 1;
        }
        return price;
    }
    """
ALLMAN = """
    int total(Cart cart)
    {
        int price = 0;

        return price; // here
    }
    """
RUBY = """
    class Cart
      def total
        items.each do |item|
          add(item) # here
        end
      end
    end
    """
TABS = "func total() {\n\tfor {\n\t\tx() // here\n\t}\n}"
HTML = "<ul>\n  <li>\n    here\n  </li>\n</ul>"
SHELL = "if ready; then\n  go here\nfi"
PREPROCESSOR = """
    void f() {
        a();
    #ifdef X
        b();
    // margin
        c(); // here
    }
    """


@pytest.mark.parametrize(
    "code",
    [BLACK, BRACES, ALLMAN, RUBY, TABS, HTML, SHELL, PREPROCESSOR],
    ids=["black", "braces", "allman", "ruby", "tabs", "html", "shell", "margin"],
)
def test_the_whole_enclosing_block_is_shown_with_its_head_and_its_end(code: str) -> None:
    assert shown(code, "here") == block(code)


def test_the_largest_block_of_reasonable_size_is_shown() -> None:
    assert shown(PYTHON, "price += item.price") == block(PYTHON)


def test_a_block_of_python_ends_before_the_next_one() -> None:
    code = "def a():\n    return 1  # here\n\n\ndef b():\n    return 2"
    assert shown(code, "here") == ["def a():", "    return 1  # here"]


@pytest.mark.parametrize("next_line", ["endpoint = 1", "done_with = 2", "final = 3"])
def test_a_name_that_begins_like_an_end_is_none(next_line: str) -> None:
    assert shown(f"def a():\n    here()\n{next_line}", "here") == ["def a():", "    here()"]


def test_of_a_huge_class_the_first_line_and_the_method_are_shown() -> None:
    methods = [f"    def m{n}(self):\n        return {n}" for n in range(LARGEST_BLOCK)]
    code = "\n".join(["class Cart:", *methods])
    assert shown(code, "return 41") == ["class Cart:", "    def m41(self):", "        return 41"]


def test_of_a_huge_function_its_first_line_and_the_near_lines_are_shown() -> None:
    body = [f"    step({n})" for n in range(3 * LARGEST_BLOCK)]
    code = "\n".join(["def run():", *body])
    near = [f"    step({n})" for n in range(100 - MARGIN, 100 + MARGIN + 1)]
    assert shown(code, "step(100)") == ["def run():", *near]


def test_a_huge_function_with_its_signature_on_several_lines_shows_where_it_begins() -> None:
    body = [f"    step({n})" for n in range(3 * LARGEST_BLOCK)]
    code = "\n".join(["def run(", "    fast,", "):", *body])
    assert shown(code, "step(100)")[0] == "def run("


def test_a_file_without_indentation_shows_the_near_lines() -> None:
    lines = [f"line {n}" for n in range(1, 1001)]
    assert enclosing(lines, [500]) == [range(500 - MARGIN, 500 + MARGIN + 1)]


@pytest.mark.parametrize(
    ("count", "changed", "expected"),
    [
        (0, [], []),
        (0, [1], []),
        (1, [1], [range(1, 2)]),
        (SMALL_FILE, [3], [range(1, SMALL_FILE + 1)]),
        (SMALL_FILE + 1, [], []),
        (SMALL_FILE + 1, [1], [range(1, MARGIN + 2)]),
        (SMALL_FILE + 1, [0], [range(1, MARGIN + 2)]),
        (1000, [1001], [range(1000 - MARGIN, 1001)]),
        (1000, [9999], [range(1000 - MARGIN, 1001)]),
        (1000, [500, 501], [range(500 - MARGIN, 501 + MARGIN)]),
        (1000, [900, 100], [range(92, 109), range(892, 909)]),
    ],
)
def test_small_files_are_shown_whole_and_numbers_stay_in_the_file(
    count: int, changed: list[int], expected: list[range]
) -> None:
    assert enclosing([f"x{n}" for n in range(count)], changed) == expected


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([range(5, 7), range(1, 3)], [range(1, 3), range(5, 7)]),
        ([range(1, 3), range(3, 5)], [range(1, 5)]),
        ([range(1, 9), range(2, 4)], [range(1, 9)]),
        ([range(1, 3), range(2, 6), range(6, 7)], [range(1, 7)]),
    ],
)
def test_merged_ranges(ranges: list[range], expected: list[range]) -> None:
    assert merged(ranges) == expected


@pytest.mark.parametrize("step", [1, 2, 50])
def test_a_long_file_with_many_changes_is_finished(step: int) -> None:
    lines = [f"{'    ' * (n % 40)}call({n})" for n in range(20_000)]
    found = enclosing(lines, range(1, 20_001, step))
    assert all(n in {m for each in found for m in each} for n in (1, 10_001, 19_951))


CODE = st.lists(
    st.builds(
        lambda indent, text: " " * indent + text,
        st.integers(0, 6),
        st.sampled_from(["", "a", "}", "{", "end", "# x", "): b", "\tx", "</p>"]),
    ),
    min_size=SMALL_FILE + 1,
    max_size=SMALL_FILE + 60,
)


@given(CODE, st.lists(st.integers(-3, 300), min_size=1, max_size=5))
def test_ranges_are_sorted_apart_within_the_file_and_hold_the_changes(
    lines: list[str], changed: list[int]
) -> None:
    found = enclosing(lines, changed)
    numbers = [n for each in found for n in each]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1
    assert numbers[-1] <= len(lines)
    assert {min(max(n, 1), len(lines)) for n in changed} <= set(numbers)
    assert merged(found) == found


def test_very_deep_code_with_very_many_blank_lines_is_read_in_one_go() -> None:
    stairs = [" " * depth + "x" for depth in range(300)]
    blank = [""] * 100_000
    for end in ("x", " " * 300 + "x"):
        lines = [*stairs, *blank, end]
        (shown,) = enclosing(lines, range(1, len(lines) + 1))
        assert shown == range(1, len(lines) + 1)


def test_a_blank_line_belongs_to_what_follows() -> None:
    code = "def a():\n    x\n\n    y\n\n\ndef b():\n    z"
    lines = [*FILLER, *code.split("\n"), *FILLER]
    inside, between = len(FILLER) + 3, len(FILLER) + 5
    assert enclosing(lines, [inside]) == [range(inside - 2, inside + 2)]
    assert enclosing(lines, [between]) == [range(between - MARGIN, between + MARGIN + 1)]
