"""`python -m fuzz [SECONDS]`: each property of tests/test_fuzz.py for so long.

`python -m fuzz NAME [OPTION…]` runs one of them with options of libFuzzer, and without an end. What
reaches new branches of reviewbot is kept, and changed further.
"""

from __future__ import annotations

import subprocess
import sys

import atheris

with atheris.instrument_imports(include=["reviewbot"]):
    import test_fuzz

# The bytes are choices of hypothesis: a text of thirty words takes some hundred.
LIMITS = ("-timeout=10", "-rss_limit_mb=2000", "-len_control=0", "-max_len=1000")
PROPERTIES = {
    name.removeprefix("test_"): value
    for name, value in vars(test_fuzz).items()
    if name.startswith("test_")
}


def run(name: str, options: list[str]) -> None:
    """Look for an input that breaks one property; the process ends with it."""
    atheris.Setup([sys.argv[0], *options], PROPERTIES[name].hypothesis.fuzz_one_input)
    atheris.Fuzz()


def run_all(seconds: str) -> None:
    """One after the other, each in a process of its own, up to the first that breaks."""
    for name in PROPERTIES:
        print(f"--- {name}", flush=True)
        limits = [*LIMITS, f"-max_total_time={seconds}"]
        subprocess.run([sys.executable, "-m", "fuzz", name, *limits], check=True)


arguments = sys.argv[1:]
if arguments and arguments[0] in PROPERTIES:
    run(arguments[0], arguments[1:])
else:
    run_all(*(arguments or ["60"]))
