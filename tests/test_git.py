"""Real git repositories, held against what git itself stores."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Repo

from reviewbot.diff import FileDiff, Line, parse
from reviewbot.errors import DiffError, GitError
from reviewbot.git import Repository

MakeRepo = Callable[..., Repo]
Change = tuple[str, str | None, str | None]

PLAIN_DIFF = ("-c", "core.quotePath=true", "diff", "--no-color", "--full-index", "-M")


@contextmanager
def opened(repo: Repo) -> Iterator[Repository]:
    with Repository(repo.folder) as repository:
        yield repository


def changes(files: tuple[FileDiff, ...]) -> list[Change]:
    return [(file.status, file.old_path, file.new_path) for file in files]


def lines_of(file: FileDiff) -> list[Line]:
    return [line for hunk in file.hunks() for line in hunk.lines]


def texts_of(file: FileDiff) -> list[str]:
    return [line.kind + line.text for line in lines_of(file)]


def diff_of(repo: Repo, base: str, head: str) -> tuple[FileDiff, ...]:
    with opened(repo) as repository:
        return repository.diff(repository.resolve(base), repository.resolve(head)).files


def working_diff(repo: Repo, *, working_tree: bool = True) -> tuple[FileDiff, ...]:
    """What HEAD would gain if the working tree (or the index) were committed."""
    with opened(repo) as repository:
        head = repository.resolve("HEAD")
        return repository.diff(head, repository.snapshot(working_tree=working_tree)).files


def working_texts(repo: Repo, *, working_tree: bool = True) -> dict[str, list[str]]:
    return {file.path: texts_of(file) for file in working_diff(repo, working_tree=working_tree)}


def stored(repo: Repo) -> tuple[bytes, list[str]]:
    """The index, and the names of all object files."""
    folder = repo.folder / ".git"
    index = folder / "index"
    objects = sorted(str(file) for file in (folder / "objects").rglob("*"))
    return index.read_bytes() if index.exists() else b"", objects


@pytest.fixture
def started(repo: Repo) -> Repo:
    """A repository with one commit."""
    repo.write("kept.txt", "one\ntwo\nthree\n")
    repo.write("edited.txt", "a\nb\nc\n")
    repo.write("gone.txt", "x\n")
    repo.commit("start")
    return repo


# --- the working tree --------------------------------------------------------------------------


def make_every_state(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--create", "topic")
    repo.write("committed.txt", "committed\n")
    repo.commit()
    repo.write("staged.txt", "staged\n")
    repo.git("add", "staged.txt")
    repo.write("edited.txt", "a\nB\nc\n")
    repo.write("untracked/new.txt", "untracked\n")
    repo.write(".gitignore", "ignored.txt\n")
    repo.write("ignored.txt", "ignored\n")
    (repo.folder / "gone.txt").unlink()


def test_working_tree_holds_committed_staged_unstaged_and_untracked(started: Repo) -> None:
    make_every_state(started)
    before = stored(started)
    with opened(started) as repository:
        base = repository.resolve("main")
        files = repository.diff(base, repository.snapshot(working_tree=True)).files
        assert {file.path: texts_of(file) for file in files} == {
            ".gitignore": ["+ignored.txt"],
            "committed.txt": ["+committed"],
            "edited.txt": [" a", "-b", "+B", " c"],
            "gone.txt": ["-x"],
            "staged.txt": ["+staged"],
            "untracked/new.txt": ["+untracked"],
        }
    assert stored(started) == before
    assert started.git("status", "--porcelain").splitlines() == [
        " M edited.txt",
        " D gone.txt",
        "A  staged.txt",
        "?? .gitignore",
        "?? untracked/",
    ]


def test_index_holds_what_is_staged_only(started: Repo) -> None:
    make_every_state(started)
    before = stored(started)
    assert working_texts(started, working_tree=False) == {"staged.txt": ["+staged"]}
    assert stored(started) == before


def test_a_clean_tree_gives_an_empty_diff(started: Repo) -> None:
    assert working_diff(started) == ()


def test_the_snapshot_is_taken_from_a_subfolder_too(started: Repo) -> None:
    started.write("sub/new.txt", "new\n")
    started.write("edited.txt", "A\n")
    with Repository(started.folder / "sub") as repository:
        tree = repository.snapshot(working_tree=True)
        files = repository.diff(repository.resolve("HEAD"), tree).files
        assert [file.path for file in files] == ["edited.txt", "sub/new.txt"]
        assert repository.top == started.folder


def test_two_snapshots_can_be_compared_and_read(started: Repo) -> None:
    started.write("edited.txt", "staged\n")
    started.git("add", "edited.txt")
    started.write("edited.txt", "unstaged\n")
    with opened(started) as repository:
        assert repository.read("HEAD:edited.txt") == b"a\nb\nc\n"
        working = repository.snapshot(working_tree=True)
        index = repository.snapshot(working_tree=False)
        (file,) = repository.diff(index, working).files
        assert texts_of(file) == ["-staged", "+unstaged"]
        assert repository.read(f"{working}:edited.txt") == b"unstaged\n"
        assert repository.read(file.old_oid) == b"staged\n"


def test_a_second_snapshot_sees_what_was_changed_between(started: Repo) -> None:
    with opened(started) as repository:
        first = repository.snapshot(working_tree=True)
        started.write("edited.txt", "a\nb\n")
        (file,) = repository.diff(first, repository.snapshot(working_tree=True)).files
        assert texts_of(file) == [" a", " b", "-c"]


def test_intent_to_add(started: Repo) -> None:
    started.write("planned.txt", "text\n")
    started.git("add", "--intent-to-add", "planned.txt")
    assert working_texts(started) == {"planned.txt": ["+text"]}
    assert working_texts(started, working_tree=False) == {}


def test_intent_to_add_of_a_file_that_is_gone(started: Repo) -> None:
    file = started.write("planned.txt", "text\n")
    started.git("add", "--intent-to-add", "planned.txt")
    file.unlink()
    assert working_diff(started) == ()


def start_a_conflict(repo: Repo) -> None:
    """Both sides change edited.txt; one deletes gone.txt and the other changes it."""
    repo.git("switch", "--quiet", "--create", "theirs")
    repo.write("edited.txt", "a\ntheirs\nc\n")
    repo.write("gone.txt", "theirs\n")
    repo.commit()
    repo.git("switch", "--quiet", "main")
    repo.write("edited.txt", "a\nours\nc\n")
    repo.git("rm", "--quiet", "gone.txt")
    repo.commit()
    subprocess.run(["git", "merge", "theirs"], cwd=repo.folder, check=False, capture_output=True)
    assert repo.git("ls-files", "--unmerged")


def test_merge_conflict_shows_the_files_as_they_lie(started: Repo) -> None:
    start_a_conflict(started)
    before = stored(started)
    texts = working_texts(started)
    assert texts["gone.txt"] == ["+theirs"]
    assert [line[:9] for line in texts["edited.txt"]] == [
        *(" a", "+<<<<<<< ", " ours", "+=======", "+theirs", "+>>>>>>> ", " c"),
    ]
    assert stored(started) == before


def test_merge_conflict_with_the_files_removed(started: Repo) -> None:
    start_a_conflict(started)
    (started.folder / "gone.txt").unlink()
    (started.folder / "edited.txt").unlink()
    assert changes(working_diff(started)) == [("D", "edited.txt", None)]


def test_merge_conflict_has_no_index_to_review(started: Repo) -> None:
    start_a_conflict(started)
    with opened(started) as repository, pytest.raises(GitError, match="merge conflicts"):
        repository.snapshot(working_tree=False)


def make_symlink(repo: Repo, path: str, target: str) -> None:
    (repo.folder / path).unlink(missing_ok=True)
    (repo.folder / path).symlink_to(target)


def test_file_becomes_a_symlink(started: Repo) -> None:
    make_symlink(started, "gone.txt", "kept.txt")
    (file,) = working_diff(started)
    assert (file.status, file.old_mode, file.new_mode) == ("T", "100644", "120000")
    assert texts_of(file) == ["-x", "+kept.txt"]


@pytest.mark.parametrize("content", ["kept.txt", "kept.txt\nmore\n", "kept.txt\n", ""])
def test_symlink_becomes_a_file_that_looks_alike(repo: Repo, content: str) -> None:
    make_symlink(repo, "link", "kept.txt")
    base = repo.commit()
    (repo.folder / "link").unlink()
    repo.write("link", content)
    (file,) = diff_of(repo, base, repo.commit())
    assert (file.status, file.old_mode, file.new_mode) == ("T", "120000", "100644")
    assert texts_of(file) == ["-kept.txt", *(f"+{line}" for line in content.splitlines())]


def test_symlink_becomes_a_binary_file(repo: Repo) -> None:
    make_symlink(repo, "link", "kept.txt")
    base = repo.commit()
    (repo.folder / "link").unlink()
    repo.write("link", b"\0\1\2")
    (file,) = diff_of(repo, base, repo.commit())
    assert (file.status, file.binary) == ("T", True)


def test_symlinks_are_read_as_their_target(started: Repo) -> None:
    make_symlink(started, "new", "/etc/passwd")
    make_symlink(started, "dangling", "nowhere")
    assert working_texts(started) == {"dangling": ["+nowhere"], "new": ["+/etc/passwd"]}


def test_file_becomes_a_folder(started: Repo) -> None:
    (started.folder / "gone.txt").unlink()
    started.write("gone.txt/inner.txt", "inner\n")
    assert changes(working_diff(started)) == [
        ("D", "gone.txt", None),
        ("A", None, "gone.txt/inner.txt"),
    ]


def test_staged_file_becomes_a_folder(started: Repo) -> None:
    file = started.write("new", "x\n")
    started.git("add", "new")
    file.unlink()
    started.write("new/inner", "inner\n")
    assert working_texts(started) == {"new/inner": ["+inner"]}


def test_folder_becomes_a_file(repo: Repo) -> None:
    repo.write("folder/inner.txt", "inner\n")
    repo.commit()
    shutil.rmtree(repo.folder / "folder")
    repo.write("folder", "a file now\n")
    assert working_texts(repo) == {"folder": ["+a file now"], "folder/inner.txt": ["-inner"]}


def test_folder_becomes_a_symlink_to_a_folder_with_the_same_files(repo: Repo) -> None:
    repo.write("folder/inner.txt", "inner\n")
    repo.write("other/inner.txt", "other\n")
    repo.commit()
    shutil.rmtree(repo.folder / "folder")
    make_symlink(repo, "folder", "other")
    assert working_texts(repo) == {"folder": ["+other"], "folder/inner.txt": ["-inner"]}


@pytest.fixture
def library(make_repo: MakeRepo) -> Repo:
    """A repository to be a submodule of another."""
    library = make_repo("library")
    library.write("lib.c", "1\n")
    library.commit()
    return library


def test_submodule_that_moves_on(started: Repo, library: Repo) -> None:
    started.git("submodule", "--quiet", "add", str(library.folder), "lib")
    base = started.commit()
    old = library.git("rev-parse", "HEAD")
    inner = started.folder / "lib"
    (inner / "lib.c").write_text("2\n")
    subprocess.run(["git", "commit", "-qam", "two"], cwd=inner, check=True)
    new = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=inner, text=True).strip()
    (inner / "lib.c").write_text("dirty\n")
    (file,) = working_diff(started)
    assert (file.status, file.path, file.submodule) == ("M", "lib", True)
    assert texts_of(file) == [f"-Subproject commit {old}", f"+Subproject commit {new}"]
    assert diff_of(started, base, started.commit()) == (file,)


@pytest.mark.parametrize("ignore", ["all", "none"])
def test_dirty_submodule_is_no_change(started: Repo, library: Repo, ignore: str) -> None:
    started.git("submodule", "--quiet", "add", str(library.folder), "lib")
    started.git("config", "--file=.gitmodules", "submodule.lib.ignore", ignore)
    started.commit()
    (started.folder / "lib/lib.c").write_text("dirty\n")
    assert working_diff(started) == ()


def test_file_becomes_a_submodule(started: Repo, library: Repo) -> None:
    (started.folder / "gone.txt").unlink()
    started.git("clone", "--quiet", str(library.folder), "gone.txt")
    (file,) = working_diff(started)
    assert (file.status, file.old_mode, file.new_mode) == ("T", "100644", "160000")
    commit = library.git("rev-parse", "HEAD")
    assert texts_of(file) == ["-x", f"+Subproject commit {commit}"]


def test_submodule_becomes_a_file(started: Repo, library: Repo) -> None:
    started.git("submodule", "--quiet", "add", str(library.folder), "lib")
    started.commit()
    shutil.rmtree(started.folder / "lib")
    started.write("lib", "a file\n")
    (file,) = working_diff(started)
    assert (file.status, file.old_mode, file.new_mode) == ("T", "160000", "100644")


def test_untracked_repository_is_left_out(started: Repo, library: Repo) -> None:
    started.git("clone", "--quiet", str(library.folder), "nested")
    assert working_diff(started) == ()


def test_executable_bit_in_the_working_tree(started: Repo) -> None:
    (started.folder / "edited.txt").chmod(0o755)
    (file,) = working_diff(started)
    assert (file.status, file.old_mode, file.new_mode) == ("M", "100644", "100755")
    assert texts_of(file) == []


def test_line_ends_are_normalised_as_git_add_does(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "input")
    repo.git("config", "core.safecrlf", "true")
    repo.write("x.txt", "a\nb\n")
    repo.commit()
    repo.write("x.txt", "a\r\nB\r\n")
    assert working_texts(repo) == {"x.txt": [" a", "-b", "+B"]}


def test_sparse_checkout(repo: Repo) -> None:
    for folder in ("in", "out/deep"):
        repo.write(f"{folder}/x", f"{folder}\n")
    repo.commit()
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert not (repo.folder / "out").exists()
    repo.write("in/x", "changed\n")
    before = stored(repo)
    assert working_texts(repo) == {"in/x": ["-in", "+changed"]}
    assert stored(repo) == before


def test_split_index(started: Repo) -> None:
    started.git("update-index", "--split-index")
    started.write("edited.txt", "a\nb\n")
    before = stored(started)
    assert working_texts(started) == {"edited.txt": [" a", " b", "-c"]}
    assert stored(started) == before


def test_unborn_branch(repo: Repo) -> None:
    repo.write("staged.txt", "staged\n")
    repo.git("add", "staged.txt")
    repo.write("untracked.txt", "untracked\n")
    with opened(repo) as repository:
        assert not repository.has_commits()
        empty = repository.empty_tree()
        working = repository.diff(empty, repository.snapshot(working_tree=True))
        index = repository.diff(empty, repository.snapshot(working_tree=False))
        assert [file.path for file in working.files] == ["staged.txt", "untracked.txt"]
        assert [file.path for file in index.files] == ["staged.txt"]
        with pytest.raises(GitError, match="no commits yet"):
            repository.resolve("main")


def test_repository_without_an_index(repo: Repo) -> None:
    repo.write("x", "x\n")
    with opened(repo) as repository:
        assert repository.snapshot(working_tree=False) == repository.empty_tree()


# --- the diff of two commits -------------------------------------------------------------------


def test_statuses_of_commits(started: Repo) -> None:
    base = started.git("rev-parse", "HEAD")
    long = "".join(f"line {number}\n" for number in range(30))
    started.write("long.txt", long)
    base = started.commit()
    started.git("mv", "long.txt", "moved name.txt")
    started.write("moved name.txt", long.replace("line 7\n", "line seven\n"))
    started.write("empty", "")
    started.write("new.txt", "new\n")
    started.write("script.sh", b"\0binary")
    (started.folder / "kept.txt").chmod(0o755)
    started.git("rm", "--quiet", "gone.txt")
    head = started.commit()
    files = diff_of(started, base, head)
    assert changes(files) == [
        ("A", None, "empty"),
        ("D", "gone.txt", None),
        ("M", "kept.txt", "kept.txt"),
        ("R", "long.txt", "moved name.txt"),
        ("A", None, "new.txt"),
        ("A", None, "script.sh"),
    ]
    assert [file.path for file in files if file.binary] == ["script.sh"]
    assert [(f.old_mode, f.new_mode) for f in files if f.path == "kept.txt"] == [
        ("100644", "100755")
    ]
    renamed = next(file for file in files if file.status == "R")
    assert [line for line in lines_of(renamed) if line.kind != " "] == [
        Line("-", 8, None, "line 7"),
        Line("+", None, 8, "line seven"),
    ]


def test_a_copy_is_a_new_file(repo: Repo) -> None:
    long = "".join(f"line {number}\n" for number in range(30))
    repo.write("long.txt", long)
    base = repo.commit()
    repo.write("copy.txt", long)
    repo.write("long.txt", f"{long}more\n")
    assert changes(diff_of(repo, base, repo.commit())) == [
        ("A", None, "copy.txt"),
        ("M", "long.txt", "long.txt"),
    ]


def test_many_renames_are_found(repo: Repo) -> None:
    def content(number: int) -> str:
        return "".join(f"{number} {line}\n" for line in range(5))

    for number in range(450):
        repo.write(f"old/{number}", content(number))
    base = repo.commit()
    shutil.rmtree(repo.folder / "old")
    for number in range(450):
        repo.write(f"new/{number}", content(number) + "more\n")
    assert {file.status for file in diff_of(repo, base, repo.commit())} == {"R"}


ODD_NAMES = [
    b"a b",
    b"a\nb",
    b"a\tb",
    b'a"b',
    b'a" "b',
    b"a\\b",
    b"a\rb",
    b"caf\xe9",
    "grün\u2028\x85".encode(),
    b" b",
    b"x b/x",
    b"-option",
    b":(top)magic",
    b"*",
    b"new\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@",
    b":100644 100644 1 2 M",
    b"1\t1\tx",
]


def write_raw(repo: Repo, name: bytes, content: bytes) -> None:
    file = Path(os.fsdecode(os.path.join(os.fsencode(repo.folder), name)))  # noqa: PTH118
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_odd_names(repo: Repo, name: bytes) -> None:
    path = os.fsdecode(name)
    write_raw(repo, name, b"1\n2\n3\n4\n")
    first = repo.commit()
    write_raw(repo, name, b"1\n2\n3\n5\n")
    second = repo.commit()
    (changed,) = diff_of(repo, first, second)
    assert (changed.path, texts_of(changed)) == (path, [" 1", " 2", " 3", "-4", "+5"])
    shutil.move(repo.folder / path, repo.folder / f"{path}2")
    (renamed,) = working_diff(repo)
    assert (renamed.status, renamed.old_path, renamed.new_path) == ("R", path, f"{path}2")
    third = repo.commit()
    assert diff_of(repo, second, third) == (renamed,)
    with opened(repo) as repository:
        assert repository.read(renamed.new_oid) == b"1\n2\n3\n5\n"
        assert repository.attributes([path], ["text"], third) == {}


def test_odd_names_together(repo: Repo) -> None:
    base = repo.commit()
    for name in ODD_NAMES:
        write_raw(repo, name, name)
    files = diff_of(repo, base, repo.commit())
    assert {file.path for file in files} == {os.fsdecode(name) for name in ODD_NAMES}
    assert all("".join(texts_of(file)) for file in files)


def test_nothing_changed(started: Repo) -> None:
    assert diff_of(started, "HEAD", "HEAD") == ()


def test_sha256(make_repo: MakeRepo) -> None:
    repo = make_repo("modern", "--object-format=sha256")
    repo.write("x", "a\n")
    base = repo.commit()
    repo.write("x", "b\n")
    head = repo.commit()
    (file,) = diff_of(repo, base, head)
    assert len(base) == len(file.old_oid) == len(file.new_oid) == 64
    with opened(repo) as repository:
        assert repository.parent(head) == base
        (first,) = repository.diff(repository.parent(base), base).files
        assert texts_of(first) == ["+a"]
        assert repository.snapshot(working_tree=True) == repo.git("rev-parse", "HEAD^{tree}")


def test_an_unknown_commit_is_an_error(started: Repo) -> None:
    with opened(started) as repository, pytest.raises(GitError, match="git: "):
        repository.diff(repository.empty_tree(), "1" * 40)


def test_a_missing_blob_is_an_error_with_the_word_of_git(started: Repo) -> None:
    base = started.git("rev-parse", "HEAD")
    started.write("edited.txt", "changed\n")
    head = started.commit()
    blob = started.git("rev-parse", "HEAD:edited.txt")
    (started.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with opened(started) as repository, pytest.raises(GitError, match=f"git: .*{blob}"):
        repository.diff(base, head)


# --- hostile configuration and environment -----------------------------------------------------


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that hostile commands make; none may run."""
    file = tmp_path / "canary"
    yield file
    assert not file.exists(), file.read_text()


