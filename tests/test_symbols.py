"""Definitions, imports and uses, told by the look of the lines."""

from __future__ import annotations

from textwrap import dedent

import pytest

from reviewbot.languages import Language, language
from reviewbot.symbols import (
    FIELD,
    FUNCTION,
    TYPE,
    VALUE,
    Use,
    definitions,
    fields_set,
    imports,
    uses,
)

PYTHON = """
    RATE: float = 1.2
    Money = int

    @final
    class Cart(Base):
        size = 1

        async def total(
            self,
        ) -> int:
            def inner(): ...
            price = 0

    def make(): ...
    if RATE == 2: ...
    """
TYPESCRIPT = """
    export default async function total(a: number) {
      const price = 1
      if (a) {
        each(a, function () {
        })
      }
    }
    export const add = async (x) => {}
    export abstract class Cart<T> extends Base {
      #items: Item[] = []
      constructor(private a: string) {
      }
      async get<K>(x: string): Promise<K> {
        return this.load(x)
      }
      handle = (event) => {
      }
      load(
        x,
      ) {}
    }
    type Money = number
    describe("cart", () => {
      it("adds", async () => {
      })
    })
    """
GO = """
    package shop

    const (
    \tName = iota
    \tOther string = "x"
    )

    type Cart struct {
    }

    func (c *Cart) Total(x int) int {
    \ty := 1
    \treturn c.add(x)
    }

    func New() *Cart {
    }

    var open = 1
    """
JAVA = """
    public class Cart extends Base {
        private static final int MAX = 3;
        @Override
        public Map<String, Line> total(int x) throws Late {
            return lines(x);
        }
        public Cart(int x) {
            Line line = make(x);
            if (x > 1) {
            } else if (x) {
                throw new Late(x);
            }
        }
    }
    """
CSHARP = """
    namespace Shop {
        public sealed class Cart : Base {
            public int Total { get; set; }
            public async Task<int> SumAsync(int x) => 3;
        }
    }
    """
KOTLIN = """
    data class Cart(val x: Int) {
        override suspend fun <T> total(x: T): Int = 3
        val size = 3
    }
    fun String.shout(): String = this
    """
RUST = """
    pub struct Cart<'a> { x: i32 }
    impl<'a> Iterator for Cart<'a> {
        fn next(&mut self) -> Option<i32> {
            let x = 1;
        }
    }
    pub(crate) async fn total<T>(x: T) {}
    pub const MAX: i32 = 3;
    macro_rules! each { }
    """
RUBY = """
    module Shop
      class Cart < Base
        MAX = 3
        def total!
          add(1)
        end
        def self.make
        end
      end
    end
    """
PHP = """
    abstract class Cart extends Base {
        public const MAX = 3;
        public static function make(int $x): self {
            return $this->total($x);
        }
    }
    """
C = """
    #define MAX(a) (a)
    struct cart {
        int x;
    };
    static int total(struct cart *cart,
                     int x)
    {
        int y = 0;
        each(y);
        return add(x);
    }
    int promised(int x);
    int
    main(void)
    {
    }
    """
CPP = """
    class Cart : public Base {
    public:
        int total(int x) const {
            return 1;
        }
    };
    std::vector<int> Cart::all() {
    }
    """
SWIFT = """
    public final class Cart: Base {
        static let shared = Cart()
        public func total(_ x: Int) -> Int {
            let y = 1
        }
    }
    extension Cart {
        func more() {}
    }
    """
SCALA = """
    case class Cart(x: Int) extends Base {
      override def total(x: Int): Int = 3
      val size = 3
    }
    """
SHELL = """
    function total {
      x
    }
    add_all() {
      y
    }
    MAX=3
    """
