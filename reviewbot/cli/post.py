"""`reviewbot post`: what a CI job without the right to write has found, posted by another."""

from __future__ import annotations

from typing import Any

import click

from reviewbot.cli.ci import CONFIG_AT_BASE, run
from reviewbot.cli.options import REPORT, overrides, settings


@click.command("post")
@click.argument("report", type=click.File("r", encoding="utf-8"))
@settings()
@REPORT
@CONFIG_AT_BASE
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Post a report that another job has made with `reviewbot ci --no-post -o report.json`.

    So the key of the gateway and the token that may write need never be in one job. The report is
    held against the diff of the pull request: comments whose lines are not there go into the
    summary, and files that it does not speak of make the review incomplete. Give it the settings
    that the other job had, or none to either: with others, each review is a full one.
    """
    from reviewbot.pull_request import Order
    from reviewbot.report import from_json

    order = Order(
        overrides=overrides(context, options),
        config_file=options["config_file"],
        report=from_json(options["report"].read()),
    )
    return run(order, options["output"])
