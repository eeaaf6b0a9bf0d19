"""Where new keys go: standard output, or a file that nobody else can read. Each is written once."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

from reviewbot.errors import OutputError, UsageError
from reviewbot.output import show

Give = Callable[[str, str], None]  # takes a user and the key of that user

_HEADER = "user,key\n"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # which follows no link
_OLD = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW


def one(path: Path | None) -> Give:
    """For one key, which stands alone: in a new file, or on standard output where `path` is None.

    Raises:
        UsageError: there is such a file, or no folder for it.
    """
    if path is None:
        return lambda _, key: show(f"{key}\n")
    _check_folder(path)
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", "A key goes into a new file: name another.")
    return lambda _, key: _write_new(path, f"{key}\n")


def many(path: Path | None) -> Give:
    """For many keys, as the rows of a CSV: in a new file, or in one that an earlier run began.

    Each row is written as soon as there is one: what was made is not lost with what was not.

    Raises:
        UsageError: the file is something else, or others may read it.
        OutputError: it cannot be written.
    """
    if path is None:
        show(_HEADER)
        return lambda user, key: show(_row(user, key))
    _check_folder(path)
    if os.path.lexists(path):
        opened = _reopen(path)
    else:
        opened = _create(path)
        _write(opened, path, _HEADER)
    return lambda user, key: _write(opened, path, _row(user, key))


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} into")


def _create(path: Path) -> int:
    """A new file that is its owner's alone from the first moment."""
    try:
        return os.open(path, _NEW, 0o600)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _write_new(path: Path, text: str) -> None:
    opened = _create(path)
    try:
        _write(opened, path, text)
    except OutputError:
        path.unlink()
        raise
    finally:
        os.close(opened)


def _reopen(path: Path) -> int:
    """An earlier run's file, to go on at its end."""
    hint = "Name a new file, or the one that an earlier run has written."
    try:
        opened = os.open(path, _OLD | os.O_NONBLOCK)  # or a pipe would wait for its other end
    except OSError as error:
        raise UsageError(f"{path} cannot be continued: {error.strerror}", hint) from error
    state = os.fstat(opened)
    if not stat.S_ISREG(state.st_mode):
        raise UsageError(f"{path} is no file", hint)
    if state.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to somebody else, and it is to hold keys", hint)
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise UsageError(f"others may read {path}, and it is to hold keys", f"chmod 600 {path}")
    with open(opened, "rb", closefd=False) as file:
        content = file.read()
    if not content.startswith(_HEADER.encode()) or not content.endswith(b"\n"):
        raise UsageError(f"{path} is not a list of keys that can be continued", hint)
    return opened


def _write(opened: int, path: Path, text: str) -> None:
    """Write all of it, or leave the file as it was."""
    content = text.encode()
    before = os.fstat(opened).st_size
    try:
        if os.write(opened, content) < len(content):
            raise OSError(0, "no space is left")  # noqa: TRY301 - as the system says it
    except OSError as error:
        os.ftruncate(opened, before)
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _row(user: str, key: str) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow((user, key))
    return row.getvalue()
