"""Whole runs on GitLab from the ways in which people set it up: pipelines, tokens, places."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import chdir
from io import StringIO
from pathlib import Path
from typing import Any

import fake_gitlab
import pytest
from conftest import Repo
from fake_gateway import FakeGateway, failed
from fake_gitlab import BOT
from scripted import Notice, noticing
from worlds import ADA, ALL, EVAL, EVE, GitLabWorld, Run, begun, edit, gitlab_world

from reviewbot import ci
from reviewbot.errors import ForgeError
from reviewbot.output import Destination
from reviewbot.progress import Progress
from reviewbot.pull_request import Order

CART = "shop/cart.py"
PLACES = [(CART, 10), (CART, 34), ("shop/new.py", 2)]


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitLabWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(*ALL)
    with gitlab_world(repo, fake, tmp_path) as made:
        yield made


def places(world: GitLabWorld) -> list[tuple[str, int]]:
    return sorted((each.path, each.line) for each in world.said())


def kinds(world: GitLabWorld) -> list[str]:
    """What people were told of."""
    return [each.kind for each in world.lab.notifications if each.author == BOT]


# --- pipelines ----------------------------------------------------------------------------------


def merge_commit(world: GitLabWorld) -> str:
    """What GitLab makes for a pipeline of merged results, where the target branch has moved on."""
    git = world.repo.git
    git("switch", "--quiet", "main")
    edit(world.repo, CART, "def step_1(", "# The steps.\ndef step_1(")
    world.repo.commit("meanwhile")
    git("switch", "--quiet", "--detach")
    git("merge", "--quiet", "--no-ff", "--no-edit", "feature")
    git("tag", "merged")
    git("switch", "--quiet", "feature")
    world.lab.push(world.request.iid)
    world.lab.fetch("+refs/tags/merged:refs/merge-requests/1/merge")
    return git("rev-parse", "merged")


@pytest.mark.parametrize("depth", [1, 20, None], ids=["depth 1", "depth 20", "whole"])
@pytest.mark.parametrize("kind", ["merged_result", "merge_train"])
def test_a_pipeline_of_merged_results_is_about_the_head(
    world: GitLabWorld, kind: str, depth: int | None
) -> None:
    merged = merge_commit(world)
    run = world.run(
        commit=merged,
        depth=depth,
        CI_COMMIT_SHA=merged,
        CI_MERGE_REQUEST_EVENT_TYPE=kind,
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=world.request.head_sha,
    )
    assert run.outputs["status"] == "complete"
    assert places(world) == PLACES  # line numbers of the head: in the merge they are one higher
    sent = [thread.position for thread in world.request.threads]
    assert {each["head_sha"] for each in sent if each} == {world.request.head_sha}


@pytest.mark.parametrize("depth", [1, 20, None], ids=["depth 1", "depth 20", "whole"])
def test_commits_that_a_checkout_lacks_are_fetched_by_their_ids(
    world: GitLabWorld, depth: int | None
) -> None:
    for number in range(25):
        world.repo.write("log.txt", f"{number}\n")
        world.repo.commit(f"step {number}")
    world.push()
    assert world.run(depth=depth).outputs["status"] == "complete"
    assert places(world) == PLACES
    assert (world.lab.fetches > 0) == (depth is not None)


def test_a_pipeline_of_an_older_head_is_superseded(world: GitLabWorld) -> None:
    old = world.request.head_sha
    world.repo.write("more.py", "more\n")
    world.push()
    run = world.run(CI_COMMIT_SHA=old)
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert json.loads(run.page) == []
    assert world.gateway.calls == []


def test_a_target_branch_that_has_moved_on_changes_no_line(world: GitLabWorld) -> None:
    """GitLab's diff stays that of the push: so does what is reviewed."""
    merge_commit(world)
    run = world.run(depth=None)
    assert run.report
    assert run.report.base == world.request.base_sha
    assert places(world) == PLACES


