"""`reviewbot keys`: the program from end to end, at a proxy on loopback and at a real one."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_management import MASTER, FakeProxy, not_found, refused
from wire import Answer, Call, Wire

PATIENCE = 60.0  # seconds after which whatever a test waits for will not come any more
LOST = Answer(status=0)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> dict[str, str]:
        return read(self.out)


def read(text: str) -> dict[str, str]:
    """User and key of each row of a CSV."""
    return {row["user"]: row["key"] for row in csv.DictReader(io.StringIO(text))}


@dataclass
class Desk:
    """A folder, an environment, and the program run in them.

    Whatever happens: no traceback, and no key but on standard output, where it stands once.
    """

    folder: Path
    environment: dict[str, str]
    master: str
    secrets: list[str] = field(default_factory=list)  # the keys that were made

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "reviewbot", "keys", *arguments]

    def __call__(self, *arguments: str, stdin: str = "", **options: Any) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            input=stdin.encode(),
            timeout=PATIENCE,
            check=False,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options),
        )
        out, err = (done.stdout or b"").decode(), (done.stderr or b"").decode()
        self.check(out, err)
        return Done(done.returncode, out, err)

    def check(self, out: str, err: str) -> None:
        assert "Traceback" not in out + err
        assert "this is a bug" not in err
        assert self.master not in out + err
        for secret in self.secrets:
            assert secret not in err
            assert out.count(secret) <= 1

    def write(self, text: str, name: str = "users.csv") -> str:
        (self.folder / name).write_text(text, "utf-8")
        return name

    def file(self, name: str) -> str:
        """The content of a file that is its owner's alone."""
        path = self.folder / name
        assert path.stat().st_mode & 0o777 == 0o600
        return path.read_text("utf-8")


@pytest.fixture
def proxy(wire: Wire) -> FakeProxy:
    proxy = FakeProxy()
    wire.react = proxy.react
    return proxy


@pytest.fixture
def desk(wire: Wire, proxy: FakeProxy, tmp_path: Path) -> Desk:
    return Desk(tmp_path, environment(wire.url, MASTER), MASTER, proxy.secrets)


def environment(url: str, master: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"AI_GATEWAY_URL": url, "LITELLM_MASTER_KEY": master}


# --- create -------------------------------------------------------------------------------------


def test_a_key_stands_alone_on_standard_output(desk: Desk, proxy: FakeProxy) -> None:
    done = desk("create", "--user", "ci")
    assert (done.code, done.out) == (0, f"{proxy.secrets[0]}\n")
    assert "ci has a key, reviewbot-ci" in done.err
    assert "no budget is set" in done.err
    assert proxy.changes == ["/user/new", "/key/generate"]


def test_what_is_asked_for_is_what_is_made(desk: Desk, proxy: FakeProxy) -> None:
    done = desk(
        *("create", "--user", "ci", "--budget", "5", "--budget-period", "30d", "--rpm", "20"),
        *("--tpm", "200000", "--models", "claude-sonnet, bedrock/new", "--expires", "90d"),
    )
    assert done.code == 0
    budget = {"max_budget": 5.0, "budget_duration": "30d"}
    assert proxy.users == {"ci": {"spend": 0.0, "user_id": "ci", **budget}}
    made = proxy.calls[-1].body
    assert made == {
        "user_id": "ci",
        "key_alias": "reviewbot-ci",
        **budget,
        "rpm_limit": 20,
        "tpm_limit": 200_000,
        "duration": "90d",
        "models": ["claude-sonnet", "bedrock/new"],
    }


def test_defaults_come_from_the_environment(desk: Desk, proxy: FakeProxy) -> None:
    desk.environment |= {"LITELLM_DEFAULT_USER_BUDGET": "2.50", "LITELLM_DEFAULT_RPM": "15"}
    desk("create", "--user", "ci")
    desk("create", "--user", "other", "--budget", "9")
    assert [proxy.users[name]["max_budget"] for name in ("ci", "other")] == [2.5, 9.0]
    assert [proxy.key_of(name)["rpm_limit"] for name in ("ci", "other")] == [15, 15]


