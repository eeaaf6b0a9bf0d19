"""Code elsewhere: found in real repositories, shown beside the change, within its budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from builders import BACKGROUND, ROOM, checklist, token
from conftest import Repo

from reviewbot import change, search, selection
from reviewbot.batches import Shown
from reviewbot.change import Change
from reviewbot.context import SMALL_FILE
from reviewbot.git import Repository
from reviewbot.models import tokens
from reviewbot.prompt import Request, requests
from reviewbot.redaction import Redactor, shipped
from reviewbot.related import SMALL, Elsewhere, File, survey
from reviewbot.screening import screen
from reviewbot.selection import Selection

MakeRepo = Callable[..., Repo]

MONEY = """\
import decimal

RATE = 1.2


def taxed(cents):
    \"\"\"With the tax.\"\"\"
    return cents * RATE


def rounded(cents):
    return round(cents)
"""
CART = """\
from shop.money import taxed


class Cart:
    def __init__(self, lines):
        self.lines = lines

    def total(self):
        return sum(self.lines)


def size(cart):
    return len(cart.lines)
"""
VIEWS = """\
from shop.cart import Cart, size


def show(cart):
    text = "total"
    total = 1
    return cart.total() + size(cart)
"""
TESTS = """\
from shop.cart import Cart


def test_an_empty_cart_costs_nothing():
    assert Cart([]).total() == 0
"""


@contextmanager
def changed(
    repo: Repo, never_send: Sequence[str] = (), filters: Sequence[str] = ()
) -> Iterator[tuple[Change, Selection]]:
    """What the last commit changes, selected and screened."""
    with Repository(repo.folder) as repository:
        made = change.from_repository(repository, change.commit(repository, "HEAD"))
        wanted = {"path_filters": filters}
        chosen = selection.select(made.diff.files, wanted, made.attributes, never_send)
        made, chosen, _ = screen(made, chosen, Redactor(shipped()))
        yield made, chosen


def sent(made: Change, chosen: Selection, context: int = ROOM.context) -> list[Request]:
    found = survey(made, chosen)
    room = type(ROOM)(call=ROOM.call, answer=ROOM.answer, context=context)
    return list(
        requests(
            chosen.files,
            [(checklist(), "claude-sonnet")],
            BACKGROUND,
            room,
            made.lines,
            elsewhere=found.text if found else None,
        )
    )


def elsewhere(repo: Repo, *never_send: str, filters: Sequence[str] = ()) -> str:
    """What stands in the block for code elsewhere; empty where there is none."""
    with changed(repo, never_send, filters) as (made, chosen):
        (request,) = sent(made, chosen)
    found = re.search(r"<elsewhere-(\w+)>\n(.*)\n</elsewhere-\1>", request.change, re.DOTALL)
    return found[2] if found else ""


def headings(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.startswith("## ")]


@pytest.fixture
def shop(repo: Repo) -> Repo:
    """A repository with a few modules and a test, in one commit."""
    repo.write("shop/money.py", MONEY)
    repo.write("shop/cart.py", CART)
    repo.write("web/views.py", VIEWS)
    repo.write("tests/test_cart.py", TESTS)
    repo.commit("start")
    return repo


def edit(repo: Repo, path: str, old: str, new: str) -> None:
    text = (repo.folder / path).read_text()
    assert old in text
    repo.write(path, text.replace(old, new))
    repo.commit("edit")


# --- what is shown -------------------------------------------------------------------------------


def test_the_definition_of_what_an_added_line_uses_is_shown_with_its_place(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    assert elsewhere(shop).startswith(
        "## shop/money.py (defines `taxed`)\n"
        "...\n"
        "6\t def taxed(cents):\n"
        '7\t     """With the tax."""\n'
        "8\t     return cents * RATE\n"
    )


def test_constants_and_classes_are_shown_too(shop: Repo) -> None:
    new = "\nfrom shop.cart import Cart\nfrom shop.money import RATE\nmade = Cart([RATE])\n"
    edit(shop, "web/views.py", "\n\ndef show", f"{new}\ndef show")
    text = elsewhere(shop)
    assert "defines `Cart`" in text
    assert "\n4\t class Cart:\n5\t     def __init__(self, lines):\n" in text
    assert "## shop/money.py (defines `RATE`)\n...\n3\t RATE = 1.2" in text


def test_who_calls_what_is_redefined_is_shown_with_the_head_of_its_block(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "def size(cart):", "def size(cart, plain):")
    text = elsewhere(shop)
    assert "## web/views.py (uses `size`)" in text
    assert "\n4\t def show(cart):\n" in text
    assert "\n7\t     return cart.total() + size(cart)" in text


def test_who_calls_what_a_deleted_file_had_is_shown(shop: Repo) -> None:
    (shop.folder / "shop/money.py").unlink()
    edit(shop, "web/views.py", "    total = 1\n", "    total = 2\n")
    assert "## shop/cart.py (uses `taxed`)\n1\t from shop.money import taxed" in elsewhere(shop)


def test_a_variable_or_a_text_with_the_name_of_a_method_does_not_use_it(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return sum(self.lines) + 1")
    rows = [line for line in elsewhere(shop).split("\n") if "web/views" in line]
    assert rows == ["## web/views.py (uses `total`)"]
    lines = elsewhere(shop).partition("## web/views.py")[2].partition("\n## ")[0]
    assert "cart.total()" in lines
    assert lines.count("...") <= 1


PARSER = f"""\
class Parser:
    limit = 1_000  # bytes that are kept in memory

    def __init__(self, stream):
        self.stream = stream

