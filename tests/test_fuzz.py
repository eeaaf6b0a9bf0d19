"""What reads hostile text reads it, or says why not; what shows it lets nothing through.

The properties are driven by hypothesis here, and by a fuzzer that follows the code's branches in
`make fuzz`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from io import BytesIO
from typing import Any

from builders import added_file, claim, file_diff
from hostile import ANY, JSON, MARKUP, PATCHES, SECRETS, SETTINGS, replies, texts, values
from hypothesis import given
from hypothesis import strategies as st
from inert import assert_inert, in_code, said
from sample_report import REPORT

from reviewbot import checklists, config, findings, marker, markup, personal, text
from reviewbot.anchors import place, place_again
from reviewbot.commands import addressed, commands
from reviewbot.context import enclosing
from reviewbot.diff import FileDiff, decode, parse
from reviewbot.errors import AnswerError, ConfigError, DiffError, UsageError
from reviewbot.records import read_diff
from reviewbot.redaction import Redactor, shipped
from reviewbot.report import from_json


def raw(text: str) -> BytesIO:
    return BytesIO(text.encode("utf-8", "surrogatepass"))


# --- diffs --------------------------------------------------------------------------------------

HEADER = "diff --git a/x b/x\n--- a/x\n+++ b/x\n"
RECORDS = ":100644 100644 a b M\0x\01\t1\tx\0\0"


@given(st.sampled_from(["", HEADER, f"{HEADER}@@ -1 +1 @@\n"]), PATCHES)
def test_a_patch_is_read_or_refused(start: str, patch: str) -> None:
    with suppress(DiffError):
        for file in parse(raw(start + patch)).files:
            assert_whole(file)


@given(st.sampled_from(["", RECORDS]), st.sampled_from(["", HEADER]), PATCHES)
def test_records_are_read_or_refused(records: str, start: str, patch: str) -> None:
    with suppress(DiffError):
        for file in read_diff(raw(records + start + patch)):
            assert_whole(file)


def assert_whole(file: FileDiff) -> None:
    """It has a path, and its lines are as many as it says."""
    assert file.path
    with suppress(DiffError):
        kinds = [line.kind for hunk in file.hunks() for line in hunk.lines]
        assert (kinds.count("+"), kinds.count("-")) == (file.added, file.removed)


# --- answers ------------------------------------------------------------------------------------


@given(replies() | texts(JSON))
def test_a_reply_is_read_or_refused(reply: str) -> None:
    with suppress(AnswerError):
        assert_usable(findings.read(reply))
    assert_usable(findings.salvage(reply))


def assert_usable(answer: findings.Answer) -> None:
    """Each finding says something of a file, in text that can be written; none is lost."""
    for finding in answer.findings:
        assert finding.path
        assert finding.title or finding.body or finding.quote
        assert finding.line >= 0
        assert 0 <= finding.confidence <= 10
        for value in (finding.path, finding.quote, finding.title, finding.body, finding.item):
            assert value.encode().decode() == value
    parts = findings.divided(answer, ("a", "b1"))
    assert sum(len(part.findings) for part in parts.values()) == len(answer.findings)
    assert sum(len(part.items) for part in parts.values()) == len(answer.items)


@given(st.lists(ANY, max_size=8), st.lists(st.tuples(ANY, st.integers(), st.integers(), ANY)))
def test_findings_are_placed_on_lines_of_the_diff(
    lines: list[str], claims: list[tuple[str, int, int, str]]
) -> None:
    lines = [decode(raw(line.replace("\n", "")).read()) for line in lines]
    file = added_file("x", lines) if lines else file_diff("x")
    made = [
        claim(path="x" if number % 2 else path, line=number, end_line=end, quote=quote)
        for path, number, end, quote in claims
    ]
    made += [claim(path="x", line=n, end_line=n + 1, quote=line) for n, line in enumerate(lines, 1)]
    placed = place([file], made, lambda _: lines)
    assert len(placed) == len(made)
    for comment in placed:
        if comment.anchored:
            assert comment.line
            assert comment.end_line
            assert 1 <= comment.line <= comment.end_line <= max(len(lines), 1)
            assert comment.quote == text.visible(lines[comment.line - 1] if lines else "new")
    again = place_again([file], placed, lambda _: lines)
    assert [each.anchored for each in again if each.state == "new"] == [
        each.anchored for each in placed if each.state == "new"
    ]


# --- secrets ------------------------------------------------------------------------------------

OWN = "of-the-environment-1"
REDACTOR = Redactor(shipped(), (OWN,), personal.spots)


@given(texts(SECRETS, (OWN,)))
def test_a_text_without_secrets_has_as_many_lines_and_nothing_more_to_take_out(wild: str) -> None:
    clean = REDACTOR.text(wild)
    assert OWN not in clean
    assert clean.count("\n") == wild.count("\n")
    assert REDACTOR.text(clean) == clean


# --- what is shown ------------------------------------------------------------------------------


@given(MARKUP)
def test_a_block_is_inert_and_ends_where_it_ends(wild: str) -> None:
    made = markup.block(wild)
    assert_inert(made)
    assert "\nThe end." in said(f"{made}\n\nThe end.")
    assert in_code(f"{made}\n\nThe end.") == in_code(made)
    assert markup.block(made) == made


@given(MARKUP)
def test_a_line_is_one_inert_line(wild: str) -> None:
    made = markup.line(wild)
    assert not re.search(r"[\n\r\x85\u2028\u2029]", made)
    for around in ("{}", "Here: {}", "**{}**", "> - {}", "_{}_"):
        assert_inert(around.replace("{}", made))
    assert markup.line(made) == made


@given(MARKUP, MARKUP)
def test_a_row_has_as_many_cells_as_it_was_given(one: str, other: str) -> None:
    table = f"| a | b |\n|-|-|\n{markup.row([markup.line(one), markup.code(other)])}\n| c | d |"
    assert_inert(table)
    assert "\nd\n" in said(table)


@given(MARKUP)
def test_code_is_code(wild: str) -> None:
    (shown,) = in_code(f"x {markup.code(f'a{wild}b')}")
    assert (shown[0], shown[-1]) == ("a", "b")
    made = markup.fenced("", wild)
    (shown,) = in_code(f"{made}\n\nThe end.")
    assert shown.count("\n") == wild.count("\n") + 1
    assert not markup.is_plain(wild) or shown == f"{wild}\n"


@given(MARKUP, st.integers(0, 400))
def test_a_block_that_is_cut_stays_inert(wild: str, limit: int) -> None:
    made = markup.block(wild, limit)
    assert len(made) <= limit
    assert_inert(made)


# --- text, markers, commands --------------------------------------------------------------------


@given(ANY)
def test_visible_text_hides_nothing_and_stays(wild: str) -> None:
    made = text.visible(wild)
    assert text.visible(made) == made
    assert made.encode().decode() == made
    assert len(made.splitlines()) <= 1


@given(ANY)
def test_no_line_of_a_log_is_a_command(wild: str) -> None:
    made = text.harmless(wild)
    assert not re.search(r"^[^\w\r\n]*::|##\[", made, re.MULTILINE)
    assert text.harmless(made) == made


@given(ANY, ANY)
def test_a_fence_cannot_be_left(wild: str, other: str) -> None:
    first, _, rest = text.fenced("x", wild + other).partition("\n")
    inner, _, last = rest.rpartition("\n")
    assert inner == wild + other
    assert first[1:] == last[2:]
    assert first[3:-1] not in inner


@given(ANY, ANY)
def test_a_marker_is_read_whole_or_not_at_all(content: str, wild: str) -> None:
    written = marker.write("state", content)
    assert marker.read("state", written + wild) == content
    assert marker.read("state", f"<!-- reviewbot:state:1 {wild} -->") is None
    assert marker.read("finding", written) is None
    broken = written[: len(written) // 2] + wild + written[len(written) // 2 :]
    assert marker.read("state", broken) in (None, content)


@given(ANY)
def test_commands_are_read_from_text_and_never_from_what_is_shown(wild: str) -> None:
    for command in commands(wild):
        assert addressed(wild)
        assert command.argument == command.argument.strip()
    assert not addressed(markup.block(f"{wild}\n/reviewbot pause"))


# --- files --------------------------------------------------------------------------------------


@given(values(ANY), st.lists(st.tuples(st.integers(0, 400), ANY), max_size=2))
def test_a_report_is_read_or_refused(value: Any, edits: list[tuple[int, str]]) -> None:
    written = REPORT.to_json()
    for position, inserted in edits:
        written = written[: position * 20] + inserted + written[position * 20 + len(inserted) :]
    for each in (
        written,
        json.dumps(value),
        json.dumps(json.loads(REPORT.to_json()) | {"base": value}),
    ):
        with suppress(UsageError):
            report = from_json(each)
            assert from_json(report.to_json()) == report


@given(texts(SETTINGS), texts(SETTINGS))
def test_front_matter_is_read_or_refused(front: str, body: str) -> None:
    for start in ("", "title: a\nitems: {a: b}\n"):
        with suppress(ConfigError):
            made = checklists._parse("x", f"---\n{start}{front}\n---\n{body}", "here")
            assert made.title
            assert made.items
            checklists.task(made, ["a"])


@given(st.sampled_from([".reviewbot.yml", "pyproject.toml"]), texts(SETTINGS))
def test_settings_are_read_or_refused(name: str, wild: str) -> None:
    with suppress(ConfigError):
        assert isinstance(config.written(name, wild), dict)
        config.load({name: wild}, {})


@given(
    st.lists(st.sampled_from(["", " ", "x", "  y:", "\tz {", "    }", "# a", "\t\t"]) | ANY),
    st.data(),
)
def test_context_lies_in_the_file(lines: list[str], data: st.DataObject) -> None:
    lines *= data.draw(st.sampled_from([1, 20]))
    changed = data.draw(st.lists(st.integers(-1, len(lines) + 1), max_size=9))
    shown = enclosing(lines, changed)
    numbers = [number for each in shown for number in each]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(1, len(lines) + 1))
    assert not lines or {min(max(number, 1), len(lines)) for number in changed} <= set(numbers)
