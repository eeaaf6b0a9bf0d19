"""Which definition a name means, where several have it."""

from __future__ import annotations

import pytest

from reviewbot.languages import language
from reviewbot.meaning import MOST_MEANT, Place, is_test, meant, modules, shared
from reviewbot.symbols import Definition, Use, definitions, imports, uses

FILES = {
    "shop/cart.py": "class Cart(Base):\n    def total(self): ...\ndef total(): ...\n",
    "shop/base.py": "class Base:\n    def total(self): ...\n    def clear_all(self): ...\n",
    "shop/money.py": "def total(): ...\ndef round_up(): ...\n",
    "shop/money.pyi": "def round_up() -> int: ...\n",
    "bank/__init__.py": "def total(): ...\n",
    "bank/session.py": "class Session:\n    def get(self): ...\n    def total(self): ...\n",
    "web/cache.py": "class Cache:\n    def get(self): ...\n",
    "web/a.py": "class A:\n    def often(self): ...\nclass B:\n    def often(self): ...\n",
    "web/b.py": "class C:\n    def often(self): ...\nclass D:\n    def often(self): ...\n",
    "web/forms.py": "def form(a): ...\ndef form(a, b): ...\ndef form(a, b, c): ...\n",
    "tests/test_web.py": "class Session:\n    def close_all(self): ...\n",
    "web/nested.py": "def outer():\n    def inner(): ...\n",
    "app/Cart.java": "class Cart {\n    int price() {\n    }\n}\n",
    "app/Line.java": "class Line {\n    int price() {\n    }\n    int lines() {\n    }\n}\n",
    "lib/a.rb": "def helper\nend\n",
}


def known(name: str, suffix: str) -> list[Definition]:
    return [
        each
        for path, text in FILES.items()
        if (spoken := language(path)) and path.endswith(suffix)
        for each in definitions(text, path, spoken)
        if each.name == name
    ]


def meaning(line: str, path: str = "shop/cart.py", head: str = "") -> list[str]:
    """Where the last name of a line is defined, in a file with these imports."""
    spoken = language(path)
    assert spoken
    use = [*uses(line, spoken)][-1]
    bases = frozenset(("Cart", "Base"))
    place = Place(path, spoken, imports(head), bases)
    suffix = ("." + path.rpartition(".")[2], ".pyi")
    found = [each for end in suffix for each in known(use.name, end)]
    return [f"{each.path}:{each.line}" for _, each in meant(use, place, found)]


@pytest.mark.parametrize(
    ("line", "head", "expected"),
    [
        ("total()", "", ["shop/cart.py:3"]),
        ("self.total()", "", ["shop/cart.py:2"]),
        ("super().total()", "", ["shop/base.py:2"]),
        ("self.clear_all()", "", ["shop/base.py:3"]),
        ("money.total()", "from shop import money\n", ["shop/money.py:1"]),
        ("cash.total()", "from shop import money as cash\n", ["shop/money.py:1"]),
        ("bank.total()", "import bank\n", ["bank/__init__.py:1"]),
        ("round_up()", "from shop.money import round_up\n", ["shop/money.py:2"]),
        ("round_up()", "from shop import round_up\n", ["shop/money.py:2"]),
        ("round_up()", "from .money import *\n", ["shop/money.py:2"]),
        ("round_up()", "", []),
        ("session.total()", "", ["bank/session.py:3"]),
        ("self.session.get()", "", ["bank/session.py:2"]),
        ("http_session.get()", "", ["bank/session.py:2"]),
        ("x.get()", "", []),
        ("x.clear_all()", "", ["shop/base.py:3"]),
        ("make().clear_all()", "", ["shop/base.py:3"]),
        ("x.clear_all", "", []),
        ("x.often()", "", []),
        ("x.close_all()", "", []),  # of tests
        ("inner()", "from web.nested import outer\n", []),
        ("unknown()", "", []),
    ],
)
def test_what_speaks_for_a_definition(line: str, head: str, expected: list[str]) -> None:
    assert meaning(line, head=head) == expected


def test_tests_may_mean_what_other_tests_define() -> None:
    assert meaning("x.close_all()", "tests/test_more.py") == ["tests/test_web.py:2"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_cart.py", True),
        ("shop/test_cart.py", True),
        ("src/cart.test.ts", True),
        ("src/cart.spec.js", True),
        ("shop/cart_test.go", True),
        ("src/test/java/CartTest.java", True),
        ("Shop.Tests/CartTests.cs", True),
        ("spec/cart_spec.rb", True),
        ("src/__tests__/cart-test.js", True),
        ("src/main/java/JobSpec.java", False),
        ("api/pod_spec.go", False),
        ("stats/ab_test.py", False),
        ("tests/conftest.py", False),
        ("shop/latest.py", False),
    ],
)
def test_what_has_tests_is_told_by_its_name_and_folder(path: str, expected: bool) -> None:
    assert is_test(path) == expected


def test_of_several_forms_the_last_ones_come_first() -> None:
    head = "from web.forms import form\n"
    assert meaning("form()", head=head) == [f"web/forms.py:{n}" for n in (3, 2, 1)]


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("price()", "app/Cart.java", ["app/Cart.java:2"]),
        ("lines()", "app/Cart.java", ["app/Line.java:4"]),
        ("line.price()", "app/Cart.java", ["app/Line.java:2"]),
        ("helper(1)", "lib/b.rb", ["lib/a.rb:1"]),
        ("helper", "lib/b.rb", []),
    ],
)
def test_languages_differ_in_what_a_bare_name_may_mean(
    line: str, path: str, expected: list[str]
) -> None:
    assert meaning(line, path) == expected


def test_no_more_are_meant_than_anybody_reads() -> None:
    spoken = language("a.py")
    assert spoken
    many = [Definition("f", f"p/m{n}.py", 1, "function", "", local=False) for n in range(9)]
    place = Place("p/a.py", spoken, {"f": frozenset({"f", "p"})}, frozenset())
    assert len(meant(Use("f", "", called=True), place, many)) == MOST_MEANT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("shop/cart.py", ("cart", "shop")),
        ("shop/__init__.py", ("shop", "shop")),
        ("src/cart.test.ts", ("cart", "src")),
        ("cart/index.ts", ("cart", "cart")),
        ("cart.go", ("cart", "")),
    ],
)
def test_the_names_of_a_file_in_imports(path: str, expected: tuple[str, str]) -> None:
    assert modules(path) == expected


@pytest.mark.parametrize(
    ("one", "other", "folders"),
    [("a/b/c.py", "a/b/d.py", 2), ("a/b.py", "c/b.py", 0), ("a.py", "b.py", 0), ("a/b", "a/b", 1)],
)
def test_shared_folders(one: str, other: str, folders: int) -> None:
    assert shared(one, other) == folders
