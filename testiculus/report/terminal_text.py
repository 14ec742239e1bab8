"""What a terminal shows after a run: the tables of a results folder as text, by experiment."""

from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

from testiculus.base.errors import one_of
from testiculus.base.files import read_json
from testiculus.claims.peers_schema import CHOICE_METRICS
from testiculus.claims.schema import OTHER_ORGANS, OWN_ORGAN, Conditions
from testiculus.claims.synthetic import REAL_OTHERS, REAL_OWN
from testiculus.noise import Rule
from testiculus.report.peers_words import peers_answer
from testiculus.report.render import TERMINAL_WIDTH, Table
from testiculus.report.tables import table1_table
from testiculus.report.tables_attention import kinds_table, two_by_two_table
from testiculus.report.tables_attention_claims import attention_verdicts_table, controls_table
from testiculus.report.tables_audits_protocol import (
    protocol_answer,
    protocol_audits_table,
    protocol_verdicts_table,
)
from testiculus.report.tables_controls import (
    negative_controls_table,
    negative_controls_verdicts_table,
)
from testiculus.report.tables_copies import copies_table, generation_verdicts_table
from testiculus.report.tables_generation import fidelity_table, heldout_table
from testiculus.report.tables_peers import (
    choice_table,
    curated_table,
    peers_verdicts_table,
    ranking_table,
)
from testiculus.report.tables_pretraining import pretraining_table
from testiculus.report.tables_pretraining_claims import pretraining_verdicts_table
from testiculus.report.tables_synthetic import generated_table
from testiculus.report.tables_truth import three_way_table

SHOWN_READINGS = ("", "-clean", "-finetuned")  # the page has the others too


def as_text(folder: str | Path) -> str:
    """Return the tables of a results folder for a terminal; its name says of which experiment.

    Raises `UserError` for an experiment that has no tables.
    """
    folder = Path(folder)
    tables = _TABLES[one_of(folder.name, _TABLES, "experiment")]
    return "\n\n\n".join(str(table) for table in tables(folder))


def _table1(folder: Path) -> tuple[Table, ...]:
    """Return the same models scored three ways, and Table 1."""
    results, verdicts, flags = (_frame(folder, n) for n in ("results", "verdicts", "flags"))
    conditions = _conditions(folder, results)
    return (
        three_way_table(results, conditions),
        table1_table(results, verdicts, conditions, flags),
    )


def _pretraining(folder: Path) -> tuple[Table, ...]:
    """Return Table 2's, 3's or 4's verdicts, and the table as printed."""
    results, verdicts, encoders = (_frame(folder, n) for n in ("results", "verdicts", "encoders"))
    conditions = replace(_conditions(folder, results), **_organs(encoders))
    return (
        pretraining_verdicts_table(folder.name, verdicts, conditions, SHOWN_READINGS),
        pretraining_table(folder.name, results, verdicts, conditions),
    )


def _organs(encoders: pd.DataFrame) -> dict[str, Any]:
    """Return which organs stand for testes and thyroids, as the single-organ encoders say."""
    organs = encoders.drop_duplicates("row").set_index("row")["organs"]
    told: dict[str, Any] = {}
    for row in {OWN_ORGAN, REAL_OWN} & {*organs.index}:
        told["organ"] = organs[row]
    for row in {OTHER_ORGANS, REAL_OTHERS} & {*organs.index}:
        told["other_organs"] = tuple(name.strip() for name in organs[row].split(","))
    return told


def _synthetic(folder: Path) -> tuple[Table, ...]:
    """Return what was generated and kept, then Table 3's verdicts and the table as printed."""
    generated = _frame(folder, "generated")
    conditions = _conditions(folder, _frame(folder, "results"))
    return (generated_table(generated, conditions), *_pretraining(folder))


def _generation(folder: Path) -> tuple[Table, ...]:
    """Return Fig. 4's verdicts, copies, the filter on unseen patients, and the paper's figures."""
    names = ("results", "verdicts", "copies", "fidelity", "replicates")
    results, verdicts, copies, fidelity, replicates = (_frame(folder, name) for name in names)
    conditions = _conditions(folder, results)
    return (
        generation_verdicts_table(verdicts, conditions),
        copies_table(copies, conditions),
        heldout_table(fidelity, conditions),
        fidelity_table(fidelity, conditions, replicates),
    )


def _attention(folder: Path) -> tuple[Table, ...]:
    """Return Fig. 5's verdicts, the controls, each kind of marker, and both models side by side."""
    names = ("results", "verdicts", "summary", "differences", "controls")
    results, verdicts, summary, differences, controls = (_frame(folder, name) for name in names)
    conditions = _conditions(folder, results)
    return (
        attention_verdicts_table(verdicts, conditions, controls),
        controls_table(controls, conditions),
        kinds_table(summary, conditions),
        two_by_two_table(summary, differences, conditions),
    )


def _peers(folder: Path) -> tuple[Table | str, ...]:
    """Return which rule finds wrong labels, what acting on it does, the claims, and the answer."""
    names = ("results", "verdicts", "summary", "choice", "predictions")
    results, verdicts, summary, choice, predictions = (_frame(folder, name) for name in names)
    settings = read_json(folder / "provenance.json")["settings"]
    conditions = _conditions(folder, results)
    return (
        ranking_table(summary, conditions),
        *(choice_table(choice, conditions, metric) for metric in CHOICE_METRICS),
        curated_table(results, predictions, conditions, settings["retrained"]),
        peers_verdicts_table(verdicts, conditions),
        fill(peers_answer(choice, results, conditions), TERMINAL_WIDTH),
    )


def _audits(folder: Path) -> tuple[Table | str, ...]:
    """Return what every error of the protocol does, the claims about it, and the answer."""
    results, effects, verdicts = (_frame(folder, n) for n in ("results", "effects", "verdicts"))
    conditions = _conditions(folder, results)
    return (
        protocol_audits_table(effects, conditions),
        protocol_verdicts_table(verdicts, conditions),
        fill(protocol_answer(effects, conditions), TERMINAL_WIDTH),
    )


def _controls(folder: Path) -> tuple[Table, ...]:
    """Return the negative controls beside the tables' figures, and the claims on them."""
    results, verdicts, controls = (_frame(folder, n) for n in ("results", "verdicts", "controls"))
    conditions = _conditions(folder, results)
    return (
        negative_controls_table(controls, conditions),
        negative_controls_verdicts_table(verdicts, conditions),
    )


_TABLES = {
    "table1": _table1,
    "table2": _pretraining,
    "table3": _synthetic,
    "table4": _pretraining,
    "fig4": _generation,
    "fig5": _attention,
    "peers": _peers,
    "audits": _audits,
    "controls": _controls,
}


def _frame(folder: Path, name: str) -> pd.DataFrame:
    # a row may be called "none": only an empty cell is missing
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])


def _conditions(folder: Path, results: pd.DataFrame) -> Conditions:
    """Return the conditions that the provenance beside the results states."""
    about = read_json(folder / "provenance.json")
    settings: dict[str, Any] = about["settings"]
    told = {"rule": Rule(**settings["rule"])} if "rule" in settings else {}
    started = [*settings.get("initialisations", ()), settings.get("initialisation", "")]
    return Conditions(
        data=about["data"],
        profile=settings["profile"],
        initialisation=started[0],
        folds=int(results["fold"].nunique()),
        not_run=about.get("not_run", {}),
        **told,
    )
