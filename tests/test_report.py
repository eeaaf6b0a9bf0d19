"""The report: written, read again, and what the program ends with."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, Literal

import pytest
from builders import comment
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sample_report import REPORT

from reviewbot.errors import UsageError
from reviewbot.findings import Severity
from reviewbot.report import Report, from_json, json_schema, ranked

SCHEMA = json_schema()
EMPTY = replace(REPORT, findings=(), checklists=(), coverage=(), warnings=())


@pytest.mark.parametrize(
    "report",
    [
        REPORT,
        EMPTY,
        replace(EMPTY, repository="acme/shop", pull_request=7, base=None, head=None),
        replace(EMPTY, usage=replace(EMPTY.usage, cost_usd=None)),
    ],
    ids=["full", "empty", "pull request", "price unknown"],
)
def test_a_report_is_read_as_it_was_written_and_fits_its_schema(report: Report) -> None:
    text = report.to_json()
    assert from_json(text) == report
    Draft202012Validator(SCHEMA).validate(json.loads(text))
    assert text.endswith("}\n")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(WORDS, WORDS, st.none() | st.integers(1, 10**9), st.sampled_from(Severity))
def test_any_finding_is_read_as_it_was_written(
    title: str, body: str, line: int | None, severity: Severity
) -> None:
    finding = comment(title=title, body=body, line=line, end_line=line, severity=severity)
    report = replace(EMPTY, findings=(finding,))
    assert from_json(report.to_json()) == report


def test_the_schema_is_one_and_closed_everywhere() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    objects = [part for part in parts if part.get("type") == "object"]
    assert len(objects) == 7
    for part in objects:
        assert part["additionalProperties"] is False
        assert sorted(part["required"]) == sorted(part["properties"])


def test_findings_have_the_fields_of_the_contract() -> None:
    (first, *_) = json.loads(REPORT.to_json())["findings"]
    contract = """id state checklists items path line end_line side severity confidence title body
        suggestion quote fingerprint anchored drop_reason model"""
    assert set(contract.split()) <= set(first)
    assert set(first) == {field.name for field in fields(REPORT.findings[0])}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"version": 2}, "version"),
        ({"status": "fine"}, "status"),
        ({"findings": None}, "findings"),
        ({"findings": [{}]}, "findings.0.id"),
        ({"usage": {}}, "usage.calls"),
    ],
)
def test_what_is_no_report_is_an_error_that_names_the_place(
    changes: dict[str, Any], where: str
) -> None:
    text = json.dumps({**json.loads(EMPTY.to_json()), **changes})
    with pytest.raises(UsageError) as raised:
        from_json(text)
    assert raised.value.message.startswith(f"this is not a report of version 1: {where}: ")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", '{"version": 1', "\ud800"])
def test_other_texts_are_no_reports(text: str) -> None:
    with pytest.raises(UsageError, match="this is not a report of version 1"):
        from_json(text)


Status = Literal["complete", "incomplete", "failed", "skipped"]


@pytest.mark.parametrize(
    ("status", "severity", "state", "fail_on", "code"),
    [
        ("complete", Severity.CRITICAL, "new", "none", 0),
        ("complete", Severity.CRITICAL, "new", Severity.HIGH, 1),
        ("complete", Severity.HIGH, "new", Severity.HIGH, 1),
        ("complete", Severity.HIGH, "open", Severity.HIGH, 1),
        ("complete", Severity.MEDIUM, "new", Severity.HIGH, 0),
        ("complete", Severity.INFO, "new", Severity.INFO, 1),
        ("complete", Severity.HIGH, "fixed", Severity.HIGH, 0),
        ("complete", Severity.HIGH, "dismissed", Severity.HIGH, 0),
        ("complete", Severity.HIGH, "dropped", Severity.HIGH, 0),
        ("incomplete", Severity.LOW, "new", "none", 3),
        ("incomplete", Severity.LOW, "new", Severity.HIGH, 3),
        ("incomplete", Severity.HIGH, "new", Severity.HIGH, 1),
        ("failed", Severity.LOW, "new", Severity.HIGH, 4),
        ("skipped", Severity.LOW, "dropped", Severity.LOW, 0),
    ],
)
def test_exit_code(
    status: Status,
    severity: Severity,
    state: str,
    fail_on: Severity | Literal["none"],
    code: int,
) -> None:
    report = replace(EMPTY, status=status, findings=(comment(severity=severity, state=state),))
    assert report.exit_code(fail_on) == code


def test_what_is_new_or_open_stands() -> None:
    states = ("new", "open", "fixed", "dismissed", "dropped")
    report = replace(EMPTY, findings=tuple(comment(state=state) for state in states))
    assert [each.state for each in report.standing] == ["new", "open"]


def test_findings_are_ranked_by_severity_then_by_place() -> None:
    comments = [
        comment(severity=Severity.LOW),
        comment(path="b.py", line=1),
        comment(line=9),
        comment(line=None),
        comment(severity=Severity.CRITICAL, path="z.py"),
    ]
    assert list(ranked(comments)) == [comments[n] for n in (4, 3, 2, 1, 0)]
