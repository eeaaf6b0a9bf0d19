"""Parse every hunk of a patch and print the speed: `python -m bench.parse FILE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from reviewbot import diff


def main() -> None:
    """Print MB/s, and the number of lines."""
    path = Path(sys.argv[1])
    begin = time.perf_counter()
    with path.open("rb") as lines:
        files = diff.parse(lines).files
    count = sum(len(hunk.lines) for file in files for hunk in file.hunks())
    seconds = time.perf_counter() - begin
    print(f"{path.stat().st_size / 1e6 / seconds:.1f} {count}")


if __name__ == "__main__":
    main()
