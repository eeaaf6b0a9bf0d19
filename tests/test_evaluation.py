"""Whole evaluations: cases in a folder, a gateway on loopback, and a judge that goes by places."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import fake_gateway as fg
import pytest
from builders import raw_finding, reply
from conftest import Repo
from fake_gateway import Call, FakeGateway, Reaction, failed, streamed
from test_cli import Program, environment, finished, spotting

from reviewbot import change, checklists
from reviewbot import gateway as gateway_module
from reviewbot.cli import cli
from reviewbot.errors import GatewayError, UsageError
from reviewbot.evaluation import case as cases
from reviewbot.evaluation import sample
from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.results import CaseResult, Results
from reviewbot.evaluation.run import Order, at_once, evaluate
from reviewbot.git import Repository
from reviewbot.models import Limits
from reviewbot.progress import Progress

SHARED = Path(__file__).parents[2] / "shared" / "bench" / "dev" / "cases"
NAMES = ("shop-1", "shop-2", "tool-1")
Command = Callable[..., tuple[Any, str]]
REVIEWED, JUDGED = "## Items to answer", "# The known problems"


def patch(path: str, *lines: str) -> str:
    added = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{added}"


def golden(path: str, line: int, **changes: Any) -> dict[str, Any]:
    return {"path": path, "line": line, "severity": "high", "text": "It fails.", **changes}


def write(folder: Path, name: str, diff: str, *goldens: Mapping[str, Any]) -> None:
    content = {"id": name, "title": f"Title of {name}", "description": "Why.", "golden": goldens}
    (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / f"{name}.diff").write_text(diff)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One golden found, one missed and one false finding; then one found; then nothing to find."""
    folder = tmp_path / "cases"
    folder.mkdir()
    bugs = patch("app.py", "x = 1  # BUG high", "y = 2", "z = 3  # BUG low")
    write(folder, "shop-1", bugs, golden("app.py", 1), golden("app.py", 2, severity="low"))
    write(folder, "shop-2", patch("cart.py", "a = 1  # BUG high"), golden("cart.py", 1))
    write(folder, "tool-1", patch("tool.py", "fine = True"))
    return folder


def by_place(call: Call) -> Reaction:
    """A model that reviews, or judges: what is at the same place is the same."""
    if JUDGED not in call.prompt:
        return spotting(call)
    known = re.findall(r"^## Problem \d+ \((.*)\)$", call.prompt, re.MULTILINE)
    said = re.findall(r"^## Finding \d+ \((.*)\)$", call.prompt, re.MULTILINE)
    verdicts = [
        {"finding": number, "reason": "the place", "problems": [known.index(place) + 1]}
        if place in known
        else {"finding": number, "reason": "no", "problems": []}
        for number, place in enumerate(said, 1)
    ]
    return streamed(json.dumps({"verdicts": verdicts}))


@dataclass
class Bench:
    """Evaluates in this process."""

    fake: FakeGateway
    order: Order
    environment: dict[str, str]
    said: io.StringIO = field(default_factory=io.StringIO)

    def __call__(self, *, model: str = "claude-sonnet", **changes: Any) -> Results:
        overrides = {
            "checklists": ("--checklist", ["style"]),
            "model": ("--model", model),
        } | changes.pop("overrides", {})
        order = replace(self.order, overrides=overrides, **changes)
        self.said = io.StringIO()
        return evaluate(order, self.environment, Progress(self.said))

    def asked(self) -> dict[str, int]:
        """How many calls have come since the last time, by what they were for."""
        prompts = [call.prompt for call in self.fake.calls]
        self.fake.calls.clear()
        return {
            "reviews": sum(REVIEWED in each for each in prompts),
            "judge": sum(JUDGED in each for each in prompts),
        }


@pytest.fixture
def bench(
    folder: Path, fake: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gateway_module, "TRIES", 1)
    fake.be_litellm(max_budget=50.0, spend=1.0)
    fake.react = by_place
    order = Order(*(folder, tmp_path / "done", None, {}, None, "claude-haiku", 10.0), replay=False)
    return Bench(fake, order, environment(fake) | {"REVIEWBOT_AUDIT": str(tmp_path / "log.jsonl")})


