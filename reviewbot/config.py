"""Settings: what can be set, what it is set to, and where each value came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reviewbot.errors import ConfigError
from reviewbot.findings import Severity
from reviewbot.notation import from_toml, from_yaml
from reviewbot.text import visible

FILES = (".reviewbot.yaml", ".reviewbot.yml", "pyproject.toml")

DEFAULT = "default"  # the origin of what nobody has set
DAY = 86_400  # seconds

_ENVIRONMENT_ONLY = ("key", "token", "url", "secret", "password", "endpoint", "gateway")


class PathInstruction(BaseModel):
    """What a reviewer should know about some files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(description="glob, as in .gitignore")]
    instructions: Annotated[str, Field(description="shown to the model with these files")]


class AutoReview(BaseModel):
    """Which pull requests are reviewed in CI without being asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drafts: Annotated[bool, Field(description="whether drafts are reviewed")] = False
    base_branches: Annotated[
        tuple[str, ...],
        Field(description="only those into a branch that one of these globs fits; empty for all"),
    ] = ()
    labels: Annotated[
        tuple[str, ...],
        Field(description="only those with one of these labels; with a leading ! none with it"),
    ] = ()
    ignore_title_keywords: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        Field(description="none with one of these words in the title"),
    ] = ()
    ignore_usernames: Annotated[tuple[str, ...], Field(description="none of these authors")] = ()


class AuditLog(BaseModel):
    """Where it is written down who had what reviewed, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[
        str | None,
        Field(
            description="file in the repository; empty for none. Where it is not set: on a laptop "
            "`~/.local/state/reviewbot/audit.jsonl`, in CI none. The variable `REVIEWBOT_AUDIT` "
            "goes before it, and may name any file, or say `off`"
        ),
    ] = None
    retention_days: Annotated[
        int, Field(ge=1, le=36_500, strict=True, description="days after which lines are deleted")
    ] = 30


def _switch(value: object) -> object:
    """To YAML, on and off are the same as true and false."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class Redaction(BaseModel):
    """What is taken out before anything is sent, beside credentials; these always are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pii: Annotated[
        Literal["mask", "off"],
        Field(
            description="whether e-mail addresses, phone numbers, IBANs, card numbers and national "
            "ids are taken out, too"
        ),
        BeforeValidator(_switch),
    ] = "mask"
    never_send: Annotated[
        tuple[str, ...],
        Field(description="globs of files that are never sent, beside .env and key files"),
    ] = ()


def reason_to_skip(
    auto_review: AutoReview,
    *,
    draft: bool,
    target: str,
    labels: Iterable[str],
    title: str,
    author: str,
) -> str:
    """Why a pull request is not to be reviewed, in words for people; empty where it is."""
    reasons = (
        ("drafts", "it is a draft" if draft and not auto_review.drafts else ""),
        ("base_branches", _wrong_target(auto_review.base_branches, target)),
        ("labels", _wrong_labels(auto_review.labels, labels)),
        ("ignore_title_keywords", _word_in_title(auto_review.ignore_title_keywords, title)),
        ("ignore_usernames", _wrong_author(auto_review.ignore_usernames, author)),
    )
    return next((f"{reason} (auto_review.{key})" for key, reason in reasons if reason), "")


def _wrong_target(globs: Sequence[str], target: str) -> str:
    if not globs or any(fnmatchcase(target, glob) for glob in globs):
        return ""
    return f"it goes to {visible(target)}, not to {' or '.join(globs)}"


def _wrong_labels(wanted: Sequence[str], labels: Iterable[str]) -> str:
    there = {label.casefold() for label in labels}
    unwanted = [label[1:] for label in wanted if label.startswith("!")]
    needed = [label for label in wanted if not label.startswith("!")]
    for label in unwanted:
        if label.casefold() in there:
            return f"it has the label {label}"
    if needed and there.isdisjoint(label.casefold() for label in needed):
        return f"it does not have the label {' or '.join(needed)}"
    return ""


def _word_in_title(words: Sequence[str], title: str) -> str:
    found = next((word for word in words if word.casefold() in title.casefold()), "")
    return f"its title says {found}" if found else ""


