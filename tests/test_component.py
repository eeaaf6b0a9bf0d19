"""The component for GitLab CI: its job, run as a runner does it, and the files that include it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Repo, downloaded
from fake_gateway import KEY, FakeGateway
from gitlab_ci import (
    ROOT,
    TEMPLATE,
    Done,
    jobs_of,
    needs_gitlab_ci_local,
    pipeline,
    run_job,
)
from scripted import noticing
from worlds import ALL, GitLabWorld, gitlab_world

from reviewbot import sarif
from reviewbot.report import from_json
from tools.lock import builders

HEADER, JOBS = yaml.safe_load_all(TEMPLATE.read_text("utf-8"))
INPUTS: dict[str, dict[str, Any]] = HEADER["spec"]["inputs"]
REVIEW, BASE = JOBS.values()
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
EXAMPLES = sorted((ROOT / "examples" / "gitlab").glob("*.yml"))

# --- what stands in the file ---------------------------------------------------------------------


def test_inputs_are_those_of_the_action() -> None:
    there = ACTION["inputs"]
    ours = {name: each["description"] for name, each in INPUTS.items() if name in there}
    assert ours == {name: there[name]["description"] for name in ours}
    of_github = {"gateway-key", "github-token"}  # masked variables here, never inputs
    assert there.keys() - ours.keys() == of_github
    of_gitlab = {"stage", "job-name", "image", "package", "base-report"}
    assert INPUTS.keys() - ours.keys() == of_gitlab


def test_each_input_is_described_and_can_be_left_out_but_for_the_program() -> None:
    for name, each in INPUTS.items():
        assert each.keys() <= {"description", "default", "type"}
        assert each["description"].endswith(".")
        kind = {"boolean": bool, "string": str}[each.get("type", "string")]
        # What a stranger may register under a name must not come in by itself.
        assert isinstance(each["default"], kind) if name != "package" else "default" not in each


def test_no_script_has_an_input_in_it() -> None:
    scripts = [line for job in JOBS.values() for line in job["script"]]
    assert scripts
    assert not any("$[[" in line for line in scripts)


def test_each_input_is_used() -> None:
    text = TEMPLATE.read_text("utf-8")
    assert all(f"$[[ inputs.{name} ]]" in text for name in INPUTS)
    (script,) = REVIEW["script"]
    given = [name for name in REVIEW["variables"] if name.startswith("REVIEWBOT_INPUT_")]
    assert all(f'"${name}"' in script for name in given)


def test_variables_are_texts() -> None:
    """GitLab puts in a boolean where an input stands alone, and takes none as a variable."""
    booleans = {f"$[[ inputs.{name} ]]" for name, each in INPUTS.items() if "type" in each}
    values = [value for job in JOBS.values() for value in job["variables"].values()]
    assert all(isinstance(value, str) for value in values)
    assert not booleans & set(values)


@pytest.mark.parametrize("shell", ["bash", "dash", "busybox"])
def test_scripts_are_good_for_every_shell(shell: str) -> None:
    if not shutil.which(shell):
        shell = "sh"
    command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    for job in JOBS.values():
        script = "\n".join(job["script"])
        done = subprocess.run(command, input=script.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_of_other_jobs_comes_in() -> None:
    for job in JOBS.values():
        assert job["needs"] == []
        assert job["inherit"] == {"default": ["tags"]}
        assert "cache" not in job


# --- the files to copy ---------------------------------------------------------------------------


def test_there_are_examples() -> None:
    names = [file.name for file in EXAMPLES]
    assert names == ["component.yml", "hints.yml", "include.yml", "two-jobs.yml"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.name))
def test_examples_give_inputs_that_are_there(file: Path) -> None:
    entries = yaml.safe_load(file.read_text("utf-8"))["include"]
    for entry in entries:
        assert entry["inputs"].keys() <= INPUTS.keys()
        assert "package" in entry["inputs"]
        for name, value in entry["inputs"].items():
            assert type(value) is type(INPUTS[name].get("default", ""))


def test_the_page_names_all_examples_and_what_is_said() -> None:
    page = (ROOT / "docs/gitlab.md").read_text("utf-8")
    assert [file.name for file in EXAMPLES if f"../examples/gitlab/{file.name}" not in page] == []
    wrong = page.partition("## When something is wrong")[2]
    seen = re.findall(r"^\| `([^`|]+)` \|", wrong, re.MULTILINE)
    sources = [TEMPLATE, *(ROOT / "reviewbot").rglob("*.py")]
    source = "\n".join(file.read_text("utf-8") for file in sources)
    parts = [part.strip() for words in seen for part in words.split("…")]
    assert len(parts) > 5
    assert [part for part in parts if part not in source] == []


def example(name: str, **inputs: object) -> dict[str, Any]:
    """An example, with the component from this checkout, and these inputs in all includes."""
    content = yaml.safe_load((ROOT / "examples/gitlab" / name).read_text("utf-8"))
    given = [entry["inputs"] | inputs for entry in content.pop("include")]
    return pipeline(*given, **content)


# --- which jobs there are ------------------------------------------------------------------------

MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "GITLAB_CI": "true",
    "CI_MERGE_REQUEST_IID": "7",
}
PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
WITH_BASE = {"base-report": True}


def set_traps(folder: Path) -> None:
    """Modules, in the place of others, with which nothing goes on."""
    for name in ("venv", "ensurepip", "pip", "click", "reviewbot", "sitecustomize", "hatchling"):
        (folder / f"{name}.py").write_text("raise SystemExit('owned')\n")


@pytest.fixture
def checkout(repo: Repo) -> Path:
    """A commit of somebody who knows what the job does."""
    set_traps(repo.folder)
    repo.write("pip.conf", "[global]\nindex-url = https://evil.invalid/simple\n")
    repo.write("reviewbot.env", "LATER_JOBS=owned\n")
    repo.write("gl-code-quality-report.json", "[]")
    (repo.folder / "reviewbot.json").symlink_to("pip.conf")
    repo.commit()
    return repo.folder


@needs_gitlab_ci_local
@pytest.mark.parametrize(
    ("variables", "inputs", "there"),
    [
        (MERGE_REQUEST, {}, ["reviewbot"]),
        (MERGE_REQUEST, WITH_BASE, ["reviewbot"]),
        (MERGE_REQUEST, {"job-name": "review"}, ["review"]),
        (PUSH, {}, []),
        (PUSH, WITH_BASE, ["reviewbot base"]),
        (PUSH | {"CI_COMMIT_BRANCH": "feature"}, WITH_BASE, []),
        (PUSH | {"CI_PIPELINE_SOURCE": "schedule"}, {}, []),
    ],
)
def test_jobs(
    checkout: Path, variables: Mapping[str, str], inputs: Mapping[str, object], there: list[str]
) -> None:
    always = {"always": {"script": ["true"]}}  # a pipeline without a job is none
    found = jobs_of(checkout, pipeline(inputs, **always), variables)
    assert sorted(found.keys() - {"always"}) == there
    assert all(found[name]["stage"] == "test" for name in there)


@needs_gitlab_ci_local
def test_the_job_of_the_default_branch(checkout: Path) -> None:
    done = run_job(checkout, pipeline(WITH_BASE), PUSH, "reviewbot base")
    assert (done.code, done.code_quality) == (0, [])


@needs_gitlab_ci_local
def test_the_report_is_posted_also_where_the_review_has_failed(checkout: Path) -> None:
    found = jobs_of(checkout, example("two-jobs.yml"), MERGE_REQUEST)
    assert found.keys() == {"reviewbot", "reviewbot post"}
    assert [need["job"] for need in found["reviewbot post"]["needs"]] == ["reviewbot"]
    assert found["reviewbot post"]["when"] == "always"


# --- the job, with a program that tells what it was told -----------------------------------------

TOLD = (
    *("AI_GATEWAY_URL", "REVIEWBOT_MODEL", "REVIEWBOT_CHECKLISTS", "REVIEWBOT_FAIL_ON"),
    *("REVIEWBOT_EFFORT", "REVIEWBOT_BUDGET", "REVIEWBOT_CONFIG", "REVIEWBOT_HINTS"),
    "REVIEWBOT_NO_POST",
)
TELLS = f"""
import json, os, sys
told = {{name: os.environ[name] for name in {TOLD!r} if name in os.environ}}
told |= {{"arguments": sys.argv[1:], "folder": os.getcwd(), "isolated": sys.flags.isolated}}
json.dump(told, open(os.environ["CI_PROJECT_DIR"] + "/told.json", "w"))
if "-o" in sys.argv:
    open(sys.argv[-1], "w").write("{{}}")
