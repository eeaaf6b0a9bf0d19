"""The doctor: what it sees in good and in broken set-ups, what it says then, and how it ends."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_gateway as fg
import pytest
from conftest import Repo
from fake_gateway import KEY, FakeGateway, failed, page
from wire import TOKEN, Answer, Call, Wire
from worlds import GitHubWorld, GitLabWorld, github_world, gitlab_world

from reviewbot.doctor import STEPS, examine
from reviewbot.doctor.case import Request
from reviewbot.forge import api
from reviewbot.render import Style
from reviewbot.render.diagnosis import Check, Diagnosis


@dataclass
class Clinic:
    """A branch in a repository, and an environment with a gateway that is well."""

    repo: Repo
    environment: dict[str, str]
    overrides: dict[str, tuple[str, Any]] = field(default_factory=dict)
    base: str | None = None

    def diagnosis(self) -> Diagnosis:
        request = Request(self.repo.folder, self.environment, self.overrides, self.base)
        found = examine(request)
        said = found.to_json() + found.to_text(Style())
        secrets = ("LITELLM_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN")
        for name in secrets:
            assert not self.environment.get(name) or self.environment[name] not in said
        return found

    def look(self, name: str) -> Check:
        (check,) = [each for each in self.diagnosis().checks if each.name == name]
        return check

    def looked_at(self) -> dict[str, str]:
        """The status of each check."""
        return {check.name: check.status for check in self.diagnosis().checks}


@pytest.fixture
def clinic(repo: Repo, fake: FakeGateway) -> Clinic:
    repo.write("app.py", "one\n")
    repo.commit("start")
    repo.git("switch", "--quiet", "--create", "feature")
    repo.write("app.py", "two\n")
    repo.commit("work")
    fake.be_litellm(max_budget=10.0, spend=2.5, tpm_limit=1_000_000, rpm_limit=60)
    return Clinic(repo, {"AI_GATEWAY_URL": fake.url, "LITELLM_API_KEY": KEY})


def test_a_good_set_up(clinic: Clinic, fake: FakeGateway) -> None:
    assert set(clinic.looked_at().values()) == {"ok", "skipped"}
    assert clinic.look("forge").status == "skipped"
    assert clinic.diagnosis().exit_code == 0
    assert fake.calls == []
    assert "/health" not in {call.path for call in fake.questions}


# --- the folder ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "words", "remedy"),
    [
        (".reviewbot.yaml", "modle: x\n", "there is no setting 'modle'", "Did you mean 'model'?"),
        (".reviewbot.yaml", "jobs: 0\n", ".reviewbot.yaml: jobs: ", ""),
        (".reviewbot.yaml", "a: [\n", ".reviewbot.yaml: ", ""),
        (".reviewbot.yaml", "checklists: [secruity]\n", "no checklist 'secruity'", "'security'"),
        (".reviewbot/prompts/style.md", "no front matter", "prompts/style.md: ", "show security"),
        (
            ".reviewbot/prompts/style.md",
            "---\ntitle: Style\nitems: {one: One}\n---\n{{ nothing }}\n",
            "prompts/style.md: 'nothing' is undefined",
            "",
        ),
    ],
)
def test_settings_that_a_review_fails_by(
    clinic: Clinic, file: str, text: str, words: str, remedy: str
) -> None:
    clinic.repo.write(file, text)
    check = clinic.look("configuration")
    assert (check.status, check.code) == ("failed", 2)
    assert words in check.words
    assert remedy in check.remedy
    assert clinic.looked_at()["key"] == "ok"
    assert clinic.look("budget").status == "ok"


def test_models_are_not_looked_at_without_settings(clinic: Clinic) -> None:
    clinic.repo.write(".reviewbot.yaml", "modle: x\n")
    check = clinic.look("models")
    assert (check.status, check.words) == ("skipped", "not looked at, because of: configuration")


def test_where_settings_come_from(clinic: Clinic) -> None:
    clinic.repo.write(".reviewbot.yaml", "checklists: [tests, style]\n")
    clinic.overrides = {"model": ("--model", "claude-haiku")}
    assert clinic.look("configuration").words == (
        "settings from --model, .reviewbot.yaml; checklists tests, style"
    )


def test_without_git(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(clinic.repo.folder))
    check = clinic.look("git")
    assert (check.status, check.words) == ("failed", "git is not installed")
    assert clinic.looked_at()["repository"] == "skipped"


@pytest.mark.parametrize(
    ("told", "status"),
    [("git version 2.30.9", "warning"), ("git version 2.31.0.windows.1", "ok"), ("?", "warning")],
)
def test_versions_of_git(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, status: str
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\necho '{told}'\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    assert clinic.look("git").status == status


def test_no_repository(clinic: Clinic, tmp_path: Path) -> None:
    clinic.repo.folder = tmp_path
    check = clinic.look("repository")
    assert (check.status, check.code) == ("failed", 2)
    assert "is not in a git repository" in check.words
    assert "--patch" in check.remedy
    assert clinic.looked_at()["base"] == "skipped"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_that_git_does_not_trust(clinic: Clinic) -> None:
    os.chown(clinic.repo.folder, 12345, 12345)
    check = clinic.look("repository")
    assert check.status == "failed"
    assert f"git config --global --add safe.directory {clinic.repo.folder}" in check.remedy


def test_what_is_compared_with(clinic: Clinic) -> None:
    assert clinic.look("base").words.startswith("compared with main, which was left at ")
    clinic.base = "maim"
    check = clinic.look("base")
    assert (check.status, check.code, check.remedy) == ("failed", 2, "Did you mean 'main'?")
    clinic.base = None
    clinic.repo.git("branch", "--move", "main", "trunk")
    check = clinic.look("base")
    assert (check.status, check.words) == (
        "failed",
        "there is no default branch to compare with",
    )
    clinic.base = "trunk"
    assert clinic.look("base").status == "ok"


def clone(clinic: Clinic, tmp_path: Path, *options: str) -> None:
    clinic.repo.git("config", "uploadpack.allowFilter", "true")
    url = f"file://{clinic.repo.folder}"
    target = tmp_path / "clone"
    clinic.repo.git("clone", "--quiet", "--no-single-branch", *options, url, str(target))
    clinic.repo = Repo(target)
    clinic.repo.git("switch", "--quiet", "feature")


@pytest.mark.parametrize(
    ("option", "words", "remedy"),
    [
        ("--depth=1", "shallow", "git fetch --unshallow"),
        ("--filter=blob:none", "partial", "git fetch --refetch --no-filter"),
    ],
)
def test_a_clone_that_is_not_whole(
    clinic: Clinic, tmp_path: Path, option: str, words: str, remedy: str
) -> None:
    clone(clinic, tmp_path, option)
    check = clinic.look("depth")
    assert (check.status, check.remedy) == ("warning", remedy)
    assert words in check.words


def test_too_shallow_to_compare(clinic: Clinic, tmp_path: Path) -> None:
    clinic.repo.git("switch", "--quiet", "main")
    clinic.repo.commit("main goes on")
    clone(clinic, tmp_path, "--depth=1", "--branch=main")
    check = clinic.look("base")
    assert (check.status, check.code) == ("failed", 2)
    assert "git fetch --unshallow" in check.remedy
    clinic.environment["GITHUB_ACTIONS"] = "true"
    assert (clinic.look("depth").status, clinic.look("base").status) == ("ok", "ok")


# --- the way to the gateway ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "name", "code", "words", "remedy"),
    [
        ({"AI_GATEWAY_URL": ""}, "address", 2, "no gateway is set", "export AI_GATEWAY_URL="),
        ({"AI_GATEWAY_URL": "sk-oops"}, "address", 2, "AI_GATEWAY_URL is not an http", "https://"),
        ({"LITELLM_API_KEY": ""}, "key", 4, "no key in LITELLM_API_KEY", "export LITELLM_API_KEY="),
        ({"LITELLM_API_KEY": "a b"}, "key", 4, "characters that no key has", "LITELLM_API_KEY"),
        (
            {"AI_GATEWAY_URL": "http://127.0.0.1:1"},
            "connection",
            4,
            "cannot reach 127.0.0.1:1: nothing listens there",
            "that the gateway is up",
        ),
        (
            {"AI_GATEWAY_URL": "https://gateway.invalid"},
            "connection",
            4,
            "cannot reach gateway.invalid: no such host is known",
            "how it is spelt",
        ),
    ],
)
def test_no_way_to_a_gateway(
    clinic: Clinic,
    monkeypatch: pytest.MonkeyPatch,
    *,
    changes: dict[str, str],
    name: str,
    code: int,
    words: str,
    remedy: str,
) -> None:
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    clinic.environment |= changes
    check = clinic.look(name)
    assert (check.status, check.code) == ("failed", code)
    assert words in check.words
    assert remedy in check.remedy
    assert clinic.diagnosis().exit_code == code


def test_a_proxy_that_is_not_there(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pa55word@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    clinic.environment["AI_GATEWAY_URL"] = "https://gateway.invalid"
    check = clinic.look("connection")
    assert check.status == "failed"
    assert "HTTPS_PROXY" in check.remedy
    assert "pa55word" not in check.words + check.remedy


def test_no_answer(clinic: Clinic, fake: FakeGateway) -> None:
    fake.routes["/health/readiness"] = fg.hanging
    clinic.overrides = {"call_timeout": ("--call-timeout", 0.2)}
    check = clinic.look("connection")
    assert (check.status, check.code) == ("failed", 4)
    assert check.words.endswith(" does not answer")
    assert check.remedy


@pytest.mark.parametrize(
    ("reaction", "words", "remedy"),
    [
        (fg.redirecting("https://sso.example.invalid/login"), "elsewhere (307)", "final address"),
        (page("<html>Bad Gateway</html>", status=502), "with an error (502)", "Is the gateway up"),
    ],
)
def test_something_else_answers(
    clinic: Clinic, fake: FakeGateway, reaction: fg.Reaction, words: str, remedy: str
) -> None:
    fake.routes["/health/readiness"] = reaction
    check = clinic.look("connection")
    assert (check.status, check.code) == ("failed", 4)
    assert words in check.words
    assert remedy in check.remedy


@pytest.fixture
def secure(certificate: Path, clinic: Clinic) -> Iterator[FakeGateway]:
    """A LiteLLM behind TLS, which the clinic's environment names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with fg.serving(context) as gateway:
        gateway.be_litellm()
        clinic.environment["AI_GATEWAY_URL"] = gateway.url
        yield gateway


