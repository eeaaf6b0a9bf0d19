"""Which functions of a code base its calls mean, as Python's own parser reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Place = tuple[str, int]  # path and line of a definition

SURE, ONLY, ONE_OF = "sure", "only one", "one of"
MOST_STEPS = 9  # from an import to what it means

_BUILTIN = {name for kind in (str, bytes, list, dict, set, int, float) for name in dir(kind)}
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITION = (*_FUNCTION, ast.ClassDef)


class Call(NamedTuple):
    """A call, and what it may mean.

    `kind`: imports, classes and their bases lead to it for sure; or it is the only method of this
    name, or one of several.
    """

    line: int
    kind: str
    places: tuple[Place, ...]


class Import(NamedTuple):
    """What a name of an import statement stands for; `name` is empty for a module itself."""

    module: str
    level: int
    name: str


@dataclass(eq=False)
class Scope:
    """A module, a class or a function, with the names in it; None for a mere variable."""

    path: str
    node: ast.AST
    parent: Scope | None
    names: dict[str, Scope | Import | None] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where it is defined."""
        return self.path, getattr(self.node, "lineno", 1)

    @property
    def is_class(self) -> bool:
        """Whether it is one."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def own_class(self) -> Scope | None:
        """The class around it."""
        at: Scope | None = self
        while at and not at.is_class:
            at = at.parent
        return at


FOREIGN = Scope("", ast.Module([], []), None)  # whatever is not in the code base


class Oracle:
    """All Python files of a folder, parsed."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, Scope] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        self._methods: dict[str, list[Place]] = {}
        for path in sorted(root.rglob("*.py")):
            try:
                tree = ast.parse(path.read_bytes())
            except SyntaxError:
                continue
            name = path.relative_to(root).as_posix()
            self.modules[name] = self._scope(name, tree, None)

    def calls(self, path: str) -> list[Call]:
        """All calls of a file that may mean something of the code base."""
        return list(self._calls(self.modules[path])) if path in self.modules else []

    # --- what there is ---------------------------------------------------------------------------

    def _scope(self, path: str, node: ast.AST, parent: Scope | None) -> Scope:
        scope = self._scopes[node] = Scope(path, node, parent)
        for child in _inside(node):
            if isinstance(child, _DEFINITION):
                scope.names[child.name] = self._scope(path, child, scope)
                if scope.is_class and isinstance(child, _FUNCTION):
                    self._methods.setdefault(child.name, []).append((path, child.lineno))
            elif isinstance(child, ast.Import | ast.ImportFrom):
                scope.names |= _imported(child)
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                scope.names.setdefault(child.id, None)
            elif isinstance(child, ast.arg):
                scope.names.setdefault(child.arg, None)
        return scope

    def _calls(self, scope: Scope) -> Iterator[Call]:
        for child in _inside(scope.node):
            if isinstance(child, ast.Call):
                line = child.func.end_lineno or child.lineno
                found = self._resolved(child.func, scope)
                if found and isinstance(found.node, _DEFINITION):
                    yield Call(line, SURE, (found.place,))
                elif found is None and isinstance(child.func, ast.Attribute):
                    places = self._methods.get(child.func.attr, [])
                    if places and child.func.attr not in _BUILTIN:
                        yield Call(line, ONLY if len(places) == 1 else ONE_OF, tuple(places))
            if child in self._scopes:
                yield from self._calls(self._scopes[child])

    # --- what is meant ---------------------------------------------------------------------------

    def _resolved(self, node: ast.expr, scope: Scope) -> Scope | None:
        """What an expression stands for; None for what only a run could tell."""
        if isinstance(node, ast.Name):
            return self._named(node.id, scope)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "super":
                own = scope.own_class
                return next(self._bases(own), None) if own else None
            made = self._resolved(node.func, scope)
            return made if made and made.is_class else None
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope)
        return FOREIGN if isinstance(node, ast.Constant | ast.JoinedStr) else None

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Scope | None:
        itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        holder = scope.own_class if itself else self._resolved(node.value, scope)
        if holder is None or holder is FOREIGN:
            return holder
        if holder.is_class:
            return self._member(holder, node.attr)
        return self._in_module(holder, node.attr) if holder.parent is None else None

    def _named(self, name: str, scope: Scope) -> Scope | None:
        at: Scope | None = scope
        while at:
            if name in at.names and (at is scope or not at.is_class):
                return self._known(at, name, MOST_STEPS)
            at = at.parent
        return self._in_module(self.modules[scope.path], name)

    def _known(self, at: Scope, name: str, steps: int) -> Scope | None:
        known = at.names[name]
        if not isinstance(known, Import):
            return known
        if not known.name:
            return self._module(at.path, known.module, known.level) or FOREIGN
        module = self._module(at.path, f"{known.module}.{known.name}".strip("."), known.level)
        if module:
            return module
        source = self._module(at.path, known.module, known.level)
        return self._in_module(source, known.name, steps - 1) if source else FOREIGN

    def _in_module(self, module: Scope, name: str, steps: int = MOST_STEPS) -> Scope | None:
        if name in module.names:
            return self._known(module, name, steps) if steps else None
        star = module.names.get("*")
        if not (isinstance(star, Import) and steps):
            return FOREIGN
        source = self._module(module.path, star.module, star.level)
        return self._in_module(source, name, steps - 1) if source else FOREIGN

    def _module(self, path: str, name: str, level: int) -> Scope | None:
        parts = name.split(".") if name else []
        if level:
            folder = [*path.split("/")[:-level], *parts]
            ends = ("/".join([*folder, "__init__.py"]), "/".join(folder) + ".py")
            return next((self.modules[end] for end in ends if end in self.modules), None)
        ends = ("/" + "/".join(parts) + ".py", "/" + "/".join([*parts, "__init__.py"]))
        found = [each for each in self.modules if f"/{each}".endswith(ends)]
        return self.modules[min(found, key=len)] if found else None

    def _member(self, owner: Scope, name: str, steps: int = MOST_STEPS) -> Scope | None:
        found = owner.names.get(name)
        if isinstance(found, Scope):
            return found
        inherited = (self._member(base, name, steps - 1) for base in self._bases(owner) if steps)
        return next(filter(None, inherited), None)

    def _bases(self, owner: Scope) -> Iterator[Scope]:
        assert isinstance(owner.node, ast.ClassDef)
        for base in owner.node.bases:
            found = self._resolved(base, owner.parent or owner)
            if found and found.is_class:
                yield found


def _imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            meant = Import(statement.module or "", statement.level, alias.name)
            yield alias.asname or alias.name, meant
        else:
            top = alias.name.partition(".")[0]
            yield alias.asname or top, Import(alias.name if alias.asname else top, 0, "")


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a block, with the heads of the blocks in it but without their insides."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop(0)
        yield child
        if not isinstance(child, _DEFINITION):
            waiting += ast.iter_child_nodes(child)
            continue
        waiting += child.decorator_list
        waiting += child.bases if isinstance(child, ast.ClassDef) else []
