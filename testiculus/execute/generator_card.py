"""The generator's card: what it was trained on, how, how good its images are, whether they copy.

`generator_card_pieces` returns the generated parts of the book's page, from the results of Fig. 4.
"""

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from testiculus.execute.found import EXPECTED, Result, page_name
from testiculus.execute.markdown import escaped, table
from testiculus.execute.profile_tabs import ORDER, of_profiles
from testiculus.execute.table_pages import command, title

if TYPE_CHECKING:
    import pandas as pd

EXPERIMENT = "fig4"
SETS = ("phantom", "liver")
LAST = 100  # steps whose mean loss is told: that of one batch says little
# What the card names: words -> entry of the settings.
SETTINGS = {
    "net": "net",
    "training": "generator",
    "precision": "precision",
    "sampler": "sampler",
    "images drawn": "generated images",
    "filter": "filter",
}
LOSSES = {"simple": "squared error of the noise", "vlb": "variational bound"}
REFERENCES = {
    "whole": "all labelled images",
    "batch": "batches of labelled images",
    "heldout": "patients that the filter has not seen",
    "insample": "the filter's own half",
}
MEASURES = ("precision", "recall", "frechet")  # in the table's order
ROWS = ("before", "filtered", "real")
SEARCHED = ("generated", "held-out real")  # whose copies the card tells; the page has all


def generator_card_pieces(found: Sequence[Result]) -> dict[str, str]:
    """Return the parts that the page includes, by their names below `book/generated/`."""
    pieces = {}
    for data in SETS:
        runs = of_profiles(found, EXPERIMENT, data)
        text = _of_run(runs[0]) if runs else _missing(data)
        pieces[f"include/generator_{data}.md"] = text
    return pieces


def _missing(data: str) -> str:
    what = (EXPERIMENT, data, ORDER[-1])
    return f"{title(*what)}: not run here. To make it: `{command(*what)}`.\n"


def _of_run(run: Result) -> str:
    place = page_name(run.experiment, run.data, run.profile)
    folder = "" if (run.experiment, run.data, run.profile) in EXPECTED else "runs/"
    link = f"[{title(run.experiment, run.data, run.profile)}](/book/generated/{folder}{place})"
    stale = " **These results are stale.**" if run.is_stale else ""
    told = f"From {link}, {run.price()}.{stale}"
    parts = [told, table(("", ""), _facts(run)), _fidelity(run), _copies(run)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _facts(run: Result) -> list[tuple[str, str]]:
    record: dict[str, Any] = run.provenance
    settings, drawn = record.get("settings", {}), record.get("generated", {})
    rows = [("trained on", _trained_on(record))]
    rows += [(words, escaped(settings[key])) for words, key in SETTINGS.items() if key in settings]
    rows += [(f"last loss, {LOSSES[name]}", text) for name, text in _losses(run).items()]
    if drawn:
        rows.append(("kept by the filter", f"{drawn['kept']:,} of {drawn['images']:,} images"))
    licence = record.get("licence") or "not stated"
    return [*rows, ("licence", f"that of the training images: {licence}")]


def _trained_on(record: dict[str, Any]) -> str:
    settings = record.get("settings", {})
    images = f"{settings.get('images', '?')} labelled images of `{record.get('data', '?')}`"
    people = f"{settings.get('patients', '?')} patients, {settings.get('pixels', '?')} px"
    folds = record.get("generated", {}).get("from")
    also = f"; {escaped(folds)}" if folds else ""
    return f"{images} ({people}), without their labels{also}"


def _losses(run: Result) -> dict[str, str]:
    """Return the mean of each loss over the last steps."""
    import pandas as pd

    file = run.folder / "history.csv"
    if not file.is_file():
        return {}
    last = pd.read_csv(file).tail(LAST)
    return {name: f"{last[name].mean():.4f}" for name in LOSSES if name in last}


def _fidelity(run: Result) -> str:
    """Return precision, recall and distance of each set of images, in the filter's features."""
    import pandas as pd

    file = run.folder / "fidelity.csv"
    if not file.is_file():
        return ""
    frame = pd.read_csv(file)
    frame = frame[frame["space"] == frame["space"].iloc[0]]
    means = frame.groupby(["reference", "row", "metric"])["value"].mean()
    distance = "FID" if bool(frame["is_fid"].iloc[0]) else "Fréchet distance"
    head = ("against", "images", "precision", "recall", distance)
    rows = [
        [words, row, *(_figure(means, reference, row, measure) for measure in MEASURES)]
        for reference, words in REFERENCES.items()
        for row in ROWS
        if (reference, row, "precision") in means.index
    ]
    said = f"Measured in {frame['features'].iloc[0]}; *real* are other real images in their place."
    return f"{said}\n\n{table(head, rows, right=(2, 3, 4))}" if rows else ""


def _figure(means: "pd.Series", reference: str, row: str, measure: str) -> str:
    where = (reference, row, measure)
    if where not in means.index:
        return ""
    value = float(means[where])
    return f"{value:.2f}" if measure == "frechet" else f"{100 * value:.1f}"


def _copies(run: Result) -> str:
    """Return what the search for copies found of generated and of held-out real images."""
    file = run.folder / "copies.csv"
    if not file.is_file():
        return ""
    with file.open(encoding="utf-8", newline="") as lines:
        found = [line for line in csv.DictReader(lines) if line["subject"] in SEARCHED]
    named = _spaces(run)
    rows = [
        [
            named.get(line["space"], line["space"]),
            line["subject"],
            f"{float(line['copies']):.0f} of {float(line['n']):,.0f}",
        ]
        + [f"{_percent(line['rate'])} [{_percent(line['low'])}, {_percent(line['high'])}]"]
        for line in found
    ]
    said = (
        "Images called copies of a training image: a search in pixels and in each network's "
        "features, and beside it held-out real images, which are copies of nothing."
    )
    return f"{said}\n\n{table(('measured in', 'images', 'copies', 'percent'), rows, (2, 3))}"


def _spaces(run: Result) -> dict[str, str]:
    """Return what each space of features is, in words, by its short name."""
    import pandas as pd

    file = run.folder / "fidelity.csv"
    if not file.is_file():
        return {}
    frame = pd.read_csv(file).drop_duplicates("space")
    return dict(zip(frame["space"], frame["features"], strict=True))


def _percent(text: str) -> str:
    return f"{100 * float(text):.1f}" if text else ""
