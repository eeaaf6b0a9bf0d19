"""The program from end to end: real processes, real repositories, a gateway on loopback."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fake_gateway as fg
import pytest
from builders import token
from conftest import Repo
from fake_gateway import KEY, Call, FakeGateway, Reaction, failed, page, streamed

from reviewbot.pipeline import OFFLINE

HEAVY = (
    *("openai", "httpx2", "pydantic", "jinja2", "yaml", "unidiff"),
    *("github", "requests", "gitlab", "rich", "pathspec"),
)
ESCAPE = "\x1b"
SEVERITY = re.compile(r"BUG (\w+)")


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        return json.loads(self.out)

    @property
    def places(self) -> set[str]:
        """The findings of a JSON report as `path:line`."""
        return {f"{each['path']}:{each['line']}" for each in self.report["findings"]}


@dataclass
class Program:
    """Runs reviewbot in a folder, with a gateway and nothing else in the environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "reviewbot", *arguments]

    def started(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, **options
        )

    def __call__(self, *arguments: str, stdin: str = "", **options: Any) -> Done:
        """Run to the end. Whatever happens: no traceback, and the key is not shown."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            input=stdin.encode(),
            timeout=fg.PATIENCE,
            check=False,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options),
        )
        return finished(done.returncode, done.stdout or b"", done.stderr or b"")


def finished(code: int, out: bytes, err: bytes) -> Done:
    done = Done(code, out.decode(), err.decode())
    assert "Traceback" not in done.out + done.err
    assert KEY not in done.out + done.err
    assert "this is a bug" not in done.err
    return done


def environment(fake: FakeGateway) -> dict[str, str]:
    kept = ("PATH", "HOME", "GIT_CONFIG_NOSYSTEM", "TMPDIR", "PYTHONPATH")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return inherited | {"AI_GATEWAY_URL": fake.url, "LITELLM_API_KEY": KEY}


def spotting(call: Call) -> Reaction:
    """A model that reports what `bugs` finds, and passes every item."""
    findings = [
        {
            "path": path,
            "line": line,
            "quote": text,
            "severity": severity,
            "title": f"A bug in {path}",
            "body": "It fails.",
        }
        for path, line, text, severity in bugs(call.prompt)
    ]
    items = re.findall(r"^- `([a-z/-]+)`: ", call.prompt, re.MULTILINE)
    return streamed(fg.answered(findings, dict.fromkeys(items, "pass")))


def bugs(prompt: str) -> Iterator[tuple[str, int, str, str]]:
    """Path, number, text and severity of each added line with `BUG severity` in it."""
    path = ""
    for row in prompt.splitlines():
        heading = re.match(r"## (\S+) \(", row)
        path = heading[1] if heading else path
        number, _, text = row.partition("\t+")
        if severity := SEVERITY.search(text):
            yield path, int(number), text, severity[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A branch with a commit of its own, and staged, changed and untracked files on top of it."""
    repo = Repo(tmp_path_factory.mktemp("shop"))
    repo.write("app.py", "one\n")
    start = repo.commit("start")
    repo.write("elsewhere.py", "x = 1  # BUG high\n")
    repo.commit("main goes on")
    repo.git("switch", "--quiet", "--create", "feature", start)
    repo.write("committed.py", "y = 2  # BUG high\n")
    repo.commit("work")
    repo.write("staged.py", "z = 3  # BUG high\n")
    repo.git("add", "staged.py")
    repo.write("app.py", "one\ntwo  # BUG low\n")
    repo.write("untracked.py", "u = 4  # BUG high\n")
    repo.write("sub/folder.txt", "text\n")
    return repo


@pytest.fixture
def program(shop: Repo, fake: FakeGateway) -> Program:
    fake.be_litellm()
    fake.react = spotting
    return Program(shop.folder, environment(fake))


# --- what is compared ---------------------------------------------------------------------------

COMMITTED, STAGED, CHANGED, UNTRACKED = (
    "committed.py:1",
    "staged.py:1",
    "app.py:2",
    "untracked.py:1",
)
EVERYTHING = {COMMITTED, STAGED, CHANGED, UNTRACKED}
JSON = ("--format", "json", "--checklist", "style")


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        ([], EVERYTHING),
        (["main"], EVERYTHING),
        (["--committed"], {COMMITTED}),
        (["main", "--committed"], {COMMITTED}),
        (["main", "feature"], {COMMITTED}),
        (["main...feature"], {COMMITTED}),
        (["main..."], {COMMITTED}),
        (["feature", "main"], {"elsewhere.py:1"}),
        (["...main"], {"elsewhere.py:1"}),
        (["--staged"], {STAGED}),
        (["--uncommitted"], {STAGED, CHANGED, UNTRACKED}),
        (["--commit", "HEAD"], {COMMITTED}),
        (["--commit", "main"], {"elsewhere.py:1"}),
    ],
)
def test_forms_of_diff(program: Program, arguments: list[str], places: set[str]) -> None:
    program.environment["AI_GATEWAY_URL"] = ""  # what would be sent can be seen without
    done = program("diff", *arguments, *JSON, "--dry-run")
    assert done.code == 0, done.err
    request, _ = done.report["requests"]
    prompt = "\n".join(part["text"] for part in request["messages"][1]["content"])
    assert {f"{path}:{line}" for path, line, _, _ in bugs(prompt)} == places


