"""The routes of GitHub's REST API that a review needs, with GitHub's own refusals.

With the official description of the API at hand (see `OFFICIAL`), each body is held against it.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

import jsonschema
from fake_forge import Answer, Call
from fake_github_rules import body_problem, problems
from fake_github_state import (
    BOT,
    Comment,
    FakeGitHub,
    Notification,
    Pull,
    Reaction,
    Review,
    Status,
    Thread,
    Token,
)

OFFICIAL = os.environ.get("REVIEWBOT_GITHUB_SCHEMAS", "")  # a folder that .ci/run fills
STATUS_LIMIT = 140  # characters of a description

Handler = Callable[["Request"], Answer]


@dataclass(frozen=True)
class Route:
    """A path as the official description writes it; one of the scopes is needed, if there are."""

    method: str
    template: str
    pattern: re.Pattern[str]
    scopes: frozenset[str]
    handler: Handler


ROUTES: list[Route] = []


class RefusedError(Exception):
    """GitHub's answer to what it does not do."""

    def __init__(self, status: int, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(message)
        content = {"message": message, "documentation_url": "https://docs.github.com/rest"}
        self.answer = Answer(status, content | ({"errors": list(errors)} if errors else {}))


class Request:
    """A call that has found its route."""

    def __init__(self, hub: FakeGitHub, token: Token, call: Call, names: Mapping[str, str]) -> None:
        self.hub = hub
        self.token = token
        self.body = call.body or {}
        self.names = {name: unquote(value) for name, value in names.items()}
        self.path, _, self._query = call.path.partition("?")

    def asked(self, name: str, default: str = "") -> str:
        return parse_qs(self._query).get(name, [default])[0]

    @property
    def pull(self) -> Pull:
        number = self.names.get("pull_number") or self.names["issue_number"]
        pull = self.hub.pulls.get(int(number)) if number.isdigit() else None
        if pull is None:
            raise RefusedError(404, "Not Found")
        return pull

    def note(self) -> tuple[Pull, Comment]:
        """The comment of the conversation that is meant."""
        for pull in self.hub.pulls.values():
            for note in pull.notes:
                if str(note.id) == self.names["comment_id"]:
                    return pull, note
        raise RefusedError(404, "Not Found")

    def own(self, comment: Comment) -> None:
        """A bot touches no comment of others."""
        if comment.author != self.token.login:
            raise RefusedError(403, "Resource not accessible by integration")

    def page(self, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
        """One page, and the header that links the next."""
        size = min(int(self.asked("per_page", "30")), 100)
        number = int(self.asked("page", "1"))
        last = -(-len(items) // size) or 1
        kept = [f"{name}={value[0]}" for name, value in parse_qs(self._query).items()]
        rest = "".join(f"&{pair}" for pair in kept if not pair.startswith(("page=", "per_page=")))
        links = [
            f'<{self.hub.url}{self.path}?per_page={size}&page={target}{rest}>; rel="{name}"'
            for name, target in (("next", number + 1), ("last", last))
            if number < last
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return items[(number - 1) * size : number * size], headers


def rest(hub: FakeGitHub, token: Token, call: Call) -> Answer:
    """Do what a call asks for."""
    path = urlsplit(call.path).path
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.method == call.method:
            request = Request(hub, token, call, match.groupdict())
            try:
                _check(route, request, call)
                return route.handler(request)
            except RefusedError as refusal:
                return refusal.answer
    return RefusedError(404, "Not Found").answer


def _check(route: Route, request: Request, call: Call) -> None:
    """What GitHub looks at before anything else."""
    if f"{request.names['owner']}/{request.names['repo']}" != request.hub.name:
        raise RefusedError(404, "Not Found")
    if route.scopes and not route.scopes & request.token.scopes:
        raise RefusedError(403, "Resource not accessible by integration")
    if violation := _violation(route, call.body):
        request.hub.violations.append(f"{call}: {violation}")
        raise RefusedError(422, f"Invalid request.\n\n{violation}")


def _route(method: str, template: str, *scopes: str) -> Callable[[Handler], Handler]:
    """Register a handler for a path below the repository."""
    template = f"/repos/{{owner}}/{{repo}}{template}"
    names = template.replace("{basehead}", "(?P<basehead>.+)")  # branches have slashes
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", names))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, template, pattern, frozenset(scopes), handler))
        return handler

    return register


# --- the official description -------------------------------------------------------------------


@functools.cache
def description() -> dict[str, Any]:
    """What GitHub publishes of its REST API."""
    file = Path(OFFICIAL, "api.github.com.json")
    description: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return description


@functools.cache
def _validator(route: Route) -> jsonschema.Draft202012Validator:
    operation = description()["paths"][route.template][route.method.lower()]
    body = operation.get("requestBody")
    schema = _strict(body["content"]["application/json"]["schema"]) if body else {"type": "null"}
    return jsonschema.Draft202012Validator(schema)


def _strict(schema: Any) -> Any:
    """JSON Schema for a schema of OpenAPI 3.0, which takes no field that is not in it."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        strict.setdefault("additionalProperties", False)
    return {"anyOf": [strict, {"type": "null"}]} if schema.get("nullable") is True else strict


def _violation(route: Route, body: object) -> str:
    """What the official description has against a body."""
    errors = _validator(route).iter_errors(body) if OFFICIAL else iter(())
    error = next(errors, None)
    return f"{error.json_path}: {error.message}" if error else ""


# --- reading ------------------------------------------------------------------------------------


@_route("GET", "")
def _repository(request: Request) -> Answer:
    return Answer(200, _repository_shape(request.hub, request.hub.name))


@_route("GET", "/pulls/{pull_number}")
def _get_pull(request: Request) -> Answer:
    return Answer(200, _pull_shape(request.hub, request.pull))


@_route("GET", "/pulls")
def _list_pulls(request: Request) -> Answer:
    state, head = request.asked("state", "open"), request.asked("head")
    found = [
        pull
        for pull in request.hub.pulls.values()
        if state in ("all", pull.state) and (":" not in head or head == _label(pull))
    ]
    pulls, headers = request.page(sorted(found, key=lambda pull: -pull.number))
    return Answer(200, [_pull_shape(request.hub, pull) for pull in pulls], headers)


@_route("GET", "/compare/{basehead}")
def _compare(request: Request) -> Answer:
    base, dots, head = request.names["basehead"].partition("...")
    git = request.hub.origin.git
    try:
        base, head = (git("rev-parse", "--verify", f"{end}^{{commit}}") for end in (base, head))
        merge_base = request.hub.merge_base(base, head)
    except AssertionError:
        raise RefusedError(404, "Not Found") from None
    if not dots:
        raise RefusedError(404, "Not Found")
    ahead, behind = git("rev-list", f"{base}..{head}"), git("rev-list", f"{head}..{base}")
    commits, headers = request.page(ahead.split()[::-1])
    files = git("diff", "--name-only", f"{merge_base}..{head}").splitlines()[:300]
    content = {
        "url": f"{request.hub.url}{request.path}",
        "status": "diverged" if ahead and behind else "ahead" if ahead else "behind",
        "ahead_by": len(ahead.split()),
        "behind_by": len(behind.split()),
        "total_commits": len(ahead.split()),
        "base_commit": _commit_shape(request.hub, base),
        "merge_base_commit": _commit_shape(request.hub, merge_base),
        "commits": [_commit_shape(request.hub, sha) for sha in commits],
    }
    first = request.asked("page", "1") == "1"
    return Answer(
        200, content | ({"files": [{"filename": f} for f in files]} if first else {}), headers
    )


@_route("GET", "/collaborators/{username}/permission")
def _permission(request: Request) -> Answer:
    login = request.names["username"]
    permission = request.hub.people.get(login)
    if permission is None:
        raise RefusedError(404, f"{login} is not a user")
    user = _user_shape(request.hub, login)
    return Answer(200, {"permission": permission, "role_name": permission, "user": user})


@_route("GET", "/issues/{issue_number}/comments")
def _list_notes(request: Request) -> Answer:
    notes, headers = request.page(request.pull.notes)
    return Answer(200, [_note_shape(request.hub, request.pull, note) for note in notes], headers)


@_route("GET", "/issues/comments/{comment_id}")
def _get_note(request: Request) -> Answer:
    return Answer(200, _note_shape(request.hub, *request.note()))


# --- writing ------------------------------------------------------------------------------------

_STATES: dict[str | None, Any] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    None: "PENDING",
}


@_route("POST", "/pulls/{pull_number}/reviews", "pull-requests")
def _create_review(request: Request) -> Answer:
    pull, login = request.pull, request.token.login
    event, body = request.body.get("event"), request.body.get("body", "")
    comments = request.body.get("comments", [])
    commit = request.body.get("commit_id", pull.head_sha)
    if errors := _review_problems(request, event, body, commit, comments):
        raise RefusedError(422, "Unprocessable Entity", list(dict.fromkeys(errors)))
    review = request.hub.new_review(login, body, commit, state=_STATES[event], comments=comments)
    request.hub.add_review(pull, review)
    return Answer(200, _review_shape(request.hub, pull, review))


def _review_problems(
    request: Request, event: str | None, body: str, commit: str, comments: Sequence[Any]
) -> list[str]:
    pull, login = request.pull, request.token.login
    if any((each.author, each.state) == (login, "PENDING") for each in pull.reviews):
        return ["User can only have one pending review per pull request"]
    if event == "APPROVE" and login == BOT:
        return ["GitHub Actions is not permitted to approve pull requests."]
    if event in ("APPROVE", "REQUEST_CHANGES") and login == pull.author:
        return [f"Can not {event.lower().replace('_', ' ')} on your own pull request"]
    if event in ("COMMENT", "REQUEST_CHANGES") and (problem := body_problem(body)):
        return [problem]
    if commit not in request.hub.commits(pull):
        return ["Commit is not part of the pull request"]
    diff = request.hub.diff(pull, commit)
    refused = any(comment["path"] in request.hub.refused_paths for comment in comments)
    found = ["Pull request review thread line must be part of the diff"] if refused else []
    return [*found, *(problem for comment in comments for problem in problems(diff, comment))]


@_route("POST", "/pulls/{pull_number}/comments", "pull-requests")
def _create_comment(request: Request) -> Answer:
    pull, hub, body = request.pull, request.hub, request.body
    if answered := body.get("in_reply_to"):
        thread = next((each for each in pull.threads if each.opening.id == answered), None)
        if thread is None:
            raise _unprocessable("PullRequestReviewComment", "in_reply_to", "is not a top comment")
        hub.reply(thread, request.token.login, body["body"])
    else:
        if body["commit_id"] not in hub.commits(pull):
            problem = ["is not part of the pull request"]
        elif body.get("subject_type") == "file":
            problem = [] if body["path"] in hub.diff(pull, body["commit_id"]) else ["is invalid"]
        else:
            problem = problems(hub.diff(pull, body["commit_id"]), body)
        if problem:
            raise _unprocessable("PullRequestReviewComment", "pull_request_review_thread", *problem)
        thread = hub.add_thread(pull, request.token.login, body, body["commit_id"])
    hub.notifications.append(Notification("comment", pull.number, request.token.login))
    return Answer(201, _comment_shape(hub, pull, thread, thread.comments[-1]))


@_route("DELETE", "/pulls/comments/{comment_id}", "pull-requests")
def _delete_comment(request: Request) -> Answer:
    for pull in request.hub.pulls.values():
        for thread in pull.threads:
            for comment in thread.comments:
                if str(comment.id) == request.names["comment_id"]:
                    request.own(comment)
                    request.hub.delete_comment(comment.id)
                    return Answer(204)
    raise RefusedError(404, "Not Found")


@_route("POST", "/issues/{issue_number}/comments", "issues", "pull-requests")
def _create_note(request: Request) -> Answer:
    pull, body = request.pull, _body(request)
    note = request.hub.add_note(pull, request.token.login, body)
    return Answer(201, _note_shape(request.hub, pull, note))


@_route("PATCH", "/issues/comments/{comment_id}", "issues", "pull-requests")
def _edit_note(request: Request) -> Answer:
    pull, note = request.note()
    request.own(note)
    request.hub.edit_comment(note.id, _body(request))
    return Answer(200, _note_shape(request.hub, pull, note))


@_route("DELETE", "/issues/comments/{comment_id}", "issues", "pull-requests")
def _delete_note(request: Request) -> Answer:
    _, note = request.note()
    request.own(note)
    request.hub.delete_comment(note.id)
    return Answer(204)


@_route("POST", "/issues/comments/{comment_id}/reactions", "issues", "pull-requests")
def _react(request: Request) -> Answer:
    _, note = request.note()
    reaction = Reaction(note.id, request.token.login, request.body["content"])
    known = reaction in request.hub.reactions
    if not known:
        request.hub.reactions.append(reaction)
    user = _user_shape(request.hub, reaction.login)
    content = {"id": 1, "content": reaction.content, "user": user}
    return Answer(200 if known else 201, content)


@_route("POST", "/statuses/{sha}", "statuses")
def _set_status(request: Request) -> Answer:
    body, sha = request.body, request.names["sha"]
    description = body.get("description") or ""
    try:
        request.hub.origin.git("cat-file", "-e", f"{sha}^{{commit}}")
    except AssertionError:
        raise RefusedError(422, f"No commit found for SHA: {sha}") from None
    if len(description) > STATUS_LIMIT:
        too_long = f"is too long (maximum is {STATUS_LIMIT} characters)"
        raise _unprocessable("Status", "description", too_long)
    context, target = body.get("context", "default"), body.get("target_url") or ""
    request.hub.statuses.append(Status(sha, body["state"], context, description, target))
    return Answer(201, {"id": 1, "url": f"{request.hub.url}{request.path}", **body})


def _body(request: Request) -> str:
    body = request.body.get("body", "")
    if problem := body_problem(body):
        raise _unprocessable("IssueComment", "data", problem)
    return str(body)


def _unprocessable(resource: str, name: str, *words: str) -> RefusedError:
    """A refusal as most of the routes write it: only reviews have plain strings."""
    errors = [
        {"resource": resource, "code": "custom", "field": name, "message": each} for each in words
    ]
    return RefusedError(422, "Validation Failed", errors)


# --- shapes -------------------------------------------------------------------------------------


def page_of(hub: FakeGitHub, pull: Pull, comment: Comment) -> str:
    """Where a comment can be read."""
    kind = "issuecomment-" if comment in pull.notes else "discussion_r"
    return f"{hub.server_url}/{hub.name}/pull/{pull.number}#{kind}{comment.id}"


def _user_shape(hub: FakeGitHub, login: str) -> dict[str, Any]:
    return {
        "login": login,
        "id": crc32(login.encode()),
        "type": "Bot" if login.endswith("[bot]") else "User",
        "url": f"{hub.url}/users/{login}",
        "html_url": f"{hub.server_url}/{login}",
    }


def _repository_shape(hub: FakeGitHub, name: str) -> dict[str, Any]:
    owner = name.partition("/")[0]
    return {
        "id": crc32(name.encode()),
        "name": name.partition("/")[2],
        "full_name": name,
        "owner": _user_shape(hub, owner),
        "fork": name != hub.name,
        "default_branch": "main",
        "url": f"{hub.url}/repos/{name}",
        "html_url": f"{hub.server_url}/{name}",
        "clone_url": f"{hub.server_url}/{name}.git",
    }


def _label(pull: Pull) -> str:
    return f"{(pull.head_repository or 'unknown').partition('/')[0]}:{pull.head}"


def _pull_shape(hub: FakeGitHub, pull: Pull) -> dict[str, Any]:
    home = pull.head_repository
    base = {"label": f"{hub.name.partition('/')[0]}:{pull.base}", "ref": pull.base}
    return {
        "id": pull.number,
        "number": pull.number,
        "url": f"{hub.url}/repos/{hub.name}/pulls/{pull.number}",
        "html_url": f"{hub.server_url}/{hub.name}/pull/{pull.number}",
        "issue_url": f"{hub.url}/repos/{hub.name}/issues/{pull.number}",
        "state": pull.state,
        "title": pull.title,
        "body": pull.description or None,
        "draft": pull.draft,
        "merged": False,
        "user": _user_shape(hub, pull.author),
        "labels": [{"id": crc32(name.encode()), "name": name} for name in pull.labels],
        "head": {
            "label": _label(pull),
            "ref": pull.head,
            "sha": pull.head_sha,
            "repo": _repository_shape(hub, home) if home else None,
        },
        "base": {**base, "sha": pull.base_sha, "repo": _repository_shape(hub, hub.name)},
    }


def _commit_shape(hub: FakeGitHub, sha: str) -> dict[str, Any]:
    return {"sha": sha, "url": f"{hub.url}/repos/{hub.name}/commits/{sha}"}


def _said(hub: FakeGitHub, pull: Pull, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "body": comment.body,
        "user": _user_shape(hub, comment.author),
        "created_at": f"{comment.created:%Y-%m-%dT%H:%M:%SZ}",
        "updated_at": f"{comment.updated:%Y-%m-%dT%H:%M:%SZ}",
        "html_url": page_of(hub, pull, comment),
    }


def _note_shape(hub: FakeGitHub, pull: Pull, note: Comment) -> dict[str, Any]:
    root = f"{hub.url}/repos/{hub.name}/issues"
    own = {"url": f"{root}/comments/{note.id}", "issue_url": f"{root}/{pull.number}"}
    return _said(hub, pull, note) | own


def _comment_shape(hub: FakeGitHub, pull: Pull, thread: Thread, comment: Comment) -> dict[str, Any]:
    return _said(hub, pull, comment) | {
        "url": f"{hub.url}/repos/{hub.name}/pulls/comments/{comment.id}",
        "path": thread.path,
        "line": thread.line,
        "side": thread.side,
        "start_line": thread.start_line,
        "start_side": thread.start_side,
        "commit_id": pull.head_sha,
        "original_commit_id": thread.commit,
    }


def _review_shape(hub: FakeGitHub, pull: Pull, review: Review) -> dict[str, Any]:
    page = f"{hub.server_url}/{hub.name}/pull/{pull.number}#pullrequestreview-{review.id}"
    return {
        "id": review.id,
        "user": _user_shape(hub, review.author),
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "html_url": page,
        "pull_request_url": f"{hub.url}/repos/{hub.name}/pulls/{pull.number}",
    } | (
        {}
        if review.state == "PENDING"
        else {"submitted_at": f"{review.submitted:%Y-%m-%dT%H:%M:%SZ}"}
    )
