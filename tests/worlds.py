"""A pull request on a forge, with the people and the model around it, for tests of whole runs.

A world does what people do (push, answer, dismiss), runs the job as CI would in a fresh checkout,
and shows what stands on the pull request. The same scenarios are played in each world.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import fake_github
from conftest import Repo
from fake_gateway import KEY, FakeGateway
from fake_github import FakeGitHub
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


class GitHubWorld:
    """A pull request of acme/shop, and the job that `pull_request` starts."""

    def __init__(self, repo: Repo, gateway: FakeGateway, hub: FakeGitHub, folder: Path) -> None:
        self.repo, self.gateway, self.hub = repo, gateway, hub
        self._folder = folder
        self._runs = 0
        shop(repo)
        hub.people |= {ADA: "write", EVE: "read"}
        self.pull = hub.open_pull()
        self.token = hub.token()

    # --- the job ------------------------------------------------------------------------------

    def checkout(self, depth: int | None = 1, commit: str = "", name: str = "") -> Path:
        """A folder as actions/checkout leaves it, without credentials."""
        self._runs += 1
        clone = Repo(self._folder / f"checkout-{name or self._runs}")
        options = [f"--depth={depth}"] if depth else []
        wanted = commit or self.pull.head_sha
        clone.git("fetch", "--quiet", *options, f"file://{self.hub.origin.folder}", wanted)
        clone.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
        clone.git("remote", "add", "origin", f"{self.hub.server_url}/{self.hub.name}.git")
        return clone.folder

    def environment(
        self, folder: Path, event: str = "pull_request", **changes: str
    ) -> dict[str, str]:
        """What the runner sets for a job."""
        values = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_REPOSITORY": self.hub.name,
            "GITHUB_RUN_ID": "77",
            "GITHUB_ACTOR": "author",
            "GITHUB_SERVER_URL": self.hub.server_url,
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_GRAPHQL_URL": self.hub.graphql_url,
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "page.md"),
            "GITHUB_TOKEN": self.token,
            "AI_GATEWAY_URL": self.gateway.url,
            "LITELLM_API_KEY": KEY,
        }
        return {name: value for name, value in (values | changes).items() if value}

    def write_event(self, job: Path, payload: Mapping[str, Any] | None = None) -> None:
        """Put down the files that the runner gives a job."""
        for name in ("output", "page.md"):
            (job / name).touch()
        (job / "event.json").write_text(json.dumps(self.event() if payload is None else payload))

    def event(self, action: str = "synchronize") -> dict[str, Any]:
        """The payload of `pull_request`."""
        repository = self.pull.head_repository
        head = {
            "sha": self.pull.head_sha,
            "repo": {"full_name": repository} if repository else None,
        }
        return {"action": action, "pull_request": {"number": self.pull.number, "head": head}}

    def run(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        event: str = "pull_request",
        payload: Mapping[str, Any] | None = None,
        depth: int | None = 1,
        commit: str = "",
        order: Order | None = None,
        bare_folder: bool = False,
        **changes: str,
    ) -> Run:
        """Run the job in a fresh checkout; settings are given as on the command line."""
        folder = self.checkout(depth, commit)
        if bare_folder:
            shutil.rmtree(folder / ".git")
        job = folder.with_name(f"{folder.name}-job")
        job.mkdir()
        self.write_event(job, payload)
        environment = self.environment(job, event, **changes)
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
            _outputs((job / "output").read_text()),
            (job / "page.md").read_text(),
            from_json(report.read_text()) if report.exists() else None,
        )

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
def github_world(repo: Repo, gateway: FakeGateway, folder: Path) -> Iterator[GitHubWorld]:
    """A world on GitHub while the block runs."""
    with fake_github.serving(repo) as hub:
        yield GitHubWorld(repo, gateway, hub, folder)


EVAL = Notice("eval(", "critical")
SLEEP = Notice("sleep(", "medium")
SECRET = Notice("secret(", "low", checklist="Security")
ALL = (EVAL, SLEEP, SECRET)


def begun(world: World, *notices: Notice) -> Run:
    """A first run with these notices."""
    world.gateway.react = noticing(*(notices or ALL))
    return world.run()
