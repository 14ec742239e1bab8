"""The parameters that Fig. 5 alone has, checked: strengths of the shortcut, start, layers, masks.

`strength_list`, `chosen_start` and `chosen_layers` raise `UserError` for what cannot be;
`unmeasured` and `warn_of_odd_choices` say what these images cannot show.
"""

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from testiculus.base.errors import InputWarning, UserError
from testiculus.claims.attention import NO_STRENGTH
from testiculus.data.decoding import MASKS
from testiculus.data.images import ImageSet
from testiculus.explain import resolve_layer
from testiculus.models import SCRATCH, build_classifier, missing_weights
from testiculus.paper import ENCODER_LR

if TYPE_CHECKING:
    from testiculus.experiments.fig5_plan import Fig5Plan

EXAMPLE = "0,0.25,0.5,1"
START = (
    "imagenet"  # ours: the article names no weights for Fig. 5; its protocol's first (section 3)
)
INSTEAD = "scratch-A"
NOT_GROUPED = (
    "VARIANT=released does not group its folds by patient: models are tested on patients whose "
    "other images they were trained on, and intervals over patients and verdicts are too certain"
)
LAST_STAGE = "layer4"  # of a ResNet-18; measured beside the layer that decides


def strength_list(strengths: object) -> tuple[float, ...]:
    """Return the strengths that `strengths` means, in order: a number, a list, or "0,0.5,1".

    A strength is the share of images labelled positive that carry marks in training, 0 to 1. Those
    as they are, strength 0, are always among them: all else is compared with these, and an
    `InputWarning` says that they were added. Raises `UserError` for what is no share or stands
    there twice.

    >>> strength_list("0,1,0.5"), strength_list(0), strength_list([0, 0.25])
    ((0.0, 0.5, 1.0), (0.0,), (0.0, 0.25))
    """
    parts = strengths.split(",") if isinstance(strengths, str) else strengths
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    if not parts:
        raise _bad(strengths, "names no strength")
    chosen = sorted(_share(part, strengths) for part in parts)
    names = [f"{share:g}" for share in chosen]  # as rows are named
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise _bad(strengths, f"names {twice[0]} twice")
    if chosen[0] != NO_STRENGTH:
        warnings.warn(
            f"STRENGTHS={strengths!r} lacks 0, the images as they are, with which all others are "
            "compared: it is run too",
            InputWarning,
            stacklevel=3,
        )
        chosen.insert(0, NO_STRENGTH)
    return tuple(chosen)


def _share(part: object, strengths: object) -> float:
    try:
        share = math.nan if isinstance(part, bool) else float(part)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 <= share <= 1:
        shown = part.strip() if isinstance(part, str) else part
        raise _bad(strengths, f"holds {shown!r}, which is no share")
    return share + 0.0  # -0.0 is 0.0


def _bad(strengths: object, what: str) -> UserError:
    return UserError(
        f"STRENGTHS={strengths!r} {what}",
        remedy=f"give different numbers from 0 to 1, such as {EXAMPLE}: the shares of images "
        "labelled positive that carry marks in training",
    )


def chosen_start(wanted: object) -> tuple[str, dict[str, str]]:
    """Return the initialisation of all models, and what could not be run and why.

    The article's ImageNet weights, or under its own name a random encoder where they are missing.
    Raises `UserError` for a `wanted` one that is unknown or whose weights are missing.
    """
    if wanted is None:
        missing = missing_weights(START)
        return (INSTEAD, {START: missing}) if missing else (START, {})
    name = str(wanted).strip()
    if reason := missing_weights(name):
        raise UserError(f"initialisation {name!r} cannot be used", remedy=reason)
    return name, {}


def chosen_layers(start: str, size: tuple[int, int], wanted: object) -> tuple[str, ...]:
    """Return the layer that decides and, beside it, the last stage, on images of `size`.

    By default the first is `explain.resolve_layer`'s. Raises `UserError` for a layer that does not
    exist, listing those that do, and for a file of weights that is not an encoder's: the model is
    built here, before anything is trained.
    """
    name = None if wanted is None else str(wanted)
    decides = resolve_layer(build_classifier(start, 0), size, name)
    return tuple(dict.fromkeys([decides, LAST_STAGE]))


def with_names_of_their_own(images: ImageSet) -> ImageSet:
    """Return the images, each under a name of its own: a manifest may list a file several times.

    Measures are told apart by the image's name.
    """
    names = images.frame["image"].astype(str)
    again = names.groupby(names).cumcount()
    if not again.any():
        return images
    own = names.where(again == 0, names + " (row " + names.index.to_series().astype(str) + ")")
    return replace(images, frame=images.frame.assign(image=own))


def about_masks(images: ImageSet) -> dict[str, str]:
    """Return how many images have a mask with anything inside it, in words, by its name."""
    return {
        f"{name} masks": f"{int(_filled(images, name).sum())} of {len(images)} images"
        for name in MASKS
    }


def unmeasured(images: ImageSet) -> dict[str, str]:
    """Return the masks that no image has, by name, and why nothing is measured inside them."""
    return {
        name: f"no image has a {name} mask (the manifest's column {column}): what a map holds "
        "inside it is not measured"
        for name, column in MASKS.items()
        if not _filled(images, name).any()
    }


def _filled(images: ImageSet, name: str) -> np.ndarray:
    """Return which images (bool, N) have a mask of this name with any pixel inside."""
    if name not in images.masks:
        return np.zeros(len(images), dtype=bool)
    return images.masks[name].flatten(1).any(dim=1).numpy()


def warn_of_odd_choices(planned: "Fig5Plan", data: str, patients: object) -> None:
    """Warn of what is usable and odd: rates, sizes, folds, masks, and one strength alone."""
    for message in _oddities(planned, data, patients):
        warnings.warn(message, InputWarning, stacklevel=4)


def _oddities(planned: "Fig5Plan", data: str, patients: object) -> list[str]:
    rate, start = planned.protocol.encoder_lr, planned.initialisation
    found = list(planned.not_measured.values())
    if start in SCRATCH and rate <= ENCODER_LR:
        found.append(
            f"{start} is a random encoder, and a learning rate of {rate:g} is meant for pretrained "
            "ones: it will hardly learn (ENCODER_LR sets another)"
        )
    if data != "phantom" and patients is not None:
        found.append("PATIENTS sets the phantom's size; a manifest has the patients that it has")
    if not planned.protocol.grouped:
        found.append(NOT_GROUPED)
    if len(planned.strengths) == 1:
        found.append("STRENGTHS holds 0 alone: no shortcut is planted, and none is measured")
    told = planned.images.frame.get("has_mask")
    if "parenchyma" not in planned.not_measured and told is not None:
        empty = int((told.to_numpy(bool) & ~_filled(planned.images, "parenchyma")).sum())
        if empty:
            found.append(f"{empty} parenchyma masks are empty: these images are left out there")
    return found
