"""Every prompt on its way to a model."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import token

from reviewbot import checklists
from reviewbot.findings import FORM
from reviewbot.guard import Guarded
from reviewbot.models import Model, Question, Reply, Usage
from reviewbot.redaction import Redactor, shipped

HIDDEN = "[redacted:github-token]"


@dataclass
class Listener:
    """Answers everything, and keeps what it was asked."""

    asked: list[Question] = field(default_factory=list)

    def model(self, name: str) -> Model:
        return Model(name)

    def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        return Reply("", cut=False, usage=Usage())


def test_no_part_of_a_prompt_is_passed_over() -> None:
    listener = Listener()
    guarded = Guarded(listener, Redactor(shipped()))
    parts = [{"type": "text", "text": f"a = '{token()}'", "cache_control": {"type": "ephemeral"}}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": token()},
        {"role": "user", "content": parts},
    ]
    guarded.ask(Question("claude-sonnet", messages, "security", FORM, 100, time.monotonic()))
    (asked,) = listener.asked
    assert asked.messages == [
        {"role": "system", "content": HIDDEN},
        {"role": "user", "content": [{**parts[0], "text": f"a = '{HIDDEN}'"}]},
    ]
    assert guarded.model("claude-haiku") == Model("claude-haiku")


@pytest.mark.parametrize("name", sorted(checklists.shipped()))
def test_our_own_words_pass_unchanged(name: str) -> None:
    text = checklists.shipped()[name]
    assert Redactor(shipped()).text(text) == text