def test_a_second_time_makes_and_changes_nothing(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci", "--budget", "5")
    desk.environment |= {"LITELLM_DEFAULT_USER_BUDGET": "2", "LITELLM_DEFAULT_RPM": "1"}
    before = json.dumps([proxy.users, proxy.keys])
    done = desk("create", "--user", "ci", "--expires", "90d")
    assert (done.code, done.out) == (0, "")
    assert "ci has a key already, reviewbot-ci (sk-...kkkk)" in done.err
    assert "`reviewbot keys rotate --user ID` gives a new one" in done.err
    assert json.dumps([proxy.users, proxy.keys]) == before


def test_a_second_time_changes_what_is_asked_for(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci", "--budget", "5", "--rpm", "5")
    done = desk("create", "--user", "ci", "--budget", "7", "--rpm", "5", "--tpm", "9")
    assert (done.code, done.out) == (0, "")
    assert "; changed to budget $7.00, tpm 9\n" in done.err
    assert proxy.users["ci"]["max_budget"] == proxy.key_of("ci")["max_budget"] == 7.0
    assert proxy.key_of("ci")["rpm_limit"] == 5


def test_a_user_who_is_there_keeps_the_budget(desk: Desk, proxy: FakeProxy) -> None:
    proxy.users["ci"] = {"spend": 1.0, "max_budget": 50.0, "budget_duration": "7d"}
    desk.environment["LITELLM_DEFAULT_USER_BUDGET"] = "5"
    assert desk("create", "--user", "ci").code == 0
    assert proxy.users["ci"]["max_budget"] == 50.0
    key = proxy.key_of("ci")
    assert (key["max_budget"], key["budget_duration"]) == (50.0, "7d")


def test_aliases_that_are_only_alike_are_others(desk: Desk, proxy: FakeProxy) -> None:
    for user in ("ci-next", "ci-2", "i", "ci"):
        assert desk("create", "--user", user).out == f"{proxy.secrets[-1]}\n"
    assert desk("rotate", "--user", "ci").code == 0
    assert desk("revoke", "--user", "ci", "--yes").code == 0
    assert {key["user_id"] for key in proxy.keys.values()} == {"ci-next", "ci-2", "i"}


def test_a_key_goes_into_a_file_of_its_own(desk: Desk, proxy: FakeProxy) -> None:
    done = desk("create", "--user", "ci", "--output", "ci.key", umask=0o077)
    assert (done.code, done.out) == (0, "")
    assert desk.file("ci.key") == f"{proxy.secrets[0]}\n"
    assert desk("create", "--user", "other", "-o", "other.key", umask=0).code == 0
    desk.file("other.key")
    assert desk("create", "--user", "ci", "-o", "again.key").code == 0
    assert not (desk.folder / "again.key").exists()


@pytest.mark.parametrize("there", ["a file", "a link", "a link to nothing", "a folder"])
def test_a_file_that_is_there_stays(desk: Desk, proxy: FakeProxy, there: str) -> None:
    file, other = desk.folder / "ci.key", desk.folder / "other"
    if there == "a folder":
        file.mkdir()
    elif there == "a file":
        file.write_text("mine")
    else:
        file.symlink_to(other)
        if there == "a link":
            other.write_text("mine")
    for command in ("create", "rotate"):
        done = desk(command, "--user", "ci", "-o", "ci.key")
        assert (done.code, done.out) == (2, "")
        assert "ci.key is there already" in done.err
    assert proxy.changes == []
    assert not other.exists() or other.read_text() == "mine"


def test_a_key_that_nobody_can_have_seen_is_deleted(desk: Desk, proxy: FakeProxy) -> None:
    with Path("/dev/full").open("wb") as full:
        done = desk("create", "--user", "ci", stdout=full)
    assert done.code == 5
    assert "standard output cannot be written" in done.err
    assert proxy.keys == {}
    assert desk("create", "--user", "ci").out == f"{proxy.secrets[1]}\n"
    with Path("/dev/full").open("wb") as full:
        assert desk("rotate", "--user", "ci", stdout=full).code == 5
    assert proxy.works(proxy.secrets[1])
    assert len(proxy.keys) == 1


def test_a_folder_that_takes_no_file(desk: Desk, proxy: FakeProxy) -> None:
    done = desk("create", "--user", "ci", "-o", "/proc/self/ci.key")
    assert (done.code, proxy.keys) == (5, {})
    assert "/proc/self/ci.key cannot be written" in done.err


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "it takes either --user ID or --from FILE"),
        (["--user", "ci", "--from", "users.csv"], "it takes either"),
        (["--user", ""], "the user is empty"),
        (["--user", "ci", "--budget", "lots"], "--budget: 'lots' is no number of dollars above 0"),
        (["--user", "ci", "--budget-period", "monthly"], "--budget-period: 'monthly' is no length"),
        (["--user", "ci", "--models", "claude-sonet"], "no model 'claude-sonet'. It has: claude-s"),
        (["--user", "ci", "-o", "no/such/key"], "there is no folder no/such"),
        (["--from", "no-such.csv"], "no-such.csv"),
        (["--user", "ci", "--master-key", "x"], "No such option"),
    ],
)
def test_what_cannot_be_asked_for(
    desk: Desk, proxy: FakeProxy, arguments: list[str], words: str
) -> None:
    desk.write("user\nada\n")
    done = desk("create", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert proxy.changes == []


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"LITELLM_DEFAULT_USER_BUDGET": "five"}, 2, "LITELLM_DEFAULT_USER_BUDGET: 'five' is no"),
        ({"LITELLM_DEFAULT_RPM": "many"}, 2, "LITELLM_DEFAULT_RPM: 'many' is no whole number"),
        ({"AI_GATEWAY_URL": " "}, 2, "no LiteLLM proxy is set"),
        ({"AI_GATEWAY_URL": "litellm"}, 2, "AI_GATEWAY_URL is not an http(s) address"),
        ({"LITELLM_MASTER_KEY": " "}, 4, "there is no key in LITELLM_MASTER_KEY"),
        ({"LITELLM_MASTER_KEY": "sk-wrong"}, 4, "the key in LITELLM_MASTER_KEY is not accepted"),
    ],
)
def test_an_environment_that_will_not_do(
    desk: Desk, proxy: FakeProxy, variables: dict[str, str], code: int, words: str
) -> None:
    desk.environment |= variables
    done = desk("create", "--user", "ci")
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert proxy.users == {}


