"""A sample branch, reviewed by the true pipeline against recorded answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from reviewbot import change, checklists, local
from reviewbot.demo.gateway import replaying
from reviewbot.output import Destination
from reviewbot.progress import Progress
from reviewbot.prompt import VERIFICATION

_SAMPLE = Path(__file__).parent / "sample"
_IDENTITY = ("-c", "user.name=Sample", "-c", "user.email=sample@example.invalid")


def run() -> int:
    """Build the sample repository, review its branch and show the report.

    Returns:
        The exit code.
    """
    with (
        _plain_git(),
        tempfile.TemporaryDirectory(prefix="reviewbot-demo-", ignore_cleanup_errors=True) as folder,
    ):
        _build(Path(folder))
        with replaying(_recorded()) as url, contextlib.chdir(folder):
            click.echo(
                f"$ reviewbot diff main    (in a sample repository; the gateway at {url} replays\n"
                "recorded answers: no model is asked, and the price is what it would have been)\n",
                err=True,
            )
            wish = local.Wish(
                span=lambda repository: change.branch(repository, "main", None),
                patch=None,
                overrides={},
            )
            environment = {
                "AI_GATEWAY_URL": url,
                "LITELLM_API_KEY": "no-key-is-needed",
                "REVIEWBOT_AUDIT": "off",
            }
            report, config = local.review(wish, environment, Progress(sys.stderr))
            Destination.of(None, "text").write_report(report)
    return report.exit_code(config.fail_on)


@contextlib.contextmanager
def _plain_git() -> Iterator[None]:
    """Hide what the environment says to git, as a hook's folders: the sample stands by itself."""
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("GIT_")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ.update(hidden)


def _build(folder: Path) -> None:
    """Two commits: the shop on main, and its new feature on a branch."""
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _commit(folder, "base", "A small shop")
    _git(folder, "switch", "--quiet", "--create", "feature/checkout")
    _commit(folder, "head", "Coupons, search and paging")


def _commit(folder: Path, tree: str, message: str) -> None:
    shutil.copytree(
        _SAMPLE / tree,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
        copy_function=shutil.copyfile,  # with a fresh time: git goes by it
    )
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *_IDENTITY, *arguments], cwd=folder, check=True)


def _recorded() -> dict[str, str]:
    """The recorded answer for each checklist and the verification, by the line that asks for it."""
    titles = {name: checklist.title for name, checklist in checklists.load({}).items()}
    titles |= {VERIFICATION: VERIFICATION.title()}
    return {
        f"# Checklist: {title}": (_SAMPLE / f"answers/{name}.json").read_text("utf-8")
        for name, title in titles.items()
    }
