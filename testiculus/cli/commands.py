"""One function per command: words in, a call of the room that does it, an exit status out.

Each function takes the parsed options and returns an exit status (None means 0). What a command
needs is imported inside it.
"""

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from testiculus.base.errors import UserError, one_of
from testiculus.base.places import project_root


def setup(options: argparse.Namespace) -> None:
    """Install what the lock says into `.venv`."""
    from testiculus.base import environment

    environment.setup(wheels=options.wheels or None, torch_index=options.torch_index)


def wheelhouse(options: argparse.Namespace) -> None:
    """Download the packages of the lock into a folder."""
    from testiculus.base import environment

    environment.wheelhouse(options.folder, torch_index=options.torch_index or "")


def reproduce(options: argparse.Namespace) -> int:
    """Run an experiment's notebook, or only say what that would cost, and show its table.

    "all" are the six of the article, one after another; any that fails counts.
    """
    from testiculus.execute import reproduce_all, runner

    values, every = _parameters(options), options.experiment == reproduce_all.ALL
    results = Path(options.results) if options.results else project_root() / "results"
    if options.estimate and every:
        told, possible = reproduce_all.estimate_all(values)
        print(told)
        return int(not possible)
    if options.estimate:
        print(runner.estimate(options.experiment, values))
        return 0
    if every:
        ended = reproduce_all.reproduce_all(values, results, _show)
        return int(any(end.done is None for end in ended))
    _show(runner.reproduce(options.experiment, values, results))
    return 0


def _parameters(options: argparse.Namespace) -> dict[str, str]:
    """Return the parameters given by option or by name, as texts; checks what can be checked."""
    from testiculus.execute.parameters import parse_pairs
    from testiculus.experiments.profiles import PROFILES
    from testiculus.paper import VARIANTS

    values = parse_pairs(options.parameters)
    for name in ("profile", "data", "variant", "device", "seeds"):
        value = getattr(options, name)
        if value and values.setdefault(name.upper(), value) != value:
            raise UserError(f"parameter {name!r} is given twice", remedy="give it once")
    if "RESULTS" in values:
        raise UserError("RESULTS is no notebook parameter to set with -p", remedy="use --results")
    for name, allowed in {"PROFILE": PROFILES, "VARIANT": tuple(VARIANTS)}.items():
        if name in values:
            one_of(values[name], allowed, name.lower())
    device = values.get("DEVICE", "auto")
    one_of(device.partition(":")[0], ("auto", "cpu", "cuda"), "device")
    if "PROFILE" not in values and device != "cpu":
        values |= _gpu_profile(device)
    return values


def _gpu_profile(device: str) -> dict[str, str]:
    """Return the profile for machines with a GPU where there is one, else nothing."""
    from testiculus.base.devices import resolve_device

    if resolve_device(device).type != "cuda":
        return {}
    print("a GPU is used: PROFILE=lite (give PROFILE=demo for the laptop's size)")
    return {"PROFILE": "lite"}


def _show(done) -> None:
    """Print a finished experiment's table, its price and where its files lie."""
    from testiculus.execute.words import price
    from testiculus.report import as_text

    print(as_text(done.folder))
    print(f"cost: {price(done.provenance)}")
    print(f"results: {_short(done.folder)}")


def _short(folder: Path) -> str:
    """Return `folder` as seen from where the person is, if it lies below."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)


def import_images(options: argparse.Namespace) -> None:
    """Turn raw material into views and a manifest, with the importer of that kind."""
    from testiculus.data.importers import from_arguments

    print(f"manifest: {_short(Path(from_arguments(options)).absolute())}")


def encoders(options: argparse.Namespace) -> None:
    """List the encoders of the store, or copy one out."""
    from testiculus.base.places import runs_folder
    from testiculus.experiments.encoders import copy_encoder, encoders_table, find_encoder

    if bool(options.copy) != bool(options.to):
        raise UserError(
            "--copy and --to go together",
            remedy="--copy KEY --to weights/ud_resnet18.safetensors",
        )
    if options.copy:
        copied = copy_encoder(find_encoder(runs_folder(), options.copy), Path(options.to))
        print(f"copied: {_short(copied.absolute())}")
        return
    print(encoders_table(runs_folder()))


def generated(options: argparse.Namespace) -> None:
    """List the generated image sets of the store, or write one out as PNGs with a manifest."""
    from testiculus.base.places import runs_folder
    from testiculus.experiments.generated_sets import export_set, find_set, sets_table

    if bool(options.copy) != bool(options.to):
        raise UserError("--copy and --to go together", remedy="--copy KEY --to imported/synthetic")
    if options.copy:
        manifest = export_set(find_set(runs_folder(), options.copy), Path(options.to))
        print(f"manifest: {_short(manifest.absolute())}")
        return
    print(sets_table(runs_folder()))


def calibrate(options: argparse.Namespace) -> None:
    """Measure the phantom's difficulty on true labels and keep the figure with the profile."""
    from testiculus.experiments.calibration import F1_RANGE, calibrate

    found = calibrate(options.profile or "demo", options.device or "auto")
    low, high = F1_RANGE
    print(
        f"F1 on true labels {found['f1_mean']:.3f} +- {found['f1_std']:.3f} over {found['runs']} "
        f"runs (wanted: {low:.2f} to {high:.2f}); AUC {found['auc_mean']:.3f}"
    )


