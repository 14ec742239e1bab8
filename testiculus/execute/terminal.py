"""What a person sees while a notebook runs: the kernel's prints, its warnings, its progress bars.

Prints and warnings arrive through papermill. Bars do not belong in a notebook: the kernel writes
them to a file (`testiculus.base.progress`) and `ProgressTail` shows that file as it grows.
"""

import os
import re
import threading
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.2

# "/tmp/ipykernel_1/2.py:1: InputWarning: text" and the source line that Python prints below it
_PYTHON_WARNING = re.compile(
    r"^\S[^\n]*?:\d+: (\w*Warning): ([^\n]*(?:\n|\Z))(?:  [^\n]*(?:\n|\Z))?", re.MULTILINE
)


def tidy_warnings(text: str) -> str:
    r"""Return `text` with Python's warning lines as `warning: ...`, without paths and code.

    >>> tidy_warnings("/a/b.py:12: InputWarning: odd organ\n  read(x)\n")
    'warning: odd organ\n'
    """

    def short(match: re.Match) -> str:
        kind = "" if match[1] in ("InputWarning", "UserWarning") else f"{match[1]}: "
        return f"warning: {kind}{match[2]}"

    return _PYTHON_WARNING.sub(short, text)


class Warnings:
    """A stream for the kernel's stderr that passes it on with tidy warnings."""

    def __init__(self, stream: IO[str]):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write `text`, warnings shortened; returns the length of `text`."""
        self.stream.write(tidy_warnings(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.stream.flush()


class ProgressTail:
    """Shows what the kernel writes to `path` on `stream`, as it comes, while the block runs.

    >>> import io, tempfile
    >>> shown = io.StringIO()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ProgressTail(Path(folder, "bars"), shown) as tail:
    ...         _ = tail.path.write_text("3 of 4 runs")
    >>> shown.getvalue()
    '3 of 4 runs'
    """

    def __init__(self, path: Path, stream: IO[str]):
        self.path, self.stream = path, stream
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._position = 0

    @property
    def style(self) -> str:
        """Return "tty" when a person watches a terminal that can redraw a line, else "log"."""
        return "tty" if self.stream.isatty() and os.environ.get("TERM") != "dumb" else "log"

    def __enter__(self) -> "ProgressTail":
        self.path.touch()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()
        self._show_new()

    def _follow(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            self._show_new()

    def _show_new(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        if new:
            self._position += len(new)
            self.stream.write(new.decode("utf-8", errors="replace"))
            self.stream.flush()
