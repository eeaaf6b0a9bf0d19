"""Who is to have a key, and on which terms: from texts of any kind, or a clear word."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewbot import roster, terms
from reviewbot.errors import UsageError
from reviewbot.roster import Order
from reviewbot.terms import Terms

NOTHING = Terms()


def read(folder: Path, content: str | bytes, general: Terms = NOTHING) -> tuple[Order, ...]:
    path = folder / "users.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with path.open(encoding="utf-8") as file:
        return roster.read(file, general, NOTHING)


# --- terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("budget", "5", 5.0),
        ("budget", " $0.50 ", 0.5),
        ("period", "30d", "30d"),
        ("rpm", "20", 20),
        ("tpm", "0100", 100),
        ("models", "claude-sonnet", ("claude-sonnet",)),
        ("models", " b, a;c  b,", ("b", "a", "c")),
        ("expires", "12h", "12h"),
        ("expires", "3mo", "3mo"),
        *((name, text, None) for name in ("budget", "rpm", "models") for text in ("", " ", None)),
    ],
)
def test_what_is_said(name: str, text: str | None, value: object) -> None:
    assert getattr(terms.read({name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("budget", ("x", "-1", "0", "nan", "inf", "1e999", "5,00", "5 USD"), "number of dollars"),
        ("period", ("monthly", "30", "d", "0d", "-1d", "1.5d", "30 d", "1y"), "length of time"),
        ("expires", ("90", "999999d", "\u0663d"), "length of time"),
        ("rpm", ("1.5", "0", "-3", "many", "1e3", "\u0663", "9" * 13), "whole number above 0"),
        ("tpm", ("0",), "whole number above 0"),
        ("models", (",", " ; "), "names no model"),
    ],
)
def test_what_says_nothing(name: str, texts: tuple[str, ...], words: str) -> None:
    for text in texts:
        with pytest.raises(UsageError, match=words) as caught:
            terms.read({name: text}, lambda name: f"--{name}")
        assert caught.value.message.startswith(f"--{name}: '{text.strip()}' ")


def test_the_first_that_says_something_counts() -> None:
    first, second = Terms(budget=1.0, models=("a",)), Terms(budget=2.0, rpm=3)
    assert first.over(second) == Terms(budget=1.0, rpm=3, models=("a",))


# --- users --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ci", "ada@example.org", "Zoë of the shop", "x" * 200])
def test_a_name(name: str) -> None:
    assert roster.named(f" {name} ") == name


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\tb", "a\u200bb", "x" * 201])
def test_no_name(name: str) -> None:
    with pytest.raises(UsageError):
        roster.named(name)


# --- a CSV --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "user,rpm,models\nada,3,a;b\nbob,,\n",
        "\ufeffuser,rpm,models\r\nada,3,a b\r\nbob,,\r\n",
        ' rpm , user, models\n3,ada,"a,b"\n\n ,bob,\n,,',
        "user,rpm,models\nada,3,a;b\nbob",
    ],
)
def test_a_csv(tmp_path: Path, content: str) -> None:
    general = Terms(rpm=9, tpm=8)
    assert read(tmp_path, content, general) == (
        Order("ada", Terms(rpm=3, tpm=8, models=("a", "b")), NOTHING),
        Order("bob", Terms(rpm=9, tpm=8), NOTHING),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no column user"),
        ("name\nada\n", "unknown column 'name'"),
        ("user,buget\nada,1\n", "unknown column 'buget'; is it budget?"),
        ("user;budget\nada;1\n", "unknown column 'user;budget'"),
        ("user,user\nada,bob\n", "has a column twice"),
        ("budget\n5\n", "has no column user"),
        ("budget,user\n5\n", "line 2: the user is empty"),
        ("user\n", "there is no user in"),
        ("user,rpm\nada,5,claude-sonnet\n", "line 2 has too many cells"),
        ("user,budget\nada,1\nbob,x\n,1\n", "line 3: budget: 'x' is no number"),
        ("user,budget\nada,1\nbob,x\n,1\n", "; line 4: the user is empty"),
        ("user\nada\nada\n", "line 3: the user 'ada' was there before"),
        ("user,rpm\n" + "ada,x\n" * 9, "; and 4 more"),
        ('user\n"ada\n', "is no CSV in UTF-8"),
        (b"user\n\xff\n", "is no CSV in UTF-8"),
    ],
)
def test_no_csv(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert words in caught.value.message
