"""Wherever a finding is anchored, the forge takes the comment: for random real diffs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import fake_gitlab_rules as gitlab_rules
from builders import comment
from conftest import Repo
from fake_github_rules import problems, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from test_diff_properties import shared_repo, store, versions

from reviewbot.anchors import Claim, Comment, numbered, place
from reviewbot.diff import Diff
from reviewbot.findings import Finding, Severity
from reviewbot.forge.github import line_comment
from reviewbot.forge.github import shown as placeable
from reviewbot.forge.gitlab import Place, Refs
from reviewbot.git import Repository
from reviewbot.text import squeezed, visible

__all__ = ["shared_repo"]  # a fixture

PAIRS = st.lists(versions(), min_size=1, max_size=4)
LENGTHS = st.sampled_from([1, 2, 5])


def claim(path: str, line: int, length: int, quote: str) -> Claim:
    finding = Finding(path, line, line + length - 1, quote, title="Title", body="Body")
    return Claim(finding, "correctness", "model", Severity.HIGH)


def stored(repo: Repo, pairs: list[tuple[bytes, bytes]]) -> tuple[str, str, Diff]:
    """Two trees, and their diff."""
    base = store(repo, [before for before, _ in pairs])
    head = store(repo, [after for _, after in pairs])
    with Repository(repo.folder) as repository:
        return base, head, repository.diff(base, head)


def anchored(diff: Diff, length: int) -> list[Comment]:
    """A comment at each line of the diff that can be quoted."""
    claims = [
        claim(file.path, number, length, visible(line.text))
        for file in diff.files
        for number, line in numbered(file.hunks())
    ]
    found = [each for each in place(diff.files, claims, lambda _: ()) if each.anchored]
    assert len(found) == sum(squeezed(each.finding.quote) != "" for each in claims)
    return found


@settings(max_examples=60)
@given(PAIRS, LENGTHS)
def test_every_place_that_is_sent_is_taken_by_github(
    shared_repo: Repo, pairs: list[tuple[bytes, bytes]], length: int
) -> None:
    base, head, diff = stored(shared_repo, pairs)
    found = anchored(diff, length)
    sent = [each for each in found if each.path in placeable(diff)]
    assert sent == found
    there = shown(shared_repo, base, head)
    refused = [each for each in sent if problems(there, line_comment(each, "Body"))]
    assert refused == []


@settings(max_examples=60)
@given(PAIRS, LENGTHS)
def test_every_place_that_is_sent_is_taken_by_gitlab(
    shared_repo: Repo, pairs: list[tuple[bytes, bytes]], length: int
) -> None:
    base, head, diff = stored(shared_repo, pairs)
    refs = Refs(base, base, head)
    found = [*anchored(diff, length), *elsewhere(shared_repo, head, diff)]
    assert [each for each in found if gitlab_refuses(shared_repo, refs, diff, each)] == []


def elsewhere(repo: Repo, head: str, diff: Diff) -> list[Comment]:
    """A comment at each line of the changed files, wherever it stands."""
    bare = replace(comment(), line=1, end_line=1)
    return [
        replace(bare, path=file.path, line=number, end_line=number)
        for file in diff.files
        if file.old_path and file.new_path
        for number in range(1, lines(repo, f"{head}:{file.path}") + 1)
    ]


def lines(repo: Repo, name: str) -> int:
    content = repo.git_bytes("cat-file", "blob", name)
    return content.count(b"\n") + (not content.endswith(b"\n") and content != b"")


@cache
def gitlab_s_diff(
    repo: Repo, base: str, head: str, paths: tuple[str, ...]
) -> gitlab_rules.FileDiff | None:
    return gitlab_rules.file_diff(repo, base, head, paths)


def gitlab_refuses(repo: Repo, refs: Refs, diff: Diff, comment: Comment) -> bool:
    position = Place(refs, diff, comment).position()
    there = gitlab_s_diff(repo, refs.base, refs.head, tuple(gitlab_rules.paths_of(position)))
    if there is None or not gitlab_rules.has_place(there, position):
        return True
    return gitlab_rules.range_problem(there, position) != ""
