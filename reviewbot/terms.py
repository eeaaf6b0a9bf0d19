"""What a key may do: read from options, a CSV or the environment, all in the same words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from reviewbot.errors import UsageError

DEFAULTS = {"budget": "LITELLM_DEFAULT_USER_BUDGET", "rpm": "LITELLM_DEFAULT_RPM"}


@dataclass(frozen=True, slots=True)
class Terms:
    """None where nothing is said.

    `budget` is in dollars; its spend counts from nothing again after each `period`. `rpm` and `tpm`
    are requests and tokens a minute. `expires` is how long the key lives. No `models` are all.
    """

    budget: float | None = None
    period: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    models: tuple[str, ...] | None = None
    expires: str | None = None

    def over(self, others: Self) -> Self:
        """These, and the others' where these say nothing."""
        unsaid = [each.name for each in fields(self) if getattr(self, each.name) is None]
        return replace(self, **{name: getattr(others, name) for name in unsaid})


def read(texts: Mapping[str, str | None], label: Callable[[str], str] = str) -> Terms:
    """The terms that these texts say, by the names of `Terms`; an empty text says nothing.

    Args:
        texts: what was written.
        label: how the reader of an error knows the field of that name.

    Raises:
        UsageError: one of them cannot be understood.
    """
    said: dict[str, Any] = {}
    for name, text in texts.items():
        if text and text.strip():
            said[name] = _READERS[name](text.strip(), label(name))
    return Terms(**said)


def defaults(environment: Mapping[str, str]) -> Terms:
    """What the environment says for keys that are given nothing else.

    Raises:
        UsageError: it cannot be understood.
    """
    return read(
        {name: environment.get(variable) for name, variable in DEFAULTS.items()},
        DEFAULTS.__getitem__,
    )


def _dollars(text: str, label: str) -> float:
    try:
        dollars = float(text.removeprefix("$"))
    except ValueError:
        dollars = math.nan
    if not 0 < dollars < math.inf:
        raise UsageError(
            f"{label}: '{text}' is no number of dollars above 0", "Write it as 5 or 0.50."
        )
    return dollars


def _count(text: str, label: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}", text, re.ASCII):
        raise UsageError(f"{label}: '{text}' is no whole number above 0")
    return int(text)


def _duration(text: str, label: str) -> str:
    if not re.fullmatch(r"0*[1-9][0-9]{0,4}(s|m|h|d|w|mo)", text, re.ASCII):
        hint = "Write it as 90d: s, m, h, d, w and mo are seconds to months."
        raise UsageError(f"{label}: '{text}' is no length of time", hint)
    return text


def _names(text: str, label: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(re.split(r"[\s,;]+", text.strip(" ,;"))))
    if names == ("",):
        raise UsageError(f"{label}: '{text}' names no model")
    return names


_READERS: dict[str, Callable[[str, str], Any]] = {
    "budget": _dollars,
    "period": _duration,
    "rpm": _count,
    "tpm": _count,
    "models": _names,
    "expires": _duration,
}
