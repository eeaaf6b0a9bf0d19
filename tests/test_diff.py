"""`diff.parse` on literal patches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff import Diff, FileDiff, Hunk, Line, parse, unquote
from reviewbot.errors import DiffError

OLD, NEW = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "257cc5642cb1a054f08cc83f2d943e56fd3ebe99"


def cut(patch: bytes) -> list[bytes]:
    """As an open binary file gives it: after each LF, and only there."""
    return re.findall(rb"[^\n]*\n|[^\n]+", patch)


def read(patch: str | bytes) -> tuple[FileDiff, ...]:
    return parse(cut(patch.encode() if isinstance(patch, str) else patch)).files


def read_one(patch: str | bytes) -> FileDiff:
    (file,) = read(patch)
    return file


def lines_of(file: FileDiff) -> list[Line]:
    return [line for hunk in file.hunks() for line in hunk.lines]


def read_everything(patch: str | bytes) -> list[tuple[FileDiff, list[Line]]]:
    return [(file, lines_of(file)) for file in read(patch)]


def patch_of(hunk: bytes) -> bytes:
    return b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n" + hunk


def test_a_change_with_its_numbers() -> None:
    file = read_one(
        f"diff --git a/src/x.py b/src/x.py\nindex {OLD}..{NEW} 100755\n"
        "--- a/src/x.py\n+++ b/src/x.py\n"
        "@@ -3,3 +3,4 @@ def f():\n a\n-b\n+B\n+C\n d\n"
        "@@ -20 +21,0 @@\n-z\n"
    )
    assert list(file.hunks()) == [
        Hunk(
            "def f():",
            (
                Line(" ", 3, 3, "a"),
                Line("-", 4, None, "b"),
                Line("+", None, 4, "B"),
                Line("+", None, 5, "C"),
                Line(" ", 5, 6, "d"),
            ),
        ),
        Hunk("", (Line("-", 20, None, "z"),)),
    ]
    assert (file.status, file.path, file.old_mode, file.new_mode) == (
        *("M", "src/x.py"),
        *("100755", "100755"),
    )
    assert (file.old_oid, file.new_oid, file.binary) == (OLD, NEW, False)
    assert (file.added, file.removed, file.changed) == (2, 2, 4)


# --- status, paths and modes -------------------------------------------------------------------

HEADERS = {
    "new": (
        "diff --git a/x b/x\nnew file mode 100755\nindex 0000000..257cc56\n"
        "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        ("A", None, "x", "", "100755"),
    ),
    "new and empty": (
        "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n",
        ("A", None, "x", "", "100644"),
    ),
    "new without a mode": (
        "diff --git a/x b/x\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        ("A", None, "x", "", ""),
    ),
    "deleted": (
        "diff --git a/x b/x\ndeleted file mode 120000\nindex 257cc56..0000000\n"
        "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\\ No newline at end of file\n",
        ("D", "x", None, "120000", ""),
    ),
    "deleted and empty": (
        "diff --git a/x b/x\ndeleted file mode 100644\nindex e69de29..0000000\n",
        ("D", "x", None, "100644", ""),
    ),
    "empty file that gets text": (
        "diff --git a/x b/x\nindex e69de29..257cc56 100644\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        ("M", "x", "x", "100644", "100644"),
    ),
    "mode": (
        "diff --git a/x y b/x y\nold mode 100644\nnew mode 100755\n",
        ("M", "x y", "x y", "100644", "100755"),
    ),
    "mode and text": (
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\nindex e69de29..257cc56\n"
        "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        ("M", "x", "x", "100644", "100755"),
    ),
    "rename": (
        "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
        ("R", "x", "y", "", ""),
    ),
    "rename with edits": (
        "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n"
        "index e69de29..257cc56 100644\n--- a/x\n+++ b/y\n@@ -0,0 +1 @@\n+x\n",
        ("R", "x", "y", "100644", "100644"),
    ),
    "rename out of a folder b": (
        "diff --git a/b/x b/a/x\nsimilarity index 100%\nrename from b/x\nrename to a/x\n",
        ("R", "b/x", "a/x", "", ""),
    ),
    "copy": (
        "diff --git a/x b/y\nsimilarity index 100%\ncopy from x\ncopy to y\n",
        ("C", "x", "y", "", ""),
    ),
    "submodule": (
        "diff --git a/lib b/lib\nindex 1111111..2222222 160000\n--- a/lib\n+++ b/lib\n"
        "@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n",
        ("M", "lib", "lib", "160000", "160000"),
    ),
    "CRLF in the headers too": (
        "diff --git a/x b/x\r\nnew file mode 100644\r\nindex 0000000..257cc56\r\n"
        "--- /dev/null\r\n+++ b/x\r\n@@ -0,0 +1 @@\r\n+x\r\n",
        ("A", None, "x", "", "100644"),
    ),
}


@pytest.mark.parametrize(("patch", "expected"), HEADERS.values(), ids=HEADERS)
def test_headers(patch: str, expected: tuple[str, ...]) -> None:
    file = read_one(patch)
    assert (file.status, file.old_path, file.new_path, file.old_mode, file.new_mode) == expected
    assert len(lines_of(file)) == file.changed


@pytest.mark.parametrize("side", ["old_oid", "new_oid"])
def test_an_id_of_zeros_is_none(side: str) -> None:
    zeros = {"old_oid": f"{'0' * 40}..{NEW}", "new_oid": f"{NEW}..{'0' * 40}"}
    file = read_one(f"diff --git a/x b/x\nindex {zeros[side]} 100644\n")
    assert sorted((file.old_oid, file.new_oid)) == ["", NEW]
    assert getattr(file, side) == ""


NAMES = {
    # name in the header lines -> path
    b"a file": "a file",
    b"a b/c b/d": "a b/c b/d",
    b"b/x b/x": "b/x b/x",
    b"w/i/x": "w/i/x",
    b" lead and trail ": " lead and trail ",
    "grün.py".encode(): "grün.py",
    "a\u2028b\x85c".encode(): "a\u2028b\x85c",
    rb'"gr\303\274n.py"': "grün.py",
    rb'"caf\351.c"': "caf\udce9.c",
    rb'"a\tb"': "a\tb",
    rb'"a\nb"': "a\nb",
    rb'"a\"b\\c"': 'a"b\\c',
    rb'"a\" b"': 'a" b',
    rb'"a\" \"b/x"': 'a" "b/x',
    rb'"\a\b\f\r\v\033"': "\a\b\f\r\v\x1b",
    b"caf\xe9.c": "caf\udce9.c",
    b"it's 100% + \xe2\x82\xac.txt": "it's 100% + €.txt",
}


def with_prefix(prefix: bytes, name: bytes) -> bytes:
    return b'"' + prefix + name[1:] if name.startswith(b'"') else prefix + name


@pytest.mark.parametrize(("name", "path"), NAMES.items())
@pytest.mark.parametrize("prefixes", [b"a/ b/", b"i/ w/", b"c/ i/", b"w/ i/", b"1/ 2/", b" "])
@pytest.mark.parametrize(
    "rest",
    [
        b"old mode 100644\nnew mode 100755\n",
        b"index 1..2 100644\nBinary files differ\n",
        b"index 1..2 100644\n--- OLD\n+++ NEW\n@@ -1 +1 @@\n-a\n+b\n",
        b"index 1..2 100644\n--- OLD\t\n+++ NEW\t\n@@ -1 +1 @@\n-a\n+b\n",
        b"new file mode 100644\nindex 0..2\n--- /dev/null\n+++ NEW\n@@ -0,0 +1 @@\n+b\n",
        b"deleted file mode 100644\nindex 1..0\n--- OLD\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n",
    ],
    ids=["mode", "binary", "text", "text-tab", "new", "deleted"],
)
def test_names(name: bytes, path: str, prefixes: bytes, rest: bytes) -> None:
    old, new = (with_prefix(prefix, name) for prefix in prefixes.split(b" "))
    rest = rest.replace(b"OLD", old).replace(b"NEW", new)
    file = read_one(b"diff --git " + old + b" " + new + b"\n" + rest)
    assert file.path == path
    assert {file.old_path, file.new_path} - {None} == {path}


@pytest.mark.parametrize("verb", ["rename", "copy"])
@pytest.mark.parametrize(("name", "path"), NAMES.items())
def test_names_of_renamed_files(verb: str, name: bytes, path: str) -> None:
    header = b"diff --git %s b/plain\nsimilarity index 100%%\n%s from %s\n%s to plain\n"
    kind = verb.encode()
    file = read_one(header % (with_prefix(b"a/", name), kind, name, kind))
    assert (file.old_path, file.new_path) == (path, "plain")


@pytest.mark.parametrize(
    ("folder", "status"), [("a", "A"), ("b", "A"), ("a", "D"), ("b", "D"), ("a", "M"), ("b", "M")]
)
def test_noprefix_in_a_folder_that_looks_like_a_prefix(folder: str, status: str) -> None:
    name = f"{folder}/x"
    body = {
        "A": f"new file mode 100644\n--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n",
        "D": f"deleted file mode 100644\n--- {name}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        "M": f"index 1..2 100644\n--- {name}\n+++ {name}\n@@ -1 +1 @@\n-x\n+y\n",
    }
    file = read_one(f"diff --git {name} {name}\n{body[status]}")
    assert (file.status, file.path) == (status, name)


@pytest.mark.parametrize(
    "quoted", [rb"plain", rb'"', rb'"open', rb'open"', rb'a"b"', rb'""'], ids=repr
)
def test_unquote_leaves_other_names(quoted: bytes) -> None:
    assert unquote(quoted) == (b"" if quoted == b'""' else quoted)


# --- text of lines -----------------------------------------------------------------------------

TEXTS = {
    "CR within": (b"ok()\r+fine()", "ok()\r+fine()"),
    "CR alone": (b"\r", "\r"),
    "CR twice": (b"\r\r", "\r\r"),
    "CRLF": (b"x\r", "x\r"),
    "form feed": (b"\x0c", "\x0c"),
    "vertical tab": (b"a\x0bb", "a\x0bb"),
    "separators": (b"a\x1cb\x1dc\x1ed", "a\x1cb\x1dc\x1ed"),
    "U+0085": ("a\x85b".encode(), "a\x85b"),
    "U+2028": ("a\u2028+b".encode(), "a\u2028+b"),
    "U+2029": ("a\u2029-b".encode(), "a\u2029-b"),
    "latin-1": (b"caf\xe9", "caf\udce9"),
    "byte 0x85": (b"a\x85b", "a\udc85b"),
    "NUL": (b"a\0b", "a\0b"),
    "BOM": (b"\xef\xbb\xbfx", "\ufeffx"),
    "empty": (b"", ""),
    "blanks": (b" \t ", " \t "),
    "removed header": (b"-- a/x", "-- a/x"),
    "added header": (b"++ b/x", "++ b/x"),
    "signature": (b"- ", "- "),
    "git header": (b"diff --git a/y b/y", "diff --git a/y b/y"),
    "hunk header": (b"@@ -1 +1 @@", "@@ -1 +1 @@"),
    "backslash": (b"\\ No newline at end of file", "\\ No newline at end of file"),
}


@pytest.mark.parametrize(("raw", "text"), TEXTS.values(), ids=TEXTS)
def test_lines_keep_their_text(raw: bytes, text: str) -> None:
    hunk = b"@@ -1,3 +1,3 @@\n %s\n-%s\n+%s\n+%s\n-%s\n" % (raw, raw, raw, raw, raw)
    other = b"diff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -9 +9 @@\n-p\n+q\n"
    file, second = read(patch_of(hunk) + other)
    assert lines_of(file) == [
        (" ", 1, 1, text),
        ("-", 2, None, text),
        ("+", None, 2, text),
        ("+", None, 3, text),
        ("-", 3, None, text),
    ]
    assert (second.path, lines_of(second)) == ("y", [("-", 9, None, "p"), ("+", None, 9, "q")])


def test_section_keeps_its_text() -> None:
    (hunk,) = read_one(patch_of(b"@@ -1 +1 @@ caf\xe9 \x0c@@ -1 +1 @@\r\n-a\n+b\n")).hunks()
    assert hunk.section == "caf\udce9 \x0c@@ -1 +1 @@\r"


NO_NEWLINE = b"\\ No newline at end of file\n"


@pytest.mark.parametrize(
    ("hunk", "expected"),
    [
        (b"-a\n" + NO_NEWLINE + b"+a\n", [("-", 1, None, "a"), ("+", None, 1, "a")]),
        (b"-a\n+b\n" + NO_NEWLINE, [("-", 1, None, "a"), ("+", None, 1, "b")]),
        (
            b"-a\n" + NO_NEWLINE + b"+b\n" + NO_NEWLINE,
            [("-", 1, None, "a"), ("+", None, 1, "b")],
        ),
        (b" a\n" + NO_NEWLINE, [(" ", 1, 1, "a")]),
        (
            b"-a\n+b\n\\ Kein Zeilenumbruch am Dateiende.\n",
            [("-", 1, None, "a"), ("+", None, 1, "b")],
        ),
    ],
    ids=["old", "new", "both", "context", "translated"],
)
def test_no_newline_at_the_end(
    hunk: bytes, expected: list[tuple[str, int | None, int | None, str]]
) -> None:
    assert lines_of(read_one(patch_of(b"@@ -1 +1 @@\n" + hunk))) == expected


@pytest.mark.parametrize("end", [b"+last", b"+last\n" + NO_NEWLINE.rstrip(b"\n")])
def test_the_patch_itself_may_lack_its_last_line_end(end: bytes) -> None:
    assert lines_of(read_one(patch_of(b"@@ -0,0 +1 @@\n" + end))) == [("+", None, 1, "last")]


def test_empty_context_lines_may_lack_their_blank() -> None:
    file = read_one(patch_of(b"@@ -1,3 +1,4 @@\n\n+a\n\r\n\n"))
    assert lines_of(file) == [
        (" ", 1, 1, ""),
        ("+", None, 2, "a"),
        (" ", 2, 3, "\r"),
        (" ", 3, 4, ""),
    ]


# --- binary ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "Binary files a/x and b/x differ\n",
        "GIT binary patch\nliteral 3\nKcmZQzV_;-p00IC1\n\nliteral 0\nHcmV?d00001\n\n",
    ],
    ids=["named", "with content"],
)
def test_binary(body: str) -> None:
    binary, text = read(
        f"diff --git a/y b/y\nindex {OLD}..{NEW} 100644\n{body}"
        + patch_of(b"@@ -1 +1 @@\n-a\n+Binary files a/x and b/x differ\n").decode()
    )
    assert (binary.binary, lines_of(binary), binary.changed) == (True, [], 0)
    assert (text.binary, text.changed) == (False, 2)


# --- patches of other origins ------------------------------------------------------------------


def test_plain_diff_u() -> None:
    files = read(
        "diff -ru a/one.c b/one.c\n"
        "--- a/one.c\t2020-01-01 10:00:00.000000000 +0100\n"
        "+++ b/one.c\t2020-01-02 10:00:00.000000000 +0100\n"
        "@@ -1,2 +1,2 @@\n--- a/two.c\n+++ b/two.c\n x\n"
        "@@ -9 +9,0 @@\n-y\n"
        "Only in b: three.c\n"
        "diff -ru a/a file.c b/a file.c\n"
        "--- a/a file.c\t2020-01-01 10:00:00.000000000 +0100\n"
        "+++ b/a file.c\t2020-01-02 10:00:00.000000000 +0100\n"
        "@@ -1 +1 @@\n-p\n+q\n"
    )
    assert [(file.status, file.path, lines_of(file)) for file in files] == [
        (
            "M",
            "one.c",
            [
                ("-", 1, None, "-- a/two.c"),
                ("+", None, 1, "++ b/two.c"),
                (" ", 2, 2, "x"),
                ("-", 9, None, "y"),
            ],
        ),
        ("M", "a file.c", [("-", 1, None, "p"), ("+", None, 1, "q")]),
    ]


def test_plain_patch_without_command_lines() -> None:
    files = read(
        "--- x.orig\n+++ x\n@@ -1 +1 @@\n-a\n+b\n"
        "--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+b\n"
        "--- z/\u00fc\n+++ z/\u00fc\n@@ -1 +0,0 @@\n-b\n"
    )
    assert [(file.status, file.old_path, file.new_path) for file in files] == [
        ("M", "x.orig", "x"),
        ("A", None, "y"),
        ("M", "z/ü", "z/ü"),
    ]


def test_svn() -> None:
    file, second = read(
        "Index: x.c\n" + "=" * 67 + "\n--- x.c\t(revision 1)\n+++ x.c\t(working copy)\n"
        "@@ -1 +1 @@\n-a\n+b\n\nProperty changes on: x.c\n___\nAdded: svn:eol-style\n"
        "## -0,0 +1 ##\n+native\n\\ No newline at end of property\n"
        "Index: y.c\n" + "=" * 67 + "\n--- y.c\t(revision 1)\n+++ y.c\t(working copy)\n"
        "@@ -1 +1 @@\n-a\n+b\n"
    )
    assert (file.path, file.changed, second.path) == ("x.c", 2, "y.c")


MAIL = """\
From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001
From: Ada <ada@example.org>
Date: Mon, 1 Jan 2024 00:00:00 +0000
Subject: [PATCH 1/2] Change x

