"""What the forges on loopback share: calls and answers, faults, HTTP, git, and reading git's hunks.

A forge keeps its state in a `FakeForge` of its own, and says in a function what is done at a call.
"""

from __future__ import annotations

import abc
import itertools
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from conftest import Repo

REPOSITORY = "acme/shop"
DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")


# --- calls and answers --------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One request to the API as it came in. Its text is what `fail` looks at."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    def __str__(self) -> str:
        """As `POST /repos/acme/shop/pulls/1/reviews`, or `POST /graphql Look`."""
        query = self.body.get("query", "") if isinstance(self.body, dict) else ""
        named = re.search(r"^\s*(?:query|mutation)\s+(\w+)", query)
        return f"{self.method} {self.path}{f' {named[1]}' if named else ''}"


@dataclass
class Answer:
    """What is answered; status 0 drops the connection."""

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """An answer that comes in the place of another."""

    pattern: str
    when: int | None
    answer: Answer
    after_effect: bool
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        if not re.search(self.pattern, str(call)):
            return False
        self.seen += 1
        return self.when in (None, self.seen)


def moments() -> Iterator[datetime]:
    """One second after the other."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (start + timedelta(seconds=number) for number in itertools.count())


@dataclass
class FakeForge(abc.ABC):
    """A forge that holds one repository.

    `work` is where tests commit; `origin` is what the forge has of it, as of the last push. All of
    it lives below the path `root`. The hooks are called in the thread of the connection, and may
    wait.
    """

    work: Repo
    origin: Repo
    name: str = REPOSITORY
    root: str = ""
    server_url: str = ""
    calls: list[Call] = field(default_factory=list)
    fetches: int = 0
    violations: list[str] = field(default_factory=list)
    refused_paths: set[str] = field(default_factory=set)
    before_call: Callable[[Call], None] = lambda _: None
    after_call: Callable[[Call], None] = lambda _: None
    faults: list[Fault] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(3_000_000_001))
    _moments: Iterator[datetime] = field(default_factory=moments)

    @abc.abstractmethod
    def logins(self) -> Collection[str]:
        """What git may log in with: names with their passwords, as in `name:password`."""

    def fail(
        self,
        when: int | None,
        pattern: str,
        *,
        status: int = 502,
        after_effect: bool = False,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> None:
        """Answer otherwise to a call, before or after it has had its effect.

        Args:
            when: which of the calls that match, from 1; None for each.
            pattern: found in the text of a call, as `POST .*/reviews` or `Resolve`.
            status: what is answered; 0 drops the connection.
            after_effect: whether the call has had its effect.
            headers: further headers.
            body: the answer.
        """
        answer = Answer(status, body or {"message": "Server Error"}, headers or {})
        self.faults.append(Fault(pattern, when, answer, after_effect))

    def fetch(self, *refspecs: str) -> None:
        """Take branches over from `work`, as a push does."""
        self.origin.git("fetch", "--quiet", "--no-tags", str(self.work.folder), *refspecs)

    def merge_base(self, one: str, other: str) -> str:
        return self.origin.git("merge-base", one, other)


def bare_origin(repo: Repo) -> Repo:
    """The repository that a forge has of another: it gives out any commit."""
    origin = Repo(repo.folder.with_name(f"{repo.folder.name}-origin.git"), "--bare")
    for name in ("allowAnySHA1InWant", "allowFilter"):
        origin.git("config", f"uploadpack.{name}", "true")
    return origin


# --- HTTP ---------------------------------------------------------------------------------------

Done = Callable[[Call], Answer]


@contextmanager
def running(forge: FakeForge, done: Done, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Serve a forge while the block runs; at its end nothing must have broken its rules.

    Args:
        forge: gets its `server_url`.
        done: does what a call asks for; it is never called twice at once.
        tls: for https.
    """
    server = _Server(forge, done)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    scheme = "https" if tls else "http"
    forge.server_url = f"{scheme}://127.0.0.1:{server.server_port}{forge.root}"
    try:
        yield
        assert forge.violations == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, forge: FakeForge, done: Done) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forge, self.done = forge, done

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up, or does not trust, is none of the server's errors."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Carries requests in and answers out."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        body = self._read()
        forge, path = self.server.forge, self.path.removeprefix(self.server.forge.root)
        if not self.path.startswith(f"{forge.root}/"):
            answer = Answer(404, b"There is nothing here.\n")
        elif ".git/" in path:
            answer = _git(forge, self, path, body)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, path, headers, json.loads(body) if body else None)
            answer = _api(forge, self.server.done, call)
        self._send(answer)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _send(self, answer: Answer) -> None:
        if answer.status == 0:
            self.close_connection = True
            return
        content = answer.content
        if not isinstance(content, bytes):
            content = b"" if content is None else json.dumps(content).encode()
        self.send_response(answer.status)
        headers = dict(answer.headers)
        if answer.status != HTTPStatus.NO_CONTENT:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _api(forge: FakeForge, done: Done, call: Call) -> Answer:
    """Do what a call asks for, unless a fault comes before; tell of it, unless one comes after."""
    with forge.lock:
        forge.calls.append(call)
        fault = next(iter([fault for fault in forge.faults if fault.strikes(call)]), None)
    forge.before_call(call)
    if fault and not fault.after_effect:
        return fault.answer
    with forge.lock:
        answer = done(call)
    forge.after_call(call)
    return fault.answer if fault else answer


# --- git ----------------------------------------------------------------------------------------


def _git(forge: FakeForge, request: BaseHTTPRequestHandler, path: str, body: bytes) -> Answer:
    """Serve git with git; a wrong login is refused, and two of them are a bad request."""
    match = re.fullmatch(rf"/{re.escape(forge.name)}\.git(/[^?]*)\??(.*)", path)
    given = request.headers.get_all("Authorization", [])
    if len(given) > 1:
        return Answer(400, b"Duplicate header: Authorization\n")
    if not set(given) & set(map(_basic, forge.logins())):
        challenge = {"WWW-Authenticate": 'Basic realm="git"'}
        return Answer(401, b"Authentication required\n", challenge)
    if match is None:
        return Answer(404, b"Repository not found.\n")
    with forge.lock:
        forge.fetches += match[1] == "/info/refs"
    values = {
        "GIT_PROJECT_ROOT": str(forge.origin.folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "PATH_INFO": match[1],
        "QUERY_STRING": match[2],
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    done = subprocess.run(
        ["git", "http-backend"],
        env=environment() | values,
        input=body,
        capture_output=True,
        check=True,
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    sent = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(sent.pop("Status", "200").split()[0])
    return Answer(status, content, sent)


def _basic(login: str) -> str:
    return f"Basic {b64encode(login.encode()).decode()}"


def environment() -> dict[str, str]:
    """That of this process, without what would steer git."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


# --- diffs --------------------------------------------------------------------------------------
# Lines come from git itself, so that nothing here shares a mistake with the parser under test.

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Hunk:
    """The lines that a hunk shows of the old file and of the new one, and its text."""

    left: range
    right: range
    text: bytes = b""

    def side(self, name: str) -> range:
        return self.left if name == "LEFT" else self.right


def hunks(patch: bytes) -> Sequence[Hunk]:
    """The hunks; a side without lines has its range after the line that it follows."""
    found, bounds = [], [match.start() for match in _HUNK.finditer(patch)]
    for start, end in itertools.pairwise([*bounds, len(patch)]):
        match = _HUNK.match(patch, start)
        assert match
        old, old_count, new, new_count = (int(each or 1) for each in match.groups())
        text = patch[match.end() : end]
        found.append(Hunk(range(old, old + old_count), range(new, new + new_count), text))
    return found
