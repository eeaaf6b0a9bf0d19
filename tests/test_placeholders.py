from __future__ import annotations

import pytest

from reviewbot.placeholders import PLACEHOLDER, Spot, placeholder, replaced


@pytest.mark.parametrize(
    ("spots", "result"),
    [
        ([], "key = abcdef;"),
        ([Spot(6, 12, "token")], "key = [redacted:token];"),
        ([Spot(6, 9, "a"), Spot(9, 12, "b")], "key = [redacted:a][redacted:b];"),
        ([Spot(8, 12, "longer"), Spot(6, 9, "b")], "key = [redacted:longer];"),
        ([Spot(0, 13, "line"), Spot(6, 12, "token")], "[redacted:line]"),
    ],
)
def test_each_place_has_one_placeholder(spots: list[Spot], result: str) -> None:
    assert replaced("key = abcdef;", spots) == result


def test_a_placeholder_is_known_again() -> None:
    assert PLACEHOLDER.fullmatch(placeholder("aws-access-key-2"))
