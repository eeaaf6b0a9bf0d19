"""How much of what decides a review is in the prompt: `python -m bench.context OLD NEW [OLD NEW…]`.

Each pair is two releases of a Python package, as folders or archives. The newer one is put over the
older one in a git repository, and every prompt of that change is looked through: of the functions of
the repository that its added lines call, how many have their definition in it? Which function a call
means is found by Python's own parser, over all files, with imports and base classes followed.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.samples import commit, folder, git
from reviewbot import change, prompt, selection
from reviewbot.checklists import load
from reviewbot.git import Repository
from reviewbot.prompt import Background, Room
from reviewbot.redaction import Redactor, shipped
from reviewbot.related import survey
from reviewbot.screening import screen

ROOM = Room(call=200_000, answer=8_000, context=40_000)
Place = tuple[str, int]  # path and line of a definition


# --- what is called ------------------------------------------------------------------------------


@dataclass
class Scope:
    """The names that a module, a class or a function defines, and what they are."""

    path: str
    node: ast.AST
    parent: Scope | None
    names: dict[str, object] = field(default_factory=dict)
    bases: list[ast.expr] = field(default_factory=list)


class Oracle:
    """All Python files of a folder, parsed."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, Scope] = {}
        self.methods: dict[str, list[Place]] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        for path in sorted(root.rglob("*.py")):
            try:
                tree = ast.parse(path.read_bytes())
            except SyntaxError:
                continue
            name = path.relative_to(root).as_posix()
            self.modules[name] = self._scope(name, tree, None)

    def _scope(self, path: str, node: ast.AST, parent: Scope | None) -> Scope:
        scope = self.scopes[node] = Scope(path, node, parent)
        for child in _inside(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = self._scope(path, child, scope)
                scope.names[child.name] = inner
                if isinstance(child, ast.ClassDef):
                    inner.bases = child.bases
                elif isinstance(node, ast.ClassDef):
                    self.methods.setdefault(child.name, []).append((path, child.lineno))
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    scope.names[bound] = ("module", alias.name if alias.asname else bound, 0)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    scope.names[alias.asname or alias.name] = (
                        *("from", child.module or "", child.level),
                        alias.name,
                    )
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                scope.names.setdefault(child.id, None)
            elif isinstance(child, ast.arg):
                scope.names.setdefault(child.arg, None)
        return scope

    def calls(self, path: str) -> Iterator[tuple[int, str, list[Place]]]:
        """Line and kind of each call of a file, and the definitions that it may mean."""
        if path in self.modules:
            yield from self._calls(self.modules[path])

    def _calls(self, scope: Scope) -> Iterator[tuple[int, str, list[Place]]]:
        for child in _inside(scope.node):
            if isinstance(child, ast.Call):
                line = child.func.end_lineno or child.lineno
                found = self._resolve(child.func, scope)
                if isinstance(found, Scope) and not isinstance(found.node, ast.Module):
                    yield line, "sure", [(found.path, found.node.lineno)]  # type: ignore[attr-defined]
                elif found is None and isinstance(child.func, ast.Attribute):
                    places = self.methods.get(child.func.attr, [])
                    if places and child.func.attr not in BUILTIN:
                        yield line, "only" if len(places) == 1 else "one of", places
            if child in self.scopes:
                yield from self._calls(self.scopes[child])

    def _resolve(self, node: ast.expr, scope: Scope) -> Scope | str | None:
        """What an expression is: a definition here, "foreign", or None for what nobody can know."""
        if isinstance(node, ast.Name):
            return self._name(node.id, scope)
        if isinstance(node, ast.Call):
            maker = self._resolve(node.func, scope)
            if isinstance(node.func, ast.Name) and node.func.id == "super":
                own = _class(scope)
                return self._base(own) if own else None
            return maker if isinstance(maker, Scope) and isinstance(maker.node, ast.ClassDef) else None
        if not isinstance(node, ast.Attribute):
            return "foreign" if isinstance(node, ast.Constant | ast.JoinedStr) else None
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            own = _class(scope)
            return self._member(own, node.attr) if own else None
        holder = self._resolve(node.value, scope)
        if not isinstance(holder, Scope):
            return holder
        if isinstance(holder.node, ast.ClassDef):
            return self._member(holder, node.attr)
        return self._in_module(holder, node.attr) if isinstance(holder.node, ast.Module) else None

    def _name(self, name: str, scope: Scope) -> Scope | str | None:
        at: Scope | None = scope
        while at:
            if name in at.names and (at is scope or not isinstance(at.node, ast.ClassDef)):
                return self._known(at, name)
            at = at.parent
        return self._in_module(self.modules[scope.path], name)

    def _known(self, at: Scope, name: str, depth: int = 9) -> Scope | str | None:
        known = at.names[name]
        if isinstance(known, Scope) or known is None:
            return known
        kind, module, level, *rest = known  # type: ignore[misc]
        found = self._module(at.path, module, level)
        if kind == "module":
            return found or "foreign"
        sub = self._module(at.path, f"{module}.{rest[0]}".strip("."), level)
        if sub:
            return sub
        return self._in_module(found, rest[0], depth - 1) if found else "foreign"

    def _in_module(self, module: Scope, name: str, depth: int = 9) -> Scope | str | None:
        if name in module.names and depth:
            return self._known(module, name, depth)
        for bound, star in module.names.items():
            if bound == "*" and depth:
                source = self._module(module.path, star[1], star[2])  # type: ignore[index]
                found = self._in_module(source, name, depth - 1) if source else None
                if isinstance(found, Scope):
                    return found
        return "foreign"

    def _module(self, path: str, name: str, level: int) -> Scope | None:
        parts = name.split(".") if name else []
        if level:
            here = path.split("/")[:-level]
            return self.modules.get("/".join([*here, *parts]) + ".py") or self.modules.get(
                "/".join([*here, *parts, "__init__.py"])
            )
        ends = ("/" + "/".join(parts) + ".py", "/" + "/".join(parts) + "/__init__.py")
        found = [each for each in self.modules if f"/{each}".endswith(ends)]
        return self.modules[min(found, key=len)] if found else None

    def _member(self, owner: Scope, name: str, depth: int = 9) -> Scope | None:
        found = owner.names.get(name)
        if isinstance(found, Scope):
            return found
        for base in owner.bases if depth else ():
            source = self._resolve(base, owner.parent or owner)
            if isinstance(source, Scope) and isinstance(source.node, ast.ClassDef):
                found = self._member(source, name, depth - 1)
                if found:
                    return found
        return None

    def _base(self, owner: Scope) -> Scope | None:
        for base in owner.bases:
            source = self._resolve(base, owner.parent or owner)
            if isinstance(source, Scope) and isinstance(source.node, ast.ClassDef):
                return source
        return None


BUILTIN = {
    name
    for kind in (str, bytes, list, dict, set, int, float, tuple, object, type, property)
    for name in dir(kind)
} | {"read", "write", "close", "open", "seek", "flush", "group", "match", "search", "sub"}


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a block, with the heads of the blocks in it but without their insides."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop(0)
        yield child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outside = [*child.decorator_list]
            outside += child.bases if isinstance(child, ast.ClassDef) else []
            waiting += outside
        else:
            waiting += ast.iter_child_nodes(child)


def _class(scope: Scope) -> Scope | None:
    at: Scope | None = scope
    while at and not isinstance(at.node, ast.ClassDef):
        at = at.parent
    return at


# --- what is shown -------------------------------------------------------------------------------


def prompts(repository: Repository, context_tokens: int) -> tuple[list[str], float, float]:
    """The change part of each batch, and the seconds that the search and the prompts took."""
    span = change.branch(repository, "main", "feature")
    made = change.from_repository(repository, span)
    chosen = selection.select(made.diff.files, {}, made.attributes)
    made, chosen, _ = screen(made, chosen, Redactor(shipped()))
    begin = time.perf_counter()
    found = survey(made, chosen)
    searched = time.perf_counter()
    background = Background(made.guides, (), chosen.skipped, intent=made.intent)
    asked = [(each, "model") for each in load({}).values() if each.name == "correctness"]
    room = replace(ROOM, context=context_tokens)
    sent = prompt.requests(
        *(chosen.files, asked, background, room, made.lines),
        elsewhere=found.text if found and context_tokens else None,
    )
    texts = [each.change for each in sent]
    return texts, searched - begin, time.perf_counter() - searched


def shown(text: str) -> tuple[set[Place], set[Place]]:
    """The places of all rows of a prompt, and of those that are added."""
    rows, added, path = set(), set(), ""
    for line in text.split("\n"):
        if heading := re.match(r"## (.+?) \(", line):
            path = heading[1]
        elif row := re.match(r"(\d+)\t(.)", line):
            rows.add((path, int(row[1])))
            if row[2] == "+":
                added.add((path, int(row[1])))
    return rows, added


def measure(old: Path, new: Path) -> None:
    """One line of the table."""
    with folder() as place:
        git(place, "init", "--quiet", "--initial-branch=main")
        unpack(old, place)
        commit(place, "old")
        git(place, "switch", "--quiet", "--create", "feature")
        for each in place.iterdir():
            if each.name != ".git":
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        unpack(new, place)
        commit(place, "new")
        oracle = Oracle(place)
        with Repository(place) as repository:
            bare, _, _ = prompts(repository, 0)
            texts, searching, writing = prompts(repository, 40_000)
        calls = {path: list(oracle.calls(path)) for path in oracle.modules}
        counts: dict[str, list[int]] = {}
        missing = []
        for text in texts:
            rows, added = shown(text)
            seen = set()
            own = {row for row in rows_of(text)}
            for path, line in sorted(added):
                for at, kind, places in calls.get(path, ()):
                    key = (kind, tuple(places))
                    if at == line and key not in seen:
                        seen.add(key)
                        found = any(each in rows for each in places)
                        before = any(each in own for each in places)
                        count = counts.setdefault(kind, [0, 0, 0])
                        count[0] += 1
                        count[1] += found
                        count[2] += before
                        if not found:
                            missing.append((path, line, kind, places[:3]))
        more = sum(map(prompt.tokens, texts)) / len(texts)
        less = sum(map(prompt.tokens, bare)) / len(texts)
        extra = sum(prompt.tokens(text.partition(ELSEWHERE)[2]) for text in texts) / len(texts)
        print(
            f"{new.name:<24} batches {len(bare)} -> {len(texts)}; tokens a batch: change {less:,.0f}, "
            f"around {more - extra - less:,.0f}, elsewhere {extra:,.0f};"
            f"  search {searching * 1000:5.0f} ms, prompts {writing * 1000:6.0f} ms"
        )
        for kind, (total, found, before) in sorted(counts.items()):
            print(f"    {kind:<8} {found:4} of {total:4} = {found / total:6.1%}   in the diff {before / total:6.1%}")
        for each in missing[:LISTED]:
            print("      ", *each)


LISTED = 0
ELSEWHERE = "# Code elsewhere that the change touches"


def rows_of(text: str) -> set[Place]:
    """The places of the rows that are not from elsewhere."""
    return shown(text.partition(ELSEWHERE)[0])[0]


def unpack(source: Path, place: Path) -> None:
    """Put a release into a folder, without the folder that an archive has around it."""
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
        return
    with folder() as whole:
        with tarfile.open(source) as archive:
            archive.extractall(whole, filter="data")
        (top,) = whole.iterdir()
        shutil.copytree(top, place, dirs_exist_ok=True)


if __name__ == "__main__":
    paths = [Path(name) for name in sys.argv[1:] if not name.startswith("--")]
    LISTED = 40 if "--missing" in sys.argv else 0
    for older, newer in zip(paths[::2], paths[1::2], strict=True):
        measure(older, newer)
