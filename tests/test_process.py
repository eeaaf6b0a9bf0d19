"""What a run does to the world: the children, connections and files of its process.

What git does with hostile settings, hooks and filters stands in `test_git.py`, its fetches in
`test_fetch.py`; redirects in `test_gateway.py`, `test_keys.py`, `test_forge_github.py` and
`test_forge_gitlab.py`.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_gateway as fg
import pytest
import watched
from conftest import Repo
from fake_gateway import KEY, FakeGateway
from scripted import noticing
from worlds import ALL, WORLDS, World

from reviewbot.git import _PINNED

CODE = "value = compute(41)"
OWNED = "owned"
FULL_ID = re.compile(r"[0-9a-f]{40}")
BEGINNING = [
    *("git", "--no-pager", "--literal-pathspecs"),
    *(part for key, value in _PINNED.items() for part in ("-c", f"{key}={value}")),
]
LOOKING = ("socket.connect", "socket.getaddrinfo")
# Each a key of somebody, under the name that it goes by.
KEYS = {
    name: f"the-{name.lower()}-value"
    for name in (
        *("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN", "LITELLM_MASTER_KEY"),
        *("OPENAI_API_KEY", "CODER_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"),
    )
}


@dataclass(frozen=True)
class Done:
    """How a run ended, and what its process did."""

    code: int
    out: str
    err: str
    events: list[tuple[str, list[Any]]]

    def of(self, kind: str) -> list[list[Any]]:
        """What was done of one kind."""
        return [what for each, what in self.events if each == kind]

    @property
    def children(self) -> list[tuple[list[str], dict[str, str]]]:
        """The arguments and the environment of each child process."""
        found = self.of("child")
        assert {name for name, *_ in found} <= {"subprocess.Popen"}
        assert [program for _, program, *_ in found if program != "git"] == []
        return [(arguments, environment) for *_, arguments, _, environment in found]

    @property
    def addresses(self) -> set[str]:
        """Host and port of each connection. No other host is looked up, and nothing listens."""
        found = self.of("connection")
        made = {f"{what[1][0]}:{what[1][1]}" for name, *what in found if name == "socket.connect"}
        looked_up = {what[0] for name, *what in found if name == "socket.getaddrinfo"}
        others = [what[1] for name, *what in found if name not in LOOKING]
        assert looked_up <= {"127.0.0.1"}
        assert others in ([], [["::1", 0]])  # urllib3 tries whether there is IPv6
        return made


def run(folder: Path, room: Path, environment: Mapping[str, str], *arguments: str) -> Done:
    """Run reviewbot in a folder, watched; all that it may write to lies in the room."""
    room.mkdir(exist_ok=True)
    log = room / "log.json"
    kept = ("PATH", "HOME", "GIT_CONFIG_NOSYSTEM", "PYTHONPATH")
    surroundings = {name: os.environ[name] for name in kept if name in os.environ}
    own = {"TMPDIR": str(room), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, watched.__file__, str(log), *arguments],
        cwd=folder,
        env={**surroundings, **own, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=fg.PATIENCE,
    )
    return Done(done.returncode, done.stdout, done.stderr, json.loads(log.read_text("utf-8")))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository whose author would like to have something run, read or taken for an option."""
    repo = Repo(tmp_path_factory.mktemp("hostile"))
    repo.write("app.py", "one = 1\n")
    start = repo.commit()
    for name in ("sitecustomize", "click", "openai", "conftest"):
        repo.write(f"{name}.py", f"raise SystemExit({OWNED!r})\n")
    repo.write("app.py", f"{CODE}\n")
    repo.write(".gitattributes", "*.py diff=owned filter=owned\n")
    repo.commit()
    repo.git("update-ref", f"refs/heads/--output={OWNED}", start)
    for key in ("diff.owned.textconv", "diff.external", "filter.owned.clean", "core.fsmonitor"):
        repo.git("config", key, f"touch {repo.folder}/{OWNED}")
    return repo


@dataclass(frozen=True)
class Reviewed(Done):
    """A run, with its surroundings."""

    repo: Repo
    gateway: FakeGateway
    room: Path


