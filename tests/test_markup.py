"""Whatever a model or an author writes is shown, and does nothing else."""

from __future__ import annotations

import pytest
from inert import assert_inert

from reviewbot import markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ask @bob or @org/team.", "Ask `@bob` or `@org/team`."),
        ("@app.route('/x') is missing", "`@app.route`('/x') is missing"),
        ("_@bob_ and `@bob`", "_`@bob`_ and `@bob`"),
        (r"\@bob &#64;bob a\@b", r"`@bob` `&#64;`bob `a@b`"),
        ("write to ada@example.org", "write to `ada@example.org`"),
        ("of react@19.2.0, _a@b_", "of `react@19.2.0`, _`a@b`_"),
        ("`a`@bob`b`", "`a` `@bob` `b`"),
        ("This fixes #12, see GH-3.", "This fixes `#12`, see `GH-3`."),
        ("as in owner/repo#12 and !7", "as in `owner/repo#12` and `!7`"),
        ("# 12 C# and #include", "# 12 C# and #include"),
        ("https://github.com/o/r/issues/5.", "`https://github.com/o/r/issues/5`."),
        ("see https://docs.python.org/3/#x", "see `https://docs.python.org/3/#x`"),
        ("[docs](https://docs.python.org)", r"[docs]\(`https://docs.python.org`)"),
        ('[a]( <//x.org/a b> "t")', r'[a]\( &lt;//x.org/a b> "t")'),
        ("[a](../issues/new?x)", r"[a]\(../issues/new?x)"),
        (r"http\://x.org 1irc://x a\-ftp:\/\/x", "`http://x.org` 1`irc://x` a\\-`ftp://x`"),
        ("WWW.x.org, (www.x.org) http://", "`WWW.x.org`, (`www.x.org`) `http://`"),
        ("[[a|//x.org]] [[[1, 2]]]", r"\[[a|//x.org]] \[\[[1, 2]]]"),
        ("<https://x.org>", "&lt;`https://x.org`>"),
        ("[a](https://x.org/@bob)", r"[a]\(`https://x.org/@bob`)"),
        ("[a](b`) @bob `", r"[a]\(b`) @bob `"),
        ("[//]: # (hidden)", r"[//]\: # (hidden)"),
        ("/close", r"\/close"),
        ("a\n  /close\r\n/approve", "a\n  \\/close\n\\/approve"),
        ("a\u2028/close", "a&lt;U+2028>/close"),
        ("<b>x</b> a < b `List<T>`", "&lt;b>x&lt;/b> a < b `List<T>`"),
        ("![x](y) \\![x](y) no!", r"!\[x]\(y) !\[x]\(y) no!"),
        ("an ` alone and a ``` too", r"an \` alone and a \`\`\` too"),
        ("a ` b\nx ` <img src=x> ` y`", "a \\` b\nx ` <img src=x> ` y\\`"),
        (r"C:\dir \d+ \*", r"C:\\dir \\d+ \*"),
        ("|a|b|\n|:-|-:|\n|1|2|", "|a|b|\n\\|\\:-\\|-\\:\\|\n|1|2|"),
        ("```suggestion\nx\n```", "```\nx\n```"),
        ("```mermaid\nx\n", "```\nx\n```"),
        ("~~~python\nx = '```'\n~~~", "````python\nx = '```'\n````"),
        ("- a\n  ```py\n  x\n    y\n  ```\n- b", "- a\n```py\nx\n  y\n```\n- b"),
        ("```\n//close @bob <b>\n```", "```\n//close @bob <b>\n```"),
        ("```\n/close @bob <b>\n```", "```\n    /close @bob <b>\n```"),
        ("````\n```\n/merge\n````", "````\n    ```\n    /merge\n````"),
        ("```\n  /merge\n  ok\n```", "```\n      /merge\n      ok\n```"),
        ("```\n<!-- reviewbot:state:1 -->\n```", "```\n<!-- reviewbot :state:1 -->\n```"),
        ("see [issue:12] and [work_item:a/b:3]", "see `[issue:12]` and `[work_item:a/b:3]`"),
        ("GL-4, #SHOP-12, @.dot", "`GL-4`, `#SHOP-12`, `@.dot`"),
        (r"$`\phantom{x}`$", r"$ `\phantom{x}`$"),
        ("$https://x.org $@bob `$`$``a``", "$ `https://x.org` $ `@bob` `$`$ ``a``"),
        ("pkg/__init__.py and `__all__`", "pkg/\\_\\_init\\_\\_.py and `__all__`"),
        ("> ~~~\nx", "> \\~\\~\\~\nx"),
    ],
)
def test_the_model_s_markdown(text: str, shown: str) -> None:
    assert markup.block(text) == shown
    assert_inert(shown)


def test_a_line_takes_all_white_space_together() -> None:
    assert markup.line(" a\n\tb  c\r\n") == "a b c"


@pytest.mark.parametrize(
    ("cell", "shown"), [("a | b", "a \\| b"), ("`a|b`", "`a\\|b`"), ("a \\| b", "a \\| b")]
)
def test_bars_in_cells_are_escaped_once(cell: str, shown: str) -> None:
    assert markup.row([cell, "x"]) == f"| {shown} | x |"


def test_hidden_text_is_not_plain() -> None:
    assert markup.is_plain("a = 1\n\tb = 'é'\n")
    assert not markup.is_plain("a\u202e = 1")


@pytest.mark.parametrize("text", ["x = 1\n/merge", "   /close", "```\nx\n```", "~~~\nx"])
def test_what_a_forge_might_obey_is_not_plain(text: str) -> None:
    assert not markup.is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        *("`" * 9, "a`" * 9, "[a](" * 9, "@a-" * 9, "www.]" * 9, "/.#&" * 9, "a." * 9),
        " ".join("`" * n for n in range(1, 20)),
    ],
)
def test_a_long_line_is_read_in_one_go(text: str) -> None:
    long = text * 5_000
    assert len(markup.line(long)) >= len(long)


def test_code_spans_of_all_lengths_are_read_in_one_go() -> None:
    runs = ["`" * n for n in range(1, 1_000)]
    assert markup.line(" ".join(runs)) == " ".join(r"\`" * len(run) for run in runs)
    assert markup.line("`x` ``y ```") == r"`x` \`\`y \`\`\`"