def test_a_folder_below_is_the_same_repository(program: Program) -> None:
    program.folder /= "sub"
    assert program("diff", *JSON).places == EVERYTHING


@pytest.mark.parametrize("source", ["changes.patch", "-"])
def test_a_patch_needs_no_repository(
    program: Program, shop: Repo, tmp_path: Path, source: str
) -> None:
    patch = shop.git("diff", "main...feature") + "\n"
    (tmp_path / "changes.patch").write_text(patch, "utf-8")
    program.folder = tmp_path
    done = program("diff", "--patch", source, *JSON, stdin=patch if source == "-" else "")
    assert (done.code, done.places) == (0, {COMMITTED}), done.err
    assert (done.report["base"], done.report["head"]) == (None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--staged", "--uncommitted"],
        ["main", "--staged"],
        ["--committed", "--commit", "HEAD"],
        ["main...feature", "HEAD"],
        ["main..feature"],
        ["no-such-branch"],
        [""],
        ["main", ""],
        ["--commit", ""],
        ["main", "feature", "third"],
        ["--patch", "no-such-file"],
        ["--config", "no-such-file"],
        ["--jobs", "0"],
        ["--jobs", "many"],
        ["--timeout", "-1"],
        ["--timeout", "nan"],
        ["--model", ""],
        ["--effort", "huge"],
        ["--budget", "much"],
        ["--budget", "-1"],
        ["--budget", "inf"],
        ["--checklist", "no-such-checklist"],
        ["--checklist", ","],
        ["--fail-on", "bad"],
        ["--min-severity", "bad"],
        ["--format", "bad"],
        ["--no-such-option"],
        ["-o", "no/such/folder/report.json"],
        ["-o", "report.unknown"],
        ["-o", "."],
    ],
)
def test_what_cannot_be_asked_for(
    program: Program, fake: FakeGateway, arguments: list[str]
) -> None:
    done = program("diff", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert fake.calls == []


def test_a_hint_is_written_as_it_is(program: Program) -> None:
    err = program("diff", "main..feature").err
    assert err == (
        "reviewbot: 'main..feature' is not a revision. A range has three dots: BASE...HEAD\n"
    )


# --- formats and files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part"), [("r.json", '{\n  "version": 1'), ("r.md", "# Review"), ("r.TXT", "app.py:2")]
)
def test_a_files_suffix_is_its_format(
    program: Program, tmp_path: Path, name: str, part: str
) -> None:
    done = program("diff", "-o", str(tmp_path / name), "--checklist", "style")
    assert (done.code, done.out) == (0, "")
    assert part in (tmp_path / name).read_text("utf-8")
    assert "reviewbot: 4 findings (3 high, 1 low)" in done.err
    assert str(tmp_path / name) in done.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_format_goes_before_the_suffix(program: Program, tmp_path: Path) -> None:
    program("diff", "--format", "json", "-o", str(tmp_path / "r.md"), "--checklist", "style")
    assert json.loads((tmp_path / "r.md").read_text("utf-8"))["version"] == 1
    assert program("diff", "-o", "-", *JSON).places == EVERYTHING


def test_a_file_keeps_its_mode_and_a_link_its_target(program: Program, tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.touch(0o600)
    link.symlink_to(target)
    assert program("diff", "-o", str(link), *JSON).code == 0
    assert link.is_symlink()
    assert json.loads(target.read_text("utf-8"))["status"] == "complete"
    assert target.stat().st_mode & 0o777 == 0o600


def tiny_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))


def test_an_old_report_stays_when_the_new_one_cannot_be_written(
    program: Program, shop: Repo, tmp_path: Path
) -> None:
    patch = tmp_path / "changes.patch"
    patch.write_text(shop.git("diff", "main...feature") + "\n", "utf-8")
    output = tmp_path / "out" / "report.json"
    output.parent.mkdir()
    output.write_text("old")
    program.folder = tmp_path
    done = program("diff", "--patch", str(patch), "-o", str(output), *JSON, preexec_fn=tiny_files)
    assert done.code == 5
    assert done.places == {COMMITTED}  # what was paid for is not lost
    assert "report.json cannot be written: File too large. The report is printed" in done.err
    assert output.read_text() == "old"
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 5), (["--fail-on", "high"], 1), (["--fail-on", "critical"], 5)],
)
def test_a_full_device(program: Program, arguments: list[str], code: int) -> None:
    done = program("diff", "-o", "/dev/full", *JSON, *arguments)
    assert done.code == code
    assert done.places == EVERYTHING
    assert "/dev/full cannot be written: No space left on device" in done.err


