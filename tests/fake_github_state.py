"""The state of a GitHub: one repository with its pull requests, and the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fake_forge import REPOSITORY, FakeForge
from fake_github_rules import Shown, shift, shown

BOT = "github-actions[bot]"
SCOPES = frozenset({"contents", "issues", "pull-requests", "statuses"})


@dataclass(frozen=True)
class Token:
    """Who asks, and what they may write."""

    login: str
    scopes: frozenset[str]


@dataclass
class Comment:
    """A comment, at a line or in the conversation."""

    id: int
    author: str
    body: str
    created: datetime
    updated: datetime


@dataclass
class Thread:
    """A discussion at lines of the code: where they are now, None once they were edited."""

    id: str
    path: str
    side: str
    start_side: str | None
    original_line: int | None
    original_start_line: int | None
    commit: str
    base: str
    line: int | None
    start_line: int | None
    comments: list[Comment] = field(default_factory=list)
    resolved_by: str | None = None

    @property
    def opening(self) -> Comment:
        return self.comments[0]

    @property
    def body(self) -> str:
        return self.opening.body

    @property
    def author(self) -> str:
        return self.opening.author

    @property
    def resolved(self) -> bool:
        return self.resolved_by is not None

    @property
    def outdated(self) -> bool:
        return self.line is None and self.original_line is not None


@dataclass
class Review:
    """A review; a pending one holds its comments back."""

    id: int
    author: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "PENDING"]
    body: str
    commit: str
    submitted: datetime
    comments: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass
class Pull:
    """A pull request; `base_sha`, `merge_base` and `head_sha` are those of the last push."""

    number: int
    title: str
    author: str
    base: str
    head: str
    head_repository: str | None
    draft: bool
    labels: list[str]
    description: str = ""
    state: Literal["open", "closed"] = "open"
    base_sha: str = ""
    merge_base: str = ""
    head_sha: str = ""
    threads: list[Thread] = field(default_factory=list)
    notes: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)


@dataclass(frozen=True)
class Reaction:
    comment: int
    login: str
    content: str


@dataclass(frozen=True)
class Status:
    sha: str
    state: str
    context: str
    description: str
    target_url: str


@dataclass(frozen=True)
class Notification:
    """What people are told of: each review, each single comment at a line, each new note."""

    kind: Literal["review", "comment", "note"]
    number: int
    author: str


@dataclass
class FakeGitHub(FakeForge):
    """A GitHub that holds one repository.

    People have the permissions of `people`; who is not in it is nobody's user. Reviews with a
    comment in one of the `refused_paths` are refused, although its place is right.
    """

    people: dict[str, str] = field(default_factory=lambda: {"author": "write"})
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    _shown: dict[tuple[str, str], Shown] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The root of the REST API."""
        return self.server_url

    @property
    def graphql_url(self) -> str:
        return f"{self.server_url}/graphql"

    def logins(self) -> Collection[str]:
        return [f"x-access-token:{token}" for token in self.tokens]

    # --- what tests set up ----------------------------------------------------------------------

    def token(
        self,
        access: Literal["read", "write"] = "write",
        login: str = BOT,
        scopes: Collection[str] = SCOPES,
    ) -> str:
        """A new token; one to write may write what its scopes say."""
        secret = f"ghs_{secrets.token_hex(18)}"
        self.tokens[secret] = Token(login, frozenset(scopes if access == "write" else ()))
        return secret

    def open_pull(
        self,
        base: str = "main",
        head: str = "feature",
        author: str = "author",
        *,
        draft: bool = False,
        labels: Collection[str] = (),
        title: str = "Change the shop",
        head_repository: str | None = REPOSITORY,
    ) -> Pull:
        """Push two branches, and open a pull request of them."""
        number = len(self.pulls) + 1
        pull = Pull(number, title, author, base, head, head_repository, draft, list(labels))
        self.pulls[number] = pull
        self.push(number)
        return pull

    def push(self, number: int) -> str:
        """Have both branches of a pull request as they are in `work`; the new head.

        A branch of a fork comes in as GitHub keeps it: as `refs/pull/<number>/head` only.
        """
        with self.lock:
            pull = self.pulls[number]
            branches = [pull.base] + [pull.head] * (pull.head_repository == self.name)
            kept = [f"+refs/heads/{branch}:refs/heads/{branch}" for branch in branches]
            kept.append(f"+refs/heads/{pull.head}:refs/pull/{number}/head")
            self.fetch(*kept)
            pull.base_sha = self.origin.git("rev-parse", f"refs/heads/{pull.base}")
            pull.head_sha = self.origin.git("rev-parse", f"refs/pull/{number}/head")
            pull.merge_base = self.merge_base(pull.base_sha, pull.head_sha)
            for thread in pull.threads:
                self._follow(pull, thread)
            return pull.head_sha

    # --- what people do -------------------------------------------------------------------------

    def human_comment(self, number: int, login: str, body: str) -> Comment:
        """Somebody says something in the conversation."""
        return self.add_note(self.pulls[number], login, body)

    def human_thread(self, number: int, login: str, path: str, line: int, body: str) -> Thread:
        """Somebody says something at a line."""
        pull = self.pulls[number]
        return self.add_thread(pull, login, {"path": path, "line": line, "body": body})

    def reply(self, thread: Thread, login: str, body: str) -> Comment:
        """Somebody answers in a discussion."""
        with self.lock:
            thread.comments.append(self.new_comment(login, body))
            return thread.comments[-1]

    def resolve(self, thread: Thread, login: str) -> None:
        thread.resolved_by = login

    def unresolve(self, thread: Thread) -> None:
        thread.resolved_by = None

    def thumbs_down(self, comment: Comment, login: str) -> None:
        self.reactions.append(Reaction(comment.id, login, "-1"))

    def edit_comment(self, number: int, body: str) -> None:
        """Somebody edits the comment with this id."""
        with self.lock:
            comment = next(each for each in self._comments() if each.id == number)
            comment.body, comment.updated = body, next(self._moments)

    def delete_comment(self, number: int) -> None:
        """Somebody deletes the comment with this id; a discussion goes with its last one."""
        with self.lock:
            for pull in self.pulls.values():
                pull.notes = [note for note in pull.notes if note.id != number]
                for thread in pull.threads:
                    thread.comments = [each for each in thread.comments if each.id != number]
                pull.threads = [thread for thread in pull.threads if thread.comments]

    # --- what the API does ----------------------------------------------------------------------

    def new_comment(self, author: str, body: str) -> Comment:
        now = next(self._moments)
        return Comment(next(self._ids), author, body, now, now)

    def add_note(self, pull: Pull, author: str, body: str) -> Comment:
        with self.lock:
            pull.notes.append(self.new_comment(author, body))
            self.notifications.append(Notification("note", pull.number, author))
            return pull.notes[-1]

    def add_thread(
        self, pull: Pull, author: str, entry: Mapping[str, Any], commit: str = ""
    ) -> Thread:
        """Open a discussion as a checked comment says; the commit is the head by default."""
        with self.lock:
            line, start = entry.get("line"), entry.get("start_line")
            side = entry.get("side", "RIGHT")
            thread = Thread(
                id=f"PRRT_{next(self._ids):x}",
                path=entry["path"],
                side=side,
                start_side=entry.get("start_side"),
                original_line=line,
                original_start_line=start,
                commit=commit or pull.head_sha,
                base=self.merge_base(pull.base_sha, commit or pull.head_sha),
                line=line,
                start_line=start,
                comments=[self.new_comment(author, entry["body"])],
            )
            self._follow(pull, thread)
            pull.threads.append(thread)
            return thread

    def add_review(self, pull: Pull, review: Review) -> None:
        """Take a checked review, and say its comments if it is not pending."""
        pull.reviews.append(review)
        if review.state == "PENDING":
            return
        for entry in review.comments:
            self.add_thread(pull, review.author, entry, review.commit)
        self.notifications.append(Notification("review", pull.number, review.author))

    def new_review(self, author: str, body: str, commit: str, **values: Any) -> Review:
        return Review(
            next(self._ids),
            author,
            body=body,
            commit=commit,
            submitted=next(self._moments),
            **values,
        )

    def diff(self, pull: Pull, commit: str) -> Shown:
        """What GitHub shows of a pull request at one of its commits."""
        ends = self.merge_base(pull.base_sha, commit), commit
        if ends not in self._shown:
            self._shown[ends] = shown(self.origin, *ends)
        return self._shown[ends]

    def commits(self, pull: Pull) -> list[str]:
        """The commits of a pull request, the newest first."""
        return self.origin.git("rev-list", f"{pull.merge_base}..{pull.head_sha}").split()

    def _comments(self) -> Iterator[Comment]:
        for pull in self.pulls.values():
            yield from pull.notes
            for thread in pull.threads:
                yield from thread.comments

    def _follow(self, pull: Pull, thread: Thread) -> None:
        """Find the lines of a discussion in the diff as it is now."""
        end = thread.original_line
        if end is None:
            return
        old = thread.commit if thread.side == "RIGHT" else thread.base
        new = pull.head_sha if thread.side == "RIGHT" else pull.merge_base
        start = thread.original_start_line
        first = end if start is None or thread.start_side != thread.side else start
        moved = shift(self.origin, old, new, thread.path, range(first, end + 1))
        hunks = self.diff(pull, pull.head_sha).get(thread.path, ())
        seen = moved is not None and any(end + moved in hunk.side(thread.side) for hunk in hunks)
        thread.line = end + moved if moved is not None and seen else None
        thread.start_line = (
            start + moved if moved is not None and seen and start is not None else None
        )
