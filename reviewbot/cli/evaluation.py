"""`reviewbot eval`: how good the reviews are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reviewbot.cli import spans
from reviewbot.cli.options import (
    CHOOSING_MODELS,
    CONFIG,
    EXISTING_FILE,
    EXISTING_FOLDER,
    FOLDER,
    PATH,
    overrides,
    settings,
    variable,
)
from reviewbot.cli.saying import show
from reviewbot.text import harmless, plural


class _Evaluations(click.Group):
    """`eval DIR` stands for `eval run DIR`, and `eval --compare` for `eval compare`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name where it was left out."""
        if args[:1] == ["--compare"]:
            args = ["compare", *args[1:]]
        elif args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("eval", cls=_Evaluations)
def command() -> None:
    """Measure how good the reviews are, on changes with known problems.

    \b
    reviewbot eval DIR                        review the cases of a folder, and have them judged
    reviewbot eval --compare A.json B.json    what is better, and what worse
    reviewbot eval add REV --golden 'app.py:12: Divides by zero on an empty list'
                                              a case from the history of this repository

    `reviewbot eval run --help` has the options of the first.
    """


_FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of what is shown.",
)


@command.command("run")
@click.argument("folder", metavar="DIR", type=EXISTING_FOLDER)
@settings(*CHOOSING_MODELS, "min_severity")
@click.option(
    "--judge",
    metavar="NAME",
    default="claude-sonnet",
    show_default=True,
    help="Model that judges; one of another family than the reviewers is fairer.",
)
@click.option(
    "--budget",
    "total",
    type=click.FloatRange(min=0),
    metavar="USD",
    default=10.0,
    help="Dollars that all cases and the judge may cost at most.  [default: 10.00]",
)
@click.option(
    "--case-budget",
    "budget",
    type=float,
    metavar="USD",
    help="Dollars that the review of one case may cost at most.  [default: 1.00]",
    **variable("BUDGET"),
)
@settings("jobs", "timeout", "call_timeout")
@CONFIG
@click.option(
    "--into",
    type=FOLDER,
    metavar="DIR",
    default="reviewbot-eval",
    show_default=True,
    help="Folder for what is done: the same command goes on there.",
)
@click.option(
    "--repository",
    type=EXISTING_FOLDER,
    metavar="DIR",
    help="Repository that has the commits of the cases.  [default: the one that you are in]",
)
@click.option("--replay", is_flag=True, help="Ask nobody: score what is done, at no cost.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was missed, and what was false.")
@_FORMAT
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write the results there as JSON, too: figures, and each case.",
)
@click.pass_context
def run(context: click.Context, /, **options: Any) -> int:
    """Review the cases of a folder, have a model judge, and say how good it was.

    A case is two files: NAME.diff, and NAME.json with its id, title, description and goldens, the
    known problems that a review should find. Each is reviewed as `reviewbot diff --patch` would;
    where it names two commits that are in the repository, as `reviewbot diff BASE...HEAD` would,
    with the code around the change. Title and description are what the authors say. The judge says
    which finding reports which golden. --jobs and --timeout hold for the calls of one case.

    Cases that are done are not done again, unless the case, the settings or a prompt has changed.
    """
    from dataclasses import asdict

    from reviewbot.evaluation import run, score, table
    from reviewbot.output import Destination
    from reviewbot.progress import Progress

    file = options["output"] and Destination.of(options["output"], "json")
    order = run.Order(
        folder=options["folder"],
        into=options["into"],
        repository=options["repository"],
        overrides=overrides(context, options),
        config_file=options["config_file"],
        judge=options["judge"],
        budget=options["total"],
        replay=options["replay"],
    )
    results = run.evaluate(order, os.environ, Progress(sys.stderr))
    figures = score.figures(results.scored)
    as_json = results.to_json(asdict(figures))
    if file:
        file.write(as_json)
    if options["format_"] == "json":
        show(as_json)
    else:
        show(harmless(table.shown(results, figures, _width(), verbose=options["verbose"])))
    return results.exit_code


@command.command()
@click.argument("a", type=EXISTING_FILE)
@click.argument("b", type=EXISTING_FILE)
@_FORMAT
def compare(a: Path, b: Path, format_: str) -> None:
    """Say what differs between two results, and how sure that is.

    A and B are files that `reviewbot eval DIR -o FILE` has written. The cases that both have are
    compared, and drawn in pairs for the intervals. A golden is won where only B has found it, lost
    where only A has.
    """
    from reviewbot.evaluation import results, table
    from reviewbot.evaluation.compare import compare as compared

    comparison = compared(results.read(a), results.read(b))
    if format_ == "json":
        show(comparison.to_json())
    else:
        show(harmless(table.compared(comparison, (str(a), str(b)), _width())))


def _width() -> int:
    """Columns of the terminal."""
    from reviewbot.output import Destination

    return Destination(None, "text").style().width


@command.command()
@click.argument("revision", metavar="REV")
@click.option(
    "--golden",
    "goldens",
    metavar="'PATH:LINE: TEXT'",
    multiple=True,
    required=True,
    help="A problem that a review should find, at a line of the new version. Repeatable.",
)
@click.option(
    "--into",
    type=FOLDER,
    metavar="DIR",
    default="reviewbot-cases",
    show_default=True,
    help="Folder of cases; it is made where it is not there.",
)
def add(revision: str, goldens: Sequence[str], into: Path) -> None:
    """Make a case of a change in this repository's history.

    REV is a commit, or BASE...HEAD for what a branch brings. Title and description are those of the
    commits. What a review should find is known best of changes that a later one had to mend.
    """
    from reviewbot.evaluation import case, sample
    from reviewbot.git import Repository

    wanted = [sample.golden(text) for text in goldens]
    span = spans.of(revision)
    with Repository(Path.cwd()) as repository:
        made = sample.case(repository, span(repository), wanted)
    file = case.write(made, into)
    show(f"{file}: {plural(len(wanted), 'golden')}; more can be added there\n")
