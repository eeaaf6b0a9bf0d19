"""What can be read of a reply, and that nothing of it is lost unnoticed."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from builders import finding, raw_finding, reply
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reviewbot.errors import AnswerError
from reviewbot.findings import (
    ASKING_FORM,
    SCHEMA,
    Answer,
    Finding,
    LookUp,
    Severity,
    Status,
    read,
    salvage,
)

ONE = raw_finding()
TWO = raw_finding(path="b.py", line=7, title="Second", body="Uses [x] and {y}.", severity="low")
THREE = raw_finding(path="c.py", title="Third", body='Says "so"\nand {"findings": []}.', quote="]")
ITEMS = [{"id": "logic", "status": "fail", "note": "see [1]"}, {"id": "data", "status": "pass"}]
WHOLE = reply(ONE, TWO, items=ITEMS)
CLEAN = reply(items=ITEMS)


def titles(answer: Answer) -> list[str]:
    return [each.title for each in answer.findings]


def read_or_none(text: str) -> Answer | None:
    try:
        return read(text)
    except AnswerError:
        return None


def read_one(**changes: Any) -> Finding:
    answer = read(reply(raw_finding(**changes)))
    assert answer.problem == ""
    (found,) = answer.findings
    return found


def test_a_good_answer_is_read_whole() -> None:
    answer = read(WHOLE)
    assert answer.findings[0] == finding(
        **{**ONE, "severity": Severity.HIGH, "quote": "return total"}
    )
    assert titles(answer) == [ONE["title"], TWO["title"]]
    assert [(item.id, item.status) for item in answer.items] == [
        ("logic", Status.FAIL),
        ("data", Status.PASS),
    ]
    assert answer.problem == ""


def test_an_answer_without_findings_is_clean() -> None:
    assert (read(CLEAN).findings, read(CLEAN).problem) == ((), "")


def python_form(text: str) -> str:
    return repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{WHOLE}",
        f"\n\n  {WHOLE}\n\n",
        f"```json\n{WHOLE}\n```",
        f"```\n{WHOLE}\n```\n",
        f"````json\n{WHOLE}\n````",
        f"Here is my review:\n\n{WHOLE}\n\nI hope it helps.",
        f"I looked at [app.py] and {{b.py}} (see [1]):\n{WHOLE}\nThat is [all] {{of it}}.",
        f"<thinking>if (x) {{ y[0] }}</thinking>\n```json\n{WHOLE}\n```",
        f'"Review":\n{WHOLE}',
        json.dumps(WHOLE),
        json.dumps(json.dumps(WHOLE)),
        json.dumps({"review": json.loads(WHOLE)}),
        f"Some [prose] first. {json.dumps({'result': json.loads(WHOLE)})}",
        json.dumps({"findings": json.dumps([ONE, TWO]), "items": json.dumps(ITEMS)}),
        json.dumps({"issues": [ONE, TWO], "items": ITEMS}),
        json.dumps({"comments": [ONE, TWO]}),
        json.dumps([ONE, TWO]),
        f"```json\n{json.dumps([ONE, TWO], indent=2)}\n```",
        json.dumps({"findings": [ONE], "issues": [TWO]}),
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n",
        f"{reply(ONE)}\n{reply(TWO)}",
        python_form(WHOLE),
        f"The [answer] is: {python_form(WHOLE)}",
        python_form(json.dumps([ONE, TWO])),
        WHOLE.replace("}, {", "},\n{").replace("}]", "},]").replace('"}', '",}'),
    ],
)
def test_findings_are_read_in_whatever_wrapping_they_come(text: str) -> None:
    answer = read(text)
    assert titles(answer) == [ONE["title"], TWO["title"]]
    assert answer.problem == ""


@pytest.mark.parametrize(
    "text",
    [json.dumps(ONE), json.dumps([ONE]), python_form(json.dumps(ONE)), f"So: {json.dumps(ONE)}"],
)
def test_one_bare_finding_is_an_answer(text: str) -> None:
    assert titles(read(text)) == [ONE["title"]]


def test_raw_line_ends_and_tabs_in_strings_are_kept() -> None:
    text = reply(raw_finding(body="first\nsecond\tthird")).replace("\\n", "\n").replace("\\t", "\t")
    assert read(text).findings[0].body == "first\nsecond\tthird"


def test_a_suggestion_that_is_json_itself_is_only_a_text() -> None:
    suggestion = '{"findings": [], "issues": [{"path": "x", "title": "no"}]}'
    (found,) = read(json.dumps(raw_finding(suggestion=suggestion))).findings
    assert found.suggestion == suggestion


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "I found nothing.",
        "null",
        "[]",
        "{}",
        '"text"',
        '{"findings": null}',
        '{"findings": {}}',
        '{"findings": "none"}',
        '{"items": []}',
        '{"error": {"message": "overloaded"}}',
        "[1, 2, 3]",
        "[" * 1000,
        '{"findings": [{"body": "It says "{"findings": []}", which is unquoted"}]}',
        "{'findings': [{'path': 'a', 'body': 'It''s {\"findings\": []}'}]} {'x",
        "{'a'",
        "{[]}",
        "{{}: 1}",
        '"' * 9,
    ],
)
def test_what_is_no_answer_is_an_error_and_not_a_clean_review(text: str) -> None:
    with pytest.raises(AnswerError):
        read(text)


# --- cut and damaged ----------------------------------------------------------------------------

FORMS = {
    "plain": reply(ONE, TWO, THREE, items=ITEMS),
    "indented": json.dumps({"findings": [ONE, TWO, THREE], "items": ITEMS}, indent=2),
    "items first": json.dumps({"items": ITEMS, "findings": [ONE, TWO, THREE]}),
    "fenced": f"```json\n{reply(ONE, TWO, THREE, items=ITEMS)}\n```",
    "prose": f"I saw [this] and {{that}}:\n{reply(ONE, TWO, THREE)}\nThe end [really].",
    "bare list": json.dumps([ONE, TWO, THREE]),
    "fenced bare list": f"```json\n{json.dumps([ONE, TWO, THREE])}\n```",
    "json lines": "\n".join(map(json.dumps, [ONE, TWO, THREE])),
    "wrapped": json.dumps({"review": {"findings": [ONE, TWO, THREE]}, "more": [1]}),
    "double encoded": json.dumps(reply(ONE, TWO, THREE)),
    "encoded list": json.dumps({"findings": json.dumps([ONE, TWO, THREE]), "items": ITEMS}),
    "python": python_form(reply(ONE, TWO, THREE, items=ITEMS)),
    "python list": python_form(json.dumps([ONE, TWO, THREE])),
    "issues": json.dumps({"issues": [ONE, TWO, THREE]}),
}


def check_cut(whole: str, end: int) -> None:
    """A part of an answer gives whole findings only, and never looks like all of it."""
    expected = read(whole).findings
    answer = read_or_none(whole[:end])
    if answer is not None:
        assert answer.findings == expected[: len(answer.findings)]
        assert answer.problem or answer.findings == expected


@pytest.mark.parametrize("form", [name for name in FORMS if name != "json lines"])
def test_an_answer_cut_anywhere_never_looks_whole(form: str) -> None:
    whole = FORMS[form]
    assert len(read(whole).findings) == 3
    for end in range(len(whole)):
        check_cut(whole, end)


def test_findings_one_a_line_that_are_cut_within_one_never_look_whole() -> None:
    whole = FORMS["json lines"]
    ends = itertools.accumulate(len(line) + 1 for line in whole.split("\n"))
    between = {end - back for end in ends for back in (0, 1)}  # nobody can see a cut there
    for end in range(len(whole)):
        if end not in between:
            check_cut(whole, end)


HOSTILE = st.text(st.sampled_from("{}[]\"'\\,:`\n ab"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=3),
    st.booleans(),
    st.data(),
)
def test_an_answer_with_hostile_texts_is_read_whole_and_never_half(
    texts: list[tuple[str, str, str]], indented: bool, data: st.DataObject
) -> None:
    findings = [raw_finding(title=t, body=b, suggestion=s) for t, b, s in texts]
    whole = json.dumps({"findings": findings, "items": ITEMS}, indent=2 if indented else None)
    assert [(f.title, f.body, f.suggestion) for f in read(whole).findings] == texts
    check_cut(whole, data.draw(st.integers(0, len(whole) - 1)))


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("{}[]\"':,-+()\\\n\x00\ufeff afindgs0") | st.characters()))
def test_any_text_is_read_or_refused(text: str) -> None:
    answer = read_or_none(text)
    assert answer is None or isinstance(answer, Answer)


@pytest.mark.parametrize("form", ["plain", "items first", "fenced", "bare list", "issues"])
def test_of_a_cut_answer_the_whole_findings_are_salvaged(form: str) -> None:
    whole = FORMS[form]
    answer = read(whole[: whole.index("Third")])
    assert titles(answer) == [ONE["title"], TWO["title"]]
    assert answer.problem == "the answer was cut off; 2 whole findings could be read"


def test_an_answer_that_begins_anew_and_is_cut_then_is_no_whole_one() -> None:
    assert read(f"{reply(ONE)}\nBetter: {WHOLE[:-200]}").problem.startswith(
        "the answer was cut off"
    )


def test_salvage_of_what_holds_nothing_is_empty_and_says_so() -> None:
    assert salvage("nothing here").findings == ()
    assert "0 whole findings" in salvage("nothing here").problem


@pytest.mark.parametrize(
    "damaged",
    [
        {"line": 3, "title": "no path", "body": "x"},
        {"path": "a.py", "severity": "high"},
        {"path": "", "body": "x"},
        {"path": None, "body": "x"},
        "a sentence",
        None,
        7,
        [],
    ],
)
def test_a_finding_that_cannot_be_read_is_counted(damaged: object) -> None:
    answer = read(json.dumps({"findings": [ONE, damaged], "items": []}))
    assert titles(answer) == [ONE["title"]]
    assert answer.problem == "1 of 2 findings could not be read"


@pytest.mark.parametrize("value", ["{1, 2}", "b'x'", "{(1, 2): 3}", "1+2j", "...", "{3: 4}"])
def test_python_values_that_no_json_has_are_no_crash(value: str) -> None:
    text = python_form(reply(ONE, raw_finding(body="HERE"))).replace("'HERE'", value)
    assert titles(read(text))[:1] == [ONE["title"]]


def test_a_value_nested_to_the_limit_is_no_crash() -> None:
    for depth in range(600, 1000, 7):
        text = reply(ONE, raw_finding(severity="HERE")).replace('"HERE"', "[" * depth + "]" * depth)
        answer = read_or_none(text)
        assert answer is None or titles(answer)[0] == ONE["title"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{" * 1_000_000,
        "[]" * 300_000,
        "{}" * 300_000,
        '{"a":' * 200_000,
        '[{"findings":' * 80_000,
        "{'a': " + "-" * 1_000_000 + "1}",
        "{'a': " + "1+" * 300_000 + "1}",
        '"' * 1_000_000,
        '{"findings": [' + '{"path": "' * 100_000,
        '{"findings": [' + "{} ," * 250_000,
        "\\" * 1_000_000,
    ],
)
def test_a_megabyte_of_brackets_is_read_or_refused(text: str) -> None:
    answer = read_or_none(text)
    assert answer is None or answer.problem


# --- values as models write them ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "severity"),
    [
        *((str(level), level) for level in Severity),
        ("CRITICAL", Severity.CRITICAL),
        (" High ", Severity.HIGH),
        ("blocker", Severity.CRITICAL),
        ("error", Severity.HIGH),
        ("major", Severity.HIGH),
        ("Warning", Severity.MEDIUM),
        ("moderate", Severity.MEDIUM),
        ("minor", Severity.LOW),
        ("nit", Severity.INFO),
        ("spicy", None),
        ("", None),
        (None, None),
        (3, None),
        (["high"], None),
    ],
)
def test_severity(written: object, severity: Severity | None) -> None:
    assert read_one(severity=written).severity is severity


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (12, 12),
        ("12", 12),
        ("12-14", 12),
        ("L12", 12),
        ("line 12", 12),
        (12.0, 12),
        (0, 0),
        ("", 0),
        (None, 0),
        ("none", 0),
        (True, 0),
        ([12, 14], 12),
    ],
)
def test_line(written: object, line: int) -> None:
    assert read_one(line=written, end_line=written).line == line


@pytest.mark.parametrize(
    ("written", "confidence"),
    [
        (8, 8),
        ("8", 8),
        (8.7, 8),
        ("8/10", 8),
        (0, 0),
        (1, 1),
        (0.8, 8),
        ("0.95", 9),
        (85, 8),
        ("90%", 9),
        (100, 10),
        (-3, 0),
        ("high", 5),
        ("", 5),
        (None, 5),
    ],
)
def test_confidence(written: object, confidence: int) -> None:
    assert read_one(confidence=written).confidence == confidence


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-1"])
def test_a_number_that_is_none_or_huge_leaves_the_finding_readable(number: str) -> None:
    text = reply(raw_finding(line="HERE", confidence="HERE")).replace('"HERE"', number)
    (found,) = read(text).findings
    assert 0 <= found.line < 10**9
    assert 0 <= found.confidence <= 10


def test_a_number_that_python_will_not_convert_is_an_error() -> None:
    with pytest.raises(AnswerError):
        read(reply(raw_finding(line="HERE")).replace('"HERE"', "9" * 5000))


@pytest.mark.parametrize(
    ("escape", "text"),
    [(r"\ud83d\ude00", "😀"), (r"\ud83d", "\ufffd"), (r"\ude00x", "\ufffdx"), (r"\u0000", "\0")],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_surrogates_are_joined_or_replaced(escape: str, text: str, quote: str) -> None:
    answer = (
        reply(raw_finding(title="HERE"))
        if quote == '"'
        else python_form(reply(raw_finding(title="HERE")))
    )
    (found,) = read(answer.replace("HERE", escape)).findings
    assert found.title == text
    assert found.title.encode()


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"body": None, "message": "m"}, "body", ""),
        ({"title": None}, "title", ""),
        ({"title": 5}, "title", "5"),
        ({"suggestion": ["a", "b"]}, "suggestion", '["a", "b"]'),
    ],
)
def test_texts_that_are_none(changes: dict[str, Any], field: str, expected: str) -> None:
    assert getattr(read_one(**changes), field) == expected


@pytest.mark.parametrize("name", ["message", "description", "comment"])
def test_the_body_may_have_another_name(name: str) -> None:
    entry = {"path": "a.py", "line": 1, name: "It fails."}
    assert read(json.dumps({"findings": [entry]})).findings[0].body == "It fails."


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"id": "a", "status": "PASS"}], [("a", Status.PASS)]),
        ([{"id": "a", "status": "n/a"}], [("a", Status.NOT_APPLICABLE)]),
        ([{"id": "a", "status": "failed"}], [("a", Status.FAIL)]),
        ([{"id": "a", "status": "maybe"}], [("a", Status.UNANSWERED)]),
        ([{"id": "a"}], [("a", Status.UNANSWERED)]),
        ({"a": "pass", "b": "fail"}, [("a", Status.PASS), ("b", Status.FAIL)]),
        (["a"], []),
        (None, []),
        ("pass", []),
    ],
)
def test_items(items: object, expected: list[tuple[str, Status]]) -> None:
    answer = read(json.dumps({"findings": [], "items": items}))
    assert [(item.id, item.status) for item in answer.items] == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Severity.CRITICAL, Severity.INFO, True),
        (Severity.LOW, Severity.LOW, True),
        (Severity.INFO, Severity.LOW, False),
    ],
)
def test_severities_are_ordered(one: Severity, other: Severity, expected: bool) -> None:
    assert one.at_least(other) is expected


# --- look-ups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ([], ()),
        ([{"path": "a.py", "line": 3, "end_line": 9, "search": ""}], (LookUp("a.py", 3, 9),)),
        ('[{"path": "a.py", "line": "L3-9"}]', (LookUp("a.py", 3),)),
        ([{"search": "f(", "path": None}], (LookUp(search="f("),)),
        ([{"path": "a.py", "line": -3, "end_line": 1e99}], (LookUp("a.py", 3, 1),)),
        ([{"path": "", "search": ""}, {}, None, 7, "a.py", ["a.py"]], ()),
        ([{"path": {"a": 1}, "search": [1]}], (LookUp('{"a": 1}', search="[1]"),)),
        ({"path": "a.py"}, ()),
        (None, ()),
    ],
)
def test_look_ups(written: object, asked: tuple[LookUp, ...]) -> None:
    answer = read(json.dumps({"look_ups": written, "findings": [ONE], "items": ITEMS}))
    assert answer.look_ups == asked
    assert (titles(answer), answer.problem) == ([ONE["title"]], "")


def test_what_only_asks_is_no_answer_without_its_lists() -> None:
    assert read_or_none('{"look_ups": [{"path": "a.py"}]}') is None
    assert read_or_none('{"look_ups": []}') is None


def test_the_form_that_asks_has_the_look_ups_before_what_hangs_on_them() -> None:
    schema = ASKING_FORM.schema
    Draft202012Validator.check_schema(schema)
    names = list(schema["properties"])
    assert names == schema["required"]
    assert names[names.index("look_ups") :] == ["look_ups", "findings", "items"]
    assert set(names) - set(SCHEMA["properties"]) == {"look_ups"}
    entry = schema["properties"]["look_ups"]["items"]
    assert set(entry["properties"]) == set(entry["required"]) == set(LookUp.__slots__)
    assert entry["additionalProperties"] is False


# --- the schema ---------------------------------------------------------------------------------


def objects(schema: Any) -> list[dict[str, Any]]:
    """All schemas of objects within a schema."""
    parts = schema.values() if isinstance(schema, dict) else schema
    nested = [o for part in parts if isinstance(part, dict | list) for o in objects(part)]
    mine = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    return mine + nested


def test_the_schema_is_a_schema_and_takes_what_it_asks_for() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    full = [{"note": "", **item} for item in ITEMS]
    Draft202012Validator(SCHEMA).validate(json.loads(reply(ONE, TWO, items=full)))


def test_the_schema_keeps_to_strict_mode() -> None:
    found = objects(SCHEMA)
    assert len(found) == 3
    for each in found:
        assert each["additionalProperties"] is False
        assert sorted(each["required"]) == sorted(each["properties"])


def test_the_reader_knows_every_field_of_the_schema() -> None:
    asked = SCHEMA["properties"]["findings"]["items"]["properties"]
    assert set(asked) == set(Finding.__slots__)
