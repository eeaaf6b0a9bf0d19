"""Which gateway to use: an address and a key, from the environment and from nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from reviewbot.errors import GatewayError, UsageError

# Names of the address, name of its key, and the path that the address lacks.
_FAMILIES = (
    (("AI_GATEWAY_URL", "LITELLM_BASE_URL"), "LITELLM_API_KEY", ""),
    (("OPENAI_BASE_URL",), "OPENAI_API_KEY", ""),
    (("CODER_URL",), "CODER_SESSION_TOKEN", "/api/v2/aibridge/openai/v1"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is: `url` ends where `/chat/completions` follows."""

    url: str

    @property
    def root(self) -> str:
        """The address of LiteLLM's own routes: the parent of `/v1`."""
        return self.url.removesuffix("/v1")

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this very machine."""
        name = urlsplit(self.url).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


@dataclass(frozen=True, slots=True)
class Endpoint(Address):
    """Where the gateway is, and the key for it."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """The address that the environment names, and by which variable; which one is for its key."""

    address: Address
    variable: str
    key_variable: str


def endpoint(environment: Mapping[str, str]) -> Endpoint:
    """The gateway that the environment names: the first address, and the key of the same family.

    An address without its key is an error: another address would be one that nobody chose.

    Raises:
        UsageError: there is no URL, or it is not one.
        GatewayError: there is a URL, but no key for it.
    """
    found = source(environment)
    return Endpoint(
        found.address.url, _key(environment, found.variable, found.key_variable, _VIRTUAL)
    )


def source(environment: Mapping[str, str]) -> Source:
    """The first address that the environment names.

    Raises:
        UsageError: there is no URL, or it is not one.
    """
    for urls, key_name, path in _FAMILIES:
        if url := _address(environment, urls):
            return Source(Address(_base_url(*url, path)), url[0], key_name)
    raise UsageError(
        "no gateway is set: nothing is ever sent to a default address",
        "export AI_GATEWAY_URL=https://… and LITELLM_API_KEY=sk-… (or OPENAI_BASE_URL and "
        "OPENAI_API_KEY); in CI, a variable and a secret of these names.",
    )


def proxy(environment: Mapping[str, str], *, master: bool) -> Endpoint:
    """The LiteLLM proxy that the environment names, with its master key or with one's own key.

    Raises:
        UsageError: there is no URL, or it is not one.
        GatewayError: there is a URL, but no key for it.
    """
    urls, key_name, path = _FAMILIES[0]
    kind = _MASTER if master else _VIRTUAL
    key_name = "LITELLM_MASTER_KEY" if master else key_name
    url = _address(environment, urls)
    if url is None:
        raise UsageError(
            "no LiteLLM proxy is set, and keys are made and looked up at one",
            f"Set AI_GATEWAY_URL to its address, and {key_name} to {kind}.",
        )
    return Endpoint(_base_url(*url, path), _key(environment, url[0], key_name, kind))


_VIRTUAL = "the key that your gateway's operator gave you"
_MASTER = "the master key that the proxy was started with"


def _address(environment: Mapping[str, str], names: Iterable[str]) -> tuple[str, str] | None:
    """The first of these variables that is set, and what to."""
    given = ((name, environment.get(name, "").strip()) for name in names)
    return next(((name, url) for name, url in given if url), None)


def _key(environment: Mapping[str, str], name: str, key_name: str, kind: str) -> str:
    key = environment.get(key_name, "").strip()
    hint = f"export {key_name}=… with {kind}; in CI, a secret of this name."
    if not key:
        raise GatewayError(f"{name} is set, but there is no key in {key_name}", hint)
    if not re.fullmatch(r"[!-~]+", key):
        raise GatewayError(f"{key_name} holds characters that no key has", hint)
    return key


def _base_url(name: str, url: str, path: str) -> str:
    url = url.rstrip("/").removesuffix("/chat/completions")
    if not _is_plain(url):
        raise UsageError(f"{name} is not an http(s) address", "It looks like https://host[:port]")
    if path:
        return url + path
    return url if url.endswith("/v1") else f"{url}/v1"


def _is_plain(url: str) -> bool:
    """Scheme, host, perhaps port and path: no user, who would replace the key, and no query."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        return False
    rest = parts.query or parts.fragment or parts.username or parts.password
    return parts.scheme in ("http", "https") and bool(host) and not rest
