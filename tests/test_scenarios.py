"""What people live through on a pull request, played on every forge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Repo
from fake_gateway import FakeGateway, failed
from scripted import Notice, noticing
from worlds import ADA, ALL, EVAL, EVE, SLEEP, WORLDS, World, begun, edit

CART = "shop/cart.py"


@pytest.fixture(params=WORLDS)
def world(
    request: pytest.FixtureRequest, repo: Repo, fake: FakeGateway, tmp_path: Path
) -> Iterator[World]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    with WORLDS[request.param](repo, fake, tmp_path) as made:
        yield made


def calls(world: World) -> int:
    """How many calls the model has got since it was last asked here."""
    count = len(world.gateway.calls)
    world.gateway.calls.clear()
    return count


def prompts(world: World) -> str:
    return "\n".join(call.prompt for call in world.gateway.calls)


# --- the first run ------------------------------------------------------------------------------


def test_each_finding_is_said_at_its_line(world: World) -> None:
    run = begun(world)
    assert run.code == 0
    said = {(each.path, each.line, each.side) for each in world.said()}
    assert said == {(CART, 10, "new"), (CART, 34, "new"), ("shop/new.py", 2, "new")}
    assert "**Critical: eval( is wrong**" in world.said()[0].body
    assert world.told() == world.told_first
    assert run.outputs["status"] == "complete"
    assert (run.outputs["findings"], run.outputs["posted"]) == ("3", "3")
    assert (run.outputs["critical"], run.outputs["low"]) == ("1", "1")


def test_the_summary_says_what_was_found_and_what_it_cost(world: World) -> None:
    begun(world)
    summary = world.summary()
    assert "3 findings (1 critical, 1 medium, 1 low)" in summary
    for said in ("eval( is wrong", "3 calls", "tokens in", "$", "left on the key", "/reviewbot"):
        assert said in summary


def test_lines_that_were_removed_are_commented_on_the_old_side(world: World) -> None:
    begun(world, Notice("cart.total(3)", sign="-"))
    (said,) = world.said()
    assert (said.path, said.line, said.side) == (CART, 10, "old")


def test_several_lines_are_one_comment_with_its_suggestion(world: World) -> None:
    better = "def new(cart):\n    return open(cart)\n"
    begun(world, Notice("def new(", lines=2, values={"suggestion": better}))
    (said,) = world.said()
    assert (said.start_line, said.line) == (1, 2)
    assert re.search(rf"```suggestion(:-1\+0)?\n{re.escape(better)}```", said.body)


def test_what_has_no_line_stands_in_the_summary(world: World) -> None:
    begun(world, Notice("eval(", values={"quote": "no such line", "title": "Lost its line"}))
    assert world.said() == []
    assert "Lost its line" in world.summary()
    assert "does is not what it says" in world.summary()


def test_at_most_thirty_comments_the_worst_of_them_first(world: World) -> None:
    world.repo.write("many.py", "".join(f"bad({n})\n" for n in range(40)) + "worst()\n")
    world.push()
    begun(world, Notice("bad(", "low"), Notice("worst(", "critical"))
    assert len(world.said()) == 30
    assert "worst(" in world.said()[0].body
    assert world.summary().count("bad( is wrong") >= 40
    assert world.told() == world.told_first


def test_a_clean_change_gets_a_summary_and_nothing_else(world: World) -> None:
    world.gateway.react = noticing()
    run = world.run()
    assert run.code == 0
    assert world.said() == []
    assert "No findings" in world.summary()
    assert world.told() == 1


def test_the_summary_of_a_clean_change_can_be_left_out(world: World) -> None:
    world.gateway.react = noticing()
    world.run(settings={"summary_when_clean": False})
    assert world.summaries() == []
    calls(world)
    world.run(settings={"summary_when_clean": False})
    assert calls(world) == 2  # nothing is remembered: a full review


# --- said once ----------------------------------------------------------------------------------


def twice(world: World, *notices: Notice) -> None:
    """A second run adds no comment."""
    before, told = world.said(), world.told()
    world.gateway.react = noticing(*notices)
    run = world.run()
    assert run.code == 0
    assert [each.body for each in world.said()] == [each.body for each in before]
    assert world.told() == told
    assert len(world.summaries()) == 1


def test_the_same_run_twice_says_nothing_and_asks_nothing(world: World) -> None:
    begun(world)
    summary = world.summaries()
    calls(world)
    twice(world, *ALL)
    assert calls(world) == 0
    assert world.summaries() == summary


def test_lines_that_moved(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "def step_1(", "import os\nimport sys\n\n\ndef step_1(")
    world.push()
    twice(world, *ALL)
    assert "still open" in world.summary()


def test_findings_that_the_model_words_otherwise(world: World) -> None:
    begun(world)
    edit(
        world.repo,
        CART,
        "    return eval(cart.total)\n",
        "    x = 1\n    return eval(cart.total)\n",
    )
    world.push()
    other = {"title": "Quite another title", "body": "In other words.", "item": "else"}
    twice(world, *(Notice(n.fragment, n.severity, n.checklist, values=other) for n in ALL))


def test_an_edit_elsewhere_in_the_file(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "cart.total(12)", "cart.total(13)")
    world.push()
    twice(world, *ALL)


def test_a_line_that_was_edited_and_is_still_wrong(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "eval(cart.total)", "eval(cart.sum)")
    world.push()
    twice(world, *ALL)
    assert "3 findings" in world.summary()


def test_a_file_that_was_renamed(world: World) -> None:
    begun(world)
    world.repo.git("mv", CART, "shop/basket.py")
    world.push()
    twice(world, *ALL)


def test_a_rebased_branch(world: World) -> None:
    begun(world)
    world.repo.git("switch", "--quiet", "main")
    edit(world.repo, CART, "def step_1(", "# The steps.\ndef step_1(")
    world.repo.commit("meanwhile")
    world.repo.git("switch", "--quiet", "feature")
    world.repo.git("rebase", "--quiet", "main")
    world.push()
    calls(world)
    twice(world, *ALL)
    assert calls(world) == 0


def test_only_what_is_new_is_said_after_a_push(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    world.gateway.react = noticing(*ALL, Notice("exec("))
    run = world.run()
    assert [each.line for each in world.said()][3:] == [22]
    assert world.told() == world.told_first + 1
    assert "4 findings" in world.summary()
    assert (run.outputs["posted"], run.outputs["findings"]) == ("1", "4")


def test_a_summary_that_somebody_deleted_comes_back_without_repetition(world: World) -> None:
    begun(world)
    world.delete_summary()
    world.run()
    assert len(world.said()) == 3
    assert "3 findings" in world.summary()


def test_a_marker_that_somebody_else_wrote_is_not_believed(world: World) -> None:
    begun(world)
    forged = world.summaries()[0]
    world.delete_summary()
    world.comment(EVE, forged)
    calls(world)
    world.run()
    assert calls(world) == 2  # a full review, as no state is there
    assert len(world.summaries()) == 1


# --- what is new --------------------------------------------------------------------------------


def test_merging_the_target_branch_adds_nothing(world: World) -> None:
    begun(world)
    world.repo.git("switch", "--quiet", "main")
    edit(world.repo, CART, "def step_1(", "# The steps.\n\n\ndef step_1(")
    world.repo.write("other.py", "eval(1)\n")
    world.repo.commit("meanwhile")
    world.repo.git("switch", "--quiet", "feature")
    world.repo.git("merge", "--quiet", "--no-edit", "main")
    world.push()
    calls(world)
    twice(world, *ALL)
    assert calls(world) == 0


def test_only_files_with_something_new_are_sent_again(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    calls(world)
    world.run()
    assert "[reviewed before]" in prompts(world)
    assert "secret(cart)" not in prompts(world)
    assert "unchanged since" in world.summary()


def test_old_lines_get_new_findings_only_if_they_are_bad(world: World) -> None:
    begun(world, EVAL)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    world.gateway.react = noticing(EVAL, SLEEP)
    run = world.run()
    assert len(world.said()) == 1
    assert run.report
    reasons = [each.drop_reason for each in run.report.findings if each.state == "dropped"]
    assert ["reviewed before" in (reason or "") for reason in reasons] == [True]
    edit(world.repo, CART, "cart.total(7)", "exec(cart)")
    world.push()
    world.gateway.react = noticing(EVAL, Notice("sleep(", "high"))
    world.run()
    assert len(world.said()) == 2


def test_the_summary_says_when_the_review_has_converged(world: World) -> None:
    begun(world)
    assert "onverged" not in world.summary()
    edit(world.repo, CART, "cart.total(6)", "cart.total(66)")
    world.push()
    world.run()
    assert "Converged" in world.summary()


def test_another_target_branch_means_a_full_review(world: World) -> None:
    begun(world)
    world.repo.git("branch", "release", "main")
    world.retarget("release")
    calls(world)
    world.run()
    assert calls(world) == 2
    assert "it went to main before" in world.summary()
    assert len(world.said()) == 3


def test_another_configuration_means_a_full_review(world: World) -> None:
    begun(world)
    world.run(settings={"model": "claude-haiku"})
    assert "the configuration has changed" in world.summary()
    assert len(world.said()) == 3


def test_an_incomplete_review_is_done_again_as_a_whole(world: World) -> None:
    react = noticing(*ALL)
    world.gateway.react = lambda call: (
        failed(400, "", "no") if call.checklist == "Security" else react(call)
    )
    run = world.run()
    assert run.code == 3
    assert "INCOMPLETE" in world.summary()
    assert len(world.said()) == 2
    calls(world)
    world.gateway.react = react
    assert world.run().code == 0
    assert calls(world) == 2
    assert len(world.said()) == 3
    assert "INCOMPLETE" not in world.summary()


# --- fixed, dismissed, contested ----------------------------------------------------------------


def mended(world: World) -> None:
    edit(world.repo, CART, "eval(cart.total)", "cart.total")
    world.push("mend")


def test_what_is_mended_is_resolved(world: World) -> None:
    begun(world)
    mended(world)
    run = world.run()
    assert [each.resolved for each in world.said()] == [True, False, False]
    assert "2 findings" in world.summary()
    assert "ixed" in world.summary()
    assert run.outputs["resolved"] == "1"


@pytest.mark.parametrize("mode", ["off", "report"])
def test_threads_are_left_alone_where_that_is_wanted(world: World, mode: str) -> None:
    begun(world)
    mended(world)
    run = world.run(settings={"resolve": mode})
    assert not any(each.resolved for each in world.said())
    assert run.outputs["findings"] == "2"
    assert ("for somebody to resolve" in world.summary()) == (mode == "report")


def test_a_thread_that_somebody_answered_is_left_to_them(world: World) -> None:
    begun(world)
    world.answer(0, ADA, "Is it?")
    mended(world)
    world.run()
    assert not any(each.resolved for each in world.said())


def test_not_repeated_is_not_fixed(world: World) -> None:
    begun(world)
    world.gateway.react = noticing()
    edit(world.repo, CART, "cart.total(6)", "cart.total(66)")
    world.push()
    run = world.run(settings={"fail_on": "critical"})
    assert run.code == 1
    assert not any(each.resolved for each in world.said())


def test_what_is_mended_and_broken_again_is_said_again(world: World) -> None:
    begun(world)
    mended(world)
    world.run()
    edit(world.repo, CART, "    return cart.total\n", "    return eval(cart.total)\n")
    world.push()
    world.run()
    assert len(world.said()) == 4


def dismissed_by(world: World, how: str, who: str) -> None:
    finding = world.said()[0].body.partition("/reviewbot dismiss ")[2].split()[0]
    match how:
        case "command":
            world.comment(who, f"/reviewbot dismiss {finding} it is meant so")
        case "answer":
            world.answer(0, who, "/reviewbot dismiss it is meant so")
        case "resolved":
            world.resolve(0, who)
        case "thumbs-down":
            world.thumbs_down(0, who)


HOWS = ("command", "answer", "resolved", "thumbs-down")


@pytest.mark.parametrize("how", HOWS)
def test_what_somebody_with_write_access_dismisses_is_not_raised_again(
    world: World, how: str
) -> None:
    begun(world)
    assert world.run(settings={"fail_on": "critical"}).code == 1
    dismissed_by(world, how, ADA)
    edit(world.repo, CART, "eval(cart.total)", "eval(cart.sum)")
    world.push()
    run = world.run(settings={"fail_on": "critical"})
    assert run.code == 0
    assert len(world.said()) == 3
    summary = world.summary()
    assert "2 findings" in summary
    assert ADA in summary.partition("ismissed")[2]
    if how in ("command", "answer"):
        assert "it is meant so" in summary


@pytest.mark.parametrize("how", HOWS)
def test_others_change_no_verdict(world: World, how: str) -> None:
    begun(world)
    dismissed_by(world, how, EVE)
    run = world.run(settings={"fail_on": "critical"})
    assert run.code == 1
    assert len(world.said()) == 3


def test_a_comment_that_somebody_deleted_counts_as_dismissed(world: World) -> None:
    begun(world)
    world.delete(0)
    edit(world.repo, CART, "cart.total(4)", "cart.total(44)")
    world.push()
    world.run()
    assert len(world.said()) == 2
    assert "2 findings" in world.summary()
    assert "deleted" in world.summary()


def test_a_dismissal_lasts(world: World) -> None:
    begun(world)
    dismissed_by(world, "command", ADA)
    for number in (4, 5):
        edit(world.repo, CART, f"cart.total({number})", f"cart.total({number}0)")
        world.push()
        run = world.run(settings={"fail_on": "critical"})
        assert run.code == 0
    assert "it is meant so" in world.summary()


def test_the_reviews_can_be_paused(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    calls(world)
    world.comment(EVE, "/reviewbot pause")
    world.comment(ADA, "/reviewbot pause")
    run = world.run()
    assert (run.code, run.outputs["status"], calls(world)) == (0, "skipped", 0)
    world.comment(ADA, "/reviewbot resume")
    assert world.run().outputs["status"] == "complete"


# --- failure ------------------------------------------------------------------------------------


def test_a_gateway_that_fails_is_said_on_the_pull_request(world: World) -> None:
    world.gateway.react = lambda _: failed(401, "token_not_found_in_db", "Authentication Error")
    run = world.run()
    assert run.code == 4
    assert "FAILED" in world.summary()
    assert world.said() == []
    assert run.outputs["status"] == "failed"


def test_a_failure_forgets_nothing(world: World) -> None:
    begun(world)
    edit(world.repo, CART, "cart.total(6)", "exec(cart)")
    world.push()
    world.gateway.react = lambda _: failed(400, "budget_exceeded", "Budget has been exceeded!")
    run = world.run(settings={"fail_on": "critical"})
    assert run.code == 1  # what is open still counts
    assert "FAILED" in world.summary()
    assert "eval( is wrong" in world.summary()
    world.gateway.react = noticing(*ALL, Notice("exec("))
    assert world.run().code == 0
    assert len(world.said()) == 4


def test_a_failure_can_be_neutral(world: World) -> None:
    world.gateway.react = lambda _: failed(401, "token_not_found_in_db", "Authentication Error")
    run = world.run(settings={"on_failure": "neutral"})
    assert run.code == 0
    assert "FAILED" in world.summary()


def test_a_push_during_the_review_posts_nothing(world: World) -> None:
    react = noticing(*ALL)
    pushed: list[str] = []

    def pushing(call: object) -> object:
        if not pushed:
            world.repo.write("late.py", "late\n")
            pushed.append(world.push())
        return react(call)  # type: ignore[arg-type]

    world.gateway.react = pushing  # type: ignore[assignment]
    run = world.run()
    assert (run.code, run.outputs["status"]) == (0, "superseded")
    assert world.said() == []
    assert world.summaries() == []
    assert run.report
    assert len(run.report.findings) == 3


# --- what is not reviewed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        {"base_branches": ["release/*"]},
        {"labels": ["please review"]},
        {"ignore_title_keywords": ["change"]},
        {"ignore_usernames": ["author"]},
    ],
)
def test_reviews_that_nobody_asked_for_can_be_left_out(
    world: World, rules: dict[str, object]
) -> None:
    run = world.run(settings={"auto_review": rules})
    assert (run.code, run.outputs["status"]) == (0, "skipped")
    assert world.gateway.calls == []
    assert world.summaries() == []


def test_not_to_review_does_not_open_the_gate(world: World) -> None:
    begun(world)
    rules = {"ignore_title_keywords": ["change"]}
    run = world.run(settings={"auto_review": rules, "fail_on": "critical"})
    assert (run.code, run.outputs["status"]) == (1, "skipped")


def test_settings_of_the_branch_decide_nothing(world: World) -> None:
    world.repo.write(".reviewbot.yaml", "path_filters: ['!**']\nmin_severity: critical\n")
    world.push()
    begun(world)
    assert len(world.said()) == 3
    assert ".reviewbot.yaml" in world.summary()


def test_settings_of_the_base_hold(world: World) -> None:
    world.repo.git("switch", "--quiet", "main")
    world.repo.write(".reviewbot.yaml", "path_filters: ['!shop/new.py']\n")
    world.repo.commit("settings")
    world.repo.git("switch", "--quiet", "feature")
    world.repo.git("rebase", "--quiet", "main")
    world.push()
    begun(world)
    assert {each.path for each in world.said()} == {CART}
