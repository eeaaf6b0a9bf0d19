"""A change by somebody hostile, played through each door of the program, and all it was seen to do.

The doors are the terminal, GitHub and GitLab. The program runs in this process, in a checkout of
the change, with an environment of its own; what it starts and whom it speaks to is listened to.
"""

from __future__ import annotations

import abc
import io
import json
import os
import re
import signal
import sys
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from builders import raw_finding
from conftest import Repo
from fake_forge import FakeForge
from fake_gateway import Call, FakeGateway, Reaction, page
from worlds import EVE, GitHubWorld, GitLabWorld, Said, github_world, gitlab_world

from reviewbot.cli import main

FILE = "value = 1\n"  # what stands in a file whose name is the attack
CANARY_FILE = Path("/tmp/reviewbot-canary")  # what payloads name; nobody makes it
BASE_SETTINGS = "fail_on: high\nchecklists: [correctness, security]\nmodel: claude-sonnet\n"

# --- the change ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attack:
    """Hostile text in a channel that the author of a change writes.

    `answer` are the fields of a finding that an obedient model would give; without any it repeats
    the payload wherever it can.
    """

    id: str
    channel: str
    payload: Any
    asserts: Sequence[str] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All that the attacker has written."""
        if isinstance(self.payload, str):
            return self.payload
        if self.channel in ("repo_files", "path"):
            return "\n".join(self.payload)
        return "\n".join(self.payload.get(name, "") for name in ("path", "content", "target"))


@dataclass(frozen=True)
class Cover:
    """What a pull request says around its commits."""

    title: str = "Add login throttling"
    description: str = ""
    branch: str = "feature"
    label: str = ""
    author: str = "author"
    comment: str = ""


@dataclass(frozen=True)
class Spot:
    """An added line."""

    path: str
    line: int
    text: str


_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")


@dataclass(frozen=True)
class Scene:
    """The files of a change before and after it, as a diff of one hunk a file tells them."""

    old: Mapping[str, Sequence[str]]
    new: Mapping[str, Sequence[str]]
    spots: Sequence[Spot]

    @classmethod
    def of(cls, diff: str) -> Scene:
        """The lines that no hunk shows are blank, but for the heading of the hunk above it."""
        old: dict[str, list[str]] = {}
        new: dict[str, list[str]] = {}
        spots: dict[str, Spot] = {}
        path = ""
        for line in diff.splitlines():
            if line.startswith("+++ b/"):
                path = line.removeprefix("+++ b/")
            elif match := _HUNK.match(line):
                above = [""] * (int(match[1]) - 2) + [match[3]] if int(match[1]) > 1 else []
                old[path], new[path] = list(above), list(above)
            elif path in new and line[:1] in "+- ":
                old[path] += [line[1:]] if line[0] != "+" else []
                new[path] += [line[1:]] if line[0] != "-" else []
                if line[0] == "+":
                    spots.setdefault(path, Spot(path, len(new[path]), line[1:]))
            elif not line.startswith(("---", "index")):
                path = ""
        return cls(old, new, tuple(spots.values()))

    def commit(self, repo: Repo, attack: Attack | None = None) -> None:
        """Commit the old files on main, and the new ones on a branch, with what the attack adds."""
        repo.write(".reviewbot.yaml", BASE_SETTINGS)
        _write(repo, self.old)
        repo.commit("base")
        repo.git("branch", "-M", "main")
        repo.git("switch", "--quiet", "--create", "feature")
        _write(repo, self.new)
        if attack and attack.channel in _FILES:
            _FILES[attack.channel](repo, attack.payload)
        author = attack.payload if attack and attack.channel == "author_name" else "Ada"
        said = attack.payload if attack and attack.channel in _MESSAGES else "Throttle"
        repo.git("add", "--all")
        settings = ("-c", f"user.name={author}", "-c", "i18n.commitEncoding=UTF-8")
        committing = ("commit", "--quiet", "--cleanup=verbatim", "--file=-")
        repo.git(*settings, *committing, stdin=raw(said))
        if attack and is_above(attack):
            _commit_above(repo, attack.payload)


def _write(repo: Repo, files: Mapping[str, Sequence[str]]) -> None:
    for path, lines in files.items():
        repo.write(path, raw("".join(f"{line}\n" for line in lines)))


def raw(text: str) -> bytes:
    """The bytes of a text that may hold what is no character."""
    return text.encode("utf-8", "surrogatepass")


def with_lines(diff: str, payload: str) -> str:
    """The diff with further lines in its first hunk, before the last line of that."""
    added = [line if line[:1] in tuple("+- ") else f"+{line}" for line in payload.split("\n")]
    lines = diff.split("\n")
    ends = (n for n, line in enumerate(lines) if n > 1 and line.startswith("diff --git"))
    end = next(ends, len(lines) - 1) - 1
    return "\n".join([*lines[:end], *added, *lines[end:]])


def is_above(attack: Attack) -> bool:
    """Whether it names a file that no working tree can hold."""
    return attack.channel == "path" and attack.payload[:3] == "../"


def _commit_above(repo: Repo, path: str) -> None:
    """Commit a file whose path leads out of the working tree, as no honest git would."""
    made = repo.git("hash-object", "-w", "--stdin", stdin=FILE.encode())
    kind = "100644 blob"
    *folders, name = path.split("/")
    for folder in reversed(folders):
        made = repo.git("mktree", stdin=f"{kind} {made}\t{name}\n".encode())
        kind, name = "040000 tree", folder
    there = repo.git_bytes("ls-tree", "HEAD")
    tree = repo.git("mktree", stdin=there + f"{kind} {made}\t{name}\n".encode())
    commit = repo.git("commit-tree", tree, "-p", "HEAD", "-m", "above")
    repo.git("update-ref", "refs/heads/feature", commit)


def _name_files(repo: Repo, paths: str | Sequence[str]) -> None:
    for path in (paths,) if isinstance(paths, str) else paths:
        if ".." not in path.split("/"):
            repo.write(path, FILE)


def _add_files(repo: Repo, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        repo.write(path, text)


def _add_a_file(repo: Repo, payload: Mapping[str, str]) -> None:
    repo.write(payload["path"].removesuffix(" (PR head)"), payload["content"])


def _link(repo: Repo, payload: Mapping[str, str]) -> None:
    link = repo.folder / payload["path"]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(payload["target"])


def _set_attributes(repo: Repo, payload: Mapping[str, str]) -> None:
    repo.write(".gitattributes", payload["content"])


_FILES: Mapping[str, Callable[[Repo, Any], None]] = {
    "path": _name_files,
    "repo_files": _add_files,
    "repo_file": _add_a_file,
    "symlink": _link,
    "gitattributes": _set_attributes,
}
# What stands in the commit's message; at the terminal, all free text of an author's does.
_MESSAGES = ("commit_message", "title", "description", "label", "existing_comment")
_AROUND = {
    "title": "title",
    "description": "description",
    "branch": "branch",
    "label": "label",
    "author_name": "author",
    "existing_comment": "comment",
}


def cover_of(attack: Attack | None) -> Cover:
    """What the pull request says where this is the attack."""
    named = attack and _AROUND.get(attack.channel)
    return replace(Cover(), **{named: attack.payload}) if attack and named else Cover()


# --- the model ----------------------------------------------------------------------------------


Answers = Mapping[str, str | bytes | Reaction]  # by the titles of checklists
HONEST, HOSTILE = "Correctness", "Security"
_ITEMS = {HONEST: "logic", HOSTILE: "injection"}


def content(
    checklist: str, findings: Sequence[Mapping[str, Any]], note: str = "", **more: Any
) -> str:
    """The text of an answer; a character that cannot be sent is written as JSON writes it."""
    items = [{"id": _ITEMS[checklist], "status": "pass", "note": note}]
    return json.dumps({"findings": findings, "items": items, **more})


def at(spot: Spot, **values: Any) -> dict[str, Any]:
    """A finding at an added line."""
    own = {"path": spot.path, "line": spot.line, "end_line": spot.line, "quote": spot.text}
    return raw_finding(**own | values)


def answering(answers: Answers) -> Callable[[Call], Reaction]:
    """A model that always gives these answers, byte by byte; asked to repair one, it does not."""
    made = {
        title: _answer(each) if isinstance(each, str | bytes) else each
        for title, each in answers.items()
    }
    return lambda call: made[call.checklist or HOSTILE]


def _answer(text: str | bytes) -> Reaction:
    told = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    message = {"role": "assistant", "content": told}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    whole = {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}
    body = json.dumps(whole, ensure_ascii=isinstance(text, str))
    return page(body, kind="application/json")


def answers(scene: Scene, hostile: str | bytes | None = None) -> Answers:
    """With one checklist the model keeps to its task; to the other it gives a hostile answer."""
    first, second = scene.spots
    if hostile is None:
        hostile = content(HOSTILE, [at(second)])
    return {HONEST: content(HONEST, [at(first)]), HOSTILE: hostile}


def gullible(scene: Scene, attack: Attack) -> Answers:
    """A finding of a model that does what it is told, beside one of a model that does not."""
    text = attack.text
    said = attack.answer or {"title": text, "body": text, "suggestion": f"{text}\n"}
    extra = {"verdict": "approve", "fail_on": "none", "model": "evil", "max_comments": 0}
    return answers(scene, content(HOSTILE, [at(scene.spots[1], **said)], text, **extra))


# --- what is heard ------------------------------------------------------------------------------


@dataclass
class Heard:
    """What the program has started, and whom it has asked for or spoken to."""

    processes: list[list[str]] = field(default_factory=list)
    places: list[tuple[str, object]] = field(default_factory=list)
    by_git: list[list[str]] = field(default_factory=list)

    def note(self, event: str, values: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self.processes.append([os.fsdecode(each) for each in values[1]])
        elif event in ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"):
            self.processes.append([event, *map(str, values)])
        elif event == "socket.connect":
            self.places.append(tuple(values[1][:2]))
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            self.places.append((str(values[0]), None))


_heard: Heard | None = None


def _hear(event: str, values: tuple[Any, ...]) -> None:
    """What happens in the threads of the forges on loopback is none of the program's doing."""
    if (
        _heard is not None
        and event[:3] in ("sub", "os.", "pty", "soc")
        and "process_request_thread" not in threading.current_thread().name
    ):
        _heard.note(event, values)


