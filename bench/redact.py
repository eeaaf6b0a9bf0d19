"""Redact Python's own library; print the seconds until ready, and megabytes a second after."""

from __future__ import annotations

import sysconfig
import time
from pathlib import Path

from reviewbot.redaction import Redactor, shipped


def main() -> None:
    """Measure in CPU seconds of this process."""
    start = time.process_time()
    redactor = Redactor(shipped())
    redactor.text("")
    load = time.process_time() - start
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    texts = [file.read_text("utf-8") for file in files]
    start = time.process_time()
    for file, text in zip(files, texts, strict=True):
        redactor.text(text, file.name)
    print(load, sum(map(len, texts)) / 1e6 / (time.process_time() - start))


if __name__ == "__main__":
    main()
