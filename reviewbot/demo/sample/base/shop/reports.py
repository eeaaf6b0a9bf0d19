"""Reports for the office."""

import sqlite3
from typing import NamedTuple


class Day(NamedTuple):
    """The sales of one day."""

    day: str
    orders: int
    cents: int


def sales(db: sqlite3.Connection, month: str) -> list[Day]:
    """The sales of a month (`2025-03`), day by day."""
    rows = db.execute(
        "SELECT substr(placed_at, 1, 10) AS day, COUNT(*) AS orders, SUM(total_cents) AS cents"
        " FROM orders WHERE substr(placed_at, 1, 7) = ? GROUP BY day ORDER BY day",
        (month,),
    )
    return [Day(**row) for row in rows]
