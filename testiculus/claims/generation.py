"""The claims on generated images: what the filter does to them, and whether they copy.

`judge_fig4` gives the article's three claims and the thesis's opposite three a verdict on both
reference sets, three batches of 64 real images (the article's) and the whole labelled set, and
judges this project's own comparisons: on patients that the filter has not seen, against a random
subset of the same number, and of copies.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from testiculus.claims.copies import compare_copies
from testiculus.claims.fidelity import (
    COPY_COLUMNS,
    FIDELITY_COLUMNS,
    REPLICATE_COLUMNS,
    Evidence,
    replicate_differences,
    replicate_interval,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.claims.verdicts import (
    NAN,
    UNTESTABLE,
    Claim,
    Outcome,
    decided_by,
    joined,
    judge,
    untestable,
)
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import ClaimText, claim_texts, reported_change
from testiculus.paper.generation import METRIC_NEIGHBOURS, filter_neighbours

NO_OVERLAP = 1e-9  # disjoint batches share no image: the plain t interval is this limit
HALVES = 1.0  # n_test / n_train where the filter has one half of the patients, the measure another
ONE_GENERATOR = "conditional on one generator"
BY_CONSTRUCTION = (
    "by construction precision cannot fall here: what the metric counts within its k = 3 lies "
    "within the filter's larger k"
)
FIXED = "generated images held fixed; batches may share patients"
FEWER, FEW_RAISE_IT = 0.9, "fewer images by themselves raise a distance"
FILTER_ROWS = {"filtered", "before"}
SAME_IF_IDLE = {"filtered", "before", "random"}
DOCUMENTS = ("article", "thesis")
MEASURES = {"frechet": "Fréchet distance"}  # in words, where the id is not one
# A claim of a document is judged on the other's reference too: in words, and as its id's suffix.
REFERENCES = {
    "batch": ("against batches of real images", "-batches"),
    "whole": ("against the whole labelled set", "-whole"),
}
OTHER_REFERENCE = {"batch": "whole", "whole": "batch"}


def judge_fig4(
    fidelity: pd.DataFrame,
    replicates: pd.DataFrame,
    copies: pd.DataFrame,
    conditions: Conditions,
) -> pd.DataFrame:
    """Return the verdicts on generation: one row a claim and reading, columns as `judge` gives.

    `fidelity`, `replicates` and `copies` are the frames that Fig. 4's experiment writes; the first
    space of `fidelity` is the filter's own, and `replicates` are of it. An effect is positive where
    it is what the claim says; precision, recall and rates are fractions, a Fréchet distance is in
    its own unit (`in_distance` tells). What decides: against whole sets and unseen patients the
    percentiles of paired replicates (`replicate_interval`), over three disjoint batches the t
    interval of the paired differences, over repeated halves the corrected resampled one, and of
    copies `copies.compare_copies`. `n` counts real images, batches, splits, or images compared. The
    paper's figure stands where the reference is its document's, of a distance only if it is an FID.
    Raises UserError where a frame lacks a column.
    """
    require_columns(fidelity, FIDELITY_COLUMNS, "fidelity figures")
    require_columns(replicates, REPLICATE_COLUMNS, "replicates")
    require_columns(copies, COPY_COLUMNS, "counts of copies")
    evidence = Evidence(fidelity, replicates, copies)
    claims = (claim for text in claim_texts("fig4") for claim in _readings(text, evidence))
    return judge(claims, conditions)


def in_distance(claim: str) -> bool:
    """Return whether the effect of the claim of this id is in the unit of a Fréchet distance.

    >>> in_distance("article-filter-lowers-distance-whole"), in_distance("no-such-claim")
    (True, False)
    """
    texts = sorted(claim_texts("fig4"), key=lambda text: -len(text.id))
    found = next((text for text in texts if claim.startswith(text.id)), None)
    return found is not None and found.metric.startswith("frechet")


def _readings(text: ClaimText, evidence: Evidence) -> Iterator[Claim]:
    """Yield a claim of the file under each way of judging it."""
    measure, _, reference = text.metric.partition("_")
    if measure == "copy":
        yield from _copy_claims(text, evidence)
    elif reference == "gain":
        yield _claim(text, test=partial(_test_gain, text, evidence))
    elif reference == "other":
        yield from _other_claims(text, evidence)
    else:
        document = text.source.partition(",")[0]
        own = document in DOCUMENTS
        words = REFERENCES[reference][0] if own else ""
        paper = _paper(text, document, measure, evidence) if own else NAN
        test = partial(_test, text, measure, reference, evidence)
        yield _claim(text, "", words, test, paper)
        if own:
            words, suffix = REFERENCES[OTHER_REFERENCE[reference]]
            test = partial(_test, text, measure, OTHER_REFERENCE[reference], evidence)
            yield _claim(text, suffix, words, test)


def _claim(
    text: ClaimText,
    suffix: str = "",
    words: str = "",
    test: Callable[[], Outcome] | None = None,
    paper: float = NAN,
) -> Claim:
    sentence = f"{text.text[:-1]}, {words}." if words else text.text
    return Claim(text.id + suffix, sentence, text.source, paper, test)


def _paper(text: ClaimText, document: str, measure: str, evidence: Evidence) -> float:
    """Return what the document reports, NaN for an FID where the features are not Inception's."""
    if measure == "frechet" and not evidence.is_fid:
        return NAN
    printed = "fid" if measure == "frechet" else measure
    change = reported_change(document, text.better, text.worse, printed)
    return NAN if change is None else change


