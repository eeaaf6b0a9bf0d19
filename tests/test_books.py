"""What a run is about and where that is written down; and whole runs, held against their log."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import fake_gateway as fg
import pytest
from conftest import Repo
from fake_gateway import KEY, FakeGateway, failed, streamed
from scripted import Notice, noticing
from test_cli import Program, environment, finished, spotting
from worlds import GitHubWorld, github_world

from reviewbot import audit, books
from reviewbot.audit import CallLine, RunLine
from reviewbot.config import AuditLog
from reviewbot.errors import ConfigError

HOME = {"HOME": "/home/ada"}
DEFAULT = Path("/home/ada/.local/state/reviewbot/audit.jsonl")
TOP = Path("/src/shop")

# --- where it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "variables", "place"),
    [
        (None, HOME, DEFAULT),
        (None, HOME | {"XDG_STATE_HOME": "/state"}, Path("/state/reviewbot/audit.jsonl")),
        (None, HOME | {"XDG_STATE_HOME": "state"}, DEFAULT),
        (None, {}, None),
        (None, HOME | {"CI": "true"}, None),
        (None, HOME | {"GITHUB_ACTIONS": "true"}, None),
        ("", HOME, None),
        ("logs/audit.jsonl", HOME | {"CI": "true"}, TOP / "logs/audit.jsonl"),
        ("", HOME | {"REVIEWBOT_AUDIT": "/var/log/it"}, Path("/var/log/it")),
        ("a", HOME | {"REVIEWBOT_AUDIT": "off"}, None),
        ("a", HOME | {"REVIEWBOT_AUDIT": " "}, TOP / "a"),
    ],
)
def test_where_the_log_is(
    named: str | None, variables: Mapping[str, str], place: Path | None
) -> None:
    assert books.place(AuditLog(path=named), TOP, variables) == place


def test_the_variable_is_of_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = {"REVIEWBOT_AUDIT": "log.jsonl"}
    assert books.place(AuditLog(), TOP, variables) == tmp_path / "log.jsonl"


@pytest.mark.parametrize(
    "named",
    [
        *("/etc/cron.d/job", "../audit", "a/../../audit", "link/audit", "link/inner/audit"),
        *(".git/hooks/post-checkout", "a/.GIT/x", "last", "~/../../x/../..", "..", "a\0b/c"),
    ],
)
def test_a_file_of_the_repository_leads_nowhere_else(tmp_path: Path, named: str) -> None:
    top = tmp_path / "top"
    (top / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "last").symlink_to(tmp_path / "outside" / "file")
    with pytest.raises(ConfigError, match=r"audit\.path: .* is not in the repository"):
        books.place(AuditLog(path=named), top, {})


def test_a_folder_that_is_a_link_within_the_repository_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs")
    place = books.place(AuditLog(path="link/a"), tmp_path, {})
    assert place == tmp_path / "logs" / "a"


# --- what it is about ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://ada:s3cret@git.example.com:8443/group/sub/shop.git/", "group/sub/shop"),
        ("ssh://git@git.example.com:22/acme/shop", "acme/shop"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("host:acme/shop", "acme/shop"),
        ("https://host/?token=s3cret", "here"),
        ("https://host/shop", "here"),
        ("https://[bad", "here"),
        ("/srv/git/shop.git", "here"),
        ("file:///srv/git/shop.git", "here"),
        ("../shop", "here"),
        ("", "here"),
    ],
)
def test_the_name_of_a_repository(url: str, name: str) -> None:
    assert books.repository_name(url, Path("/home/ada/here")) == name


@pytest.mark.parametrize(
    ("variables", "user"),
    [
        ({"GITHUB_ACTOR": "ada", "USER": "runner"}, "ada"),
        ({"GITLAB_USER_LOGIN": "eve", "USER": "root"}, "eve"),
        ({"USER": "me"}, "me"),
        ({"GITHUB_ACTOR": "", "LOGNAME": "a\x1bb" + "x" * 300}, "a<U+001B>b" + "x" * 190),
    ],
)
def test_who_it_is(variables: Mapping[str, str], user: str) -> None:
    assert books.origin("acme/shop", variables).user == user


def test_each_run_has_an_id_of_its_own() -> None:
    assert len({books.origin("a/b", {}).run for _ in range(50)}) == 50


# --- whole runs on a laptop ----------------------------------------------------------------------

PLANTED = ("plantedpath", "plantedcode", "plantedbranch", "plantedtitle", "plantedwords")


@pytest.fixture
def shop(repo: Repo) -> Repo:
    repo.write("app.py", "one\n")
    repo.commit("start plantedwords")
    repo.git("remote", "add", "origin", "https://ada:plantedwords@github.com/acme/shop.git")
    repo.git("switch", "--quiet", "--create", "plantedbranch")
    repo.write("plantedpath.py", "plantedcode = 2  # BUG high\n")
    repo.commit("plantedtitle")
    return repo


@pytest.fixture
def program(shop: Repo, fake: FakeGateway, tmp_path: Path) -> Program:
    fake.be_litellm()
    fake.react = spotting
    variables = environment(fake) | {"USER": "ada", "XDG_STATE_HOME": str(tmp_path / "state")}
    return Program(shop.folder, variables)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "state" / "reviewbot" / "audit.jsonl"


def logged(path: Path) -> tuple[list[CallLine], RunLine]:
    """The calls and the run that stand in a log."""
    reading = audit.read(path)
    assert reading.skipped == 0
    calls = [line for line in reading.lines if isinstance(line, CallLine)]
    (run,) = (line for line in reading.lines if isinstance(line, RunLine))
    assert {line.origin.run for line in reading.lines} == {run.origin.run}
    return calls, run


DIFF = ("diff", "main...", "--checklist", "style,security")


def test_a_complete_run(program: Program, shop: Repo, log: Path, fake: FakeGateway) -> None:
    fake.react = lambda call: streamed(
        fg.answered([bug], {}), headers={"x-litellm-call-id": "call-" + call.checklist}
    )
    bug = {
        "path": "plantedpath.py",
        "line": 1,
        "quote": "plantedcode = 2  # BUG high",
        "severity": "high",
        "title": "plantedtitle",
        "body": "plantedwords",
    }
    done = program(*DIFF, "--fail-on", "high")
    assert done.code == 1, done.err
    assert "plantedtitle" in done.out
    calls, run = logged(log)
    assert {call.checklist for call in calls} == {"style", "security", "verification"}
    asked = (*fake.calls, *fake.verifications)
    assert {call.call_id for call in calls} <= {"", *(f"call-{call.checklist}" for call in asked)}
    for call in calls:
        assert (call.status, call.model, call.tokens.input) == ("ok", "claude-sonnet", 1000)
        assert call.dollars == pytest.approx(1000 * 3e-06 + 10 * 1.5e-05)
    assert (run.status, run.exit_code, run.files, run.calls) == ("complete", 1, 1, 3)
    assert run.findings["high"] == 1
    assert sum(run.findings.values()) == 1
    assert run.tokens.input == 3000
    assert run.dollars == pytest.approx(3 * 3.15e-03)
    origin = run.origin
    assert (origin.repository, origin.user, origin.pull_request) == ("acme/shop", "ada", None)
    assert origin.commit == shop.git("rev-parse", "HEAD")


def test_nothing_of_what_was_said_is_in_the_log(program: Program, log: Path) -> None:
    assert program(*DIFF).code == 0
    text = log.read_text()
    assert [word for word in (*PLANTED, KEY, str(program.folder)) if word in text] == []


def test_the_gateway_is_told_the_same(program: Program, log: Path, fake: FakeGateway) -> None:
    program(*DIFF)
    _, run = logged(log)
    shared = {
        f"run:{run.origin.run}",
        "repository:acme/shop",
        f"commit:{run.origin.commit}",
        "user:ada",
    }
    tags = [set(call.body["metadata"]["tags"]) for call in fake.calls]
    assert [each & shared for each in tags] == [shared] * 2
    assert [len(each - shared) for each in tags] == [1, 1]
    assert {"checklist:style"} in [each - shared for each in tags]


def test_a_working_tree_has_no_commit(program: Program, log: Path) -> None:
    program("diff", "main", "--checklist", "style")
    _, run = logged(log)
    assert run.origin.commit is None


def test_a_failed_run(program: Program, log: Path, fake: FakeGateway) -> None:
    fake.plan(failed(401, "auth_error", f"bad key {KEY}"))
    assert program(*DIFF).code == 4
    calls, run = logged(log)
    assert {call.status for call in calls} == {"gateway"}
    assert {call.dollars for call in calls} == {None}
    assert (run.status, run.exit_code, run.files) == ("failed", 4, 0)
    assert KEY not in log.read_text()


def test_a_run_without_a_gateway(program: Program, log: Path) -> None:
    program.environment["AI_GATEWAY_URL"] = ""
    assert program(*DIFF).code == 2
    calls, run = logged(log)
    assert (calls, run.status, run.exit_code) == ([], "failed", 2)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interrupted_run(
    program: Program, log: Path, fake: FakeGateway, sent: signal.Signals, code: int
) -> None:
    fake.react = lambda _: fg.hanging
    process = program.started(*DIFF, stderr=-1, stdout=-1)
    fake.wait_for_calls(1)
    process.send_signal(sent)
    assert finished(0, *process.communicate(timeout=fg.PATIENCE))
    assert process.returncode == code
    _, run = logged(log)
    assert (run.status, run.exit_code) == ("interrupted", code)


def test_a_rehearsal_is_no_run(program: Program, log: Path) -> None:
    assert program(*DIFF, "--dry-run").code == 0
    assert not log.exists()


def test_the_log_can_be_switched_off(program: Program, log: Path) -> None:
    program.environment["REVIEWBOT_AUDIT"] = "off"
    assert program(*DIFF).code == 0
    assert not log.exists()


def test_a_log_that_cannot_be_written_fails_no_review(program: Program, log: Path) -> None:
    log.mkdir(parents=True)
    done = program(*DIFF)
    assert done.code == 0
    assert done.err.count("the audit log") == 1
    assert "Is a directory" in done.err


def test_a_log_in_the_repository_is_no_part_of_the_change(program: Program, shop: Repo) -> None:
    shop.write(".reviewbot.yaml", "audit: {path: 'logs/[a] *.jsonl'}\n")
    program("diff", "--checklist", "style")
    done = program("diff", "--checklist", "style", "--format", "json")
    assert len(audit.read(shop.folder / "logs/[a] *.jsonl").lines) == 6
    (entry,) = (each for each in done.report["coverage"] if "logs" in each["path"])
    assert entry["status"] == "skipped"


def test_a_path_out_of_the_repository_is_refused(program: Program, shop: Repo) -> None:
    shop.write(".reviewbot.yaml", "audit: {path: ../planted}\n")
    done = program(*DIFF)
    assert done.code == 2
    assert "is not in the repository" in done.err
    assert not (shop.folder.parent / "planted").exists()


def test_the_command_sums_up(program: Program, log: Path) -> None:
    assert "there is no audit log" in program("audit").err
    program(*DIFF)
    said = program("audit", "--by", "repository", "--since", "1d", "--json")
    (group,) = json.loads(said.out)["groups"]
    assert (group["repository"], group["runs"], group["calls"]) == ("acme/shop", 1, 3)
    table = program("audit", "--by", "checklist", str(log)).out.splitlines()
    assert [line.split()[:3] for line in table[1:]] == [
        ["security", "1", "1"],
        ["style", "1", "1"],
        ["verification", "1", "1"],
        ["all", "1", "3"],
    ]


@pytest.mark.parametrize("arguments", [["missing.jsonl"], ["."], ["--since", "soon"]])
def test_what_cannot_be_summed_up(program: Program, log: Path, arguments: list[str]) -> None:
    program(*DIFF)
    assert program("audit", *arguments).code == 2


def test_where_no_log_is_written_there_is_nothing_to_sum_up(program: Program) -> None:
    program.environment["REVIEWBOT_AUDIT"] = "off"
    done = program("audit")
    assert (done.code, "no audit log is written here" in done.err) == (2, True)


# --- whole runs in CI ----------------------------------------------------------------------------


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    with github_world(repo, fake, tmp_path) as world:
        fake.be_litellm()
        fake.react = noticing(Notice("eval("))
        yield world


def test_in_ci_the_pull_request_is_named(
    world: GitHubWorld, fake: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "ci.jsonl"
    assert world.run(REVIEWBOT_AUDIT=str(path)).code == 0
    calls, run = logged(path)
    origin = run.origin
    assert (origin.repository, origin.user) == ("acme/shop", "author")
    assert (origin.pull_request, origin.commit) == (world.pull.number, world.head())
    assert (run.status, run.exit_code, run.calls) == ("complete", 0, len(calls))
    tags = [set(call.body["metadata"]["tags"]) for call in fake.calls]
    wanted = {f"pull_request:{world.pull.number}", f"commit:{world.head()}", "user:author"}
    assert all(wanted <= each for each in tags)


def test_in_ci_there_is_none_by_itself(world: GitHubWorld, tmp_path: Path) -> None:
    state = tmp_path / "state"
    world.run(XDG_STATE_HOME=str(state), HOME=os.environ["HOME"])
    assert not state.exists()


def test_in_ci_a_failed_run_is_logged(world: GitHubWorld, tmp_path: Path) -> None:
    path = tmp_path / "ci.jsonl"
    assert world.run(REVIEWBOT_AUDIT=str(path), bare_folder=True).code == 2
    _, run = logged(path)
    assert (run.status, run.exit_code) == ("failed", 2)


def test_in_ci_the_settings_of_the_base_say_where(
    world: GitHubWorld, repo: Repo, tmp_path: Path
) -> None:
    repo.write(".reviewbot.yaml", "audit: {path: planted.jsonl}\n")
    world.push()
    world.run()
    assert not list(tmp_path.rglob("planted.jsonl"))


def test_in_ci_a_setting_of_the_base_holds(repo: Repo, fake: FakeGateway, tmp_path: Path) -> None:
    repo.write(".reviewbot.yaml", "audit: {path: logs/audit.jsonl}\n")
    with github_world(repo, fake, tmp_path) as world:
        world.run()
        (path,) = (each for each in tmp_path.rglob("audit.jsonl") if each.parent.name == "logs")
        _, run = logged(path)
        assert run.status == "complete"
