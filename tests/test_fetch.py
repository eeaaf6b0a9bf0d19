"""Commits that a checkout lacks, fetched from git's own server behind HTTP on loopback."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest
from conftest import Repo

from reviewbot.errors import GitError
from reviewbot.git import Repository

MakeRepo = Callable[..., Repo]
TOKEN = base64.b64encode(b"x-access-token:" + b"0123456789" * 4).decode()
HEADER = f"basic {TOKEN}"
ABSENT = "1" * 40


@dataclass
class Server:
    """Git's smart HTTP server: what it was sent, and what it answers before git is asked."""

    folder: Path
    port: int = 0
    wanted: str = HEADER
    status: int = 0
    target: str = ""
    headers: list[list[str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    hangs: bool = False
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/shop.git"

    def refusal(self, given: list[str]) -> int:
        """The status of a request that does not get through, as on GitHub."""
        if len(given) > 1:
            return 400
        if self.wanted and given != [self.wanted]:
            return 401
        return self.status


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: Server, *arguments: object) -> None:
        self._fake = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        fake = self._fake
        given = self.headers.get_all("Authorization", [])
        fake.headers.append(given)
        fake.paths.append(self.path)
        body = self._body()
        if fake.hangs:
            if not self.connection.recv(1):  # the other side has gone
                fake.left.set()
            self.close_connection = True
        elif status := fake.refusal(given):
            self._send(status, {"Location": fake.target + self.path}, b"")
        else:
            self._send(*self._backend(body))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        path, _, query = self.path.partition("?")
        path = path.partition("/shop.git")[2]  # of a proxied request, the address stands before
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self._fake.folder),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        command = ["git", "http-backend"]
        done = subprocess.run(
            command, env=environment, input=body, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(folder)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, server))
    http.daemon_threads = True
    if context:
        http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.port = http.server_port
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def origin(make_repo: MakeRepo) -> Repo:
    """Three commits on main, and one on topic, which began at the first of them."""
    origin = make_repo("origin")
    for number in ("1", "2", "3"):
        origin.write("app.py", f"{number}\n")
        origin.commit(number)
    origin.git("switch", "--quiet", "--create", "topic", "main~2")
    origin.write("app.py", "topic\n")
    origin.commit("topic")
    return origin


@pytest.fixture
def server(origin: Repo) -> Iterator[Server]:
    with serving(origin.folder / ".git") as server:
        yield server


@pytest.fixture
def checkout(origin: Repo, make_repo: MakeRepo) -> Repo:
    """What a CI job has: the last commit of topic, and nothing before it."""
    checkout = make_repo("checkout")
    checkout.git("fetch", "--quiet", "--depth=1", origin.folder.as_uri(), "topic")
    checkout.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    (checkout.folder / ".git/FETCH_HEAD").unlink()
    return checkout


def ids(origin: Repo, *revisions: str) -> list[str]:
    return [origin.git("rev-parse", revision) for revision in revisions]


def fetch(checkout: Repo, server: Server, *commits: str, header: str = HEADER) -> None:
    with Repository(checkout.folder) as repository:
        repository.fetch(server.url, commits, header)


def error(checkout: Repo, url: str, *commits: str, timeout: float = 60.0) -> GitError:
    with Repository(checkout.folder) as repository, pytest.raises(GitError) as caught:
        repository.fetch(url, commits, HEADER, timeout=timeout)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_what_a_shallow_checkout_lacks(server: Server, origin: Repo, checkout: Repo) -> None:
    base, head, other = ids(origin, "main~2", "topic", "main")
    with Repository(checkout.folder) as repository:
        assert (repository.has(base), repository.has(head)) == (False, True)
        assert repository.read(f"{base}:app.py") is None
        repository.fetch(server.url, [base, head, other], HEADER)
        assert all(map(repository.has, (base, head, other)))
        assert not repository.has(origin.git("rev-parse", "main~1"))
        assert repository.read(f"{base}:app.py") == b"1\n"
        (file,) = repository.diff(base, head).files
        assert [line.kind + line.text for hunk in file.hunks() for line in hunk.lines] == [
            "-1",
            "+topic",
        ]
    assert checkout.git("for-each-ref") == ""
    assert not (checkout.folder / ".git/FETCH_HEAD").exists()
    assert {tuple(given) for given in server.headers} == {(HEADER,)}