# --- self-managed -------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True], ids=["http", "private CA"])
def test_an_instance_below_a_path_with_certificates_of_its_own(
    repo: Repo,
    fake: FakeGateway,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    secure: bool,
) -> None:
    context = None
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    fake.be_litellm()
    with fake_gitlab.serving(repo, root="/git/lab", tls=context) as lab:
        world = GitLabWorld(repo, fake, lab, tmp_path)
        known = str(certificate) if secure else ""
        fake.react = noticing(*ALL)
        assert world.run(CI_SERVER_TLS_CA_FILE=known).outputs["status"] == "complete"
        assert places(world) == PLACES
        assert lab.fetches > 0
        assert "/git/lab/" in world.lab.server_url + "/"


# --- one notification ---------------------------------------------------------------------------


def test_a_first_run_is_one_notification_with_the_summary(world: GitLabWorld) -> None:
    begun(world)
    assert kinds(world) == ["review"]
    assert world.request.reviewer_states == {BOT: "reviewed"}
    assert world.request.drafts == []
    assert "3 findings" in world.summary()
    assert "#note_" in world.summary()  # the links to the comments were put in afterwards


def test_the_text_that_is_sent_with_the_review_repeats_no_comment(world: GitLabWorld) -> None:
    begun(world)
    (publish,) = [call for call in world.lab.calls if call.path.endswith("bulk_publish")]
    assert "eval( is wrong" in publish.body["note"]
    assert "does is not what it says" not in publish.body["note"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [((18, 0), ["review", "note"]), ((15, 9), ["discussion", "discussion", "discussion", "note"])],
)
def test_older_versions_say_the_same_in_more_notifications(
    world: GitLabWorld, version: tuple[int, int], expected: list[str]
) -> None:
    world.lab.version = version
    begun(world)
    assert kinds(world) == expected
    assert places(world) == PLACES
    assert "3 findings" in world.summary()


def test_drafts_of_the_token_s_owner_are_not_published(world: GitLabWorld) -> None:
    world.lab.human_draft(world.request.iid, BOT, "Not sure about this yet.")
    begun(world)
    assert [draft.note for draft in world.request.drafts] == ["Not sure about this yet."]
    assert kinds(world) == ["discussion", "discussion", "discussion", "note"]
    assert places(world) == PLACES


def test_drafts_that_a_killed_run_has_left_are_removed_first(world: GitLabWorld) -> None:
    begun(world)
    world.lab.human_draft(world.request.iid, BOT, world.said()[0].body)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    begun(world, *ALL, Notice("exec("))
    assert world.request.drafts == []
    assert len(world.said()) == 4
    assert kinds(world) == ["review", "review"]


def test_drafts_are_removed_also_where_nothing_is_posted(world: GitLabWorld) -> None:
    begun(world)
    world.lab.human_draft(world.request.iid, BOT, world.said()[0].body)
    edit(world.repo, CART, "eval(cart.total)", "cart.total")
    world.push()
    world.run()
    assert world.request.drafts == []


def test_a_review_that_is_not_whole_is_not_shown_as_reviewed(world: GitLabWorld) -> None:
    react = noticing(*ALL)
    world.gateway.react = lambda call: (
        failed(400, "", "no") if call.checklist == "Security" else react(call)
    )
    assert world.run().outputs["status"] == "incomplete"
    assert len(world.said()) == 2
    assert world.request.reviewer_states == {}


# --- what people do -----------------------------------------------------------------------------


def test_the_last_words_of_a_long_discussion_are_heard(world: GitLabWorld) -> None:
    begun(world)
    for number in range(120):
        world.answer(0, EVE, f"remark {number}")
    world.answer(0, ADA, "/reviewbot dismiss on purpose")
    world.run()
    assert "on purpose" in world.summary()


@pytest.mark.parametrize("whose", ["a person's", "the bot's"])
def test_a_discussion_of_which_only_gitlab_s_own_words_are_left(
    world: GitLabWorld, whose: str
) -> None:
    begun(world)
    thread = world.request.threads[0]
    if whose == "a person's":
        thread = world.lab.human_thread(world.request.iid, ADA, CART, 10, "Hm.")
    world.lab.outdate(thread, ADA)
    world.lab.unresolve(thread)
    world.lab.delete_comment(thread.opening.id)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    assert begun(world, *ALL, Notice("exec(")).code == 0
    assert "exec( is wrong" in world.summary()