@pytest.mark.parametrize("arguments", [[], ["-o", "/dev/full"]])
def test_standard_output_that_is_full(program: Program, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = program("diff", *JSON, *arguments, stdout=full)
    assert done.code == 5
    assert "standard output cannot be written: No space left on device" in done.err


@pytest.mark.parametrize("arguments", [["diff", *JSON], ["checklists"], ["config", "--schema"]])
def test_nobody_reads_standard_output(program: Program, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = program(*arguments, stdout=writing)
    os.close(writing)
    assert done.code == 5
    assert "standard output cannot be written: Broken pipe" in done.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-on", "critical"], 0),
        (["--fail-on", "high"], 1),
        (["--fail-on", "info", "--min-severity", "critical"], 1),
    ],
)
def test_fail_on(program: Program, arguments: list[str], code: int) -> None:
    assert program("diff", *JSON, *arguments).code == code


def test_min_severity_keeps_the_others_in_the_json(program: Program) -> None:
    report = program("diff", *JSON, "--min-severity", "medium").report
    dropped = [each for each in report["findings"] if each["state"] == "dropped"]
    assert [(each["path"], each["drop_reason"]) for each in dropped] == [
        ("app.py", "below min_severity (medium)")
    ]
    text = program("diff", "--checklist", "style", "--min-severity", "medium").out
    assert "app.py:2" not in text
    assert "1 more in the JSON report only: below min_severity (medium)" in text


@pytest.mark.parametrize(
    ("arguments", "closed", "code"),
    [(["diff", *JSON, "--fail-on", "low"], (1, 2), 1), (["diff", "--patch", "-"], (0,), 0)],
)
def test_streams_that_are_closed(
    program: Program, arguments: list[str], closed: tuple[int, ...], code: int
) -> None:
    redirections = " ".join(f"{stream}>&-" for stream in closed)
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh", *program.command(*arguments)]
    done = subprocess.run(
        shell, cwd=program.folder, env=program.environment, capture_output=True, check=False
    )
    assert finished(done.returncode, done.stdout, done.stderr).code == code


# --- the dry run --------------------------------------------------------------------------------


def test_a_dry_run_sends_nothing(program: Program, fake: FakeGateway) -> None:
    done = program("diff", "main", "--dry-run", "--exclude", "sub/")
    assert done.code == 0
    for part in (
        "Dry run of main...working tree: nothing is sent.",
        "read      committed.py",
        "left out  sub/folder.txt: left out by --exclude",
        "Batch 1: 4 files",
        "In all: 5 calls",
        "about $0.1",
    ):
        assert part in done.out
    assert fake.calls == []


def test_a_dry_run_as_json_shows_what_would_be_sent(program: Program, fake: FakeGateway) -> None:
    dry = json.loads(program("diff", "main", "--dry-run", "--format", "json").out)
    assert fake.calls == []
    program("diff", "main", "--format", "json", "--jobs", "1")
    *reviews, verification = (each["messages"] for each in dry["requests"])
    assert reviews == [call.body["messages"] for call in fake.calls]
    (verified,) = (call.body["messages"] for call in fake.verifications)
    assert verification[0] == verified[0]
    assert verification[1]["content"][:-1] == verified[1]["content"][:-1]
    assert dry["calls"] == 5
    assert dry["cost_usd"] > 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AI_GATEWAY_URL": ""}, "no gateway is set"),
        ({"LITELLM_API_KEY": ""}, "AI_GATEWAY_URL is set, but there is no key"),
        ({"AI_GATEWAY_URL": "http://127.0.0.1:1"}, "cannot reach 127.0.0.1:1"),
    ],
)
def test_a_dry_run_needs_no_gateway(
    program: Program, changes: Mapping[str, str], words: str
) -> None:
    program.environment |= changes
    done = program("diff", "main", "--dry-run")
    assert done.code == 0
    assert f"! prices and limits are unknown: {words}" in done.out
    assert "price unknown" in done.out


# --- settings -----------------------------------------------------------------------------------


