"""The pretraining's constants, each with the place it is stated at, and the sources' variants.

Where the sources differ the constant follows the article; `pretraining_variant` holds what the
thesis and the released code do instead. The numbers in brackets are those of `contradictions()`.
How many steps were trained no source says, only that every row takes the same number (article,
section 5, on the role of pretraining).
"""

from testiculus.base.errors import one_of

PRETRAIN_BATCH_SIZE = 1024  # article, section 5, implementation details; thesis, section 6.1
ORGAN_WEIGHT = 0.2  # article, section 4.1: lambda, below the sum of the losses; thesis, section 6.2
LAMBDAS = (0.0, 0.1, 0.2, 0.3, 0.4)  # article, Table 4; thesis, Table 6.3
TEMPERATURE = 0.5  # released code; both texts leave tau open [22]
PROJECTION = (2048, 2048)  # released code: 512 to 2048 to 2048 with ReLU; in no text [22]
TRUST_COEFFICIENT = 0.001  # released code, of its layer-wise rate; in no text [3]
UD_TESTES = 1666  # thesis, section 3.1; with the article's 1,664 the total would not add up [20]
UD_THYROIDS = 24_126  # article, section 3; thesis, section 3.1 [30]

# Images that each row of Table 2 is pretrained on, as printed there (thesis, Table 6.2).
PRETRAINING_IMAGES = {
    "none": "-",
    "ImageNet": "1.28M",
    "USCL": "23.00K",
    "UD testes only": "1.66K",
    "UD thyroids only": "24.13K",
    "UD": "25.79K",
}

# What VARIANT selects. Every value names its source.
PRETRAINING_VARIANTS: dict[str, dict[str, object]] = {
    "article": {
        "lr": 1e-3,  # section 5, implementation details [1]
        "schedule": "polynomial",  # section 5, implementation details [2]
        "power": 1.0,  # released code; the article gives none [2]
        "momentum": 0.9,  # thesis, section 6.1; the article gives none [3]
        "weight_decay": 1e-6,  # thesis, section 6.1; the article gives none [3]
        "views": "article",  # section 4.1: one pipeline, applied twice [17]
        "doubled_organ_loss": False,  # equation 3: mean over 2N views [8]
        "shared_draw": False,  # section 4.1: drawn for each image [17]
    },
    "thesis": {
        "lr": 0.3,  # section 6.1, hyperparameters; its Table 6.1 has the article's 1e-3 [1]
        "schedule": "cosine",  # section 6.1 and Table 6.1 [2]
        "power": 1.0,  # a cosine has none; as the others
        "momentum": 0.9,  # section 6.1 and Table 6.1 [3]
        "weight_decay": 1e-6,  # section 6.1 and Table 6.1 [3]
        "views": "article",  # section 5.2 describes the same pipeline and names its parts [17]
        "doubled_organ_loss": False,  # equation 5.6: mean over 2N views [8]
        "shared_draw": False,  # section 5.2: each image augmented twice [17]
    },
    "released": {
        "lr": 5e-3,  # its default [1]
        "schedule": "polynomial",  # [2]
        "power": 1.0,  # that is, a straight line [2]
        # Its optimiser is Adam inside a layer-wise rate; here LARS stays, with its weight decay.
        "momentum": 0.9,  # as the thesis
        "weight_decay": 1e-4,  # [3]
        "views": "released",  # two different pipelines [17]
        "doubled_organ_loss": True,  # the means of the two views are added [8]
        "shared_draw": True,  # one draw for the stacked batch, all but the black square [17]
    },
}


def pretraining_variant(name: str) -> dict[str, object]:
    """Return the settings of pretraining that `name` selects, as a new dict.

    `name` is article, thesis or released. Keys: lr (initial learning rate), schedule
    ("polynomial" or "cosine"), power (of the polynomial), momentum, weight_decay, views (a
    recipe's name), doubled_organ_loss (bool), shared_draw (bool: one draw of the views for a whole
    batch). Raises UserError for an unknown name.

    >>> pretraining_variant("thesis")["schedule"]
    'cosine'
    """
    return dict(PRETRAINING_VARIANTS[one_of(name, PRETRAINING_VARIANTS, "variant")])
