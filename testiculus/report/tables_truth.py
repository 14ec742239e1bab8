"""The tables beside Table 1: the same models scored three ways, the gain's parts, the flags."""

import numpy as np
import pandas as pd

from testiculus.claims.schema import ROWS, SCORINGS, Conditions, runs_of
from testiculus.intervals import BOOTSTRAP_DRAWS, patient_bootstrap
from testiculus.noise import COMPARED_OCCASIONS, average_precision, separation, times_flagged
from testiculus.paper import EVALUATIONS, LABELLED_IMAGES, released_flag_counts
from testiculus.report.render import (
    ABSENT,
    METRIC_NAMES,
    Table,
    bracket,
    mean_and_std,
    percent,
    points,
    reached_on,
    without_repeats,
)

TABLE1_METRICS = ("accuracy", "f1")


def three_way_table(results: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every row's scores on curated, original and true labels, of the same models.

    Two further lines score Complete's own models on the test sets and labels of the other rows:
    what rescoring alone gives.
    """
    lines = []
    for metric in TABLE1_METRICS:
        for row in ROWS:
            cells = [mean_and_std(runs_of(results, row, metric + s)) for s in SCORINGS.values()]
            lines.append((METRIC_NAMES[metric], row, *cells))
        for suffix, other in (("_on_filtered", "Filtered"), ("_on_flipped", "Flipped")):
            rescored = mean_and_std(runs_of(results, "Complete", metric + suffix))
            name = f"Complete, on {other}'s labels"
            lines.append((METRIC_NAMES[metric], name, rescored, ABSENT, ABSENT))
    frame = pd.DataFrame(lines, columns=["metric", "row", *SCORINGS])
    notes = (
        "Curated: the row's kept test images and curated labels, as the article scores. Original: "
        "all test images, labels as they came. Truth: all test images, true labels, where known.",
        _runs_note(results),
    )
    caption = f"The same models scored three ways: {reached_on(conditions)}"
    return Table(without_repeats(frame, ["metric"]), caption, notes, tuple(SCORINGS))


def circularity_table(gains: pd.DataFrame, conditions: Conditions) -> Table:
    """Return what the reported gains are made of, from `claims.circularity`'s frame."""
    columns: dict[str, dict[str, str]] = {}
    for gain in gains.itertuples():
        cell = f"{points(gain.effect, 1)} {bracket(gain.ci_low, gain.ci_high)}"
        column = columns.setdefault(f"{gain.row}, {METRIC_NAMES[gain.metric]}", {})
        column[gain.part] = cell if pd.notna(gain.effect) else ABSENT
    frame = pd.DataFrame(columns).rename_axis("gain").reset_index()
    meanings = gains.drop_duplicates("part").set_index("part")["what"]
    notes = (
        "Points over Complete [95 %, corrected resampled t over paired runs]. In every run "
        "reported = rescoring + retraining, and reported = real + circular.",
        *(f"{part}: {what}" for part, what in meanings.items()),
        *(f"{ABSENT}: {note}" for note in gains.loc[gains["effect"].isna(), "note"].unique()),
    )
    caption = f"How much of the gain over Complete is real: {reached_on(conditions)}"
    return Table(frame, caption, notes, tuple(columns))


def flags_table(
    flags: pd.DataFrame, conditions: Conditions, *, draws: int = BOOTSTRAP_DRAWS, seed: int = 0
) -> Table:
    """Return how well each number of occasions finds the labels known to be wrong.

    Precision and recall are those of the images flagged in all their evaluations; AP ranks by how
    often an image was flagged, with a patient bootstrap. The released lists' counts stand beside.
    """
    released = released_flag_counts().query("evaluations == @EVALUATIONS").set_index("occasions")
    evaluations, lines = flags["evaluations"].to_numpy(), []
    for k in COMPARED_OCCASIONS:
        times = times_flagged(flags, k)
        all_flagged = (times == evaluations) & (evaluations > 0)
        lines.append(
            (
                f"at least {k}",
                _count(int(all_flagged.sum()), len(flags)),
                *_found(flags, times, all_flagged, draws, seed),
                next(
                    (
                        _count(released.loc[name, "images"], LABELLED_IMAGES)
                        for name in (str(k), f"{k}?")
                        if name in released.index
                    ),
                    ABSENT,
                ),
            )
        )
    names = ["loss > 1", "flagged in all", "precision", "recall", "AP [95 %]", "released"]
    notes = (
        _errors_note(flags),
        f"Released: images flagged in all {EVALUATIONS} evaluations of the authors' "
        f"{LABELLED_IMAGES} (that of 4 is an unnamed folder, probably 4).",
    )
    caption = f"Flags against the labels known to be wrong: {reached_on(conditions)}"
    return Table(pd.DataFrame(lines, columns=names), caption, notes, tuple(names[1:]))


def _found(flags, times, all_flagged, draws: int, seed: int) -> tuple[str, str, str]:
    """Return precision, recall and average precision [interval] of the flags, as strings."""
    wrong = _known_wrong(flags)
    if wrong is None or not wrong.any():
        return ABSENT, ABSENT, ABSENT
    found = separation(times, wrong, all_flagged)
    interval = patient_bootstrap(
        lambda weights: average_precision(times, wrong, weights),
        flags["patient"].astype(str).to_numpy(),
        seed=seed,
        draws=draws,
    )
    low, high = percent(interval.low, 1), percent(interval.high, 1)
    ap = f"{percent(interval.effect, 1)} [{low}, {high}]"
    return percent(found["precision"], 1), percent(found["recall"], 1), ap


def _known_wrong(flags: pd.DataFrame) -> np.ndarray | None:
    """Return which labels are wrong, or None where any true label is unknown."""
    if flags["true_label"].isna().any() or flags["label"].isna().any():
        return None
    return (flags["label"] != flags["true_label"]).to_numpy(dtype=bool)


def _errors_note(flags: pd.DataFrame) -> str:
    wrong = _known_wrong(flags)
    if wrong is None:
        return "True labels are not known here: what the flags find cannot be measured."
    return (
        f"{int(wrong.sum())} of {len(wrong)} labels are wrong; ranking at random would have an "
        f"average precision (AP) of {percent(wrong.mean(), 1)} %. Percent."
    )


def _runs_note(results: pd.DataFrame) -> str:
    numbers = {row: len(runs_of(results, row, "accuracy")) for row in ROWS}
    return "Percent; mean ± standard deviation over runs: " + ", ".join(
        f"{row} {number}" for row, number in numbers.items()
    )


def _count(images: int, of: int) -> str:
    return f"{images} ({percent(images / of, 1)} %)"
