"""Which files are reviewed, and why the others are not.

Decided from paths, modes, counts and attributes alone: no hunk is parsed for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pathspec import GitIgnoreSpec

from reviewbot.diff import FileDiff

ATTRIBUTES = ("linguist-generated", "linguist-vendored")

# More than any forge shows, and more than anybody reads: such a file is data.
MAX_CHANGED_LINES = 20_000

# In the patch of a file, on average: such lines were written by a program, for a program.
LONGEST_LINES = 2_000

MAY_HOLD_SECRETS = "may hold secrets"
_SECRETS = """
    .env*
    *.bks
    *.jceks
    *.jks
    *.kdbx
    *.key
    *.keystore
    *.ovpn
    *.p12
    *.p8
    *.pem
    *.pfx
    *.ppk
    *.tfstate
    *.tfstate.backup
    **/.aws/credentials
    .dockercfg
    .git-credentials
    .htpasswd
    .netrc
    .pypirc
    id_dsa
    id_ecdsa
    id_ed25519
    id_rsa
"""
_LOCK_FILES = """
    *.lock
    *.lockb
    *.lockfile
    *-lock.json
    *-lock.yaml
    *.resolved
    .terraform.lock.hcl
    cpanfile.snapshot
    go.sum
    go.work.sum
    npm-shrinkwrap.json
    packages.lock.json
"""
_MINIFIED = """
    *.min.css
    *.min.html
    *.min.js
    *.min.mjs
    *-min.css
    *-min.js
    *.bundle.js
    *.css.map
    *.js.map
    *.mjs.map
"""
_VENDORED = """
    .pnp.*js
    .yarn/plugins/
    .yarn/releases/
    Carthage/
    Godeps/
    Pods/
    bower_components/
    node_modules/
    site-packages/
    third-party/
    third_party/
    vendor/
    vendored/
"""
_GENERATED = """
    *.Designer.cs
    *.designer.cs
    *.freezed.dart
    *.g.cs
    *.g.dart
    *.generated.*
    *.gr.dart
    *.pb.cc
    *.pb.go
    *.pb.gw.go
    *.pb.h
    *.pbxproj
    *.snap
    *_generated.go
    *_pb2.py
    *_pb2.pyi
    *_pb2_grpc.py
    *_pb.d.ts
    *_pb.js
    *_string.go
    __generated__/
    __snapshots__/
    zz_generated.*
"""


def globs(patterns: Iterable[str]) -> GitIgnoreSpec:
    """Patterns as in .gitignore: `*.py` anywhere, `/docs/` at the top, `src/**/x.c`."""
    return GitIgnoreSpec.from_lines(patterns)


_PATTERNS = {
    reason: globs(patterns.split())
    for reason, patterns in (
        ("lock file", _LOCK_FILES),
        ("minified", _MINIFIED),
        ("vendored", _VENDORED),
        ("generated", _GENERATED),
    )
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out.

    `incomplete`: it should have been read, so the review has a gap. `by_filter`: a setting says so.
    """

    file: FileDiff
    reason: str
    incomplete: bool = False
    by_filter: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to review, and the others.

    `beside`: those of the paths outside of the change that may be shown with it, by the same rules.
    """

    files: tuple[FileDiff, ...]
    skipped: tuple[Skipped, ...]
    beside: Callable[[Sequence[str], Mapping[tuple[str, str], str]], list[str]] = field(
        default=lambda _, __: [], compare=False
    )


class Filter:
    """A list of globs of which those with `!` leave files out.

    Args:
        patterns: with any plain pattern in it, only files that match one are let through.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._wanted = globs(entry for entry in patterns if not entry.startswith("!"))
        self._unwanted = globs(entry[1:] for entry in patterns if entry.startswith("!"))

    def passes(self, path: str) -> bool:
        """Whether a file of this path is let through."""
        wanted = not self._wanted.patterns or self._wanted.match_file(path)
        return wanted and not self.bars(path)

    def bars(self, path: str) -> bool:
        """Whether a file of this path is left out by its name, not for want of being named."""
        return self._unwanted.match_file(path)


