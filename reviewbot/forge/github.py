"""GitHub: pull requests with review comments."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from reviewbot.anchors import Comment
from reviewbot.diff import Diff
from reviewbot.errors import ForgeError
from reviewbot.forge import PullRequest, Remote, Sight, State, basic
from reviewbot.forge.api import (
    FORBIDDEN,
    NOT_FOUND,
    PATIENCE,
    UNPROCESSABLE,
    Answer,
    Api,
    Paused,
    check_host,
    nodes,
    unheard,
)
from reviewbot.forge.github_api import Carrier, graphql_status, words
from reviewbot.history import Discussion, Note, Thread
from reviewbot.text import plural, visible

# One question for all of a pull request; its price is about 3 points of the hourly 1,000 or 5,000.
# The plain databaseId is deprecated: the ids of comments have outgrown GraphQL's Int.
LOOK = """
query Look($owner: String!, $name: String!, $number: Int!, $threads: String, $notes: String) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      number url title body state isDraft isCrossRepository
      author { login }
      labels(first: 100) { nodes { name } }
      baseRefName baseRefOid headRefOid
      reviewThreads(first: 100, after: $threads) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved viewerCanResolve
          resolvedBy { login }
          opening: comments(first: 1) {
            nodes { reactions(content: THUMBS_DOWN, first: 100) { nodes { user { login } } } }
          }
          answers: comments(first: 100) {
            nodes {
              databaseId: fullDatabaseId
              body url createdAt viewerDidAuthor author { login }
            }
          }
        }
      }
      comments(first: 100, after: $notes) {
        pageInfo { hasNextPage endCursor }
        nodes {
          databaseId: fullDatabaseId
          body url createdAt viewerDidAuthor author { login }
        }
      }
    }
  }
}
"""


# What GitHub shows of a pull request's diff: https://docs.github.com/repositories/creating-and-managing-repositories/repository-limits
MOST_FILES = 300
MOST_LINES = 20_000  # of one file, and of all
FILE_BYTES, DIFF_BYTES = 500_000, 1_000_000

STATUS_CONTEXT = "reviewbot"
STATUS_LIMIT = 140  # characters
GHOST = "ghost"  # GitHub's own name for accounts that are gone


class GitHub:
    """A pull request at GitHub; see `Forge` and `Respondent` in `reviewbot.forge`.

    Args:
        api_url: the REST API, as `https://api.github.com`, or `https://host/api/v3`.
        graphql_url: the GraphQL API of the same host.
        server_url: where the repositories lie, as `https://github.com`.
        token: who asks.
        repository: `owner/name`.
        number: of the pull request.
        paused: told of each wait, in seconds, and why.
        patience: seconds to wait for rate limits in all.
        sleep: waits.
    """

    body_limit = 65_536

    def __init__(  # noqa: PLR0917 - they are what a job's environment holds, in this order
        self,
        api_url: str,
        graphql_url: str,
        server_url: str,
        token: str,
        repository: str,
        number: int,
        *,
        paused: Paused = unheard,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_host(api_url, graphql_url)
        self._api = Api(Carrier(api_url, token), paused, patience, sleep)
        self._graphql = graphql_url
        self._repository = repository
        self._number = number
        self._root = f"/repos/{repository}"
        url = f"{server_url.rstrip('/')}/{repository}.git"
        self._remote = Remote(url, basic("x-access-token", token))
        self._shown: tuple[Diff, frozenset[str]] | None = None

    # --- looking --------------------------------------------------------------------------------

    def look(self) -> Sight:
        """The pull request with all its comments, as they are now."""
        pages: list[dict[str, Any]] = []
        cursors: dict[str, str | None] = {"threads": None, "notes": None}
        more = True
        with self._api.understood():
            while more:
                pages.append(self._page(cursors))
                ends = _ends(pages[-1])
                cursors = {name: end["endCursor"] or cursors[name] for name, end in ends.items()}
                more = any(end["hasNextPage"] for end in ends.values())
            return sight(self._repository, pages)

    def _page(self, cursors: Mapping[str, str | None]) -> dict[str, Any]:
        owner, _, name = self._repository.partition("/")
        variables = {"owner": owner, "name": name, "number": self._number, **cursors}
        body = {"query": LOOK, "variables": variables}
        answer = self._api.ask("POST", self._graphql, body, reading=True)
        for error in answer.content.get("errors") or ():
            if graphql_status(error) == NOT_FOUND:
                raise ForgeError(
                    f"there is no pull request {self._number} in {self._repository}",
                    "If there is, the token may not see it: it needs pull-requests: read.",
                )
            raise self._refusal(error)
        data: dict[str, Any] = answer.content["data"]
        return data

    def _refusal(self, error: Mapping[str, Any], *, writing: bool = False) -> ForgeError:
        answer = Answer(graphql_status(error), self._api.cleaned(words(error)))
        return self._api.refusal(answer, writing=writing)

    def merge_base(self, pull: PullRequest) -> str:
        """The commit where the head left the target branch."""
        # The files of a comparison are on its first page only, so the second one is short.
        page = "per_page=1&page=2"
        path = f"{self._root}/compare/{pull.tip}...{pull.head}?{page}"
        with self._api.understood():
            answer = self._api.ask("GET", path, fine=(NOT_FOUND,))
            if answer.status == NOT_FOUND:
                raise ForgeError(
                    f"the branch has no history in common with {pull.target}, so there is no "
                    "change to review"
                )
            return str(answer.content["merge_base_commit"]["sha"])

    def remote(self) -> Remote:
        """Where its commits can be fetched from."""
        return self._remote

    def may_write(self, login: str) -> bool:
        """Whether somebody may write to the repository."""
        path = f"{self._root}/collaborators/{quote(login, safe='')}/permission"
        answer = self._api.recall(path, fine=(NOT_FOUND, FORBIDDEN))
        with self._api.understood():
            return answer.content.get("permission") in ("admin", "write")

    def placeable(self, diff: Diff, comment: Comment) -> bool:
        """Whether a comment can stand at its lines."""
        if self._shown is None or self._shown[0] is not diff:
            self._shown = diff, shown(diff)
        return comment.anchored and comment.path in self._shown[1]

    def suggestion_as(self, comment: Comment) -> str:  # noqa: ARG002 - any lines will do
        """The word at which GitHub offers a code block for committing."""
        return "suggestion"

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

        GitHub takes all of a review or nothing, and does not say which comment it minds: the halves
        are tried each on its own. A review's own text cannot be the summary, as it stays where the
        review stands.

        Returns:
            Those that GitHub does not take at their lines.
        """
        if not comments:
            return ()
        path = f"{self._root}/pulls/{self._number}/reviews"
        answer = self._api.ask("POST", path, review(head, comments), fine=(UNPROCESSABLE,))
        if answer.status != UNPROCESSABLE:
            return ()
        if len(comments) == 1:
            return (comments[0][0],)
        middle = len(comments) // 2
        halves = comments[:middle], comments[middle:]
        return tuple(
            refused
            for half in halves
            for refused in self.post(head, diff, half, opening, complete=complete)
        )

    def write_summary(self, note: str | None, body: str) -> str:
        """Put a text into the note with this id, or into a new one; the id of the note."""
        if note is not None:
            path = f"{self._root}/issues/comments/{note}"
            answer = self._api.ask("PATCH", path, {"body": body}, fine=(NOT_FOUND,))
            if answer.status != NOT_FOUND:
                return note
        return self._say(body)

    def answer(self, body: str) -> None:
        """Say something that is no review, in a note of its own."""
        self._say(body)

    def _say(self, body: str) -> str:
        path = f"{self._root}/issues/{self._number}/comments"
        with self._api.understood():
            return str(self._api.ask("POST", path, {"body": body}).content["id"])

    def resolve(self, threads: Sequence[Thread]) -> None:
        """Mark discussions as resolved: all that can be, before a failure is told of."""
        if not threads:
            return
        body = resolution([thread.discussion.id for thread in threads])
        answer = self._api.ask("POST", self._graphql, body)
        with self._api.understood():
            for error in answer.content.get("errors") or ():
                if graphql_status(error) != NOT_FOUND:  # that one is deleted meanwhile
                    raise self._refusal(error, writing=True)

    def delete(self, notes: Sequence[str], comments: Sequence[str]) -> None:
        """Take back notes and line comments of the bot's own, by their ids."""
        for kind, ids in (("issues", notes), ("pulls", comments)):
            for each in ids:
                path = f"{self._root}/{kind}/comments/{each}"
                self._api.ask("DELETE", path, fine=(NOT_FOUND,))

    def acknowledge(self, note: str) -> None:
        """Show somebody that their command was heard."""
        path = f"{self._root}/issues/comments/{note}/reactions"
        self._api.ask("POST", path, {"content": "+1"}, fine=(NOT_FOUND,))  # deleted meanwhile

    def set_status(self, commit: str, state: State, description: str, url: str) -> None:
        """Say at a commit how its review went."""
        self._api.ask("POST", f"{self._root}/statuses/{commit}", status(state, description, url))


