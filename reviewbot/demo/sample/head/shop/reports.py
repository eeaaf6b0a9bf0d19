"""Reports for the office."""

import csv
import hashlib
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

from shop.db import connect


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


def export(db: sqlite3.Connection, month: str, path: Path) -> str:
    """Write the sales of a month as CSV; return the digest that the accountants compare."""
    out = path.open("w", newline="", encoding="utf-8")
    writer = csv.writer(out)
    writer.writerow(Day._fields)
    writer.writerows(sales(db, month))
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    with connect() as connection:
        print(export(connection, sys.argv[1], Path(sys.argv[2])))
