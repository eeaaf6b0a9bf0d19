"""Which gateway to use: an address and a key, from the environment and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reviewbot.errors import GatewayError, UsageError

# Names of the address, name of its key, and the path that the address lacks.
_FAMILIES = (
    (("AI_GATEWAY_URL", "LITELLM_BASE_URL"), "LITELLM_API_KEY", ""),
    (("OPENAI_BASE_URL",), "OPENAI_API_KEY", ""),
    (("CODER_URL",), "CODER_SESSION_TOKEN", "/api/v2/aibridge/openai/v1"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the gateway is, and the key for it."""

    url: str
    key: str = field(repr=False)

    @property
    def root(self) -> str:
        """The address of LiteLLM's own routes: the parent of `/v1`."""
        return self.url.removesuffix("/v1")

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def endpoint(environment: Mapping[str, str]) -> Endpoint:
    """The gateway that the environment names: a URL and the key of the same family.

    Raises:
        UsageError: there is no URL, or it is not one.
        GatewayError: there is a URL, but no key for it.
    """
    without_key = None
    for urls, key_name, path in _FAMILIES:
        name = next((name for name in urls if environment.get(name)), None)
        if not name:
            continue
        if environment.get(key_name):
            return Endpoint(_base_url(name, environment[name], path), environment[key_name].strip())
        without_key = without_key or (name, key_name)
    if without_key:
        name, key_name = without_key
        raise GatewayError(
            f"{name} is set, but there is no key in {key_name}",
            f"Set {key_name} to the virtual key that your gateway's operator gave you.",
        )
    raise UsageError(
        "no gateway is set: nothing is ever sent to a default address",
        "Set AI_GATEWAY_URL and LITELLM_API_KEY (or OPENAI_BASE_URL and OPENAI_API_KEY).",
    )


def _base_url(name: str, value: str, path: str) -> str:
    url = value.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{name} is not an http(s) address", "It looks like https://host[:port]")
    if path:
        return url + path
    return url if parts.path.endswith("/v1") else f"{url}/v1"