def test_what_is_here_is_not_asked_for(server: Server, origin: Repo, make_repo: MakeRepo) -> None:
    clone = make_repo("clone")
    clone.git("fetch", "--quiet", origin.folder.as_uri(), "main", "topic:topic")
    with Repository(clone.folder) as repository:
        repository.fetch(server.url, ids(origin, "main~2", "topic"), HEADER)
        repository.fetch(server.url, [], HEADER)
        assert not repository.shallow
    assert server.paths == []
    assert not (clone.folder / ".git/shallow").exists()


def test_a_full_clone_keeps_its_history(server: Server, origin: Repo, make_repo: MakeRepo) -> None:
    clone = make_repo("clone")
    clone.git("fetch", "--quiet", origin.folder.as_uri(), "main:kept")
    base, middle, head = ids(origin, "main~2", "main~1", "topic")
    with Repository(clone.folder) as repository:
        repository.fetch(server.url, [base, head], HEADER)
        assert repository.has(head)
        assert repository.merge_base(base, clone.git("rev-parse", "kept")) == base
        assert repository.parent(middle) == base


def test_an_empty_repository_will_do(server: Server, origin: Repo, make_repo: MakeRepo) -> None:
    empty = make_repo("empty")
    fetch(empty, server, *ids(origin, "main~2", "topic"))
    assert empty.git("show", f"{origin.git('rev-parse', 'topic')}:app.py") == "topic"


def test_without_a_header_none_is_sent(server: Server, origin: Repo, checkout: Repo) -> None:
    server.wanted = ""
    fetch(checkout, server, *ids(origin, "main"), header="")
    assert {tuple(given) for given in server.headers} == {()}


@pytest.mark.parametrize("scope", ["{root}/", "{root}/shop.git", ""])
def test_a_header_in_the_configuration_does_not_stand_beside_ours(
    server: Server, origin: Repo, checkout: Repo, scope: str
) -> None:
    scope = scope.format(root=server.url.removesuffix("/shop.git"))
    key = f"http.{scope}.extraheader" if scope else "http.extraheader"
    checkout.git("config", "--add", key, "AUTHORIZATION: basic b2xk")
    fetch(checkout, server, *ids(origin, "main"))
    assert {tuple(given) for given in server.headers} == {(HEADER,)}


@pytest.mark.parametrize("redirected", ["{root}/", "{url}", "http://"])
def test_the_configuration_does_not_lead_elsewhere(
    server: Server, origin: Repo, checkout: Repo, tmp_path: Path, redirected: str
) -> None:
    root = server.url.removesuffix("/shop.git")
    with serving(tmp_path) as elsewhere:
        target = elsewhere.url.removesuffix("shop.git")
        pattern = redirected.format(root=root, url=server.url)
        checkout.git("config", f"url.{target}.insteadOf", pattern)
        with Repository(checkout.folder) as repository:
            try:
                repository.fetch(server.url, ids(origin, "main"), HEADER)
            except GitError:
                assert redirected == "{url}"  # as long as ours, and the first one wins
        assert not any(elsewhere.headers)


def test_a_server_does_not_lead_elsewhere(
    server: Server, origin: Repo, checkout: Repo, tmp_path: Path
) -> None:
    (main,) = ids(origin, "main")
    for scope in ("http", f"http.{server.url}"):
        checkout.git("config", f"{scope}.followRedirects", "true")
    with serving(tmp_path) as elsewhere:
        server.status, server.target = 302, elsewhere.url.removesuffix("/shop.git")
        assert "cannot be fetched from 127.0.0.1" in error(checkout, server.url, main).message
        assert elsewhere.paths == []


