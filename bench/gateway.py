"""A gateway on loopback that answers each call after 0.2 seconds: `python -m bench.gateway [FILE]`.

Tokens are counted as four characters each. Prefixes up to the cache breakpoint are remembered as
providers do: once an answer begins, for the same model and form of answer. The file has the answers
as JSON, by the title of the checklist; without it nothing is found. The gateway's address is the
first line of its output; it ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from reviewbot.demo.gateway import KEY_INFO, MODEL_INFO

LATENCY = 0.2  # seconds
CLEAN: dict[str, list[object]] = {"findings": [], "items": []}
CACHE_MINIMUM = 1024  # tokens
ROUTES = {"/key/info": KEY_INFO, "/model/info": MODEL_INFO}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, object]] = {}
    written: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self._send("application/json", json.dumps(ROUTES[self.path]))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = [part for message in body["messages"] for part in _parts(message["content"])]
        title = parts[-1]["text"].partition("\n")[0].removeprefix("# Checklist: ")
        answer = json.dumps(self.answers.get(title, CLEAN))
        prefix, rest = _cut_at_breakpoint(parts)
        entry = json.dumps([body["model"], body.get("response_format"), prefix])
        known = entry in self.written
        time.sleep(LATENCY)
        self.written.add(entry)
        usage = _usage(prefix, rest, answer, known=known)
        delta = {"index": 0, "delta": {"content": answer}, "finish_reason": "stop"}
        start = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "x"}
        chunks = ({**start, "choices": [delta]}, {**start, "choices": [], "usage": usage})
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        self._send("text/event-stream", events + "data: [DONE]\n\n")

    def _send(self, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else content


def _cut_at_breakpoint(parts: list[dict[str, Any]]) -> tuple[str, str]:
    """The text that is cached, up to the last breakpoint if that is enough, and what follows."""
    prefix, rest = "", ""
    for part in parts:
        rest += part["text"]
        if "cache_control" in part:
            prefix, rest = prefix + rest, ""
    return (prefix, rest) if _tokens(prefix) >= CACHE_MINIMUM else ("", prefix + rest)


def _usage(prefix: str, rest: str, answer: str, *, known: bool) -> dict[str, int]:
    cached = _tokens(prefix)
    asked, said = cached + _tokens(rest), _tokens(answer)
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "cache_read_input_tokens": cached if known else 0,
        "cache_creation_input_tokens": 0 if known else cached,
    }


def _tokens(text: str) -> int:
    return len(text) // 4


def main() -> None:
    """Serve until standard input ends."""
    for file in sys.argv[1:]:
        _Handler.answers = json.loads(Path(file).read_text("utf-8"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
