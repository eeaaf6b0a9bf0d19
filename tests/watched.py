"""The program as a script that writes down, at its end, what its process has done to the world.

`watched.py LOG ARGUMENTS…` runs reviewbot with these arguments. Python tells of each child process,
connection, opened file and run code by itself, whoever does it: reviewbot or a library.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_CHILDREN = (
    *(
        "subprocess.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.startfile",
    ),
    "pty.",
)
_CONNECTIONS = ("socket.connect", "socket.send", "socket.bind", "socket.get")
_events: list[tuple[str, list[Any]]] = []
_watching = True


def _watch(name: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if name.startswith(_CHILDREN):
        _events.append(("child", [name, *map(_plain, arguments)]))
    elif name.startswith(_CONNECTIONS):
        _events.append(("connection", [name, *map(_plain, arguments)]))
    elif name == "open" and _writes(*arguments[1:]):
        _events.append(("written", [_plain(arguments[0])]))
    elif name == "exec":
        _events.append(("code", [arguments[0].co_filename]))


def _writes(mode: str | None, flags: int) -> bool:
    return bool(set(mode or "") & set("wax+")) or bool(flags & _WRITING)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, dict):
        return {os.fsdecode(key): os.fsdecode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else value


def main() -> None:
    """Run the program, and write down what it did."""
    global _watching  # noqa: PLW0603 - a hook cannot be taken away again
    log = sys.argv.pop(1)
    sys.addaudithook(_watch)
    from reviewbot.cli import main as program  # noqa: PLC0415 - watched too

    try:
        program()
    finally:
        _watching = False
        Path(log).write_text(json.dumps(_events, default=repr), "utf-8")


if __name__ == "__main__":
    main()