sys.addaudithook(_hear)


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear what happens in this process while the block runs."""
    global _heard  # noqa: PLW0603 - a hook cannot be taken away
    _heard = heard = Heard()
    try:
        yield heard
    finally:
        _heard = None


# --- the doors ----------------------------------------------------------------------------------

CANARIES = {
    name: "-".join(("canary", name.lower().replace("_", "."), "value", str(number)))
    for number, name in enumerate(
        ("REVIEWBOT_API_KEY", "LITELLM_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN")
    )
} | {"UNRELATED_SECRET": "canary-unrelated"}


@cache
def forms(value: str) -> frozenset[str]:
    """The ways in which a value may be written so that somebody can read it."""
    inner = [b64encode(b"x" * n + value.encode())[2 * n : -4].decode() for n in range(3)]
    coded = {urlsafe_b64encode(value.encode()).decode().rstrip("="), *inner}
    hexed = value.encode().hex()
    encoded = {quote(value, safe=""), "".join(f"%{ord(each):02x}" for each in value)}
    return frozenset({value, value[::-1], hexed, hexed.upper(), *coded, *encoded})


@dataclass(frozen=True)
class Played:
    """How a run ended, and all that it has let out."""

    code: int
    status: str
    log: str
    calls: Sequence[Call]
    said: Sequence[Said]
    posted: Sequence[str]
    wrote: Sequence[str]
    left: Mapping[str, str]
    heard: Heard
    addresses: Sequence[str]
    limit: int

    @property
    def prompts(self) -> list[str]:
        return [call.prompt for call in self.calls]

    @property
    def let_out(self) -> str:
        """All that anybody else gets to see."""
        return "\n".join((*self.prompts, *self.posted, self.log, *self.left.values()))

    @property
    def policy(self) -> Mapping[str, object]:
        """What only those who are trusted may decide."""
        return {
            "exit code": self.code,
            "status": self.status,
            "comments": len(self.said),
            "models": {call.body["model"] for call in self.calls},
            "instructions": {call.body["messages"][0]["content"] for call in self.calls},
            "tasks": {call.body["messages"][1]["content"][-1]["text"] for call in self.calls},
        }


class Door(abc.ABC):
    """A way to have a change reviewed."""

    name: str
    limit: int
    """Characters that a text may have there."""
    arguments: Sequence[str] = ()
    """What to run instead of the usual."""

    def __init__(self, repo: Repo, gateway: FakeGateway, folder: Path) -> None:
        self.repo, self.gateway = repo, gateway
        self._folder = folder
        self._runs = 0

    @abc.abstractmethod
    def play(self, answers: Answers, attack: Attack | None = None) -> Played:
        """Have the change reviewed by a model that gives these answers."""

    def _job(self) -> Path:
        """A new folder for what a run leaves behind."""
        self._runs += 1
        job = self._folder / f"job-{self._runs}"
        job.mkdir(parents=True)
        return job

    def run(
        self, arguments: Sequence[str], folder: Path, job: Path, values: Mapping[str, str]
    ) -> tuple[int, str, Heard]:
        """Run the program; its exit code, and all that it has printed."""
        trace = job / "trace"
        home = job / "home"
        home.mkdir()
        known = (Path(os.environ["HOME"]) / ".gitconfig").read_text()
        (home / ".gitconfig").write_text(f"{known}[trace2]\n\teventTarget = {trace}\n")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "REVIEWBOT_AUDIT": str(job / "audit.jsonl"),
            "AI_GATEWAY_URL": self.gateway.url,
            **CANARIES,
            **values,
        }
        printed = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
        before = signal.getsignal(signal.SIGTERM)
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["reviewbot", *arguments])
            stack.enter_context(chdir(folder))
            stack.enter_context(redirect_stdout(printed))
            stack.enter_context(redirect_stderr(printed))
            heard = stack.enter_context(listening())
            with pytest.raises(SystemExit) as ended:
                main()
        signal.signal(signal.SIGTERM, before)
        printed.flush()
        log = printed.buffer.getvalue().decode()
        heard.by_git = list(_started_by_git(trace))
        assert isinstance(ended.value.code, int)
        return ended.value.code, log, heard


def _started_by_git(trace: Path) -> Iterator[list[str]]:
    for line in trace.read_bytes().splitlines() if trace.exists() else ():
        event = json.loads(line.decode("utf-8", "replace"))
        if event["event"] in ("start", "child_start", "exec"):
            yield event["argv"]


class Terminal(Door):
    """`reviewbot diff main`, in the working tree of the branch.

    What may be posted from there is the report as Markdown.
    """

    name = "terminal"
    limit = sys.maxsize

    def play(self, answers: Answers, attack: Attack | None = None) -> Played:
        job = self._job()
        self.gateway.calls.clear()
        self.gateway.react = answering(answers)
        _configure(self.repo, attack)
        what = self._what(job, attack)
        arguments = self.arguments or ("diff", *what)
        code, log, heard = self.run(arguments, self.repo.folder, job, {})
        calls = list(self.gateway.calls)
        for_a_wiki = ""
        if attack is None or any(each.startswith("body_not") for each in attack.asserts):
            markdown = ("diff", "--format=markdown", *what)
            _, for_a_wiki, _ = self.run(markdown, self.repo.folder, self._job(), {})
        verdict = re.search(r"^(INCOMPLETE|FAILED)", log, re.MULTILINE)
        return Played(
            code=code,
            status=verdict[1].lower() if verdict else "complete",
            log=log,
            calls=calls,
            said=(),
            posted=(for_a_wiki,),
            wrote=(),
            left=left_in(job),
            heard=heard,
            addresses=(self.gateway.url,),
            limit=self.limit,
        )

    def _what(self, job: Path, attack: Attack | None) -> Sequence[str]:
        """What to compare; what no working tree holds comes as a patch."""
        if attack and is_above(attack):
            patch = job / "patch"
            patch.write_bytes(self.repo.git_bytes("diff", "main", "feature"))
            return ("--patch", str(patch))
        if attack and attack.channel == "branch":
            name = re.sub(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.", "_", attack.payload)
            self.repo.git("switch", "--quiet", "--detach")
            self.repo.git("update-ref", "-d", "refs/heads/feature")
            self.repo.git("update-ref", f"refs/heads/{name}", "HEAD")
            return ("main", "--", name)
        return ("main",)


def _configure(repo: Repo, attack: Attack | None) -> None:
    """Set in the repository's own configuration what the attack takes for set there."""
    if attack and attack.channel == "gitattributes":
        for setting in attack.payload["config"].split("\n"):
            name, _, value = setting.partition("=")
            repo.git("config", name, value)


