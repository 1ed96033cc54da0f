"""HTTP statuses are known where HTTP is spoken, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

import okapi_install

ROOT = Path(okapi_install.__file__).parent
SPEAK_HTTP = {
    "web": "answers requests",
    "client": "judges the answers of a server of ours or an Okapi",
    "cli": "tells which refusal the client got",
    "demo": "simulates modules, which are HTTP servers",
    "domain/foreign_status.py": "what the statuses of others mean",
    "adapters/store/migrations/versions/0006_error_type.py": "takes statuses out of the database",
}
"""Folders and files that may know statuses, and why."""

STATUSES = frozenset(status.value for status in HTTPStatus)


def _files() -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
    return sorted(file for file in found if not any(file == it or file.startswith(f"{it}/") for it in SPEAK_HTTP))


def _is_status(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value in STATUSES


def _names(node: ast.AST) -> str:
    """All names in an expression or a target, lower case."""
    parts = [
        it.id if isinstance(it, ast.Name) else it.attr
        for it in ast.walk(node)
        if isinstance(it, ast.Name | ast.Attribute)
    ]
    return " ".join(parts).lower()


def _suspects(tree: ast.AST) -> Iterator[ast.AST]:
    """Numbers that are compared, returned, mapped to, or given to what is called a status."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (it for it in (node.left, *node.comparators) if _is_status(it))
        elif isinstance(node, ast.keyword) and "status" in (node.arg or ""):
            yield from (it for it in ast.walk(node.value) if _is_status(it))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any("status" in _names(target) for target in targets):
                yield from (it for it in ast.walk(node.value) if _is_status(it))
        elif isinstance(node, ast.Return | ast.IfExp | ast.Dict | ast.Tuple | ast.Set | ast.List):
            yield from (it for it in ast.iter_child_nodes(node) if _is_status(it))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (it for it in node.names if it.name.endswith("HTTPStatus"))


def test_no_http_status_is_known_where_no_http_is_spoken() -> None:
    found = []
    for file in _files():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        found += [f"{file}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}" for node in _suspects(tree)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "if answer.status == 404: pass",
        "ok = 200 <= answer.status <= 299",
        "fail(status=500)",
        "Failure(status=400 if user else 500)",
        "error_status = 500",
        "class StillRunning:\n    status: int = 504",
        "def f():\n    return 503",
        "TABLE = {TooManyJobs: 429}",
        "TABLE = ((TooManyJobs, 429),)",
        "from http import HTTPStatus",
    ],
)
def test_a_status_is_found_however_it_is_written(line: str) -> None:
    assert list(_suspects(ast.parse(line)))


@pytest.mark.parametrize("line", ["MOST = 500", "bounded(text, 200)", "text[:200]", "def f(most: int = 100): pass"])
def test_a_limit_is_not_taken_for_a_status(line: str) -> None:
    assert not list(_suspects(ast.parse(line)))
