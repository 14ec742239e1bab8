"""The parameters of Tables 2 and 4: which there are, how each is checked, where its default is.

Main function: `checked_values`; `fine_tuning` and `pretraining` make the settings of both trainings
from them.
"""

from collections.abc import Callable
from functools import partial

import torch

from testiculus import paper
from testiculus.base.devices import resolve_precision
from testiculus.base.errors import one_of
from testiculus.experiments.crossval import Protocol
from testiculus.experiments.profiles import (
    number_from_zero,
    overridden,
    positive_number,
    profile_settings,
    seed_list,
    switch,
)
from testiculus.paper.pretraining import (
    ORGAN_WEIGHT,
    PROJECTION,
    TEMPERATURE,
    TRUST_COEFFICIENT,
    pretraining_variant,
)
from testiculus.pretrain import PretrainSettings
from testiculus.pretrain.views import VIEWS

whole, above_zero = partial(positive_number, kind=int), partial(positive_number, kind=float)
count, weight = partial(number_from_zero, kind=int), partial(number_from_zero, kind=float)


def _views(name: str, value: object) -> str:
    return one_of(str(value), VIEWS, name)


# Parameter -> what makes a value of it, or refuses it by name.
PARAMETERS: dict[str, Callable[[str, object], object]] = {
    **{name: whole for name in ("folds", "steps", "pretrain_batch", "pretraining_seeds")},
    **{name: whole for name in ("partitions", "patients", "pixels", "epochs", "batch_size")},
    "procedural_images": whole,
    **{name: above_zero for name in ("pretrain_lr", "temperature", "encoder_lr", "head_lr")},
    **{name: count for name in ("unlabelled_patients", "thyroid_patients", "warmup_steps")},
    **{name: switch for name in ("shared_draw", "exclude_test")},
    "organ_weight": weight,
    "views": _views,
    "seeds": lambda _, value: seed_list(value),
}


def checked_values(
    experiment: str, profile: str, variant: str, parameters: dict
) -> dict[str, object]:
    """Return every parameter, checked: the notebook's, else the profile's, else a source's."""
    for name in parameters:
        one_of(name, PARAMETERS, "parameter")
    sources = pretraining_variant(variant)
    own = {
        "folds": paper.FOLDS,
        "batch_size": paper.BATCH_SIZE,
        "pixels": paper.variant(variant)["pixels"],
        "pretrain_lr": sources["lr"],
        "temperature": TEMPERATURE,
        "organ_weight": ORGAN_WEIGHT,
        **{name: sources[name] for name in ("views", "shared_draw")},
    }
    values = overridden(own | profile_settings(profile, experiment), **parameters)
    return {name: PARAMETERS[name](name.upper(), value) for name, value in values.items()}


def fine_tuning(values: dict, variant: str, device: torch.device) -> Protocol:
    """Return Table 1's fine-tuning protocol at these sizes."""
    told = paper.variant(variant)
    return Protocol(
        **{name: values[name] for name in ("seeds", "folds", "epochs", "batch_size")},
        **{name: values[name] for name in ("encoder_lr", "head_lr")},
        grouped=told["grouped_folds"],
        weight_decay=paper.WEIGHT_DECAY,
        augmentation=told["augmentation"],
        precision=resolve_precision(device, "auto"),
    )


def pretraining(values: dict, variant: str, device: torch.device) -> PretrainSettings:
    """Return UD's pretraining at these sizes, with seed 0; the rest is the variant's."""
    told = pretraining_variant(variant)
    same = ("schedule", "power", "momentum", "weight_decay", "doubled_organ_loss")
    return PretrainSettings(
        **{name: told[name] for name in same},
        **{name: values[name] for name in ("steps", "organ_weight")},
        **{name: values[name] for name in ("temperature", "views", "shared_draw")},
        batch_size=values["pretrain_batch"],
        warmup_steps=min(values["warmup_steps"], values["steps"]),
        lr=values["pretrain_lr"],
        trust_coefficient=TRUST_COEFFICIENT,
        projection=PROJECTION,
        precision=resolve_precision(device, "auto"),
    )
