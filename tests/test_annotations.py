"""Findings as workflow commands, read again by the runner's rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import comment
from hypothesis import given
from hypothesis import strategies as st
from sample_report import REPORT

from reviewbot.findings import Severity
from reviewbot.render.annotations import command, render
from reviewbot.text import harmless

COMMAND = re.compile(r"::(\w+)(?: (.*?))?::(.*)")
ESCAPES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


def obeyed(line: str) -> tuple[str, dict[str, str], str]:
    """Level, properties and message, as the runner reads them."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
    return match[1], {key: plain(value) for key, value in pairs}, plain(match[3])


def plain(text: str) -> str:
    return re.sub("|".join(ESCAPES), lambda match: ESCAPES[match[0]], text)


def test_a_finding_stands_at_its_lines() -> None:
    made = comment(
        severity=Severity.CRITICAL,
        path="shop/cart.py",
        line=12,
        end_line=13,
        title="100% wrong: a, b",
        body="First.\n\nSecond.",
    )
    assert render([made]) == (
        "::error title=100%25 wrong%3A a%2C b,file=shop/cart.py,line=12,endLine=13"
        f"::First.%0A%0ASecond.%0A%0Ashop/cart.py:12 · {made.checklists[0]} · {made.id}\n"
    )


@pytest.mark.parametrize(
    ("severity", "level"),
    list(zip(Severity, ("error", "error", "warning", "notice", "notice"), strict=True)),
)
def test_each_severity_has_its_level(severity: Severity, level: str) -> None:
    assert obeyed(render([comment(severity=severity)]).rstrip())[0] == level


@pytest.mark.parametrize(
    "place", [{"side": "old"}, {"line": None, "end_line": None, "anchored": False}]
)
def test_without_a_line_of_the_new_version_only_the_file_is_named(place: dict[str, object]) -> None:
    _, properties, _ = obeyed(render([comment(path="a.py", **place)]).rstrip())
    assert properties.keys() == {"title", "file"}


def test_nothing_found_is_nothing_said() -> None:
    assert render([]) == ""


def test_as_many_as_a_step_can_show_are_all_shown() -> None:
    levels = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
    lines = render(comment(severity=level) for level in levels for _ in range(10)).splitlines()
    assert len(lines) == 30
    assert "job summary" not in "".join(lines)


def test_of_more_the_worst_are_shown_and_the_rest_is_counted() -> None:
    severities = [Severity.INFO, Severity.LOW] * 6 + [Severity.HIGH] * 11 + [Severity.CRITICAL]
    lines = [
        obeyed(line)
        for line in render(comment(severity=s, title=s) for s in severities).splitlines()
    ]
    titles = [properties["title"] for _, properties, _ in lines]
    assert titles == [
        "critical",
        *["high"] * 9,
        *["low"] * 6,
        *["info"] * 3,
        "5 more in the job summary",
    ]
    assert sum(level == "notice" for level, _, _ in lines) == 10


def test_hostile_findings_stay_one_line_each() -> None:
    lines = render(REPORT.standing).splitlines()
    assert len(lines) == len(REPORT.standing)
    assert all(obeyed(line)[1]["file"] for line in lines)


ANY = st.text(st.sampled_from(":%,\n\r =#[]") | st.characters(codec="utf-8"))


@given(ANY, ANY, ANY)
def test_no_text_can_say_another_command(title: str, body: str, path: str) -> None:
    text = render([comment(title=title, body=body, path=f"a{path}", line=3, end_line=4)])
    (line, end) = text.split("\n")
    assert end == ""
    assert "\r" not in line
    level, properties, _ = obeyed(line)
    assert level == "error"
    assert properties["file"] == f"a{path}"
    assert (properties["line"], properties["endLine"]) == ("3", "4")


NASTY = [
    "",
    "plain",
    "a: b, c",
    "100%",
    "%0A",
    "x\r\n::error::y",
    "::stop-commands::t",
    "é€😀",
    "##[x]",
]
ORACLE = """
import { readFileSync } from "fs";
const core = await import(process.argv[1]);
for (const [level, properties, message] of JSON.parse(readFileSync(0)))
  core[level](message, properties);
"""
NAMES = {"title": "title", "file": "file", "startLine": "line", "endLine": "endLine"}


def test_escapes_are_those_of_githubs_own_library() -> None:
    library = Path(os.environ.get("REVIEWBOT_NODE_MODULES", ""), "@actions", "core")
    node = shutil.which("node")
    if not node or not library.is_dir():
        pytest.skip("needs node, and @actions/core in the folder REVIEWBOT_NODE_MODULES")
    cases = [
        (level, {"title": title, "file": file, "startLine": "3", "endLine": "4"}, message)
        for level in ("error", "warning", "notice")
        for title in NASTY
        for file in NASTY
        for message in NASTY
    ]
    plain = [
        (level, {name: harmless(value) for name, value in properties.items()}, harmless(message))
        for level, properties, message in cases
    ]
    done = subprocess.run(
        [node, "--input-type=module", "--eval", ORACLE, (library / "lib/core.js").as_uri()],
        input=json.dumps(plain).encode(),
        capture_output=True,
        check=True,
    )
    ours = [
        command(level, {NAMES[key]: value for key, value in properties.items()}, message)
        for level, properties, message in cases
    ]
    assert ours == done.stdout.decode().split("\n")[:-1]
