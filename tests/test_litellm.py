"""Reviews through a real LiteLLM proxy: its cache, its limits, its model names."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable

import pytest
from builders import comment, raw_finding
from fake_gateway import answered
from litellm_proxy import MARKS, Work, administer, blocked, deleted, expired, make_key

from reviewbot.catalogue import Catalogue
from reviewbot.doctor import examine
from reviewbot.doctor.case import Request
from reviewbot.endpoint import Endpoint
from reviewbot.errors import GatewayError
from reviewbot.evaluation.case import Golden
from reviewbot.evaluation.judge import judge
from reviewbot.gateway import Gateway
from reviewbot.render.diagnosis import Check

pytestmark = MARKS


def test_a_review_reads_the_cache_that_its_first_call_writes(work: Work) -> None:
    report, _ = work.review(make_key())
    assert report.status == "complete"
    assert [(each.path, each.line, len(each.checklists)) for each in report.findings] == [
        ("app.py", 2, 4)
    ]
    used = report.usage
    assert used.calls == len(work.sent) == 5  # with the verification
    assert used.cache_write_tokens > 1024
    assert used.cached_tokens == 4 * used.cache_write_tokens
    assert used.cost_usd
    assert used.models == ("claude-sonnet",)


def test_an_unknown_model_is_told_apart_by_a_hint(work: Work) -> None:
    with pytest.raises(GatewayError) as caught:
        work.review(make_key(), model="claude-sonet")
    assert "claude-sonnet" in caught.value.hint


@pytest.mark.parametrize(
    "model", ["claude-sonnet", "claude-sonnet-direct", "claude-opus", "gpt-openai", "gemini-flash"]
)
def test_a_judge_of_any_family_gives_its_verdicts(work: Work, model: str) -> None:
    verdicts = [{"finding": 1, "reason": "the same", "problems": [1]}]
    work.answers(answer={"verdicts": verdicts})
    place = Endpoint(f"{os.environ['AI_GATEWAY_URL']}/v1", make_key())
    with Gateway(place, 20.0) as gateway:
        made = judge([Golden(work.mark)], [comment()], gateway, model, 20.0)
    assert [each.goldens for each in made.verdicts] == [(0,)]
    assert (made.usage.calls, len(work.sent)) == (1, 1)
    assert made.usage.cost_usd


# --- the doctor ---------------------------------------------------------------------------------


def seen(work: Work, key: str, **settings: object) -> dict[str, Check]:
    """What the doctor finds, by the names of the checks."""
    environment = {"AI_GATEWAY_URL": os.environ["AI_GATEWAY_URL"], "LITELLM_API_KEY": key}
    overrides = {name: ("test", value) for name, value in settings.items()}
    diagnosis = examine(Request(work.repo.folder, environment, overrides))
    assert key not in diagnosis.to_json()
    assert work.sent == []
    return {check.name: check for check in diagnosis.checks}


def test_the_doctor_finds_nothing_wrong(work: Work) -> None:
    found = seen(work, make_key(max_budget=5.0, tpm_limit=100_000, rpm_limit=60, duration="30d"))
    assert {check.status for check in found.values()} == {"ok", "skipped"}
    assert found["gateway"].words == "LiteLLM is ready, its database is connected"
    assert found["budget"].words == "$5.00 of $5.00 are left on the key"
    assert found["limits"].words.startswith("60 calls a minute, 100,000 tokens a minute")
    assert found["models"].words == "claude-sonnet (window 200,000)"
    assert "claude-sonnet $3.00 in and $15.00 out" in found["prices"].words


def of_a_poor_user() -> str:
    """A key of somebody whose budget for all keys is spent, which the key itself does not tell."""
    name = f"user-{uuid.uuid4().hex}"
    administer("/user/new", user_id=name, max_budget=0.01, auto_create_key=False)
    administer("/user/update", user_id=name, spend=0.02)
    return make_key(user_id=name)


@pytest.mark.parametrize(
    ("key", "settings", "name", "status", "words"),
    [
        (expired, {}, "key", "failed", "the key has expired"),
        (deleted, {}, "key", "failed", "the key is not accepted"),
        (blocked, {}, "key", "failed", "it is blocked"),
        (lambda: "no-key", {}, "key", "failed", "LiteLLM's keys begin with sk-"),
        (lambda: make_key(duration="3d"), {}, "expiry", "warning", "the key expires on "),
        (
            lambda: make_key(max_budget=0.01, spend=0.02, budget_duration="30d"),
            {},
            "budget",
            "failed",
            "nothing is left of $0.01; it is reset on ",
        ),
        (lambda: make_key(max_budget=9, spend=8.5), {}, "budget", "warning", "$0.50 of $9.00"),
        (lambda: make_key(max_budget=0.1), {}, "budget", "warning", "a usual change costs about"),
        (of_a_poor_user, {}, "budget", "failed", "for all your keys is spent"),
        (lambda: make_key(tpm_limit=3000), {}, "limits", "failed", "3,000 tokens a minute"),
        (lambda: make_key(rpm_limit=2), {}, "limits", "warning", "2 calls a minute"),
        (lambda: make_key(max_parallel_requests=1), {}, "limits", "warning", "1 call at a time"),
        (lambda: make_key(models=["claude-haiku"]), {}, "models", "failed", "no claude-sonnet"),
        (make_key, {"model": "claude-sonet"}, "models", "failed", "no claude-sonet"),
    ],
)
def test_what_the_doctor_finds(
    work: Work,
    *,
    key: Callable[[], str],
    settings: dict[str, object],
    name: str,
    status: str,
    words: str,
) -> None:
    check = seen(work, key(), **settings)[name]
    assert (check.status, check.code) == (status, 4 if status == "failed" else 0)
    assert words in check.words
    assert check.remedy


@pytest.mark.parametrize(
    ("allowed", "names"),
    [([], {"claude-sonnet", "gpt-openai"}), (["claude-haiku"], {"claude-haiku"})],
)
def test_the_models_of_a_key(allowed: list[str], names: set[str]) -> None:
    place = Endpoint(f"{os.environ['AI_GATEWAY_URL']}/v1", make_key(models=allowed))
    with Gateway(place, 20.0) as gateway:
        catalogue = Catalogue.of(gateway, {"claude-haiku": ("style",)})
    may = {each.model.name for each in catalogue.entries if each.allowed}
    assert names <= may
    (chosen,) = [each for each in catalogue.entries if each.read_by]
    assert (chosen.model.name, chosen.model.longest_answer) == ("claude-haiku", 64_000)
    assert (chosen.model.takes_schemas, chosen.model.caches) == (True, True)


def add_20_files(work: Work) -> None:
    for number in range(20):
        lines = "".join(f"value_{line} = {work.mark}({number})\n" for line in range(20))
        work.repo.write(f"file_{number}.py", lines)
    work.repo.commit("more")


def test_four_checklists_and_verification_bill_at_most_2_2_times_one_pass(work: Work) -> None:
    add_20_files(work)
    found = [
        raw_finding(path=f"file_{number}.py", line=1, quote=f"value_0 = {work.mark}({number})")
        for number in range(8)
    ]
    work.answers(answer=json.loads(answered(found)))
    alone = {"effort": "low", "model": "claude-sonnet", "checklists": ["style"]}
    one = work.review(make_key(), **alone)[0].usage
    assert (one.calls, one.cached_tokens, one.cache_write_tokens) == (1, 0, 0)
    report, _ = work.review(make_key())
    assert len(report.findings) == len(found)
    used = report.usage
    assert used.calls == 5
    plain = used.input_tokens - used.cached_tokens - used.cache_write_tokens
    billed = plain + 1.25 * used.cache_write_tokens + 0.1 * used.cached_tokens
    assert one.input_tokens < billed <= 2.2 * one.input_tokens


def test_a_usual_key_gets_through_a_larger_branch(work: Work) -> None:
    add_20_files(work)
    report, _ = work.review(make_key(tpm_limit=100_000, rpm_limit=60))
    assert report.status == "complete"
    assert {entry.status for entry in report.coverage} == {"reviewed"}
    assert len({entry.path for entry in report.coverage}) == 21