sys.exit(3)
"""


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package in place of reviewbot, which writes down what it was told, and ends with 3."""
    file = tmp_path_factory.mktemp("telling") / "reviewbot-0.0.1-py3-none-any.whl"
    about = "reviewbot-0.0.1.dist-info"
    metadata = "Metadata-Version: 2.1\nName: reviewbot\nVersion: 0.0.1\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {"reviewbot/__init__.py": "", "reviewbot/__main__.py": TELLS}
    contents |= {f"{about}/METADATA": metadata, f"{about}/WHEEL": kind, f"{about}/RECORD": ""}
    contents |= {"reviewbot/requirements.lock": builders(TEMPLATE.read_text("utf-8"))}
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return file


def told(done: Done) -> dict[str, Any]:
    assert done.code == 3, done.log
    found: dict[str, Any] = json.loads((done.workspace / "told.json").read_text("utf-8"))
    assert found.pop("isolated") == 1
    assert found.pop("folder") == str(done.workspace)
    return found


@pytest.fixture(scope="session")
def building(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what builds reviewbot, as the component has locked it."""
    folder = tmp_path_factory.mktemp("building")
    lock = folder.with_suffix(".lock")
    lock.write_text(builders(TEMPLATE.read_text("utf-8")))
    return downloaded(folder, lock)


@pytest.fixture
def offline(building: Path) -> dict[str, str]:
    """Variables with which pip finds no more than what builds reviewbot."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(building)}


OF_PROJECT = {"REVIEWBOT_MODEL": "of-project", "REVIEWBOT_EFFORT": "low"}


def arguments(done: Done) -> list[str]:
    return ["ci", "-o", f"{done.workspace}/reviewbot.json"]


@needs_gitlab_ci_local
def test_inputs_reach_the_program_as_variables(
    checkout: Path, telling: Path, offline: dict[str, str]
) -> None:
    inputs = {
        "gateway-url": "https://gateway.example",
        "model": "claude; touch owned `touch owned` \"'",
        "checklists": "security, style",
        "fail-on": "high",
        "effort": "medium",
        "budget": "0.50",
        "config": "ci/reviewbot.yaml",
        "hints": "ruff.sarif scans/semgrep.sarif",
    }
    content = pipeline(inputs | {"package": str(telling), "post": False})
    done = run_job(checkout, content, MERGE_REQUEST | offline | OF_PROJECT)
    expected = dict(zip(TOLD, [*inputs.values(), "true"], strict=True))
    assert told(done) == expected | {"arguments": arguments(done)}
    assert not (done.workspace / "owned").exists()


@needs_gitlab_ci_local
def test_nothing_of_the_workspace_is_run_or_handed_over(
    checkout: Path,
    telling: Path,
    offline: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = tmp_path / "tmp"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    owned = ["touch owned", "export REVIEWBOT_MODEL=owned"]
    defaults = {"before_script": owned, "after_script": owned, "cache": {"paths": ["venv.py"]}}
    content = pipeline({"package": str(telling), "checklists": "style"}, default=defaults)
    variables = OF_PROJECT | {"PYTHONPATH": ".", "PYTHONHOME": "."}
    done = run_job(checkout, content, MERGE_REQUEST | offline | variables)
    of_input = {"REVIEWBOT_CHECKLISTS": "style"}  # the other variables are those of the project
    assert told(done) == OF_PROJECT | of_input | {"arguments": arguments(done)}
    assert not (done.workspace / "owned").exists()
    assert (done.workspace / "pip.conf").read_text().startswith("[global]")
    report = done.artifacts / "reviewbot.json"
    assert (report.is_symlink(), report.read_text()) == (False, "{}")
    assert (done.files, done.variables, done.code_quality) == ({"reviewbot.json"}, {}, None)
    assert list(room.iterdir()) == []  # nor is anything left on the machine


@needs_gitlab_ci_local
@pytest.mark.parametrize("python", ["exit 1", "exec false"])
def test_without_a_fit_python_it_says_what_is_needed(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    file = tmp_path / "bin" / "python3"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{python}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")
    done = run_job(checkout, pipeline(), MERGE_REQUEST)
    assert done.code == 2
    assert "the image must have git, and Python 3.11 or newer with venv" in done.log
    assert (done.files, done.variables, done.code_quality) == (set(), {}, None)


@needs_gitlab_ci_local
def test_what_cannot_be_installed_is_no_finding(checkout: Path, offline: dict[str, str]) -> None:
    done = run_job(checkout, pipeline({"package": "reviewbot==0"}), MERGE_REQUEST | offline)
    assert done.code == 2
    assert "reviewbot==0" in done.log


@pytest.mark.parametrize(("shell", "options"), [("bash", "set -eo pipefail"), ("dash", "set -e")])
def test_the_exit_code_is_the_programs_also_in_the_shell_of_a_runner(
    checkout: Path, telling: Path, offline: dict[str, str], shell: str, options: str
) -> None:
    """The runner of GitLab gives the script to `eval`, at the end of a pipeline."""
    if not shutil.which(shell):
        shell = "sh"
    empty = dict.fromkeys(REVIEW["variables"], "")
    given = {"REVIEWBOT_INPUT_PACKAGE": str(telling), "CI_PROJECT_DIR": str(checkout)}
    done = subprocess.run(
        [shell, "-c", f'{options}\n: | eval "$SCRIPT"\necho not here'],
        env=os.environ | offline | empty | given | {"SCRIPT": REVIEW["script"][0]},
        cwd=checkout,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert (checkout / "told.json").exists()


# --- a report of another job ---------------------------------------------------------------------

POSTS = {"job-name": "post", "report": "reviewbot.json"}


@needs_gitlab_ci_local
def test_a_report_that_is_in_the_merge_request_is_not_posted(checkout: Path) -> None:
    done = run_job(checkout, pipeline(POSTS), MERGE_REQUEST, "post")
    assert done.code == 2
    assert "the report is a file of the merge request" in done.log


@needs_gitlab_ci_local
def test_nor_is_one_behind_a_link_that_is_in_the_merge_request(repo: Repo) -> None:
    repo.write("forged/reviewbot.json", "{}")
    (repo.folder / "reports").symlink_to("forged")
    repo.commit()
    inputs = POSTS | {"report": "reports/reviewbot.json"}
    done = run_job(repo.folder, pipeline(inputs), MERGE_REQUEST, "post")
    assert done.code == 2
    assert "the report is a file of the merge request" in done.log


@needs_gitlab_ci_local
def test_without_a_report_there_is_nothing_to_post(repo: Repo) -> None:
    repo.commit()
    done = run_job(repo.folder, pipeline(POSTS), MERGE_REQUEST, "post")
    assert done.code == 0
    assert "there is nothing to post" in done.log


# --- hints of another job ------------------------------------------------------------------------


@needs_gitlab_ci_local
@pytest.mark.parametrize("way", ["input", "variable"])
def test_hints_that_are_in_the_merge_request_are_not_shown(repo: Repo, way: str) -> None:
    repo.write("semgrep.sarif", '{"version": "2.1.0", "runs": []}')
    repo.commit()
    hints = "ruff.sarif semgrep.sarif"
    inputs = {"hints": hints} if way == "input" else {}
    of_project = {"REVIEWBOT_HINTS": hints} if way == "variable" else {}
    done = run_job(repo.folder, pipeline(inputs), MERGE_REQUEST | of_project)
    assert done.code == 2
    assert "the hints are a file of the merge request" in done.log


@needs_gitlab_ci_local
def test_what_a_linter_has_found_reaches_the_review(
    repo: Repo, telling: Path, offline: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("shop/cart.py", "import os\n")
    repo.commit()
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    content = example("hints.yml", package=str(telling))
    installation, *check = content["ruff"]["script"]
    assert installation.startswith("pip install ")
    content["ruff"]["script"] = check  # by the ruff of this environment
    assert run_job(repo.folder, content, MERGE_REQUEST, "ruff").files == {"ruff.sarif"}
    done = run_job(repo.folder, content, MERGE_REQUEST | offline)
    assert told(done)["REVIEWBOT_HINTS"] == "ruff.sarif"
    (hint,) = sarif.read([done.workspace / "ruff.sarif"], done.workspace)
    assert (hint.path, hint.source) == ("shop/cart.py", "ruff F401")


# --- the job, with the real program --------------------------------------------------------------


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, building: Path, locked_wheels: Path) -> Path:
    """This checkout and all that it needs, so that the job finds it without the network."""
    folder = tmp_path_factory.mktemp("wheels")
    for wheel in (*locked_wheels.iterdir(), *building.iterdir()):
        shutil.copy(wheel, folder)
    command = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", f"--find-links={folder}", f"--wheel-dir={folder}"]
    subprocess.run([*command, *offline, str(ROOT)], check=True)
    return folder


@pytest.fixture
def world(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitLabWorld]:
    fake.be_litellm(max_budget=10.0, spend=1.0)
    fake.react = noticing(*ALL)
    with gitlab_world(repo, fake, tmp_path) as made:
        yield made


INPUTS_OF_ALL = {"checklists": "correctness, security"}


def run(world: GitLabWorld, wheels: Path, checkout: Path | None = None, **inputs: object) -> Done:
    """A run of the job for the merge request, in a checkout that fights back."""
    checkout = checkout or world.checkout()
    set_traps(checkout)
    given = INPUTS_OF_ALL | {name.replace("_", "-"): value for name, value in inputs.items()}
    return run_job(checkout, pipeline(given), variables(world, wheels, checkout))


def variables(world: GitLabWorld, wheels: Path, checkout: Path, **changes: str) -> dict[str, str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PYTHONPATH": "."}
    return world.environment(checkout, **offline, **changes)


@needs_gitlab_ci_local
@pytest.mark.xdist_group("component")
def test_a_whole_review_and_the_next_that_says_nothing_again(
    world: GitLabWorld, wheels: Path
) -> None:
    done = run(world, wheels, fail_on="high")
    assert done.code == 1, done.log
    assert done.files == {"reviewbot.json"}
    assert len(from_json((done.artifacts / "reviewbot.json").read_text("utf-8")).findings) == 3
    counts = [done.variables[f"REVIEWBOT_{name}"] for name in ("STATUS", "FINDINGS", "POSTED")]
    assert counts == ["complete", "3", "3"]
    assert float(done.variables["REVIEWBOT_COST_USD"]) > 0
    assert len(done.code_quality) == len(world.said()) == 3
    assert "3 findings" in world.summary()
    assert KEY not in done.log
    assert world.token not in done.log
    assert (done.workspace / "click.py").exists()  # a trap
    again = run(world, wheels)
    counts = [again.variables[f"REVIEWBOT_{name}"] for name in ("FINDINGS", "POSTED")]
    assert (again.code, counts) == (0, ["3", "0"]), again.log


@needs_gitlab_ci_local
@pytest.mark.xdist_group("component")
def test_one_job_reviews_and_another_posts(world: GitLabWorld, wheels: Path) -> None:
    checkout = world.checkout()
    content = example("two-jobs.yml", package="reviewbot", **INPUTS_OF_ALL)
    done = run_job(checkout, content, variables(world, wheels, checkout, GITLAB_TOKEN=""))
    assert (done.code, world.said(), len(done.code_quality)) == (0, [], 3), done.log
    world.gateway.calls.clear()
    keyless = {"AI_GATEWAY_URL": "", "LITELLM_API_KEY": ""}
    given = variables(world, wheels, checkout, **keyless)
    done = run_job(checkout, content, given, "reviewbot post")
    assert (done.code, done.variables["REVIEWBOT_POSTED"]) == (0, "3"), done.log
    assert (len(world.said()), world.gateway.calls) == (3, [])
