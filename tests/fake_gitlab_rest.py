"""The routes of GitLab's REST API that a review needs, with GitLab's own refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from fake_forge import Answer, Call
from fake_gitlab_rules import Position, text_problem
from fake_gitlab_state import (
    BOT,
    DEVELOPER,
    DRAFTS_SINCE,
    MAINTAINER,
    SUMMARY_SINCE,
    CommandsOnlyError,
    Draft,
    FakeGitLab,
    MergeRequest,
    Note,
    NotTakenError,
    Thread,
    Token,
    Version,
    user_id,
)

Handler = Callable[["Request"], Answer]

LARGEST_PAGE = 100
UNAUTHORIZED = {"message": "401 Unauthorized"}
NO_SCOPE = {
    "error": "insufficient_scope",
    "error_description": "The request requires higher privileges than the access token has.",
    "scope": "api",
}
REVIEWER_STATES = ("reviewed", "requested_changes")


@dataclass(frozen=True)
class Route:
    """A path below the API's root; `job` says whether a job's token may ask for it."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    job: bool


ROUTES: list[Route] = []


class RefusedError(Exception):
    """GitLab's answer to what it does not do."""

    def __init__(self, status: int, content: object) -> None:
        super().__init__(content)
        if isinstance(content, str):
            content = {"message": f"{status} {content}"}
        self.answer = Answer(status, content)


