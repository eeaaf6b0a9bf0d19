"""What each provider gets of a review, in its own wire format, through a real LiteLLM proxy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from litellm_proxy import MARKS, Work, make_key

from reviewbot.findings import SCHEMA
from reviewbot.models import ANSWER_TOKENS
from reviewbot.report import Report

pytestmark = MARKS

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Provider:
    """One wire format: where in the body it has what a review sends.

    `fields` are all those of its top level that it knows and a review may need. `blocks` gives the
    system text and the blocks of the one message, each with whether a cache breakpoint follows.
    """

    model: str
    protocol: str
    fields: frozenset[str]
    schema: Callable[[Body], Any]
    answer_tokens: Callable[[Body], int]
    blocks: Callable[[Body], tuple[str, list[tuple[str, bool]]]]
    has_breakpoint: bool
    tells_cache: bool


def bedrock_blocks(body: Body) -> tuple[str, list[tuple[str, bool]]]:
    (system,) = body["system"]
    (message,) = body["messages"]
    assert message["role"] == "user"
    blocks: list[tuple[str, bool]] = []
    for block in message["content"]:
        if "cachePoint" in block:
            assert block == {"cachePoint": {"type": "default"}}
            blocks[-1] = (blocks[-1][0], True)
        else:
            assert list(block) == ["text"]
            blocks.append((block["text"], False))
    return system["text"], blocks


def bedrock_schema(body: Body) -> Any:
    structure = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    return json.loads(structure["schema"])


def bedrock_tool(body: Body) -> Any:
    """The schema of the only tool, which must be called."""
    (tool,) = body["toolConfig"]["tools"]
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": tool["toolSpec"]["name"]}}
    return tool["toolSpec"]["inputSchema"]["json"]


def anthropic_blocks(body: Body) -> tuple[str, list[tuple[str, bool]]]:
    (system,) = body["system"]
    assert "cache_control" not in system
    (message,) = body["messages"]
    assert message["role"] == "user"
    points = [block.get("cache_control") for block in message["content"]]
    assert [point for point in points if point] in ([], [{"type": "ephemeral"}])
    texts = [block["text"] for block in message["content"]]
    return system["text"], list(zip(texts, map(bool, points), strict=True))


def gemini_blocks(body: Body) -> tuple[str, list[tuple[str, bool]]]:
    (system,) = body["system_instruction"]["parts"]
    (content,) = body["contents"]
    assert content["role"] == "user"
    return system["text"], [(part["text"], False) for part in content["parts"]]


def openai_blocks(body: Body) -> tuple[str, list[tuple[str, bool]]]:
    system, message = body["messages"]
    assert (system["role"], message["role"]) == ("system", "user")
    assert all(sorted(block) == ["text", "type"] for block in message["content"])
    return system["content"], [(block["text"], False) for block in message["content"]]


def openai_schema(body: Body) -> Any:
    wanted = body["response_format"]
    assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)
    return wanted["json_schema"]["schema"]


BEDROCK = frozenset(
    {"additionalModelRequestFields", "inferenceConfig", "messages", "outputConfig", "system"}
    | {"toolConfig"}
)
ANTHROPIC = frozenset({"max_tokens", "messages", "model", "output_format", "stream", "system"})
GEMINI = frozenset({"contents", "generationConfig", "system_instruction"})
OPENAI = frozenset(
    {"max_tokens", "messages", "model", "response_format", "stream", "stream_options"}
)

PROVIDERS = [
    Provider(
        model="claude-sonnet",
        protocol="bedrock",
        fields=BEDROCK,
        schema=bedrock_schema,
        answer_tokens=lambda body: body["inferenceConfig"]["maxTokens"],
        blocks=bedrock_blocks,
        has_breakpoint=True,
        tells_cache=True,
    ),
    Provider(
        model="claude-opus",
        protocol="bedrock",
        fields=BEDROCK,
        schema=bedrock_tool,
        answer_tokens=lambda body: body["inferenceConfig"]["maxTokens"],
        blocks=bedrock_blocks,
        has_breakpoint=True,
        tells_cache=False,  # the proxy reads the whole answer, and streams it on without that
    ),
    Provider(
        model="claude-sonnet-direct",
        protocol="anthropic",
        fields=ANTHROPIC,
        schema=lambda body: body["output_format"]["schema"],
        answer_tokens=lambda body: body["max_tokens"],
        blocks=anthropic_blocks,
        has_breakpoint=True,
        tells_cache=True,
    ),
    # The proxy would put whole messages into Gemini's explicit cache, the checklist too, and so pay
    # for each: what the calls share is left to the cache that Gemini has by itself.
    Provider(
        model="gemini-flash",
        protocol="gemini",
        fields=GEMINI,
        schema=lambda body: body["generationConfig"]["response_json_schema"],
        answer_tokens=lambda body: body["generationConfig"]["max_output_tokens"],
        blocks=gemini_blocks,
        has_breakpoint=False,
        tells_cache=False,
    ),
    *(
        Provider(
            model=model,
            protocol=protocol,
            fields=OPENAI,
            schema=openai_schema,
            answer_tokens=lambda body: body["max_tokens"],
            blocks=openai_blocks,
            has_breakpoint=False,
            tells_cache=False,
        )
        for model, protocol in (("gpt-azure", "azure"), ("gpt-openai", "openai"))
    ),
]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.model)
def test_a_review_in_the_provider_s_own_format(work: Work, provider: Provider) -> None:
    key = make_key(metadata={"tags": ["team:shop"]}, user_id="ada")
    report, _ = work.review(key, model=provider.model, checklists=["security", "style"])
    calls = work.sent
    assert [call["protocol"] for call in calls] == [
        provider.protocol
    ] * 3  # two checklists and the verification; no other request
    assert not any(key in json.dumps(call) for call in calls)
    bodies = [call["body"] for call in calls]
    for body in bodies:
        check_body(provider, body)
    assert len({json.dumps(provider.schema(body)) for body in bodies}) == 1
    assert len({json.dumps(shared(provider, body)) for body in bodies}) == 1
    titles = {provider.blocks(body)[1][1][0].splitlines()[0] for body in bodies}
    assert titles == {f"# Checklist: {name}" for name in ("Security", "Style", "Verification")}
    check_report(provider, report)


def check_body(provider: Provider, body: Body) -> None:
    """The order is system, change, checklist; nothing is there that the provider does not know."""
    assert set(body) <= provider.fields
    assert provider.schema(body) == SCHEMA
    assert provider.answer_tokens(body) == ANSWER_TOKENS
    system, (change, task) = provider.blocks(body)
    assert system.startswith("You review a change")
    assert "\n# The change\n" in change[0]
    assert task[0].startswith("# Checklist: ")
    assert (change[1], task[1]) == (provider.has_breakpoint, False)
    assert json.dumps(body).count("cache") == int(provider.has_breakpoint)
    assert not any(word in json.dumps(body) for word in ("team:shop", "ada", "num_retries"))


def shared(provider: Provider, body: Body) -> tuple[str, tuple[str, bool]]:
    """What all calls of a batch have in common, up to the cache breakpoint."""
    system, blocks = provider.blocks(body)
    return system, blocks[0]


def check_report(provider: Provider, report: Report) -> None:
    """The answer has come back, with what it took."""
    assert report.status == "complete"
    assert [(each.path, each.line, each.model) for each in report.findings] == [
        ("app.py", 2, provider.model)
    ]
    used = report.usage
    assert (used.calls, used.models) == (3, (provider.model,))
    assert used.input_tokens > 2048
    assert used.output_tokens > 0
    assert used.cost_usd
    assert bool(used.cached_tokens) == bool(used.cache_write_tokens) == provider.tells_cache