def test_a_key_of_a_user_is_no_master_key(desk: Desk, proxy: FakeProxy) -> None:
    desk.environment["LITELLM_MASTER_KEY"] = desk("create", "--user", "ci").out.strip()
    done = desk("create", "--user", "other")
    assert (done.code, done.out) == (4, "")
    assert "the key in LITELLM_MASTER_KEY is no master key" in done.err


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(400, "DB not connected. See https://docs"), "runs without a database"),
        (refused(400, "No connected db.", "no_db_connection"), "runs without a database"),
        (not_found(), "(404) is not what a LiteLLM proxy does"),
        (Answer("<html>", 200), "(200) is not what a LiteLLM proxy does"),
        (Answer(None, 307, {"Location": "http://127.0.0.1:9/"}), "(307) is not what a LiteLLM"),
        (refused(500, f"Is {MASTER} wrong, or sk-other-0123?"), "(500): Is [key] wrong, or [key]?"),
        (Answer({"detail": [{"msg": "budget"}]}, 422), "(422): [{'msg': 'budget'}]"),
        (Answer({"key": 5}, 200), "tells of a made in a way that is new (key, token)"),
        (LOST, "Nobody knows whether that had an effect: run it again"),
    ],
)
def test_a_proxy_that_will_not_do(desk: Desk, proxy: FakeProxy, answer: Answer, words: str) -> None:
    proxy.fail("/key/generate", answer)
    done = desk("create", "--user", "ci")
    assert (done.code, done.out) == (4, "")
    assert words in done.err
    assert desk("create", "--user", "ci").out == f"{proxy.secrets[0]}\n"


def test_a_proxy_that_is_not_there(desk: Desk) -> None:
    desk.environment["AI_GATEWAY_URL"] = "http://127.0.0.1:1"
    for command in ("info", "create"):
        done = desk(command, "--user", "ci")
        assert (done.code, done.out) == (4, "")
        assert "cannot reach 127.0.0.1:1" in done.err
        assert "Check the port, and that" in done.err


