"""How a claim of Fig. 5 is tested: on what images measure, or on the scores of paired runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from testiculus.claims.attention_evidence import Evidence
from testiculus.claims.attention_images import Cell
from testiculus.claims.attention_schema import (
    CONDITION_SUFFIXES,
    MAP_MEASURES,
    NO_STRENGTH,
    model_row,
)
from testiculus.claims.contrasts import UNKNOWN_TRUTH, Contrast, Term
from testiculus.claims.schema import Conditions
from testiculus.claims.verdicts import (
    UNTESTABLE,
    Outcome,
    best_of,
    decided_by,
    joined,
    untestable,
    verdict_of,
    verdict_of_standing_in,
)
from testiculus.intervals import Interval, corrected_resampled_interval
from testiculus.paper import EQUAL_MARGIN
from testiculus.paper.attention import AttentionClaim, AttentionTerm

RULES: Mapping[str, Callable[[Interval], str]] = {
    "beats": verdict_of,
    "best": verdict_of,
    "stands in": partial(verdict_of_standing_in, margin=EQUAL_MARGIN),
}
NO_LOSS = f"no loss means at most {100 * EQUAL_MARGIN:g} points"
NO_DOSE = "no model was trained on marks that go with the label (bias 0 alone was run)"
ONE_RUN = "one run: the patient bootstrap decides, with that one training held fixed"
MASKS = {"parenchyma": "the parenchyma", "lesion": "a lesion", "markers": "inserted markers"}
# The rival of "best" that is no row: what a measure is already a difference from.
ALREADY = {"gain_parenchyma": "the area covered", "shift_markers": "what lay there before"}


@dataclass(frozen=True)
class Case:
    """What the claims are judged on; maps at `layer`."""

    evidence: Evidence
    results: pd.DataFrame
    conditions: Conditions
    layer: str

    def strength(self, term: AttentionTerm) -> float:
        """Return the bias that a term's models were trained under."""
        return self.evidence.largest if term.strength == "largest" else NO_STRENGTH

    def cell(self, term: AttentionTerm, layer: str) -> Cell:
        """Return where a term's measures are."""
        return self.evidence.cell(term.row, self.strength(term), term.images, layer)


def images_outcome(text: AttentionClaim, case: Case) -> Outcome:
    """Judge a claim on what images measure, and note what the other layers of the maps say."""
    if text.untestable:
        return untestable(text.untestable)
    found = _at_layer(text, case, case.layer)
    if found.verdict == UNTESTABLE:
        return found
    cells = [case.cell(term, case.layer) for term in text.terms]
    models = sum(case.evidence.models[key] for key in {cell[:2] for cell in cells})
    notes = [text.reads, found.note]
    if text.measure in MAP_MEASURES:
        others = (layer for layer in case.evidence.layers if layer != case.layer)
        elsewhere = (_elsewhere(text, case, layer) for layer in others)
        notes += [f"maps at {case.layer}", *elsewhere, _empty_maps(case.evidence, cells)]
    return replace(found, note=joined(*notes, f"{models} trained models"))


def scores_outcome(text: AttentionClaim, labels: str, case: Case) -> Outcome:
    """Judge a claim on a score against `labels` ("original" or "truth") over the paired runs."""
    if text.of_dose and case.evidence.largest == NO_STRENGTH:
        return untestable(NO_DOSE)
    if labels == "truth" and not case.evidence.truth:
        return untestable(UNKNOWN_TRUTH)
    own = [(t.sign, t.row, case.strength(t), t.images) for t in text.terms]
    contrast = Contrast(
        text.measure,
        tuple(
            Term(sign, model_row(row, strength), f"_{labels}{CONDITION_SUFFIXES[images]}")
            for sign, row, strength, images in own
        ),
    )
    if missing := contrast.missing(case.results):
        return untestable(missing)
    if not contrast.differences(case.results).notna().any():
        return untestable("no run that all of the models have")
    interval = contrast.interval(case.results, case.conditions)
    beside = case.evidence.contrast_of_scores(own, text.measure, labels)
    found = decided_by(interval, beside, rule=RULES[text.kind])
    dose = f"marks go with the label at a bias of {case.evidence.largest:g}" if text.of_dose else ""
    note = joined(dose, NO_LOSS if text.kind == "stands in" else "", text.reads, found.note)
    return replace(found, note=note)


def _at_layer(text: AttentionClaim, case: Case, layer: str) -> Outcome:
    """Judge a claim on what images measure, by its signed sum over the paired runs."""
    own = ALREADY.get(text.measure, "zero")
    found = {own: _sum_outcome(text, text.terms, case, layer)}
    for rival in text.rivals:
        against = (*text.terms, replace(text.terms[0], sign=-1, row=rival))
        found[f"row {rival}"] = _sum_outcome(text, against, case, layer)
    return best_of(found) if text.kind == "best" else found[own]


def _sum_outcome(
    text: AttentionClaim, terms: Sequence[AttentionTerm], case: Case, layer: str
) -> Outcome:
    cells = [case.cell(term, layer) for term in terms]
    columns = [case.evidence.column(cell, text.measure) for cell in cells]
    for term, column in zip(terms, columns, strict=True):
        if np.isnan(column).all():
            return untestable(_missing(text, term, case, layer))
    values = sum(term.sign * column for term, column in zip(terms, columns, strict=True))
    if np.isnan(values).all():
        return untestable("no image that all of the models measure")
    beside = case.evidence.mean(values - text.least)
    parts = [
        t.sign * case.evidence.runs[c][text.measure] for t, c in zip(terms, cells, strict=True)
    ]
    differences = pd.concat(parts, axis=1, join="inner").sum(axis=1, skipna=False).dropna()
    if len(differences) < 2:  # one run: its spread over trainings is not known
        return replace(decided_by(beside, beside, rule=RULES[text.kind]), note=ONE_RUN)
    interval = corrected_resampled_interval(
        differences.to_numpy() - text.least, ratio=case.conditions.ratio
    )
    return decided_by(interval, beside, rule=RULES[text.kind])


def _missing(text: AttentionClaim, term: AttentionTerm, case: Case, layer: str) -> str:
    """Return why a term has no value, in words."""
    evidence, cell = case.evidence, case.cell(term, layer)
    if cell[:2] not in evidence.models:
        return f"row {model_row(term.row, cell.strength)} was not run"
    if cell not in evidence.values:
        return f"no maps of {term.row} on test images {term.images} at {layer}"
    part = text.measure.partition("_")[2].replace("clear", "parenchyma")
    if part in MASKS and part not in evidence.masks:
        return f"no image has a mask of {MASKS[part]}"
    if evidence.empty[cell][0] == evidence.empty[cell][1]:
        return f"every map of {term.row} on test images {term.images} is empty"
    return f"no {text.measure} of {term.row} on test images {term.images}"


def _elsewhere(text: AttentionClaim, case: Case, layer: str) -> str:
    """Return what the claim's verdict would be at another layer, "" if it has none there."""
    found = _at_layer(text, case, layer)
    if found.verdict == UNTESTABLE:
        return ""
    return f"at {layer} {found.verdict} ({100 * found.effect:+.1f} points)"


def _empty_maps(evidence: Evidence, cells: Sequence[Cell]) -> str:
    """Return how many of the maps have no energy and so no share of it, "" if none."""
    empty, total = np.sum([evidence.empty[cell] for cell in cells], axis=0)
    return f"{empty:,} of {total:,} maps are empty and left out" if empty else ""
