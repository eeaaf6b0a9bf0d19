"""The action's steps, run as a runner of GitHub Actions does it, and the workflows that use it."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Repo
from fake_gateway import KEY, FakeGateway
from scripted import noticing
from uv import find_uv_bin
from worlds import ALL, GitHubWorld, github_world

from reviewbot.findings import Severity
from reviewbot.report import from_json

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
INSTALL, REVIEW = ACTION["runs"]["steps"]
EXAMPLES = sorted((ROOT / "examples" / "github").glob("*.yml"))
WORKFLOWS = [*EXAMPLES, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]

# --- a runner ------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(==|!=|&&|\|\||'(?:[^']|'')*'|[A-Za-z_][\w.-]*)")


def evaluated(text: object, contexts: Mapping[str, Any]) -> str:
    """A value of a step, with the expressions in it evaluated."""
    return re.sub(
        r"\$\{\{(.*?)\}\}", lambda match: str(_or(_tokens(match[1]), contexts)), str(text)
    )


def _tokens(expression: str) -> list[str]:
    rest = expression.strip()
    assert re.fullmatch(rf"({_TOKEN.pattern})+", rest), f"the harness cannot read: {expression}"
    return _TOKEN.findall(rest)


def _or(tokens: list[str], contexts: Mapping[str, Any]) -> str | bool:
    value = _and(tokens, contexts)
    while tokens[:1] == ["||"]:
        tokens.pop(0)
        other = _and(tokens, contexts)
        value = value or other
    return value


def _and(tokens: list[str], contexts: Mapping[str, Any]) -> str | bool:
    value = _comparison(tokens, contexts)
    while tokens[:1] == ["&&"]:
        tokens.pop(0)
        other = _comparison(tokens, contexts)
        value = value and other
    return value


def _comparison(tokens: list[str], contexts: Mapping[str, Any]) -> str | bool:
    value = _value(tokens.pop(0), contexts)
    if tokens and tokens[0] in ("==", "!="):
        equal = tokens.pop(0) == "=="
        other = _value(tokens.pop(0), contexts)
        return (value.lower() == other.lower()) == equal
    return value


def _value(token: str, contexts: Mapping[str, Any]) -> str:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    value: Any = contexts
    for name in token.split("."):
        value = value.get(name, "") if isinstance(value, Mapping) else ""
    return str(value)


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended."""

    code: int
    log: str
    outputs: Mapping[str, str]


