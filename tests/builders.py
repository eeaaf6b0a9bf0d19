"""Values for the tests of the pure core, each with all that a test does not care about."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reviewbot.anchors import Claim, Comment
from reviewbot.checklists import Checklist, Item
from reviewbot.diff import Diff, FileDiff, parse
from reviewbot.findings import Finding, Severity
from reviewbot.prompt import Background, Request, Room


def diff(patch: str) -> Diff:
    """A diff from its text."""
    return parse(
        line + b"\n" for line in patch.encode("utf-8", "surrogateescape").split(b"\n")[:-1]
    )


def file_diff(path: str = "app.py", hunks: str = "@@ -1 +1 @@\n-old\n+new\n") -> FileDiff:
    """A modified file, from the text of its hunks."""
    (file,) = diff(f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{hunks}").files
    return file


def added_file(path: str, lines: Sequence[str]) -> FileDiff:
    """A new file of these lines."""
    body = "".join(f"+{line}\n" for line in lines)
    header = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    (file,) = diff(f"{header}@@ -0,0 +1,{len(lines)} @@\n{body}").files
    return file


def renamed(file: FileDiff, old_path: str) -> FileDiff:
    """The same file, with another name before the change."""
    return replace(file, status="R", old_path=old_path)


def token(seed: int = 1) -> str:
    """Of a form that GitHub gives out; not one of them is real."""
    letters = random.Random(seed).choices(string.ascii_letters + string.digits, k=36)
    return "gh" + "p_" + "".join(letters)


def key(lines: int = 6) -> list[str]:
    """A private key in PEM."""
    word = "PRIVATE" + " KEY"
    source = random.Random(lines)
    body = ["".join(source.choices(string.ascii_letters + string.digits + "+/", k=64))] * lines
    return [f"-----BEGIN RSA {word}-----", *body, f"-----END RSA {word}-----"]


def finding(**changes: Any) -> Finding:
    """What a model claims about line 1 of app.py."""
    values: dict[str, Any] = {
        "path": "app.py",
        "body": "It fails.",
        "line": 1,
        "end_line": 1,
        "quote": "new",
    }
    values |= {"severity": Severity.HIGH, "confidence": 8, "item": "logic", "title": "Wrong"}
    return Finding(**(values | changes))


def claim(**changes: Any) -> Claim:
    """A claim of the correctness checklist."""
    return Claim(finding(**changes), "correctness", "claude-sonnet", Severity.HIGH)


def comment(**changes: Any) -> Comment:
    """A comment on line 3 of app.py."""
    values: dict[str, Any] = {
        "id": "0123abcd",
        "state": "new",
        "checklists": ("correctness",),
        "items": ("logic",),
        "path": "app.py",
        "line": 3,
        "end_line": 3,
        "side": "new",
        "severity": Severity.HIGH,
        "confidence": 8,
        "title": "Total ignores the discount",
        "body": "It fails.",
        "suggestion": "",
        "quote": "return total",
        "fingerprint": "f" * 64,
        "digests": ("d" * 12,),
        "anchored": True,
        "anchor_note": "",
        "drop_reason": None,
        "model": "claude-sonnet",
        "frame": (),
    }
    values |= changes
    return Comment(**({"head_line": values["line"]} | values))


def checklist(**changes: Any) -> Checklist:
    """A checklist with one item."""
    values: dict[str, Any] = {
        "name": "correctness",
        "title": "Correctness",
        "description": "Logic",
        "items": (Item(id="logic", text="The logic is right."),),
        "severity": Severity.MEDIUM,
        "paths": (),
        "model": None,
        "source": "Look closely.",
        "origin": "shipped",
    }
    return Checklist(**(values | changes))


BACKGROUND = Background(guides={}, advice=(), skipped=())
ROOM = Room(call=100_000, answer=8_000, context=40_000)


def request(**changes: Any) -> Request:
    """A request of batch 0."""
    values: dict[str, Any] = {
        "checklist": "correctness",
        "model": "claude-sonnet",
        "batch": 0,
        "paths": ("app.py",),
        "system": "s" * 3000,
        "change": "c" * 6000,
        "task": "t" * 300,
        "answer_tokens": 8_000,
    }
    return Request(**(values | changes))


def raw_finding(**changes: Any) -> dict[str, Any]:
    """A finding as the model is asked to write it."""
    values: dict[str, Any] = {
        "path": "app.py",
        "line": 3,
        "end_line": 3,
        "quote": "return total",
        "severity": "high",
        "confidence": 8,
        "item": "logic",
        "title": "Total ignores the discount",
        "body": "It fails.",
        "suggestion": "",
    }
    return values | changes


def reply(*findings: dict[str, Any], items: Sequence[dict[str, Any]] = ()) -> str:
    """An answer as the model is asked to write it."""
    answer = {"reading": "", "findings": findings, "items": items}
    return json.dumps(answer, ensure_ascii=False)
