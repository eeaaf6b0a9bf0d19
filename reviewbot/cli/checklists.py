"""`reviewbot checklists`: what a review can look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.saying import show

if TYPE_CHECKING:
    from reviewbot.house import House


@click.group("checklists", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the checklists, shipped and your own.

    A file NAME.md in .reviewbot/prompts/ adds a checklist, or replaces the shipped one of that
    name; `reviewbot checklists show security` prints one to begin with.
    """
    if context.invoked_subcommand:
        return
    its_house = _house()
    active = its_house.settings.config.checklists
    width = max(map(len, its_house.checklists))
    for name, checklist in its_house.checklists.items():
        mark = "on " if name in active else "off"
        origin = "" if checklist.origin == "shipped" else f"  ({checklist.origin})"
        show(f"{name:<{width}}  {mark}  {checklist.description}{origin}\n")


@command.command("show")
@click.argument("name")
def show_one(name: str) -> None:
    """Print one checklist as it is written."""
    from reviewbot import checklists

    its_house = _house()
    (chosen,) = checklists.choose(its_house.checklists, [name])
    show(its_house.sources[f"{chosen.name}.md"])


def _house() -> House:
    from reviewbot import house

    return house.in_folder(house.home(Path.cwd()), {})
