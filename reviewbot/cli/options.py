"""Options that commands share, and what was given by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from reviewbot.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SEVERITIES = ("critical", "high", "medium", "low", "info")

PATH = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def variable(name: str) -> dict[str, Any]:
    """What lets an option be given by the variable REVIEWBOT_NAME, too, and says so in its help."""
    return {"envvar": f"REVIEWBOT_{name}", "show_envvar": True}


# --- what a review is to be like ------------------------------------------------------------------


def _names(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


_SETTINGS = {
    "checklists": click.option(
        "--checklist",
        "checklists",
        metavar="NAME,…",
        callback=_names,
        help="Checklists to run.",
        **variable("CHECKLISTS"),
    ),
    "model": click.option(
        "--model", metavar="NAME", help="Model, by its name at the gateway.", **variable("MODEL")
    ),
    "effort": click.option(
        "--effort",
        type=click.Choice(("low", "medium", "high")),
        help="Choose the model: claude-haiku (all checklists in one call), claude-sonnet, or "
        "claude-opus (may look things up in the repository).",
        **variable("EFFORT"),
    ),
    "budget": click.option(
        "--budget",
        type=float,
        metavar="USD",
        help="Dollars that this may cost at most, retries included.  [default: 1.00]",
        **variable("BUDGET"),
    ),
    "min_severity": click.option(
        "--min-severity",
        type=click.Choice(_SEVERITIES),
        help="Show findings from this severity on.",
    ),
    "fail_on": click.option(
        "--fail-on",
        type=click.Choice((*_SEVERITIES, "none")),
        help="Exit with 1 on a finding of this severity or worse.",
        **variable("FAIL_ON"),
    ),
    "jobs": click.option("--jobs", type=int, metavar="N", help="Calls side by side.  [default: 6]"),
    "timeout": click.option(
        "--timeout", type=float, metavar="SECONDS", help="For all calls.  [default: 600]"
    ),
    "call_timeout": click.option(
        "--call-timeout", type=float, metavar="SECONDS", help="For one.  [default: 180]"
    ),
}
CHOOSING_MODELS = ("checklists", "model", "effort")


def settings(*keys: str) -> Callable[[_Command], _Command]:
    """A decorator that gives a command these of the settings; all, where none is named."""

    def decorate(command: _Command) -> _Command:
        for key in reversed(keys or tuple(_SETTINGS)):
            command = _SETTINGS[key](command)
        return command

    return decorate


def overrides(context: click.Context, options: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The settings that were given outright, each with where."""
    given = {key: options[key] for key in _SETTINGS if options.get(key) is not None}
    return {key: (_origin(context, key), value) for key, value in given.items()}


def _origin(context: click.Context, key: str) -> str:
    source = context.get_parameter_source(key)
    if source == click.core.ParameterSource.ENVIRONMENT:
        return f"REVIEWBOT_{key.upper()}"
    return next(each.opts[0] for each in context.command.params if each.name == key)


# --- others ---------------------------------------------------------------------------------------


CONFIG = click.option(
    "--config",
    "config_file",
    type=EXISTING_FILE,
    help="Settings, in place of the repository's .reviewbot.yaml.",
)
OFFLINE = click.option(
    "--offline",
    is_flag=True,
    help="Ask no model, and need no gateway: look for hard-coded credentials only.",
)
HINTS = click.option(
    "--hints",
    metavar="FILE",
    multiple=True,
    help="What a linter or scanner has found, as SARIF 2.1.0: of what is on added lines, the model "
    "is asked to confirm what is really wrong. Repeatable.",
    **variable("HINTS"),
)
REPORT = click.option(
    "-o",
    "--output",
    type=PATH,
    help="Write the report to a file; .json, .md or .txt says the format.",
)


def hints(options: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of hints.

    Raises:
        UsageError: no model is to be asked.
    """
    if options["hints"] and options["offline"]:
        raise UsageError("--offline and --hints do not go together", "Hints are for a model.")
    return tuple(map(Path, options["hints"]))