@pytest.mark.usefixtures("secure")
def test_a_certificate_of_nobody_known(clinic: Clinic) -> None:
    assert clinic.look("connection").status == "ok"
    check = clinic.look("TLS")
    assert (check.status, check.code) == ("failed", 4)
    assert "is not trusted: " in check.words
    assert "export SSL_CERT_FILE=" in check.remedy
    assert clinic.looked_at()["key"] == "skipped"


@pytest.mark.usefixtures("secure")
def test_a_certificate_that_was_made_known(
    clinic: Clinic, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert "the certificate is trusted" in clinic.look("TLS").words
    assert clinic.diagnosis().exit_code == 0


def test_https_where_http_is_spoken(clinic: Clinic, fake: FakeGateway) -> None:
    clinic.environment["AI_GATEWAY_URL"] = fake.url.replace("http:", "https:")
    check = clinic.look("connection")
    assert "does not speak TLS" in check.words
    assert check.remedy == "Is it http, not https?"


def test_what_is_sent_in_the_clear(
    clinic: Clinic, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway is its own proxy here, so that a name which is none of this machine leads to it.

    A proxy gets the whole address in the first line of a request.
    """
    monkeypatch.setenv("HTTP_PROXY", fake.url)
    monkeypatch.setenv("http_proxy", fake.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    host = "http://gateway.invalid"
    fake.routes |= {f"{host}{path}": answer for path, answer in fake.routes.items()}
    clinic.environment["AI_GATEWAY_URL"] = host
    check = clinic.look("TLS")
    assert (check.status, check.remedy) == (
        "warning",
        "export AI_GATEWAY_URL=https://gateway.invalid",
    )
    assert clinic.diagnosis().exit_code == 0


# --- what answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reaction", "status", "words"),
    [
        (page('{"status": "healthy", "db": "Not connected"}'), "warning", "has no database"),
        (page('{"status": "unhealthy", "db": "x"}', status=503), "failed", "not ready"),
        (page('{"status": "healthy"}'), "ok", "LiteLLM is ready"),
    ],
)
def test_how_litellm_is(
    clinic: Clinic, fake: FakeGateway, reaction: fg.Reaction, status: str, words: str
) -> None:
    fake.routes["/health/readiness"] = reaction
    check = clinic.look("gateway")
    assert check.status == status
    assert words in check.words


def test_another_endpoint(clinic: Clinic, fake: FakeGateway) -> None:
    fake.routes.clear()
    fake.list_models("claude-sonnet")
    found = clinic.diagnosis()
    assert [each.words for each in found.checks if "no prices" in each.words] == [
        "LITELLM_API_KEY is accepted; this endpoint tells no prices, limits, budget or abilities "
        "of models"
    ]
    assert found.exit_code == 0
    assert set(clinic.looked_at()) == {
        *("configuration", "git", "repository", "depth", "base"),
        *("address", "connection", "TLS", "gateway", "key", "models", "forge"),
    }


def test_another_endpoint_that_refuses_the_key(clinic: Clinic, fake: FakeGateway) -> None:
    fake.routes = {"/v1/models": failed(401, "", "Incorrect API key")}
    check = clinic.look("key")
    assert (check.status, check.code) == ("failed", 4)
    assert "the key is not accepted" in check.words


def test_another_endpoint_without_a_list(clinic: Clinic, fake: FakeGateway) -> None:
    fake.routes.clear()
    found = clinic.looked_at()
    assert (found["gateway"], found["key"], found["models"]) == ("ok", "warning", "warning")
    assert clinic.diagnosis().exit_code == 0


def test_a_web_page(clinic: Clinic, fake: FakeGateway) -> None:
    welcome = page("<html>Welcome</html>")
    fake.routes = dict.fromkeys(("/health/readiness", "/v1/models", "/key/info"), welcome)
    check = clinic.look("gateway")
    assert (check.status, check.code) == ("failed", 4)
    assert "is a web page (200), not that of a gateway" in check.words
    assert "Check AI_GATEWAY_URL" in check.remedy


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message", "words"),
    [
        ("token_not_found_in_db", f"unknown {KEY}", "the key is not accepted"),
        ("expired_key", "Expired Key", "the key has expired"),
        ("auth_error", "Key is blocked. Update via", "it is blocked"),
        ("auth_error", "expected to start with 'sk-'.", "LiteLLM's keys begin with sk-"),
    ],
)
def test_a_key_that_is_refused(
    clinic: Clinic, fake: FakeGateway, kind: str, message: str, words: str
) -> None:
    fake.routes["/key/info"] = failed(401, kind, message)
    check = clinic.look("key")
    assert (check.status, check.code) == ("failed", 4)
    assert words in check.words
    assert check.remedy
    unmade = {name for name, status in clinic.looked_at().items() if status == "skipped"}
    assert {"expiry", "budget", "limits", "models", "caching"} < unmade


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("name", "info", "status", "words"),
    [
        ("expiry", {"expires": None}, "ok", "does not expire"),
        ("expiry", {"expires": in_days(30)}, "ok", "the key expires on "),
        ("expiry", {"expires": in_days(6.9)}, "warning", "the key expires on "),
        ("budget", {}, "ok", "no budget"),
        ("budget", {"max_budget": 10, "spend": 1}, "ok", "$9.00 of $10.00 are left on the key"),
        ("budget", {"max_budget": 10, "spend": 9.5}, "warning", "$0.50 of $10.00"),
        (
            "budget",
            {"max_budget": 1, "spend": 0.9, "budget_reset_at": "2030-01-02T00:00:00Z"},
            "warning",
            "$0.10 of $1.00 are left on the key; it is reset on 2030-01-02 00:00 UTC; "
            "a review of a usual change costs about $0.16",
        ),
        ("budget", {"max_budget": 1, "spend": 2}, "failed", "nothing is left of $1.00"),
        ("budget", {"max_budget": 0, "spend": 0}, "failed", "nothing is left of $0.00"),
        ("limits", {}, "ok", "the key has no limits"),
        ("limits", {"rpm_limit": 60}, "ok", "60 calls a minute"),
        ("limits", {"rpm_limit": 3}, "warning", "a review makes 4 calls at least"),
        ("limits", {"max_parallel_requests": 1}, "warning", "1 call at a time"),
        ("limits", {"max_parallel_requests": 4}, "ok", "4 calls at a time"),
        ("limits", {"tpm_limit": 100_000}, "ok", "so that one call has 90,000 at most"),
        ("limits", {"tpm_limit": 3000}, "failed", "3,000 tokens a minute"),
    ],
)
def test_what_the_key_may_do(
    clinic: Clinic,
    fake: FakeGateway,
    *,
    name: str,
    info: dict[str, object],
    status: str,
    words: str,
) -> None:
    fake.be_litellm(**info)
    check = clinic.look(name)
    assert check.status == status, check
    assert words in check.words
    assert bool(check.remedy) == (status != "ok")
    assert clinic.diagnosis().exit_code == (4 if status == "failed" else 0)


def test_the_budget_of_whoever_has_the_key(clinic: Clinic, fake: FakeGateway) -> None:
    told = {"user_info": {"max_budget": 5.0, "spend": 5.0}}
    fake.routes["/user/info"] = page(json.dumps(told), kind="application/json")
    check = clinic.look("budget")
    assert (check.status, check.code) == ("failed", 4)
    assert "the budget for all your keys is spent" in check.words
    fake.routes["/user/info"] = failed(401, "auth_error", "not allowed")
    assert clinic.look("budget").words == "$7.50 of $10.00 are left on the key"


# --- the models ---------------------------------------------------------------------------------


def test_a_model_that_the_key_may_not_use(clinic: Clinic, fake: FakeGateway) -> None:
    fake.list_models("claude-haiku", "claude-sonnet-4")
    check = clinic.look("models")
    assert (check.status, check.code) == ("failed", 4)
    assert "no claude-sonnet, or the key may not use it (for security, " in check.words
    assert check.remedy == "reviewbot diff --model claude-sonnet-4"
    assert clinic.looked_at()["prices"] == "skipped"


def test_the_model_of_one_checklist(clinic: Clinic) -> None:
    text = "---\ntitle: Team\nmodel: gpt-99\nitems: {one: One}\n---\nLook.\n"
    clinic.repo.write(".reviewbot/prompts/team.md", text)
    clinic.overrides = {"checklists": ("--checklist", ["security", "team"])}
    check = clinic.look("models")
    assert check.status == "failed"
    assert "no gpt-99, or the key may not use it (for team)" in check.words


@pytest.mark.parametrize("pattern", ["*", "claude-*"])
def test_names_with_a_star(clinic: Clinic, fake: FakeGateway, pattern: str) -> None:
    fake.list_models(pattern)
    assert clinic.look("models").status == "ok"


@pytest.mark.parametrize(
    ("name", "lacking", "words"),
    [
        ("models", "max_input_tokens", "no window is told of claude-sonnet"),
        ("prices", "input_cost_per_token", "the budget of $1.00 (--budget) does not hold"),
        ("structured output", "supports_response_schema", "claude-sonnet may not keep to"),
        ("caching", "supports_prompt_caching", "pays for the whole change"),
    ],
)
def test_what_a_model_lacks(
    clinic: Clinic, fake: FakeGateway, name: str, lacking: str, words: str
) -> None:
    told = json.loads(json.dumps(fg.LITELLM_MODELS))
    del told["data"][0]["model_info"][lacking]
    fake.routes["/model/info"] = page(json.dumps(told), kind="application/json")
    check = clinic.look(name)
    assert check.status == "warning"
    assert words in check.words
    assert lacking in check.remedy
    assert clinic.diagnosis().exit_code == 0


# --- GitHub -------------------------------------------------------------------------------------


@pytest.fixture
def hub(clinic: Clinic, tmp_path: Path, fake: FakeGateway) -> Iterator[GitHubWorld]:
    """A pull request whose job the clinic's environment is of."""
    with github_world(Repo(tmp_path / "hub"), fake, tmp_path) as world:
        clinic.environment = world.environment(tmp_path)
        yield world


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forge that does not answer is not waited for."""
    monkeypatch.setattr(api, "RETRY_DELAYS", ())


def test_a_token_for_github(clinic: Clinic, hub: GitHubWorld) -> None:
    before = len(hub.hub.calls)
    token, rights = clinic.look("forge"), clinic.look("rights")
    assert (token.status, token.words) == ("ok", "GitHub takes the token, and shows acme/shop")
    assert rights.status == "ok"
    assert "pull-requests: write" in rights.words
    assert "shows only when something is written" in rights.words
    assert {call.method for call in hub.hub.calls[before:]} == {"GET"}
    assert clinic.diagnosis().exit_code == 0


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"GITHUB_TOKEN": TOKEN}, 5, "GitHub does not accept the token (401)"),
        ({"GITHUB_REPOSITORY": "acme/other"}, 5, "refuses the call (404)"),
        ({"GITHUB_TOKEN": ""}, 2, "there is no token for GitHub in GITHUB_TOKEN"),
        ({"GITHUB_API_URL": ""}, 2, "GITHUB_API_URL must be set too"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_a_token_that_github_refuses(
    clinic: Clinic, changes: dict[str, str], code: int, words: str
) -> None:
    clinic.environment |= changes
    check = clinic.look("forge")
    assert (check.status, check.code) == ("failed", code)
    assert words in check.words
    assert check.remedy
    assert clinic.looked_at()["rights"] == "skipped"
    assert clinic.diagnosis().exit_code == code


def test_what_github_says_of_a_classic_token(clinic: Clinic, hub: GitHubWorld) -> None:
    headers = {
        "X-OAuth-Scopes": "read:org, gist",
        "GitHub-Authentication-Token-Expiration": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
    }
    hub.hub.fail(None, "GET /repos/acme/shop$", status=200, headers=headers, body={"id": 1})
    token, rights = clinic.look("forge"), clinic.look("rights")
    assert (token.status, token.remedy) == ("warning", "Make a new one before that.")
    assert f"it expires on {datetime.now(UTC):%Y-%m-%d}" in token.words
    assert (rights.status, rights.code) == ("failed", 5)
    assert "it lacks the scope repo, and has gist, read:org" in rights.words
    hub.hub.faults.clear()
    headers = {"X-OAuth-Scopes": "repo, workflow"}
    hub.hub.fail(None, "GET /repos/acme/shop$", status=200, headers=headers, body={"id": 1})
    assert clinic.look("rights").words == "it may read and write, by its scopes"


def test_a_token_that_may_not_see_pull_requests(clinic: Clinic, hub: GitHubWorld) -> None:
    hub.hub.fail(None, "GET /repos/acme/shop/pulls", status=403, body={"message": "Resource"})
    check = clinic.look("rights")
    assert (check.status, check.code) == ("failed", 5)
    assert "refuses the call (403)" in check.words


def test_a_forge_whose_limit_is_reached(clinic: Clinic, hub: GitHubWorld) -> None:
    """Nobody waits for a rate limit here."""
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}
    hub.hub.fail(None, "GET /repos/acme/shop$", status=403, headers=headers)
    assert "the rate limit of " in clinic.look("forge").words


@pytest.mark.usefixtures("hub")
def test_on_a_laptop_no_forge_is_needed(clinic: Clinic) -> None:
    clinic.environment |= {"GITHUB_ACTIONS": "", "GITHUB_TOKEN": TOKEN}
    assert clinic.look("forge").status == "warning"
    assert clinic.diagnosis().exit_code == 0


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"GITHUB_TOKEN": TOKEN}, "not for which repository"),
        ({"GITLAB_TOKEN": TOKEN}, "not for which GitLab"),
        ({"GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": "http://x/api/v4"}, "not for which project"),
    ],
)
def test_a_token_goes_nowhere_by_a_guess(
    clinic: Clinic, environment: dict[str, str], words: str
) -> None:
    clinic.environment |= environment
    check = clinic.look("forge")
    assert check.status == "skipped"
    assert words in check.words
    assert check.remedy.startswith("export ")


# --- GitLab -------------------------------------------------------------------------------------


@pytest.fixture
def lab(clinic: Clinic, tmp_path: Path, fake: FakeGateway) -> Iterator[GitLabWorld]:
    """A merge request whose job the clinic's environment is of."""
    with gitlab_world(Repo(tmp_path / "lab"), fake, tmp_path) as world:
        clinic.environment = world.environment(tmp_path)
        yield world


def test_a_token_for_gitlab(clinic: Clinic, lab: GitLabWorld) -> None:
    token, rights = clinic.look("forge"), clinic.look("rights")
    assert (token.status, token.words) == ("ok", "GitLab takes the token, and shows acme/shop")
    assert (rights.status, rights.words) == (
        "ok",
        "it may read and write: scope api, role Developer",
    )
    assert {call.method for call in lab.lab.calls} == {"GET"}
    assert clinic.diagnosis().exit_code == 0


def test_tokens_that_gitlab_gives_too_little(clinic: Clinic, lab: GitLabWorld) -> None:
    clinic.environment["GITLAB_TOKEN"] = lab.lab.token("read")
    check = clinic.look("rights")
    assert (check.status, check.code) == ("failed", 5)
    assert "it lacks the scope api, and has read_api" in check.words
    assert "role Developer and the scope api" in check.remedy
    clinic.environment["GITLAB_TOKEN"] = lab.lab.token(login="rep", level=20)
    assert clinic.look("rights").words.startswith("its role is Reporter: ")
    clinic.environment["GITLAB_TOKEN"] = lab.lab.token(login="nobody", level=0)
    assert clinic.look("rights").words.startswith("its role is no role: ")


def test_a_token_that_gitlab_refuses(clinic: Clinic, lab: GitLabWorld) -> None:
    clinic.environment["GITLAB_TOKEN"] = TOKEN
    check = clinic.look("forge")
    assert (check.status, check.code) == ("failed", 5)
    assert "GitLab does not accept the token (401)" in check.words


def test_a_token_that_ends_soon(clinic: Clinic, lab: GitLabWorld) -> None:
    soon = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    lab.lab.expires_at = soon
    check = clinic.look("forge")
    assert (check.status, check.remedy) == ("warning", "Make a new one before that.")
    assert check.words.endswith(f"; it expires on {soon}")
    lab.lab.expires_at = None
    assert clinic.look("forge").status == "ok"


@pytest.mark.usefixtures("lab")
def test_a_job_without_a_token(clinic: Clinic) -> None:
    clinic.environment["GITLAB_TOKEN"] = ""
    check = clinic.look("forge")
    assert check.status == "warning"
    assert "Code Quality report only" in check.words
    assert clinic.diagnosis().exit_code == 0


def test_a_gitlab_that_does_not_know_the_question(clinic: Clinic, wire: Wire) -> None:
    def react(call: Call) -> Answer:
        if call.path.endswith("/personal_access_tokens/self"):
            return Answer({"error": "404 Not Found"}, 404)
        return Answer({"id": 42})

    wire.react = react
    clinic.environment |= {
        "GITLAB_CI": "true",
        "GITLAB_TOKEN": TOKEN,
        "CI_API_V4_URL": f"{wire.url}/api/v4",
        "CI_PROJECT_PATH": "acme/shop",
    }
    assert clinic.look("rights").words == "GitLab does not say what the token may do"


def test_a_forge_that_is_not_there(clinic: Clinic) -> None:
    clinic.environment |= {
        "GITLAB_CI": "true",
        "GITLAB_TOKEN": TOKEN,
        "CI_API_V4_URL": "http://127.0.0.1:1/api/v4",
        "CI_PROJECT_PATH": "acme/shop",
    }
    check = clinic.look("forge")
    assert (check.status, check.code) == ("failed", 5)


# --- the program --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    code: int
    out: str


@pytest.fixture
def program(clinic: Clinic) -> Callable[..., Done]:
    """Run a command in the clinic's repository."""
    kept = ("PATH", "HOME", "GIT_CONFIG_NOSYSTEM", "TMPDIR", "PYTHONPATH")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}

    def run(*arguments: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "reviewbot", *arguments],
            cwd=clinic.repo.folder,
            env=inherited | clinic.environment,
            capture_output=True,
            check=False,
            timeout=fg.PATIENCE,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in out + err
        assert KEY not in out + err
        assert TOKEN not in out + err
        return Done(done.returncode, out + err)

    return run


def placeless(text: str) -> str:
    """The same for every folder, port, commit and git."""
    text = re.sub(r"127\.0\.0\.1:\d\d+", "127.0.0.1:4000", text)
    text = re.sub(r"git \d[\d.]+", "git 2.39.5", text)
    text = re.sub(r"left at [0-9a-f]{10}", "left at 0123456789", text)
    return re.sub(r"(?<=repository         )/.*", "/home/ada/shop", text)


def test_what_a_good_set_up_looks_like(
    program: Callable[..., Done], golden: Callable[[str, str], None]
) -> None:
    done = program("doctor")
    assert done.code == 0
    golden("doctor-good.txt", placeless(done.out))


def test_what_a_broken_set_up_looks_like(
    clinic: Clinic,
    fake: FakeGateway,
    program: Callable[..., Done],
    golden: Callable[[str, str], None],
) -> None:
    clinic.repo.write(".reviewbot.yaml", "checklist: [security]\n")
    clinic.repo.git("branch", "--move", "main", "trunk")
    fake.routes["/key/info"] = failed(401, "expired_key", f"Expired Key {KEY}")
    clinic.environment |= {"GITLAB_CI": "true"}
    done = program("doctor", "maim")
    assert done.code == 2
    golden("doctor-broken.txt", placeless(done.out))


def test_the_documents_show_what_the_doctor_says() -> None:
    tests = Path(__file__).parent
    page = (tests.parent / "docs/troubleshooting.md").read_text("utf-8")
    shown = re.findall(r"^(?:[✓!✗-] \w+ {3,}| {20}).*$", page, re.MULTILINE)
    said = (tests / "golden/doctor-broken.txt").read_text("utf-8").splitlines()
    assert len(shown) > 5
    assert [line for line in shown if line not in said] == []


def test_json(clinic: Clinic, fake: FakeGateway, program: Callable[..., Done]) -> None:
    fake.list_models()
    done = program("doctor", "--json")
    assert done.code == 4
    listed = json.loads(done.out)
    assert [tuple(each) for each in listed] == [("name", "status", "words", "remedy")] * len(listed)
    assert {each["status"] for each in listed} == {"ok", "failed", "skipped"}
    order = [step.name for step in STEPS]
    names = [each["name"] for each in listed]
    assert names == [name for name in order if name in names]


def test_the_options_of_the_review_count(clinic: Clinic, program: Callable[..., Done]) -> None:
    done = program("doctor", "feature", "--model", "claude-haiku", "--json")
    checks = {each["name"]: each for each in json.loads(done.out)}
    assert checks["models"]["words"] == "claude-haiku (window 200,000)"
    assert checks["base"]["words"].startswith("compared with feature")
    assert "settings from --model" in checks["configuration"]["words"]


def test_colours_are_for_terminals() -> None:
    found = Diagnosis((Check("key", "failed", "it is\x1b[31m bad", "mend it", 4),))
    assert found.to_text(Style()) == (
        "✗ key  it is<U+001B>[31m bad\n       → mend it\n\nA review would fail: 1 problem.\n"
    )
    assert found.to_text(Style(color=True)).startswith("\x1b[31m✗\x1b[0m key  it is<U+001B>")


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ("o", "A review would work."),
        ("ow", "A review would work, with 1 warning."),
        ("fwwf", "A review would fail: 2 problems, 2 warnings."),
        ("fs", "A review would fail: 1 problem."),
    ],
)
def test_verdicts(statuses: str, words: str) -> None:
    named: Any = {"o": "ok", "w": "warning", "f": "failed", "s": "skipped"}
    checks = tuple(Check("a", named[letter], "b", code=4) for letter in statuses)
    assert Diagnosis(checks).verdict == words
    assert Diagnosis(checks).exit_code == (4 if "f" in statuses else 0)


