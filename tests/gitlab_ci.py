"""Jobs of GitLab CI, run on this machine from a `.gitlab-ci.yml` as a runner would.

gitlab-ci-local does it: it reads the file with its includes and inputs, applies the rules, copies
the tracked files into a folder for the job, runs the script there, and collects the artifacts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "templates" / "reviewbot.yml"
PROGRAM = os.environ.get("REVIEWBOT_GITLAB_CI_LOCAL", "")

needs_gitlab_ci_local = pytest.mark.skipif(
    not (PROGRAM and Path(PROGRAM).exists() and shutil.which("rsync")),
    reason="REVIEWBOT_GITLAB_CI_LOCAL names no gitlab-ci-local, or there is no rsync",
)

_COPY = ".reviewbot-component.yml"
_STATE = ".gitlab-ci-local"
_ENDED = re.compile(r" finished in .*  (?:WARN|FAIL) (\d+) *$", re.MULTILINE)
_MACHINE = ("HOME", "PATH", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended: `workspace` as it has left it, `artifacts` as it has handed them over."""

    code: int
    log: str
    workspace: Path
    artifacts: Path

    @property
    def variables(self) -> dict[str, str]:
        """What it gives to later jobs as variables."""
        file = self.artifacts / ".gitlab-ci-reports" / "dotenv" / "reviewbot.env"
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        return dict(line.partition("=")[::2] for line in lines)

    @property
    def code_quality(self) -> Any:
        """The Code Quality report; None where there is none. (It is not copied, as others are.)"""
        file = self.workspace / "gl-code-quality-report.json"
        return json.loads(file.read_text("utf-8")) if file.is_file() else None

    @property
    def files(self) -> set[str]:
        """The names of the files that are artifacts, without reports."""
        found = [file for file in self.artifacts.rglob("*") if file.is_file()]
        names = {file.relative_to(self.artifacts).as_posix() for file in found}
        return {name for name in names if not name.startswith(".gitlab-ci-reports/")}


def pipeline(*inputs: Mapping[str, object], **others: object) -> dict[str, Any]:
    """A `.gitlab-ci.yml` that includes the component: once for each of these inputs."""
    given = [{"package": "reviewbot", **each} for each in inputs or ({},)]
    entries = [{"local": f"/{_COPY}", "inputs": each} for each in given]
    return {"include": entries, **others}


def run_job(
    checkout: Path,
    content: Mapping[str, Any],
    variables: Mapping[str, str],
    job: str = "reviewbot",
) -> Done:
    """Run one job, after those that it needs have been run so in the same checkout.

    Args:
        checkout: the repository as the runner has fetched it.
        content: of `.gitlab-ci.yml`, whatever the checkout has.
        variables: those that GitLab sets for the pipeline, and the project's.
        job: its name.
    """
    folder = re.sub(r"[^\w-]", lambda found: b64encode(found[0].encode()).decode().rstrip("="), job)
    workspace, artifacts = (checkout / _STATE / kind / folder for kind in ("builds", "artifacts"))
    shutil.rmtree(workspace, ignore_errors=True)
    options = ("--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source")
    done = _run(checkout, content, {**variables, "CI_PROJECT_DIR": str(workspace)}, *options, job)
    log = done.stdout + done.stderr
    assert f"{job} starting shell" in log, log
    ended = _ENDED.findall(log)
    assert bool(ended) or done.returncode == 0, log
    return Done(int(ended[0]) if ended else 0, log, workspace, artifacts)


def jobs_of(
    checkout: Path, content: Mapping[str, Any], variables: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The jobs that the pipeline would have, by their names."""
    done = _run(checkout, content, variables, "--list-json")
    assert done.returncode == 0, done.stderr
    return {job["name"]: job for job in json.loads(done.stdout) if job["when"] != "never"}


def _run(
    checkout: Path, content: Mapping[str, Any], variables: Mapping[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    (checkout / ".gitlab-ci.yml").write_text(yaml.safe_dump(dict(content), sort_keys=False))
    shutil.copy(TEMPLATE, checkout / _COPY)
    # Only what git knows can be included, and is copied; the commits stay as they are.
    everything = ["git", "add", "--all", "--", ".", f":!{_STATE}"]
    subprocess.run(everything, cwd=checkout, check=True)
    given = [f"--variable={name}={value}" for name, value in variables.items()]
    if "CI_COMMIT_BRANCH" not in variables:
        given.append("--unset-variable=CI_COMMIT_BRANCH")  # pipelines of merge requests have none
    known = f"--ignore-predefined-vars={','.join(variables)}"
    machine = {name: os.environ[name] for name in _MACHINE if name in os.environ}
    return subprocess.run(
        [PROGRAM, "--color=false", known, *given, *options],
        cwd=checkout,
        env=machine,
        capture_output=True,
        text=True,
        check=False,
    )
