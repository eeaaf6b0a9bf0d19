"""`reviewbot doctor`: why a review does not work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from reviewbot.cli.options import CONFIG, overrides, settings


@click.command("doctor")
@click.argument("base", required=False)
@settings()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="A list of the checks, for programs.")
@click.pass_context
def command(context: click.Context, /, *, as_json: bool, **options: Any) -> int:
    """Say what keeps a review from working, and what mends it.

    Settings, git, the way to the gateway, the key with its budget and limits, the models and, where
    there is one, the token of the forge: each is looked at, and below what is wrong stands what to
    do. Nothing is written anywhere, and nothing that costs money is asked for.

    \b
    reviewbot doctor              in your repository, or in a CI job
    reviewbot doctor develop      where the review was: reviewbot diff develop
    reviewbot doctor --effort high
                                  with the options that the review had

    \b
    ✓  it is as it should be
    !  a review works, but not as it could
    ✗  a review fails by it
    -  not looked at, and why

    Exit code 0 if a review would work; otherwise that of the review, by the first ✗: 2 settings,
    git or address, 4 gateway or key, 5 forge.
    """
    from reviewbot.doctor import examine
    from reviewbot.doctor.case import Request
    from reviewbot.output import Destination

    request = Request(
        folder=Path.cwd(),
        environment=os.environ,
        overrides=overrides(context, options),
        base=options["base"],
        config_file=options["config_file"],
    )
    diagnosis = examine(request)
    destination = Destination(None, "json" if as_json else "text")
    destination.write(diagnosis.to_json() if as_json else diagnosis.to_text(destination.style()))
    return diagnosis.exit_code
