"""The rules of the GitLab that other tests rely on, under python-gitlab and git themselves."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha1
from itertools import product
from pathlib import Path
from typing import Any

import gitlab
import pytest
from conftest import Repo
from fake_gitlab import BOT, FakeGitLab, MergeRequest, rate_limit, serving
from fake_gitlab_rules import BODY_LIMIT

BASE = "".join(f"line {number}\n" for number in range(1, 41))
BEFORE = {"moved.py": BASE.upper(), "a.png": "\0\1"} | dict.fromkeys(
    ("shop.py", "gone.py", "same.py"), BASE
)
SHOP = BASE.replace("line 5\n", "five\n5b\n").replace("line 30\n", "")
TO = BASE.upper().replace("LINE 20\n", "TWENTY\n")
AFTER = {"shop.py": SHOP, "to.py": TO, "new.py": "one\ntwo\n", "a.png": "\0\2"}


@pytest.fixture
def lab(repo: Repo) -> Iterator[FakeGitLab]:
    """A GitLab with a branch that changes shop.py at two places, and touches other files."""
    for path, text in BEFORE.items():
        repo.write(path, text)
    repo.commit()
    repo.git("switch", "--quiet", "--create", "feature")
    repo.git("rm", "--quiet", "gone.py", "moved.py")
    for path, text in AFTER.items():
        repo.write(path, text)
    repo.commit()
    with serving(repo, root="/gitlab") as lab:
        yield lab


@pytest.fixture
def opened(lab: FakeGitLab) -> MergeRequest:
    return lab.open_merge_request()


def client(lab: FakeGitLab, token: str = "", **values: Any) -> Any:
    return gitlab.Gitlab(lab.server_url, private_token=token or lab.token(**values))


def seen(lab: FakeGitLab, token: str = "", **values: Any) -> Any:
    """The merge request, asked for by the path of its project."""
    project = client(lab, token, **values).projects.get(lab.name, lazy=True)
    return project.mergerequests.get(1)


def note(request: MergeRequest, place: dict[str, Any], body: str = "Hm.") -> dict[str, Any]:
    """A note at a place of shop.py, if the place names no other file; `note` is a draft's text."""
    ends = {"base_sha": request.base_sha, "start_sha": request.start_sha}
    paths = {"old_path": "shop.py", "new_path": "shop.py", "position_type": "text"}
    position = ends | {"head_sha": request.head_sha} | paths | place
    return {"body": body, "note": body, "position": position}


Numbers = list[tuple[int | None, int | None]]
TAKEN: list[tuple[str, str, Numbers]] = [
    ("shop.py", "shop.py", [(None, 6), (5, None), (7, 8), (1, 1), (20, 21), (40, 40)]),
    ("new.py", "new.py", [(None, 2)]),
    ("gone.py", "gone.py", [(40, None)]),
    ("moved.py", "to.py", [(None, 20), (1, 1)]),
    ("to.py", "to.py", [(None, 1)]),  # without its old name it is a new file
]
REFUSED: list[tuple[str, str, Numbers]] = [
    ("shop.py", "shop.py", [(None, 1), (6, None), (5, 5), (5, 6), (20, 20), (41, 41), (-1, -1)]),
    ("new.py", "new.py", [(1, 1), (None, 3)]),
    ("gone.py", "gone.py", [(None, 1), (1, 1)]),
    ("to.py", "to.py", [(1, 1)]),
    ("a.png", "same.py", [(None, 1), (1, 1)]),
    ("moved.py", "to.py", [(None, 20)]),  # of a refused path
]
INVALID: list[tuple[Any, str]] = [
    ({"new_line": 6, "base_sha": "0" * 40}, "must be a valid line code"),
    ({"new_line": 6, "base_sha": None}, "position[base_sha] is missing"),
    ({"new_line": "six"}, "position[new_line] is invalid"),
]


def place(*values: Any) -> dict[str, Any]:
    names = ("old_path", "new_path", "old_line", "new_line")
    return dict(zip(names, values, strict=True))


def test_places_are_taken_or_refused(lab: FakeGitLab, opened: MergeRequest) -> None:
    view, told = seen(lab), lab.notifications
    for path, new_path, numbers in TAKEN:
        for old, new in numbers:
            view.discussions.create(note(opened, place(path, new_path, old, new)))
            thread = opened.threads[-1]
            assert (thread.author, thread.path, thread.start_line) == (BOT, new_path, None)
            assert (thread.side, thread.line) == (("new", new) if new else ("old", old))
    lab.refused_paths.add("to.py")
    told.clear()
    bad = [(place(*ends, *each), "line_code") for *ends, numbers in REFUSED for each in numbers]
    for refused, error in bad + INVALID:
        with pytest.raises(gitlab.GitlabCreateError, match=re.escape(error)) as caught:
            view.discussions.create(note(opened, refused))
        assert (caught.value.response_code, told) == (400, [])


