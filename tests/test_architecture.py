"""The rooms of the house: who may import whom, and who alone talks to whom outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import reviewbot

ROOT = Path(reviewbot.__file__).parent

COMMANDS = {
    *("cli.audit", "cli.checklists", "cli.ci", "cli.config", "cli.demo", "cli.diff"),
    *("cli.doctor", "cli.evaluation", "cli.keys", "cli.models", "cli.post"),
}
# Lower floors import nothing above them, and nothing beside them in a circle.
FLOORS = (
    {"", "errors", "text", "meanwhile", "marker", "markup", "placeholders"}
    | {"values", "blocks", "keywords"},
    {"notation"},
    {"crash", "rules", "suggestions"},
    {"rulebook"},
    {"redaction", "personal"},
    {"quoting"},
    {"diff", "findings", "endpoint", "models", "refusals", "unreachable", "commands", "terms"},
    {"accounts", "roster", "connections"},
    {"languages", "symbols", "meaning"},
    {"records", "selection", "checklists", "anchors", "context", "config", "scope", "audit"},
    {"git", "merging", "history", "hints"},
    {"sarif", "client"},
    {"change", "batches", "prompt", "report", "meter", "gateway", "knock", "house", "management"},
    {"search"},
    {"lookups"},
    {"exchange"},
    {
        "calls",
        "related",
        "screening",
        "verification",
        "render",
        "render.words",
        "threads",
        "catalogue",
        "books",
        "ledger",
    },
    {"estimate", "guard", "pipeline", "progress", "recording"},
    {"render.text", "render.json", "render.markdown"},
    {"render.comment", "render.summary", "render.annotations", "render.gitlab"},
    {"forge", "forge.api", "reviewing", "render.dry_run", "render.diagnosis", "output"},
    {"handout", "keys"},
    {"forge.github", "forge.github_api", "forge.gitlab", "forge.gitlab_api", "forge.silent"},
    {"jobs", "posting", "handover"},
    {"local", "pull_request", "jobs.github", "jobs.gitlab"},
    {"ci", "doctor.case", "evaluation"},
    {"evaluation.case"},
    {"evaluation.results", "evaluation.sample"},
    {"evaluation.score", "evaluation.judge"},
    {"evaluation.compare", "evaluation.kept"},
    {"evaluation.table", "evaluation.run"},
    {"doctor.workplace", "doctor.gateway", "doctor.forge"},
    {"doctor"},
    {"demo", "demo.gateway"},
    {"cli.options", "cli.saying", "cli.spans"},
    COMMANDS,
    {"cli", "__main__"},
)
ONLY_USERS = {
    "github": {"forge.github_api"},
    "gitlab": {"forge.gitlab_api"},
    "openai": {"client"},
    "httpx2": {"client", "connections", "knock", "management"},
    "unidiff": {"diff"},
    "stdnum": {"personal"},
    "subprocess": {"git", "demo"},
    "jinja2": {"checklists"},
    "click": {
        "cli",
        "cli.options",
        "cli.saying",
        "output",
        "render.text",
        "render.diagnosis",
        "demo",
    }
    | COMMANDS,
}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    _name(path): path for path in ROOT.rglob("*.py") if "sample" not in path.relative_to(ROOT).parts
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _own(imported: str) -> str | None:
    """The module of ours that an import means."""
    head, _, rest = imported.partition(".")
    if head != "reviewbot":
        return None
    while rest not in MODULES:
        rest = rest.rpartition(".")[0]
    return rest


def _floor(module: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if module in floor)


def test_every_module_has_its_floor() -> None:
    assert set().union(*FLOORS) == set(MODULES)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__main__"}))
def test_modules_import_from_their_floor_or_below(module: str) -> None:
    above = {
        own
        for imported in _imports(MODULES[module])
        if (own := _own(imported)) is not None and _floor(own) > _floor(module)
    }
    assert above == set()


def test_modules_of_one_floor_do_not_import_each_other_in_a_circle() -> None:
    uses = {
        module: {own for each in _imports(path) if (own := _own(each)) not in (None, "", module)}
        for module, path in MODULES.items()
    }
    while leaves := {module for module, used in uses.items() if not used & set(uses)}:
        uses = {module: used for module, used in uses.items() if module not in leaves}
    assert uses == {}


@pytest.mark.parametrize(("library", "users"), ONLY_USERS.items())
def test_a_library_is_used_in_its_place_only(library: str, users: set[str]) -> None:
    found = {
        module
        for module, path in MODULES.items()
        if any(imported.partition(".")[0] == library for imported in _imports(path))
    }
    assert found == users