class Runner:
    """Runs one job on a machine of its own: a workspace, a temporary folder, an event."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.temp = folder / "temp"
        self.workspace.mkdir()
        self.temp.mkdir()
        self.event = folder / "event.json"
        self.event.write_text("{}")
        self.job_environment: dict[str, str] = {}

    def run(
        self, step: Mapping[str, Any], inputs: Mapping[str, str] | None = None, path: str = ""
    ) -> Done:
        """Run a step of the action.

        Args:
            step: as it stands in action.yml.
            inputs: what the workflow gives; the others have their defaults.
            path: folders to look for programs in, before the usual ones.
        """
        contexts = {"github": {"token": "the-token"}, "env": self.job_environment}
        defaults = {
            name: evaluated(each.get("default", ""), contexts)
            for name, each in ACTION["inputs"].items()
        }
        contexts["inputs"] = {**defaults, **(inputs or {})}
        files = {
            name: self.temp / f"_{name.lower()}"
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
        }
        for file in files.values():
            file.write_text("")
        script = self.temp / "_script.sh"
        script.write_text(step["run"])
        assert step["shell"] == "bash"
        own = {key: evaluated(value, contexts) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env={**self._environment(path), **{k: str(v) for k, v in files.items()}, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        outputs = _outputs(files["GITHUB_OUTPUT"].read_text("utf-8"))
        return Done(done.returncode, done.stdout.decode(), outputs)

    def _environment(self, path: str) -> dict[str, str]:
        machine = {key: os.environ[key] for key in os.environ if not key.startswith("REVIEWBOT_")}
        return {
            **machine,
            "HOME": pwd.getpwuid(os.getuid()).pw_dir,  # with the settings of pip
            "PATH": f"{path}{os.pathsep}{machine['PATH']}" if path else machine["PATH"],
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_EVENT_NAME": "merge_group",
            "GITHUB_EVENT_PATH": str(self.event),
            "GITHUB_REPOSITORY": "shop/cart",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SERVER_URL": "https://github.com",
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_TOOL_CACHE": str(self.temp / "tools"),
            **self.job_environment,
        }


def _outputs(text: str) -> dict[str, str]:
    pattern = re.compile(r"^(.+?)<<(.+)\n((?:.*\n)*?)\2\n", re.MULTILINE)
    return {match[1]: match[3].removesuffix("\n") for match in pattern.finditer(text)}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/bash\n{script}\n")
    file.chmod(0o755)


# --- the step that reviews -----------------------------------------------------------------------

TOLD = (
    *("AI_GATEWAY_URL", "LITELLM_API_KEY", "GITHUB_TOKEN", "REVIEWBOT_MODEL"),
    *("REVIEWBOT_CHECKLISTS", "REVIEWBOT_FAIL_ON", "REVIEWBOT_EFFORT", "REVIEWBOT_BUDGET"),
    *("REVIEWBOT_CONFIG", "REVIEWBOT_HINTS", "REVIEWBOT_NO_POST"),
)


@pytest.fixture
def told(runner: Runner) -> Runner:
    """A runner on which the program only writes down what it was told, and ends with 3."""
    script = 'printf "%s\\n" "$@" > "$RUNNER_TEMP/told"; env > "$RUNNER_TEMP/env"; exit 3'
    program(runner.temp / "reviewbot/venv/bin/python", script)
    return runner


def environment(runner: Runner) -> dict[str, str]:
    lines = (runner.temp / "env").read_text().splitlines()
    found = dict(line.partition("=")[::2] for line in lines)
    return {name: found[name] for name in TOLD if found.get(name)}


def arguments(runner: Runner) -> list[str]:
    return (runner.temp / "told").read_text().splitlines()


def test_inputs_reach_the_program_as_variables(told: Runner) -> None:
    inputs = {
        "gateway-url": "https://gateway.example",
        "gateway-key": "$(touch owned) `x` \"'",
        "model": "claude-opus",
        "checklists": "security, style",
        "fail-on": "high",
        "effort": "low",
        "budget": "0.5",
        "config": "ci/reviewbot.yaml",
        "hints": "/tmp/ruff.sarif /tmp/semgrep.sarif",
        "github-token": "another",
        "post": "false",
    }
    assert told.run(REVIEW, inputs).code == 3
    values = [inputs[name] for name in ("gateway-url", "gateway-key", "github-token", "model")]
    values += [inputs[name] for name in ("checklists", "fail-on", "effort", "budget", "config")]
    values.append(inputs["hints"])
    assert environment(told) == dict(zip(TOLD, [*values, "true"], strict=True))
    assert arguments(told) == ["-I", "-m", "reviewbot", "ci", "-o", report(told)]
    assert list(told.workspace.iterdir()) == []


def report(runner: Runner) -> str:
    return str(runner.temp / "reviewbot/report.json")


def test_without_inputs_only_the_token_is_given(told: Runner) -> None:
    told.run(REVIEW)
    assert environment(told) == {"GITHUB_TOKEN": "the-token"}


def test_without_an_input_the_variable_of_the_job_counts(told: Runner) -> None:
    told.job_environment = {"AI_GATEWAY_URL": "https://job.example", "REVIEWBOT_MODEL": "opus"}
    told.run(REVIEW, {"model": "haiku"})
    assert environment(told) == {
        "AI_GATEWAY_URL": "https://job.example",
        "GITHUB_TOKEN": "the-token",
        "REVIEWBOT_MODEL": "haiku",
    }


@pytest.mark.parametrize(("post", "no_post"), [("true", None), ("false", "true"), ("no", "true")])
def test_it_posts_only_where_that_is_clearly_wanted(
    told: Runner, post: str, no_post: str | None
) -> None:
    told.run(REVIEW, {"post": post})
    assert environment(told).get("REVIEWBOT_NO_POST") == no_post


def test_a_report_is_posted_in_place_of_a_review(told: Runner) -> None:
    told.run(REVIEW, {"report": "handed over/report.json"})
    assert arguments(told) == ["-I", "-m", "reviewbot", "post", "handed over/report.json"]


def test_the_report_of_an_earlier_step_is_not_taken_for_this_ones(told: Runner) -> None:
    Path(report(told)).write_text("{}")
    told.run(REVIEW)
    assert not Path(report(told)).exists()


def test_outputs_are_those_of_the_step() -> None:
    values = {name: each["value"] for name, each in ACTION["outputs"].items()}
    assert values == {name: f"${{{{ steps.review.outputs.{name} }}}}" for name in values}
    assert REVIEW["id"] == "review"


def test_no_script_has_an_expression_in_it() -> None:
    assert not any("${{" in step["run"] for step in ACTION["runs"]["steps"])


# --- the step that installs ----------------------------------------------------------------------

PYTHONS = [*(f"python3.{minor}" for minor in range(11, 20)), "python3", "python"]
TELLS_ITS_FOLDER = 'if [ "$2" = -c ]; then echo "${0%/*}"; fi'  # as that of its packages
MAKES_A_VENV = f"""
echo "$0 $*" >&2
if [ "$3" = venv ]; then mkdir -p "$4/bin"; ln -s "$0" "$4/bin/python"; fi
{TELLS_ITS_FOLDER}
"""
LOCKED = "--require-hashes --only-binary :all: -r requirements.lock"


def unfit(folder: Path) -> str:
    """A folder with all the names of Python, each of which is too old; and no uv."""
    for name in PYTHONS:
        program(folder / name, "exit 1")
    for name in ("bash", "mkdir", "rm", "ln", "cp"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


@pytest.fixture
def bare(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs on a machine that has no fit Python."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", unfit(folder))
    return folder


def test_without_a_fit_python_it_says_what_to_do(runner: Runner, bare: Path) -> None:
    done = runner.run(INSTALL)
    assert done.code == 2
    assert done.log.startswith("::error title=reviewbot::There is no Python 3.11 or newer")
    assert "actions/setup-python" in done.log


@pytest.mark.parametrize("name", ["python3.14", "python3.11", "python3", "python"])
def test_a_fit_python_is_found(runner: Runner, bare: Path, name: str) -> None:
    program(bare / name, MAKES_A_VENV)
    done = runner.run(INSTALL)
    assert (done.code, done.log.count("-I -m venv")) == (0, 1)
    assert (
        f"-I -m pip install --quiet --no-compile --disable-pip-version-check {LOCKED}" in done.log
    )
    assert holds_the_program(runner.temp / "reviewbot/venv/bin")


def holds_the_program(packages: Path) -> bool:
    """Whether a folder has all that the wheel has: the package with the prompts in it."""
    wanted = [(ROOT, "reviewbot/__main__.py"), (ROOT, "prompts/security.md")]
    copies = [packages / "reviewbot/__main__.py", packages / "reviewbot/prompts/security.md"]
    return all(
        copy.read_bytes() == (root / path).read_bytes()
        for (root, path), copy in zip(wanted, copies, strict=True)
    )


@pytest.mark.parametrize("place", ["3.12.1/x64", "3.13.0/arm64"])
def test_a_python_of_the_tool_cache_is_found(runner: Runner, bare: Path, place: str) -> None:
    cache = runner.temp / "tools" / "Python"
    program(cache / "3.10.9" / "x64" / "bin" / "python3", "echo never; exit 1")
    program(cache / place / "bin" / "python3", MAKES_A_VENV)
    done = runner.run(INSTALL)
    assert done.code == 0
    assert f"{cache / place}/bin/python3 -I -m venv" in done.log


@pytest.mark.parametrize(("python", "asked"), [("exit 1", ">=3.11"), ("exit 0", "python3.12")])
def test_uv_is_taken_where_it_is(runner: Runner, bare: Path, python: str, asked: str) -> None:
    program(bare / "python3.12", python)
    program(bare / "of-venv", TELLS_ITS_FOLDER)
    venv = runner.temp / "reviewbot/venv"
    makes_it = f"mkdir -p {venv}/bin; ln -s {bare}/of-venv {venv}/bin/python"
    program(bare / "uv", f'echo "uv $*"; if [ "$1" = venv ]; then {makes_it}; fi')
    assert runner.run(INSTALL).log.splitlines() == [
        f"uv venv --quiet --python {asked} {venv}",
        f"uv pip install --quiet --python {venv}/bin/python {LOCKED}",
    ]
    assert holds_the_program(venv / "bin")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which the action was installed for real, beside hostile files."""
    runner = Runner(tmp_path_factory.mktemp("runner"))
    runner.job_environment = {"PYTHONPATH": str(runner.workspace)}
    set_traps(runner)
    (runner.workspace / "uv.toml").write_text('index-url = "https://evil.invalid/simple"')
    left_over = runner.temp / "reviewbot/venv/bin"
    left_over.mkdir(parents=True)
    (left_over / "python").symlink_to("/nowhere/python")
    done = runner.run(INSTALL)
    assert done.code == 0, done.log
    return runner


