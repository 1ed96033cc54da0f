"""Checks the shape of the code: `shape.py FOLDER ...` prints a line for each violation, and then exits with 1.

A function has at most 40 lines without its docstring, nests at most 3 deep and is annotated; a file has at most 500
lines; no two modules import each other, directly or through others, at the top or inside a function. In the product
(okapi_install and worker) a folder has at most 16 files of its own, and every module and every public class, function
and method has a docstring; methods that override others, and Python's special methods, need none.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_FUNCTION_LINES = 40
MOST_NESTING = 3
MOST_FILE_LINES = 500
MOST_FILES = 16
PRODUCT = ("okapi_install", "worker")

Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """A parsed source file, with the dotted name by which others import it."""

    name: str
    path: Path
    lines: int
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that a relative import with one dot refers to."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def read(folder: Path) -> list[Module]:
    """All Python files below a folder. Their module names start with the folder's name."""
    return [_read_one(path, folder) for path in sorted(folder.rglob("*.py"))]


def _read_one(path: Path, folder: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    parts = [folder.name, *path.relative_to(folder).with_suffix("").parts]
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name=name, path=path, lines=len(source.splitlines()), tree=ast.parse(source, str(path)))


def function_lines(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    size = _span(function)
    return size - _span(function.body[0]) if ast.get_docstring(function, clean=False) is not None else size


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def nesting(node: ast.AST) -> int:
    """The depth of the deepest nested block. An `elif` adds no level, and inner functions are counted separately."""
    return max((_nesting_of(child, node) for child in ast.iter_child_nodes(node)), default=0)


def _nesting_of(child: ast.AST, parent: ast.AST) -> int:
    if isinstance(child, _SCOPES):
        return 0
    is_elif = isinstance(child, ast.If) and isinstance(parent, ast.If) and child in parent.orelse
    return nesting(child) + (isinstance(child, _BLOCKS) and not is_elif)


def unannotated(function: Function) -> bool:
    """Whether an argument or the result lacks its type. `self` and `cls` need none, nor does __init__'s result.

    As with mypy, an __init__ without arguments has to say what it returns.
    """
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [extra for extra in (given.vararg, given.kwarg) if extra]
    if arguments and arguments[0].arg in ("self", "cls"):
        arguments = arguments[1:]
    typed = function.returns is not None or (function.name == "__init__" and bool(arguments))
    return not typed or any(argument.annotation is None for argument in arguments)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function, method and inner function."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def undocumented(module: Module) -> Iterator[tuple[int, str]]:
    """Line and name of what is public and has no docstring: the module, its classes, functions and methods."""
    if ast.get_docstring(module.tree) is None:
        yield 1, module.name
    yield from _undocumented(module.tree)


def _undocumented(scope: ast.AST) -> Iterator[tuple[int, str]]:
    public = [n for n in ast.iter_child_nodes(scope) if isinstance(n, _SCOPES) and not n.name.startswith("_")]
    for node in public:
        if ast.get_docstring(node) is None and not _is_override(node):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node)


def _is_override(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id in ("override", "overload") for mark in node.decorator_list)


def imports(module: Module, known: Mapping[str, Module]) -> set[str]:
    """The known modules that this one imports at run time, also inside functions, but not for type checks only."""
    named = {_nearest(name, known) for node in _running(module.tree) for name in _imported(node, module)}
    return named - {"", module.name}


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (inner for other in node.orelse for inner in (other, *_running(other)))
            continue
        yield node
        yield from _running(node)


def _imported(node: ast.AST, module: Module) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        source = _source(node, module)
        yield from (f"{source}.{alias.name}" for alias in node.names)


def _source(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    start = module.package.split(".")
    return ".".join([*start[: len(start) - node.level + 1], *filter(None, [node.module])])


def _nearest(name: str, known: Mapping[str, Module]) -> str:
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that all import each other, directly or indirectly."""
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return sorted(sorted(group) for group in groups if group)


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(graph[name])
    return seen


def complaints(module: Module) -> Iterator[str]:
    """The violations in one file."""
    if module.lines > MOST_FILE_LINES:
        yield f"{module.path}:1: {module.lines} lines, at most {MOST_FILE_LINES}"
    for function in functions(module.tree):
        where = f"{module.path}:{function.lineno}: {function.name}"
        if (size := function_lines(function)) > MOST_FUNCTION_LINES:
            yield f"{where}: {size} lines, at most {MOST_FUNCTION_LINES}"
        if (depth := nesting(function)) > MOST_NESTING:
            yield f"{where}: nests {depth} deep, at most {MOST_NESTING}"
        if unannotated(function):
            yield f"{where}: not fully annotated"
    if module.name.partition(".")[0] in PRODUCT:
        yield from (f"{module.path}:{line}: {name}: no docstring" for line, name in undocumented(module))


def crowded(modules: Sequence[Module]) -> Iterator[str]:
    """Folders of the product that have too many files of their own: they want subfolders by subject."""
    product = [module.path.parent for module in modules if module.name.partition(".")[0] in PRODUCT]
    for folder, files in sorted(Counter(product).items()):
        if files > MOST_FILES:
            yield f"{folder}: {files} files, at most {MOST_FILES}"


def main(folders: Sequence[str]) -> int:
    """Checks the folders together. The exit code is 0 if there are no violations."""
    modules = [module for folder in folders for module in read(Path(folder))]
    known = {module.name: module for module in modules}
    found = [complaint for module in modules for complaint in complaints(module)]
    found += crowded(modules)
    graph = {module.name: imports(module, known) for module in modules}
    found += [f"import cycle: {' <-> '.join(group)}" for group in cycles(graph)]
    print("\n".join(found) or f"shape: {len(modules)} files in shape")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
