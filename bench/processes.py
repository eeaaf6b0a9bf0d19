"""Run a command and say what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall clock and CPU (children included), and the peak of memory in MB."""

    wall: float
    cpu: float
    peak: float


def measure(
    command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Taken:
    """Run a command to its end; a failing one ends the benchmark."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    wall = time.perf_counter() - begin
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.decode()}")
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best(takes: Sequence[Taken]) -> Taken:
    """The least of each figure: what the machine can do when nothing disturbs it."""
    return Taken(*(min(getattr(take, name) for take in takes) for name in ("wall", "cpu", "peak")))


def alternating(rounds: int, *commands: Sequence[str], **how: object) -> list[Taken]:
    """Run the commands in turn, so that a slow moment of the machine meets them all."""
    takes: list[list[Taken]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, taken in zip(commands, takes, strict=True):
            taken.append(measure(command, **how))  # type: ignore[arg-type]
    return [best(taken) for taken in takes]
