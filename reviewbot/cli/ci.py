"""`reviewbot ci`: the review of a pull request, in its CI job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.options import (
    HINTS,
    OFFLINE,
    PATH,
    REPORT,
    hints,
    overrides,
    settings,
    variable,
)

if TYPE_CHECKING:
    from reviewbot.pull_request import Order

CONFIG_AT_BASE = click.option(
    "--config",
    "config_file",
    type=PATH,
    help="Settings, in place of the repository's own; read at the base commit if it lies there.",
    **variable("CONFIG"),
)


@click.command("ci")
@settings()
@OFFLINE
@HINTS
@click.option(
    "--no-post",
    is_flag=True,
    help="Post nothing: `reviewbot post` does it, in a job that may write.",
    **variable("NO_POST"),
)
@REPORT
@CONFIG_AT_BASE
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Review the pull request of this CI job, and post what is new.

    It knows the job by the variables of GitHub Actions or GitLab CI. Comments are posted at the
    lines they are about, each once; one summary is kept up to date. Settings, checklists and guides
    are read at the commit that the pull request began at: nothing of the pull request decides how
    it is reviewed.

    \b
    AI_GATEWAY_URL, LITELLM_API_KEY  the gateway and the key for it
    GITHUB_TOKEN                     reads the pull request and writes the comments:
                                     contents: read, pull-requests: write
    GITLAB_TOKEN                     the same for merge requests: a project or group access
                                     token, role Developer, scope api
    """
    from reviewbot.pull_request import Order

    order = Order(
        overrides=overrides(context, options),
        config_file=options["config_file"],
        post=not options["no_post"],
        offline=options["offline"],
        hints=hints(options),
    )
    return run(order, options["output"])


def run(order: Order, output: Path | None) -> int:
    """Do what is ordered in the CI job that this is; the exit code is that of the program."""
    from reviewbot import ci
    from reviewbot.output import Destination
    from reviewbot.progress import Progress

    return ci.run(order, os.environ, Destination.of(output, None), Progress(sys.stderr))
