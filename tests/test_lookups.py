"""What models may look up: what is shown of it, what never is, and how the calls go on and end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import key, raw_finding, token
from conftest import Repo
from fake_gateway import KEY, Call, FakeGateway, Reaction, answered, failed, streamed
from test_cli import Program, environment

from reviewbot import calls, change, checklists, config, exchange, lookups, pipeline
from reviewbot import gateway as gateway_module
from reviewbot.endpoint import Endpoint
from reviewbot.errors import GatewayError, GitError
from reviewbot.findings import ASKING_FORM, SCHEMA, LookUp
from reviewbot.gateway import Gateway
from reviewbot.git import Repository
from reviewbot.local import review_of
from reviewbot.lookups import (
    LEAST_TOKENS,
    MOST_HITS,
    MOST_LINES,
    MOST_LOOK_UPS,
    MOST_OF_A_FILE,
    MOST_ROUNDS,
    Conversation,
)
from reviewbot.models import Model, tokens
from reviewbot.pipeline import Review, prepare, review_change
from reviewbot.prompt import Request
from reviewbot.redaction import Redactor, shipped
from reviewbot.report import Report
from reviewbot.search import LARGEST_FILE

APP = "from shop.money import taxed\n\nprice = taxed(100)\n"
MONEY = "RATE = 1.2\n\n\ndef taxed(cents):\n    return cents * RATE\n"
NUMBERED = "".join(f"line_{n} = {n}\n" for n in range(1, 501))


@pytest.fixture
def shop(repo: Repo) -> Repo:
    """A repository of a few files, and a commit that changes one of them."""
    repo.write("shop/app.py", "price = 1\n")
    repo.write("shop/money.py", MONEY)
    repo.write("web/views.py", "from shop.money import taxed\nshown = taxed(5)\n")
    repo.write("counted.py", NUMBERED)
    repo.commit("start")
    return repo


@contextmanager
def a_review(repo: Repo, *, effort: str = "high", **settings: Any) -> Iterator[Review]:
    """The review of the last commit, with what it takes to look things up."""
    repo.write("shop/app.py", APP)
    repo.commit("use it")
    overrides = {name: ("test", value) for name, value in {"effort": effort, **settings}.items()}
    made = config.load({}, overrides).config
    with Repository(repo.folder) as repository:
        it = change.from_repository(repository, change.commit(repository, "HEAD"))
        chosen = [(checklists.load({})["correctness"], "claude-sonnet")]
        filters = {"path_filters": made.path_filters}
        yield pipeline.surveyed(review_of(it, chosen, made, filters, Redactor(shipped())))


def shown(repo: Repo, *asked: LookUp, budget: int = 8_000, **settings: Any) -> str:
    with a_review(repo, **settings) as review:
        assert review.look_ups
        return review.look_ups.text(asked, budget)


def lines_of(path: str, line: int = 0, end_line: int = 0) -> LookUp:
    return LookUp(path, line, end_line)


def search(text: str, path: str = "") -> LookUp:
    return LookUp(path, search=text)


# --- what is shown -------------------------------------------------------------------------------


def test_lines_of_a_file_have_the_numbers_that_they_have_everywhere(shop: Repo) -> None:
    assert shown(shop, lines_of("shop/money.py", 4, 5)) == (
        "## shop/money.py (lines 4 to 5 of 5)\n4\t def taxed(cents):\n5\t     return cents * RATE"
    )


def test_a_file_of_the_change_is_shown_as_it_is_once_the_change_is_in(shop: Repo) -> None:
    assert "3\t price = taxed(100)" in shown(shop, lines_of("shop/app.py"))


def test_what_lies_in_the_working_tree_is_not_looked_at(shop: Repo) -> None:
    with a_review(shop) as review:
        assert review.look_ups
        shop.write("shop/money.py", "lying = 'here'\n")
        shop.write("shop/new.py", "lying = 'there'\n")
        text = review.look_ups.text([lines_of("shop/money.py"), search("lying")], 8_000)
    assert "def taxed" in text
    assert "= '" not in text


@pytest.mark.parametrize(
    ("line", "end_line", "heading"),
    [
        (0, 0, f"lines 1 to {MOST_LINES} of 500"),
        (10, 0, f"lines 10 to {MOST_LINES + 9} of 500"),
        (10, 99_999, f"lines 10 to {MOST_LINES + 9} of 500"),
        (490, 600, "lines 490 to 500 of 500"),
        (20, 3, "lines 20 to 20 of 500"),
        (0, 3, "lines 1 to 3 of 500"),
    ],
)
def test_a_range_is_held_to_the_file_and_to_what_is_shown_at_once(
    shop: Repo, line: int, end_line: int, heading: str
) -> None:
    text = shown(shop, lines_of("counted.py", line, end_line))
    first, last = (int(word) for word in heading.split()[1:4:2])
    assert text.split("\n") == [
        f"## counted.py ({heading})",
        *(f"{n}\t line_{n} = {n}" for n in range(first, last + 1)),
    ]


def test_a_search_shows_each_line_with_the_text_below_its_file_the_nearest_first(
    shop: Repo,
) -> None:
    assert shown(shop, search(" taxed(")) == (
        "## Lines with `taxed(`\n"
        "shop/app.py\n3\t price = taxed(100)\n"
        "shop/money.py\n4\t def taxed(cents):\n"
        "web/views.py\n2\t shown = taxed(5)"
    )


@pytest.mark.parametrize("folder", ["web", "/web/", "./web/views.py"])
def test_a_search_may_be_held_to_a_folder_or_a_file(shop: Repo, folder: str) -> None:
    text = shown(shop, search("taxed", folder))
    assert [row for row in text.split("\n")[1:] if row.endswith(".py")] == ["web/views.py"]


def test_a_search_is_no_pattern_and_shows_so_many_lines(shop: Repo) -> None:
    text = shown(shop, search("line_"), search("line_1$"), search("ab"))
    assert text.count("\t line_") == MOST_HITS
    assert "\n[more lines have it: search for a longer text, or in one folder or file]\n" in text
    assert "## Lines with `line_1$`: none were found in the files that may be shown" in text
    assert "## Lines with `ab`: search for 3 to 200 characters of one line" in text


def test_of_a_file_among_others_a_search_shows_a_few_lines(shop: Repo) -> None:
    shop.write("shop/other.py", "line_0 = 0\n")
    text = shown(shop, search("line_"))
    assert text.count("\t line_") == MOST_OF_A_FILE + 1
    assert "counted.py\n1\t line_1 = 1\n" in text
    assert f"\n{MOST_OF_A_FILE}\t line_{MOST_OF_A_FILE} = {MOST_OF_A_FILE}\n..." in text


def test_a_file_that_is_not_shown_is_none_beside_which_a_search_shows_less(shop: Repo) -> None:
    shop.write("poetry.lock", "line_0 = 0\n")
    assert shown(shop, search("line_")).count("\t line_") == MOST_HITS


def test_the_last_of_many_files_is_not_left_out_without_a_word(shop: Repo) -> None:
    for n in range(lookups.MOST_FILES + 1):
        shop.write(f"many/f{n}.py", f"vanished = '{token()}'\n")
    text = shown(shop, search("vanished = 'gh" + "p_"))
    assert text.endswith("[more lines have it: search for a longer text, or in one folder or file]")


@pytest.mark.parametrize("budget", [150, 500, 2_000, 8_000])
def test_what_is_shown_keeps_to_its_room_and_each_gets_its_share(shop: Repo, budget: int) -> None:
    asked = [lines_of("counted.py"), lines_of("counted.py", 300), search("taxed")]
    text = shown(shop, *asked, budget=budget)
    assert tokens(text) <= budget
    assert text.count("## ") == 3
    assert ("[cut here: ask for less at once]" in text) == (budget < 8_000)


# --- what is not ---------------------------------------------------------------------------------


def test_secrets_are_taken_out_of_lines_and_of_hits(shop: Repo) -> None:
    pem = "\n".join(key())
    shop.write("conf/own.py", f"client = connect('{token()}')\nblock = '''\n{pem}\n'''\n")
    text = shown(shop, lines_of("conf/own.py"), search("client = "), search("BEGIN RSA"))
    assert text.count("client = connect('[redacted:github") == 2
    assert text.count("[redacted:private-key]") == len(key()) - 2
    assert not [part for part in (token(), *key()[1:-1]) if part in text]


def test_nobody_can_find_out_by_searching_what_was_taken_out(shop: Repo) -> None:
    shop.write("conf/own.py", f"client = connect('{token()}')\n")
    text = shown(shop, search(token()[:10]), search(f"('{token()[:6]}"))
    assert text.count(": none were found in the files that may be shown") == 2


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("../../etc/passwd", None, "there is no such file"),
        ("/etc/passwd", None, "there is no such file"),
        ("HEAD:shop/money.py", None, "there is no such file"),
        ("shop", None, "there is no such file"),
        ("link.py", None, "there is no such file"),
        ("nobody\nmade.py", None, "there is no such file"),
        (".env", "word = needle\n", "this file is shown to no model"),
        ("mine/plan.py", "word = needle\n", "this file is shown to no model"),
        ("left/out.py", "word = needle\n", "this file is shown to no model"),
        ("vendor/lib.py", "word = needle\n", "this file is shown to no model"),
        ("old.py", "word = needle\n", "this file is shown to no model"),
        ("picture.py", "needle\0\n", "this file was not written by people"),
        ("packed.py", f"needle{'x' * 3_000}", "this file was not written by people"),
        ("data.py", "needle\n" * (LARGEST_FILE // 7 + 1), "this file is too large to be shown"),
    ],
)
def test_what_is_shown_to_nobody_is_neither_shown_nor_found(
    shop: Repo, path: str, content: str | None, why: str
) -> None:
    shop.write(".gitattributes", "old.py linguist-generated\n")
    (shop.folder / "link.py").symlink_to("/etc/passwd")
    if content is not None:
        shop.write(path, content)
    shop.commit("more")
    settings: dict[str, Any] = {"path_filters": ["!left/"], "redaction": {"never_send": ["mine/"]}}
    text = shown(shop, lines_of(path, 1, 9), search("needle"), search("needle", path), **settings)
    assert text.split("\n\n")[0].endswith(f": {why}")
    assert text.count("none were found") == 2


def test_what_was_a_file_of_secrets_before_the_change_is_not_shown(shop: Repo) -> None:
    shop.write("key.pem", MONEY)
    shop.commit("a key")
    shop.git("mv", "key.pem", "plain.py")
    text = shown(shop, lines_of("plain.py"), search("def taxed", "plain.py"))
    assert "## plain.py: this file is shown to no model" in text
    assert "def taxed(" not in text


# --- where there is anything to look up ----------------------------------------------------------


def requests_of(review: Review, most: int | None = None) -> list[Request]:
    return list(prepare(review, lambda name: Model(name, window=200_000), most))


@pytest.mark.parametrize(
    "settings", [{"effort": "medium"}, {"effort": "low"}, {"context_tokens": 0}], ids=str
)
def test_without_look_ups_prompts_and_schema_are_those_without_them(
    shop: Repo, settings: dict[str, Any]
) -> None:
    with a_review(shop, **settings) as review:
        assert review.look_ups is None
        made = requests_of(review)
    verified = settings.get("effort") != "low"
    assert {each.system for each in made} == {checklists.frame("system", verified=verified)}
    assert {each.look_up_tokens for each in made} == {0}
    assert "look_ups" not in json.dumps(SCHEMA)


def test_a_patch_alone_and_a_partial_clone_have_none(
    shop: Repo, make_repo: Callable[..., Repo]
) -> None:
    with a_review(shop) as review:
        bare = replace(review, change=replace(review.change, tree=None), look_ups=None)
        assert pipeline.surveyed(bare).look_ups is None
    shop.git("config", "remote.origin.promisor", "true")
    with a_review(shop) as review:
        assert review.look_ups is None


def test_room_is_kept_for_them_in_the_window_and_a_small_one_has_none(shop: Repo) -> None:
    with a_review(shop) as review:
        large, small = requests_of(review), requests_of(review, 15_000)
    assert {each.look_up_tokens for each in large} == {lookups.CALL_TOKENS}
    assert {each.look_up_tokens for each in small} == {0}
    assert {each.system for each in small} == {checklists.frame("system", verified=True)}
    assert lookups.room(LEAST_TOKENS * lookups.WINDOW_SHARE) == LEAST_TOKENS


def test_prompt_answer_and_what_is_looked_up_fit_into_one_call(shop: Repo) -> None:
    most = 20_000
    shop.write("shop/long.py", "".join(f"value_{n} = compute({n})\n" for n in range(3_000)))
    with a_review(shop) as review:
        made = requests_of(review, most)
    assert len(made) > 4
    assert {each.look_up_tokens for each in made} == {int(most * pipeline.OWN_SHARE) // 8}
    largest = max(each.input_tokens + each.answer_tokens + each.look_up_tokens for each in made)
    assert largest <= most * pipeline.OWN_SHARE


def test_where_money_is_short_reading_goes_first(shop: Repo) -> None:
    with a_review(shop) as review:
        assert pipeline.important_first(review).look_ups is None


# --- a call that goes on -------------------------------------------------------------------------

FOUND = raw_finding(
    path="shop/app.py", line=3, end_line=3, quote="price = taxed(100)", title="Taxed twice"
)
MAYBE = raw_finding(path="shop/app.py", line=1, end_line=1, quote=APP.splitlines()[0], title="Hm")
LAST = answered([FOUND], {"logic": "fail"})


def asking(*asked: LookUp, findings: Sequence[object] = ()) -> str:
    wishes = [
        {"path": each.path, "line": each.line, "end_line": each.end_line, "search": each.search}
        for each in asked
    ]
    return json.dumps({"look_ups": wishes, "findings": list(findings), "items": []})


MONEY_PLEASE = asking(lines_of("shop/money.py"), search("taxed("))


@pytest.mark.parametrize(
    ("room", "budgets"),
    [
        (lookups.CALL_TOKENS, [lookups.ROUND_TOKENS, lookups.ROUND_TOKENS, 7_000]),
        (11_000, [lookups.ROUND_TOKENS, 2_000]),
        (9_000, [lookups.ROUND_TOKENS]),
        (LEAST_TOKENS, []),
    ],
)
def test_rounds_go_on_as_long_as_there_is_room_and_the_model_knows(
    room: int, budgets: list[int]
) -> None:
    """Each answer takes 301 tokens of it here, and what is shown all that it may."""
    given: list[int] = []

    def served(_: object, budget: int) -> str:
        given.append(budget)
        return "x" * 3 * (budget - 1)

    talk = Conversation([], room, served)
    while talk.goes_on("y" * 900, [lines_of("a.py")]):
        said = talk.messages[-1]["content"]
        assert talk.over == ("Nothing more can be looked up." in said)
    assert [round(each, -3) for each in given] == budgets
    assert talk.over == bool(budgets)
    assert sum(given) + 301 * len(given) <= room


@contextmanager
def opened(fake: FakeGateway) -> Iterator[Gateway]:
    fake.be_litellm()
    with Gateway(Endpoint(f"{fake.url}/v1", KEY), 20.0) as gateway:
        yield gateway


def report_of(fake: FakeGateway, repo: Repo, dollars: float | None = None, **more: Any) -> Report:
    """The report on the last commit, with a model that answers as the test has planned."""
    with opened(fake) as gateway, a_review(repo, **more) as review:
        if dollars is not None:
            gateway.limit_to(dollars, "the budget of the test")
        prepared = list(prepare(review, gateway.model, None))
        return review_change(review, prepared, gateway, lambda *_: None)


def titles(report: Report) -> list[str]:
    return [each.title for each in report.findings]


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails, fails at once."""
    monkeypatch.setattr(gateway_module, "TRIES", 1)


