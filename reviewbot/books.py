"""The books of one run: what it is about, and what of it is written down, here and at LiteLLM."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from reviewbot import audit, house
from reviewbot.audit import Audit, Line, Origin, Reading, RunLine, Tokens
from reviewbot.config import AuditLog
from reviewbot.errors import ConfigError, InterruptedReview, ReviewbotError, UsageError
from reviewbot.findings import Severity
from reviewbot.models import Attempt, Usage
from reviewbot.quoting import scrubbed
from reviewbot.report import Report
from reviewbot.text import visible

VARIABLE = "REVIEWBOT_AUDIT"
OFF = "off"  # in the variable: no log
_CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI")
_LONGEST = 200  # characters of a name


@dataclass(slots=True)
class Books:
    """What is written down of one run, from any thread.

    Where there is no `log`, only the gateway is told.
    """

    origin: Origin
    log: Audit | None = None
    begun: float = field(default_factory=time.monotonic)
    attempts: list[Attempt] = field(default_factory=list)
    closed: bool = False

    @property
    def labels(self) -> Mapping[str, str]:
        """The run, for the gateway's own books."""
        origin = self.origin
        facts = {
            "run": origin.run,
            "repository": origin.repository,
            "pull_request": origin.pull_request,
            "commit": origin.commit,
            "user": origin.user,
        }
        return {name: str(value) for name, value in facts.items() if value}

    def about(self, commit: str | None) -> None:
        """Say which commit it is about, once that is known."""
        self.origin = replace(self.origin, commit=commit)

    def noted(self, attempt: Attempt) -> None:
        """Write down one attempt of a call."""
        self.attempts.append(attempt)
        self._write(
            audit.CallLine(
                time=datetime.now(UTC),
                origin=self.origin,
                model=_short(attempt.model),
                checklist=_short(attempt.purpose),
                tokens=_tokens(attempt.usage),
                dollars=attempt.usage.cost_usd,
                milliseconds=attempt.milliseconds,
                status=attempt.status,
                call_id=_short(attempt.call_id),
            )
        )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Write down how the run ended, also where an error ends it."""
        try:
            yield
        except (KeyboardInterrupt, InterruptedReview, SystemExit) as end:
            code = end.code if isinstance(end, SystemExit) else InterruptedReview.exit_code
            self.close(None, "interrupted", code if isinstance(code, int) else None)
            raise
        except ReviewbotError as error:
            self.close(None, "failed", error.exit_code)
            raise

    def close(self, report: Report | None, status: str, exit_code: int | None) -> None:
        """Write down how the run ended, the first time."""
        if self.closed:
            return
        self.closed = True
        counts = Counter(each.severity for each in report.standing) if report else Counter()
        coverage = report.coverage if report else ()
        attempts = tuple(self.attempts)
        self._write(
            RunLine(
                time=datetime.now(UTC),
                origin=self.origin,
                models=tuple(dict.fromkeys(_short(each.model) for each in attempts)),
                checklists=tuple(dict.fromkeys(_checklists(attempts))),
                files=len({each.path for each in coverage if each.status == "reviewed"}),
                findings={level.value: counts[level] for level in Severity},
                calls=len(attempts),
                tokens=_tokens(*(each.usage for each in attempts)),
                dollars=_dollars(attempts),
                milliseconds=int(1000 * (time.monotonic() - self.begun)),
                status=status,
                exit_code=exit_code,
            )
        )

    def _write(self, line: Line) -> None:
        if self.log:
            self.log.append(line)


def _checklists(attempts: Sequence[Attempt]) -> Iterator[str]:
    """The checklists that were asked for; a joint call has their names joined by `+`."""
    for attempt in attempts:
        yield from map(_short, attempt.purpose.split("+"))


def _tokens(*usages: Usage) -> Tokens:
    return Tokens(
        sum(usage.input_tokens for usage in usages),
        sum(usage.cached_tokens for usage in usages),
        sum(usage.cache_write_tokens for usage in usages),
        sum(usage.output_tokens for usage in usages),
    )


def _dollars(attempts: Sequence[Attempt]) -> float | None:
    """What they cost; None where an answer has no price."""
    costs = [each.usage.cost_usd for each in attempts if each.status == "ok"]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def _short(name: str) -> str:
    """A name without hidden characters and secrets, of bounded length: some come from outside."""
    return scrubbed(visible(name))[:_LONGEST]


# --- what a run is about -------------------------------------------------------------------------


def origin(
    repository: str,
    environment: Mapping[str, str],
    pull_request: int | None = None,
    commit: str | None = None,
) -> Origin:
    """A new run."""
    name, user = _short(repository), _short(_user(environment))
    return Origin(secrets.token_hex(6), name, pull_request, commit, user)


def _user(environment: Mapping[str, str]) -> str:
    """Who started the job, by the name the forge knows; else the system's name of the user."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME"):
        if environment.get(name):
            return environment[name]
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""


