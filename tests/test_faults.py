"""Whole runs where calls to the forge are counted, fail, or are the last of a killed program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_forge import Call
from fake_gateway import FakeGateway
from fake_github import secondary_limit
from fake_gitlab import rate_limit
from scripted import Notice, noticing
from worlds import ALL, SLEEP, WORLDS, GitLabWorld, World, begun, edit


@dataclass(frozen=True)
class Verbs:
    """What a forge's calls are: patterns for `fail`, and how many a run takes.

    `post` is the first call that posts comments, `show` the one that shows them, `any_post` all
    such. `calls` are how many a first run with three comments takes, and a later one with one
    comment and one fixed thread; `many` those of a first run with ten, of the same again, and of
    one with a fixed thread.
    """

    post: str
    show: str
    any_post: str
    resolve: str
    write_summary: str
    edit_summary: str
    calls: tuple[int, int]
    many: tuple[int, int, int]
    limit: Callable[[int], Mapping[str, Any]]


VERBS = {
    "github": Verbs(
        post="POST .*/reviews",
        show="POST .*/reviews",
        any_post="POST .*/reviews",
        resolve="Resolve",
        write_summary="POST .*/issues/.*/comments",
        edit_summary="PATCH .*/issues/comments",
        calls=(7, 8),
        many=(7, 3, 6),
        limit=secondary_limit,
    ),
    "gitlab": Verbs(
        post="POST .*/draft_notes$",
        show="POST .*/bulk_publish",
        any_post="POST .*/(draft_notes|discussions)$",
        resolve="PUT .*/discussions",
        write_summary="POST .*/notes$",
        edit_summary="PUT .*/notes/",
        calls=(10, 10),
        many=(17, 3, 6),
        limit=rate_limit,
    ),
}
# Before version 19.2 of GitLab the summary is a note by itself.
VERBS["old gitlab"] = replace(VERBS["gitlab"], calls=(11, 10), many=(18, 3, 6))


@pytest.fixture(params=VERBS)
def name(request: pytest.FixtureRequest) -> str:
    """Of the forge."""
    return str(request.param)


@pytest.fixture
def world(name: str, repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[World]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    with WORLDS[name.removeprefix("old ")](repo, fake, tmp_path) as made:
        if isinstance(made, GitLabWorld) and name.startswith("old"):
            made.lab.version = (18, 0)
        yield made


@pytest.fixture
def verbs(name: str) -> Verbs:
    return VERBS[name]


@pytest.fixture(autouse=True)
def retrying_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forges are asked again at once."""
    monkeypatch.setattr("reviewbot.forge.api.RETRY_DELAYS", (0.0, 0.0))


def api_calls(world: World) -> list[str]:
    """The calls since it was last asked here."""
    calls = [str(call) for call in world.forge.calls]
    world.forge.calls.clear()
    return calls


# --- few calls ----------------------------------------------------------------------------------


def test_a_change_of_22_files_with_10_findings_takes_few_calls(world: World, verbs: Verbs) -> None:
    for number in range(20):
        world.repo.write(f"lib/module_{number}.py", f"def run_{number}():\n    pass\n" * 15)
    for number in range(7):
        edit(world.repo, f"lib/module_{number}.py", "    pass\n", "    bad()\n")
    world.push()
    run = begun(world, *ALL, Notice("bad("))
    assert (run.outputs["posted"], len(world.said())) == ("10", 10)
    assert run.report
    assert len({entry.path for entry in run.report.coverage}) == 22
    first = len(api_calls(world))
    world.run()
    again = len(api_calls(world))  # nothing is new: it looks, and looks again
    edit(world.repo, "lib/module_1.py", "    bad()\n", "    good()\n")
    world.push()
    world.run()
    assert (first, again, len(api_calls(world))) == verbs.many


# --- killed at any point ------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """What a pull request ends with."""

    comments: tuple[tuple[str, int, bool], ...]
    summaries: int
    verdict: str


def end(world: World) -> End:
    comments = tuple(sorted((each.path, each.line, each.resolved) for each in world.said()))
    found = re.search(r"\d findings \(.*?\)", world.summary())
    return End(comments, len(world.summaries()), found[0] if found else "")


