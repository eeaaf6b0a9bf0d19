"""Connections to a gateway: to the address that was set, as the environment wants them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reviewbot.endpoint import Address
from reviewbot.errors import UsageError

if TYPE_CHECKING:
    import httpx2


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
