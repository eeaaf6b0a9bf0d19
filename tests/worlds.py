"""A pull request on a forge, with the people and the model around it, for tests of whole runs.

A world does what people do (push, answer, dismiss), runs the job as CI would in a fresh checkout,
and shows what stands on the pull request. The same scenarios are played in each world.
"""

from __future__ import annotations

import abc
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import fake_github
import fake_gitlab
from conftest import Repo
from fake_forge import FakeForge
from fake_gateway import KEY, FakeGateway
from fake_github import FakeGitHub
from fake_gitlab import FakeGitLab
from scripted import Notice, noticing

from reviewbot import ci
from reviewbot.output import Destination
from reviewbot.progress import Progress
from reviewbot.pull_request import Order
from reviewbot.report import Report, from_json

ADA, EVE = "ada", "eve"  # may write, may not
GATEWAY = ("AI_GATEWAY_URL", "LITELLM_API_KEY")


@dataclass(frozen=True)
class Said:
    """A comment of the bot at some lines; `line` is the last of them, `id` the forge's."""

    path: str
    line: int
    start_line: int | None
    side: str
    body: str
    resolved: bool
    id: int


@dataclass(frozen=True)
class Run:
    """How a run of the job ended."""

    code: int
    log: str
    outputs: Mapping[str, str]
    page: str
    report: Report | None


class World(Protocol):
    """A forge with one pull request."""

    repo: Repo
    gateway: FakeGateway
    forge: FakeForge
    told_first: int

    def head(self) -> str: ...
    def checkout(self, depth: int | None = 1, commit: str = "", name: str = "") -> Path: ...
    def environment(self, job: Path, **changes: str) -> dict[str, str]: ...
    def write_event(self, job: Path) -> None: ...
    def run(self, *, settings: Mapping[str, Any] | None = None, **changes: Any) -> Run: ...
    def push(self, message: str = "change") -> str: ...
    def said(self) -> list[Said]: ...
    def summary(self) -> str: ...
    def summaries(self) -> list[str]: ...
    def told(self) -> int: ...
    def comment(self, who: str, text: str) -> None: ...
    def answer(self, index: int, who: str, text: str) -> None: ...
    def resolve(self, index: int, who: str) -> None: ...
    def unresolve(self, index: int) -> None: ...
    def thumbs_down(self, index: int, who: str) -> None: ...
    def delete(self, index: int) -> None: ...
    def delete_summary(self) -> None: ...
    def retarget(self, branch: str) -> None: ...


BASE = {
    "shop/cart.py": "".join(
        f"def step_{n}(cart):\n    return cart.total({n})\n\n\n" for n in range(1, 13)
    ),
    "shop/mail.py": "def send(to):\n    deliver(to)\n",
    "README.md": "# Shop\n",
}


def shop(repo: Repo) -> None:
    """A small code base on main, and a branch feature that changes it."""
    for path, text in BASE.items():
        repo.write(path, text)
    repo.commit("base")
    repo.git("branch", "-M", "main")
    repo.git("switch", "--quiet", "--create", "feature")
    edit(repo, "shop/cart.py", "    return cart.total(3)\n", "    return eval(cart.total)\n")
    edit(repo, "shop/cart.py", "    return cart.total(9)\n", "    return sleep(cart)\n")
    repo.write("shop/new.py", "def new(cart):\n    return secret(cart)\n")
    repo.commit("feature")