def test_what_is_asked_for_comes_as_the_next_message_and_the_last_word_counts(
    fake: FakeGateway, shop: Repo
) -> None:
    first = asking(lines_of("shop/money.py"), search("taxed("), findings=[MAYBE])
    fake.plan(streamed(first), streamed(LAST))
    report = report_of(fake, shop)
    one, other = (call.body["messages"] for call in fake.calls)
    assert other[: len(one)] == one
    assert [each["role"] for each in other[len(one) :]] == ["assistant", "user"]
    assert other[-2]["content"] == first
    assert other[-1]["content"].startswith("<looked-up-")
    assert "\n5\t     return cents * RATE\n" in other[-1]["content"]
    assert "You may look things up 2 more times." in other[-1]["content"]
    assert (titles(report), report.status) == (["Taxed twice"], "complete")
    assert (report.usage.calls, report.usage.look_ups) == (3, 2)  # with the verification
    assert report.usage.input_tokens == 3_000


def test_all_calls_have_one_form_and_one_beginning(fake: FakeGateway, shop: Repo) -> None:
    fake.plan(streamed(MONEY_PLEASE), streamed(LAST))
    report_of(fake, shop)
    made = [call.body for call in (*fake.calls, *fake.verifications)]
    assert len(made) == 3
    assert len({json.dumps(body["response_format"]) for body in made}) == 1
    assert made[0]["response_format"]["json_schema"]["schema"] == ASKING_FORM.schema
    assert len({json.dumps(body["messages"][0]) for body in made}) == 1
    assert len({json.dumps(body["messages"][1]["content"][0]) for body in made}) == 1
    assert lookups.offer() in made[0]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("findings", "status"), [([FOUND], "complete"), ([], "failed")], ids=["answers", "only asks"]
)
def test_who_asks_for_ever_is_asked_for_its_word_and_must_give_one(
    fake: FakeGateway, shop: Repo, findings: list[object], status: str
) -> None:
    many = [lines_of("counted.py", n) for n in range(1, MOST_LOOK_UPS + 9)]
    fake.plan(streamed(asking(*many, findings=findings)))
    report = report_of(fake, shop)
    assert len(fake.calls) == MOST_ROUNDS + 1
    said = [call.body["messages"][-1]["content"] for call in fake.calls[1:]]
    assert ["Nothing more can be looked up." in each for each in said] == [False, False, True]
    assert said[0].count("## counted.py") == MOST_LOOK_UPS
    assert report.usage.look_ups == MOST_ROUNDS * MOST_LOOK_UPS
    assert len(report.findings) == len(findings)
    reasons = {"" if status == "complete" else exchange.UNANSWERED}
    assert {each.reason for each in report.coverage} == reasons
    assert report.status == ("complete" if status == "complete" else "incomplete")