def audit(options: argparse.Namespace) -> None:
    """Audit a data set, say what was found, and keep it; or only say what that would cost."""
    from testiculus.execute.audit_run import estimate, run_audit
    from testiculus.execute.words import price
    from testiculus.report.dataset_audit_page import present
    from testiculus.report.tables_dataset_audit import audit_text

    if options.pictures and Path(options.pictures).suffix != ".png":
        raise UserError("--pictures takes the name of a .png file", where=options.pictures)
    data, columns = options.data or "phantom", tuple(options.label)
    if options.estimate:
        print(estimate(data, columns))
        return
    results = Path(options.results) if options.results else project_root() / "results"
    pictures = Path(options.pictures) if options.pictures else None
    done = run_audit(data, results, columns, partial(present, pictures=pictures))
    print(audit_text(done.folder))
    print(f"\ncost: {price(done.provenance)}")
    print(f"results: {_short(done.folder)}")


def claims(options: argparse.Namespace) -> None:
    """Print the ledger: every claim of the sources, and what the results say of it."""
    from testiculus.execute.found import find_results
    from testiculus.execute.ledger_page import ledger_of
    from testiculus.report.ledger import chosen, counts_table, ledger_text

    results = Path(options.results) if options.results else project_root() / "results"
    if options.results and not results.is_dir():
        raise UserError("no results there", where=str(results), remedy="name a results folder")
    frame = ledger_of(find_results(results, options.own))
    shown = chosen(frame, options.verdict, options.data, options.document, " ".join(options.words))
    print(f"{ledger_text(shown)}\n\n{counts_table(frame)}")


def book(options: argparse.Namespace) -> None:
    """Write the generated pages and build the book, warnings as errors."""
    from testiculus.execute import book as building

    if options.pictures:
        for path in _draw_pictures(project_root() / "book" / "images"):
            print(_short(path))
        return
    print(f"the book: {_short(building.build(project_root(), options.own))}")


def site(options: argparse.Namespace) -> None:
    """Build the book without anybody's own results, and pack it as one file for readers."""
    from testiculus.execute.site import pack

    packed = pack(project_root(), Path(options.to) if options.to else None)
    size = packed.stat().st_size / 2**20
    print(f"the book, packed: {_short(packed.absolute())} ({size:.1f} MiB); open its index.html")


def _draw_pictures(folder: Path) -> list[Path]:
    """Draw the pictures that README and book show, and return their files."""
    from testiculus.base.files import atomic_write
    from testiculus.report import marker_grid, marker_kinds, phantom_grid

    pictures = {
        "phantom": phantom_grid, "markers_kinds": marker_kinds, "markers_grid": marker_grid
    }  # fmt: skip
    options = {"format": "png", "dpi": 110, "metadata": {"Software": None}}
    drawn = []
    for name, draw in pictures.items():
        figure = draw()
        save = partial(figure.savefig, **options)
        drawn.append(atomic_write(folder / f"{name}.png", save))
    return drawn


def serve(options: argparse.Namespace) -> None:
    """Show the built book on this machine until interrupted."""
    from testiculus.execute.book import serve

    serve(project_root(), options.port or "8000", open_browser=not options.no_browser)


def lab(options: argparse.Namespace) -> int:
    """Open JupyterLab on copies of the notebooks until it is stopped."""
    from testiculus.execute.lab import lab

    return lab(project_root())


def test(options: argparse.Namespace) -> int:
    """Run the tests with what follows passed to pytest."""
    return _python("pytest", *_words(options))


def lint(options: argparse.Namespace) -> int:
    """Check style, formatting and the floors of the package; all are run, any failure counts."""
    steps = (
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [str(Path(sys.executable).with_name("lint-imports"))],
    )
    return max(subprocess.run(step, cwd=project_root(), check=False).returncode for step in steps)


def format_code(options: argparse.Namespace) -> int:
    """Sort imports and format the code in place."""
    return _python("ruff", "check", "--select", "I", "--fix", ".") or _python("ruff", "format", ".")


def lock(options: argparse.Namespace) -> None:
    """Resolve the direct dependencies into the lock file and the conda environment."""
    from testiculus.base.lockfile import write_lock

    write_lock(project_root(), upgrade=options.upgrade)


def bench(options: argparse.Namespace) -> int:
    """Run the project's benchmarks, each with the words that follow; any failure counts."""
    scripts = sorted((project_root() / "benchmarks").glob("*.py"))
    if not scripts:
        raise UserError("no benchmarks here", str(project_root()), "run this in the project")
    steps = [[sys.executable, str(script), *_words(options)] for script in scripts]
    path = [str(project_root()), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return max(
        subprocess.run(step, cwd=project_root(), env=environment, check=False).returncode
        for step in steps
    )


def _words(options: argparse.Namespace) -> list[str]:
    """Return the words meant for another program, without the "--" that may set them off."""
    return options.rest[1:] if options.rest[:1] == ["--"] else options.rest


def _python(module: str, *words: str) -> int:
    """Run a module with this Python in the project's folder; return its exit status."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=project_root(), check=False).returncode
