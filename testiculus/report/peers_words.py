"""Which rule for label noise to use, in words that are put together from the results."""

from collections.abc import Iterator

import pandas as pd

from testiculus.claims.contrasts import beats
from testiculus.claims.peers import CURATED_METRIC
from testiculus.claims.peers_schema import (
    AVERAGE_PRECISION,
    CORRECTED,
    FLIPPED,
    WITHIN_LABEL,
    curated_row,
)
from testiculus.claims.schema import BASELINE, TRUTH, Conditions
from testiculus.noise.peers import ARTICLE
from testiculus.report.generation_words import truthful
from testiculus.report.render import bracket, percent, points, reached_on
from testiculus.report.tables_peers import SMOKE


def peers_answer(choice: pd.DataFrame, results: pd.DataFrame, conditions: Conditions) -> str:
    """Return in words which rule to use here, as the results decide it."""
    within = choice[choice["metric"] == WITHIN_LABEL].set_index("rule")
    choice = choice[choice["metric"] == AVERAGE_PRECISION]
    by_rule = choice.set_index("rule")
    best = choice["rule"].iloc[0]
    same = [rule for rule in by_rule.index if rule != best and truthful(by_rule["as_good"][rule])]
    number = int(choice["conditions"].iloc[0])
    over = f"on average over {number} planted conditions" if number > 1 else "on these labels"
    parts = [
        f"On {reached_on(conditions)}, the rule that ranks wrong labels best is {best}: mean "
        f"average precision {percent(by_rule['value'][best], 1)} % {over}.",
        f"Not told apart from it: {', '.join(same)}." if same else "Every other rule is behind it.",
        _articles_place(by_rule, best, same),
        _within_words(within, best),
        *_gain_words(results, best, conditions),
    ]
    lead = [SMOKE] if conditions.claims_nothing else []
    return " ".join(filter(None, [*lead, *parts]))


def _articles_place(by_rule: pd.DataFrame, best: str, same: list[str]) -> str:
    if ARTICLE in (best, *same):
        return ""
    found = by_rule.loc[ARTICLE]
    behind = f"{points(found['behind'], 1)} {bracket(found['ci_low'], found['ci_high'])}"
    return f"It is ahead of the {ARTICLE} by {behind} points."


def _within_words(within: pd.DataFrame, best: str) -> str:
    """Return what is left of the best rule's lead among images of one label."""
    first, found = within.index[0], within.loc[best]
    if best == first or truthful(found["as_good"]):
        return f"Among images of one label {best} is among the best too."
    behind = f"{points(found['behind'], 1)} {bracket(found['ci_low'], found['ci_high'])}"
    return (
        f"Among images of one label, though, {first} is ahead of it by {behind} points: its lead "
        "comes from calling one label more suspicious than the other."
    )


def _gain_words(results: pd.DataFrame, best: str, conditions: Conditions) -> Iterator[str]:
    """Yield what turning the best rule's flags, and all errors, does to F1 on true labels."""
    for row, words in {
        curated_row(best, FLIPPED): "Turning over the labels it flags",
        CORRECTED: "Putting all wrong labels right",
    }.items():
        contrast = beats(row, BASELINE, CURATED_METRIC, TRUTH)
        if contrast.missing(results):
            continue
        gain = contrast.interval(results, conditions)
        resolved = gain.low > 0 or gain.high < 0
        told = "" if resolved else ", which is not resolved"
        ends = bracket(gain.low, gain.high)
        yield f"{words} changes F1 on true labels by {points(gain.effect, 1)} {ends} points{told}."