def test_what_is_broken_in_an_answer_that_asks_does_not_count(
    fake: FakeGateway, shop: Repo
) -> None:
    fake.plan(
        streamed(asking(lines_of("shop/money.py"), findings=[FOUND | {"path": ""}])),
        streamed(LAST),
    )
    report = report_of(fake, shop)
    assert (len(fake.calls), report.status, report.usage.look_ups) == (2, "complete", 1)


def test_a_word_that_asks_though_nothing_was_offered_is_no_clean_one(
    fake: FakeGateway, shop: Repo
) -> None:
    fake.plan(streamed(MONEY_PLEASE))
    report = report_of(fake, shop, effort="medium")
    assert len(fake.calls) == 1
    assert report.status == "incomplete"
    assert {each.reason for each in report.coverage} == {exchange.UNANSWERED}


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (failed(500, "", "oops"), "after look-ups: the model's provider failed (500): oops"),
        (failed(401, "auth_error", "no"), "after look-ups: "),
        (streamed(""), "after look-ups: the model gave an empty answer"),
        (streamed(answered(), finish="length"), "the answer was cut off"),
    ],
    ids=["fails", "is refused", "is empty", "is cut"],
)
def test_where_a_further_call_fails_what_was_found_before_it_stands_and_is_not_whole(
    fake: FakeGateway, shop: Repo, second: Reaction, problem: str
) -> None:
    fake.plan(
        streamed(asking(lines_of("shop/money.py"), findings=[MAYBE])),
        streamed(MONEY_PLEASE),
        second,
    )
    report = report_of(fake, shop)
    assert len(fake.calls) == 3
    assert (titles(report), report.status) == (["Hm"], "incomplete")
    assert {each.status for each in report.coverage} == {"failed"}
    assert all(each.reason.startswith(problem) for each in report.coverage)
    assert report.usage.look_ups == 3


