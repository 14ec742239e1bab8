"""The API reference: one generated page per room of the package."""

import ast
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

import testiculus

_SKIPPED = ("__main__",)


def api_pages() -> dict[str, str]:
    """Return the text of each room's page, `api/<room>.md`, from the package as it is."""
    rooms = sorted(module.name for module in iter_modules(testiculus.__path__))
    return {f"api/{room}.md": room_page(room) for room in rooms if room not in _SKIPPED}


def room_page(room: str) -> str:
    """Return a room's page: what it is for, then its modules with all that is public."""
    name = f"testiculus.{room}"
    modules = submodules(name)
    lines = [f"# {room}", "", *_automodule(name)]
    for module in modules:
        lines += [f"## {module.removeprefix(name + '.')}", "", *_automodule(module)]
    return "\n".join(lines)


def submodules(package: str) -> list[str]:
    """Return the public modules below a package, in order; none for a plain module."""
    spec = find_spec(package)
    found: list[str] = []
    for module in iter_modules(spec.submodule_search_locations or [] if spec else []):
        if not module.name.startswith("_"):
            name = f"{package}.{module.name}"
            found += [name, *submodules(name)] if module.ispkg else [name]
    return [name for name in found if _has_text(name)]


def _has_text(module: str) -> bool:
    spec = find_spec(module)
    return bool(spec and spec.origin and ast.parse(Path(spec.origin).read_text("utf-8")).body)


def _automodule(name: str) -> list[str]:
    """Return the directive for a module; a package only re-exports what its modules show."""
    spec = find_spec(name)
    is_package = bool(spec and spec.submodule_search_locations)
    options = "   :no-members:" if is_package and submodules(name) else "   :members:"
    return ["```{eval-rst}", f".. automodule:: {name}", options, "```", ""]
