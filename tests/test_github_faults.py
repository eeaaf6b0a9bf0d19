"""Whole runs on GitHub where calls are counted, fail, or are the last ones of a killed program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Repo
from fake_gateway import FakeGateway
from fake_github import BOT, Call, secondary_limit
from scripted import Notice, noticing
from worlds import ALL, GitHubWorld, begun, edit, github_world

WRITES = ("POST .*/reviews", "POST .*/issues/.*/comments", "PATCH .*/issues/comments", "Resolve")


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    with github_world(repo, fake, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("reviewbot.posting.PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr("reviewbot.forge.api.RETRY_DELAYS", (0.0, 0.0))


def api_calls(world: GitHubWorld) -> list[str]:
    """The calls since it was last asked here."""
    calls = [str(call) for call in world.hub.calls]
    world.hub.calls.clear()
    return calls


# --- few calls ----------------------------------------------------------------------------------


def test_a_change_of_22_files_with_10_findings_takes_at_most_8_calls(world: GitHubWorld) -> None:
    for number in range(20):
        world.repo.write(f"lib/module_{number}.py", f"def run_{number}():\n    pass\n" * 15)
    for number in range(7):
        edit(world.repo, f"lib/module_{number}.py", "    pass\n", "    bad()\n")
    world.push()
    run = begun(world, *ALL, Notice("bad("))
    assert (run.outputs["posted"], len(world.said())) == ("10", 10)
    assert run.report
    assert len({entry.path for entry in run.report.coverage}) == 22
    assert len(api_calls(world)) == 7
    world.run()
    assert len(api_calls(world)) == 3  # nothing is new: it looks, and looks again
    edit(world.repo, "lib/module_1.py", "    bad()\n", "    good()\n")
    world.push()
    world.run()
    assert len(api_calls(world)) == 5  # and a thread to resolve, and the summary


# --- killed at any point ------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """What a pull request ends with."""

    comments: tuple[tuple[str, int, bool], ...]
    summaries: int
    verdict: str


def end(world: GitHubWorld) -> End:
    comments = tuple(sorted((each.path, each.line, each.resolved) for each in world.said()))
    found = re.search(r"\d findings \(.*?\)", world.summary())
    return End(comments, len(world.summaries()), found[0] if found else "")


def process(world: GitHubWorld, folder: Path, at: int | None, *, after: bool) -> int:
    """Run the program by itself; it is killed at the call of this number. How many there were."""
    checkout = world.checkout()
    job = folder / f"{checkout.name}-killed"
    job.mkdir()
    world.write_event(job)
    command = [sys.executable, "-m", "reviewbot", "ci", "--checklist", "correctness,security"]
    environment = {**os.environ, **world.environment(job)}
    world.hub.calls.clear()
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:

        def kill(_: Call) -> None:
            if len(world.hub.calls) == at:
                program.send_signal(signal.SIGKILL)
                program.wait()

        if at is not None:
            world.hub.after_call, world.hub.before_call = (
                (kill, lambda _: None) if after else (lambda _: None, kill)
            )
        output, _ = program.communicate()
    world.hub.after_call = world.hub.before_call = lambda _: None
    expected = -signal.SIGKILL if at is not None else 0
    assert program.returncode == expected, output.decode()
    return len(world.hub.calls)


def first_and_second_push(world: GitHubWorld) -> None:
    """What is new after a first run: one finding is mended, one is added."""
    edit(world.repo, "shop/cart.py", "eval(cart.total)", "cart.total")
    edit(world.repo, "shop/cart.py", "cart.total(6)", "exec(cart)")
    world.push()


NOTICES = (*ALL, Notice("exec("))


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("call", range(1, 8))
def test_a_first_run_that_is_killed_ends_the_same_when_run_again(
    world: GitHubWorld, tmp_path: Path, call: int, after: bool
) -> None:
    world.gateway.react = noticing(*NOTICES)
    process(world, tmp_path, call, after=after)
    world.run()
    expected = (("shop/cart.py", 10, False), ("shop/cart.py", 34, False), ("shop/new.py", 2, False))
    assert end(world) == End(expected, 1, "3 findings (1 critical, 1 medium, 1 low)")


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("call", range(1, 8))
def test_a_later_run_that_is_killed_ends_the_same_when_run_again(
    world: GitHubWorld, tmp_path: Path, call: int, after: bool
) -> None:
    begun(world, *NOTICES)
    first_and_second_push(world)
    process(world, tmp_path, call, after=after)
    world.run()
    expected = (
        ("shop/cart.py", 10, True),
        ("shop/cart.py", 22, False),
        ("shop/cart.py", 34, False),
        ("shop/new.py", 2, False),
    )
    assert end(world) == End(expected, 1, "3 findings (1 high, 1 medium, 1 low)")


@pytest.mark.parametrize("call", [5, 6])
def test_a_run_that_is_killed_after_posting_repeats_nothing_after_the_next_push(
    world: GitHubWorld, tmp_path: Path, call: int
) -> None:
    begun(world, *NOTICES)
    first_and_second_push(world)
    process(world, tmp_path, call, after=False)
    said = len(world.said())
    edit(world.repo, "shop/cart.py", "def step_1(", "import os\n\n\nimport sys\n\n\ndef step_1(")
    world.push()
    world.run()
    assert len(world.said()) == said == 4
    assert "3 findings (1 high, 1 medium, 1 low)" in world.summary()


def test_the_killed_runs_are_killed_at_each_of_their_calls(
    world: GitHubWorld, tmp_path: Path
) -> None:
    world.gateway.react = noticing(*NOTICES)
    assert process(world, tmp_path, None, after=False) == 7
    first_and_second_push(world)
    assert process(world, tmp_path, None, after=False) == 7


# --- two at once --------------------------------------------------------------------------------


def test_two_runs_on_one_head_say_everything_once(world: GitHubWorld, tmp_path: Path) -> None:
    world.gateway.react = noticing(*ALL)
    both = threading.Barrier(2)
    held: set[int] = set()

    def hold(call: Call) -> None:
        """Both have looked, and neither has posted."""
        if "/reviews" in call.path and threading.get_ident() not in held:
            held.add(threading.get_ident())
            both.wait(30)

    world.hub.before_call = hold
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(process_alone, world, tmp_path / name) for name in ("a", "b")]
        assert [run.result() for run in runs] == [0, 0]
    assert len(world.pull.reviews) == 2  # they did collide
    assert sorted((each.path, each.line) for each in world.said()) == [
        ("shop/cart.py", 10),
        ("shop/cart.py", 34),
        ("shop/new.py", 2),
    ]
    assert len(world.summaries()) == 1


def process_alone(world: GitHubWorld, job: Path) -> int:
    job.mkdir()
    world.write_event(job)
    return subprocess.run(
        [sys.executable, "-m", "reviewbot", "ci", "--checklist", "correctness,security"],
        cwd=world.checkout(name=job.name),
        env={**os.environ, **world.environment(job)},
        capture_output=True,
        check=False,
    ).returncode


# --- answers that never come --------------------------------------------------------------------


@pytest.mark.parametrize("status", [502, 0], ids=["502", "dropped"])
@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("write", WRITES)
def test_a_write_without_an_answer_is_neither_lost_nor_repeated(
    world: GitHubWorld, write: str, after: bool, status: int
) -> None:
    later = write in WRITES[2:]
    if later:
        begun(world, *NOTICES)
        first_and_second_push(world)
    world.gateway.react = noticing(*NOTICES)
    world.hub.fail(1, write, status=status, after_effect=after)
    run = world.run()
    assert run.code == 0
    places = [(each.path, each.line) for each in world.said()]
    assert len(places) == len(set(places)) == (4 if later else 3)
    assert "3 findings" in world.summary()


def test_what_cannot_be_posted_stands_in_the_summary(world: GitHubWorld) -> None:
    world.hub.fail(None, "POST .*/reviews", status=502)
    run = begun(world)
    assert run.code == 5
    assert world.said() == []
    for title in ("eval( is wrong", "sleep( is wrong", "secret( is wrong"):
        assert title in world.summary()
    assert "does is not what it says" in world.summary()
    world.hub.faults.clear()
    assert world.run().code == 0
    assert len(world.said()) == 3


def test_what_nothing_can_be_told_of_stands_in_the_job(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.fail(None, "POST /repos", status=502)
    run = begun(world)
    assert run.code == 5
    shown = capsys.readouterr().out
    assert "::error title=eval( is wrong,file=shop/cart.py,line=10,endLine=10::" in shown
    assert "sleep( is wrong" in run.page
    assert run.report
    assert len(run.report.findings) == 3


# --- places that GitHub does not take -----------------------------------------------------------


@pytest.mark.parametrize("bad", [["m3.py"], ["m0.py", "m9.py"], ["m4.py", "m5.py", "m6.py"]])
def test_comments_that_are_refused_stand_in_the_summary_and_the_others_at_their_lines(
    world: GitHubWorld, bad: list[str]
) -> None:
    for number in range(10):
        world.repo.write(f"m{number}.py", f"bad({number})\n")
    world.push()
    world.hub.refused_paths.update(bad)
    begun(world, Notice("bad("))
    assert sorted(each.path for each in world.said()) == sorted(
        {f"m{number}.py" for number in range(10)} - set(bad)
    )
    for path in bad:
        assert path in world.summary()
    assert world.summary().count("does is not what it says") == len(bad)
    world.run()
    assert len(world.said()) == 10 - len(bad)


# --- tokens and limits --------------------------------------------------------------------------


def test_a_token_that_cannot_write_loses_nothing(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.token = world.hub.token("read")
    run = begun(world)
    assert run.code == 0
    assert (world.said(), world.summaries()) == ([], [])
    shown = capsys.readouterr().out
    assert shown.count("::error title=") + shown.count("::warning ") + shown.count("::notice ") == 3
    assert "eval( is wrong" in run.page
    assert run.outputs["posted"] == "0"
    assert "pull-requests: write" in shown


def test_a_token_that_cannot_resolve_says_so(world: GitHubWorld) -> None:
    begun(world, *NOTICES)
    first_and_second_push(world)
    world.token = world.hub.token(scopes={"pull-requests", "issues"}, login=BOT)
    run = world.run()
    assert run.code == 0
    assert not any(each.resolved for each in world.said())
    assert "for somebody to resolve" in world.summary()


def test_a_rate_limit_is_waited_for(world: GitHubWorld) -> None:
    world.hub.fail(1, "POST .*/reviews", **secondary_limit(1))
    run = begun(world)
    assert run.code == 0
    assert len(world.said()) == 3


def test_a_rate_limit_that_lasts_is_an_error_with_its_end(
    world: GitHubWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.fail(None, "POST .*/reviews", **secondary_limit(4000))
    run = begun(world)
    assert run.code == 5
    assert "it ends at" in capsys.readouterr().out
    assert "eval( is wrong" in world.summary()