def test_a_key_that_is_refused_after_look_ups_is_told_as_such(
    fake: FakeGateway, shop: Repo
) -> None:
    fake.plan(streamed(MONEY_PLEASE), failed(401, "auth_error", "no"))
    with pytest.raises(GatewayError) as raised:
        report_of(fake, shop)
    assert (raised.value.exit_code, len(fake.calls)) == (4, 2)


def test_where_git_cannot_look_up_what_was_found_before_stands_and_is_not_whole(
    fake: FakeGateway, shop: Repo
) -> None:
    def served(*_: object) -> str:
        raise GitError("no object can be read")

    fake.plan(streamed(asking(lines_of("shop/money.py"), findings=[MAYBE])))
    with opened(fake) as gateway, a_review(shop) as review:
        (asked, _) = prepare(review, gateway.model, None)
        late = time.monotonic() + 20
        (outcome,) = calls.run([asked], gateway, jobs=1, deadline=late, served=served)
    assert outcome.answer
    assert [each.title for each in outcome.answer.findings] == ["Hm"]
    assert outcome.problem == "after look-ups: no object can be read"


def test_the_budget_holds_for_every_round(fake: FakeGateway, shop: Repo) -> None:
    usage = {"prompt_tokens": 5_000, "completion_tokens": 1_000}
    fake.plan(streamed(asking(lines_of("shop/money.py"), findings=[MAYBE]), usage=usage))
    report = report_of(fake, shop, dollars=0.1)
    assert (len(fake.calls), report.usage.calls) == (2, 2)
    assert report.usage.cost_usd == pytest.approx(0.06)
    assert (titles(report), report.status) == (["Hm"], "incomplete")
    assert {each.reason for each in report.coverage} == {
        "after look-ups: not sent: over the budget of the test"
    }


