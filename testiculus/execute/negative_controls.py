"""What stands beside a table's results: its negative controls, and the audits of the protocol.

`beside` returns both as Markdown for the page of a result, from the runs of the experiments
`controls` and `audits` on the same data and profile; nothing where these have not run.
"""

import csv
from collections.abc import Iterable, Sequence

from testiculus.execute.found import EXPECTED, Result
from testiculus.execute.markdown import escaped, table

CONTROLS, AUDITS = "controls", "audits"
FILE = "controls.csv"
HEAD = ("control", "measure", "here [95 %]", "n", "chance", "beside it", "verdict")
DISTANCE = "frechet"  # the measure that is no fraction
# Parts of a measure's name that are no words, and those that say what it was taken on.
NAMES = {"f1": "F1", "auc": "AUC", "knn": "kNN", DISTANCE: "Fréchet distance"}
TAKEN_ON = ("truth", "original", "clean", "curated", "whole", "pixels")
AUDITED = ("table1", "table2", "table3", "table4")  # whose figures the audits are about


def beside(result: Result, found: Iterable[Result]) -> str:
    """Return the sections on a result's negative controls and on audits; "" without either."""
    others = [r for r in found if (r.data, r.profile) == (result.data, result.profile)]
    by_name = {other.experiment: other for other in others}
    parts = [
        controls_section(result.experiment, by_name.get(CONTROLS)),
        audits_line(result.experiment, by_name.get(AUDITS)),
    ]
    return "\n\n".join(part for part in parts if part)


def controls_section(experiment: str, controls: Result | None) -> str:
    """Return an experiment's negative controls as a section; "" where none has run.

    The figures are fractions and shown in percent, but for measures that are none.
    """
    lines = [line for line in _lines(controls) if line["table"] == experiment]
    if not lines or controls is None:
        return ""
    stale = " **These results are stale.**" if controls.is_stale else ""
    return (
        "## Negative controls\n\n"
        "The same measurement where nothing can be learnt or nothing was: it has to fail. *Chance* "
        "is what guessing gives, *beside it* the row of this table that a control stands next to. "
        "In percent, but for distances. "
        f"From [the run of the controls]({_page(controls)}) ({controls.price()}).{stale}\n\n"
        f"{table(HEAD, [_cells(line) for line in lines], right=(2, 3, 4))}"
    )


def audits_line(experiment: str, audits: Result | None) -> str:
    """Return the link to the audits of the protocol for a table that they are about."""
    if audits is None or experiment not in AUDITED:
        return ""
    return (
        "**Protocol audits.** How far errors of the protocol move figures like these, and which "
        f"way: [](<{_page(audits)}>)."
    )


def _lines(controls: Result | None) -> Sequence[dict[str, str]]:
    path = controls.folder / FILE if controls else None
    if path is None or not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _cells(line: dict[str, str]) -> list[str]:
    measure = line["metric"]
    value, low, high = (_figure(line[name], measure) for name in ("value", "ci_low", "ci_high"))
    found = f"{value} [{low}, {high}]" if low and high else value
    real = _figure(line["beside_value"], measure)
    next_to = f"{escaped(line['beside'])}: {real}" if line["beside"] and real else ""
    named = dict.fromkeys(name for name in (line["row"], line["control"]) if name)
    return [
        escaped(", ".join(named)),
        escaped(words(measure)),
        found,
        f"{float(line['n']):,.0f}" if line["n"] else "",
        _figure(line["chance"], measure),
        next_to,
        escaped(line["verdict"]),
    ]


def words(measure: str) -> str:
    """Return a measure's name as a person reads it.

    >>> words("probe_auc_truth"), words("frechet_whole"), words("kept_share")
    ('probe AUC, truth', 'Fréchet distance, whole', 'kept share')
    """
    parts = [NAMES.get(part, part) for part in measure.split("_")]
    if len(parts) > 1 and parts[-1] in TAKEN_ON:
        return f"{' '.join(parts[:-1])}, {parts[-1]}"
    return " ".join(parts)


def _figure(text: str, measure: str) -> str:
    """Return a number of the file as shown; "" for none.

    >>> _figure("0.5123", "probe_auc"), _figure("12.3456", "frechet_whole"), _figure("", "auc")
    ('51.2', '12.35', '')
    """
    try:
        value = float(text)
    except ValueError:
        return escaped(text)
    if value != value:
        return ""
    return f"{value:.2f}" if measure.startswith(DISTANCE) else f"{100 * value:.1f}"


def _page(result: Result) -> str:
    """Return where a run's page lies, from the top of the book."""
    folder = "" if (result.experiment, result.data, result.profile) in EXPECTED else "runs/"
    return f"/book/generated/{folder}{result.page}"