def repository_name(url: str, folder: Path) -> str:
    """`owner/name` by the address of a remote; else the name of the folder.

    Of the address nothing else is kept: a user or a token may stand in it.
    """
    remote = re.fullmatch(r"(?:[^/@]+@)?[^/:@]+:([^/].*)", url)  # as scp has it: host:owner/name
    path = remote[1] if remote and "://" not in url else _path(url)
    name = path.strip("/").removesuffix(".git")
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name) else folder.name


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.path if parts.hostname else ""


# --- where the log is ----------------------------------------------------------------------------


def log(
    settings: AuditLog | None,
    top: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> Audit | None:
    """The log to write to, without what is too old; None where there is none.

    As long as the settings are not known (None), there may be one by the environment alone, and
    nothing in it is too old.

    Raises:
        ConfigError: a file of the repository wants it where no file may want it.
    """
    path = place(settings or AuditLog(path=""), top, environment)
    if path is None or sys.platform == "win32":  # which has no locks of this kind
        return None
    made = Audit(path, say)
    if settings:
        made.prune(settings.retention_days)
    return made


def place(settings: AuditLog, top: Path, environment: Mapping[str, str]) -> Path | None:
    """Where the log is: as the environment says, the settings, or the user's own place for such.

    In CI there is no such place: what a job leaves behind is lost with its machine, or kept where
    nobody expects it.

    Raises:
        ConfigError: as above.
    """
    named = environment.get(VARIABLE, "").strip()
    if named:
        return None if named == OFF else Path(os.path.abspath(named))  # noqa: PTH100 - keeps links
    if settings.path is not None:
        return _inside(top, settings.path) if settings.path else None
    in_ci = any(environment.get(name) for name in _CI)
    return None if in_ci else _default(environment)


def _inside(top: Path, named: str) -> Path:
    """A place in the repository: what stands in a file of it must not lead anywhere else.

    Folders may be links, which a pull request may have put there.
    """
    path = top / named
    try:
        place = path.parent.resolve().relative_to(top.resolve()) / path.name
        link = path.is_symlink()
    except (ValueError, OSError):
        place, link = Path("..", "elsewhere"), False
    inner = (part.lower() for part in place.parts)
    if Path(named).is_absolute() or link or ".." in place.parts or ".git" in inner:
        raise ConfigError(
            f"audit.path: {visible(named)} is not in the repository",
            f"Name a file in it, or set {VARIABLE}, which may name any file.",
        )
    return top / place


def _default(environment: Mapping[str, str]) -> Path | None:
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    if not Path(state).is_absolute():  # as the rules for it say
        state = str(Path(home, ".local", "state")) if home else ""
    return Path(state, "reviewbot", "audit.jsonl") if state else None


def reading(file: Path | None, folder: Path, environment: Mapping[str, str]) -> Reading:
    """What stands in a log: in this one, or in that of the reviews in a folder.

    Raises:
        UsageError: it cannot be read, or there is none.
    """
    top = house.home(folder)
    path = file or place(house.in_folder(top, {}).settings.config.audit, top, environment)
    if path is None:
        raise UsageError(
            "no audit log is written here",
            f"Name a file, or set {VARIABLE}, or audit.path in the configuration.",
        )
    try:
        return audit.read(path)
    except FileNotFoundError:
        hint = "The next review begins it." if file is None else ""
        raise UsageError(f"there is no audit log {path}", hint) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"the audit log {path} cannot be read: {error}") from error
