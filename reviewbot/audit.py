"""The audit log: who had what reviewed by which model, when, at what price. Never what was said.

One JSON line for each call and each run, in one file that many processes may write to at once.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from reviewbot.meanwhile import meanwhile

PATIENCE = 10.0  # seconds to wait for other processes; then the line is given up
_LONGEST = 1 << 16  # bytes of a line that can be one of ours

_Word = Annotated[str, Field(max_length=200)]
_Count = Annotated[int, Field(ge=0)]
_Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a run is about, and who wants it; None where there is none."""

    run: _Word
    repository: _Word
    pull_request: int | None
    commit: _Word | None
    user: _Word


@dataclass(frozen=True, slots=True)
class Tokens:
    """What calls took; `input` counts all of it, cached or not."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    input: _Count = 0
    cached: _Count = 0
    cache_write: _Count = 0
    output: _Count = 0


@dataclass(frozen=True, slots=True)
class CallLine:
    """One attempt of a call; `status` is ok or the kind of the error.

    `dollars` is null where no price is known; `call_id` is LiteLLM's x-litellm-call-id.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    time: AwareDatetime
    origin: Origin
    model: _Word
    checklist: _Word
    tokens: Tokens
    dollars: _Dollars | None
    milliseconds: _Count
    status: _Word
    call_id: _Word
    kind: Literal["call"] = "call"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run at its end; `findings` counts what stands, by severity."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    time: AwareDatetime
    origin: Origin
    models: tuple[_Word, ...]
    checklists: tuple[_Word, ...]
    files: _Count
    findings: dict[Literal["critical", "high", "medium", "low", "info"], _Count]
    calls: _Count
    tokens: Tokens
    dollars: _Dollars | None
    milliseconds: _Count
    status: _Word
    exit_code: int | None
    kind: Literal["run"] = "run"


Line = CallLine | RunLine
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def written(line: Line) -> bytes:
    """A line as it stands in the file: ASCII, so that no terminal is steered by it.

    Raises:
        ValueError: a value is none that may stand there.
    """
    values = asdict(line)
    origin = values.pop("origin")
    flat = {"kind": values.pop("kind"), "time": _stamp(values.pop("time")), **origin, **values}
    checked = json.dumps(flat)
    _read(checked.encode())
    return checked.encode() + b"\n"


