"""Connections to a gateway: to the address that was set, as the environment wants them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reviewbot.endpoint import Address
from reviewbot.errors import UsageError

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT = 10.0  # seconds
QUESTION_TIMEOUT = 15.0  # seconds; for what costs nothing


def connections(address: Address, **options: Any) -> httpx2.Client:
    """A client for this address; `options` are further ones of httpx2's.

    Raises:
        UsageError: the environment allows no connection.
    """
    import httpx2  # noqa: PLC0415 - slow, and not needed for --help

    with as_the_environment_wants():
        return httpx2.Client(
            follow_redirects=False,  # code and key go to the address that was set, or nowhere
            trust_env=not address.is_loopback,  # no proxy leads to this machine
            verify=httpx2.create_ssl_context(),  # by SSL_CERT_FILE, on this machine too
            **options,
        )


def timeout(seconds: float) -> httpx2.Timeout:
    """For an answer within these seconds, and a connection in `CONNECT_TIMEOUT` of them."""
    import httpx2  # noqa: PLC0415

    return httpx2.Timeout(seconds, connect=min(CONNECT_TIMEOUT, seconds))


@contextmanager
def as_the_environment_wants() -> Iterator[None]:
    """A connection is made.

    Raises:
        UsageError: the environment allows none.
    """
    import httpx2  # noqa: PLC0415

    try:
        yield
    except (httpx2.InvalidURL, ImportError, OSError, ValueError) as error:
        raise UsageError(
            f"no connection can be made as the environment wants it: {error}",
            "Check the gateway's address, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE.",
        ) from error


def never_sent(error: BaseException) -> bool:
    """Whether a request has not left this machine, so that it had no effect."""
    import httpx2  # noqa: PLC0415

    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def leads_through_a_proxy(address: Address) -> bool:
    """Whether the environment puts a proxy before this address."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    if address.is_loopback:
        return False
    parts, proxies = urlsplit(address.url), getproxies()
    there = proxies.get(parts.scheme) or proxies.get("all")
    return bool(there) and not proxy_bypass(parts.netloc)


# --- answers that must be whole in time -----------------------------------------------------------


def bounded(address: Address) -> httpx2.Client:
    """A client whose timeouts hold for the whole of an answer; for any number of calls at once.

    Raises:
        UsageError: the environment allows no connection.
    """
    import httpx2  # noqa: PLC0415

    hooks = {"request": [_begin], "response": [_bound]}
    return connections(address, event_hooks=hooks, limits=httpx2.Limits(max_connections=None))


def _begin(request: httpx2.Request) -> None:
    """Note when the whole answer must be there: httpx2's own timeout is one for each piece."""
    request.extensions["end"] = time.monotonic() + request.extensions["timeout"]["read"]


def _bound(response: httpx2.Response) -> None:
    """Make the timeout of a call hold for the whole of its answer."""
    import httpx2  # noqa: PLC0415

    end = response.request.extensions["end"]
    stream = response.stream
    assert isinstance(stream, httpx2.SyncByteStream)
    inner: httpx2.SyncByteStream = stream

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for piece in inner:
                if time.monotonic() > end:
                    raise httpx2.ReadTimeout("the answer took too long", request=response.request)
                yield piece

        def close(self) -> None:
            inner.close()

    response.stream = Bounded()
