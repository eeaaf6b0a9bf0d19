"""Wherever a finding is anchored, GitHub takes the comment: for random real diffs."""

from __future__ import annotations

from conftest import Repo
from fake_github_rules import problems, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from test_diff_properties import shared_repo, store, versions

from reviewbot.anchors import Claim, numbered, place
from reviewbot.findings import Finding, Severity
from reviewbot.forge.github import line_comment
from reviewbot.forge.github import shown as placeable
from reviewbot.git import Repository
from reviewbot.text import squeezed, visible

__all__ = ["shared_repo"]  # a fixture


def claim(path: str, line: int, length: int, quote: str) -> Claim:
    finding = Finding(path, line, line + length - 1, quote, title="Title", body="Body")
    return Claim(finding, "correctness", "model", Severity.HIGH)


@settings(max_examples=60)
@given(st.lists(versions(), min_size=1, max_size=4), st.sampled_from([1, 2, 5]))
def test_every_place_that_is_sent_is_taken(
    shared_repo: Repo, pairs: list[tuple[bytes, bytes]], length: int
) -> None:
    base = store(shared_repo, [before for before, _ in pairs])
    head = store(shared_repo, [after for _, after in pairs])
    with Repository(shared_repo.folder) as repository:
        diff = repository.diff(base, head)
    claims = [
        claim(file.path, number, length, visible(line.text))
        for file in diff.files
        for number, line in numbered(file.hunks())
    ]
    anchored = [each for each in place(diff.files, claims, lambda _: ()) if each.anchored]
    assert len(anchored) == sum(squeezed(each.finding.quote) != "" for each in claims)
    sent = [each for each in anchored if each.path in placeable(diff)]
    assert sent == anchored
    there = shown(shared_repo, base, head)
    refused = [each for each in sent if problems(there, line_comment(each, "Body"))]
    assert refused == []
