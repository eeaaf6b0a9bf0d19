"""What the documents show is what the program makes, and what they point to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Repo
from fake_gateway import FakeGateway
from worlds import GitHubWorld, github_world

from reviewbot import demo
from reviewbot.config import Config
from reviewbot.demo.gateway import replaying
from reviewbot.pull_request import Order

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted(
    (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.md"))
)

# --- excerpts ------------------------------------------------------------------------------------


@pytest.fixture
def demonstrated(repo: Repo, fake: FakeGateway, tmp_path: Path) -> Iterator[GitHubWorld]:
    """The demo's branch as a pull request that was reviewed with the recorded answers."""
    with (
        github_world(repo, fake, tmp_path) as world,
        replaying(demo._recorded()) as url,
    ):
        repo.git("switch", "--quiet", "--orphan", "sample")
        demo._commit(repo.folder, "base", "A small shop")
        repo.git("switch", "--quiet", "--create", "checkout")
        demo._commit(repo.folder, "head", "Coupons, search and paging")
        world.pull = world.hub.open_pull(base="sample", head="checkout")
        assert world.run(order=Order({}), AI_GATEWAY_URL=url).code == 0
        yield world


def test_the_readme_shows_what_stands_on_a_pull_request(demonstrated: GitHubWorld) -> None:
    made = [*(said.body for said in demonstrated.said()), demonstrated.summary()]
    lines = {_unlinked(line) for text in made for line in text.splitlines()}
    quoted = [line[2:] for line in README.splitlines() if re.match(r">( |$)", line)]
    assert len(quoted) > 30
    parts = [part for line in quoted for part in line.split("[…]") if " calls (" not in line]
    assert [part for part in parts if not any(part.strip() in line for line in lines)] == []


def _unlinked(line: str) -> str:
    return re.sub(r"\[(`[^`]+`|run again)\]\(http[^)]+\)", r"\1", line)


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", page.read_text("utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [target for target, _ in targets if not target.exists()] == []
    assert [each for each in targets if each[1] and each[1] not in _anchors(each[0])] == []


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- names ---------------------------------------------------------------------------------------


def test_the_page_on_github_names_all_examples() -> None:
    page = (ROOT / "docs/github.md").read_text("utf-8")
    names = [file.name for file in (ROOT / "examples/github").iterdir()]
    assert [name for name in names if f"../examples/github/{name}" not in page] == []


_FILE = re.compile(
    r"`((?:[\w.-]+/)+[\w.-]+\.\w+|[\w.-]+\.(?:lock|toml|yml))`(?:\s\(((?:`\w+`(?:, )?)+)\))?"
)


def test_promises_of_security_name_what_keeps_them() -> None:
    """Each file that is named is there, and has in it what is named in parentheses behind it."""
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    named = [(path, re.findall(r"`(\w+)`", names)) for path, names in _FILE.findall(page)]
    ours = [(path, names) for path, names in named if not path.startswith(".")]  # else the reader's
    assert [path for path, _ in ours if not (ROOT / path).is_file()] == []
    assert len(ours) > 30
    held = [(ROOT / path, name) for path, names in ours for name in names]
    assert len(held) > 20
    assert [(path, name) for path, name in held if name not in path.read_text("utf-8")] == []


def test_promises_of_security_name_settings_and_options_that_are_there() -> None:
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    redaction = Config.model_json_schema()["$defs"]["Redaction"]["properties"]
    settings = re.findall(r"`redaction\.(\w+)`", page)
    assert set(settings) == set(redaction)
    commands = (ROOT / "reviewbot/cli").glob("*.py")
    source = "\n".join(file.read_text("utf-8") for file in commands)
    options = re.findall(r"--[a-z][a-z-]+", page)
    assert options
    assert [option for option in options if f'"{option}"' not in source] == []


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("github.md", "## When something is wrong"),
        ("keys.md", "## When something is wrong"),
        ("gateway.md", "## When a call is refused"),
    ],
)
def test_what_a_page_explains_is_what_the_program_says(name: str, heading: str) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    seen = re.findall(r"^\| ([^|]*`[^|]*) \|", page.partition(heading)[2], re.MULTILINE)
    said = [
        part.strip()
        for cell in seen
        for code in re.findall(r"`([^`]+)`", cell)
        for part in code.split("…")
    ]
    source = "\n".join(file.read_text("utf-8") for file in (ROOT / "reviewbot").rglob("*.py"))
    assert len(said) > 8
    assert [words for words in said if words not in source] == []