{"".join(f"    def step_{n}(self): return {n}{chr(10)}" for n in range(SMALL_FILE))}
    def store(self):
        return Spooled(max_size=self.limit)
"""


EXPORTED = "export function made_here() {}\n"


@pytest.mark.parametrize(
    ("path", "text", "user", "head"),
    [
        ("src/limits.rs", "pub fn made_here() {}\n", "src/app.rs", "use crate::made_here;"),
        ("src/lib.ts", EXPORTED, "src/a.ts", "import { made_here } from './lib'"),
        ("packages/utils/src/index.ts", EXPORTED, "a.ts", "import { made_here } from '@a/utils'"),
        ("src/Cart.php", "<?php\nclass Cart {}\n", "app.php", "<?php\nuse Acme\\Cart;"),
        ("lib/__init__.py", "def made_here(): ...\n", "app.py", "from lib import made_here"),
    ],
)
def test_an_import_from_the_repository_itself_is_none_from_elsewhere(
    repo: Repo, path: str, text: str, user: str, head: str
) -> None:
    name = "Cart" if "Cart" in text else "made_here"
    repo.write(path, text)
    repo.write(user, f"{head}\n")
    repo.commit()
    repo.write(user, f"{head}\nx = {name}(1)\n")
    repo.commit()
    assert f"(defines `{name}`)" in elsewhere(repo)


def test_who_makes_a_class_that_has_a_new_field_is_shown(repo: Repo) -> None:
    repo.write("order.py", "@dataclass\nclass Order:\n    count: int\n")
    repo.write("shop.py", "from order import Order\n\norder = Order(3)\n")
    repo.commit()
    edit(repo, "order.py", "count: int\n", "count: int\n    coupon: str\n")
    assert "3\t order = Order(3)" in elsewhere(repo)


def test_of_a_field_that_is_set_no_stranger_with_its_name_is_shown(repo: Repo) -> None:
    repo.write("a/job.py", "class Job:\n    def run(self):\n        self.name = ''\n")
    repo.write("b/pet.py", "def call(pet):\n    return pet.name\n")
    repo.commit()
    edit(repo, "a/job.py", "self.name = ''", "self.name = 'x'")
    assert elsewhere(repo) == ""


def test_nobody_is_asked_for_who_uses_what_changed_in_tests(shop: Repo) -> None:
    shop.write(
        "tests/test_line.py", "class TestLine:\n    def setUp(self):\n        self.cart = 1\n"
    )
    shop.write("web/other.py", "def setUp(cart):\n    cart.setUp()\n    cart.cart.show()\n")
    shop.commit("more tests")
    edit(shop, "tests/test_line.py", "self.cart = 1", "self.cart = 2")
    assert elsewhere(shop) == ""


def test_of_a_large_class_is_shown_what_the_change_leaves_out(repo: Repo) -> None:
    repo.write("parser.py", PARSER)
    repo.commit()
    edit(repo, "parser.py", "def step_60(self): return 60", "def step_60(self): return self.limit")
    text = elsewhere(repo)
    assert "2\t     limit = 1_000  # bytes" in text
    assert "\t         return Spooled(max_size=self.limit)" in text


def test_of_what_is_called_more_is_shown_than_of_what_only_may_be_meant(repo: Repo) -> None:
    lines = "".join(f"    step({n})\n" for n in range(SMALL))
    repo.write("far/run.py", f"def run_all():\n{lines}    return 'surely called'\n")
    repo.write(
        "far/other.py", f"class Other:\n    def go_on(self):\n{lines}        return 'a guess'\n"
    )
    repo.write("app.py", "from far.run import run_all\n")
    repo.commit()
    edit(repo, "app.py", "run_all\n", "run_all\n\nrun_all()\nit.go_on()\n")
    text = elsewhere(repo)
    assert "return 'surely called'" in text
    assert "def go_on(self)" in text
    assert "return 'a guess'" not in text


def test_who_reads_a_field_that_is_set_anew_is_shown(repo: Repo) -> None:
    repo.write("parser.py", PARSER)
    repo.commit()
    edit(repo, "parser.py", "self.stream = stream", "self.stream = stream\n        self.limit = 5")
    text = elsewhere(repo)
    assert headings(text) == ["## parser.py (defines `limit`, `Parser`; uses `limit`)"]
    assert "\t         return Spooled(max_size=self.limit)" in text


def test_the_type_of_a_method_that_stands_outside_is_shown(repo: Repo) -> None:
    repo.write("cart.go", "package shop\n\ntype Cart struct {\n\tlines []Line // sorted\n}\n")
    repo.write("total.go", "package shop\n\nfunc (c *Cart) Total() int {\n\treturn 1\n}\n")
    repo.commit()
    edit(repo, "total.go", "return 1", "return len(c.lines)")
    assert "4\t \tlines []Line // sorted" in elsewhere(repo)


def test_what_tests_use_comes_after_what_all_others_use(shop: Repo) -> None:
    shop.write("tests/helpers.py", "def given(cart): ...\n")
    shop.commit("helpers")
    tests = f"from helpers import given\n{TESTS}    given(given(Cart([])))\n"
    shop.write("tests/test_cart.py", tests)
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    text = elsewhere(shop)
    assert text.index("(defines `taxed`)") < text.index("(defines `given`)")


def test_a_name_that_was_imported_from_elsewhere_is_not_one_of_the_repository(repo: Repo) -> None:
    repo.write("test/other.test.js", "const { make } = require('./make')\nconst test = make()\n")
    repo.write("test/mine.test.js", "const { test } = require('tap')\n")
    repo.commit()
    edit(repo, "test/mine.test.js", "('tap')\n", "('tap')\ntest('adds', t => t.end())\n")
    assert elsewhere(repo) == ""


def test_the_tests_beside_a_file_are_named(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return len(cart.lines)", "return len(cart.lines or ())")
    assert (
        "## tests/test_cart.py (tests `shop/cart.py`)\n...\n"
        "4\t def test_an_empty_cart_costs_nothing():"
    ) in elsewhere(shop)


def test_what_the_change_shows_is_not_shown_twice(shop: Repo) -> None:
    edit(
        shop, "shop/cart.py", "return len(cart.lines)", "return len(cart.lines) + Cart.total(cart)"
    )
    assert "## shop/cart.py" not in elsewhere(shop)


def test_a_definition_far_away_in_the_same_file_is_shown(shop: Repo) -> None:
    filler = "".join(f"setting_{n} = {n}\n" for n in range(200))
    shop.write("shop/long.py", f"def helper(x):\n    return x\n\n\n{filler}\n\nlast = 1\n")
    shop.commit("long")
    edit(shop, "shop/long.py", "last = 1", "last = helper(1)")
    expected = "## shop/long.py (defines `helper`)\n1\t def helper(x):\n2\t     return x"
    assert elsewhere(shop) == expected


def test_nothing_of_libraries_is_shown(shop: Repo) -> None:
    edit(shop, "web/views.py", "total = 1", "total = len(json.taxed(1))")
    edit(shop, "web/views.py", "from shop.cart", "import json\nfrom shop.cart")
    edit(shop, "web/views.py", "json.taxed(1)", "json.taxed(print(2))")
    assert "defines" not in elsewhere(shop)


def test_the_same_change_gives_the_same_text(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    assert elsewhere(shop) == elsewhere(shop) != ""


def test_a_working_tree_is_searched_as_it_is(shop: Repo) -> None:
    shop.write("shop/cart.py", CART.replace("sum(self.lines)", "fresh(self.lines)"))
    shop.write("shop/new.py", "def fresh(lines):\n    return 1\n")
    shop.write("shop/cart.py", "from shop.new import fresh\n" + (CART + "\nx = fresh([])\n"))
    with Repository(shop.folder) as repository:
        made = change.from_repository(repository, change.uncommitted(repository))
        chosen = selection.select(made.diff.files, {"only": ["shop/cart.py"]}, {})
        (request,) = sent(made, chosen)
    assert "## shop/new.py (defines `fresh`)\n1\t def fresh(lines):" in request.change


# --- what is never shown -------------------------------------------------------------------------

HIDDEN = "def hidden(x):\n    return 'out of sight'\n"


@pytest.mark.parametrize(
    ("path", "never_send", "filters"),
    [
        ("vendor/hidden.py", (), ()),
        ("shop/hidden_pb2.py", (), ()),
        ("private/hidden.py", ("private/",), ()),
        ("legacy/hidden.py", (), ("!legacy/",)),
        ("made/hidden.py", (), ()),
    ],
    ids=["vendored", "generated", "never sent", "filtered", "attributes"],
)
def test_what_selection_leaves_out_is_not_shown(
    shop: Repo, path: str, never_send: Sequence[str], filters: Sequence[str]
) -> None:
    shop.write(".gitattributes", "made/** linguist-generated\n")
    shop.write(path, HIDDEN)
    shop.commit("hidden")
    edit(shop, "web/views.py", "total = 1", "total = hidden(1)")
    shop.write("web/views.py", f"from hidden import hidden\n{VIEWS}\nx = hidden(1)\n")
    shop.commit("use it")
    assert "out of sight" not in elsewhere(shop, *never_send, filters=filters)


def test_a_filter_that_names_the_files_to_review_hides_no_others(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    assert "defines `taxed`" in elsewhere(shop, filters=["shop/cart.py"])


def test_secrets_of_other_files_are_taken_out(shop: Repo) -> None:
    secret = token()
    shop.write("shop/key.py", f"def signed(x):\n    return x + '{secret}'\n")
    shop.commit("a secret")
    shop.write("web/views.py", f"from shop.key import signed\n{VIEWS}\nx = signed(1)\n")
    shop.commit("use it")
    text = elsewhere(shop)
    assert "1\t def signed(x):\n2\t     return x + '[redacted:" in text
    assert secret not in text


HOSTILE: dict[str, bytes] = {
    "binary": b"def used(x):\n\0\1\2",
    "not utf-8": b"def used(x):\n    return '\xff\xfe'\n",
    "one long line": b"def used(x): return '" + b"x" * 300_000 + b"'\n",
    "huge": b"def used(x):\n    pass\n" * 30_000,
    "no line end": b"def used(x): pass",
    "carriage returns": b"def used(x):\r    pass\r\ndef other(): pass\r\n",
    "empty": b"",
    "deep": b"def used(x):\n" + b"".join(b" " * n + b"if x:\n" for n in range(1, 300)),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_contents_end_nothing(shop: Repo, content: bytes) -> None:
    shop.write("shop/hostile.py", content)
    shop.write("shop/a[b](c)*.py", content)
    shop.write("shop/\u202ename\n.py", content)
    shop.commit("hostile")
    shop.write("web/views.py", f"from shop.hostile import used\n{VIEWS}\nx = used(1)\n")
    shop.commit("use it")
    text = elsewhere(shop)
    assert "\0" not in text
    assert "\u202e" not in text
    assert tokens(text) < 30_000


def test_symbolic_links_and_submodules_are_no_files(shop: Repo) -> None:
    (shop.folder / "shop/link.py").symlink_to("/etc/passwd")
    shop.commit("link")
    shop.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module.py")
    shop.git("commit", "--quiet", "--message=module")
    with Repository(shop.folder) as repository:
        paths = [blob.path for blob in repository.blobs(repository.resolve("HEAD"))]
    assert paths == ["shop/cart.py", "shop/money.py", "tests/test_cart.py", "web/views.py"]


def test_far_files_are_left_out_where_there_are_too_many(
    shop: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    monkeypatch.setattr(search, "MOST_READ", len(MONEY) + len(CART) + 100)
    with changed(shop) as (made, chosen):
        (request,) = sent(made, chosen)
    assert "## shop/money.py" in request.change
    assert "## web/views.py" not in request.change


def test_a_partial_clone_has_nothing_elsewhere(shop: Repo, make_repo: MakeRepo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    shop.git("config", "uploadpack.allowFilter", "true")
    clone = make_repo("clone")
    clone.git("fetch", "--quiet", "--filter=blob:none", f"file://{shop.folder}", "HEAD")
    clone.git("config", "remote.origin.promisor", "true")
    with Repository(clone.folder) as repository:
        assert repository.blobs(repository.resolve("FETCH_HEAD")) == []


def test_what_is_not_here_ends_the_contents(shop: Repo) -> None:
    with Repository(shop.folder) as repository:
        first, second, *_ = repository.blobs(repository.resolve("HEAD"))
        missing = first._replace(oid="1" * len(first.oid))
        assert list(repository.contents([second, missing, first])) == [MONEY.encode()]
        assert list(repository.contents([])) == []


def test_a_patch_and_prose_have_nothing_elsewhere(shop: Repo) -> None:
    edit(shop, "shop/cart.py", "return sum(self.lines)", "return taxed(sum(self.lines))")
    patch = shop.git_bytes("diff", "HEAD~1", "HEAD").splitlines(keepends=True)
    made = change.from_patch("patch", patch)
    assert survey(made, selection.select(made.diff.files, {}, {})) is None
    shop.write("README.md", "taxed()\n")
    shop.commit("prose")
    assert elsewhere(shop) == ""


# --- how much ------------------------------------------------------------------------------------


def large(repo: Repo, count: int) -> None:
    """A change that uses very many functions of other files."""
    for n in range(count):
        body = "".join(f"    x += {n} * {m}\n" for m in range(9))
        repo.write(f"lib/part{n}.py", f"def work{n}(x):\n    '''Do it.'''\n{body}    return x\n")
    repo.write("lib/all.py", "x = 1\n")
    repo.commit("parts")
    uses = "".join(f"from lib.part{n} import work{n}\nwork{n}(1)\n" for n in range(count))
    repo.write("lib/all.py", f"x = 1\n{uses}")
    repo.commit("use them")


@pytest.mark.parametrize("context", [0, 100, 1_000, 4_000, 12_000, 40_000])
def test_the_budget_holds(repo: Repo, context: int) -> None:
    large(repo, 60)
    with changed(repo) as (made, chosen):
        (bare,) = sent(made, chosen, 0)
        (request,) = sent(made, chosen, context)
    more = request.input_tokens - bare.input_tokens
    assert more <= context + 100  # and the marks around it
    assert "<elsewhere-" not in bare.change
    assert ("<elsewhere-" in request.change) == (context > 0)


def test_every_signature_goes_before_any_body(repo: Repo) -> None:
    large(repo, 60)
    with changed(repo) as (made, chosen):
        found = survey(made, chosen)
        assert found
        shown: Shown = {"lib/all.py": {n: f"+work{n}(1)" for n in range(60)}}
        little, middle, much = (found.text(shown, budget) for budget in (600, 3_000, 30_000))
    assert re.search(r"\n\n\.\.\. and \d+ more places, left out$", little)
    assert "'''Do it.'''" not in little
    assert middle.count("\t def work") == 60
    assert 0 < middle.count("'''Do it.'''") < 60
    assert much.count("'''Do it.'''") == 60
    assert "left out" not in much


@pytest.mark.parametrize("budget", [0, 5, 30, 100, 500, 3_000])
def test_a_text_is_never_above_its_budget(repo: Repo, budget: int) -> None:
    large(repo, 20)
    with changed(repo) as (made, chosen):
        found = survey(made, chosen)
        assert found
        shown: Shown = {"lib/all.py": {n: f"+work{n}(1)" for n in range(20)}}
        assert tokens(found.text(shown, budget)) <= max(budget, 1)


# --- excerpts ------------------------------------------------------------------------------------

LARGE = [
    "@final",
    "class Cart:",
    *(f"    field_{n} = {n}" for n in range(SMALL)),
    "    def total(",
    "        self,",
    "    ):",
    "        return 1",
    "",
    "    def clear(self):",
    "        pass",
]


def numbers(ranges: Sequence[range]) -> set[int]:
    return {number for each in ranges for number in each}


def test_a_small_definition_is_shown_whole_with_what_stands_above_it() -> None:
    file = File(["x = 1", "# Why.", "@cache", "def f(a):", "    return a", "", "y = 2"])
    assert numbers(file.body(4, members=False)) == {2, 3, 4, 5}


def test_of_a_large_class_the_beginning_and_the_heads_of_its_members_are_shown() -> None:
    shown = numbers(File(LARGE).body(2, members=True))
    assert {LARGE[n - 1].strip() for n in shown} >= {"@final", "class Cart:", "def total("}
    assert "    def clear(self):" in {LARGE[n - 1] for n in shown}
    assert "        return 1" not in {LARGE[n - 1] for n in shown}


def test_a_signature_goes_on_until_its_brackets_are_closed() -> None:
    line = LARGE.index("    def total(") + 1
    assert File(LARGE).signature(line) == range(line, line + 3)
    assert File(["f(" * 50]).signature(1) == range(1, 2)


def test_a_file_has_the_heads_of_the_blocks_around_a_line() -> None:
    line = LARGE.index("        return 1") + 1
    assert numbers(File(LARGE).headers(line)) == {2, LARGE.index("    def total(") + 1}


def test_findings_without_a_use_show_nothing() -> None:
    assert Elsewhere(search.Findings({}), lambda _: ()).text({"a.py": {1: "+x"}}, 9_000) == ""