def find_pull(
    api_url: str,
    token: str,
    repository: str,
    *,
    head_repository: str,
    head_branch: str,
    head: str,
    paused: Paused = unheard,
) -> int | None:
    """The number of the open pull request with this head, from a fork too; None without one.

    Args:
        api_url: the REST API.
        token: who asks.
        repository: `owner/name` of the repository that the pull request goes to.
        head_repository: `owner/name` of the one that it comes from.
        head_branch: its branch there.
        head: its newest commit.
        paused: told of each wait, in seconds, and why.
    """
    owner = head_repository.partition("/")[0]
    query = urlencode({"state": "open", "head": f"{owner}:{head_branch}", "per_page": 100})
    api = Api(Carrier(api_url, token), paused)
    with api.understood():
        for pull in api.ask("GET", f"/repos/{repository}/pulls?{query}").content:
            place = pull["head"]
            if place["sha"] == head and (place["repo"] or {}).get("full_name") == head_repository:
                return int(pull["number"])
    return None


# --- what is sent -------------------------------------------------------------------------------


def review(head: str, comments: Sequence[tuple[Comment, str]]) -> dict[str, Any]:
    """One review with all the comments; GitHub wants a text with it."""
    said = f"{plural(len(comments), 'finding')}."
    return {
        "commit_id": head,
        "event": "COMMENT",
        "body": f"{said} The summary is kept in one comment of this pull request.",
        "comments": [line_comment(comment, body) for comment, body in comments],
    }


