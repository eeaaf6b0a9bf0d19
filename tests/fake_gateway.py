"""A gateway on loopback that does what a test tells it, to be spoken to by the real clients.

What it answers to a model call is a `Reaction`: a function that writes to the open connection. They
are made by `streamed`, `whole`, `failed`, `page` and the others below.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789abcdef"
PATIENCE = 30.0  # seconds after which whatever a test waits for will not come any more

LITELLM_MODELS: dict[str, Any] = {
    "data": [
        {
            "model_name": name,
            "model_info": {
                "max_input_tokens": 200_000,
                "max_output_tokens": 64_000,
                "input_cost_per_token": 3e-06,
                "output_cost_per_token": 1.5e-05,
                "cache_creation_input_token_cost": 3.75e-06,
                "cache_read_input_token_cost": 3e-07,
                "supports_response_schema": True,
                "supports_prompt_caching": True,
            },
        }
        for name in ("claude-sonnet", "claude-haiku")
    ]
}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
CLEAN = '{"findings": [], "items": []}'


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """All text of the messages."""
        return "\n".join(
            part if isinstance(part, str) else part["text"]
            for message in self.body["messages"]
            for part in (
                [message["content"]] if isinstance(message["content"], str) else message["content"]
            )
        )

    @property
    def checklist(self) -> str:
        """Title of the checklist that is asked for; empty in a repair."""
        found = re.search(r"^# Checklist: (.+)$", self.prompt, re.MULTILINE)
        return found[1] if found else ""


class Wire:
    """The open connection of one request."""

    def __init__(self, handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
        self._handler = handler
        self.released = released

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, status: int, kind: str, text: str, headers: Mapping[str, str]) -> None:
        content = text.encode("utf-8", "surrogateescape")
        length = {"Content-Type": kind, "Content-Length": str(len(content))}
        self.head(status, length | dict(headers))
        self._handler.wfile.write(content)

    def piece(self, text: str) -> None:
        content = text.encode()
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self._handler.wfile.flush()

    def end(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection in the middle of the answer."""
        self._handler.close_connection = True


Reaction = Callable[[Wire], None]


VERIFICATION = "Verification"  # title of the task


@dataclass
class FakeGateway:
    """What it was asked, and what it answers.

    `react` makes the reaction to a model call, `verify` to one that asks whether findings hold; by
    itself it has no opinion of them. `routes` are those to LiteLLM's own routes; a route
    that is not in it is answered with 404, as by an endpoint that is not LiteLLM.
    """

    url: str = ""
    react: Callable[[Call], Reaction] = lambda _: streamed(CLEAN)
    routes: dict[str, Reaction] = field(default_factory=dict)
    questions: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    verify: Callable[[Call], Reaction] = lambda _: streamed(CLEAN)
    verifications: list[Call] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def plan(self, *reactions: Reaction) -> None:
        """Take these reactions in turn, and the last one for all further calls."""
        left = list(reactions)
        lock = threading.Lock()

        def react(_: Call) -> Reaction:
            with lock:
                return left.pop(0) if len(left) > 1 else left[0]

        self.react = react

    def be_litellm(self, **info: object) -> None:
        """Have LiteLLM's routes: with these values in the key's info."""
        self.routes["/key/info"] = page(json.dumps({"info": info}), kind="application/json")
        self.routes["/model/info"] = page(json.dumps(LITELLM_MODELS), kind="application/json")
        self.routes["/health/readiness"] = page(
            '{"status": "healthy", "db": "connected"}', kind="application/json"
        )
        self.list_models("claude-sonnet", "claude-haiku")

    def list_models(self, *names: str) -> None:
        """Say that the key may call these models, as any OpenAI-compatible endpoint does."""
        listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
        self.routes["/v1/models"] = page(json.dumps(listed), kind="application/json")

    def wait_for_calls(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.calls) >= count, PATIENCE)

    def record(self, call: Call) -> None:
        with self.arrived:
            self._kept(call).append(call)
            self.arrived.notify_all()

    def _kept(self, call: Call) -> list[Call]:
        if call.method != "POST":
            return self.questions
        return self.verifications if call.checklist == VERIFICATION else self.calls

    def reaction(self, call: Call) -> Reaction:
        """What becomes of a model call."""
        return (self.verify if call.checklist == VERIFICATION else self.react)(call)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up, or does not trust, is none of the server's errors."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakeGateway]:
    """Run one while the block runs, over https if there is a `tls` for it."""
    gateway = FakeGateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each piece would wait for the answer to the last

        def do_GET(self) -> None:
            self._react(lambda call: gateway.routes.get(call.path, failed(404, "", "Not Found")))

        def do_POST(self) -> None:
            self._react(gateway.reaction)

        def _react(self, choose: Callable[[Call], Reaction]) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, json.loads(text or b"{}"))
            gateway.record(call)
            try:
                choose(call)(Wire(self, gateway.released))
            except OSError:
                self.close_connection = True  # the other side has gone

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    gateway.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield gateway
    finally:
        gateway.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