def _wrong_author(authors: Sequence[str], author: str) -> str:
    is_one = _login(author) in map(_login, authors)
    return f"its author is {visible(author)}" if is_one else ""


def _login(name: str) -> str:
    """GitHub writes `dependabot[bot]` in one place and `dependabot` in another."""
    return name.casefold().removesuffix("[bot]")


def _one_or_many(value: object) -> object:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


Effort = Literal["low", "medium", "high"]


class Config(BaseModel):
    """The keys of `.reviewbot.yaml`, `.reviewbot.yml` or `[tool.reviewbot]` in pyproject.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="reviewbot configuration")

    model: Annotated[
        str, Field(min_length=1, description="model that reviews, by its name at the gateway")
    ] = "claude-sonnet"
    effort: Annotated[
        Effort,
        Field(
            description="where it is set, chooses the model in place of `model`: claude-haiku, "
            "claude-sonnet or claude-opus. At low, one call asks for all checklists; at high, "
            "models may look up lines of files and where a text occurs, before they answer"
        ),
    ] = "medium"
    fallback_models: Annotated[
        tuple[str, ...],
        Field(
            description="models to ask, in this order, where the chosen one is not allowed, not "
            "there, over its limit or cooling down"
        ),
        BeforeValidator(_one_or_many),
    ] = ()
    checklists: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="checklists to run, by name"),
        BeforeValidator(_one_or_many),
    ] = ("security", "performance", "style", "correctness")
    path_filters: Annotated[
        tuple[str, ...],
        Field(description="globs of files to review; with a leading ! of files to leave out"),
    ] = ()
    path_instructions: Annotated[
        tuple[PathInstruction, ...], Field(description="advice to the reviewer, by path")
    ] = ()
    min_severity: Annotated[
        Severity, Field(description="findings below this are kept in the JSON report only")
    ] = Severity.INFO
    min_confidence: Annotated[
        int,
        Field(
            ge=0,
            le=10,
            strict=True,
            description="findings that are less sure (0 to 10) are kept in the JSON report only",
        ),
    ] = 6
    verify_model: Annotated[
        str,
        Field(
            description="model that decides which findings are worth a comment; empty for the "
            "first checklist's. Nobody does at effort low"
        ),
    ] = ""
    fail_on: Annotated[
        Literal["critical", "high", "medium", "low", "info", "none"],
        Field(description="a finding of this severity or worse makes the exit code 1"),
    ] = "none"
    budget: Annotated[
        float,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="dollars that a run may cost at most, retries included; what could go "
            "beyond is not sent",
        ),
    ] = 1.0
    context_tokens: Annotated[
        int,
        Field(
            ge=0,
            strict=True,
            description="code shown beside the changes, tokens a batch: the blocks around them, "
            "and from elsewhere what they use, who uses what they change, and its tests",
        ),
    ] = 40_000
    jobs: Annotated[
        int, Field(ge=1, le=64, strict=True, description="calls to the gateway side by side")
    ] = 6
    timeout: Annotated[
        float, Field(gt=0, le=DAY, description="seconds for all calls together, retries included")
    ] = 600.0
    call_timeout: Annotated[float, Field(gt=0, le=DAY, description="seconds for one call")] = 180.0
    auto_review: Annotated[
        AutoReview, Field(description="which pull requests are reviewed in CI; all but drafts")
    ] = AutoReview()
    max_review_comments: Annotated[
        int,
        Field(
            ge=0,
            le=30,
            strict=True,
            description="line comments in one review, the most severe first; the others stand in "
            "the summary",
        ),
    ] = 30
    resolve: Annotated[
        Literal["off", "report", "on"],
        Field(description="whether threads of what is fixed are resolved, or only reported"),
        BeforeValidator(_switch),
    ] = "on"
    summary_when_clean: Annotated[
        bool,
        Field(
            description="write a summary on a pull request without findings; where not, every "
            "review is of the whole change"
        ),
    ] = True
    on_failure: Annotated[
        Literal["fail", "neutral"],
        Field(description="whether a review that failed or is incomplete fails the CI job"),
    ] = "fail"
    audit: Annotated[
        AuditLog,
        Field(description="log of who had what reviewed, at what price"),
    ] = AuditLog()

    redaction: Annotated[
        Redaction,
        Field(
            description="what never leaves, beside credentials; `.reviewbot/secrets.toml` has the "
            "repository's own rules for these"
        ),
    ] = Redaction()

    @property
    def shown_from(self) -> Severity:
        """The least severity that is shown: whatever makes the exit code 1 is."""
        if self.fail_on == "none":
            return self.min_severity
        return max(self.min_severity, Severity(self.fail_on), key=lambda level: level.rank)


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration, and for each key where its value came from.

    `outright` are the keys that the command line or the environment says.
    """

    config: Config
    origins: Mapping[str, str]
    outright: frozenset[str] = frozenset()