def set_traps(runner: Runner) -> None:
    """Modules in the workspace which tell that they were imported."""
    for name in ("venv", "ensurepip", "pip", "click", "reviewbot", "sitecustomize", "hatchling"):
        trap = f"open({str(runner.temp / 'owned')!r}, 'a').write({name!r})"
        (runner.workspace / f"{name}.py").write_text(trap)


def trapped(runner: Runner) -> bool:
    """Whether anything of the workspace was run."""
    return (runner.temp / "owned").exists()


def packages(runner: Runner) -> set[str]:
    """What is installed, each as `name-version`, but for what a new environment has."""
    (place,) = runner.temp.glob("reviewbot/venv/lib/*/site-packages")
    found = {each.name.removesuffix(".dist-info").lower() for each in place.glob("*.dist-info")}
    return {each for each in found if not each.startswith(("pip-", "setuptools-"))}


@pytest.mark.xdist_group("action")
def test_what_is_installed_is_what_is_locked(installed: Runner) -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = {f"{name.replace('-', '_')}-{version}" for name, version in pins(lock)}
    assert packages(installed) <= locked
    assert len(packages(installed)) > 25


def pins(lock: str) -> list[tuple[str, str]]:
    """The names and versions of a lock."""
    return re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE)


@pytest.mark.xdist_group("action")
def test_uv_installs_the_same(installed: Runner, runner: Runner, locked_wheels: Path) -> None:
    runner.job_environment = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(locked_wheels)}
    done = runner.run(INSTALL, path=str(Path(find_uv_bin()).parent))
    assert (done.code, done.log) == (0, "")
    assert packages(runner) == packages(installed)


