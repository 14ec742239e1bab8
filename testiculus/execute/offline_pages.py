"""A Sphinx extension: pages that open from a disk without a complaint.

Two habits of the theme suit a server. It asks browsers to fetch fonts in advance, which they refuse
for files; and it starts without a colour mode, which its own script then reports as an error.
"""

import re
from pathlib import Path
from typing import Any

_PRELOAD = re.compile(r'[ \t]*<link rel="preload" as="font"[^>]*>\n?')


def setup(app: Any) -> dict[str, bool]:
    """Connect this extension to Sphinx."""
    app.connect("html-page-context", start_in_automatic_mode)
    app.connect("build-finished", without_preloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def start_in_automatic_mode(app: Any, page: str, template: str, context: dict, *_: Any) -> None:
    """Let a page follow the system's light or dark mode until its reader chooses one."""
    if not context.get("default_mode"):
        context["default_mode"] = "auto"


def without_preloads(app: Any, exception: Exception | None) -> None:
    """Take the fonts' preloading out of the pages; the style sheets load them when needed."""
    if exception is not None or getattr(app.builder, "format", "") != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        lighter = _PRELOAD.sub("", text)
        if lighter != text:
            page.write_text(lighter, encoding="utf-8", newline="\n")