def counted(results: Results) -> dict[str, tuple[int, int, int]]:
    """Found, missed and false, of each case that is scored."""
    return {
        each.id: (len(each.found), len(each.missed), len(each.false)) for each in results.scored
    }


def by_name(results: Results) -> dict[str, CaseResult]:
    return {each.id: each for each in results.cases}


EXPECTED = {"shop-1": (1, 1, 1), "shop-2": (1, 0, 0), "tool-1": (0, 0, 0)}
ALL, NOTHING = {"reviews": 3, "judge": 2}, {"reviews": 0, "judge": 0}

# --- a run --------------------------------------------------------------------------------------


def test_cases_are_reviewed_and_judged(bench: Bench) -> None:
    results = bench()
    assert counted(results) == EXPECTED
    assert results.exit_code == 0
    assert {call.body["model"] for call in bench.fake.calls if JUDGED in call.prompt} == {
        "claude-haiku"
    }
    shop = next(call.prompt for call in bench.fake.calls if "x = 1  # BUG" in call.prompt)
    assert "Title: Title of shop-1\n\nDescription: Why." in shop
    assert bench.asked() == ALL
    made = by_name(results)["shop-1"]
    assert [(each.path, each.line, each.goldens) for each in made.findings] == [
        ("app.py", 1, (0,)),
        ("app.py", 3, ()),
    ]
    assert (made.source, made.findings[0].checklists) == ("shop", ("style",))
    assert (made.review.calls, made.judge.calls) == (2, 1)  # it was verified, too
    assert [made.review.cost_usd, made.judge.cost_usd] == pytest.approx([0.0063, 0.00315])
    said = bench.said.getvalue()
    assert "3 cases: 6 calls, about" in said
    assert "; judge (claude-haiku): about $0." in said
    assert "3 of 3 cases: " in said
    assert "shop-1: 1 of 2 goldens found, 1 of 2 findings false\n" in said


def test_what_it_took_is_in_the_audit_log(bench: Bench, tmp_path: Path) -> None:
    bench()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {line["repository"] for line in lines} == {"eval/cases"}
    calls = [line["checklist"] for line in lines if line["kind"] == "call"]
    assert Counter(calls) == {"style": 3, "verification": 2, "judge": 2}
    assert len([line for line in lines if line["kind"] == "run"]) == 3


def test_findings_that_no_pull_request_would_show_do_not_count(bench: Bench) -> None:
    mild = bench(overrides={"min_severity": ("--min-severity", "medium")})
    assert counted(mild)["shop-1"] == (1, 1, 0)


# --- again --------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(bench: Bench) -> None:
    first = bench()
    bench.asked()
    bench.environment.clear()  # not even the way to a gateway is needed
    again = bench()
    assert again.cases == first.cases
    assert bench.asked() == NOTHING
    assert bench(replay=True).cases == first.cases


def test_what_has_changed_is_done_anew(bench: Bench, folder: Path) -> None:
    bench()
    bench.asked()
    bench(model="claude-haiku")
    assert bench.asked() == {"reviews": 3, "judge": 0}  # the findings are the same
    bench(judge="claude-sonnet")
    assert bench.asked() == {"reviews": 0, "judge": 2}
    write(folder, "shop-2", patch("cart.py", "a = 1  # BUG high"), golden("cart.py", 7))
    assert counted(bench())["shop-2"] == (0, 1, 1)
    assert bench.asked() == {"reviews": 0, "judge": 1}
    write(folder, "shop-2", patch("cart.py", "b = 1  # BUG high"), golden("cart.py", 7))
    bench()
    assert bench.asked()["reviews"] == 1
    (folder.parent / ".reviewbot.yaml").write_text(
        "path_instructions: [{path: '*.py', instructions: Be strict.}]"
    )
    bench()
    assert bench.asked()["reviews"] == 3
    (folder.parent / ".reviewbot.yaml").unlink()
    bench()
    assert bench.asked() == NOTHING  # as it was before


