"""Markers inserted into test images: the training's recipe, and every kind by itself.

Main function: `insertions`. Which markers an image gets depends on the seed, the condition and the
image's place in the set only, so that every model is asked about the same pictures (article,
section 5, Fig. 5; thesis, section 6.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError, one_of
from testiculus.claims.attention import ALL_KINDS, UNMARKED
from testiculus.data.images import ImageSet
from testiculus.markers import (
    KINDS,
    Amount,
    MarkerDraws,
    MarkerRecipe,
    apply_markers,
    draw_markers,
    marker_recipe,
)
from testiculus.markers.stamps import SMALLEST

CONDITIONS = (ALL_KINDS, *KINDS)
ROOM = 2  # an image is at least so many of a marker's smallest legible sizes across; ours
BLOCK = 64  # images whose markers are drawn together
CHUNK = 256  # images drawn on at a time


@dataclass(frozen=True, eq=False)
class Insertion:
    """One condition of the test images, of all N images of a set in their order.

    `pixels` is uint8 (N, 1, h, w), `mask` bool (N, 1, h, w): every pixel that a marker covers any
    part of. Outside the mask the pixels are the images' own.
    """

    name: str
    pixels: torch.Tensor
    mask: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)


def unmarked(images: ImageSet) -> Insertion:
    """Return the images as they are, as a condition with an empty mask."""
    return Insertion(UNMARKED, images.pixels, torch.zeros_like(images.pixels, dtype=torch.bool))


def insertions(
    images: ImageSet,
    recipe: str | MarkerRecipe,
    seed: int,
    names: Sequence[str] | None = None,
) -> list[Insertion]:
    """Return the images under each condition in `names`, every image with at least one marker.

    Args:
        images: N images; never written to.
        recipe: of "all kinds", a name in `markers.RECIPES` or a recipe: what a training draws. An
            image for which it draws nothing is drawn for again.
        seed: of the markers; another seed is another test set.
        names: "all kinds" or kinds of markers (`markers.KINDS`, one marker of it on each image); by
            default all nine.

    Raises `UserError` for an unknown condition or recipe, a recipe without markers, and images that
    are smaller than twice a marker's smallest legible size.
    """
    chosen = [one_of(name, CONDITIONS, "condition") for name in names or CONDITIONS]
    recipes = {name: _recipe_of(name, recipe) for name in chosen}
    require_room(images, [kind for recipe in recipes.values() for kind in recipe.slots])
    return [
        Insertion(name, *put(images.pixels, image_draws(own, name, seed, len(images))))
        for name, own in recipes.items()
    ]


def put(pixels: torch.Tensor, draws: MarkerDraws) -> tuple[torch.Tensor, torch.Tensor]:
    """Return uint8 images (n, 1, h, w) with their drawn markers, and the markers' mask (bool)."""
    parts = []
    for rows in (slice(i, i + CHUNK) for i in range(0, len(pixels), CHUNK)):
        drawn, mask = apply_markers(pixels[rows].float() / 255, draws[rows].to(pixels.device))
        grey = torch.round(drawn * 255).to(torch.uint8)
        parts.append((torch.where(mask, grey, pixels[rows]), mask))
    marked, masks = zip(*parts, strict=True)
    return torch.cat(marked), torch.cat(masks)


def image_draws(recipe: MarkerRecipe, name: str, seed: int, n: int) -> MarkerDraws:
    """Return n images' draws, every image with at least one marker.

    `name` and `seed` name the draws. They are made in whole blocks: those of an image depend on its
    place, and not on how many there are.
    """
    blocks = range(-(-n // BLOCK))
    return _join([_block(recipe, name, seed, block) for block in blocks])[:n]


def require_room(images: ImageSet, kinds: Sequence[str]) -> None:
    """Raise `UserError` where the images are too small for a marker of one of these kinds."""
    side = min(images.pixels.shape[-2:])
    parts = {"cross" if kind == "calipers" else kind for kind in kinds}  # what stamps they have
    least = {kind: ROOM * SMALLEST.get(kind, 1) for kind in sorted(parts)}
    small = {kind: need for kind, need in least.items() if side < need}
    if small:
        needs = ", ".join(f"{kind} {need}" for kind, need in small.items())
        raise UserError(
            f"images of {side} px are too small for markers; they need: {needs} px",
            where=f"the images of {images.name!r}",
            remedy=f"raise PIXELS to at least {max(small.values())}",
        )


def _recipe_of(name: str, recipe: str | MarkerRecipe) -> MarkerRecipe:
    if name != ALL_KINDS:
        return MarkerRecipe((Amount(name, chance=1.0),))
    chosen = marker_recipe(recipe)
    if not any(amount.chance > 0 for amount in chosen.amounts):
        raise UserError(
            f"the marker recipe {recipe!r} draws no marker",
            where=f"condition {ALL_KINDS!r}",
            remedy="choose a recipe with markers, such as article",
        )
    return chosen


def _block(recipe: MarkerRecipe, name: str, seed: int, block: int) -> MarkerDraws:
    """Draw a block's markers, again and again for the images that have none yet."""
    stream = generator("inserted markers", seed, name, block)
    draws = draw_markers(recipe, BLOCK, stream)
    while not (there := draws.present.any(dim=1)).all():
        both = _join([draws, draw_markers(recipe, BLOCK, stream)])
        draws = both[torch.where(there, 0, BLOCK) + torch.arange(BLOCK)]
    return draws


def _join(draws: Sequence[MarkerDraws]) -> MarkerDraws:
    """Return the draws of one recipe for some images each as the draws of all of them."""
    parts = ("present", "start", "end")
    return MarkerDraws(
        draws[0].kinds, *[torch.cat([getattr(d, part) for d in draws]) for part in parts]
    )
