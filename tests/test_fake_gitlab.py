"""The rules of the GitLab that other tests rely on, under python-gitlab and git themselves."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any

import gitlab
import pytest
from conftest import Repo
from fake_forge import environment
from fake_gitlab import BOT, FakeGitLab, MergeRequest, rate_limit, serving
from fake_gitlab_rules import BODY_LIMIT

BASE = "".join(f"line {number}\n" for number in range(1, 41))
CHANGED = BASE.replace("line 5\n", "five\n5b\n").replace("line 30\n", "")
SHOP = {"old_path": "shop.py", "new_path": "shop.py"}
LINE_CODE = "line_code"


@pytest.fixture
def lab(repo: Repo) -> Iterator[FakeGitLab]:
    """A GitLab with a branch that changes shop.py at two places, and touches other files."""
    for path in ("shop.py", "moved.py", "gone.py", "same.py"):
        repo.write(path, BASE if path != "moved.py" else BASE.upper())
    repo.write("picture.png", b"\0\1")
    repo.commit()
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("shop.py", CHANGED)
    repo.write("new.py", "one\ntwo\n")
    repo.write("picture.png", b"\0\2")
    repo.git("mv", "moved.py", "to.py")
    repo.write("to.py", BASE.upper().replace("LINE 20\n", "TWENTY\n"))
    repo.git("rm", "--quiet", "gone.py")
    repo.commit()
    with serving(repo, root="/gitlab") as lab:
        yield lab


@pytest.fixture
def request_(lab: FakeGitLab) -> MergeRequest:
    return lab.open_merge_request()


def client(lab: FakeGitLab, token: str = "", **values: Any) -> gitlab.Gitlab:
    return gitlab.Gitlab(lab.server_url, private_token=token or lab.token(**values))


def seen(lab: FakeGitLab, token: str = "", **values: Any) -> Any:
    """The merge request, asked for by the path of its project."""
    project = client(lab, token, **values).projects.get(lab.name, lazy=True)
    return project.mergerequests.get(1)


def at(request: MergeRequest, **place: Any) -> dict[str, Any]:
    ends = {"base_sha": request.base_sha, "start_sha": request.start_sha}
    return ends | {"head_sha": request.head_sha, "position_type": "text"} | SHOP | place


def failure(caught: pytest.ExceptionInfo[gitlab.GitlabError]) -> tuple[int | None, str]:
    return caught.value.response_code, str(caught.value.error_message)


# --- places -------------------------------------------------------------------------------------

GONE = {"old_path": "gone.py", "new_path": "gone.py"}
MOVED = {"old_path": "moved.py", "new_path": "to.py"}
NEW = {"old_path": "new.py", "new_path": "new.py"}


@pytest.mark.parametrize(
    ("place", "side", "line"),
    [
        ({"new_line": 6}, "new", 6),
        ({"old_line": 5}, "old", 5),
        ({"old_line": 7, "new_line": 8}, "new", 8),
        ({"old_line": 1, "new_line": 1}, "new", 1),
        ({"old_line": 20, "new_line": 21}, "new", 21),
        ({"old_line": 40, "new_line": 40}, "new", 40),
        (NEW | {"new_line": 2}, "new", 2),
        (GONE | {"old_line": 40}, "old", 40),
        (MOVED | {"new_line": 20}, "new", 20),
        (MOVED | {"old_line": 1, "new_line": 1}, "new", 1),
        ({"old_path": "to.py", "new_path": "to.py", "new_line": 1}, "new", 1),  # no rename to it
        ({"new_line": 6, "old_line": None}, "new", 6),
    ],
)
def test_a_place_is_taken(
    lab: FakeGitLab, request_: MergeRequest, place: Any, side: str, line: int
) -> None:
    made = seen(lab).discussions.create({"body": "Hm.", "position": at(request_, **place)})
    (thread,) = request_.threads
    assert (made.id, thread.side, thread.line, thread.start_line) == (thread.id, side, line, None)
    assert (thread.author, [each.kind for each in lab.notifications]) == (BOT, ["discussion"])


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ({"new_line": 1}, LINE_CODE),
        ({"old_line": 6}, LINE_CODE),
        ({"old_line": 5, "new_line": 5}, LINE_CODE),
        ({"old_line": 5, "new_line": 6}, LINE_CODE),
        ({"old_line": 20, "new_line": 20}, LINE_CODE),
        ({"old_line": 41, "new_line": 41}, LINE_CODE),
        ({"new_line": 20}, LINE_CODE),
        ({}, LINE_CODE),
        (NEW | {"old_line": 1, "new_line": 1}, LINE_CODE),
        (NEW | {"new_line": 3}, LINE_CODE),
        (GONE | {"new_line": 1}, LINE_CODE),
        ({"old_path": "same.py", "new_path": "same.py", "old_line": 1, "new_line": 1}, LINE_CODE),
        ({"old_path": "to.py", "new_path": "to.py", "old_line": 1, "new_line": 1}, LINE_CODE),
        ({"old_path": "picture.png", "new_path": "picture.png", "new_line": 1}, LINE_CODE),
        ({"new_line": 6, "base_sha": "0" * 40}, LINE_CODE),
        ({"new_line": 6, "base_sha": None}, "position[base_sha] is missing"),
        ({"new_line": "six"}, "position[new_line] is invalid"),
        ({"new_line": 6, "position_type": "word"}, "does not have a valid value"),
    ],
)
def test_a_place_is_refused(
    lab: FakeGitLab, request_: MergeRequest, place: Any, error: str
) -> None:
    with pytest.raises(gitlab.GitlabCreateError) as caught:
        seen(lab).discussions.create({"body": "Hm.", "position": at(request_, **place)})
    status, message = failure(caught)
    assert (status, request_.threads, lab.notifications) == (400, [], [])
    assert error in message


def code(old: int, new: int, path: str = "shop.py") -> str:
    return f"{sha1(path.encode()).hexdigest()}_{old}_{new}"


def span(start: str, end: str, kinds: str = "new new", **values: Any) -> Any:
    first, last = kinds.split()
    ends = {"line_code": start, "type": first}, {"line_code": end, "type": last} | values
    return {"line_range": dict(zip(("start", "end"), ends, strict=True))}


@pytest.mark.parametrize(
    ("place", "start", "wrong"),
    [
        ({"new_line": 6} | span(code(6, 5), code(6, 6)), 5, ""),
        ({"new_line": 6} | span(code(5, 5), code(6, 6), "old new"), 5, ""),
        ({"old_line": 8, "new_line": 9} | span(code(4, 4), code(8, 9), "old old"), 4, ""),
        ({"old_line": 20, "new_line": 21} | span(code(18, 19), code(20, 21)), 19, ""),
        (NEW | {"new_line": 2} | span(code(0, 1, "new.py"), code(0, 2, "new.py")), 1, ""),
        (
            GONE | {"old_line": 2} | span(code(1, 0, "gone.py"), code(2, 0, "gone.py"), "old old"),
            1,
            "",
        ),
        ({"new_line": 6} | span(code(6, 6), code(6, 6), new_line=6), None, ""),
        ({"new_line": 6} | span(code(5, 6), code(6, 6)), None, "is no line of shop.py"),
        ({"new_line": 6} | span(code(6, 5, "other.py"), code(6, 6)), None, "is no line"),
        ({"new_line": 6} | span(code(6, 5), code(6, 6), "old new"), None, "type is none of"),
        ({"new_line": 5} | span(code(6, 5), code(6, 6)), None, "another line"),
        ({"new_line": 5} | span(code(6, 6), code(6, 5)), None, "comes after"),
        ({"new_line": 6} | span(code(6, 5), code(6, 6), new_line=7), None, "its lines are"),
        (NEW | {"new_line": 2} | span(code(1, 1, "new.py"), code(0, 2, "new.py")), None, "no line"),
    ],
)
def test_a_range_has_real_lines(
    lab: FakeGitLab, request_: MergeRequest, place: Any, start: int | None, wrong: str
) -> None:
    note = {"body": "Hm.", "position": at(request_, **place)}
    if not wrong:
        seen(lab).discussions.create(note)
        assert [each.start_line for each in request_.threads] == [start]
        return
    with pytest.raises(gitlab.GitlabCreateError, match=LINE_CODE):
        seen(lab).discussions.create(note)
    assert wrong in lab.violations.pop()


def test_refused_paths_take_nothing(lab: FakeGitLab, request_: MergeRequest) -> None:
    lab.refused_paths.add("shop.py")
    with pytest.raises(gitlab.GitlabCreateError, match=LINE_CODE):
        seen(lab).discussions.create({"body": "Hm.", "position": at(request_, new_line=6)})


# --- drafts -------------------------------------------------------------------------------------


def drafted(lab: FakeGitLab, request: MergeRequest, *lines: int) -> Any:
    """A view with a draft at each of these lines."""
    view = seen(lab)
    for line in lines:
        view.draft_notes.create({"note": f"at {line}", "position": at(request, new_line=line)})
    return view


def test_drafts_are_published_at_once(lab: FakeGitLab, request_: MergeRequest) -> None:
    human = lab.human_thread(1, "ada", "shop.py", 6, "Why?")
    lab.human_draft(1, "ada", "Not yet.")
    lab.notifications.clear()
    view = drafted(lab, request_, 5, 6)
    view.draft_notes.create({"note": "So.", "in_reply_to_discussion_id": human.id})
    assert [each.note for each in view.draft_notes.list()] == ["at 5", "at 6", "So."]
    view.draft_notes.bulk_publish(post_data={"note": "Two.", "reviewer_state": "reviewed"})
    assert [each.body for each in request_.threads] == ["Why?", "at 5", "at 6"]
    assert [each.body for each in human.notes + request_.notes] == ["Why?", "So.", "Two."]
    assert [each.kind for each in lab.notifications] == ["review"]
    assert [each.author for each in request_.drafts] == ["ada"]
    assert request_.reviewer_states == {BOT: "reviewed"}


def test_a_bad_draft_is_lost_without_a_word(lab: FakeGitLab, request_: MergeRequest) -> None:
    drafted(lab, request_, 5, 1, 6).draft_notes.bulk_publish()
    assert [each.body for each in request_.threads] == ["at 5", "at 6"]
    assert request_.drafts == []


def test_publishing_breaks_at_a_bad_draft(lab: FakeGitLab, request_: MergeRequest) -> None:
    lab.publish_breaks = True
    view = drafted(lab, request_, 5, 1, 6)
    with pytest.raises(gitlab.GitlabHttpError) as caught:
        view.draft_notes.bulk_publish(post_data={"note": "Two."})
    assert (caught.value.response_code, [each.body for each in request_.threads]) == (500, ["at 5"])
    assert (len(request_.drafts), request_.notes, lab.notifications) == (3, [], [])


def test_what_older_versions_do_not_know(lab: FakeGitLab, request_: MergeRequest) -> None:
    lab.version = (19, 1)
    view = drafted(lab, request_, 5)
    view.draft_notes.bulk_publish(post_data={"note": "One.", "reviewer_state": "angry"})
    assert (request_.notes, request_.reviewer_states, len(request_.threads)) == ([], {}, 1)
    lab.version = (19, 2)
    with pytest.raises(gitlab.GitlabHttpError, match="reviewer_state does not have a valid value"):
        view.draft_notes.bulk_publish(post_data={"reviewer_state": "angry"})
    lab.version = (15, 9)
    with pytest.raises(gitlab.GitlabListError, match="404"):
        view.draft_notes.list()


def test_drafts_are_deleted_by_their_author(lab: FakeGitLab, request_: MergeRequest) -> None:
    theirs = lab.human_draft(1, "ada", "Not yet.")
    view = drafted(lab, request_, 5)
    view.draft_notes.list()[0].delete()
    with pytest.raises(gitlab.GitlabDeleteError, match="404"):
        view.draft_notes.delete(theirs.id)
    assert request_.drafts == [theirs]


# --- notes, roles and texts ---------------------------------------------------------------------


def test_who_may_do_what(lab: FakeGitLab, request_: MergeRequest) -> None:
    thread = lab.human_thread(1, "ada", "shop.py", 6, "Why?")
    note, view = lab.human_comment(1, "ada", "Hm."), seen(lab)
    with pytest.raises(gitlab.GitlabError, match="403 Forbidden"):
        seen(lab, level=20).discussions.update(thread.id, {"resolved": True})
    for call, *arguments in (
        (view.notes.update, note.id, {"body": "No."}),
        (view.notes.delete, note.id),
        (view.discussions.update, note.discussion, {"resolved": True}),
    ):
        with pytest.raises(gitlab.GitlabError, match="403"):
            call(*arguments)
    seen(lab, login="author", level=20).discussions.update(thread.id, {"resolved": True})
    assert thread.resolved_by == "author"
    view.discussions.update(thread.id, {"resolved": False})
    assert not thread.resolved
    seen(lab, level=40).notes.update(note.id, {"body": "Yes."})
    assert (note.body, note.updated > note.created) == ("Yes.", True)
    view.discussions.get(thread.id, lazy=True).notes.create({"body": "So."})
    seen(lab, level=40).notes.delete(thread.opening.id)
    assert [each.body for each in thread.notes] == ["So."]
    view.notes.delete(thread.opening.id)
    assert request_.threads == []
    with pytest.raises(gitlab.GitlabError, match="404"):
        view.discussions.update(thread.id, {"resolved": True})


def test_tokens_say_what_may_be_done(lab: FakeGitLab, request_: MergeRequest) -> None:
    job, reading = lab.job_token(), seen(lab, access="read")
    assert seen(lab, job).sha == request_.head_sha
    for view, status in ((reading, 403), (seen(lab, job), 401)):
        with pytest.raises(gitlab.GitlabError) as caught:
            view.notes.create({"body": "Hm."})
        assert caught.value.response_code == status
    with pytest.raises(gitlab.GitlabAuthenticationError):
        seen(lab, "wrong")
    with pytest.raises(gitlab.GitlabGetError, match="404 Project Not Found"):
        client(lab).projects.get("acme/other")
    bearer = gitlab.Gitlab(lab.server_url, oauth_token=lab.token())
    assert bearer.projects.get(lab.project_id).path_with_namespace == lab.name


@pytest.mark.parametrize(
    ("text", "left", "done"),
    [
        ("Fine.\n/merge\n", "Fine.", ["/merge"]),
        ("```\n/close\n```", "```\n```", ["/close"]),
        ("a\r\n/r\rebase\r\nb", "a\nb", ["/rebase"]),
        ('Hm.\n/Title "x"  ', "Hm.", ['/Title "x"']),
        ("/merges\n/merge!\n /merge\na /merge\n/etc/merge", None, []),
        ("a /merge\u2028/merge", None, []),
    ],
)
def test_quick_actions_are_carried_out(
    lab: FakeGitLab, request_: MergeRequest, text: str, left: str | None, done: list[str]
) -> None:
    note = seen(lab).notes.create({"body": text})
    lab.human_comment(1, "ada", text)
    assert note.body == (text if left is None else left)
    assert [each.command for each in lab.executed] == done
    seen(lab).notes.update(note.id, {"body": text})
    seen(lab).draft_notes.create({"note": text})
    seen(lab).draft_notes.bulk_publish()
    assert [each.command for each in lab.executed] == done * 3
    states = {"/merge": "merged", "/close": "closed"}
    assert request_.state == states.get("".join(done), "opened")


@pytest.mark.parametrize("text", [" \n", "x" * (BODY_LIMIT + 1)])
def test_texts_that_are_no_notes(lab: FakeGitLab, request_: MergeRequest, text: str) -> None:
    view = seen(lab)
    for create in (view.notes.create, view.discussions.create, view.draft_notes.create):
        with pytest.raises(gitlab.GitlabCreateError, match="400"):
            create({"body": text, "note": text})


def test_members_are_found_by_parts_of_their_names(lab: FakeGitLab) -> None:
    lab.people |= {"ada": 30, "adam": 20}
    project = client(lab).projects.get(lab.project_id, lazy=True)
    found = project.members_all.list(query="ada", get_all=True)
    assert [(each.username, each.access_level) for each in found] == [("ada", 30), ("adam", 20)]


# --- versions and lists -------------------------------------------------------------------------


def test_versions_follow_the_head_and_the_target(lab: FakeGitLab, request_: MergeRequest) -> None:
    first = at(request_, new_line=6)
    lab.work.git("switch", "--quiet", "main")
    lab.work.commit()
    lab.work.git("branch", "other")
    lab.push(1)
    assert len(request_.versions) == 1
    request_.target = "other"
    lab.push(1)
    lab.work.git("switch", "--quiet", "feature")
    head = lab.work.commit()
    assert (lab.push(1), request_.head_sha, len(request_.versions)) == (head, head, 3)
    assert [each.system for each in request_.notes] == [True, True]
    newest = seen(lab).diffs.list()[0]
    assert (newest.head_commit_sha, newest.start_commit_sha) == (head, request_.start_sha)
    assert seen(lab).diff_refs["base_sha"] == request_.base_sha == first["base_sha"]
    seen(lab).discussions.create({"body": "Of old.", "position": first})


def test_discussions_come_in_pages_in_order_of_age(lab: FakeGitLab, request_: MergeRequest) -> None:
    for number in range(51):
        lab.human_comment(1, "ada", str(number))
        lab.human_thread(1, "ada", "shop.py", 1, str(number))
    found = [each.attributes["notes"][0] for each in seen(lab).discussions.list(get_all=True)]
    assert [note["body"] for note in found] == [str(n) for n in range(51) for _ in range(2)]
    assert found[1]["position"]["old_line"] == 1
    first = look(lab)
    second = look(lab, after=first["pageInfo"]["endCursor"])
    assert [len(each["nodes"]) for each in (first, second)] == [100, 2]
    assert second["pageInfo"]["hasNextPage"] is False


LOOK = """
query Look($path: ID!, $iid: String!, $after: String) {
  currentUser { username }
  project(fullPath: $path) { mergeRequest(iid: $iid) {
    state sourceProjectId targetProjectId diffRefs { headSha }
    discussions(first: 500, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id resolvable resolved resolvedBy { username } notes(first: 100) { nodes {
        id system body url author { username } position { filePath }
        userPermissions { resolveNote }
        awardEmoji(first: 100) { nodes { name user { username } } }
  } } } } } }
}
"""


def asked(lab: FakeGitLab, iid: str = "1", token: str = "", after: str | None = None) -> Any:
    variables = {"path": lab.name, "iid": iid, "after": after}
    body = {"query": LOOK, "variables": variables}
    answer: Any = client(lab, token).http_post(lab.graphql_url, post_data=body)
    return answer["data"]


def look(lab: FakeGitLab, after: str | None = None) -> Any:
    return asked(lab, after=after)["project"]["mergeRequest"]["discussions"]


def test_a_look_shows_who_did_what(lab: FakeGitLab, request_: MergeRequest) -> None:
    thread = lab.human_thread(1, "ada", "shop.py", 6, "Why?")
    lab.thumbs_down(thread.opening, "eve")
    lab.resolve(thread, "ada")
    note = lab.human_comment(1, "eve", "Hm.")
    one, two = look(lab)["nodes"]
    (said,) = one["notes"]["nodes"]
    assert one["id"] == f"gid://gitlab/DiffDiscussion/{thread.id}"
    assert (one["resolved"], one["resolvedBy"]) == (True, {"username": "ada"})
    assert said["id"] == f"gid://gitlab/DiffNote/{thread.opening.id}"
    assert (said["position"], said["system"]) == ({"filePath": "shop.py"}, False)
    assert said["awardEmoji"]["nodes"] == [{"name": "thumbsdown", "user": {"username": "eve"}}]
    assert said["userPermissions"] == {"resolveNote": True}
    assert two["notes"]["nodes"][0]["url"] == (
        f"{lab.server_url}/acme/shop/-/merge_requests/1#note_{note.id}"
    )
    assert (two["resolvable"], asked(lab, "2")["project"]) == (False, {"mergeRequest": None})
    assert asked(lab)["currentUser"] == {"username": BOT}
    with pytest.raises(gitlab.GitlabAuthenticationError):
        asked(lab, token="wrong")


# --- faults and git -----------------------------------------------------------------------------


def test_calls_fail_before_their_effect_or_after_it(
    lab: FakeGitLab, request_: MergeRequest
) -> None:
    view = seen(lab)
    lab.fail(1, "POST .*/notes$", **rate_limit(0))
    lab.fail(3, "POST .*/notes$", status=500, after_effect=True)
    view.notes.create({"body": "Once."})
    with pytest.raises(gitlab.GitlabCreateError):
        view.notes.create({"body": "Twice."})
    assert [note.body for note in request_.notes] == ["Once.", "Twice."]
    assert {call.path for call in lab.calls if call.method == "POST"} == {
        "/api/v4/projects/42/merge_requests/1/notes"
    }
    with pytest.raises(gitlab.GitlabGetError, match="404"):
        gitlab.Gitlab(lab.server_url.removesuffix("/gitlab")).projects.get(42)


def test_git_fetches_any_commit_with_a_token(
    lab: FakeGitLab, request_: MergeRequest, tmp_path: Path
) -> None:
    old = request_.head_sha
    lab.work.git("commit", "--quiet", "--amend", "--message=again")
    lab.push(1)
    logins = (f"gitlab-ci-token:{lab.job_token()}", f"oauth2:{lab.token('read')}", "oauth2:no")
    codes = []
    for number, login in enumerate(logins):
        header = f"Authorization: Basic {b64encode(login.encode()).decode()}"
        url = f"{lab.server_url}/{lab.name}.git"
        done = subprocess.run(
            ["git", "-c", f"http.extraHeader={header}", "fetch", "--depth=1", url, old],
            cwd=Repo(tmp_path / str(number)).folder,
            env=environment() | {"GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            check=False,
        )
        codes.append(done.returncode)
    assert (codes, lab.fetches) == ([0, 0, 128], 2)
    assert lab.origin.git("rev-parse", "refs/merge-requests/1/head") == request_.head_sha != old