def test_checklists_and_files_are_chosen(program: Program, fake: FakeGateway) -> None:
    arguments = ["--checklist", "tests, security,tests", "--include", "*.py", "--exclude", "u*"]
    report = program("diff", "--format", "json", *arguments).report
    assert [each["name"] for each in report["checklists"]] == ["tests", "security"]
    assert {call.checklist for call in fake.calls} == {"Tests", "Security"}
    skipped = {each["path"]: each["reason"] for each in report["coverage"] if each["reason"]}
    assert skipped == {
        "untracked.py": "left out by --exclude",
        "sub/folder.txt": "left out by --include",
    }


OWN = """\
---
title: Naming
items: {names: Names say what they hold.}
model: own-model
---
Look at the names.
"""


@pytest.mark.parametrize(
    ("arguments", "variable", "setting", "models"),
    [
        ([], None, None, ("claude-sonnet", "own-model")),
        ([], None, "set-model", ("set-model", "own-model")),
        ([], "env-model", "set-model", ("env-model", "env-model")),
        (["--model", "line-model"], "env-model", "set-model", ("line-model", "line-model")),
    ],
)
def test_precedence_of_a_model(
    program: Program,
    fake: FakeGateway,
    make_repo: Callable[..., Repo],
    *,
    arguments: list[str],
    variable: str | None,
    setting: str | None,
    models: tuple[str, str],
) -> None:
    """The command line, the environment, the checklist's own, the configuration, the default."""
    repo = a_small_branch(make_repo)
    repo.write(".reviewbot/prompts/naming.md", OWN)
    if setting:
        repo.write(".reviewbot.yaml", f"model: {setting}\n")
    program.folder = repo.folder
    if variable:
        program.environment["REVIEWBOT_MODEL"] = variable
    done = program("diff", "main", "--checklist", "style,naming", *arguments)
    assert done.code == 0, done.err
    asked = {call.checklist: call.body["model"] for call in fake.calls}
    assert (asked["Style"], asked["Naming"]) == models


def a_small_branch(make_repo: Callable[..., Repo]) -> Repo:
    repo = make_repo("small")
    repo.write("app.py", "one\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("app.py", "one\ntwo  # BUG high\n")
    repo.commit("work")
    return repo


def test_a_configuration_file(
    program: Program, fake: FakeGateway, make_repo: Callable[..., Repo]
) -> None:
    repo = a_small_branch(make_repo)
    repo.write(".reviewbot.yaml", "checklists: [security]\nfail_on: high\n")
    program.folder = repo.folder
    assert program("diff", "main").code == 1
    assert program("diff", "main", "--fail-on", "none").code == 0
    assert {call.checklist for call in fake.calls} == {"Security"}
    listed = program("config").out
    assert re.search(r'^fail_on: "high" +# \.reviewbot\.yaml$', listed, re.MULTILINE)
    assert re.search(r"^jobs: 6 +# default$", listed, re.MULTILINE)
    program.environment["REVIEWBOT_MODEL"] = "gpt"
    assert re.search(r'^model: "gpt" +# REVIEWBOT_MODEL$', program("config").out, re.MULTILINE)
    program.environment["REVIEWBOT_BUDGET"] = "0.5"
    assert re.search(r"^budget: 0\.5 +# REVIEWBOT_BUDGET$", program("config").out, re.MULTILINE)
    other = repo.write("other.yaml", "jobs: 2\n")
    assert re.search(
        r"^jobs: 2 +# other\.yaml$", program("config", "--config", str(other)).out, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modell: x\n", "there is no setting 'modell'. Did you mean 'model'?"),
        ("api_key: sk-x\n", "Keys and addresses are read from the environment only"),
        ("jobs: many\n", ".reviewbot.yaml: jobs: "),
        ("a: [\n", ".reviewbot.yaml: "),
    ],
)
def test_a_wrong_configuration(program: Program, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / ".reviewbot.yaml").write_text(text)
    program.folder = tmp_path
    for arguments in (["config"], ["diff", "--patch", "-"]):
        done = program(*arguments)
        assert (done.code, done.out) == (2, "")
        assert words in done.err


