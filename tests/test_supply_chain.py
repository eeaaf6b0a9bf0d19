"""What comes from elsewhere: packages by their digests, actions by their commits."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import LOCK, TEMPLATE, builders, with_builders

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS = sorted(
    (*(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / "examples/github").glob("*.yml"))
)

# --- packages ------------------------------------------------------------------------------------

LOCKS = {
    "what it needs": (LOCK.read_text("utf-8"), PROJECT["project"]["dependencies"]),
    "what builds it": (
        builders(TEMPLATE.read_text("utf-8")),
        PROJECT["build-system"]["requires"],
    ),
}
each_lock = pytest.mark.parametrize(("lock", "wanted"), LOCKS.values(), ids=LOCKS)
_ENTRY = re.compile(r"(\S+)==(\S+)(?: ; [^\\#]+)?(?: --hash=sha256:[0-9a-f]{64})+")


def versions(lock: str) -> dict[str, str]:
    """What is locked, by its name. A lock has nothing else: no address, no option."""
    lines = [
        line for line in lock.replace(" \\\n   ", "").splitlines() if line.strip(" ")[0] != "#"
    ]
    found = [_ENTRY.fullmatch(line) for line in lines]
    assert [line for line, entry in zip(lines, found, strict=True) if not entry] == []
    return {canonicalize_name(entry[1]): entry[2] for entry in found if entry}


@each_lock
def test_all_that_the_project_wants_is_locked_within_its_range(
    lock: str, wanted: list[str]
) -> None:
    locked = versions(lock)
    for requirement in map(Requirement, wanted):
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


@each_lock
def test_what_has_no_digest_is_no_entry(lock: str, wanted: list[str]) -> None:
    cut = re.sub(r" --hash=\S+", "", lock.replace(" \\\n   ", ""), count=2)
    with pytest.raises(AssertionError):
        versions(cut)


def test_what_is_in_both_locks_is_of_one_version() -> None:
    ours, of_builders = (versions(lock) for lock, _ in LOCKS.values())
    both = ours.keys() & of_builders.keys()
    assert both
    assert all(ours[name] == of_builders[name] for name in both)


def test_the_component_is_filled_with_what_builds_the_package() -> None:
    template = TEMPLATE.read_text("utf-8")
    changed = with_builders(template, "one==1 \\\n    --hash=sha256:00\n")
    assert builders(changed) == "one==1 \\\n    --hash=sha256:00\n"
    assert with_builders(changed, builders(template)) == template


# --- actions -------------------------------------------------------------------------------------


def steps(file: Path) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))


@each_workflow
def test_workflows_use_what_cannot_change_and_leave_no_token_behind(file: Path) -> None:
    used = [step for step in steps(file) if "uses" in step and step["uses"] != "./"]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in used)
    checkouts = [step["with"] for step in used if step["uses"].startswith("actions/checkout@")]
    assert checkouts
    assert all(each["persist-credentials"] is False for each in checkouts)


def test_one_commit_of_an_action_is_used_everywhere() -> None:
    lines = {
        line.strip().removeprefix("- ").partition(" # of ")[0]
        for file in WORKFLOWS
        for line in file.read_text("utf-8").splitlines()
        if re.search(r"uses: \w+/.*@", line)
    }
    names = [line.partition("@")[0] for line in lines]
    assert sorted(names) == sorted(set(names))
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in lines)


@each_workflow
def test_a_workflow_may_nothing_but_what_its_jobs_say(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text("utf-8"))
    assert workflow["permissions"] == {}
    writing = {"pull-requests", "statuses"}
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        assert all(value == "read" or key in writing for key, value in job["permissions"].items())


@each_workflow
def test_no_workflow_has_secrets_beside_code_of_a_fork(file: Path) -> None:
    triggers = yaml.safe_load(file.read_text("utf-8"))[True]  # YAML 1.1 reads "on" so
    assert "pull_request_target" not in triggers
    checkouts = [step for step in steps(file) if "checkout" in step.get("uses", "")]
    ref = "${{ github.event.pull_request.base.sha }}"
    with_secrets = "secrets." in file.read_text("utf-8")
    assert all(step["with"].get("ref", ref) == ref for step in checkouts if with_secrets)


@pytest.mark.parametrize("file", [ROOT / "action.yml", *WORKFLOWS], ids=lambda file: str(file.name))
def test_no_script_has_an_expression_in_it(file: Path) -> None:
    content = yaml.safe_load(file.read_text("utf-8"))
    scripts = [step.get("run", "") for step in content.get("runs", {}).get("steps", ())]
    scripts += [step.get("run", "") for step in steps(file)] if "jobs" in content else []
    assert scripts
    assert not any("${{" in script for script in scripts)
