"""The rules of the GitHub that other tests rely on, under the real PyGithub and the real git."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_github_graphql
import github
import pytest
from conftest import Repo
from fake_github import BOT, REPOSITORY, FakeGitHub, Pull, secondary_limit, serving
from fake_github_rest import OFFICIAL, ROUTES, description
from fake_github_rules import BODY_LIMIT, environment
from github.PullRequest import PullRequest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_required_argument,
    is_specified_scalar_type,
    parse,
    validate,
)

from reviewbot.forge.github import LOOK, resolution

BASE = "".join(f"line {number}\n" for number in range(1, 41))
CHANGED = BASE.replace("line 5\n", "five\n").replace("line 30\n", "thirty\n")


@pytest.fixture
def hub(repo: Repo) -> Iterator[FakeGitHub]:
    """A GitHub with a branch that changes lines 5 and 30 of a file, and adds a file."""
    repo.write("shop.py", BASE)
    repo.write("other.py", BASE)
    repo.commit()
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("shop.py", CHANGED)
    repo.write("new.py", "one\ntwo\n")
    repo.commit()
    with serving(repo) as hub:
        yield hub


@pytest.fixture
def pull(hub: FakeGitHub) -> Pull:
    return hub.open_pull()


def client(hub: FakeGitHub, **values: Any) -> github.Github:
    auth = github.Auth.Token(hub.token(**values))
    return github.Github(
        auth=auth,
        base_url=hub.url,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


def failure(caught: pytest.ExceptionInfo[github.GithubException]) -> tuple[int, Any]:
    """The status of a refusal, and its errors."""
    data: Any = caught.value.data
    return caught.value.status, data.get("errors", data["message"])


def seen(hub: FakeGitHub, **values: Any) -> PullRequest:
    return client(hub, **values).get_repo(REPOSITORY).get_pull(1)


def at(line: int, body: str = "Hm.", **values: Any) -> Any:
    return {"path": "shop.py", "body": body, "line": line, "side": "RIGHT", **values}


def test_a_review_is_posted(hub: FakeGitHub, pull: Pull) -> None:
    review = seen(hub).create_review(
        body="Two.",
        event="COMMENT",
        comments=[at(8), at(30, side="LEFT"), at(6, start_line=4, start_side="RIGHT")],
    )
    assert review.state == "COMMENTED"
    assert [(each.side, each.start_line, each.line) for each in pull.threads] == [
        ("RIGHT", None, 8),
        ("LEFT", None, 30),
        ("RIGHT", 4, 6),
    ]
    assert [each.kind for each in hub.notifications] == ["review"]
    assert pull.threads[0].author == BOT
    assert [call.path for call in hub.calls if call.method == "POST"] == [
        f"/repos/{REPOSITORY}/pulls/1/reviews"
    ]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (at(20), "line must be part of the diff"),
        (at(5, side="MIDDLE"), "side must be LEFT or RIGHT"),
        (at(1, path="other.py"), "Path could not be resolved"),
        (at(6, start_line=6, start_side="RIGHT"), "start line must precede the end line."),
        (at(30, start_line=5, start_side="RIGHT"), "must be part of the same hunk as the line."),
        (at(6, start_line=5), "start side is missing"),
        (at(5, body="x" * (BODY_LIMIT + 1)), "body is too long"),
        (at(1, side="LEFT", path="new.py"), "line must be part of the diff"),
    ],
)
def test_one_bad_comment_refuses_them_all(
    hub: FakeGitHub, pull: Pull, bad: Any, error: str
) -> None:
    with pytest.raises(github.GithubException) as caught:
        seen(hub).create_review(body="Two.", event="COMMENT", comments=[at(5), bad])
    status, errors = failure(caught)
    assert (status, pull.threads, hub.notifications) == (422, [], [])
    assert error in errors[0]


def test_what_is_too_large_or_binary_has_no_line(hub: FakeGitHub) -> None:
    hub.work.write("large.txt", "a\n" * 20_001)
    hub.work.write("long.txt", "a" * 500_001)
    hub.work.write("picture.png", b"\0\1")
    hub.work.git("mv", "other.py", "moved.py")
    hub.work.commit()
    pull = hub.open_pull()
    diff = hub.diff(pull, pull.head_sha)
    assert sorted(path for path, hunks in diff.items() if hunks) == ["new.py", "shop.py"]
    assert sorted(path for path, hunks in diff.items() if not hunks) == [
        "large.txt",
        "long.txt",
        "moved.py",
        "picture.png",
    ]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"event": "COMMENT"}, "body can't be blank"),
        ({"event": "APPROVE"}, "GitHub Actions is not permitted to approve pull requests."),
        ({"event": "COMMENT", "body": "Hm."}, "Commit is not part of the pull request"),
    ],
)
def test_a_review_has_a_text_a_verdict_and_a_commit_of_the_pull_request(
    hub: FakeGitHub, pull: Pull, values: Any, error: str
) -> None:
    api = client(hub).get_repo(REPOSITORY)
    if "body" in values:
        values = values | {"commit": api.compare(pull.base_sha, pull.head_sha).base_commit}
    with pytest.raises(github.GithubException) as caught:
        api.get_pull(1).create_review(**values)
    assert failure(caught) == (422, [error])


def test_there_is_one_pending_review_of_an_account(hub: FakeGitHub, pull: Pull) -> None:
    seen(hub).create_review(comments=[at(5)])
    assert (pull.reviews[0].state, pull.threads) == ("PENDING", [])
    with pytest.raises(github.GithubException) as caught:
        seen(hub).create_review(body="Hm.", event="COMMENT")
    assert failure(caught) == (422, ["User can only have one pending review per pull request"])


def test_a_token_that_reads_does_not_write(hub: FakeGitHub, pull: Pull) -> None:
    view = seen(hub, access="read")
    with pytest.raises(github.GithubException) as caught:
        view.create_issue_comment("Hm.")
    assert failure(caught) == (403, "Resource not accessible by integration")
    thread = hub.human_thread(1, "ada", "shop.py", 5, "Why?")
    answer = asked(hub, resolution([thread.id]), access="read")
    assert [error["type"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert not thread.resolved


def test_a_bot_edits_its_own_comments_only(hub: FakeGitHub, pull: Pull) -> None:
    view = seen(hub)
    view.create_issue_comment("One.").edit("Two.")
    other = hub.human_comment(1, "ada", "Three.")
    with pytest.raises(github.GithubException) as caught:
        view.get_issue_comment(other.id).edit("Four.")
    assert caught.value.status == 403
    assert [note.body for note in pull.notes] == ["Two.", "Three."]
    view.get_issue_comment(pull.notes[0].id).delete()
    assert pull.notes == [other]


def test_single_comments_reactions_and_statuses(hub: FakeGitHub, pull: Pull) -> None:
    api = client(hub).get_repo(REPOSITORY)
    view = api.get_pull(1)
    comment = view.create_review_comment("Hm.", pull.head_sha, "shop.py", line=5, side="RIGHT")
    view.create_review_comment("So?", pull.head_sha, "shop.py", in_reply_to=comment.id)
    assert [each.body for each in pull.threads[0].comments] == ["Hm.", "So?"]
    with pytest.raises(github.GithubException) as caught:
        view.create_review_comment("Hm.", pull.head_sha, "shop.py", line=20, side="RIGHT")
    assert caught.value.status == 422
    comment.delete()
    assert [each.body for each in pull.threads[0].comments] == ["So?"]
    view.get_issue_comment(hub.human_comment(1, "ada", "Go.").id).create_reaction("+1")
    assert [each.content for each in hub.reactions] == ["+1"]
    commit = api.compare(pull.base_sha, pull.head_sha).commits[0]
    commit.create_status("success", description="Done.", context="reviewbot")
    assert [(each.sha, each.state) for each in hub.statuses] == [(pull.head_sha, "success")]
    with pytest.raises(github.GithubException) as caught:
        commit.create_status("success", description="x" * 141)
    assert caught.value.status == 422


def test_notes_come_in_pages(hub: FakeGitHub, pull: Pull) -> None:
    for number in range(31):
        hub.human_comment(1, "ada", str(number))
    assert [note.body for note in seen(hub).get_issue_comments()] == list(map(str, range(31)))


def test_comments_follow_their_lines_and_become_outdated(hub: FakeGitHub, pull: Pull) -> None:
    moved, edited, removed = (
        hub.add_thread(pull, BOT, entry) for entry in (at(5), at(30), at(30, side="LEFT"))
    )
    hub.work.write("shop.py", "# new\n" + CHANGED.replace("thirty", "THIRTY"))
    hub.work.commit()
    assert hub.push(1) == pull.head_sha
    assert [(each.line, each.outdated) for each in (moved, edited, removed)] == [
        (6, False),
        (None, True),
        (30, False),
    ]
    assert edited.original_line == 30


def test_the_base_is_where_the_branch_left(hub: FakeGitHub) -> None:
    base = hub.work.git("rev-parse", "main")
    hub.work.git("switch", "--quiet", "main")
    hub.work.write("other.py", "else\n")
    tip = hub.work.commit()
    pull = hub.open_pull(head_repository="eve/shop")
    compared = client(hub).get_repo(REPOSITORY).compare(tip, pull.head_sha)
    assert (pull.base_sha, pull.merge_base) == (tip, base)
    assert (compared.merge_base_commit.sha, compared.status) == (base, "diverged")
    assert hub.origin.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/pull/1/head",
    ]
    found = client(hub).get_repo(REPOSITORY).get_pulls(head="eve:feature")
    assert [each.number for each in found] == [1]


def test_permissions_are_those_of_people(hub: FakeGitHub, pull: Pull) -> None:
    hub.people["eve"] = "read"
    api = client(hub).get_repo(REPOSITORY)
    assert api.get_collaborator_permission("eve") == "read"
    with pytest.raises(github.GithubException) as caught:
        api.get_collaborator_permission(BOT)
    assert failure(caught) == (404, f"{BOT} is not a user")


# --- GraphQL ------------------------------------------------------------------------------------


def asked(hub: FakeGitHub, body: dict[str, Any], **token: Any) -> Any:
    _, _, text = client(hub, **token).requester.requestJson("POST", hub.graphql_url, input=body)
    return json.loads(text)


def look(hub: FakeGitHub, number: int = 1, **cursors: str) -> Any:
    variables = {"owner": "acme", "name": "shop", "number": number, **cursors}
    return asked(hub, {"query": LOOK, "variables": variables})


def test_threads_come_in_pages_of_a_hundred(hub: FakeGitHub, pull: Pull) -> None:
    for number in range(101):
        hub.add_thread(pull, BOT, at(5, str(number)))
    first = look(hub)["data"]["repository"]["pullRequest"]["reviewThreads"]
    second = look(hub, threads=first["pageInfo"]["endCursor"])
    rest = second["data"]["repository"]["pullRequest"]["reviewThreads"]
    assert (len(first["nodes"]), first["pageInfo"]["hasNextPage"]) == (100, True)
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (1, False)


def test_a_look_shows_who_did_what(hub: FakeGitHub, pull: Pull) -> None:
    thread = hub.add_thread(pull, BOT, at(5))
    hub.thumbs_down(thread.opening, "ada")
    hub.resolve(thread, "ada")
    hub.human_comment(1, "eve", "Hm.")
    data = look(hub)["data"]
    shown = data["repository"]["pullRequest"]
    (node,) = shown["reviewThreads"]["nodes"]
    assert data["viewer"] == {"login": BOT}
    assert node["resolvedBy"] == {"login": "ada"}
    assert node["opening"]["nodes"][0]["reactions"] == {"nodes": [{"user": {"login": "ada"}}]}
    assert node["answers"]["nodes"][0]["author"] == {"login": "github-actions"}
    assert node["answers"]["nodes"][0]["viewerDidAuthor"]
    assert shown["comments"]["nodes"][0]["author"] == {"login": "eve"}
    assert not shown["comments"]["nodes"][0]["viewerDidAuthor"]


def test_several_threads_are_resolved_at_once(hub: FakeGitHub, pull: Pull) -> None:
    threads = [hub.add_thread(pull, BOT, at(line)) for line in (5, 30)]
    answer = asked(hub, resolution([*(each.id for each in threads), "PRRT_0"]))
    assert [each.resolved_by for each in threads] == [BOT, BOT]
    assert [(each["type"], each["path"]) for each in answer["errors"]] == [("NOT_FOUND", ["t2"])]
    assert answer["data"]["t2"] is None


def test_a_pull_request_that_is_not_there_is_not_found(hub: FakeGitHub, pull: Pull) -> None:
    answer = look(hub, 2)
    assert answer["data"]["repository"] == {"pullRequest": None}
    assert answer["errors"][0]["type"] == "NOT_FOUND"


# --- git ----------------------------------------------------------------------------------------


def fetch(hub: FakeGitHub, folder: Path, commit: str, *tokens: str) -> tuple[int, str]:
    """Fetch a commit into a new repository, with a header for each token."""
    clone = Repo(folder)
    settings = [
        argument
        for token in tokens
        for argument in ("-c", f"http.extraHeader=Authorization: Basic {basic(token)}")
    ]
    done = subprocess.run(
        ["git", *settings, "fetch", "--depth=1", f"{hub.server_url}/{hub.name}.git", commit],
        cwd=clone.folder,
        env=environment() | {"GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def basic(token: str) -> str:
    return b64encode(f"x-access-token:{token}".encode()).decode()


def test_git_fetches_any_commit_with_a_token(hub: FakeGitHub, pull: Pull, tmp_path: Path) -> None:
    old = pull.head_sha
    hub.work.git("commit", "--quiet", "--amend", "--message=again")
    hub.push(1)
    code, said = fetch(hub, tmp_path / "clone", old, hub.token("read"))
    assert (code, hub.fetches) == (0, 1), said
    assert Repo(tmp_path / "clone").git("rev-parse", "FETCH_HEAD") == old
    assert hub.calls == []


def test_git_is_refused_without_a_login_and_with_two(
    hub: FakeGitHub, pull: Pull, tmp_path: Path
) -> None:
    refused = [
        fetch(hub, tmp_path / str(len(tokens)), pull.head_sha, *tokens)[1]
        for tokens in ([], ["wrong"], [hub.token(), hub.token()])
    ]
    assert "could not read Username" in refused[0]
    assert "could not read Username" in refused[1]
    assert "error: 400" in refused[2]
    assert hub.fetches == 0


# --- faults -------------------------------------------------------------------------------------


def test_calls_fail_before_their_effect_or_after_it(hub: FakeGitHub, pull: Pull) -> None:
    view = seen(hub)
    hub.fail(1, "POST .*/comments$", status=500)
    hub.fail(2, "POST .*/comments$", after_effect=True)
    hub.fail(3, "POST .*/comments$", **secondary_limit(7))
    statuses = []
    for number in range(4):
        try:
            view.create_issue_comment(str(number))
        except github.GithubException as error:
            statuses.append((error.status, (error.headers or {}).get("retry-after")))
    assert statuses == [(500, None), (502, None), (403, "7")]
    assert [note.body for note in pull.notes] == ["1", "3"]


@pytest.mark.parametrize(("after_effect", "notes"), [(False, 0), (True, 1)])
def test_a_connection_is_dropped(
    hub: FakeGitHub, pull: Pull, *, after_effect: bool, notes: int
) -> None:
    view = seen(hub)
    hub.fail(None, "POST", status=0, after_effect=after_effect)
    with pytest.raises(OSError, match="without response"):
        view.create_issue_comment("Hm.")
    assert len(pull.notes) == notes


def test_a_push_can_come_between_two_calls(hub: FakeGitHub, pull: Pull) -> None:
    view, old = seen(hub), pull.head_sha

    def push(_: object) -> None:
        hub.work.commit()
        hub.push(1)

    hub.before_call = push
    assert view.create_issue_comment("Hm.").body == "Hm."
    assert pull.head_sha != old


# --- the official descriptions ------------------------------------------------------------------

official = pytest.mark.skipif(
    not OFFICIAL, reason="REVIEWBOT_GITHUB_SCHEMAS names no folder with GitHub's descriptions"
)


@official
def test_every_route_is_an_official_one() -> None:
    paths = description()["paths"]
    assert [route for route in ROUTES if route.method.lower() not in paths[route.template]] == []


@official
@pytest.mark.parametrize(
    "entry",
    [at(5, subject_type="line"), at(5) | {"line": "5"}, {"path": "shop.py", "line": 5}],
)
def test_a_body_that_the_official_description_does_not_know_is_refused(
    hub: FakeGitHub, pull: Pull, entry: Any
) -> None:
    with pytest.raises(github.GithubException) as caught:
        seen(hub).create_review(body="One.", event="COMMENT", comments=[entry])
    assert (caught.value.status, len(hub.violations), pull.threads) == (422, 1, [])
    hub.violations.clear()


@official
def test_queries_and_the_part_of_the_schema_are_official() -> None:
    text = Path(OFFICIAL, "schema.graphql").read_text("utf-8")
    schema = build_schema(text, assume_valid=True, no_location=True)
    for query in (LOOK, resolution(["a", "b"])["query"]):
        assert validate(schema, parse(query)) == []
    assert disagreements(fake_github_graphql.SCHEMA, schema) == []


def disagreements(part: GraphQLSchema, whole: GraphQLSchema) -> list[str]:
    """What a schema has otherwise than the one that it is a part of."""
    found = []
    for name, kind in part.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        other: Any = whole.type_map.get(name)
        if type(other) is not type(kind):
            found.append(name)
        elif isinstance(kind, GraphQLEnumType | GraphQLInputObjectType):
            found += [name] * (shape(kind) != shape(other))
        else:
            ours, theirs = shape(kind), shape(other)
            found += [f"{name}.{field}" for field in ours if not fits(ours, theirs, field)]
    return found


def shape(kind: Any) -> dict[str, Any]:
    """The names in a type, each with its type and its arguments."""
    if isinstance(kind, GraphQLEnumType):
        return dict.fromkeys(kind.values)
    return {
        name: (
            str(field.type),
            {
                argument: (str(each.type), is_required_argument(each))
                for argument, each in getattr(field, "args", {}).items()
            },
        )
        for name, field in getattr(kind, "fields", {}).items()
    }


def fits(ours: dict[str, Any], theirs: dict[str, Any], field: str) -> bool:
    if field not in theirs:
        return False
    (kind, arguments), (official_kind, official_arguments) = ours[field], theirs[field]
    required = {name for name, (_, needed) in official_arguments.items() if needed}
    known = all(official_arguments.get(name) == value for name, value in arguments.items())
    return kind == official_kind and known and required <= set(arguments)