def test_checklists_are_listed_and_shown(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / ".reviewbot/prompts"
    folder.mkdir(parents=True)
    (folder / "naming.md").write_text(OWN)
    program.folder = tmp_path
    listed = program("checklists").out
    assert re.search(r"^security +on ", listed, re.MULTILINE)
    assert re.search(r"^naming +off .*\(\.reviewbot/prompts\)$", listed, re.MULTILINE)
    assert program("checklists", "show", "naming").out == OWN
    assert program("checklists", "show", "security").out.startswith("---\ntitle: Security\n")
    wrong = program("checklists", "show", "securty")
    assert wrong.code == 2
    assert "Did you mean 'security'?" in wrong.err
    (folder / "naming.md").write_text("no front matter")
    assert program("checklists").code == 2


def test_the_schema_of_the_configuration(program: Program) -> None:
    schema = json.loads(program("config", "--schema").out)
    assert "min_severity" in schema["properties"]


# --- repositories -------------------------------------------------------------------------------


def test_no_repository(program: Program, tmp_path: Path) -> None:
    program.folder = tmp_path
    done = program("diff", "main")
    assert done.code == 2
    assert "is not in a git repository" in done.err


def test_no_common_history(program: Program, make_repo: Callable[..., Repo]) -> None:
    repo = a_small_branch(make_repo)
    repo.git("switch", "--quiet", "--orphan", "other")
    repo.commit("alone")
    program.folder = repo.folder
    done = program("diff", "main")
    assert done.code == 2
    assert "have no common history" in done.err


def test_a_shallow_clone(program: Program, make_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo = a_small_branch(make_repo)
    clone = tmp_path / "clone"
    repo.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", repo.folder.as_uri(), str(clone)
    )
    program.folder = clone
    done = program("diff", "main", "feature")
    assert done.code == 2
    assert "too shallow" in done.err
    assert "git fetch --unshallow" in done.err


def test_no_default_branch(program: Program, make_repo: Callable[..., Repo]) -> None:
    repo = a_small_branch(make_repo)
    repo.git("branch", "--quiet", "--delete", "--force", "main")
    program.folder = repo.folder
    done = program("diff")
    assert done.code == 2
    assert "no default branch" in done.err


def test_a_file_named_like_a_branch(program: Program, make_repo: Callable[..., Repo]) -> None:
    repo = a_small_branch(make_repo)
    repo.write("main", "x = 1  # BUG low\n")
    program.folder = repo.folder
    assert program("diff", "main", *JSON).places == {"app.py:2", "main:1"}


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["main", "main"], {}),
        (["main", "--exclude", "*"], {"AI_GATEWAY_URL": ""}),
        (["--committed", "--include", "x"], {"AI_GATEWAY_URL": "http://127.0.0.1:1"}),
    ],
)
def test_nothing_to_review_needs_no_gateway(
    program: Program,
    make_repo: Callable[..., Repo],
    arguments: list[str],
    changes: Mapping[str, str],
) -> None:
    program.folder = a_small_branch(make_repo).folder
    program.environment |= changes
    done = program("diff", *arguments)
    assert done.code == 0, done.err
    assert "Nothing to review." in done.out


def test_offline_only_credentials_are_looked_for(
    program: Program, make_repo: Callable[..., Repo]
) -> None:
    repo = a_small_branch(make_repo)
    repo.write("app.py", f"x = 1  # BUG high\nTOKEN = '{token()}'\n")
    program.folder = repo.folder
    program.environment["AI_GATEWAY_URL"] = ""
    done = program("diff", "main", "--offline", "--fail-on", "critical", *JSON)
    assert (done.code, done.places) == (1, {"app.py:2"})
    assert token() not in done.out + done.err
    assert done.report["usage"]["calls"] == 0
    assert done.report["warnings"] == [OFFLINE]


# --- gateways -----------------------------------------------------------------------------------

ONE_TRY = ("--timeout", "1")  # the wait for a second one goes beyond it
IMPATIENT = (*ONE_TRY, "--call-timeout", "0.3")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"AI_GATEWAY_URL": ""}, 2, "no gateway is set"),
        ({"AI_GATEWAY_URL": "ai.example.org"}, 2, "is not an http(s) address"),
        ({"AI_GATEWAY_URL": "https://…"}, 2, "no connection can be made"),
        ({"LITELLM_API_KEY": ""}, 4, "there is no key in LITELLM_API_KEY"),
        ({"LITELLM_API_KEY": "sk-…"}, 4, "characters that no key has"),
        ({"AI_GATEWAY_URL": "http://127.0.0.1:1"}, 4, "cannot reach 127.0.0.1:1"),
    ],
)
def test_no_way_to_a_gateway(
    program: Program, changes: Mapping[str, str], code: int, words: str
) -> None:
    program.environment |= changes
    done = program("diff", "main")
    assert (done.code, done.out) == (code, "")
    assert words in done.err


UNKNOWN = failed(400, "invalid_request_error", "Invalid model name passed in model=claude-sonnet")


