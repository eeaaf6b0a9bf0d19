"""The part of GitLab's GraphQL API that a review needs; its names and types are the official ones.

Queries are really executed. What the resolvers return are plain dictionaries whose values, where
they take arguments, are functions of them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any

from fake_forge import Answer, Call
from fake_gitlab_rest import kind_of, may_resolve, page_of, project_id
from fake_gitlab_state import FakeGitLab, MergeRequest, Note, Thread, Token, user_id
from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

SDL = """
scalar DiscussionID
scalar NoteID
scalar UserID
scalar Time

enum MergeRequestState { all closed locked merged opened }

interface User { id: UserID! username: String! }
type CurrentUser implements User { id: UserID! username: String! }
type MergeRequestAuthor implements User { id: UserID! username: String! }
type UserCore implements User { id: UserID! username: String! }

type PageInfo { hasNextPage: Boolean! endCursor: String }
type Label { title: String! }
type LabelConnection { nodes: [Label] pageInfo: PageInfo! }
type AwardEmoji { name: String! user: UserCore! }
type AwardEmojiConnection { nodes: [AwardEmoji] pageInfo: PageInfo! }
type DiffRefs { baseSha: String headSha: String! startSha: String! }
type DiffPosition { filePath: String! }
type NotePermissions { resolveNote: Boolean! }

interface ResolvableInterface {
  resolvable: Boolean!
  resolved: Boolean!
  resolvedAt: Time
  resolvedBy: UserCore
}

type Note implements ResolvableInterface {
  id: NoteID!
  author: UserCore
  awardEmoji(after: String, first: Int): AwardEmojiConnection
  body: String!
  createdAt: Time!
  position: DiffPosition
  resolvable: Boolean!
  resolved: Boolean!
  resolvedAt: Time
  resolvedBy: UserCore
  system: Boolean!
  updatedAt: Time!
  url: String
  userPermissions: NotePermissions!
}
type NoteConnection { nodes: [Note] pageInfo: PageInfo! }

type Discussion implements ResolvableInterface {
  id: DiscussionID!
  createdAt: Time!
  notes(after: String, first: Int, last: Int): NoteConnection!
  replyId: DiscussionID!
  resolvable: Boolean!
  resolved: Boolean!
  resolvedAt: Time
  resolvedBy: UserCore
}
type DiscussionConnection { nodes: [Discussion] pageInfo: PageInfo! }

type MergeRequest {
  id: ID!
  iid: String!
  author: MergeRequestAuthor
  diffHeadSha: String
  diffRefs: DiffRefs
  discussions(after: String, first: Int): DiscussionConnection!
  draft: Boolean!
  labels(after: String, first: Int): LabelConnection
  sourceBranch: String!
  sourceProjectId: Int
  state: MergeRequestState!
  targetBranch: String!
  targetProjectId: Int!
  description: String
  title: String!
  webUrl: String
}