@pytest.mark.xdist_group("action")
def test_what_has_another_digest_is_not_installed(
    runner: Runner, locked_wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = locked_wheels.glob("click-*.whl")
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes() + b"\0")
    others = [each for each in locked_wheels.iterdir() if each != wheel]
    for each in others:
        (tmp_path / each.name).symlink_to(each)
    folders = [each for each in os.get_exec_path() if not (Path(each) / "uv").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))  # uv takes a wheel from its cache
    runner.job_environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = runner.run(INSTALL)
    assert done.code == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.log
    assert packages(runner) == set()


@pytest.mark.xdist_group("action")
def test_it_installs_what_runs(installed: Runner) -> None:
    step = {"shell": "bash", "run": f"{REVIEW['run'].partition(' ci ')[0]} --version"}
    done = installed.run(step | {"env": {"REPORT": ""}})
    assert (done.code, done.log) == (0, "reviewbot, version 0.1.0\n")


# --- both steps, with the real program ------------------------------------------------------------


@pytest.mark.xdist_group("action")
def test_a_merge_queue_goes_on_at_once(installed: Runner) -> None:
    done = installed.run(REVIEW)
    assert (done.code, done.outputs["status"], done.outputs["report"]) == (0, "skipped", "")
    assert done.outputs.keys() == ACTION["outputs"].keys()
    assert not trapped(installed)


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(*ALL)
    with github_world(repo, fake, tmp_path) as made:
        yield made


def job(installed: Runner, world: GitHubWorld) -> Runner:
    """A job for the pull request on the runner, with a checkout that fights back."""
    job = copy(installed)
    job.workspace = world.checkout()
    job.event.write_text(json.dumps(world.event()))
    given = world.environment(job.temp, GITHUB_EVENT_PATH=str(job.event), GITHUB_TOKEN="")
    job.job_environment = {**given, "PYTHONPATH": str(job.workspace)}
    for name in ("AI_GATEWAY_URL", "LITELLM_API_KEY"):
        del job.job_environment[name]
    set_traps(job)
    (job.workspace / ".reviewbot.yaml").write_text("path_filters: ['!**']\n")
    return job


