"""Prompts and answers in a folder that somebody has named: written there, or answered from there.

Nothing else of this program keeps what was said. A replay asks no model and costs nothing: the same
diff makes the same prompts to the byte, so an answer is found by its prompt.
"""

from __future__ import annotations

import json
import math
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from reviewbot import errors
from reviewbot.errors import CallError, GatewayError, UsageError
from reviewbot.meter import Meter
from reviewbot.models import Asker, Limits, Model, Question, Reply, Usage
from reviewbot.quoting import hidden
from reviewbot.text import digest, visible

REPLAYED = "a replay of recorded answers: no model was asked, and nothing was paid"
_ABOUT = "about.json"
_Kind = Literal["CallError", "BudgetError", "BusyError", "ModelError", "GatewayError"]


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: _Kind
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One prompt, and how it was answered."""

    purpose: str
    model: str
    messages: list[dict[str, Any]]
    answer: str
    cut: bool
    usage: Usage
    failure: _Failure | None


@dataclass(frozen=True, slots=True)
class _About:
    """What decides how a change is cut into prompts."""

    version: Literal[1]
    models: dict[str, Model]
    limits: Limits


_EXCHANGE = TypeAdapter(_Exchange)
_ABOUT_THEM = TypeAdapter(_About)


def _key(messages: Sequence[Mapping[str, Any]]) -> str:
    """A digest of the text alone: cache breakpoints, which depend on the model, do not count."""
    texts = []
    for message in messages:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part["text"] for part in content]
        texts += [str(message["role"]), *parts]
    return digest(*texts)


# --- recording -----------------------------------------------------------------------------------


class Record:
    """A new folder for prompts and answers, for its owner alone.

    Args:
        folder: where; git is told to pass over it, so that it is neither reviewed nor committed.
        say: told what whoever asks for a record should know.

    Raises:
        UsageError: it cannot be made, or something is there already.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._broken = False
        try:
            if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
                raise UsageError(
                    f"{folder} is not a new or empty folder", "A record needs one of its own."
                )
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise UsageError(f"{folder} cannot be recorded into: {error.strerror}") from error
        self.write(".gitignore", "*\n")
        say(
            f"warning: prompts and answers, and so your code, are written to {folder}: keep it as "
            "you keep the code, and delete it when you are done"
        )

    def write(self, name: str, text: str) -> None:
        """Write one file, for its owner alone; that it cannot be written stops no review."""
        file = self._folder / name
        try:
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(hidden(text), "utf-8")
        except OSError as error:
            if not self._broken:
                self._broken = True
                self._say(f"warning: the record is not whole: {file}: {error.strerror}")


class Recorder:
    """A gateway whose answers are written down as they come; from any thread."""

    def __init__(self, gateway: Asker, record: Record) -> None:
        self._gateway = gateway
        self._record = record

    def model(self, name: str) -> Model:
        """What is known about a model."""
        return self._gateway.model(name)

    def ask(self, question: Question) -> Reply:
        """Send one prompt, and write down what comes of it."""
        try:
            reply = self._gateway.ask(question)
        except GatewayError as error:
            self._write(question, Reply("", cut=False, usage=Usage()), _failure(error))
            raise
        self._write(question, reply)
        return reply

    def _write(self, asked: Question, reply: Reply, failure: _Failure | None = None) -> None:
        exchange = _Exchange(
            purpose=asked.purpose,
            model=asked.model,
            messages=asked.messages,
            answer=reply.text,
            cut=reply.cut,
            usage=reply.usage,
            failure=failure,
        )
        name = f"{_key(asked.messages)[:16]}-{secrets.token_hex(4)}.json"
        self._record.write(name, json.dumps(asdict(exchange), indent=1) + "\n")


def _failure(error: GatewayError) -> _Failure:
    kinds: tuple[_Kind, ...] = ("CallError", "BudgetError", "BusyError", "ModelError")
    name = type(error).__name__
    known: _Kind = next((kind for kind in kinds if kind == name), "GatewayError")
    if known == "GatewayError" and isinstance(error, CallError):
        known = "CallError"
    return _Failure(known, error.message, error.hint)


def describe(record: Record, models: Mapping[str, Model], limits: Limits) -> None:
    """Write down what the gateway tells of the models and the key: prompts are cut to fit them."""
    about = _About(1, dict(models), limits)
    record.write(_ABOUT, _ABOUT_THEM.dump_json(about, indent=1).decode() + "\n")


# --- replaying -----------------------------------------------------------------------------------


class Replay:
    """A record in place of a gateway: no network, no key, no cost.

    Raises:
        UsageError: the folder holds no record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        about: _About = _read(_ABOUT_THEM, folder / _ABOUT)
        self._models = about.models
        self.limits = about.limits
        self.meter = Meter(math.inf, "no budget", Limits())
        self._answers: dict[str, list[_Exchange]] = defaultdict(list)
        for file in sorted(folder.glob("*.json")):
            if file.name != _ABOUT:
                exchange: _Exchange = _read(_EXCHANGE, file)
                self._answers[_key(exchange.messages)].append(exchange)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def limit_to(self, dollars: float, words: str) -> None:
        """Nothing is paid, so there is nothing to limit."""

    def model(self, name: str) -> Model:
        """What the gateway told about a model."""
        return self._models.get(name, Model(name))

    def ask(self, question: Question) -> Reply:
        """What was answered to this prompt: by this model, or else by any.

        Raises:
            GatewayError: as it was raised then.
            UsageError: it was not asked then.
        """
        given = self._answers.get(_key(question.messages))
        if not given:
            purpose = visible(question.purpose)
            raise UsageError(
                f"the record in {self._folder} has no answer to this change ({purpose})",
                "The diff, a checklist, a setting or reviewbot itself is another one now: review "
                "what was recorded, with the same settings, or record it anew with --record.",
            )
        by_it = [each for each in given if each.model == question.model] or given
        exchange = next((each for each in by_it if each.failure is None), by_it[0])
        if exchange.failure:
            kind = getattr(errors, exchange.failure.kind)
            raise kind(exchange.failure.message, exchange.failure.hint)
        question.opened()
        usage = replace(exchange.usage, cost_usd=0.0)
        return Reply(exchange.answer, exchange.cut, usage)


def _read(kind: TypeAdapter[Any], file: Path) -> Any:
    try:
        return kind.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{file} is no part of a record: {_reason(error)}",
            "Name a folder that --record has written.",
        ) from None


def _reason(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    return error.errors(include_input=False, include_url=False)[0]["msg"]
