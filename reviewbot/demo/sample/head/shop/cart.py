"""The cart: what a customer is about to order."""

import sqlite3
from dataclasses import dataclass

from shop import NotFound, Refused, coupons
from shop.coupons import Coupon


@dataclass(frozen=True)
class Line:
    """Some pieces of one product."""

    product_id: int
    name: str
    price_cents: int
    quantity: int

    @property
    def cents(self) -> int:
        """What the line costs."""
        return self.price_cents * self.quantity


@dataclass(frozen=True)
class Cart:
    """The lines of one customer, and the coupon if one is used."""

    lines: tuple[Line, ...]
    coupon: Coupon | None = None

    @property
    def goods_cents(self) -> int:
        """What the goods cost without a coupon."""
        return sum(line.cents for line in self.lines)

    @property
    def total_cents(self) -> int:
        """What the customer has to pay."""
        return self.coupon.reduce(self.goods_cents) if self.coupon else self.goods_cents


def load(db: sqlite3.Connection, user_id: int, code: str = "") -> Cart:
    """The customer's cart, at today's prices and with the coupon of this code."""
    coupon = coupons.usable(db, code) if code else None
    rows = db.execute(
        "SELECT products.id AS product_id, products.name, products.price_cents, quantity"
        " FROM cart_lines JOIN products ON products.id = cart_lines.product_id"
        " WHERE cart_lines.user_id = ? ORDER BY products.name",
        (user_id,),
    )
    return Cart(tuple(Line(**row) for row in rows), coupon)


def add(db: sqlite3.Connection, user_id: int, product_id: int, quantity: int) -> None:
    """Put some pieces of a product into the customer's cart."""
    if quantity < 1:
        raise Refused("Choose at least one piece.")
    added = db.execute(
        "INSERT INTO cart_lines (user_id, product_id, quantity)"
        " SELECT ?, id, ? FROM products WHERE id = ?"
        " ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
        (user_id, quantity, product_id),
    )
    if added.rowcount == 0:
        raise NotFound("There is no such product.")


def empty(db: sqlite3.Connection, user_id: int) -> None:
    """Take everything out of the customer's cart."""
    db.execute("DELETE FROM cart_lines WHERE user_id = ?", (user_id,))
