"""What commands say: results to standard output, all else to standard error."""

from __future__ import annotations

from io import StringIO

import click

from reviewbot.text import harmless, visible


def show(text: str) -> None:
    """Write a result to standard output.

    Raises:
        OutputError: it cannot be written, or nobody reads it.
    """
    from reviewbot.output import Destination

    Destination(None, "text").write(_visible(text))


def say(message: str) -> None:
    """Write one line to standard error, in the program's name."""
    click.echo(harmless(f"reviewbot: {visible(message)}"), err=True)


def explain(error: click.ClickException) -> None:
    """What click says of a mistake; what it quotes of the arguments is shown, and does nothing."""
    said = StringIO()
    error.show(said)
    click.echo(harmless(_visible(said.getvalue())), err=True, nl=False)


def _visible(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))
