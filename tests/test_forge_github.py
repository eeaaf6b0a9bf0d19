"""GitHub under the real PyGithub, held against answers on loopback, and against a whole fake."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import fake_github
import pytest
from builders import added_file, comment, file_diff
from conftest import Repo
from fake_github import BOT, REPOSITORY, FakeGitHub, Pull, primary_limit, secondary_limit
from wire import TOKEN, Answer, Call, Wire, forbidden, serving

from reviewbot import __version__
from reviewbot.anchors import Comment
from reviewbot.diff import Diff
from reviewbot.errors import ForgeError, ReadOnlyError, UnsureError
from reviewbot.forge import Forge, PullRequest
from reviewbot.forge.api import PATIENCE
from reviewbot.forge.github import (
    LOOK,
    GitHub,
    find_pull,
    line_comment,
    resolution,
    review,
    shown,
    sight,
    status,
)
from reviewbot.history import Discussion, Note, Thread

HEAD, TIP = "a" * 40, "b" * 40
NO_DIFF = Diff(())  # GitHub needs none to post
WHOLE: Any = {"complete": True}


# --- what GraphQL says --------------------------------------------------------------------------


def said(number: int, body: str = "Hm.", login: str | None = "ada", **changes: Any) -> Any:
    node = {
        "databaseId": str(number),
        "body": body,
        "url": f"https://git.example.org/c/{number}",
        "createdAt": "2026-01-02T03:04:05Z",
        "viewerDidAuthor": False,
        "author": login and {"login": login},
    }
    return node | changes


def thread(*notes: Any, **changes: Any) -> Any:
    node = {
        "id": "PRRT_1",
        "isResolved": False,
        "viewerCanResolve": True,
        "resolvedBy": None,
        "opening": {"nodes": [{"reactions": {"nodes": []}}]},
        "answers": {"nodes": list(notes) or [said(1)]},
    }
    return node | changes


def listed(*nodes: Any, end: str | None = None, more: bool = False) -> Any:
    return {"pageInfo": {"hasNextPage": more, "endCursor": end}, "nodes": list(nodes)}


def page(threads: Any = None, notes: Any = None, **changes: Any) -> Any:
    pull = {
        "number": 7,
        "url": "https://git.example.org/acme/shop/pull/7",
        "title": "Sell more",
        "body": "Customers want it.",
        "state": "OPEN",
        "isDraft": False,
        "isCrossRepository": False,
        "author": {"login": "ada"},
        "labels": {"nodes": [{"name": "shop"}]},
        "baseRefName": "main",
        "baseRefOid": TIP,
        "headRefOid": HEAD,
        "reviewThreads": threads or listed(),
        "comments": notes or listed(),
    }
    viewer = {"login": "github-actions[bot]"}
    return {"viewer": viewer, "repository": {"pullRequest": pull | changes}}


def seen(**changes: Any) -> Answer:
    return Answer({"data": page(**changes)})


PULL = PullRequest(
    repository="acme/shop",
    number=7,
    url="https://git.example.org/acme/shop/pull/7",
    title="Sell more",
    description="Customers want it.",
    author="ada",
    open=True,
    draft=False,
    labels=("shop",),
    target="main",
    tip=TIP,
    head=HEAD,
    foreign=False,
)


def test_a_pull_request_as_it_is() -> None:
    assert sight("acme/shop", [page()]).pull == PULL
    changed = page(state="MERGED", isDraft=True, isCrossRepository=True, author=None, labels=None)
    assert sight("acme/shop", [changed]).pull == replace(
        PULL, open=False, draft=True, foreign=True, author="ghost", labels=()
    )


def test_discussions_have_their_notes_and_who_rejected_them() -> None:
    users = [{"user": {"login": "eve"}}, {"user": None}]
    opening = {"nodes": [{"reactions": {"nodes": users}}]}
    first = said(4_000_000_001, "Wrong", "github-actions", viewerDidAuthor=True)
    found = sight("acme/shop", [page(listed(thread(first, said(2, login=None), opening=opening)))])
    at, url = "2026-01-02T03:04:05Z", "https://git.example.org/c/"
    assert found.discussions == (
        Discussion(
            id="PRRT_1",
            resolved=False,
            resolved_by=None,
            resolvable=True,
            notes=(
                Note(
                    id="4000000001",
                    author="github-actions",
                    own=True,
                    body="Wrong",
                    url=f"{url}4000000001",
                    at=at,
                    rejected_by=("eve",),
                ),
                Note(id="2", author="ghost", own=False, body="Hm.", url=f"{url}2", at=at),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("resolver", "resolved_by"),
    [
        ({"login": "ada"}, "ada"),
        ({"login": "github-actions"}, None),
        ({"login": "github-actions[bot]"}, None),
        (None, None),
    ],
)
def test_what_the_bot_has_resolved_itself_nobody_has(resolver: Any, resolved_by: str) -> None:
    threads = listed(thread(isResolved=True, resolvedBy=resolver))
    (discussion,) = sight("acme/shop", [page(threads)]).discussions
    assert (discussion.resolved, discussion.resolved_by) == (True, resolved_by)


def test_a_discussion_without_comments_is_none() -> None:
    empty = thread(answers={"nodes": [None]}, opening={"nodes": []})
    assert sight("acme/shop", [page(listed(empty, None))]).discussions == ()


def test_looking_is_one_call(wire: Wire) -> None:
    found = wire.github(seen(notes=listed(said(9), end="n1"))).look()
    assert (found.pull, [note.id for note in found.notes]) == (PULL, ["9"])
    (call,) = wire.calls
    assert (call.verb, call.path) == ("POST", "/api/graphql")
    assert call.body["query"] == LOOK
    variables = {"owner": "acme", "name": "shop", "number": 7, "threads": None, "notes": None}
    assert call.body["variables"] == variables
    assert call.headers["authorization"] == f"token {TOKEN}"
    assert call.headers["user-agent"] == f"reviewbot/{__version__}"


def test_looking_goes_on_where_there_is_more(wire: Wire) -> None:
    pages = (
        seen(threads=listed(thread(said(1)), end="t1", more=True), notes=listed(said(8), end="n1")),
        seen(threads=listed(thread(said(2)), end="t2", more=True)),
        seen(threads=listed(thread(said(3)), end="t3"), headRefOid="c" * 40),
    )
    found = wire.github(*pages).look()
    assert [discussion.notes[0].id for discussion in found.discussions] == ["1", "2", "3"]
    assert [note.id for note in found.notes] == ["8"]
    assert found.pull.head == "c" * 40
    cursors = [call.body["variables"] for call in wire.calls]
    assert [each["threads"] for each in cursors] == [None, "t1", "t2"]
    assert [each["notes"] for each in cursors] == [None, "n1", "n1"]


def failure(kind: str | None, message: str, **data: Any) -> Answer:
    return Answer({"data": data or None, "errors": [{"type": kind, "message": message}]})


def test_a_pull_request_that_is_not_there_is_said(wire: Wire) -> None:
    github = wire.github(failure("NOT_FOUND", "Could not resolve", repository=None))
    with pytest.raises(ForgeError, match="there is no pull request 7 in acme/shop"):
        github.look()


def test_an_error_in_a_part_of_the_answer_hides_no_comments(wire: Wire) -> None:
    github = wire.github(failure("FORBIDDEN", "Not for you", **page()))
    with pytest.raises(ForgeError, match=r"\(403\): Not for you"):
        github.look()


@pytest.mark.parametrize("content", ["<html>log in</html>", [], {"data": {}}, {"data": None}])
def test_what_is_no_answer_of_github_is_an_error(wire: Wire, content: Any) -> None:
    with pytest.raises(ForgeError, match="otherwise than its API should"):
        wire.github(Answer(content)).look()


def test_the_merge_base_comes_without_the_files(wire: Wire) -> None:
    github = wire.github(Answer({"merge_base_commit": {"sha": "c" * 40}, "commits": []}))
    assert github.merge_base(PULL) == "c" * 40
    assert wire.said == [f"GET /api/v3/repos/acme/shop/compare/{TIP}...{HEAD}?page=2&per_page=1"]


def test_git_fetches_from_the_server_with_the_token(wire: Wire) -> None:
    remote = wire.github(Answer()).remote()
    assert remote.url == "https://git.example.org/acme/shop.git"
    scheme, value = remote.authorization.split()
    assert (scheme, b64decode(value).decode()) == ("Basic", f"x-access-token:{TOKEN}")
    assert TOKEN not in repr(remote)
    assert wire.calls == []


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (Answer({"permission": "admin"}), True),
        (Answer({"permission": "write", "role_name": "maintain"}), True),
        (Answer({"permission": "read", "role_name": "triage"}), False),
        (Answer({"permission": "none"}), False),
        (Answer({"message": "ada is not a user"}, 404), False),
    ],
)
def test_who_may_write_is_asked_once(wire: Wire, answer: Answer, may: bool) -> None:
    github = wire.github(answer)
    assert [github.may_write("a/b[bot]"), github.may_write("a/b[bot]")] == [may, may]
    path = "/api/v3/repos/acme/shop/collaborators/a%2Fb%5Bbot%5D/permission"
    assert wire.said == [f"GET {path}"]


# --- a pull request by its head -----------------------------------------------------------------


def pull_head(number: int, sha: str, repository: str | None) -> Any:
    return {
        "number": number,
        "head": {"sha": sha, "repo": repository and {"full_name": repository}},
    }


def test_a_pull_request_is_found_by_repository_and_commit_of_its_head(wire: Wire) -> None:
    wire.answers = [
        Answer(
            [
                pull_head(1, HEAD, None),
                pull_head(2, HEAD, "eve/other"),
                pull_head(3, TIP, "eve/shop"),
                pull_head(4, HEAD, "eve/shop"),
            ]
        )
    ]

    def find(head: str) -> int | None:
        return find_pull(
            f"{wire.url}/api/v3",
            TOKEN,
            "acme/shop",
            head_repository="eve/shop",
            head_branch="fix/a b&c",
            head=head,
        )

    assert (find(HEAD), find("c" * 40)) == (4, None)
    query = "head=eve%3Afix%2Fa+b%26c&per_page=100&state=open"
    assert wire.said == [f"GET /api/v3/repos/acme/shop/pulls?{query}"] * 2


# --- what is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, {"line": 3, "side": "RIGHT"}),
        ({"side": "old"}, {"line": 3, "side": "LEFT"}),
        (
            {"end_line": 5},
            {"line": 5, "side": "RIGHT", "start_line": 3, "start_side": "RIGHT"},
        ),
        (
            {"end_line": 4, "side": "old"},
            {"line": 4, "side": "LEFT", "start_line": 3, "start_side": "LEFT"},
        ),
    ],
)
def test_a_comment_names_its_lines(changes: dict[str, Any], place: dict[str, Any]) -> None:
    expected = {"path": "app.py", "body": "It fails.", **place}
    assert line_comment(comment(**changes), "It fails.") == expected


def test_a_review_has_a_text_and_never_approves() -> None:
    assert review(HEAD, [(comment(), "It fails."), (comment(line=9, end_line=9), "Too.")]) == {
        "commit_id": HEAD,
        "event": "COMMENT",
        "body": "2 findings. The summary is kept in one comment of this pull request.",
        "comments": [
            {"path": "app.py", "body": "It fails.", "line": 3, "side": "RIGHT"},
            {"path": "app.py", "body": "Too.", "line": 9, "side": "RIGHT"},
        ],
    }


def test_each_discussion_is_resolved_on_its_own() -> None:
    assert resolution(["PRRT_a", "PRRT_b"]) == {
        "query": "mutation Resolve($t0: ID!, $t1: ID!) {\n"
        "  t0: resolveReviewThread(input: {threadId: $t0}) { thread { id } }\n"
        "  t1: resolveReviewThread(input: {threadId: $t1}) { thread { id } }\n"
        "}",
        "variables": {"t0": "PRRT_a", "t1": "PRRT_b"},
    }


def test_a_status_is_short() -> None:
    assert status("success", "no findings", "") == {
        "state": "success",
        "context": "reviewbot",
        "description": "no findings",
    }
    long = status("failure", "x" * 141, "https://ci.example.org/1")
    assert long["description"] == "x" * 139 + "…"
    assert long["target_url"] == "https://ci.example.org/1"


# --- writing ------------------------------------------------------------------------------------


def several(count: int) -> list[tuple[Comment, str]]:
    return [(comment(line=n, end_line=n), f"text {n}") for n in range(1, count + 1)]


def test_all_comments_are_one_review(wire: Wire) -> None:
    assert list(wire.github(Answer({"id": 1})).post(HEAD, NO_DIFF, several(30), "", **WHOLE)) == []
    (call,) = wire.calls
    assert f"{call.verb} {call.path}" == "POST /api/v3/repos/acme/shop/pulls/7/reviews"
    assert call.body == review(HEAD, several(30))


def test_no_comments_are_no_review(wire: Wire) -> None:
    assert list(wire.github(Answer()).post(HEAD, NO_DIFF, [], "", **WHOLE)) == []
    assert wire.calls == []


@pytest.mark.parametrize("bad", [set(), {1}, {30}, {4, 5}, {1, 16, 17, 30}, set(range(1, 31))])
def test_what_github_refuses_is_found_and_the_rest_posted_once(wire: Wire, bad: set[int]) -> None:
    posted: list[int] = []

    def react(call: Call) -> Answer:
        lines = [entry["line"] for entry in call.body["comments"]]
        if bad & set(lines):
            errors = ["Line could not be resolved"]
            return Answer({"message": "Unprocessable Entity", "errors": errors}, 422)
        posted.extend(lines)
        return Answer({"id": 1})

    wire.react = react
    refused = wire.github().post(HEAD, NO_DIFF, several(30), "", **WHOLE)
    assert [each.line for each in refused] == sorted(bad)
    assert sorted(posted) == sorted(set(range(1, 31)) - bad)
    assert len(wire.calls) <= max(1, 12 * len(bad))


def test_the_summary_is_written_once_and_then_changed(wire: Wire) -> None:
    github = wire.github(Answer({"id": 4_000_000_001}, 201))
    assert github.write_summary(None, "new") == "4000000001"
    assert github.write_summary("12", "newer") == "12"
    github.answer("I can review.")
    root = "/api/v3/repos/acme/shop/issues"
    assert [(call.verb, call.path, call.body) for call in wire.calls] == [
        ("POST", f"{root}/7/comments", {"body": "new"}),
        ("PATCH", f"{root}/comments/12", {"body": "newer"}),
        ("POST", f"{root}/7/comments", {"body": "I can review."}),
    ]


def test_a_summary_that_somebody_deleted_is_written_anew(wire: Wire) -> None:
    github = wire.github(Answer({"message": "Not Found"}, 404), Answer({"id": 13}, 201))
    assert github.write_summary("12", "text") == "13"
    assert [call.verb for call in wire.calls] == ["PATCH", "POST"]


def test_own_comments_are_taken_back(wire: Wire) -> None:
    github = wire.github(Answer(status=204), Answer({"message": "Not Found"}, 404))
    github.delete(["1"], ["2"])
    root = "/api/v3/repos/acme/shop"
    assert wire.said == [f"DELETE {root}/issues/comments/1", f"DELETE {root}/pulls/comments/2"]


def test_a_command_is_acknowledged_and_a_status_set(wire: Wire) -> None:
    github = wire.github(Answer({"id": 1}, 201))
    github.acknowledge("5")
    github.set_status(HEAD, "pending", "under review", "https://ci.example.org/1")
    root = "/api/v3/repos/acme/shop"
    assert [(call.verb, call.path, call.body) for call in wire.calls] == [
        ("POST", f"{root}/issues/comments/5/reactions", {"content": "+1"}),
        (
            "POST",
            f"{root}/statuses/{HEAD}",
            status("pending", "under review", "https://ci.example.org/1"),
        ),
    ]


@dataclass(frozen=True)
class Begun:
    """Of a thread, all that resolving looks at."""

    discussion: Discussion


def threads(*ids: str) -> list[Thread]:
    note = Note(id="1", author="github-actions", own=True, body="", url="", at="")
    begun = [Begun(Discussion(each, False, None, True, (note,))) for each in ids]
    return cast("list[Thread]", begun)


def test_discussions_are_resolved_with_one_call(wire: Wire) -> None:
    github = wire.github(Answer({"data": {"t0": {"thread": {"id": "a"}}, "t1": {}}}))
    github.resolve([])
    github.resolve(threads("a", "b"))
    (call,) = wire.calls
    assert (call.verb, call.path) == ("POST", "/api/graphql")
    assert call.body == resolution(["a", "b"])


def test_a_discussion_that_is_gone_needs_no_resolving(wire: Wire) -> None:
    github = wire.github(failure("NOT_FOUND", "Could not resolve to a node", t0=None, t1={}))
    github.resolve(threads("a", "b"))
    assert len(wire.calls) == 1


def test_who_may_not_resolve_is_told(wire: Wire) -> None:
    message = "Resource not accessible by integration"
    github = wire.github(failure("FORBIDDEN", message, t0=None))
    with pytest.raises(ReadOnlyError, match=message):
        github.resolve(threads("a"))


# --- errors -------------------------------------------------------------------------------------

Act = Callable[[GitHub], object]
READS: list[Act] = [
    lambda github: github.look(),
    lambda github: github.merge_base(PULL),
    lambda github: github.may_write("ada"),
]
WRITES: list[Act] = [
    lambda github: github.post(HEAD, NO_DIFF, several(2), "", **WHOLE),
    lambda github: github.write_summary(None, "text"),
    lambda github: github.write_summary("1", "text"),
    lambda github: github.answer("text"),
    lambda github: github.resolve(threads("a")),
    lambda github: github.delete(["1"], []),
    lambda github: github.delete([], ["1"]),
    lambda github: github.acknowledge("1"),
    lambda github: github.set_status(HEAD, "error", "no", ""),
]
LOST = [Answer(status=0), Answer("<html>Unicorn!</html>", 502), Answer({"message": "Oops"}, 500)]


@pytest.mark.parametrize("act", READS)
@pytest.mark.parametrize("lost", LOST)
def test_a_question_without_an_answer_is_asked_again(wire: Wire, act: Act, lost: Answer) -> None:
    content = {**page(), "merge_base_commit": {"sha": "c"}, "permission": "read"}
    act(wire.github(lost, lost, Answer(content | {"data": page()})))
    assert len(wire.calls) == 3
    assert wire.slept == [1.0, 2.0]
    assert [seconds for seconds, _ in wire.pauses] == [1.0, 2.0]


@pytest.mark.parametrize("act", READS)
@pytest.mark.parametrize("lost", LOST)
def test_a_question_is_asked_three_times_at_most(wire: Wire, act: Act, lost: Answer) -> None:
    github = wire.github(lost)
    with pytest.raises(ForgeError, match="did not answer as it should") as raised:
        act(github)
    assert type(raised.value) is ForgeError
    assert len(wire.calls) == 3
    assert "Unicorn" not in str(raised.value)


@pytest.mark.parametrize("act", WRITES)
@pytest.mark.parametrize("lost", LOST)
def test_a_write_without_an_answer_is_never_repeated(wire: Wire, act: Act, lost: Answer) -> None:
    github = wire.github(lost)
    with pytest.raises(UnsureError, match="nobody knows"):
        act(github)
    assert (len(wire.calls), wire.slept) == (1, [])


def test_graphql_fails_with_status_200_too(wire: Wire) -> None:
    hiccup = failure(None, "Something went wrong while executing your query.")
    assert wire.github(hiccup, seen()).look().pull == PULL
    with pytest.raises(UnsureError):
        wire.github(hiccup).resolve(threads("a"))


@pytest.mark.parametrize("act", WRITES)
@pytest.mark.parametrize(
    "message", ["Resource not accessible by integration", "Must have admin rights to Repository."]
)
def test_a_token_that_may_not_write_is_told_from_other_failures(
    wire: Wire, act: Act, message: str
) -> None:
    github = wire.github(forbidden(message))
    with pytest.raises(ReadOnlyError, match="may not write here") as raised:
        act(github)
    assert message in raised.value.message
    assert len(wire.calls) == 1


@pytest.mark.parametrize("act", READS + WRITES)
def test_a_token_that_is_not_accepted_is_said_with_what_it_needs(wire: Wire, act: Act) -> None:
    github = wire.github(Answer({"message": "Bad credentials"}, 401))
    with pytest.raises(ForgeError, match="does not accept the token") as raised:
        act(github)
    assert "pull-requests: write" in raised.value.hint
    assert len(wire.calls) == 1


def test_errors_hold_no_token_and_only_what_github_says(wire: Wire) -> None:
    content = {"message": f"No\n{TOKEN}\u202e", "errors": [{"value": "secret", "message": "bad"}]}
    with pytest.raises(ForgeError) as raised:
        wire.github(Answer(content, 410)).merge_base(PULL)
    assert raised.value.message == "GitHub refuses the call (410): No [token]<U+202E>: bad"


def test_no_token_is_an_error(wire: Wire) -> None:
    with pytest.raises(ForgeError, match="no token"):
        GitHub(wire.url, f"{wire.url}/graphql", wire.url, "", "acme/shop", 7)


def test_an_address_is_one_of_the_web() -> None:
    with pytest.raises(ForgeError, match="no address"):
        GitHub("", "", "", TOKEN, "acme/shop", 7)


def test_both_apis_are_of_one_host() -> None:
    with pytest.raises(ForgeError, match="one host"):
        GitHub("https://a.test", "https://b.test/graphql", "https://a.test", TOKEN, "a/b", 7)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("act", READS + WRITES)
def test_the_token_does_not_follow_to_another_host(wire: Wire, act: Act, code: int) -> None:
    with serving() as other:
        other.answers = [Answer({})]
        target = other.url.replace("127.0.0.1", "localhost")
        github = wire.github(Answer({"message": "Moved"}, code, {"Location": f"{target}/x"}))
        with pytest.raises(ForgeError, match="sends the call elsewhere"):
            act(github)
        assert other.calls == []
    assert len(wire.calls) == 1


def test_a_proxy_of_the_environment_is_used(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", wire.url)
    monkeypatch.setenv("no_proxy", "")
    wire.answers = [seen()]
    api = "http://git.invalid/api"
    found = GitHub(
        f"{api}/v3", f"{api}/graphql", "http://git.invalid", TOKEN, "acme/shop", 7
    ).look()
    assert found.pull == PULL
    assert wire.said == ["POST http://git.invalid:80/api/graphql"]


def test_what_cannot_be_trusted_gets_no_token(wire: Wire) -> None:
    secure = wire.url.replace("http:", "https:")
    github = GitHub(
        secure, f"{secure}/graphql", secure, TOKEN, "acme/shop", 7, sleep=wire.slept.append
    )
    with pytest.raises(ForgeError, match="SSLError"):
        github.look()
    assert wire.calls == []


# --- rate limits --------------------------------------------------------------------------------

SPENT = "API rate limit exceeded for installation."


@pytest.mark.parametrize("act", READS + WRITES)
@pytest.mark.parametrize(
    "limit",
    [
        forbidden("You have exceeded a secondary rate limit.", retry_after="7"),
        forbidden("Slow down", retry_after="7"),
        Answer({"message": "Too many"}, 429, {"retry-after": "7"}),
    ],
)
def test_a_limit_is_obeyed_and_the_call_made_again(wire: Wire, act: Act, limit: Answer) -> None:
    content = {"id": 1, "data": page(), "merge_base_commit": {"sha": "c"}, "permission": "read"}
    act(wire.github(limit, Answer(content)))
    assert len(wire.calls) == 2
    assert wire.slept == [7.0]
    ((seconds, why),) = wire.pauses
    assert (seconds, "rate limit" in why) == (7.0, True)


@pytest.mark.parametrize(
    "limit",
    [
        forbidden("You have exceeded a secondary rate limit."),
        Answer({"message": "Too many"}, 429),
        Answer({"message": "Invalid", "errors": [{"message": "was submitted too quickly"}]}, 422),
        failure("RATE_LIMITED", "API rate limit exceeded"),
    ],
)
def test_a_limit_without_a_time_costs_a_minute(wire: Wire, limit: Answer) -> None:
    wire.github(limit, Answer({"data": {}})).resolve(threads("a"))
    assert wire.slept == [60.0]


def test_a_spent_hour_is_waited_for_where_it_ends_soon(wire: Wire) -> None:
    reset = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(time.time()) + 100)}
    wire.github(forbidden(SPENT, **reset), Answer({"id": 1})).answer("text")
    (slept,) = wire.slept
    assert 1 <= slept <= 101


def test_a_spent_hour_that_lasts_is_said(wire: Wire) -> None:
    end = (int(time.time()) // 60 + 30) * 60
    reset = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(end)}
    with pytest.raises(ForgeError) as raised:
        wire.github(forbidden(SPENT, **reset)).answer("text")
    assert f"ends at {time.strftime('%H:%M', time.gmtime(end))} UTC" in raised.value.message
    assert wire.slept == []


def test_the_waiting_is_bounded_over_all_calls(wire: Wire) -> None:
    limit = forbidden(SPENT, retry_after="80")
    github = wire.github(limit, Answer({"id": 1}), limit, Answer({"id": 1}), limit)
    github.answer("one")
    github.answer("two")
    with pytest.raises(ForgeError, match="rate limit"):
        github.answer("three")
    assert sum(wire.slept) <= PATIENCE
    assert wire.slept == [80.0, 80.0]


def test_the_bound_can_be_set(wire: Wire) -> None:
    github = wire.github(forbidden(SPENT, retry_after="8"), patience=5.0)
    with pytest.raises(ForgeError, match="rate limit"):
        github.answer("text")
    assert wire.slept == []


# --- places -------------------------------------------------------------------------------------


def big(path: str, lines: int, width: int = 1) -> Any:
    return added_file(path, ["x" * width] * lines)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([], set()),
        ([file_diff("a.py"), file_diff("b.py")], {"a.py", "b.py"}),
        ([file_diff("a.py"), replace(file_diff("b.png"), patch=b"")], {"a.py"}),
        ([file_diff("hidden\u200b.py"), file_diff("ünïcode.py")], {"ünïcode.py"}),
        ([big("huge.txt", 20_001), file_diff("z.py")], {"z.py"}),
        ([big("wide.txt", 100, 5_000), file_diff("z.py")], {"z.py"}),
        ([big("a", 12_000), big("b", 12_000), file_diff("z.py")], {"a"}),
        ([big(name, 90, 5_000) for name in "abc"], {"a", "b"}),
        ([file_diff(f"{n:03}") for n in range(302)], {f"{n:03}" for n in range(300)}),
    ],
)
def test_github_shows_the_lines_of_files_up_to_its_limits(files: Any, names: set[str]) -> None:
    assert shown(Diff(tuple(files))) == names


def test_comments_stand_at_lines_that_github_shows(wire: Wire) -> None:
    github = wire.github(Answer())
    one, other = Diff((file_diff("app.py"),)), Diff((file_diff("main.py"),))
    assert github.placeable(one, comment())
    assert not github.placeable(one, comment(anchored=False, line=None, end_line=None))
    assert not github.placeable(one, comment(path="App.py"))
    assert not github.placeable(other, comment())
    assert wire.calls == []


def test_it_is_a_forge(wire: Wire) -> None:
    forge: Forge = wire.github(Answer())
    assert forge.body_limit == 65_536


# --- with a GitHub that keeps state -------------------------------------------------------------

BASE = "".join(f"line {number}\n" for number in range(1, 41))


@pytest.fixture
def hub(repo: Repo) -> Iterator[FakeGitHub]:
    """A GitHub with a branch that changes lines 5 and 30 of a file."""
    repo.write("app.py", BASE)
    repo.commit()
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("app.py", BASE.replace("line 5\n", "five\n").replace("line 30\n", "thirty\n"))
    repo.commit()
    with fake_github.serving(repo) as hub:
        yield hub


@pytest.fixture
def pull(hub: FakeGitHub) -> Pull:
    return hub.open_pull()


def opened(hub: FakeGitHub, slept: list[float] | None = None, **token: Any) -> GitHub:
    place = hub.url, hub.graphql_url, hub.server_url
    waits = [] if slept is None else slept
    return GitHub(*place, hub.token(**token), REPOSITORY, 1, sleep=waits.append)


AT_5 = (comment(line=5, end_line=5), "Five?")
AT_30 = (comment(line=29, end_line=30), "Thirty?")
REMOVED = (comment(line=30, end_line=30, side="old"), "Why not?")
NOWHERE = (comment(line=15, end_line=15), "Fifteen?")


def test_a_review_from_the_first_look_to_the_last(hub: FakeGitHub, pull: Pull) -> None:
    hub.human_comment(1, "author", "Please look.")
    github = opened(hub)
    before = github.look()
    assert before.pull.head == pull.head_sha
    assert github.merge_base(before.pull) == pull.merge_base
    assert list(github.post(pull.head_sha, NO_DIFF, [AT_5, AT_30, REMOVED], "", **WHOLE)) == []
    note = github.write_summary(None, "Three findings.")
    assert github.write_summary(note, "Still three.") == note
    hub.thumbs_down(pull.threads[0].opening, "author")
    hub.reply(pull.threads[1], "author", "I disagree.")
    hub.resolve(pull.threads[1], "author")
    hub.resolve(pull.threads[2], BOT)
    sight = github.look()
    first, second, third = sight.discussions
    assert [each.body for each in first.notes] == ["Five?"]
    assert first.notes[0].rejected_by == ("author",)
    assert first.resolvable
    assert [(each.author, each.own) for each in second.notes] == [
        ("github-actions", True),
        ("author", False),
    ]
    assert [each.resolved_by for each in (first, second, third)] == [None, "author", None]
    assert third.resolved
    assert [(each.id == note, each.own, each.body) for each in sight.notes] == [
        (False, False, "Please look."),
        (True, True, "Still three."),
    ]
    assert len(hub.calls) == 6


def test_a_comment_at_no_line_of_the_diff_keeps_none_back(hub: FakeGitHub, pull: Pull) -> None:
    refused = opened(hub).post(
        pull.head_sha, NO_DIFF, [AT_5, NOWHERE, AT_30, REMOVED], "", complete=True
    )
    assert list(refused) == [NOWHERE[0]]
    assert [each.body for each in pull.threads] == ["Five?", "Thirty?", "Why not?"]


def test_discussions_beside_one_that_is_gone_are_resolved(hub: FakeGitHub, pull: Pull) -> None:
    github = opened(hub)
    github.post(pull.head_sha, NO_DIFF, [AT_5, AT_30, REMOVED], "", **WHOLE)
    ids = [each.id for each in pull.threads]
    hub.delete_comment(pull.threads[1].opening.id)
    github.resolve(threads(*ids))
    assert [each.resolved_by for each in pull.threads] == [BOT, BOT]
    with pytest.raises(ReadOnlyError, match="not accessible"):
        opened(hub, scopes={"pull-requests"}).resolve(threads(*ids))


def test_comments_and_notes_are_taken_back_by_their_ids(hub: FakeGitHub, pull: Pull) -> None:
    github = opened(hub)
    github.post(pull.head_sha, NO_DIFF, [AT_5, AT_30], "", **WHOLE)
    note = github.write_summary(None, "Two findings.")
    (first, _), gone = github.look().discussions, "1"
    github.delete([note, gone], [first.notes[0].id, gone])
    assert [each.body for each in pull.threads] == ["Thirty?"]
    assert pull.notes == []


def test_a_token_that_only_reads_can_look(hub: FakeGitHub, pull: Pull) -> None:
    github = opened(hub, access="read")
    assert github.look().pull.head == pull.head_sha
    for act in WRITES[:2]:
        with pytest.raises(ReadOnlyError):
            act(github)
    assert (pull.threads, pull.notes) == ([], [])


@pytest.mark.parametrize("status", [0, 502])
def test_a_review_that_nobody_knows_of_is_posted_once(
    hub: FakeGitHub, pull: Pull, status: int
) -> None:
    hub.fail(1, "POST .*/reviews", status=status, after_effect=True)
    with pytest.raises(UnsureError):
        opened(hub).post(pull.head_sha, NO_DIFF, [AT_5], "", **WHOLE)
    assert [each.body for each in pull.threads] == ["Five?"]


@pytest.mark.parametrize(
    "limit", [primary_limit(30), secondary_limit(30), secondary_limit(30, 429)]
)
def test_a_limited_review_is_posted_after_the_wait(
    hub: FakeGitHub, pull: Pull, limit: dict[str, Any]
) -> None:
    hub.fail(1, "POST .*/reviews", **limit)
    slept: list[float] = []
    assert list(opened(hub, slept).post(pull.head_sha, NO_DIFF, [AT_5], "", **WHOLE)) == []
    assert [each.body for each in pull.threads] == ["Five?"]
    assert 0 < sum(slept) <= 32


def test_the_rest_is_as_the_official_description_has_it(hub: FakeGitHub, pull: Pull) -> None:
    github = opened(hub)
    hub.people = {"author": "write", "eve": "read"}
    assert [github.may_write(each) for each in ("author", "eve", "nobody")] == [True, False, False]
    said = hub.human_comment(1, "author", "/reviewbot help")
    github.acknowledge(str(said.id))
    github.answer("I can review.")
    github.set_status(pull.head_sha, "success", "x" * 200, "https://ci.example.org/1")
    assert [(each.comment, each.content) for each in hub.reactions] == [(said.id, "+1")]
    assert pull.notes[-1].body == "I can review."
    (set_,) = hub.statuses
    assert (set_.context, len(set_.description)) == ("reviewbot", 140)


def test_a_pull_request_from_a_fork_is_found(hub: FakeGitHub) -> None:
    pull = hub.open_pull(head_repository="eve/shop")

    def find(repository: str, head: str) -> int | None:
        return find_pull(
            hub.url,
            hub.token(),
            REPOSITORY,
            head_repository=repository,
            head_branch="feature",
            head=head,
        )

    assert find("eve/shop", pull.head_sha) == 1
    assert find("eve/shop", pull.base_sha) is None
    assert find(REPOSITORY, pull.head_sha) is None
    assert opened(hub).look().pull.foreign
