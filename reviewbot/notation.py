"""Settings as people write them, in YAML or TOML.

A pull request brings such files too. The libraries that read them take any time, or any memory, for
a few kilobytes that are made to that end; what is refused here is what nobody writes.
"""

from __future__ import annotations

import re
import tomllib
from itertools import accumulate

import yaml

from reviewbot.errors import ConfigError

LARGEST = 200_000  # characters of a file
_DEEPEST = 100  # brackets that are open at once
_MOST_DOTS = 1_000  # in one line of TOML, as a key of so many parts has them

_NESTING = {"[": 1, "{": 1, "]": -1, "}": -1}


class _Loader(yaml.SafeLoader):
    """YAML without merge keys (`<<`): each can double what came before."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave the node as it is: a merge key in it is one that nobody knows."""


def from_yaml(where: str, text: str) -> object:
    """The value that a YAML document holds.

    Args:
        where: what an error names.
        text: the document.

    Raises:
        ConfigError: it cannot be read.
    """
    _refuse_huge(where, text)
    if _depth(text) > _DEEPEST:
        raise ConfigError(f"{where}: more than {_DEEPEST} brackets are open at once")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:  # not its own words: they quote the file
        raise ConfigError(f"{where}: {_place(error)}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from error
    except (ValueError, LookupError, AttributeError) as error:
        raise ConfigError(f"{where}: a value is not what its form or its tag says") from error


def from_toml(where: str, text: str) -> dict[str, object]:
    """The tables of a TOML document.

    Args:
        where: what an error names.
        text: the document.

    Raises:
        ConfigError: it cannot be read.
    """
    _refuse_huge(where, text)
    if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        raise ConfigError(f"{where}: a line has more than {_MOST_DOTS:,} dots")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from error


def _place(error: yaml.MarkedYAMLError) -> str:
    """What is wrong and where, without what stands there."""
    mark = error.problem_mark or error.context_mark
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{error.problem or error.context or 'this is no YAML'}{where}"


def _depth(text: str) -> int:
    """How many brackets are open at once, be they of strings or not."""
    return max(accumulate(_NESTING[each] for each in re.findall(r"[\[\]{}]", text)), default=0)


def _refuse_huge(where: str, text: str) -> None:
    if len(text) > LARGEST:
        raise ConfigError(f"{where}: more than {LARGEST:,} characters")
