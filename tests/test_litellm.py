"""Reviews through a real LiteLLM proxy: its cache, its limits, its model names."""

from __future__ import annotations

import pytest
from litellm_proxy import MARKS, Work, make_key

from reviewbot.errors import GatewayError

pytestmark = MARKS


def test_a_review_reads_the_cache_that_its_first_call_writes(work: Work) -> None:
    report, _ = work.review(make_key())
    assert report.status == "complete"
    assert [(each.path, each.line, len(each.checklists)) for each in report.findings] == [
        ("app.py", 2, 4)
    ]
    used = report.usage
    assert used.calls == len(work.sent) == 4
    assert used.cache_write_tokens > 1024
    assert used.cached_tokens == 3 * used.cache_write_tokens
    assert used.cost_usd
    assert used.models == ("claude-sonnet",)


def test_an_unknown_model_is_told_apart_by_a_hint(work: Work) -> None:
    with pytest.raises(GatewayError) as caught:
        work.review(make_key(), model="claude-sonet")
    assert "claude-sonnet" in caught.value.hint


def test_a_usual_key_gets_through_a_larger_branch(work: Work) -> None:
    for number in range(20):
        lines = "".join(f"value_{line} = {work.mark}({number})\n" for line in range(20))
        work.repo.write(f"file_{number}.py", lines)
    work.repo.commit("more")
    report, _ = work.review(make_key(tpm_limit=100_000, rpm_limit=60))
    assert report.status == "complete"
    assert {entry.status for entry in report.coverage} == {"reviewed"}
    assert len({entry.path for entry in report.coverage}) == 21
