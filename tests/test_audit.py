"""The audit log as a file: many writers, one pruning, torn and foreign lines, and its sums."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reviewbot import audit, ledger
from reviewbot.audit import Audit, CallLine, Line, Origin, Reading, RunLine, Tokens
from reviewbot.errors import UsageError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORIGIN = Origin("r1", "acme/shop", 7, "c" * 40, "ada")
CALL = CallLine(NOON, ORIGIN, "claude-sonnet", "style", Tokens(9, 3, 2, 4), 0.25, 800, "ok", "id-1")
RUN = RunLine(
    time=NOON,
    origin=replace(ORIGIN, pull_request=None, commit=None),
    models=("claude-sonnet",),
    checklists=("style",),
    files=3,
    findings={"critical": 0, "high": 1, "medium": 0, "low": 0, "info": 2},
    calls=1,
    tokens=Tokens(9, 3, 2, 4),
    dollars=None,
    milliseconds=900,
    status="complete",
    exit_code=0,
)


@pytest.fixture
def log(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "state" / "audit.jsonl", pytest.fail)


def lines(log: Audit) -> tuple[Line, ...]:
    reading = audit.read(log.path)
    assert reading.skipped == 0
    return reading.lines


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [CALL, RUN])
def test_a_line_is_read_as_it_was_written(log: Audit, line: Line) -> None:
    log.append(line)
    assert lines(log) == (line,)


def test_the_keys_of_the_lines() -> None:
    shared = ["kind", "time", "run", "repository", "pull_request", "commit", "user"]
    call, run = (json.loads(audit.written(line)) for line in (CALL, RUN))
    assert list(call) == [
        *shared,
        *("model", "checklist", "tokens", "dollars", "milliseconds", "status", "call_id"),
    ]
    assert list(run) == [
        *(*shared, "models", "checklists", "files", "findings", "calls", "tokens"),
        *("dollars", "milliseconds", "status", "exit_code"),
    ]
    assert call["time"] == "2026-11-20T12:00:00.000Z"


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "def pay():"},
        {"tokens": {"input": 1, "cached": 0, "cache_write": 0, "output": 0, "text": "x"}},
        {"model": "x" * 201},
        {"dollars": -1},
        {"kind": "else"},
        {"time": "2026-11-20T12:00:00"},
        {"pull_request": "7"},
        {"user": None},
    ],
)
def test_a_line_with_anything_else_is_foreign(log: Audit, change: dict[str, object]) -> None:
    log.append(CALL)
    with log.path.open("a") as file:
        file.write(json.dumps(json.loads(audit.written(CALL)) | change) + "\n")
    assert audit.read(log.path) == Reading((CALL,), 1)


def test_torn_and_foreign_lines_are_passed_over_and_counted(log: Audit) -> None:
    log.append(CALL)
    foreign = (b"[]", b"7", b"\xff\xfe", b"[" * 5000, b"x" * (1 << 17), audit.written(CALL)[9:-1])
    with log.path.open("ab") as file:
        file.write(b"\n".join(foreign) + b"\n\n" + audit.written(RUN)[:50])
    log.append(RUN)  # what was torn takes nothing with it
    assert audit.read(log.path) == Reading((CALL, RUN), len(foreign) + 1)


def test_it_is_for_its_owner_alone(log: Audit) -> None:
    log.append(CALL)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


# --- retention ----------------------------------------------------------------------------------


def aged(days: float, line: Line = CALL) -> Line:
    return replace(line, time=_now() - timedelta(days=days))


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def test_old_lines_go_and_all_else_stays_to_the_byte(log: Audit) -> None:
    young = [aged(29, CALL), aged(1, RUN)]
    for line in (aged(31, CALL), aged(30.1, RUN), young[0]):
        log.append(line)
    with log.path.open("ab") as file:
        file.write(b"a note of somebody's\n")
    log.append(young[1])
    log.path.chmod(0o640)
    log.prune(30)
    first, note, last = log.path.read_bytes().splitlines(keepends=True)
    assert (first, last) == tuple(audit.written(line) for line in young)
    assert note == b"a note of somebody's\n"
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o640
    assert [each.name for each in log.path.parent.iterdir()] == [log.path.name]


def test_where_nothing_is_old_nothing_is_written(log: Audit) -> None:
    log.prune(30)
    assert not log.path.exists()
    log.append(aged(1))
    before = log.path.stat().st_ino
    log.prune(30)
    assert log.path.stat().st_ino == before


# --- what cannot be written ----------------------------------------------------------------------


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("obstacle", [_folder, _link, _pipe])
def test_what_is_no_plain_file_is_left_alone_and_said_once(
    tmp_path: Path, obstacle: Callable[[Path], None]
) -> None:
    said: list[str] = []
    log = Audit(tmp_path / "audit.jsonl", said.append)
    obstacle(log.path)
    log.append(CALL)
    log.append(RUN)
    assert len(said) == 1
    assert f"the audit log {log.path} cannot be written: " in said[0]
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["file/audit.jsonl", "a\0b"])
def test_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    log = Audit(tmp_path / name, said.append)
    log.append(CALL)
    log.prune(30)
    assert len(said) == 1


def test_who_never_lets_go_is_not_waited_for_for_ever(
    log: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with audit._locked(log.path), monkeypatch.context() as hurry:
        hurry.setattr(audit, "PATIENCE", 0.0)
        Audit(log.path, said.append).append(CALL)
    assert said == [f"the audit log {log.path} cannot be written: another process holds it"]
    log.append(CALL)
    assert lines(log) == (CALL,)


# --- many at once --------------------------------------------------------------------------------

PROCESSES, EACH, PRUNINGS = 8, 200, 60

WRITER = f"""
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_audit import CALL, EACH, _now
from reviewbot.audit import Audit
log = Audit(Path(sys.argv[1]), sys.exit)
print("ready", flush=True)
sys.stdin.readline()
for number in range(EACH):
    log.append(replace(CALL, time=_now(), call_id=f"{{sys.argv[2]}}-{{number}}"))
    if number % 10 == 0:  # so that there is always something to prune
        log.append(replace(CALL, time=_now() - timedelta(days=99), call_id="old"))
