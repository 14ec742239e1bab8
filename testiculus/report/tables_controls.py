"""Negative controls as a reader sees them: beside chance, and beside the tables' own figures.

`negative_controls_table` shows the figures, `negative_controls_verdicts_table` the claims one by
one, and `permuted_words` says what the article's rule does where labels mean nothing: all of it
read from the results.
"""

from collections.abc import Mapping

import pandas as pd

from testiculus.claims.controls_reading import BY_CONSTRUCTION, CIRCULAR, words_of
from testiculus.claims.controls_schema import CONTROL_COLUMNS, PERMUTED, TABLES
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    percent,
    points,
    reached_on,
    without_repeats,
)
from testiculus.report.tables import NOT_CLAIMED

TABLE_TITLES = {name: f"{name[:-1].capitalize()} {name[-1]}" for name in TABLES}
TABLE_TITLES["fig4"] = "Fig. 4"
METRIC_WORDS = {
    "auc": "AUC, curated labels",
    "f1": "F1, curated labels",
    "auc_original": "AUC, as dealt out",
    "f1_original": "F1, as dealt out",
    "probe_auc": "AUC of a probe",
    "probe_f1": "F1 of a probe",
    "precision_whole": "precision",
    "recall_whole": "recall",
    "frechet_whole": "Fréchet distance",
    "kept_share": "kept by the filter",
    "copy_rate_pixels": "copies, in pixels",
}
AS_IT_IS = {  # where nothing was curated there is one kind of label
    ("Complete", "auc"): "AUC",
    ("Complete", "f1"): "F1",
    ("noise images", "f1"): "F1, fine-tuned",
}
DISTANCE = "frechet_whole"
CURATED_TABLE = "table1"
NO_FILTERED = (
    "Filtered, which leaves flagged images out of training and of test folds, has no control here."
)
READ_AS = {  # what a word beside a verdict means, once below the table
    BY_CONSTRUCTION: "By construction: an untrained generator draws clipped noise, unlike any "
    "image, so that these lines check the measures and find nothing out.",
    CIRCULAR: "Circularity shown: models of the kind that is scored chose these labels. An AUC "
    "above chance on them says how circular the scoring is, not that the control has failed.",
}


def metric_words(row: str, metric: str) -> str:
    """Return what a figure of a control's row is, in words.

    >>> metric_words("Complete", "auc"), metric_words("Flipped", "auc")
    ('AUC', 'AUC, curated labels')
    """
    return AS_IT_IS.get((row, metric), METRIC_WORDS.get(metric, metric))


def control_words(control: str, row: str) -> str:
    """Return which control a line is of, and which of its rows.

    >>> control_words("noise images", "noise images"), control_words("permuted labels", "Flipped")
    ('noise images', 'permuted labels, Flipped')
    """
    return control if row == control else f"{control}, {row}"


def negative_controls_table(
    controls: pd.DataFrame, conditions: Conditions, table: str = ""
) -> Table:
    """Return the controls' figures beside chance and the tables' own; of one `table`, or of all.

    Raises `UserError` where a column is missing.
    """
    require_columns(controls, CONTROL_COLUMNS, "controls")
    chosen = controls[controls["table"] == table] if table else controls
    names = ["table", "control", "figure"]
    figures = ["here [95 %]", "chance", "the table's own"]
    lines = [
        (
            TABLE_TITLES.get(one.table, one.table),
            control_words(one.control, one.row),
            metric_words(one.row, one.metric),
            _with_interval(one),
            _value(one.metric, one.chance),
            _beside(one),
            _verdict(one.verdict, conditions),
        )
        for one in chosen.itertuples()
    ]
    frame = pd.DataFrame(lines, columns=[*names, *figures, "verdict"])
    frame = without_repeats(frame, names[:2])
    title = f"Negative controls{f' of {TABLE_TITLES[table]}' if table else ''}"
    notes = (
        "Percent; a Fréchet distance in its own unit. Chance: what predictions score that know "
        "nothing of the labels and call as many images positive; of copies, what the search lets "
        "through among honest images.",
        "Intervals: Table 1, over resampled patients, the models held fixed; probes for permuted "
        "labels, over partitions, each with a permutation of its own; other scores, corrected "
        "resampled t over runs; shares of images, exact.",
        f"{ABSENT} under the table's own: that table has no such row, or was not run here.",
        *([NO_FILTERED] if table in ("", CURATED_TABLE) else []),
        *_read_as(frame["verdict"]),
    )
    wrapping = ("control", "figure", "the table's own", "verdict")
    caption = f"{title}: {reached_on(conditions)}"
    return Table(frame, caption, notes, tuple(figures[:2]), wrapping)


