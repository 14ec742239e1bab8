"""The audits of printed rows as sheets: repeated rows, prevalence, standard deviations.

Each takes tables by name (`source_tables` by default) and works on any of that shape.
"""

from collections.abc import Mapping

import pandas as pd

from testiculus.audits.printed import by_row, identical_rows
from testiculus.audits.printed_prevalence import (
    common_interval,
    flips_to_positive,
    implied_prevalences,
)
from testiculus.audits.printed_spread import METRICS, spread_bounds, spread_ratios
from testiculus.claims.printed_sheet import (
    ABSENT,
    SAME_START,
    Sheet,
    between,
    per_cent,
    rows_once,
    source_tables,
    table_words,
)
from testiculus.claims.schema import METRIC_NAMES
from testiculus.paper import (
    EVALUATIONS,
    FOLDS,
    LABELLED_IMAGES,
    SEEDS,
    released_flag_counts,
)

Tables = Mapping[str, pd.DataFrame]
RUNS = FOLDS * SEEDS
STATED_PREVALENCE = 0.2  # article, section 3, and thesis, section 3.1: "approximately"
PATIENT_VIEWS = 4  # thesis, section 3.1, and slides: left and right, two views each


def identical_sheet(tables: Tables | None = None) -> Sheet:
    """Return the rows that are printed with the same figures, and what each is said to start from.

    `other start` marks a row whose start is not that of the other rows printed like it.
    """
    found = identical_rows(tables or source_tables())
    starts = found["start"].replace(SAME_START)
    usual = starts.groupby(found["group"]).transform(lambda s: s.mode().iloc[0])
    frame = pd.DataFrame(
        {
            "group": found["group"].astype(str),
            "table": [table_words([name]) for name in found["table"]],
            "row": found["row"],
            "starts from": starts.replace("", ABSENT),
            "figures": found["metrics"],
            "finding": ["other start" if o else "same" for o in starts != usual],
        }
    )
    notes = [
        "Rows of one group agree in mean and ± of every figure they share. One experiment shown "
        "in several tables is the ordinary reason, and for all rows marked *same* the fair one. "
        "The names of the sources in Table 3 are given as Table 2 has them."
    ]
    if (starts != usual).any():
        notes.append(
            "*Other start*: by its caption Table 1 starts from ImageNet, and Table 2 prints other "
            "figures for ImageNet on the flipped set. A fair reading: the row gives the final "
            "system, to show where the cleaning of labels leads (point 11)."
        )
    return Sheet(frame, "Rows printed with the same figures", tuple(notes), (), ("figures",))


def prevalence_sheet(tables: Tables | None = None) -> Sheet:
    """Return the share of positives that each row with precision and recall implies."""
    parts, lines = [], []
    for words, row in rows_once(tables or source_tables()):
        found = implied_prevalences(row, fold_images(), RUNS)
        parts.append(found)
        lines += [
            (
                words,
                line.row,
                per_cent(line.prevalence),
                between(line.low, line.high),
                between(line.runs_low, line.runs_high),
                per_cent(line.f1),
                per_cent(line.f1_most) + ("" if line.f1_fits else " (exceeded)"),
            )
            for line in found.itertuples()
        ]
    names = ["table", "row", "positives", "by rounding", "as mean of runs", "F1", "F1 at most"]
    notes = (
        "Positives: the share of positive test labels, in percent, that accuracy A, precision P "
        "and recall R imply: (1 - A) / (R (1 - P) / P + 1 - R). By rounding: all figures that "
        "round to the printed ones. As mean of runs: the formula holds for a run, and the mean of "
        "a ratio is not the ratio of means; a bound that allows for that, for spreads over runs as "
        "large as the printed ± or a fold's noise, whichever is larger.",
        "F1 at most: the harmonic mean of the printed P and R, which no mean of F1 over runs "
        "exceeds.",
        *_one_label_set(pd.concat(parts, ignore_index=True)),
    )
    frame = pd.DataFrame(lines, columns=names)
    caption = "The share of positives that each row implies (percent)"
    return Sheet(frame, caption, notes, tuple(names[2:]), ("row",))


