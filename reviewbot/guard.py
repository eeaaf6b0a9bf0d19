"""The one way to a model: nothing secret passes, whichever part of a prompt it stands in.

What is shown of a change is without secrets already, so that answers can quote it. Here the whole
prompt is looked through once more: titles, guides, names, and an answer that is sent back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from reviewbot.models import Asker, Model, Question, Reply
from reviewbot.redaction import Redactor

SHARED_TEXTS = 32  # that calls under way at the same time have in common


class Guarded:
    """A gateway that is sent nothing secret."""

    def __init__(self, gateway: Asker, redactor: Redactor) -> None:
        self._gateway = gateway
        self._clean = lru_cache(SHARED_TEXTS)(redactor.text)

    def model(self, name: str) -> Model:
        """What is known about a model."""
        return self._gateway.model(name)

    def ask(self, question: Question) -> Reply:
        """Send one prompt, without what is secret in it."""
        messages = cleaned(question.messages, self._clean)
        return self._gateway.ask(replace(question, messages=messages))


def cleaned(
    messages: Iterable[dict[str, Any]], clean: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Chat messages, every text of them made clean."""
    return [{**message, "content": _content(message["content"], clean)} for message in messages]


def _content(content: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(content, str):
        return clean(content)
    return [{**part, "text": clean(part["text"])} for part in content]
