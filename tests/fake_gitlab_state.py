"""The state of a GitLab: one project with its merge requests, and the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Literal
from zlib import crc32

from fake_forge import REPOSITORY, FakeForge
from fake_gitlab_rules import (
    BLANK,
    NO_LINE,
    QUICK_ACTION,
    FileDiff,
    Position,
    file_diff,
    has_place,
    paths_of,
    range_problem,
    text_problem,
)

BOT = "project_42_bot_1f"
PROJECT = 42
GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50
DRAFTS_SINCE, SUMMARY_SINCE = (15, 10), (19, 2)  # versions of GitLab


NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def user_id(login: str) -> int:
    """The number of an account."""
    return crc32(login.encode()) >> 1


class NotTakenError(Exception):
    """GitLab's word against a note."""


class CommandsOnlyError(NotTakenError):
    """A text had nothing but quick actions; they are carried out, and there is no note."""


@dataclass(frozen=True)
class Token:
    """Who asks, at which access level, and what the token is for."""

    login: str
    level: int
    access: Literal["read", "write", "job"]


@dataclass
class Note:
    """A note, at a line or in the conversation; `emoji` are names of reactions with their users."""

    id: int
    author: str
    body: str
    created: datetime
    updated: datetime
    system: bool = False
    emoji: list[tuple[str, str]] = field(default_factory=list)

    @property
    def discussion(self) -> str:
        """The id of the discussion that a note alone is."""
        return sha1(f"note {self.id}".encode()).hexdigest()


@dataclass
class Thread:
    """A discussion that can be resolved, at lines of the code or without a place."""

    id: str
    position: Position | None
    notes: list[Note] = field(default_factory=list)
    resolved_by: str | None = None
    resolved_at: datetime = NEVER

    @property
    def _place(self) -> Position:
        return self.position or {}

    @property
    def path(self) -> str:
        return self._place.get("new_path") or self._place.get("old_path") or ""

    @property
    def side(self) -> str:
        return "old" if self.line is not None and self._place.get("new_line") is None else "new"

    @property
    def line(self) -> int | None:
        line: int | None = self._place.get("new_line") or self._place.get("old_line")
        return line

    @property
    def start_line(self) -> int | None:
        """The first of several lines, counted on the side of the last."""
        span = self._place.get("line_range")
        if not span or span["start"]["line_code"] == span["end"]["line_code"]:
            return None
        _, old, new = span["start"]["line_code"].split("_")
        return int(new if self.side == "new" else old)

    @property
    def opening(self) -> Note:
        return self.notes[0]

    @property
    def body(self) -> str:
        return self.opening.body

    @property
    def author(self) -> str:
        return self.opening.author

    @property
    def resolved(self) -> bool:
        return self.resolved_by is not None


@dataclass(frozen=True)
class Draft:
    """A note that its author has not published."""

    id: int
    author: str
    note: str
    position: Position | None = None
    answers: str | None = None  # the id of a discussion
    resolves: bool = False


@dataclass(frozen=True)
class Version:
    """The ends of a merge request's diff at a push; `target` is the name of the branch."""

    id: int
    base: str
    start: str
    head: str
    target: str
    created: datetime


@dataclass
class MergeRequest:
    """A merge request; its versions are in order of age. `notes` are those without a thread."""

    iid: int
    title: str
    author: str
    target: str
    source: str
    source_project: str | None
    draft: bool
    labels: list[str]
    created: datetime
    description: str = ""
    state: Literal["opened", "closed", "merged"] = "opened"
    versions: list[Version] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    reviewer_states: dict[str, str] = field(default_factory=dict)

    @property
    def head_sha(self) -> str:
        return self.versions[-1].head

    @property
    def base_sha(self) -> str:
        return self.versions[-1].base

    @property
    def start_sha(self) -> str:
        return self.versions[-1].start

    def discussions(self) -> list[tuple[Thread | None, list[Note]]]:
        """All that is said, in order of age; a note alone has no thread."""
        said: list[tuple[Thread | None, list[Note]]] = [(each, each.notes) for each in self.threads]
        said += [(None, [note]) for note in self.notes]
        return sorted(said, key=lambda each: each[1][0].id)


