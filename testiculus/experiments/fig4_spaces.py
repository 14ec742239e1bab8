"""The spaces of features that Fig. 4 measures in, made from its networks and its images.

`extractors` lists the networks, the one that decides first; `space_of` asks one of them for all
images; `study_copies` hands pixels and features to the search for copies.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from testiculus.base.store import Store
from testiculus.experiments.copy_study import CopyStudy, RealImages, copy_study
from testiculus.experiments.features import (
    Extractor,
    encoder_extractor,
    finish_features,
    finish_probabilities,
)
from testiculus.experiments.fidelity_measures import Space, class_chances
from testiculus.experiments.fig4_plan import Fig4Plan
from testiculus.experiments.row_encoders import Pretrained

IMAGENET_CLASSES = "Inception's 1,008 classes: the Inception score"
NO_CLASSES = "none: all real images are of one organ and one scanner"


def extractors(planned: Fig4Plan, pretrained: Sequence[Pretrained]) -> list[Extractor]:
    """Return the networks to measure with: Inception where it is there, then our encoders."""
    ours = [
        encoder_extractor(wanted.id, wanted.words, done.file, planned.device)
        for wanted, done in zip(planned.encoders, pretrained, strict=True)
    ]
    return ours if planned.inception is None else [planned.inception, *ours]


def space_of(store: Store, network: Extractor, planned: Fig4Plan, generated: torch.Tensor) -> Space:
    """Return a network's features of the labelled, the generated and the further real images.

    Class probabilities are Inception's, or those of a probe for organ and scanner that is trained
    on all real images but the further ones.
    """
    ud = planned.unlabelled
    further = ud.pixels[torch.from_numpy(planned.further)]
    real = finish_features(store, network, planned.images.pixels)
    drawn = finish_features(store, network, generated)
    others = finish_features(store, network, further) if len(further) else real[:0]
    chances, words = None, NO_CLASSES
    if network.is_inception:
        sets = [some for some in (generated, further) if len(some)]
        chances, words = [finish_probabilities(store, network, s) for s in sets], IMAGENET_CLASSES
    elif len(classes := np.unique(_classes(planned))) > 1:
        seen = torch.from_numpy(~planned.further)
        known = finish_features(store, network, ud.pixels[seen])
        chances = class_chances(known, _classes(planned), drawn, others)
        words = f"a linear probe's, for organ and scanner: {'; '.join(classes)}"
    return Space(
        id=network.id,
        words=network.words,
        is_fid=network.is_inception,
        real=real,
        generated=drawn,
        further=others,
        chances=None if chances is None else chances[0],
        further_chances=chances[1] if chances and len(others) else None,
        classes=words if chances is not None else NO_CLASSES,
    )


def study_copies(
    store: Store,
    planned: Fig4Plan,
    networks: Sequence[Extractor],
    generated: torch.Tensor,
    kept: np.ndarray,
) -> CopyStudy:
    """Ask whether generated images copy labelled ones, in pixels and in every network's features.

    The level to compare with is that of the further real images. Where these are of fewer than two
    patients, it is that of labelled images among those of other patients.
    """
    ud, further = planned.unlabelled, planned.further
    names = ud.frame["patient"].to_numpy(dtype=str)
    held_out = None
    if len(np.unique(names[further])) > 1:
        held_out = RealImages(ud.pixels[torch.from_numpy(further)], names[further])
    features = {one.id: partial(finish_features, store, one) for one in networks}
    training = RealImages(planned.images.pixels, planned.labelled_patients)
    return copy_study(generated, kept, training, held_out, features)


def _classes(planned: Fig4Plan) -> np.ndarray:
    """Return organ and scanner of every real image that the probe learns from."""
    frame = planned.unlabelled.frame[~planned.further]
    scanner = frame["device"].where(frame["device"] != "", "scanner not stated")
    return (frame["organ"] + ", " + scanner).to_numpy(dtype=str)
