"""What people tell the bot in comments: `/reviewbot dismiss 1a2b3c4d reason`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HELP = """\
| command | what it does |
|---|---|
| `/reviewbot review` | review what is new since the last complete review |
| `/reviewbot full review` | review the whole change again |
| `/reviewbot dismiss ID REASON` | do not raise a finding again, and say why |
| `/reviewbot pause`, `/reviewbot resume` | no reviews until resumed |
| `/reviewbot help` | this list |

They count from people who may write to this repository."""

_COMMAND = re.compile(
    r"/reviewbot[ \t]+(full[ \t]+review|review|dismiss|pause|resume|help)(?!\S)(.*)"
)
_ADDRESSED = re.compile(r"/reviewbot(?!\S)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its verb, and what follows on the line."""

    verb: str
    argument: str


def commands(text: str) -> Iterator[Command]:
    """The commands of a comment: each at the beginning of a line, in their order."""
    for line in _spoken(text):
        if match := _COMMAND.fullmatch(line):
            yield Command(" ".join(match[1].split()), match[2].strip())


def addressed(text: str) -> bool:
    """Whether a comment speaks to the bot, in words that it knows or not."""
    return any(map(_ADDRESSED.match, _spoken(text)))


def _spoken(text: str) -> Iterator[str]:
    """The lines that are no code: who shows how a command is written does not give it."""
    fence = ""
    for line in re.split(r"\r\n|\n|\r", text):
        mark = _FENCE.match(line)
        if not fence and not mark:
            yield line
        elif not fence and mark:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            fence = ""
