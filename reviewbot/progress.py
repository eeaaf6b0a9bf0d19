"""What a person sees on stderr while calls are under way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from reviewbot.calls import Outcome
from reviewbot.findings import Answer
from reviewbot.prompt import Request
from reviewbot.text import harmless, plural, visible

WORTH_SAYING = 5.0  # seconds of a wait, where every line stays


class Progress:
    """A line that is written over in a terminal; elsewhere, one line for each answer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._said_until: dict[str, float] = {}  # ends of waits that were told of, by their reason

    def say(self, message: str) -> None:
        """A line that stays."""
        self._clear()
        self._stream.write(harmless(f"reviewbot: {visible(message)}\n"))
        self._stream.flush()

    @contextmanager
    def waiting(self, total: int) -> Iterator[None]:
        """Calls are under way while the block runs."""
        if self._live:
            self._write(f"0 of {plural(total, 'answer')}; ^C stops")
        try:
            yield
        finally:
            self._clear()

    def answered(self, outcome: Outcome, done: int, total: int) -> None:
        """One call has ended. What ends the whole review is said by its error, not here."""
        if outcome.fatal:
            return
        result = outcome.problem and f"failed: {visible(outcome.problem)}"
        if not result and outcome.answer:
            result = _counted(outcome.request, outcome.answer)
        line = f"{done} of {plural(total, 'answer')}: {outcome.request.checklist}: {result}"
        if self._live:
            self._write(line)
        else:
            self.say(line)

    def paused(self, seconds: float, why: str) -> None:
        """A call waits, for so long; told each second, from any thread.

        In a terminal the line counts down; elsewhere a wait is said once.
        """
        line = f"waiting {seconds:.0f} s: {visible(why)}"
        now = time.monotonic()
        if self._live:
            self._write(line)
        elif seconds >= WORTH_SAYING and now >= self._said_until.get(why, now):
            self._said_until[why] = now + seconds
            self.say(line)

    def _write(self, line: str) -> None:
        columns = os.get_terminal_size(self._stream.fileno()).columns or 80
        self._stream.write(f"\r\x1b[K{visible(line)[: columns - 1]}")
        self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _counted(request: Request, answer: Answer) -> str:
    if request.verifies:
        return plural(len(answer.items), "verdict")
    return plural(len(answer.findings), "finding")
