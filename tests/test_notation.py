"""Settings are read, and those that are made to be no end are not."""

from __future__ import annotations

import pytest

from reviewbot.errors import ConfigError
from reviewbot.notation import LARGEST, from_toml, from_yaml

MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)
)


def test_values() -> None:
    assert from_yaml("x.yml", "a: [1, {b: c}]\nd: &e f\ng: *e") == {
        "a": [1, {"b": "c"}],
        "d": "f",
        "g": "f",
    }
    assert from_toml("x.toml", "a.b = [1]") == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MERGES, "could not determine a constructor"),
        ("[" * 20_000, "more than 100 brackets are open at once"),
        ("- " * 20_000, "maximum recursion depth exceeded"),
        ("a: " + "x" * LARGEST, "more than 200,000 characters"),
        ("a: 2026-99-99", "a value is not what its form or its tag says"),
        ("a: " + "1" * 5_000, "a value is not what"),
        ("a: [", "expected the node content"),
        ("a: !!int", "a value is not what"),
        ("a: !!bool x", "a value is not what"),
        ("a: !!timestamp x", "a value is not what"),
    ],
)
def test_yaml_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        from_yaml("x.yml", text)
    assert raised.value.message.startswith("x.yml: ")
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a." * 50_000 + "a = 1", "a line has more than 1,000 dots"),
        ("a = " + "[" * 20_000, "maximum recursion depth exceeded"),
        ("a = '" + "x" * LARGEST, "more than 200,000 characters"),
        ("a = 2026-99-99", "Expected newline"),
        ("a = " + "1" * 5_000, "Exceeds the limit"),
    ],
)
def test_toml_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        from_toml("x.toml", text)
    assert raised.value.message.startswith("x.toml: ")