@pytest.fixture
def command(tmp_path: Path, canary: Path) -> str:
    """A program that makes the canary, and looks like a filter that works."""
    script = tmp_path / "command"
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def rich(started: Repo) -> Repo:
    """A topic branch and a working tree with many kinds of change."""
    long = "".join(f"line {number}\n" for number in range(60))
    started.write("long.txt", long)
    started.write(
        "src/code.py", "class A:\n    def f(self):\n        pass\n\n    x = 1\n    y = 2\n"
    )
    started.write("blank.txt", "a\n\nb\n\nc\n")
    started.commit()
    started.git("switch", "--quiet", "--create", "topic")
    started.write("copy.txt", long)
    edited = long.replace("line 20\n", "LINE\n").replace("line 30\n", "LINE\n")
    started.write("long.txt", edited + "trailing  \n")
    started.write("blank.txt", "a\n\nB\n\nc\n")
    started.write(
        "src/code.py", "class A:\n    def f(self):\n        pass\n\n    x = 1\n    y = 3\n"
    )
    started.write("src/picture.bin", b"\0\1\2")
    started.git("mv", "kept.txt", "src/kept.txt")
    started.commit()
    started.write("edited.txt", "a\nB\nc\n")
    started.write("untracked.txt", "new\n")
    return started


