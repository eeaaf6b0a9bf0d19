"""The cart's sums."""

from shop.cart import Cart, Line

PENS = Line(product_id=1, name="Pen", price_cents=250, quantity=4)
INK = Line(product_id=2, name="Ink", price_cents=999, quantity=1)


def test_a_line_costs_its_price_times_its_quantity():
    assert PENS.cents == 1000


def test_the_total_adds_up_the_lines():
    assert Cart((PENS, INK)).total_cents == 1999


def test_an_empty_cart_costs_nothing():
    assert Cart(()).total_cents == 0
