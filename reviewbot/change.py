"""What is to be reviewed: a diff, and what the repository says around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from reviewbot.diff import SUBMODULE, Diff, FileDiff, decode, parse
from reviewbot.git import Blob, Repository
from reviewbot.selection import ATTRIBUTES

# Where teams write down how their code should be; the first ones speak to reviewers.
GUIDES = (
    "REVIEW.md",
    "AGENTS.md",
    "CLAUDE.md",
    ".github/copilot-instructions.md",
    "CONTRIBUTING.md",
    ".github/CONTRIBUTING.md",
    "docs/CONTRIBUTING.md",
)


MOST_MESSAGES = 20  # of commits; more tell a story, not an intent


@dataclass(frozen=True, slots=True)
class Intent:
    """What the authors say of their change; nothing of it need be true.

    `messages` are those of its commits, the newest first.
    """

    title: str = ""
    description: str = ""
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """All files of the head, for what a change does not show.

    `blobs` tells of them, `texts` gives what they hold, for a search only; `lines` gives the lines
    of one to show. `attributes` are those that the base gives to paths; see `Change.attributes`.
    """

    blobs: Callable[[], Sequence[Blob]]
    texts: Callable[[Sequence[Blob]], Iterator[str]]
    lines: Callable[[Blob], Sequence[str]]
    attributes: Callable[[Sequence[str]], Mapping[tuple[str, str], str]]


@dataclass(frozen=True, slots=True)
class Change:
    """A change and its surroundings.

    `base` and `head` are commit ids, None where there is no commit (a working tree, a patch).
    `name` says in words what is compared. `lines` gives the lines of a file's new version, without
    their LF, and `old_lines` those of its old one; none where they cannot be had. `guides` are the
    team's documents at the base. `tree` has the other files of the head, where there are any.
    """

    name: str
    base: str | None
    head: str | None
    diff: Diff
    lines: Callable[[FileDiff], Sequence[str]]
    guides: Mapping[str, str]
    attributes: Mapping[tuple[str, str], str]
    intent: Intent = field(default_factory=Intent)
    old_lines: Callable[[FileDiff], Sequence[str]] = lambda _: ()
    tree: Tree | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Two trees to compare, by full ids, and what they are in words.

    `commits` are those whose messages tell of the change.
    """

    name: str
    base: str
    head: str
    base_commit: str | None
    head_commit: str | None
    commits: Sequence[str] = ()


def from_patch(name: str, lines: Iterable[bytes]) -> Change:
    """The change that a unified diff describes; nothing is known but what it shows.

    Raises:
        DiffError: it is not a diff.
    """
    return Change(name, None, None, parse(lines), lambda _: (), {}, {})


def from_repository(repository: Repository, span: Span) -> Change:
    """The change between two trees of a repository.

    Raises:
        GitError: git cannot tell.
    """
    diff = repository.diff(span.base, span.head)

    def lines(oid: str, mode: str) -> Sequence[str]:
        if not oid or mode == SUBMODULE:
            return ()
        text = decode(repository.read(oid) or b"")
        return text.removesuffix("\n").split("\n") if text else ()

    def attributes(paths: Sequence[str]) -> Mapping[tuple[str, str], str]:
        return repository.attributes(paths, ATTRIBUTES, tree=span.base)

    return Change(
        name=span.name,
        base=span.base_commit,
        head=span.head_commit,
        diff=diff,
        lines=lambda file: lines(file.new_oid, file.new_mode),
        old_lines=lambda file: lines(file.old_oid, file.old_mode),
        guides=_guides(repository, span.base),
        attributes=attributes([file.path for file in diff.files]),
        intent=Intent(messages=tuple(filter(None, map(repository.message, span.commits)))),
        tree=Tree(
            blobs=cache(lambda: repository.blobs(span.head)),
            texts=lambda blobs: map(decode, repository.contents(blobs)),
            lines=lambda blob: lines(blob.oid, ""),
            attributes=attributes,
        ),
    )


def _guides(repository: Repository, base: str) -> Mapping[str, str]:
    found = ((path, repository.read(f"{base}:{path}")) for path in GUIDES)
    return {path: text.decode("utf-8", "replace") for path, text in found if text}


# --- what to compare ----------------------------------------------------------------------------


def branch(repository: Repository, base: str | None, head: str | None) -> Span:
    """What a branch brings: its merge base with `base`, against `head` or the working tree.

    Args:
        repository: where.
        base: a revision; None for the default branch.
        head: a revision; None for the working tree with all that is not committed.

    Raises:
        GitError: a revision is unknown, or there is no common history.
    """
    base_name = repository.default_base() if base is None else base
    base_commit = repository.resolve(base_name)
    head_commit = repository.resolve(head or "HEAD")
    start = repository.merge_base(base_commit, head_commit)
    commits = repository.commits(start, head_commit, MOST_MESSAGES)
    shown = base_name.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    if head is not None:
        return Span(f"{shown}...{head}", start, head_commit, start, head_commit, commits)
    tree = repository.snapshot(working_tree=True)
    return Span(f"{shown}...working tree", start, tree, start, None, commits)


def uncommitted(repository: Repository) -> Span:
    """The working tree, with untracked files, against the last commit."""
    base, commit = _last_commit(repository)
    tree = repository.snapshot(working_tree=True)
    return Span("uncommitted changes", base, tree, commit, None)


def staged(repository: Repository) -> Span:
    """The index against the last commit."""
    base, commit = _last_commit(repository)
    tree = repository.snapshot(working_tree=False)
    return Span("staged changes", base, tree, commit, None)


def commit(repository: Repository, revision: str) -> Span:
    """One commit against its first parent.

    Raises:
        GitError: there is no such commit, or its parent is not in this clone.
    """
    head = repository.resolve(revision)
    base = repository.parent(head)
    return Span(f"commit {revision}", base, head, base, head, [head])


def _last_commit(repository: Repository) -> tuple[str, str | None]:
    """HEAD, or the empty tree before the first commit."""
    if repository.has_commits():
        head = repository.resolve("HEAD")
        return head, head
    return repository.empty_tree(), None