"""

PRUNER = f"""
import sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_audit import PRUNINGS, _now
from reviewbot import audit
path = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(PRUNINGS):
    with audit._locked(path) as file:
        audit._replace(path, file, _now() - timedelta(days=30))
"""


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def test_no_line_is_lost_or_torn_by_many_writers_and_one_that_prunes(log: Audit) -> None:
    writers = [started(WRITER, log.path, name) for name in range(PROCESSES)]
    processes = [*writers, started(PRUNER, log.path)]
    for process in processes:
        go(process)
    assert [process.communicate()[0] for process in processes] == [""] * len(processes)
    assert [process.returncode for process in processes] == [0] * len(processes)
    calls = [line for line in lines(log) if isinstance(line, CallLine)]
    found = [line for line in calls if line.call_id != "old"]
    assert len(calls) - len(found) < PROCESSES * EACH // 10  # some were pruned meanwhile
    wanted = [f"{name}-{number}" for name in range(PROCESSES) for number in range(EACH)]
    assert Counter(line.call_id for line in found) == Counter(wanted)
    for name in range(PROCESSES):
        own = [line.call_id for line in found if line.call_id.startswith(f"{name}-")]
        assert own == [f"{name}-{number}" for number in range(EACH)]


# --- sums ---------------------------------------------------------------------------------------

LATER = replace(ORIGIN, run="r2", repository="acme/blog", user="eve")
MANY: tuple[Line, ...] = (
    CALL,
    replace(CALL, checklist="security", status="busy", tokens=Tokens(), dollars=None, call_id=""),
    replace(CALL, checklist="security", model="claude-haiku", dollars=0.5),
    RUN,
    replace(CALL, time=NOON + timedelta(days=1), origin=LATER, dollars=None),
    replace(RUN, time=NOON + timedelta(days=1), origin=LATER, status="failed", exit_code=4),
)


@pytest.mark.parametrize("by", sorted(ledger.GROUPS))
def test_tables(golden: Callable[[str, str], None], by: str) -> None:
    golden(f"audit-{by}.txt", ledger.table(Reading(MANY, 1), None, by))


def test_json(golden: Callable[[str, str], None]) -> None:
    golden("audit.json", ledger.to_json(Reading(MANY, 1), NOON, "repository"))


def test_only_what_is_asked_for_is_summed() -> None:
    late = ledger.after(MANY, NOON + timedelta(hours=1))
    assert list(ledger.grouped(late, "repository")) == ["acme/blog"]
    assert ledger.summed(()) == ledger.Sum(0, 0, 0, 0, 0, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOON - timedelta(days=7)),
        ("12h", NOON - timedelta(hours=12)),
        ("2w", NOON - timedelta(weeks=2)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_since(text: str, moment: datetime) -> None:
    assert ledger.since(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "d", "7", "7m", "-7d", "99999d", "9999w9", "2026-13-01"])
def test_no_such_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        ledger.since(text, NOON)
