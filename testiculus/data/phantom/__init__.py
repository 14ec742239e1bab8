"""The phantom: simulated scrotal and thyroid B-mode whose truth is known.

`phantom(PhantomSettings(...))` makes an `ImageSet` of it, `demonstration` a small labelled one for
a picture, `truth_table` the labels alone. What is simulated: complex scatterers times a map of
echogenicity, a point spread that depends on depth, attenuation and its compensation, noise,
envelope, log compression. It is a phantom, not a patient: its anatomy is drawn from ellipses.
"""

from testiculus.data.phantom.demonstration import demonstration
from testiculus.data.phantom.generate import phantom
from testiculus.data.phantom.labels import expected_rates, truth_table
from testiculus.data.phantom.scanners import SCANNERS, Scanner
from testiculus.data.phantom.settings import PhantomSettings

__all__ = [
    "SCANNERS",
    "PhantomSettings",
    "Scanner",
    "demonstration",
    "expected_rates",
    "phantom",
    "truth_table",
]
