"""A report that another job has made, held against this job's own diff.

It may have come a long way: nothing in it is believed but what the model is quoted with. Places are
found anew, and what it says of its coverage must fit the files that are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reviewbot import anchors
from reviewbot.errors import UsageError
from reviewbot.forge import PullRequest
from reviewbot.merging import merge
from reviewbot.pipeline import Review, above_threshold, coverage
from reviewbot.report import Coverage, Report, ranked
from reviewbot.text import visible

MISSING = "the report does not say that it was read"


def handed_over(report: Report, pull: PullRequest, review: Review) -> Report:
    """The report as far as the diff bears it out.

    Args:
        report: what the other job has made.
        pull: the pull request it is to be posted on.
        review: what this job would have had to review.

    Raises:
        UsageError: it is about another pull request, or about no commit.
    """
    _check_target(report, pull)
    covered = coverage(review, _claimed(report))
    gap = any(entry.status == "failed" for entry in covered) or report.base != review.change.base
    files, lines = review.readable, review.change.lines
    claimed = anchors.place_again(files, report.findings, lines)
    found = anchors.place(files, review.screening.credentials, lines)
    findings = merge((*found, *claimed))
    made = replace(
        report,
        status="incomplete" if gap and report.status != "failed" else report.status,
        base=review.change.base,
        findings=tuple(ranked(above_threshold(each, review.config) for each in findings)),
        coverage=covered,
    )
    return made.with_texts(review.clean)


def _check_target(report: Report, pull: PullRequest) -> None:
    if (report.repository, report.pull_request) != (pull.repository, pull.number):
        said = f"{report.repository}#{report.pull_request}"
        raise UsageError(
            f"the report is about {visible(said)}, not about {pull.repository}#{pull.number}"
        )
    if report.head is None:
        raise UsageError("the report does not say which commit it is about")


def _claimed(report: Report) -> Callable[[str, str, str], Coverage]:
    """What the report says of the files that are to be read; of some it may say nothing."""
    said = {(entry.path, entry.checklist): entry for entry in report.coverage}

    def read(path: str, name: str, model: str) -> Coverage:
        entry = said.get((path, name))
        if entry is None or entry.status == "skipped":
            return Coverage(path, name, "failed", MISSING, model)
        return entry

    return read
