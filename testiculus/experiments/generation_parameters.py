"""What decides generated images and their filter: shared by Fig. 4 and Table 3.

`checked_values` resolves parameters, `generation` plans the generator and its images,
`feature_encoders` plans the encoders in whose features images are filtered and measured, and
`random_control` draws the control of the filter. Both experiments ask here, so that the store holds
one generator, one set of images and one feature encoder for both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from testiculus import paper
from testiculus.base.devices import generator, resolve_precision
from testiculus.base.errors import UserError, one_of
from testiculus.claims.schema import CONTROL, OTHER_ORGANS, UD
from testiculus.data.images import ImageSet
from testiculus.experiments.profiles import overridden, positive_number, profile_settings
from testiculus.experiments.row_encoders import Pretraining, alone, on_procedural, on_ultrasound
from testiculus.experiments.unlabelled import Unlabelled
from testiculus.paper import generation as sources
from testiculus.paper.pretraining import ORGAN_WEIGHT, TEMPERATURE, pretraining_variant
from testiculus.pretrain import PretrainSettings

if TYPE_CHECKING:
    from testiculus.experiments.generation import Generation

FEWEST_GENERATED = 2  # one image has no covariance
SEED = 0  # of the generator, of its sampler and of the random control: there is one of each
THESIS_DECODER = (32, 16)  # px; thesis text, of the decoder; its encoder's are ATTENTION [19]

Check = Callable[[str, object], object]
whole, above_zero = partial(positive_number, kind=int), partial(positive_number, kind=float)


def sizes(name: str, value: object) -> tuple[int, ...]:
    """Return a list of positive whole numbers, from a list or a text; raises `UserError`.

    >>> sizes("MULTIPLIERS", "1,2,2"), sizes("ATTENTION", [16])
    ((1, 2, 2), (16,))
    """
    parts = value.split(",") if isinstance(value, str) else value
    parts = parts if isinstance(parts, list | tuple) else [parts]
    if not parts:
        raise UserError(f"{name} is {value!r}", remedy="give whole numbers such as 1,2,2")
    return tuple(positive_number(name, part, int) for part in parts)


def _images(name: str, value: object) -> int:
    number = positive_number(name, value, int)
    if number < FEWEST_GENERATED:
        raise UserError(
            f"{name} is {number}: a single image has no spread to compare",
            remedy=f"draw at least {FEWEST_GENERATED}; thousands are usual",
        )
    return number


def _share(name: str, value: object) -> float:
    """Return a number from 0 to below 1."""
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = float("nan")
    if isinstance(value, bool) or not 0 <= share < 1:
        raise UserError(f"{name} is {value!r}", remedy="give a number from 0 to below 1")
    return share


# Parameter -> what makes a value of it, or refuses it by name.
GENERATION: dict[str, Check] = {
    **{name: whole for name in ("generator_steps", "generator_batch", "sampler_steps")},
    **{name: whole for name in ("width", "blocks", "heads", "filter_neighbours", "snapshots")},
    **{name: sizes for name in ("multipliers", "attention")},
    "decoder_attention": lambda name, value: None if value is None else sizes(name, value),
    "generator_lr": above_zero,
    "ema_decay": _share,
    "generated": _images,
}


def checked_values(
    experiment: str,
    profile: str,
    variant: str,
    parameters: Mapping[str, object],
    known: Mapping[str, Check],
) -> dict[str, object]:
    """Return every `known` parameter, checked: the notebook's, the profile's, else a source's.

    `known` maps the experiment's parameters to their checks. A profile that sets ATTENTION has
    those sides in both halves of the net, also where VARIANT is the thesis [19]. Raises `UserError`
    for a name that is not in `known`, and for a value that cannot be.
    """
    for name in parameters:
        one_of(name, known, "parameter")
    told = profile_settings(profile, experiment)
    own = {name: value for name, value in _of_the_sources(variant).items() if name in known}
    if "attention" in told:  # of a smaller net, whose maps need not have the sides of the thesis's
        own["decoder_attention"] = None
    values = overridden(own | told, **parameters)
    return {name: known[name](name.upper(), value) for name, value in values.items()}


def _of_the_sources(variant: str) -> dict[str, object]:
    """Return what the sources say, for whatever a profile leaves open."""
    told = pretraining_variant(variant)
    return {
        "folds": paper.FOLDS,
        "batch_size": paper.BATCH_SIZE,
        "pixels": sources.GENERATOR_PIXELS,
        "pretrain_lr": told["lr"],
        "temperature": TEMPERATURE,
        "organ_weight": ORGAN_WEIGHT,
        **{name: told[name] for name in ("views", "shared_draw")},
        "generator_batch": sources.GENERATOR_BATCH,
        "generator_lr": sources.GENERATOR_LR,
        "width": sources.WIDTH,
        "multipliers": sources.MULTIPLIERS,
        "blocks": sources.BLOCKS,
        "attention": sources.ATTENTION,
        "decoder_attention": THESIS_DECODER if variant == "thesis" else None,
        "heads": sources.HEADS,
        "ema_decay": sources.EMA_DECAY,
        "generated": sources.GENERATED,
        "filter_neighbours": sources.FILTER_NEIGHBOURS,
    }


def generation(
    values: Mapping[str, object], images: ImageSet, device: torch.device
) -> "Generation":
    """Return the plan of a generator trained on `images`, and of the images it will draw.

    `values` are those of `GENERATION`. Raises `UserError` for a net or a sampler that cannot be.
    """
    from testiculus.diffusion import DiffusionSettings, SamplerSettings
    from testiculus.experiments.generation import Generation

    precision = resolve_precision(device, "auto")
    same = ("width", "multipliers", "blocks", "attention", "heads", "ema_decay", "snapshots")
    settings = DiffusionSettings(
        steps=values["generator_steps"],
        batch_size=values["generator_batch"],
        lr=values["generator_lr"],
        chain=sources.CHAIN,
        vlb_weight=sources.VLB_WEIGHT,
        precision=precision,
        seed=SEED,
        decoder_attention=values["decoder_attention"],
        **{name: values[name] for name in same},
    )
    sampler = SamplerSettings(
        steps=values["sampler_steps"], chain=sources.CHAIN, seed=SEED, precision=precision
    )
    return Generation.of(images, settings, sampler, values["generated"], device)


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """An encoder of ours in whose features images are compared.

    `id` names the space in frames, `words` are for people, `pretraining` makes it.
    """

    id: str
    words: str
    pretraining: Pretraining


def feature_encoders(
    values: Mapping[str, object], ud: Unlabelled, settings: PretrainSettings, device: torch.device
) -> tuple[FeatureEncoder, ...]:
    """Return the encoders to filter and to measure with, the one that decides first.

    It is Table 3's encoder of the other organs alone, which has seen neither the labelled images
    nor their patients' organ; where UD holds one organ, one of procedural pictures. Second, as
    sensitivity, UD's, which has seen the labelled images. `settings` are UD's pretraining with seed
    0; `values` need `procedural_images`, and only for one organ.
    """
    everything = np.ones(len(ud), dtype=bool)
    if len(ud.organs) > 1:
        told = settings if len(ud.organs) > 2 else alone(settings)
        first = on_ultrasound(OTHER_ORGANS, ud, ~ud.is_own, told, device)
        organs = " and ".join(ud.organs[1:])
        words = f"features of an encoder pretrained on {organs} images alone"
        leading = FeatureEncoder("other-organs", words, first)
        whole_ud = settings
    else:
        n, side = values["procedural_images"], ud.pixels.shape[-1]
        words = "features of an encoder pretrained on procedural pictures, no ultrasound"
        first = on_procedural(CONTROL, n, int(side), settings, device)
        leading = FeatureEncoder("procedural", words, first)
        whole_ud = alone(settings)
    words = "features of the encoder pretrained on UD, which has seen the labelled images"
    second = on_ultrasound(UD, ud, everything, whole_ud, device)
    return leading, FeatureEncoder("ud", words, second)


def random_control(kept: np.ndarray, seed: int = SEED) -> np.ndarray:
    """Return a random choice (bool, m) of as many images as `kept` (bool, m) has.

    The control of the filter: what it gains beyond leaving images out.
    """
    from testiculus.manifold.filtering import keep_at_random

    return keep_at_random(len(kept), int(kept.sum()), generator("random filter", seed))