def span(start: Any, end: Any, kinds: str = "new new", at: str = "shop.py") -> dict[str, Any]:
    """A range of lines, given by their counters; `at` is the path that they are said to be in."""
    codes = [f"{sha1(at.encode()).hexdigest()}_{old}_{new}" for old, new in (start, end)]
    pairs = zip(("start", "end"), codes, kinds.split(), strict=True)
    return {"line_range": {name: {"line_code": code, "type": kind} for name, code, kind in pairs}}


NEW, GONE = place("new.py", "new.py", None, 2), place("gone.py", "gone.py", 2, None)
RANGES: list[tuple[Any, int | str | None]] = [
    ({"new_line": 6} | span((6, 5), (6, 6)), 5),
    ({"new_line": 6} | span((5, 5), (6, 6), "old new"), 5),
    ({"old_line": 8, "new_line": 9} | span((4, 4), (8, 9), "old old"), 4),
    ({"old_line": 20, "new_line": 21} | span((18, 19), (20, 21)), 19),
    (NEW | span((0, 1), (0, 2), at="new.py"), 1),
    (GONE | span((1, 0), (2, 0), "old old", at="gone.py"), 1),
    ({"new_line": 6} | span((6, 6), (6, 6)), None),
    ({"new_line": 6} | span((5, 6), (6, 6)), "is no line of shop.py"),
    ({"new_line": 6} | span((6, 5), (6, 6), "old new"), "type is none of"),
    ({"new_line": 5} | span((6, 5), (6, 6)), "another line"),
    ({"new_line": 5} | span((6, 6), (6, 5)), "comes after"),
    (NEW | span((1, 1), (0, 2), at="new.py"), "is no line of new.py"),
]


def test_a_range_has_real_lines(lab: FakeGitLab, opened: MergeRequest) -> None:
    view = seen(lab)
    for ends, expected in RANGES:
        if isinstance(expected, str):
            with pytest.raises(gitlab.GitlabCreateError, match="line_code"):
                view.discussions.create(note(opened, ends))
            assert expected in lab.violations.pop()
        else:
            view.discussions.create(note(opened, ends))
            assert opened.threads[-1].start_line == expected


def drafted(lab: FakeGitLab, request: MergeRequest, *lines: int) -> Any:
    """A view with a draft at each of these lines; at line 1 there is no place."""
    view = seen(lab)
    for line in lines:
        view.draft_notes.create(note(request, {"new_line": line}, f"at {line}"))
    return view


def test_drafts_are_published_at_once(lab: FakeGitLab, opened: MergeRequest) -> None:
    human, theirs = lab.human_thread(1, "ada", "shop.py", 6, "Why?"), lab.human_draft(1, "ada", "")
    lab.notifications.clear()
    view = drafted(lab, opened, 5, 1, 6, 6)
    view.draft_notes.create({"note": "So.", "in_reply_to_discussion_id": human.id})
    view.draft_notes.list()[2].delete()
    with pytest.raises(gitlab.GitlabDeleteError, match="404"):
        view.draft_notes.delete(theirs.id)
    assert [each.note for each in view.draft_notes.list()] == ["at 5", "at 1", "at 6", "So."]
    view.draft_notes.bulk_publish(post_data={"note": "Two.", "reviewer_state": "reviewed"})
    assert [each.body for each in opened.threads] == ["Why?", "at 5", "at 6"]
    assert [each.body for each in human.notes + opened.notes] == ["Why?", "So.", "Two."]
    assert ([each.kind for each in lab.notifications], opened.drafts) == (["review"], [theirs])
    assert opened.reviewer_states == {BOT: "reviewed"}


def test_publishing_breaks_at_a_bad_draft(lab: FakeGitLab, opened: MergeRequest) -> None:
    lab.publish_breaks = True
    with pytest.raises(gitlab.GitlabHttpError) as caught:
        drafted(lab, opened, 5, 1, 6).draft_notes.bulk_publish(post_data={"note": "Two."})
    assert (caught.value.response_code, [each.body for each in opened.threads]) == (500, ["at 5"])
    assert (len(opened.drafts), opened.notes, lab.notifications) == (3, [], [])


def test_what_older_versions_do_not_know(lab: FakeGitLab, opened: MergeRequest) -> None:
    lab.version, view = (19, 1), drafted(lab, opened, 5)
    view.draft_notes.bulk_publish(post_data={"note": "One.", "reviewer_state": "angry"})
    assert (opened.notes, opened.reviewer_states, len(opened.threads)) == ([], {}, 1)
    lab.version = (19, 2)
    with pytest.raises(gitlab.GitlabHttpError, match="reviewer_state does not have a valid value"):
        view.draft_notes.bulk_publish(post_data={"reviewer_state": "angry"})
    lab.version = (15, 9)
    with pytest.raises(gitlab.GitlabListError, match="404"):
        view.draft_notes.list()


