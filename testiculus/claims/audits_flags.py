"""How well flags of two variants find their wrong labels, compared over resampled patients.

The flags of a variant are one result of all its trainings together, so that no runs can be paired.
"""

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.claims.audits_schema import FLAG_ABOVE_CHANCE, FLAG_LIFT
from testiculus.claims.schema import RESULT_COLUMNS, require_columns
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, patient_bootstrap
from testiculus.noise import average_precision, known_wrong

PRECISION, BASE_RATE = "flag_precision", "wrong_labels"
OF_BASE_RATE = (PRECISION, FLAG_LIFT, FLAG_ABOVE_CHANCE)  # what the share of wrong labels bounds
FLAG_FRAME = ("row", "image", "patient", "label", "true_label", "suspicious", "times_flagged")


def beside_chance(precision, wrong) -> dict[str, np.ndarray]:
    """Return precision beside `wrong`, the share of wrong labels, which random flags would have.

    `FLAG_LIFT` is their ratio, `FLAG_ABOVE_CHANCE` how far precision lies from that share (0) to
    certainty (1). Fractions, alone or arrays; NaN where undefined.

    >>> found = beside_chance(0.6, 0.2)
    >>> [round(float(value), 2) for value in found.values()]
    [3.0, 0.5]
    """
    precision, wrong = np.asarray(precision, float), np.asarray(wrong, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift, above = precision / wrong, (precision - wrong) / (1 - wrong)
    return {
        FLAG_LIFT: np.where(wrong > 0, lift, np.nan),
        FLAG_ABOVE_CHANCE: np.where(wrong < 1, above, np.nan),
    }


def with_chance(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results with `beside_chance` of every row whose flags have both figures."""
    lines = []
    of_flags = results[results["metric"].isin((PRECISION, BASE_RATE))]
    for head, part in of_flags.groupby(list(RESULT_COLUMNS[:4]), sort=False):
        found = dict(zip(part["metric"], part["value"], strict=True))
        if len(found) == 2:
            told = beside_chance(found[PRECISION], found[BASE_RATE])
            lines += [(*head, metric, float(value)) for metric, value in told.items()]
    if not lines:
        return results
    return pd.concat([results, pd.DataFrame(lines, columns=RESULT_COLUMNS)], ignore_index=True)


def base_rates(results: pd.DataFrame, row: str, other: str) -> str:
    """Return the shares of wrong labels that two rows' flags are measured at, in words."""
    shares = results[results["metric"] == BASE_RATE].set_index("row")["value"]
    if not {row, other} <= set(shares.index):
        return ""
    told = f"{100 * shares[row]:.1f} % with the error, {100 * shares[other]:.1f} % without"
    return f"wrong labels: {told}"


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

    `metric` is one of `audits_schema.FLAG_METRICS` or of `beside_chance`; `flags` has `FLAG_FRAME`,
    one line per row and image, `label` the one that the row's models read. The flags are held
    fixed. Images whose true
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
    if metric in (FLAG_LIFT, FLAG_ABOVE_CHANCE):
        both = (_measured(name, part, weights) for name in (PRECISION, BASE_RATE))
        return beside_chance(*both)[metric]
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