@pytest.mark.parametrize(
    ("key_info", "reaction", "words"),
    [
        (failed(401, "token_not_found_in_db", KEY), None, "the key is not accepted"),
        (failed(401, "expired_key", "expired"), None, "the key has expired"),
        (fg.hanging, None, "does not answer"),
        (None, failed(401, "auth_error", f"bad {KEY}"), "the key is not accepted"),
        (None, failed(403, "key_model_access_denied", "no"), "may not use the model"),
        (None, failed(422, "budget_exceeded", "spent"), "the budget of the key is spent"),
        (None, UNKNOWN, "the gateway has no model 'claude-sonnet'"),
        (None, page("<html>Welcome</html>"), "is not a chat completion"),
        (None, fg.redirecting("https://example.invalid"), "sends the call elsewhere (307)"),
    ],
)
def test_a_gateway_that_no_call_gets_through(
    program: Program,
    fake: FakeGateway,
    *,
    key_info: Reaction | None,
    reaction: Reaction | None,
    words: str,
) -> None:
    fake.routes |= {"/key/info": key_info} if key_info else {}
    fake.plan(reaction or streamed(fg.CLEAN))
    impatient = IMPATIENT if key_info is fg.hanging else ()
    done = program("diff", "main", *impatient)
    assert (done.code, done.out) == (4, "")
    assert words in done.err
    assert len(fake.calls) <= 4


@pytest.mark.parametrize(
    ("reaction", "limits", "code", "reason"),
    [
        (fg.hanging, IMPATIENT, 4, "did not answer in time (call_timeout)"),
        (failed(500, "", "oops"), ONE_TRY, 4, "provider failed (500): oops"),
        (fg.broken(), ONE_TRY, 4, "the connection to "),
        (streamed("I'd rather not."), (), 3, "cannot be read"),
        (streamed(""), (), 3, "empty answer"),
    ],
)
def test_all_calls_fail(
    program: Program,
    fake: FakeGateway,
    *,
    reaction: Reaction,
    limits: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    fake.plan(reaction)
    done = program("diff", "main", "--format", "json", *limits)
    assert done.code == code
    assert done.report["status"] == ("failed" if code == 4 else "incomplete")
    entries = done.report["coverage"]
    assert {entry["status"] for entry in entries} == {"failed"}
    assert all(reason in entry["reason"] for entry in entries)
    assert "failed: " in done.err


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_failed_review_does_not_look_clean(
    program: Program, fake: FakeGateway, form: str
) -> None:
    fake.plan(failed(400, "", "prompt is too long"))
    done = program("diff", "main", "--format", form)
    assert done.code == 4
    assert "FAILED: nothing could be reviewed." in done.out
    assert "not read: app.py, committed.py" in done.out
    assert "the prompt is too long for the model 'claude-sonnet'" in done.out
    assert "No findings" not in done.out


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 3), (["--fail-on", "high"], 1), (["--fail-on", "critical"], 3)]
)
def test_some_calls_fail(
    program: Program, fake: FakeGateway, arguments: list[str], code: int
) -> None:
    fake.react = lambda call: (
        failed(400, "", "prompt is too long") if call.checklist == "Style" else spotting(call)
    )
    done = program("diff", "main", *arguments)
    assert done.code == code
    assert "INCOMPLETE: not everything was reviewed. So far 4 findings" in done.out
    assert "not read for style" in done.out
    assert "prompt is too long" in done.out


def test_a_key_whose_limit_no_call_fits_into(program: Program, fake: FakeGateway) -> None:
    fake.be_litellm(tpm_limit=2000)
    done = program("diff", "main")
    assert (done.code, done.out) == (4, "")
    assert "no change fits into what is left" in done.err
    assert fake.calls == []


# --- money --------------------------------------------------------------------------------------


def costs(program: Program) -> list[float]:
    """What each request would cost, in their order."""
    requests = program("diff", "main", "--format", "json", "--dry-run").report["requests"]
    return [request["cost_usd"] for request in requests]


@pytest.mark.parametrize("origin", ["--budget", "REVIEWBOT_BUDGET", "the key"])
def test_what_is_over_the_budget_is_not_sent(
    program: Program, fake: FakeGateway, origin: str
) -> None:
    first, second, *others = costs(program)
    enough = first + second + min(others) / 2
    arguments = ["--budget", repr(enough)] if origin == "--budget" else []
    words = f"the budget of ${enough:.4f} (--budget)"
    if origin == "REVIEWBOT_BUDGET":
        program.environment[origin] = repr(enough)
    if origin == "the key":
        fake.be_litellm(max_budget=5.0, spend=5.0 - enough)
        words = f"the ${enough:.4f} that are left on the key"
    done = program("diff", "main", "--format", "json", *arguments)
    assert (done.code, done.report["status"], len(fake.calls)) == (3, "incomplete", 2)
    unread = [entry for entry in done.report["coverage"] if entry["status"] == "skipped"]
    assert {entry["checklist"] for entry in unread} == {"style", "correctness"}
    assert {entry["reason"] for entry in unread} == {f"not sent: over {words}"}
    assert f"reviewbot: 3 calls not sent: over {words}\n" in done.err
    rehearsal = program("diff", "main", *arguments, "--dry-run").out
    assert f"! not all would be sent: it is over {words}\n" in rehearsal