def line_comment(comment: Comment, body: str) -> dict[str, Any]:
    """A comment at one line, or at some lines of one hunk."""
    side = "RIGHT" if comment.side == "new" else "LEFT"
    entry = {"path": comment.path, "body": body, "line": comment.end_line, "side": side}
    if comment.line != comment.end_line:
        entry |= {"start_line": comment.line, "start_side": side}
    return entry


def resolution(ids: Sequence[str]) -> dict[str, Any]:
    """One GraphQL request that resolves each of these discussions on its own."""
    names = [f"t{index}" for index in range(len(ids))]
    declared = ", ".join(f"${name}: ID!" for name in names)
    fields = "\n".join(
        f"  {name}: resolveReviewThread(input: {{threadId: ${name}}}) {{ thread {{ id }} }}"
        for name in names
    )
    query = f"mutation Resolve({declared}) {{\n{fields}\n}}"
    return {"query": query, "variables": dict(zip(names, ids, strict=True))}


def status(state: State, description: str, url: str) -> dict[str, Any]:
    """A commit status; GitHub takes a short description only."""
    if len(description) > STATUS_LIMIT:
        description = description[: STATUS_LIMIT - 1] + "…"
    body = {"state": state, "context": STATUS_CONTEXT, "description": description}
    return body | ({"target_url": url} if url else {})


# --- what is seen -------------------------------------------------------------------------------


def sight(repository: str, pages: Sequence[Mapping[str, Any]]) -> Sight:
    """What the answers to LOOK show."""
    viewer = pages[0]["viewer"]
    pulls = [page["repository"]["pullRequest"] for page in pages]
    discussions = [
        _discussion(thread, viewer) for pull in pulls for thread in nodes(pull["reviewThreads"])
    ]
    notes = [_note(note) for pull in pulls for note in nodes(pull["comments"])]
    return Sight(
        _pull(repository, pulls[-1]),
        tuple(discussion for discussion in discussions if discussion.notes),
        tuple(notes),
    )


def _ends(page: Mapping[str, Any]) -> dict[str, Any]:
    """Where the page ends, for each of LOOK's cursors."""
    pull = page["repository"]["pullRequest"]
    return {"threads": pull["reviewThreads"]["pageInfo"], "notes": pull["comments"]["pageInfo"]}


def _pull(repository: str, pull: Mapping[str, Any]) -> PullRequest:
    return PullRequest(
        repository=repository,
        number=pull["number"],
        url=pull["url"],
        title=pull["title"],
        description=pull["body"],
        author=_login(pull["author"]),
        open=pull["state"] == "OPEN",
        draft=pull["isDraft"],
        labels=tuple(label["name"] for label in nodes(pull["labels"])),
        target=pull["baseRefName"],
        tip=pull["baseRefOid"],
        head=pull["headRefOid"],
        foreign=pull["isCrossRepository"],
    )


def _discussion(thread: Mapping[str, Any], viewer: Mapping[str, Any]) -> Discussion:
    resolver = thread["resolvedBy"]
    others = resolver is not None and _login(resolver) != _login(viewer)
    rejections = [
        reaction["user"]
        for opening in nodes(thread["opening"])
        for reaction in nodes(opening["reactions"])
    ]
    rejected_by = tuple(_login(user) for user in rejections if user)
    return Discussion(
        id=thread["id"],
        resolved=thread["isResolved"],
        resolved_by=_login(resolver) if others else None,
        resolvable=thread["viewerCanResolve"],
        notes=tuple(
            _note(note, () if place else rejected_by)
            for place, note in enumerate(nodes(thread["answers"]))
        ),
    )


def _note(note: Mapping[str, Any], rejected_by: tuple[str, ...] = ()) -> Note:
    return Note(
        id=str(note["databaseId"]),
        author=_login(note["author"]),
        own=note["viewerDidAuthor"],
        body=note["body"],
        url=note["url"],
        at=note["createdAt"],
        rejected_by=rejected_by,
    )


def _login(actor: Mapping[str, Any] | None) -> str:
    """A name; of a bot without the ending that GraphQL gives to the viewer only."""
    return str(actor["login"]).removesuffix("[bot]") if actor else GHOST


def shown(diff: Diff) -> frozenset[str]:
    """The files whose lines GitHub shows, and which a comment names as git does."""
    paths = set()
    lines = size = 0
    for file in diff.files[:MOST_FILES]:
        length = file.patch.count(b"\n")
        if length > MOST_LINES or len(file.patch) > FILE_BYTES:
            continue
        lines += length
        size += len(file.patch)
        if lines > MOST_LINES or size > DIFF_BYTES:
            break
        if file.patch and visible(file.path) == file.path:
            paths.add(file.path)
    return frozenset(paths)
