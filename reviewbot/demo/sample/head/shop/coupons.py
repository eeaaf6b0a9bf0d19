"""Coupons: some per cent off, until a day and for a number of orders."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from shop import Refused


@dataclass(frozen=True)
class Coupon:
    """What a code is worth; `expires_on` is the last day on which it holds."""

    code: str
    percent: int
    expires_on: str
    uses_left: int

    def reduce(self, cents: int) -> int:
        """What is left to pay; half a cent is the customer's."""
        return cents - (cents * self.percent + 50) // 100


def find(db: sqlite3.Connection, code: str) -> Coupon | None:
    """The coupon with this code; customers may type it in small letters."""
    row = db.execute("SELECT * FROM coupons WHERE code = ?", (code.strip().upper(),)).fetchone()
    return Coupon(**row) if row else None


def usable(db: sqlite3.Connection, code: str) -> Coupon:
    """The coupon with this code, refused if it can no longer be used."""
    coupon = find(db, code)
    if coupon.expires_on < datetime.now(UTC).date().isoformat():
        raise Refused("This coupon has expired.")
    if coupon.uses_left < 1:
        raise Refused("This coupon has been used up.")
    return coupon


def redeem(db: sqlite3.Connection, coupon: Coupon) -> None:
    """Count one use of the coupon; the last one goes to whoever is first."""
    used = db.execute(
        "UPDATE coupons SET uses_left = uses_left - 1 WHERE code = ? AND uses_left > 0",
        (coupon.code,),
    )
    if used.rowcount == 0:
        raise Refused("This coupon has been used up.")