# --- reactions ----------------------------------------------------------------------------------


def answered(findings: Sequence[object] = (), items: Mapping[str, str] | None = None) -> str:
    """The text of an answer."""
    entries = [{"id": name, "status": status, "note": ""} for name, status in (items or {}).items()]
    return json.dumps({"findings": list(findings), "items": entries})


def chunks(text: str, *, finish: str | None, usage: Mapping[str, Any] | None) -> list[str]:
    """A streamed answer as server-sent events."""
    middle = len(text) // 2
    deltas: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": part}}]}
        for part in (text[:middle], text[middle:])
    ]
    if finish:
        deltas.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        deltas.append({"choices": [], "usage": usage})
    return [event(delta) for delta in deltas]


def event(content: object) -> str:
    if isinstance(content, dict):
        frame = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        content = json.dumps({**frame, **content})
    return f"data: {content}\n\n"


DONE = event("[DONE]")


def events(pieces: Iterable[str], headers: Mapping[str, str] | None = None) -> Reaction:
    def react(wire: Wire) -> None:
        stream = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        wire.head(200, stream | dict(headers or {}))
        for piece in pieces:
            wire.piece(piece)
        wire.end()

    return react


def streamed(
    text: str,
    *,
    finish: str | None = "stop",
    usage: Mapping[str, Any] | None = USAGE,
    headers: Mapping[str, str] | None = None,
) -> Reaction:
    """A whole streamed answer."""
    return events([*chunks(text, finish=finish, usage=usage), DONE], headers)


def whole(
    text: str,
    *,
    usage: Mapping[str, Any] = USAGE,
    headers: Mapping[str, str] | None = None,
) -> Reaction:
    """An answer in one piece, although a stream was asked for."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    content = {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}
    return page(json.dumps(content), kind="application/json", headers=headers)


def page(
    text: str,
    *,
    status: int = 200,
    kind: str = "text/html",
    headers: Mapping[str, str] | None = None,
) -> Reaction:
    """Any answer."""
    return lambda wire: wire.send(status, kind, text, headers or {})


def failed(
    status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
) -> Reaction:
    """An error as LiteLLM writes it."""
    error = {"message": message, "type": kind, "param": None, "code": str(status)}
    body = json.dumps({"error": error})
    return page(body, status=status, kind="application/json", headers=headers)


def broken(pieces: Iterable[str] = ()) -> Reaction:
    """A stream whose connection is cut after these pieces."""

    def react(wire: Wire) -> None:
        wire.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        for piece in pieces:
            wire.piece(piece)
        wire.cut()

    return react


def trickling(status: int = 200) -> Reaction:
    """A stream of comment lines without end; of nothing else."""

    def react(wire: Wire) -> None:
        wire.head(status, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        while not wire.released.wait(0.02):
            wire.piece(": still there\n\n")

    return react


def hanging(wire: Wire) -> None:
    """No answer at all, until the test ends."""
    wire.released.wait(PATIENCE)
    wire.cut()


def redirecting(target: str) -> Reaction:
    return page("", status=307, headers={"Location": target})


def refusing_schemas(call: Call) -> Reaction:
    """What a gateway answers that knows no `response_format`."""
    if "response_format" in call.body:
        return failed(400, "invalid_request_error", "response_format is not supported here")
    return streamed(CLEAN)
