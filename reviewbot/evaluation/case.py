"""A case: a change, and the problems in it that a review should find."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from reviewbot.change import Change, Intent, Span, from_patch, from_repository
from reviewbot.errors import DiffError, OutputError, UsageError
from reviewbot.findings import Severity
from reviewbot.git import Repository
from reviewbot.text import visible


@dataclass(frozen=True, slots=True)
class Golden:
    """A known problem; `start_line` to `line` are lines of the new version.

    What is not known is None.
    """

    text: Annotated[str, Field(min_length=1)]
    path: str | None = None
    line: int | None = None
    start_line: int | None = None
    severity: Severity | None = None
    category: str = ""

    @property
    def lines(self) -> range:
        """The lines that it is about; empty where they are not known."""
        if self.path is None or self.line is None:
            return range(0)
        first = self.start_line or self.line
        return range(min(first, self.line), max(first, self.line) + 1)


@dataclass(frozen=True, slots=True)
class _Written:
    """What stands in the file of a case; what else stands there is passed over."""

    id: str
    golden: tuple[Golden, ...]
    title: str = ""
    description: str = ""
    source: str = ""
    base: str = ""
    head: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One change with its goldens; `source` says where cases of its kind come from.

    `base` and `head` are the full ids of the commits that it lies between; empty where it has none.
    """

    id: str
    source: str
    title: str
    description: str
    golden: tuple[Golden, ...]
    diff: bytes
    base: str = ""
    head: str = ""

    def lies_in(self, repository: Repository) -> bool:
        """Whether the repository has all of it: not in a clone that lacks the contents of files."""
        if not (_COMMIT.fullmatch(self.base) and _COMMIT.fullmatch(self.head)):
            return False
        begun = self.base == repository.empty_tree() or repository.has(self.base)
        return begun and repository.has(self.head) and not repository.partial

    def change(self, repository: Repository | None = None) -> Change:
        """The change, with what its authors say.

        Args:
            repository: one in which it lies; None for the patch alone.

        Raises:
            DiffError: it is not a diff.
            GitError: git cannot tell.
        """
        if repository:
            commits = self.base, self.head
            made = from_repository(repository, Span(self.id, *commits, *commits))
        else:
            made = from_patch(self.id, io.BytesIO(self.diff))
        return replace(made, intent=Intent(self.title, self.description))


_WRITTEN = TypeAdapter(_Written)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def load(folder: Path) -> tuple[Case, ...]:
    """The cases of a folder, each two files: `<id>.json` and `<id>.diff`.

    Raises:
        UsageError: there are none, or one of them cannot be used.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UsageError(
            f"there are no cases in {folder}", "A case is two files: NAME.json and NAME.diff."
        )
    return tuple(map(_read, files))


def _read(file: Path) -> Case:
    try:
        written = _WRITTEN.validate_json(file.read_bytes())
        diff = file.with_suffix(".diff").read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file} is no case: {place}: {first['msg']}") from None
    if written.id != file.stem:
        raise UsageError(f"{file}: its id is {visible(written.id)}, not the name of the file")
    case = Case(
        id=written.id,
        source=written.source or written.id.partition("-")[0],
        title=written.title,
        description=written.description,
        golden=written.golden,
        diff=diff,
        base=written.base,
        head=written.head,
    )
    try:
        case.change()
    except DiffError as error:
        raise UsageError(f"{file.with_suffix('.diff')}: {error.message}") from None
    return case


def write(case: Case, folder: Path) -> Path:
    """Write a new case into a folder, which is made where it is not there; its file.

    Raises:
        UsageError: there is one of this name.
        OutputError: it cannot be written.
    """
    file = folder / f"{case.id}.json"
    content: dict[str, Any] = asdict(case)
    del content["diff"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            json.dump(content, opened, indent=1, ensure_ascii=False)
            opened.write("\n")
        file.with_suffix(".diff").write_bytes(case.diff)
    except FileExistsError:
        raise UsageError(f"{file} is there already", "Add goldens in it, or delete it.") from None
    except OSError as error:
        raise OutputError(f"{error.filename} cannot be written: {error.strerror}") from None
    return file
