"""The sources as plain data: reported figures, claims, protocol, and where sources differ.

The sources are the article (ICIAP 2025), the thesis it comes from, the talk's slides and the
released code. Figures are fractions, not percent. Nothing here computes anything but a difference.
"""

from testiculus.paper.claim_texts import ClaimText, claim_texts
from testiculus.paper.contradictions import contradictions
from testiculus.paper.protocol import (
    BATCH_SIZE,
    ENCODER_LR,
    EPOCHS,
    EVALUATIONS,
    FOLDS,
    HEAD_LR,
    INITIALISATIONS,
    LOSS_THRESHOLD,
    MEAN,
    OCCASIONS,
    SEEDS,
    STD,
    VARIANTS,
    WEIGHT_DECAY,
    variant,
)
from testiculus.paper.reported import LABELLED_IMAGES, TABLES, released_flag_counts, reported

__all__ = [
    "BATCH_SIZE",
    "ENCODER_LR",
    "EPOCHS",
    "EVALUATIONS",
    "FOLDS",
    "HEAD_LR",
    "INITIALISATIONS",
    "LABELLED_IMAGES",
    "LOSS_THRESHOLD",
    "MEAN",
    "OCCASIONS",
    "SEEDS",
    "STD",
    "TABLES",
    "VARIANTS",
    "WEIGHT_DECAY",
    "ClaimText",
    "claim_texts",
    "contradictions",
    "released_flag_counts",
    "reported",
    "variant",
]
