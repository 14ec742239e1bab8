"""Can the acquisition alone tell the classes? `acquisition_table` asks, `acquisition_finding` says.

The classifier is a kernel ridge regression on how often two images fall into the same leaf of
random trees (Geurts et al. 2006, Extremely randomized trees, with one candidate per node). The
trees never see a label, so that scores that leave each patient out, and those of thousands of
shufflings, come from one factorisation. A random forest (`acquisition_control`) stands beside it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from testiculus.audits import acquisition_control
from testiculus.audits.findings import CLEAR, DRAWS, FOUND, LEVEL, Finding, listed, p_text, skipped
from testiculus.audits.questions import Question
from testiculus.audits.shuffling import p_value, shuffled_labels
from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError
from testiculus.classification_metrics import scores
from testiculus.folds import patient_folds
from testiculus.intervals import patient_bootstrap

TREES, DEPTH, LEAF = 200, 6, 3  # ours: on the liver set as good as the forest, label by label
RIDGE = 0.3  # added to the kernel's diagonal, which is 1
FOREST_FOLDS = 3  # as the tables have
MOST_CLASSES_TOLD = 4  # pairs of classes in a sentence; the table has them all
COLUMNS = (
    *("column", "positive", "negative", "images", "patients", "positives", "features", "known"),
    *("balanced_accuracy", "ci_low", "ci_high", "chance_95", "p", "forest"),
)


def tree_kernel(features: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the share of random trees in which two images share a leaf, float64 n x n.

    Features count by their ranks: a threshold splits as many images wherever the values lie.
    """
    from sklearn.ensemble import RandomTreesEmbedding

    ranks = features.rank(method="average").to_numpy() / len(features)
    trees = RandomTreesEmbedding(TREES, max_depth=DEPTH, min_samples_leaf=LEAF, random_state=seed)
    leaves = trees.fit_transform(ranks)
    return np.asarray((leaves @ leaves.T).todense()) / TREES


