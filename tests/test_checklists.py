"""Checklists: the shipped ones, those of a repository, and what a bad one is told."""

from __future__ import annotations

from textwrap import dedent

import pytest
from builders import checklist

from reviewbot import checklists
from reviewbot.checklists import OVERRIDES, choose, load, shipped, task
from reviewbot.errors import ConfigError
from reviewbot.findings import Severity
from reviewbot.text import fenced

MINE = """\
---
title: Licences
items:
  header: Every file begins with the licence header.
---
Look at the first lines.
"""
ITEMS = {
    "security": {
        *("credentials", "input-validation", "injection", "xss", "csrf"),
        *("access-control", "data-exposure", "availability"),
    },
    "performance": {"n-plus-one", "algorithms", "resources", "caching", "needless-work"},
    "style": {
        *("single-purpose", "naming", "duplication", "error-handling", "comments"),
        *("organisation", "team-guide"),
    },
    "correctness": {
        *("logic", "boundaries", "null-and-errors", "concurrency", "api-use", "callers"),
        *("data-loss", "assumptions"),
    },
    "tests": {"tests-added", "edge-cases", "test-names"},
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_shipped_checklist_has_its_items_and_asks_for_each(name: str) -> None:
    mine = load({})[name]
    assert {item.id for item in mine.items} == ITEMS[name]
    text = task(mine, ())
    assert text.startswith(f"# Checklist: {mine.title}\n")
    assert all(f"\n- `{item.id}`: {item.text}" in text for item in mine.items)
    assert f"take `{mine.severity}`" in text
    assert "{{" not in text
    assert "Look at these files only" not in text


def test_all_files_that_are_shipped_are_checklists_or_the_frame() -> None:
    assert set(load({})) == set(ITEMS)
    frame = {name for name in shipped() if name.startswith("_")}
    assert frame == {
        *("_system.md", "_change.md", "_checklist.md", "_repair.md", "_together.md"),
        *("_look_ups.md", "_looked_up.md", "_verify.md", "_judge.md", "_judge_again.md"),
    }


def test_the_frame_renders_without_a_blank_beginning() -> None:
    names = ("overview", "intent", "guides", "advice", "hints", "reviewed", "elsewhere")
    empty = dict.fromkeys(names, "")
    values = {**empty, "change": "HERE"}
    assert checklists.frame("change", **values) == "# The change\nHERE"
    assert "HERE" in checklists.frame("repair", answer="HERE", look_ups=False)
    assert checklists.frame("system", verified=True).startswith("You review")


def test_a_file_of_the_repository_adds_a_checklist() -> None:
    mine = load({"licences.md": MINE})["licences"]
    assert (mine.title, mine.severity, mine.paths, mine.model) == (
        *("Licences", Severity.MEDIUM, ()),
        None,
    )
    assert (mine.origin, mine.source) == (OVERRIDES, "Look at the first lines.")
    assert "Look at the first lines." in task(mine, ())


def test_a_file_of_the_repository_replaces_the_shipped_checklist_of_its_name() -> None:
    found = load({"security.md": MINE})
    assert set(found) == set(ITEMS)
    assert (found["security"].title, found["security"].origin) == ("Licences", OVERRIDES)
    assert found["style"].origin == "shipped"


def test_all_that_front_matter_can_say() -> None:
    text = dedent("""\
        \ufeff---\r
        title: T\r
        description: D
        severity: critical
        model: claude-opus
        paths: ["*.py", "!tests/"]
        items:
          - {id: a-1, text: One.}
          - {id: b, text: Two.}
        ---
        Body: {{ checklist.title }}
        --- not a mark
        """)
    mine = load({"x.md": text})["x"]
    assert (mine.description, mine.severity) == ("D", Severity.CRITICAL)
    assert (mine.model, mine.paths) == ("claude-opus", ("*.py", "!tests/"))
    assert [(item.id, item.text) for item in mine.items] == [("a-1", "One."), ("b", "Two.")]
    assert "Body: T\n--- not a mark" in task(mine, ())


@pytest.mark.parametrize("name", ["_system.md", "_checklist.md", "_new.md"])
def test_the_frame_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load({name: MINE})
    assert raised.value.message == f"{OVERRIDES}/{name}: the shared frame cannot be replaced"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (MINE, "Just text.", "a checklist begins with front matter between two lines of ---"),
        ("---\nLook", "Look", "a checklist begins with front matter between two lines of ---"),
        ("title: Licences\n", "", "title: Field required"),
        ("title: Licences", "title: ''", "title: String should have at least 1 character"),
        (
            "title: Licences",
            "title: [",
            "expected ',' or ']', but got ':' (line 4, column 9)",
        ),
        ("title: Licences", "titel: Licences", "title: Field required"),
        ("title: Licences", "title: L\nsevrity: low", "sevrity: Extra inputs are not permitted"),
        ("title: Licences", "title: L\nseverity: bad", "severity: Input should be 'critical'"),
        ("title: Licences", "title: L\npaths: '*.py'", "paths: Input should be a valid tuple"),
        ("  header:", "  Header Line:", "items.0.id: String should match pattern"),
        ("  header: Every", "  yes: Every", "items.0.id: Input should be a valid string"),
        ("header: Every file begins with the licence header.", "header:", "items.0.text: Input"),
        (
            "  header: Every file begins with the licence header.",
            "  {}",
            "items: Tuple should have at least 1 item",
        ),
    ],
)
def test_bad_front_matter_is_an_error_that_names_file_and_place(
    old: str, new: str, message: str
) -> None:
    assert old in MINE
    with pytest.raises(ConfigError) as raised:
        load({"licences.md": MINE.replace(old, new)})
    assert raised.value.message.startswith(f"{OVERRIDES}/licences.md: {message}")
    assert "\n" not in raised.value.message


