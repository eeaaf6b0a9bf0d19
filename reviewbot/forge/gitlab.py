"""GitLab: merge requests with discussions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from reviewbot.anchors import Comment
from reviewbot.diff import ADDED, CONTEXT, REMOVED, Diff, FileDiff, Hunk
from reviewbot.errors import ForgeError
from reviewbot.forge import PullRequest, Remote, Sight
from reviewbot.forge.api import (
    BAD_REQUEST,
    NOT_FOUND,
    PATIENCE,
    Answer,
    Api,
    Paused,
    check_host,
    nodes,
    unheard,
)
from reviewbot.forge.gitlab_api import NEEDS, Carrier, words
from reviewbot.history import FINDING, Discussion, Note, Thread
from reviewbot.marker import begins
from reviewbot.text import visible

# One question for all of a merge request; REST would need a call for the thumbs of each comment.
# Of a very long discussion, its opening and what was said last.
LOOK = """
query Look($path: ID!, $iid: String!, $after: String) {
  currentUser { username }
  project(fullPath: $path) {
    mergeRequest(iid: $iid) {
      webUrl title description state draft targetBranch sourceProjectId targetProjectId
      author { id username }
      labels(first: 100) { nodes { title } }
      diffRefs { baseSha startSha headSha }
      discussions(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id resolved resolvedAt resolvedBy { id username }
          opening: notes(first: 1) { nodes { ...Said } }
          answers: notes(last: 100) { nodes { ...Said } }
        }
      }
    }
  }
}