def test_a_budget_that_is_enough_for_nothing(program: Program, fake: FakeGateway) -> None:
    done = program("diff", "main", "--format", "json", "--budget", "0")
    assert (done.code, done.report["status"], fake.calls) == (3, "incomplete", [])
    assert {entry["status"] for entry in done.report["coverage"]} == {"skipped"}


def test_what_is_left_on_the_key_is_shown(program: Program, fake: FakeGateway) -> None:
    fake.be_litellm(max_budget=5.0, spend=0.75)
    done = program("diff", *JSON)
    usage = done.report["usage"]
    assert usage["budget_left_usd"] == pytest.approx(4.25 - usage["cost_usd"])
    assert ", $4.24 left on the key" in program("diff", "--checklist", "style").out
    fake.be_litellm()
    assert program("diff", *JSON).report["usage"]["budget_left_usd"] is None


def test_without_prices_the_budget_does_not_hold(program: Program, fake: FakeGateway) -> None:
    fake.routes.clear()
    done = program("diff", *JSON, "--budget", "0.5")
    assert (done.code, len(fake.calls)) == (0, 1)
    host = fake.url.removeprefix("http://")
    assert done.report["warnings"] == [
        f"{host} tells neither prices nor limits of the key: the cost is unknown, and the budget "
        "of $0.50 (--budget) cannot hold"
    ]


@pytest.mark.parametrize(
    ("arguments", "variables", "model"),
    [
        (["--effort", "low"], {}, "claude-haiku"),
        ([], {"REVIEWBOT_EFFORT": "high"}, "claude-opus"),
        (["--effort", "low"], {"REVIEWBOT_EFFORT": "high"}, "claude-haiku"),
        (["--effort", "low"], {"REVIEWBOT_MODEL": "other"}, "other"),
    ],
)
def test_effort_chooses_the_model(
    program: Program,
    fake: FakeGateway,
    arguments: list[str],
    variables: dict[str, str],
    model: str,
) -> None:
    program.environment |= variables
    assert program("diff", *JSON, *arguments).code == 0
    assert [call.body["model"] for call in fake.calls] == [model]


def test_at_low_effort_one_call_asks_for_all_checklists(
    program: Program, fake: FakeGateway
) -> None:
    done = program("diff", "main", "--format", "json", "--effort", "low")
    assert (done.code, len(fake.calls), done.report["usage"]["calls"]) == (0, 1, 1)
    assert re.findall("^# Checklist: (.+)", fake.calls[0].prompt, re.MULTILINE) == [
        *("Security", "Performance", "Style", "Correctness"),
    ]
    assert {entry["status"] for entry in done.report["coverage"]} == {"reviewed"}
    at_medium = program("diff", "main", "--format", "json").report
    places = [
        [(each["path"], each["line"]) for each in made["findings"]]
        for made in (done.report, at_medium)
    ]
    assert places[0] == places[1]
    answers = [
        [(each["name"], [item["id"] for item in each["items"]]) for each in made["checklists"]]
        for made in (done.report, at_medium)
    ]
    assert answers[0] == answers[1]
    statuses = {item["status"] for each in done.report["checklists"] for item in each["items"]}
    assert statuses == {"pass"}


def test_the_report_says_which_model_read_which_file(program: Program, fake: FakeGateway) -> None:
    program.environment["REVIEWBOT_MODEL"] = "claude-sonnet"
    config = program.folder / ".reviewbot.yaml"
    config.write_text("fallback_models: [claude-haiku]\n")
    try:
        fake.react = lambda call: (
            spotting(call)
            if call.body["model"] == "claude-haiku" or call.checklist == "Style"
            else failed(429, "all_deployments_in_cooldown", "No deployments available")
        )
        done = program("diff", "main", "--format", "json", "--checklist", "security,style")
    finally:
        config.unlink()
    assert (done.code, done.report["status"]) == (0, "complete")
    read = {(entry["checklist"], entry["model"]) for entry in done.report["coverage"]}
    assert read == {("security", "claude-haiku"), ("style", "claude-sonnet")}
    assert set(done.report["usage"]["models"]) == {"claude-sonnet", "claude-haiku"}


def test_an_endpoint_that_is_not_litellm_will_do(program: Program, fake: FakeGateway) -> None:
    fake.routes.clear()
    fake.react = lambda call: (
        failed(400, "", "unknown field: response_format")
        if "response_format" in call.body
        else spotting(call)
    )
    done = program("diff", *JSON)
    assert (done.code, done.places) == (0, EVERYTHING)
    assert done.report["usage"]["cost_usd"] is None
    assert "price unknown" in done.err


