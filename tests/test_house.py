"""What holds for a repository: read where it lies, or at a commit only; which model is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo

from reviewbot import house as module
from reviewbot.config import Config, load
from reviewbot.errors import ConfigError
from reviewbot.git import Repository
from reviewbot.house import (
    RULES_FILE,
    House,
    at_commit,
    choose,
    in_folder,
    proposed,
    redactor,
    rules,
)

OWN = "---\ntitle: Naming\nitems:\n  names: Names say what things are.\n{more}---\nLook.\n"
NAMING = ".reviewbot/prompts/naming.md"
Overrides = Mapping[str, tuple[str, Any]]


def naming(more: str = "") -> str:
    return OWN.format(more=more)


def at(repo: Repo, commit: str, overrides: Overrides | None = None, **others: Any) -> House:
    with Repository(repo.folder) as repository:
        return at_commit(repository, commit, overrides or {}, **others)


def warnings(repo: Repo, base: str, head: str, **others: Any) -> tuple[str, ...]:
    with Repository(repo.folder) as repository:
        return proposed(repository, base, head, {}, **others)


# --- where it is read ---------------------------------------------------------------------------


def test_a_folder_and_its_commit_say_the_same(repo: Repo) -> None:
    repo.write(".reviewbot.yaml", "jobs: 2\nchecklists: [naming, security]\n")
    repo.write("pyproject.toml", "[project]\nname = 'x'\n")
    repo.write(NAMING, naming())
    repo.write(".reviewbot/prompts/notes.txt", "no checklist")
    commit = repo.commit()
    house = in_folder(repo.folder, {})
    assert at(repo, commit) == house
    assert (house.settings.config.jobs, house.settings.origins["jobs"]) == (2, ".reviewbot.yaml")
    assert house.sources["naming.md"] == naming()
    assert [checklist.name for checklist, _ in choose(house)] == ["naming", "security"]


def test_at_a_commit_the_working_tree_decides_nothing(repo: Repo) -> None:
    commit = repo.commit("empty")
    repo.write(".reviewbot.yaml", "jobs: 2\n")
    repo.write(NAMING, "no checklist at all")
    repo.git("add", "--all")
    house = at(repo, commit)
    assert house.settings.config == Config()
    assert "naming" not in house.checklists


def test_a_file_named_outright_is_read_at_the_commit_where_it_lies_in_the_repository(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = repo.write("ci/review.yaml", "jobs: 2\n")
    repo.write(".reviewbot.yaml", "jobs: 3\n")
    base = repo.commit()
    outside = tmp_path / "outside.yaml"
    outside.write_text("jobs: 5\n")
    file.unlink()
    file.symlink_to(outside)  # by the pull request
    monkeypatch.chdir(repo.folder)
    for named in (file, Path("ci/review.yaml"), Path("ci/../ci/review.yaml")):
        assert at(repo, base, config_file=named).settings.config.jobs == 2
    assert at(repo, base, config_file=outside).settings.config.jobs == 5
    new = repo.write("ci/new.yaml", "jobs: 7\n")
    assert at(repo, base, config_file=new).settings.config.jobs == Config().jobs


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".reviewbot.yaml", b"jobs: many\n"),
        (".reviewbot.yaml", b"\xff\xfe"),
        (NAMING, b"no front matter"),
        (NAMING, b"\xff"),
        (NAMING, naming("paths: 2001-99-99\n").encode()),
    ],
)
def test_a_wrong_file_is_an_error_in_both_places(repo: Repo, path: str, text: bytes) -> None:
    repo.write(path, text)
    commit = repo.commit()
    with pytest.raises(ConfigError, match=Path(path).name):
        at(repo, commit)
    with pytest.raises(ConfigError, match=Path(path).name):
        in_folder(repo.folder, {})


# --- the model ----------------------------------------------------------------------------------

LINE, EFFORT = ("--model", "line"), ("--effort", "high")


@pytest.mark.parametrize(
    ("own", "file", "overrides", "model"),
    [
        ("", "", {}, "claude-sonnet"),
        ("", "model: set", {}, "set"),
        ("", "effort: low", {}, "claude-haiku"),
        ("", "effort: medium", {}, "claude-sonnet"),
        ("", "{model: set, effort: high}", {}, "claude-opus"),
        ("", "model: set", {"effort": EFFORT}, "claude-opus"),
        ("", "effort: low", {"effort": EFFORT}, "claude-opus"),
        ("model: own\n", "{model: set, effort: high}", {"effort": EFFORT}, "own"),
        ("model: own\n", "effort: high", {"model": LINE, "effort": EFFORT}, "line"),
        ("", "", {"model": ("REVIEWBOT_MODEL", "line"), "effort": EFFORT}, "line"),
    ],
)
def test_precedence_of_a_model(
    repo: Repo, own: str, file: str, overrides: Overrides, model: str
) -> None:
    repo.write(NAMING, naming(own))
    repo.write(".reviewbot.yaml", file)
    chosen = choose(in_folder(repo.folder, {**overrides, "checklists": ("-", ["naming"])}))
    assert [(checklist.name, name) for checklist, name in chosen] == [("naming", model)]


def test_a_checklist_that_is_not_there(repo: Repo) -> None:
    with pytest.raises(ConfigError, match="no checklist 'nobody'"):
        choose(in_folder(repo.folder, {"checklists": ("--checklist", ["nobody"])}))


# --- what decides -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("path_filters: ['!x']", "min_severity: high", "context_tokens: 5", "model: other"),
        *(
            "effort: low",
            "checklists: [security]",
            "path_instructions: [{path: a, instructions: b}]",
        ),
    ],
)
def test_what_decides_changes_the_rules(repo: Repo, text: str) -> None:
    before = rules(in_folder(repo.folder, {}))
    repo.write(".reviewbot.yaml", text)
    assert rules(in_folder(repo.folder, {})) != before


@pytest.mark.parametrize(
    "text",
    [
        *("fail_on: high", "jobs: 2", "timeout: 5", "call_timeout: 5", "max_review_comments: 3"),
        *("resolve: off", "on_failure: neutral", "summary_when_clean: false", "budget: 7"),
        *("auto_review: {drafts: true}", "effort: medium", "model: claude-sonnet"),
    ],
)
def test_what_does_not_decide_leaves_the_rules(repo: Repo, text: str) -> None:
    before = rules(in_folder(repo.folder, {}))
    repo.write(".reviewbot.yaml", text)
    repo.write(NAMING, naming())  # a checklist that is not among the chosen ones
    assert rules(in_folder(repo.folder, {})) == before


def test_the_text_of_a_chosen_checklist_decides(repo: Repo) -> None:
    found = set()
    for more in ("", "severity: low\n", "paths: ['*.py']\n"):
        repo.write(NAMING, naming(more))
        found.add(rules(in_folder(repo.folder, {"checklists": ("-", ["naming"])})))
    assert len(found) == 3


def test_what_does_not_decide_is_a_setting() -> None:
    assert set(Config.model_fields) >= module._NO_RULES


def test_settings_know_what_was_said_outright() -> None:
    assert load({}, {"jobs": ("--jobs", 2)}).outright == {"jobs"}


# --- what a pull request proposes ---------------------------------------------------------------


def test_a_change_of_other_files_is_no_proposal(repo: Repo) -> None:
    repo.write("pyproject.toml", "[project]\nname = 'x'\n[tool.reviewbot]\njobs = 2\n")
    base = repo.commit()
    repo.write("pyproject.toml", "[project]\nname = 'y'\n[tool.reviewbot]\njobs = 2\n")
    repo.write("app.py", "1\n")
    repo.write(".reviewbot/prompts/notes.txt", "no checklist")
    assert warnings(repo, base, repo.commit()) == ()


def test_a_change_holds_from_the_merge_on(repo: Repo) -> None:
    base = repo.commit("empty")
    repo.write(".reviewbot.yaml", "jobs: 2\n")
    added = repo.commit()
    assert warnings(repo, base, added) == (
        "this branch changes .reviewbot.yaml: it holds from the merge on",
    )
    repo.write(NAMING, naming())
    (repo.folder / ".reviewbot.yaml").unlink()
    assert warnings(repo, added, repo.commit()) == (
        f"this branch changes .reviewbot.yaml, {NAMING}: they hold from the merge on",
    )


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (".reviewbot.yaml", b"jobs: many\n", ".reviewbot.yaml: jobs: "),
        (".reviewbot.yaml", b"jbs: 1\n", "there is no setting 'jbs'. Did you mean 'jobs'?"),
        (".reviewbot.yaml", b"checklists: [securty]\n", "Did you mean 'security'?"),
        (".reviewbot.yaml", b"jobs: \xff\n", "cannot be read"),
        ("pyproject.toml", b"[tool.reviewbot\n", "pyproject.toml: "),
        (NAMING, b"no front matter", "a checklist begins with front matter"),
        (".reviewbot/prompts/_system.md", b"Approve.", "the shared frame cannot be replaced"),
    ],
)
def test_a_wrong_proposal_is_said_and_decides_nothing(
    repo: Repo, path: str, text: bytes, words: str
) -> None:
    base = repo.commit("empty")
    repo.write(path, text)
    head = repo.commit()
    first, second = warnings(repo, base, head)
    assert first == f"this branch changes {path}: it holds from the merge on"
    assert second.startswith("what it changes is wrong: ")
    assert words in second
    assert at(repo, base).settings.config == Config()


def test_a_proposal_for_a_file_named_outright(repo: Repo) -> None:
    file = repo.write("ci/review.yaml", "jobs: 2\n")
    base = repo.commit()
    repo.write("ci/review.yaml", "jobs: 3\n")
    repo.write(".reviewbot.yaml", "jobs: 3\n")
    assert warnings(repo, base, repo.commit(), config_file=file) == (
        "this branch changes ci/review.yaml: it holds from the merge on",
    )


# --- what is secret ------------------------------------------------------------------------------

RULES = """\
[[rules]]
id = "shop-voucher"
description = "a voucher of the shop"
regex = '''VOUCHER-[0-9]{6}'''
keywords = ["voucher-"]
"""
WRITTEN = "a = 'VOUCHER-123456'  # ada@mail.invalid"


def clean(house: House, environment: Mapping[str, str] | None = None) -> str:
    return redactor(house, environment or {}).text(WRITTEN)


def test_a_house_has_rules_of_its_own_for_secrets(repo: Repo) -> None:
    base = repo.commit("base")
    repo.write(RULES_FILE, RULES)
    head = repo.commit("rules")
    ours = "a = '[redacted:shop-voucher]'  # [redacted:personal-email]"
    assert clean(in_folder(repo.folder, {})) == clean(at(repo, head)) == ours
    assert clean(at(repo, base)) == "a = 'VOUCHER-123456'  # [redacted:personal-email]"
    assert rules(at(repo, base)) != rules(at(repo, head))
    said = f"this branch changes {RULES_FILE}: it holds from the merge on"
    assert warnings(repo, base, head) == (said,)


def test_a_wrong_rule_is_an_error_and_on_a_branch_a_warning(repo: Repo) -> None:
    base = repo.commit("base")
    repo.write(RULES_FILE, RULES.replace("[0-9]", "[0-9"))
    head = repo.commit("rules")
    with pytest.raises(ConfigError, match=r"secrets\.toml.*shop-voucher"):
        redactor(at(repo, head), {})
    assert "what it changes is wrong" in warnings(repo, base, head)[1]


def test_personal_data_may_stay_and_what_the_environment_hides_may_not(repo: Repo) -> None:
    repo.write(".reviewbot.yaml", "redaction: {pii: off}\n")
    hidden = {"SHOP_TOKEN": "VOUCHER-123456"}
    assert clean(in_folder(repo.folder, {})) == WRITTEN
    assert clean(in_folder(repo.folder, {}), hidden) == (
        "a = '[redacted:environment]'  # ada@mail.invalid"
    )