def test_front_matter_that_is_no_mapping_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"licences\.md: front matter: "):
        load({"licences.md": "---\n- a\n---\nbody\n"})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["style"], ["style"]),
        (["tests", "style", "tests"], ["tests", "style"]),
        ([], []),
    ],
)
def test_checklists_are_chosen_once_each_in_the_order_named(
    names: list[str], expected: list[str]
) -> None:
    assert [each.name for each in choose(load({}), names)] == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("securty", "Did you mean 'security'? See: reviewbot checklists"),
        ("zzz", "See: reviewbot checklists"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        choose(load({}), ["style", name])
    assert (raised.value.message, raised.value.hint) == (f"there is no checklist '{name}'", hint)


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{{ unknown }}",
        "{{ checklist.unknown.more }}",
        "{{ ''.__class__ }}",
        "{{ checklist.__init__.__globals__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ checklist.items.append(1) }}",
        "{{ (checklist.title|attr('__class__')).x }}",
        "{{ '{0.__class__}'.format(1).x }}",
        "{% include '_system.md' %}",
        "{% import 'os' as os %}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{% macro loop() %}{{ loop() }}{% endmacro %}{{ loop() }}",
        "{{ 1 / 0 }}",
        "{{ [].pop() }}",
        "{{ {}['x'] }}",
        "{{ 'a' + 1 }}",
        "{{ 'x'|int('y')|round('z') }}",
        "{{ checklist.title.encode('nothing') }}",
        "{{ 'a' * 10**15 }}",
    ],
)
def test_a_template_that_fails_or_reaches_out_is_an_error_that_names_the_file(source: str) -> None:
    with pytest.raises(ConfigError) as raised:
        task(checklist(source=source, origin=OVERRIDES, name="mine"), ())
    assert raised.value.message.startswith(f"{OVERRIDES}/mine.md: ")


def test_the_error_of_a_shipped_checklist_names_its_file_too() -> None:
    with pytest.raises(ConfigError, match=r"^prompts/style\.md: 'x' is undefined$"):
        task(checklist(source="{{ x }}", name="style"), ())


def test_a_template_cannot_change_the_checklist() -> None:
    mine = checklist(source="{% set checklist = 1 %}{{ checklist }}")
    assert task(mine, ()).startswith("# Checklist: Correctness\n1\n")
    assert task(mine, ()) == task(mine, ())


def test_the_files_it_is_for_are_named_at_the_end() -> None:
    assert task(checklist(), ("a.py", "b.py")).endswith(
        "Look at these files only:\n" + fenced("paths", "a.py\nb.py")
    )
