"""A review in CI: from the job's event to its exit code, and what it leaves behind on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from reviewbot import jobs, pull_request
from reviewbot.errors import GatewayError, OutputError
from reviewbot.findings import Severity
from reviewbot.jobs import Runner
from reviewbot.output import Destination, show
from reviewbot.progress import Progress
from reviewbot.pull_request import Ending, Order
from reviewbot.render import Style, markdown, text
from reviewbot.text import harmless, plural, visible


def run(
    order: Order, environment: Mapping[str, str], destination: Destination, progress: Progress
) -> int:
    """Do what the CI job asks for; the exit code.

    Raises:
        UsageError: this is no CI job, or one that has no pull request.
        ForgeError: the pull request cannot be read.
        InterruptedReview: somebody has stopped the job.
    """
    runner = jobs.runner(environment)
    job = runner.job()
    access = None if job.idle else runner.access(job, progress.paused)
    if access is None:
        ending = Ending(0, "skipped", job.idle or "no open pull request has this head")
    else:
        ending = pull_request.run(job, access, order, environment, progress)
    try:
        conclude(ending, runner, destination)
    except OutputError as error:
        progress.say(error.sentences)
        return ending.code if ending.code in (1, GatewayError.exit_code) else error.exit_code
    return ending.code


def conclude(ending: Ending, runner: Runner, destination: Destination) -> None:
    """Write the report, set the job's outputs, and show what the pull request could not be told.

    Raises:
        OutputError: the report cannot be written.
    """
    if ending.report:
        show(harmless(text.render(ending.report, Style())))
    for line in _said(ending):
        show(harmless(f"reviewbot: {visible(line)}\n"))
    runner.set_outputs(outputs(ending, str(destination.path or "")))
    _show_on_page(ending, runner)
    if ending.report and destination.path:
        destination.write_report(ending.report)


def _show_on_page(ending: Ending, runner: Runner) -> None:
    report, delivery = ending.report, ending.delivery
    if report and delivery:
        summary = delivery.text or markdown.render(report, Style())
        delivered = delivery.superseded or delivery.problem is None
        runner.show(report, summary, delivered=delivered)
    else:
        runner.show(None, "", delivered=True)


def _said(ending: Ending) -> Iterator[str]:
    """What was done on the pull request, or why nothing was."""
    delivery = ending.delivery
    if ending.report is None or ending.status == "superseded":
        yield f"{ending.status}: {ending.words}"
    elif delivery and delivery.problem:
        yield f"not all could be posted: {delivery.problem.sentences}"
    elif delivery and not delivery.text:
        yield "nothing is posted, as was asked"
    elif delivery:
        yield (
            f"{plural(len(delivery.posted), 'comment')} posted, {skipped(ending)} not said again, "
            f"{plural(delivery.resolved, 'thread')} resolved"
        )


def skipped(ending: Ending) -> int:
    """How many findings of this review were said before, or need not be said."""
    findings = ending.report.findings if ending.report else ()
    return sum(
        each.model != "" and each.state in ("open", "dismissed", "dropped") for each in findings
    )


def outputs(ending: Ending, report: str) -> Mapping[str, str]:
    """The outputs of the job's step, by their names."""
    standing = ending.report.standing if ending.report else ()
    counts = Counter(comment.severity for comment in standing)
    cost = ending.report.usage.cost_usd if ending.report else 0.0
    delivery = ending.delivery
    return {
        "status": ending.status,
        "findings": str(len(standing)),
        **{str(level): str(counts[level]) for level in Severity},
        "posted": str(len(delivery.posted) if delivery else 0),
        "skipped": str(skipped(ending)),
        "resolved": str(delivery.resolved if delivery else 0),
        "cost-usd": "" if cost is None else f"{cost:.4f}",
        "report": report if ending.report else "",
    }
