"""`python -m fuzz.speed [NAME…]`: how long a megabyte of what hurts most takes each reader.

Each word of the hostile vocabulary is repeated up to a size, and up to half of it: where the whole
takes more than twice as long as the half, time does not grow with the size alone.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from time import process_time

from hostile import WORDS

from reviewbot import checklists, commands, config, findings, marker, markup, personal, report, text
from reviewbot.anchors import Claim, Comment, place, place_again
from reviewbot.context import enclosing
from reviewbot.diff import FileDiff, parse
from reviewbot.errors import ReviewbotError
from reviewbot.findings import Answer, Finding, Severity
from reviewbot.records import read_diff
from reviewbot.redaction import Redactor, shipped

SIZE = 50_000  # characters of a text
PATIENCE = 1.0  # seconds of the processor for one text
SHOWN = 3  # texts of a reader, the slowest

Read = Callable[[str], object]


def texts(size: int) -> Iterator[tuple[str, str]]:
    """What hurts, by name."""
    for word in WORDS:
        for unit in (word, f"a{word}"):
            yield repr(unit), unit * (size // len(unit))
    steps = int(size**0.5)
    stairs = [" " * depth + "x" for depth in range(steps)]
    yield "nested brackets", "[" * (size // 2) + "]" * (size // 2)
    yield "runs of backticks", " ".join("`" * n for n in range(3, int((2 * size) ** 0.5)))
    yield "fences", "\n".join("`" * n for n in range(3, int((2 * size) ** 0.5)))
    yield "stairs", "\n".join([*stairs, *[""] * (size // 2), "x"])
    yield "deep stairs", "\n".join([*stairs, *[""] * (size // 2), stairs[-1] + "x"])


# --- readers ------------------------------------------------------------------------------------

HEADER = "diff --git a/x b/x\n--- a/x\n+++ b/x\n"
RECORDS = ":1 1 a b M\0x\01\t1\tx\0\0"


def _raw(text: str) -> BytesIO:
    return BytesIO(text.encode("utf-8", "surrogatepass"))


def _added(lines: Sequence[str], kind: str = "+") -> FileDiff:
    """A file of these lines, all added or all removed."""
    body = "".join(f"{kind}{line}\n" for line in lines)
    counts = f"-0,0 +1,{len(lines)}" if kind == "+" else f"-1,{len(lines)} +0,0"
    return parse(_raw(f"{HEADER}@@ {counts} @@\n{body}")).files[0]


def _hunks(text: str) -> None:
    for _ in _added(text.split("\n")).hunks():
        pass


def _long_name(text: str) -> None:
    path = text.replace("\0", "")
    records = f":0 1 0 1 A\0{path}\01\t0\t{path}\0\0"
    list(read_diff(_raw(f"{records}{HEADER}@@ -0,0 +1 @@\n+x\n")))


def _answer(text: str) -> str:
    return json.dumps({"findings": [{"path": "x", "body": text, "line": text}], "items": []})


def _divided(text: str) -> None:
    claimed = tuple(Finding("x", item=f"{text[:9]}/{n}") for n in range(len(text) // 100))
    findings.divided(Answer(claimed, ()), [f"c{n}" for n in range(20)])


def _placed(text: str, kind: str = "+", *, quote: str = "", end: int = 1) -> None:
    """Half of the text is the file, the other half the answer: a finding takes 100 characters."""
    lines = text[: len(text) // 2].split("\n")
    claims = [
        Claim(Finding("x", 1, end, quote or lines[0][:100], body="x"), "c", "m", Severity.HIGH)
        for _ in range(len(text) // 200)
    ]
    file = _added(lines, kind)
    comments: Sequence[Comment] = place([file], claims, lambda _: lines)
    place_again([file], comments, lambda _: lines)


def _claimed(text: str) -> None:
    claim = Claim(Finding(text, quote=text, body=text), "c", "m", Severity.HIGH)
    place([_added("x")], [claim], lambda _: ())


def _enclosing(text: str) -> None:
    lines = text.split("\n")
    enclosing(lines, range(1, len(lines) + 1))


REDACTOR = Redactor(shipped(), (), personal.spots)

READERS: dict[str, Read] = {
    "redaction": REDACTOR.text,
    "a patch": lambda text: parse(_raw(text)),
    "a name": lambda text: parse(_raw(f"diff --git a/{text} b/{text}\n@@ -1 +0,0 @@\n-x\n")),
    "a quoted name": lambda text: parse(_raw(f'--- {text}\n+++ "{text}"\n@@ -1 +0,0 @@\n-x\n')),
    "headers": lambda text: parse(_raw(f"diff --git a/x b/x\n{text}\n@@ -1 +0,0 @@\n-x\n")),
    "hunks": _hunks,
    "records": lambda text: list(read_diff(_raw(text))),
    "records of a name": _long_name,
    "records and a patch": lambda text: list(read_diff(_raw(f"{RECORDS}diff --git {text}"))),
    "a reply": findings.read,
    "a whole reply": lambda text: findings.read(_answer(text)),
    "a cut reply": lambda text: findings.read('{"findings":[' + text),
    "a Python reply": lambda text: findings.read("{'findings':[" + text + "]}"),
    "salvage": findings.salvage,
    "salvage, a string": lambda text: findings.salvage(_answer(text)[:-3]),
    "divided": _divided,
    "findings": _placed,
    "findings, removed": lambda text: _placed(text, "-", quote="no such line"),
    "findings, whole file": lambda text: _placed(text, end=text.count("\n") // 2),
    "findings, beyond": lambda text: _placed(text, end=999_999_999),
    "a long finding": _claimed,
    "context": _enclosing,
    "block": markup.block,
    "block of a comment": lambda text: markup.block(text, 60_000),
    "block of code": lambda text: markup.block(f"~~~\n{text}"),
    "line": markup.line,
    "row": lambda text: markup.row([text, text]),
    "code": markup.code,
    "fenced": lambda text: markup.fenced("", text),
    "visible": text.visible,
    "squeezed": text.squeezed,
    "harmless": text.harmless,
    "text.fenced": lambda wild: text.fenced("x", wild),
    "marker": lambda text: marker.read("state", f"<!-- reviewbot:state:1 {text} -->"),
    "commands": lambda text: list(commands.commands(text)),
    "one command": lambda text: list(commands.commands(f"/reviewbot dismiss {text}")),
    "report": report.from_json,
    "checklist": lambda text: checklists.load({"x.md": f"---\n{text}\n---\nbody\n"}),
    "checklist, endless": lambda text: checklists.load({"x.md": f"---\n{text}"}),
    "YAML": lambda text: config.written("x.yml", text),
    "YAML value": lambda text: config.written("x.yml", f"a: {text}"),
    "TOML": lambda text: config.written("x.toml", text),
    "TOML value": lambda text: config.written("x.toml", f"a = {text}"),
}

# --- measuring ----------------------------------------------------------------------------------


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """TimeoutError when what is done takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def taken(read: Read, text: str) -> float:
    """Seconds of the processor that it took; infinite beyond all patience."""
    start = process_time()
    try:
        with patience(PATIENCE), suppress(ReviewbotError):
            read(text)
    except TimeoutError:
        return float("inf")
    return process_time() - start


def slowest(read: Read) -> list[tuple[float, float, str]]:
    """Milliseconds a megabyte, how many times as long as half of it, and of which text."""
    halves = dict(texts(SIZE // 2))
    measured = []
    for name, whole in texts(SIZE):
        half, all_of_it = taken(read, halves[name]), taken(read, whole)
        measured.append((all_of_it * 1e9 / SIZE, all_of_it / max(half, 1e-4), name))
    return sorted(measured, reverse=True)[:SHOWN]


for reader in sys.argv[1:] or READERS:
    shown = (
        f"{took:6.0f} ms x{times:.1f} {name}" for took, times, name in slowest(READERS[reader])
    )
    print(f"{reader:22}", "  ".join(shown), flush=True)
