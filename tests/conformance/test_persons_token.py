"""An admin's own token can be used for one thing, from one page: the imports say so."""

from __future__ import annotations

import ast
from pathlib import Path

import tenantatlas

ROOT = Path(tenantatlas.__file__).parent
#: module -> who may import it
USERS = {
    "tenantatlas.graph.delegated": {"tenants/rbac.py"},
    "tenantatlas.tenants.rbac": {"web/pages/rbac.py"},
}


def imported_by(path: Path) -> set[str]:
    """Every module that the file imports, also within functions, whole or by name."""
    package = ("tenantatlas", *path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {module, *(f"{module}.{each.name}" for each in node.names)}
    return found


def test_nobody_else_imports_it() -> None:
    users: dict[str, set[str]] = {name: set() for name in USERS}
    for path in ROOT.rglob("*.py"):
        imported = imported_by(path)
        for name in USERS:
            if name in imported:
                users[name].add(str(path.relative_to(ROOT)))
    assert users == USERS


def test_nobody_reaches_it_by_name() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import_module(" not in text or "delegated" not in text, path