def load(files: Mapping[str, str], overrides: Mapping[str, tuple[str, Any]]) -> Settings:
    """Put the settings together: what is given outright goes before the file, then the defaults.

    Args:
        files: text of the configuration files that exist, by name; at most one may hold settings.
        overrides: origin (as `--model`) and value of what the command line or environment says.

    Raises:
        ConfigError: a file cannot be read, or says what is not known or not allowed.
    """
    read = {name: written(name, text) for name, text in files.items()}
    found = {name: settings for name, settings in read.items() if settings}
    if len(found) > 1:
        raise ConfigError(
            f"there are settings in {' and in '.join(found)}", "Keep them in one of these files."
        )
    origins = dict.fromkeys(Config.model_fields, DEFAULT)
    values: dict[str, Any] = {}
    for name, settings in found.items():
        _validated(settings, dict.fromkeys(settings, name))
        values |= settings
        origins |= dict.fromkeys(settings, name)
    values |= {key: value for key, (_, value) in overrides.items()}
    origins |= {key: origin for key, (origin, _) in overrides.items()}
    return Settings(_validated(values, origins), origins, frozenset(overrides))


def written(name: str, text: str) -> dict[str, Any]:
    """The settings that stand in a file, by key.

    Raises:
        ConfigError: it cannot be read.
    """
    settings: object
    if name.endswith(".toml"):
        tools = from_toml(name, text).get("tool", {})
        settings = tools.get("reviewbot", {}) if isinstance(tools, dict) else {}
    else:
        settings = from_yaml(name, text) or {}
    if not isinstance(settings, dict):
        raise ConfigError(f"{name}: settings are written as `key: value`")
    return {str(key): value for key, value in settings.items()}


def _validated(values: Mapping[str, Any], origins: Mapping[str, str]) -> Config:
    try:
        return Config.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    key = str(first["loc"][0])
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        raise ConfigError(
            f"{origins.get(key, key)}: there is no setting '{place}'",
            _advice(str(first["loc"][-1])),
        )
    message = first["msg"].replace("tuple", "list").replace("Tuple", "List")
    raise ConfigError(f"{origins.get(key, key)}: {place}: {message}")


def _advice(key: str) -> str:
    nested = (PathInstruction, AutoReview, AuditLog, Redaction)
    known = [*Config.model_fields, *(name for model in nested for name in model.model_fields)]
    misspelt = get_close_matches(key, known, n=1, cutoff=0.85)
    if not misspelt and any(word in key.lower() for word in _ENVIRONMENT_ONLY):
        return "Keys and addresses are read from the environment only, never from a file."
    near = misspelt or get_close_matches(key, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else "See the settings with: reviewbot config"


def json_schema() -> str:
    """The JSON Schema of a configuration file."""
    schema = Config.model_json_schema()
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2
    )


def listing(settings: Settings) -> str:
    """Every setting as a line of YAML, with where it came from as a comment."""
    values = settings.config.model_dump(mode="json")
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    width = min(max(map(len, lines)), 72)
    origins = (settings.origins[key] for key in values)
    return "\n".join(
        f"{line:<{width}}  # {origin}" for line, origin in zip(lines, origins, strict=True)
    )