def test_who_resolves_by_hand_is_heard_whoever_pushes_then(world: GitLabWorld) -> None:
    begun(world)
    world.resolve(0, ADA)
    edit(world.repo, CART, "eval(cart.total)", "eval(cart.sum)")
    world.push()
    words = "changed this line in version 2"
    world.request.threads[0].notes.append(world.lab.new_note("author", words, system=True))
    assert world.run(settings={"fail_on": "critical"}).code == 0


# --- places -------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaks", [False, True], ids=["dropped", "500"])
def test_a_place_that_gitlab_refuses_keeps_no_other_comment_back(
    world: GitLabWorld, *, breaks: bool
) -> None:
    world.lab.refused_paths.add(CART)
    world.lab.publish_breaks = breaks
    begun(world)
    assert places(world) == [("shop/new.py", 2)]
    assert world.summary().count("does is not what it says") == 2
    assert world.request.drafts == []
    world.run()
    assert places(world) == [("shop/new.py", 2)]


def test_a_suggestion_that_is_too_long_to_be_applied_is_shown(world: GitLabWorld) -> None:
    world.repo.write("long.py", "".join(f"bad{number}(\n" for number in range(120)))
    world.push()
    begun(world, Notice("bad0(", lines=110, values={"suggestion": "good()\n"}))
    assert "Suggestion:\n\n```\ngood()\n```" in world.said()[0].body


def test_a_renamed_file_is_commented_under_both_names(world: GitLabWorld) -> None:
    world.repo.git("mv", CART, "shop/basket.py")
    world.push()
    begun(world, EVAL)
    (thread,) = world.request.threads
    assert thread.position
    assert (thread.position["old_path"], thread.position["new_path"]) == (CART, "shop/basket.py")


def test_a_comment_that_waits_may_come_to_stand_outside_of_all_hunks(world: GitLabWorld) -> None:
    """What could not be posted is posted by the next run, wherever its line is by then."""
    world.lab.fail(None, "POST .*/(draft_notes|discussions)", status=502)
    begun(world, EVAL)
    assert world.said() == []
    world.lab.faults.clear()
    world.repo.git("switch", "--quiet", "main")
    edit(world.repo, CART, "    return cart.total(3)\n", "    return eval(cart.total)\n")
    world.repo.commit("the same on main")
    world.repo.git("switch", "--quiet", "feature")
    world.repo.git("merge", "--quiet", "--no-edit", "main")
    world.push()
    world.run()
    (thread,) = world.request.threads
    assert thread.position
    assert (thread.position["old_line"], thread.position["new_line"]) == (10, 10)


def test_a_thread_that_a_push_has_resolved_by_itself_is_not_dismissed(world: GitLabWorld) -> None:
    begun(world)
    edit(world.repo, CART, "eval(cart.total)", "eval(cart.sum)")
    world.push()
    world.lab.outdate(world.request.threads[0], ADA)
    run = world.run(settings={"fail_on": "critical"})
    assert (run.code, run.outputs["findings"]) == (1, "3")
    assert len(world.said()) == 3


# --- tokens -------------------------------------------------------------------------------------


