"""The two views of an image that pretraining compares: drawn on the CPU, made on the device.

`draw_views` draws the changes of a whole batch, every image its own, and `make_view` applies them
in a few operations. Two recipes: the article's, one set of changes for both views, and the released
code's, with a first and a second kind of view [17].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch

from testiculus.augment import affine_maps
from testiculus.base.errors import one_of
from testiculus.pretrain.view_changes import add_noise, blacken_square, jitter, resample, sharpen

# The random values of a view, in the order they are drawn in.
SHARED = (
    "area", "aspect", "across", "down", "flip", "flip_down", "angle", "jittered", "brightness",
    "contrast", "contrast_first", "sharpened", "noise",
)  # fmt: skip
OWN = ("square_across", "square_down", "stretch")  # every image's own, even in a shared draw
UNMARKED_AT_ONCE = 256  # images; bounds the memory that removing markers takes


@dataclass(frozen=True)
class ViewSettings:
    """How far a view may differ from its image; in the order in which the changes are made.

    `unmark`: remove what looks like a marker. `square`: side of a black square as a fraction of
    the image's. `area`: bounds of the crop's area as a fraction of the image's; `aspect`: bounds
    of its width over its height, both as fractions of the image's. `flip`, `flip_down`:
    probabilities of mirroring left and right, top and bottom. `rotation`: degrees, drawn uniformly
    from [-rotation, rotation]. `brightness`, `contrast`: factors drawn from 1 -+ this, in a random
    order, with probability `jitter_chance`. `sharpness`: factor applied with probability
    `sharpness_chance`. `noise`: largest standard deviation of Gaussian noise, full white being 1.
    """

    unmark: bool = False
    square: float = 0.0
    area: tuple[float, float] = (1.0, 1.0)
    aspect: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    flip_down: float = 0.0
    rotation: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    jitter_chance: float = 0.0
    sharpness: float = 1.0
    sharpness_chance: float = 0.0
    noise: float = 0.0


# The texts name crop, flip, jitter and noise (thesis 5.2) and give no amounts. Ours, and why:
ARTICLE = ViewSettings(
    # SimCLR's own 0.08 would often hold skin or shadow alone; homogeneity shows over an extent.
    area=(0.5, 1.0),
    aspect=(3 / 4, 4 / 3),  # SimCLR's
    flip=0.5,
    # Half of SimCLR's strength, as it is used on small images: gain and dynamic range differ
    # between examinations, but the echo level is part of what inhomogeneous means.
    brightness=0.4,
    contrast=0.4,
    jitter_chance=0.8,  # SimCLR's
    # Up to about the speckle's own local spread: 0.04 over 4 x 4 pixels of the phantom at 64 px.
    noise=0.05,
)

# Released code [17]. The pixels of its square are those of its input of 256; the probability that
# it names for the square is never read, so the square is always there.
RELEASED_FIRST = ViewSettings(area=(0.8, 1.0), aspect=(0.8, 1.25), flip=0.5, flip_down=0.5)
RELEASED_SECOND = ViewSettings(
    unmark=True,
    square=96 / 256,
    flip=0.5,
    rotation=90.0,
    # Its colour jitter is 0.8/0.8/0.8/0.2; saturation and hue change nothing in a grey image.
    brightness=0.8,
    contrast=0.8,
    jitter_chance=0.8,
    sharpness=2.0,
    sharpness_chance=0.3,
)

VIEWS = {"article": (ARTICLE, ARTICLE), "released": (RELEASED_FIRST, RELEASED_SECOND)}


@dataclass(frozen=True)
class ViewDraws:
    """The drawn changes of n images for one view; slicing takes the draws of some of them.

    settings: what they were drawn from.
    theta: float32 (n, 2, 3), crop, flips and rotation as one map from output to input positions,
        in grid_sample's coordinates (-1 to 1, align_corners=False).
    factors: float32 (n, 2), the first and the second jitter; contrast_first: bool (n,).
    sharpness, noise: float32 (n,), factor and standard deviation.
    corner: float32 (n, 2), where the square lies; stretch: float32 (n,), the noise's, both 0 to 1.
    """

    settings: ViewSettings
    theta: torch.Tensor
    factors: torch.Tensor
    contrast_first: torch.Tensor
    sharpness: torch.Tensor
    noise: torch.Tensor
    corner: torch.Tensor
    stretch: torch.Tensor

    def __len__(self) -> int:
        return len(self.theta)

    def __getitem__(self, rows: slice) -> "ViewDraws":
        return self._each(lambda part: part[rows])

    def to(self, device: torch.device | str) -> "ViewDraws":
        """Return the same draws on `device`."""
        return self._each(lambda part: part.to(device))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "ViewDraws":
        tensors = [field.name for field in fields(self) if field.name != "settings"]
        return replace(self, **{name: change(getattr(self, name)) for name in tensors})


def draw_views(
    recipe: str | tuple[ViewSettings, ViewSettings],
    n: int,
    size: tuple[int, int],
    generator: torch.Generator,
    shared: bool = False,
) -> tuple[ViewDraws, ViewDraws]:
    """Draw the two views of n images of `size` (height, width) from a CPU generator.

    Args:
        recipe: a name in `VIEWS`, or the settings of the first and of the second view.
        n: number of images.
        size: height and width in pixels. Of consequence only to a rotation on an oblong image:
            the draws fit every square size.
        generator: a CPU generator. Every image takes the same number of values from it, whatever
            the recipe.
        shared: the whole batch takes the draw of its first image, apart from the place of the
            square and the values of the noise. The released code draws so where it applies
            torchvision's transforms to a stacked batch; here for measuring what that costs.

    Raises `UserError` for an unknown recipe.
    """
    pair = VIEWS[one_of(recipe, VIEWS, "views")] if isinstance(recipe, str) else recipe
    units = torch.rand(n, 2, len(SHARED) + len(OWN), generator=generator)
    if shared:
        units[:, :, : len(SHARED)] = units[:1, :, : len(SHARED)].clone()
    first, second = (
        _draws(settings, dict(zip(SHARED + OWN, view.T, strict=True)), size)
        for settings, view in zip(pair, units.unbind(dim=1), strict=True)
    )
    return first, second


def make_view(
    images: torch.Tensor, draws: ViewDraws, unmarked: torch.Tensor | None = None
) -> torch.Tensor:
    """Return one view of each image.

    Args:
        images: float (n, 1, h, w) in [0, 1], on any device; never written to.
        draws: the draws of these n images, on the images' device.
        unmarked: the same images without their markers, where they are at hand: removing markers
            draws nothing and comes first, so a long training need do it only once per image.

    Returns float (n, 1, h, w) in [0, 1]. What a rotation brings in from outside is black.
    """
    settings = draws.settings
    if settings.unmark:
        from testiculus.markers import remove_markers

        images = remove_markers(images) if unmarked is None else unmarked
    if settings.square:
        images = blacken_square(images, draws.corner, settings.square)
    images = resample(images, draws.theta, black_outside=settings.rotation > 0)
    if settings.jitter_chance:
        images = jitter(images, draws.factors, draws.contrast_first)
    if settings.sharpness_chance:
        images = sharpen(images, draws.sharpness)
    if settings.noise:
        images = add_noise(images, draws.noise, draws.stretch)
    return images


def without_markers(pixels: torch.Tensor, recipe: str) -> torch.Tensor | None:
    """Return images, uint8 (N, 1, h, w), with their markers removed; None if no view wants that.

    Once for a whole data set: the removal takes longer than all other changes of a view.
    """
    if not any(settings.unmark for settings in VIEWS[one_of(recipe, VIEWS, "views")]):
        return None
    from testiculus.markers import remove_markers

    parts = (remove_markers(part.float() / 255) for part in pixels.split(UNMARKED_AT_ONCE))
    return torch.cat([(part * 255).round().to(torch.uint8) for part in parts])


def _draws(
    settings: ViewSettings, unit: dict[str, torch.Tensor], size: tuple[int, int]
) -> ViewDraws:
    """Turn values drawn uniformly from [0, 1), (n,) each, into one view's draws."""
    jittered = unit["jittered"] < settings.jitter_chance
    bright = _around_one(settings.brightness, unit["brightness"], jittered)
    contrast = _around_one(settings.contrast, unit["contrast"], jittered)
    factors = torch.stack([bright, contrast], dim=1)
    contrast_first = unit["contrast_first"] < 0.5
    sharpened = unit["sharpened"] < settings.sharpness_chance
    return ViewDraws(
        settings,
        theta=_maps(settings, unit, size),
        factors=torch.where(contrast_first[:, None], factors.flip(1), factors),
        contrast_first=contrast_first,
        sharpness=torch.where(sharpened, settings.sharpness, 1.0),
        noise=settings.noise * unit["noise"],
        corner=torch.stack([unit["square_across"], unit["square_down"]], dim=1),
        stretch=unit["stretch"],
    )


