"""What a repository says of its reviews: settings, and checklists by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewbot import checklists, config, personal, redaction
from reviewbot.checklists import OVERRIDES, Checklist
from reviewbot.config import Effort, Settings
from reviewbot.errors import ConfigError, UsageError
from reviewbot.git import Repository
from reviewbot.redaction import Redactor
from reviewbot.text import digest, listed, visible

RULES_FILE = ".reviewbot/secrets.toml"  # what else is secret, in the format of gitleaks

Overrides = Mapping[str, tuple[str, Any]]

MODELS: Mapping[Effort, str] = {
    "low": "claude-haiku",
    "medium": "claude-sonnet",
    "high": "claude-opus",
}
# They bound a review, or say what becomes of it, or what the chosen checklists say already.
_NO_RULES = {
    *("budget", "jobs", "timeout", "call_timeout", "auto_review", "fallback_models"),
    *("fail_on", "on_failure", "max_review_comments", "resolve", "summary_when_clean"),
    *("checklists", "model", "effort", "min_severity", "audit"),
}


@dataclass(frozen=True, slots=True)
class House:
    """Settings, checklists by name, and the text of each checklist by its file's name.

    `secret_rules` is the text of the file that says what else is secret.
    """

    settings: Settings
    checklists: Mapping[str, Checklist]
    sources: Mapping[str, str]
    secret_rules: str = ""


# --- where it is read ---------------------------------------------------------------------------


def home(folder: Path) -> Path:
    """The folder whose settings hold: the repository's top, or the folder itself."""
    try:
        with Repository(folder) as repository:
            return repository.top
    except UsageError:
        return folder


def in_folder(folder: Path, overrides: Overrides, config_file: Path | None = None) -> House:
    """What holds in a folder, by its files as they lie there.

    Raises:
        ConfigError: one of the files is wrong.
    """
    files = [config_file] if config_file else [folder / name for name in config.FILES]
    settings = {path.name: _text(path) for path in files if config_file or path.is_file()}
    own = {path.name: _text(path) for path in sorted((folder / OVERRIDES).glob("*.md"))}
    rules = folder / RULES_FILE
    return _house(settings, own, overrides, _text(rules) if rules.is_file() else "")


def at_commit(
    repository: Repository, commit: str, overrides: Overrides, config_file: Path | None = None
) -> House:
    """What holds at a commit, whatever lies in the working tree.

    Args:
        repository: where.
        commit: its full id.
        overrides: settings with their origin.
        config_file: in place of the repository's own; one that lies in the working tree is read at
            the commit too, and says nothing where it is not there yet.

    Raises:
        ConfigError: one of the files is wrong.
    """
    settings = _settings_at(repository, commit, config_file)
    own = _own_at(repository, commit)
    return _house(
        {name: _decoded(name, raw) for name, raw in settings.items()},
        {Path(path).name: _decoded(path, raw) for path, raw in own.items()},
        overrides,
        _decoded(RULES_FILE, repository.read(f"{commit}:{RULES_FILE}") or b""),
    )


def _house(
    settings: Mapping[str, str], own: dict[str, str], overrides: Overrides, secret_rules: str
) -> House:
    return House(
        settings=config.load(settings, overrides),
        checklists=checklists.load(own),
        sources=checklists.shipped() | own,
        secret_rules=secret_rules,
    )


