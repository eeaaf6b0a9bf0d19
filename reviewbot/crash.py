"""What a bug leaves behind: where it happened, and nothing of what was being read.

The message of an exception, the lines of a traceback, the text of a warning and what a library logs
may hold code or a key. Names of exceptions, modules and functions are those of programs.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType, TracebackType

from reviewbot import __version__

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
MOST_FRAMES = 40  # of each exception: those nearest to where it was raised

_INTRODUCTION = f"""\
reviewbot: this is a bug in reviewbot. Please report it, with the lines below, where you have
reviewbot from: they hold no code, no messages and no keys, and are safe to share.
reviewbot {__version__}, Python {".".join(map(str, sys.version_info[:3]))}, {sys.platform}
"""


def report(error: BaseException) -> str:
    """Where an unexpected exception comes from, with those that it came after."""
    return _INTRODUCTION + "\nafter ".join(map(_told, _chain(error)))


def keep_quiet() -> None:
    """Have Python and the libraries say by themselves no more than `report` would."""
    threading.excepthook = lambda raised: _print(raised.exc_value)
    sys.unraisablehook = lambda raised: _print(raised.exc_value)
    warnings.formatwarning = lambda _message, category, *_: f"reviewbot: {_name(category)}\n"
    # Without a handler the last resort would print; and a variable, OPENAI_LOG, brings one of its
    # own, but only where there is none.
    logging.getLogger().addHandler(logging.NullHandler())


def _print(error: BaseException | None) -> None:
    if isinstance(error, Exception):
        sys.stderr.write(report(error) + "\n")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those during whose handling it was raised."""
    seen: set[int] = set()  # a library may have tied them to a ring
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        yield current
        seen.add(id(current))
        before = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or before


def _told(error: BaseException) -> str:
    frames = list(_frames(error.__traceback__))
    left_out = ["  …"] if len(frames) > MOST_FRAMES else []
    return "\n".join((_name(type(error)), *left_out, *frames[-MOST_FRAMES:]))


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace:
        yield f"  {_place(trace.tb_frame, trace.tb_lineno)}"
        trace = trace.tb_next


def _place(frame: FrameType, line: int) -> str:
    """Module, line and function; of code that was made from a text, as of a checklist, nothing."""
    module = frame.f_globals.get("__name__")
    if module not in sys.modules:
        return "code made from a text"
    return f"{module}:{line} in {frame.f_code.co_qualname}"


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
