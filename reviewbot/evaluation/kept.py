"""What is done already: reviews and judgements in a folder, each under a digest of what made it.

So what is asked with other settings, prompts or goldens is another file, and is done anew; what was
done before with the same ones is found again.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reviewbot import report
from reviewbot.errors import OutputError, UsageError
from reviewbot.evaluation.judge import Judgement
from reviewbot.output import replace_file
from reviewbot.report import Report

_JUDGEMENT = TypeAdapter(Judgement)
_KEY_LENGTH = 16


class Kept:
    """A folder for what is done; git is told to pass over it, as it holds parts of the code.

    Args:
        folder: where; it is made when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def review(self, case: str, key: str) -> Report | None:
        """The report of a case, if it is here."""
        text = self._text(_name(case, "review", key))
        try:
            return None if text is None else report.from_json(text)
        except UsageError:  # of another version
            return None

    def judgement(self, case: str, key: str) -> Judgement | None:
        """The judgement of a case, if it is here."""
        text = self._text(_name(case, "judge", key))
        try:
            return None if text is None else _JUDGEMENT.validate_json(text)
        except ValidationError:  # of another version
            return None

    def keep_review(self, case: str, key: str, made: Report) -> None:
        """Write down a report.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(_name(case, "review", key), made.to_json())

    def keep_judgement(self, case: str, key: str, made: Judgement) -> None:
        """Write down a judgement.

        Raises:
            OutputError: it cannot be written.
        """
        text = _JUDGEMENT.dump_json(made, indent=2, ensure_ascii=True).decode()
        self._write(_name(case, "judge", key), text + "\n")

    def prepare(self) -> None:
        """Make the folder, before there is anything to lose.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self._write(".gitignore", "*\n")

    def _text(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text("utf-8")
        except OSError:
            return None

    def _write(self, name: str, text: str) -> None:
        try:
            replace_file(self.folder / name, text)
        except OSError as error:
            raise _unwritable(self.folder / name, error) from None


def _name(case: str, kind: str, key: str) -> str:
    return f"{case}.{kind}-{key[:_KEY_LENGTH]}.json"


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror}")
