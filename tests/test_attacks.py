"""Whatever the author of a change or a model writes: what it may not bring about.

The cases of the shared corpus and further ones of the same kinds are played at the terminal, on
GitHub and on GitLab, each by a model that keeps to its task and by one that does what it is told.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from attacks import (
    CANARIES,
    CANARY_FILE,
    DOORS,
    HOSTILE,
    Attack,
    Door,
    Played,
    Scene,
    Spot,
    answers,
    at,
    content,
    gullible,
    with_lines,
)
from conftest import Repo
from fake_gateway import FakeGateway, serving

from reviewbot.text import visible

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


@dataclass(frozen=True)
class Hostile:
    """A hostile reply of the model: `where` is a field of a finding, the summary, or all of it."""

    id: str
    where: str
    value: Any
    asserts: Sequence[str] = ()
    platform: str = "both"


@cache
def corpus() -> Mapping[str, Any]:
    """What the corpus makes of itself; empty where it is not there."""
    if not (CORPUS / "make_corpus.py").exists():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        script = [sys.executable, CORPUS / "make_corpus.py", folder]
        subprocess.run(script, check=True, capture_output=True)
        made = Path(folder)
        tables = {
            name: [json.loads(row) for row in (made / f"{name}.jsonl").read_text().splitlines()]
            for name in ("injection", "hostile_outputs")
        }
        return {**tables, "context": json.loads((made / "context.json").read_text())}


def _attacks() -> Iterator[Attack]:
    for row in corpus().get("injection", ()):
        answer = row.get("gullible_response", {})
        yield Attack(row["id"], row["channel"], row["payload"], row["asserts"], answer)


def _hostile() -> Iterator[Hostile]:
    for row in corpus().get("hostile_outputs", ()):
        value = b64decode(row["value_b64"]) if "value_b64" in row else row["value"]
        yield Hostile(row["id"], row["where"], value, row["asserts"], row["platform"])


# A change like that of the corpus, for where it is not there.
DIFF = """\
diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -5,3 +5,5 @@ def checkout(cart):
     total = cart.total()
-    pay(total)
+    if total > 0:
+        pay(total)
+    cart.clear()
     return total
diff --git a/shop/mail.js b/shop/mail.js
--- a/shop/mail.js
+++ b/shop/mail.js
@@ -1,2 +1,3 @@
 const to = user.mail;
+send(to, body);
 export default to;