@pytest.mark.parametrize(
    ("name", "calls"),
    [("_system.md", 3), ("_repair.md", 3), ("style.md", 3), ("security.md", 0), ("_judge.md", 0)],
)
def test_a_changed_prompt_is_noticed_where_it_was_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, calls: int
) -> None:
    bench()
    bench.asked()
    texts = checklists.shipped()
    changed = texts | {name: f"{texts[name]}\nBe strict.\n"}
    monkeypatch.setattr(checklists, "shipped", lambda: changed)
    bench()
    assert bench.asked()["reviews"] == calls


def test_without_prices_the_budget_cannot_hold(bench: Bench) -> None:
    bench.fake.routes.clear()
    assert counted(bench(budget=0.001)) == EXPECTED
    said = bench.said.getvalue()
    assert "price unknown; judge (claude-haiku): price unknown\n" in said
    assert "a price is unknown: the budget of $0.0010 (--budget) does not hold\n" in said


def test_nobody_is_asked_in_a_replay(bench: Bench) -> None:
    bench.environment.clear()
    results = bench(replay=True)
    assert {each.problem for each in results.cases} == {"not done yet with these settings"}
    assert (results.exit_code, results.scored) == (3, ())


def test_what_is_kept_is_for_nobody_else(bench: Bench) -> None:
    bench()
    assert (bench.order.into / ".gitignore").read_text() == "*\n"
    kept = sorted(each.name.partition("-")[0] for each in bench.order.into.glob("*.json"))
    assert len(kept) == 6  # a review and a judgement for each case


def test_what_is_kept_and_cannot_be_read_is_done_anew(bench: Bench) -> None:
    bench()
    for file in bench.order.into.glob("shop-1.*.json"):
        file.write_text("{")
    bench.asked()
    assert counted(bench()) == EXPECTED
    assert bench.asked() == {"reviews": 1, "judge": 1}


# --- failures -----------------------------------------------------------------------------------


def but(wrong: Callable[[Call], bool], reaction: Reaction) -> Callable[[Call], Reaction]:
    return lambda call: reaction if wrong(call) else by_place(call)


def test_a_case_that_fails_is_told_and_done_the_next_time(bench: Bench) -> None:
    bench.fake.react = but(lambda call: "cart.py" in call.prompt, failed(400, "", "too long"))
    results = bench()
    assert counted(results) == {"shop-1": EXPECTED["shop-1"], "tool-1": EXPECTED["tool-1"]}
    shop = by_name(results)["shop-2"]
    assert (shop.status, results.exit_code) == ("failed", 3)
    assert shop.problem.startswith("not reviewed: ")
    assert f"shop-2: {shop.problem}\n" in bench.said.getvalue()
    bench.asked()
    bench.fake.react = by_place
    assert counted(bench()) == EXPECTED
    assert bench.asked() == {"reviews": 1, "judge": 1}
    assert "2 cases done before: " in bench.said.getvalue()


def test_a_review_is_not_lost_where_the_judge_fails(bench: Bench) -> None:
    bench.fake.react = but(lambda call: JUDGED in call.prompt, streamed("I cannot tell."))
    results = bench()
    assert {each.problem for each in results.cases if each.problem} == {
        "not judged: the judge's answer is not the JSON that was asked for"
    }
    assert counted(results) == {"tool-1": (0, 0, 0)}
    bench.asked()
    bench.fake.react = by_place
    assert counted(bench()) == EXPECTED
    assert bench.asked() == {"reviews": 0, "judge": 2}


def test_all_cases_fail(bench: Bench) -> None:
    bench.fake.plan(failed(400, "", "prompt is too long"))
    assert bench().exit_code == 4


