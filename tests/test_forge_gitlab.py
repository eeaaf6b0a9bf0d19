"""GitLab under the real python-gitlab, held against answers on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from builders import added_file, comment, file_diff
from wire import TOKEN, Answer, Call, Wire, serving

from reviewbot.anchors import Comment
from reviewbot.diff import Diff, FileDiff, parse
from reviewbot.errors import ForgeError, ReadOnlyError, UnsureError
from reviewbot.forge import Forge, PullRequest, Remote
from reviewbot.forge.gitlab import GitLab, row, sight
from reviewbot.forge.silent import Silent
from reviewbot.history import Discussion, Note, Thread

BASE, START, HEAD = "b" * 40, "s" * 40, "a" * 40
BOT = "project_42_bot_1f"
NOBODY: Any = {"nodes": []}


# --- what GraphQL says --------------------------------------------------------------------------


def note(number: int, body: str = "Hm.", who: str | None = "ada", **changes: Any) -> Any:
    kind = "DiffNote" if changes.get("position") else "Note"
    return {
        "id": f"gid://gitlab/{kind}/{number}",
        "system": False,
        "body": body,
        "url": f"https://git.example.org/n/{number}",
        "createdAt": f"2026-01-02T03:04:{number:02d}Z",
        "author": who and user(who),
        "position": None,
        "userPermissions": {"resolveNote": True},
        "awardEmoji": NOBODY,
    } | changes


def user(name: str) -> Any:
    return {"id": f"gid://gitlab/User/{len(name)}", "username": name}


def talk(*notes: Any, **changes: Any) -> Any:
    node = {"id": "gid://gitlab/DiffDiscussion/d1", "resolved": False}
    node |= {"resolvedBy": None, "resolvedAt": None}
    said = {"opening": {"nodes": list(notes[:1])}, "answers": {"nodes": list(notes[-100:])}}
    return node | said | changes


def at_line(number: int, *answers: Any, **changes: Any) -> Any:
    return talk(note(number, "At a line.", BOT, position={"filePath": "a.py"}), *answers, **changes)


def thumbs(*names: str, emoji: str = "thumbsdown") -> Any:
    return {"nodes": [{"name": emoji, "user": user(name)} for name in names]}


def page(*talks: Any, end: str | None = None, more: bool = False, **changes: Any) -> Any:
    request = {
        "webUrl": "https://git.example.org/acme/shop/-/merge_requests/7",
        "title": "Sell more",
        "description": "Customers want it.",
        "state": "opened",
        "draft": False,
        "targetBranch": "main",
        "sourceProjectId": 42,
        "targetProjectId": 42,
        "author": user("ada"),
        "labels": {"nodes": [{"title": "shop"}]},
        "diffRefs": {"baseSha": BASE, "startSha": START, "headSha": HEAD},
        "discussions": {
            "pageInfo": {"hasNextPage": more, "endCursor": end},
            "nodes": list(talks),
        },
    }
    return {
        "currentUser": {"username": BOT},
        "project": {"mergeRequest": request | changes},
    }


def seen(*talks: Any, **changes: Any) -> Answer:
    return Answer({"data": page(*talks, **changes)})


PULL = PullRequest(
    repository="acme/shop",
    number=7,
    url="https://git.example.org/acme/shop/-/merge_requests/7",
    title="Sell more",
    description="Customers want it.",
    author="ada",
    open=True,
    draft=False,
    labels=("shop",),
    target="main",
    tip=START,
    head=HEAD,
    foreign=False,
)


def looked(*talks: Any, **changes: Any) -> Any:
    return sight("acme/shop", 7, [page(*talks, **changes)])


def test_a_merge_request_as_it_is() -> None:
    assert looked().pull == PULL
    found = looked(state="merged", draft=True, sourceProjectId=9, author=None, labels=None).pull
    assert found == replace(PULL, open=False, draft=True, foreign=True, author="ghost", labels=())


def test_discussions_at_lines_have_their_notes_and_who_rejected_them() -> None:
    opening = note(1, "Wrong.", BOT, position={"filePath": "a.py"}, awardEmoji=thumbs("ada", "eve"))
    moved = note(3, "changed this line in version 2", system=True)
    answer = note(2, "Is it?", None)
    (discussion,) = looked(talk(opening, answer, moved)).discussions
    assert discussion == Discussion(
        id="d1",
        resolved=False,
        resolved_by=None,
        resolvable=True,
        notes=(
            Note("1", BOT, True, "Wrong.", opening["url"], opening["createdAt"], ("ada", "eve")),
            Note("2", "ghost", False, "Is it?", answer["url"], answer["createdAt"]),
        ),
    )
    liked = note(1, position={"filePath": "a.py"}, awardEmoji=thumbs("ada", emoji="thumbsup"))
    assert looked(talk(liked)).discussions[0].notes[0].rejected_by == ()


@pytest.mark.parametrize(
    ("solver", "system", "by"),
    [
        ("ada", None, "ada"),
        (BOT, None, None),
        ("ada", "10", "ada"),  # the lines had changed before
        ("ada", "20", None),
        ("ada", "21", None),
    ],
)
def test_what_the_bot_or_a_push_has_resolved_nobody_has(
    solver: str, system: str | None, by: str | None
) -> None:
    changed = [note(int(system), "changed this line", "ada", system=True)] if system else []
    resolution = {"resolvedBy": user(solver), "resolvedAt": "2026-01-02T03:04:20Z"}
    (found,) = looked(at_line(1, *changed, resolved=True, **resolution)).discussions
    assert (found.resolved, found.resolved_by) == (True, by)


def test_all_else_that_people_say_are_notes_by_their_age() -> None:
    system = note(3, "added 1 commit", system=True)
    found = looked(talk(note(9)), talk(system), at_line(4), talk(note(1), note(20)))
    assert [each.id for each in found.notes] == ["1", "9", "20"]
    assert [each.notes[0].id for each in found.discussions] == ["4"]


# --- asking -------------------------------------------------------------------------------------


def test_looking_is_one_call(wire: Wire) -> None:
    assert wire.gitlab(seen(talk(note(1)))).look().pull == PULL
    (call,) = wire.calls
    assert (call.verb, call.path) == ("POST", "/sub/api/graphql")
    assert call.body["variables"] == {"path": "acme/shop", "iid": "7", "after": None}
    assert call.headers["private-token"] == TOKEN


def test_looking_goes_on_where_there_is_more(wire: Wire) -> None:
    gitlab = wire.gitlab(seen(at_line(1), end="E", more=True), seen(at_line(2)))
    assert [each.notes[0].id for each in gitlab.look().discussions] == ["1", "2"]
    assert [call.body["variables"]["after"] for call in wire.calls] == [None, "E"]


@pytest.mark.parametrize("project", [None, {"mergeRequest": None}])
def test_a_merge_request_that_is_not_there_is_said(wire: Wire, project: Any) -> None:
    answer = Answer({"data": {"currentUser": {"username": BOT}, "project": project}})
    with pytest.raises(ForgeError, match="there is no merge request 7 in acme/shop") as raised:
        wire.gitlab(answer).look()
    assert "GITLAB_TOKEN" in raised.value.hint


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("<html>log in</html>"), "otherwise than its API should"),
        (Answer([]), "otherwise than its API should"),
        (Answer({"data": {}}), "otherwise than its API should"),
        (Answer({"data": {"currentUser": None}}), "whose token this is"),
        (Answer({"errors": [{"message": "Query has complexity of 999"}]}), "complexity of 999"),
        (seen(diffRefs=None), "no diff of the merge request yet"),
    ],
)
def test_what_cannot_be_looked_at_is_an_error(wire: Wire, answer: Answer, words: str) -> None:
    with pytest.raises(ForgeError, match=words):
        wire.gitlab(answer).look()


def test_the_merge_base_is_that_of_gitlab_s_own_diff(wire: Wire) -> None:
    gitlab = wire.gitlab(seen())
    assert gitlab.merge_base(gitlab.look().pull) == BASE
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (Answer({"access_level": 30}), True),
        (Answer({"access_level": 20}), False),
        (Answer({"message": "404 Not found"}, 404), False),
    ],
)
def test_developers_may_write(wire: Wire, answer: Answer, *, may: bool) -> None:
    gitlab = wire.gitlab(seen(talk(note(1, who="eve"))), answer)
    gitlab.look()
    assert gitlab.may_write("eve") is gitlab.may_write("eve") is may
    assert gitlab.may_write("nobody") is False  # who has said nothing is not asked for
    assert wire.said[1:] == ["GET /sub/api/v4/projects/acme%2Fshop/members/all/3"]


# --- places -------------------------------------------------------------------------------------

PATCH = b"""\
diff --git a/old.py b/new.py
similarity index 60%
rename from old.py
rename to new.py
--- a/old.py
+++ b/new.py
@@ -10,7 +10,8 @@ def f():
 ten
 eleven
 twelve