def test_a_key_whose_answer_is_lost_is_replaced_by_a_rotation(desk: Desk, proxy: FakeProxy) -> None:
    proxy.fail("/key/generate", LOST, after=True)
    assert "replaced by `reviewbot keys rotate`" in desk("create", "--user", "ci").err
    assert desk("create", "--user", "ci").out == ""
    assert desk("rotate", "--user", "ci").out == f"{proxy.secrets[1]}\n"
    assert [proxy.works(secret) for secret in proxy.secrets] == [False, True]


@pytest.mark.parametrize(
    "command", [["create"], ["info"], ["rotate"], ["revoke", "--yes"]], ids=lambda each: each[0]
)
def test_an_alias_that_is_another_users(desk: Desk, proxy: FakeProxy, command: list[str]) -> None:
    desk("create", "--user", "ci")
    proxy.key_of("ci")["user_id"] = "eve"
    done = desk(*command, "--user", "ci")
    assert (done.code, done.out) == (4, "")
    assert "but it belongs to eve" in done.err
    assert len(proxy.keys) == 1


# --- many ---------------------------------------------------------------------------------------

FIVE = """user,budget,rpm,models,expires
ada,2.50,30,claude-sonnet;claude-haiku,90d
bob,,,,
"eve, the third",,,"claude-sonnet,claude-haiku",

ci,,,,
dan,,10,,12h
"""


def test_a_csv(desk: Desk, proxy: FakeProxy) -> None:
    old = desk("create", "--user", "ci").out.strip()
    done = desk("create", "--from", desk.write(FIVE), "--budget", "4")
    assert done.code == 0, done.err
    users = ["ada", "bob", "eve, the third", "dan"]
    assert done.rows == dict(zip(users, proxy.secrets[1:], strict=True))
    assert old not in done.out
    assert "4 of 5: ci has a key already" in done.err
    assert "4 keys made, 1 there already" in done.err
    assert [proxy.users[user]["max_budget"] for user in ("ada", "bob", "ci")] == [2.5, 4.0, 4.0]
    for user in ("ada", "eve, the third"):
        assert proxy.key_of(user)["models"] == ["claude-sonnet", "claude-haiku"]
    assert proxy.key_of("dan")["rpm_limit"] == 10


def test_a_csv_from_standard_input(desk: Desk) -> None:
    done = desk("create", "--from", "-", stdin="user\nada\n")
    assert (done.code, list(done.rows)) == (0, ["ada"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user,budget\nada,1\nbob,x\n,1\n", "line 3: budget: 'x' is no number"),
        ("user,models\nada,\nbob,gpt\n", "has no model 'gpt'"),
    ],
)
def test_a_csv_is_right_or_nothing_is_made(
    desk: Desk, proxy: FakeProxy, text: str, words: str
) -> None:
    done = desk("create", "--from", desk.write(text), "-o", "keys.csv")
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert proxy.changes == []
    assert not (desk.folder / "keys.csv").exists()


