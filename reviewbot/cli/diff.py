"""`reviewbot diff`: a review on a laptop."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli import spans
from reviewbot.cli.options import (
    CONFIG,
    EXISTING_FOLDER,
    HINTS,
    OFFLINE,
    PATH,
    REPORT,
    hints,
    overrides,
    settings,
)
from reviewbot.cli.saying import say
from reviewbot.errors import GatewayError, OutputError, UsageError

if TYPE_CHECKING:
    from reviewbot.local import Wish
    from reviewbot.output import Destination

_FORMATS = ("text", "json", "markdown", "gitlab")


@click.command("diff")
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--committed", is_flag=True, help="Only what is committed: BASE...HEAD.")
@click.option("--staged", is_flag=True, help="What is staged for the next commit.")
@click.option("--uncommitted", is_flag=True, help="What is not committed, with untracked files.")
@click.option("--commit", "commit_", metavar="REV", help="One commit.")
@click.option(
    "--patch",
    type=click.File("rb"),
    help="A unified diff in a file, or - for standard input; no repository is needed.",
)
@click.option(
    "--include",
    metavar="GLOB",
    multiple=True,
    help="Review only these files; as in .gitignore, from the top of the repository. Repeatable.",
)
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave these out. Repeatable.")
@settings()
@OFFLINE
@HINTS
@click.option("--dry-run", is_flag=True, help="Send no code: show files, batches, tokens, dollars.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="Form of the report.")
@REPORT
@CONFIG
@click.option(
    "--record",
    type=PATH,
    metavar="DIR",
    help="Write prompts and answers, so your code, to a new folder.",
)
@click.option(
    "--replay",
    type=EXISTING_FOLDER,
    metavar="DIR",
    help="Take the answers from such a folder: no gateway, no key, no cost.",
)
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Review the changes of a branch, a commit or a patch.

    \b
    reviewbot diff                what this branch adds to the default branch,
                                  with all that is not committed yet
    reviewbot diff main           the same against main
    reviewbot diff main feature   what the branch feature adds to main
    reviewbot diff v1.0...v1.1    the same with three dots
    reviewbot diff --commit HEAD  the last commit
    git diff | reviewbot diff --patch -

    The gateway's address is read from AI_GATEWAY_URL or LITELLM_BASE_URL, its key from
    LITELLM_API_KEY; or from OPENAI_BASE_URL and OPENAI_API_KEY; or from CODER_URL and
    CODER_SESSION_TOKEN. The diff goes there and nowhere else.
    """
    from reviewbot.output import Destination

    destination = Destination.of(options["output"], options["format_"])
    wish = _wish(context, options)
    _refuse_two_modes(options)
    return _rehearse(wish, destination) if options["dry_run"] else _review(wish, destination)


def _wish(context: click.Context, options: Mapping[str, Any]) -> Wish:
    from reviewbot.local import Wish

    return Wish(
        span=spans.chosen(options),
        patch=options["patch"],
        overrides=overrides(context, options),
        include=options["include"],
        exclude=options["exclude"],
        config_file=options["config_file"],
        output=options["output"],
        record=options["record"],
        replay=options["replay"],
        offline=options["offline"],
        hints=hints(options),
    )


def _refuse_two_modes(options: Mapping[str, Any]) -> None:
    modes = [name for name in ("offline", "dry_run", "record", "replay") if options[name]]
    if len(modes) > 1:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in modes)
        raise UsageError(f"{named} do not go together")


def _rehearse(wish: Wish, destination: Destination) -> int:
    from reviewbot import local

    if destination.format not in ("text", "json"):
        hint = f"Leave out --format {destination.format}."
        raise UsageError("a dry run is shown as text or json", hint)
    keep = destination.format == "json"
    rehearsal = local.rehearse(wish, os.environ, keep_messages=keep)
    destination.write(rehearsal.to_json() if keep else rehearsal.to_text())
    return 0


def _review(wish: Wish, destination: Destination) -> int:
    from reviewbot import local
    from reviewbot.progress import Progress

    report, config = local.review(wish, os.environ, Progress(sys.stderr))
    code = report.exit_code(config.fail_on)
    try:
        destination.write_report(report)
    except OutputError as error:
        say(error.sentences)
        return code if code in (1, GatewayError.exit_code) else error.exit_code
    return code
