"""What calls may take: each attempt passes here first, so that no limit is run into.

The dollars of a run are a hard ceiling: an attempt is let through only if it could be paid for at
its worst, with nothing read from the cache and its answer as long as it may be. The key's limits of
requests, tokens and calls at once are kept by waiting here, and not in front of a closed door.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from reviewbot.errors import BudgetError, CallError
from reviewbot.models import Limits, Model, Usage
from reviewbot.text import dollars

MINUTE = 60.0  # seconds; what the limits are counted in
SHORTEST_ANSWER = 2_000  # tokens; with less room, answers are cut off
ROUNDING = 1e-6  # tokens; what dollars as binary fractions may lack of a whole one
STEP = 1.0  # seconds between two looks at the clock, so that a wait can be counted down

Told = Callable[[float, str], None]


@dataclass(slots=True)
class Pass:
    """What one attempt was let through for: room for its answer, and what is held back for it.

    `bound` says what sets that room; `of_whole` is what the whole has let it through for.
    """

    answer_tokens: int
    held: float
    begun: float
    tokens: int
    bound: str = ""
    of_whole: Pass | None = None


@dataclass(slots=True)
class Meter:
    """Counts what a run takes, from any thread.

    Args:
        ceiling: dollars that the run may cost at most.
        ceiling_words: what sets that bound.
        limits: what the key may do.
        told: told of each second of a wait: how many are left, and why.
        clock: tells the time in seconds.
        whole: what this is a part of: each attempt must be let through there, too.
    """

    ceiling: float
    ceiling_words: str
    limits: Limits
    told: Told = lambda _seconds, _why: None
    clock: Callable[[], float] = time.monotonic
    whole: Meter | None = None
    spent: float = 0.0
    lost: float = 0.0
    refused: bool = False  # something, as it could not be paid for
    _held: float = 0.0
    _running: int = 0
    _minute: deque[Pass] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def enter(self, model: Model, input_tokens: int, answer_tokens: int, deadline: float) -> Pass:
        """Wait until an attempt may be made.

        Args:
            model: what is asked, with its prices.
            input_tokens: of the prompt, by estimate.
            answer_tokens: the room that is wanted for the answer; less may be given.
            deadline: when waiting must end, by the clock.

        Raises:
            BudgetError: it cannot be paid for.
            CallError: it could not be let through before the deadline.
        """
        given = self._entered(model, input_tokens, answer_tokens, deadline)
        if self.whole is None:
            return given
        try:
            above = self.whole.enter(model, input_tokens, given.answer_tokens, deadline)
        except CallError as error:
            self.leave(given, None)
            self.refused = self.refused or isinstance(error, BudgetError)
            raise
        if above.answer_tokens < given.answer_tokens:
            given.answer_tokens, given.bound = above.answer_tokens, above.bound
        given.of_whole = above
        return given

    def part(self) -> Meter:
        """One for a part of what is counted here, yet without a ceiling of its own."""
        return Meter(math.inf, "no budget", self.limits, self.told, self.clock, whole=self)

    def _entered(
        self, model: Model, input_tokens: int, answer_tokens: int, deadline: float
    ) -> Pass:
        with self._changed:
            while True:
                room = self._affordable(model, input_tokens, answer_tokens)
                if room is None and not self._running:
                    self.refused = True
                    raise BudgetError(f"not sent: over {self.ceiling_words}")
                wait, why = self._closed(input_tokens + (room or answer_tokens))
                if room is not None and not why:
                    return self._opened(model, input_tokens, room)
                self._pause(wait, why or "what is under way may use up the budget", deadline)

    def leave(self, given: Pass, usage: Usage | None, *, begun: bool = False) -> None:
        """Count what an attempt has taken.

        Args:
            given: what it was let through for.
            usage: what it used; None where it got no whole answer.
            begun: whether its answer had begun: then it may have cost all that was held for it.
        """
        if self.whole and given.of_whole:
            self.whole.leave(given.of_whole, usage, begun=begun)
        with self._changed:
            self._running -= 1
            self._held -= given.held
            if usage is not None:
                self.spent += given.held if usage.cost_usd is None else usage.cost_usd
                given.tokens = usage.input_tokens + usage.output_tokens
            elif begun:
                self.spent += given.held
                self.lost += given.held
            self._changed.notify_all()

    def _affordable(self, model: Model, input_tokens: int, answer_tokens: int) -> int | None:
        """Tokens of an answer that can be paid for; None where not even a short one can."""
        price = model.worst_price(input_tokens, 0)
        if price is None or model.output_price is None or math.isinf(self.ceiling):
            return answer_tokens
        left = self.ceiling - self.spent - self._held - price
        room = answer_tokens
        if model.output_price:
            room = int(left / model.output_price + ROUNDING)
        shortest = min(SHORTEST_ANSWER, answer_tokens)
        if self._running and room < answer_tokens:
            return None  # what is under way gives most of it back
        return min(room, answer_tokens) if left >= 0 and room >= shortest else None

    def _closed(self, tokens: int) -> tuple[float | None, str]:
        """Seconds until a limit lets an attempt through, None where nobody knows; and which one.

        Empty where none holds it back.
        """
        now = self.clock()
        while self._minute and now - self._minute[0].begun >= MINUTE:
            self._minute.popleft()
        parallel, requests = self.limits.parallel, self.limits.requests_per_minute
        if parallel is not None and self._running >= parallel:
            return None, f"the key allows {parallel} at once"
        if requests is not None and len(self._minute) >= requests:
            first = self._minute[-requests]
            return MINUTE - (now - first.begun), f"the key allows {requests} calls a minute"
        return self._until_tokens(tokens, now)

    def _until_tokens(self, tokens: int, now: float) -> tuple[float | None, str]:
        most = self.limits.tokens_per_minute
        if most is None:
            return None, ""
        over = sum(each.tokens for each in self._minute) + min(tokens, most) - most
        for each in self._minute:
            if over <= 0:
                break
            over -= each.tokens
            wait = MINUTE - (now - each.begun)
            if over <= 0:
                return wait, f"the key allows {most:,} tokens a minute"
        return None, ""  # nothing to wait for: the gateway itself says what it makes of the rest

    def _opened(self, model: Model, input_tokens: int, answer_tokens: int) -> Pass:
        held = model.worst_price(input_tokens, answer_tokens) or 0.0
        tokens = input_tokens + answer_tokens
        given = Pass(answer_tokens, held, self.clock(), tokens, self.ceiling_words)
        self._running += 1
        self._held += held
        self._minute.append(given)
        return given

    def _pause(self, seconds: float | None, why: str, deadline: float) -> None:
        """Wait a moment, or until something has ended; not at all for what comes too late."""
        left = deadline - self.clock()
        if left <= (seconds or 0.0):
            raise CallError(f"not sent: {why}, and the run's time limit is too short (timeout)")
        if seconds is not None:
            self.told(seconds, why)
        self._changed.wait(min(STEP, left, STEP if seconds is None else seconds))

    @property
    def lost_words(self) -> str:
        """What calls that broke off may have cost beside what is known; empty for nothing."""
        if not self.lost:
            return ""
        return f"calls that broke off may have cost up to {dollars(self.lost)} more"
