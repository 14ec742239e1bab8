"""The tables beside Table 1: the same models scored three ways, the gain's parts, the flags."""

import pandas as pd

from testiculus.claims.schema import (
    METRIC_NAMES,
    ORIGINAL,
    RESCORED,
    ROWS,
    SCORINGS,
    TRUTH,
    Conditions,
    runs_of,
)
from testiculus.intervals import BOOTSTRAP_DRAWS, patient_bootstrap
from testiculus.noise import (
    COMPARED_OCCASIONS,
    average_precision,
    known_wrong,
    separation,
    times_flagged,
)
from testiculus.paper import (
    EVALUATIONS,
    LABELLED_IMAGES,
    LOSS_THRESHOLD,
    released_flag_counts,
)
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    mean_and_std,
    percent,
    points,
    reached_on,
    without_repeats,
)

TABLE1_METRICS = ("accuracy", "f1")
CONTROL_METRICS = ("accuracy", "f1", "auc")
IN_USE = "rule in use"


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
        for suffix, other in RESCORED.items():
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
    """Return how well the rule in use finds the labels known to be wrong, and others beside it.

    The first line is what was curated. The others are fixed, for comparison: images flagged in all
    their evaluations, at so many occasions, with the released lists' counts. Precision and recall
    are those of these images; AP ranks by how often an image was flagged, with a patient bootstrap.
    """
    rule, evaluations = conditions.rule, flags["evaluations"].to_numpy()
    lines = [(IN_USE, flags["times_flagged"].to_numpy(), flags["suspicious"].to_numpy(bool))]
    for k in COMPARED_OCCASIONS:
        times = times_flagged(flags, k)
        lines.append((f"at least {k}", times, (times == evaluations) & (evaluations > 0)))
    cells = [
        (
            name,
            _count(int(chosen.sum()), len(flags)),
            *_found(flags, times, chosen, draws, seed),
            _released(name),
        )
        for name, times, chosen in lines
    ]
    names = [f"loss > {rule.loss_threshold:g}", "images", "precision", "recall", "AP [95 %]"]
    notes = (
        _errors_note(flags),
        none_flagged_note(flags),
        f"{IN_USE.capitalize()}: {rule.in_words()}. At least k: at so many {rule.occasion}s, in "
        "all trainings that used the image.",
        f"Released: images flagged in all {EVALUATIONS} evaluations of the authors' "
        f"{LABELLED_IMAGES}, loss > {LOSS_THRESHOLD:g} (that of 4 is an unnamed folder, probably "
        "4).",
    )
    caption = f"Flags against the labels known to be wrong: {reached_on(conditions)}"
    frame = pd.DataFrame(cells, columns=[*names, "released"])
    return Table(frame, caption, tuple(filter(None, notes)), (*names[1:], "released"))


def none_flagged_note(flags: pd.DataFrame | None) -> str:
    """Return what it means where the rule flagged no image; "" where it did, or without flags."""
    if flags is None or flags["suspicious"].any():
        return ""
    return "No image was flagged: the three rows are the same models."


def control_table(results: pd.DataFrame, control: pd.DataFrame, conditions: Conditions) -> Table:
    """Return what classifiers that see the acquisition only score, below the networks of Complete.

    Both frames are tidy results; mean ± standard deviation over runs, on all test images, against
    original and, where there, true labels.
    """
    networks, lines = results[results["row"] == ROWS[0]], []
    scored = pd.concat([networks, control])
    for row in scored["row"].unique():
        for scoring, suffix in (("original", ORIGINAL), ("truth", TRUTH)):
            cells = [mean_and_std(runs_of(scored, row, m + suffix)) for m in CONTROL_METRICS]
            if set(cells) != {ABSENT}:
                name = f"{row} (network)" if row == ROWS[0] else row
                lines.append((name, scoring, *cells))
    names = [METRIC_NAMES[metric] for metric in CONTROL_METRICS]
    frame = without_repeats(pd.DataFrame(lines, columns=["row", "labels", *names]), ["row"])
    caption = f"Acquisition only, against the networks: {reached_on(conditions)}"
    notes = ("Percent; mean ± standard deviation over runs, all test images.",)
    return Table(frame, caption, notes, tuple(names))


def _released(name: str) -> str:
    """Return how many of the authors' images their list for "at least k" occasions flags."""
    counts = released_flag_counts().query("evaluations == @EVALUATIONS").set_index("occasions")
    found = counts.loc[counts.index.str.rstrip("?") == name.removeprefix("at least "), "images"]
    return ABSENT if found.empty else _count(int(found.iloc[0]), LABELLED_IMAGES)


def _found(flags, times, chosen, draws: int, seed: int) -> tuple[str, str, str]:
    """Return precision, recall and average precision [interval] of the flags, as strings.

    Of the images whose true label is known, and of no others.
    """
    known, wrong = known_wrong(flags)
    times, chosen, wrong = times[known], chosen[known], wrong[known]
    if not wrong.any():
        return ABSENT, ABSENT, ABSENT
    found = separation(times, wrong, chosen)
    interval = patient_bootstrap(
        lambda weights: average_precision(times, wrong, weights),
        flags["patient"].astype(str).to_numpy()[known],
        seed=seed,
        draws=draws,
    )
    low, high = percent(interval.low, 1), percent(interval.high, 1)
    ap = f"{percent(interval.effect, 1)} [{low}, {high}]"
    return percent(found["precision"], 1), percent(found["recall"], 1), ap


def _errors_note(flags: pd.DataFrame) -> str:
    known, wrong = known_wrong(flags)
    if not known.any():
        return "True labels are not known here: what the flags find cannot be measured."
    unknown = int((~known).sum())
    left_out = f"The true label of {unknown} images is not known; these are left out. "
    return (left_out if unknown else "") + (
        f"{int(wrong.sum())} of {int(known.sum())} labels are wrong; ranking at random would have "
        f"an average precision (AP) of {percent(wrong[known].mean(), 1)} %. Percent."
    )


def _runs_note(results: pd.DataFrame) -> str:
    numbers = {row: len(runs_of(results, row, "accuracy")) for row in ROWS}
    return "Percent; mean ± standard deviation over runs: " + ", ".join(
        f"{row} {number}" for row, number in numbers.items()
    )


def _count(images: int, of: int) -> str:
    return f"{images} ({percent(images / of, 1)} %)"
