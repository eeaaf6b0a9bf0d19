"""Markdown as the forges read it, and what none of ours may do there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

CODE = ("code_inline", "code_block", "fence")
_ALIVE = {"image", "html_block", "html_inline", "link_open", "wiki_link"}


def _wiki_link(state: StateInline, silent: bool) -> bool:
    """`[[shown|address]]`, which GitLab reads in comments too."""
    end = state.src.find("]]", state.pos)
    if not state.src.startswith("[[", state.pos) or end < 0:
        return False
    if not silent:
        state.push("wiki_link", "a", 0)
    state.pos = end + 2
    return True


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PARSER.inline.ruler.before("link", "wiki_link", _wiki_link)


def tokens(markdown: str) -> Iterator[Token]:
    """All tokens as a forge reads them, those within lines too."""
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def said(markdown: str) -> str:
    """The text that is shown outside of code; where the formatting changes, so does the line."""
    return "\n".join(
        token.content if token.type == "text" else ""
        for token in tokens(markdown)
        if token.type != "inline"
    )


def in_code(markdown: str) -> list[str]:
    return [token.content for token in tokens(markdown) if token.type in CODE]


def assert_inert(markdown: str) -> None:
    """Nothing in it loads, hides, pings, leads anywhere, or is a command."""
    kinds = {token.type for token in tokens(markdown)}
    assert not kinds & _ALIVE
    shown = said(markdown)
    assert not re.search(r"@\w|[A-Za-z]://|(?i:\bwww\.\w)", shown)
    assert not re.search(r"(?<!\w)(?:[\w.-]+(?:/[\w.-]+)*)?[#!]\d|\bG[HL]-\d", shown)
    assert not re.search(r"&(?!(?:amp|lt|gt|quot|nbsp);)#?\w+;", shown)
    assert "<!-- reviewbot:" not in markdown
    blocks = [token for token in PARSER.parse(markdown) if token.type == "fence"]
    within = {n for token in blocks for n in range(*(token.map or (0, 0)))}
    for number, text in enumerate(markdown.split("\n")):
        assert number in within or not text.lstrip().startswith("/")
        assert not re.match(r"\s{0,3}/\w", text)  # GitLab looks into code blocks, too