def _copy_claims(text: ClaimText, evidence: Evidence) -> Iterator[Claim]:
    """Yield the claim on copies in each space that was searched, the first without a suffix."""
    words = dict(zip(evidence.fidelity["space"], evidence.fidelity["features"], strict=True))
    spaces = list(dict.fromkeys(evidence.copies["space"])) or [""]
    for space in spaces:
        found = evidence.copies[evidence.copies["space"] == space]
        test = partial(_test_copies, text, found)
        where = f"in {words.get(space, space)}" if space else ""
        yield _claim(text, "" if space == spaces[0] else f"-{space}", where, test)


def _test_copies(text: ClaimText, copies: pd.DataFrame) -> Outcome:
    found = compare_copies(copies, text.better, text.worse)
    if found.verdict == UNTESTABLE:
        return found
    return replace(found, note=joined(found.note, ONE_GENERATOR))


def _other_claims(text: ClaimText, evidence: Evidence) -> Iterator[Claim]:
    """Yield the claim in each space that the filter did not choose by."""
    spaces = evidence.spaces[1:]
    if not spaces:
        reason = "features of one network only, those that the filter chose by"
        yield _claim(text, test=partial(untestable, reason))
    for space in spaces:
        suffix = "" if space == spaces[0] else f"-{space}"
        yield _claim(text, suffix, test=partial(_test_splits, text, space, evidence))


def _idle(rows: tuple[str, ...], reference: str, evidence: Evidence) -> Outcome | None:
    """Return the outcome where the filter keeps every image, so that rows hold the same ones."""
    numbers = {
        row: evidence.chosen(row, "precision", reference)["n_generated"].to_numpy()
        for row in ("before", "filtered")
    }
    same = len(set(rows) & SAME_IF_IDLE) > 1 and len(numbers["before"])
    if not same or not np.array_equal(numbers["before"], numbers["filtered"]):
        return None
    return untestable(
        f"the filter keeps all {int(numbers['before'][0]):,} images, so that nothing is compared "
        "(FILTER_NEIGHBOURS sets a narrower one)"
    )


def _test(text: ClaimText, measure: str, reference: str, evidence: Evidence) -> Outcome:
    """Judge a difference of two rows in the filter's own features."""
    rows = (text.better, text.worse)
    if idle := _idle(rows, reference, evidence):
        return idle
    differences = evidence.difference(*rows, measure, reference)
    if not len(differences):
        return untestable(_missing(evidence, rows, measure, reference))
    if reference == "batch":
        interval = corrected_resampled_interval(differences.to_numpy(), ratio=NO_OVERLAP)
    else:
        drawn = replicate_differences(evidence.replicates, *rows, measure, reference)
        if not len(drawn):
            return untestable(f"no replicates of {' and '.join(rows)}, {reference}")
        n_real = int(evidence.chosen(rows[0], measure, reference)["n_real"].mean())
        interval = replicate_interval(float(differences.mean()), drawn, n_real)
    circular = measure == "precision" and reference == "whole" and set(rows) == FILTER_ROWS
    circular &= filter_neighbours(_real(evidence, rows[0], measure)) >= METRIC_NEIGHBOURS
    about = evidence.about(rows, measure, reference)
    numbers = {row: evidence.chosen(row, measure, reference)["n_generated"].mean() for row in rows}
    uneven = measure == "frechet" and min(numbers.values()) < FEWER * max(numbers.values())
    said = BY_CONSTRUCTION if circular else FEW_RAISE_IT if uneven else ""
    note = joined(said, about, interval.note, FIXED if reference == "batch" else "", ONE_GENERATOR)
    return replace(decided_by(interval), note=note)


def _real(evidence: Evidence, row: str, measure: str) -> int:
    """Return how many real images the filter was made from."""
    found = evidence.chosen(row, measure, "whole")["n_real"]
    return int(found.mean()) if len(found) else 0


def _missing(evidence: Evidence, rows: tuple[str, ...], measure: str, reference: str) -> str:
    absent = [row for row in rows if not len(evidence.chosen(row, measure, reference).dropna())]
    return f"no {MEASURES.get(measure, measure)} of {' and '.join(absent or rows)} ({reference})"


def _test_splits(text: ClaimText, space: str, evidence: Evidence) -> Outcome:
    """Judge a difference of precision on unseen patients in `space`, over the splits."""
    rows = (text.better, text.worse)
    if idle := _idle(rows, "heldout", evidence):
        return idle
    differences = evidence.difference(*rows, "precision", "heldout", space)
    if not len(differences):
        return untestable(f"no precision of {' and '.join(rows)} on unseen patients in {space}")
    interval = corrected_resampled_interval(differences.to_numpy(), ratio=HALVES)
    about = evidence.about(rows, "precision", "heldout", space)
    return replace(decided_by(interval), note=joined(about, interval.note, ONE_GENERATOR))


def _test_gain(text: ClaimText, evidence: Evidence) -> Outcome:
    """Judge by how much the filter's gain in precision exceeds that on unseen patients."""
    if idle := _idle(("filtered", "before"), "heldout", evidence):
        return idle
    gains = {
        reference: evidence.difference("filtered", "before", "precision", reference)
        for reference in (text.better, text.worse)
    }
    excess = (gains[text.better] - gains[text.worse]).dropna()
    if not len(excess):
        return untestable("no split with precision on its own and on unseen patients")
    interval = corrected_resampled_interval(excess.to_numpy(), ratio=HALVES)
    about = evidence.about(("before", "filtered"), "precision", "heldout")
    means = ", ".join(f"{100 * gain.mean():+.1f} points {name}" for name, gain in gains.items())
    return replace(decided_by(interval), note=joined(means, about, interval.note, ONE_GENERATOR))
