"""Every line of every diff, held against the blobs that git stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Repo
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff import FileDiff, Line, parse
from reviewbot.git import Repository

NASTY_LINES = [
    *(b"", b"\r", b"x\r", b"\rx", b"ok()\r+fine()", b"\x0c", b"a\x0bb", b"\x1c", b"\x1d\x1e"),
    *("a\u2028b".encode(), "\u2029".encode(), "\x85".encode(), b"\x85", b"caf\xe9", b"\xff\xfe"),
    *(b"-- a", b"++ b", b"-- a/f", b"++ b/f", b"- ", b"-", b"+", b"--", b"\\ No newline at end"),
    *(b"diff --git a/f b/f", b"@@ -1 +1 @@", b"--- a/f", b"+++ b/f", b"index 1..2", b"def f():"),
]
LINES = st.lists(
    st.sampled_from(NASTY_LINES)
    | st.binary(max_size=6).map(lambda raw: raw.replace(b"\n", b"").replace(b"\0", b"")),
    max_size=25,
)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 25), st.integers(0, 3), st.lists(st.sampled_from(NASTY_LINES), max_size=3)
    ),
    max_size=4,
)
END = st.sampled_from([b"", b"\n"])


@st.composite
def versions(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A file before and after a few edits, each with or without a last line end."""
    before = draw(LINES)
    after = list(before)
    for start, length, lines in draw(EDITS):
        after[start : start + length] = lines
    return b"\n".join(before) + draw(END), b"\n".join(after) + draw(END)


def lines_of(file: FileDiff) -> list[Line]:
    return [line for hunk in file.hunks() for line in hunk.lines]


def text_lines(blob: bytes) -> list[str]:
    """The lines of a blob, as an editor that knows only LF numbers them."""
    lines = blob.decode("utf-8", "surrogateescape").split("\n")
    return lines if lines[-1] else lines[:-1]


def applied(old: list[str], lines: list[Line]) -> list[str]:
    """The old lines with the hunks put in."""
    removed = {line.old for line in lines if line.kind == "-"}
    added = {line.new: line.text for line in lines if line.kind == "+"}
    kept = iter(text for number, text in enumerate(old, 1) if number not in removed)
    total = len(old) - len(removed) + len(added)
    return [added[n] if n in added else next(kept) for n in range(1, total + 1)]


def check(file: FileDiff, old: list[str], new: list[str]) -> None:
    lines = lines_of(file)
    for line in lines:
        assert line.old is None or old[line.old - 1] == line.text
        assert line.new is None or new[line.new - 1] == line.text
        assert (line.old is None, line.new is None) == (line.kind == "+", line.kind == "-")
    assert applied(old, lines) == new
    assert file.added == sum(line.kind == "+" for line in lines)
    assert file.removed == sum(line.kind == "-" for line in lines)


def store(repo: Repo, files: list[bytes]) -> str:
    """A tree of these files, named by their numbers."""
    entries = []
    for number, content in enumerate(files):
        blob = repo.git("hash-object", "-w", "--stdin", stdin=content)
        entries.append(f"100644 blob {blob}\tfile {number:03}\n")
    return repo.git("mktree", stdin="".join(entries).encode())


@pytest.fixture(scope="module")
def shared_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return Repo(Path(tmp_path_factory.mktemp("property")))


@settings(deadline=None, max_examples=40)
@given(st.lists(versions(), min_size=1, max_size=6))
def test_every_line_is_where_the_diff_says(
    shared_repo: Repo, pairs: list[tuple[bytes, bytes]]
) -> None:
    base = store(shared_repo, [before for before, _ in pairs])
    head = store(shared_repo, [after for _, after in pairs])
    with Repository(shared_repo.folder) as repository:
        files = repository.diff(base, head).files
        for file in files:
            blobs = [repository.read(oid) for oid in (file.old_oid, file.new_oid)]
            old, new = (text_lines(blob or b"") for blob in blobs)
            check(file, old, new)
    changed = [f"file {n:03}" for n, (before, after) in enumerate(pairs) if before != after]
    assert [file.path for file in files] == changed
    raw = shared_repo.git_bytes("diff", "--full-index", base, head)
    assert parse(raw_line + b"\n" for raw_line in raw.split(b"\n")[:-1]).files == files