def test_who_may_do_what(lab: FakeGitLab, opened: MergeRequest) -> None:
    thread = lab.human_thread(1, "ada", "shop.py", 6, "Why?")
    said, view = lab.human_comment(1, "ada", "Hm."), seen(lab)
    for call, *arguments in (
        (seen(lab, level=20).discussions.update, thread.id, {"resolved": True}),
        (view.notes.update, said.id, {"body": "No."}),
        (view.notes.delete, said.id),
        (view.discussions.update, said.discussion, {"resolved": True}),
    ):
        with pytest.raises(gitlab.GitlabError, match="403"):
            call(*arguments)
    seen(lab, login="author", level=20).discussions.update(thread.id, {"resolved": True})
    assert thread.resolved_by == "author"
    view.discussions.update(thread.id, {"resolved": False})
    assert not thread.resolved
    view.discussions.get(thread.id, lazy=True).notes.create({"body": "So."})
    view = seen(lab, level=40)
    view.notes.update(said.id, {"body": "Yes."})
    assert (said.body, said.updated > said.created) == ("Yes.", True)
    view.notes.delete(thread.opening.id)
    assert [each.body for each in thread.notes] == ["So."]
    view.notes.delete(thread.opening.id)
    with pytest.raises(gitlab.GitlabError, match="404"):
        view.discussions.update(thread.id, {"resolved": True})


def test_what_tokens_see(lab: FakeGitLab, opened: MergeRequest) -> None:
    job, reading = seen(lab, lab.job_token()), seen(lab, access="read")
    assert job.sha == reading.sha == opened.head_sha
    for view, status in ((reading, 403), (job, 401)):
        with pytest.raises(gitlab.GitlabError) as caught:
            view.notes.create({"body": "Hm."})
        assert caught.value.response_code == status
    for ask in (seen, look):
        with pytest.raises(gitlab.GitlabAuthenticationError):
            ask(lab, "wrong")
    with pytest.raises(gitlab.GitlabGetError, match="404 Project Not Found"):
        client(lab).projects.get("acme/other")
    lab.people |= {"ada": 30, "adam": 20}
    bearer = gitlab.Gitlab(lab.server_url, oauth_token=lab.token()).projects.get(lab.project_id)
    members = [(each.username, each.access_level) for each in bearer.members_all.list(query="ada")]
    assert (bearer.path_with_namespace, members) == (lab.name, [("ada", 30), ("adam", 20)])


QUICK: list[tuple[str, str | None, list[str], str]] = [
    ("Fine.\n/merge\n", "Fine.", ["/merge"], "merged"),
    ("```\n/close\n```", "```\n```", ["/close"], "closed"),
    ("a\r\n/r\rebase\r\nb", "a\nb", ["/rebase"], "opened"),
    ('Hm.\n/Title "x"  ', "Hm.", ['/Title "x"'], "opened"),
    ("/merges\n/merge!\n /merge\na /merge\n/etc/merge", None, [], "opened"),
    ("a /merge\u2028/merge", None, [], "opened"),
]


def test_texts_are_searched_for_quick_actions(lab: FakeGitLab, opened: MergeRequest) -> None:
    view = seen(lab)
    for text, left, done, state in QUICK:
        lab.executed, opened.state = [], "opened"
        lab.human_comment(1, "ada", text)
        made = view.notes.create({"body": text})
        assert (made.body, opened.state) == (text if left is None else left, state)
        view.notes.update(made.id, {"body": text})
        view.draft_notes.create({"note": text})
        view.draft_notes.bulk_publish()
        assert [each.command for each in lab.executed] == done * 3
    assert opened.title == '"x"'
    for manager, text in product((view.notes, view.draft_notes), (" ", "x" * (BODY_LIMIT + 1))):
        with pytest.raises(gitlab.GitlabCreateError, match="400"):
            manager.create({"body": text, "note": text})


def test_versions_follow_the_head_and_the_target(lab: FakeGitLab, opened: MergeRequest) -> None:
    first = note(opened, {"new_line": 6})
    lab.work.git("switch", "--quiet", "main")
    lab.work.commit()
    lab.work.git("branch", "other")
    lab.push(1)
    opened.target = "other" * len(opened.versions)  # there is still one
    lab.push(1)
    lab.work.git("switch", "--quiet", "feature")
    head = lab.work.commit()
    assert (lab.push(1), [each.system for each in opened.notes]) == (head, [True, True])
    versions = seen(lab).diffs.list()
    ends = opened.head_sha, opened.start_sha
    assert (len(versions), versions[0].head_commit_sha, versions[0].start_commit_sha) == (3, *ends)
    assert seen(lab).diff_refs["base_sha"] == opened.base_sha == first["position"]["base_sha"]
    seen(lab).discussions.create(first)


