"""One visit to the doctor: what the folder and the environment say, looked up when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from reviewbot import house, jobs
from reviewbot.checklists import Checklist
from reviewbot.config import Config
from reviewbot.connections import QUESTION_TIMEOUT
from reviewbot.endpoint import Source, endpoint, source
from reviewbot.errors import ReviewbotError
from reviewbot.gateway import Gateway
from reviewbot.git import Repository
from reviewbot.house import House
from reviewbot.knock import Knock, knock
from reviewbot.models import Model
from reviewbot.render.diagnosis import Status


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be examined: the folder, the settings given outright, the base to compare with."""

    folder: Path
    environment: Mapping[str, str]
    overrides: Mapping[str, tuple[str, Any]]
    base: str | None = None
    config_file: Path | None = None


class Visit(Protocol):
    """A forge that has taken the token."""

    def rights(self) -> Outcome:
        """What the token may do there."""


class Outcome(NamedTuple):
    """How a check has ended; see `reviewbot.render.diagnosis.Check`."""

    status: Status
    words: str
    remedy: str = ""
    code: int = 0


def ok(words: str) -> Outcome:
    """All is well."""
    return Outcome("ok", words)


def warning(words: str, remedy: str) -> Outcome:
    """A review works, but not as it could."""
    return Outcome("warning", words, remedy)


def failed(error: ReviewbotError) -> Outcome:
    """A review fails as this error says."""
    return Outcome("failed", error.message, error.hint, error.exit_code)


class Case:
    """What the checks look at; each thing is found out once, and raises as it does in a review."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.environment = request.environment
        self.in_ci = jobs.is_ci(request.environment)
        self.forge: Visit | None = None  # from the moment that it has taken the token
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- the folder -----------------------------------------------------------------------------

    @cached_property
    def repository(self) -> Repository:
        """The repository around the folder."""
        return self._stack.enter_context(Repository(self.request.folder))

    @cached_property
    def house(self) -> House:
        """Settings and checklists, as they lie there."""
        home = house.home(self.request.folder)
        return house.in_folder(home, self.request.overrides, self.request.config_file)

    @property
    def config(self) -> Config:
        """The settings."""
        return self.house.settings.config

    @cached_property
    def chosen(self) -> list[tuple[Checklist, str]]:
        """The checklists of a review, each with the name of its model."""
        return house.choose(self.house)

    # --- the gateway ----------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        """Where the environment says the gateway is."""
        return source(self.environment)

    @cached_property
    def readiness(self) -> Knock:
        """What is told by the route that LiteLLM has for this; no model is called by it."""
        address = self.source.address
        return knock(address, f"{address.root}/health/readiness", self._timeout())

    @cached_property
    def listing(self) -> Knock:
        """What is told of models to somebody without a key."""
        address = self.source.address
        return knock(address, f"{address.url}/models", self._timeout())

    @cached_property
    def gateway(self) -> Gateway:
        """The gateway, which takes the key."""
        opened = Gateway(endpoint(self.environment), self._timeout())
        return self._stack.enter_context(opened)

    @cached_property
    def allowed(self) -> tuple[str, ...] | None:
        """The models that the key may call, as far as the endpoint tells."""
        return self.gateway.allowed()

    def models(self) -> dict[str, list[str]]:
        """The models of a review, each with the checklists that it reads."""
        return house.models(self.house)

    def lacking(self, has: Callable[[Model], object]) -> list[str]:
        """Those models of a review of which something does not hold."""
        names = dict.fromkeys((*self.models(), *self.config.fallback_models))
        return [name for name in names if not has(self.gateway.model(name))]

    @property
    def readers(self) -> list[str]:
        """The model of each call that a batch takes."""
        if self.config.effort == "low":
            return list(self.models())
        return [model for _, model in self.chosen]

    def _timeout(self) -> float:
        try:
            return self.config.call_timeout
        except ReviewbotError:
            return QUESTION_TIMEOUT
