"""The part of GitHub's GraphQL API that a review needs; its names and types are the official ones.

Queries are really executed. What the resolvers return are plain dictionaries whose values, where
they take arguments, are functions of them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any

from fake_forge import Answer, Call
from fake_github_rest import page_of
from fake_github_state import Comment, FakeGitHub, Pull, Thread, Token
from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

SDL = """
scalar BigInt
scalar DateTime
scalar GitObjectID
scalar URI

enum DiffSide { LEFT RIGHT }
enum PullRequestState { CLOSED MERGED OPEN }
enum ReactionContent { CONFUSED EYES HEART HOORAY LAUGH ROCKET THUMBS_DOWN THUMBS_UP }

interface Actor { login: String! url: URI! }
type Bot implements Actor { login: String! url: URI! }
type User implements Actor { login: String! url: URI! }
type Label { name: String! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Reaction { content: ReactionContent! user: User }
type ReactionConnection { nodes: [Reaction] pageInfo: PageInfo! totalCount: Int! }
type LabelConnection { nodes: [Label] pageInfo: PageInfo! totalCount: Int! }

type IssueComment {
  id: ID!
  databaseId: Int
  fullDatabaseId: BigInt
  author: Actor
  body: String!
  createdAt: DateTime!
  updatedAt: DateTime!
  url: URI!
  viewerDidAuthor: Boolean!
  reactions(content: ReactionContent, first: Int, after: String): ReactionConnection!
}
type IssueCommentConnection { nodes: [IssueComment] pageInfo: PageInfo! totalCount: Int! }

type PullRequestReviewComment {
  id: ID!
  databaseId: Int
  fullDatabaseId: BigInt
  author: Actor
  body: String!
  createdAt: DateTime!
  updatedAt: DateTime!
  url: URI!
  viewerDidAuthor: Boolean!
  outdated: Boolean!
  path: String!
  line: Int
  reactions(content: ReactionContent, first: Int, after: String): ReactionConnection!
}
type PullRequestReviewCommentConnection {
  nodes: [PullRequestReviewComment]
  pageInfo: PageInfo!
  totalCount: Int!
}

type PullRequestReviewThread {
  id: ID!
  isResolved: Boolean!
  isOutdated: Boolean!
  viewerCanResolve: Boolean!
  resolvedBy: User
  path: String!
  line: Int
  startLine: Int
  originalLine: Int
  originalStartLine: Int
  diffSide: DiffSide!
  startDiffSide: DiffSide
  comments(first: Int, after: String): PullRequestReviewCommentConnection!
}
type PullRequestReviewThreadConnection {
  nodes: [PullRequestReviewThread]
  pageInfo: PageInfo!
  totalCount: Int!
}

type PullRequest {
  id: ID!
  number: Int!
  url: URI!
  title: String!
  body: String!
  state: PullRequestState!
  isDraft: Boolean!
  isCrossRepository: Boolean!
  author: Actor
  labels(first: Int, after: String): LabelConnection
  baseRefName: String!
  baseRefOid: GitObjectID!
  headRefName: String!
  headRefOid: GitObjectID!
  headRepository: Repository
  reviewThreads(first: Int, after: String): PullRequestReviewThreadConnection!
  comments(first: Int, after: String): IssueCommentConnection!
}

type Repository { nameWithOwner: String! pullRequest(number: Int!): PullRequest }
type Query { viewer: User! repository(owner: String!, name: String!): Repository }

input ResolveReviewThreadInput { clientMutationId: String threadId: ID! }
type ResolveReviewThreadPayload { clientMutationId: String thread: PullRequestReviewThread }
type Mutation {
  resolveReviewThread(input: ResolveReviewThreadInput!): ResolveReviewThreadPayload
}
"""

SCHEMA = build_schema(SDL)
LARGEST_PAGE = 100
_CONTENTS = {"+1": "THUMBS_UP", "-1": "THUMBS_DOWN", "laugh": "LAUGH", "confused": "CONFUSED"}

Node = dict[str, Any]
Info = GraphQLResolveInfo[Any]


def graphql(hub: FakeGitHub, token: Token, call: Call) -> Answer:
    """Execute a query; errors are told with status 200."""
    root = _Root(hub, token)
    done = graphql_sync(
        SCHEMA,
        call.body.get("query", ""),
        {
            "viewer": root.user(token.login, suffix=True),
            "repository": root.repository,
            "resolveReviewThread": root.resolve,
        },
        variable_values=call.body.get("variables"),
    )
    content: dict[str, Any] = {} if done.data is None else {"data": done.data}
    if done.errors:
        content["errors"] = [_error(error) for error in done.errors]
    return Answer(200, content)


def _error(error: GraphQLError) -> dict[str, Any]:
    """An error as GitHub writes it: with its type beside the message."""
    plain: dict[str, Any] = dict(error.formatted)
    kind: dict[str, Any] = plain.pop("extensions", {})
    return kind | plain


def _refused(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"type": kind})


class _Root:
    """What can be asked, as this token sees it."""

    def __init__(self, hub: FakeGitHub, token: Token) -> None:
        self._hub = hub
        self._token = token

    def repository(self, _: Info, owner: str, name: str) -> Node:
        if f"{owner}/{name}" != self._hub.name:
            words = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise _refused("NOT_FOUND", words)
        return {"nameWithOwner": self._hub.name, "pullRequest": self._pull_by_number}

    def resolve(self, _: Info, input: dict[str, Any]) -> Node:  # noqa: A002
        if not self._can_resolve:
            raise _refused("FORBIDDEN", "Resource not accessible by integration")
        wanted = input["threadId"]
        for pull in self._hub.pulls.values():
            for thread in pull.threads:
                if thread.id == wanted:
                    self._hub.resolve(thread, self._token.login)
                    return {**input, "thread": self._thread(pull, thread)}
        words = f"Could not resolve to a node with the global id of '{wanted}'"
        raise _refused("NOT_FOUND", words)

    @property
    def _can_resolve(self) -> bool:
        # Of the workflows' own token it is told that it needs both.
        return self._token.scopes >= {"contents", "pull-requests"}

    def _pull_by_number(self, _: Info, number: int) -> Node:
        if number not in self._hub.pulls:
            words = f"Could not resolve to a PullRequest with the number of {number}."
            raise _refused("NOT_FOUND", words)
        return self._pull(self._hub.pulls[number])

    def _pull(self, pull: Pull) -> Node:
        hub = self._hub
        home = pull.head_repository
        return {
            "id": f"PR_{pull.number}",
            "number": pull.number,
            "url": f"{hub.server_url}/{hub.name}/pull/{pull.number}",
            "title": pull.title,
            "body": pull.description,
            "state": pull.state.upper(),
            "isDraft": pull.draft,
            "isCrossRepository": home != hub.name,
            "author": self.user(pull.author),
            "labels": _connection([{"name": name} for name in pull.labels]),
            "baseRefName": pull.base,
            "baseRefOid": pull.base_sha,
            "headRefName": pull.head,
            "headRefOid": pull.head_sha,
            "headRepository": {"nameWithOwner": home} if home else None,
            "reviewThreads": _connection([self._thread(pull, each) for each in pull.threads]),
            "comments": _connection([self._comment(pull, note) for note in pull.notes]),
        }

    def _thread(self, pull: Pull, thread: Thread) -> Node:
        place = {"path": thread.path, "line": thread.line, "outdated": thread.outdated}
        return place | {
            "id": thread.id,
            "isResolved": thread.resolved,
            "isOutdated": thread.outdated,
            "viewerCanResolve": self._can_resolve and not thread.resolved,
            "resolvedBy": self.user(thread.resolved_by) if thread.resolved_by else None,
            "startLine": thread.start_line,
            "originalLine": thread.original_line,
            "originalStartLine": thread.original_start_line,
            "diffSide": thread.side,
            "startDiffSide": thread.start_side,
            "comments": _connection(
                [self._comment(pull, comment) | place for comment in thread.comments]
            ),
        }

    def _comment(self, pull: Pull, comment: Comment) -> Node:
        return {
            "id": f"C_{comment.id:x}",
            "databaseId": comment.id,
            "fullDatabaseId": str(comment.id),
            "author": self.user(comment.author),
            "body": comment.body,
            "createdAt": f"{comment.created:%Y-%m-%dT%H:%M:%SZ}",
            "updatedAt": f"{comment.updated:%Y-%m-%dT%H:%M:%SZ}",
            "url": page_of(self._hub, pull, comment),
            "viewerDidAuthor": comment.author == self._token.login,
            "reactions": self._reactions(comment),
        }

    def _reactions(self, comment: Comment) -> Callable[..., Node]:
        def reactions(info: Info, content: str | None = None, **page: Any) -> Node:
            found = [
                {"content": _content(each.content), "user": self.user(each.login)}
                for each in self._hub.reactions
                if each.comment == comment.id and content in (None, _content(each.content))
            ]
            return _connection(found)(info, **page)

        return reactions

    def user(self, login: str, *, suffix: bool = False) -> Node:
        """An account; a bot bears its suffix only where it asks who it is."""
        name = login.removesuffix("[bot]")
        kind = "Bot" if name != login and not suffix else "User"
        url = f"{self._hub.server_url}/{name}"
        return {"__typename": kind, "login": login if suffix else name, "url": url}


def _content(reaction: str) -> str:
    return _CONTENTS.get(reaction, reaction.upper())


def _connection(items: Sequence[Node]) -> Callable[..., Node]:
    """A list that is read in pages."""

    def page(info: Info, first: int | None = None, after: str | None = None) -> Node:
        if first is None:
            words = "You must provide a `first` or `last` value to properly paginate the"
            raise _refused("MISSING_PAGINATION_BOUNDARIES", f"{words} `{info.field_name}`.")
        if first > LARGEST_PAGE:
            words = f"Requesting {first} records on the `{info.field_name}` connection exceeds the"
            raise _refused("EXCESSIVE_PAGINATION", f"{words} `first` limit of 100 records.")
        start = _place(after) if after else 0
        nodes = items[start : start + first]
        end = start + len(nodes)
        info_ = {"hasNextPage": end < len(items), "endCursor": _cursor(end) if nodes else None}
        return {"nodes": nodes, "pageInfo": info_, "totalCount": len(items)}

    return page


def _cursor(place: int) -> str:
    return b64encode(f"cursor:v2:{place}".encode()).decode()


def _place(cursor: str) -> int:
    match = re.fullmatch(r"cursor:v2:(\d+)", b64decode(cursor).decode())
    if match is None:
        raise _refused("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be valid.")
    return int(match[1])
