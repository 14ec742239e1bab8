"""Where a classifier looks: Grad-CAM++ maps of its test images, and what to hold against them.

`gradcam_plus_plus` computes the maps (article, section 5 and Fig. 5; thesis, Fig. 6.1), at the
layer that `resolve_layer` chooses. `energy_share`, `pointing_game` and `map_change` turn maps into
numbers, one per image; `area_share` is what an indifferent map would score. `blurred_random_maps`
and `centred_maps` never saw the image: a measure on which they do as well measures nothing.
"""

from testiculus.explain.controls import blurred_random_maps, centred_maps
from testiculus.explain.layers import GRID, layer_grid, resolve_layer
from testiculus.explain.maps import enlarge, gradcam_plus_plus
from testiculus.explain.measures import area_share, energy_share, map_change, pointing_game

__all__ = [
    "GRID",
    "area_share",
    "blurred_random_maps",
    "centred_maps",
    "energy_share",
    "enlarge",
    "gradcam_plus_plus",
    "layer_grid",
    "map_change",
    "pointing_game",
    "resolve_layer",
]
