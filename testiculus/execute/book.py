"""Building the book from what is there, and showing it: `build` and `serve`.

No notebook is run here: the pages of tables are the executed notebooks of the results, and a table
without results says so. Warnings are errors.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import testiculus
from testiculus.base.errors import UserError
from testiculus.execute.pages import GENERATED, write_pages

HTML = Path("_build") / "html"
_BUILD = "from jupyter_book.cli.main import main; main()"


class BookFailed(Exception):
    """The book did not build; the message holds what the builder said."""

    is_reported = True


def build(root: Path, own: bool = False) -> Path:
    """Write the generated pages and build the book; return its first page.

    `own` adds the results of a person's own data, which are left out otherwise. Raises
    `UserError` outside the project's folder and `BookFailed` when a page has a problem.
    """
    if not (root / "_toc.yml").is_file():
        raise UserError("no book here", where=str(root), remedy="run this in the project's folder")
    write_pages(root, own)
    _forget_pages_that_are_gone(root)
    command = [sys.executable, "-c", _BUILD, "build", ".", "-W", "--keep-going", "-q"]
    path = [str(Path(testiculus.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    print("building the book, which takes about a minute", flush=True)
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BookFailed(f"the book did not build\n{_problems(done.stderr) or done.stdout}")
    return root / HTML / "index.html"


def _forget_pages_that_are_gone(root: Path) -> None:
    """Remove the built book where it still holds a page that is no longer generated.

    The builder leaves such a page, its pictures and its downloads where they are; it may be of a
    person's own data, in a book built for others.
    """
    built, generated = root / HTML / GENERATED, root / GENERATED
    for page in built.rglob("*.html"):
        source = generated / page.relative_to(built)
        if not any(source.with_suffix(kind).is_file() for kind in (".md", ".ipynb")):
            shutil.rmtree(root / HTML.parent)
            return


def _problems(text: str) -> str:
    """Return the builder's complaints without colours, which have no place in a log."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


class _QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line per request."""

    def log_message(self, *_) -> None:
        """Say nothing."""


def server(root: Path, port: str | int) -> ThreadingHTTPServer:
    """Return a server of the built book on localhost, not yet serving; port 0 takes a free one.

    Raises `UserError` when the book is not built, and for a port that is no port or taken.
    """
    folder = root / HTML
    if not (folder / "index.html").is_file():
        raise UserError("the book is not built yet", where=str(folder), remedy="run `make book`")
    try:
        handler = partial(_QuietHandler, directory=str(folder))
        return ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is a number from 1024 to 65535"
        raise UserError(
            f"cannot use port {port}: {reason}", remedy="choose another with PORT= or --port"
        ) from error


def serve(root: Path, port: str | int, open_browser: bool = True) -> None:
    """Show the built book on localhost until interrupted."""
    with server(root, port) as running:
        address = f"http://localhost:{running.server_address[1]}/"
        print(f"the book is at {address} (stop with Ctrl-C)", flush=True)
        if open_browser:
            import webbrowser

            webbrowser.open(address)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()
