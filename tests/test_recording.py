"""A review written down, and done again from what was written: without a gateway, and the same."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo
from fake_gateway import KEY, FakeGateway, failed, streamed
from test_cli import Done, Program, environment, spotting

from reviewbot.recording import REPLAYED

DIFF = ("diff", "main...", "--checklist", "style,security", "--format", "json")


@pytest.fixture
def shop(repo: Repo) -> Repo:
    repo.write("app.py", "one\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("new.py", "x = 2  # BUG high\n")
    repo.commit("work")
    return repo


@pytest.fixture
def program(shop: Repo, fake: FakeGateway, tmp_path: Path) -> Program:
    fake.be_litellm(max_budget=5.0, spend=1.0)
    fake.react = spotting
    variables = environment(fake) | {"XDG_STATE_HOME": str(tmp_path / "state")}
    return Program(shop.folder, variables)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def replayed(program: Program, fake: FakeGateway, record: Path) -> Callable[..., Done]:
    """Replay with nothing in the environment that leads to a gateway."""

    def replay(*arguments: str) -> Done:
        for name in ("AI_GATEWAY_URL", "LITELLM_API_KEY"):
            program.environment.pop(name, None)
        asked = len(fake.calls), len(fake.questions)
        done = program(*(arguments or DIFF), "--replay", str(record))
        assert (len(fake.calls), len(fake.questions)) == asked
        return done

    return replay


def same(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what a replay must say otherwise."""
    usage = {
        name: value
        for name, value in report["usage"].items()
        if name not in ("cost_usd", "seconds", "budget_left_usd")
    }
    warnings = [each for each in report["warnings"] if each != REPLAYED]
    return report | {"usage": usage, "warnings": warnings}


def test_a_replay_gives_the_same_and_asks_nobody(
    program: Program, record: Path, fake: FakeGateway, replayed: Callable[..., Done]
) -> None:
    fake.be_litellm(
        expires="2099-01-01T00:00:00Z", max_budget=5.0, budget_reset_at="2098-01-01T00:00:00Z"
    )
    first = program(*DIFF, "--record", str(record))
    assert first.code == 0, first.err
    assert first.places == {"new.py:1"}
    again = replayed()
    assert again.code == 0, again.err
    assert same(again.report) == same(first.report)
    assert (again.report["usage"]["cost_usd"], again.report["usage"]["budget_left_usd"]) == (
        0,
        None,
    )
    assert again.report["warnings"][0] == REPLAYED
    assert REPLAYED in again.err


def test_a_replay_is_not_in_the_audit_log(
    program: Program, record: Path, replayed: Callable[..., Done], tmp_path: Path
) -> None:
    program(*DIFF, "--record", str(record))
    log = tmp_path / "state" / "reviewbot" / "audit.jsonl"
    before = log.read_bytes()
    replayed()
    assert log.read_bytes() == before


def test_other_settings_may_hold_in_a_replay(
    program: Program, record: Path, replayed: Callable[..., Done]
) -> None:
    program(*DIFF, "--record", str(record))
    assert replayed(*DIFF, "--fail-on", "high").code == 1
    other = replayed(*DIFF, "--model", "gemini", "--jobs", "1")
    assert (other.code, other.places) == (0, {"new.py:1"}), other.err


def test_what_is_written(program: Program, record: Path, fake: FakeGateway) -> None:
    done = program(*DIFF, "--record", str(record))
    assert f"warning: prompts and answers, and so your code, are written to {record}" in done.err
    files = sorted(record.iterdir())
    assert stat.S_IMODE(record.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert KEY not in "".join(file.read_text() for file in files)
    exchanges = [json.loads(file.read_text()) for file in files if "-" in file.name]
    assert (len(exchanges), len(fake.calls)) == (3, 2)
    sent = [call.body["messages"] for call in (*fake.calls, *fake.verifications)]
    for exchange in exchanges:
        assert exchange["messages"] in sent
        assert exchange["model"] == "claude-sonnet"
        assert exchange["usage"]["input_tokens"] == 1000
        verifies = exchange["purpose"] == "verification"
        assert ("A bug in new.py" in exchange["answer"]) is not verifies


def test_a_record_in_the_repository_is_no_part_of_the_change(
    program: Program, shop: Repo, replayed: Callable[..., Done]
) -> None:
    diff = ("diff", "--checklist", "style", "--format", "json")
    assert program(*diff, "--record", "rec").places == {"new.py:1"}
    assert shop.git("status", "--porcelain") == ""
    again = program(*diff, "--replay", "rec")
    assert (again.code, again.places) == (0, {"new.py:1"}), again.err


def test_failed_calls_fail_again(
    program: Program, record: Path, fake: FakeGateway, replayed: Callable[..., Done]
) -> None:
    refusal = failed(400, "invalid_request_error", "prompt is too long")
    fake.react = lambda call: refusal if call.checklist == "Style" else spotting(call)
    first = program(*DIFF, "--record", str(record))
    assert first.code == 3
    again = replayed()
    assert again.code == 3
    assert same(again.report) == same(first.report)


def test_repairs_are_replayed(
    program: Program, record: Path, fake: FakeGateway, replayed: Callable[..., Done]
) -> None:
    fake.react = lambda call: spotting(call) if not call.checklist else streamed('{"findings": [')
    first = program(*DIFF, "--record", str(record))
    again = replayed()
    assert (first.code, same(first.report)) == (again.code, same(again.report))


@pytest.mark.parametrize("change", ["diff", "checklist"])
def test_another_change_is_a_clear_error(
    program: Program, shop: Repo, record: Path, replayed: Callable[..., Done], change: str
) -> None:
    program(*DIFF, "--record", str(record))
    if change == "diff":
        shop.write("new.py", "x = 3  # BUG high\n")
        shop.commit("more")
        done = replayed()
    else:
        done = replayed("diff", "main...", "--checklist", "performance")
    assert done.code == 2
    assert f"the record in {record} has no answer to this change" in done.err
    assert "--record" in done.err
    assert done.out == ""


def _file(path: Path) -> None:
    path.touch()


def _full(path: Path) -> None:
    path.mkdir()
    (path / "note").touch()


def _link(path: Path) -> None:
    path.with_name("elsewhere").mkdir()
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("obstacle", [_file, _full, _link])
def test_a_record_needs_a_folder_of_its_own(
    program: Program, record: Path, fake: FakeGateway, obstacle: Callable[[Path], None]
) -> None:
    obstacle(record)
    done = program(*DIFF, "--record", str(record))
    assert (done.code, fake.calls) == (2, [])
    assert str(record) in done.err


def test_an_empty_folder_is_made_private(program: Program, record: Path) -> None:
    record.mkdir(mode=0o755)
    assert program(*DIFF, "--record", str(record)).code == 0
    assert stat.S_IMODE(record.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["{", "[]", None])
def test_a_folder_without_a_record(
    program: Program, record: Path, replayed: Callable[..., Done], damage: str | None
) -> None:
    record.mkdir()
    if damage:
        (record / "about.json").write_text(damage)
    done = replayed()
    assert (done.code, "is no part of a record" in done.err) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--record", "a", "--replay", "."),
        ("--record", "a", "--dry-run"),
        ("--replay", ".", "--dry-run"),
    ],
)
def test_what_does_not_go_together(program: Program, options: tuple[str, ...]) -> None:
    done = program(*DIFF, *options)
    assert (done.code, "do not go together" in done.err) == (2, True)
    assert not (program.folder / "a").exists()


def test_ci_records_nothing(program: Program) -> None:
    assert "No such option" in program("ci", "--record", "a").err
