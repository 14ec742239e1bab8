"""What plans of all tables say of themselves in the same words: images, fine-tuning, device, price.

Each function returns a part of `Plan.settings`, as plain values for provenance and for people.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from testiculus.base.devices import device_class
from testiculus.data.images import ImageSet
from testiculus.experiments.crossval import Protocol

if TYPE_CHECKING:
    from testiculus.diffusion import DiffusionSettings, SamplerSettings

NOTHING_TO_TRAIN = "every run is in the store already: nothing to train"


def group_of(images: ImageSet) -> str:
    """Return what the patient column groups by: "patient", or a file or clip where none is known.

    So the images' settings say.
    """
    return images.settings.get("group", "patient")


def about_images(profile: str, variant: str, images: ImageSet) -> dict[str, object]:
    """Return the run's size and variant, and how many labelled images and patients there are."""
    return {
        "profile": profile,
        "variant": variant,
        "data": images.name,
        "images": len(images),
        "positive images": int(images.labels().sum()),
        "patients": int(images.frame["patient"].nunique()),
        "pixels": int(images.pixels.shape[-1]),
    }


def about_folds(protocol: Protocol, images: ImageSet) -> dict[str, object]:
    """Return over which seeds and folds, how long and in which batches rows are fine-tuned."""
    grouped = "" if protocol.grouped else "NOT "
    return {
        "seeds": ", ".join(map(str, protocol.seeds)),
        "folds": f"{protocol.folds}, {grouped}grouped by {group_of(images)}",
        "epochs": protocol.epochs,
        "batch size": protocol.batch_size,
    }


def about_rates(protocol: Protocol) -> dict[str, object]:
    """Return the learning rates, weight decay and augmentation of a fine-tuning."""
    return {
        "learning rates": f"encoder {protocol.encoder_lr:g}, head {protocol.head_lr:g}",
        "weight decay": protocol.weight_decay,
        "augmentation": protocol.augmentation,
    }


def about_device(protocol: Protocol, device: torch.device) -> dict[str, object]:
    """Return the kind of device and the precision."""
    return {"device": device_class(device), "precision": protocol.precision}


def aligned(words: dict[str, object], width: int) -> list[str]:
    """Return one line for each setting, the names padded to `width` characters.

    >>> aligned({"seeds": "0, 1", "epochs": 15}, 7)
    ['seeds   0, 1', 'epochs  15']
    """
    return [f"{name:{width}} {value}" for name, value in words.items()]


def listed(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them.

    >>> listed(["3 generators", "9 pretrainings", "6 fine-tunings"])
    '3 generators, 9 pretrainings and 6 fine-tunings'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def price(number: int, what: str, cost: dict[str, float]) -> str:
    """Return what an estimate's `number` of trainings, `what` in words, will cost here.

    >>> price(2, "2 runs", {"seconds": 90, "memory_gib": 1.5, "disk_mib": 8})
    '2 runs to train, about 2 minutes here, 1.5 GiB of memory, 8 MiB of disk'
    """
    if not number:
        return NOTHING_TO_TRAIN
    return (
        f"{what} to train, about {cost['seconds'] / 60:.0f} minutes here, "
        f"{cost['memory_gib']:.1f} GiB of memory, {cost['disk_mib']:.0f} MiB of disk"
    )


def about_generator(settings: "DiffusionSettings", sampler: "SamplerSettings") -> dict[str, object]:
    """Return how a generator is trained, its net, and in how many steps it draws an image."""
    s = settings
    multipliers, blocks = ", ".join(map(str, s.multipliers)), f"{s.blocks} block"
    blocks += "s" * (s.blocks > 1)
    sides = f"{', '.join(map(str, s.attention))} px"
    if s.upper_attention() != s.attention:
        sides += f" (on the way up {', '.join(map(str, s.upper_attention()))} px)"
    return {
        "generator": f"{s.steps} steps of {s.batch_size} images, learning rate {s.lr:g}, EMA "
        f"{s.ema_decay:g}",
        "net": f"width {s.width}, multipliers {multipliers}, {blocks} a stage, attention at "
        f"{sides}, {s.heads} heads",
        "sampler": f"{sampler.steps} of {sampler.chain} steps",
    }
