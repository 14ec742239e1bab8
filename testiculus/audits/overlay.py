"""What is burnt into the pictures: marks in the field, writing outside it, and with which label.

`burnt_in` looks at one picture at its own resolution; `rings_and_crosses` at many of one size;
`overlay_table` asks how often there is something, and whether it goes with a class.
"""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from testiculus.audits.findings import CLEAR, DRAWS, FOUND, LEVEL, Finding, listed, p_text, skipped
from testiculus.audits.questions import Question
from testiculus.audits.shuffling import p_value, shuffled_labels
from testiculus.base.devices import derive_seed
from testiculus.base.progress import progress
from testiculus.data.resize import resize_square
from testiculus.markers import remove_markers

# The finder knows markers of one size, that of the released ones, on a picture of a given side.
# On a canvas wider than the picture the same finder sees markers 1.7 and 2.2 times as large.
SIDE, CANVASES = 96, (160, 208)
ALIKE = 0.6  # correlation with a marker's picture
# Measured: of the phantom's views with a pair of marks four in five are noticed, of those without
# none; of liver, nerve and lung images without marks in the field none of 60 each.
FALSE_ALARMS = 0.05  # share of images that may hold something by mistake; ours, with room
# Of writing, at a picture's own resolution; ours, set by looking at liver and nerve images.
DIM, LIT = 20, 40  # grey levels from which a pixel is of the field, of writing
BRIGHT, STEEP = 150, 80  # writing is at least so bright, and so much brighter than a neighbour
DARK, DARK_SHARE = 12, 0.6  # grey level, and share of what is around it, that writing lies in
COARSE, JOIN = 3, 2  # every third pixel shows the field; gaps of so many of these are closed
LEAST, LARGEST = 12, 0.15  # px of a piece of writing, and its extent as a share of the picture's
AROUND = 6  # px
AT_ONCE = 8  # larger batches cost half as much again in fetching memory
KINDS = {"marks": "rings or crosses", "writing": "writing outside the field"}
COLUMNS = (
    *("what", "column", "positive", "negative", "images", "patients", "share"),
    *("share_positive", "share_negative", "p"),
)


def rings_and_crosses(pixels: torch.Tensor) -> np.ndarray:
    """Return whether `remove_markers` finds something on images, uint8 n x 1 x h x w; bool (n,)."""
    found = []
    starts = range(0, len(pixels), AT_ONCE)
    for start in progress(starts, desc="looking for marks", unit="batch"):
        images = resize_square(pixels[start : start + AT_ONCE], SIDE).float() / 255
        marked = torch.zeros(len(images), dtype=torch.bool)
        for canvas in CANVASES:
            margin = (canvas - SIDE) // 2
            padded = F.pad(images, [margin, canvas - SIDE - margin] * 2, mode="replicate")
            marked |= (remove_markers(padded, ALIKE) != padded).flatten(1).any(1)
        found.append(marked)
    return torch.cat(found).numpy()


def field_of(grey: np.ndarray) -> np.ndarray:
    """Return the field of a picture, uint8 H x W, as bool: the hull of its largest lit piece.

    The whole picture where nothing is lit.
    """
    from scipy import ndimage

    lit = np.pad(grey[::COARSE, ::COARSE] >= DIM, JOIN)
    lit = ndimage.binary_closing(lit, iterations=JOIN)[JOIN:-JOIN, JOIN:-JOIN]
    pieces, number = ndimage.label(lit)
    if not number:
        return np.ones(grey.shape, bool)
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    return _hull(pieces == largest, grey.shape)


