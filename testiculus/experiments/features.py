"""Features of images for the metrics and the filter: which network's, computed once.

Main functions: `encoder_extractor` and `inception_extractor` name a network, `finish_features` asks
it, or the store. The store's key covers the network's weights and the content of the images, so
that a set that two studies measure is computed once.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.progress import progress
from testiculus.base.store import Checkpoint, Job, Run, Store
from testiculus.models import PRETRAINED, build_classifier, weights_fingerprint
from testiculus.representation import features as encoder_features

MODULE = "testiculus.experiments.features"
CHUNK = 1024  # images between two looks at the bar
INCEPTION = "inception"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Extractor:
    """A network whose features are measured.

    `id` is a short name for columns and `words` one for people; figures are called FID and IS only
    where `is_inception`. `fingerprint` names the weights. `extract` maps uint8 (n, 1, h, w) to
    float32 (n, d); a network that tells classes apart has `extract_all`, which returns "features"
    and "probabilities" (n, classes) of one pass. `device_class` is that of the device it runs on.
    """

    id: str
    words: str
    fingerprint: str
    is_inception: bool
    extract: Callable[[torch.Tensor], np.ndarray]
    extract_all: Callable[[torch.Tensor], Arrays] | None = None
    device_class: str = "cpu"


@dataclass(frozen=True)
class FeatureSettings:
    """What tells one run of features from another, beside weights and images."""

    network: str


def encoder_extractor(id: str, words: str, file: Path, device: torch.device) -> Extractor:
    """Return the extractor of a pretrained encoder's file: 512 features of a ResNet-18.

    Raises `UserError` for a file that is absent or no ResNet-18's; the network is built when it is
    first needed.
    """
    return Extractor(
        id=id,
        words=words,
        fingerprint=weights_fingerprint(PRETRAINED, file=file),
        is_inception=False,
        extract=partial(_encoded, file, device),
        device_class=device_class(device),
    )


def _encoded(file: Path, device: torch.device, pixels: torch.Tensor) -> np.ndarray:
    encoder = build_classifier(PRETRAINED, 0, file=file).encoder
    parts = []
    with progress(total=len(pixels), desc="features", unit="image") as bar:
        for some in pixels.split(CHUNK) if len(pixels) else [pixels]:
            parts.append(encoder_features(encoder, some, device))
            bar.update(len(some))
    return np.concatenate(parts)


def inception_extractor(device: torch.device) -> Extractor | str:
    """Return the extractor of Inception (FID's), or what is missing: the file of its weights."""
    from testiculus.manifold.inception import inception_weights, missing_inception

    file = inception_weights()
    if file is None:
        return missing_inception()
    both = partial(_inception, file, device)
    return Extractor(
        id=INCEPTION,
        words="features of Inception-v3, trained on ImageNet",
        fingerprint=weights_fingerprint(PRETRAINED, file=file),
        is_inception=True,
        extract=lambda pixels: both(pixels)["features"],
        extract_all=both,
        device_class=device_class(device),
    )


def _inception(file: Path, device: torch.device, pixels: torch.Tensor) -> Arrays:
    from testiculus.manifold.inception import inception

    with progress(total=len(pixels), desc="Inception's features", unit="image") as bar:
        found = inception(
            pixels, file, device, on_batch=lambda done, images: bar.update(done - bar.n)
        )
    return {"features": found[0], "probabilities": found[1]}


def finish_features(store: Store, extractor: Extractor, pixels: torch.Tensor) -> np.ndarray:
    """Return the features of images, float32 (n, d), computed or found in the store.

    `pixels` uint8 (n, 1, h, w). Raises what the network raises: `UserError` for no images, for
    features that are not finite.
    """
    return finished(store, extractor, pixels).arrays["features"]


def finish_probabilities(
    store: Store, extractor: Extractor, pixels: torch.Tensor
) -> np.ndarray | None:
    """Return what the network takes images for, (n, classes), or None if it knows no classes."""
    return finished(store, extractor, pixels).arrays.get("probabilities")


def finished(store: Store, extractor: Extractor, pixels: torch.Tensor) -> Run:
    """Return the run of an extractor on images: its arrays, and whether it was reused."""
    return store.finish(features_job(extractor, pixels))


def features_job(extractor: Extractor, pixels: torch.Tensor) -> Job:
    """Return the run of an extractor on images, for a `Store` to finish.

    What it is called does not matter: the same weights on the same images are one run.
    """
    settings = FeatureSettings(INCEPTION if extractor.is_inception else "encoder")
    compute = partial(compute_features, extractor, pixels)
    fingerprint = features_fingerprint(extractor, pixels)
    return Job(settings, fingerprint, MODULE, extractor.device_class, compute)


def compute_features(
    extractor: Extractor, pixels: torch.Tensor, checkpoint: Checkpoint | None = None
) -> Arrays:
    """Return an extractor's arrays of images: "features" and, if it has them, "probabilities"."""
    if extractor.extract_all is not None:
        found = extractor.extract_all(pixels)
    else:
        found = {"features": extractor.extract(pixels)}
    return {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in found.items()}


def features_fingerprint(extractor: Extractor, pixels: torch.Tensor) -> str:
    """Return the sha256 (hex) of all that decides features: weights, and images in their order."""
    digest = hashlib.sha256(f"{extractor.fingerprint}|{tuple(pixels.shape)}|".encode())
    digest.update(pixels.cpu().contiguous().numpy())
    return digest.hexdigest()