def process(world: World, folder: Path, at: int | None, *, after: bool) -> int:
    """Run the program by itself; it is killed at the call of this number. How many there were."""
    checkout = world.checkout()
    job = folder / f"{checkout.name}-killed"
    job.mkdir()
    world.write_event(job)
    command = [sys.executable, "-m", "reviewbot", "ci", "--checklist", "correctness,security"]
    environment = {**os.environ, **world.environment(job)}
    world.forge.calls.clear()
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:

        def kill(_: Call) -> None:
            if len(world.forge.calls) == at:
                program.send_signal(signal.SIGKILL)
                program.wait()

        if at is not None:
            world.forge.after_call, world.forge.before_call = (
                (kill, lambda _: None) if after else (lambda _: None, kill)
            )
        output, _ = program.communicate()
    world.forge.after_call = world.forge.before_call = lambda _: None
    expected = -signal.SIGKILL if at is not None else 0
    assert program.returncode == expected, output.decode()
    return len(world.forge.calls)


def first_and_second_push(world: World) -> None:
    """What is new after a first run: one finding is mended, one is added."""
    edit(world.repo, "shop/cart.py", "eval(cart.total)", "cart.total")
    edit(world.repo, "shop/cart.py", "cart.total(6)", "exec(cart)")
    world.push()


NOTICES = (*ALL, Notice("exec("))


def each_call(run: int) -> list[tuple[str, int]]:
    """The forges, with the number of each call of a first run (0) or of a later one (1).

    An old GitLab only differs in the last calls of a first run, which write the summary.
    """
    calls = {name: range(1, verbs.calls[run] + 1) for name, verbs in VERBS.items()}
    calls["old gitlab"] = calls["old gitlab"][-3:] if run == 0 else range(0)
    return [(name, n) for name, numbers in calls.items() for n in numbers]


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize(("name", "call"), each_call(0))
def test_a_first_run_that_is_killed_ends_the_same_when_run_again(
    world: World, tmp_path: Path, call: int, after: bool
) -> None:
    world.gateway.react = noticing(*NOTICES)
    process(world, tmp_path, call, after=after)
    world.run()
    expected = (("shop/cart.py", 10, False), ("shop/cart.py", 34, False), ("shop/new.py", 2, False))
    assert end(world) == End(expected, 1, "3 findings (1 critical, 1 medium, 1 low)")


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize(("name", "call"), each_call(1))
def test_a_later_run_that_is_killed_ends_the_same_when_run_again(
    world: World, tmp_path: Path, call: int, after: bool
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


@pytest.mark.parametrize("left", [1, 2])
def test_a_run_that_is_killed_after_posting_repeats_nothing_after_the_next_push(
    world: World, verbs: Verbs, tmp_path: Path, left: int
) -> None:
    begun(world, *NOTICES)
    first_and_second_push(world)
    process(world, tmp_path, verbs.calls[1] - left, after=False)
    said = len(world.said())
    edit(world.repo, "shop/cart.py", "def step_1(", "import os\n\n\nimport sys\n\n\ndef step_1(")
    world.push()
    world.run()
    assert len(world.said()) == said == 4
    assert "3 findings (1 high, 1 medium, 1 low)" in world.summary()


def test_the_killed_runs_are_killed_at_each_of_their_calls(
    world: World, verbs: Verbs, tmp_path: Path
) -> None:
    world.gateway.react = noticing(*NOTICES)
    first = process(world, tmp_path, None, after=False)
    first_and_second_push(world)
    assert (first, process(world, tmp_path, None, after=False)) == verbs.calls


# --- two at once --------------------------------------------------------------------------------


def test_two_runs_on_one_head_say_everything_once(
    world: World, verbs: Verbs, tmp_path: Path
) -> None:
    world.gateway.react = noticing(*ALL)
    both = threading.Barrier(2)
    held: set[int] = set()

    def hold(call: Call) -> None:
        """Both have looked, and neither has posted."""
        if re.search(verbs.post, str(call)) and threading.get_ident() not in held:
            held.add(threading.get_ident())
            both.wait(30)

    world.forge.before_call = hold
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(process_alone, world, tmp_path / name) for name in ("a", "b")]
        assert [run.result() for run in runs] == [0, 0]
    assert len(held) == 2  # they did collide
    assert sorted((each.path, each.line) for each in world.said()) == [
        ("shop/cart.py", 10),
        ("shop/cart.py", 34),
        ("shop/new.py", 2),
    ]
    assert len(world.summaries()) == 1


def process_alone(world: World, job: Path) -> int:
    job.mkdir()
    world.write_event(job)
    return subprocess.run(
        [sys.executable, "-m", "reviewbot", "ci", "--checklist", "correctness,security"],
        cwd=world.checkout(name=job.name),
        env={**os.environ, **world.environment(job)},
        capture_output=True,
        check=False,
    ).returncode