def _text(path: Path) -> str:
    return _decoded(path.name, _bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{visible(name)} cannot be read: {error}") from error


def _settings_at(repository: Repository, commit: str, config_file: Path | None) -> dict[str, bytes]:
    if config_file is None:
        return _blobs(repository, commit, config.FILES)
    if path := _inside(repository.top, config_file):
        return _blobs(repository, commit, [path])
    return {config_file.name: _bytes(config_file)}


def _own_at(repository: Repository, commit: str) -> dict[str, bytes]:
    paths = repository.files(commit, OVERRIDES)
    return _blobs(repository, commit, [path for path in paths if path.endswith(".md")])


def _blobs(repository: Repository, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
    found = {path: repository.read(f"{commit}:{path}") for path in paths}
    return {path: raw for path, raw in found.items() if raw is not None}


def _inside(top: Path, file: Path) -> str | None:
    """The path in the repository of a file that lies there, or is named as if it did.

    A symbolic link there leads wherever the pull request wants.
    """
    for named in (Path(os.path.abspath(file)), file.resolve()):  # noqa: PTH100 - without links
        if named.is_relative_to(top.resolve()):
            return named.relative_to(top.resolve()).as_posix()
    return None


# --- what it says -------------------------------------------------------------------------------


def choose(house: House) -> list[tuple[Checklist, str]]:
    """The checklists to run, each with its model.

    Raises:
        ConfigError: there is no such checklist.
    """
    chosen = checklists.choose(house.checklists, house.settings.config.checklists)
    return [(each, _model(each, house.settings)) for each in chosen]


def models(house: House) -> dict[str, list[str]]:
    """The models of a review, each with the names of the checklists that it reads.

    Raises:
        ConfigError: there is no such checklist.
    """
    found: dict[str, list[str]] = {}
    for checklist, model in choose(house):
        found.setdefault(model, []).append(checklist.name)
    return found


def _model(checklist: Checklist, settings: Settings) -> str:
    """What `--model` names, the checklist's own, that of a set effort, the configuration's."""
    named, effort = settings.config.model, settings.config.effort
    outright = named if "model" in settings.outright else None
    by_effort = MODELS[effort] if settings.origins["effort"] != config.DEFAULT else None
    return outright or checklist.model or by_effort or named


def redactor(house: House, environment: Mapping[str, str]) -> Redactor:
    """What takes out secrets: by the rules that we ship and the house's own.

    Args:
        house: what the repository says.
        environment: its own secrets are taken out, too.

    Raises:
        ConfigError: a rule of the house cannot be read.
    """
    own = redaction.read_rules(RULES_FILE, house.secret_rules) if house.secret_rules else ()
    masked = house.settings.config.redaction.pii == "mask"
    return Redactor(
        (*redaction.shipped(), *own),
        redaction.own_values(environment),
        personal.spots if masked else None,
    )


def rules(house: House) -> str:
    """A digest of all that decides what is reviewed and how."""
    settings = house.settings.config
    deciding = settings.model_dump(mode="json", exclude=_NO_RULES)
    asked = [
        (checklist.name, model, house.sources[f"{checklist.name}.md"])
        for checklist, model in choose(house)
    ]
    every = [deciding, settings.shown_from, asked, house.secret_rules]
    return digest(json.dumps(every, sort_keys=True))


def proposed(
    repository: Repository,
    base: str,
    head: str,
    overrides: Overrides,
    config_file: Path | None = None,
) -> tuple[str, ...]:
    """What people should know where a change touches the files that `at_commit` reads.

    The new version is held against the rules for such files, and decides nothing.
    """
    changed = _changed_settings(repository, base, head, config_file)
    changed += _changed(*(_blobs(repository, commit, [RULES_FILE]) for commit in (base, head)))
    changed += _changed(_own_at(repository, base), _own_at(repository, head))
    if not changed:
        return ()
    holds = "it holds" if len(changed) == 1 else "they hold"
    names = listed([visible(path) for path in changed])
    warning = f"this branch changes {names}: {holds} from the merge on"
    try:
        proposal = at_commit(repository, head, overrides, config_file)
        choose(proposal)
        redactor(proposal, {})
    except ConfigError as error:
        return (warning, f"what it changes is wrong: {error.message}. {error.hint}".rstrip(". "))
    return (warning,)


def _changed_settings(
    repository: Repository, base: str, head: str, config_file: Path | None
) -> list[str]:
    """The files whose settings differ: most of what stands in a pyproject.toml is none of ours."""
    before, after = (
        {
            name: _meaning(name, raw)
            for name, raw in _settings_at(repository, commit, config_file).items()
        }
        for commit in (base, head)
    )
    return _changed(before, after)


def _meaning(name: str, raw: bytes) -> object:
    try:
        return config.written(name, _decoded(name, raw)) or None
    except ConfigError:
        return raw


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [path for path in {**before, **after} if before.get(path) != after.get(path)]
