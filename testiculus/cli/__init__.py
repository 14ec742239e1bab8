"""The command line behind make: `python -m testiculus COMMAND ...`.

`main` parses the words, calls one function of `testiculus.cli.commands` and turns what goes wrong
into one message and an exit status: 2 for bad input, 1 for a failed run, 130 for an interrupt.
Importing this room needs the standard library alone, so that `setup` works before anything is
installed.
"""

import sys
import warnings
from collections.abc import Sequence

from testiculus.base.errors import InputWarning, UserError
from testiculus.cli.parser import make_parser

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `words` defaults to those of the command line."""
    parser = make_parser()
    try:
        options = parser.parse_args(words)
        if options.run is None:
            parser.print_help()
            return 0
        with warnings.catch_warnings():
            _show_input_warnings_plainly()
            return options.run(options) or 0
    except UserError as error:
        return _said(f"error: {error}", EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        return _said(
            "interrupted; finished runs are kept, the same command goes on from there",
            EXIT_INTERRUPTED,
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "testiculus"):
            raise
        return _said(f"error: {_not_installed(package)}", EXIT_BAD_INPUT)
    except Exception as error:
        if getattr(error, "is_reported", False):
            return _said(f"error: {error}", EXIT_FAILED)
        raise


def _not_installed(package: str) -> UserError:
    """Return what to say where another package is missing: most likely this is a bare Python."""
    return UserError(
        f"{package} is not installed",
        where=sys.executable,
        remedy="run `make setup` (or `python3 -m testiculus setup`), then the same command as "
        "`.venv/bin/python -m testiculus ...`",
    )


def _said(message: str, status: int) -> int:
    sys.stdout.flush()
    print(message, file=sys.stderr, flush=True)
    return status


def _show_input_warnings_plainly() -> None:
    """Print an `InputWarning` as `warning: ...`, each message once; leave other warnings alone."""
    usual, shown = warnings.showwarning, set()

    def show(message, category, *rest, **more):
        if not issubclass(category, InputWarning):
            return usual(message, category, *rest, **more)
        if str(message) not in shown:
            shown.add(str(message))
            print(f"warning: {message}", file=sys.stderr, flush=True)

    warnings.showwarning = show
    warnings.simplefilter("always", InputWarning)
