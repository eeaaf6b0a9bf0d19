"""The checks of the forge: its token, and what that may do. Nothing is written for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from reviewbot.doctor.case import Case, Outcome, failed, ok, warning
from reviewbot.doctor.gateway import SOON
from reviewbot.errors import ReadOnlyError
from reviewbot.forge.api import NOT_FOUND, UNAUTHORISED, Api
from reviewbot.forge.gitlab import DEVELOPER
from reviewbot.forge.gitlab_api import NEEDS
from reviewbot.jobs import github as actions
from reviewbot.models import moment

_ROLES = {10: "Guest", 15: "Planner", 20: "Reporter", 30: "Developer", 40: "Maintainer"}
_CLASSIC = {"repo", "public_repo"}  # scopes of a classic token, each of which may write


def token(case: Case) -> Outcome:
    """The forge takes the token, and shows the repository."""
    environment = case.environment
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(case)
    if environment.get("GITHUB_ACTIONS") == "true" or environment.get("GITHUB_TOKEN"):
        return _github(case)
    if environment.get("GITLAB_TOKEN"):
        return _gitlab(case)
    return Outcome("skipped", "this is no CI job, and a review on this machine needs no forge")


def rights(case: Case) -> Outcome | None:
    """The token may write comments, as far as that can be known without writing one."""
    if case.forge is None:
        return None
    return case.forge.rights()


@dataclass(frozen=True, slots=True)
class GitHub:
    """A repository at GitHub; `scopes` are those of a classic token, None for all others."""

    api: Api
    root: str
    scopes: frozenset[str] | None

    def rights(self) -> Outcome:
        """Reading is tried; of other than classic tokens nobody can know what they may write."""
        self.api.ask("GET", f"{self.root}/pulls?per_page=1&state=all")
        if self.scopes is None:
            return ok(
                "it may read pull requests; whether it has pull-requests: write, and statuses: "
                "write for commands, shows only when something is written"
            )
        if not self.scopes & _CLASSIC:
            has = ", ".join(sorted(self.scopes)) or "none"
            return failed(
                ReadOnlyError(
                    f"the token may not write: it lacks the scope repo, and has {has}",
                    "Make a token with pull-requests: write and contents: read.",
                )
            )
        return ok("it may read and write, by its scopes")


def _github(case: Case) -> Outcome:
    from reviewbot.forge.github_api import Carrier  # noqa: PLC0415

    at = actions.connection(case.environment)
    repository = case.environment.get("GITHUB_REPOSITORY", "")
    if not repository:
        return _aimless("GITHUB_TOKEN", "which repository", "GITHUB_REPOSITORY=owner/name")
    api = Api(Carrier(at.api, at.token), patience=0.0)
    answer = api.ask("GET", f"/repos/{repository}")
    given = answer.headers.get("x-oauth-scopes")
    scopes = None if given is None else frozenset(filter(None, given.replace(" ", "").split(",")))
    case.forge = GitHub(api, f"/repos/{repository}", scopes)
    ends = answer.headers.get("github-authentication-token-expiration", "")
    expires = moment(ends.replace(" UTC", "+00:00"))
    return _accepted(f"GitHub takes the token, and shows {repository}", expires)


@dataclass(frozen=True, slots=True)
class GitLab:
    """A project at GitLab, and what GitLab says of the token; empty where it does not."""

    api: Api
    project: str
    request: str
    about: Mapping[str, Any]

    def rights(self) -> Outcome:
        """By the scopes of the token, and the role of its user."""
        if self.request:
            self.api.ask("GET", f"{self.project}/merge_requests/{self.request}")
        scopes = self.about.get("scopes")
        if scopes is None:
            return warning("GitLab does not say what the token may do", NEEDS)
        if "api" not in scopes:
            has = ", ".join(map(str, scopes)) or "none"
            words = f"the token may not write: it lacks the scope api, and has {has}"
            return failed(ReadOnlyError(words, NEEDS))
        level = self._level()
        role = _ROLES.get(level, "no role" if level < min(_ROLES) else "Owner")
        if level < DEVELOPER:
            return warning(f"its role is {role}: it may not resolve the threads of others", NEEDS)
        return ok(f"it may read and write: scope api, role {role}")

    def _level(self) -> int:
        path = f"{self.project}/members/all/{self.about.get('user_id')}"
        answer = self.api.ask("GET", path, fine=(NOT_FOUND,))
        with self.api.understood():
            return 0 if answer.status == NOT_FOUND else int(answer.content["access_level"])


def _gitlab(case: Case) -> Outcome:
    from reviewbot.forge.gitlab_api import Carrier  # noqa: PLC0415

    environment = case.environment
    secret = environment.get("GITLAB_TOKEN", "").strip()
    if not secret:
        return warning("without a token, findings stand in the Code Quality report only", NEEDS)
    url = environment.get("CI_API_V4_URL", "")
    if not url:
        return _aimless("GITLAB_TOKEN", "which GitLab", "CI_API_V4_URL=https://host/api/v4")
    name = environment.get("CI_MERGE_REQUEST_PROJECT_PATH") or environment.get("CI_PROJECT_PATH")
    if not name:
        return _aimless("GITLAB_TOKEN", "which project", "CI_PROJECT_PATH=group/project")
    authorities = environment.get("CI_SERVER_TLS_CA_FILE", "")
    api = Api(Carrier(url, secret, authorities), patience=0.0)
    project = f"/projects/{quote(name, safe='')}"
    api.ask("GET", project)
    fine = (NOT_FOUND, UNAUTHORISED)  # of a token that is none of a person or a project
    about = api.ask("GET", "/personal_access_tokens/self", fine=fine)
    known = about.content if about.status == 200 and isinstance(about.content, dict) else {}  # noqa: PLR2004
    case.forge = GitLab(api, project, environment.get("CI_MERGE_REQUEST_IID", ""), known)
    return _accepted(f"GitLab takes the token, and shows {name}", _end_of(known.get("expires_at")))


def _end_of(day: object) -> datetime | None:
    """When a token ends of which GitLab says the day: as that begins."""
    try:
        return datetime.combine(date.fromisoformat(str(day)), datetime.min.time(), UTC)
    except ValueError:
        return None


def _accepted(words: str, expires: datetime | None) -> Outcome:
    if expires and expires - datetime.now(UTC) < SOON:
        return warning(f"{words}; it expires on {expires:%Y-%m-%d}", "Make a new one before that.")
    return ok(words)


def _aimless(variable: str, what: str, example: str) -> Outcome:
    """A token is sent to nobody by a guess."""
    words = f"{variable} is set, but not for {what}: it is not tried"
    return Outcome("skipped", words, f"export {example}")