def test_an_answer_that_was_cut_is_not_gone_on_with(fake: FakeGateway, shop: Repo) -> None:
    fake.plan(streamed(MONEY_PLEASE, finish="length"))
    assert report_of(fake, shop).status == "incomplete"
    assert len(fake.calls) == 1


def test_what_is_asked_for_survives_a_repair(fake: FakeGateway, shop: Repo) -> None:
    fake.plan(streamed(f"{MONEY_PLEASE} {{"), streamed(MONEY_PLEASE), streamed(LAST))
    report = report_of(fake, shop)
    repair, further = fake.calls[1:]
    assert "every look-up" in repair.prompt
    assert "\n5\t     return cents * RATE\n" in further.prompt
    assert (titles(report), report.status) == (["Taxed twice"], "complete")


def test_an_answer_too_long_to_go_on_with_is_not_taken_for_a_last_word(
    fake: FakeGateway, shop: Repo
) -> None:
    wordy = raw_finding(**{**MAYBE, "body": "It is. " * 20_000})
    fake.plan(streamed(asking(lines_of("shop/money.py"), findings=[wordy])))
    report = report_of(fake, shop)
    assert len(fake.calls) == 1
    assert {each.reason for each in report.coverage} == {exchange.UNANSWERED}


def test_verification_may_look_things_up_too(fake: FakeGateway, shop: Repo) -> None:
    fake.plan(streamed(LAST))
    verdict = {"id": "c1", "status": "fail", "note": "1: line 5 of money.py adds it once"}
    said = [MONEY_PLEASE, json.dumps({"look_ups": [], "findings": [], "items": [verdict]})]
    fake.verify = lambda _: streamed(said[len(fake.verifications) - 1])
    report = report_of(fake, shop)
    assert len(fake.verifications) == 2
    assert "\n5\t     return cents * RATE\n" in fake.verifications[1].prompt
    (finding,) = report.findings
    assert (finding.state, finding.verification) == ("dropped", "line 5 of money.py adds it once")
    assert report.usage.look_ups == 2