def _ended(job: Path) -> bool:
    """Whether a run has got so far as to tell later jobs of its result."""
    return any((job / name).exists() for name in ("output", "reviewbot.env"))


def left_in(job: Path) -> Mapping[str, str]:
    """What a run has left behind, by the names of the files."""
    kept = ("audit.jsonl", "report.json", "page.md", "output", "reviewbot.env")
    files = [job / name for name in (*kept, "gl-code-quality-report.json")]
    return {file.name: file.read_text("utf-8") for file in files if file.exists()}


class Posting(Door):
    """`reviewbot ci`, in a checkout of the head."""

    world: GitHubWorld | GitLabWorld
    forge: FakeForge
    _checkout: Path | None = None

    def _checked_out(self, attack: Attack | None) -> Path:
        """A checkout of the head; of the base, where no working tree holds the head."""
        above = attack is not None and is_above(attack)
        folder = self.world.checkout(commit=self.repo.git("rev-parse", "main") if above else "")
        _configure(Repo(folder), attack)
        return folder

    def play(self, answers: Answers, attack: Attack | None = None) -> Played:
        world, cover = self.world, cover_of(attack)
        job = self._job()
        self.dress(cover)
        self.gateway.calls.clear()
        self.forge.calls.clear()
        self.gateway.react = answering(answers)
        folder = self._checkout = self._checkout or self._checked_out(attack)
        self.write_event(job, cover)
        values = {**world.environment(job), **CANARIES, **self.variables(cover)}
        arguments = (*(self.arguments or ("ci",)), "-o", str(job / "report.json"))
        code, log, heard = self.run(arguments, folder, job, values)
        writes = [call for call in self.forge.calls if call.method != "GET"]
        return Played(
            code=code,
            status=world.outputs(job).get("status", "") if _ended(job) else "",
            log=log,
            calls=list(self.gateway.calls),
            said=world.said(),
            posted=[text for call in writes for text in texts_of(call.body)],
            wrote=list(map(str, writes)),
            left=left_in(job),
            heard=heard,
            addresses=(self.gateway.url, self.forge.server_url),
            limit=self.limit,
        )

    @abc.abstractmethod
    def dress(self, cover: Cover) -> None:
        """Have the pull request say this around its commits, and nothing of earlier runs."""

    @abc.abstractmethod
    def write_event(self, job: Path, cover: Cover) -> None:
        """Put down the files that the runner gives a job."""

    @abc.abstractmethod
    def variables(self, cover: Cover) -> Mapping[str, str]:
        """What the runner tells the job of it."""


