"""`reviewbot models`: what the gateway has to choose from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from reviewbot.cli.options import CHOOSING_MODELS, CONFIG, overrides, settings
from reviewbot.cli.saying import show


@click.command("models")
@settings(*CHOOSING_MODELS)
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="A list of the models, for programs.")
@click.pass_context
def command(context: click.Context, /, *, as_json: bool, **options: Any) -> None:
    """List the models of your gateway: what they can do, what they cost, which you may use.

    Those that your settings choose have a *. To choose another one: --model NAME, REVIEWBOT_MODEL,
    or `model: NAME` in .reviewbot.yaml. A LiteLLM proxy tells windows, prices and abilities; other
    endpoints tell names.
    """
    from reviewbot.catalogue import look_up

    given = overrides(context, options)
    catalogue = look_up(Path.cwd(), os.environ, given, options["config_file"])
    show(catalogue.to_json() if as_json else catalogue.to_text())
