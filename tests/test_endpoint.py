"""Which gateway is used: the address and key of one family, or a clear word."""

from __future__ import annotations

import pytest

from reviewbot.endpoint import Endpoint, endpoint
from reviewbot.errors import GatewayError, ReviewbotError, UsageError

PLAIN = {"AI_GATEWAY_URL": "https://ai.example.org", "LITELLM_API_KEY": "sk-1"}
OPENAI = {"OPENAI_BASE_URL": "https://open.example.org/v1", "OPENAI_API_KEY": "sk-2"}
CODER = {"CODER_URL": "https://coder.example.org/", "CODER_SESSION_TOKEN": "token"}


@pytest.mark.parametrize(
    ("environment", "url", "key"),
    [
        (PLAIN, "https://ai.example.org/v1", "sk-1"),
        (OPENAI, "https://open.example.org/v1", "sk-2"),
        (CODER, "https://coder.example.org/api/v2/aibridge/openai/v1", "token"),
        (CODER | OPENAI | PLAIN, "https://ai.example.org/v1", "sk-1"),
        (CODER | OPENAI, "https://open.example.org/v1", "sk-2"),
        (
            {"LITELLM_BASE_URL": "http://b.example.org:4000", "LITELLM_API_KEY": "k"},
            "http://b.example.org:4000/v1",
            "k",
        ),
        (
            PLAIN | {"LITELLM_BASE_URL": "https://other.example.org"},
            "https://ai.example.org/v1",
            "sk-1",
        ),
        (
            OPENAI | {"AI_GATEWAY_URL": "", "LITELLM_API_KEY": "x"},
            OPENAI["OPENAI_BASE_URL"],
            "sk-2",
        ),
        (OPENAI | {"AI_GATEWAY_URL": " "}, OPENAI["OPENAI_BASE_URL"], "sk-2"),
        (
            PLAIN | {"AI_GATEWAY_URL": " https://ai.example.org/v1/ "},
            "https://ai.example.org/v1",
            "sk-1",
        ),
        (PLAIN | {"AI_GATEWAY_URL": "https://x.org/proxy/"}, "https://x.org/proxy/v1", "sk-1"),
        (
            PLAIN | {"AI_GATEWAY_URL": "https://x.org/v1/chat/completions"},
            "https://x.org/v1",
            "sk-1",
        ),
        (PLAIN | {"AI_GATEWAY_URL": "http://[::1]:4000"}, "http://[::1]:4000/v1", "sk-1"),
        (PLAIN | {"LITELLM_API_KEY": "sk-1\n"}, "https://ai.example.org/v1", "sk-1"),
    ],
)
def test_address_and_key(environment: dict[str, str], url: str, key: str) -> None:
    assert endpoint(environment) == Endpoint(url, key)


@pytest.mark.parametrize(
    ("environment", "error", "words"),
    [
        ({}, UsageError, "no gateway is set"),
        ({"LITELLM_API_KEY": "sk-1", "OPENAI_API_KEY": "sk-2"}, UsageError, "no gateway is set"),
        ({"AI_GATEWAY_URL": "https://x.org"}, GatewayError, "no key in LITELLM_API_KEY"),
        (PLAIN | {"LITELLM_API_KEY": " \n"}, GatewayError, "no key in LITELLM_API_KEY"),
        ({"CODER_URL": "https://x.org"}, GatewayError, "no key in CODER_SESSION_TOKEN"),
        # Never to another address than the one that was named first.
        (OPENAI | {"AI_GATEWAY_URL": "https://x.org"}, GatewayError, "no key in LITELLM_API_KEY"),
        (PLAIN | {"LITELLM_API_KEY": "sk-…"}, GatewayError, "characters that no key has"),
        (PLAIN | {"LITELLM_API_KEY": "sk-a\nb"}, GatewayError, "characters that no key has"),
        (PLAIN | {"LITELLM_API_KEY": "sk a"}, GatewayError, "characters that no key has"),
        *(
            (
                PLAIN | {"AI_GATEWAY_URL": url},
                UsageError,
                "AI_GATEWAY_URL is not an http(s) address",
            )
            for url in (
                *("ai.example.org", "localhost:4000", "ftp://x.org", "https://", "http:///v1"),
                *(f"https://{'x' * 64}.org"),
                *("http://[::1", "http://x.org:port", "http://x.org:99999", "file:///etc/passwd"),
                *(
                    "https://me:pass@x.org",
                    "https://me@x.org",
                    "https://x.org?a=b",
                    "https://x.org/#a",
                ),
            )
        ),
    ],
)
def test_what_cannot_be_used(
    environment: dict[str, str], error: type[ReviewbotError], words: str
) -> None:
    with pytest.raises(error) as caught:
        endpoint(environment)
    assert type(caught.value) is error
    assert words in caught.value.message
    assert caught.value.hint
    assert not any(
        value.strip() and value in str(caught.value)
        for name, value in environment.items()
        if not name.endswith("URL")
    )


@pytest.mark.parametrize(
    ("url", "root", "host", "is_loopback"),
    [
        ("https://x.org/v1", "https://x.org", "x.org", False),
        ("https://x.org:4000/proxy/v1", "https://x.org:4000/proxy", "x.org:4000", False),
        ("http://127.0.0.1:4000/v1", "http://127.0.0.1:4000", "127.0.0.1:4000", True),
        ("http://[::1]:4000/v1", "http://[::1]:4000", "[::1]:4000", True),
        ("http://localhost/v1", "http://localhost", "localhost", True),
        ("http://10.0.0.1/v1", "http://10.0.0.1", "10.0.0.1", False),
    ],
)
def test_parts_of_the_address(url: str, root: str, host: str, is_loopback: bool) -> None:
    place = Endpoint(url, "sk-1")
    assert (place.root, place.host, place.is_loopback) == (root, host, is_loopback)


def test_the_key_is_not_shown() -> None:
    assert "sk-1" not in repr(Endpoint("https://x.org/v1", "sk-1"))