SQL = """
    CREATE TABLE IF NOT EXISTS "shop"."orders" (
    create or replace function shop.total(x int)
    CREATE UNIQUE INDEX by_name ON orders
    """


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        (
            *("a.py", PYTHON),
            "v1 RATE, v2 Money, t5 Cart, .6 Cart.size, f8 Cart.total, f11 total.inner, f14 make",
        ),
        (
            *("a.ts", TYPESCRIPT),
            "f1 total, v8 add, t9 Cart, .10 Cart.items, f11 Cart.constructor, f13 Cart.get, "
            "f16 Cart.handle, f18 Cart.load, t22 Money",
        ),
        ("a.go", GO, "v4 Name, v5 Other, t8 Cart, f11 Cart.Total, f16 New, v19 open"),
        ("A.java", JAVA, "t1 Cart, v2 Cart.MAX, f4 Cart.total, f7 Cart.Cart"),
        ("a.cs", CSHARP, "t1 Shop, t2 Shop.Cart, v3 Cart.Total, f4 Cart.SumAsync"),
        ("a.kt", KOTLIN, "t1 Cart, f2 Cart.total, v3 Cart.size, f5 String.shout"),
        ("a.rs", RUST, "t1 Cart, f3 Cart.next, f7 total, v8 MAX, f9 each"),
        ("a.rb", RUBY, "t1 Shop, t2 Shop.Cart, v3 Cart.MAX, f4 Cart.total!, f7 Cart.make"),
        ("a.php", PHP, "t1 Cart, v2 Cart.MAX, f3 Cart.make"),
        ("a.c", C, "v1 MAX, t2 cart, f5 total, f14 main"),
        ("a.cpp", CPP, "t1 Cart, f3 Cart.total, f7 Cart.all"),
        ("a.swift", SWIFT, "t1 Cart, v2 Cart.shared, f3 Cart.total, f8 Cart.more"),
        ("a.scala", SCALA, "t1 Cart, f2 Cart.total, v3 Cart.size"),
        ("a.sh", SHELL, "f1 total, f4 add_all, v7 MAX"),
        ("a.sql", SQL, "f1 orders, f2 total, f3 by_name"),
    ],
)
def test_definitions_are_known_by_their_look(path: str, code: str, expected: str) -> None:
    letters = {FUNCTION: "f", TYPE: "t", VALUE: "v", FIELD: "."}
    text = dedent(code).removeprefix("\n")
    found = [
        f"{letters[each.kind]}{each.line} {each.owner}{'.' if each.owner else ''}{each.name}"
        for each in definitions(text, path, spoken(path))
    ]
    assert ", ".join(found) == expected


def spoken(path: str) -> Language:
    found = language(path)
    assert found
    return found


PROTOTYPE = """
    function Reply (raw) {
      this.raw = raw
    }

    Object.defineProperties(Reply.prototype, {
      sent: {
        enumerable: true,
        get () {
          const done = 1
          return this.raw.ended
        }
      }
    })
    test('sends', t => {
      const reply = make()
    })
    """


def test_a_block_ends_with_its_brace() -> None:
    found = definitions(dedent(PROTOTYPE).removeprefix("\n"), "a.js", spoken("a.js"))
    assert [(each.name, each.line, each.owner, each.local) for each in found] == [
        ("Reply", 1, "", False),
        ("sent", 6, "", False),
        ("reply", 15, "", False),
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.cpp", "class Cart {\r\npublic slots:\r\n  int total() {\r\n  }\r\n};\r\n"),
        (
            "a.php",
            "class Cart {\n    const A = <<<X\ntext at the margin\nX;\n    function total() {\n",
        ),
        ("a.py", 'class Cart:\n    A = """\ntext at the margin\n"""\n    def total(self): ...\n'),
        ("a.ts", "class Cart {\n  a = `\ntext`\n  total(\n    x,\n  ) {}\n}\n"),
    ],
)
def test_a_text_at_the_margin_ends_no_class(path: str, text: str) -> None:
    found = {each.name: each.owner for each in definitions(text, path, spoken(path))}
    assert found["total"] == "Cart"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("        self.limit = limit", ["limit"]),
        ("        self.limit: int | None = None", ["limit"]),
        ("    this.a = this.b = other.c", ["a", "b"]),
        ("    $this->limit = 3;", ["limit"]),
        ("    @limit = 3", ["limit"]),
        ("    self.count += 1", ["count"]),
        ("    this.count++;", ["count"]),
        ("    x = this.a ? this.b : c >= d", []),
        ("    {self.k: a != b}", []),
        ("    if self.ready: value = 1", []),
        ("    if self.limit == 3:", []),
        ("    this.done => {", []),
        ("    return self.limit", []),
    ],
)
def test_a_line_sets_the_fields_of_its_own_object(line: str, names: list[str]) -> None:
    assert list(fields_set(line)) == names