def edit(repo: Repo, path: str, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    file = repo.folder / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


class ForgeWorld(abc.ABC):
    """What the worlds share: the code base, checkouts, and runs of the job in them."""

    forge: FakeForge
    told_first: int
    """How many notifications a first run with comments is."""

    def __init__(
        self, repo: Repo, gateway: FakeGateway, folder: Path, code: Callable[[Repo], None]
    ) -> None:
        self.repo, self.gateway = repo, gateway
        self._folder = folder
        self._runs = 0
        code(repo)

    @abc.abstractmethod
    def head(self) -> str:
        """The newest commit of the pull request, as the forge knows it."""

    @abc.abstractmethod
    def environment(self, job: Path, **changes: str) -> dict[str, str]:
        """What the runner sets for a job that leaves its results in this folder."""

    @abc.abstractmethod
    def write_event(self, job: Path) -> None:
        """Put down the files that the runner gives a job."""

    @abc.abstractmethod
    def outputs(self, job: Path) -> dict[str, str]:
        """What the job gives to later ones."""

    @abc.abstractmethod
    def page(self, job: Path) -> str:
        """What is shown beside the log of the job."""

    def checkout(self, depth: int | None = 1, commit: str = "", name: str = "") -> Path:
        """A folder as a runner leaves it, without credentials."""
        self._runs += 1
        clone = Repo(self._folder / f"checkout-{name or self._runs}")
        options = [f"--depth={depth}"] if depth else []
        wanted = commit or self.head()
        clone.git("fetch", "--quiet", *options, f"file://{self.forge.origin.folder}", wanted)
        clone.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
        clone.git("remote", "add", "origin", f"{self.forge.server_url}/{self.forge.name}.git")
        return clone.folder

    def run(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        depth: int | None = 1,
        commit: str = "",
        order: Order | None = None,
        bare_folder: bool = False,
        **changes: Any,
    ) -> Run:
        """Run the job in a fresh checkout; settings are given as on the command line."""
        folder = self.checkout(depth, commit)
        if bare_folder:
            shutil.rmtree(folder / ".git")
        job = folder.with_name(f"{folder.name}-job")
        job.mkdir()
        self.write_event(job)
        environment = self.environment(job, **changes)
        overrides = {name: (f"--{name}", value) for name, value in (settings or {}).items()}
        overrides.setdefault("checklists", ("--checklist", ["correctness", "security"]))
        log = StringIO()
        destination = Destination.of(job / "report.json", None)
        with chdir(folder):
            code = ci.run(order or Order(overrides), environment, destination, Progress(log))
        report = job / "report.json"
        return Run(
            code,
            log.getvalue(),
            self.outputs(job),
            self.page(job),
            from_json(report.read_text()) if report.exists() else None,
        )


class GitHubWorld(ForgeWorld):
    """A pull request of acme/shop, and the job that `pull_request` starts."""

    told_first = 2  # a review, and the summary

    def __init__(
        self,
        repo: Repo,
        gateway: FakeGateway,
        hub: FakeGitHub,
        folder: Path,
        code: Callable[[Repo], None] = shop,
    ) -> None:
        super().__init__(repo, gateway, folder, code)
        self.forge = self.hub = hub
        hub.people |= {ADA: "write", EVE: "read"}
        self.pull = hub.open_pull()
        self.token = hub.token()
        self._payload: Mapping[str, Any] | None = None

    # --- the job ------------------------------------------------------------------------------

    def head(self) -> str:
        return self.pull.head_sha

    def environment(self, job: Path, event: str = "pull_request", **changes: str) -> dict[str, str]:
        values = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(job / "event.json"),
            "GITHUB_REPOSITORY": self.hub.name,
            "GITHUB_RUN_ID": "77",
            "GITHUB_ACTOR": "author",
            "GITHUB_SERVER_URL": self.hub.server_url,
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_GRAPHQL_URL": self.hub.graphql_url,
            "GITHUB_OUTPUT": str(job / "output"),
            "GITHUB_STEP_SUMMARY": str(job / "page.md"),
            "GITHUB_TOKEN": self.token,
            "AI_GATEWAY_URL": self.gateway.url,
            "LITELLM_API_KEY": KEY,
        }
        return _given(values | changes)

    def write_event(self, job: Path) -> None:
        for name in ("output", "page.md"):
            (job / name).touch()
        payload = self.event() if self._payload is None else self._payload
        (job / "event.json").write_text(json.dumps(payload))

    def event(self, action: str = "synchronize") -> dict[str, Any]:
        """The payload of `pull_request`."""
        repository = self.pull.head_repository
        head = {
            "sha": self.pull.head_sha,
            "repo": {"full_name": repository} if repository else None,
        }
        return {"action": action, "pull_request": {"number": self.pull.number, "head": head}}

    def run(self, *, payload: Mapping[str, Any] | None = None, **how: Any) -> Run:
        """Run the job; the payload is that of `event`."""
        self._payload = payload
        try:
            return super().run(**how)
        finally:
            self._payload = None

    def outputs(self, job: Path) -> dict[str, str]:
        return _outputs((job / "output").read_text())

    def page(self, job: Path) -> str:
        return (job / "page.md").read_text()

    # --- what people do -----------------------------------------------------------------------

    def push(self, message: str = "change") -> str:
        """Commit what lies in the working tree, and push the branch."""
        self.repo.commit(message)
        return self.hub.push(self.pull.number)

    def comment(self, who: str, text: str) -> None:
        self.hub.human_comment(self.pull.number, who, text)

    def answer(self, index: int, who: str, text: str) -> None:
        self.hub.reply(self.pull.threads[index], who, text)

    def resolve(self, index: int, who: str) -> None:
        self.hub.resolve(self.pull.threads[index], who)

    def unresolve(self, index: int) -> None:
        self.hub.unresolve(self.pull.threads[index])

    def thumbs_down(self, index: int, who: str) -> None:
        self.hub.thumbs_down(self.pull.threads[index].opening, who)

    def delete(self, index: int) -> None:
        self.hub.delete_comment(self.pull.threads[index].opening.id)

    def delete_summary(self) -> None:
        for note in self.pull.notes:
            if note.author == fake_github.BOT:
                self.hub.delete_comment(note.id)

    def retarget(self, branch: str) -> None:
        self.pull.base = branch
        self.hub.push(self.pull.number)

    # --- what stands there --------------------------------------------------------------------

    def said(self) -> list[Said]:
        """The bot's comments at lines, in the order in which they were posted."""
        return [
            Said(
                thread.path,
                thread.original_line or 0,
                thread.original_start_line,
                "new" if thread.side == "RIGHT" else "old",
                thread.body,
                thread.resolved,
                thread.opening.id,
            )
            for thread in self.pull.threads
            if thread.author == fake_github.BOT
        ]

    def summaries(self) -> list[str]:
        return [note.body for note in self.pull.notes if note.author == fake_github.BOT]

    def summary(self) -> str:
        """The one summary, without its marker."""
        (body,) = self.summaries()
        return body.partition("\n")[2]

    def told(self) -> int:
        """How many notifications people got of the bot."""
        return sum(each.author == fake_github.BOT for each in self.hub.notifications)


