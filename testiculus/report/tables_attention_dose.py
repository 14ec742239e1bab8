"""The shortcut of Fig. 5 in figures: the AUC of both models at every strength of the bias."""

from collections.abc import Iterator

import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.attention_schema import (
    AS_TRAINED,
    DIFFERENCE_COLUMNS,
    NO_STRENGTH,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.attention_words import CONDITIONAL, lines_of, main_layer
from testiculus.report.plots_attention import SCORED_ON
from testiculus.report.render import ABSENT, Table, bracket, percent, points, reached_on

NAMES = (
    *("marked\npositives", f"{WITHOUT}\n[95 %]", f"{WITH}\n[95 %]", "difference\n[95 %]"),
    *("without:\nfallen", "with:\nfallen", "without: biased\ntest [95 %]"),
)
NO_DOSE = "No model was trained on marks that go with the label: strength 0 alone was run."


def dose_table(
    summary: pd.DataFrame,
    differences: pd.DataFrame,
    conditions: Conditions,
    *,
    scoring: str = "original",
    layer: str | None = None,
) -> Table:
    """Return the AUC of both models by the strength of the bias that they were trained under.

    On unmarked test images: both models, their paired difference, and how far each has fallen since
    strength 0; beside them the model without markers where the test images are as biased as
    training. `scoring` is "original" (labels as they came) or "truth". Percent, intervals over
    patients. Raises `UserError` for an unknown scoring, for a layer that was not measured, or where
    a column is missing.
    """
    one_of(scoring, SCORED_ON, "scoring")
    require_columns(differences, DIFFERENCE_COLUMNS, "differences")
    layer = main_layer(summary, layer)
    levels, gains = (
        found[found["measure"] == f"auc_{scoring}"]
        for found in (lines_of(summary, layer), lines_of(differences, layer))
    )
    gains = gains.query("condition == @UNMARKED and row == @WITH and against == @WITHOUT")
    frame = pd.DataFrame(list(_lines(levels, gains)), columns=list(NAMES))
    notes = [
        f"Percent; AUC against {SCORED_ON[scoring]}, mean over runs; chance: 50. Marked positives: "
        "the share of training images labelled positive that carry measuring marks. Test images "
        "are unmarked, but for the last column, where marks go with the label as in training.",
        f"Difference: {WITH} less {WITHOUT}, points, paired over the same images. Fallen: the mean "
        f"at 0 % less the mean here, points, without an interval. {CONDITIONAL}",
    ]
    if not (levels["strength"] != NO_STRENGTH).any():
        notes.append(NO_DOSE)
    caption = f"What a biased training costs, in AUC: {reached_on(conditions)}"
    return Table(frame, caption, tuple(notes), NAMES)


def _lines(levels: pd.DataFrame, gains: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each strength that any model was trained under."""
    of_level = levels.set_index(["row", "condition", "strength"])
    of_gain = gains.set_index("strength")
    for strength in sorted(levels["strength"].unique()):
        unmarked = [(row, UNMARKED, strength) for row in (WITHOUT, WITH)]
        yield (
            f"{100 * strength:g} %",
            *(_level(of_level, key) for key in unmarked),
            _difference(of_gain, strength),
            *(_fallen(of_level, key) for key in unmarked),
            _level(of_level, (WITHOUT, AS_TRAINED, strength)),
        )


def _level(found: pd.DataFrame, key: tuple[str, str, float]) -> str:
    """Return a mean in percent, and its interval below it, so that the table stays narrow."""
    if key not in found.index:
        return ABSENT
    line = found.loc[key]
    ends = [percent(line[end], 1) for end in ("ci_low", "ci_high")]
    return percent(line["value"], 1) + ("" if ABSENT in ends else f"\n[{', '.join(ends)}]")


def _difference(found: pd.DataFrame, strength: float) -> str:
    """Return a difference in points, and its interval below it."""
    if strength not in found.index:
        return ABSENT
    line = found.loc[strength]
    ends = bracket(line["ci_low"], line["ci_high"])
    return points(line["value"], 1) + ("" if ends == ABSENT else f"\n{ends}")


def _fallen(found: pd.DataFrame, key: tuple[str, str, float]) -> str:
    """Return how far a model's mean lies below that at strength 0, in points."""
    first = (*key[:2], NO_STRENGTH)
    if key == first or key not in found.index or first not in found.index:
        return ABSENT
    return percent(found.loc[first, "value"] - found.loc[key, "value"], 1)