fragment Said on Note {
  id system body url createdAt
  author { id username }
  position { filePath }
  userPermissions { resolveNote }
  awardEmoji(first: 100) { nodes { name user { id username } } }
}
"""

DEVELOPER = 30  # the least access level that may push
FILE_BYTES = 200 * 1024  # GitLab knows no lines of a file with more of a diff
SUGGESTED_LINES = 100  # above the commented one, at most, that a suggestion can replace
ONE_BREATH = timedelta(seconds=5)
GHOST = "ghost"  # GitLab's own name for accounts that are gone


class GitLab:
    """A merge request at GitLab; see `reviewbot.forge.Forge` for what it can do.

    Args:
        api_url: the REST API, as `https://gitlab.com/api/v4`.
        graphql_url: the GraphQL API of the same host.
        token: who asks.
        repository: the full path of the project.
        number: of the merge request.
        remote: where the commits can be fetched from, and whom to trust.
        paused: told of each wait, in seconds, and why.
        patience: seconds to wait for rate limits in all.
        sleep: waits.
    """

    body_limit = 1_000_000

    def __init__(
        self,
        api_url: str,
        graphql_url: str,
        token: str,
        repository: str,
        number: int,
        *,
        remote: Remote,
        paused: Paused = unheard,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_host(api_url, graphql_url)
        carrier = Carrier(api_url, token, remote.authorities)
        self._api = Api(carrier, paused, patience, sleep)
        self._graphql = graphql_url
        self._remote = remote
        self._repository = repository
        self._number = number
        self._project = f"/projects/{quote(repository, safe='')}"
        self._root = f"{self._project}/merge_requests/{number}"
        self._refs: dict[str, Refs] = {}
        self._people: dict[str, str] = {}  # ids by names
        self._published = False

    # --- looking --------------------------------------------------------------------------------

    def look(self) -> Sight:
        """The merge request with all its comments, as they are now."""
        pages: list[Mapping[str, Any]] = []
        after, more = None, True
        with self._api.understood():
            while more:
                pages.append(self._page(after))
                end = _request(pages[-1])["discussions"]["pageInfo"]
                after, more = end["endCursor"], end["hasNextPage"]
            seen = sight(self._repository, self._number, pages)
            refs = _request(pages[-1])["diffRefs"]
            self._refs[seen.pull.head] = Refs(refs["baseSha"], refs["startSha"], refs["headSha"])
            self._people |= people(pages)
            return seen

    def _page(self, after: str | None) -> Mapping[str, Any]:
        variables = {"path": self._repository, "iid": str(self._number), "after": after}
        body = {"query": LOOK, "variables": variables}
        content = self._api.ask("POST", self._graphql, body, reading=True).content
        if content.get("errors"):
            raise self._api.refusal(Answer(BAD_REQUEST, self._api.cleaned(words(content))))
        data: Mapping[str, Any] = content["data"]
        if not data["currentUser"]:
            raise ForgeError("GitLab does not know whose token this is", NEEDS)
        if not (data["project"] or {}).get("mergeRequest"):
            raise ForgeError(
                f"there is no merge request {self._number} in {self._repository}",
                f"If there is, the token may not see it. {NEEDS}",
            )
        if not _request(data)["diffRefs"]:
            raise ForgeError("GitLab has no diff of the merge request yet", "Run the job again.")
        return data

    def merge_base(self, pull: PullRequest) -> str:
        """The commit where the head left the target branch, as GitLab's own diff has it."""
        return self._refs[pull.head].base

    def remote(self) -> Remote:
        """Where its commits can be fetched from."""
        return self._remote

    def may_write(self, login: str) -> bool:
        """Whether somebody may write to the repository: developers, and those above them."""
        if login not in self._people:
            return False
        path = f"{self._project}/members/all/{self._people[login]}"
        answer = self._api.recall(path, fine=(NOT_FOUND,))
        with self._api.understood():
            return answer.status != NOT_FOUND and answer.content["access_level"] >= DEVELOPER

    def placeable(self, diff: Diff, comment: Comment) -> bool:
        """Whether a comment can stand at its lines."""
        file = _file(diff, comment)
        return comment.anchored and file is not None and len(file.patch) <= FILE_BYTES

    def suggestion_as(self, comment: Comment) -> str:
        """The word at which GitLab offers a code block for committing: it counts the lines."""
        above = (comment.end_line or 0) - (comment.line or 0)
        return f"suggestion:-{above}+0" if above <= SUGGESTED_LINES else ""

    # --- writing --------------------------------------------------------------------------------

    def post(
        self,
        head: str,
        diff: Diff,
        comments: Sequence[tuple[Comment, str]],
        opening: str,
        *,
        complete: bool,
    ) -> Sequence[Comment]:
        """Put comments, each with its text, at their lines of the commit `head`.

        They are drafted, and published as one review. GitLab looks at their places only then, and
        drops without a word what it does not take: that is tried on its own, and anything that an
        earlier try here has left. Drafts that an earlier run has left behind are removed first.

        Returns:
            Those that GitLab does not take at their lines.
        """
        others = self._clear_drafts()
        places = [Place(self._refs[head], diff, comment) for comment, _ in comments]
        notes = [(place, text) for place, (_, text) in zip(places, comments, strict=True)]
        if notes and others is False and not self._published:
            self._publish(notes, opening, complete=complete)
            notes = self._missing(notes, head)
        return [place.comment for place, text in notes if not self._discuss(place, text)]

    def _clear_drafts(self) -> bool | None:
        """Remove the bot's own drafts; whether the token's owner has others.

        None where this GitLab has no drafts. All that the owner has would be published.
        """
        path = f"{self._root}/draft_notes"
        answer = self._api.ask("GET", f"{path}?per_page=100", fine=(NOT_FOUND,))
        if answer.status == NOT_FOUND:
            return None
        with self._api.understood():
            stale = [draft["id"] for draft in answer.content if begins(FINDING, draft["note"])]
        for each in stale:
            self._api.ask("DELETE", f"{path}/{each}", fine=(NOT_FOUND,))
        return len(stale) < len(answer.content)

    def _publish(self, notes: Sequence[tuple[Place, str]], opening: str, *, complete: bool) -> None:
        path = f"{self._root}/draft_notes"
        for place, text in notes:
            draft = {"note": text, "position": place.position()}
            self._api.ask("POST", path, draft, fine=(BAD_REQUEST,))
        self._published = True
        # Older versions of GitLab take neither, and do not mind.
        review = {"note": opening} if opening else {}
        review |= {"reviewer_state": "reviewed"} if complete else {}
        self._api.ask("POST", f"{path}/bulk_publish", review)

    def _missing(self, notes: Sequence[tuple[Place, str]], head: str) -> list[tuple[Place, str]]:
        """Those that are not there, while the head is what it was.

        A note is known by its first line, the marker.
        """
        seen = self.look()
        openings = [discussion.notes[0] for discussion in seen.discussions]
        there = {_marker(note.body) for note in openings if note.own}
        if seen.pull.head != head:
            return []
        return [(place, text) for place, text in notes if _marker(text) not in there]

    def _discuss(self, place: Place, text: str) -> bool:
        """Begin one discussion, at the last of its lines if it must be; whether that went well."""
        path = f"{self._root}/discussions"
        for position in place.positions():
            body = {"body": text, "position": position}
            if self._api.ask("POST", path, body, fine=(BAD_REQUEST,)).status != BAD_REQUEST:
                return True
        return False

    def write_summary(self, note: str | None, body: str) -> str:
        """Put a text into the note with this id, or into a new one; the id of the note."""
        path = f"{self._root}/notes"
        if note is not None:
            answer = self._api.ask("PUT", f"{path}/{note}", {"body": body}, fine=(NOT_FOUND,))
            if answer.status != NOT_FOUND:
                return note
        with self._api.understood():
            return str(self._api.ask("POST", path, {"body": body}).content["id"])

    def resolve(self, threads: Sequence[Thread]) -> None:
        """Mark discussions as resolved."""
        for thread in threads:
            path = f"{self._root}/discussions/{thread.discussion.id}?resolved=true"
            self._api.ask("PUT", path, fine=(NOT_FOUND,))  # deleted meanwhile

    def delete(self, notes: Sequence[str], comments: Sequence[str]) -> None:
        """Take back notes and line comments of the bot's own, by their ids."""
        for each in (*notes, *comments):
            self._api.ask("DELETE", f"{self._root}/notes/{each}", fine=(NOT_FOUND,))