class GitLabWorld(ForgeWorld):
    """A merge request of acme/shop, and the job of its pipeline."""

    told_first = 1  # a review that the summary is part of

    def __init__(
        self,
        repo: Repo,
        gateway: FakeGateway,
        lab: FakeGitLab,
        folder: Path,
        code: Callable[[Repo], None] = shop,
    ) -> None:
        super().__init__(repo, gateway, folder, code)
        self.forge = self.lab = lab
        lab.people |= {ADA: 30, EVE: 20}
        self.request = lab.open_merge_request()
        self.token = lab.token()
        self.job_token = lab.job_token()

    # --- the job ------------------------------------------------------------------------------

    def head(self) -> str:
        return self.request.head_sha

    def environment(self, job: Path, **changes: str) -> dict[str, str]:
        lab, request = self.lab, self.request
        source = lab.project_id if request.source_project == lab.name else lab.project_id + 1
        values = {
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": str(job),
            "CI_PROJECT_ID": str(lab.project_id),
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_SERVER_URL": lab.server_url,
            "CI_API_V4_URL": lab.api_url,
            "CI_API_GRAPHQL_URL": lab.graphql_url,
            "CI_JOB_TOKEN": self.job_token,
            "CI_JOB_URL": f"{lab.server_url}/{lab.name}/-/jobs/77",
            "CI_COMMIT_SHA": request.head_sha,
            "CI_MERGE_REQUEST_IID": str(request.iid),
            "CI_MERGE_REQUEST_TITLE": request.title,
            "CI_MERGE_REQUEST_LABELS": ",".join(request.labels),
            "CI_MERGE_REQUEST_PROJECT_ID": str(lab.project_id),
            "CI_MERGE_REQUEST_PROJECT_PATH": lab.name,
            "CI_MERGE_REQUEST_PROJECT_URL": f"{lab.server_url}/{lab.name}",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(source),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": request.target,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": request.base_sha,
            "GITLAB_TOKEN": self.token,
            "AI_GATEWAY_URL": self.gateway.url,
            "LITELLM_API_KEY": KEY,
        }
        return _given(values | changes)

    def write_event(self, job: Path) -> None:
        """GitLab says all in variables."""

    def outputs(self, job: Path) -> dict[str, str]:
        lines = (job / "reviewbot.env").read_text().splitlines()
        pairs = (line.removeprefix("REVIEWBOT_").partition("=") for line in lines)
        return {name.lower().replace("_", "-"): value for name, _, value in pairs}

    def page(self, job: Path) -> str:
        return (job / "gl-code-quality-report.json").read_text()

    # --- what people do -----------------------------------------------------------------------

    def push(self, message: str = "change") -> str:
        """Commit what lies in the working tree, and push the branch."""
        self.repo.commit(message)
        return self.lab.push(self.request.iid)

    def comment(self, who: str, text: str) -> None:
        self.lab.human_comment(self.request.iid, who, text)

    def answer(self, index: int, who: str, text: str) -> None:
        self.lab.reply(self._threads()[index], who, text)

    def resolve(self, index: int, who: str) -> None:
        self.lab.resolve(self._threads()[index], who)

    def unresolve(self, index: int) -> None:
        self.lab.unresolve(self._threads()[index])

    def thumbs_down(self, index: int, who: str) -> None:
        self.lab.thumbs_down(self._threads()[index].opening, who)

    def delete(self, index: int) -> None:
        self.lab.delete_comment(self._threads()[index].opening.id)

    def delete_summary(self) -> None:
        for note in self._summaries():
            self.lab.delete_comment(note.id)

    def retarget(self, branch: str) -> None:
        self.request.target = branch
        self.lab.push(self.request.iid)

    # --- what stands there --------------------------------------------------------------------

    def _threads(self) -> list[fake_gitlab.Thread]:
        return [thread for thread in self.request.threads if thread.author == fake_gitlab.BOT]

    def _summaries(self) -> list[fake_gitlab.Note]:
        return [note for note in self.request.notes if note.author == fake_gitlab.BOT]

    def said(self) -> list[Said]:
        """The bot's comments at lines, in the order in which they were posted."""
        return [
            Said(
                thread.path,
                thread.line or 0,
                thread.start_line,
                thread.side,
                thread.body,
                thread.resolved,
                thread.opening.id,
            )
            for thread in self._threads()
        ]

    def summaries(self) -> list[str]:
        return [note.body for note in self._summaries()]

    def summary(self) -> str:
        """The one summary, without its marker."""
        (body,) = self.summaries()
        return body.partition("\n")[2]

    def told(self) -> int:
        """How many notifications people got of the bot."""
        return sum(each.author == fake_gitlab.BOT for each in self.lab.notifications)


