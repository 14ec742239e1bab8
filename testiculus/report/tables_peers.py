"""The comparison of rules for label noise as a reader sees it: rankings, retrained rows, claims.

`ranking_table` and `choice_table` say which rule finds wrong labels, `curated_table` what acting on
it does to the models, `peers_verdicts_table` gives the claims one by one. `peers_words` puts in
words which rule to use.
"""

from collections.abc import Iterator

import pandas as pd

from testiculus.claims.contrasts import beats
from testiculus.claims.peers import CURATED_METRIC
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AVERAGE_PRECISION,
    CHOICE_COLUMNS,
    CORRECTED,
    CURATIONS,
    RANKING_METRICS,
    SCORED_RULES,
    SUMMARY_COLUMNS,
    WITHIN_LABEL,
    curated_row,
)
from testiculus.claims.schema import BASELINE, TRUTH, Conditions, require_columns, runs_of
from testiculus.noise.peers import RULES
from testiculus.report.generation_words import truthful
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
from testiculus.report.tables import NOT_CLAIMED

METRIC_TITLES = {
    RANKING_METRICS[0]: "Average precision",
    RANKING_METRICS[1]: "Precision at the planted number",
    RANKING_METRICS[2]: "Average precision, among images of one label,",
}
AMONG = {AVERAGE_PRECISION: "", WITHIN_LABEL: ", among images of one label"}
AS_THEY_ARE = "labels as they are"
SMOKE = "The smoke profile tests the machinery; it claims nothing."
CONDITIONAL = "Intervals: 95 % over resampled patients, the trained models held fixed."


def ranking_table(
    summary: pd.DataFrame, conditions: Conditions, metric: str = AVERAGE_PRECISION
) -> Table:
    """Return a metric of every rule under every condition: a column for each planted rate.

    Percent, with the interval over patients below. The labels as they came have a column of their
    own, in the last block. Raises `UserError` where a column is missing.
    """
    require_columns(summary, SUMMARY_COLUMNS, "summary")
    chosen = summary[summary["metric"] == metric]
    planted = chosen[chosen["kind"] != AS_LABELLED]
    rates = sorted(planted["rate"].unique())
    names = [f"{100 * rate:g} %" for rate in rates]
    lines = [
        (kind, rule, *(_cell(part, rule, rate) for rate in rates))
        for kind, part in planted.groupby("kind", sort=False)
        for rule in SCORED_RULES
    ]
    own = chosen[chosen["kind"] == AS_LABELLED]
    if not rates:
        names = ["as labelled"]
        lines = [(AS_LABELLED, rule, _cell(own, rule)) for rule in SCORED_RULES]
    elif len(own):
        blank = [""] * (len(rates) - 1)
        lines += [(AS_LABELLED, rule, _cell(own, rule), *blank) for rule in SCORED_RULES]
    frame = pd.DataFrame(lines, columns=["errors", "rule", *names])
    caption = f"{METRIC_TITLES[metric]} of wrong labels: {reached_on(conditions)}"
    notes = (
        f"Percent. {CONDITIONAL} {RULES[-1].capitalize()}: what a random order gives on average.",
        _labelled_note(own, bool(rates)),
        f'"{SCORED_RULES[-1]}" ranks by the number of evaluations alone; otherwise images of equal '
        "number are ordered by how often their loss exceeded the threshold.",
    )
    frame = without_repeats(frame, ["errors"])
    return Table(frame, caption, tuple(filter(None, notes)), tuple(names), ("errors", "rule"))


def _cell(part: pd.DataFrame, rule: str, rate: float | None = None) -> str:
    found = part[part["rule"] == rule]
    found = found if rate is None else found[found["rate"] == rate]
    if found.empty:
        return ABSENT
    line = found.iloc[0]
    ends = f"\n[{percent(line.ci_low, 1)}, {percent(line.ci_high, 1)}]"
    return percent(line["value"], 1) + ("" if pd.isna(line.ci_low) else ends)


def _labelled_note(own: pd.DataFrame, beside_planted: bool) -> str:
    if own.empty:
        return ""
    line = own.iloc[0]
    where = ", in the first column of figures" if beside_planted else ""
    return (
        f"As labelled{where}: {line.planted} of {line.images} labels are known to be wrong "
        f"({percent(line.planted / line.images, 1)} %); read from all trainings of Table 1's noise "
        "protocol."
    )


