"""The terminal: bars as they come, warnings in plain words."""

import io
import time

import pytest

from testiculus.execute.terminal import ProgressTail, Warnings, tidy_warnings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/b.py:12: InputWarning: odd\n  warnings.warn(x)\n", "warning: odd\n"),
        ("/a/b.py:12: InputWarning: odd\n", "warning: odd\n"),
        (
            "/a/b.py:1: FutureWarning: soon\n  f()\nnext line\n",
            "warning: FutureWarning: soon\nnext line\n",
        ),
        ("nothing to see: here\n", "nothing to see: here\n"),
        ("C:\\x\\b.py:12: InputWarning: odd\n  f()\n", "warning: odd\n"),
    ],
)
def test_a_warning_loses_its_path_and_its_line_of_code(text, expected):
    assert tidy_warnings(text) == expected


def test_a_stream_of_warnings_is_tidied_as_it_passes():
    below = io.StringIO()

    Warnings(below).write("/a/b.py:12: InputWarning: odd\n  f()\n")

    assert below.getvalue() == "warning: odd\n"


def test_progress_shows_while_the_kernel_still_writes(tmp_path):
    shown = io.StringIO()

    with ProgressTail(tmp_path / "bars", shown) as tail, tail.path.open("a") as bars:
        for part in ("1 of 2\r", "2 of 2\n"):
            bars.write(part)
            bars.flush()
            deadline = time.monotonic() + 5
            while part not in shown.getvalue() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert part in shown.getvalue()

    assert shown.getvalue() == "1 of 2\r2 of 2\n"


def test_into_a_file_progress_is_lines_and_no_bars(tmp_path):
    assert ProgressTail(tmp_path / "bars", io.StringIO()).style == "log"