def _marker(text: str) -> str:
    return text.partition("\n")[0]


def _file(diff: Diff, comment: Comment) -> FileDiff | None:
    """The file of a comment, if GitLab knows it by the same name."""
    found = (file for file in diff.files if file.path == comment.path == visible(file.path))
    return next(found, None)


# --- places -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refs:
    """The commits between which GitLab's own diff is: `start` is the target branch's."""

    base: str
    start: str
    head: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file's diff, or an unchanged one between hunks.

    `old` and `new` are its numbers; on the side where it does not exist, that of the next line.
    """

    kind: str
    old: int
    new: int

    def numbers(self) -> dict[str, int]:
        """The numbers that it has."""
        old = {} if self.kind == ADDED else {"old_line": self.old}
        new = {} if self.kind == REMOVED else {"new_line": self.new}
        return old | new


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comment stands, in the words of GitLab."""

    refs: Refs
    diff: Diff
    comment: Comment

    def positions(self) -> Iterator[dict[str, Any]]:
        """The position; of several lines, that of the last one as well."""
        yield self.position()
        if self.comment.line != self.comment.end_line:
            yield self.position(whole=False)

    def position(self, *, whole: bool = True) -> dict[str, Any]:
        """At the last line, with a range from the first one on where there are several."""
        comment, file = self.comment, _file(self.diff, self.comment)
        assert file is not None
        assert comment.line is not None
        assert comment.end_line is not None
        end = row(file, comment.side, comment.end_line)
        made = {
            "position_type": "text",
            "base_sha": self.refs.base,
            "start_sha": self.refs.start,
            "head_sha": self.refs.head,
            "old_path": file.old_path or file.path,
            "new_path": file.path,
            **end.numbers(),
        }
        if whole and comment.line != comment.end_line:
            start = row(file, comment.side, comment.line)
            ends = {"start": _end(file, start), "end": _end(file, end)}
            made["line_range"] = ends
        return made


def _end(file: FileDiff, row: Row) -> dict[str, Any]:
    """One end of a range; GitLab's page shows a sign before the number of a line with a type."""
    name = hashlib.sha1(file.path.encode(), usedforsecurity=False).hexdigest()
    kind = {ADDED: "new", REMOVED: "old"}.get(row.kind)
    return {"line_code": f"{name}_{row.old}_{row.new}", "type": kind, **row.numbers()}


def row(file: FileDiff, side: str, number: int) -> Row:
    """The line with this number on its side, wherever it is in the file.

    Args:
        file: the file's diff.
        side: "new" or "old".
        number: of the line.
    """
    shift = 0  # from old numbers to new ones, below what was read
    for hunk in file.hunks():
        for each in _rows(hunk):
            here = each.numbers().get(f"{side}_line", 0)
            if here == number:
                return each
            if here > number:
                return _between(side, number, shift)
        shift += sum({ADDED: 1, REMOVED: -1}.get(line.kind, 0) for line in hunk.lines)
    return _between(side, number, shift)


def _between(side: str, number: int, shift: int) -> Row:
    """An unchanged line that no hunk shows."""
    if side == "old":
        return Row(CONTEXT, number, number + shift)
    return Row(CONTEXT, number - shift, number)


def _rows(hunk: Hunk) -> Iterator[Row]:
    """The lines of a hunk, numbered on both sides: 0 where a side has none at all."""
    old = next((line.old for line in hunk.lines if line.old), 0)
    new = next((line.new for line in hunk.lines if line.new), 0)
    for line in hunk.lines:
        yield Row(line.kind, old, new)
        old += line.kind != ADDED
        new += line.kind != REMOVED