def test_an_incomplete_review_counts_and_is_tried_again(bench: Bench) -> None:
    bench.fake.react = but(
        lambda call: "cart.py" in call.prompt and JUDGED not in call.prompt, streamed("")
    )
    results = bench()
    shop = by_name(results)["shop-2"]
    assert (shop.status, counted(results)["shop-2"]) == ("incomplete", (0, 1, 0))
    assert shop.problem == "the model gave an empty answer"
    assert results.exit_code == 3
    assert bench(replay=True).cases == results.cases
    bench.fake.react = by_place
    assert counted(bench()) == EXPECTED


def test_findings_that_were_not_verified_are_told_and_tried_again(bench: Bench) -> None:
    bench.fake.verify = lambda _: failed(400, "", "too long")
    results = bench()
    assert counted(results) == EXPECTED
    assert by_name(results)["shop-1"].problem.startswith("not all findings were verified: ")
    assert by_name(results)["tool-1"].status == "complete"
    bench.asked()
    bench.fake.verify = lambda _: streamed(fg.CLEAN)
    assert bench().exit_code == 0
    assert bench.asked() == {"reviews": 2, "judge": 0}


def test_what_the_budget_broke_off_is_not_scored(bench: Bench, folder: Path) -> None:
    """There is enough for the review, and not for its verification."""
    for name in ("shop-1", "tool-1"):
        (folder / f"{name}.json").unlink()
    found = raw_finding(path="cart.py", line=1, end_line=1, quote="a = 1  # BUG high")
    bench.fake.plan(streamed(reply(found), usage=fg.USAGE | {"prompt_tokens": 12_000}))
    results = bench(budget=0.06)
    assert [each.status for each in results.cases] == ["skipped"]
    assert bench.asked() == {"reviews": 1, "judge": 0}
    assert list(bench.order.into.glob("*.json")) == []


def test_a_refused_key_ends_it(bench: Bench) -> None:
    bench.fake.plan(failed(401, "token_not_found_in_db", "no"))
    with pytest.raises(GatewayError, match="the key is not accepted"):
        bench()
    assert "the same command goes on there" in bench.said.getvalue()


def test_the_budget_is_for_all(bench: Bench) -> None:
    results = bench(budget=0.001)
    assert {(each.status, each.problem) for each in results.cases} == {
        ("skipped", "not done: over the budget of $0.0010 (--budget)")
    }
    assert (results.exit_code, bench.asked()) == (3, NOTHING)
    said = bench.said.getvalue()
    assert "that is over the budget of $0.0010 (--budget): not all will be done" in said
    assert said.count("not done: over") == 1
    assert counted(bench()) == EXPECTED


def test_the_budget_of_a_case_is_that_of_its_review(bench: Bench) -> None:
    results = bench(overrides={"budget": ("--case-budget", 0.0001)})
    assert {each.status for each in results.cases} == {"incomplete"}
    words = "not sent: over the budget of $0.0001 (--case-budget)"
    assert {each.problem for each in results.cases} == {words}
    assert counted(results)["shop-1"] == (0, 2, 0)


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        (Limits(), 4),
        (Limits(requests_per_minute=25), 2),
        (Limits(requests_per_minute=3), 1),
        (Limits(tokens_per_minute=650_000, requests_per_minute=1000), 3),
        (Limits(tokens_per_minute=10_000), 1),
    ],
)
def test_cases_at_once_are_as_many_as_the_key_allows(limits: Limits, count: int) -> None:
    assert at_once(limits) == count