type Project { fullPath: ID! mergeRequest(iid: String!): MergeRequest }
type Query { currentUser: CurrentUser project(fullPath: ID!): Project }
"""

SCHEMA = build_schema(SDL)
LARGEST_PAGE = 100

Node = dict[str, Any]
Info = GraphQLResolveInfo[Any]


def graphql(lab: FakeGitLab, token: Token | None, call: Call) -> Answer:
    """Execute a query; errors are told with status 200, and nobody sees nothing."""
    root = _Root(lab, token) if token else None
    done = graphql_sync(
        SCHEMA,
        call.body.get("query", ""),
        {
            "currentUser": token and _user(token.login),
            "project": root.project if root else None,
        },
        variable_values=call.body.get("variables"),
    )
    content: dict[str, Any] = {} if done.data is None else {"data": done.data}
    if done.errors:
        content["errors"] = [error.formatted for error in done.errors]
    return Answer(200, content)


class _Root:
    """What can be asked, as this token sees it."""

    def __init__(self, lab: FakeGitLab, token: Token) -> None:
        self._lab = lab
        self._token = token

    def project(self, _: Info, fullPath: str) -> Node | None:  # noqa: N803
        if fullPath != self._lab.name:
            return None
        return {"fullPath": fullPath, "mergeRequest": self._by_iid}

    def _by_iid(self, _: Info, iid: str) -> Node | None:
        found = self._lab.merge_requests.get(int(iid)) if iid.isdigit() else None
        return self._merge_request(found) if found else None

    def _merge_request(self, request: MergeRequest) -> Node:
        lab = self._lab
        said = [self._discussion(request, *each) for each in request.discussions()]
        return {
            "id": f"gid://gitlab/MergeRequest/{1000 + request.iid}",
            "iid": str(request.iid),
            "author": _user(request.author),
            "diffHeadSha": request.head_sha,
            "diffRefs": {
                "baseSha": request.base_sha,
                "headSha": request.head_sha,
                "startSha": request.start_sha,
            },
            "discussions": _connection(said),
            "draft": request.draft,
            "labels": _connection([{"title": name} for name in request.labels]),
            "sourceBranch": request.source,
            "sourceProjectId": project_id(lab, request.source_project),
            "state": request.state,
            "targetBranch": request.target,
            "targetProjectId": lab.project_id,
            "description": request.description or None,
            "title": request.title,
            "webUrl": page_of(lab, request),
        }

    def _discussion(
        self, request: MergeRequest, thread: Thread | None, notes: Sequence[Note]
    ) -> Node:
        kind = "IndividualNoteDiscussion"
        if thread:
            kind = "DiffDiscussion" if thread.position else "Discussion"
        name = f"gid://gitlab/{kind}/{thread.id if thread else notes[0].discussion}"
        return _resolution(thread) | {
            "id": name,
            "replyId": name,
            "createdAt": f"{notes[0].created:%Y-%m-%dT%H:%M:%SZ}",
            "notes": _connection([self._note(request, thread, note) for note in notes]),
        }

    def _note(self, request: MergeRequest, thread: Thread | None, note: Note) -> Node:
        may = thread is not None and may_resolve(request, self._token)
        emoji = [{"name": name, "user": _user(login)} for name, login in note.emoji]
        return _resolution(thread) | {
            "id": f"gid://gitlab/{kind_of(thread) or 'Note'}/{note.id}",
            "author": _user(note.author),
            "awardEmoji": _connection(emoji),
            "body": note.body,
            "createdAt": f"{note.created:%Y-%m-%dT%H:%M:%SZ}",
            "position": {"filePath": thread.path} if thread and thread.position else None,
            "system": note.system,
            "updatedAt": f"{note.updated:%Y-%m-%dT%H:%M:%SZ}",
            "url": page_of(self._lab, request, note),
            "userPermissions": {"resolveNote": may},
        }


def _resolution(thread: Thread | None) -> Node:
    resolver = thread.resolved_by if thread else None
    return {
        "resolvable": thread is not None,
        "resolved": resolver is not None,
        "resolvedAt": f"{thread.resolved_at:%Y-%m-%dT%H:%M:%SZ}" if thread and resolver else None,
        "resolvedBy": _user(resolver) if resolver else None,
    }


def _user(login: str) -> Node:
    return {"id": f"gid://gitlab/User/{user_id(login)}", "username": login}


def _connection(items: Sequence[Node]) -> Callable[..., Node]:
    """A list that is read in pages of at most a hundred, whatever is asked for."""

    def page(
        _: Info, first: int | None = None, after: str | None = None, last: int | None = None
    ) -> Node:
        size = min(first or last or LARGEST_PAGE, LARGEST_PAGE)
        start = max(len(items) - size, 0) if last else _place(after) if after else 0
        nodes = items[start : start + size]
        end = start + len(nodes)
        info = {"hasNextPage": end < len(items), "endCursor": _cursor(end) if nodes else None}
        return {"nodes": nodes, "pageInfo": info}

    return page


def _cursor(place: int) -> str:
    return b64encode(str(place).encode()).decode()


def _place(cursor: str) -> int:
    text = b64decode(cursor, validate=False).decode("latin-1")
    if not re.fullmatch(r"\d+", text):
        raise GraphQLError("Please provide a valid cursor")
    return int(text)
