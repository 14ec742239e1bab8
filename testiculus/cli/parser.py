"""What the command line accepts; `make_parser` returns it. Standard library only.

Every option that make forwards may come empty (`--data ""`): that means "not given".
"""

import argparse
from typing import NoReturn

from testiculus.base.errors import UserError, one_of
from testiculus.cli import commands
from testiculus.data import importers

DESCRIPTION = "Reproduce the tables of the article, on the phantom or on your own images."
EPILOG = "Research software, not a medical device. `make` alone lists the same commands."


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are user errors, worded like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"`{self.prog} --help` lists what there is")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None:
            one_of(value, action.choices, action.dest)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; parsed options carry the command's function as `run`."""
    parser = _Parser("python -m testiculus", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=None)
    commands_of = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Parser)

    def command(name: str, function, text: str) -> argparse.ArgumentParser:
        added = commands_of.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=function)
        return added

    _add_environment(command)
    _add_experiments(command)
    _add_book(command)
    _add_development(command)
    return parser


def _add_environment(command) -> None:
    setup = command("setup", commands.setup, "install the locked packages into .venv")
    setup.add_argument("--wheels", default="", metavar="DIR", help="install from this folder only")
    wheelhouse = command(
        "wheelhouse", commands.wheelhouse, "collect the packages for a machine without internet"
    )
    wheelhouse.add_argument("folder", nargs="?", default="wheels", help="default: wheels")
    for added in (setup, wheelhouse):
        added.add_argument(
            "--torch-index",
            default=None,
            metavar="URL",
            help="take torch and torchvision from this index (small CPU-only builds)",
        )


def _add_experiments(command) -> None:
    reproduce = command("reproduce", commands.reproduce, "run an experiment's notebook")
    reproduce.add_argument(
        "experiment",
        metavar="EXPERIMENT",
        help="table1, or another; all: the six of the article, one after another",
    )
    for name, text in {
        "profile": "smoke, demo, lite or paper (default: demo, on a GPU lite)",
        "data": "'phantom' or the path of a manifest (default: phantom)",
        "variant": "article, thesis or released (default: article)",
        "device": "auto, cpu, cuda or cuda:<number> (default: auto)",
        "seeds": "how many (4), or which (0,1,2)",
    }.items():
        reproduce.add_argument(f"--{name}", default="", help=text)
    reproduce.add_argument("--results", default="", metavar="DIR", help="default: results")
    reproduce.add_argument("--estimate", action="store_true", help="say what it costs, and stop")
    reproduce.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any parameter of the notebook; may be repeated",
    )
    imports = command("import", commands.import_images, "turn raw material into a manifest")
    importers.add_arguments(imports)
    encoders = command("encoders", commands.encoders, "list the pretrained encoders, copy one out")
    encoders.add_argument("--copy", default="", metavar="KEY", help="key, or its start, to copy")
    encoders.add_argument(
        "--to", default="", metavar="FILE", help="for example weights/ud_resnet18.safetensors"
    )
    generated = command(
        "generated", commands.generated, "list the generated image sets, write one out as PNGs"
    )
    generated.add_argument("--copy", default="", metavar="KEY", help="key, or its start, to write")
    generated.add_argument(
        "--to", default="", metavar="DIR", help="a new folder, for example imported/synthetic"
    )
    _add_audit(command)
    calibrate = command("calibrate", commands.calibrate, "measure how hard the phantom is")
    calibrate.add_argument("--profile", default="", help="default: demo")
    calibrate.add_argument("--device", default="", help="default: auto")


def _add_audit(command) -> None:
    audit = command("audit", commands.audit, "look for copies, confounds and marks in a data set")
    audit.add_argument("--data", default="", help="'phantom' or a manifest (default: phantom)")
    audit.add_argument("--results", default="", metavar="DIR", help="default: results")
    audit.add_argument("--estimate", action="store_true", help="say what it costs, and stop")
    audit.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a further column of classes to ask about; may be repeated",
    )
    audit.add_argument(
        "--pictures",
        default="",
        metavar="FILE.png",
        help="draw the pairs that show one picture into this file of yours",
    )


def _add_book(command) -> None:
    claims = command("claims", commands.claims, "print what holds of what the sources say")
    claims.add_argument("words", nargs="*", metavar="WORD", help="only claims with these words")
    for name, text in {
        "verdict": "supported, contradicted, 'not resolved', 'cannot be tested here' or 'not run'",
        "data": "phantom, liver, 'printed figures' (the sources' own)",
        "document": "article, thesis, slides, renal, or companion: this project's own",
    }.items():
        claims.add_argument(f"--{name}", default="", help=f"only {text}")
    claims.add_argument("--results", default="", metavar="DIR", help="default: results")
    claims.add_argument("--own", action="store_true", help="results of your own data too")
    book = command("book", commands.book, "build the book into _build/html")
    book.add_argument(
        "--pictures", action="store_true", help="draw the committed pictures anew, and stop"
    )
    book.add_argument(
        "--own",
        action="store_true",
        help="show the results of your own data too; such a book is as private as they are",
    )
    site = command("site", commands.site, "pack the built book as one file for readers")
    site.add_argument(
        "--to", default="", metavar="FILE.zip", help="default: _build/testiculus-book-<version>.zip"
    )
    serve = command("serve", commands.serve, "show the built book on this machine")
    serve.add_argument("--port", default="", help="default: 8000")
    serve.add_argument("--no-browser", action="store_true", help="only say the address")
    command("lab", commands.lab, "open JupyterLab on copies of the notebooks")


def _add_development(command) -> None:
    test = command("test", commands.test, "run the tests")
    test.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="passed to pytest")
    command("lint", commands.lint, "check style and layers")
    command("format", commands.format_code, "format the code")
    lock = command("lock", commands.lock, "resolve pyproject.toml into requirements.lock")
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions")
    bench = command("bench", commands.bench, "measure speed and write a table")
    bench.add_argument("rest", nargs=argparse.REMAINDER, metavar="...")