def both_diffs(repo: Repo) -> tuple[tuple[FileDiff, ...], tuple[FileDiff, ...]]:
    with opened(repo) as repository:
        base = repository.merge_base(repository.resolve("main"), repository.resolve("topic"))
        committed = repository.diff(base, repository.resolve("topic")).files
        return committed, repository.diff(base, repository.snapshot(working_tree=True)).files


HOSTILE = {
    "color.diff": "always",
    "color.ui": "always",
    "core.attributesFile": "hostile-attributes",
    "core.bigFileThreshold": "1",
    "core.fsmonitor": "COMMAND",
    "core.pager": "COMMAND",
    "core.quotePath": "false",
    "core.splitIndex": "true",
    "core.sshCommand": "COMMAND",
    "core.untrackedCache": "true",
    "diff.algorithm": "histogram",
    "diff.colorMoved": "zebra",
    "diff.context": "0",
    "diff.dirstat": "lines",
    "diff.external": "COMMAND",
    "diff.hostile.command": "COMMAND",
    "diff.hostile.textconv": "COMMAND",
    "diff.indentHeuristic": "false",
    "diff.interHunkContext": "50",
    "diff.mnemonicPrefix": "true",
    "diff.noprefix": "true",
    "diff.orderFile": "order",
    "diff.relative": "true",
    "diff.renameLimit": "1",
    "diff.renames": "copies",
    "diff.srcPrefix": "left/",
    "diff.dstPrefix": "right/",
    "diff.statGraphWidth": "1",
    "diff.submodule": "log",
    "diff.suppressBlankEmpty": "true",
    "diff.wordRegex": ".",
    "diff.wsErrorHighlight": "all",
    "filter.a=b.clean": "COMMAND",
    "filter.a=b.required": "true",
    "filter.hostile.clean": "COMMAND",
    "filter.hostile.process": "COMMAND",
    "filter.hostile.required": "true",
    "filter.hostile.smudge": "COMMAND",
    "filter.only.required": "true",
    "index.threads": "1",
    "log.showSignature": "true",
    "pager.diff-tree": "COMMAND",
    "status.showUntrackedFiles": "no",
}


