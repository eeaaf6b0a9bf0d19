"""The files to run a LiteLLM proxy: the models that reviewbot asks for, and no secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reviewbot.config import Config
from reviewbot.house import MODELS

FOLDER = Path(__file__).parent.parent / "deploy" / "litellm"
EXAMPLE = (FOLDER / ".env.example").read_text("utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
CONFIG = yaml.safe_load((FOLDER / "config.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
ENTRIES: list[dict[str, Any]] = CONFIG["model_list"]

# By Docker or LiteLLM itself, or made of others.
NOT_IN_EXAMPLE = {"DATABASE_URL"}


def test_the_models_that_are_asked_for_by_default_are_there() -> None:
    names = [entry["model_name"] for entry in ENTRIES]
    assert {Config().model, *MODELS.values()} <= set(names)
    assert len(names) == len(set(names))  # of two, one would be taken by chance


def test_every_provider_is_there() -> None:
    providers = {entry["litellm_params"]["model"].partition("/")[0] for entry in ENTRIES}
    assert providers == {"bedrock", "anthropic", "gemini", "azure", "openai"}


def test_no_secret_stands_in_the_files() -> None:
    values = [
        *(entry["litellm_params"].items() for entry in ENTRIES),
        CONFIG["general_settings"].items(),
    ]
    secret = [value for pairs in values for name, value in pairs if re.search("key|url", name)]
    assert len(secret) > len(ENTRIES) / 2
    assert [value for value in secret if not value.startswith("os.environ/")] == []
    texts = [file.read_text("utf-8") for file in FOLDER.iterdir()]
    assert [text for text in texts if re.search(r"\b(sk-|AKIA)\w{6}|BEGIN \w+ KEY", text)] == []


def test_secrets_have_no_default() -> None:
    """Without them nothing starts; with a default it would, and be open to everybody."""
    variables = re.findall(r"\$\{(\w+)(:?[?-])?", (FOLDER / "compose.yaml").read_text("utf-8"))
    assert {name for name, kind in variables if kind != ":?"} == {"LITELLM_LISTEN"}
    empty = re.findall(r"^#? ?(\w*(?:KEY|PASSWORD|DIGEST)\w*)=(.*)$", EXAMPLE, re.MULTILINE)
    assert [name for name, value in empty if value] == []


def test_all_that_is_read_from_the_environment_is_explained() -> None:
    texts = ((FOLDER / name).read_text("utf-8") for name in ("compose.yaml", "config.yaml"))
    named = {name for text in texts for name in re.findall(r"(?:\$\{|os\.environ/)(\w+)", text)}
    offered = set(re.findall(r"^#? ?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert named - offered == NOT_IN_EXAMPLE
    assert offered - named == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # boto reads them


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\d.]*@\$\{\w+_DIGEST:\?.+\}", service["image"])
    assert {"healthcheck", "restart", "mem_limit", "cpus", "pids_limit"} <= set(service)


def test_only_the_proxy_is_reachable_and_only_from_this_machine() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports == {"litellm": ["${LITELLM_LISTEN:-127.0.0.1}:4000:4000"], "db": []}
    assert SERVICES["litellm"]["volumes"] == ["./config.yaml:/app/config.yaml:ro"]


def test_no_prompt_is_kept() -> None:
    settings = CONFIG["litellm_settings"]
    assert settings["turn_off_message_logging"] is True
    assert settings["redact_messages_in_exceptions"] is True
    assert CONFIG["general_settings"]["store_prompts_in_spend_logs"] is False
    assert SERVICES["litellm"]["environment"]["LITELLM_LOG"] == "ERROR"


def test_the_page_explains_where_each_provider_s_data_stays() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    names = [entry["model_name"] for entry in ENTRIES]
    assert [name for name in names if f"`{name}`" not in page] == []
