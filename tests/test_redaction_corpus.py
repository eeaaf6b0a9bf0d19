"""Planted secrets and look-alikes that others put together: what is found, and what is spared."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from reviewbot.placeholders import PLACEHOLDER
from reviewbot.redaction import Redactor, shipped

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
WITH_TARGET = ("format", "keyword", "uri", "block", "encoded")

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the shared corpus is not beside this checkout"
)

Row = dict[str, Any]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(shipped())


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CORPUS))
        patch.setattr(sys, "dont_write_bytecode", True)
        from make_corpus import write_corpus  # type: ignore[import-not-found]  # noqa: PLC0415

        names = write_corpus(folder)
    return {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in names
    }


def is_gone(redactor: Redactor, row: Row) -> bool:
    """Is of the value nothing left, and of the line around it all?"""
    line, value = row["line_text"], row["secret_value"]
    text = "\n".join([*row.get("context_before", ()), line])
    shown = PLACEHOLDER.sub("\0", redactor.text(text, row["path"]).split("\n")[-1])
    before, _, after = line.partition(value)
    rest = shown.removeprefix(before).removesuffix(after)
    return "\0" in rest and not any(value[n : n + 3] in rest for n in range(len(value) - 2))


def test_secrets_are_found(redactor: Redactor, rows: dict[str, list[Row]]) -> None:
    found: dict[str, list[bool]] = defaultdict(list)
    for row in rows["secrets"]:
        found[row["tier"]].append(is_gone(redactor, row))
    for tier, each in found.items():
        print(f"{tier}: {sum(each)} of {len(each)}")  # noqa: T201 - for people
    wanted = [each for tier in WITH_TARGET for each in found[tier]]
    assert sum(wanted) >= 0.95 * len(wanted)
    assert sum(found["keyword"]) >= 0.85 * len(found["keyword"])


def test_comments_for_scanners_protect_nothing(
    redactor: Redactor, rows: dict[str, list[Row]]
) -> None:
    assert all(is_gone(redactor, row) for row in rows["inline_allow"])


def test_look_alikes_are_spared(redactor: Redactor, rows: dict[str, list[Row]]) -> None:
    strict = [row for row in rows["clean"] if row["tolerance"] == "strict"]
    touched = [
        row["line_text"]
        for row in strict
        if row["must_keep"] not in redactor.text(row["line_text"], row["path"])
    ]
    assert len(touched) <= 0.03 * len(strict), touched
