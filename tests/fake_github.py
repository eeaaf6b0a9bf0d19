"""A GitHub on loopback with a real git repository, to be spoken to by PyGithub and by git.

It keeps state, and refuses what GitHub refuses: `fake_github_state` is what tests set up and look
at, `fake_github_rules` says where a comment may stand, `fake_github_rest` and `fake_github_graphql`
answer. This module carries their answers, and serves git.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread as OsThread
from typing import Any

from conftest import Repo
from fake_github_graphql import graphql
from fake_github_rest import rest
from fake_github_rules import environment
from fake_github_state import (
    BOT,
    REPOSITORY,
    Answer,
    Call,
    Comment,
    FakeGitHub,
    Pull,
    Thread,
)

__all__ = [
    "BOT",
    "REPOSITORY",
    "Call",
    "Comment",
    "FakeGitHub",
    "Pull",
    "Thread",
    "primary_limit",
    "secondary_limit",
    "serving",
]


def secondary_limit(seconds: int = 1, status: int = 403) -> dict[str, Any]:
    """What `fail` takes for calls that come too fast."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes."
    headers = {"Retry-After": str(seconds)}
    return {"status": status, "headers": headers, "body": {"message": message}}


def primary_limit(seconds: int = 1, status: int = 403) -> dict[str, Any]:
    """What `fail` takes where the calls of this hour are spent."""
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(time.time()) + seconds),
    }
    message = "API rate limit exceeded for installation ID 1."
    return {"status": status, "headers": headers, "body": {"message": message}}


@contextmanager
def serving(repo: Repo) -> Iterator[FakeGitHub]:
    """Run one while the block runs; at its end nothing must have broken the official schema."""
    origin = Repo(repo.folder.with_name(f"{repo.folder.name}-origin.git"), "--bare")
    for name in ("allowAnySHA1InWant", "allowFilter"):
        origin.git("config", f"uploadpack.{name}", "true")
    hub = FakeGitHub(repo, origin)
    server = _Server(hub)
    thread = OsThread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.server_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
        assert hub.violations == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FakeGitHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up is none of the server's errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Carries requests in and answers out."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        body = self._read()
        if ".git/" in self.path:
            answer = _git(self.server.hub, self, body)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, json.loads(body) if body else None)
            answer = _api(self.server.hub, call)
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
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        if answer.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _api(hub: FakeGitHub, call: Call) -> Answer:
    """Do what a call asks for, unless a fault comes before; tell of it, unless one comes after."""
    with hub.lock:
        hub.calls.append(call)
        fault = next(iter([fault for fault in hub.faults if fault.strikes(call)]), None)
    hub.before_call(call)
    if fault and not fault.after_effect:
        return fault.answer
    with hub.lock:
        answer = _done(hub, call)
    hub.after_call(call)
    return fault.answer if fault else answer


def _done(hub: FakeGitHub, call: Call) -> Answer:
    kind, _, secret = call.headers.get("authorization", "").partition(" ")
    token = hub.tokens.get(secret) if kind.lower() in ("bearer", "token") else None
    if token is None:
        return Answer(401, {"message": "Bad credentials"})
    if call.path == "/graphql":
        return graphql(hub, token, call)
    return rest(hub, token, call)


def _git(hub: FakeGitHub, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
    """Serve git with git; a wrong login is refused, and two of them are a bad request."""
    match = re.fullmatch(rf"/{re.escape(hub.name)}\.git(/[^?]*)\??(.*)", request.path)
    given = request.headers.get_all("Authorization", [])
    if len(given) > 1:
        return Answer(400, b"Duplicate header: Authorization\n")
    if not set(given) & set(map(_basic, hub.tokens)):
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
        return Answer(401, b"Authentication required\n", challenge)
    if match is None:
        return Answer(404, b"Repository not found.\n")
    with hub.lock:
        hub.fetches += match[1] == "/info/refs"
    values = {
        "GIT_PROJECT_ROOT": str(hub.origin.folder),
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


def _basic(token: str) -> str:
    return f"Basic {b64encode(f'x-access-token:{token}'.encode()).decode()}"
