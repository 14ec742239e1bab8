"""What Fig. 5's frames and verdicts are computed from: every image's measures, by model and images.

`Evidence.of` arranges the measures once; `means` and `contrast_of_scores` are its intervals over
resampled patients, with the trained models held fixed. All of them weigh the same draws of
patients, the draws of `intervals.patient_bootstrap`, so that one matrix product serves many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from testiculus.claims.attention_images import (
    LABELS,
    PARTS,
    RUN,
    Cell,
    cell_values,
    derived,
    empty_maps,
    predictions,
    run_means,
)
from testiculus.claims.attention_schema import BLIND, IMAGE_MEASURES, NO_STRENGTH, SCORES
from testiculus.claims.attention_scores import run_scores
from testiculus.claims.verdicts import NAN
from testiculus.intervals import BOOTSTRAP_DRAWS, CONFIDENCE, Interval

BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Evidence:
    """The measures, arranged: `values` holds float64 images x `IMAGE_MEASURES` for every cell.

    They are means over seeds, NaN where none has one; `runs` holds the means over the images of
    every run, (seed, fold) x `IMAGE_MEASURES`. `patients` numbers the patient of each image.
    `weights` is float64 (1 + draws) x patients: ones, then how often a draw holds each. `tested`
    maps (row, strength, condition) to its predictions: seed, fold, image and patient (numbers),
    label, true_label and probability. `layers` are in the order of the measures, of which the
    first is the one that claims are judged at. `truth` says whether all true labels are known,
    `models` how many models a row and strength has, `masks` which of parenchyma, lesion and markers
    any image has, and `empty` how many of a cell's maps are zero everywhere, and of how many.
    """

    values: dict[Cell, np.ndarray]
    runs: dict[Cell, pd.DataFrame]
    patients: np.ndarray
    weights: np.ndarray
    tested: dict[tuple[str, float, str], pd.DataFrame]
    layers: tuple[str, ...]
    truth: bool
    models: dict[tuple[str, float], int]
    masks: frozenset[str]
    empty: dict[Cell, tuple[int, int]]
    _scored: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        measures: "pd.DataFrame | Evidence",
        *,
        draws: int = BOOTSTRAP_DRAWS,
        seed: int = BOOTSTRAP_SEED,
    ) -> "Evidence":
        """Return the evidence in `measures`, or `measures` itself if it is evidence already.

        `measures` has `MEASURE_COLUMNS`. Raises UserError where a column is missing, where there is
        no line, and where one model has two lines for one image, condition and layer.
        """
        if isinstance(measures, Evidence):
            return measures
        frame = derived(measures)
        images = frame.groupby("image", sort=True)["patient"].first()
        patients = np.unique(images.astype(str), return_inverse=True)[1].ravel()
        return cls(
            cell_values(frame, images.index),
            run_means(frame),
            patients,
            patient_weights(int(patients.max()) + 1, seed=seed, draws=draws),
            predictions(frame, images.index, patients),
            tuple(dict.fromkeys(frame["layer"])),
            bool(frame["true_label"].notna().all()),
            {key: len(g[RUN].drop_duplicates()) for key, g in frame.groupby(["row", "strength"])},
            frozenset(part for part in PARTS if frame[f"area_{part}"].notna().any()),
            empty_maps(frame),
        )

    @property
    def largest(self) -> float:
        """The largest bias that models were trained under."""
        return max((strength for _, strength in self.models), default=NO_STRENGTH)

    def cell(self, row: str, strength: float, condition: str, layer: str = "") -> Cell:
        """Return the cell at `layer`, the first if not named; maps of no model are of any layer."""
        wanted = Cell(row, strength, condition, layer or self.layers[0])
        if row not in BLIND or wanted in self.values:
            return wanted
        return next((cell for cell in self.values if cell[:3] == wanted[:3]), wanted)

    def column(self, cell: Cell, measure: str) -> np.ndarray:
        """Return a measure of a cell's images, float64 (images,), NaN where there is none."""
        if cell not in self.values:
            return np.full(len(self.patients), np.nan)
        return self.values[cell][:, IMAGE_MEASURES.index(measure)]

    def means(self, values: np.ndarray) -> list[Interval]:
        """Return the mean of each column of `values` (images x columns, NaN is left out)."""
        known = ~np.isnan(values)
        sums, numbers = (self._by_patient(part) for part in (np.where(known, values, 0.0), known))
        drawn = _ratio(self.weights @ sums, self.weights @ numbers)
        return [
            interval_of(column, int((number > 0).sum()))
            for column, number in zip(drawn.T, numbers.T, strict=True)
        ]

    def mean(self, values: np.ndarray) -> Interval:
        """Return the mean of `values`, float64 (images,); NaN is left out."""
        return self.means(values[:, None])[0]

    def scores(self, row: str, strength: float, condition: str, labels: str) -> pd.Series:
        """Return `SCORES` on every draw by run: arrays (scores, 1 + draws) by (seed, fold).

        `labels` is "original" or "truth". Empty where the models were not tested on these images.
        """
        key = (row, strength, condition, labels)
        if key not in self._scored:
            self._scored[key] = self._score(*key)
        return self._scored[key]

    def contrast_of_scores(
        self, terms: Sequence[tuple[int, str, float, str]], score: str, labels: str
    ) -> Interval:
        """Return the signed sum of a score over `terms`, the mean over the runs that all have.

        A term is sign, row, strength, condition. The interval is over patients, with the trained
        models held fixed; a draw leaves out a run that has no score in it.
        """
        parts = [self.scores(*term[1:], labels) for term in terms]
        runs = set.intersection(*(set(part.index) for part in parts))
        at = SCORES.index(score)
        sums = [
            sum(term[0] * part[run][at] for term, part in zip(terms, parts, strict=True))
            for run in sorted(runs)
        ]
        if not sums:
            return interval_of(np.full(1, np.nan), 0)
        found = np.stack(sums)
        known = ~np.isnan(found)
        drawn = _ratio(np.where(known, found, 0.0).sum(axis=0), known.sum(axis=0))
        tested = pd.concat([self.tested[term[1:]] for term in terms])
        return interval_of(drawn, int(tested["patient"].nunique()))

    def _score(self, row: str, strength: float, condition: str, labels: str) -> pd.Series:
        tested = self.tested.get((row, strength, condition))
        column = LABELS[labels]
        if tested is None or (labels == "truth" and not self.truth):
            return pd.Series(dtype=object)
        tested = tested.dropna(subset=[column])
        parts = ("patient", column, "probability")
        found = {
            run: run_scores(self.weights, *(group[part].to_numpy() for part in parts))
            for run, group in tested.groupby(["seed", "fold"])
        }
        return pd.Series(list(found.values()), index=list(found), dtype=object)

    def _by_patient(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of `values` (images x columns) over each patient's images."""
        sums = np.zeros((self.weights.shape[1], values.shape[1]))
        np.add.at(sums, self.patients, values)
        return sums


def patient_weights(number: int, *, seed: int, draws: int) -> np.ndarray:
    """Return ones, then how often each of `number` patients is in each draw: (1 + draws) x number.

    Float64; the draws are those of `intervals.patient_bootstrap` at this seed.
    """
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=draws)
    return np.concatenate([np.ones((1, number)), drawn])


def interval_of(drawn: np.ndarray, patients: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of `drawn`: the effect first, then its value on every draw.

    As `intervals.patient_bootstrap` does, it leaves out draws without a value, with a note, and
    gives no bounds to what rests on fewer than two `patients`.
    """
    effect, values = float(drawn[0]), drawn[1:]
    if np.isnan(effect):
        return Interval(effect, NAN, NAN, patients, NAN, "no image has a value")
    if patients < 2:
        return Interval(effect, NAN, NAN, patients, NAN, "one patient alone cannot be resampled")
    undefined = int(np.isnan(values).sum())
    note = f"not defined on {undefined} of {len(values)} bootstrap draws" if undefined else ""
    if undefined == len(values):
        return Interval(effect, NAN, NAN, patients, NAN, note)
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[~np.isnan(values)], [tail, 1 - tail])
    return Interval(effect, float(low), float(high), patients, float(high - low) / 2, note)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
