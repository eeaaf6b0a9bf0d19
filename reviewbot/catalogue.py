"""The models of a gateway: what each can do, what it costs, and whether the key may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reviewbot import house
from reviewbot.endpoint import endpoint
from reviewbot.errors import GatewayError
from reviewbot.gateway import Gateway
from reviewbot.house import Overrides
from reviewbot.models import Model
from reviewbot.text import visible

_HEADINGS = (
    *("model", "window", "answer", "in", "out", "cached", "structured", "caching", "allowed"),
)
_LEGEND = "window and answer in tokens; in, out and cached in dollars per million tokens"
_NAMES_ONLY = "This endpoint tells the names of its models, and no more."


@dataclass(frozen=True, slots=True)
class Entry:
    """A model; `allowed` is None where nobody knows, `read_by` the checklists that it reads."""

    model: Model
    allowed: bool | None
    read_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models; `detailed` where the gateway tells more than names."""

    entries: tuple[Entry, ...]
    detailed: bool

    @classmethod
    def of(cls, gateway: Gateway, chosen: Mapping[str, Sequence[str]]) -> Catalogue:
        """What the gateway tells.

        Args:
            gateway: whose models.
            chosen: the models that the settings name, each with its checklists.

        Raises:
            GatewayError: the key is refused, or there is nothing to list.
        """
        told, allowed = gateway.models(), gateway.allowed()
        named = [name for name in allowed or () if "*" not in name]
        names = tuple(dict.fromkeys((*told, *named)))
        if not names:
            raise GatewayError(
                f"{gateway.endpoint.host} lists no models",
                "Ask the gateway's operator how they are called, and name one with --model.",
            )
        return cls(
            tuple(
                Entry(
                    gateway.model(name),
                    None if allowed is None else permitted(name, allowed),
                    tuple(chosen.get(name, ())),
                )
                for name in dict.fromkeys((*names, *chosen))
            ),
            detailed=bool(told),
        )

    def to_text(self) -> str:
        """A table; models that the settings choose are marked."""
        rows = [_HEADINGS, *map(_row, self.entries)]
        rows = rows if self.detailed else [row[:1] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        marks = ["  ", *("* " if entry.read_by else "  " for entry in self.entries)]
        lines = [mark + _line(row, widths) for mark, row in zip(marks, rows, strict=True)]
        lines += ["", _LEGEND if self.detailed else _NAMES_ONLY, *self._chosen()]
        return "\n".join(lines) + "\n"

    def _chosen(self) -> list[str]:
        read = [each for each in self.entries if each.read_by]
        return [
            f"* reads {', '.join(each.read_by)}: {visible(each.model.name)}"
            + (
                ", which the key may not use, or which is not there"
                if each.allowed is False
                else ""
            )
            for each in read
        ]

    def to_json(self) -> str:
        """A list of the models; what is not known is null."""
        listed = [_content(entry) for entry in self.entries]
        return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def look_up(
    folder: Path, environment: Mapping[str, str], overrides: Overrides, config_file: Path | None
) -> Catalogue:
    """The models of the gateway that the environment names, with the choice that a folder makes.

    Raises:
        UsageError: there is no gateway, or the settings are wrong.
        GatewayError: it cannot be asked, or refuses the key.
    """
    its_house = house.in_folder(house.home(folder), overrides, config_file)
    call_timeout = its_house.settings.config.call_timeout
    with Gateway(endpoint(environment), call_timeout) as gateway:
        return Catalogue.of(gateway, house.models(its_house))


def permitted(name: str, allowed: Sequence[str]) -> bool:
    """Whether a model is among those that may be called; LiteLLM's names may have a `*`."""
    return any(fnmatchcase(name, pattern) for pattern in allowed)


def per_million(price: float | None) -> float | None:
    """Dollars for a million tokens."""
    return None if price is None else round(price * 1e6, 6)


def _content(entry: Entry) -> dict[str, Any]:
    model = entry.model
    return {
        "name": model.name,
        "window": model.window if model.window_known else None,
        "answer": model.longest_answer,
        "input_usd_per_million": per_million(model.input_price),
        "output_usd_per_million": per_million(model.output_price),
        "cached_usd_per_million": per_million(model.read_price),
        "structured_output": model.takes_schemas,
        "caching": model.caches,
        "allowed": entry.allowed,
        "checklists": list(entry.read_by),
    }


def _row(entry: Entry) -> tuple[str, ...]:
    name, *told, _ = _content(entry).values()
    return (visible(name), *map(_cell, told))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return "-" if value is None else f"{value:,}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *others = (
        f"{cell:<{width}}" if number == 0 else f"{cell:>{width}}"
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((name, *others)).rstrip()
