"""Reports as text for people and programs: one file a format, one table that lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from reviewbot.errors import UsageError
from reviewbot.report import Report


@dataclass(frozen=True, slots=True)
class Style:
    """How a person reads it: with colours or without, and how wide."""

    color: bool = False
    width: int = 100


Renderer = Callable[[Report, Style], str]

# Name of the format, and what the names of files end in that are written in it.
FORMATS = {
    "text": ".txt",
    "json": ".json",
    "markdown": ".md",
    "gitlab": "gl-code-quality-report.json",
}


def renderer(name: str) -> Renderer:
    """The `render` function of a format's module.

    Raises:
        UsageError: there is no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format '{name}'", f"Take one of {', '.join(FORMATS)}.")
    render: Renderer = import_module(f"reviewbot.render.{name}").render
    return render


def format_of(file_name: str) -> str:
    """The format that a file's suffix stands for.

    Raises:
        UsageError: none does.
    """
    fitting = [name for name, suffix in FORMATS.items() if file_name.lower().endswith(suffix)]
    if fitting:
        return max(fitting, key=lambda name: len(FORMATS[name]))
    raise UsageError(
        f"the suffix of {file_name} stands for no format",
        f"Name it with --format, or end the file's name in {', '.join(FORMATS.values())}.",
    )
