"""What is reviewed: a usual branch, a large one, and a very large diff."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WORDS = [
    "account",
    "order",
    "total",
    "price",
    "user",
    "basket",
    "query",
    "result",
    "cache",
    "index",
    "status",
    "count",
]


def module(lines: int, seed: int) -> list[str]:
    """A made-up Python module of about so many lines."""
    pick = random.Random(seed)
    text: list[str] = []
    while len(text) < lines:
        name = f"{pick.choice(_WORDS)}_{pick.choice(_WORDS)}_{len(text)}"
        text += ["", "", f"def {name}(value: int, limit: int = {pick.randint(1, 99)}) -> int:"]
        text += [f'    """The {pick.choice(_WORDS)} of the {pick.choice(_WORDS)}."""']
        for _ in range(pick.randint(4, 14)):
            left, right = pick.choice(_WORDS), pick.choice(_WORDS)
            text.append(f"    {left} = max(value, limit) + len({right!r}) * {pick.randint(1, 9)}")
        text.append(f"    return {left}")
    return text


def branch(folder: Path, files: int, lines: int, changed: int) -> Path:
    """A repository whose branch `feature` changes `changed` lines in all of `files` files."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in range(files):
        write(folder / f"src/module_{number:03}.py", module(lines, number))
    commit(folder, "base")
    git(folder, "switch", "--quiet", "--create", "feature")
    for number in range(files):
        path = folder / f"src/module_{number:03}.py"
        text = path.read_text().split("\n")
        for nth in range(changed // files):
            position = (nth // 8) * (len(text) // max(changed // files // 8, 1)) + nth % 8 + 6
            text.insert(min(position, len(text)), f"    limit += {nth}  # step {number}")
        path.write_text("\n".join(text))
    commit(folder, "change")
    return folder


def large_diff(folder: Path, megabytes: int) -> Path:
    """A repository whose branch adds so many MB of code in files of 100 KB."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder / "README", ["empty"])
    commit(folder, "base")
    git(folder, "switch", "--quiet", "--create", "feature")
    text = "\n".join(module(2_000, 1))[:100_000] + "\n"
    for number in range(megabytes * 1_000_000 // (len(text) + text.count("\n"))):
        path = folder / f"package_{number // 50}/module_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {number}\n{text}")
    commit(folder, "change")
    return folder


def write(path: Path, lines: list[str]) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def commit(folder: Path, message: str) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody, with nobody's configuration."""
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**plain, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, check=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="reviewbot-bench-") as name:
        yield Path(name)