class Request:
    """A call that has found its route."""

    def __init__(self, lab: FakeGitLab, token: Token, call: Call, names: Mapping[str, str]) -> None:
        self.lab = lab
        self.token = token
        self.names = names
        self.path, _, query = call.path.partition("?")
        self._query = {name: values[-1] for name, values in parse_qs(query).items()}
        self.body: Mapping[str, Any] = {**self._query, **(call.body or {})}

    @property
    def merge_request(self) -> MergeRequest:
        iid = self.names["iid"]
        found = self.lab.merge_requests.get(int(iid)) if iid.isdigit() else None
        if found is None:
            raise RefusedError(404, "Not found")
        return found

    @property
    def thread(self) -> Thread:
        for thread in self.merge_request.threads:
            if thread.id == self.names["discussion"]:
                return thread
        alone = any(
            note.discussion == self.names["discussion"] for note in self.merge_request.notes
        )
        raise RefusedError(403, "Forbidden") if alone else RefusedError(404, "Discussion Not Found")

    def note(self) -> tuple[Thread | None, Note]:
        """The note that is meant, which must be the account's own or a maintainer's to change."""
        for thread, notes in self.merge_request.discussions():
            for note in notes:
                if str(note.id) == self.names["note"]:
                    self._own(note)
                    return thread, note
        raise RefusedError(404, "Not found")

    def _own(self, note: Note) -> None:
        if note.system or (note.author != self.token.login and self.token.level < MAINTAINER):
            raise RefusedError(403, "Forbidden")

    def needed(self, name: str) -> str:
        """A text that must be there."""
        if self.body.get(name) is None:
            raise RefusedError(400, {"error": f"{name} is missing"})
        return str(self.body[name])

    def position(self) -> Position | None:
        """The place that is given, if there is one; whether it exists is another matter."""
        position = self.body.get("position")
        if position is None:
            return None
        names = ("base_sha", "start_sha", "head_sha", "position_type")
        missing = [f"position[{name}] is missing" for name in names if not position.get(name)]
        if not missing and position["position_type"] not in ("text", "image", "file"):
            missing = ["position[position_type] does not have a valid value"]
        for name in ("old_line", "new_line"):
            if not isinstance(position.get(name), int | None):
                missing.append(f"position[{name}] is invalid")
        if missing:
            raise RefusedError(400, {"error": ", ".join(missing)})
        return dict(position)

    def page(self, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
        """One page, and the headers that tell of the others."""
        size = min(int(self._query.get("per_page", "20")), LARGEST_PAGE)
        number = int(self._query.get("page", "1"))
        last = -(-len(items) // size) or 1
        following = str(number + 1) if number < last else ""
        headers = {
            "X-Page": str(number),
            "X-Per-Page": str(size),
            "X-Next-Page": following,
            "X-Prev-Page": str(number - 1) if number > 1 else "",
            "X-Total": str(len(items)),
            "X-Total-Pages": str(last),
        }
        if following:
            kept = {**self._query, "per_page": size, "page": following}
            query = "&".join(f"{name}={value}" for name, value in kept.items())
            headers["Link"] = f'<{self.lab.server_url}{self.path}?{query}>; rel="next"'
        return items[(number - 1) * size : number * size], headers


def rest(lab: FakeGitLab, token: Token, call: Call) -> Answer:
    """Do what a call asks for."""
    path = call.path.partition("?")[0].removeprefix("/api/v4")
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.method == call.method:
            try:
                _check(lab, token, route, match.groupdict())
                return route.handler(Request(lab, token, call, match.groupdict()))
            except RefusedError as refusal:
                return refusal.answer
            except NotTakenError as problem:
                return RefusedError(400, f"Bad request - {problem}").answer
    return Answer(404, {"error": "404 Not Found"})


def _check(lab: FakeGitLab, token: Token, route: Route, names: Mapping[str, str]) -> None:
    """What GitLab looks at before anything else."""
    if token.access == "job" and not route.job:
        raise RefusedError(401, "Unauthorized")
    if token.access == "read" and route.method != "GET":
        raise RefusedError(403, NO_SCOPE)
    if unquote(names.get("project", lab.name)) not in (str(lab.project_id), lab.name):
        raise RefusedError(404, "Project Not Found")
    if "/draft_notes" in route.pattern.pattern and lab.version < DRAFTS_SINCE:
        raise RefusedError(404, {"error": "404 Not Found"})


def _route(method: str, template: str, *, job: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler for a path."""
    pattern = re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", template))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, handler, job))
        return handler

    return register


PROJECT = "/projects/:project"
REQUEST = f"{PROJECT}/merge_requests/:iid"


# --- reading ------------------------------------------------------------------------------------


@_route("GET", "/user")
def _user(request: Request) -> Answer:
    return Answer(200, _user_shape(request.lab, request.token.login))


@_route("GET", "/personal_access_tokens/self")
def _own_token(request: Request) -> Answer:
    token = request.token
    if token.access == "job":
        raise RefusedError(401, "Unauthorized")
    about = {
        "id": 1,
        "name": "reviewbot",
        "revoked": False,
        "active": True,
        "scopes": ["api"] if token.access == "write" else ["read_api"],
        "user_id": _user_shape(request.lab, token.login)["id"],
        "expires_at": request.lab.expires_at,
    }
    return Answer(200, about)


@_route("GET", "/version")
def _version(request: Request) -> Answer:
    major, minor = request.lab.version
    return Answer(200, {"version": f"{major}.{minor}.0-ee", "revision": "0123456789a"})


@_route("GET", PROJECT)
def _project(request: Request) -> Answer:
    lab = request.lab
    page = {"web_url": f"{lab.server_url}/{lab.name}", "default_branch": "main"}
    return Answer(200, {"id": lab.project_id, "path_with_namespace": lab.name} | page)


@_route("GET", REQUEST, job=True)
def _get_merge_request(request: Request) -> Answer:
    return Answer(200, _merge_request_shape(request.lab, request.merge_request))


@_route("GET", f"{REQUEST}/versions")
def _list_versions(request: Request) -> Answer:
    versions, headers = request.page(request.merge_request.versions[::-1])
    shapes = [_version_shape(request.merge_request, version) for version in versions]
    return Answer(200, shapes, headers)


@_route("GET", f"{REQUEST}/discussions")
def _list_discussions(request: Request) -> Answer:
    said, headers = request.page(request.merge_request.discussions())
    shapes = [_discussion_shape(request, thread, notes) for thread, notes in said]
    return Answer(200, shapes, headers)


@_route("GET", f"{REQUEST}/notes")
def _list_notes(request: Request) -> Answer:
    said = request.merge_request.discussions()
    notes = [(thread, note) for thread, notes in said for note in notes]
    notes.sort(key=lambda each: each[1].id, reverse=request.body.get("sort") != "asc")
    page, headers = request.page(notes)
    return Answer(200, [_note_shape(request, thread, note) for thread, note in page], headers)


@_route("GET", f"{PROJECT}/members/all/:user")
def _get_member(request: Request) -> Answer:
    for login, level in request.lab.levels().items():
        if str(user_id(login)) == request.names["user"] and level:
            shape = _user_shape(request.lab, login)
            return Answer(200, shape | {"access_level": level, "expires_at": None})
    raise RefusedError(404, "404 Not found")


@_route("GET", f"{PROJECT}/members/all")
def _list_members(request: Request) -> Answer:
    query = str(request.body.get("query", "")).lower()
    levels = request.lab.levels().items()
    found = [(login, level) for login, level in levels if query in login.lower()]
    page, headers = request.page(sorted(found))
    shapes = [
        _user_shape(request.lab, login) | {"access_level": level, "expires_at": None}
        for login, level in page
    ]
    return Answer(200, shapes, headers)


# --- discussions and notes ----------------------------------------------------------------------


@_route("POST", f"{REQUEST}/discussions")
def _create_discussion(request: Request) -> Answer:
    text, position, login = request.needed("body"), request.position(), request.token.login
    body = request.lab.taken(request.merge_request, login, text, position)
    thread = request.lab.add_thread(request.merge_request, login, body, position)
    return Answer(201, _discussion_shape(request, thread, thread.notes))


@_route("PUT", f"{REQUEST}/discussions/:discussion")
def _resolve(request: Request) -> Answer:
    thread, login = request.thread, request.token.login
    wanted = request.needed("resolved").lower()
    if not may_resolve(request.merge_request, request.token):
        raise RefusedError(403, "Forbidden")
    if wanted not in ("true", "false"):
        raise RefusedError(400, {"error": "resolved is invalid"})
    if wanted == "false":
        request.lab.unresolve(thread)
    elif not thread.resolved:
        request.lab.resolve(thread, login)
    return Answer(200, _discussion_shape(request, thread, thread.notes))


def may_resolve(merge_request: MergeRequest, token: Token) -> bool:
    """Whether somebody may resolve the discussions of a merge request."""
    return token.level >= DEVELOPER or token.login == merge_request.author


@_route("POST", f"{REQUEST}/discussions/:discussion/notes")
def _create_reply(request: Request) -> Answer:
    thread, login = request.thread, request.token.login
    body = request.lab.taken(request.merge_request, login, request.needed("body"))
    note = request.lab.add_reply(request.merge_request, thread, login, body)
    return Answer(201, _note_shape(request, thread, note))


@_route("POST", f"{REQUEST}/notes")
def _create_note(request: Request) -> Answer:
    login = request.token.login
    try:
        body = request.lab.taken(request.merge_request, login, request.needed("body"))
    except CommandsOnlyError:
        return _carried_out(request)
    note = request.lab.add_note(request.merge_request, login, body)
    return Answer(201, _note_shape(request, None, note))


@_route("PUT", f"{REQUEST}/notes/:note")
def _edit_note(request: Request) -> Answer:
    thread, note = request.note()
    text = request.needed("body")
    try:
        body = request.lab.taken(request.merge_request, request.token.login, text)
    except CommandsOnlyError:
        request.lab.delete_comment(note.id)
        return _carried_out(request)
    request.lab.edit_comment(note.id, body)
    return Answer(200, _note_shape(request, thread, note))


@_route("DELETE", f"{REQUEST}/notes/:note")
def _delete_note(request: Request) -> Answer:
    _, note = request.note()
    request.lab.delete_comment(note.id)
    return Answer(204)


def _carried_out(request: Request) -> Answer:
    done = [each.command for each in request.lab.executed]
    return Answer(202, {"commands_changes": {}, "summary": done[-1:]})


# --- drafts -------------------------------------------------------------------------------------


@_route("GET", f"{REQUEST}/draft_notes")
def _list_drafts(request: Request) -> Answer:
    drafts = [each for each in request.merge_request.drafts if each.author == request.token.login]
    return Answer(200, [_draft_shape(request, draft) for draft in drafts])


@_route("POST", f"{REQUEST}/draft_notes")
def _create_draft(request: Request) -> Answer:
    text, position = request.needed("note"), request.position()
    answered = request.body.get("in_reply_to_discussion_id")
    if problem := text_problem(text):
        raise NotTakenError(problem)
    if answered and all(each.id != answered for each in request.merge_request.threads):
        raise RefusedError(400, {"message": {"base": ["Thread to reply to cannot be found"]}})
    draft = request.lab.add_draft(
        request.merge_request,
        request.token.login,
        text,
        position=position,
        answers=answered,
        resolves=bool(request.body.get("resolve_discussion")),
    )
    return Answer(201, _draft_shape(request, draft))


@_route("POST", f"{REQUEST}/draft_notes/bulk_publish")
def _publish(request: Request) -> Answer:
    merge_request, login = request.merge_request, request.token.login
    knows = request.lab.version >= SUMMARY_SINCE
    state = request.body.get("reviewer_state") if knows else None
    summary = str(request.body.get("note") or "") if knows else ""
    if state not in (None, *REVIEWER_STATES):
        raise RefusedError(400, {"error": "reviewer_state does not have a valid value"})
    try:
        request.lab.publish(merge_request, login, summary)
    except NotTakenError:
        raise RefusedError(500, "Internal Server Error") from None
    if state:
        merge_request.reviewer_states[login] = state
    return Answer(204)


@_route("DELETE", f"{REQUEST}/draft_notes/:draft")
def _delete_draft(request: Request) -> Answer:
    drafts = request.merge_request.drafts
    for draft in drafts:
        if (str(draft.id), draft.author) == (request.names["draft"], request.token.login):
            drafts.remove(draft)
            return Answer(204)
    raise RefusedError(404, "Not found")


# --- shapes -------------------------------------------------------------------------------------


def page_of(lab: FakeGitLab, merge_request: MergeRequest, note: Note | None = None) -> str:
    """Where a merge request or a note can be read."""
    page = f"{lab.server_url}/{lab.name}/-/merge_requests/{merge_request.iid}"
    return f"{page}#note_{note.id}" if note else page


def project_id(lab: FakeGitLab, name: str | None) -> int | None:
    """The number of a project, None for one that is gone."""
    if name is None:
        return None
    return lab.project_id if name == lab.name else user_id(name)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"


def _user_shape(lab: FakeGitLab, login: str) -> dict[str, Any]:
    return {
        "id": user_id(login),
        "username": login,
        "name": "reviewbot" if login == BOT else login.title(),
        "state": "active",
        "web_url": f"{lab.server_url}/{login}",
    }


def _merge_request_shape(lab: FakeGitLab, merge_request: MergeRequest) -> dict[str, Any]:
    return {
        "id": 1000 + merge_request.iid,
        "iid": merge_request.iid,
        "project_id": lab.project_id,
        "title": merge_request.title,
        "description": None,
        "state": merge_request.state,
        "draft": merge_request.draft,
        "labels": merge_request.labels,
        "author": _user_shape(lab, merge_request.author),
        "created_at": _time(merge_request.created),
        "source_branch": merge_request.source,
        "target_branch": merge_request.target,
        "source_project_id": project_id(lab, merge_request.source_project),
        "target_project_id": lab.project_id,
        "sha": merge_request.head_sha,
        "diff_refs": lab.ends(merge_request),
        "web_url": page_of(lab, merge_request),
    }


def _version_shape(merge_request: MergeRequest, version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "base_commit_sha": version.base,
        "start_commit_sha": version.start,
        "head_commit_sha": version.head,
        "created_at": _time(version.created),
        "merge_request_id": 1000 + merge_request.iid,
        "state": "collected",
    }


def _discussion_shape(
    request: Request, thread: Thread | None, notes: Sequence[Note]
) -> dict[str, Any]:
    return {
        "id": thread.id if thread else notes[0].discussion,
        "individual_note": thread is None,
        "notes": [_note_shape(request, thread, note) for note in notes],
    }


def _note_shape(request: Request, thread: Thread | None, note: Note) -> dict[str, Any]:
    lab, merge_request = request.lab, request.merge_request
    shape = {
        "id": note.id,
        "type": kind_of(thread),
        "body": note.body,
        "author": _user_shape(lab, note.author),
        "created_at": _time(note.created),
        "updated_at": _time(note.updated),
        "system": note.system,
        "noteable_id": 1000 + merge_request.iid,
        "noteable_iid": merge_request.iid,
        "noteable_type": "MergeRequest",
        "project_id": lab.project_id,
        "resolvable": thread is not None,
    }
    if thread is None:
        return shape
    resolver = _user_shape(lab, thread.resolved_by) if thread.resolved_by else None
    resolution = {"resolved": thread.resolved, "resolved_by": resolver}
    return shape | resolution | ({"position": thread.position} if thread.position else {})


def kind_of(thread: Thread | None) -> str | None:
    """The type of the notes in a discussion, None for a note alone."""
    if thread is None:
        return None
    return "DiffNote" if thread.position else "DiscussionNote"


def _draft_shape(request: Request, draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "author_id": _user_shape(request.lab, draft.author)["id"],
        "merge_request_id": 1000 + request.merge_request.iid,
        "resolve_discussion": draft.resolves,
        "discussion_id": draft.answers,
        "note": draft.note,
        "commit_id": None,
        "line_code": None,
        "position": draft.position or {"position_type": "text"},
    }
