"""Augmentation for fine-tuning: one batched pass on the device, every image with its own draw.

`augment` draws and applies in one call. A training loop splits the two: `draw_augmentations` for a
whole epoch at once from a CPU generator (so that CPU and GPU see the same draws), then `apply` on
each batch with its slice of the draws. The texts name rotation, horizontal flip, small shift and
random markers, and give no amounts (article, section 4.3); the released code has amounts and no
rotation.
"""

import math
from dataclasses import dataclass, replace

import torch

from testiculus.base.errors import one_of
from testiculus.markers.drawing import apply_markers
from testiculus.markers.draws import MarkerDraws, draw_markers


@dataclass(frozen=True)
class AugmentSettings:
    """How far an image may be changed.

    `rotation` in degrees, drawn uniformly from [-rotation, rotation]. `shift_x` and `shift_y`:
    ranges of the shift to the right and down, as fractions of the image's side, drawn uniformly and
    rounded to whole pixels; a shift happens with probability `shift_chance`. `flip`: probability of
    a horizontal flip. `band`: width, as a fraction of the image's, of the band at the left and at
    the right edge that is blackened, each with probability `band_chance`. `markers`: a recipe of
    `testiculus.markers`, or its name.
    """

    rotation: float = 0.0
    flip: float = 0.0
    shift_x: tuple[float, float] = (0.0, 0.0)
    shift_y: tuple[float, float] = (0.0, 0.0)
    shift_chance: float = 1.0
    band: float = 0.0
    band_chance: float = 0.0
    markers: str = "none"

    @property
    def moves(self) -> bool:
        """Whether any image may be rotated, flipped or shifted."""
        return bool(self.rotation or self.flip or any((*self.shift_x, *self.shift_y)))


RECIPES = {
    # Our amounts: the texts say "random" rotations and "small random" shifts. Fifteen degrees and
    # a twentieth of the side keep the organ in view.
    "article": AugmentSettings(
        rotation=15.0,
        flip=0.5,
        shift_x=(-0.05, 0.05),
        shift_y=(-0.05, 0.05),
        markers="article",
    ),
    # Released code, on a view of 300 px: bands of 25 px, shift down by up to 60 px.
    "released": AugmentSettings(
        flip=0.5,
        shift_y=(0.0, 60 / 300),
        shift_chance=0.2,
        band=25 / 300,
        band_chance=0.25,
        markers="released",
    ),
    "none": AugmentSettings(),
}
# The same without markers: what the markers do is then the difference.
RECIPES |= {f"{name}-unmarked": replace(RECIPES[name], markers="none") for name in RECIPES}
del RECIPES["none-unmarked"]


@dataclass(frozen=True)
class Augmentations:
    """The drawn changes of n images; slicing takes the draws of some of them.

    theta: float32 (n, 2, 3), the map from output to input positions in grid_sample's coordinates
        (-1 to 1, align_corners=False); None where the recipe moves nothing.
    bands: bool (n, 2), whether the left and the right band are blackened; None without bands.
    band: the bands' width as a fraction of the image's.
    markers: the drawn markers; None where the recipe draws none.
    """

    theta: torch.Tensor | None
    bands: torch.Tensor | None
    band: float
    markers: MarkerDraws | None = None

    def __getitem__(self, rows: slice) -> "Augmentations":
        parts = (self.theta, self.bands, self.markers)
        theta, bands, markers = (part if part is None else part[rows] for part in parts)
        return Augmentations(theta, bands, self.band, markers)

    def to(self, device: torch.device | str) -> "Augmentations":
        """Return the same draws on `device`."""
        parts = (self.theta, self.bands, self.markers)
        theta, bands, markers = (part if part is None else part.to(device) for part in parts)
        return Augmentations(theta, bands, self.band, markers)


def recipe_settings(recipe: str | AugmentSettings) -> AugmentSettings:
    """Return the settings of a named recipe; raises `UserError` for an unknown name."""
    if isinstance(recipe, AugmentSettings):
        return recipe
    return RECIPES[one_of(recipe, RECIPES, "augmentation")]