@dataclass(frozen=True)
class Notification:
    """What people are told of: each review, and each discussion or note that comes by itself."""

    kind: Literal["review", "discussion", "note"]
    iid: int
    author: str


@dataclass(frozen=True)
class Executed:
    """A quick action that GitLab found in a text, and carried out with its author's rights."""

    author: str
    command: str
    body: str


@dataclass
class FakeGitLab(FakeForge):
    """A GitLab that holds one project.

    People have the access levels of `people`. Places in one of the `refused_paths` are refused,
    although they are right. With `publish_breaks` a bulk publish ends at the first bad draft. What
    people say by `human_*` is never looked at for quick actions. `expires_at` is the last day of
    all tokens.
    """

    people: dict[str, int] = field(default_factory=lambda: {"author": DEVELOPER})
    merge_requests: dict[int, MergeRequest] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    executed: list[Executed] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    version: tuple[int, int] = (19, 5)
    publish_breaks: bool = False
    expires_at: str | None = "2099-01-01"
    project_id: int = PROJECT
    _files: dict[tuple[str, ...], FileDiff | None] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        return f"{self.server_url}/api/v4"

    @property
    def graphql_url(self) -> str:
        return f"{self.server_url}/api/graphql"

    def logins(self) -> Collection[str]:
        return [
            f"{'gitlab-ci-token' if token.access == 'job' else 'oauth2'}:{secret}"
            for secret, token in self.tokens.items()
        ]

    # --- what tests set up ----------------------------------------------------------------------

    def token(
        self, access: Literal["read", "write"] = "write", login: str = BOT, level: int = DEVELOPER
    ) -> str:
        """A new access token; one to read has the scope read_api."""
        return self._token("glpat-", Token(login, level, access))

    def job_token(self) -> str:
        """A new CI_JOB_TOKEN."""
        return self._token("glcbt-", Token("author", DEVELOPER, "job"))

    def _token(self, prefix: str, token: Token) -> str:
        secret = f"{prefix}{secrets.token_hex(10)}"
        self.tokens[secret] = token
        return secret

    def open_merge_request(
        self,
        target: str = "main",
        source: str = "feature",
        author: str = "author",
        *,
        draft: bool = False,
        labels: Collection[str] = (),
        title: str = "Change the shop",
        source_project: str | None = REPOSITORY,
    ) -> MergeRequest:
        """Push two branches, and open a merge request of them."""
        iid, now = len(self.merge_requests) + 1, next(self._moments)
        values = (title, author, target, source, source_project, draft, list(labels), now)
        self.merge_requests[iid] = MergeRequest(iid, *values)
        self.push(iid)
        return self.merge_requests[iid]

    def push(self, iid: int) -> str:
        """Have both branches of a merge request as they are in `work`; the new head.

        A branch of a fork comes in as `refs/merge-requests/<iid>/head` only. There is a new version
        if the head is another or the target branch is another branch, not if that only moved on.
        """
        with self.lock:
            request = self.merge_requests[iid]
            branches = [request.target] + [request.source] * (request.source_project == self.name)
            kept = f"refs/merge-requests/{iid}/head"
            self.fetch(
                *(f"+refs/heads/{branch}:refs/heads/{branch}" for branch in branches),
                f"+refs/heads/{request.source}:{kept}",
            )
            start = self.origin.git("rev-parse", f"refs/heads/{request.target}")
            head = self.origin.git("rev-parse", kept)
            before = request.versions[-1] if request.versions else None
            if before is None or (before.head, before.target) != (head, request.target):
                self._add_version(request, start, head)
            if before and before.target != request.target:
                words = f"changed target branch from `{before.target}` to `{request.target}`"
                self._add_system_note(request, words)
            if before and before.head != head:
                self._add_system_note(request, "added 1 commit")
            return head

    def _add_version(self, request: MergeRequest, start: str, head: str) -> None:
        base, now = self.merge_base(start, head), next(self._moments)
        version = Version(next(self._ids), base, start, head, request.target, now)
        request.versions.append(version)

    def _add_system_note(self, request: MergeRequest, words: str) -> None:
        request.notes.append(self.new_note(request.author, words, system=True))

    # --- what people do -------------------------------------------------------------------------

    def human_comment(self, iid: int, login: str, body: str) -> Note:
        """Somebody says something in the conversation."""
        return self.add_note(self.merge_requests[iid], login, body)

    def human_thread(self, iid: int, login: str, path: str, line: int, body: str) -> Thread:
        """Somebody says something at a line of the new file."""
        request = self.merge_requests[iid]
        position = self.ends(request) | {
            "position_type": "text",
            "old_path": path,
            "new_path": path,
            "new_line": line,
        }
        diff = self.file(position)
        old = {"old_line": diff.unchanged(line)} if diff else {}
        return self.add_thread(request, login, body, position | old)

    def human_draft(self, iid: int, login: str, body: str) -> Draft:
        """Somebody writes something, and does not publish it."""
        return self.add_draft(self.merge_requests[iid], login, body)

    def reply(self, thread: Thread, login: str, body: str) -> Note:
        """Somebody answers in a discussion."""
        with self.lock:
            request = next(each for each in self.merge_requests.values() if thread in each.threads)
            return self.add_reply(request, thread, login, body)

    def resolve(self, thread: Thread, login: str) -> None:
        thread.resolved_by, thread.resolved_at = login, next(self._moments)

    def unresolve(self, thread: Thread) -> None:
        thread.resolved_by = None

    def outdate(self, thread: Thread, login: str) -> None:
        """What a project does that resolves by itself what the push of somebody has changed."""
        self.resolve(thread, login)
        thread.notes.append(self.new_note(login, "changed this line in version 2", system=True))

    def thumbs_down(self, note: Note, login: str) -> None:
        note.emoji.append(("thumbsdown", login))

    def edit_comment(self, number: int, body: str) -> None:
        """Somebody edits the note with this id."""
        with self.lock:
            note = next(each for each in self._notes() if each.id == number)
            note.body, note.updated = body, next(self._moments)

    def delete_comment(self, number: int) -> None:
        """Somebody deletes the note with this id; a discussion goes with its last one."""
        with self.lock:
            for request in self.merge_requests.values():
                request.notes = [note for note in request.notes if note.id != number]
                for thread in request.threads:
                    thread.notes = [note for note in thread.notes if note.id != number]
                request.threads = [thread for thread in request.threads if thread.notes]

    # --- what the API does ----------------------------------------------------------------------

    def new_note(self, author: str, body: str, *, system: bool = False) -> Note:
        now = next(self._moments)
        return Note(next(self._ids), author, body, now, now, system)

    def add_note(self, request: MergeRequest, author: str, body: str, *, told: bool = True) -> Note:
        with self.lock:
            request.notes.append(self.new_note(author, body))
            self._tell("note", request, author, told=told)
            return request.notes[-1]

    def add_reply(
        self, request: MergeRequest, thread: Thread, author: str, body: str, *, told: bool = True
    ) -> Note:
        with self.lock:
            thread.notes.append(self.new_note(author, body))
            self._tell("note", request, author, told=told)
            return thread.notes[-1]

    def add_thread(
        self,
        request: MergeRequest,
        author: str,
        body: str,
        position: Position | None,
        *,
        told: bool = True,
    ) -> Thread:
        """Open a discussion at a checked place."""
        with self.lock:
            note = self.new_note(author, body)
            thread = Thread(sha1(f"thread {note.id}".encode()).hexdigest(), position, [note])
            request.threads.append(thread)
            self._tell("discussion", request, author, told=told)
            return thread

    def add_draft(self, request: MergeRequest, author: str, note: str, **values: Any) -> Draft:
        with self.lock:
            request.drafts.append(Draft(next(self._ids), author, note, **values))
            return request.drafts[-1]

    def publish(self, request: MergeRequest, author: str, summary: str) -> None:
        """Say all drafts of an account at once; what GitLab does not take is lost without a word.

        Raises:
            NotTakenError: if `publish_breaks`; what came before is said, and all drafts stay.
        """
        drafts = [draft for draft in request.drafts if draft.author == author]
        for draft in drafts:
            try:
                self._publish(request, draft)
            except NotTakenError:
                if self.publish_breaks:
                    raise
        request.drafts = [draft for draft in request.drafts if draft.author != author]
        if body := self.carried_out(request, author, summary):
            self.add_note(request, author, body, told=False)
        if drafts or summary:
            self._tell("review", request, author)

    def _publish(self, request: MergeRequest, draft: Draft) -> None:
        body = self.taken(request, draft.author, draft.note, draft.position)
        if draft.answers is None:
            self.add_thread(request, draft.author, body, draft.position, told=False)
            return
        thread = next((each for each in request.threads if each.id == draft.answers), None)
        if thread is None:
            raise NotTakenError(NO_LINE)
        self.add_reply(request, thread, draft.author, body, told=False)
        self.unresolve(thread)
        if draft.resolves:
            self.resolve(thread, draft.author)

    def taken(
        self, request: MergeRequest, author: str, text: str, position: Position | None = None
    ) -> str:
        """What stays of a text, once its quick actions are carried out.

        Raises:
            NotTakenError: for a place or a text that GitLab does not take.
        """
        if position is not None and not self.takes(request, position):
            raise NotTakenError(NO_LINE)
        if problem := text_problem(text):
            raise NotTakenError(problem)
        if body := self.carried_out(request, author, text):
            return body
        raise CommandsOnlyError(BLANK)

    def takes(self, request: MergeRequest, position: Position) -> bool:
        """Whether a place is one of the diff of a version; a wrong range is held against it."""
        ends = [(each.base, each.start, each.head) for each in request.versions]
        known = (position["base_sha"], position["start_sha"], position["head_sha"]) in ends
        paths = paths_of(position)
        if not known or not paths or self.refused_paths & set(paths):
            return False
        diff = self.file(position)
        if diff is None or not has_place(diff, position):
            return False
        if problem := range_problem(diff, position):
            self.violations.append(problem)
        return not problem

    def carried_out(self, request: MergeRequest, author: str, text: str) -> str:
        """A text without its quick actions, which are carried out wherever they stand."""
        text = text.replace("\r", "")
        for match in QUICK_ACTION.finditer(text):
            self.executed.append(Executed(author, match[0].strip(), text))
            name, value = match[1].lower(), (match[2] or "").strip()
            if name in ("merge", "ship"):
                request.state = "merged"
            elif name in ("close", "reopen"):
                request.state = "closed" if name == "close" else "opened"
            elif name == "title" and value:
                request.title = value
        return QUICK_ACTION.sub("", text).rstrip()

    def ends(self, request: MergeRequest) -> dict[str, Any]:
        """The three commits of the newest version, as positions and `diff_refs` have them."""
        newest = request.versions[-1]
        return {"base_sha": newest.base, "head_sha": newest.head, "start_sha": newest.start}

    def file(self, position: Position) -> FileDiff | None:
        """The file that a position is in, at its commits."""
        key = (position["base_sha"], position["head_sha"], *paths_of(position))
        if key not in self._files:
            base, head, *paths = key
            self._files[key] = file_diff(self.origin, base, head, paths)
        return self._files[key]

    def levels(self) -> Mapping[str, int]:
        """All members with their access levels: people, and whom the tokens belong to."""
        owners = {token.login: token.level for token in self.tokens.values()}
        return owners | self.people

    def _notes(self) -> Iterator[Note]:
        for request in self.merge_requests.values():
            yield from request.notes
            for thread in request.threads:
                yield from thread.notes

    def _tell(
        self,
        kind: Literal["review", "discussion", "note"],
        request: MergeRequest,
        author: str,
        *,
        told: bool = True,
    ) -> None:
        if told:
            self.notifications.append(Notification(kind, request.iid, author))
