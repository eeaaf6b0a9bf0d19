"""The doctor: looks at all that a review needs, without a call that costs anything.

A check is a function that says how it is, or raises what a review would raise; the table has them
in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reviewbot.doctor import forge, gateway, workplace
from reviewbot.doctor.case import Case, Outcome, Request, failed
from reviewbot.errors import ReviewbotError
from reviewbot.render.diagnosis import Check, Diagnosis


@dataclass(frozen=True, slots=True)
class Step:
    """A check, and those before it without which it can say nothing.

    One that is `for_ci` is none that a review on a laptop fails by.
    """

    name: str
    check: Callable[[Case], Outcome | None]
    needs: tuple[str, ...] = ()
    for_ci: bool = False


STEPS = (
    Step("configuration", workplace.configuration),
    Step("git", workplace.installed),
    Step("repository", workplace.repository, ("git",)),
    Step("depth", workplace.depth, ("repository",)),
    Step("base", workplace.base, ("repository",)),
    Step("address", gateway.address),
    Step("connection", gateway.connection, ("address",)),
    Step("TLS", gateway.encryption, ("connection",)),
    Step("gateway", gateway.readiness, ("TLS",)),
    Step("key", gateway.key, ("gateway",)),
    Step("expiry", gateway.expiry, ("key",)),
    Step("budget", gateway.budget, ("key",)),
    Step("limits", gateway.limits, ("configuration", "key")),
    Step("models", gateway.models, ("configuration", "budget")),
    Step("prices", gateway.prices, ("models",)),
    Step("structured output", gateway.structured_output, ("models",)),
    Step("caching", gateway.caching, ("models",)),
    Step("forge", forge.token, for_ci=True),
    Step("rights", forge.rights, ("forge",), for_ci=True),
)


def examine(request: Request) -> Diagnosis:
    """Make all checks, each as far as those that it needs allow."""
    with Case(request) as case:
        return Diagnosis(tuple(_checks(case)))


def _checks(case: Case) -> Iterator[Check]:
    lost: dict[str, str] = {}  # checks that have failed, or were not made, by which failed one
    for step in STEPS:
        because = next((lost[name] for name in step.needs if name in lost), "")
        outcome = _unmade(because) if because else _outcome(step, case)
        if outcome is None:
            continue
        if because or outcome.status == "failed":
            lost[step.name] = because or step.name
        if outcome.status == "failed" and step.for_ci and not case.in_ci:
            outcome = outcome._replace(status="warning")
        yield Check(step.name, *outcome)


def _outcome(step: Step, case: Case) -> Outcome | None:
    try:
        return step.check(case)
    except ReviewbotError as error:
        return failed(error)


def _unmade(name: str) -> Outcome:
    return Outcome("skipped", f"not looked at, because of: {name}")
