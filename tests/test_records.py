"""Git's records are read whole, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest

from reviewbot.errors import DiffError
from reviewbot.records import read_diff

ID = b"0" * 39 + b"1"
PATCH = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n"


def records(path: bytes = b"x", counts: bytes = b"1\t1", patch: bytes = PATCH) -> Iterator[bytes]:
    raw = b":100644 100644 " + ID + b" " + ID + b" M\0" + path + b"\0"
    return iter(BytesIO(raw + counts + b"\t" + path + b"\0\0" + patch))


def test_a_name_of_very_many_lines_is_read_in_one_go() -> None:
    path = b"a\n" * 100_000
    (file,) = read_diff(records(path))
    assert file.path == path.decode()
    assert (file.added, file.removed) == (1, 1)


def test_nothing_changed() -> None:
    assert list(read_diff(())) == []


@pytest.mark.parametrize("counts", [b"2\t1", b"1\t-", b"-1\t1", b"9" * 5_000 + b"\t1"])
def test_counts_that_do_not_fit_are_refused(counts: bytes) -> None:
    with pytest.raises(DiffError, match="git's"):
        list(read_diff(records(counts=counts)))


@pytest.mark.parametrize("patch", [b"", b"\n", b"x\n", PATCH * 2, PATCH[:-5]])
def test_a_patch_that_does_not_fit_is_refused(patch: bytes) -> None:
    with pytest.raises(DiffError):
        list(read_diff(records(patch=patch)))


@pytest.mark.parametrize("text", [b":", b"\0\0", b"x\n" * 9, PATCH, b":1 1 a b M\0x\0\0" + PATCH])
def test_what_holds_no_records_is_refused(text: bytes) -> None:
    with pytest.raises(DiffError, match="cannot be read"):
        list(read_diff(BytesIO(text)))
