"""The users that are to have keys: one from the command line, or many from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TextIO

from reviewbot import terms
from reviewbot.errors import UsageError
from reviewbot.terms import Terms
from reviewbot.text import visible

COLUMNS = ("user", "budget", "rpm", "tpm", "models", "expires")
LONGEST_NAME = 200  # characters
MOST_SAID = 5  # of the mistakes in a file


@dataclass(frozen=True, slots=True)
class Order:
    """A user who is to have a key, and on which terms.

    `terms` were asked for: they change a key that is there already. `fallback` fills the gaps of a
    new one.
    """

    user: str
    terms: Terms
    fallback: Terms


def named(user: str) -> str:
    """The name of a user, if it can be one.

    Raises:
        UsageError: it cannot.
    """
    name = user.strip()
    if not name:
        raise UsageError("the user is empty", "Is a variable of your script not set?")
    if len(name) > LONGEST_NAME or visible(name) != name or "\t" in name:
        raise UsageError(
            f"'{visible(name)[:40]}' is no name of a user: too long, or not all visible"
        )
    return name


def read(file: TextIO, general: Terms, fallback: Terms) -> tuple[Order, ...]:
    """The orders in a CSV with a header; all of it is right, or none of it counts.

    Args:
        file: the CSV.
        general: terms for all users; a cell goes before them.
        fallback: see `Order`.

    Raises:
        UsageError: it is no such CSV, or something in it cannot be understood.
    """
    try:
        rows = list(_rows(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file.name} is no CSV in UTF-8: {error}") from error
    if not rows:
        raise UsageError(f"there is no user in {file.name}")
    orders: dict[str, Order] = {}
    wrong = []
    for line, cells in rows:
        try:
            order = _order(cells, general, fallback)
        except UsageError as error:
            wrong.append(f"line {line}: {error.message}")
            continue
        if order.user in orders:
            wrong.append(f"line {line}: the user '{order.user}' was there before")
        orders[order.user] = order
    if wrong:
        more = f"; and {len(wrong) - MOST_SAID} more" if len(wrong) > MOST_SAID else ""
        raise UsageError(
            f"{file.name}: {'; '.join(wrong[:MOST_SAID])}{more}",
            "No key is made until all is right.",
        )
    return tuple(orders.values())


def _rows(file: TextIO) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number and cells, by their column, of each row."""
    reader = csv.reader(file, strict=True)
    header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    _check(header, file.name)
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            hint = "Models in one cell are separated by blanks or ;, or the cell has quotes."
            raise UsageError(f"{file.name}: line {reader.line_num} has too many cells", hint)
        yield reader.line_num, dict(zip(header, row, strict=False))


def _check(header: list[str], name: str) -> None:
    hint = f"The first line names the columns, with commas: {','.join(COLUMNS)}; only user must be."
    for column in header:
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, n=1)
            question = f"; is it {near[0]}?" if near else ""
            raise UsageError(f"{name} has an unknown column '{visible(column)}'{question}", hint)
    if "user" not in header:
        raise UsageError(f"{name} has no column user", hint)
    if len(set(header)) < len(header):
        raise UsageError(f"{name} has a column twice", hint)


def _order(cells: Mapping[str, str], general: Terms, fallback: Terms) -> Order:
    said = terms.read({name: text for name, text in cells.items() if name != "user"})
    return Order(named(cells.get("user", "")), said.over(general), fallback)
