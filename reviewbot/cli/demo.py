"""`reviewbot demo`: a review without a key."""

from __future__ import annotations

import click


@click.command("demo")
def command() -> int:
    """Review a small sample branch with recorded answers: no key, no model, no cost."""
    from reviewbot.demo import run

    return run()