def _read(raw: bytes) -> Line:
    """The line that these bytes are.

    Raises:
        ValueError: they are none of ours.
    """
    values = json.loads(raw)
    if not isinstance(values, dict):
        raise ValueError("a line is an object")  # noqa: TRY004 - as of all that is no line
    names = Origin.__dataclass_fields__
    origin = {name: values.pop(name) for name in names if name in values}
    return _LINE.validate_json(json.dumps({**values, "origin": origin}), strict=True)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a log says; `skipped` counts the lines in it that are torn, or not of this program."""

    lines: tuple[Line, ...]
    skipped: int


def read(path: Path) -> Reading:
    """Read a log, while others may write to it.

    Raises:
        OSError: it cannot be read.
    """
    lines = []
    skipped = 0
    with path.open("rb") as file:
        for raw in _pieces(file.read()):
            line = _line(raw)
            if line:
                lines.append(line)
            else:
                skipped += 1
    return Reading(tuple(lines), skipped)


def _pieces(content: bytes) -> Iterator[bytes]:
    return (raw for raw in content.split(b"\n") if raw.strip())


def _line(raw: bytes) -> Line | None:
    """A line of ours; None for what is torn or foreign."""
    if len(raw) > _LONGEST:
        return None
    try:
        return _read(raw)
    except (ValueError, ValidationError, RecursionError):
        return None


class Audit:
    """A log to write to. What goes wrong is said once, and never stops a review.

    Args:
        path: the file; it is made where it is not there, for its owner alone.
        warn: told, once, that the log cannot be written.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path = path
        self._warn = warn
        self._warned = False

    def append(self, line: Line) -> None:
        """Add a line, whole or not at all; from any thread or process."""
        with self._excused(), _locked(self.path) as file:
            _write(file, written(line))

    def prune(self, days: int) -> None:
        """Leave out what is older than so many days; foreign lines are nobody's to delete."""
        oldest = datetime.now(UTC) - timedelta(days=days)
        with self._excused():
            if not self.path.exists() or not _begins_before(self.path, oldest):
                return
            with _locked(self.path) as file:
                _replace(self.path, file, oldest)

    @contextmanager
    def _excused(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # a path may hold what no path can
            reason = error.strerror if isinstance(error, OSError) else str(error).split("\n")[0]
            if not self._warned:
                self._warned = True
                self._warn(f"the audit log {self.path} cannot be written: {reason}")


def _write(file: int, line: bytes) -> None:
    """One write of the whole line; what a full disk has left of it is taken back.

    A line that somebody's end has torn is closed first, so that it takes no other with it.
    """
    end = os.fstat(file).st_size
    if end and os.pread(file, 1, end - 1) != b"\n":
        line = b"\n" + line
    if os.write(file, line) < len(line):
        os.ftruncate(file, end)
        raise OSError(0, "the disk is full")


def _begins_before(path: Path, oldest: datetime) -> bool:
    """Whether the first line that tells its time is too old: lines stand in the order of time."""
    with path.open("rb") as file:
        for raw in file:
            if line := _line(raw):
                return line.time < oldest
    return False


def _replace(path: Path, file: int, oldest: datetime) -> None:
    content = os.pread(file, os.fstat(file).st_size, 0)
    kept = [raw for raw in _pieces(content) if not _is_old(raw, oldest)]
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with _opened(temporary, os.O_EXCL) as new:
            os.fchmod(new, stat.S_IMODE(os.fstat(file).st_mode))
            _write_all(new, b"".join(raw + b"\n" for raw in kept))
            os.fsync(new)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_old(raw: bytes, oldest: datetime) -> bool:
    line = _line(raw)
    return line is not None and line.time < oldest


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


# --- one at a time -------------------------------------------------------------------------------
#
# Why no line is lost: whoever appends or prunes holds an exclusive lock on the very file that the
# path names, and looks again once it has the lock. Pruning puts a new file in the place of the old
# one while it holds the lock of the old one. So
# - nobody appends between its reading of the old file and the replacing: they wait for the lock;
# - who waited gets the lock of a file that the path names no more, sees that, and opens anew;
# - who opens the new file before the old lock is given up finds all of it there already.
# The number of the old file cannot be given to a new one while it is held open, so the look tells
# the truth. The lock belongs to the opening, not to the process: it also parts threads; and it ends
# with its process, however that ends. It is exclusive for appending too, as two appends at once are
# no safe thing on every network file system, and what is left of a failed one can be taken back.


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, open and locked.

    Raises:
        OSError: it cannot be opened, or others do not let go of it.
    """
    end = time.monotonic() + PATIENCE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        with _opened(path) as file:
            _lock(file, end)
            if _is_at(path, file):
                yield file
                return


@contextmanager
def _opened(path: Path, more: int = 0) -> Iterator[int]:
    """Open a plain file to append to; through no link, as a repository may hold links.

    It is opened for reading too: opening a pipe without a reader would wait for one.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | more
    file = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "it is no plain file")
        yield file
    finally:
        os.close(file)


def _lock(file: int, end: float) -> None:
    """Wait in the system's own queue, which is fair: who only asks again and again may starve."""
    import fcntl  # noqa: PLC0415 - only where there is a log

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        same = os.dup(file)  # the waiting thread's own: it may outlast the patience
        try:
            meanwhile(lambda: _queue(same)).result(max(end - time.monotonic(), 0.0))
        except TimeoutError:
            raise OSError(0, "another process holds it") from None


def _queue(file: int) -> None:
    import fcntl  # noqa: PLC0415

    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    finally:
        os.close(file)


def _is_at(path: Path, file: int) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file))