_TEXTS = ("body", "note", "description")


def texts_of(body: Any) -> Iterator[str]:
    """The texts of a call that people read."""
    if isinstance(body, list):
        for each in body:
            yield from texts_of(each)
    elif isinstance(body, dict):
        for name, value in body.items():
            if name in _TEXTS and isinstance(value, str):
                yield value
            else:
                yield from texts_of(value)


class AtGitHub(Posting):
    """The job that `pull_request` starts."""

    name = "github"
    limit = 65_536

    def __init__(self, world: GitHubWorld, folder: Path) -> None:
        super().__init__(world.repo, world.gateway, folder)
        self.world, self.forge, self._github = world, world.forge, world
        world.hub.tokens[CANARIES["GITHUB_TOKEN"]] = world.hub.tokens[world.token]
        world.token = CANARIES["GITHUB_TOKEN"]

    def dress(self, cover: Cover) -> None:
        pull = self._github.pull
        pull.title, pull.author, pull.head = cover.title, cover.author, cover.branch
        pull.labels = [cover.label] * bool(cover.label)
        pull.description = cover.description
        for kept in (pull.threads, pull.notes, pull.reviews):
            kept.clear()
        if cover.comment:
            self.world.comment(EVE, cover.comment)

    def write_event(self, job: Path, cover: Cover) -> None:
        self.world.write_event(job)
        event = self._github.event()
        event["pull_request"] |= {
            "title": cover.title,
            "body": cover.description,
            "user": {"login": cover.author},
            "labels": [{"name": cover.label}],
        }
        event["pull_request"]["head"]["ref"] = cover.branch
        (job / "event.json").write_text(json.dumps(event))

    def variables(self, cover: Cover) -> Mapping[str, str]:
        return {
            "GITHUB_ACTOR": cover.author,
            "GITHUB_TRIGGERING_ACTOR": cover.author,
            "GITHUB_HEAD_REF": cover.branch,
            "GITHUB_REF_NAME": cover.branch,
        }


