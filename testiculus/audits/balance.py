"""How classes are spread over patients, sides, views and devices: `balance_table` and its finding.

A class that sits mostly on one machine, or with a few patients, lets a classifier learn those.
"""

import numpy as np
import pandas as pd

from testiculus.audits.findings import CLEAR, DRAWS, FOUND, LEVEL, Finding, listed, p_text, skipped
from testiculus.audits.questions import Question
from testiculus.audits.shuffling import p_value, shuffled_labels
from testiculus.base.devices import derive_seed

GROUPINGS = ("device", "side", "view", "organ", "split")
MOST_LEVELS = 40  # a grouping of more has too few images in each
LARGE_SHARE = 0.1  # of a class in one patient: with it ten patients would be the whole class
COLUMNS = (
    *("column", "positive", "negative", "grouping", "level", "images", "patients", "positives"),
    *("share", "p"),
)


def balance_table(questions: list[Question], frame: pd.DataFrame) -> pd.DataFrame:
    """Return, per question, grouping and level, the images and the share of positives (0 to 1).

    `p`, the same for all levels of a grouping, is the share of shufflings (patient by patient) in
    which the levels differ as much, by Pearson's chi-squared. A grouping of one level is left out.
    The grouping "patient" has one line: positives over images of the patient that holds most of a
    class, without a test.
    """
    rows: list[dict] = []
    for question in questions:
        part = frame.iloc[question.rows]
        rows.append(_heaviest_patient(question, part))
        for grouping in (name for name in GROUPINGS if name in part):
            rows += _levels(question, part, grouping)
    return pd.DataFrame(rows, columns=COLUMNS)


def _named(question: Question) -> dict:
    return {name: getattr(question, name) for name in COLUMNS[:3]}


def _levels(question: Question, part: pd.DataFrame, grouping: str) -> list[dict]:
    values = part[grouping].fillna("").astype(str).replace("", "unknown").to_numpy()
    levels, codes = np.unique(values, return_inverse=True)
    if not 2 <= len(levels) <= MOST_LEVELS:
        return []
    rng = np.random.default_rng(derive_seed("balance", question.column, grouping))
    patients = part["patient"].to_numpy()
    deals = shuffled_labels(question.labels, patients, DRAWS, rng)
    p = p_value(chi_squared(question.labels, codes), chi_squared(deals, codes))
    rows = []
    for code, level in enumerate(levels):
        inside = codes == code
        rows.append(
            {
                **_named(question),
                **{"grouping": grouping, "level": level, "images": int(inside.sum())},
                "patients": len(set(patients[inside])),
                "positives": int(question.labels[inside].sum()),
                "share": float(question.labels[inside].mean()),
                "p": p,
            }
        )
    return rows


def chi_squared(labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return Pearson's chi-squared of labels (..., n), 0 or 1, against groups 0..k-1, shape (n,).

    0 where all labels are equal.
    """
    labels = np.asarray(labels, dtype=np.float64)
    members = np.eye(codes.max() + 1)[codes]  # n x groups
    sizes, share = members.sum(0), labels.mean(-1, keepdims=True)
    spread = sizes * share * (1 - share)
    excess = labels @ members - sizes * share
    return np.divide(excess**2, spread, out=np.zeros_like(excess), where=spread > 0).sum(-1)


def _heaviest_patient(question: Question, part: pd.DataFrame) -> dict:
    """Return the patient that holds the largest share of a class: its images and positives."""
    labels = pd.DataFrame({"patient": part["patient"].to_numpy(), "label": question.labels})
    counts = labels.groupby("patient")["label"].agg(["size", "sum"])
    counts["of_class"] = np.maximum(
        counts["sum"] / question.labels.sum(),
        (counts["size"] - counts["sum"]) / (1 - question.labels).sum(),
    )
    heaviest = counts.sort_values("of_class", kind="stable").iloc[-1]
    return {
        **_named(question),
        **{"grouping": "patient", "level": "the one with most of a class"},
        **{"images": int(heaviest["size"]), "patients": len(counts)},
        **{"positives": int(heaviest["sum"]), "share": float(heaviest["of_class"]), "p": np.nan},
    }


def balance_finding(table: pd.DataFrame, reasons: list[str]) -> Finding:
    """Return what a balance table with `p_adjusted` says."""
    if table.empty:
        return skipped("class balance", "; ".join(reasons), "Fill the column label")
    keys = ["column", "positive", "negative", "grouping"]
    tested = table[table["p_adjusted"].notna()].drop_duplicates(keys)
    uneven = tested[tested["p_adjusted"] <= LEVEL]
    heavy = table[(table["grouping"] == "patient") & (table["share"] > LARGE_SHARE)]
    first = table.iloc[0]
    of_first = (table[keys] == first[keys]).all(axis=1) & (table["grouping"] == "patient")
    patients = int(table[of_first]["patients"].iloc[0])
    told = [_uneven(table, row, keys) for row in uneven.to_dict("records")]
    told += [
        f"one patient holds {row['share']:.0%} of a class of {row['column']}"
        for row in heavy.to_dict("records")
    ]
    asked = f"{len(tested)} comparisons by " + ", ".join(dict.fromkeys(tested["grouping"]))
    asked = asked if len(tested) else f"{patients} patients, and no second device, side or view"
    if not told:
        return Finding(
            "class balance",
            CLEAR,
            "The classes are spread alike over what is known: " + asked + "; no patient holds more "
            f"than {table[table['grouping'] == 'patient']['share'].max():.1%} of a class.",
            _surety(tested),
            "Nothing; keep the patients grouped in every split.",
            "balance",
        )
    return Finding(
        "class balance",
        FOUND,
        f"Uneven: {listed(told)}.",
        _surety(tested),
        "Score every device, side or view on its own, or match the classes within them before "
        "training.",
        "balance",
    )


def _surety(tested: pd.DataFrame) -> str:
    if tested.empty:
        return "Counted, not estimated."
    return (
        f"{DRAWS:,} shufflings of the patients' labels, {len(tested)} comparisons: the smallest "
        f"adjusted value is {p_text(tested['p_adjusted'].min())}."
    )


def _uneven(table: pd.DataFrame, row: dict, keys: list[str]) -> str:
    of_it = table[(table[keys] == pd.Series(row)[keys]).all(axis=1) & (table["images"] >= 5)]
    low, high = of_it["share"].min(), of_it["share"].max()
    return (
        f"{row['positive']} against {row['negative']} ({row['column']}) by {row['grouping']}, "
        f"from {low:.0%} to {high:.0%} of a {row['grouping']}'s images"
    )