def make_hostile(repo: Repo, command: str, settings: dict[str, str]) -> None:
    (repo.folder / ".git/order").write_text("u*\ns*\n*\n")
    for key, value in settings.items():
        repo.git("config", key, value.replace("COMMAND", command))


@pytest.mark.parametrize("key", [key for key in HOSTILE if key != "core.attributesFile"])
def test_hostile_setting(rich: Repo, command: str, key: str) -> None:
    expected = both_diffs(rich)
    value = str(rich.folder / ".git/order") if key == "diff.orderFile" else HOSTILE[key]
    make_hostile(rich, command, {key: value})
    before = stored(rich)
    assert both_diffs(rich) == expected
    assert stored(rich) == before


DRIVERS = "*.txt diff=hostile filter=hostile\n*.py filter=a=b\nsrc/* diff=hostile\n"


def test_hostile_settings_together_with_their_attributes(rich: Repo, command: str) -> None:
    expected = both_diffs(rich)
    info = rich.folder / ".git/info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(DRIVERS + "*.sh filter=only\n")
    make_hostile(rich, command, HOSTILE)
    before = stored(rich)
    assert both_diffs(rich) == expected
    assert stored(rich) == before


def test_hooks_do_not_run(rich: Repo, command: str) -> None:
    expected = both_diffs(rich)
    for name in ("post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        hook = rich.folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(command, hook)
    rich.git("config", "core.hooksPath", str(rich.folder / ".git/hooks"))
    assert both_diffs(rich) == expected


def test_filters_do_not_run_for_files_younger_than_the_index(started: Repo, command: str) -> None:
    """Git looks into such files whenever it reads or writes an index."""
    started.write(".gitattributes", "* filter=hostile\n")
    for file in started.folder.glob("*.txt"):
        os.utime(file, (2**32, 2**32))
    started.commit()
    make_hostile(started, command, {"filter.hostile.clean": "COMMAND"})
    assert working_diff(started) == ()
    started.write("edited.txt", "a\nb\n")
    assert working_texts(started) == {"edited.txt": [" a", " b", "-c"]}


def test_the_hostile_commands_would_run_under_git_itself(rich: Repo, command: str) -> None:
    """What the other tests prove is worth something only if this is so."""
    canary = Path(command).with_name("canary")
    (rich.folder / ".gitattributes").write_text(DRIVERS)
    for arguments, key in (
        (["diff", "main"], "diff.external"),
        (["diff", "main"], "diff.hostile.textconv"),
        (["status"], "core.fsmonitor"),
        (["add", "--all"], "filter.hostile.clean"),
        (["add", "--all"], "filter.a=b.clean"),
    ):
        rich.git("config", key, command)
        rich.write("src/code.py", key)
        rich.write("edited.txt", key)
        subprocess.run(["git", *arguments], cwd=rich.folder, check=False, capture_output=True)
        assert canary.exists(), key
        canary.unlink()
        rich.git("config", "--unset", key)


HOSTILE_ENVIRONMENT = {
    "EDITOR": "COMMAND",
    "GIT_ASKPASS": "COMMAND",
    "GIT_CONFIG_PARAMETERS": "'diff.noprefix=true'",
    "GIT_DIFF_OPTS": "--unified=0",
    "GIT_EDITOR": "COMMAND",
    "GIT_EXTERNAL_DIFF": "COMMAND",
    "GIT_GLOB_PATHSPECS": "1",
    "GIT_INDEX_VERSION": "4",
    "GIT_NAMESPACE": "hostile",
    "GIT_PAGER": "COMMAND",
    "GIT_PREFIX": "src/",
    "GIT_SSH_COMMAND": "COMMAND",
    "GIT_TRACE": "CANARY",
    "GIT_TRACE2": "CANARY",
    "GIT_TRACE2_EVENT": "CANARY",
    "GIT_TRACE_SETUP": "CANARY",
    "LC_ALL": "de_DE.UTF-8",
    "LESSOPEN": "COMMAND",
    "PAGER": "COMMAND",
}


@pytest.mark.parametrize("name", HOSTILE_ENVIRONMENT)
def test_hostile_environment(
    rich: Repo, command: str, canary: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = both_diffs(rich)
    value = HOSTILE_ENVIRONMENT[name].replace("COMMAND", command).replace("CANARY", str(canary))
    monkeypatch.setenv(name, value)
    assert both_diffs(rich) == expected


def test_settings_in_the_environment_are_heard_but_cannot_change_the_diff(
    rich: Repo, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = both_diffs(rich)
    settings = {"core.fsmonitor": command, "diff.external": command, "diff.noprefix": "true"}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    assert both_diffs(rich) == expected


@pytest.mark.parametrize("attributes", ["* binary\n", "* -diff\n", "* diff=lfs -text\n"])
@pytest.mark.parametrize("place", [".gitattributes", "src/.gitattributes"])
def test_attributes_of_the_head_hide_nothing(rich: Repo, attributes: str, place: str) -> None:
    rich.git("config", "diff.lfs.binary", "true")
    committed, working = both_diffs(rich)
    rich.write(place, attributes)
    assert both_diffs(rich)[0] == committed
    seen = [file for file in both_diffs(rich)[1] if file.path != place]
    assert seen == list(working)
    rich.commit()
    seen = [file for file in both_diffs(rich)[0] if file.path != place]
    assert seen == list(working)


def test_attributes_of_the_base_hold(repo: Repo) -> None:
    repo.write(".gitattributes", "*.lock -diff\n")
    repo.write("src/.gitattributes", "x.py -diff\n")
    repo.write("src/x.py", "1\n")
    base = repo.commit()
    repo.git("rm", "--quiet", ".gitattributes", "src/.gitattributes")
    repo.write("yarn.lock", "1\n")
    repo.write("src/x.py", "2\n")
    files = diff_of(repo, base, repo.commit())
    assert [file.path for file in files if file.binary] == ["src/x.py", "yarn.lock"]


def test_attributes(repo: Repo) -> None:
    repo.write(".gitattributes", "*.py linguist-generated\n*.js -linguist-generated kind=web\n")
    repo.write("deep/.gitattributes", "*.py !linguist-generated\n")
    base = repo.commit()
    repo.write(".gitattributes", "* linguist-generated\n")
    names = ["linguist-generated", "kind"]
    paths = ["a.py", "deep/a.py", "x.js", "a b.py", "other.c"]
    with opened(repo) as repository:
        assert repository.attributes(paths, names, base) == {
            ("a.py", "linguist-generated"): "set",
            ("a b.py", "linguist-generated"): "set",
            ("x.js", "linguist-generated"): "unset",
            ("x.js", "kind"): "web",
        }
        assert repository.attributes([], names, base) == {}
        assert repository.attributes(paths, names, repository.empty_tree()) == {}


# --- revisions ---------------------------------------------------------------------------------


def test_a_file_named_like_the_branch(started: Repo) -> None:
    started.write("main", "a file\n")
    commit = started.commit()
    with opened(started) as repository:
        assert repository.resolve("main") == commit


def test_a_branch_goes_before_a_tag(started: Repo) -> None:
    started.git("tag", "twin", "-m", "an annotated tag")
    commit = started.commit()
    started.git("branch", "twin")
    with opened(started) as repository:
        assert repository.resolve("twin") == commit
        assert repository.resolve("refs/tags/twin") == repository.parent(commit)


def test_a_full_id_goes_before_a_tag_and_a_branch_of_that_name(started: Repo) -> None:
    commit = started.git("rev-parse", "HEAD")
    other = started.commit()
    started.git("update-ref", f"refs/tags/{commit}", other)
    started.git("update-ref", f"refs/heads/{commit}", other)
    with opened(started) as repository:
        assert repository.resolve(commit) == commit


@pytest.mark.parametrize(
    "revision",
    ["HEAD", "@", "HEAD~0", "v1", "refs/heads/main", "heads/main", "main^0", "@^{/start}"],
)
def test_ways_to_name_a_commit(started: Repo, revision: str) -> None:
    started.git("tag", "v1", "-m", "annotated")
    with opened(started) as repository:
        assert repository.resolve(revision) == started.git("rev-parse", "HEAD")
        assert repository.resolve(started.git("rev-parse", "--short", "HEAD"))


@pytest.fixture
def clone(make_repo: MakeRepo, started: Repo) -> Repo:
    """A clone on the branch topic; main is at the remote only."""
    started.git("branch", "feature/x")
    clone = make_repo("clone")
    clone.git("remote", "add", "origin", str(started.folder))
    clone.git("fetch", "--quiet", "origin")
    clone.git("switch", "--quiet", "--create", "topic", "origin/main", "--no-track")
    return clone


@pytest.mark.parametrize("revision", ["main", "origin/main", "feature/x"])
def test_a_branch_that_only_the_remote_has(clone: Repo, started: Repo, revision: str) -> None:
    with opened(clone) as repository:
        assert repository.resolve(revision) == started.git("rev-parse", "main")


UNKNOWN = {
    "mian": "Did you mean 'main'?",
    "zzz": "git branch --all",
    "": "git branch --all",
    "main..topic": "three dots",
    "main\nHEAD": "",
    "x commit 1": "",
    "--output=canary": "",
    "HEAD:kept.txt": "",
    "a\u2028b": "",
    "a\x0c" + "1" * 40 + " commit 1": "",
    "caf\udce9": "",
    "1" * 40: "",
    "HEAD^{tree}": "",
    "main@{9999}": "",
    "@{upstream}": "",
}


@pytest.mark.parametrize(("revision", "hint"), UNKNOWN.items())
def test_an_unknown_revision(started: Repo, revision: str, hint: str) -> None:
    started.git("branch", "odd\u2028name\x85")
    with opened(started) as repository, pytest.raises(GitError) as caught:
        repository.resolve(revision)
    assert hint in caught.value.hint
    assert caught.value.message
    assert not (started.folder / "canary").exists()


DEFAULT_BASES = {
    "main": (["refs/heads/main"], "", "refs/heads/main"),
    "master": (["refs/heads/master", "refs/heads/topic"], "", "refs/heads/master"),
    "both": (["refs/heads/main", "refs/heads/master"], "", "refs/heads/main"),
    "remote before local": (
        ["refs/heads/main", "refs/remotes/origin/master"],
        "",
        "refs/remotes/origin/master",
    ),
    "head of the remote": (
        ["refs/remotes/origin/main", "refs/remotes/origin/trunk"],
        "refs/remotes/origin/trunk",
        "refs/remotes/origin/HEAD",
    ),
    "head of the remote that is gone": (
        ["refs/remotes/origin/main"],
        "refs/remotes/origin/gone",
        "refs/remotes/origin/main",
    ),
}


@pytest.mark.parametrize(
    ("refs", "remote_head", "expected"), DEFAULT_BASES.values(), ids=DEFAULT_BASES
)
def test_default_base(started: Repo, refs: list[str], remote_head: str, expected: str) -> None:
    commit = started.git("rev-parse", "HEAD")
    started.git("checkout", "--quiet", "--detach")
    started.git("branch", "--delete", "--force", "main")
    for ref in refs:
        started.git("update-ref", ref, commit)
    if remote_head:
        started.git("symbolic-ref", "refs/remotes/origin/HEAD", remote_head)
    with opened(started) as repository:
        assert repository.default_base() == expected
        assert repository.resolve(repository.default_base()) == commit


def test_default_base_of_another_remote(started: Repo) -> None:
    started.git("update-ref", "refs/remotes/upstream/dev", "HEAD")
    started.git("symbolic-ref", "refs/remotes/upstream/HEAD", "refs/remotes/upstream/dev")
    with opened(started) as repository:
        assert repository.default_base() == "refs/remotes/upstream/HEAD"


def test_no_default_base(started: Repo) -> None:
    started.git("branch", "--move", "main", "trunk")
    with opened(started) as repository, pytest.raises(GitError, match="no default branch"):
        repository.default_base()


def test_merge_base_is_where_the_branch_began(started: Repo) -> None:
    fork = started.git("rev-parse", "HEAD")
    started.git("switch", "--quiet", "--create", "topic")
    topic = started.commit("on topic")
    started.git("switch", "--quiet", "main")
    main = started.commit("on main")
    with opened(started) as repository:
        assert repository.merge_base(main, topic) == fork


def test_no_common_history(started: Repo) -> None:
    main = started.git("rev-parse", "HEAD")
    started.git("switch", "--quiet", "--orphan", "other")
    other = started.commit()
    with opened(started) as repository, pytest.raises(GitError, match="no common history"):
        repository.merge_base(main, other)


def test_merge_base_of_what_is_no_commit(started: Repo) -> None:
    commit = started.git("rev-parse", "HEAD")
    with opened(started) as repository, pytest.raises(GitError, match=r"^git: "):
        repository.merge_base(commit, "1" * 40)


def test_what_was_written_to_the_commits_of_a_branch(started: Repo) -> None:
    root = started.git("rev-parse", "HEAD")
    started.git("switch", "--quiet", "--create", "topic")
    topic = started.commit("a message\n\nof two parts\n")
    started.git("switch", "--quiet", "main")
    main = started.commit("on main")
    started.git("merge", "--quiet", "--no-ff", "topic", "--message=merge")
    with opened(started) as repository:
        merge = repository.resolve("HEAD")
        assert sorted(repository.commits(root, merge, 5)) == sorted([main, topic])
        assert len(repository.commits(root, merge, 1)) == 1
        assert repository.message(topic) == "a message\n\nof two parts"
        assert repository.message("0" * 40) == ""


def test_parents(started: Repo) -> None:
    root = started.git("rev-parse", "HEAD")
    started.git("switch", "--quiet", "--create", "topic")
    topic = started.commit(f"a message\n\nparent {'1' * 40}\n")
    started.git("switch", "--quiet", "main")
    main = started.commit()
    started.git("merge", "--quiet", "--no-ff", "topic", "--message=merge")
    with opened(started) as repository:
        assert repository.parent(repository.resolve("HEAD")) == main
        assert repository.parent(topic) == root
        assert repository.parent(root) == repository.empty_tree()
        files = repository.diff(repository.parent(root), root).files
        assert {file.status for file in files} == {"A"}


# --- kinds of repositories ---------------------------------------------------------------------


@pytest.fixture
def shallow(tmp_path: Path, started: Repo, make_repo: MakeRepo) -> Repo:
    """A clone that has the last commit of main and topic only."""
    started.git("switch", "--quiet", "--create", "topic")
    started.commit("on topic")
    started.git("switch", "--quiet", "main")
    started.commit("on main")
    clone = make_repo("shallow")
    clone.git("remote", "add", "origin", started.folder.as_uri())
    clone.git("fetch", "--quiet", "--depth=1", "origin")
    clone.git("checkout", "--quiet", "--detach", "origin/topic")
    return clone


def test_shallow_clone(shallow: Repo) -> None:
    with opened(shallow) as repository:
        assert repository.shallow
        head, base = repository.resolve("HEAD"), repository.resolve("main")
        with pytest.raises(GitError, match="too shallow") as caught:
            repository.merge_base(base, head)
        assert "fetch-depth: 0" in caught.value.hint
        with pytest.raises(GitError, match="too shallow"):
            repository.parent(head)
        with pytest.raises(GitError) as caught:
            repository.resolve("HEAD~1")
        assert "--unshallow" in caught.value.hint
        assert repository.diff(base, head).files == ()
        assert repository.snapshot(working_tree=True) == shallow.git("rev-parse", "HEAD^{tree}")


def test_bare_repository(make_repo: MakeRepo, rich: Repo) -> None:
    committed, _ = both_diffs(rich)
    bare = make_repo("bare.git", "--bare")
    bare.git("fetch", "--quiet", str(rich.folder), "main:main", "topic:topic")
    with opened(bare) as repository:
        assert repository.bare
        base, head = repository.resolve("main"), repository.resolve("topic")
        assert repository.diff(base, head).files == committed
        assert repository.read("topic:edited.txt") == b"a\nb\nc\n"
        with pytest.raises(GitError, match="no working tree"):
            repository.snapshot(working_tree=True)


def test_linked_worktree(started: Repo, tmp_path: Path) -> None:
    started.git("worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    linked = tmp_path / "linked"
    (linked / "edited.txt").write_text("a\nb\n")
    (linked / "new.txt").write_text("new\n")
    index = started.folder / ".git/worktrees/linked/index"
    before = index.read_bytes(), stored(started)
    with Repository(linked) as repository:
        assert repository.top == linked
        tree = repository.snapshot(working_tree=True)
        files = repository.diff(repository.resolve("main"), tree).files
        assert changes(files) == [("M", "edited.txt", "edited.txt"), ("A", None, "new.txt")]
    assert (index.read_bytes(), stored(started)) == before


def test_repository_with_alternates(started: Repo, make_repo: MakeRepo) -> None:
    first = make_repo("first")
    first.git("clone", "--quiet", "--shared", str(started.folder), "inner")
    inner = first.folder / "inner"
    (inner / "edited.txt").write_text("a\nb\n")
    with Repository(inner) as repository:
        tree = repository.snapshot(working_tree=True)
        (file,) = repository.diff(repository.resolve("HEAD"), tree).files
        assert texts_of(file) == [" a", " b", "-c"]


def test_as_a_commit_hook_sees_it(started: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """`git commit FILE` gives its hooks another index than the usual one."""
    started.write("edited.txt", "staged\n")
    started.git("add", "edited.txt")
    other = started.folder / ".git/next-index-1.lock"
    monkeypatch.setenv("GIT_INDEX_FILE", str(other))
    started.git("read-tree", "HEAD")
    started.write("kept.txt", "one\n")
    started.git("update-index", "kept.txt")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_PREFIX", "")
    monkeypatch.chdir(started.folder)
    before = other.read_bytes()
    with Repository(Path()) as repository:
        tree = repository.snapshot(working_tree=False)
        (file,) = repository.diff(repository.resolve("HEAD"), tree).files
        assert (file.path, texts_of(file)) == ("kept.txt", [" one", "-two", "-three"])
        working = repository.diff(tree, repository.snapshot(working_tree=True)).files
        assert [file.path for file in working] == ["edited.txt"]
    assert other.read_bytes() == before


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not in a git repository"):
        Repository(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GitError, match="no folder"):
        Repository(tmp_path / name)


def test_git_is_not_installed(started: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(started.folder))
    with pytest.raises(GitError, match="git is not installed"):
        Repository(started.folder)


needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder to another user"
)


@needs_root
def test_a_repository_of_another_user_is_not_trusted(started: Repo) -> None:
    os.chown(started.folder, 12345, 12345)
    with pytest.raises(GitError, match="belongs to another user") as caught:
        Repository(started.folder)
    assert f"safe.directory {started.folder}" in caught.value.hint


@needs_root
def test_sudo_is_trusted_as_git_trusts_it(started: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(started.folder, 12345, 12345)
    os.chown(started.folder / ".git", 12345, 12345)
    monkeypatch.setenv("SUDO_UID", "12345")
    assert working_diff(started) == ()


# --- content -----------------------------------------------------------------------------------

CONTENTS = [b"", b"x", b"x\n", b"\n", b"0 commit 5\n", bytes(range(256)) * 300]


def test_read(repo: Repo) -> None:
    for number, content in enumerate(CONTENTS):
        repo.write(f"file {number}", content)
    commit = repo.commit()
    with opened(repo) as repository:
        assert [repository.read(f"{commit}:file {n}") for n in range(len(CONTENTS))] == CONTENTS
        for name in ("", "HEAD:nowhere", "HEAD:file 99", "no such", "HEAD:a\nb", "1" * 40):
            assert repository.read(name) is None
        assert repository.read("HEAD:file 2") == b"x\n"


def test_files_of_a_folder(repo: Repo) -> None:
    for path in ("top.md", "a/one.md", "a/b ü\n.md", "a/deep/two.md", "ab/three.md"):
        repo.write(path, "1\n")
    commit = repo.commit()
    repo.write("a/later.md", "1\n")
    with opened(repo) as repository:
        assert repository.files(commit, "a") == ["a/b ü\n.md", "a/one.md"]
        assert repository.files(commit, "") == ["top.md"]
        assert repository.files(commit, "no/such") == []
        assert repository.files(commit, "top.md") == []


# --- a plain git diff, read alone --------------------------------------------------------------


def test_parse_of_git_diff_agrees(rich: Repo) -> None:
    committed, _ = both_diffs(rich)
    for options in ([], ["--no-prefix"], ["-c", "diff.mnemonicPrefix=true"]):
        config, flags = (options, []) if options[:1] == ["-c"] else ([], options)
        raw = rich.git_bytes(*config, *PLAIN_DIFF, *flags, "main", "topic")
        found = parse(line + b"\n" for line in raw.removesuffix(b"\n").split(b"\n")).files
        assert changes(found) == changes(committed)
        assert [lines_of(file) for file in found] == [lines_of(file) for file in committed]


def test_parse_of_a_merge_is_refused(started: Repo) -> None:
    start_a_conflict(started)
    started.write("edited.txt", "a\nboth\nc\n")
    started.commit()
    raw = started.git_bytes("show", "--no-color")
    with pytest.raises(DiffError, match="combined diff"):
        parse(line + b"\n" for line in raw.split(b"\n"))


def test_a_partial_clone_fetches_nothing_by_the_commands_it_names(
    repo: Repo, tmp_path: Path
) -> None:
    repo.write("a.txt", "one\n")
    base = repo.commit()
    blob = repo.git("rev-parse", "HEAD:a.txt")
    repo.write("a.txt", "two\n")
    head = repo.commit()
    (repo.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    canary = tmp_path / "canary"
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": "ssh://host.invalid/x",
        "remote.origin.promisor": "true",
        "core.sshCommand": f"touch {canary}; false",
    }.items():
        repo.git("config", key, value)
    with opened(repo) as repository, pytest.raises(GitError, match="lacks objects of the change"):
        repository.diff(base, head)
    assert not canary.exists()