class AtGitLab(Posting):
    """The job of a merge request's pipeline."""

    name = "gitlab"
    limit = 1_000_000

    def __init__(self, world: GitLabWorld, folder: Path) -> None:
        super().__init__(world.repo, world.gateway, folder)
        self.world, self.forge, self._gitlab = world, world.forge, world
        tokens = world.lab.tokens
        tokens[CANARIES["GITLAB_TOKEN"]] = tokens[world.token]
        tokens[CANARIES["CI_JOB_TOKEN"]] = tokens[world.job_token]
        world.token = CANARIES["GITLAB_TOKEN"]

    def dress(self, cover: Cover) -> None:
        request = self._gitlab.request
        request.title, request.author, request.source = cover.title, cover.author, cover.branch
        request.labels = [cover.label] * bool(cover.label)
        request.description = cover.description
        request.threads.clear()
        request.notes.clear()
        if cover.comment:
            self.world.comment(EVE, cover.comment)

    def write_event(self, job: Path, cover: Cover) -> None:
        """GitLab says all in variables."""

    def variables(self, cover: Cover) -> Mapping[str, str]:
        return {
            "CI_MERGE_REQUEST_TITLE": cover.title,
            "CI_MERGE_REQUEST_DESCRIPTION": cover.description,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": cover.branch,
            "CI_COMMIT_REF_NAME": cover.branch,
            "CI_COMMIT_AUTHOR": cover.author,
            "CI_MERGE_REQUEST_LABELS": cover.label,
            "GITLAB_USER_LOGIN": cover.author,
            "GITLAB_USER_NAME": cover.author,
        }


@contextmanager
def _terminal(repo: Repo, gateway: FakeGateway, folder: Path) -> Iterator[Door]:
    yield Terminal(repo, gateway, folder)


@contextmanager
def _github(repo: Repo, gateway: FakeGateway, folder: Path) -> Iterator[Door]:
    with github_world(repo, gateway, folder, code=lambda _: None) as world:
        yield AtGitHub(world, folder)


@contextmanager
def _gitlab(repo: Repo, gateway: FakeGateway, folder: Path) -> Iterator[Door]:
    with gitlab_world(repo, gateway, folder, code=lambda _: None) as world:
        yield AtGitLab(world, folder)


DOORS = {"terminal": _terminal, "github": _github, "gitlab": _gitlab}
