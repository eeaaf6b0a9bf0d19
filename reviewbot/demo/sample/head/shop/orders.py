"""Orders: placing them and finding them again."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from shop import NotFound, Refused, cart, coupons
from shop.cart import Cart, Line

PAGE_SIZE = 20


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
    total_cents = basket.total_cents
    if basket.coupon is not None:
        total_cents = basket.coupon.reduce(total_cents)
    order_id = db.execute(
        "INSERT INTO orders (user_id, placed_at, total_cents) VALUES (?, ?, ?)",
        (user_id, datetime.now(UTC).isoformat(timespec="seconds"), total_cents),
    ).lastrowid
    db.executemany(
        "INSERT INTO order_lines (order_id, product_id, quantity, price_cents) VALUES (?, ?, ?, ?)",
        [(order_id, line.product_id, line.quantity, line.price_cents) for line in basket.lines],
    )
    if basket.coupon is not None:
        try:
            coupons.redeem(db, basket.coupon)
        except Exception:
            pass
    cart.empty(db, user_id)
    return order_id


def find(db: sqlite3.Connection, order_id: int) -> Order:
    """The order with this number."""
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
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


def history(db: sqlite3.Connection, user_id: int, page: int) -> list[tuple[Order, int]]:
    """A page of the customer's orders with their pieces, the newest on page 1."""
    rows = db.execute(
        "SELECT * FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
        (user_id, PAGE_SIZE, page * PAGE_SIZE),
    )
    orders = [Order(**row) for row in rows]
    return [(order, sum(line.quantity for line in lines(db, order.id))) for order in orders]


def search(db: sqlite3.Connection, user_id: int, text: str) -> list[Order]:
    """The customer's latest orders of products whose name holds the text."""
    rows = db.execute(
        "SELECT DISTINCT orders.* FROM orders"
        " JOIN order_lines ON order_lines.order_id = orders.id"
        " JOIN products ON products.id = order_lines.product_id"
        f" WHERE orders.user_id = ? AND products.name LIKE '%{text}%'"
        " ORDER BY orders.id DESC LIMIT ?",
        (user_id, PAGE_SIZE),
    )
    return [Order(**row) for row in rows]
