"""The two scanners of the phantom: an older and a newer machine, as numbers with units.

They differ the way two generations of portable machines do, an Esaote MyLab25 Gold and a MyLab
XPro80 for instance, whose settings no source states: the figures are ordinary ones for scrotal
ultrasound, not measurements of those machines. `Scanner` derives the point spread from frequency,
bandwidth and f-number.
"""

import math
from dataclasses import dataclass

SOUND_MM_PER_US = 1.54  # speed of sound in soft tissue, the figure every scanner assumes
FWHM = 2 * math.sqrt(2 * math.log(2))  # full width at half maximum of a Gaussian, in sigmas


@dataclass(frozen=True)
class Scanner:
    """A B-mode machine.

    name: what the manifest's `device` column says.
    frequency_mhz: centre frequency as received.
    bandwidth: fractional bandwidth at -6 dB after the receive filter.
    f_number: depth over aperture at the focus.
    focus_mm: depth of the focus.
    dynamic_range_db: span of echo between black and white.
    white_db: echo, relative to testicular parenchyma, that is shown white (the gain, reversed).
    grey_gamma: exponent of the grey map; above 1 darkens the middle greys.
    smoothing_mm: sigma of the blur after log compression (frame averaging, speckle reduction).
    noise_db: electronic noise at the skin, relative to parenchyma; time-gain compensation lifts
        it with depth.
    """

    name: str
    frequency_mhz: float
    bandwidth: float
    f_number: float
    focus_mm: float
    dynamic_range_db: float
    white_db: float
    grey_gamma: float
    smoothing_mm: float
    noise_db: float

    @property
    def wavelength_mm(self) -> float:
        """Wavelength in mm, c / f."""
        return SOUND_MM_PER_US / self.frequency_mhz

    @property
    def axial_sigma_mm(self) -> float:
        """Sigma of the Gaussian pulse along depth, in mm.

        A spectrum of full width B f at half amplitude has sigma_f = B f / FWHM, its pulse
        sigma_t = 1 / (2 pi sigma_f), and an echo travels twice: sigma_z = c sigma_t / 2.
        """
        sigma_f = self.bandwidth * self.frequency_mhz / FWHM
        return SOUND_MM_PER_US / (4 * math.pi * sigma_f)

    @property
    def focal_sigma_mm(self) -> float:
        """Sigma across the beam at the focus, in mm: a full width at half maximum of lambda F."""
        return self.wavelength_mm * self.f_number / FWHM

    @property
    def focal_range_mm(self) -> float:
        """Distance from the focus at which the beam is sqrt(2) times as wide: 7 lambda F^2."""
        return 7 * self.wavelength_mm * self.f_number**2


OLDER = Scanner(
    name="mylab25-like",
    frequency_mhz=6.6,
    bandwidth=0.20,
    f_number=2.6,
    focus_mm=18.0,
    dynamic_range_db=54.0,
    white_db=22.0,
    grey_gamma=1.1,
    smoothing_mm=0.20,
    noise_db=-52.0,
)
NEWER = Scanner(
    name="xpro80-like",
    frequency_mhz=9.0,
    bandwidth=0.26,
    f_number=2.4,
    focus_mm=22.0,
    dynamic_range_db=62.0,
    white_db=25.0,
    grey_gamma=1.0,
    smoothing_mm=0.32,
    noise_db=-70.0,
)
SCANNERS = {scanner.name: scanner for scanner in (OLDER, NEWER)}