def test_where_the_verification_fails_after_look_ups_findings_stand_and_it_is_said(
    fake: FakeGateway, shop: Repo
) -> None:
    fake.plan(streamed(LAST))
    said = [streamed(MONEY_PLEASE), failed(500, "", "oops")]
    fake.verify = lambda _: said[len(fake.verifications) - 1]
    report = report_of(fake, shop)
    assert [each.state for each in report.findings] == ["new"]
    assert report.status == "complete"
    assert [each for each in report.warnings if each.startswith(pipeline.UNVERIFIED)]


def test_many_calls_look_things_up_side_by_side(fake: FakeGateway, shop: Repo) -> None:
    """Each gets the lines that it asked for: they have one git to read from."""
    files = {f"many/f{n}.py": f"own_{n} = {n}\n" * 300 for n in range(40)}
    for path, content in files.items():
        shop.write(path, content)

    def react(call: Call) -> Reaction:
        rounds = len(call.body["messages"]) // 2
        if rounds > MOST_ROUNDS:
            return streamed(answered())
        first = MOST_LOOK_UPS * (rounds - 1) + len(call.checklist)
        return streamed(asking(*(lines_of(f"many/f{first + n}.py", 300) for n in range(6))))

    fake.react = react
    with opened(fake) as gateway, a_review(shop) as review:
        names = ("security", "performance", "style", "correctness")
        chosen = [(checklists.load({})[name], "claude-sonnet") for name in names]
        all_four = replace(review, chosen=chosen)
        prepared = list(prepare(all_four, gateway.model, None))
        report = review_change(all_four, prepared, gateway, lambda *_: None)
    assert report.usage.look_ups == 4 * MOST_ROUNDS * MOST_LOOK_UPS
    for call in (each for each in fake.calls if len(each.body["messages"]) == 8):
        first = len(call.checklist)
        for number in range(first, first + MOST_ROUNDS * MOST_LOOK_UPS):
            heading = f"## many/f{number}.py (lines 300 to 300 of 300)"
            assert f"{heading}\n300\t own_{number} = {number}\n" in call.prompt


