"""The random part: `draw_markers` says which markers an image gets and where, for many at once."""

import math
from dataclasses import dataclass

import torch

from testiculus.markers.recipes import MarkerRecipe, marker_recipe

EDGE = 0.05  # how far from a side edge a bar or a ruler may stand, of the room there is; ours
LENGTH = (0.2, 0.7)  # from caliper to caliper, of the room there is; ours: an organ fills a view


@dataclass(frozen=True)
class MarkerDraws:
    """The drawn markers of n images; slicing takes those of some of them.

    A place is (x, y) in [0, 1]: 0 where a marker touches the left or the top edge of the image from
    inside, 1 where it touches the right or the bottom one. So every marker is whole at any size.

    kinds: the kind of each of the S markers that an image can have, in the order of `KINDS`.
    present: bool (n, S).
    start: float32 (n, S, 2), where a marker lies; for calipers the first of the pair.
    end: float32 (n, S, 2), the second of a pair of calipers; equals `start` for the others.
    """

    kinds: tuple[str, ...]
    present: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, rows: slice | torch.Tensor) -> "MarkerDraws":
        return MarkerDraws(self.kinds, self.present[rows], self.start[rows], self.end[rows])

    def to(self, device: torch.device | str) -> "MarkerDraws":
        """Return the same draws on `device`."""
        parts = (self.present, self.start, self.end)
        return MarkerDraws(self.kinds, *[part.to(device) for part in parts])


def draw_markers(recipe: str | MarkerRecipe, n: int, generator: torch.Generator) -> MarkerDraws:
    """Draw the markers of n images from a CPU generator, every image by itself.

    Nothing here depends on the images' size. Raises `UserError` for an unknown recipe.
    """
    recipe = marker_recipe(recipe)
    kinds = recipe.slots
    present = _present(recipe, n, generator)
    first, second, third, fourth = torch.rand(4, n, len(kinds), generator=generator)
    right = torch.rand(n, generator=generator) < 0.5
    start = torch.stack([first, second], dim=2)
    end = start.clone()
    for slot, kind in enumerate(kinds):
        drawn = (part[:, slot] for part in (first, second, third, fourth))
        if kind in ("grey_bar", "depth_ruler"):  # on opposite sides, out of each other's way
            side = right if kind == "grey_bar" else ~right
            start[:, slot, 0] = end[:, slot, 0] = _beside_an_edge(side, next(drawn))
        elif kind == "calipers":
            start[:, slot], end[:, slot] = _pair(*drawn)
    return MarkerDraws(kinds, present, start, end)


def _present(recipe: MarkerRecipe, n: int, generator: torch.Generator) -> torch.Tensor:
    """Return which of its possible markers each image has, bool (n, S): the first so many."""
    amounts = recipe.in_order
    chance, bound, number = torch.rand(3, n, len(amounts), generator=generator)
    parts = [torch.zeros(n, 0, dtype=torch.bool)]
    for i, amount in enumerate(amounts):
        most = torch.full((n,), float(amount.most))
        if amount.bounded:
            most = 1 + torch.floor(bound[:, i] * amount.most)
        count = (chance[:, i] < amount.chance) * (1 + torch.floor(number[:, i] * most))
        parts.append(torch.arange(amount.most) < count[:, None])
    return torch.cat(parts, dim=1)


def _beside_an_edge(right: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """Return x near 1 where `right`, else near 0."""
    return torch.where(right, 1 - EDGE * unit, EDGE * unit)


def _pair(
    turn: torch.Tensor, length: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two ends, (n, 2) each, of a line in any direction that lies inside the image."""
    low, high = LENGTH
    angle, half = math.pi * turn, (low + (high - low) * length) / 2
    reach = torch.stack([half * torch.cos(angle), half * torch.sin(angle)], dim=1)
    room = 1 - 2 * reach.abs()
    middle = reach.abs() + torch.stack([x, y], dim=1) * room
    return middle - reach, middle + reach
