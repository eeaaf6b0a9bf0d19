"""Orders: placing them and finding them again."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from shop import NotFound, Refused, cart
from shop.cart import Cart, Line


@dataclass(frozen=True)
class Order:
    """A cart that was paid for."""

    id: int
    user_id: int
    placed_at: str
    total_cents: int


def place(db: sqlite3.Connection, user_id: int, basket: Cart) -> int:
    """Turn the customer's cart into an order; return its number."""
    if not basket.lines:
        raise Refused("Your cart is empty.")
    order_id = db.execute(
        "INSERT INTO orders (user_id, placed_at, total_cents) VALUES (?, ?, ?)",
        (user_id, datetime.now(UTC).isoformat(timespec="seconds"), basket.total_cents),
    ).lastrowid
    db.executemany(
        "INSERT INTO order_lines (order_id, product_id, quantity, price_cents) VALUES (?, ?, ?, ?)",
        [(order_id, line.product_id, line.quantity, line.price_cents) for line in basket.lines],
    )
    cart.empty(db, user_id)
    return order_id


def find(db: sqlite3.Connection, user_id: int, order_id: int) -> Order:
    """The customer's order with this number."""
    row = db.execute(
        "SELECT * FROM orders WHERE id = ? AND user_id = ?", (order_id, user_id)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such order.")
    return Order(**row)


def lines(db: sqlite3.Connection, order_id: int) -> list[Line]:
    """What was ordered, at the prices of that day."""
    rows = db.execute(
        "SELECT product_id, products.name, order_lines.price_cents, quantity"
        " FROM order_lines JOIN products ON products.id = order_lines.product_id"
        " WHERE order_id = ? ORDER BY products.name",
        (order_id,),
    )
    return [Line(**row) for row in rows]


def recent(db: sqlite3.Connection, user_id: int) -> list[Order]:
    """The customer's last twenty orders, the newest first."""
    rows = db.execute(
        "SELECT * FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT 20", (user_id,)
    )
    return [Order(**row) for row in rows]
