"""What the measures of Fig. 5 are called, which of a frame's lines are shown, and what is left out.

Tables and plots read summary.csv and differences.csv of the experiment: see
`claims.attention_schema`.
"""

from collections.abc import Sequence

import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.attention_schema import (
    ALL_KINDS,
    MAP_MEASURES,
    MEASURE_NAMES,
    ROWS,
    SCORE_MEASURES,
)
from testiculus.claims.schema import require_columns
from testiculus.markers import KINDS
from testiculus.report.pictures_markers import NAMES as KIND_NAMES
from testiculus.report.render import ABSENT, percent

SUMMARY_NEEDS = ("row", "strength", "condition", "layer", "measure", "value", "ci_low", "ci_high")
CONDITIONAL = (
    "Intervals are over patients and hold for these trained models; how much another training "
    "would differ is in those of the verdicts alone."
)
TISSUES = ("parenchyma", "lesion")


def condition_name(condition: str) -> str:
    """Return how a reader sees which markers the test images carry.

    >>> condition_name("cross"), condition_name("all kinds")
    ('caliper cross', 'all kinds')
    """
    return KIND_NAMES.get(condition, condition)


def kinds_of(summary: pd.DataFrame) -> list[str]:
    """Return the conditions with inserted markers that were measured: all kinds, then each."""
    there = set(summary["condition"])
    return [name for name in (ALL_KINDS, *KINDS) if name in there]


def main_layer(summary: pd.DataFrame, layer: str | None = None) -> str:
    """Return the layer to show: the given one, or the first that a trained model was measured in.

    Raises `UserError` for a layer that was not measured, or where a column is missing.
    """
    require_columns(summary, SUMMARY_NEEDS, "summary")
    of_maps = summary[summary["row"].isin(ROWS) & summary["measure"].isin(MAP_MEASURES)]
    layers = list(of_maps["layer"].replace("", pd.NA).dropna().unique())
    if layer is None:
        return layers[0] if layers else ""
    return one_of(layer, layers, "layer")


def lines_of(frame: pd.DataFrame, layer: str, strength: float | None = None) -> pd.DataFrame:
    """Return the lines of one layer, or of none (a score needs no layer), and of one strength."""
    of_layer = frame["layer"].fillna("").isin(("", layer))
    # a score that is there without a layer and with one is taken once
    chosen = frame[of_layer].dropna(subset="value")
    if strength is not None:
        chosen = chosen[chosen["strength"] == strength]
    keys = [k for k in ("row", "against", "strength", "condition", "measure") if k in chosen]
    return chosen.drop_duplicates(keys, keep="last")


def level(value: float, low: float, high: float, digits: int = 1) -> str:
    """Return a share and its interval in percent: "53.2 [50.1, 56.3]"; a missing one as a dash."""
    if pd.isna(value):
        return ABSENT
    ends = "" if pd.isna(low) else f" [{percent(low, digits)}, {percent(high, digits)}]"
    return percent(value, digits) + ends


def numbers_note(summary: pd.DataFrame) -> str:
    """Return on how many images of how many patients the measures are: most, and of lesions."""
    if not {"n_images", "n_patients"} <= set(summary) or summary.empty:
        return ""
    most = summary.loc[summary["n_images"].idxmax()]
    words = f"{most['n_images']:,.0f} images of {most['n_patients']:,.0f} patients"
    lesions = summary[summary["measure"] == "energy_lesion"]
    if len(lesions):
        few = lesions.loc[lesions["n_images"].idxmax()]
        words += f"; lesions: {few['n_images']:,.0f} of {few['n_patients']:,.0f}"
    return f"{words}."


def absence_notes(summary: pd.DataFrame) -> list[str]:
    """Return which measures are left out because a mask or the true labels are not there."""
    known = set(summary.dropna(subset="value")["measure"])
    notes = [
        f"No mask of the {tissue}: what would be measured inside it is left out."
        for tissue in TISSUES
        if not any(measure.endswith(tissue) for measure in known)
    ]
    scored = known & set(SCORE_MEASURES)
    if scored and not any(measure.endswith("_truth") for measure in scored):
        notes.append("True labels are not known here: scores are against labels as they came.")
    return notes


def named(measures: Sequence[str]) -> str:
    """Return measures as readers write them, in one line.

    >>> named(["map_change", "flipped"])
    'change of the map; decisions that flip'
    """
    return "; ".join(MEASURE_NAMES.get(measure, measure) for measure in measures)
