"""The names that the negative controls are made of, and the frames that they are shown in.

results   tidy: one row per control, seed (of a probe: its partition), fold and metric; a metric
          that ends in `CHANCE` is what predictions that know nothing of the labels would score
figures   one row per number that a single set of images gives, with its exact interval
controls  one row per number as a page shows it, beside the table's own
"""

EXPERIMENT = "controls"
TABLES = ("table1", "table2", "table3", "table4", "fig4")

PERMUTED = "permuted labels"  # dealt out anew among the testes: they mean nothing
NOISE = "noise images"  # grey noise in place of the images that are pretrained on
UNTRAINED = "untrained generator"  # its images: the same net and sampler, weights as they start
RANDOM_WEIGHTS = "random weights"  # the encoder that every pretraining of seed 0 starts from

CHANCE = "_chance"
CHANCE_AUC = 0.5
MARGIN = 0.05  # points of AUC, F1 or a share: what counts as "at chance" or "none"; fixed once

CONTROL_COLUMNS = (
    *("table", "control", "row", "metric", "value", "ci_low", "ci_high", "n"),
    *("chance", "beside", "beside_value", "verdict"),
)
FIGURE_COLUMNS = (
    *("table", "control", "row", "metric", "value", "ci_low", "ci_high", "n"),
    *("chance",),
)


def row_name(table: str, row: str, control: str = "") -> str:
    """Return the name of a row of the results: whose table, which row, under which control.

    >>> row_name("table2", "UD", PERMUTED), row_name("table2", NOISE)
    ('table2: UD, permuted labels', 'table2: noise images')
    """
    return f"{table}: {row}" + (f", {control}" if control else "")