def test_a_row_that_fails_loses_nothing(desk: Desk, proxy: FakeProxy) -> None:
    users = desk.write(FIVE)
    proxy.fail("/key/generate", refused(500, "It is broken"), passed=2)
    done = desk("create", "--from", users, "-o", "keys.csv")
    assert (done.code, done.out) == (4, "")
    assert "3 of 5: eve, the third failed; run it again to go on from there" in done.err
    assert list(read(desk.file("keys.csv"))) == ["ada", "bob"]
    done = desk("create", "--from", users, "-o", "keys.csv")
    assert done.code == 0
    rows = read(desk.file("keys.csv"))
    assert list(rows) == ["ada", "bob", "eve, the third", "ci", "dan"]
    assert list(rows.values()) == proxy.secrets
    assert desk.file("keys.csv").count("user,key") == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_in_the_middle_loses_nothing(
    desk: Desk, proxy: FakeProxy, how: signal.Signals
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def kill(call: Call) -> None:
        if call.path == "/key/generate" and len(proxy.secrets) == 2:
            proxy.meanwhile = lambda _: None
            started[0].send_signal(how)
            started[0].wait(PATIENCE)
            proxy.fail("/key/generate", LOST)

    proxy.meanwhile = kill
    users = desk.write(FIVE)
    command = desk.command("create", "--from", users, "-o", "keys.csv")
    with subprocess.Popen(
        command, cwd=desk.folder, env=desk.environment, stderr=subprocess.PIPE
    ) as process:
        started.append(process)
        _, err = process.communicate(timeout=PATIENCE)
    desk.check("", err.decode())
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(how, -how)
    if how == signal.SIGINT:
        assert "interrupted. What is shown is made: run it again to go on." in err.decode()
    assert list(read(desk.file("keys.csv")).values()) == proxy.secrets
    assert desk("create", "--from", users, "-o", "keys.csv").code == 0
    assert list(read(desk.file("keys.csv")).values()) == proxy.secrets
    assert len(proxy.secrets) == 5


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("something else\n", 0o600, "is not a list of keys that can be continued"),
        ("user,key\nada,sk-cut-o", 0o600, "is not a list of keys that can be continued"),
        ("", 0o600, "is not a list of keys that can be continued"),
        ("user,key\n", 0o640, "others may read keys.csv, and it is to hold keys. chmod 600"),
    ],
)
def test_a_list_that_cannot_be_continued(
    desk: Desk, proxy: FakeProxy, content: str, mode: int, words: str
) -> None:
    file = desk.folder / desk.write(content, "keys.csv")
    file.chmod(mode)
    done = desk("create", "--from", desk.write("user\nada\n"), "-o", "keys.csv")
    assert (done.code, proxy.changes) == (2, [])
    assert words in done.err
    assert file.read_text() == content


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_list_of_somebody_else(desk: Desk, proxy: FakeProxy) -> None:
    file = desk.folder / desk.write("user,key\n", "keys.csv")
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    done = desk("create", "--from", desk.write("user\nada\n"), "-o", "keys.csv")
    assert (done.code, proxy.changes) == (2, [])
    assert "keys.csv belongs to somebody else" in done.err


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_list_is_a_file_and_no_link(desk: Desk, proxy: FakeProxy, kind: str) -> None:
    file, target = desk.folder / "keys.csv", desk.folder / "target"
    target.touch(0o600)
    target.write_text("user,key\n")
    if kind == "link":
        file.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(file, 0o600)
    else:
        file.mkdir()
    done = desk("create", "--from", desk.write("user\nada\n"), "-o", "keys.csv")
    assert (done.code, proxy.changes) == (2, [])
    assert target.read_text() == "user,key\n"


# --- rotate -------------------------------------------------------------------------------------

FULL = (
    *("--budget", "5", "--budget-period", "30d", "--rpm", "20", "--tpm", "9000"),
    *("--models", "claude-haiku", "--expires", "90d"),
)


