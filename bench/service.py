"""A service in layers that call each other, and a branch that changes twenty of its files."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.samples import commit, git, write

LAYERS = ("storage", "rules", "services", "api")
VERBS = ("load", "check", "price", "merge", "close")
THINGS = (
    *("account", "basket", "coupon", "customer", "delivery", "invoice", "order", "payment"),
    *("product", "refund", "return", "stock", "supplier", "ticket", "voucher"),
)
CHANGED = THINGS[:5]  # in all layers: 20 files
TITLES = ("Security", "Performance", "Style", "Correctness")
EACH = 3  # findings of a checklist

Answers = Mapping[str, Mapping[str, object]]


def branch(folder: Path, name: str) -> Answers:
    """A repository whose branch `feature` changes 20 of 60 files.

    Args:
        folder: an empty one.
        name: of the work; it stands in the prompt, so no cache knows that of another name.

    Returns:
        What a model finds in it, by the title of the checklist.
    """
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number, path in enumerate(_paths(THINGS)):
        write(folder / path, _module(path, number, new=False))
    commit(folder, "The service")
    git(folder, "switch", "--quiet", "--create", "feature")
    for number, path in enumerate(_paths(CHANGED)):
        write(folder / path, _module(path, number, new=True))
    commit(folder, f"Revise what is priced and closed\n\nThis is {name}.")
    return _answers(folder)


def _paths(things: Sequence[str]) -> Iterator[str]:
    return (f"shop/{layer}/{thing}.py" for thing in things for layer in LAYERS)


def _module(path: str, seed: int, *, new: bool) -> list[str]:
    """A file of the service; a `new` one has a function more, and two with other insides."""
    layer, thing = Path(path).parts[1], Path(path).stem
    pick = random.Random(seed)
    text = [f'"""The {layer} of each {thing}."""', ""]
    for verb in VERBS:
        text += _function(f"{verb}_{thing}_in_{layer}", layer, thing, pick)
    if new:
        for verb in VERBS[2:4]:
            start = text.index(_head(f"{verb}_{thing}_in_{layer}"))
            text[start + 3 : start + 9] = _steps(layer, thing, pick, 8)
        text += _function(_added(path), layer, thing, pick)
    return text


def _added(path: str) -> str:
    return f"revise_{Path(path).stem}_in_{Path(path).parts[1]}"


def _head(name: str) -> str:
    return f"def {name}(key: str, limit: int = 20) -> int:"


def _function(name: str, layer: str, thing: str, pick: random.Random) -> list[str]:
    verb = name.partition("_")[0].capitalize()
    head = [_head(name), f'    """{verb} the {thing}, within a limit."""', "    total = limit"]
    return ["", "", *head, *_steps(layer, thing, pick, 9), "    return min(total, limit)"]


def _steps(layer: str, thing: str, pick: random.Random, count: int) -> list[str]:
    """Lines that call the layer below, for this thing and for others."""
    below = LAYERS[max(LAYERS.index(layer) - 1, 0)]
    steps = []
    for number in range(count):
        other = thing if number % 3 else pick.choice(THINGS)
        call = f"{pick.choice(VERBS)}_{other}_in_{below}"
        steps.append(f"    total += {call}(key, limit=total - {pick.randint(1, 99)})")
    return steps


def _answers(folder: Path) -> Answers:
    """Each checklist finds fault with added functions of its own."""
    paths = list(_paths(CHANGED))
    return {
        title: {
            "findings": [_finding(folder, path) for path in paths[place :: len(TITLES)][:EACH]],
            "items": [],
        }
        for place, title in enumerate(TITLES)
    }


def _finding(folder: Path, path: str) -> Mapping[str, object]:
    quote = _head(_added(path))
    line = (folder / path).read_text().split("\n").index(quote) + 1
    return {
        "path": path,
        "line": line,
        "end_line": line,
        "quote": quote,
        "severity": "medium",
        "confidence": 8,
        "item": "",
        "title": "The limit is raised by what was read before the check",
        "body": "A caller that gives no limit gets 20, but `total` begins there and grows with "
        "each step, so the last calls are made with more than the caller allows. With a basket of "
        "three entries the sum is 57 where 20 was meant. Take the least of both before each call, "
        "as the other functions of this layer do.",
        "suggestion": "",
    }
