"""A forge on loopback that gives the answers it is told to, under the real client libraries."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reviewbot.forge import Remote
from reviewbot.forge.github import GitHub
from reviewbot.forge.gitlab import GitLab

TOKEN = "-".join(("token", "a" * 36))


@dataclass
class Answer:
    """What is answered; status 0 drops the connection."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    verb: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Wire:
    """Answers in turn, the last one for all that follows; or what `react` makes of a call."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    react: Callable[[Call], Answer] | None = None
    calls: list[Call] = field(default_factory=list)
    pauses: list[tuple[float, str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        return [f"{call.verb} {call.path}" for call in self.calls]

    def next(self, call: Call) -> Answer:
        self.calls.append(call)
        if self.react:
            return self.react(call)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def github(self, *answers: Answer, **options: Any) -> GitHub:
        """A GitHub that is answered so, and waits in words only."""
        self.answers = list(answers)
        place = (f"{self.url}/api/v3", f"{self.url}/api/graphql", "https://git.example.org")
        options |= {"paused": lambda *pause: self.pauses.append(pause), "sleep": self.slept.append}
        return GitHub(*place, TOKEN, "acme/shop", 7, **options)

    def gitlab(self, *answers: Answer, **options: Any) -> GitLab:
        """A GitLab that is answered so, and waits in words only."""
        self.answers = list(answers)
        place = (f"{self.url}/sub/api/v4", f"{self.url}/sub/api/graphql")
        options |= {"paused": lambda *pause: self.pauses.append(pause), "sleep": self.slept.append}
        remote = Remote(f"{self.url}/sub/acme/shop.git", "Basic x")
        return GitLab(*place, TOKEN, "acme/shop", 7, remote=remote, **options)


def forbidden(message: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"message": message}, 403, named)


@contextmanager
def serving() -> Iterator[Wire]:
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, json.loads(text or b"null"))
            answer = wire.next(call)
            if not answer.status:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            plain = isinstance(answer.content, str)
            body = answer.content if plain else json.dumps(answer.content)
            content = b"" if answer.content is None else body.encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_POST()

        def do_PATCH(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
