"""What a frozen encoder knows: its features, probes of them, and the shape of their cloud.

`features` runs the encoder over images; `linear_probe` and `knn_labels` ask what the features tell
about a label, fold by fold; `alignment` and `uniformity` describe them on the unit sphere (Wang &
Isola 2020); `plane` lays them out for a picture. Nothing here trains the encoder.
"""

from testiculus.representation.features import features
from testiculus.representation.geometry import alignment, plane, uniformity
from testiculus.representation.probes import (
    class_probabilities,
    knn_labels,
    linear_probe,
    mean_auc,
)

__all__ = [
    "alignment",
    "class_probabilities",
    "features",
    "knn_labels",
    "linear_probe",
    "mean_auc",
    "plane",
    "uniformity",
]
