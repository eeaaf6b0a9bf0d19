"""A gateway on loopback that answers each call after 0.2 seconds: `python -m bench.gateway`.

Tokens are counted as four characters each, and prefixes up to the cache breakpoint are remembered,
as the providers do. Its address is the first line of its output; it ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from reviewbot.demo.gateway import KEY_INFO, MODEL_INFO

LATENCY = 0.2  # seconds
ANSWER = json.dumps({"findings": [], "items": []})
ROUTES = {"/key/info": KEY_INFO, "/model/info": MODEL_INFO}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    written: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self._send("application/json", json.dumps(ROUTES[self.path]))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(LATENCY)
        usage = self._usage(body["messages"])
        delta = {"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}
        start = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "x"}
        chunks = ({**start, "choices": [delta]}, {**start, "choices": [], "usage": usage})
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        self._send("text/event-stream", events + "data: [DONE]\n\n")

    def _usage(self, messages: list[dict[str, Any]]) -> dict[str, int]:
        prefix, rest = "", ""
        for part in [part for message in messages for part in _parts(message["content"])]:
            rest += part["text"]
            if "cache_control" in part:
                prefix, rest = prefix + rest, ""
        known = prefix in self.written
        self.written.add(prefix)
        tokens = len(prefix) // 4
        return {
            "prompt_tokens": tokens + len(rest) // 4,
            "completion_tokens": len(ANSWER) // 4,
            "total_tokens": tokens + (len(rest) + len(ANSWER)) // 4,
            "cache_read_input_tokens": tokens if known else 0,
            "cache_creation_input_tokens": 0 if known else tokens,
        }

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


def main() -> None:
    """Serve until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
