"""What the bot keeps in its comments comes back whole, or not at all."""

from __future__ import annotations

import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reviewbot import marker


@given(st.text(st.characters()), st.text())
def test_what_is_written_is_read(content: str, rest: str) -> None:
    written = marker.write("state", content)
    assert marker.read("state", f"{written}\n{rest}") == content
    assert marker.begins("state", written)


def test_a_reader_sees_nothing_of_it() -> None:
    written = marker.write("state", "a --> b <script>\n" * 50)
    assert "\n" not in written
    (block,) = MarkdownIt("commonmark").parse(written)
    assert block.type == "html_block"
    assert written.index("-->") == len(written) - 3


def test_what_repeats_takes_little_room() -> None:
    assert len(marker.write("state", '{"path": "shop/cart.py"}' * 1_000)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "> {}",
        " {}",
        "\n{}",
        "See {}",
        "```\n{}\n```",
        marker.write("finding", "{}"),
    ],
)
def test_it_counts_at_the_very_beginning_and_of_its_kind_only(text: str) -> None:
    text = text.replace("{}", marker.write("state", "forged"))
    assert marker.read("state", text) is None
    assert not marker.begins("state", text)


def packed(content: bytes) -> str:
    return f"<!-- reviewbot:state:1 {b64encode(content).decode()} -->"


@pytest.mark.parametrize(
    "text",
    [
        "<!-- reviewbot:state:1 e -->",
        "<!-- reviewbot:state:1 ==== -->",
        "<!-- reviewbot:state:1 AAAA -->",
        marker.write("state", "x" * 500).replace(" -->", ""),
        packed(zlib.compress(b"a long text" * 9)[:-5]),
        packed(zlib.compress(b"\xff\xfe")),
        packed(zlib.compress(b"0" * (marker.LARGEST + 1))),
        marker.write("state", "{}").replace(":1 ", ":2 "),
    ],
)
def test_what_is_damaged_too_large_or_of_another_version_is_none(text: str) -> None:
    assert marker.read("state", text) is None
    assert marker.begins("state", text)


def test_the_largest_comes_back() -> None:
    content = "0" * marker.LARGEST
    assert marker.read("state", marker.write("state", content)) == content
