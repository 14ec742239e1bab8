"""A fingerprint of code: what computes a result, without its comments and its layout.

`code_fingerprint("testiculus.finetune")` covers the module and every module of the package that
it imports, directly or not. A changed comment or docstring changes nothing; a changed line does.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

PACKAGE = "testiculus"


@cache
def code_fingerprint(module: str) -> str:
    """Return the sha256 (hex) of the syntax trees of `module` and of its imports in the package."""
    digest = hashlib.sha256()
    for name in sorted(_closure(module)):
        digest.update(f"{name}\n{normalised(_source(name))}\n".encode())
    return digest.hexdigest()


def normalised(source: str) -> str:
    """Return the syntax tree of `source` as text, docstrings left out.

    >>> normalised("x = 1  # one") == normalised("x   =   1")
    True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def imported_modules(module: str) -> set[str]:
    """Return the package's modules that `module` imports anywhere in its text.

    Imports for type checkers alone (`if TYPE_CHECKING:`) compute nothing and do not count.
    """
    names: set[str] = set()
    package = module if _is_package(module) else module.rpartition(".")[0]
    for node in _executed(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == PACKAGE and _file(name)}


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node outside `if TYPE_CHECKING:` blocks."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not typing_only:
            yield from _executed(child)


def _closure(module: str) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += imported_modules(name)
    return seen


@cache
def _file(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _is_package(module: str) -> bool:
    file = _file(module)
    return bool(file) and file.name == "__init__.py"


@cache
def _source(module: str) -> str:
    file = _file(module)
    if file is None:
        raise ModuleNotFoundError(module)
    return file.read_text(encoding="utf-8")
