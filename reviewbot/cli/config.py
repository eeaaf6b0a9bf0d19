"""`reviewbot config`: the settings, and where they come from."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reviewbot.cli.options import CONFIG
from reviewbot.cli.saying import show

_BY_ENVIRONMENT = ("model", "effort", "budget")


@click.command("config")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration.")
@CONFIG
def command(*, schema: bool, config_file: Path | None) -> None:
    """Print every setting, its value, and where that came from.

    Settings are read from .reviewbot.yaml, .reviewbot.yml or [tool.reviewbot] in pyproject.toml;
    options on the command line override them. Keys and addresses are never read from a file.
    """
    from reviewbot import house
    from reviewbot.config import json_schema, listing

    if schema:
        show(json_schema() + "\n")
        return
    variables = {key: f"REVIEWBOT_{key.upper()}" for key in _BY_ENVIRONMENT}
    overrides = {
        key: (name, os.environ[name]) for key, name in variables.items() if os.environ.get(name)
    }
    its_house = house.in_folder(house.home(Path.cwd()), overrides, config_file)
    show(listing(its_house.settings) + "\n")