def _maps(
    settings: ViewSettings, unit: dict[str, torch.Tensor], size: tuple[int, int]
) -> torch.Tensor:
    """The maps, (n, 2, 3), of: crop, resize to the whole, mirror, rotate."""
    still = torch.zeros_like(unit["angle"])
    angle = (2 * unit["angle"] - 1) * settings.rotation
    moved = affine_maps(angle, unit["flip"] < settings.flip, still, still, size)
    sides, centre = _crops(settings, unit)
    mirror = 1.0 - 2.0 * (unit["flip_down"] < settings.flip_down).float()
    sides = sides * torch.stack([torch.ones_like(mirror), mirror], dim=1)
    maps = moved * sides[:, :, None]
    maps[:, :, 2] += centre
    return maps


def _crops(
    settings: ViewSettings, unit: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sides (n, 2), as fractions of the image's, and centres (n, 2), from -1 to 1; x, then y.

    The area is uniform, the aspect's logarithm uniform among those with which the crop fits. One
    draw each, where torchvision draws up to ten pairs until one fits.
    """
    low, high = settings.area
    area = low + (high - low) * unit["area"]
    fits = -torch.log(area)
    narrow, wide = (math.log(bound) for bound in settings.aspect)
    least, most = torch.clamp(-fits, min=narrow), torch.clamp(fits, max=wide)
    half = (least + (most - least) * unit["aspect"]) / 2
    root = torch.sqrt(area)
    sides = torch.stack([root * torch.exp(half), root * torch.exp(-half)], dim=1).clamp(max=1.0)
    place = torch.stack([unit["across"], unit["down"]], dim=1)
    return sides, (1 - sides) * (2 * place - 1)


def _around_one(extent: float, unit: torch.Tensor, happens: torch.Tensor) -> torch.Tensor:
    factor = (1.0 - extent) + 2 * extent * unit
    return torch.where(happens, factor.clamp(min=0.0), 1.0)
