"""A gateway on loopback that replays recorded answers: real HTTP, no model, no cost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

CHARACTERS_PER_TOKEN = 4
KEY_INFO = {"info": {"max_budget": 10.0, "spend": 0.0, "tpm_limit": None, "rpm_limit": None}}
MODEL_INFO = {
    "data": [
        {
            "model_name": "claude-sonnet",
            "model_info": {
                "max_input_tokens": 200_000,
                "max_output_tokens": 64_000,
                "input_cost_per_token": 3e-06,
                "output_cost_per_token": 1.5e-05,
                "cache_creation_input_token_cost": 3.75e-06,
                "cache_read_input_token_cost": 3e-07,
            },
        }
    ]
}


@contextmanager
def replaying(answers: Mapping[str, str]) -> Iterator[str]:
    """Serve the answers while the block runs.

    Args:
        answers: what to answer, by the line that the prompt's last message begins with.

    Yields:
        The gateway's address.
    """

    class Handler(_Handler):
        recorded = answers
        prefixes: ClassVar[set[str]] = set()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    recorded: ClassVar[Mapping[str, str]]
    prefixes: ClassVar[set[str]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        routes = {"/key/info": KEY_INFO, "/model/info": MODEL_INFO}
        found = self.path in routes
        self._send(200 if found else 404, "application/json", json.dumps(routes.get(self.path, {})))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shared, task = _parts(body["messages"])
        answer = self.recorded[task.partition("\n")[0]]
        chunks = (
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": answer}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": self._usage(shared, task, answer)},
        )
        events = [f"data: {json.dumps(_chunk(body['model'], chunk))}\n\n" for chunk in chunks]
        self._send(200, "text/event-stream", "".join([*events, "data: [DONE]\n\n"]))

    def _usage(self, shared: str, task: str, answer: str) -> dict[str, Any]:
        """Tokens as a provider with a prompt cache counts them: the second prefix is read."""
        prefix, rest, output = (_tokens(text) for text in (shared, task, answer))
        known = shared in self.prefixes
        self.prefixes.add(shared)
        return {
            "prompt_tokens": prefix + rest,
            "completion_tokens": output,
            "total_tokens": prefix + rest + output,
            "cache_read_input_tokens": prefix if known else 0,
            "cache_creation_input_tokens": 0 if known else prefix,
        }

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the review."""


def _parts(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """What the calls share, and the checklist at the end."""
    *shared, task = messages[-1]["content"]
    return messages[0]["content"] + "".join(part["text"] for part in shared), task["text"]


def _tokens(text: str) -> int:
    return len(text) // CHARACTERS_PER_TOKEN


def _chunk(model: str, content: Mapping[str, Any]) -> dict[str, Any]:
    start = {"id": "replay", "object": "chat.completion.chunk", "created": 0, "model": model}
    return {**start, **content}
