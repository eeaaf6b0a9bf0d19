"""The judge: a model that says which finding reports which golden."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from reviewbot import checklists
from reviewbot.anchors import Comment
from reviewbot.errors import AnswerError
from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.results import NO_USAGE, total
from reviewbot.models import Asker, Form, Question, Reply
from reviewbot.render import words
from reviewbot.report import TotalUsage
from reviewbot.text import fenced

DEFAULT = "claude-sonnet"  # whatever model reviews: else results could not be compared
PURPOSE = "judge"

FORM = Form(
    "judgement",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["verdicts"],
        "properties": {
            "verdicts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["finding", "reason", "problems"],
                    "properties": {
                        "finding": {"type": "integer", "description": "number of the finding"},
                        "reason": {"type": "string", "description": "why, in one sentence"},
                        "problems": {
                            "type": "array",
                            "items": {"type": "integer"},
                            "description": "numbers of the known problems that it reports",
                        },
                    },
                },
            },
        },
    },
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one finding reports: goldens, by their place in the list."""

    goldens: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict for each finding, and what it took."""

    version: Literal[1]
    verdicts: tuple[Verdict, ...]
    usage: TotalUsage


def prompt(golden: Sequence[Golden], findings: Sequence[Comment]) -> str:
    """What the judge is asked."""
    problems = [
        f"## Problem {number}{_place(each.path, each.line)}\n{each.text}"
        for number, each in enumerate(golden, 1)
    ]
    said = [
        f"## Finding {number}{_place(each.path, each.line)}\n{each.title}\n{each.body}"
        for number, each in enumerate(findings, 1)
    ]
    return checklists.frame(
        "judge",
        problems=fenced("problems", "\n\n".join(problems)),
        findings=fenced("findings", "\n\n".join(said)),
    )


def _place(path: str | None, line: int | None) -> str:
    if path is None:
        return ""
    return f" ({words.line(path)}{'' if line is None else f':{line}'})"


def judge(
    golden: Sequence[Golden],
    findings: Sequence[Comment],
    gateway: Asker,
    model: str,
    timeout: float,
) -> Judgement:
    """Have a case judged; where there is nothing to compare, nobody is asked.

    Args:
        golden: what should have been found.
        findings: what was.
        gateway: where the judge is asked.
        model: who judges.
        timeout: seconds for all of it.

    Raises:
        AnswerError: its answer cannot be used, and asking again did not help.
        GatewayError: it cannot be asked.
    """
    if not (golden and findings):
        return Judgement(1, tuple(Verdict((), "") for _ in findings), NO_USAGE)
    began = time.monotonic()
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt(golden, findings)}]

    def ask() -> Reply:
        return gateway.ask(
            Question(
                model=model,
                messages=messages,
                purpose=PURPOSE,
                form=FORM,
                answer_tokens=gateway.model(model).answer,
                deadline=began + timeout,
            )
        )

    replies = [ask()]
    try:
        verdicts = read(replies[0].text, len(findings), len(golden))
    except AnswerError as error:
        messages += [
            {"role": "assistant", "content": replies[0].text or "(nothing)"},
            {"role": "user", "content": checklists.frame("judge_again", problem=error.message)},
        ]
        replies.append(ask())
        verdicts = read(replies[1].text, len(findings), len(golden))
    usage = total([_usage(model, reply) for reply in replies])
    return Judgement(1, verdicts, replace(usage, seconds=round(time.monotonic() - began, 3)))


def _usage(model: str, reply: Reply) -> TotalUsage:
    used = reply.usage
    return TotalUsage(
        calls=1,
        input_tokens=used.input_tokens,
        cached_tokens=used.cached_tokens,
        cache_write_tokens=used.cache_write_tokens,
        output_tokens=used.output_tokens,
        cost_usd=used.cost_usd,
        seconds=0.0,
        models=(model,),
    )


# --- the answer ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    finding: int
    problems: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    verdicts: tuple[_Entry, ...]


_ANSWER = TypeAdapter(_Answer)


def read(text: str, findings: int, goldens: int) -> tuple[Verdict, ...]:
    """The verdicts of an answer, one for each finding.

    Args:
        text: the answer; fences or prose around its JSON are passed over.
        findings: how many there are.
        goldens: the same of the goldens.

    Raises:
        AnswerError: it is no such answer, or does not speak of just these findings and goldens.
    """
    try:
        answer = _ANSWER.validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        raise AnswerError("the judge's answer is not the JSON that was asked for") from None
    entries = {entry.finding: entry for entry in answer.verdicts}
    if sorted(entry.finding for entry in answer.verdicts) != list(range(1, findings + 1)):
        raise AnswerError(f"the judge did not give one verdict for each finding, 1 to {findings}")
    named = {number for entry in answer.verdicts for number in entry.problems}
    if not named <= set(range(1, goldens + 1)):
        raise AnswerError(f"the judge named problems that are not there: they are 1 to {goldens}")
    return tuple(
        Verdict(tuple(sorted({n - 1 for n in entries[number].problems})), entries[number].reason)
        for number in range(1, findings + 1)
    )