# --- what is seen -------------------------------------------------------------------------------


def sight(repository: str, number: int, pages: Sequence[Mapping[str, Any]]) -> Sight:
    """What the answers to LOOK show."""
    viewer = _login(pages[0]["currentUser"])
    requests = [_request(page) for page in pages]
    found = [each for request in requests for each in nodes(request["discussions"])]
    at_lines = [each for each in found if _is_at_line(each)]
    others = [note for each in found if not _is_at_line(each) for note in _notes(each, viewer)]
    discussions = (_discussion(each, viewer) for each in at_lines)
    return Sight(
        _pull(repository, number, requests[-1]),
        tuple(each for each in discussions if each.notes),  # some have only GitLab's own words
        tuple(sorted(others, key=lambda note: (note.at, len(note.id), note.id))),
    )


def _request(page: Mapping[str, Any]) -> Mapping[str, Any]:
    request: Mapping[str, Any] = page["project"]["mergeRequest"]
    return request


def _pull(repository: str, number: int, request: Mapping[str, Any]) -> PullRequest:
    return PullRequest(
        repository=repository,
        number=number,
        url=request["webUrl"],
        title=request["title"],
        description=request["description"] or "",
        author=_login(request["author"]),
        open=request["state"] == "opened",
        draft=request["draft"],
        labels=tuple(label["title"] for label in nodes(request["labels"])),
        target=request["targetBranch"],
        tip=request["diffRefs"]["startSha"],
        head=request["diffRefs"]["headSha"],
        foreign=request["sourceProjectId"] != request["targetProjectId"],
    )


def people(pages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The ids of all who have said or done something, by their names."""
    found: list[Any] = []
    for request in map(_request, pages):
        found.append(request["author"])
        for discussion in nodes(request["discussions"]):
            found.append(discussion["resolvedBy"])
            for note in _all(discussion):
                found += [note["author"], *(each["user"] for each in nodes(note["awardEmoji"]))]
    return {_login(user): _id(user) for user in found if user}


def _all(discussion: Mapping[str, Any]) -> list[Any]:
    """The notes of a discussion, the opening first."""
    opening, answers = nodes(discussion["opening"]), nodes(discussion["answers"])
    return opening + [note for note in answers if note not in opening]


def _is_at_line(discussion: Mapping[str, Any]) -> bool:
    return any(note["position"] for note in nodes(discussion["opening"]))


def _discussion(discussion: Mapping[str, Any], viewer: str) -> Discussion:
    opening = nodes(discussion["opening"])[0]
    return Discussion(
        id=_id(discussion),
        resolved=discussion["resolved"],
        resolved_by=_solver(discussion, viewer),
        resolvable=opening["userPermissions"]["resolveNote"],
        notes=tuple(_notes(discussion, viewer)),
    )


def _solver(discussion: Mapping[str, Any], viewer: str) -> str | None:
    """Who has resolved a discussion, if somebody else has, and by hand.

    A project may resolve what a push has changed by itself: GitLab names who has pushed, and tells
    of the changed lines in the same breath. That is no word on the finding.
    """
    solver = discussion["resolvedBy"]
    if not solver or _login(solver) == viewer:
        return None
    resolved = datetime.fromisoformat(discussion["resolvedAt"])
    told = [each for each in _all(discussion) if each["system"] and each["author"] == solver]
    after = (datetime.fromisoformat(each["createdAt"]) - resolved for each in told)
    return None if any(timedelta() <= each <= ONE_BREATH for each in after) else _login(solver)


def _notes(discussion: Mapping[str, Any], viewer: str) -> Iterator[Note]:
    """What people and bots say; what GitLab itself tells is left out."""
    for note in _all(discussion):
        if not note["system"]:
            yield Note(
                id=_id(note),
                author=_login(note["author"]),
                own=_login(note["author"]) == viewer,
                body=note["body"],
                url=note["url"],
                at=note["createdAt"],
                rejected_by=tuple(
                    _login(emoji["user"])
                    for emoji in nodes(note["awardEmoji"])
                    if emoji["name"] == "thumbsdown"
                ),
            )


def _id(thing: Mapping[str, Any]) -> str:
    """What the REST API knows it by: the end of its global id."""
    return str(thing["id"]).rpartition("/")[2]


def _login(user: Mapping[str, Any] | None) -> str:
    return str(user["username"]) if user else GHOST
