"""Do the views of one testis carry one label? `consistency_table` and `consistency_finding`.

Views that agree without exception tell that the label was given per testis, not per view: then a
view that does not show the finding carries its label too. Views that differ tell of labels per
view, or of slips. A testis is a patient's side; where no side is known, the patient.
"""

import numpy as np
import pandas as pd

from testiculus.audits.findings import CLEAR, FOUND, Finding, counted, p_text, skipped
from testiculus.audits.shuffling import p_value
from testiculus.base.devices import derive_seed

DRAWS = 1999
COLUMNS = ("column", "units", "views", "differing", "share", "by_chance", "p", "examples")
EXAMPLES = 5  # named in the table


def units_of(frame: pd.DataFrame) -> pd.Series:
    """Return what each view is a view of, as text: organ, patient and, where known, side."""
    names = [frame[name].fillna("").astype(str) for name in ("organ", "patient", "side")]
    return names[0] + " " + names[1] + (" " + names[2]).where(names[2] != "", "")


def consistency_table(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return, for each column of labels, how many units of several labelled views differ in it.

    `by_chance` is the mean share of differing units when the labels of these views are shuffled
    freely, and `p` the share of shufflings with as few: small where the views of a unit agree more
    than strangers do. Columns without two labelled views of any unit are left out.
    """
    rows = [_row(frame, column) for column in columns if column in frame]
    return pd.DataFrame([row for row in rows if row], columns=COLUMNS)


def _row(frame: pd.DataFrame, column: str) -> dict | None:
    known = frame[frame[column].notna() & (frame[column].astype(str) != "")]
    units = units_of(known)
    several = units.map(units.value_counts()) > 1
    known, units = known[several], units[several]
    if known.empty:
        return None
    names, codes = np.unique(units.to_numpy(), return_inverse=True)
    values = np.unique(known[column].astype(str).to_numpy(), return_inverse=True)[1]
    differs = _differs(values[None], codes)[0]
    rng = np.random.default_rng(derive_seed("consistency", column))
    dealt = rng.permuted(np.broadcast_to(values, (DRAWS, len(values))), axis=1)
    chance = _differs(dealt, codes).mean(1)
    return {
        **{"column": column, "units": len(names), "views": len(known)},
        **{"differing": int(differs.sum()), "share": float(differs.mean())},
        **{"by_chance": float(chance.mean()), "p": p_value(-differs.mean(), -chance)},
        "examples": "; ".join(names[differs][:EXAMPLES]),
    }


def _differs(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return whether a unit's values (draws, n) are not all equal, (draws, units)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
    high = np.maximum.reduceat(values[:, order], starts, axis=1)
    return high != np.minimum.reduceat(values[:, order], starts, axis=1)


def consistency_finding(table: pd.DataFrame, frame: pd.DataFrame) -> Finding:
    """Return what a consistency table says of the first of its columns, and beside it of others."""
    audit = "views of one testis"
    sides = "side" in frame and frame["side"].fillna("").ne("").any()
    one, many = ("testis", "testes") if sides else ("patient", "patients")
    if table.empty:
        return skipped(audit, f"no {one} has two labelled views")
    first, *others = table.to_dict("records")
    aside = "".join(
        f" In {row['column']}, {row['differing']} of {row['units']} do." for row in others
    )
    sure = (
        f"Counted over {first['views']} views; shuffled labels would differ in "
        f"{first['by_chance']:.0%} of them ({p_text(first['p'])} for agreement by chance)."
    )
    if not first["differing"]:
        return Finding(
            audit,
            CLEAR,
            f"None of {counted(first['units'], one, many)} with several labelled views differs in "
            f"{first['column']}: the label was given per {one}.{aside}",
            sure,
            "Expect single views that do not show what their label says, and treat them as label "
            "noise; keep all views of a patient in one fold.",
            "consistency",
        )
    return Finding(
        audit,
        FOUND,
        f"{first['differing']} of {counted(first['units'], one, many)} with several labelled views "
        f"differ in {first['column']} (for example {first['examples'].split('; ')[0]}).{aside}",
        sure,
        f"Look at these views: either labels are per view, or one of each {one}'s is a slip.",
        "consistency",
    )
