"""The sources as plain data: reported figures, claims, protocol, and where sources differ.

The sources are the article (ICIAP 2025), the thesis it comes from, the talk's slides and the
released code. Figures are fractions, not percent. Nothing here computes anything but a difference.
"""

from testiculus.paper.claim_texts import EQUAL_MARGIN, KINDS, ClaimText, claim_texts
from testiculus.paper.contradictions import contradictions
from testiculus.paper.pretraining import (
    LAMBDAS,
    ORGAN_WEIGHT,
    PRETRAIN_BATCH_SIZE,
    PRETRAINING_IMAGES,
    PRETRAINING_VARIANTS,
    PROJECTION,
    TEMPERATURE,
    TRUST_COEFFICIENT,
    UD_TESTES,
    UD_THYROIDS,
    pretraining_variant,
)
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
    "EQUAL_MARGIN",
    "EVALUATIONS",
    "FOLDS",
    "HEAD_LR",
    "INITIALISATIONS",
    "KINDS",
    "LABELLED_IMAGES",
    "LAMBDAS",
    "LOSS_THRESHOLD",
    "MEAN",
    "OCCASIONS",
    "ORGAN_WEIGHT",
    "PRETRAINING_IMAGES",
    "PRETRAINING_VARIANTS",
    "PRETRAIN_BATCH_SIZE",
    "PROJECTION",
    "SEEDS",
    "STD",
    "TABLES",
    "TEMPERATURE",
    "TRUST_COEFFICIENT",
    "UD_TESTES",
    "UD_THYROIDS",
    "VARIANTS",
    "WEIGHT_DECAY",
    "ClaimText",
    "claim_texts",
    "contradictions",
    "pretraining_variant",
    "released_flag_counts",
    "reported",
    "variant",
]
