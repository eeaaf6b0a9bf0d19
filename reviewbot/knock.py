"""A knock at a gateway's door: who answers there, before anything is told of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviewbot.connections import QUESTION_TIMEOUT, bounded, leads_through_a_proxy, timeout
from reviewbot.endpoint import Address
from reviewbot.quoting import quoted
from reviewbot.refusals import elsewhere
from reviewbot.unreachable import silent, unreachable


@dataclass(frozen=True, slots=True)
class Knock:
    """What came back to a question that was asked without a key; no `content` if it is no JSON."""

    status: int
    kind: str
    content: Any


def knock(address: Address, url: str, seconds: float) -> Knock:
    """See who answers at an address; nothing is told of anybody.

    Args:
        address: of the gateway.
        url: what is asked for there.
        seconds: for all of the answer.

    Raises:
        GatewayError: it cannot be reached, or sends the question elsewhere.
        UsageError: the environment allows no connection.
    """
    import httpx2  # noqa: PLC0415 - slow, and not needed for --help

    try:
        with bounded(address) as client:
            response = client.get(url, timeout=timeout(min(QUESTION_TIMEOUT, seconds)))
    except httpx2.TimeoutException:
        raise silent(address.host) from None
    except httpx2.RequestError as error:
        proxied = leads_through_a_proxy(address)
        raise unreachable(address.host, error, quoted(error), proxied=proxied) from None
    if response.is_redirect:
        raise elsewhere(address.host, response.status_code)
    try:
        content = response.json()
    except ValueError:
        content = None
    return Knock(response.status_code, response.headers.get("content-type", ""), content)
