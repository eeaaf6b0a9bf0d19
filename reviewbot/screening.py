"""A change without its secrets: all that is shown, sent, quoted, hashed and remembered of it.

Every line of both versions of a file is looked through, also those that the diff does not show, so
that the middle of a key is known for one. Numbers of lines stay what they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby

from reviewbot.anchors import Claim
from reviewbot.blocks import DOUBT
from reviewbot.change import Change, Tree
from reviewbot.diff import ADDED, REMOVED, Diff, FileDiff, Hunk, Line
from reviewbot.findings import Finding, Severity
from reviewbot.git import Blob
from reviewbot.placeholders import Spot, replaced
from reviewbot.redaction import Redactor
from reviewbot.selection import MAY_HOLD_SECRETS, Selection
from reviewbot.text import visible

SECRETS = "secrets"  # stands for a checklist where a finding comes from here, and from no model
ITEM = "credentials"  # of the security checklist, which asks the same of what has no known form

_ADVICE = (
    "Whoever can read the repository can use it, also when a later commit has removed it. Revoke "
    "it where it was issued, and read the new one from the environment or a secret store. If it "
    "opens nothing, as an example or a test value may, dismiss this. It was found by its form, "
    "without a model, and is shown to none."
)


@dataclass(frozen=True, slots=True)
class Screening:
    """What came of it, beside the change itself.

    `credentials` are what the added lines give away, `paths` the files that were looked through,
    `withheld` how many lines of these are shown to nobody.
    """

    credentials: tuple[Claim, ...] = ()
    paths: frozenset[str] = frozenset()
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class _Side:
    """The lines with something in them, by number, of one version of a file.

    `shown` is what is shown of a line, `kinds` what was in it, `were` what it was.
    """

    shown: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, tuple[str, ...]] = field(default_factory=dict)
    were: set[str] = field(default_factory=set)


_Lines = tuple[Sequence[int], Sequence[str]]  # numbers and texts of lines that follow each other
_Key = tuple[str | None, str | None]


def screen(
    change: Change, selection: Selection, redactor: Redactor
) -> tuple[Change, Selection, Screening]:
    """The change and the selection of it without secrets, and what was found.

    What is neither sent nor may hold secrets (generated, binary, far too large) is left as it is:
    nobody is shown anything of it.
    """
    kept = (each.file for each in selection.skipped if each.reason == MAY_HOLD_SECRETS)
    files = {_key(file): file for file in (*selection.files, *kept)}
    sides = {key: _sides(file, change, redactor) for key, file in files.items()}
    clean = {key: _without(files[key], *sides[key]) for key in files}

    def screened(file: FileDiff) -> FileDiff:
        return clean.get(_key(file), file)

    def lines(file: FileDiff) -> Sequence[str]:
        texts = change.lines(file)
        new = sides[_key(file)][0] if _key(file) in sides else _whole(texts, file.path, redactor)
        return _shown_lines(texts, new)

    credentials = [
        claim for key, (new, _) in sides.items() for claim in _claims(clean[key], new, redactor)
    ]
    return (
        replace(
            change,
            name=redactor.text(change.name),
            diff=Diff(tuple(map(screened, change.diff.files))),
            lines=lines,
            tree=change.tree and _screened(change.tree, redactor),
        ),
        replace(
            selection,
            files=tuple(map(screened, selection.files)),
            skipped=tuple(replace(each, file=screened(each.file)) for each in selection.skipped),
        ),
        Screening(
            credentials=tuple(credentials),
            paths=frozenset(visible(file.path) for file in files.values()),
            withheld=sum(_withheld(clean[key], new) for key, (new, _) in sides.items()),
        ),
    )


def _screened(tree: Tree, redactor: Redactor) -> Tree:
    """The tree of which nothing secret is shown; looked through file by file, when it is asked."""

    def lines(blob: Blob) -> Sequence[str]:
        texts = tree.lines(blob)
        return _shown_lines(texts, _whole(texts, blob.path, redactor))

    return replace(tree, lines=lines)


def _key(file: FileDiff) -> _Key:
    return file.old_path, file.new_path


# --- what stands in a file -----------------------------------------------------------------------


def _sides(file: FileDiff, change: Change, redactor: Redactor) -> tuple[_Side, _Side]:
    """The new version of a file and the old one; of a patch alone, what its hunks show of them."""
    new, old = change.lines(file), change.old_lines(file)
    return (
        _whole(new, file.path, redactor) if new else _shown_of(file, ADDED, redactor),
        _whole(old, file.path, redactor) if old else _shown_of(file, REMOVED, redactor),
    )


def _whole(texts: Sequence[str], path: str, redactor: Redactor) -> _Side:
    return _side([(range(1, len(texts) + 1), texts)], path, redactor)


def _shown_lines(texts: Sequence[str], side: _Side) -> list[str]:
    return [side.shown.get(number, text) for number, text in enumerate(texts, 1)]


def _shown_of(file: FileDiff, kind: str, redactor: Redactor) -> _Side:
    """What the hunks show of one version: lines of this kind, and those between them."""
    other = REMOVED if kind == ADDED else ADDED
    runs = ([line for line in hunk.lines if line.kind != other] for hunk in file.hunks())
    numbered = (
        ([(line.old if kind == REMOVED else line.new) or 0 for line in run], run) for run in runs
    )
    return _side(
        ((numbers, [line.text for line in run]) for numbers, run in numbered), file.path, redactor
    )


def _side(runs: Iterable[_Lines], path: str, redactor: Redactor) -> _Side:
    side = _Side()
    for numbers, texts in runs:
        for index, spots in _by_line(texts, redactor.spots("\n".join(texts), path)):
            side.shown[numbers[index]] = replaced(texts[index], spots)
            side.kinds[numbers[index]] = tuple(dict.fromkeys(spot.kind for spot in spots))
            side.were.add(texts[index].strip())
    return side


def _by_line(texts: Sequence[str], spots: Sequence[Spot]) -> Iterator[tuple[int, list[Spot]]]:
    """The index of each line with something in it, and where in the line that is."""
    if not spots:
        return
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    for index, found in groupby(spots, lambda spot: bisect_right(starts, spot.start) - 1):
        begin = starts[index]
        yield index, [Spot(start - begin, end - begin, kind) for start, end, kind in found]


# --- the file without it -------------------------------------------------------------------------


def _without(file: FileDiff, new: _Side, old: _Side) -> FileDiff:
    if not (new.shown or old.shown):
        return file
    were = new.were | old.were

    def clean(hunk: Hunk) -> Hunk:
        lines = (line._replace(text=_text(line, new, old)) for line in hunk.lines)
        # git cuts the heading of a hunk out of a line: half of a secret has no form any more.
        begins = hunk.section.strip()
        section = "" if any(line.startswith(begins) for line in were) else hunk.section
        return Hunk(section, tuple(lines))

    return file.with_hunks(map(clean, file.hunks()))


def _text(line: Line, new: _Side, old: _Side) -> str:
    shown = new.shown.get(line.new or 0)
    return old.shown.get(line.old or 0, line.text) if shown is None else shown


# --- what was found ------------------------------------------------------------------------------


def _claims(file: FileDiff, new: _Side, redactor: Redactor) -> Iterator[Claim]:
    """One finding for the added lines that follow each other with the same kind of credential."""
    found: dict[str, list[int]] = defaultdict(list)
    for number in _added(file, new):
        for kind in filter(redactor.is_credential, new.kinds[number]):
            found[kind].append(number)
    for kind, numbers in found.items():
        for first, last in _runs(numbers):
            yield _claim(file, first, last, new.shown[first], redactor.describe(kind))


def _added(file: FileDiff, new: _Side) -> list[int]:
    if not new.kinds:
        return []
    added = (line.new or 0 for hunk in file.hunks() for line in hunk.lines if line.kind == ADDED)
    return [number for number in added if number in new.kinds]


def _withheld(file: FileDiff, new: _Side) -> int:
    return sum(DOUBT in new.kinds[number] for number in _added(file, new))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of numbers that follow each other."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def _claim(file: FileDiff, first: int, last: int, quote: str, what: str) -> Claim:
    finding = Finding(
        path=visible(file.path),
        line=first,
        end_line=last,
        quote=quote,
        severity=Severity.CRITICAL,
        confidence=10,
        item=ITEM,
        title=f"Hard-coded credential: {what}",
        body=_ADVICE,
    )
    return Claim(finding, SECRETS, "", Severity.CRITICAL)