- a list in the message
+ with other marks
 and a blank
--- a/quoted
@@ -1 +1 @@ a quoted hunk
---
 x | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/x b/x
index 7898192..6178079 100644
--- a/x
+++ b/x
@@ -1 +1 @@
-- a
+- b
-- \n2.39.5


From 2222222222222222222222222222222222222222 Mon Sep 17 00:00:00 2001
Subject: [PATCH 2/2] Rename y

- again
+ a list
---
 y => z | 0

diff --git a/y b/z
similarity index 100%
rename from y
rename to z
--\x20
2.39.5

"""


def test_mails_of_format_patch() -> None:
    files = read(MAIL)
    assert [(file.status, file.path, lines_of(file)) for file in files] == [
        ("M", "x", [("-", 1, None, "- a"), ("+", None, 1, "- b")]),
        ("R", "z", []),
    ]


def test_git_log_with_patches() -> None:
    commit = "commit 1111\nAuthor: A\n\n    - a message\n    --- a/x\n    +++ b/x\n\n"
    patch = patch_of(b"@@ -1 +1 @@\n-a\n+b\n").decode()
    assert [file.changed for file in read(f"{commit}{patch}")] == [2]
    with pytest.raises(DiffError, match="changed twice: this is a series of patches"):
        read(f"{commit}{patch}\n{commit}{patch}")


def test_a_hunk_without_lines_is_an_error() -> None:
    with pytest.raises(DiffError, match="has no lines"):
        read("--- a/x\n+++ b/x\n@@ -0,0 +0,0 @@\n@@ -1 +1 @@\n-a\n+b\n")


# --- what is no diff ---------------------------------------------------------------------------


def test_nothing_is_an_empty_diff() -> None:
    assert parse([]) == Diff(())


BROKEN = {
    "prose": ("Dear reviewer,\nplease look at this.\n", "no unified diff"),
    "blank": ("\n", "no unified diff"),
    "hunk without names": ("@@ -1 +1 @@\n-a\n+b\n", "no unified diff"),
    "colours": ("\x1b[1mdiff --git a/x b/x\x1b[m\n\x1b[36m@@ -1 +1 @@\x1b[m\n", "no unified diff"),
    "context diff": ("*** a/x\n--- b/x\n***************\n*** 1 ****\n! a\n", "no unified diff"),
    "combined": (
        "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n",
        "combined diff",
    ),
    "combined of git diff-tree": ("diff --combined x\nindex 1,2..3\n", "combined diff"),
    "combined after others": (
        patch_of(b"@@ -1 +1 @@\n-a\n+b\n").decode() + "diff --cc x\n",
        "combined diff",
    ),
    "cut at the end": (patch_of(b"@@ -1,3 +1,3 @@\n a\n-b\n").decode(), "cut short"),
    "cut after the header": (patch_of(b"@@ -1 +1 @@\n").decode(), "cut short"),
    "cut before the next file": (
        patch_of(b"@@ -1,3 +1,3 @@\n a\n").decode() * 2,
        "cut short: 'diff --git",
    ),
    "cut before the next hunk": (
        patch_of(b"@@ -1,3 +1,3 @@\n a\n@@ -9 +9 @@\n-a\n+b\n").decode(),
        "cut short: '@@ -9 ",
    ),
    "word diff": (patch_of(b"@@ -1 +1 @@\n[-a-]{+b+}\n").decode(), "cut short"),
    "CR at the start of a line": (patch_of(b"@@ -1 +1 @@\n\rfoo\n").decode(), "cut short"),
    "too many added": (patch_of(b"@@ -1 +1 @@\n-a\n+b\n+c\n").decode(), "after its end: '+c'"),
    "too many removed": (patch_of(b"@@ -1 +1 @@\n-a\n+b\n-c\n").decode(), "after its end: '-c'"),
    "too much context": (patch_of(b"@@ -1 +1 @@\n-a\n+b\n c\n").decode(), "after its end: ' c'"),
    "too many after no newline": (
        patch_of(b"@@ -1 +1 @@\n-a\n+b\n" + NO_NEWLINE + b"+c\n").decode(),
        "after its end: '+c'",
    ),
    "more on one side than on the other": (
        patch_of(b"@@ -1 +1,2 @@\n-a\n-b\n+c\n+d\n").decode(),
        "Hunk is longer",
    ),
    "no name": ("--- a/\n+++ b/\n@@ -1 +1 @@\n-a\n+b\n", "no file name"),
    "no name in the git header": ("diff --git \nindex 1..2 100644\n", "no file name"),
    "both new and deleted": ("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "no file name"),
    "unknown prefixes and nothing else": (
        "diff --git left/x right/x\nold mode 100644\nnew mode 100755\n",
        "no file name",
    ),
}


@pytest.mark.parametrize(("patch", "message"), BROKEN.values(), ids=BROKEN)
def test_broken(patch: str, message: str) -> None:
    with pytest.raises(DiffError, match=re.escape(message)):
        read_everything(patch)


def test_counts_that_the_hunks_do_not_hold() -> None:
    file = read_one(patch_of(b"@@ -1 +1 @@\n-a\n+b\n"))
    lying = FileDiff(
        *("M", "x", "x", "", "", "", ""), binary=False, added=2, removed=1, patch=file.patch
    )
    with pytest.raises(DiffError, match=re.escape("+1 -1 lines, the diff says +2 -1")):
        list(lying.hunks())


PIECES = st.sampled_from(
    [
        *(b"diff --git a/x b/x\n", b"diff --git ", b'diff --git "a/x" "b/\\', b"diff --git x\n"),
        *(b"--- a/x\n", b"+++ b/x\n", b"--- ", b"+++ ", b"--- /dev/null\n", b"+++ /dev/null\n"),
        *(b"@@ -1 +1 @@\n", b"@@ -1,2 +1,2 @@", b"@@ -0,0 +1 @@\r\n", b"@@ -9999999999 +1 @@\n"),
        *(b"new file mode 100644\n", b"deleted file mode 1\n", b"index 1..2 100644\n"),
        *(b"rename from x\n", b"rename to y\n", b"\\ No newline\n", b"-- \n", b"Binary files \n"),
        *(b"-a\n", b"+b\n", b" c\n", b"\n", b"\r", b"-", b"+", b" ", b"\\", b"\x0c", b"\xff"),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES | st.binary(max_size=8), max_size=20).map(b"".join))
def test_whatever_comes_is_a_diff_or_a_diff_error(patch: bytes) -> None:
    try:
        found = read_everything(patch)
    except DiffError:
        return
    for file, lines in found:
        assert file.path
        assert file.changed == sum(line.kind != " " for line in lines)


def test_a_patch_cut_off_in_a_header_is_an_error() -> None:
    text = b"diff --git a/x b/x\nindex 1111111..2222222 100644\n--- a/x\n+++ b/x\n"
    with pytest.raises(DiffError, match="ends before its lines"):
        parse(text.splitlines(keepends=True))