def test_from_end_to_end_it_is_counted_logged_without_its_words_and_can_be_replayed(
    fake: FakeGateway, shop: Repo, tmp_path: Path
) -> None:
    shop.git("switch", "--quiet", "--create", "feature")
    shop.write("shop/app.py", APP)
    shop.write("conf/own.py", f"client = connect('{token()}')\n")
    shop.commit("work")
    fake.be_litellm()
    asked = asking(search("client ="), lines_of("shop/money.py"))
    fake.react = lambda call: streamed(LAST if "<looked-up-" in call.prompt else asked)
    program = Program(shop.folder, environment(fake) | {"XDG_STATE_HOME": str(tmp_path)})
    arguments = [*("diff", "main...", "--checklist", "correctness", "--effort", "high")]
    arguments += ["--model", "claude-sonnet", "--format", "json"]
    done = program(*arguments, "--record", str(tmp_path / "record"))
    assert done.report["usage"]["look_ups"] == 2
    assert "1 call and up to" not in done.err
    assert "2 calls and up to 6 more to look things up" in done.err
    assert "client = connect('[redacted:github" in fake.calls[1].prompt
    assert token() not in fake.calls[1].prompt
    log = "\n".join(file.read_text() for file in tmp_path.rglob("audit.jsonl"))
    assert log.count('"call"') == done.report["usage"]["calls"]
    assert "client =" not in log
    assert "money.py" not in log
    again = program(*arguments, "--replay", str(tmp_path / "record"))
    assert again.report["findings"] == done.report["findings"]
    assert again.report["usage"]["look_ups"] == 2


def test_hostile_wishes_are_bounded_and_name_nothing_but_files(shop: Repo) -> None:
    asked = [
        LookUp("a" * 100_000, 10**9, -5),
        LookUp("shop/money.py", 10**9, 10**9),
        LookUp("", 1, 1, "x" * 100_000),
        LookUp("--output=owned", 0, 0, "--help"),
        LookUp("\u202e\x1b[31m", 0, 0, "\x00\n" * 9),
    ]
    text = shown(shop, *asked)
    assert tokens(text) < 1_000
    assert "## shop/money.py: it has 5 lines" in text
    assert not (shop.folder / "owned").exists()
    assert text.replace("\n", "").isprintable()
