"""Commands are what stands at the beginning of a line, and nothing else."""

from __future__ import annotations

import re

import pytest
from hostile import MARKUP
from hypothesis import given
from markdown_it import MarkdownIt

from reviewbot import markup
from reviewbot.commands import HELP, Command, addressed, commands


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/reviewbot review", [Command("review", "")]),
        ("/reviewbot full \t review  \r\nplease", [Command("full review", "")]),
        (
            "/reviewbot dismiss 1a2b3c4d it is meant so",
            [Command("dismiss", "1a2b3c4d it is meant so")],
        ),
        (
            "Thanks!\r\n/reviewbot dismiss 1a2b3c4d\r\n/reviewbot pause",
            [Command("dismiss", "1a2b3c4d"), Command("pause", "")],
        ),
        ("/reviewbot resume\r/reviewbot help", [Command("resume", ""), Command("help", "")]),
        ("```\n/reviewbot pause\n```\n/reviewbot review", [Command("review", "")]),
        ("~~~~\n```\n~~~\n/reviewbot pause\n~~~~ \n/reviewbot help", [Command("help", "")]),
        ("``` is a fence\n/reviewbot pause", []),
        ("```not` a fence\n/reviewbot pause", [Command("pause", "")]),
    ],
)
def test_commands_stand_at_the_beginning_of_lines(text: str, expected: list[Command]) -> None:
    assert list(commands(text)) == expected
    assert addressed(text) == bool(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "> /reviewbot pause",
        " /reviewbot pause",
        "please /reviewbot pause",
        "`/reviewbot pause`",
        "/reviewbots pause",
        "/reviewbot-pause",
        "/Reviewbot pause",
    ],
)
def test_what_is_quoted_or_meant_for_others_is_not_heard(text: str) -> None:
    assert list(commands(text)) == []
    assert not addressed(text)


@pytest.mark.parametrize(
    "text",
    [
        "/reviewbot",
        "/reviewbot\npause",
        "/reviewbot stop",
        "/reviewbot review-it",
        "/reviewbot full",
    ],
)
def test_words_that_are_not_known_are_heard_but_no_command(text: str) -> None:
    assert list(commands(text)) == []
    assert addressed(text)


def test_every_command_is_in_the_help_and_the_help_is_none() -> None:
    shown = re.findall(r"`(/reviewbot [^`]+)`", HELP)
    assert [each.verb for text in shown for each in commands(text)] == [
        "review",
        "full review",
        "dismiss",
        "pause",
        "resume",
        "help",
    ]
    assert not addressed(HELP)
    tables = MarkdownIt("commonmark").enable("table").parse(HELP)
    assert sum(token.type == "tr_open" for token in tables) == 6


@given(MARKUP)
def test_what_the_bot_shows_of_others_gives_no_command(text: str) -> None:
    assert not addressed(markup.block(f"{text}\n/reviewbot pause"))
