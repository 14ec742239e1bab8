"""The frames that claims are judged on: their columns, their metrics' names, and how to pair runs.

results      one row per experiment, row, seed, fold and metric; `value` a fraction (AUC too)
predictions  one row per row, seed, fold and test image, of ALL test images, also of those that the
             row's curation removed (their `curated_label` is missing)
flags        one row per image: how often each rule flagged it
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from testiculus.base.errors import UserError
from testiculus.noise import Rule
from testiculus.paper import FOLDS, LAMBDAS

# The rows of Table 2, the paper's first and in its order. On other data "testes" is the organ of
# the labelled rows and "thyroids" the other organs; the names stay.
NONE = "none"  # random weights
IMAGENET = "ImageNet"
USCL = "USCL"  # ultrasound of other hospitals, one source: Chen et al. 2021
OWN_ORGAN = "UD testes only"
OTHER_ORGANS = "UD thyroids only"
UD = "UD"  # all organs, both losses
TABLE2_ROWS = (NONE, IMAGENET, USCL, OWN_ORGAN, OTHER_ORGANS, UD)
CONTROL = "procedural images"  # this project's row: pictures that are no ultrasound
EXCLUDED = "UD without test patients"  # this project's row: one pretraining for each fold [29]
TABLE2_EXTRA_ROWS = (CONTROL, EXCLUDED)


def lambda_row(weight: float) -> str:
    """Return the name of Table 4's row whose organ loss weighs `weight`.

    >>> lambda_row(0.2)
    'lambda 0.2'
    """
    return f"lambda {float(weight)}"


SUPERVISED = "supervised only"  # the organ loss alone; printed as lambda 1.0 [9]
# The rows of Table 4, in the paper's order.
TABLE4_ROWS = (*map(lambda_row, LAMBDAS), SUPERVISED)

RESULT_COLUMNS = ("experiment", "row", "seed", "fold", "metric", "value")
PREDICTION_COLUMNS = (
    *("row", "seed", "fold", "image", "patient"),
    *("label", "curated_label", "true_label", "probability"),
)
# Of the tables of pretraining: `trained_on` is "flipped" or "true", the labels that were learnt.
PRETRAINING_PREDICTION_COLUMNS = ("row", "trained_on", *PREDICTION_COLUMNS[1:])
PROBE_COLUMNS = ("row", "pretraining_seed", "seed", "fold", "metric", "value")
FLAG_COLUMNS = (
    *("image", "patient", "label", "true_label", "times_flagged", "evaluations", "suspicious"),
    *("times_flagged_1", "times_flagged_3", "times_flagged_4", "times_flagged_5"),
)
VERDICT_COLUMNS = ("claim", "source", "paper", "effect", "ci_low", "ci_high", "verdict")
VERDICT_EXTRAS = ("text", "n", "resolvable", "boot_low", "boot_high", "note", "data", "profile")

BASELINE = "Complete"  # the labels as they came
ROWS = (BASELINE, "Filtered", "Flipped")
CURATED, ORIGINAL, TRUTH = "", "_original", "_truth"
CLEAN = "_clean"  # of the tables of pretraining: trained and scored on the true labels
# What a metric's suffix says: against which labels, and on which test images, it was scored.
SCORINGS = {
    "curated": CURATED,  # the row's kept test images and curated labels: the article's scoring
    "original": ORIGINAL,  # all test images, labels as they came
    "truth": TRUTH,  # all test images, true labels; only where these are known
}
# What the id of a claim ends in when it is judged under another scoring than the article's.
CLAIM_SUFFIXES = {"curated": "", "original": "-original", "truth": "-truth"}
# Complete's models on another row's curated test set: what rescoring gives without retraining.
RESCORED = {"_on_filtered": "Filtered", "_on_flipped": "Flipped"}

METRIC_NAMES = {  # as readers write them
    **{name: name for name in ("accuracy", "precision", "recall")},
    **{"f1": "F1", "auc": "AUC", "average_precision": "AP"},
    **{"probe_auc": "AUC of a linear probe", "probe_f1": "F1 of a linear probe"},
    **{"knn_accuracy": "accuracy of nearest neighbours", "scanner_auc": "AUC for the scanner"},
}


@dataclass(frozen=True)
class Conditions:
    """What a verdict was reached on: the data set, the profile, and what the rows started from.

    `folds` is the K of the cross-validation (test to training ratio 1 / (K - 1)). `not_run` maps
    the name of each initialisation that was asked for and is missing to its remedy: which file to
    put where. `rule` is the one by which images were curated. `organ` is that of the labelled
    images, which the rows of pretraining call testes, `other_organs` those they call thyroids.
    """

    data: str
    profile: str
    initialisation: str = ""
    folds: int = FOLDS
    not_run: Mapping[str, str] = field(default_factory=dict)
    rule: Rule = Rule()
    organ: str = "testis"
    other_organs: tuple[str, ...] = ("thyroid",)

    @property
    def ratio(self) -> float:
        """n_test / n_train of one run."""
        return 1 / (self.folds - 1)

    @property
    def claims_nothing(self) -> bool:
        """Whether the profile is for testing the machinery only, so that no verdict is reached."""
        return self.profile == "smoke"


def runs_of(results: pd.DataFrame, row: str, metric: str) -> pd.Series:
    """Return `metric` of `row` over its runs, float64 indexed by (seed, fold), in that order.

    Empty where the row or the metric is not there. Raises UserError where a run appears twice.
    """
    chosen = results[(results["row"] == row) & (results["metric"] == metric)]
    values = chosen.set_index(["seed", "fold"])["value"].astype("float64").sort_index()
    if values.index.has_duplicates:
        twice = values.index[values.index.duplicated()][0]
        raise UserError(
            f"the results hold {metric} of {row} twice",
            where=f"seed {twice[0]}, fold {twice[1]}",
            remedy="judge one experiment's results at a time",
        )
    return values


def require_columns(frame: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Raise UserError where `frame`, called `name`, lacks any of `columns`."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise UserError(
            f"the {name} lack the columns {', '.join(missing)}",
            remedy=f"they need {', '.join(columns)}",
        )
