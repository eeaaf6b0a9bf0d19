"""The repository, asked through git's plumbing.

No code of the repository runs: no hooks, filters, textconv, external diff or file system monitor.
Revisions are resolved to full ids first, so nothing that a user or a branch name says can become
an option. Whatever the user's configuration and environment say, the diff is the same.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from reviewbot.diff import SYMLINK, Diff, decode
from reviewbot.errors import GitError
from reviewbot.quoting import scrubbed
from reviewbot.records import read_diff

_PINNED = {
    "core.bigFileThreshold": "512m",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.looseCompression": "0",
    "core.quotePath": "true",
    "core.safecrlf": "false",
    "core.splitIndex": "false",
    "diff.renameLimit": "3000",
    "diff.suppressBlankEmpty": "false",
}
_PATCH_OPTIONS = (
    *("-r", "-p", "--abbrev=64", "--full-index", "-U3", "-M"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-relative"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--ignore-submodules=none"),
    *("--diff-algorithm=myers", "--indent-heuristic", f"-O{os.devnull}"),
    *("--inter-hunk-context=0", "--ws-error-highlight=none"),
)
_DIFF_OPTIONS = ("-z", "--raw", "--numstat", *_PATCH_OPTIONS)
# What git may see of the environment: where things are, not what to run.
_KEPT = re.compile(
    r"PATH|HOME|XDG_CONFIG_HOME|USER|LOGNAME|SUDO_UID|TMPDIR|TEMP|TMP|SYSTEMROOT|USERPROFILE"
    r"|GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES"
    r"|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM"
    r"|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)

# How to reach a server, which a fetch needs to see too.
_KEPT_TO_FETCH = re.compile(
    r"(?i:HTTPS?_PROXY|ALL_PROXY|NO_PROXY)|CURL_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)"
    r"|GIT_(?:SSL_CAINFO|SSL_CAPATH|PROXY_SSL_CAINFO)"
)
_FETCH = (
    *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-prune", "--no-write-fetch-head"),
    *("--no-recurse-submodules", "--no-auto-maintenance", "--no-write-commit-graph"),
)
FETCH_TIMEOUT = 300.0  # seconds

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ATTRIBUTES = re.compile(rb"^100.*[\t/]\.gitattributes$", re.DOTALL)


class Blob(NamedTuple):
    """A file as a tree has it: its path, the id of its content, and its bytes."""

    path: str
    oid: str
    size: int


class Repository:
    """The git repository around a folder.

    Args:
        folder: where to begin looking; the repository may lie above it.

    Raises:
        GitError: there is none, it is not trusted, or git is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._cleanup = ExitStack()
        self._folder = folder
        self._environment = {k: v for k, v in os.environ.items() if _KEPT.fullmatch(k)}
        self._environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        # A partial clone fetches what it lacks by the commands that its configuration names.
        self._environment |= {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
        self._reader: subprocess.Popen[bytes] | None = None
        self._reading = threading.Lock()  # one question at a time, from any thread
        self._stored = False
        self._attribute_places: dict[str, dict[str, str]] = {}
        if not folder.is_dir():
            raise GitError(f"there is no folder {folder}")
        places = ("--git-path", "index", "--git-path", "objects", "--show-toplevel")
        questions = ("--is-shallow-repository", "--absolute-git-dir", *places)
        found = self._git(("rev-parse", *questions), may_fail=True)
        answers = os.fsdecode(found.stdout).split("\n")
        if len(answers) < 5:  # noqa: PLR2004 - four answers and the end
            raise _no_repository(folder, found.stderr)
        shallow, self._git_folder, index, objects, top = answers[:5]
        self.shallow = shallow == "true"
        self._index, self._objects = folder / index, folder / objects
        self.bare = not top
        if top:
            self._folder = Path(top)
        self._switch_off_filters()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def partial(self) -> bool:
        """Whether it was cloned without some of its objects, to get them when they are needed."""
        question = ("config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$")
        return self._git(question, may_fail=True).returncode == 0

    @property
    def top(self) -> Path:
        """The working tree's folder, or the repository's where it has none."""
        return self._folder

    # --- revisions ----------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The full id of the commit that a person means by `revision`.

        Branches go before tags, whatever files there are; a branch that only the remote has (as in
        a CI checkout) is found too. A full id is that commit, whatever is named like it.

        Raises:
            GitError: there is no such commit.
        """
        places: tuple[str, ...] = (
            "refs/heads/{}",
            "refs/remotes/{}",
            "refs/tags/{}",
            "{}",
            "refs/remotes/origin/{}",
        )
        if _FULL_ID.fullmatch(revision):
            places = ("{}",)
        if "\n" not in revision:
            for commit in self._commits(place.format(revision) for place in places):
                if commit:
                    return commit
        raise self._unknown_revision(revision)

    def default_base(self) -> str:
        """The full ref name of the remote's default branch, else of main or master.

        Raises:
            GitError: there is none of these.
        """
        local = ("refs/heads/main", "refs/heads/master")
        remote = ("refs/remotes/origin/main", "refs/remotes/origin/master")
        known = self._refs("refs/remotes/*/HEAD", *remote, *local)
        heads = sorted(
            (ref for ref in known if ref.endswith("/HEAD")),
            key=lambda ref: ref != "refs/remotes/origin/HEAD",
        )
        for ref in (*heads, *remote, *local):
            if ref in known:
                return ref
        raise GitError(
            "there is no default branch to compare with",
            "Name the base: reviewbot diff BASE, or take --uncommitted for what is not committed.",
        )

    def origin_url(self) -> str:
        """The address of the remote named origin; empty where there is none."""
        found = self._git(["config", "--get", "remote.origin.url"], may_fail=True)
        return os.fsdecode(found.stdout).strip()

    def merge_base(self, base: str, head: str) -> str:
        """The commit where `head` left `base`; both are full ids.

        Raises:
            GitError: they have no common history, or the clone is too shallow to know.
        """
        found = self._git(("merge-base", base, head), may_fail=True)
        if found.returncode == 0:
            return found.stdout.decode().strip()
        if found.returncode != 1:
            raise GitError(_first_line(found.stderr))
        if self.shallow:
            raise _too_shallow()
        raise GitError(
            f"{base[:10]} and {head[:10]} have no common history, so there is no branch to review",
            "Compare with a base that the branch was made from.",
        )

    def parent(self, commit: str) -> str:
        """The first parent of a commit, or the empty tree for the first commit of a history.

        Raises:
            GitError: the parent is not in this shallow clone.
        """
        raw = self.read(commit) or b""
        parents = re.findall(rb"^parent (\w+)$", raw.partition(b"\n\n")[0], re.MULTILINE)
        if not parents:
            return self.empty_tree()
        (parent,) = self._commits([parents[0].decode()])
        if parent is None:
            raise _too_shallow()
        return parent

    def commits(self, base: str, head: str, most: int) -> list[str]:
        """Ids of the commits that `head` has and `base` has not, the newest first; no merges.

        Args:
            base: a commit by its full id.
            head: the same.
            most: how many at most.
        """
        options = ("--no-merges", f"--max-count={most}")
        return self._run("rev-list", *options, head, f"^{base}", "--").decode().split()

    def message(self, commit: str) -> str:
        """What was written to a commit; empty where it is not here."""
        raw = self.read(commit) or b""
        return raw.partition(b"\n\n")[2].decode("utf-8", "replace").strip()

    def empty_tree(self) -> str:
        """The id of a tree without files."""
        return self._run("hash-object", "-t", "tree", "--stdin").decode().strip()

    def has(self, commit: str) -> bool:
        """Whether the commit with this full id is here."""
        return next(self._commits([commit])) is not None

    def has_commits(self) -> bool:
        """Whether HEAD is a commit, not a branch yet to be born."""
        return next(self._commits(["HEAD"])) is not None

    def _commits(self, names: Iterable[str]) -> Iterator[str | None]:
        question = "".join(f"{name}^{{commit}}\n" for name in names)
        answers = self._run("cat-file", "--batch-check", stdin=os.fsencode(question))
        for answer in answers.removesuffix(b"\n").split(b"\n"):
            found = re.fullmatch(rb"([0-9a-f]+) commit \d+", answer)
            yield found[1].decode() if found else None

    def _refs(self, *patterns: str) -> list[str]:
        return decode(self._run("for-each-ref", "--format=%(refname)", *patterns)).split("\n")[:-1]

    def _unknown_revision(self, revision: str) -> GitError:
        if ".." in revision:
            return GitError(
                f"'{revision}' is not a revision", "A range has three dots: BASE...HEAD"
            )
        if not self.has_commits():
            return GitError(
                "this repository has no commits yet",
                "Review the working tree with: reviewbot diff --uncommitted",
            )
        names = [
            ref.split("/", 2)[2] for ref in self._refs("refs/heads", "refs/tags", "refs/remotes")
        ]
        near = get_close_matches(revision, names, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else "See the branches with: git branch --all"
        if self.shallow:
            hint += " This clone is shallow: git fetch --unshallow gets the rest."
        return GitError(f"there is no revision '{revision}' here", hint)

    # --- content ------------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """The content of an object (an id, or `REVISION:PATH`), or None where there is none."""
        if "\n" in name:
            return None
        with self._reading:
            return self._answer(name)

    def _answer(self, name: str) -> bytes | None:
        reader = self._reader = self._reader or self._start_reader()
        assert reader.stdin
        assert reader.stdout
        reader.stdin.write(os.fsencode(name) + b"\n")
        reader.stdin.flush()
        *_, size = reader.stdout.readline().split(b" ")
        if not size.strip().isdigit():
            return None
        content = reader.stdout.read(int(size))
        reader.stdout.read(1)
        return content

    def _start_reader(self) -> subprocess.Popen[bytes]:
        reader = self._start("cat-file", "--batch", stdin=subprocess.PIPE)
        self._cleanup.enter_context(reader)
        return reader

    def files(self, tree: str, folder: str) -> list[str]:
        """Paths of the files directly in a folder of a tree; the top folder is empty text."""
        place = [f"{folder}/"] if folder else []
        raw = self._run("ls-tree", "-z", "--full-tree", tree, "--", *place)
        entries = (entry.partition("\t") for entry in decode(raw).split("\0"))
        return [path for kind, _, path in entries if " blob " in kind]

    def blobs(self, tree: str) -> list[Blob]:
        """All files of a tree, by its full id, in its order; no symbolic links, no submodules.

        Of a partial clone none: what it lacks would have to be fetched, file by file.
        """
        if self.partial:
            return []
        raw = self._run("ls-tree", "-r", "-l", "-z", "--full-tree", tree)
        entries = (entry.partition("\t") for entry in decode(raw).split("\0")[:-1])
        told = ((path, *about.split()) for about, _, path in entries)
        return [
            Blob(path, oid, int(size))
            for path, mode, kind, oid, size in told
            if kind == "blob" and mode != SYMLINK
        ]

    def contents(self, blobs: Sequence[Blob]) -> Iterator[bytes]:
        """The contents of files that are here, in their order, by one process for all."""
        with tempfile.TemporaryFile() as question:
            question.writelines(blob.oid.encode() + b"\n" for blob in blobs)
            question.seek(0)
            with self._start("cat-file", "--batch", "--buffer", stdin=question) as reader:
                assert reader.stdout
                for blob in blobs:
                    told = reader.stdout.readline().split(b" ")
                    if len(told) != 3:  # noqa: PLR2004 - id, kind and size, else it is not here
                        return
                    yield reader.stdout.read(blob.size)
                    reader.stdout.read(1)

    def attributes(
        self, paths: Sequence[str], names: Sequence[str], tree: str
    ) -> Mapping[tuple[str, str], str]:
        """Values of gitattributes, by path and name; those that nothing sets are left out.

        They are read in `tree` (a full id).
        """
        question = b"".join(os.fsencode(path) + b"\0" for path in paths)
        places = self._attributes_of(tree)
        raw = self._run("check-attr", "--stdin", "-z", *names, stdin=question, places=places)
        fields = decode(raw).split("\0")
        triples = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
        return {(path, name): value for path, name, value in triples if value != "unspecified"}

    def _attributes_of(self, tree: str) -> dict[str, str]:
        """Where git finds the .gitattributes of `tree` only: in an index beside no files."""
        if tree in self._attribute_places:
            return self._attribute_places[tree]
        folder = self._temporary_folder()
        places = {
            "GIT_DIR": self._git_folder,
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_WORK_TREE": str(folder),
        }
        entries = self._run("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0")
        wanted = [entry for entry in entries if _ATTRIBUTES.search(entry)]
        index_info = b"".join(entry + b"\0" for entry in wanted)
        self._run("update-index", "-z", "--index-info", stdin=index_info, places=places)
        self._attribute_places[tree] = places
        return places

    def _temporary_folder(self) -> Path:
        return Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="reviewbot-")))

    # --- what is not here yet -----------------------------------------------------------------

    def fetch(
        self,
        url: str,
        commits: Iterable[str],
        authorization: str = "",
        *,
        authorities: str = "",
        timeout: float = FETCH_TIMEOUT,
    ) -> None:
        """Get those of the commits that are not here, each by itself, without its history.

        Nothing of the configuration runs a program or leads elsewhere; no ref is written.

        Args:
            url: the repository's address, http or https.
            commits: by their full ids.
            authorization: value of the HTTP header, for this address only.
            authorities: a file with the certificates to trust, where nobody has told git another.
            timeout: seconds for all of it.

        Raises:
            GitError: the commits cannot be had.
        """
        wanted = tuple(dict.fromkeys(commits))
        for commit in wanted:
            if not _FULL_ID.fullmatch(commit):
                raise GitError(f"'{commit}' is not the full id of a commit")
        missing = [commit for commit in wanted if not self.has(commit)]
        if not missing:
            return
        environment = self._environment_to_fetch(url, authorization, authorities)
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                _command(*_FETCH, "--", url, *missing),
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                process_group=0,
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise GitError(
                    f"{_host(url)} has not given the commits within {timeout:.0f} s"
                ) from None
            finally:
                _end(process)
            if code:
                errors.seek(0)
                raise _not_fetched(_host(url), decode(errors.read()))
        self.shallow = True

    def _environment_to_fetch(
        self, url: str, authorization: str, authorities: str
    ) -> dict[str, str]:
        """The environment of a fetch: its header stands there, as everybody can read arguments."""
        kept = {k: v for k, v in os.environ.items() if _KEPT_TO_FETCH.fullmatch(k)}
        environment = self._environment | kept
        environment |= {"GIT_ALLOW_PROTOCOL": "http:https", "GIT_TERMINAL_PROMPT": "0"}
        settings = [
            ("core.askPass", ""),
            ("credential.helper", ""),
            (f"http.{url}.followRedirects", "false"),
            (f"url.{url}.insteadOf", url),  # the longest match, so that no other one holds
        ]
        if authorization:  # and no header beside it: the empty value clears the list
            headers = ("", f"Authorization: {authorization}")
            settings += [(f"http.{url}.extraHeader", header) for header in headers]
        authorities = authorities or kept.get("SSL_CERT_FILE", "")
        if authorities and not self._knows_authorities(url, kept):
            environment["GIT_SSL_CAINFO"] = authorities
        return _with_settings(environment, settings)

    def _knows_authorities(self, url: str, kept: Mapping[str, str]) -> bool:
        """Whether somebody has told git itself whose certificates to trust."""
        if {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"} & kept.keys():
            return True
        question = ("config", "--get-urlmatch", "http.sslCAInfo", url)
        return self._git(question, may_fail=True).returncode == 0

    # --- the working tree ---------------------------------------------------------------------

    def snapshot(self, *, working_tree: bool) -> str:
        """A tree of the index, or of the working tree with its untracked files.

        Neither the index nor the objects of the repository are touched: both are copied to a
        temporary folder, which lives as long as this object.

        Returns:
            The id of the tree.
        """
        if working_tree and self.bare:
            raise GitError("this repository has no working tree", "Name the head: BASE HEAD")
        index = self._temporary_folder() / "index"
        if self._index.exists():
            shutil.copy2(self._index, index)  # with its time: git compares files to it
        self._environment["GIT_INDEX_FILE"] = str(index)
        self._use_temporary_objects()
        if working_tree:
            self._stage_everything()
        elif self._run("ls-files", "-z", "--unmerged"):
            raise GitError("the index has merge conflicts", "Resolve and stage them first.")
        return self._run("write-tree").decode().strip()

    def _use_temporary_objects(self) -> None:
        """Write new objects to a temporary folder, and read those of the repository beside it."""
        if self._stored:
            return
        folder = self._temporary_folder() / "objects"
        (folder / "info").mkdir(parents=True)
        (folder / "info/alternates").write_bytes(os.fsencode(self._objects.resolve()) + b"\n")
        self._environment["GIT_OBJECT_DIRECTORY"] = str(folder)
        self._stored, self._reader = True, None  # an older reader would not find the new objects

    def _stage_everything(self) -> None:
        options = ("-z", "--name-status", "--no-renames", "--ignore-submodules=dirty")
        fields = self._run("diff-files", *options).split(b"\0")
        changed = list(zip(fields[0::2], fields[1::2], strict=False))
        there = [path for status, path in changed if status != b"D"]
        untracked = self._run("ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
        there += [path for path in untracked if path and not path.endswith(b"/")]
        # What is more than modified goes first: a file may have become a folder, or a submodule.
        self._update_index(
            "--force-remove", paths=[path for status, path in changed if status != b"M"]
        )
        self._update_index("--add", "--remove", "--replace", paths=there)

    def _update_index(self, *options: str, paths: Sequence[bytes]) -> None:
        if paths:
            command = ("update-index", *options, "-z", "--stdin")
            self._run(*command, stdin=b"\0".join(paths))

    # --- the diff -----------------------------------------------------------------------------

    def diff(self, base: str, head: str) -> Diff:
        """The diff of two commits or trees, given by full ids; read from git as it comes.

        Raises:
            DiffError: git's records and its patch contradict each other.
            GitError: git failed.
        """
        places = self._attributes_of(base)
        with tempfile.TemporaryFile() as errors:
            process = self._start(
                "diff-tree", *_DIFF_OPTIONS, base, head, "--", stderr=errors, places=places
            )
            assert process.stdout
            try:
                with process:
                    return Diff(tuple(read_diff(process.stdout)))
            finally:
                if (process.returncode or 0) > 0:  # else what git could not say is a contradiction
                    errors.seek(0)
                    raise _failure(errors.read())

    def patch(self, base: str, head: str) -> bytes:
        """The same as a unified diff, in git's own words."""
        places = self._attributes_of(base)
        return self._run("diff-tree", *_PATCH_OPTIONS, base, head, "--", places=places)

    # --- processes ----------------------------------------------------------------------------

    def _run(
        self, *arguments: str, stdin: bytes = b"", places: dict[str, str] | None = None
    ) -> bytes:
        return self._git(arguments, stdin, places).stdout

    def _git(
        self,
        arguments: Sequence[str],
        stdin: bytes = b"",
        places: dict[str, str] | None = None,
        *,
        may_fail: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            done = subprocess.run(
                _command(*arguments),
                **self._surroundings(places or {}),
                input=stdin,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise _no_git() from error
        if done.returncode and not may_fail:
            raise _failure(done.stderr)
        return done

    def _surroundings(self, places: dict[str, str]) -> dict[str, Any]:
        folder = places.get("GIT_WORK_TREE", self._folder)
        return {"cwd": folder, "env": self._environment | places}

    def _switch_off_filters(self) -> None:
        """Give every configured clean filter an empty command, for all that git does from here.

        Even write-tree filters, when a file is as young as the index. In the environment, as an
        option cannot name a filter that has "=" in its name.
        """
        pattern = r"^filter\..*\.(clean|process|required)$"
        found = self._git(("config", "-z", "--name-only", "--get-regexp", pattern), may_fail=True)
        filters = [(key, "") for key in os.fsdecode(found.stdout).split("\0")[:-1]]
        self._environment = _with_settings(self._environment, filters)

    def _start(
        self, *arguments: str, places: dict[str, str] | None = None, **streams: Any
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            _command(*arguments),
            **self._surroundings(places or {}),
            stdout=subprocess.PIPE,
            **{"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams},
        )


def version() -> tuple[int, ...]:
    """The version of git, as (2, 39, 5).

    Raises:
        GitError: it is not installed.
    """
    try:
        told = subprocess.run(["git", "--version"], capture_output=True, check=False).stdout
    except FileNotFoundError as error:
        raise _no_git() from error
    found = re.search(rb"\d+(?:\.\d+)+", told)
    return tuple(map(int, found[0].split(b"."))) if found else ()


def _no_git() -> GitError:
    return GitError("git is not installed", "Install git, or review a --patch.")


def _command(*arguments: str) -> list[str]:
    pinned = chain.from_iterable(("-c", f"{key}={value}") for key, value in _PINNED.items())
    return ["git", "--no-pager", "--literal-pathspecs", *pinned, *arguments]


def _with_settings(
    environment: Mapping[str, str], settings: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """The environment with further settings of git in it, which go before those that are there."""
    count = int(environment.get("GIT_CONFIG_COUNT") or 0)
    added = {"GIT_CONFIG_COUNT": str(count + len(settings))}
    for number, (key, value) in enumerate(settings, count):
        added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**environment, **added}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with its children, if it has not ended by itself: git leaves them running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _not_fetched(host: str, complaint: str) -> GitError:
    """Why a fetch has failed, and who can do what about it."""
    words = complaint.lower()
    if "not our ref" in words or "unadvertised object" in words or "remote ref" in words:
        return GitError(
            f"{host} does not have the commit any more",
            "Was the branch pushed anew or deleted? Then run the newest job of the branch.",
        )
    refusals = ("could not read username", "authentication failed", "error: 401", "error: 403")
    if any(refusal in words for refusal in (*refusals, "' not found")):
        return GitError(
            f"{host} refuses the token that the commits are fetched with",
            "It must be allowed to read the repository (GitHub Actions: contents: read).",
        )
    reason = _first_line(complaint.encode("utf-8", "surrogateescape")).removeprefix("git: ")
    return GitError(
        f"the commits cannot be fetched from {host}: {reason}",
        "Check the address and that it can be reached; behind a proxy, HTTPS_PROXY.",
    )


def _no_repository(folder: Path, stderr: bytes) -> GitError:
    message = decode(stderr)
    if "dubious ownership" in message:
        return GitError(
            f"git does not trust {folder}: it belongs to another user",
            f"If it is yours: git config --global --add safe.directory {folder.resolve()}",
        )
    if "not a git repository" in message:
        return GitError(
            f"{folder.resolve()} is not in a git repository",
            "Go to one, or review a diff with: reviewbot diff --patch FILE",
        )
    return GitError(_first_line(stderr))


def _too_shallow() -> GitError:
    return GitError(
        "this clone is too shallow to know where the branch began",
        "Get the history: git fetch --unshallow "
        '(GitHub Actions: fetch-depth: 0; GitLab CI: GIT_DEPTH: "0").',
    )


def _failure(stderr: bytes) -> GitError:
    if b"not allowed" in stderr or b"lazy fetching disabled" in stderr:
        return GitError(
            "this partial clone lacks objects of the change, and nothing is fetched by itself",
            "Get them: git fetch --refetch --no-filter",
        )
    return GitError(_first_line(stderr))


def _first_line(stderr: bytes) -> str:
    """The line of git's complaint that says what is wrong."""
    lines = [line for line in decode(stderr).splitlines() if line.strip()]
    fatal = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    return f"git: {scrubbed((fatal or lines or ['it failed without a word'])[0])}"