def inputs(world: GitHubWorld, **others: str) -> dict[str, str]:
    given = {
        "gateway-url": world.gateway.url,
        "gateway-key": KEY,
        "github-token": world.token,
        "checklists": "correctness, security",
    }
    return given | {name.replace("_", "-"): value for name, value in others.items()}


@pytest.mark.xdist_group("action")
def test_a_whole_review(installed: Runner, world: GitHubWorld) -> None:
    runner = job(installed, world)
    done = runner.run(REVIEW, inputs(world, fail_on="high"))
    assert done.code == 1, done.log
    assert done.outputs.keys() == ACTION["outputs"].keys()
    counts = [done.outputs[name] for name in ("findings", *Severity, "posted", "resolved")]
    assert counts == ["3", "1", "0", "1", "1", "0", "3", "0"]
    assert (done.outputs["status"], done.outputs["report"]) == ("complete", report(runner))
    assert float(done.outputs["cost-usd"]) > 0
    assert len(from_json(Path(done.outputs["report"]).read_text("utf-8")).findings) == 3
    assert len(world.said()) == 3
    assert "3 findings" in world.summary()
    assert not trapped(runner)


@pytest.mark.xdist_group("action")
def test_a_second_run_says_nothing_again(installed: Runner, world: GitHubWorld) -> None:
    for posted in ("3", "0"):
        done = job(installed, world).run(REVIEW, inputs(world))
        assert (done.code, done.outputs["posted"], done.outputs["findings"]) == (0, posted, "3")
    assert world.told() == 2


@pytest.mark.xdist_group("action")
def test_one_job_reviews_and_another_posts(installed: Runner, world: GitHubWorld) -> None:
    runner = job(installed, world)
    reading = world.hub.token("read")
    done = runner.run(REVIEW, inputs(world, post="false", github_token=reading))
    assert (done.code, done.outputs["posted"], world.said()) == (0, "0", [])
    handed_over = runner.temp / "handed-over.json"
    Path(done.outputs["report"]).rename(handed_over)
    world.gateway.calls.clear()
    poster = job(installed, world)
    done = poster.run(
        REVIEW, inputs(world, report=str(handed_over), gateway_url="", gateway_key="")
    )
    assert (done.code, done.outputs["posted"]) == (0, "3")
    assert done.outputs.keys() == ACTION["outputs"].keys()
    assert (len(world.said()), world.gateway.calls) == (3, [])
    assert not trapped(poster)


# --- workflows -----------------------------------------------------------------------------------


def steps(file: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_there_are_examples() -> None:
    names = [file.name for file in EXAMPLES]
    assert names == ["commands.yml", "forks.yml", "review.yml", "two-jobs.yml"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))
def test_workflows_give_inputs_that_are_there(file: Path) -> None:
    ours = [step for step in steps(file) if re.match(r"\./|OWNER/", step.get("uses", ""))]
    assert bool(ours) == (file.name != "test.yml")
    assert all(step["with"].keys() <= ACTION["inputs"].keys() for step in ours)


def test_the_way_for_forks_follows_the_review() -> None:
    forks, review = (
        yaml.safe_load((ROOT / "examples/github" / name).read_text("utf-8"))
        for name in ("forks.yml", "review.yml")
    )
    on = forks[True]  # YAML 1.1 reads "on" so
    assert on["workflow_run"]["workflows"] == [review["name"]]


def test_commands_and_reviews_of_a_pull_request_wait_for_each_other() -> None:
    review, obey = (
        yaml.safe_load((ROOT / "examples/github" / name).read_text("utf-8"))
        for name in ("review.yml", "commands.yml")
    )
    seven = {"pull_request": {"number": "7"}, "issue": {"number": "7"}}
    groups = {
        evaluated(each["concurrency"]["group"], {"github": {"event": seven}})
        for each in (review, obey["jobs"]["obey"])
    }
    assert groups == {"reviewbot-7"}
