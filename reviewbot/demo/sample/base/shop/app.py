"""The WSGI application: requests in, pages out."""

import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl

from shop import NotFound, Refused, auth, cart, orders, reports
from shop.auth import User
from shop.db import connect

LONGEST_FORM = 10_000
PAGE = Template((Path(__file__).parent / "templates" / "page.html").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Request:
    """The fields of a query or of a form."""

    fields: dict[str, str]

    def text(self, name: str) -> str:
        """The field as it was sent; empty if it is missing."""
        return self.fields.get(name, "")

    def number(self, name: str, default: str = "") -> int:
        """The field as a whole number."""
        value = self.fields.get(name, default)
        if not re.fullmatch("[0-9]{1,9}", value):
            raise Refused(f"The field '{name}' must be a number.")
        return int(value)


@dataclass(frozen=True)
class Response:
    """A page, or the address of the next one."""

    status: HTTPStatus = HTTPStatus.OK
    body: str = ""
    location: str = ""


def page(title: str, rows: Iterable[tuple[object, ...]] = (), status=HTTPStatus.OK) -> Response:
    """A page with a table."""
    table = "\n".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return Response(status, PAGE.substitute(title=escape(title), rows=table))


def money(cents: int) -> str:
    """An amount as people write it."""
    return f"{cents // 100}.{cents % 100:02}"


def show_cart(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """What the customer is about to order."""
    basket = cart.load(db, user.id)
    rows = [(line.quantity, line.name, money(line.cents)) for line in basket.lines]
    return page("Your cart", [*rows, ("", "Total", money(basket.total_cents))])


def add_to_cart(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """Put a product into the cart."""
    cart.add(db, user.id, request.number("product"), request.number("quantity", "1"))
    return Response(HTTPStatus.SEE_OTHER, location="/cart")


def checkout(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """Order what is in the cart."""
    order_id = orders.place(db, user.id, cart.load(db, user.id))
    return Response(HTTPStatus.SEE_OTHER, location=f"/order?id={order_id}")


def list_orders(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """The customer's orders."""
    found = orders.recent(db, user.id)
    rows = [(order.id, order.placed_at[:10], money(order.total_cents)) for order in found]
    return page("Your orders", rows)


def show_order(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """One of the customer's orders."""
    order = orders.find(db, user.id, request.number("id"))
    rows = [(line.quantity, line.name, money(line.cents)) for line in orders.lines(db, order.id)]
    return page(f"Order {order.id}", [*rows, ("", "Total", money(order.total_cents))])


def show_sales(db: sqlite3.Connection, user: User, request: Request) -> Response:
    """The sales of a month, for staff."""
    auth.require_staff(user)
    days = reports.sales(db, request.text("month"))
    return page("Sales", [(day.day, day.orders, money(day.cents)) for day in days])


Handler = Callable[[sqlite3.Connection, User, Request], Response]
ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/cart"): show_cart,
    ("POST", "/cart"): add_to_cart,
    ("POST", "/checkout"): checkout,
    ("GET", "/orders"): list_orders,
    ("GET", "/order"): show_order,
    ("GET", "/office/sales"): show_sales,
}


def read(environ: dict) -> Request:
    """The fields of a request: a form's, or the query's."""
    if environ["REQUEST_METHOD"] != "POST":
        return Request(dict(parse_qsl(environ.get("QUERY_STRING", ""))))
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal() or int(length) > LONGEST_FORM:
        raise Refused("This form cannot be read.")
    form = environ["wsgi.input"].read(int(length))
    return Request(dict(parse_qsl(form.decode("utf-8", "replace"))))


def respond(db: sqlite3.Connection, environ: dict) -> Response:
    """Find the handler of a request and let it answer."""
    handler = ROUTES.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
    if handler is None:
        raise NotFound("There is no such page.")
    user = auth.current_user(db, environ.get("HTTP_COOKIE", ""))
    if user is None:
        return page("Please sign in", status=HTTPStatus.UNAUTHORIZED)
    if environ["REQUEST_METHOD"] == "POST" and not auth.same_origin(environ):
        return page("This form was sent from another site", status=HTTPStatus.FORBIDDEN)
    return handler(db, user, read(environ))


def application(environ: dict, start_response: Callable) -> list[bytes]:
    """The entry point for the server; whatever is refused leaves no trace in the database."""
    try:
        with connect() as db:
            response = respond(db, environ)
    except Refused as refused:
        response = page(str(refused), status=refused.status)
    headers = [("Content-Type", "text/html; charset=utf-8")]
    if response.location:
        headers.append(("Location", response.location))
    start_response(f"{response.status.value} {response.status.phrase}", headers)
    return [response.body.encode()]
