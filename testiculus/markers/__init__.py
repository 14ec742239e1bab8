"""Markers: what a scanner writes over a view, drawn by code, batched on the device.

Main functions: `draw_markers` (random draws for many images at once, on the CPU) and
`apply_markers` (puts the drawn markers into images, returns their mask). `draw_kind` puts one
marker of a kind on each image; `remove_markers` finds rings and crosses and fills them. Rings,
dots, caliper crosses, dashes, a grey-scale bar, a depth ruler, and pairs of calipers joined by a
dotted line (thesis section 5.3, Figs 5.2 and 5.3; sizes read from the released code).
"""

from testiculus.markers.drawing import apply_markers, draw_kind
from testiculus.markers.draws import MarkerDraws, draw_markers
from testiculus.markers.recipes import RECIPES, Amount, MarkerRecipe, marker_recipe
from testiculus.markers.removal import remove_markers
from testiculus.markers.stamps import KINDS, SIZES, VIEW, stamp

__all__ = [
    "KINDS",
    "RECIPES",
    "SIZES",
    "VIEW",
    "Amount",
    "MarkerDraws",
    "MarkerRecipe",
    "apply_markers",
    "draw_kind",
    "draw_markers",
    "marker_recipe",
    "remove_markers",
    "stamp",
]
