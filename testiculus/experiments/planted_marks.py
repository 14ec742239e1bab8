"""Marks tied to the label: a reader measures what looks abnormal, and leaves the calipers there.

Main function: `planted`. The strength is the share of the images labelled positive that carry
measuring marks; no other image carries any. It is nested: what is marked at 0.25 is marked at 0.5.
The phantom draws its own marks (`data.phantom.marks`); on other images they are a pair of calipers
of the `markers` room. Article, section 5, Fig. 5, and thesis, section 6.4: models overfit to such
signals.
"""

from dataclasses import replace
from functools import lru_cache

import torch
from torch.nn.functional import max_pool2d

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.data.phantom.draws import Draws
from testiculus.data.phantom.generate import NAME
from testiculus.data.phantom.labels import truth, truth_table
from testiculus.data.phantom.marks import marked
from testiculus.experiments.inserted_markers import image_draws, put, require_room
from testiculus.markers import Amount, MarkerRecipe

CALIPERS = MarkerRecipe((Amount("calipers", chance=1.0),))
GREY_LEVELS = 3  # by which a GPU may render a view differently the second time


def planted(
    images: ImageSet, strength: float, seed: int = 0, device: str | torch.device = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images with marks on a share `strength` of those labelled 1, and the marks' mask.

    Args:
        images: N labelled images; never written to. The labels are those that were written down,
            right or wrong.
        strength: 0 to 1. At 0 the images come back as they are.
        seed: of the marks on other images than the phantom's, whose own seed places its marks.
        device: where the phantom is simulated again; the one it was simulated on.

    Both are (N, 1, h, w) on the CPU: uint8, and bool, true wherever a mark touches a pixel or
    changed it. Outside the mask, and in every image without marks, the pixels are the images' own,
    bit for bit. Raises `UserError` for a strength outside [0, 1], for images without labels, for
    images too small for calipers, and for a phantom that has marks or cannot be simulated again.
    """
    if not 0 <= strength <= 1:
        raise UserError(
            f"{strength} is no share of the positive images",
            where="strength of the planted marks",
            remedy="give a number from 0 to 1",
        )
    positive = torch.from_numpy(images.labels() == 1)
    if strength == 0:
        return images.pixels, torch.zeros_like(images.pixels, dtype=torch.bool)
    if images.name == NAME:
        full, mask = _phantom_with_marks(images, str(device))
        wears = _wears_in_phantom(images, strength)
    else:
        full, mask = _with_calipers(images, seed)
        wears = _ranks(len(images), seed) < strength
    mask = mask & (wears & positive).view(-1, 1, 1, 1)
    return torch.where(mask, full, images.pixels), mask


def _with_calipers(images: ImageSet, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all images with a pair of calipers each, and the calipers' mask."""
    require_room(images, CALIPERS.slots)
    return put(images.pixels, image_draws(CALIPERS, "planted marks", seed, len(images)))


def _ranks(n: int, seed: int) -> torch.Tensor:
    """Return at which strength each image gets its marks, in [0, 1)."""
    return torch.rand(n, generator=generator("planted marks", seed), dtype=torch.float64)


def _phantom_with_marks(images: ImageSet, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the phantom at strength 1, and the mask of its marks.

    Where a picture is averaged down from a finer grid, a mark reaches one pixel further than the
    pixels that it touches.
    """
    again = _simulated_with_marks(_settings_of(images), _numbers(images), device)
    rows = _rows(images)
    full, touched = again.pixels[rows], again.masks["markers"][rows].bool()
    near = max_pool2d(touched.float(), 3, stride=1, padding=1) > 0
    away = torch.where(near, 0, full.int() - images.pixels.int()).abs().max()
    if away > GREY_LEVELS:
        raise UserError(
            f"the phantom looks different when it is simulated again: {away} grey levels apart",
            where="the phantom with marks tied to the label",
            remedy="simulate it anew on this machine, on the same device",
        )
    return full, touched | near & (full != images.pixels)


@lru_cache(maxsize=1)  # all strengths share it
def _simulated_with_marks(
    settings: PhantomSettings, numbers: tuple[int, ...], device: str
) -> ImageSet:
    return phantom(replace(settings, marker_bias=1.0), numbers=numbers, device=device)


def _wears_in_phantom(images: ImageSet, strength: float) -> torch.Tensor:
    """Return which views the phantom itself marks at this strength, bool (N,)."""
    settings, views = replace(_settings_of(images), marker_bias=strength), []
    for number in _numbers(images):
        draws = Draws(settings.seed, settings.organ, number, "marks")
        views.append(marked(settings, draws, truth(settings, number)["label"]).flatten() > 0.5)
    return torch.cat(views)[_rows(images)]


def _rows(images: ImageSet) -> list[int]:
    """Return where each image stands among all views of its patients, in the phantom's order."""
    views = truth_table(_settings_of(images), _numbers(images))["image"]
    place = {name: row for row, name in enumerate(views)}
    return [place[name] for name in images.frame["image"]]


def _settings_of(images: ImageSet) -> PhantomSettings:
    settings = PhantomSettings(**images.settings["phantom"])
    if settings.markers or settings.marker_bias:
        raise UserError(
            "the phantom carries marks already",
            where=f"markers={settings.markers:g}, marker_bias={settings.marker_bias:g}",
            remedy="plant marks on a phantom without any",
        )
    return settings


def _numbers(images: ImageSet) -> tuple[int, ...]:
    """Return the numbers of the phantom's patients, each once, in order."""
    patients = dict.fromkeys(images.frame["patient"])
    return tuple(int(patient.rpartition("-")[2]) for patient in patients)