def test_no_program_of_the_configuration_runs(
    server: Server,
    origin: Repo,
    checkout: Repo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    canary, program = tmp_path / "canary", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o700)
    root = server.url.removesuffix("/shop.git")
    for scope in ("", f".{root}", f".{root}/shop.git"):
        checkout.git("config", f"credential{scope}.helper", str(program))
    for key in ("core.askPass", "core.sshCommand", "core.gitProxy", "core.fsmonitor"):
        checkout.git("config", key, str(program))
    for name in ("GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(program))
    checkout.git("config", f"remote.{server.url}.vcs", "ext")
    checkout.git("config", f"remote.{server.url}.uploadpack", str(program))
    hook = checkout.folder / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(program.read_bytes())
    hook.chmod(0o700)
    server.wanted = "another"
    error(checkout, server.url, *ids(origin, "main"))
    checkout.git("config", "--unset", f"remote.{server.url}.vcs")
    assert "refuses the token" in error(checkout, server.url, *ids(origin, "main")).message
    server.wanted = HEADER
    fetch(checkout, server, *ids(origin, "main"))
    assert not canary.exists()


@pytest.mark.parametrize("url", ["{folder}", "file://{folder}", "ext::sh -c true", "--all"])
def test_other_protocols_are_not_spoken(origin: Repo, checkout: Repo, url: str) -> None:
    (main,) = ids(origin, "main")
    error(checkout, url.format(folder=origin.folder), main)
    with Repository(checkout.folder) as repository:
        assert not repository.has(main)


@pytest.mark.parametrize("commit", ["main", "--upload-pack=touch x", "1" * 39, "", "HEAD\nHEAD"])
def test_only_full_ids_are_asked_for(server: Server, checkout: Repo, commit: str) -> None:
    assert "is not the full id" in error(checkout, server.url, commit).message
    assert server.paths == []


def test_a_commit_that_is_gone(server: Server, checkout: Repo) -> None:
    caught = error(checkout, server.url, ABSENT)
    assert "does not have the commit any more" in caught.message
    assert "pushed anew" in caught.hint


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_token(server: Server, checkout: Repo, status: int) -> None:
    server.status = status
    caught = error(checkout, server.url, ABSENT)
    assert caught.message == (
        f"127.0.0.1:{server.port} refuses the token that the commits are fetched with"
    )
    assert "contents: read" in caught.hint


def test_nobody_there(checkout: Repo, tmp_path: Path) -> None:
    with serving(tmp_path) as gone:
        url = gone.url
    caught = error(checkout, url, ABSENT)
    assert "Failed to connect" in caught.message
    assert "HTTPS_PROXY" in caught.hint


def test_a_server_that_says_nothing(server: Server, checkout: Repo) -> None:
    server.hangs = True
    assert "within 1 s" in error(checkout, server.url, ABSENT, timeout=1.0).message
    assert server.left.wait(30)  # no process of git goes on


def test_the_header_is_no_argument(
    server: Server, origin: Repo, checkout: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, folder = tmp_path / "log", tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {which("git")} "$@"\n')
    wrapper.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    fetch(checkout, server, *ids(origin, "main"))
    assert "fetch --quiet --depth=1" in log.read_text()
    assert TOKEN not in log.read_text()
    found = [file for file in (checkout.folder / ".git").rglob("*") if file.is_file()]
    assert not [file for file in found if TOKEN.encode() in file.read_bytes()]


# --- proxies and certificates -------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_used(
    server: Server, origin: Repo, checkout: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is its own proxy: such a request has the whole address in its first line."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    first, second = ids(origin, "main", "main~1")
    fetch(checkout, server, first)
    assert all(path.startswith(server.url) for path in server.paths)
    server.paths.clear()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fetch(checkout, server, second)
    assert all(path.startswith("/shop.git") for path in server.paths)


@pytest.fixture
def secure(origin: Repo, certificate: Path) -> Iterator[str]:
    """The address of the server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with serving(origin.folder / ".git", context) as server:
        yield server.url.replace("http://", "https://")


def test_an_unknown_certificate_is_not_trusted(secure: str, origin: Repo, checkout: Repo) -> None:
    assert "certificate" in error(checkout, secure, *ids(origin, "main")).message


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "GIT_SSL_CAINFO", "http.sslCAInfo"])
def test_a_certificate_that_somebody_has_made_known(
    secure: str,
    origin: Repo,
    checkout: Repo,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
) -> None:
    if name == "http.sslCAInfo":
        checkout.git("config", name, str(certificate))
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    else:
        monkeypatch.setenv(name, str(certificate))
    (main,) = ids(origin, "main")
    with Repository(checkout.folder) as repository:
        repository.fetch(secure, [main], HEADER)
        assert repository.has(main)