def draw_augmentations(
    recipe: str | AugmentSettings, n: int, size: tuple[int, int], generator: torch.Generator
) -> Augmentations:
    """Draw the changes of n images of `size` (height, width) from a CPU generator.

    Markers are drawn last, and everything else uses the same number of random values whatever the
    recipe: two recipes under one generator share their draws, with markers or without. Raises
    `UserError` for an unknown recipe.
    """
    settings = recipe_settings(recipe)
    angle, flip, shifted, x, y, left, right = torch.rand(7, n, generator=generator)
    theta = bands = markers = None
    if settings.band and settings.band_chance:
        bands = torch.stack([left, right], dim=1) < settings.band_chance
    if settings.moves:
        moves = (shifted < settings.shift_chance).float()
        theta = affine_maps(
            (2 * angle - 1) * settings.rotation,
            flip < settings.flip,
            moves * _between(settings.shift_x, x),
            moves * _between(settings.shift_y, y),
            size,
        )
    if settings.markers != "none":
        markers = draw_markers(settings.markers, n, generator)
    return Augmentations(theta, bands, settings.band, markers)


def affine_maps(
    angle: torch.Tensor, flip: torch.Tensor, right: torch.Tensor, down: torch.Tensor,
    size: tuple[int, int],
) -> torch.Tensor:  # fmt: skip
    """Return the maps, (n, 2, 3), of: flip, then rotate about the centre, then shift.

    Args:
        angle: degrees, clockwise as seen on the screen, (n,).
        flip: bool, mirror left and right, (n,).
        right, down: shift as a fraction of the width and of the height, rounded here to whole
            pixels so that a mere shift keeps the speckle as it is, (n,).
        size: height and width in pixels; the rotation is by true angles on an oblong image too.
    """
    height, width = size
    right = torch.round(right * width) * (2 / width)
    down = torch.round(down * height) * (2 / height)
    turn = torch.deg2rad(angle)
    cos, sin = torch.cos(turn), torch.sin(turn)
    mirror = 1.0 - 2.0 * flip.to(cos.dtype)
    aspect = height / width
    # Output position p came from q = mirror(R^-1 (p - shift)); rows of the matrix give q_x and q_y.
    xx, xy = mirror * cos, mirror * sin * aspect
    yx, yy = -sin / aspect, cos
    rows = [xx, xy, -(xx * right + xy * down), yx, yy, -(yx * right + yy * down)]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def apply(images: torch.Tensor, drawn: Augmentations) -> torch.Tensor:
    """Return the images changed as drawn: bands, flip, rotation and shift, markers.

    Args:
        images: float (n, 1, h, w) in [0, 1]; never written to.
        drawn: the draws of these n images, on the images' device.

    Flip, rotation and shift are one resampling; what comes from outside the image is black, as is
    the surround of an ultrasound view. Markers come last, because a scanner draws them upright on
    top of what it shows.
    """
    if drawn.bands is not None:
        images = images * _open_columns(drawn, images.shape[-1])[:, None, None, :]
    if drawn.theta is not None:
        grid = sampling_grid(drawn.theta, images.shape[-2:])
        images = torch.nn.functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
    return images if drawn.markers is None else apply_markers(images, drawn.markers)[0]


def sampling_grid(theta: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return grid_sample's positions, (n, h, w, 2), of affine maps (n, 2, 3).

    The same as torch's affine_grid, 15 times as fast on a CPU: a position is the sum of a part
    that depends on its column and a part that depends on its row.
    """
    height, width = size
    columns, rows = (_pixel_centres(length, theta) for length in (width, height))
    across = theta[:, None, :, 0] * columns[:, None]  # n x w x 2
    along = theta[:, None, :, 1] * rows[:, None] + theta[:, None, :, 2]  # n x h x 2
    return across[:, None, :, :] + along[:, :, None, :]


def augment(
    images: torch.Tensor,
    recipe: str | AugmentSettings,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return augmented images, every image with its own draw.

    Args:
        images: float (n, 1, h, w) in [0, 1], on any device.
        recipe: a name in `RECIPES`, or settings.
        generator: CPU generator of the draws.

    Raises `UserError` for an unknown recipe.
    """
    drawn = draw_augmentations(recipe, len(images), images.shape[-2:], generator)
    return apply(images, drawn.to(images.device))


def _between(bounds: tuple[float, float], unit: torch.Tensor) -> torch.Tensor:
    low, high = bounds
    return low + (high - low) * unit


def _pixel_centres(length: int, like: torch.Tensor) -> torch.Tensor:
    steps = torch.arange(length, device=like.device, dtype=like.dtype)
    return (2 * steps + 1) / length - 1


def _open_columns(drawn: Augmentations, width: int) -> torch.Tensor:
    """1.0 where a column stays, 0.0 under a blackened band, (n, w)."""
    assert drawn.bands is not None
    column = torch.arange(width, device=drawn.bands.device)
    edge = math.floor(drawn.band * width + 0.5)
    sides = torch.stack([column < edge, column >= width - edge])  # 2 x w
    return 1.0 - (drawn.bands[:, :, None] & sides).any(dim=1).float()
