"""`reviewbot audit`: what reviews have cost, by the log of their calls."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reviewbot.cli.options import PATH
from reviewbot.cli.saying import show


@click.command("audit")
@click.argument("file", required=False, type=PATH)
@click.option("--since", metavar="TIME", help="From then on: 7d, 12h, 2w, or a day as 2026-11-01.")
@click.option(
    "--by",
    type=click.Choice(("day", "repository", "model", "user", "checklist")),
    default="day",
    show_default=True,
    help="What to sum up by.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(*, file: Path | None, since: str | None, by: str, as_json: bool) -> None:
    """Sum up the audit log: runs, calls, tokens and dollars.

    \b
    reviewbot audit                         each day (of UTC) in the log
    reviewbot audit --since 7d --by model   where the money of a week went
    reviewbot audit --by user ci.jsonl      the log of a CI job

    Each call and each run is one JSON line: when, who, what repository, pull request and commit,
    which model and checklist, tokens, dollars, milliseconds, status, and LiteLLM's id of the call.
    Never a prompt, an answer, code, or a key.

    FILE is the log that reviews in this folder write, unless it is given: the one that the variable
    REVIEWBOT_AUDIT names, or audit.path in the configuration, or, on a laptop,
    ~/.local/state/reviewbot/audit.jsonl. REVIEWBOT_AUDIT=off writes none. Lines older than
    audit.retention_days (30) are deleted at the next review.
    """
    from datetime import UTC, datetime

    from reviewbot import books, ledger

    oldest = ledger.since(since, datetime.now(UTC)) if since else None
    reading = books.reading(file, Path.cwd(), os.environ)
    shown = ledger.to_json if as_json else ledger.table
    show(shown(reading, oldest, by))
