"""Work that goes on beside other work, and never holds back the end of the program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def meanwhile(work: Callable[[], T]) -> Future[T]:
    """Start the work in a daemon thread; its result, or its exception, comes with `result()`.

    An executor's threads would be waited for at exit, also after ^C.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def side_by_side(works: Iterable[Callable[[], T]], at_once: int) -> Iterator[T]:
    """Do the works, so many at once; their results, as they end.

    After an exception no further work begins; it is raised when those under way have ended, whose
    results are not lost. Whoever stops iterating waits for nobody.
    """
    left = iter(works)
    ended: SimpleQueue[Future[T]] = SimpleQueue()
    failure: BaseException | None = None
    running = 0
    while True:
        wanted = 0 if failure else at_once - running
        for work in islice(left, wanted):
            meanwhile(work).add_done_callback(ended.put)
            running += 1
        if not running:
            break
        future = ended.get()
        running -= 1
        failure = failure or future.exception()
        if not future.exception():
            yield future.result()
    if failure:
        raise failure
