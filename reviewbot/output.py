"""Where a report goes: the terminal or a file."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click

from reviewbot.errors import OutputError, UsageError
from reviewbot.render import Style, format_of, renderer, words
from reviewbot.report import Report
from reviewbot.text import harmless, visible

WIDEST = 100  # columns; longer lines are hard to read
NARROWEST = 40  # columns; in fewer, nothing can be laid out

_FOR_PROGRAMS = ("json", "gitlab")  # no line of JSON begins like a command


@dataclass(frozen=True, slots=True)
class Destination:
    """A file, or standard output where `path` is None, and the format to write."""

    path: Path | None
    format: str

    @classmethod
    def of(cls, path: Path | None, format_name: str | None) -> Self:
        """Settle the format, and see that the file can be written before money is spent.

        Raises:
            UsageError: the format cannot be known, or the folder is not there.
        """
        if path is None or path == Path("-"):
            return cls(None, format_name or "text")
        if path.is_dir():
            raise UsageError(f"{path} is a folder", "Name a file in it.")
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent} to write {path.name} into")
        return cls(path, format_name or format_of(path.name))

    def write_report(self, report: Report) -> None:
        """Write it in the format; for a file, the verdict also goes to standard error."""
        self.write(renderer(self.format)(report, self.style()))
        if self.path:
            verdict = words.verdict(report).rstrip(".")
            said = visible(f"reviewbot: {verdict}. See {self.path}")
            click.echo(harmless(said), err=True)

    def write(self, text: str) -> None:
        """Write the text whole or not at all.

        Raises:
            OutputError: the file cannot be written; the text then goes to standard output.
        """
        if self.path is None:
            self._show(text)
            return
        try:
            replace_file(self.path, text)
        except OSError as error:
            self._show(text)
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}",
                "The report is printed above instead.",
            ) from error

    def _show(self, text: str) -> None:
        """Write to standard output, which may be the log of a job; programs read JSON as it is."""
        show(text if self.format in _FOR_PROGRAMS else harmless(text))

    def style(self) -> Style:
        """How a person reads what is written there."""
        terminal = self.path is None and sys.stdout.isatty()
        color = terminal and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size((WIDEST, 0)).columns
        return Style(color, min(max(columns, NARROWEST), WIDEST))


def show(text: str) -> None:
    """Write to standard output.

    Raises:
        OutputError: it cannot be written, or nobody reads it.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        click.echo(text.encode(encoding, "replace").decode(encoding), nl=False, color=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would complain
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new text, never a half.

    Raises:
        OSError: it cannot be written.
    """
    target = path.resolve()  # of a link, what it stands for
    if target.exists() and not target.is_file():
        target.write_text(text, "utf-8")  # a device or a pipe cannot be replaced
        return
    temporary = target.with_name(f".reviewbot-{secrets.token_hex(8)}")
    try:
        temporary.write_text(text, "utf-8")
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
