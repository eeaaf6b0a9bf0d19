"""Settings: what they are, where they come from, and what a wrong one is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reviewbot.config import AutoReview, Config, json_schema, listing, load, reason_to_skip
from reviewbot.errors import ConfigError
from reviewbot.findings import Severity

YAML = ".reviewbot.yaml"


def one(text: str, name: str = YAML, **overrides: tuple[str, Any]) -> Config:
    return load({name: text}, overrides).config


def error(files: dict[str, str], **overrides: tuple[str, Any]) -> tuple[str, str]:
    with pytest.raises(ConfigError) as raised:
        load(files, overrides)
    return raised.value.message, raised.value.hint


def test_without_files_everything_has_its_default() -> None:
    settings = load({}, {})
    assert settings.config == Config()
    assert settings.config.model == "claude-sonnet"
    assert settings.config.checklists == ("security", "performance", "style", "correctness")
    assert set(settings.origins.values()) == {"default"}


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "null"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert set(load({YAML: text}, {}).origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (YAML, "model: claude-opus\nfail_on: high\n"),
        (".reviewbot.yml", "{model: claude-opus, fail_on: high}"),
        ("pyproject.toml", '[tool.reviewbot]\nmodel = "claude-opus"\nfail_on = "high"\n'),
    ],
)
def test_each_file_is_read_and_is_the_origin_of_its_values(name: str, text: str) -> None:
    settings = load({name: text}, {})
    assert (settings.config.model, settings.config.fail_on) == ("claude-opus", Severity.HIGH)
    assert (settings.origins["model"], settings.origins["jobs"]) == (name, "default")


def test_what_is_given_outright_goes_before_the_file() -> None:
    settings = load(
        {YAML: "model: a\njobs: 2\n"}, {"model": ("--model", "b"), "timeout": ("--timeout", 5.0)}
    )
    assert (settings.config.model, settings.config.jobs, settings.config.timeout) == ("b", 2, 5.0)
    origins = {key: settings.origins[key] for key in ("model", "jobs", "timeout", "fail_on")}
    assert origins == {
        "model": "--model",
        "jobs": YAML,
        "timeout": "--timeout",
        "fail_on": "default",
    }


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.ruff]\n", "tool = 3\n"])
def test_a_pyproject_without_settings_may_stand_beside_a_file(text: str) -> None:
    settings = load({YAML: "model: a", "pyproject.toml": text}, {})
    assert settings.origins["model"] == YAML


def test_settings_in_two_files_are_an_error_that_names_both() -> None:
    message, _ = error({YAML: "jobs: 2", "pyproject.toml": "[tool.reviewbot]\njobs = 2\n"})
    assert message == "there are settings in .reviewbot.yaml and in pyproject.toml"


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("checklists: [style, tests]", "checklists", ("style", "tests")),
        ("checklists: style, tests", "checklists", ("style", "tests")),
        ("path_filters: ['src/**', '!src/x/']", "path_filters", ("src/**", "!src/x/")),
        ("fail_on: none", "fail_on", "none"),
        ("min_severity: low", "min_severity", Severity.LOW),
        ("timeout: 30", "timeout", 30.0),
        ("context_tokens: 0", "context_tokens", 0),
        ("resolve: off", "resolve", "off"),
        ("resolve: on", "resolve", "on"),
        ("resolve: 'off'", "resolve", "off"),
        ("resolve: report", "resolve", "report"),
        ("budget: 0", "budget", 0.0),
        ("budget: 2.5", "budget", 2.5),
        ("effort: low", "effort", "low"),
        ("summary_when_clean: off", "summary_when_clean", False),
        ("on_failure: neutral", "on_failure", "neutral"),
        ("max_review_comments: 0", "max_review_comments", 0),
    ],
)
def test_values(text: str, key: str, value: object) -> None:
    assert getattr(one(text), key) == value


def test_path_instructions() -> None:
    (entry,) = one("path_instructions: [{path: 'api/**', instructions: Look.}]").path_instructions
    assert (entry.path, entry.instructions) == ("api/**", "Look.")


@pytest.mark.parametrize(
    "text",
    [
        *("resolve: maybe", "resolve: 1", "budget: -0.01", "budget: .inf", "budget: .nan"),
        *("max_review_comments: 31", "max_review_comments: true", "effort: huge"),
        *("on_failure: ignore", "auto_review: {ignore_title_keywords: ['']}", "auto_review: off"),
        *("timeout: 2001-99-99", f"jobs: {'9' * 5000}", "model: " + "[" * 5000),
    ],
)
def test_values_that_are_not_allowed(text: str) -> None:
    message, _ = error({YAML: text})
    assert message.startswith(f"{YAML}: ")


# --- which pull requests ------------------------------------------------------------------------

PULL: dict[str, Any] = {
    "draft": False,
    "target": "main",
    "labels": ("Bug", "size/S"),
    "title": "Add coupons",
    "author": "ada",
}


@pytest.mark.parametrize(
    ("text", "pull", "reason"),
    [
        ("{}", {}, ""),
        ("{}", {"draft": True}, "it is a draft (auto_review.drafts)"),
        ("{drafts: true}", {"draft": True}, ""),
        ("{base_branches: [main]}", {}, ""),
        ("{base_branches: [dev, 'release/*']}", {"target": "release/1/x"}, ""),
        (
            "{base_branches: [dev, 'release/*']}",
            {},
            "it goes to main, not to dev or release/* (auto_review.base_branches)",
        ),
        ("{labels: [bug, other]}", {}, ""),
        (
            "{labels: [review, please]}",
            {},
            "it does not have the label review or please (auto_review.labels)",
        ),
        ("{labels: [review]}", {"labels": ()}, "it does not have the label review"),
        ("{labels: ['!skip']}", {}, ""),
        ("{labels: ['!skip']}", {"labels": ()}, ""),
        ("{labels: [bug, '!SIZE/S']}", {}, "it has the label SIZE/S (auto_review.labels)"),
        ("{ignore_title_keywords: [WIP, coupon]}", {}, "its title says coupon"),
        ("{ignore_title_keywords: [WIP]}", {"title": "wip: x"}, "its title says WIP"),
        ("{ignore_title_keywords: [WIP]}", {}, ""),
        ("{ignore_usernames: [Ada]}", {}, "its author is ada (auto_review.ignore_usernames)"),
        ("{ignore_usernames: [ad]}", {}, ""),
        ("{ignore_usernames: ['renovate[bot]']}", {"author": "renovate"}, "its author is renovate"),
    ],
)
def test_which_pull_requests_are_reviewed(text: str, pull: dict[str, Any], reason: str) -> None:
    auto_review = one(f"auto_review: {text}").auto_review
    found = reason_to_skip(auto_review, **{**PULL, **pull})
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_all_but_drafts_are_reviewed_by_default() -> None:
    assert Config().auto_review == AutoReview(drafts=False)


SECRETS = "Keys and addresses are read from the environment only, never from a file."


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("modle: x", "there is no setting 'modle'", "Did you mean 'model'?"),
        ("checklist: x", "there is no setting 'checklist'", "Did you mean 'checklists'?"),
        (
            "context_token: 1",
            "there is no setting 'context_token'",
            "Did you mean 'context_tokens'?",
        ),
        ("zzz: x", "there is no setting 'zzz'", "See the settings with: reviewbot config"),
        ("3: x", "there is no setting '3'", "See the settings with: reviewbot config"),
        ("api_key: sk-1", "there is no setting 'api_key'", SECRETS),
        ("LITELLM_API_KEY: sk-1", "there is no setting 'LITELLM_API_KEY'", SECRETS),
        ("token: x", "there is no setting 'token'", SECRETS),
        ("gateway_url: http://x", "there is no setting 'gateway_url'", SECRETS),
        ("base_url: http://x", "there is no setting 'base_url'", SECRETS),
        (
            "path_instructions: [{path: a, instruction: b}]",
            "path_instructions.0.instructions: Field required",
            "",
        ),
        (
            "path_instructions: [{path: a, instructions: b, pth: c}]",
            "there is no setting 'path_instructions.0.pth'",
            "Did you mean 'path'?",
        ),
        ("jobs: 0", "jobs: Input should be greater than or equal to 1", ""),
        ("jobs: many", "jobs: Input should be a valid integer", ""),
        ("jobs: true", "jobs: Input should be a valid integer", ""),
        ("timeout: .inf", "timeout: Input should be less than or equal to 86400", ""),
        ("fail_on: no", "fail_on: Input should be 'critical', 'high', 'medium', 'low', 'info'", ""),
        ("timeout: -1", "timeout: Input should be greater than 0", ""),
        ("checklists: []", "checklists: List should have at least 1 item", ""),
        ("model: ''", "model: String should have at least 1 character", ""),
        ("min_severity: bad", "min_severity: Input should be 'critical', 'high'", ""),
        ("path_filters: src", "path_filters: Input should be a valid list", ""),
        ("- model", "settings are written as `key: value`", ""),
        ("model", "settings are written as `key: value`", ""),
        ("model: [", "expected the node content, but found '<stream end>' (line 1, column 9)", ""),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_file_key_and_remedy(
    text: str, message: str, hint: str
) -> None:
    found, remedy = error({YAML: text})
    assert found.startswith(f"{YAML}: {message}")
    assert remedy == hint
    assert "\n" not in found


@pytest.mark.parametrize("text", ["[tool.reviewbot", "[tool]\nreviewbot = 3\n"])
def test_a_broken_pyproject_is_an_error_that_names_it(text: str) -> None:
    assert error({"pyproject.toml": text})[0].startswith("pyproject.toml: ")


def test_an_error_never_shows_the_value() -> None:
    assert "sk-secret" not in "".join(error({YAML: "jobs: sk-secret"}))
    assert "sk-secret" not in "".join(error({YAML: "api_key: sk-secret"}))


def test_a_wrong_value_of_a_file_is_told_although_an_option_replaces_it() -> None:
    assert error({YAML: "jobs: 0"}, jobs=("--jobs", 3))[0].startswith(f"{YAML}: jobs: ")


def test_a_wrong_option_is_told_by_its_name() -> None:
    message, _ = error({YAML: "jobs: 3"}, jobs=("--jobs", 99))
    assert message == "--jobs: jobs: Input should be less than or equal to 64"


SCHEMA = json.loads(json_schema())


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("{}", True),
        ("checklists: [security, tests]\nfail_on: high\nmin_severity: low", True),
        ("fail_on: none", True),
        ("path_filters: ['!x']\npath_instructions: [{path: a, instructions: b}]", True),
        ("jobs: 0", False),
        ("api_key: x", False),
        ("fail_on: bad", False),
        ("path_instructions: [{path: a}]", False),
        ("checklists: []", False),
    ],
)
def test_the_schema_agrees_with_the_reader(text: str, valid: bool) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text)) is valid
    if valid:
        assert one(text)
    else:
        assert error({YAML: text})


def test_the_listing_is_yaml_that_gives_the_same_settings_and_names_the_origins() -> None:
    settings = load({YAML: "path_filters: ['a # b', é]"}, {"model": ("--model", "x")})
    text = listing(settings)
    assert one(text) == settings.config
    assert [line.split("  # ")[-1] for line in text.splitlines()][:5] == [
        "--model",
        "default",
        "default",
        "default",
        YAML,
    ]
    assert len(text.splitlines()) == len(Config.model_fields)