def test_a_new_key_has_the_settings_and_the_spend_of_the_old(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci", *FULL)
    proxy.key_of("ci").update(spend=1.5, metadata={"team": "shop"}, max_parallel_requests=3)
    old = dict(proxy.key_of("ci"))
    done = desk("rotate", "--user", "ci")
    assert (done.code, done.out) == (0, f"{proxy.secrets[1]}\n")
    assert "reviewbot-ci (sk-...kkkk) is replaced. The old key is refused from now on" in done.err
    new = proxy.key_of("ci")
    changed = {name for name in old | new if old.get(name) != new.get(name)}
    assert changed == {"token", "duration"}
    assert new["duration"] == f"{(36_524 + 90) * 86_400}s"  # of the fake's keys
    assert proxy.works(proxy.secrets[1])


def test_a_new_key_in_a_file(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci")
    assert desk("rotate", "--user", "ci", "-o", "ci.key").out == ""
    assert desk.file("ci.key") == f"{proxy.secrets[1]}\n"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("route", ["/key/generate", "/key/delete", "/key/update"])
def test_a_rotation_that_broke_off_is_done_again(
    desk: Desk, proxy: FakeProxy, route: str, after: bool
) -> None:
    old = desk("create", "--user", "ci", *FULL).out.strip()
    proxy.fail(route, LOST, after=after)
    broken = desk("rotate", "--user", "ci")
    assert broken.code == 4
    if broken.out:
        assert proxy.works(broken.out.strip())
        assert "the new key works, but the old one may, too" in broken.err
    else:
        assert proxy.works(old)
    assert desk("create", "--user", "ci").out == ""
    assert desk("info", "--user", "ci").code == 0
    last = desk("rotate", "--user", "ci").out.strip()
    assert [secret for secret in proxy.secrets if proxy.works(secret)] == [last]
    key = proxy.key_of("ci")
    assert (key["key_alias"], key["max_budget"], key["rpm_limit"]) == ("reviewbot-ci", 5.0, 20)


def test_a_blocked_key_stays_blocked(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci")
    proxy.key_of("ci")["blocked"] = True
    done = desk("rotate", "--user", "ci")
    assert (done.code, done.out) == (4, "")
    assert "is blocked, and a new one would undo that" in done.err
    assert "reviewbot-ci (sk-...kkkk), blocked" in desk("create", "--user", "ci").err


@pytest.mark.parametrize("command", ["rotate", "info"])
def test_there_is_no_such_key(desk: Desk, proxy: FakeProxy, command: str) -> None:
    done = desk(command, "--user", "ci")
    assert (done.code, done.out) == (4, "")
    assert "there is no user ci, or the user has no key reviewbot-ci" in done.err
    assert "Make one with `reviewbot keys create --user ci`" in done.err
    proxy.users["ci"] = {"spend": 0.0}
    assert "reviewbot: ci has no key reviewbot-ci" in desk(command, "--user", "ci").err


# --- revoke -------------------------------------------------------------------------------------


def test_a_key_is_revoked_once(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci")
    done = desk("revoke", "--user", "ci", "--yes")
    assert (done.code, done.out, proxy.keys) == (0, "", {})
    assert "is revoked" in done.err
    assert list(proxy.users) == ["ci"]
    done = desk("revoke", "--user", "ci", "--yes")
    assert (done.code, done.out) == (0, "")
    assert "nothing to revoke" in done.err


def test_nobody_can_be_asked(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci")
    done = desk("revoke", "--user", "ci")
    assert (done.code, done.out) == (2, "")
    assert "Add --yes." in done.err
    assert len(proxy.keys) == 1


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1), ("", 1)])
def test_somebody_is_asked(desk: Desk, proxy: FakeProxy, answer: str, left: int) -> None:
    desk("create", "--user", "ci")
    terminal, slave = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    done = subprocess.run(
        desk.command("revoke", "--user", "ci"),
        cwd=desk.folder,
        env=desk.environment,
        stdin=slave,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    os.close(terminal)
    os.close(slave)
    assert b"Revoke reviewbot-ci (sk-...kkkk), on which $0.00 is spent? [y/N]" in done.stderr
    assert (done.stdout, len(proxy.keys)) == (b"", left)


def test_what_a_broken_rotation_has_left_is_revoked_too(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci")
    proxy.fail("/key/delete", LOST)
    desk("rotate", "--user", "ci")
    assert len(proxy.keys) == 2
    desk("revoke", "--user", "ci", "--yes")
    assert proxy.keys == {}


# --- info ---------------------------------------------------------------------------------------

CARD = """\
user         ci
key          reviewbot-ci (sk-...kkkk)
state        active
spent        $1.2346 of $5.00, resets 2126-02-01 00:00 UTC
by the user  $0.0000 of $5.00
rpm          20 a minute
tpm          9,000 a minute
models       claude-haiku
expires      2126-04-01 00:00 UTC
"""


def test_a_card(desk: Desk, proxy: FakeProxy) -> None:
    secret = desk("create", "--user", "ci", *FULL).out.strip()
    proxy.key_of("ci").update(spend=1.23456, budget_reset_at="2126-02-01T00:00:00Z")
    assert desk("info", "--user", "ci").out == CARD
    desk.environment["LITELLM_API_KEY"] = secret
    del desk.environment["LITELLM_MASTER_KEY"]
    assert desk("info").out == CARD


def test_a_card_without_limits(desk: Desk) -> None:
    desk("create", "--user", "ci")
    out = desk("info", "--user", "ci").out
    for line in ("$0.0000 no budget", "rpm          no limit", "models       all", "  never"):
        assert line in out


def test_a_card_for_programs(desk: Desk, proxy: FakeProxy) -> None:
    desk("create", "--user", "ci", *FULL)
    proxy.key_of("ci")["expires"] = "2026-01-02T00:00:00Z"
    told = json.loads(desk("info", "--user", "ci", "--json").out)
    money = {"spend_usd": 0.0, "budget_usd": 5.0, "budget_period": "30d", "budget_resets": None}
    assert told == {
        "user": "ci",
        "alias": "reviewbot-ci",
        "name": "sk-...kkkk",
        "state": "expired",
        "blocked": False,
        **money,
        "user_budget": money,
        "rpm": 20,
        "tpm": 9000,
        "models": ["claude-haiku"],
        "expires": "2026-01-02T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(401, "Authentication Error", "expired_key"), "LITELLM_API_KEY has expired"),
        (refused(401, "Key is blocked", "auth_error"), "LITELLM_API_KEY is not accepted"),
        (not_found(), "is not what a LiteLLM proxy does"),
    ],
)
def test_a_key_that_is_refused(desk: Desk, proxy: FakeProxy, answer: Answer, words: str) -> None:
    desk.environment["LITELLM_API_KEY"] = desk("create", "--user", "ci").out.strip()
    proxy.fail("/key/info", answer)
    done = desk("info")
    assert (done.code, done.out) == (4, "")
    assert words in done.err


def test_a_key_that_may_not_ask_about_its_user(desk: Desk, proxy: FakeProxy) -> None:
    desk.environment["LITELLM_API_KEY"] = desk("create", "--user", "ci").out.strip()
    proxy.fail("/user/info", refused(403, "not allowed"))
    done = desk("info")
    assert done.code == 0
    assert "by the user" not in done.out


# --- where keys go on to ------------------------------------------------------------------------

SCRIPTS = re.findall(
    r"^```sh\n(.*?)^```",
    (Path(__file__).parent.parent / "docs/keys.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)
HANDED_ON = [script for script in SCRIPTS if re.search(r"\| (gh|glab|curl) ", script)]


@pytest.mark.parametrize("script", HANDED_ON)
def test_a_key_goes_on_by_a_documented_pipe(desk: Desk, proxy: FakeProxy, script: str) -> None:
    tools = desk.folder / "bin"
    tools.mkdir()
    program = f'exec "{sys.executable}" -m reviewbot "$@"'
    taking = f'cat > "{desk.folder}/taken"; echo "$@" > "{desk.folder}/said"'
    for name, line in (
        ("reviewbot", program),
        *((name, taking) for name in ("gh", "glab", "curl")),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    desk.environment["PATH"] = f"{tools}:{desk.environment['PATH']}"
    run = partial(
        subprocess.run,
        ["sh", "-c", script],
        cwd=desk.folder,
        env=desk.environment,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run().returncode == 0
    assert (desk.folder / "taken").read_text().strip() == proxy.secrets[0]
    assert proxy.secrets[0] not in (desk.folder / "said").read_text()
    (desk.folder / "taken").unlink()
    run()
    safe = "key=$(" in script
    assert (desk.folder / "taken").exists() != safe


def test_each_place_has_its_pipe() -> None:
    assert len(HANDED_ON) == 4


# --- a real proxy -------------------------------------------------------------------------------

NEEDED = ("AI_GATEWAY_URL", "LITELLM_MASTER_KEY")
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
real = pytest.mark.skipif(
    any(not os.environ.get(name) for name in NEEDED),
    reason="the LiteLLM test gateway does not run",
)


@pytest.fixture
def office(tmp_path: Path) -> Desk:
    """The program at a real LiteLLM proxy."""
    url, master = (os.environ[name] for name in NEEDED)
    return Desk(tmp_path, environment(url, master), master)


@pytest.fixture
def user(office: Desk) -> Iterator[str]:
    """A user of this test alone."""
    name = f"keys-{uuid.uuid4().hex}"
    yield name
    assert office("revoke", "--user", name, "--yes").code == 0


def call(key: str, model: str = "claude-sonnet") -> int:
    """The status of a small call to a model."""
    body: Mapping[str, Any] = {
        "model": model,
        "max_tokens": 20,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    request = urllib.request.Request(
        f"{os.environ['AI_GATEWAY_URL']}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with _HTTP.open(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@real
@pytest.mark.xdist_group("litellm")
def test_the_life_of_a_key(office: Desk, user: str) -> None:
    office.environment |= {"LITELLM_DEFAULT_USER_BUDGET": "5", "LITELLM_DEFAULT_RPM": "20"}
    made = office("create", "--user", user, "--models", "claude-sonnet", "--expires", "90d")
    assert made.code == 0, made.err
    first = made.out.strip()
    office.secrets.append(first)
    assert call(first) == 200
    assert call(first, "claude-haiku") == 403

    again = office("create", "--user", user, "--budget", "6", "--tpm", "50000")
    assert (again.code, again.out) == (0, "")
    assert "changed to budget $6.00, tpm 50000" in again.err

    rotated = office("rotate", "--user", user)
    assert rotated.code == 0, rotated.err
    second = rotated.out.strip()
    office.secrets.append(second)
    assert (call(first), call(second), call(second, "claude-haiku")) == (401, 200, 403)

    office.environment["LITELLM_API_KEY"] = second
    for asked in (["info", "--json"], ["info", "--user", user, "--json"]):
        told = json.loads(office(*asked).out)
        assert (told["user"], told["alias"]) == (user, f"reviewbot-{user}")
        assert (told["budget_usd"], told["user_budget"]["budget_usd"]) == (6.0, 6.0)
        assert (told["rpm"], told["tpm"], told["models"]) == (20, 50_000, ["claude-sonnet"])
        assert (told["state"], told["name"][-4:]) == ("active", second[-4:])
        assert told["expires"]

    assert office("revoke", "--user", user, "--yes").code == 0
    assert call(second) == 401
    assert office("info").code == office("info", "--user", user).code == 4
    third = office("create", "--user", user)
    assert third.code == 0
    office.secrets.append(third.out.strip())
    assert call(third.out.strip()) == 200
    told = json.loads(office("info", "--user", user, "--json").out)
    assert told["budget_usd"] == 6.0


@real
@pytest.mark.xdist_group("litellm")
def test_keys_for_a_team(office: Desk) -> None:
    mark = uuid.uuid4().hex
    users = [f"keys-{mark}-{number}" for number in range(5)]
    assert office("create", "--user", users[2], "--budget", "1", "-o", "one.key").code == 0
    rows = "\n".join(f"{user},{number + 2},claude-sonnet" for number, user in enumerate(users))
    table = office.write(f"user,budget,models\n{rows}\n")
    done = office("create", "--from", table, "--budget-period", "30d", "-o", "keys.csv")
    assert (done.code, done.out) == (0, ""), done.err
    keys = read(office.file("keys.csv"))
    assert list(keys) == [*users[:2], *users[3:]]
    assert [call(key) for key in keys.values()] == [200] * 4
    told = json.loads(office("info", "--user", users[2], "--json").out)
    assert (told["budget_usd"], told["budget_period"]) == (4.0, "30d")
    assert told["user_budget"]["budget_resets"]
    before = office.file("keys.csv")
    assert office("create", "--from", table, "-o", "keys.csv").code == 0
    assert office.file("keys.csv") == before
    for user in users:
        assert office("revoke", "--user", user, "--yes").code == 0


@real
@pytest.mark.xdist_group("litellm")
def test_a_new_key_is_no_new_budget(office: Desk, user: str) -> None:
    office("create", "--user", user, "--budget", "0.00001", "-o", "old.key")
    assert call((office.folder / "old.key").read_text().strip()) == 200
    office.environment["LITELLM_API_KEY"] = (office.folder / "old.key").read_text().strip()
    assert office("revoke", "--user", user, "--yes").code == 0
    key = office("create", "--user", user).out.strip()
    assert call(key) in (400, 422, 429)


@real
def test_what_a_real_proxy_refuses(office: Desk, user: str) -> None:
    done = office("create", "--user", user, "--models", "claude-sonet")
    assert (done.code, done.out) == (2, "")
    assert "It has: claude-sonnet" in done.err
    office.environment["LITELLM_API_KEY"] = office("create", "--user", user).out.strip()
    good, office.environment["LITELLM_MASTER_KEY"] = (
        office.environment["LITELLM_MASTER_KEY"],
        office.environment["LITELLM_API_KEY"],
    )
    assert "is no master key" in office("create", "--user", f"{user}-2").err
    office.environment["LITELLM_MASTER_KEY"] = f"sk-{uuid.uuid4().hex}"
    assert "is not accepted" in office("create", "--user", f"{user}-2").err
    office.environment["LITELLM_MASTER_KEY"] = good
    assert office("info", "--user", f"{user}-2").code == 4
