"""How many markers of which kind an image gets: `RECIPES`, by name."""

from dataclasses import dataclass

from testiculus.base.errors import UserError, one_of
from testiculus.markers.stamps import KINDS


@dataclass(frozen=True)
class Amount:
    """Markers of one kind: with probability `chance` an image gets between 1 and `most` of them.

    The number is uniform, unless `bounded`: then its upper bound is drawn first, uniform in
    1..most, and the number is uniform up to it, so that few are likelier than many. Raises
    `UserError` for an unknown kind, a chance outside [0, 1] and a number below 1.
    """

    kind: str
    chance: float
    most: int = 1
    bounded: bool = False

    def __post_init__(self):
        one_of(self.kind, KINDS, "marker")
        if not 0 <= self.chance <= 1 or self.most < 1:
            raise UserError(
                f"{self.chance} with at most {self.most} markers is no amount",
                where=f"marker {self.kind!r}",
                remedy="give a chance between 0 and 1 and a number of at least 1",
            )


@dataclass(frozen=True)
class MarkerRecipe:
    """Amounts, drawn independently of each other; a kind may stand there more than once."""

    amounts: tuple[Amount, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """The kind of every marker that an image can get, in the order in which they are drawn."""
        return tuple(amount.kind for amount in self.in_order for _ in range(amount.most))

    @property
    def in_order(self) -> tuple[Amount, ...]:
        """The amounts in the order of `KINDS`: what stands later lies on top."""
        return tuple(sorted(self.amounts, key=lambda amount: KINDS.index(amount.kind)))


CHANCE = 0.3  # of each group of markers; released code

RECIPES = {
    # Our amounts: the texts say that random markers were added to each image (article, section
    # 4.3) and show kinds (thesis, Fig. 5.2), without numbers. The released chance for every kind:
    # then 94 % of the images carry a marker, and a view without one is not unknown to the model.
    "article": MarkerRecipe(
        (
            Amount("ring", CHANCE, 4),  # released number
            Amount("dot", CHANCE, 4),  # like rings
            Amount("cross", CHANCE, 4),  # released number: the ends of two measurements
            Amount("long_dash", CHANCE, 2),  # dashes are rarer on a screen than calipers
            Amount("small_dash", CHANCE, 2),
            Amount("grey_bar", CHANCE),  # a screen has one
            Amount("depth_ruler", CHANCE),  # a screen has one
            Amount("calipers", CHANCE, 2),  # a testis is measured in two directions a view
        )
    ),
    # Released code. There the upper bound of a number is drawn once for a whole batch; here for
    # every image, so that an image's chances are the same and images do not depend on their batch.
    "released": MarkerRecipe(
        (
            Amount("ring", CHANCE, 4, bounded=True),
            Amount("cross", CHANCE, 4, bounded=True),
            *[Amount("calipers", CHANCE)] * 3,
        )
    ),
    "none": MarkerRecipe(),
}


def marker_recipe(recipe: str | MarkerRecipe) -> MarkerRecipe:
    """Return the recipe of a name; raises `UserError` for an unknown name.

    >>> marker_recipe("none").slots
    ()
    """
    if isinstance(recipe, MarkerRecipe):
        return recipe
    return RECIPES[one_of(recipe, RECIPES, "marker recipe")]
