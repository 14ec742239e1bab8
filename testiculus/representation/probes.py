"""What frozen features tell about a label: a linear probe and nearest neighbours, fold by fold.

Main functions: `linear_probe` and `knn_labels`. Both predict every fold from the other folds alone:
of the fold they predict, neither the labels nor the features take part in any fit or scaling.
`class_probabilities` is the linear probe for more than two classes (which scanner was it?), and
`mean_auc` scores it.
"""

import numpy as np

from testiculus.base.errors import UserError
from testiculus.classification_metrics import scores

# C of the logistic regression: the variance of the Gaussian prior that its penalty puts on each
# coefficient. For d standardised features the prior variance of a logit is C d, on average over the
# images; 0.01 x 512 makes its spread about 2.3, chances from 9 to 91 % within one of it.
# scikit-learn's C = 1 would make it 23, chances of 0 and 1 before any image is seen. Fixed by that
# argument; no score was compared.
REGULARISATION = 0.01
ITERATIONS = 1000  # far above need: a fit on 880 x 512 takes about 30
NEIGHBOURS = 20
SAME = 12  # decimals: cosines closer than this are ties, whatever the order of a sum


def linear_probe(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return each image's probability of being positive, by logistic regression on other folds.

    For each fold: features scaled to mean 0 and variance 1 (a constant feature: to 0), then
    L2-regularised logistic regression with C = 0.01 (see `REGULARISATION`), classes balanced
    as in fine-tuning, all fitted on the other folds. The problem is convex and the solver draws
    nothing: the same input gives the same output.

    Args:
        features: (n, d), finite.
        labels: 0 or 1, shape (n,).
        folds: the fold of each image, integers, shape (n,), at least two different ones; see
            `folds.patient_folds`.

    Returns:
        float64 (n,) in [0, 1].

    Raises:
        UserError: for shapes that do not fit, values out of range, a single fold, and a fold whose
            training part holds one class only.

    >>> x = np.array([[0.0], [3.0], [0.1], [2.9]])
    >>> (linear_probe(x, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])) > 0.5).tolist()
    [False, True, False, True]
    """
    labels = np.asarray(labels)
    if not np.isin(labels, (0, 1)).all():
        raise UserError(
            "labels to probe for must be 0 or 1",
            remedy="leave unlabelled images out; for more classes use class_probabilities",
        )
    return class_probabilities(features, labels, folds)[:, 1]


def class_probabilities(features: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return each image's probability of every class, float64 (n, K), as `linear_probe` does.

    `classes` are integers 0 to K - 1, shape (n,); with K > 2 the regression is multinomial. A class
    that is absent from a fold's training part gets probability 0 there. Raises what `linear_probe`
    does.
    """
    features, classes, folds = _checked(features, classes, folds)
    found = np.zeros((len(classes), max(2, classes.max() + 1)))
    for fold in np.unique(folds):
        test = folds == fold
        _require_two_classes(classes[~test], fold)
        model = _linear_model().fit(features[~test], classes[~test])
        found[np.ix_(test, model[-1].classes_)] = model.predict_proba(features[test])
    return found


def _linear_model():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=ITERATIONS)
    return make_pipeline(StandardScaler(), regression)


def mean_auc(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the AUC of each class against all others, averaged over the classes that occur.

    `classes` integers 0 to K - 1, shape (n,); `probabilities` (n, K). With two classes it is the
    AUC as usual; nan where only one class occurs.

    >>> mean_auc(np.array([0, 1, 2]), np.eye(3))
    1.0
    """
    one_by_one = [scores(classes == k, probabilities[:, k])["auc"] for k in np.unique(classes)]
    return float(np.mean(one_by_one))


def knn_labels(
    features: np.ndarray, labels: np.ndarray, folds: np.ndarray, k: int = NEIGHBOURS
) -> np.ndarray:
    """Return each image's label by majority of its k most similar images of the other folds.

    Similarity is the cosine. Every neighbour has one vote. Equal cosines (to 12 decimals) at the
    k-th place go to the image that comes first; equal votes to the smaller label, so 0 before 1.
    Where the other folds hold fewer than k images, all of them vote. A feature vector of zeros is
    equally similar (0) to all.

    Args:
        features: (n, d), finite.
        labels: integers 0 to K - 1, shape (n,).
        folds: the fold of each image, integers, shape (n,), at least two different ones.
        k: number of neighbours, at least 1.

    Returns:
        int64 (n,).

    Raises:
        UserError: for shapes that do not fit, values out of range, a single fold, k below 1, and a
            fold whose training part holds one class only.
    """
    features, labels, folds = _checked(features, labels, folds)
    if k < 1:
        raise UserError(f"the nearest neighbours are at least 1, not {k}")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1)
    votes, found = np.eye(labels.max() + 1), np.zeros_like(labels)
    for fold in np.unique(folds):
        test = folds == fold
        _require_two_classes(labels[~test], fold)
        similar = np.round(unit[test] @ unit[~test].T, SAME)
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, :k]
        found[test] = votes[labels[~test][nearest]].sum(axis=1).argmax(axis=1)
    return found


def _checked(features, labels, folds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features float64 (n, d), labels int64 (n,) and folds (n,), or say what is wrong."""
    features = np.asarray(features, dtype=np.float64)
    labels, folds = np.asarray(labels), np.asarray(folds)
    n = features.shape[:1]
    if features.ndim != 2 or labels.shape != n or folds.shape != n:
        raise UserError(
            f"features {features.shape}, labels {labels.shape} and folds {folds.shape} do not fit",
            remedy="give one row of features, one label and one fold per image",
        )
    if not np.isfinite(features).all():
        raise UserError("features to probe must be finite")
    whole = np.isfinite(labels).all() and (labels == np.floor(labels)).all()
    if len(labels) == 0 or not whole or labels.min() < 0:
        raise UserError("labels to probe for must be whole numbers from 0 on, one per image")
    if len(np.unique(folds)) < 2:
        raise UserError("a probe needs at least two folds: one is predicted from the others")
    return features, labels.astype(np.int64), folds


def _require_two_classes(training: np.ndarray, fold) -> None:
    if len(np.unique(training)) < 2:
        raise UserError(
            f"the images to train on hold class {training[0]} only",
            where=f"fold {fold} left out",
            remedy="use fewer folds, or folds from patient_folds, which balances classes",
        )
