"""Which files are reviewed, and the reason for each that is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from builders import added_file, diff, file_diff, renamed

from reviewbot.diff import FileDiff
from reviewbot.selection import MAX_CHANGED_LINES, Filter, Skipped, select

FILE = file_diff()


def reason(
    file: FileDiff,
    filters: Mapping[str, Sequence[str]] | None = None,
    attributes: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """Why the file is left out; empty when it is chosen."""
    found = select([file], filters or {}, attributes or {})
    assert len(found.files) + len(found.skipped) == 1
    return "".join(entry.reason for entry in found.skipped)


def bare(header: str) -> FileDiff:
    (file,) = diff(f"diff --git a/x b/x\n{header}").files
    return file


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (FILE, ""),
        (added_file("a.py", ["x"]), ""),
        (renamed(FILE, "old.py"), ""),
        (bare("index 1..2 160000\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-Sub 1\n+Sub 2\n"), "submodule"),
        (bare("index 1..2 100644\nBinary files a/x and b/x differ\n"), "binary"),
        (bare("deleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"), "deleted"),
        (bare("new file mode 100644\nindex 000..e69\n"), "empty"),
        (bare("old mode 100644\nnew mode 100755\n"), "only its mode changed"),
        (replace(FILE, status="R", old_path="old.py", added=0, removed=0), "only renamed"),
        (replace(FILE, status="C", old_path="old.py", added=0, removed=0), "only copied"),
    ],
)
def test_a_file_with_nothing_to_read_is_left_out_with_the_reason(
    file: FileDiff, expected: str
) -> None:
    assert reason(file) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("poetry.lock", "lock file"),
        ("web/package-lock.json", "lock file"),
        ("go.sum", "lock file"),
        ("static/app.min.js", "minified"),
        ("static/app.js.map", "minified"),
        ("vendor/lib/x.go", "vendored"),
        ("web/node_modules/x/index.js", "vendored"),
        ("api/v1_pb2.py", "generated"),
        ("src/__snapshots__/a.txt", "generated"),
        ("kind_string.go", "generated"),
        ("src/locksmith.py", ""),
        ("src/vendor.py", ""),
        ("src/admin.js", ""),
        ("generated.py", ""),
    ],
)
def test_files_that_nobody_reads_are_known_by_their_path(path: str, expected: str) -> None:
    assert reason(file_diff(path)) == expected


@pytest.mark.parametrize(
    ("path", "attributes", "expected"),
    [
        ("a.py", {"generated": "set"}, "generated (.gitattributes)"),
        ("a.py", {"generated": "true"}, "generated (.gitattributes)"),
        ("a.py", {"vendored": "set"}, "vendored (.gitattributes)"),
        ("a.py", {"generated": "false"}, ""),
        ("api_pb2.py", {"generated": "unset"}, ""),
        ("api_pb2.py", {"generated": "false"}, ""),
        ("poetry.lock", {"generated": "false"}, ""),
        ("vendor/x.py", {"vendored": "false"}, ""),
        ("vendor/x.py", {"generated": "false"}, "vendored"),
        ("api_pb2.py", {"vendored": "false"}, "generated"),
        ("a.py", {"generated": "false", "vendored": "set"}, "vendored (.gitattributes)"),
        ("api_pb2.py", {"generated": "unspecified"}, "generated"),
    ],
)
def test_gitattributes_go_before_the_patterns(
    path: str, attributes: dict[str, str], expected: str
) -> None:
    named = {(path, f"linguist-{name}"): value for name, value in attributes.items()}
    assert reason(file_diff(path), attributes=named) == expected


@pytest.mark.parametrize(
    ("patterns", "passing"),
    [
        ([], ["a.py", "src/b.py", "src/old/c.js"]),
        (["*.py"], ["a.py", "src/b.py"]),
        (["src/**"], ["src/b.py", "src/old/c.js"]),
        (["src/"], ["src/b.py", "src/old/c.js"]),
        (["/*.py"], ["a.py"]),
        (["!src/old/"], ["a.py", "src/b.py"]),
        (["!src/old/**"], ["a.py", "src/b.py"]),
        (["*.py", "!src/"], ["a.py"]),
        (["!src/", "*.py"], ["a.py"]),
        (["src/**", "!*.js", "a.py"], ["a.py", "src/b.py"]),
        (["!**"], []),
    ],
)
def test_filters(patterns: list[str], passing: list[str]) -> None:
    rule = Filter(patterns)
    assert [path for path in ("a.py", "src/b.py", "src/old/c.js") if rule.passes(path)] == passing


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"path_filters": ["*.js"]}, "left out by path_filters"),
        ({"path_filters": ["!app.py"]}, "left out by path_filters"),
        ({"--include": ["src/"]}, "left out by --include"),
        ({"--exclude": ["!app.py"]}, "left out by --exclude"),
        ({"path_filters": ["*.py"], "--exclude": ["!app.py"]}, "left out by --exclude"),
        ({"path_filters": ["!app.py"], "--include": ["*.js"]}, "left out by path_filters"),
        ({"path_filters": [], "--include": [], "--exclude": []}, ""),
        ({"path_filters": ["*.py"], "--include": ["app.*"]}, ""),
    ],
)
def test_the_reason_names_the_filter(filters: dict[str, list[str]], expected: str) -> None:
    assert reason(FILE, filters) == expected


@pytest.mark.parametrize(("changed", "skipped"), [(0, False), (1, True)])
def test_a_file_that_is_too_large_makes_the_review_incomplete(changed: int, skipped: bool) -> None:
    file = replace(FILE, added=MAX_CHANGED_LINES, removed=changed)
    entries = select([file], {}, {}).skipped
    why = "too large: 20,001 changed lines, 20,000 at most"
    assert entries == ((Skipped(file, why, incomplete=True),) if skipped else ())


def test_a_large_file_that_is_left_out_anyway_is_no_gap() -> None:
    file = replace(file_diff("go.sum"), added=MAX_CHANGED_LINES + 1)
    assert select([file], {}, {}).skipped == (Skipped(file, "lock file"),)


def test_files_keep_the_order_of_the_diff() -> None:
    files = [file_diff(path) for path in ("z.py", "go.sum", "a.py", "b.lock")]
    found = select(files, {}, {})
    assert found.files == (files[0], files[2])
    assert [entry.file for entry in found.skipped] == [files[1], files[3]]


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".envrc", "deploy/.env.local", "certs/server.pem", "id_rsa"),
        *("app/release.keystore", "home/.aws/credentials", "infra/main.tfstate", "AuthKey_1.p8"),
    ],
)
def test_a_file_that_may_hold_secrets_is_never_sent(path: str) -> None:
    not_generated = {(path, "linguist-generated"): "unset", (path, "linguist-vendored"): "unset"}
    assert reason(added_file(path, ["x"]), attributes=not_generated) == "may hold secrets"
    assert reason(renamed(file_diff("settings.txt"), path)) == "may hold secrets"


def test_a_file_of_very_long_lines_was_not_written_by_hand() -> None:
    assert reason(added_file("data.js", ["x" * 100_000])).startswith("lines of 50,0")
    assert reason(added_file("essay.md", ["word " * 300])) == ""


def test_what_a_filter_left_out_is_known() -> None:
    found = select([FILE, added_file("go.sum", ["x"])], {"--include": ["no/such"]}, {})
    assert [entry.by_filter for entry in found.skipped] == [True, False]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("shop/cart.py", True),
        ("src/other.py", True),
        ("deploy/.env", False),
        ("private/key.py", False),
        ("vendor/x.py", False),
        ("yarn.lock", False),
        ("legacy/x.py", False),
        ("made/x.py", False),
        ("third_party/ours/x.py", True),
    ],
)
def test_files_beside_the_change_are_shown_by_the_same_rules(path: str, shown: bool) -> None:
    attributes = {
        ("made/x.py", "linguist-generated"): "set",
        ("third_party/ours/x.py", "linguist-vendored"): "unset",
    }
    filters = {"--include": ["src/"], "path_filters": ["!legacy/"]}
    beside = select((), filters, {}, ["private/"]).beside
    assert beside([path], attributes) == [path] * shown


def test_what_had_a_name_of_secrets_before_is_shown_with_no_change() -> None:
    """Also where nothing is left to review of it, as it was only renamed."""
    moved = replace(renamed(file_diff("plain.py"), "server.pem"), added=0, removed=0)
    beside = select([moved, FILE], {}, {}).beside
    assert beside(["plain.py", "app.py", "other.py"], {}) == ["app.py", "other.py"]