def _value(metric: str, value: float) -> str:
    if metric == DISTANCE:
        return ABSENT if pd.isna(value) else f"{value:.2f}"
    return percent(value, 1)


def _with_interval(one) -> str:
    if pd.isna(one.ci_low):
        return _value(one.metric, one.value)
    ends = f"[{_value(one.metric, one.ci_low)}, {_value(one.metric, one.ci_high)}]"
    return f"{_value(one.metric, one.value)} {ends}"


def _beside(one) -> str:
    if pd.isna(one.beside_value):
        return ABSENT
    return f"{_value(one.metric, one.beside_value)} ({one.beside})"


def _verdict(verdict: object, conditions: Conditions) -> str:
    if pd.isna(verdict) or not verdict:
        return ""
    return NOT_CLAIMED if conditions.claims_nothing else str(verdict)


def _read_as(shown: pd.Series) -> list[str]:
    """Return what the words beside verdicts mean, of those that are there."""
    return [told for word, told in READ_AS.items() if shown.str.contains(word, regex=False).any()]


def negative_controls_verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim on the controls, with its interval, what it could resolve, and verdict.

    `verdicts` are those of `claims.controls.judge_controls`, which claim nothing in smoke.
    """
    lines = [
        (
            found.text,
            f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
            if pd.notna(found.effect)
            else ABSENT,
            percent(found.resolvable, 1),
            _verdict(_worded(found), conditions),
        )
        for found in verdicts.itertuples()
    ]
    names = ["claim, in no source: ours", "here [95 %]", "resolvable", "verdict"]
    absent = verdicts.loc[verdicts["effect"].isna(), "note"].dropna().unique()
    margins = verdicts.loc[verdicts["effect"].notna(), "note"].dropna()
    said = dict.fromkeys(p for n in margins for p in n.split("; ") if " means " in p)
    notes = (
        "Points above chance, points by which one row is ahead of another, or percent of images. "
        "Resolvable: half the interval, the least that it would have told from zero. The sentences "
        "were fixed before any control was run.",
        *((f"{'; '.join(said).capitalize()}.",) if said else ()),
        *(f"{ABSENT}: {note}" for note in absent),
    )
    caption = f"What the negative controls show: {reached_on(conditions)}"
    frame = pd.DataFrame(lines, columns=names)
    notes = (*notes, *_read_as(frame["verdict"]))
    return Table(frame, caption, notes, tuple(names[1:3]), (names[0], "verdict"))


def _worded(found) -> str:
    return words_of(found.claim, found.verdict, found.effect)


def permuted_words(
    facts: Mapping[str, object], controls: pd.DataFrame, conditions: Conditions, images: int
) -> str:
    """Return what the article's rule flags where labels mean nothing, and what turning them does.

    `facts` are the outcome's, `images` the number of labelled images.
    """
    parts = [] if not conditions.claims_nothing else ["The smoke profile claims nothing."]
    parts.append(
        f"Of {images} labels that mean nothing, the article's rule flags {facts['flagged']} in all "
        f"of {facts['evaluations']} evaluations each."
    )
    of_table = (controls["table"] == CURATED_TABLE) & (controls["control"] == PERMUTED)
    own = controls[of_table & (controls["metric"] == "f1")].set_index("row")
    if {"Complete", "Flipped"} <= {*own.index}:
        both = own.loc[["Complete", "Flipped"]]
        above = (both["value"] - both["chance"]).to_numpy()
        parts.append(
            f"Turned over and scored as the article scores, F1 goes from {_from_to(both['value'])} "
            f"%. Turning also moves the share of positives, and with it what chance gives: from "
            f"{_from_to(both['chance'])} %. Above chance, F1 goes from {points(above[0], 1)} to "
            f"{points(above[1], 1)} points."
        )
        beside = own.loc[["Complete", "Flipped"], "beside_value"]
        if beside.notna().all():
            parts.append(f"With real labels Table 1 goes from {_from_to(beside)} %.")
    return " ".join(parts)


def _from_to(values: pd.Series) -> str:
    """Return two fractions as "27.0 to 51.0"."""
    first, last = (percent(value, 1) for value in values)
    return f"{first} to {last}"
