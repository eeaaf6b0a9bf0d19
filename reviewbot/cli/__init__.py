"""The command line: a file for each command, the table that lists them, and how it all ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from reviewbot import __version__, crash
from reviewbot.cli import (
    audit,
    checklists,
    ci,
    config,
    demo,
    diff,
    doctor,
    evaluation,
    keys,
    models,
    post,
)
from reviewbot.cli.saying import explain, say
from reviewbot.errors import ReviewbotError, UsageError

COMMANDS = (
    *(diff, ci, post, checklists, config, keys),
    *(doctor, models, audit, evaluation, demo),
)

_EPILOG = """\b
Exit codes, the first that applies:
  130  interrupted
   70  a bug in reviewbot
    2  usage or configuration, a missing gateway address too
    1  a finding at or above --fail-on
    4  gateway or key, a missing key too
    5  the finished report could not be delivered
    3  incomplete: something that should have been reviewed was not
    0  all is well
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="reviewbot")
def cli() -> None:
    """Review a branch like a careful colleague, through your own LiteLLM key.

    \b
    Begin with:
      reviewbot demo                    see a review, without a key
      export AI_GATEWAY_URL=https://…   your LiteLLM proxy
      export LITELLM_API_KEY=sk-…       your virtual key
      reviewbot diff main --dry-run     what would be sent, and its price
      reviewbot diff main               review this branch
      reviewbot doctor                  when something does not work
    """


for _module in COMMANDS:
    cli.add_command(_module.command)


def main() -> NoReturn:
    """Run the program; every expected failure ends in one clear line and its exit code."""
    _replace_closed_streams()
    crash.keep_quiet()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and clean up
    try:
        code = cli.main(prog_name="reviewbot", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted; nothing is written", 130)
    except click.ClickException as error:
        explain(error)
        sys.exit(UsageError.exit_code)
    except ReviewbotError as error:
        _fail(error.sentences, error.exit_code)
    except Exception as error:  # noqa: BLE001 - nobody is above but Python, which shows all it holds
        click.echo(crash.report(error), err=True)
        sys.exit(crash.EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


def _replace_closed_streams() -> None:
    """Have something to write to, and nothing to read, where the caller has closed a stream."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open("r+", encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nothing)


def _fail(message: str, code: int) -> NoReturn:
    say(message)
    sys.exit(code)