def test_what_is_inside_a_function_is_local() -> None:
    found = definitions(dedent(PYTHON), "a.py", spoken("a.py"))
    assert [each.name for each in found if each.local] == ["inner"]


@pytest.mark.parametrize("path", ["README.md", "data.json", "Makefile", ".py", "page.html"])
def test_other_files_have_no_definitions(path: str) -> None:
    assert language(path) is None


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("from a.b import (\n    c as d,\n    e,\n)\nf()\n", "d", "a b c d e"),
        ("import os.path\n", "path", "os path"),
        ('import {\n  a,\n  b\n} from "./x/cart"\n', "b", "a b x cart"),
        ('const shop = require("./cart")\n', "shop", "shop cart"),
        ('export * from "./cart"\n', "cart", "* cart"),
        ('import (\n\t"github.com/x/pkg"\n)\n', "pkg", "github com x pkg"),
        ("import com.shop.Cart;\n", "Cart", "com shop Cart"),
        ('#include "shop/cart.h"\n', "cart", "shop cart h"),
        ("use shop::{cart, line};\n", "line", "shop cart line"),
        ("require_relative 'shop/cart'\n", "cart", "require_relative shop cart"),
        ("use Shop\\Cart;\n", "Cart", "Shop Cart"),
    ],
)
def test_an_imported_name_has_the_names_of_its_statement(
    text: str, name: str, expected: str
) -> None:
    assert imports(text)[name] == frozenset(expected.split())


def test_names_that_are_no_imports() -> None:
    assert imports("x = 1\nimportant(y)\nuser.from_(z)\n") == {}


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("a.py", "total(price)", ["total()", "price"]),
        ("a.py", "x = self.session.get(url)", ["x", "self.session", "session.get()", "url"]),
        ("a.py", 'f"{total(x)}"', ["f", "total()", "x"]),
        ("a.py", "'total(x)' + \"add(y)\"  # more()", []),
        ("a.py", "a // total(b)", ["a", "total()", "b"]),
        ("a.py", "super().save()", ["super.save()"]),
        ("a.py", "make()[0].save()", ["make()", "?.save()"]),
        ("a.py", "if not x is None:", ["x"]),
        ("a.py", "raise Late from error", ["Late", "error"]),
        ("a.ts", "cart?.lines!.add(x) // total()", ["cart", "cart.lines", "lines.add()", "x"]),
        ("a.php", "$this->add(Cart::make($x));", ["this.add()", "Cart", "Cart.make()", "x"]),
        ("a.rb", "cart.empty?(x)", ["cart", "cart.empty?()", "x"]),
        ("a.sql", "select total(x) -- add(y)", ["select", "total()", "x"]),
        ("a.go", "for i := range cart.Lines {", ["i", "cart", "cart.Lines"]),
    ],
)
def test_names_are_used_with_what_stands_before_and_behind(
    path: str, line: str, expected: list[str]
) -> None:
    assert [written(use) for use in uses(line, spoken(path))] == expected


def written(use: Use) -> str:
    receiver = f"{use.receiver}." if use.receiver else ""
    return f"{receiver}{use.name}{'()' if use.called else ''}"


LONG = [
    " " * 50_000,
    "static " * 8_000,
    "int a " * 8_000,
    "a(" * 20_000,
    "(" * 50_000,
    '"\\"' * 16_000,
    "<" * 50_000,
    "import (" * 6_000,
    "impl <" * 8_000,
    "a::" * 16_000,
    "export " * 7_000 + "from",
    "\udce9\u202e" * 20_000,
]


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.go", "a.java", "a.c", "a.rs", "a.rb", "a.sql"])
def test_no_text_takes_long(path: str) -> None:
    text = "\n".join([*LONG, *LONG])
    assert len(list(definitions(text, path, spoken(path)))) < 1_000
    assert len(imports(text)) < 1_000
    for line in LONG:
        assert all(use.name for use in uses(line, spoken(path)))
