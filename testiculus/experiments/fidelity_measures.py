"""How far generated images are from real ones, in one space of features.

`measured` gives Fréchet distance, precision and recall of two sets of features, `class_chances`
what the prediction score is made of where the classes are not Inception's. A `Space` holds one
extractor's features of all images. Heusel et al. 2017; Kynkaanniemi et al. 2019; thesis, 4.2.
"""

from dataclasses import dataclass

import numpy as np

from testiculus.manifold.frechet import frechet_distance
from testiculus.manifold.neighbours import inside, radii
from testiculus.manifold.precision_recall import precision_recall
from testiculus.manifold.prediction_score import prediction_score
from testiculus.paper.generation import METRIC_NEIGHBOURS
from testiculus.representation.probes import ITERATIONS, REGULARISATION

NAN = float("nan")
FEWEST_OF_A_CLASS = 2


@dataclass(frozen=True, eq=False)
class Space:
    """One extractor's features, float32: `real` (n, d), `generated` (m, d), `further` (f, d).

    `further` are real images of the same organ and of other patients, there may be none. `chances`
    (m, c) and `further_chances` (f, c) are class probabilities, None where there are no classes;
    `classes` says which these are. `is_fid`: whether these are Inception's features, so that the
    distance may be called FID and the score Inception score.
    """

    id: str
    words: str
    is_fid: bool
    real: np.ndarray
    generated: np.ndarray
    further: np.ndarray
    chances: np.ndarray | None = None
    further_chances: np.ndarray | None = None
    classes: str = "none"


def measured(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Return `precision` and `recall` at k = 3, fractions, and the `frechet` distance.

    `real` (n, d) is the reference, `generated` (m, d) what is measured. NaN where there are too few
    images: precision needs four real ones, recall four generated ones as well, the distance two of
    each.
    """
    k, n, m = METRIC_NEIGHBOURS, len(real), len(generated)
    found = {"precision": NAN, "recall": NAN, "frechet": NAN}
    if n > k and m > k:
        both = precision_recall(real, generated, k)
        found |= {"precision": both.precision, "recall": both.recall}
    elif n > k and m:
        found["precision"] = float(inside(generated, real, radii(real, k)).mean())
    if min(n, m) > 1:
        found["frechet"] = frechet_distance(real, generated)
    return {name: float(value) for name, value in found.items()}


def score(chances: np.ndarray | None) -> float:
    """Return the prediction score of images with these class probabilities (m, c); NaN if none."""
    return NAN if chances is None or len(chances) == 0 else float(prediction_score(chances))


def class_chances(
    features: np.ndarray, classes: np.ndarray, *others: np.ndarray
) -> list[np.ndarray] | None:
    """Return the class probabilities, float64 (m, c), of each of the `others` (m, d).

    A multinomial logistic regression on standardised `features` (n, d), balanced, with the probes'
    regularisation, learns the `classes` (text, n). Classes of one image are left out; None where
    fewer than two are left.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names, counts = np.unique(classes, return_counts=True)
    common = np.isin(classes, names[counts >= FEWEST_OF_A_CLASS])
    if len(np.unique(classes[common])) < 2:
        return None
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=ITERATIONS)
    model = make_pipeline(StandardScaler(), regression).fit(features[common], classes[common])
    return [model.predict_proba(some) if len(some) else np.empty((0, 2)) for some in others]
