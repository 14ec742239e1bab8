"""Running the six experiments of the article, one after another: `reproduce_all`.

They find each other's runs in the store. One that fails does not keep the others from running;
`closing_table` says at the end what each came to, and `estimate_all` says before what it will cost.
"""

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from testiculus.base.errors import UserError
from testiculus.base.places import project_root
from testiculus.execute import runner
from testiculus.execute.parameters import notebook_path, read_parameters
from testiculus.execute.words import duration, gibibytes, price

ALL = "all"
# Table 1's flags are the labels of Tables 2 to 4, Fig. 4's generator is Table 3's.
ORDER = ("table1", "table2", "fig4", "table3", "table4", "fig5")
# What means the same in each notebook that has it.
FOR_ALL = (
    "PROFILE",
    "DATA",
    "UNLABELLED",
    "SYNTHETIC",
    "EXCLUDE_TEST",
    "VARIANT",
    "DEVICE",
    "SEEDS",
)


@dataclass(frozen=True)
class Ended:
    """How one experiment ended: what it `done`, or in `problem` why it failed."""

    experiment: str
    seconds: float
    done: runner.Finished | None = None
    problem: str = ""


def values_for(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what each experiment is given of `values`, texts by parameter name: what it takes.

    Raises `UserError` for a name that is not in `FOR_ALL`, for a value of the wrong type, and for a
    manifest that is not there.
    """
    for name, text in values.items():
        if name not in FOR_ALL:
            raise UserError(
                f"{name} cannot be given to all experiments at once",
                where=f"{name}={text}",
                remedy="give it to one that has it, as in `make reproduce-table1 P=...`; all of "
                f"them take {', '.join(FOR_ALL)}, where they have it",
            )
    given = {}
    for experiment in ORDER:
        declared = read_parameters(notebook_path(project_root(), experiment))
        given[experiment] = {name: text for name, text in values.items() if name in declared}
        runner.prepared(experiment, given[experiment])
    return given


def reproduce_all(
    values: Mapping[str, str],
    results: Path,
    show: Callable[[runner.Finished], None],
    say: Callable[[str], None] = print,
) -> list[Ended]:
    """Run every experiment of `ORDER` into `results`; return how each ended.

    `show` is given each that finished. A failure is told on stderr, with a traceback where it is a
    mistake of the program. The closing table is said in any case, also when it is interrupted.
    Raises `UserError` as `values_for` does, before anything runs.
    """
    given, ended = values_for(values), []
    try:
        for number, (experiment, own) in enumerate(given.items(), start=1):
            without = [name for name in values if name not in own]
            less = f", which takes no {', '.join(without)}" if without else ""
            say(f"\n== {number} of {len(given)}: {experiment}{less} ==\n")
            ended.append(_ended(experiment, own, results, show, ended))
    finally:
        say(f"\n{closing_table(ended)}")
    return ended


def _ended(
    experiment: str,
    values: Mapping[str, str],
    results: Path,
    show: Callable[[runner.Finished], None],
    before: Sequence[Ended],
) -> Ended:
    started = time.monotonic()
    try:
        done = runner.reproduce(experiment, values, results)
        show(done)
    except Exception as error:
        _tell(error, before)
        return Ended(experiment, time.monotonic() - started, problem=str(error) or repr(error))
    return Ended(experiment, time.monotonic() - started, done)


def _tell(error: Exception, before: Sequence[Ended]) -> None:
    """Say on stderr what went wrong; what was said of an experiment before is not repeated."""
    sys.stdout.flush()
    same = next((other.experiment for other in before if other.problem == str(error)), "")
    if same:
        print(f"error: as of {same}", file=sys.stderr, flush=True)
        return
    if not isinstance(error, UserError) and not getattr(error, "is_reported", False):
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr, flush=True)


def closing_table(ended: Sequence[Ended]) -> str:
    """Return what the experiments came to as text: each with its price, or why it failed."""
    told = {end.experiment: end for end in ended}
    rows = [(experiment, *_outcome(told.get(experiment))) for experiment in ORDER]
    lines = _aligned([("experiment", "outcome", "price"), *rows])
    finished = sum(end.done is not None for end in ended)
    total = f"{finished} of {len(ORDER)} done, {duration(sum(end.seconds for end in ended))} in all"
    if finished < len(ORDER):
        total += "; the same command takes up what is left, and finds what is done"
    return "\n".join([*lines, "", total])


def _outcome(end: Ended | None) -> tuple[str, str]:
    if end is None:
        return "not run", ""
    if end.done is None:
        return "failed", f"{duration(end.seconds)}: {end.problem.splitlines()[0].rstrip(':')}"
    return "done", price(end.done.provenance)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def estimate_all(values: Mapping[str, str]) -> tuple[str, bool]:
    """Return what all experiments would cost here, as text, and whether all of them can be run.

    What several share is counted once. Nothing is written. Raises `UserError` as `values_for`.
    """
    from testiculus.experiments.together import costs_of

    given, problems = values_for(values), {}
    costs = list(costs_of(_plans(given, problems)))
    rows = [(cost.experiment, duration(cost.seconds), cost.in_words()) for cost in costs]
    lines = _aligned([("experiment", "time here", "to do"), *rows])
    lines += [f"{name} cannot be run: {text}" for name, text in problems.items()]
    if costs:
        memory = gibibytes(max(cost.memory_gib for cost in costs) * 2**30)
        lines += [
            "",
            f"all: about {duration(sum(cost.seconds for cost in costs))}, {memory} of memory, "
            f"{sum(cost.disk_mib for cost in costs):.0f} MiB of disk at most",
        ]
    return "\n".join(lines), not problems


def _plans(given: Mapping[str, Mapping[str, str]], problems: dict[str, str]) -> Iterator[tuple]:
    """Yield each experiment with its plan; what keeps one from being planned goes to `problems`."""
    for experiment, values in given.items():
        _, parameters = runner.prepared(experiment, values)
        arguments = {name.lower(): value for name, value in parameters.items()}
        module = import_module(f"testiculus.experiments.{experiment}")
        try:
            planned = module.plan(**arguments)
        except UserError as error:
            problems[experiment] = str(error)
        else:
            yield experiment, planned
