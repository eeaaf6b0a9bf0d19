"""What the tests share: real git repositories, cut off from the machine's configuration."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from shutil import which

import pytest
from fake_gateway import FakeGateway, serving
from hypothesis import settings
from litellm_proxy import Work, branch
from wire import Wire
from wire import serving as answering

ROOT = Path(__file__).parent.parent

settings.register_profile("untimed", deadline=None)
settings.register_profile("long", deadline=None, max_examples=5_000)
settings.load_profile("untimed")


class Repo:
    """A git repository in a temporary folder."""

    def __init__(self, folder: Path, *init_options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", *init_options)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git here; its output without the last line end."""
        return os.fsdecode(self.git_bytes(*arguments, stdin=stdin)).removesuffix("\n")

    def git_bytes(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, os.fsdecode(done.stderr)
        return done.stdout

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file; text is encoded as UTF-8, and LF stays LF."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, message: str = "change") -> str:
        """Commit everything that lies in the working tree; the full id of the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True, scope="session")
def isolated_git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git reads no configuration and no environment but these."""
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n'
    )
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            environment.delenv(name)
        environment.setenv("HOME", str(home))
        environment.setenv("GIT_CONFIG_NOSYSTEM", "1")
        environment.delenv("XDG_CONFIG_HOME", raising=False)
        yield


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Repo]:
    """Make a repository in a new folder: `make_repo(name, *options of git init)`."""
    return lambda name, *options: Repo(tmp_path / name, *options)


@pytest.fixture
def repo(make_repo: Callable[..., Repo]) -> Repo:
    """An empty repository."""
    return make_repo("repo")


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    """A gateway on loopback that does what the test says."""
    with serving() as gateway:
        yield gateway


@pytest.fixture
def work(make_repo: Callable[..., Repo], monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """A branch to review through the real LiteLLM proxy."""
    with branch(make_repo("work"), monkeypatch) as work:
        yield work


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A forge on loopback that gives the answers it is told to."""
    with answering() as wire:
        yield wire


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr("reviewbot.posting.PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr("reviewbot.pull_request.HEAD_LAG", 0.0)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the machine stands before loopback."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file, that nobody else knows."""
    if not which("openssl"):
        pytest.skip("openssl is not installed: it makes the certificate")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    key = file.with_name("key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", file),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture(scope="session")
def locked_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that reviewbot needs to run, of the locked versions, for this Python."""
    return downloaded(tmp_path_factory.mktemp("locked"), ROOT / "requirements.lock")


def downloaded(folder: Path, lock: Path) -> Path:
    """The folder with what the lock names, as pip finds it with the settings of this machine."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    subprocess.run(
        [
            *(sys.executable, "-I", "-m", "pip", "download", "--quiet", "--require-hashes"),
            *("--only-binary", ":all:", "--disable-pip-version-check", f"--dest={folder}"),
            f"--requirement={lock}",
        ],
        check=True,
        env=os.environ | {"HOME": home},
    )
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REVIEWBOT_NO_SKIPS, as in CI, a test that lacks what it needs has failed."""
    report = yield
    if report.skipped and os.environ.get("REVIEWBOT_NO_SKIPS"):
        report.outcome = "failed"
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that writes the golden files anew."""
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Hold a text against a file of `tests/golden/`: `golden(file name, text)`."""
    update = request.config.getoption("--update-golden")

    def check(name: str, text: str) -> None:
        file = Path(__file__).parent / "golden" / name
        if update:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        assert text == file.read_text("utf-8"), f"{name}: see it, or run with --update-golden"

    return check