def select(
    files: Iterable[FileDiff],
    filters: Mapping[str, Sequence[str]],
    attributes: Mapping[tuple[str, str], str],
    never_send: Sequence[str] = (),
) -> Selection:
    """Divide the files of a diff.

    Args:
        files: all files of the diff.
        filters: lists of globs, by the name of the setting that holds them.
        attributes: gitattributes by (path, name); see `ATTRIBUTES`.
        never_send: globs of files that may hold secrets, beside ours.
    """
    secret = globs((*_SECRETS.split(), *never_send))
    named_filters = [(name, Filter(patterns)) for name, patterns in filters.items() if patterns]
    chosen, skipped, withheld = [], [], set()
    for file in files:
        held_secrets = _secret(file, secret)
        if held_secrets:
            withheld.add(file.path)
        reason = _nothing_to_read(file) or held_secrets or _made(file, attributes)
        barred = next((name for name, rule in named_filters if not rule.passes(file.path)), "")
        if reason:
            skipped.append(Skipped(file, reason))
        elif barred:
            skipped.append(Skipped(file, f"left out by {barred}", by_filter=True))
        elif file.changed > MAX_CHANGED_LINES:
            too_large = f"too large: {file.changed:,} changed lines, {MAX_CHANGED_LINES:,} at most"
            skipped.append(Skipped(file, too_large, incomplete=True))
        else:
            chosen.append(file)

    def beside(paths: Sequence[str], attributes: Mapping[tuple[str, str], str]) -> list[str]:
        return [
            path
            for path in paths
            if path not in withheld
            and not secret.match_file(path)
            and not any(rule.bars(path) for _, rule in named_filters)
            and not _kind(path, attributes)
        ]

    return Selection(tuple(chosen), tuple(skipped), beside)


def _nothing_to_read(file: FileDiff) -> str:
    if file.submodule:
        return "submodule"
    if file.binary:
        return "binary"
    if file.status == "D":
        return "deleted"
    if not file.changed:
        return {"R": "only renamed", "C": "only copied", "A": "empty"}.get(
            file.status, "only its mode changed"
        )
    return ""


def _secret(file: FileDiff, patterns: GitIgnoreSpec) -> str:
    """Whether a file may hold secrets, by either name: nothing that a branch says sends it."""
    names = filter(None, (file.path, file.old_path))
    return MAY_HOLD_SECRETS if any(map(patterns.match_file, names)) else ""


def _made(file: FileDiff, attributes: Mapping[tuple[str, str], str]) -> str:
    """Why nobody reads a file that nobody has written."""
    lines = file.patch.count(b"\n")
    far = lines and len(file.patch) > LONGEST_LINES * lines
    long = f"lines of {len(file.patch) // lines:,} characters on average" if far else ""
    return _kind(file.path, attributes) or long


def _kind(path: str, attributes: Mapping[tuple[str, str], str]) -> str:
    """Why such a file is not read; what .gitattributes says goes before our patterns."""
    values = {name: attributes.get((path, name)) for name in ATTRIBUTES}
    for name, value in values.items():
        if value in ("set", "true"):
            return f"{name.removeprefix('linguist-')} (.gitattributes)"
    for reason, spec in _PATTERNS.items():
        name = "linguist-vendored" if reason == "vendored" else "linguist-generated"
        if values[name] not in ("unset", "false") and spec.match_file(path):
            return reason
    return ""


_TESTS = re.compile(
    r"(^|/)(tests?|specs?|__tests__|testdata|fixtures)/|(^|/)test_|[._](test|spec)\."
)
_PROSE = re.compile(r"\.(md|rst|txt|adoc)$|(^|/)(docs?|LICENSE|CHANGELOG)", re.IGNORECASE)


def importance(path: str) -> int:
    """0 for code, 1 for tests, 2 for prose: what is read first where not all can be."""
    if _PROSE.search(path):
        return 2
    return 1 if _TESTS.search(path) else 0
