"""Wrong labels planted on the phantom's true ones: three kinds of noise, at any rate.

`plant` returns labels of which exactly so many are wrong; `KIND_WORDS` says what each kind is.
"""

import numpy as np
import pandas as pd

from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError, one_of
from testiculus.claims.peers_schema import BORDERLINE, FRAME_MISSES, RANDOM_NOISE
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings
from testiculus.data.phantom.labels import truth

KIND_WORDS = {
    RANDOM_NOISE: "labels of images drawn at random, all alike, are turned over",
    FRAME_MISSES: (
        "frames that show nothing carry a positive label, as if the testis had been called "
        "inhomogeneous on another frame; those that the phantom itself missed first, then others "
        "drawn at random. All errors are on one side"
    ),
    BORDERLINE: (
        "the labels of the images nearest to the border between the classes are a coin toss: twice "
        "as many images as errors are wanted, half of them, drawn at random, turned over. Near is "
        "by the severity that the image shows, on a log scale"
    ),
}


def plant(images: ImageSet, kind: str, rate: float, seed: int = 0) -> np.ndarray:
    """Return labels that differ from the phantom's true ones on round(`rate` N) images, int64 (N,).

    `rate` is a share of all images, above 0 and below 1. Same seed, same labels; of random noise
    and of frame misses, a higher rate adds errors to those of a lower one. Raises `UserError` for
    another kind, a rate that plants no error, leaves a class without a label or, of borderline
    cases and frame misses, asks for more errors than there are such images.
    """
    one_of(kind, KIND_WORDS, "kind of noise")
    true, wanted = images.labels("true_label"), round(rate * len(images))
    order = candidates(images, kind, wanted, seed)
    if not 0 < wanted <= len(order):
        raise UserError(
            f"{wanted} errors cannot be planted: {len(order)} images can carry {kind}",
            where=f"a rate of {rate:g} of {len(images)} images",
            remedy="name other RATES, or raise PATIENTS",
        )
    labels = true.copy()
    labels[order[:wanted]] = 1 - true[order[:wanted]]
    if len(np.unique(labels)) < 2:
        raise UserError(f"{kind} at a rate of {rate:g} would leave one class", remedy="lower RATES")
    return labels


def candidates(images: ImageSet, kind: str, wanted: int, seed: int = 0) -> np.ndarray:
    """Return the images that noise of a kind may touch, int64, those to be turned first ahead."""
    generator = np.random.default_rng(derive_seed("planted noise", kind, seed))
    lot = generator.permutation(len(images))
    if kind == RANDOM_NOISE:
        return np.argsort(lot)
    if kind == FRAME_MISSES:
        empty = np.flatnonzero(images.labels("true_label") == 0)
        missed = images.frame["kind"].to_numpy(dtype=str)[empty] != ""
        return empty[np.lexsort((lot[empty], ~missed))]
    distance = border_distance(shown_severity(images), images.settings["phantom"])
    nearest = np.argsort(distance, kind="stable")[: 2 * wanted]
    return nearest[np.argsort(lot[nearest])][: len(nearest) // 2]


def border_distance(severity: np.ndarray, phantom: dict) -> np.ndarray:
    """Return how far severities (float, N) lie from the border between the classes, on a log scale.

    The border is where a severity is as many standard deviations below the median of inhomogeneous
    testes as above that of homogeneous ones (both are log-normal, see `PhantomSettings`).
    """
    high, low = np.log(phantom["severity"]), np.log(phantom["normal_severity"])
    above, below = phantom["severity_spread"], phantom["normal_spread"]
    border = (below * high + above * low) / (above + below)
    return np.abs(np.log(severity) - border)


def shown_severity(images: ImageSet) -> np.ndarray:
    """Return the severity that each image of a phantom shows, float64 (N,).

    That is the testis's where the frame shows it; a missed frame is as faint as a homogeneous one.
    Raises ValueError for images that are not those of a whole phantom.
    """
    settings = PhantomSettings(**_plain(images.settings["phantom"]))
    facts = [truth(settings, number) for number in range(settings.patients)]
    told = pd.DataFrame(
        {name: np.concatenate([each[name] for each in facts]) for name in ("true_label", "shown")}
    )
    if not np.array_equal(told["true_label"], images.labels("true_label")):
        raise ValueError("these are not the images of the phantom that their settings describe")
    return told["shown"].to_numpy(dtype=np.float64)


def _plain(settings: dict) -> dict:
    return settings | {"scanner_shares": tuple(settings["scanner_shares"])}