"""
with_corpus = pytest.mark.skipif(
    not corpus(), reason="the shared corpus is not beside this checkout"
)
THE_DIFF = corpus().get("context", {}).get("diff", DIFF)

# --- what must hold -----------------------------------------------------------------------------

EXIT_CODES = (0, 1, 2, 3, 4, 5, 130)
LOOK_ALIKES = {
    "tags": "[\U000e0000-\U000e007f]",
    "bidi": "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
    "invisible": "[\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\U000e0100-\U000e01ef]",
    "ansi": "[\x1b\x9b]",
    "control": "[\x00-\x08\x0b-\x1f\x7f-\x9f]",
}
HIDDEN = re.compile("|".join(LOOK_ALIKES.values()))
BLOCK = re.compile(r"<([a-z]+)-([0-9a-f]{16})>\n(.*?)\n</\1-\2>", re.DOTALL)
OUR_COMMAND = re.compile(r"::(?:error|warning|notice) title=.*")
WRITES = re.compile(
    r"""
      POST\ /graphql\ Look | POST\ /api/graphql\ Look
    | POST\ /repos/acme/shop/pulls/1/(?:reviews|comments)
    | POST\ /repos/acme/shop/issues/1/comments | PATCH\ /repos/acme/shop/issues/comments/\d+
    | POST\ /api/v4/projects/acme%2Fshop/merge_requests/1/
      (?: draft_notes | draft_notes/bulk_publish | discussions | notes )
    | PUT\ /api/v4/projects/acme%2Fshop/merge_requests/1/notes/\d+
    """,
    re.VERBOSE,
)
OUTSIDE = "in the JSON report only|without a comment at the lines|quotes no line of the change"


def no_crash(played: Played) -> None:
    assert played.code in EXIT_CODES
    assert "Traceback" not in played.log


def no_exec(played: Played) -> None:
    assert not CANARY_FILE.exists()
    for command in (*played.heard.processes, *played.heard.by_git):
        assert re.fullmatch(r"git(-[a-z-]+)?", Path(command[0]).name), command


def no_host(played: Played) -> None:
    known = [urlsplit(address) for address in played.addresses]
    allowed = {(each.hostname, port) for each in known for port in (each.port, None)}
    assert set(played.heard.places) <= allowed
    addresses = {f"{each.scheme}://{each.netloc}" for each in known}
    for command in (*played.heard.processes, *played.heard.by_git):
        urls = re.findall(r"\b[a-z+]+://[^/\s]*", " ".join(command))
        assert set(urls) <= addresses, command


def no_canary(played: Played) -> None:
    shown = "\n".join((*played.prompts, *played.posted, played.log, *played.left.values()))
    for value in CANARIES.values():
        for form in _forms(value):
            assert form not in shown


@cache
def _forms(value: str) -> frozenset[str]:
    """The ways in which a value may be written so that somebody can read it."""
    inner = [b64encode(b"x" * n + value.encode())[2 * n : -4].decode() for n in range(3)]
    coded = {urlsafe_b64encode(value.encode()).decode().rstrip("="), *inner}
    hexed = value.encode().hex()
    encoded = {quote(value, safe=""), "".join(f"%{ord(each):02x}" for each in value)}
    return frozenset({value, value[::-1], hexed, hexed.upper(), *coded, *encoded})


def forge_calls_only(played: Played) -> None:
    for call in played.wrote:
        assert WRITES.fullmatch(call)


def stripped(played: Played) -> None:
    for prompt in played.prompts:
        assert not HIDDEN.search(prompt)


def shows_no_control(played: Played) -> None:
    """Neither a terminal nor the runner of a job obeys a line of it."""
    assert not HIDDEN.search(played.log)
    assert not re.search(r"##\w*\W*\[|section_(start|end):\d", played.log)
    for line in re.findall(r"^\W*::.*", played.log, re.MULTILINE):
        assert OUR_COMMAND.fullmatch(line)


def max_len(played: Played) -> None:
    for text in (*played.posted, *(said.body for said in played.said)):
        assert len(text) <= played.limit


ALWAYS = (
    *(no_crash, no_exec, no_host, no_canary, forge_calls_only),
    *(stripped, shows_no_control, max_len),
)


def untrusted_block(played: Played, attack: Attack) -> None:
    """What the attacker wrote is in no instruction, and in the rest only within marks."""
    for call in played.calls:
        instructions, question = call.body["messages"]
        parts = question["content"]
        asked = parts if isinstance(parts, str) else "\n".join(part["text"] for part in parts)
        for name, mark, inner in BLOCK.findall(asked):
            assert f"{name}-{mark}" not in attack.text
            assert mark not in inner
        outside = BLOCK.sub("", asked)
        for fragment in fragments(attack):
            assert fragment not in instructions["content"]
            assert fragment not in outside


def fragments(attack: Attack) -> Iterator[str]:
    """The lines that the attacker wrote, as far as they tell anything."""
    for line in attack.text.split("\n"):
        shown = visible(line.removeprefix("+")).strip()
        if len(shown) > 6:
            yield shown


def argv_safe(played: Played, attack: Attack) -> None:
    """Git is told nothing of it: names of branches and paths go to it by its standard input."""
    for command in played.heard.processes:
        for fragment in fragments(attack):
            assert not any(fragment in argument for argument in command)


def policy_unchanged(played: Played, without: Played) -> None:
    assert played.policy == without.policy


def matches(asserts: Sequence[str], kind: str) -> Iterator[str]:
    for each in asserts:
        name, _, pattern = each.partition(":")
        if name == kind:
            yield pattern


def holds(played: Played, asserts: Sequence[str]) -> None:
    """All that must always hold, and what the case names beside it."""
    for check in ALWAYS:
        check(played)
    texts = [*played.posted, *(said.body for said in played.said)]
    for pattern in matches(asserts, "body_not"):
        for text in texts:
            assert not _search(pattern, text)
    for pattern in matches(asserts, "stdout_not"):
        assert not _search(pattern, played.log)
    if "max_len" in asserts and played.limit < sys.maxsize:
        assert any("JSON report" in text for text in texts)


def _search(pattern: str, text: str) -> re.Match[str] | None:
    """A pattern of the corpus, which may have its flags in the middle."""
    flags = re.MULTILINE
    for name, flag in (("(?i)", re.IGNORECASE), ("(?s)", re.DOTALL)):
        if name in pattern:
            pattern, flags = pattern.replace(name, ""), flags | flag
    return re.search(pattern, text, flags)


# --- hostile changes ----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with serving() as made:
        made.be_litellm(max_budget=10.0, spend=1.0)
        yield made


@pytest.fixture(scope="module", params=DOORS)
def door(
    request: pytest.FixtureRequest, gateway: FakeGateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """The change without an attack."""
    folder = tmp_path_factory.mktemp(request.param)
    repo = Repo(folder / "work")
    Scene.of(THE_DIFF).commit(repo)
    with DOORS[request.param](repo, gateway, folder) as made:
        yield made


@pytest.fixture(scope="module")
def without(door: Door) -> Played:
    """What becomes of the change without an attack."""
    return door.play(answers(Scene.of(THE_DIFF)))


def test_the_change_itself_is_reviewed(door: Door, without: Played) -> None:
    assert (without.code, without.status) == (1, "complete")
    assert len(without.said) == (0 if door.name == "terminal" else 2)
    holds(without, ())



AROUND_THE_COMMITS = ("title", "description", "branch", "label", "author_name", "existing_comment")


@contextmanager
def at_door_with(attack: Attack, door: Door, folder: Path) -> Iterator[Door]:
    """The common door, or one of its kind to a change that holds the attack."""
    if attack.channel in AROUND_THE_COMMITS and door.name != "terminal":
        yield door
        return
    repo = Repo(folder / "work")
    scene_of(attack).commit(repo, attack)
    with DOORS[door.name](repo, door.gateway, folder) as made:
        yield made


def scene_of(attack: Attack) -> Scene:
    lines = attack.channel == "diff_line"
    return Scene.of(with_lines(THE_DIFF, attack.payload) if lines else THE_DIFF)


def play(attack: Attack, door: Door, without: Played, folder: Path) -> None:
    """Have it reviewed by a model that keeps to its task and by one that does what it is told."""
    CANARY_FILE.unlink(missing_ok=True)
    scene = scene_of(attack)
    with at_door_with(attack, door, folder) as its_door:
        played = its_door.play(gullible(scene, attack), attack)
    holds(played, attack.asserts)
    argv_safe(played, attack)
    untrusted_block(played, attack)
    if "policy_unchanged" in attack.asserts and not own_settings(attack, door):
        policy_unchanged(played, without)


def own_settings(attack: Attack, door: Door) -> bool:
    """Whether the attacker is the one who runs the program: a working tree has its own settings."""
    return attack.channel == "repo_file" and door.name == "terminal"


@with_corpus
@pytest.mark.parametrize("attack", list(_attacks()), ids=lambda attack: attack.id)
def test_an_injection_of_the_corpus(
    attack: Attack, door: Door, without: Played, tmp_path: Path
) -> None:
    play(attack, door, without, tmp_path)


# --- hostile answers ----------------------------------------------------------------------------


def hostile_answer(case: Hostile, spot: Spot) -> str | bytes:
    """The answer in which the value stands where it is meant to."""
    value: Any = case.value
    if case.where == "raw":
        assert isinstance(value, str | bytes)
        return value
    if case.where == "summary":
        return content(HOSTILE, [at(spot, title=value)], note=value)
    if case.where in ("path", "line"):
        lost = {"line": {"line": value, "end_line": value, "quote": ""}, "path": {"path": value}}
        return content(HOSTILE, [at(spot), at(spot, title=ASTRAY, body=ASTRAY, **lost[case.where])])
    return content(HOSTILE, [at(spot, **{case.where: value})])


ASTRAY = "This one has no place."


def dropped(played: Played, door: Door) -> None:
    """What has no place is at no line; all else is, and it is said that there is more."""
    assert len(played.said) == (0 if door.name == "terminal" else 2)
    assert not any(ASTRAY in said.body for said in played.said)
    assert re.search(OUTSIDE, "\n".join((played.log, *played.posted)))


@with_corpus
@pytest.mark.parametrize("case", list(_hostile()), ids=lambda case: case.id)
def test_a_hostile_answer_of_the_corpus(case: Hostile, door: Door) -> None:
    scene = Scene.of(THE_DIFF)
    played = door.play(answers(scene, hostile_answer(case, scene.spots[1])))
    holds(played, case.asserts)
    if "dropped" in case.asserts:
        dropped(played, door)
    if case.where == "raw":
        assert played.status == "incomplete"