@pytest.mark.parametrize("at", ["post", "show", "resolve"])
def test_a_run_that_is_overtaken_says_nothing_twice_and_overwrites_no_summary(
    world: World, verbs: Verbs, tmp_path: Path, at: str
) -> None:
    """The first run stops where it is about to write; a second one reviews a newer head."""
    begun(world, SLEEP)
    first_and_second_push(world)
    edit(world.repo, "shop/cart.py", "sleep(cart)", "cart")  # it has a thread to resolve, too
    world.push()
    world.gateway.react = noticing(*ALL, Notice("exec("))
    arrived, go = threading.Event(), threading.Event()

    def hold(call: Call) -> None:
        if re.search(getattr(verbs, at), str(call)) and not arrived.is_set():
            arrived.set()
            go.wait(60)

    world.forge.before_call = hold
    with ThreadPoolExecutor() as pool:
        overtaken = pool.submit(process_alone, world, tmp_path / "overtaken")
        assert arrived.wait(60)
        world.repo.write("more.py", "late()\n")
        world.push()
        lost = Notice("late(", "critical", values={"quote": "nowhere"})
        world.gateway.react = noticing(*ALL, Notice("exec("), lost)
        assert world.run(settings={"fail_on": "critical"}).code == 1
        go.set()
        assert overtaken.result() == 0
    world.gateway.react = noticing()  # models do not repeat themselves
    assert world.run(settings={"fail_on": "critical"}).code == 1
    places = [(each.path, each.line) for each in world.said() if not each.resolved]
    assert len(places) == len(set(places))
    assert "late( is wrong" in world.summary()


# --- answers that never come --------------------------------------------------------------------


def writes() -> list[tuple[str, str]]:
    """The forges, each with its writes; an old GitLab with those that a new one does otherwise."""
    every = ("post", "show", "write_summary", "edit_summary", "resolve")
    others = ("show", "write_summary")
    return [
        (name, write) for name in VERBS for write in (others if name.startswith("old") else every)
    ]


@pytest.mark.parametrize("status", [502, 0], ids=["502", "dropped"])
@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize(("name", "write"), writes())
def test_a_write_without_an_answer_is_neither_lost_nor_repeated(
    world: World, verbs: Verbs, write: str, after: bool, status: int
) -> None:
    later = write in ("edit_summary", "resolve")
    if later:
        begun(world, *NOTICES)
        first_and_second_push(world)
    world.gateway.react = noticing(*NOTICES)
    world.forge.fail(1, getattr(verbs, write), status=status, after_effect=after)
    run = world.run()
    assert run.code == 0
    places = [(each.path, each.line) for each in world.said()]
    assert len(places) == len(set(places)) == (4 if later else 3)
    assert "3 findings" in world.summary()


def test_what_cannot_be_posted_stands_in_the_summary(world: World, verbs: Verbs) -> None:
    world.forge.fail(None, verbs.any_post, status=502)
    run = begun(world)
    assert run.code == 5
    assert world.said() == []
    for title in ("eval( is wrong", "sleep( is wrong", "secret( is wrong"):
        assert title in world.summary()
    assert "does is not what it says" in world.summary()
    world.forge.faults.clear()
    assert world.run().code == 0
    assert len(world.said()) == 3


# --- places that the forge does not take ---------------------------------------------------------


@pytest.mark.parametrize("bad", [["m3.py"], ["m0.py", "m9.py"], ["m4.py", "m5.py", "m6.py"]])
def test_comments_that_are_refused_stand_in_the_summary_and_the_others_at_their_lines(
    world: World, bad: list[str]
) -> None:
    for number in range(10):
        world.repo.write(f"m{number}.py", f"bad({number})\n")
    world.push()
    world.forge.refused_paths.update(bad)
    begun(world, Notice("bad("))
    assert sorted(each.path for each in world.said()) == sorted(
        {f"m{number}.py" for number in range(10)} - set(bad)
    )
    for path in bad:
        assert path in world.summary()
    assert world.summary().count("does is not what it says") == len(bad)
    world.run()
    assert len(world.said()) == 10 - len(bad)


# --- limits -------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for(world: World, verbs: Verbs) -> None:
    world.forge.fail(1, verbs.post, **verbs.limit(1))
    run = begun(world)
    assert run.code == 0
    assert len(world.said()) == 3


def test_a_rate_limit_that_lasts_is_an_error_with_its_end(
    world: World, verbs: Verbs, capsys: pytest.CaptureFixture[str]
) -> None:
    world.forge.fail(None, verbs.any_post, **verbs.limit(4000))
    run = begun(world)
    assert run.code == 5
    assert "it ends at" in capsys.readouterr().out
    assert "eval( is wrong" in world.summary()