# --- cases --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "a.json is no case: : Invalid JSON"),
        ("a.json", '{"id": "a"}', "a.json is no case: golden: Field required"),
        ("a.json", '{"id": "b", "golden": []}', "a.json: its id is b, not the name of the file"),
        ("a.json", '{"id": "a", "golden": [{"text": ""}]}', r"golden\.0\.text: "),
        ("a.json", '{"id": "a", "golden": [{"text": "x", "severity": "bad"}]}', "severity: "),
        ("a.diff", "--- a/x\n+++ b/x\n@@ -1 +1 @@\nwrong\n", r"a\.diff: "),
        ("a.diff", None, r"a\.diff cannot be read: No such file"),
        ("a.json", None, "there are no cases in"),
    ],
)
def test_what_is_no_case(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    write(tmp_path, "a", patch("a.py", "x"))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=words):
        cases.load(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not beside this checkout")
def test_the_shared_cases_can_be_used() -> None:
    known = cases.load(SHARED)
    assert (len(known), sum(len(case.golden) for case in known)) == (33, 147)
    assert {case.source for case in known} == {"aacr-bench", "martian-code-review-bench"}


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def program(bench: Bench, tmp_path: Path) -> Program:
    return Program(tmp_path, bench.environment)


@pytest.fixture
def command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command line in this process; the exit code, and what is shown."""
    for name, value in bench.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[Any, str]:
        code = cli.main(["eval", *arguments], standalone_mode=False)
        return code, capsys.readouterr().out

    return run


def test_the_command(command: Command, bench: Bench, tmp_path: Path) -> None:
    style = ("--checklist", "style", "--judge", "claude-haiku")
    code, shown = command("cases", *style, "-o", "a.json", "--verbose")
    assert code == 0
    assert re.search(r"^all +3 +3 +2 +1 +1 +0\.67 \[", shown, re.MULTILINE)
    assert "Missed: 1\n  shop-1: app.py:2: low: It fails.\n" in shown
    assert "False: 1\n  shop-1: app.py:3: style, low: A bug in app.py\n" in shown
    bench.asked()
    code, shown = command("--replay", "cases", *style, "--format", "json")
    written = json.loads((tmp_path / "a.json").read_text())
    assert (code, json.loads(shown)["figures"]) == (0, written["figures"])
    assert bench.asked() == NOTHING
    command("run", "cases", *style, "--model", "claude-haiku", "-o", "b.json")
    code, shown = command("--compare", "a.json", "b.json")
    assert (code, "3 common cases, 3 goldens" in shown) == (None, True)
    _, shown = command("compare", "a.json", "b.json", "--format", "json")
    assert json.loads(shown)["differences"]["f1"]["value"] == 0.0


def test_what_is_not_done_shows_in_the_exit_code(program: Program) -> None:
    done = program("eval", "cases", "--replay")
    assert done.code == 3
    assert "INCOMPLETE: of 3 cases, 3 are not scored" in done.out


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_what_is_done_survives_its_end(program: Program, bench: Bench, end: signal.Signals) -> None:
    bench.fake.react = but(lambda call: "cart.py" in call.prompt, fg.hanging)
    arguments = ("eval", "cases", "--checklist", "style", "--judge", "claude-haiku")
    running = program.started(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stderr
    assert any(b"2 of 3 cases" in line for line in iter(running.stderr.readline, b""))
    running.send_signal(end)
    done = finished(0, *running.communicate(timeout=fg.PATIENCE))
    if end == signal.SIGINT:
        assert running.returncode == 130
        assert "interrupted: 2 of 3 cases had come. What is done is kept in" in done.err
    bench.asked()
    bench.fake.react = by_place
    assert counted(bench(into=program.folder / "reviewbot-eval")) == EXPECTED
    assert bench.asked() == {"reviews": 1, "judge": 1}


# --- cases from history -------------------------------------------------------------------------


@pytest.fixture
def history(repo: Repo) -> Repo:
    repo.git("remote", "add", "origin", "https://forge.example.org/acme/shop.git")
    repo.write("app.py", "one\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("app.py", "one\ntwo  # BUG high\n")
    repo.commit("Add two\n\nAs one is not enough.")
    repo.write("caf\xe9.py", b"caf\xe9 = 1\r\n")
    repo.commit("And a place to sit")
    return repo


def test_a_case_from_a_branch(program: Program, history: Repo, bench: Bench) -> None:
    program.folder = history.folder
    goldens = ("--golden", "app.py:2: Two is wrong:\nit fails", "--golden", "caf\xe9.py:1-3: Cold")
    done = program("eval", "add", "main...feature", *goldens, "--into", "known")
    assert done.code == 0, done.err
    (case,) = cases.load(history.folder / "known")
    head = history.git("rev-parse", "feature")
    assert (case.id, case.source) == (f"shop-{head[:10]}", "acme/shop")
    assert (case.title, case.description) == (
        "Add two",
        "As one is not enough.\n\nAnd a place to sit",
    )
    assert [(each.path, each.lines, each.text) for each in case.golden] == [
        ("app.py", range(2, 3), "Two is wrong:\nit fails"),
        ("caf\xe9.py", range(1, 4), "Cold"),
    ]
    assert (case.base, case.head) == (history.git("rev-parse", "main"), head)
    assert case.diff == history.git_bytes("diff", "--full-index", "--no-color", "main...feature")
    assert counted(bench(folder=history.folder / "known"))[case.id] == (1, 1, 0)
    again = program("eval", "add", "main...feature", *goldens, "--into", "known")
    assert (again.code, "is there already" in again.err) == (2, True)


def test_in_its_repository_a_case_is_reviewed_with_the_code_around_it(
    bench: Bench, repo: Repo, tmp_path: Path
) -> None:
    repo.write("money.py", "def taxed(cents):\n    return cents * 1.2\n")
    repo.commit("start")
    repo.write("app.py", "from money import taxed\n\nprice = taxed(5)  # BUG high\n")
    repo.commit("Use it")
    with Repository(repo.folder) as repository:
        span = change.commit(repository, "HEAD")
        case = sample.case(repository, span, [Golden("It fails.", "app.py", 3)])
    known = cases.write(case, tmp_path / "known").parent
    bench(folder=known)
    assert "def taxed" not in bench.fake.calls[0].prompt
    assert "1 case of commits that are not all in this repository" in bench.said.getvalue()
    bench.fake.calls.clear()
    results = bench(folder=known, repository=repo.folder)
    assert "1\t def taxed(cents):" in bench.fake.calls[0].prompt
    assert "reviewed as patches" not in bench.said.getvalue()
    assert counted(results) == {case.id: (1, 0, 0)}
    bench.fake.calls.clear()
    assert counted(bench(folder=known, repository=repo.folder)) == {case.id: (1, 0, 0)}
    assert bench.fake.calls == []


def test_a_case_of_the_first_commit_lies_in_its_repository(repo: Repo) -> None:
    repo.write("app.py", "x = 1\n")
    repo.commit("start")
    with Repository(repo.folder) as repository:
        span = change.commit(repository, "HEAD")
        case = sample.case(repository, span, [Golden("It fails.", "app.py", 1)])
        assert case.lies_in(repository)
        assert not replace(case, base="0" * 40).lies_in(repository)
        assert not replace(case, head="main").lies_in(repository)
        assert [file.path for file in case.change(repository).diff.files] == ["app.py"]


def test_what_is_named_as_the_repository_has_to_be_one(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="repository"):
        bench(repository=tmp_path / "empty")


def test_a_case_from_a_commit(
    command: Command, history: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(history.folder)
    command("add", "feature~1", "--golden", "app.py:2: Two is wrong")
    (case,) = cases.load(history.folder / "reviewbot-cases")
    assert (case.title, case.description) == ("Add two", "As one is not enough.")
    assert b"sit" not in case.diff


@pytest.mark.parametrize(
    ("revision", "text", "words"),
    [
        ("feature", "app.py:2: Not in this one", "app.py is not in commit feature. The change is"),
        ("main...main", "app.py:2: x", "It changes nothing."),
        ("feature", "app.py: x", "is not PATH:LINE: TEXT"),
        ("feature", "app.py:2:", "is not PATH:LINE: TEXT"),
        ("nowhere", "app.py:2: x", "there is no revision 'nowhere'"),
    ],
)
def test_what_makes_no_case(
    command: Command,
    history: Repo,
    monkeypatch: pytest.MonkeyPatch,
    *,
    revision: str,
    text: str,
    words: str,
) -> None:
    monkeypatch.chdir(history.folder)
    with pytest.raises(UsageError) as raised:
        command("add", revision, "--golden", text)
    assert words in raised.value.sentences
    assert not (history.folder / "reviewbot-cases").exists()
