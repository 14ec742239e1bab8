"""Progress on anything that takes more than two seconds.

On a terminal it is a bar; into a pipe or a file it is a line every few seconds, without control
characters. When `TESTICULUS_PROGRESS` names a file, the bars go there: `execute` sets it, so that
bars drawn inside a notebook's kernel reach the person's terminal and not the notebook.
"""

import os
import sys
from collections.abc import Iterable
from typing import IO

LOG_SECONDS = 10.0  # one line per this many seconds when nobody watches live


class _LogLines:
    """A stream for tqdm that turns its carriage returns into whole lines."""

    def __init__(self, stream: IO[str]):
        self.stream = stream

    def write(self, text: str) -> int:
        line = text.replace("\r", "").strip()
        if line:
            self.stream.write(line + "\n")
        return len(text)

    def flush(self) -> None:
        self.stream.flush()


def is_live() -> bool:
    """Return whether a person watches a terminal that can redraw a line."""
    style = os.environ.get("TESTICULUS_PROGRESS_STYLE")
    return style == "tty" if style else sys.stderr.isatty()


def progress(
    iterable: Iterable | None = None, *, total: int | None = None, desc: str = "", unit: str = "it"
):
    """Return a tqdm over `iterable` (or to be advanced by hand with `.update`).

    It names what is running, how far it is and how long it will still take. Nothing is drawn in
    the first two seconds, so that short work stays silent.
    """
    from tqdm import tqdm

    stream = _stream()
    live = is_live()
    return tqdm(
        iterable,
        total=total,
        desc=desc,
        unit=unit,
        file=stream if live else _LogLines(stream),
        delay=2.0,
        mininterval=0.2 if live else LOG_SECONDS,
        maxinterval=LOG_SECONDS,
        ncols=None if live and "TESTICULUS_PROGRESS" not in os.environ else 100,
        dynamic_ncols=live and "TESTICULUS_PROGRESS" not in os.environ,
        leave=True,
    )


def _stream() -> IO[str]:
    target = os.environ.get("TESTICULUS_PROGRESS")
    if target:
        return open(target, "a", encoding="utf-8", buffering=1)
    return sys.stderr
