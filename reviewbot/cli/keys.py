"""`reviewbot keys`: LiteLLM keys for a team."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.options import PATH
from reviewbot.cli.saying import say, show
from reviewbot.errors import UsageError

if TYPE_CHECKING:
    from reviewbot.keys import Keys


@click.group("keys")
def command() -> None:
    """Make, show, replace and take back LiteLLM keys; for those who run the proxy.

    \b
    reviewbot keys create --user ci --budget 5 --expires 90d
    reviewbot keys create --from users.csv -o keys.csv
    reviewbot keys info --user ci
    reviewbot keys rotate --user ci | gh secret set LITELLM_API_KEY
    reviewbot keys revoke --user ci

    Each user gets one key, reviewbot-USER, and no others are touched. A key is shown once, alone on
    standard output or in a file that only you can read; all else goes to standard error.

    \b
    AI_GATEWAY_URL               the proxy's address; LITELLM_BASE_URL does as well
    LITELLM_MASTER_KEY           its master key; there is no option for it
    LITELLM_DEFAULT_USER_BUDGET  dollars, for new users who are given no budget
    LITELLM_DEFAULT_RPM          requests a minute, for new keys that are given none
    """


_TERMS = ("budget", "period", "rpm", "tpm", "models", "expires")
_USER = click.option("--user", required=True, metavar="ID", help="Whose key.")
_KEY_FILE = click.option(
    "-o",
    "--output",
    type=PATH,
    help="Write to a file, mode 600. It must be new; a CSV from an earlier run is continued.",
)


@command.command()
@click.option("--user", metavar="ID", help="Who gets a key; made if there is no such user yet.")
@click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="A CSV with a header: user, and any of budget, rpm, tpm, models and expires.",
)
@click.option(
    "--budget", metavar="USD", help="Of the user.  [default: LITELLM_DEFAULT_USER_BUDGET]"
)
@click.option(
    "--budget-period",
    "period",
    metavar="TIME",
    help="Count the spend from nothing again after each 30d, 7d, …  [default: never]",
)
@click.option("--rpm", metavar="N", help="Requests a minute.  [default: LITELLM_DEFAULT_RPM]")
@click.option("--tpm", metavar="N", help="Tokens a minute; a whole call must fit in.")
@click.option("--models", metavar="NAME,…", help="Models that it may use.  [default: all]")
@click.option(
    "--expires", metavar="TIME", help="How long it lives: 90d, 12h, …  [default: forever]"
)
@_KEY_FILE
def create(**options: Any) -> None:
    """Make a key for a user, or for each user in a CSV, and show it once.

    It is safe to run again: who has a key gets no other, and only what is asked for outright is
    changed, but not the day a key ends. With --from, all rows are checked before the first key is
    made; the output is a CSV, user and key, a row as soon as there is a key. Run it again with the
    same file to go on after a failure; who has a key already is left out, with a note.

    \b
    reviewbot keys create --user ci --budget 5 --budget-period 30d --rpm 20
    reviewbot keys create --from users.csv --expires 90d -o keys.csv
    reviewbot keys create --user ci | gh secret set LITELLM_API_KEY

    A pipe runs its right side even if there is no key: for a script that runs again, docs/keys.md
    has a safe form.
    """
    from reviewbot import handout, roster, terms

    if (options["user"] is None) == (options["file"] is None):
        raise UsageError("it takes either --user ID or --from FILE")
    asked = terms.read({name: options[name] for name in _TERMS}, _term_option)
    fallback = terms.defaults(os.environ)
    if options["file"]:
        orders, hand = roster.read(options["file"], asked, fallback), handout.many
    else:
        order = roster.Order(roster.named(options["user"]), asked, fallback)
        orders, hand = (order,), handout.one
    with _keys() as keys:
        keys.check_models(orders)
        keys.create(orders, hand(_file(options["output"])))


def _term_option(name: str) -> str:
    return "--budget-period" if name == "period" else f"--{name}"


def _file(path: Path | None) -> Path | None:
    return None if path == Path("-") else path


@command.command()
@_USER
@_KEY_FILE
def rotate(user: str, output: Path | None) -> None:
    """Replace a key by a new one with the same settings, and show that once.

    The old key works until the new one is written, and is refused from then on; where the proxy
    runs as several processes, after a minute at the latest. The spend goes over to the new key, and
    it lives as long as the old one was meant to.
    """
    from reviewbot import handout, roster

    with _keys() as keys:
        keys.rotate(roster.named(user), handout.one(_file(output)))


@command.command()
@_USER
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
def revoke(*, user: str, yes: bool) -> None:
    """Delete a key. The user, what was spent, and the proxy's log of calls stay.

    A new key for the same user, by `reviewbot keys create`, has what is left of the user's budget.
    """
    from reviewbot import roster

    def confirmed(question: str) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here, and this cannot be undone", "Add --yes.")
        return click.confirm(question, err=True)

    with _keys() as keys:
        keys.revoke(roster.named(user), confirmed)


@command.command()
@click.option("--user", metavar="ID", help="Whose key.  [default: the one in LITELLM_API_KEY]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def info(*, user: str | None, as_json: bool) -> None:
    """Show what a key may do, what is spent, and when it ends; never the key.

    Without --user it is your own key, in LITELLM_API_KEY, and no master key is needed.
    """
    from reviewbot.keys import own
    from reviewbot.roster import named

    if user is None:
        card = own(os.environ)
    else:
        with _keys() as keys:
            card = keys.info(named(user))
    show(card.to_json() if as_json else card.to_text())


def _keys() -> AbstractContextManager[Keys]:
    from reviewbot.keys import opened

    return opened(os.environ, say)
