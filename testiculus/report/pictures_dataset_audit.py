"""Pairs of images that show one picture, side by side: `duplicate_pairs`.

They are images of the data set: as private as that is, and no part of an audit's results.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.report.pictures import image_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from testiculus.data.images import ImageSet

MOST = 8  # pairs


def duplicate_pairs(images: "ImageSet", pairs: pd.DataFrame, most: int = MOST) -> "Figure":
    """Draw the first pairs of duplicates.csv next to each other, two pairs a line.

    Above each image stand its file and, on the first of a pair, the likeness. Raises ValueError
    where there is no pair, KeyError for a pair of images that are not in `images`.
    """
    if pairs.empty:
        raise ValueError("there is no pair to draw")
    place = {name: number for number, name in enumerate(images.frame["image"])}
    rows, titles = [], []
    for pair in pairs.head(most).to_dict("records"):
        rows += [place[pair["first"]], place[pair["second"]]]
        patient = "one patient" if pair["same_patient"] else "two patients"
        titles += [f"{_short(pair['first'])}\nlikeness {pair['likeness']:.2f}"]
        titles += [f"{_short(pair['second'])}\n{patient}"]
    pixels = np.asarray(images.pixels[rows])
    return image_grid(pixels, titles, columns=4, note="Pairs side by side, the likest first.")


def _short(name: str) -> str:
    """Return the end of a file's name that fits above a picture."""
    name = name.rpartition("/")[2]
    return name if len(name) <= 24 else "..." + name[-21:]
