"""Checklists: one file each, with YAML front matter and a Jinja2 body.

A repository adds one, or replaces one of ours, by a file of the same form in `.reviewbot/prompts/`.
Files that begin with `_` are the frame that all share; they cannot be replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from jinja2 import BaseLoader, DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reviewbot.errors import ConfigError
from reviewbot.findings import Severity
from reviewbot.notation import from_yaml
from reviewbot.text import fenced

OVERRIDES = ".reviewbot/prompts"

_NAME = "[a-z0-9][a-z0-9-]*"


class Item(BaseModel):
    """One thing to look at, answered with pass, fail or not applicable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=f"^{_NAME}$")]
    text: Annotated[str, Field(min_length=1)]


def _items(value: object) -> object:
    """Items may be written as a mapping of id to text."""
    if isinstance(value, Mapping):
        return [{"id": name, "text": text} for name, text in value.items()]
    return value


class FrontMatter(BaseModel):
    """What stands between the `---` lines of a checklist."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    items: Annotated[tuple[Item, ...], Field(min_length=1), BeforeValidator(_items)]
    severity: Severity = Severity.MEDIUM
    paths: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Checklist:
    """One review to do: its items, the text that asks for it, and where both come from."""

    name: str
    title: str
    description: str
    items: tuple[Item, ...]
    severity: Severity
    paths: tuple[str, ...]
    model: str | None
    source: str
    origin: str


def shipped() -> dict[str, str]:
    """The prompts that come with the program, by file name."""
    here = Path(__file__).parent
    folder = here / "prompts" if (here / "prompts").is_dir() else here.parent / "prompts"
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.md"))}


def load(overrides: Mapping[str, str]) -> dict[str, Checklist]:
    """All checklists by name: the shipped ones, then those of the repository.

    Args:
        overrides: text by file name, from the repository's `.reviewbot/prompts/`.

    Raises:
        ConfigError: a file is not a checklist.
    """
    for name in overrides:
        if name.startswith("_"):
            raise ConfigError(
                f"{OVERRIDES}/{name}: the shared frame cannot be replaced",
                "Files there are checklists, with names that begin with a letter.",
            )
    found: dict[str, Checklist] = {}
    for origin, files in (("shipped", shipped()), (OVERRIDES, overrides)):
        for file_name, text in files.items():
            if not file_name.startswith("_"):
                name = file_name.removesuffix(".md")
                found[name] = _parse(name, text, origin)
    return found


def choose(checklists: Mapping[str, Checklist], names: Iterable[str]) -> tuple[Checklist, ...]:
    """The named checklists, each once, in the order of the names.

    Raises:
        ConfigError: there is no such checklist.
    """
    chosen = []
    for name in dict.fromkeys(names):
        if name not in checklists:
            near = get_close_matches(name, checklists, n=1)
            hint = f"Did you mean '{near[0]}'? " if near else ""
            raise ConfigError(f"there is no checklist '{name}'", f"{hint}See: reviewbot checklists")
        chosen.append(checklists[name])
    return tuple(chosen)


def _where(name: str, origin: str) -> str:
    return f"{'prompts' if origin == 'shipped' else origin}/{name}.md"


_FILE = re.compile(r"\A\ufeff?---\r?\n(.*?)^---[ \t]*\r?\n(.*)\Z", re.DOTALL | re.MULTILINE)


def _parse(name: str, text: str, origin: str) -> Checklist:
    where = _where(name, origin)
    if not re.fullmatch(_NAME, name):
        raise ConfigError(f"{where}: a checklist's name is made of a-z, 0-9 and -")
    match = _FILE.match(text)
    if not match:
        raise ConfigError(
            f"{where}: a checklist begins with front matter between two lines of ---",
            "See one with: reviewbot checklists show security",
        )
    # The LF stands for the first ---, so that errors name the lines of the file.
    written = from_yaml(where, "\n" + match[1])
    try:
        front = FrontMatter.model_validate(written)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "front matter"
        raise ConfigError(f"{where}: {place}: {first['msg']}") from error
    return Checklist(
        name=name,
        **{field: getattr(front, field) for field in FrontMatter.model_fields},
        source=match[2].strip(),
        origin=origin,
    )


# --- templates ----------------------------------------------------------------------------------


@cache
def _frame() -> SandboxedEnvironment:
    return _environment(DictLoader(shipped()))


def _environment(loader: BaseLoader | None = None) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def frame(name: str, **values: Any) -> str:
    """One of the shared templates, rendered; `name` is without underscore and suffix."""
    return _frame().get_template(f"_{name}.md").render(values).strip()


# What the expressions of a template can raise, beside Jinja2's own errors.
_TEMPLATE_ERRORS = (
    *(TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(RecursionError, MemoryError),
)


def qualified(checklist: Checklist) -> Checklist:
    """The checklist with its name in the ids of its items, to be asked beside others."""
    items = (
        item.model_copy(update={"id": f"{checklist.name}/{item.id}"}) for item in checklist.items
    )
    return replace(checklist, items=tuple(items))


def task(checklist: Checklist, paths: Sequence[str]) -> str:
    """The part of a prompt that asks for one checklist.

    Args:
        checklist: what to ask for.
        paths: the files it is meant for; empty for all that are shown.

    Raises:
        ConfigError: its text is not a template that renders.
    """
    try:
        body = _environment().from_string(checklist.source).render(checklist=checklist)
    except _TEMPLATE_ERRORS as error:
        where = _where(checklist.name, checklist.origin)
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from error
    listed = fenced("paths", "\n".join(paths)) if paths else ""
    return frame("checklist", checklist=checklist, body=body, paths=listed)
