"""The protocol's constants, each with the place it is stated at, and the sources' variants.

Where the sources differ the constant follows the article; `variant` holds what the thesis and the
released code do instead. The numbers in brackets are those of `contradictions()`.
"""

from testiculus.base.errors import one_of

# The noise protocol
LOSS_THRESHOLD = 1.0  # article, section 3: "exceeded the threshold value of 1"; thesis 3.2
OCCASIONS = 3  # article, section 3: "on at least three occasions" (4 and 5 tried, footnote 2)
INITIALISATIONS = 2  # article, section 3: "two times ... distinct pretrained weights"
SEEDS = 4  # article, section 3 and section 5: "four random seeds"
FOLDS = 3  # article, section 3: "three-fold cross-validation"; patients never split
# A sample is in the training part of FOLDS - 1 of FOLDS runs of a seed: 2 x 4 x 2 = 16.
EVALUATIONS = INITIALISATIONS * SEEDS * (FOLDS - 1)  # article, section 3: "all 16 evaluations"

# Fine-tuning
BATCH_SIZE = 64  # article, section 5, implementation details; thesis, Table 6.1
EPOCHS = 30  # thesis, Table 6.1 (the article does not say)
ENCODER_LR = 1e-5  # article, section 5, implementation details; thesis, Table 6.1
HEAD_LR = 1e-4  # article, section 5, implementation details; thesis, Table 6.1
WEIGHT_DECAY = 1e-5  # released code (AdamW); in no text [18]
MEAN = 0.5  # article, section 5: inputs normalised, "mean 0.5"
STD = 0.25  # article, section 5: "std. dev. 0.25"

# What VARIANT selects. Every value names its source.
VARIANTS: dict[str, dict[str, object]] = {
    "article": {
        "occasion": "draw",  # section 3: "on at least three occasions", read literally [25]
        # section 4.3: rotation, horizontal flip, small shift, random markers
        "augmentation": "article",  # [18]
        "grouped_folds": True,  # section 3: a patient's images in one fold [5]
        "pixels": 256,  # section 5 states 256 for generation; fine-tuning: released code [4]
        "second_initialisation": "uscl",  # section 3: the weights of Chen et al. [12]
    },
    "thesis": {
        "occasion": "draw",  # section 3.2: "at least three times during the learning process" [25]
        # section 5.3 describes the article's; the colour jitter that 6.1 adds is not drawn
        "augmentation": "article",  # [18]
        "grouped_folds": True,  # section 3.2 and section 5.4 [5]
        "pixels": 224,  # section 6.1, other settings [4]
        "second_initialisation": "ud",  # section 3.2: "our custom ultrasound pretraining" [12]
    },
    "released": {
        "occasion": "epoch",  # a sample's losses are averaged within an epoch first [25]
        # bands removed, flip, downward shift, rings, crosses and caliper lines, no rotation
        "augmentation": "released",  # [18]
        "grouped_folds": False,  # stratified over single views, not grouped by patient [5]
        "pixels": 256,  # released code's resize [4]
        "second_initialisation": "uscl",  # as the article: no source says otherwise [12]
    },
}


def variant(name: str) -> dict[str, object]:
    """Return the settings that `name` (article, thesis or released) selects, as a new dict.

    Keys: occasion ("draw" or "epoch"), augmentation (a recipe's name), grouped_folds (bool), pixels
    (side of the square input), second_initialisation (of the noise protocol). Raises UserError for
    an unknown name.

    >>> variant("thesis")["pixels"]
    224
    """
    return dict(VARIANTS[one_of(name, VARIANTS, "variant")])