def left_out_scores(kernel: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return each image's score from all other patients, float64 of the shape of `labels`.

    Kernel ridge regression of the centred labels: above 0 the positive class is likelier than it
    is in the set. With H = K (K + ridge I)^-1 and a patient's rows g, the prediction that leaves
    the patient out is y_g - (I - H_gg)^-1 (y - H y)_g.

    Args:
        kernel: n x n, positive semidefinite.
        labels: 0 and 1, shape (n,) or, for many deals at once, (draws, n).
        patients: shape (n,).
    """
    centred = labels - np.mean(labels, axis=-1, keepdims=True)
    smooth = np.linalg.solve(kernel + RIDGE * np.eye(len(kernel)), kernel)
    residual = centred - centred @ smooth
    codes, sizes = np.unique(patients, return_inverse=True, return_counts=True)[1:]
    left_out = residual / (1 - np.diag(smooth))  # right for a patient with one image
    for code in np.flatnonzero(sizes > 1):
        rows = np.flatnonzero(codes == code)
        block = np.eye(len(rows)) - smooth[np.ix_(rows, rows)]
        left_out[..., rows] = np.linalg.solve(block, residual[..., rows].T).T
    return centred - left_out


def balanced_accuracy(labels: np.ndarray, right: np.ndarray, weights=1.0) -> np.ndarray:
    """Return the mean of the two classes' shares of `right` images, along the last axis."""
    share = []
    for value in (0, 1):
        of_class = (labels == value) * weights
        with np.errstate(invalid="ignore"):
            share.append((of_class * right).sum(-1) / of_class.sum(-1))
    return (share[0] + share[1]) / 2


def acquisition_row(
    question: Question, name: str, features: pd.DataFrame, patients: np.ndarray, forest: bool
) -> dict | None:
    """Return how well `features` (of the question's rows) answer it; None where they are constant.

    `balanced_accuracy` has a 95 % interval over resampled patients; `chance_95` is what one of 20
    shufflings of the labels reaches; `p` the share of shufflings that reach the score.
    """
    varying = features.loc[:, features.nunique() > 1]
    if varying.shape[1] == 0:
        return None
    seed = derive_seed("acquisition", question.column, question.positive, name) % 2**32
    rng = np.random.default_rng(seed)
    kernel, labels = tree_kernel(varying, seed % 2**31), question.labels
    deals = np.vstack([labels, shuffled_labels(labels, patients, DRAWS, rng)])
    right = (left_out_scores(kernel, deals, patients) > 0) == (deals == 1)
    found, *chance = balanced_accuracy(deals, right)
    interval = patient_bootstrap(
        lambda weights: balanced_accuracy(labels, right[0], weights), patients, seed=seed
    )
    return {
        **dict(zip(COLUMNS, (question.column, question.positive, question.negative), strict=False)),
        **{"images": len(labels), "patients": len(set(patients)), "positives": int(labels.sum())},
        **{"features": name, "known": ", ".join(varying), "balanced_accuracy": float(found)},
        **{"ci_low": interval.low, "ci_high": interval.high},
        "chance_95": float(np.nanquantile(chance, 0.95)),
        "p": p_value(found, np.nan_to_num(np.array(chance))),
        "forest": _forest(varying, labels, patients) if forest else np.nan,
    }


def _forest(features: pd.DataFrame, labels: np.ndarray, patients: np.ndarray) -> float:
    """Return the balanced accuracy of `acquisition_control`, NaN where folds cannot be made."""
    try:
        folds = patient_folds(labels, patients, FOREST_FOLDS, seed=0)
    except UserError:
        return float("nan")
    chances = acquisition_control(features, labels, folds, seed=0)
    specificity = scores(1 - labels, 1 - chances)["recall"]
    return float((scores(labels, chances)["recall"] + specificity) / 2)


def acquisition_table(
    questions: list[Question],
    families: Mapping[str, pd.DataFrame],
    patients: np.ndarray,
    with_forest: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Return one row per question and family of features, with the columns `COLUMNS`.

    `families` holds, by name, features of all n images; `patients` is of length n; families of
    `with_forest` are shown to the random forest too. A family that holds the features of one before
    it, and no others, is left out.
    """
    names: dict[tuple[str, ...], str] = {}
    for name, features in families.items():
        names.setdefault(tuple(features), name)
    forests = {names[tuple(families[name])] for name in with_forest}
    rows = [
        acquisition_row(q, name, families[name].iloc[q.rows], patients[q.rows], name in forests)
        for q in questions
        for name in names.values()
    ]
    return pd.DataFrame([row for row in rows if row], columns=COLUMNS)


def acquisition_finding(
    audit: str, table: pd.DataFrame, reasons: list[str], act: str, caution: str = ""
) -> Finding:
    """Return what a table with `p_adjusted` says; `act` is what to do where something is found."""
    if table.empty:
        why = "; ".join(reasons) or "nothing that differs between the images is known of them"
        return skipped(audit, why, "Give the manifest labels, and what is known of the acquisition")
    told = table[table["p_adjusted"] <= LEVEL]
    if told.empty:
        best = table.loc[table["balanced_accuracy"].idxmax()]
        return Finding(
            audit,
            CLEAR,
            f"None of {len(table)} comparisons tells classes apart; the highest balanced accuracy "
            f"is {best['balanced_accuracy']:.2f} ({best['features']}, {best['column']}).",
            f"Chance alone reaches {table['chance_95'].max():.2f} in 1 of 20 shufflings of the "
            f"labels (p = {table['p_adjusted'].min():.2f} at the least, adjusted for their number)."
            " A weaker link could have been missed.",
            "Nothing, for what is known here of the images.",
            "acquisition",
        )
    pairs = [part for _, part in told.groupby(["column", "positive", "negative"], sort=False)]
    return Finding(
        audit,
        FOUND,
        f"{len(told)} of {len(table)} comparisons tell classes apart (balanced accuracy): "
        + listed([_told(part) for part in pairs], MOST_CLASSES_TOLD)
        + ".",
        f"Each patient left out; every listed one survives {DRAWS:,} shufflings of the labels "
        f"({p_text(told['p_adjusted'].max())} or less, adjusted for {len(table)} comparisons)."
        + (f" {caution}" if caution else ""),
        act,
        "acquisition",
    )


def _told(part: pd.DataFrame) -> str:
    """Return, for one pair of classes, by which features they are told apart, the best first."""
    first, *others = part.sort_values("balanced_accuracy", ascending=False).to_dict("records")
    ways = [
        f"{first['features']} {first['balanced_accuracy']:.2f} "
        f"[{first['ci_low']:.2f}, {first['ci_high']:.2f}]",
        *(f"{row['features']} {row['balanced_accuracy']:.2f}" for row in others),
    ]
    return (
        f"{first['positive']} from {first['negative']} ({first['column']}, {first['images']} "
        f"images) by {', '.join(ways)}"
    )
