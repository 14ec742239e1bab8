"""Fig. 5's frames: every measure of every model with its interval over patients, and differences.

`summary_frame`, `difference_frame` and `controls_frame` take the measures that the experiment
writes, or the `Evidence` made from them, which several of them can share.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from testiculus.claims.attention_evidence import Evidence
from testiculus.claims.attention_images import LABELS, Cell
from testiculus.claims.attention_schema import (
    BLIND,
    CONTROL_COLUMNS,
    CONTROL_MEASURES,
    CONTROLLED,
    CONTROLS,
    DIFFERENCE_COLUMNS,
    IMAGE_MEASURES,
    NO_STRENGTH,
    SCORES,
    SUMMARY_COLUMNS,
    WITH,
    WITHOUT,
)
from testiculus.intervals import Interval

Line = tuple[str, Interval, int]  # of a frame: measure, interval over patients, number of images


def summary_frame(measures: pd.DataFrame | Evidence) -> pd.DataFrame:
    """Return the mean of every measure in every cell: columns `SUMMARY_COLUMNS`.

    A cell is one row of models on one kind of test images at one layer. Measures of an image are
    averaged over seeds, then over images; a score is the mean over runs, and stands at every layer
    of its models. Bounds are the patient bootstrap's, models held fixed. What has no value (a mask
    that no image has, truth that is not known for all) has no line. `n_images` and `n_patients`
    count those that have a value. Raises UserError as `Evidence.of` does.
    """
    evidence = Evidence.of(measures)
    lines = []
    for cell, values in evidence.values.items():
        found = [*_image_lines(evidence, values), *_score_lines(evidence, cell, None)]
        lines += [(*cell, *_cells(line)) for line in found]
    return pd.DataFrame(lines, columns=SUMMARY_COLUMNS)


def difference_frame(measures: pd.DataFrame | Evidence) -> pd.DataFrame:
    """Return row - against of every measure, on the same images: columns `DIFFERENCE_COLUMNS`.

    The pairs are `WITH` - `WITHOUT` at every strength, and at strength 0 `WITH` - each control (for
    shift_markers and map_change as for any other measure: a negative difference says that the
    control moves more). Images, and runs of scores, are those that both have. Otherwise as
    `summary_frame`.
    """
    evidence = Evidence.of(measures)
    lines = []
    for cell in evidence.values:
        for against in _rivals(cell):
            other = evidence.cell(against, *cell[1:])
            if other not in evidence.values:
                continue
            values = evidence.values[cell] - evidence.values[other]
            found = [*_image_lines(evidence, values), *_score_lines(evidence, cell, against)]
            where = (cell.condition, cell.strength, cell.layer, cell.row, against)
            lines += [(line[0], *where, *_cells(line)[1:]) for line in found]
    return pd.DataFrame(lines, columns=DIFFERENCE_COLUMNS)


def controls_frame(measures: pd.DataFrame | Evidence, layer: str = "") -> pd.DataFrame:
    """Return what the controls score on the measures of a map: columns `CONTROL_COLUMNS`.

    `value` and `control` are the means over the images that both have, at `layer` (the first if not
    named) and strength 0, of the model and the controls that `CONTROLLED` names. A measure is
    informative against a control if the interval of value - control is above zero. A control that
    scores like the trained model, or higher, shows that the measure does not tell what was learnt.
    Raises UserError as `Evidence.of` does.
    """
    evidence = Evidence.of(measures)
    lines = []
    for condition, names in CONTROL_MEASURES.items():
        row, controls = CONTROLLED[condition]
        trained = evidence.cell(row, NO_STRENGTH, condition, layer)
        for measure in names:
            for control in controls:
                other = evidence.cell(control, *trained[1:])
                pair = [evidence.column(cell, measure) for cell in (trained, other)]
                if (line := _control_line(evidence, *pair)) is not None:
                    value, at_control, interval = line
                    bounds = (interval.effect, interval.low, interval.high)
                    found = (value, at_control, *bounds, bool(interval.low > 0), interval.n)
                    lines.append((measure, row, control, *found))
    return pd.DataFrame(lines, columns=CONTROL_COLUMNS)


def _rivals(cell: Cell) -> tuple[str, ...]:
    """Return the rows that the models of a cell are compared with."""
    if cell.row != WITH:
        return ()
    return (WITHOUT, *CONTROLS) if cell.strength == NO_STRENGTH else (WITHOUT,)


def _image_lines(evidence: Evidence, values: np.ndarray) -> Iterator[Line]:
    """Yield the mean of each measure that an image of `values` (images x measures) has."""
    numbers = (~np.isnan(values)).sum(axis=0)
    intervals = evidence.means(values)
    for measure, interval, number in zip(IMAGE_MEASURES, intervals, numbers, strict=True):
        if number:
            yield measure, interval, int(number)


def _score_lines(evidence: Evidence, cell: Cell, against: str | None) -> Iterator[Line]:
    """Yield each score of a cell's models, or by how much it is above that of `against`'s."""
    terms = [(1, *cell[:3])] + ([(-1, against, *cell[1:3])] if against else [])
    if any(term[1] in BLIND or term[1:] not in evidence.tested for term in terms):
        return
    images = set.intersection(*(set(evidence.tested[term[1:]]["image"]) for term in terms))
    for labels in LABELS:
        for score in SCORES:
            interval = evidence.contrast_of_scores(terms, score, labels)
            if not np.isnan(interval.effect):
                yield f"{score}_{labels}", interval, len(images)


def _control_line(
    evidence: Evidence, trained: np.ndarray, control: np.ndarray
) -> tuple[float, float, Interval] | None:
    """Return both means over the images that both have, and their difference; None without any."""
    both = ~np.isnan(trained) & ~np.isnan(control)
    if not both.any():
        return None
    interval = evidence.mean(np.where(both, trained - control, np.nan))
    return float(trained[both].mean()), float(control[both].mean()), interval


def _cells(line: Line) -> tuple[str, float, float, float, int, int]:
    """Return a line's cells: measure, value, ci_low, ci_high, n_images, n_patients."""
    measure, interval, images = line
    return measure, interval.effect, interval.low, interval.high, images, interval.n
