"""Real diffs of public repositories, held against answers that git itself gave."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from reviewbot.diff import FileDiff, Line, parse

CORPUS = Path(__file__).parents[2] / "shared" / "corpus-diffs"
NAMES = sorted(file.stem for file in CORPUS.glob("*.diff"))

pytestmark = pytest.mark.skipif(not NAMES, reason="the shared corpus is not beside this checkout")


def lines_of(file: FileDiff) -> list[Line]:
    return [line for hunk in file.hunks() for line in hunk.lines]


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def digest(lines: list[Line]) -> str:
    content = (
        b"%s %d %d %s\n" % (raw(line.kind), line.old or 0, line.new or 0, raw(line.text))
        for line in lines
    )
    return hashlib.sha256(b"".join(content)).hexdigest()


def read_answers(name: str) -> list[dict[str, Any]]:
    answers = json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))
    found = hashlib.sha256((CORPUS / f"{name}.diff").read_bytes()).hexdigest()
    assert found == answers["sha256"], "the corpus itself is damaged"
    files: list[dict[str, Any]] = answers["files"]
    return files


def read_diff(name: str) -> tuple[FileDiff, ...]:
    with (CORPUS / f"{name}.diff").open("rb") as patch:
        return parse(patch).files


def test_the_corpus_has_every_kind_of_change() -> None:
    statuses = {answer["status"][0] for name in NAMES for answer in read_answers(name)}
    assert statuses >= set("AMDR")


@pytest.mark.parametrize("name", NAMES)
def test_files(name: str) -> None:
    found = [(f.status, f.old_path, f.new_path, f.binary) for f in read_diff(name)]
    assert found == [
        (answer["status"][0], answer["old"], answer["new"], answer["binary"])
        for answer in read_answers(name)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_lines(name: str) -> None:
    files = [(file, lines_of(file)) for file in read_diff(name)]
    assert [(f.added, f.removed, len(lines), digest(lines)) for f, lines in files] == [
        (answer["add"], answer["rem"], answer["n_lines"], answer["digest"])
        for answer in read_answers(name)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_modes_and_ids(name: str) -> None:
    for file, answer in zip(read_diff(name), read_answers(name), strict=True):
        if file.old_mode or file.new_mode:
            modes = (answer["old_mode"].lstrip("0"), answer["new_mode"].lstrip("0"))
            assert (file.old_mode, file.new_mode) == modes
        if file.old_oid or file.new_oid:
            ids = tuple(
                answer[key] if answer[key].strip("0") else "" for key in ("old_oid", "new_oid")
            )
            assert (file.old_oid, file.new_oid) == ids
