"""The demo: it works without a key and beside any environment, and its sample is consistent."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reviewbot import checklists, demo
from reviewbot.findings import SCHEMA, Answer, Finding, read
from reviewbot.prompt import VERIFICATION

SAMPLE = Path(demo.__file__).parent / "sample"
NAMES = sorted(path.stem for path in (SAMPLE / "answers").glob("*.json"))
CHECKLISTS = [name for name in NAMES if name != VERIFICATION]
TITLE = "The product search puts the customer's text into the SQL"


@pytest.fixture(params=["plain", "busy"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Of a fresh machine; and of one with proxies, another gateway and a git hook under way."""
    names = ("PATH", "PYTHONPATH", "HOME", "GIT_CONFIG_NOSYSTEM")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    if request.param == "plain":
        return kept
    (tmp_path / "gitconfig").write_text("[core]\n\texcludesFile = ignored\n\tautocrlf = true\n")
    (tmp_path / "ignored").write_text("*.py\n")
    return kept | {
        "HTTP_PROXY": "http://127.0.0.1:1",
        "AI_GATEWAY_URL": "http://127.0.0.1:1",
        "LITELLM_API_KEY": "sk-mine",
        "REVIEWBOT_MODEL": "mine",
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
    }


def shown(environment: dict[str, str], folder: Path) -> str:
    """What the demo prints."""
    done = subprocess.run(
        [sys.executable, "-m", "reviewbot", "demo"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_it_shows_the_sample_reviewed(environment: dict[str, str], tmp_path: Path) -> None:
    printed = shown(environment, tmp_path)
    for part in (
        "shop/orders.py:82",
        TITLE,
        "> 82 + ",
        "left out: poetry.lock: lock file",
        "8 findings (1 critical, 3 high, 4 medium)",
        "7 files read, 1 left out",
        "5 calls (claude-sonnet)",
    ):
        assert part in printed
    assert "$0." in printed.splitlines()[-1]


# --- the sample ---------------------------------------------------------------------------------


def answer(name: str) -> Answer:
    return read((SAMPLE / f"answers/{name}.json").read_text("utf-8"))


FINDINGS = [
    pytest.param(finding, id=f"{name}-{finding.path}-{finding.line}")
    for name in NAMES
    for finding in answer(name).findings
]


def test_there_is_an_answer_to_each_checklist() -> None:
    assert sorted(checklists.load({})) == CHECKLISTS


@pytest.mark.parametrize("name", CHECKLISTS)
def test_an_answer_answers_every_item(name: str) -> None:
    given = answer(name)
    assert given.problem == ""
    assert [item.id for item in given.items] == [
        item.id for item in checklists.load({})[name].items
    ]
    failed = {item.id for item in given.items if item.status == "fail"}
    assert {finding.item for finding in given.findings} == failed


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_quotes_the_line_it_names(finding: Finding) -> None:
    lines = (SAMPLE / "head" / finding.path).read_text("utf-8").split("\n")
    assert lines[finding.line - 1] == finding.quote
    assert finding.line <= finding.end_line <= len(lines)
    assert 0 < len(finding.title) < 80
    assert finding.severity


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_suggestion_can_be_applied(finding: Finding) -> None:
    lines = (SAMPLE / "head" / finding.path).read_text("utf-8").split("\n")
    before = ast.dump(ast.parse("\n".join(lines)))
    if finding.suggestion:
        lines[finding.line - 1 : finding.end_line] = finding.suggestion.split("\n")
    after = ast.dump(ast.parse("\n".join(lines)))
    assert (before != after) == bool(finding.suggestion)


@pytest.mark.parametrize("tree", ["base", "head"])
def test_the_sample_is_code_that_parses(tree: str) -> None:
    files = sorted((SAMPLE / tree).rglob("*.py"))
    assert files
    assert all(ast.parse(path.read_text("utf-8")).body is not None for path in files)


def test_the_recorded_answers_are_json_as_the_schema_has_it() -> None:
    for name in NAMES:
        recorded = json.loads((SAMPLE / f"answers/{name}.json").read_text("utf-8"))
        assert list(recorded) == SCHEMA["required"]


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    excerpt = readme.partition("```\n")[2].partition("```\n")[0].splitlines()
    told = [line for line in excerpt if "[…]" not in line and not line.startswith("5 calls")]
    assert len(told) > 20
    wide = {**os.environ, "COLUMNS": "100"}
    assert set(told) <= set(shown(wide, tmp_path).splitlines())