def _hull(inside: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the convex hull of a coarse mask as a mask of `shape`, half a coarse pixel wider."""
    from PIL import Image, ImageDraw
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(inside.any(1))
    left, right = inside[rows].argmax(1), inside.shape[1] - inside[rows, ::-1].argmax(1)
    ends = np.concatenate([left, right]) * COARSE
    points = np.concatenate([np.stack([ends, np.tile(rows + i, 2) * COARSE], 1) for i in (0, 1)])
    drawn = Image.new("1", shape[::-1])
    corners = [tuple(map(int, corner)) for corner in points[ConvexHull(points).vertices]]
    ImageDraw.Draw(drawn).polygon(corners, fill=1)
    return np.asarray(drawn)


def burnt_in(grey: np.ndarray) -> int:
    """Return how many pixels of writing lie outside the field of a picture, uint8 H x W.

    Writing is a small piece of neighbouring pixels above `LIT` that lies apart from the field in
    the dark, and is somewhere bright and steep.
    """
    from scipy import ndimage

    outside = ~ndimage.binary_dilation(field_of(grey), iterations=COARSE)
    pieces, number = ndimage.label((grey >= LIT) & outside, np.ones((3, 3)))
    total = 0
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        total += _writing(grey, pieces, number, place)
    return total


def _writing(grey: np.ndarray, pieces: np.ndarray, number: int, place: tuple) -> int:
    """Return the pixels of a piece that is writing, else 0."""
    small = all(
        side.stop - side.start <= max(LEAST, LARGEST * whole)
        for side, whole in zip(place, grey.shape, strict=True)
    )
    wider = tuple(slice(max(0, side.start - AROUND), side.stop + AROUND) for side in place)
    piece, values = pieces[wider] == number, grey[wider].astype(int)
    if not small or piece.sum() < LEAST or values[piece].max() < BRIGHT:
        return 0
    steps = [np.abs(np.diff(values, axis=axis)).max(initial=0) for axis in (0, 1)]
    dark = (values[~piece] <= DARK).mean() if (~piece).any() else 0.0
    return int(piece.sum()) if max(steps) >= STEEP and dark >= DARK_SHARE else 0


def overlay_table(
    found: pd.DataFrame, questions: list[Question], patients: np.ndarray
) -> pd.DataFrame:
    """Return how often each of `KINDS` is there: over all images, then per question by class.

    `found` holds a bool column per kind, one row per image. Shares are fractions of images; `p` is
    the share of shufflings (patient by patient) in which the classes differ as much.
    """
    rows = []
    for kind in (name for name in KINDS if name in found):
        seen = found[kind].to_numpy(dtype=np.float64)
        whole = {"what": KINDS[kind], "column": "", "positive": "", "negative": ""}
        whole |= {"images": len(seen), "patients": len(set(patients)), "share": seen.mean()}
        rows.append(whole | dict.fromkeys(("share_positive", "share_negative", "p"), np.nan))
        rows += [_by_class(kind, seen[q.rows], q, patients[q.rows]) for q in questions]
    return pd.DataFrame(rows, columns=COLUMNS)


def _by_class(kind: str, seen: np.ndarray, question: Question, patients: np.ndarray) -> dict:
    rng = np.random.default_rng(derive_seed("overlay", kind, question.column, question.positive))
    labels = question.labels
    deals = np.vstack([labels, shuffled_labels(labels, patients, DRAWS, rng)])
    with np.errstate(invalid="ignore"):
        positive = deals @ seen / deals.sum(1)
        negative = (1 - deals) @ seen / (1 - deals).sum(1)
    apart = np.abs(np.nan_to_num(positive - negative))
    return {
        **{"what": KINDS[kind], "column": question.column, "positive": question.positive},
        **{"negative": question.negative, "images": len(seen), "patients": len(set(patients))},
        **{"share": seen.mean(), "share_positive": positive[0], "share_negative": negative[0]},
        "p": p_value(apart[0], apart[1:]),
    }


def overlay_finding(table: pd.DataFrame) -> Finding:
    """Return what an overlay table with `p_adjusted` says: is there something, and with whom."""
    audit = "burnt-in text and marks"
    if table.empty:
        return skipped(audit, "there is no image")
    whole, asked = table[table["column"] == ""], table[table["column"] != ""]
    tied = asked[asked["p_adjusted"] <= LEVEL]
    often = whole[whole["share"] > FALSE_ALARMS]
    shares = "; ".join(
        f"{row['what']} on {row['share']:.1%} of {row['images']} images"
        for row in whole.to_dict("records")
    )
    sure = (
        "The detector knows rings and crosses of two sizes, and bright writing apart from the "
        f"field; up to {FALSE_ALARMS:.0%} of images may be noticed by mistake, and other signs are "
        "missed."
    )
    if tied.empty and often.empty:
        found = f"No more than mistakes of the detector: {shares}."
        act = "Nothing; look at a page of images all the same."
        return Finding(audit, CLEAR, found, sure, act, "overlay")
    if tied.empty:
        known = "no class has more than another" if len(asked) else "there are no labels to compare"
        found, act = f"There is something: {shares}; {known}.", "Crop it away, or mask it."
        return Finding(audit, FOUND, found, sure, act, "overlay")
    told = listed([_tied(row) for row in tied.sort_values("p", kind="stable").to_dict("records")])
    sure += f" {DRAWS:,} shufflings, {len(asked)} comparisons: {p_text(tied['p_adjusted'].max())}."
    found = f"It goes with the label: {told}. Over all: {shares}."
    act = "Crop it away or mask it before training; a classifier can read the label off it."
    return Finding(audit, FOUND, found, sure, act, "overlay")


def _tied(row: dict) -> str:
    return (
        f"{row['what']} on {row['share_positive']:.0%} of {row['positive']} and "
        f"{row['share_negative']:.0%} of {row['negative']} images ({row['column']})"
    )
