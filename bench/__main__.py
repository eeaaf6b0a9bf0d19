"""`python -m bench [NAME…]`: measure, and hold the figures against their limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import samples, service
from bench.gateway import LATENCY
from bench.processes import alternating, measure
from bench.samples import folder

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
PROGRAM = str(Path(PYTHON).parent / "reviewbot")


def show(what: str, value: float, limit: float, unit: str = "", *, at_least: bool = False) -> None:
    """One line of the table."""
    holds = value >= limit if at_least else value <= limit
    relation = "at least" if at_least else "at most"
    print(f"{'ok  ' if holds else 'OVER'}  {what:<58} {value:8.2f} {unit:<5} {relation} {limit:g}")


def bench_start() -> None:
    """`--help` against the import of click."""
    click, program = alternating(20, [PYTHON, "-c", "import click"], [PROGRAM, "--help"])
    show("--help, wall / import click", program.wall / click.wall, 1.6)
    show("--help, wall", program.wall, 0.15, "s")


def bench_run() -> None:
    """20 files, 800 changed lines, four checklists, against the import of openai."""
    with folder() as place, gateway() as url:
        samples.branch(place, files=20, lines=300, changed=800)
        environment = with_gateway(url)
        imported, reviewed = [], []
        for _ in range(5):
            imported.append(measure([PYTHON, "-c", "import openai"]))
            reviewed.append(measure([PROGRAM, "diff", "main", "feature"], place, environment))
        wall = min(take.wall for take in imported)
        run = min(take.wall for take in reviewed)
        cpu = min(take.cpu for take in reviewed) / min(take.cpu for take in imported)
        show("review, CPU / import openai", cpu, 2.4)
        show("review, (wall - 2 latencies) / import openai", (run - 2 * LATENCY) / wall, 2.4)
        show("review, wall", run, 2.4 * wall + 2 * LATENCY, "s")
        show("review, peak memory", max(take.peak for take in reviewed), 120, "MB")


def bench_large() -> None:
    """A diff of 100 MB."""
    with folder() as place:
        samples.large_diff(place, megabytes=100)
        patch = place / "large.patch"
        with patch.open("wb") as output:
            subprocess.run(["git", "diff", "main", "feature"], cwd=place, stdout=output, check=True)
        said = subprocess.check_output([PYTHON, "-m", "bench.parse", str(patch)], cwd=ROOT)
        show("100 MB, parse", float(said.split()[0]), 10, "MB/s", at_least=True)
        bare = {k: v for k, v in os.environ.items() if not k.endswith(("_URL", "_KEY"))}
        for name, arguments in (
            ("patch", ["--patch", str(patch)]),
            ("repository", ["main", "feature"]),
        ):
            take = measure([PROGRAM, "diff", *arguments, "--dry-run"], place, bare)
            show(f"100 MB, --dry-run of a {name}, peak memory", take.peak, 300, "MB")
            show(f"100 MB, --dry-run of a {name}, wall", take.wall, 60, "s")


def bench_prefix() -> None:
    """What four checklists bill, against one."""
    with folder() as place, gateway() as url:
        samples.branch(place, files=40, lines=300, changed=1_600)
        four, one = (
            usage(place, with_gateway(url), *arguments)
            for arguments in ((), ("--checklist", "security"))
        )
        show("prefix", four["cache_write_tokens"], 20_000, "tok", at_least=True)
        show("four checklists, billed input / one", billed(four) / one["input_tokens"], 1.8)


def bench_cost() -> None:
    """What 20 files bill with findings that are verified, against one pass without a cache.

    Through a LiteLLM proxy too, where one with simulated providers runs.
    """
    with folder() as place, folder() as aside:
        name = f"work {uuid.uuid4().hex}"
        answers = service.branch(place, name)
        (aside / "answers.json").write_text(json.dumps(answers))
        with gateway(str(aside / "answers.json")) as url:
            show_cost("20 files", place, with_gateway(url))
        if simulated := os.environ.get("UPSTREAM_ANSWERS"):
            with answering(Path(simulated), name, answers):
                show_cost("20 files by LiteLLM", place, os.environ)


def show_cost(what: str, place: Path, environment: Mapping[str, str]) -> None:
    """The review of a branch, against one pass: at effort low nobody verifies."""
    four, one = (
        usage(place, environment, "--model", "claude-sonnet", *arguments)
        for arguments in (("--effort", "medium"), ("--effort", "low", "--checklist", "security"))
    )
    prefix = four["cache_write_tokens"]
    show(f"{what}, one pass", one["input_tokens"], 10_000, "tok", at_least=True)
    show(f"{what}, four checklists and verification", four["calls"], 5, "calls", at_least=True)
    show(f"{what}, cached / prefix", four["cached_tokens"] / prefix, 4, at_least=True)
    show(f"{what}, billed input / one pass", billed(four) / one["input_tokens"], 2.2)


def billed(used: Mapping[str, int]) -> float:
    """Input in tokens at the plain price: cache writes cost more, cache reads a tenth."""
    plain = used["input_tokens"] - used["cached_tokens"] - used["cache_write_tokens"]
    return plain + 1.25 * used["cache_write_tokens"] + 0.1 * used["cached_tokens"]


@contextmanager
def answering(simulated: Path, name: str, answers: service.Answers) -> Iterator[None]:
    """Have the simulated providers of a proxy answer so to the work of this name."""
    files = []
    for title, answer in answers.items():
        files.append(simulated / f"00-{uuid.uuid4().hex}.json")
        match = f"{name}.*^# Checklist: {title}$"
        files[-1].write_text(json.dumps({"match": match, "answer": answer}))
    try:
        yield
    finally:
        for file in files:
            file.unlink()


def bench_redaction() -> None:
    """Ordinary code, searched for secrets."""
    said = subprocess.check_output([PYTHON, "-m", "bench.redact"], cwd=ROOT)
    load, speed = map(float, said.split())
    show("redaction, rules read and compiled", load, 0.2, "s")
    show("redaction", speed, 5, "MB/s", at_least=True)


def usage(place: Path, environment: Mapping[str, str], *arguments: str) -> dict[str, int]:
    """The usage of one review."""
    command = [PROGRAM, "diff", "main", "feature", "--format", "json", *arguments]
    said = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, check=True
    ).stdout
    used: dict[str, int] = json.loads(said)["usage"]
    return used


def bench_install() -> None:
    """Packages and disk of a fresh installation."""
    with folder() as place:
        venv.create(place, with_pip=True)
        python = str(place / "bin/python")
        before = size(place)
        known = packages(python)
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
        show("installed packages", len(packages(python) - known), 45)
        show("installed, disk", (size(place) - before) / 1e6, 160, "MB")


def packages(python: str) -> set[str]:
    """Names of the installed distributions."""
    said = subprocess.check_output([python, "-m", "pip", "list", "--format", "json"])
    return {entry["name"] for entry in json.loads(said)}


def size(place: Path) -> int:
    """Bytes of all files."""
    return sum(path.lstat().st_size for path in place.rglob("*"))


@contextmanager
def gateway(*answers: str) -> Iterator[str]:
    """The slow gateway, in a process of its own; with a file of answers, or finding nothing."""
    process = subprocess.Popen(
        [PYTHON, "-m", "bench.gateway", *answers],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process:
        yield process.stdout.readline().strip()
        process.communicate()


def with_gateway(url: str) -> dict[str, str]:
    """The environment of a user of this gateway."""
    return {**os.environ, "AI_GATEWAY_URL": url, "LITELLM_API_KEY": "bench"}


BENCHES = {
    "start": bench_start,
    "run": bench_run,
    "large": bench_large,
    "prefix": bench_prefix,
    "cost": bench_cost,
    "redaction": bench_redaction,
    "install": bench_install,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()
