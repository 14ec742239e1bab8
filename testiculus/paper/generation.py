"""The generator's and the filter's constants, each with its place, and the figures reported.

Where the sources differ the constant follows the article. The numbers in brackets are those of
`contradictions()`. How many steps the generator was trained for no source says.
"""

from importlib.resources import files
from typing import TYPE_CHECKING

from testiculus.base.errors import UserError
from testiculus.paper.reported import LABELLED_IMAGES

if TYPE_CHECKING:
    import pandas as pd

# The generator
CHAIN = 1000  # released code: T; in no text
VLB_WEIGHT = 0.001  # released code: of the bound beside the simple loss; in no text
WIDTH = 128  # thesis, section 4.1: base channel size
MULTIPLIERS = (1, 1, 2, 2, 4, 4)  # thesis, section 4.1: of the width, one a stage
BLOCKS = 2  # thesis, section 4.1: residual blocks a stage
ATTENTION = (16, 8)  # thesis, section 4.1, residual block; released code: side of the maps, px [19]
HEADS = 4  # released code; in no text
GENERATOR_LR = 1e-4  # released code; in no text
GENERATOR_BATCH = 16  # article, section 5, implementation details
EMA_DECAY = 0.9999  # released code; in no text [26]
GENERATOR_PIXELS = 256  # article, section 5, implementation details; thesis, section 4.1
GENERATED = 20_000  # article, section 4.2: "~20K"; thesis, section 4.4: "approximately 20,000"

# The filter and the measures
KEPT = 9_289  # thesis, section 4.4; article, section 4.2: "~9K"
FILTER_NEIGHBOURS = 50  # article, section 4.2; thesis, section 4.4: k of the filter, at 880 real
METRIC_NEIGHBOURS = 3  # article, section 4.2; thesis, section 4.4: k of precision and recall
REFERENCE_BATCH = 64  # article, section 4.2: real images in one reference batch
REFERENCE_BATCHES = 3  # article, section 4.2: reference batches without a common image


def filter_neighbours(real: int, at_880: int = FILTER_NEIGHBOURS) -> int:
    """Return the filter's k for `real` images: in proportion to their number, at least 1.

    The article's remark in section 4.2: balls stay of comparable size where k grows linearly with
    the number of real images. `at_880` is k at the 880 of the sources. Raises UserError where
    either is below 1.

    >>> filter_neighbours(880), filter_neighbours(440), filter_neighbours(64), filter_neighbours(5)
    (50, 25, 4, 1)
    """
    if real < 1 or at_880 < 1:
        raise UserError(
            f"the filter needs real images and a neighbour, not {real} images and k = {at_880}",
            remedy="name labelled images, and a k of at least 1 at 880 images",
        )
    return max(1, round(at_880 * real / LABELLED_IMAGES))


def reported_generation() -> "pd.DataFrame":
    """Return the figures reported on generated images: document, row, metric, mean, std, place.

    `document` is article or thesis, `row` before or filtered, `metric` precision, recall (both
    fractions) or fid (as printed). `std` is what the article prints beside its means; the thesis
    prints none, so there it is NaN. The two documents' figures are not of one kind: the article's
    reference is three batches of 64 real images, the thesis names none [15].

    >>> figures = reported_generation().set_index(["document", "row", "metric"])["mean"]
    >>> float(figures["article", "filtered", "precision"])
    0.901
    """
    import pandas as pd

    with (files(__package__) / "data" / "generation_fig4.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def reported_change(document: str, better: str, worse: str, measure: str) -> float | None:
    """Return by how much `better` beats `worse` in what `document` prints, or None.

    `measure` is precision, recall (a fraction is returned) or fid, of which lower is better: there
    it is worse - better, so that a positive change is always the one that is claimed. None where
    the document prints no such figures.

    >>> round(reported_change("article", "filtered", "before", "fid"), 2)
    3.0
    """
    figures = reported_generation().set_index(["document", "row", "metric"])["mean"]
    cells = [(document, row, measure) for row in (better, worse)]
    if not all(cell in figures.index for cell in cells):
        return None
    change = float(figures[cells[0]] - figures[cells[1]])
    return -change if measure == "fid" else change
