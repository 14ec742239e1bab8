"""A Sphinx extension: docstrings in the API reference, whatever their layout.

Docstrings here are written to be read in an editor. Most are valid reStructuredText and are shown
as such; a block that is not (a list of fields with hanging indents, say) is shown as it stands.
"""

import re
from io import StringIO
from typing import Any

_NAME = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_\w])")


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx (its name for this function)."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = presentable([as_code(line) for line in lines])


def as_code(line: str) -> str:
    """Return a line with names in single backticks as code, which takes two in this markup.

    >>> as_code("see `flag_table`, not ``that``"), as_code(">>> f('`x`')")
    ('see ``flag_table``, not ``that``', ">>> f('`x`')")
    """
    if line.lstrip().startswith((">>>", "...")):
        return line
    return _NAME.sub(r"``\1``", line)


def presentable(lines: list[str]) -> list[str]:
    """Return a docstring's lines with every block that is no clean markup made literal.

    >>> presentable(["Fine.", "", "a: one", "   hanging", "b: two"])
    ['Fine.', '', '::', '', '   a: one', '      hanging', '   b: two', '']
    """
    if is_clean("\n".join(lines)):
        return lines
    shown: list[str] = []
    for block in _blocks(lines):
        if is_clean("\n".join(block)):
            shown += [*block, ""]
        else:
            shown += ["::", "", *(f"   {line}" for line in block), ""]
    return shown


def is_clean(text: str) -> bool:
    """Return whether docutils reads `text` without a complaint."""
    from docutils.core import publish_doctree

    complaints = StringIO()
    settings = {"report_level": 2, "halt_level": 5, "warning_stream": complaints}
    publish_doctree(text, settings_overrides=settings | {"file_insertion_enabled": False})
    return not complaints.getvalue()


def _blocks(lines: list[str]) -> list[list[str]]:
    """Split at blank lines that are followed by text at the left margin."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if blocks[-1] and not blocks[-1][-1].strip() and line[:1].strip():
            blocks.append([])
        blocks[-1].append(line)
    return [kept for block in blocks if (kept := _without_trailing_blanks(block))]


def _without_trailing_blanks(block: list[str]) -> list[str]:
    while block and not block[-1].strip():
        block = block[:-1]
    return block