def choice_table(
    choice: pd.DataFrame, conditions: Conditions, metric: str = AVERAGE_PRECISION
) -> Table:
    """Return the rules, the best first, with the best one's lead over each."""
    require_columns(choice, CHOICE_COLUMNS, "choice")
    choice = choice[choice["metric"] == metric]
    lines = [
        (
            found.rule,
            percent(found.value, 1),
            ABSENT if truthful(found.best) else points(found.behind, 1),
            ABSENT if truthful(found.best) else bracket(found.ci_low, found.ci_high),
            _standing(found, conditions),
        )
        for found in choice.itertuples()
    ]
    names = ["rule", "mean AP", "best is ahead by", "[95 %]", ""]
    number = int(choice["conditions"].iloc[0])
    over = f"{number} planted conditions" if number > 1 else "one condition"
    caption = f"Rules by mean average precision over {over}{AMONG[metric]}: "
    caption += reached_on(conditions)
    notes = (
        f"Percent and points, paired over the same images. {CONDITIONAL} The best was picked on "
        "these same figures, so that its own is slightly flattered.",
        *((SMOKE,) if conditions.claims_nothing else ()),
    )
    return Table(pd.DataFrame(lines, columns=names), caption, notes, tuple(names[1:4]), ("rule",))


def _standing(found, conditions: Conditions) -> str:
    if conditions.claims_nothing:
        return NOT_CLAIMED
    if truthful(found.best):
        return "best"
    return "not told apart from it" if truthful(found.as_good) else "behind it"


def curated_rows() -> list[str]:
    """Return the retrained rows in the order of the table, first what they are compared with."""
    return [BASELINE, *(curated_row(r, c) for r in RULES for c in CURATIONS), CORRECTED]


def curated_table(
    results: pd.DataFrame, predictions: pd.DataFrame, conditions: Conditions, retrained: str = ""
) -> Table:
    """Return what models trained on curated labels score against the truth, row by row.

    `retrained` names the condition. Differences are from the same condition's labels as they are,
    paired over seeds and folds.
    """
    lines = [
        (*_row_words(row), _errors_left(predictions, row), *_scores(results, row, conditions))
        for row in curated_rows()
        if (predictions["row"] == row).any()
    ]
    names = ["flags of", "these labels", "labels wrong", "F1", "F1 gain\n[95 %]", "AUC"]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["flags of"])
    runs = len(runs_of(results, BASELINE, CURATED_METRIC + TRUTH))
    caption = f"Trained again on curated labels ({retrained or 'planted errors'}), scored on true "
    notes = (
        f"Percent; mean ± standard deviation over {runs} runs, all test images, true labels. Gain: "
        "points over the labels as they are, corrected resampled t over paired runs. Labels wrong: "
        "of those that are trained on. Every rule flags as many images as labels are wrong; a lot "
        "decides among equals.",
        "Flags rest on all noise trainings, also on those that saw the test images, as in Table 1.",
    )
    caption += f"labels: {reached_on(conditions)}"
    return Table(frame, caption, notes, tuple(names[2:]), ("flags of",))


def _row_words(row: str) -> tuple[str, str]:
    """Return whose flags a row was curated by, and what became of the flagged labels."""
    if row == BASELINE:
        return "nobody", AS_THEY_ARE
    if row == CORRECTED:
        return "the truth", "put right"
    rule, _, curation = row.rpartition(", ")
    return rule, curation


def _errors_left(predictions: pd.DataFrame, row: str) -> str:
    """Return the share of wrong labels among those that a row's trainings are given."""
    one = predictions[predictions["row"] == row].drop_duplicates("image")
    kept = one[one["curated_label"].notna() & one["true_label"].notna()]
    return percent((kept["curated_label"] != kept["true_label"]).mean(), 1)


def _scores(results: pd.DataFrame, row: str, conditions: Conditions) -> Iterator[str]:
    yield mean_and_std(runs_of(results, row, CURATED_METRIC + TRUTH))
    contrast = beats(row, BASELINE, CURATED_METRIC, TRUTH)
    if row == BASELINE or contrast.missing(results):
        yield ABSENT
    else:
        gain = contrast.interval(results, conditions)
        ends = bracket(gain.low, gain.high)
        yield points(gain.effect, 1) + ("" if ends == ABSENT else f"\n{ends}")
    yield mean_and_std(runs_of(results, row, "auc" + TRUTH))


def peers_verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim on the article's rule against a peer, with its interval and verdict."""
    lines = [
        (
            found.text,
            f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
            if pd.notna(found.effect)
            else ABSENT,
            NOT_CLAIMED if conditions.claims_nothing else found.verdict,
        )
        for found in verdicts.itertuples()
    ]
    names = ["claim, in no source: ours", "here [95 %]", "verdict"]
    known = verdicts[verdicts["effect"].isna()]["note"].dropna().unique()
    notes = (
        "Points of average precision (ranking) or of F1 on true labels (training), positive where "
        "the article's rule is ahead. Ranking: patient bootstrap; training: corrected resampled t "
        "over paired runs.",
        *(f"{ABSENT}: {note}" for note in known),
    )
    caption = f"The article's rule against its peers: {reached_on(conditions)}"
    frame = pd.DataFrame(lines, columns=names)
    return Table(frame, caption, notes, ("here [95 %]",), (names[0], "verdict"))
