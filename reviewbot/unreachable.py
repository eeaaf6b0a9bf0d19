"""Why a gateway cannot be reached, in one line, with what to do about it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from reviewbot.errors import CertificateError, GatewayError

_OF_A_PROXY = "check HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY."


def unreachable(host: str, error: BaseException, reason: str, *, proxied: bool) -> GatewayError:
    """The error to raise where no answer came.

    Args:
        host: host and port.
        error: what the client library raised; what it was caused by tells more.
        reason: its words, for what has none here.
        proxied: whether a proxy stands before the host.
    """
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateError(
                f"the certificate of {host} is not trusted: {cause.verify_message}",
                "Name the file of your organisation's certificates: "
                "export SSL_CERT_FILE=/path/to/ca.pem",
            )
        if said := _explained(cause):
            words, hint = said
            hint = f"The way leads through a proxy: {_OF_A_PROXY}" if proxied else hint
            return GatewayError(f"cannot reach {host}: {words}", hint)
    hint = "Check the gateway's address and that it is up; behind a proxy, HTTPS_PROXY."
    if proxied:
        hint = f"The way leads through a proxy: {_OF_A_PROXY}"
    return GatewayError(f"cannot reach {host}: {reason}", hint)


def silent(host: str) -> GatewayError:
    """The error to raise where a connection was made, and no answer came in time."""
    return GatewayError(f"{host} does not answer", "Is the gateway up?")


def _explained(cause: BaseException) -> tuple[str, str] | None:
    if isinstance(cause, socket.gaierror):
        return "no such host is known", "Check how it is spelt, and that you are in its network."
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there", "Check the port, and that the gateway is up."
    if isinstance(cause, ssl.SSLError):
        return f"it does not speak TLS as it should ({cause.reason})", "Is it http, not https?"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was caused by, and so on."""
    while error:
        yield error
        error = error.__cause__ or error.__context__