def test_discussions_come_in_pages_in_order_of_age(lab: FakeGitLab, opened: MergeRequest) -> None:
    for number in range(51):
        lab.human_comment(1, "ada", str(number))
        lab.human_thread(1, "ada", "shop.py", 1, str(number))
    found = [each.attributes["notes"][0] for each in seen(lab).discussions.list(get_all=True)]
    assert [note["body"] for note in found] == [str(n) for n in range(51) for _ in range(2)]
    assert found[1]["position"]["old_line"] == 1
    first = look(lab)["discussions"]
    second = look(lab, after=first["pageInfo"]["endCursor"])["discussions"]
    assert [len(each["nodes"]) for each in (first, second)] == [100, 2]


LOOK = """query Look($path: ID!, $iid: String!, $after: String) {
  currentUser { username } project(fullPath: $path) { mergeRequest(iid: $iid) {
    state sourceProjectId targetProjectId diffRefs { headSha }
    discussions(first: 500, after: $after) { pageInfo { hasNextPage endCursor } nodes {
      id resolvable resolved resolvedBy { username } notes(first: 100) { nodes {
        id system body url author { username } position { filePath } userPermissions { resolveNote }
        awardEmoji(first: 100) { nodes { name user { username } } } } } } } } } }"""


def look(lab: FakeGitLab, token: str = "", iid: str = "1", after: str | None = None) -> Any:
    body = {"query": LOOK, "variables": {"path": lab.name, "iid": iid, "after": after}}
    answer = client(lab, token).http_post(lab.graphql_url, post_data=body)
    return answer["data"]["project"]["mergeRequest"]


def test_a_look_shows_who_did_what(lab: FakeGitLab, opened: MergeRequest) -> None:
    thread = lab.human_thread(1, "ada", "shop.py", 6, "Why?")
    lab.thumbs_down(thread.opening, "eve")
    lab.resolve(thread, "ada")
    other = lab.human_comment(1, "eve", "Hm.")
    one, two = look(lab)["discussions"]["nodes"]
    (said,) = one["notes"]["nodes"]
    assert one["id"] == f"gid://gitlab/DiffDiscussion/{thread.id}"
    assert (one["resolved"], one["resolvedBy"]) == (True, {"username": "ada"})
    assert said["id"] == f"gid://gitlab/DiffNote/{thread.opening.id}"
    assert (said["position"], said["system"]) == ({"filePath": "shop.py"}, False)
    assert said["awardEmoji"]["nodes"] == [{"name": "thumbsdown", "user": {"username": "eve"}}]
    assert said["userPermissions"] == {"resolveNote": True}
    url = f"{lab.server_url}/acme/shop/-/merge_requests/1#note_{other.id}"
    assert (two["notes"]["nodes"][0]["url"], two["resolvable"]) == (url, False)
    assert (look(lab, iid="2"), look(lab)["diffRefs"]) == (None, {"headSha": opened.head_sha})


def test_calls_fail_before_their_effect_or_after_it(lab: FakeGitLab, opened: MergeRequest) -> None:
    view = seen(lab)
    lab.fail(1, "POST .*/notes$", **rate_limit(0))
    lab.fail(3, "POST .*/notes$", status=500, after_effect=True)
    view.notes.create({"body": "Once."})
    with pytest.raises(gitlab.GitlabCreateError):
        view.notes.create({"body": "Twice."})
    assert [note.body for note in opened.notes] == ["Once.", "Twice."]
    assert str(lab.calls[-1]) == "POST /api/v4/projects/42/merge_requests/1/notes"
    with pytest.raises(gitlab.GitlabGetError, match="404"):
        gitlab.Gitlab(lab.server_url.removesuffix("/gitlab")).projects.get(42)


def test_git_fetches_any_commit(lab: FakeGitLab, opened: MergeRequest, tmp_path: Path) -> None:
    old, url, clone = opened.head_sha, f"{lab.server_url}/{lab.name}.git", Repo(tmp_path / "clone")
    lab.work.git("commit", "--quiet", "--amend", "--message=again")
    lab.push(1)
    for login in (f"gitlab-ci-token:{lab.job_token()}", f"oauth2:{lab.token('read')}", "oauth2:no"):
        header = f"http.extraHeader=Authorization: Basic {b64encode(login.encode()).decode()}"
        options = ["-c", "core.askPass=true", "-c", header]  # nobody is asked
        with pytest.raises(AssertionError) if login.endswith(":no") else nullcontext():
            clone.git(*options, "fetch", "--depth=1", url, f"{old}:refs/heads/old")
    assert (clone.git("rev-parse", "old"), lab.fetches) == (old, 2)
    assert lab.origin.git("rev-parse", "refs/merge-requests/1/head") == opened.head_sha != old
