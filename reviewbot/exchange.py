"""One request to one model: asked, looked up for, read, and repaired once.

A model may look things up before it answers; each round of that is a call more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reviewbot import checklists
from reviewbot.errors import AnswerError, GatewayError, GitError
from reviewbot.findings import ASKING_FORM, FORM, Answer, read, salvage
from reviewbot.lookups import Conversation, Served
from reviewbot.models import Asker, Question, Reply, Usage, nothing
from reviewbot.prompt import Request
from reviewbot.text import fenced

UNANSWERED = "the model has asked for more look-ups, and did not answer"

# Of a finding, however its answer is damaged; not of the notes before it, which may use the word.
_CLAIM = re.compile(r"""\bseverity(?:\\*["'])?\s*[:=]|["']severity["']""")


class Exchange:
    """All the calls that one request takes; `usages` tells of those that were answered.

    Args:
        request: what to ask; of its own model.
        gateway: whom.
        deadline: `time.monotonic()` at which a call under way fails.
        served: gives what the model looks up; None where it may not.
    """

    def __init__(
        self, request: Request, gateway: Asker, deadline: float, served: Served | None
    ) -> None:
        self._request = request
        self._gateway = gateway
        self._deadline = deadline
        self._served = served if request.look_up_tokens else None
        self.usages: list[Usage] = []
        self.look_ups = 0

    def answer(
        self, opened: Callable[[], None], *, patient: bool, breakpoint_after_change: bool
    ) -> Answer:
        """The answer once all is looked up that the model asks for, as far as that goes.

        Where a further round fails, what was answered before it stands, but not as whole.

        Args:
            opened: called when the first answer begins.
            patient: whether to wait for a model that is busy.
            breakpoint_after_change: whether others will ask about the same change.

        Raises:
            GatewayError: there is no answer, and nothing of one.
        """
        messages = self._request.messages(breakpoint_after_change=breakpoint_after_change)
        talk = Conversation(messages, self._request.look_up_tokens, self._served)
        reply = self._ask(messages, opened, patient=patient)
        answers = [self._read(reply)]
        try:
            while talk.goes_on(reply.text, answers[-1].look_ups):
                reply = self._ask(talk.messages)
                answers.append(self._read(reply))
        except (GatewayError, GitError) as error:
            if isinstance(error, GatewayError) and not any(map(_says_something, answers)):
                raise
            return _partial(answers, f"after look-ups: {error.message}")
        finally:
            self.look_ups = talk.look_ups
        return _last_word(answers, talk)

    def _read(self, reply: Reply) -> Answer:
        if reply.cut:  # nobody knows what it would have gone on to say
            try:
                answer = read(reply.text)
            except AnswerError:
                answer = salvage(reply.text)
            why = f" ({reply.cut_by} left it no more room)" if reply.cut_by else ""
            problem = (answer.problem or "the answer was cut off") + why
            return replace(answer, problem=problem, look_ups=())
        try:
            return read(reply.text)
        except AnswerError:
            return self._repaired(reply.text)

    def _repaired(self, text: str) -> Answer:
        """Have the model write its answer again, without the diff; what is whole is kept anyway."""
        if not text.strip():
            raise AnswerError("the model gave an empty answer")
        asks = bool(self._request.look_up_tokens)
        task = checklists.frame("repair", answer=fenced("answer", text), look_ups=asks)
        problem: GatewayError = AnswerError(
            "the model's answer cannot be read, and asking again did not help"
        )
        try:
            reply = self._ask(
                [
                    {"role": "system", "content": self._request.system},
                    {"role": "user", "content": task},
                ]
            )
            answer = read(reply.text)
            if not reply.cut and _keeps(answer, text):
                return answer
        except AnswerError:
            pass  # as unreadable as the answer was
        except GatewayError as error:
            problem = error
        kept = salvage(text)
        if kept.findings:
            return kept
        raise problem

    def _ask(
        self,
        messages: list[dict[str, Any]],
        opened: Callable[[], None] = nothing,
        *,
        patient: bool = True,
    ) -> Reply:
        question = Question(
            model=self._request.model,
            messages=messages,
            purpose=self._request.checklist,
            form=ASKING_FORM if self._request.look_up_tokens else FORM,
            answer_tokens=self._request.answer_tokens,
            deadline=self._deadline,
            opened=opened,
            patient=patient,
        )
        reply = self._gateway.ask(question)
        self.usages.append(reply.usage)
        return reply


def _last_word(answers: Sequence[Answer], talk: Conversation) -> Answer:
    """The last answer, where it is whole; else the fullest, with what is wrong."""
    last = answers[-1]
    unanswered = last.look_ups and not (talk.over and _says_something(last))
    problem = UNANSWERED if unanswered else last.problem
    return _partial(answers, problem) if problem else last


def _partial(answers: Sequence[Answer], problem: str) -> Answer:
    """The fullest answer, of several the latest, as not whole."""
    return replace(max(reversed(answers), key=_fullness), problem=problem)


def _fullness(answer: Answer) -> tuple[int, int]:
    return len(answer.findings), len(answer.items)


def _says_something(answer: Answer) -> bool:
    return any(_fullness(answer))


def _keeps(answer: Answer, text: str) -> bool:
    """Whether a repair holds all findings that the text speaks of, and is one at all.

    Fewer findings would hide some; and nothing at all is what becomes of a model's excuse.
    """
    whole = len(answer.findings) >= len(_CLAIM.findall(text))
    return whole and bool(answer.findings or answer.items or answer.look_ups)
