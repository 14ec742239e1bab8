"""Generated images as points among real ones: how near, how varied, and which to keep.

`precision_recall`, `frechet_distance` and `prediction_score` measure a generated set; `keep` is the
article's filter and `sweep` its other settings; `inception` gives the features that the FID is
defined with. All else sees features as arrays, whatever made them: what is measured in features
other than Inception's is no FID and no Inception score.
"""

from testiculus.manifold.filtering import keep, keep_at_random, sweep
from testiculus.manifold.frechet import frechet_distance, frechet_gaussians
from testiculus.manifold.inception import inception, inception_weights, missing_inception
from testiculus.manifold.neighbours import (
    checked_features,
    inside,
    neighbour_distances,
    radii,
)
from testiculus.manifold.precision_recall import PrecisionRecall, precision_recall
from testiculus.manifold.prediction_score import prediction_score

__all__ = [
    "PrecisionRecall",
    "checked_features",
    "frechet_distance",
    "frechet_gaussians",
    "inception",
    "inception_weights",
    "inside",
    "keep",
    "keep_at_random",
    "missing_inception",
    "neighbour_distances",
    "precision_recall",
    "prediction_score",
    "radii",
    "sweep",
]
