"""SARIF as tools write it, and as somebody hostile would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reviewbot import sarif
from reviewbot.errors import UsageError
from reviewbot.hints import Hint

DRIVER = {
    "name": "ruff",
    "rules": [
        {
            "id": "S608",
            "shortDescription": {"text": "SQL from strings"},
            "messageStrings": {"found": {"text": "Query made of {0}, {1} and {2}"}},
            "defaultConfiguration": {"level": "error"},
        },
        {"id": "CA1000", "defaultConfiguration": {"level": "note"}},
    ],
    "globalMessageStrings": {"all": {"text": "For all"}},
}


def at(uri: str = "shop/cart.py", start: object = 3, **more: Any) -> dict[str, Any]:
    """A location."""
    location = {"uri": uri} | {key: more.pop(key) for key in ("uriBaseId",) if key in more}
    region = {"startLine": start} | more
    return {"physicalLocation": {"artifactLocation": location, "region": region}}


def result(**changes: Any) -> dict[str, Any]:
    return {"ruleId": "S608", "message": {"text": "Bad"}, "locations": [at()]} | changes


def a_run(*results: object, **changes: Any) -> dict[str, Any]:
    return {"tool": {"driver": DRIVER}, "results": list(results)} | changes


def read(folder: Path, *runs: object, version: str = "2.1.0") -> tuple[Hint, ...]:
    file = folder / "a.sarif"
    file.write_text(json.dumps({"version": version, "runs": runs}))
    return sarif.read([file], folder)


def read_one(folder: Path, *, run: dict[str, Any] | None = None, **changes: Any) -> Hint | None:
    """The hint of one result, if it is one."""
    hints = read(folder, a_run(result(**changes)) | (run or {}))
    assert len(hints) < 2
    return hints[0] if hints else None


def test_a_result_is_a_hint(tmp_path: Path) -> None:
    hint = read_one(tmp_path)
    assert hint == Hint("shop/cart.py", 3, 3, "ruff", "S608", "Bad", 0)
    assert hint.row == "shop/cart.py:3 [ruff S608] Bad"


def test_runs_and_files_are_read_in_their_order(tmp_path: Path) -> None:
    other = {"tool": {"driver": {"name": "Semgrep OSS"}}}
    one = a_run(result(), result(locations=[at(start=9)]))
    file = tmp_path / "b.sarif"
    file.write_text(json.dumps({"version": "2.1.0", "runs": [a_run(result(ruleId="X")) | other]}))
    read(tmp_path, one, a_run(result()) | other)
    hints = sarif.read([tmp_path / "a.sarif", file], tmp_path)
    assert [(each.source, each.line) for each in hints] == [
        *(("ruff S608", 3), ("ruff S608", 9), ("Semgrep OSS S608", 3), ("Semgrep OSS X", 3)),
    ]


# --- lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "lines"),
    [
        ({"startLine": 3, "endLine": 7}, (3, 7)),
        ({"startLine": 3, "endLine": 1}, (3, 3)),
        ({"startLine": 3, "endLine": None}, (3, 3)),
        ({"startLine": 3, "endLine": "7"}, (3, 3)),
        ({"startLine": 0}, None),
        ({"startLine": -3}, None),
        ({"startLine": "3"}, None),
        ({"charOffset": 12}, None),
        (None, None),
        ("3", None),
    ],
)
def test_a_hint_is_about_lines(
    tmp_path: Path, region: object, lines: tuple[int, int] | None
) -> None:
    location = {"artifactLocation": {"uri": "a.py"}, "region": region}
    hint = read_one(tmp_path, locations=[{"physicalLocation": location}])
    assert (hint and (hint.line, hint.end_line)) == lines


def test_the_first_location_with_lines_counts(tmp_path: Path) -> None:
    hint = read_one(tmp_path, locations=[{"logicalLocations": []}, at(start=5), at(start=6)])
    assert hint
    assert hint.line == 5


# --- paths ---------------------------------------------------------------------------------------

BASES = {
    "%SRCROOT%": {"uri": "file://TOP/"},
    "SHOP": {"uri": "shop/", "uriBaseId": "%SRCROOT%"},
    "UNKNOWN": {"description": {"text": "somewhere"}},
    "LOOP": {"uri": "x", "uriBaseId": "LOOP"},
    "WEB": {"uri": "https://example.org/"},
}


@pytest.mark.parametrize(
    ("uri", "base", "path"),
    [
        ("shop/cart.py", "", "shop/cart.py"),
        ("./shop/../shop/cart.py", "", "shop/cart.py"),
        ("shop\\cart.py", "", "shop/cart.py"),
        ("shop/a%20b%C3%A9.py", "", "shop/a bé.py"),
        ("shop/100%.py", "", "shop/100%.py"),
        ("shop/a#b?.py", "", "shop/a#b?.py"),
        ("TOP/shop/cart.py", "", "shop/cart.py"),
        ("file://TOP/shop/cart.py", "", "shop/cart.py"),
        ("FILE:TOP/shop/cart.py", "", "shop/cart.py"),
        ("file://localhostTOP/shop/cart.py", "", "shop/cart.py"),
        ("shop/cart.py", "%SRCROOT%", "shop/cart.py"),
        ("cart.py", "SHOP", "shop/cart.py"),
        ("shop/cart.py", "UNKNOWN", "shop/cart.py"),
        ("shop/cart.py", "NOT-THERE", "shop/cart.py"),
        ("file://TOP/shop/cart.py", "SHOP", "shop/cart.py"),
        ("a.py", "LOOP", "x/" * sarif.DEEPEST_BASE + "a.py"),
        ("a.py", "WEB", None),
        ("https://example.org/a.py", "", None),
        ("//[::1/a.py", "", None),
        ("../a.py", "", None),
        ("TOP-two/a.py", "", None),
        ("TOP/../a.py", "", None),
        ("/etc/passwd", "", None),
        ("C:\\work\\shop\\cart.py", "", None),
        ("file:///C:/work/shop/cart.py", "", None),
        ("", "", None),
        (".", "", None),
    ],
)
def test_paths_count_from_the_top_of_the_repository(
    tmp_path: Path, uri: str, base: str, path: str | None
) -> None:
    top = tmp_path.as_posix()
    location = at(uri.replace("TOP", top)) | {}
    location["physicalLocation"]["artifactLocation"]["uriBaseId"] = base
    bases = json.loads(json.dumps(BASES).replace("TOP", top))
    hint = read_one(tmp_path, run={"originalUriBaseIds": bases}, locations=[location])
    assert (hint and hint.path) == path


def test_absolute_paths_on_windows_lie_in_a_folder_there() -> None:
    run = sarif._Run(a_run(result(locations=[at("file:///C:/work/shop/a.py")])), ["C:/work"])
    other = sarif._Run(a_run(result(locations=[at("C:\\work\\shop\\a.py")])), ["C:/work"])
    assert [hint.path for each in (run, other) for hint in each.hints()] == ["shop/a.py"] * 2


def test_the_top_may_be_reached_by_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    file = tmp_path / "a.sarif"
    paths = [f"{folder.as_posix()}/a.py" for folder in (real, link)]
    results = [result(locations=[at(path)]) for path in paths]
    file.write_text(json.dumps({"version": "2.1.0", "runs": [a_run(*results)]}))
    assert [hint.path for hint in sarif.read([file], link)] == ["a.py"] * 2


def test_a_path_may_stand_among_the_artifacts(tmp_path: Path) -> None:
    place = {"artifactLocation": {"index": 1}, "region": {"startLine": 3}}
    artifacts = [{"location": {"uri": "a.py"}}, {"location": {"uri": "b.py"}}]
    locations = [{"physicalLocation": place}]
    hint = read_one(tmp_path, run={"artifacts": artifacts}, locations=locations)
    assert hint
    assert hint.path == "b.py"
    assert read_one(tmp_path, run={"artifacts": artifacts[:1]}, locations=locations) is None


# --- rules and messages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "rule", "rank"),
    [
        ({}, "S608", 0),
        ({"ruleId": None, "rule": {"id": "S608"}}, "S608", 0),
        ({"ruleId": None, "ruleIndex": 0}, "S608", 0),
        ({"ruleId": None, "ruleIndex": 7}, "", 1),
        ({"ruleId": "CA1000/1"}, "CA1000/1", 2),
        ({"ruleId": "elsewhere"}, "elsewhere", 1),
        ({"ruleId": "S608", "level": "note"}, "S608", 2),
        ({"ruleId": "a[b]\n\u202ec"}, "ab <U+202E>c", 1),
        ({"ruleId": "r" * 100}, "r" * 79 + "…", 1),
        ({"ruleId": ["S608"]}, "", 1),
    ],
)
def test_a_hint_has_its_rule_and_rank(
    tmp_path: Path, changes: dict[str, Any], rule: str, rank: int
) -> None:
    hint = read_one(tmp_path, **changes)
    assert hint
    assert (hint.rule, hint.rank) == (rule, rank)


def test_a_rule_of_an_extension_is_found_by_its_name(tmp_path: Path) -> None:
    extension = {"rules": [{"id": "py/sql", "shortDescription": {"text": "SQL"}}]}
    tool = {"driver": {"name": "CodeQL"}, "extensions": [extension]}
    hint = read_one(tmp_path, run={"tool": tool}, ruleId="py/sql", message=None)
    assert hint
    assert (hint.source, hint.message) == ("CodeQL py/sql", "SQL")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "Two\n  lines\x1b[31m"}, "Two lines<U+001B>[31m"),
        ({"id": "found", "arguments": ["text", "{0}", None]}, "Query made of text, {0} and {2}"),
        ({"id": "found"}, "Query made of {0}, {1} and {2}"),
        ({"id": "all"}, "For all"),
        ({"id": "nothing"}, "SQL from strings"),
        (None, "SQL from strings"),
        ({"text": "x" * 201}, "x" * 199 + "…"),
        ({"text": "\ud800"}, "<U+D800>"),
    ],
)
def test_a_message_is_one_line_in_words(tmp_path: Path, message: object, text: str) -> None:
    hint = read_one(tmp_path, message=message)
    assert hint
    assert hint.message == text


# --- what does not count -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"suppressions": [{"kind": "inSource"}]}, False),
        ({"suppressions": [{"kind": "external", "status": "accepted"}]}, False),
        ({"suppressions": [{"kind": "external", "status": "rejected"}]}, True),
        ({"suppressions": [{"kind": "external", "status": "underReview"}]}, True),
        ({"suppressions": []}, True),
        ({"baselineState": "absent"}, False),
        ({"baselineState": "unchanged"}, True),
        ({"level": "none"}, False),
        ({"level": "bad"}, False),
        ({"kind": "pass"}, False),
        ({"kind": "notApplicable"}, False),
        ({"kind": "informational"}, False),
        ({"kind": "fail"}, True),
        ({"kind": "review"}, True),
        ({"locations": None}, False),
        ({"locations": []}, False),
    ],
)
def test_what_is_settled_or_passed_is_no_hint(
    tmp_path: Path, changes: dict[str, Any], counts: bool
) -> None:
    assert (read_one(tmp_path, **changes) is not None) is counts


@pytest.mark.parametrize(
    "run",
    [
        *(None, 1, "run", [], {}),
        *({"results": None}, {"results": {}}, {"tool": [], "results": [1, None, "x", [], {}]}),
        {"tool": {"driver": {"rules": "x"}, "extensions": [1]}, "results": [{"ruleIndex": True}]},
    ],
)
def test_what_is_missing_or_of_another_kind_is_absent(tmp_path: Path, run: object) -> None:
    assert read(tmp_path, run) == ()


def test_a_tool_without_a_name_is_a_tool(tmp_path: Path) -> None:
    hint = read_one(tmp_path, run={"tool": None}, ruleId=None)
    assert hint
    assert hint.source == "a tool"


# --- files that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is no JSON"),
        (b"app.py:3: bad", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b'{"a":' * 100_000, "it is no JSON"),
        (b"9" * 5_000, "it is no JSON"),
        (b"[]", "it has no list of runs"),
        (b'{"version": "2.1.0"}', "it has no list of runs"),
        (b'{"version": "2.1.0", "runs": {}}', "it has no list of runs"),
        (b'{"runs": []}', "its version is not said"),
        (b'{"version": "1.0.0", "runs": []}', "its version is 1.0.0"),
        (b'{"version": "\\u001b[31m", "runs": []}', "its version is <U+001B>[31m"),
        (b'{"version": "2.1.0", "runs": []}' + b" " * sarif.LARGEST, "it is larger than 20 MB"),
    ],
    ids=lambda value: str(value[:32]),
)
def test_what_is_no_sarif_is_an_error_with_name_and_reason(
    tmp_path: Path, raw: bytes, why: str
) -> None:
    file = tmp_path / "a.sarif"
    file.write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        sarif.read([file], tmp_path)
    assert caught.value.message == f"{file} is no SARIF 2.1.0 with hints: {why}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("name", "why"), [("gone", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"cannot be read: {why}"):
        sarif.read([tmp_path / name], tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_writes_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.sarif"
    text = json.dumps({"version": "2.1.0", "runs": [a_run(result())]})
    file.write_text(text, encoding)
    assert len(sarif.read([file], tmp_path)) == 1