@pytest.fixture(scope="module")
def reviewed(hostile: Repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    """A whole review of it, by somebody who has keys of all sorts in the environment."""
    room = tmp_path_factory.mktemp("room")
    with fg.serving() as gateway:
        gateway.be_litellm()
        gateway.react = noticing(*ALL)
        given = {**KEYS, "AI_GATEWAY_URL": gateway.url, "LITELLM_API_KEY": KEY}
        given["OPENAI_LOG"] = "debug"
        done = run(hostile.folder, room, given, "diff", "--", f"--output={OWNED}")
        assert done.code == 0, done.err
        assert len(gateway.calls) > 1
        yield Reviewed(done.code, done.out, done.err, done.events, hostile, gateway, room)


of_one_review = pytest.mark.xdist_group("process")


@of_one_review
def test_a_review_starts_git_and_talks_to_the_gateway(reviewed: Reviewed) -> None:
    assert len(reviewed.children) > 5
    assert reviewed.addresses == {reviewed.gateway.url.removeprefix("http://")}
    assert not (reviewed.repo.folder / OWNED).exists()


@of_one_review
def test_a_review_writes_to_temporary_folders_and_its_log(reviewed: Reviewed) -> None:
    log = Path.home() / ".local/state/reviewbot/audit.jsonl"
    opened = {path for (path,) in reviewed.of("written") if isinstance(path, str)}  # else a pipe
    outside = {path for path in opened if not Path(path).is_relative_to(reviewed.room)}
    assert outside - {os.devnull} == {str(log)}
    assert len(opened) > len(outside)


@of_one_review
def test_a_review_runs_no_code_of_the_repository(reviewed: Reviewed) -> None:
    files = [Path(file) for (file,) in reviewed.of("code") if not file.startswith("<")]
    assert len(files) > 50
    python = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    known = (*python, Path(watched.__file__).parent.parent / "reviewbot")
    assert [file for file in files if not any(map(file.is_relative_to, known))] == []


@of_one_review
def test_git_is_told_nothing_that_a_person_or_a_branch_could_say(reviewed: Reviewed) -> None:
    for arguments, _ in reviewed.children:
        assert arguments[: len(BEGINNING)] == BEGINNING
        assert OWNED not in "".join(arguments)
    asked = [arguments[len(BEGINNING) :] for arguments, _ in reviewed.children]
    names = {
        verb: [part for part in parts if not part.startswith("-")]
        for verb, *parts in asked
        if verb in ("merge-base", "diff-tree")
    }
    assert names.keys() == {"merge-base", "diff-tree"}
    assert all(len(named) == 2 and all(map(FULL_ID.fullmatch, named)) for named in names.values())


@of_one_review
def test_keys_stand_in_no_argument_and_in_no_environment_of_a_child(reviewed: Reviewed) -> None:
    for arguments, environment in reviewed.children:
        told = json.dumps([arguments, environment])
        assert [name for name in KEYS if name in environment or KEYS[name] in told] == []
        assert KEY not in told


@of_one_review
def test_what_libraries_would_log_is_not_shown(reviewed: Reviewed) -> None:
    """With `OPENAI_LOG=debug` a library tells of each call; what of it depends on its version."""
    assert "compute" in reviewed.gateway.calls[0].prompt
    assert "compute" not in reviewed.err
    assert "DEBUG" not in reviewed.err
    assert KEY not in reviewed.out + reviewed.err


def test_offline_there_is_no_connection(hostile: Repo, fake: FakeGateway, tmp_path: Path) -> None:
    given = {"AI_GATEWAY_URL": fake.url, "LITELLM_API_KEY": KEY}
    done = run(hostile.folder, tmp_path / "room", given, "diff", "--offline", "--commit", "HEAD")
    assert (done.code, done.of("connection")) == (0, []), done.err


# --- in a job -------------------------------------------------------------------------------------


@pytest.fixture(params=list(WORLDS.values()), ids=list(WORLDS))
def world(
    request: pytest.FixtureRequest, repo: Repo, fake: FakeGateway, tmp_path: Path
) -> Iterator[World]:
    fake.be_litellm()
    fake.react = noticing(*ALL)
    with request.param(repo, fake, tmp_path) as made:
        yield made


def test_a_job_starts_git_and_talks_to_gateway_and_forge(world: World, tmp_path: Path) -> None:
    checkout = world.checkout()
    room = tmp_path / "room"
    room.mkdir()
    world.write_event(room)
    environment = world.environment(room)
    done = run(checkout, room, environment, "ci", "--checklist", "security")
    assert (done.code, len(world.said())) == (0, 1), done.err
    urls = (world.gateway.url, world.forge.server_url)
    assert done.addresses == {re.sub(r"https?://([^/]+).*", r"\1", url) for url in urls}
    tokens = [environment[name] for name in environment if re.search("KEY|TOKEN", name)]
    for arguments, its_environment in done.children:
        assert arguments[: len(BEGINNING)] == BEGINNING
        told = json.dumps([arguments, its_environment])
        assert not any(token in told for token in tokens)  # a header has it in base64
        assert "Authorization" not in " ".join(arguments)
    authorised = {
        arguments[len(BEGINNING)]
        for arguments, its_environment in done.children
        if "Authorization" in json.dumps(its_environment)
    }
    assert authorised == {"fetch"}


# --- certificates --------------------------------------------------------------------------------


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeGateway]:
    """A gateway behind TLS, with a certificate that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with fg.serving(context) as gateway:
        gateway.be_litellm()
        gateway.react = noticing(*ALL)
        yield gateway


@pytest.mark.parametrize("known", [True, False])
def test_code_and_key_go_to_a_gateway_that_is_vouched_for(
    secure: FakeGateway, hostile: Repo, tmp_path: Path, certificate: Path, *, known: bool
) -> None:
    given = {"AI_GATEWAY_URL": secure.url, "LITELLM_API_KEY": KEY, "REVIEWBOT_AUDIT": "off"}
    if known:
        given["SSL_CERT_FILE"] = str(certificate)
    done = run(hostile.folder, tmp_path / "room", given, "diff", "--commit", "HEAD")
    assert done.code == (0 if known else 4), done.err
    assert bool(secure.calls) == bool(secure.questions) == known
