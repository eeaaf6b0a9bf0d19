"""A bug ends in a report of where it happened, which holds nothing of what was being read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Repo
from fake_gateway import KEY, FakeGateway
from jinja2 import DictLoader, Environment

from reviewbot import crash

SECRET = "sk-" + "from-the-diff"
HERE = __name__


def raised(act: Callable[[], object]) -> str:
    """The report of what an act raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        act()
    told = crash.report(caught.value)
    assert SECRET not in told
    return told


def lines(told: str) -> list[str]:
    """The report without its introduction."""
    return told.splitlines()[3:]


def fail() -> None:
    raise KeyError(SECRET)


def wrap(*, openly: bool) -> None:
    try:
        fail()
    except KeyError as error:
        if openly:
            raise UnicodeError(SECRET) from error
        raise UnicodeError(SECRET) from None


def wrap_again() -> None:
    try:
        wrap(openly=True)
    except UnicodeError:
        raise subprocess.CalledProcessError(1, SECRET)  # noqa: B904 - as a bug may


def number(function: Callable[..., object], offset: int) -> str:
    """A line of a function as the report names it."""
    code = function.__code__
    return f"  {HERE}:{code.co_firstlineno + offset} in {code.co_qualname}"


def test_names_and_places_are_told_along_the_chain() -> None:
    told = lines(raised(wrap_again))
    kinds = [line for line in told if not line.startswith(" ")]
    assert kinds == ["subprocess.CalledProcessError", "after UnicodeError", "after KeyError"]
    assert [line for line in told if line == number(fail, 1)]
    assert told[-2:] == [number(wrap, 2), number(fail, 1)]


def test_what_is_hidden_by_intent_is_left_out() -> None:
    told = lines(raised(lambda: wrap(openly=False)))
    assert [line for line in told if not line.startswith(" ")] == ["UnicodeError"]


def test_exceptions_in_a_ring_end() -> None:
    first, second = KeyError(SECRET), ValueError(SECRET)
    first.__cause__, second.__cause__ = second, first
    assert lines(crash.report(first)) == ["KeyError", "after ValueError"]


def test_code_made_from_a_text_has_no_name() -> None:
    source = f"{{% block {SECRET.replace('-', '_')} %}}{{{{ 1 // 0 }}}}{{% endblock %}}"
    template = Environment(loader=DictLoader({SECRET: source}), autoescape=True).get_template(
        SECRET
    )
    told = raised(template.render)
    assert SECRET.replace("-", "_") not in told
    assert lines(told)[-1] == "  code made from a text"


def test_a_deep_one_is_cut() -> None:
    def deeper() -> None:
        deeper()

    told = lines(raised(deeper))
    assert told[:2] == ["RecursionError", "  …"]
    assert len(told) == 2 + crash.MOST_FRAMES


# --- in a process --------------------------------------------------------------------------------

BROKEN = f"""
import sys
from reviewbot import gateway
from reviewbot.cli import main

def ask(*_, **__):
    raise LookupError({SECRET!r})

gateway.Gateway.ask = ask
main()
"""
NOISY = f"""
import logging, threading, warnings
from reviewbot import crash

class Left:
    def __del__(self):
        raise LookupError({SECRET!r})

def fail():
    raise LookupError({SECRET!r})

crash.keep_quiet()
warnings.warn({SECRET!r})
logging.getLogger("of.a.library").error({SECRET!r})
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Left()
"""


def run(script: str, folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code of a script, and what it says on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_bug_in_a_call_ends_the_program(repo: Repo, fake: FakeGateway) -> None:
    repo.write("app.py", "one\n")
    repo.commit()
    repo.write("app.py", f"two = {SECRET!r}\n")
    given = {"AI_GATEWAY_URL": fake.url, "LITELLM_API_KEY": KEY, "REVIEWBOT_AUDIT": "off"}
    code, said = run(BROKEN, repo.folder, "diff", "--uncommitted", **given)
    assert code == crash.EXIT_CODE == 70
    assert "\nLookupError\n" in said
    assert " in _Flight.work\n" in said
    assert "  __main__:7 in ask" in said
    assert "two =" not in said
    assert KEY not in said


def test_nothing_else_says_more(tmp_path: Path) -> None:
    code, said = run(NOISY, tmp_path)
    assert code == 0
    assert said.count("this is a bug") == 2
    assert "  __main__:10 in fail\n" in said
    assert "  __main__:7 in Left.__del__\n" in said
    assert "reviewbot: UserWarning\n" in said