def test_every_check_needs_earlier_ones() -> None:
    names = [step.name for step in STEPS]
    for place, step in enumerate(STEPS):
        assert set(step.needs) <= set(names[:place]), step.name


# --- reviewbot models ---------------------------------------------------------------------------


def test_the_table_of_models(
    fake: FakeGateway, program: Callable[..., Done], golden: Callable[[str, str], None]
) -> None:
    told = json.loads(json.dumps(fg.LITELLM_MODELS))
    told["data"].append({"model_name": "odd", "model_info": {}})
    fake.routes["/model/info"] = page(json.dumps(told), kind="application/json")
    fake.list_models("claude-haiku", "odd", "free")
    done = program("models", "--checklist", "security,tests")
    assert done.code == 0
    golden("models.txt", done.out)


def test_models_as_json(fake: FakeGateway, program: Callable[..., Done]) -> None:
    first, second, third = json.loads(program("models", "--json", "--model", "mine").out)
    assert first == {
        "name": "claude-sonnet",
        "window": 200_000,
        "answer": 64_000,
        "input_usd_per_million": 3.0,
        "output_usd_per_million": 15.0,
        "cached_usd_per_million": 0.3,
        "structured_output": True,
        "caching": True,
        "allowed": True,
        "checklists": [],
    }
    assert second["name"] == "claude-haiku"
    assert (third["name"], third["window"], third["allowed"]) == ("mine", None, False)
    assert third["checklists"] == ["security", "performance", "style", "correctness"]
    assert fake.calls == []


def test_models_of_another_endpoint(fake: FakeGateway, program: Callable[..., Done]) -> None:
    fake.routes.clear()
    fake.list_models("claude-sonnet", "gpt")
    assert program("models").out == (
        "  model\n* claude-sonnet\n  gpt\n\n"
        "This endpoint tells the names of its models, and no more.\n"
        "* reads security, performance, style, correctness: claude-sonnet\n"
    )


@pytest.mark.parametrize(
    ("routes", "code", "words"),
    [
        ({}, 4, "lists no models"),
        ({"/v1/models": failed(401, "", "no")}, 4, "the key is not accepted"),
    ],
)
def test_no_models(
    fake: FakeGateway,
    program: Callable[..., Done],
    routes: dict[str, fg.Reaction],
    code: int,
    words: str,
) -> None:
    fake.routes = routes
    done = program("models")
    assert done.code == code
    assert words in done.out
