"""The rows of Table 3: what encoders are pretrained on where generated images take part.

They are judged by `pretraining.judge_pretraining` like those of Tables 2 and 4. On other data
"testes" is the organ of the labelled images, which the generator learnt from, and "thyroids" the
other organs; the names stay.
"""

from testiculus.claims.schema import CONTROL, IMAGENET, NONE

SYNTHETIC = "synthetic"  # every generated image
SYNTHETIC_FILTERED = "synthetic filtered"  # those that the filter keeps
REAL_OWN = "real testes"
THYROIDS_SYNTHETIC = "real thyroids + synthetic"
THYROIDS_FILTERED = "real thyroids + synthetic filtered"
REAL_BOTH = "real testes + real thyroids"
# The paper's rows, in its order.
TABLE3_ROWS = (
    *(SYNTHETIC, SYNTHETIC_FILTERED, REAL_OWN),
    *(THYROIDS_SYNTHETIC, THYROIDS_FILTERED, REAL_BOTH),
)

REAL_OTHERS = "real thyroids"
RANDOM_FILTER = "synthetic, random filter"  # as many images as the filter keeps, drawn blindly
THYROIDS_RANDOM = "real thyroids + synthetic, random filter"
# One generator, one filter and one pretraining for each fold, without its patients [29].
TABLE3_EXCLUDED = "real thyroids + synthetic filtered, without test patients"
# This project's rows; `NONE`, `IMAGENET` and `REAL_OTHERS` have the paper's figures in Table 2.
TABLE3_EXTRA_ROWS = (
    *(NONE, IMAGENET, REAL_OTHERS),
    *(RANDOM_FILTER, THYROIDS_RANDOM, CONTROL, TABLE3_EXCLUDED),
)