def _given(values: Mapping[str, str]) -> dict[str, str]:
    """The variables that have a value."""
    return {name: value for name, value in values.items() if value}


def _outputs(text: str) -> dict[str, str]:
    """The outputs of a step, as the runner reads them from its file."""
    lines = iter(text.splitlines())
    found = {}
    for line in lines:
        name, _, mark = line.partition("<<")
        value = []
        for inner in lines:
            if inner == mark:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


@contextmanager
def gitlab_world(
    repo: Repo, gateway: FakeGateway, folder: Path, code: Callable[[Repo], None] = shop
) -> Iterator[GitLabWorld]:
    """A world on GitLab while the block runs; nothing that is posted must be obeyed there."""
    with fake_gitlab.serving(repo) as lab:
        yield GitLabWorld(repo, gateway, lab, folder, code)
        assert lab.executed == []


@contextmanager
def github_world(
    repo: Repo, gateway: FakeGateway, folder: Path, code: Callable[[Repo], None] = shop
) -> Iterator[GitHubWorld]:
    """A world on GitHub while the block runs."""
    with fake_github.serving(repo) as hub:
        yield GitHubWorld(repo, gateway, hub, folder, code)


WORLDS: dict[str, Callable[..., AbstractContextManager[World]]] = {
    "github": github_world,
    "gitlab": gitlab_world,
}

EVAL = Notice("eval(", "critical")
SLEEP = Notice("sleep(", "medium")
SECRET = Notice("secret(", "low", checklist="Security")
ALL = (EVAL, SLEEP, SECRET)


def begun(world: World, *notices: Notice) -> Run:
    """A first run with these notices."""
    world.gateway.react = noticing(*(notices or ALL))
    return world.run()
