"""How much of what decides a review is in the prompt: `python -m bench.context OLD NEW…`.

Each pair is two releases of a Python package, as folders or archives. The newer one is put over
the older one in a git repository, and every prompt of that change is looked through: of the
functions of the code base that added lines call, how many have their definition in it?
"""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.calls import Call, Oracle, Place
from bench.samples import commit, folder, git
from reviewbot import change, models, prompt, selection
from reviewbot.change import Change
from reviewbot.checklists import load
from reviewbot.git import Repository
from reviewbot.prompt import Background, Room
from reviewbot.redaction import Redactor, shipped
from reviewbot.related import survey
from reviewbot.screening import screen
from reviewbot.selection import Selection

ELSEWHERE = "\n# Code elsewhere"
ROOM = Room(call=200_000, answer=8_000, context=40_000)


@dataclass(frozen=True)
class Prompts:
    """The change part of each batch, and the seconds that the search and they took."""

    texts: list[str]
    searching: float
    writing: float


def main() -> None:
    """A few lines for each pair."""
    paths = [Path(name) for name in sys.argv[1:]]
    for old, new in zip(paths[::2], paths[1::2], strict=True):
        with folder() as place:
            branch(place, old, new)
            oracle = Oracle(place)
            calls = {path: oracle.calls(path) for path in oracle.modules}
            print(new.name)
            tell(*gathered(place), calls)


def branch(place: Path, old: Path, new: Path) -> None:
    """A repository whose branch `feature` makes the new release of the old one."""
    git(place, "init", "--quiet", "--initial-branch=main")
    unpack(old, place)
    commit(place, "old")
    git(place, "switch", "--quiet", "--create", "feature")
    git(place, "rm", "--quiet", "-r", ".")
    unpack(new, place)
    commit(place, "new")


def unpack(source: Path, place: Path) -> None:
    """Put a release into a folder, without the folder that an archive has around it."""
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
        return
    with folder() as whole:
        with tarfile.open(source) as archive:
            archive.extractall(whole, filter="data")
        (top,) = whole.iterdir()
        shutil.copytree(top, place, dirs_exist_ok=True)


def gathered(place: Path) -> tuple[Prompts, Prompts]:
    """The prompts of the branch without any context, and with all of it."""
    with Repository(place) as repository:
        made = change.from_repository(repository, change.branch(repository, "main", "feature"))
        chosen = selection.select(made.diff.files, {}, made.attributes)
        made, chosen, _ = screen(made, chosen, Redactor(shipped()))
        return prompts(made, chosen, 0), prompts(made, chosen, ROOM.context)


def prompts(made: Change, chosen: Selection, context: int) -> Prompts:
    """What one checklist sends."""
    begin = time.perf_counter()
    found = survey(made, chosen) if context else None
    searched = time.perf_counter()
    sent = prompt.requests(
        chosen.files,
        [(load({})["correctness"], "model")],
        Background(made.guides, (), chosen.skipped, intent=made.intent),
        Room(ROOM.call, ROOM.answer, context),
        made.lines,
        elsewhere=found.text if found else None,
    )
    texts = [each.change for each in sent]
    return Prompts(texts, searched - begin, time.perf_counter() - searched)


def tell(bare: Prompts, full: Prompts, calls: dict[str, list[Call]]) -> None:
    """What it costs, and what share of the calls it answers."""
    halves = [text.partition(ELSEWHERE) for text in full.texts]
    count = len(full.texts)
    change_size = size(bare.texts) // count
    elsewhere = size(half[2] for half in halves) // count
    around = size(half[0] for half in halves) // count - change_size
    print(
        f"  batches {len(bare.texts)} -> {count}; tokens each: change {change_size:,}, around it "
        f"{around:,}, elsewhere {elsewhere:,}; search {full.searching * 1000:.0f} ms, "
        f"prompts {full.writing * 1000:.0f} ms"
    )
    counts: Counter[tuple[str, str]] = Counter()
    for text, half in zip(full.texts, halves, strict=True):
        near, _ = shown(half[0])
        everything, added = shown(text)
        asked = {
            (call.kind, call.places)
            for path, line in added
            for call in calls.get(path, ())
            if call.line == line
        }
        for kind, places in asked:
            counts[kind, "all"] += 1
            counts[kind, "near"] += not near.isdisjoint(places)
            counts[kind, "shown"] += not everything.isdisjoint(places)
    for kind in sorted({kind for kind, _ in counts}):
        total, before = counts[kind, "all"], counts[kind, "near"] / counts[kind, "all"]
        share = counts[kind, "shown"] / total
        print(f"  {kind:<8} {total:4} called: {share:6.1%} are shown, {before:6.1%} in the change")


def size(texts: Iterable[str]) -> int:
    """Tokens of all texts."""
    return sum(map(models.tokens, texts))


def shown(text: str) -> tuple[set[Place], set[Place]]:
    """The places of all rows of a prompt, and of those that are added."""
    rows: set[Place] = set()
    added: set[Place] = set()
    path = ""
    for line in text.split("\n"):
        if heading := re.match(r"## (.+?) \(", line):
            path = heading[1]
        elif row := re.match(r"(\d+)\t(.)", line):
            rows.add((path, int(row[1])))
            if row[2] == "+":
                added.add((path, int(row[1])))
    return rows, added


if __name__ == "__main__":
    main()
