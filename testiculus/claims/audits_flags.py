"""How well flags of two variants find their wrong labels, compared over resampled patients.

The flags of a variant are one result of all its trainings together, so that no runs can be paired.
"""

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.claims.schema import require_columns
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, patient_bootstrap
from testiculus.noise import average_precision, known_wrong

FLAG_FRAME = ("row", "image", "patient", "label", "true_label", "suspicious", "times_flagged")


def flag_interval(
    metric: str,
    row: str,
    other: str,
    effect: float,
    flags: pd.DataFrame,
    *,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = 0,
) -> Interval:
    """Return `row`'s flag metric less that of `other`, with its interval over patients.

    `metric` is one of `audits_schema.FLAG_METRICS`; `flags` has `FLAG_FRAME`, one line per row and
    image, `label` the one that the row's models read. The flags are held fixed. Images whose true
    label is not known count for the share that is flagged alone. `effect` is the difference of the
    results; raises UserError where the flags give another one, are of other images for the two
    rows, or lack a column.
    """
    require_columns(flags, FLAG_FRAME, "flags")
    one, two = (_part(flags, name) for name in (row, other))
    if not np.array_equal(one["image"], two["image"]):
        raise UserError(f"the flags of {row} and of {other} are of different images")

    def difference(weights: np.ndarray) -> np.ndarray:
        return _measured(metric, one, weights) - _measured(metric, two, weights)

    found = patient_bootstrap(difference, one["patient"].astype(str), seed=seed, draws=draws)
    if not np.isclose(found.effect, effect, atol=1e-9, equal_nan=True):
        raise UserError(
            f"the flags give a difference in {metric} of {found.effect:.6f}, the results one of "
            f"{effect:.6f}",
            where=f"{row} less {other}",
            remedy="make both from the same trainings",
        )
    return found


def _part(flags: pd.DataFrame, row: str) -> pd.DataFrame:
    """Return a row's flags with columns `known` and `wrong`, in the order of the images."""
    part = flags[flags["row"] == row].sort_values("image")
    known, wrong = known_wrong(part)
    flagged = part["suspicious"].astype(str).str.casefold().isin(("true", "1"))
    return part.assign(known=known, wrong=wrong & known, suspicious=flagged)


def _measured(metric: str, part: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """Return a flag metric at weights draws x images, float64 (draws,); NaN where undefined."""
    known, wrong, flagged = (part[n].to_numpy() for n in ("known", "wrong", "suspicious"))
    if metric == "flag_average_precision":
        times = part["times_flagged"].to_numpy()
        return average_precision(times[known], wrong[known], weights[:, known])
    above, below = {
        "flag_precision": (flagged & wrong, flagged & known),
        "flag_recall": (flagged & wrong, wrong),
        "flagged": (flagged, np.ones_like(flagged)),
        "wrong_labels": (wrong, known),
    }[metric]
    counted, of = weights @ above.astype(float), weights @ below.astype(float)
    return np.divide(counted, of, out=np.full(len(weights), np.nan), where=of > 0)