# --- interruption and terminals -----------------------------------------------------------------


def test_interrupted(program: Program, fake: FakeGateway) -> None:
    fake.react = lambda call: spotting(call) if call.checklist == "Security" else fg.hanging
    running = program.started("diff", "main", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fake.wait_for_calls(4)
    assert running.stderr
    first = iter(running.stderr.readline, b"")
    assert any(b"1 of 5 answers" in line for line in first)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=fg.PATIENCE)
    done = finished(running.returncode, out, err)
    assert (done.code, done.out) == (130, "")
    assert "interrupted: 1 answer of 5 had come; they are lost" in done.err
    assert not fake.released.is_set()


def test_interrupted_before_the_first_call(program: Program, fake: FakeGateway) -> None:
    asked = threading.Event()

    def react(wire: fg.Wire) -> None:
        asked.set()
        fg.hanging(wire)

    fake.routes["/key/info"] = react
    running = program.started("diff", "main", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asked.wait(fg.PATIENCE)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=fg.PATIENCE)
    done = finished(running.returncode, out, err)
    assert (done.code, done.out) == (130, "")
    assert "interrupted; nothing is written" in done.err


def on_a_terminal(program: Program, *arguments: str) -> tuple[int, str]:
    """Run with all streams on a terminal; the exit code and what appears."""
    ours, theirs = pty.openpty()
    running = program.started(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    code = running.wait(fg.PATIENCE)
    return code, finished(code, shown, b"").out


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_has_colour_and_progress(program: Program) -> None:
    code, shown = on_a_terminal(program, "diff", "--checklist", "style")
    assert code == 0
    assert f"{ESCAPE}[31m" in shown
    assert "0 of 2 answers; ^C stops" in shown
    assert "1 of 2 answers: style: 4 findings" in shown
    assert "2 of 2 answers: verification: 0 verdicts" in shown


@pytest.mark.parametrize("columns", ["1", "500"])
def test_any_width_will_do(program: Program, columns: str) -> None:
    program.environment |= {"COLUMNS": columns, "NO_COLOR": "1"}
    code, shown = on_a_terminal(program, "diff", "--checklist", "style")
    assert code == 0
    assert f"{ESCAPE}[3" not in shown
    assert f"{ESCAPE}[1" not in shown


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_elsewhere_there_is_no_escape(program: Program, form: str) -> None:
    done = program("diff", "--checklist", "style", "--format", form)
    assert ESCAPE not in done.out + done.err
    assert "reviewbot: 1 of 2 answers: style: 4 findings" in done.err


# --- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["diff", "--help"], ["ci", "--help"], ["post", "--help"], ["--version"]),
        *(["doctor", "--help"], ["models", "--help"], ["keys", "create", "--help"]),
        *(["eval", "--help"], ["eval", "run", "--help"], ["eval", "add", "--help"]),
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from reviewbot.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    sys.exit(repr([name for name in {HEAVY} if name in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout
    assert done.stderr == "[]\n"


def test_help_says_how_it_ends(program: Program) -> None:
    done = program("--help")
    assert done.code == 0
    assert re.findall(r"^ +(\d+)  \w", done.out, re.MULTILINE) == [
        *["130", "70", "2", "1", "4", "5", "3", "0"]
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ci", ["AI_GATEWAY_URL", "LITELLM_API_KEY", "GITHUB_TOKEN", "pull-requests: write"]),
        ("ci", ["--no-post", "--fail-on", "--budget", "--checklist", "--config", "--output"]),
        ("post", ["reviewbot ci --no-post -o report.json", "REPORT", "--fail-on"]),
        ("keys", ["AI_GATEWAY_URL", "LITELLM_MASTER_KEY", "LITELLM_DEFAULT_USER_BUDGET"]),
        ("keys", ["LITELLM_DEFAULT_RPM", "create", "info", "rotate", "revoke", "gh secret set"]),
    ],
)
def test_help_for_ci_says_what_a_job_needs(program: Program, command: str, said: list[str]) -> None:
    done = program(command, "--help")
    assert done.code == 0
    shown = " ".join(done.out.split())
    assert [each for each in said if each not in shown] == []


@pytest.mark.parametrize("command", ["diff", "ci"])
def test_what_a_variable_says_is_named_with_its_option(program: Program, command: str) -> None:
    names = ("CHECKLISTS", "MODEL", "EFFORT", "BUDGET", "FAIL_ON")
    shown = program(command, "--help").out
    assert [name for name in names if f"REVIEWBOT_{name}" not in shown] == []


def test_ci_is_for_ci(program: Program) -> None:
    done = program("ci")
    assert (done.code, done.out) == (2, "")
    assert "On a laptop, take: reviewbot diff main" in done.err