def _one_label_set(found: pd.DataFrame) -> list[str]:
    """Return what the rows' prevalences say of their labels, in words."""
    common = common_interval(found)
    if common is None:
        return ["No one share of positives is open to all rows."]
    flipped = suspicious_images()
    low, high = (flips_to_positive(q, STATED_PREVALENCE, LABELLED_IMAGES, flipped) for q in common)
    return [
        f"All rows are open to one share of positives, {between(*common)} %: they agree with one "
        f"label set. From {per_cent(STATED_PREVALENCE, 0)} % of {LABELLED_IMAGES} images, "
        f"inverting {flipped} labels leads there if {low:.1f} to {high:.1f} of them became "
        f"positive. That is our inference: no text says in which direction labels were "
        "inverted, and the 20 % are stated as approximate. It is not a contradiction."
    ]


def common_prevalence(tables: Tables | None = None) -> tuple[float, float] | None:
    """Return the shares of positives that are open to all rows, or None: no common one.

    Rows without precision and recall say nothing.
    """
    parts = [
        implied_prevalences(row, fold_images(), RUNS)
        for _, row in rows_once(tables or source_tables())
    ]
    return common_interval(pd.concat(parts, ignore_index=True))


def suspicious_images() -> int:
    """Return how many images all evaluations flag at three occasions: those that are inverted."""
    counts = released_flag_counts()
    wanted = (counts["occasions"] == "3") & (counts["evaluations"] == EVALUATIONS)
    return int(counts.loc[wanted, "images"].iloc[0])


def fold_images() -> float:
    """Return the mean number of labelled images in a fold."""
    return LABELLED_IMAGES / FOLDS


def spread_sheet(tables: Tables | None = None) -> Sheet:
    """Return each printed ± in units of a test fold's noise, and accuracy's against its bound."""
    lines, fits, parts = [], [], []
    for words, row in rows_once(tables or source_tables()):
        ratios = spread_ratios(row, fold_images()).set_index("metric")["ratio"]
        shown = [f"{ratios[m]:.2f}" if m in ratios else ABSENT for m in METRICS]
        parts.append(ratios)
        bound = spread_bounds(row, RUNS)
        std = float(by_row(row)["std", "accuracy"].iloc[0])
        told = [ABSENT, ABSENT]
        if len(bound):
            found = bound.iloc[0]
            fits.append(bool(found["fits"]))
            told = [per_cent(found["largest"]), "" if found["fits"] else per_cent(found["needed"])]
        lines.append((words, row["row"].iloc[0], *shown, per_cent(std), *told))
    names = ["table", "row", *(f"{METRIC_NAMES[m]} ± / fold" for m in METRICS)]
    names += ["accuracy ±", "at most", "needs"]
    frame = pd.DataFrame(lines, columns=names)
    caption = "The two kinds of standard deviation"
    return Sheet(frame, caption, _spread_notes(fits, pd.concat(parts)), tuple(names[2:]), ("row",))


def _spread_notes(fits: list[bool], ratios: pd.Series) -> tuple[str, ...]:
    middle = ratios.groupby(level=0).median()
    told = ", ".join(f"{METRIC_NAMES[m]} {middle[m]:.2f}" for m in METRICS if m in middle)
    return (
        "± / fold: the printed standard deviation over the noise of drawing one test fold of "
        f"{fold_images():.0f} images, to first order. Over {RUNS} runs it comes to about 1 or "
        "more, whatever the metric; over means per seed, in which every image is tested once, it "
        f"lies well below. Medians of the rows: {told}.",
        "At most: the largest ± of accuracy, in percentage points, that the printed ± of recall "
        f"and F1 allow over the same {RUNS} runs on folds of one prevalence; a strict bound, "
        f"rounding allowed for. {len(fits) - sum(fits)} of {len(fits)} rows exceed it. Needs: by "
        "how much (standard deviation, points) the share of positives would have to differ "
        "between folds for the two to fit; folds of whole patients do differ. Empty: they fit.",
        "A fair reading: the released aggregation takes accuracy's ± over all runs, and the "
        "others' over the means per seed (point 10). Each is a reasonable choice, and neither "
        "text says which it prints; they only cannot be compared with one another.",
    )