def test_without_a_token_the_report_and_the_log_have_everything(
    world: GitLabWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.token = ""
    run = begun(world)
    assert (run.code, run.outputs["status"], run.outputs["findings"]) == (0, "complete", "3")
    assert (world.said(), world.summaries()) == ([], [])
    found = json.loads(run.page)
    assert [(each["location"]["path"], each["location"]["lines"]["begin"]) for each in found] == [
        (CART, 10),
        (CART, 34),
        ("shop/new.py", 2),
    ]
    shown = capsys.readouterr().out
    assert "eval( is wrong" in shown
    assert "CI_JOB_TOKEN cannot write comments" in shown
    assert "role Developer and the scope api" in shown
    assert world.lab.calls == []  # it would be refused: git alone is spoken to
    assert world.run(settings={"fail_on": "critical"}).code == 1


def test_a_review_that_failed_looks_clean_nowhere(world: GitLabWorld) -> None:
    world.token = ""
    world.gateway.react = lambda _: failed(400, "", "no")
    run = world.run(settings={"on_failure": "neutral"})
    assert (run.code, run.outputs["status"]) == (0, "failed")
    (issue,) = json.loads(run.page)
    assert "FAILED" in issue["description"]


def test_the_log_has_the_findings_whatever_cannot_be_written(
    world: GitLabWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tmp_path / "job"
    (job / "reviewbot.env").mkdir(parents=True)
    folder = world.checkout()
    environment = world.environment(job)
    order = Order({"checklists": ("--checklist", ["correctness", "security"])})
    with chdir(folder):
        code = ci.run(order, environment, Destination.of(None, None), Progress(StringIO()))
    assert code == 5
    assert "eval( is wrong" in capsys.readouterr().out


def test_a_token_that_only_reads_loses_nothing(
    world: GitLabWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.token = world.lab.token("read")
    run = begun(world)
    assert run.code == 0
    assert (world.said(), world.summaries()) == ([], [])
    assert len(json.loads(run.page)) == 3
    assert "insufficient_scope" in capsys.readouterr().out


def test_a_token_that_cannot_resolve_says_so(world: GitLabWorld) -> None:
    world.token = world.lab.token(level=20)
    begun(world)
    edit(world.repo, CART, "eval(cart.total)", "cart.total")
    world.push()
    assert world.run().code == 0
    assert not any(each.resolved for each in world.said())
    assert "for somebody to resolve" in world.summary()


def test_a_token_that_is_not_accepted_fails_the_job(world: GitLabWorld) -> None:
    world.token = "-".join(("expired", "x" * 20))
    with pytest.raises(ForgeError, match="does not accept the token") as raised:
        world.run()
    assert raised.value.exit_code == 5


# --- forks --------------------------------------------------------------------------------------


def fork_run(world: GitLabWorld, *, key: bool) -> Run:
    """The job in the fork's own pipeline."""
    world.request.source_project = "eve/shop"
    there = {} if key else {"AI_GATEWAY_URL": "", "LITELLM_API_KEY": ""}
    changes: dict[str, Any] = {"CI_PROJECT_ID": "43", "GITLAB_TOKEN": "", **there}
    return world.run(**changes)


def test_a_fork_without_a_key_is_skipped_with_a_clear_word(
    world: GitLabWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fork_run(world, key=False)
    assert (run.code, run.outputs["status"]) == (0, "skipped")
    assert "from a fork" in capsys.readouterr().out
    assert json.loads(run.page) == []


def test_a_fork_with_a_key_of_its_own_is_reviewed(world: GitLabWorld) -> None:
    run = fork_run(world, key=True)
    assert (run.outputs["status"], len(json.loads(run.page))) == ("complete", 3)


def test_a_fork_s_merge_request_in_the_parent_s_pipeline_is_reviewed(world: GitLabWorld) -> None:
    world.request.source_project = "eve/shop"
    assert world.run().outputs["status"] == "complete"
    assert places(world) == PLACES


# --- two jobs -----------------------------------------------------------------------------------


def test_two_jobs_say_what_one_would_have_said(world: GitLabWorld) -> None:
    checklists = {"checklists": ("--checklist", ["correctness", "security"])}
    reviewed = world.run(order=Order(checklists, post=False), GITLAB_TOKEN="").report
    assert reviewed
    assert world.request.threads == []
    order = Order(checklists, report=reviewed)
    assert world.run(order=order, AI_GATEWAY_URL="", LITELLM_API_KEY="").code == 0
    assert places(world) == PLACES
    assert kinds(world) == ["review"]


# --- what is written obeys nobody ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "/merge",
        "ok\r/close\r",
        "a\u2028/merge\u2029/close\x85/approve",
        "```\n/merge\n```",
        "````\n```\n/merge\n````\n/close",
        "> /close\n\n/label ~x",
        "<div>\n/close\n</div>\n`\n/merge\n`",
    ],
)
def test_no_line_of_it_is_a_quick_action(world: GitLabWorld, text: str) -> None:
    world.request.title = "/close"
    hostile = {"title": text, "body": text, "suggestion": f"{text}\n"}
    lost = {**hostile, "quote": "no such line"}
    begun(world, Notice("eval(", values=hostile), Notice("sleep(", values=lost))
    assert len(world.said()) == 1
    world.comment(ADA, f"/reviewbot dismiss {world.said()[0].id} {text}")
    world.answer(0, EVE, text)
    world.run()
    assert world.lab.executed == []
    assert world.request.state == "opened"