-thirteen
+THIRTEEN
+THIRTEEN AND A HALF
 fourteen
 fifteen
 sixteen
@@ -30,4 +31,3 @@
 thirty
 thirty-one
-thirty-two
 thirty-three
"""
NAME = hashlib.sha1(b"new.py").hexdigest()
REFS = {"base_sha": BASE, "start_sha": START, "head_sha": HEAD, "position_type": "text"}
PATHS = {"old_path": "old.py", "new_path": "new.py"}


def renamed() -> Diff:
    return parse(PATCH.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("side", "number", "numbers"),
    [
        ("new", 1, {"old_line": 1, "new_line": 1}),
        ("new", 9, {"old_line": 9, "new_line": 9}),
        ("new", 12, {"old_line": 12, "new_line": 12}),
        ("old", 13, {"old_line": 13}),
        ("new", 13, {"new_line": 13}),
        ("new", 14, {"new_line": 14}),
        ("new", 15, {"old_line": 14, "new_line": 15}),
        ("new", 20, {"old_line": 19, "new_line": 20}),
        ("old", 20, {"old_line": 20, "new_line": 21}),
        ("old", 32, {"old_line": 32}),
        ("new", 33, {"old_line": 33, "new_line": 33}),
        ("new", 99, {"old_line": 99, "new_line": 99}),
        ("old", 99, {"old_line": 99, "new_line": 99}),
    ],
)
def test_a_line_has_the_numbers_that_gitlab_looks_for(
    side: str, number: int, numbers: dict[str, int]
) -> None:
    (file,) = renamed().files
    assert row(file, side, number).numbers() == numbers


@pytest.mark.parametrize(
    ("file", "side", "code"),
    [
        (added_file("a.py", ["one", "two"]), "new", "0_2"),
        (parse(PATCH.splitlines(keepends=True)).files[0], "old", "2_2"),
    ],
)
def test_lines_of_new_files_have_no_old_number(file: FileDiff, side: str, code: str) -> None:
    found = row(file, side, 2)
    assert f"{found.old}_{found.new}" == code


def posted(wire: Wire, diff: Diff, *comments: Comment, **options: Any) -> list[Call]:
    """What is sent to publish these comments; the look in the end shows them all."""
    published: list[Any] = []

    def react(call: Call) -> Answer:
        if call.path.endswith("graphql"):
            return seen(*published)
        if call.path.endswith("/draft_notes"):
            where = {"filePath": "a.py"}
            published.append(talk(note(len(published) + 1, call.body["note"], BOT, position=where)))
            return Answer({"id": 1}, 201)
        return Answer(options.get("drafts", [])) if call.verb == "GET" else Answer(status=204)

    gitlab = wire.gitlab()
    wire.react = react
    gitlab.look()
    texts = [(each, f"marker {number}\ntext") for number, each in enumerate(comments)]
    assert list(gitlab.post(HEAD, diff, texts, "Summary.", complete=True)) == []
    return [call for call in wire.calls if call.verb == "POST" and "graphql" not in call.path]


def test_comments_are_drafted_and_published_as_one_review_with_the_summary(wire: Wire) -> None:
    one = comment(path="new.py", line=13, end_line=13)
    calls = posted(wire, renamed(), one, replace(one, line=15, end_line=15))
    root = "/sub/api/v4/projects/acme%2Fshop/merge_requests/7/draft_notes"
    assert [call.path for call in calls] == [root, root, f"{root}/bulk_publish"]
    assert calls[0].body == {
        "note": "marker 0\ntext",
        "position": {**REFS, **PATHS, "new_line": 13},
    }
    assert calls[1].body["position"] == {**REFS, **PATHS, "old_line": 14, "new_line": 15}
    assert calls[2].body == {"reviewer_state": "reviewed", "note": "Summary."}


def test_several_lines_are_a_range_that_ends_at_the_commented_line(wire: Wire) -> None:
    draft, _ = posted(wire, renamed(), comment(path="new.py", line=12, end_line=14))
    assert draft.body["position"] == {
        **REFS,
        **PATHS,
        "new_line": 14,
        "line_range": {
            "start": {"line_code": f"{NAME}_12_12", "type": None, "old_line": 12, "new_line": 12},
            "end": {"line_code": f"{NAME}_14_14", "type": "new", "new_line": 14},
        },
    }


@pytest.mark.parametrize(
    ("refused", "lost"), [(("line_range",), False), (("line_range", "new_line"), True)]
)
def test_several_lines_that_are_refused_are_tried_at_the_last_one(
    wire: Wire, refused: tuple[str, ...], lost: bool
) -> None:
    def react(call: Call) -> Answer:
        if call.path.endswith("graphql"):
            return seen()
        if "draft_notes" in call.path:
            return Answer({"message": "404 Not Found"}, 404)
        bad = set(refused) & set(call.body["position"])
        return Answer(
            {"message": "400 Bad request - Note {:line_code=>[...]}"}, 400 if bad else 201
        )

    gitlab = wire.gitlab()
    wire.react = react
    gitlab.look()
    whole = comment(path="new.py", line=12, end_line=14)
    assert (
        list(gitlab.post(HEAD, renamed(), [(whole, "text")], "", complete=True)) == [whole] * lost
    )
    sent = [call.body["position"] for call in wire.calls if "/discussions" in call.path]
    assert [("line_range" in each, each["new_line"]) for each in sent] == [(True, 14), (False, 14)]


def test_a_removed_line_is_named_by_its_old_number(wire: Wire) -> None:
    draft, _ = posted(wire, renamed(), comment(path="new.py", line=32, end_line=32, side="old"))
    assert draft.body["position"] == {**REFS, **PATHS, "old_line": 32}


def test_a_file_that_is_new_or_gone_has_one_path(wire: Wire) -> None:
    diff = Diff((added_file("a.py", ["x"]),))
    draft, _ = posted(wire, diff, comment(path="a.py", line=1, end_line=1))
    assert draft.body["position"] == {**REFS, "old_path": "a.py", "new_path": "a.py", "new_line": 1}


def test_comments_stand_at_lines_that_gitlab_knows(wire: Wire) -> None:
    gitlab = wire.gitlab()
    diff = Diff((added_file("a.py", ["x"]), added_file("big.py", ["x" * 100] * 2100)))
    assert gitlab.placeable(diff, comment(path="a.py", line=1, end_line=1))
    assert not gitlab.placeable(
        diff, comment(path="a.py", anchored=False, line=None, end_line=None)
    )
    assert not gitlab.placeable(diff, comment(path="A.py"))
    assert not gitlab.placeable(diff, comment(path="big.py"))
    hidden = Diff((replace(file_diff("a\u200b.py"), patch=b""),))
    assert not gitlab.placeable(hidden, comment(path="a<U+200B>.py"))


@pytest.mark.parametrize(
    ("lines", "word"),
    [(1, "suggestion:-0+0"), (3, "suggestion:-2+0"), (101, "suggestion:-100+0"), (102, "")],
)
def test_a_suggestion_counts_the_lines_above(wire: Wire, lines: int, word: str) -> None:
    assert wire.gitlab().suggestion_as(comment(line=5, end_line=4 + lines)) == word


# --- writing ------------------------------------------------------------------------------------


def test_the_summary_is_written_once_and_then_changed(wire: Wire) -> None:
    gitlab = wire.gitlab(Answer({"id": 5}, 201))
    assert gitlab.write_summary(None, "one") == "5"
    assert gitlab.write_summary("5", "two") == "5"
    root = "/sub/api/v4/projects/acme%2Fshop/merge_requests/7/notes"
    assert wire.said == [f"POST {root}", f"PUT {root}/5"]
    assert [call.body for call in wire.calls] == [{"body": "one"}, {"body": "two"}]


def test_a_summary_that_somebody_deleted_is_written_anew(wire: Wire) -> None:
    gone = Answer({"message": "404 Not found"}, 404)
    assert wire.gitlab(gone, Answer({"id": 6}, 201)).write_summary("5", "one") == "6"


def test_discussions_are_resolved_and_own_notes_taken_back(wire: Wire) -> None:
    gitlab = wire.gitlab(Answer({"message": "404 Not found"}, 404), Answer({}))
    gitlab.resolve(threads("gone", "there"))
    gitlab.delete(["1"], ["2"])
    root = "/sub/api/v4/projects/acme%2Fshop/merge_requests/7"
    assert wire.said == [
        f"PUT {root}/discussions/gone?resolved=true",
        f"PUT {root}/discussions/there?resolved=true",
        f"DELETE {root}/notes/1",
        f"DELETE {root}/notes/2",
    ]


def threads(*ids: str) -> list[Thread]:
    opening = Note(id="1", author=BOT, own=True, body="", url="", at="")
    found = [Discussion(each, False, None, True, (opening,)) for each in ids]
    return [Thread(each, cast("Any", None)) for each in found]


# --- errors -------------------------------------------------------------------------------------

Act = Callable[[GitLab], object]
READS: list[Act] = [lambda gitlab: gitlab.look()]
WRITES: list[Act] = [
    lambda gitlab: gitlab.write_summary(None, "text"),
    lambda gitlab: gitlab.write_summary("1", "text"),
    lambda gitlab: gitlab.resolve(threads("a")),
    lambda gitlab: gitlab.delete(["1"], []),
    lambda gitlab: gitlab.delete([], ["1"]),
]
LOST = [Answer(status=0), Answer("<html>Unicorn!</html>", 502), Answer({"message": "Oops"}, 500)]
LIMIT = Answer("Retry later", 429, {"Retry-After": "7"})


@pytest.mark.parametrize("act", READS)
@pytest.mark.parametrize("lost", LOST)
def test_a_question_without_an_answer_is_asked_again(wire: Wire, act: Act, lost: Answer) -> None:
    act(wire.gitlab(lost, lost, seen()))
    assert (len(wire.calls), wire.slept) == (3, [1.0, 2.0])
    with pytest.raises(ForgeError, match="did not answer as it should"):
        wire.gitlab(lost).look()


@pytest.mark.parametrize("act", WRITES)
@pytest.mark.parametrize("lost", LOST)
def test_a_write_without_an_answer_is_never_repeated(wire: Wire, act: Act, lost: Answer) -> None:
    with pytest.raises(UnsureError, match="nobody knows"):
        act(wire.gitlab(lost))
    assert (len(wire.calls), wire.slept) == (1, [])


@pytest.mark.parametrize("act", READS + WRITES)
def test_a_limit_is_obeyed_and_the_call_made_again(wire: Wire, act: Act) -> None:
    act(wire.gitlab(LIMIT, Answer({"id": 1, "data": page()})))
    assert (len(wire.calls), wire.slept) == (2, [7.0])
    assert "rate limit" in wire.pauses[0][1]


def test_a_limit_without_a_time_costs_a_minute_and_all_of_them_three(wire: Wire) -> None:
    with pytest.raises(ForgeError, match="rate limit"):
        wire.gitlab(Answer("Retry later", 429)).look()
    assert wire.slept == [60.0, 60.0, 60.0]


@pytest.mark.parametrize("act", WRITES)
def test_a_token_that_may_not_write_is_told_from_other_failures(wire: Wire, act: Act) -> None:
    content = {"error": "insufficient_scope", "error_description": "It needs a higher one."}
    with pytest.raises(ReadOnlyError, match="insufficient_scope: It needs a higher") as raised:
        act(wire.gitlab(Answer(content, 403)))
    assert "role Developer" in raised.value.hint
    assert len(wire.calls) == 1


@pytest.mark.parametrize("act", READS + WRITES)
def test_a_token_that_is_not_accepted_is_said_with_what_is_needed(wire: Wire, act: Act) -> None:
    with pytest.raises(ForgeError, match="does not accept the token") as raised:
        act(wire.gitlab(Answer({"message": "401 Unauthorized"}, 401)))
    assert "GITLAB_TOKEN" in raised.value.hint


def test_errors_hold_no_token(wire: Wire) -> None:
    answer = Answer({"message": f"No\n{TOKEN}\u202e"}, 410)
    with pytest.raises(ForgeError) as raised:
        wire.gitlab(answer).write_summary(None, "text")
    assert raised.value.message == "GitLab refuses the call (410): No [token]<U+202E>"


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("act", READS + WRITES)
def test_the_token_follows_nowhere(wire: Wire, act: Act, code: int) -> None:
    with serving() as other:
        other.answers = [Answer({})]
        with pytest.raises(ForgeError, match="sends the call elsewhere"):
            act(wire.gitlab(Answer({}, code, {"Location": f"{other.url}/x"})))
        assert other.calls == []
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("api", "graphql", "words"),
    [
        ("https://a.test/api/v4", "https://b.test/api/graphql", "one host"),
        ("https://a.test/api/v3", "https://a.test/api/graphql", "no address"),
        ("", "", "no address"),
    ],
)
def test_an_address_is_one_of_gitlab(api: str, graphql: str, words: str) -> None:
    with pytest.raises(ForgeError, match=words):
        GitLab(api, graphql, TOKEN, "acme/shop", 7, remote=Remote("", ""))


def test_a_token_has_the_characters_of_one() -> None:
    with pytest.raises(ForgeError, match="characters that none has") as raised:
        GitLab(
            "https://a.test/api/v4", "https://a.test/g", "a\u2192", "a/b", 7, remote=Remote("", "")
        )
    assert "\u2192" not in str(raised.value)


def test_what_cannot_be_trusted_gets_no_token(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secure = wire.url.replace("http:", "https:")
    place = (f"{secure}/api/v4", f"{secure}/api/graphql", TOKEN, "acme/shop", 7)
    nowhere = str(tmp_path / "nowhere.pem")
    with pytest.raises(ForgeError, match="pem with certificates"):
        GitLab(*place, remote=Remote("", "", nowhere))
    gitlab = GitLab(*place, remote=Remote("", ""), sleep=wire.slept.append)
    with pytest.raises(ForgeError, match="SSLError"):
        gitlab.look()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", nowhere)
    with pytest.raises(ForgeError, match="did not answer as it should"):
        gitlab.look()
    assert wire.calls == []


def test_they_are_forges(wire: Wire) -> None:
    silent = Silent(PULL, BASE, Remote("", ""), ReadOnlyError("no"))
    forges: list[Forge] = [wire.gitlab(), silent]
    assert [forge.body_limit for forge in forges] == [1_000_000, 1_000_000]
