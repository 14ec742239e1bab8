"""From a map of tissue to a B-mode picture: the acoustics of the phantom.

`echo_signal` turns complex scatterers and an echo map into the received signal: point spread,
attenuation, time-gain compensation, noise. `envelope_db` and `to_grey` make the picture of it.
The model is linear and at baseband: the carrier is removed, so a scatterer is a complex number and
the point spread a real Gaussian, separable in depth and width, whose width depends on the depth.
"""

import math

import torch
from torch.nn.functional import pad

from testiculus.data.phantom.scanners import Scanner

TISSUE_LOSS = 0.5  # dB / (cm MHz), soft tissue; what time-gain compensation is set for
REACH = 3.0  # sigmas at which the point spread is cut off
QUIET = 1e-4  # amplitude under every noise floor (-80 dB), so that the logarithm stays finite


def lateral_sigma_mm(scanner: Scanner, depth_mm: torch.Tensor) -> torch.Tensor:
    """Return the beam's sigma in mm at `depth_mm`: sigma_0 sqrt(1 + ((z - z_f) / z_r)^2).

    The profile of a Gaussian beam, with sigma_0, focus and z_r from `scanner`.
    """
    offset = (depth_mm - scanner.focus_mm) / scanner.focal_range_mm
    return scanner.focal_sigma_mm * torch.sqrt(1 + offset**2)


def gaussian_taps(sigma: torch.Tensor, reach: int) -> torch.Tensor:
    """Return Gaussian kernels of unit energy, one per entry of `sigma`.

    sigma: any shape, in pixels. Returns the shape (2 reach + 1, *sigma.shape); the squares of a
    kernel sum to 1, so that a blur keeps the mean power of uncorrelated scatterers at any width.
    """
    steps = torch.arange(-reach, reach + 1, device=sigma.device, dtype=sigma.dtype)
    steps = steps.view(-1, *[1] * sigma.ndim)
    taps = torch.exp(-0.5 * (steps / sigma) ** 2)
    return taps / taps.square().sum(0, keepdim=True).sqrt()


def margins(scanner: Scanner, size: int, fields_mm: tuple[float, float]) -> tuple[int, int]:
    """Return how many pixels the point spread may reach beyond a picture, in depth and width.

    size: pixels down the picture. fields_mm: the smallest and the largest field that may be asked
    for; it is a bound, so that the same numbers of scatterers are drawn whatever the field is.
    """
    finest = fields_mm[0] / size
    ends = lateral_sigma_mm(scanner, torch.tensor([0.0, fields_mm[1]]))
    widest = float(ends.max())  # the beam is widest at one end
    return math.ceil(REACH * scanner.axial_sigma_mm / finest), math.ceil(REACH * widest / finest)


def depths_mm(step_mm: torch.Tensor, size: int) -> torch.Tensor:
    """Return the depth in mm of every row of pixels, V x size x 1, from pixels V x 1 x 1 big."""
    rows = torch.arange(size, device=step_mm.device, dtype=torch.float32) + 0.5
    return step_mm * rows.view(1, size, 1)


def point_spread(
    field: torch.Tensor, scanner: Scanner, step_mm: torch.Tensor, reach: tuple[int, int]
) -> torch.Tensor:
    """Blur scatterers by the scanner's point spread.

    field: 2 x V x (H + 2 reach[0]) x (W + 2 reach[1]), real and imaginary part, with the margins
    of `margins`. Returns 2 x V x H x W.
    """
    down, across = reach
    height, width = field.shape[2] - 2 * down, field.shape[3] - 2 * across
    axial = gaussian_taps(scanner.axial_sigma_mm / step_mm, down)
    blurred = _slide(field, axial, height, dim=2)
    lateral = lateral_sigma_mm(scanner, depths_mm(step_mm, height)) / step_mm
    return _slide(blurred, gaussian_taps(lateral, across), width, dim=3)


def _slide(field: torch.Tensor, taps: torch.Tensor, length: int, dim: int) -> torch.Tensor:
    """Correlate along `dim` with kernels that may differ from row to row: taps x V x rows x 1.

    A sum over the few taps of shifted pictures is several times as fast here as a transform, and
    its order of summation is fixed.
    """
    total = taps[0] * field.narrow(dim, 0, length)
    for index in range(1, len(taps)):
        total.addcmul_(taps[index], field.narrow(dim, index, length))
    return total


def transit_db(loss: torch.Tensor, scanner: Scanner, step_mm: torch.Tensor) -> torch.Tensor:
    """Return the loss in dB, there and back, of an echo from each pixel.

    loss: V x H x W attenuation coefficients in dB / (cm MHz); the path runs straight down.
    """
    per_pixel = loss * (2 * scanner.frequency_mhz * step_mm / 10)
    return per_pixel.cumsum(1) - per_pixel / 2  # to the middle of the pixel


def compensation_db(
    scanner: Scanner, step_mm: torch.Tensor, size: int, setting: torch.Tensor | float = TISSUE_LOSS
) -> torch.Tensor:
    """Return the time-gain compensation in dB of every row, V x size x 1.

    setting: the attenuation in dB / (cm MHz) that the operator's sliders assume.
    """
    return setting * (2 * scanner.frequency_mhz / 10) * depths_mm(step_mm, size)


def echo_signal(
    echo_db: torch.Tensor,
    loss: torch.Tensor,
    mirror: torch.Tensor,
    scatterers: torch.Tensor,
    scanner: Scanner,
    step_mm: torch.Tensor,
    setting: torch.Tensor | float = TISSUE_LOSS,
) -> torch.Tensor:
    """Return the received complex signal, 2 x V x H x W, after time-gain compensation.

    echo_db: V x H x W mean backscattered power in dB, 0 = testicular parenchyma.
    loss: V x H x W attenuation in dB / (cm MHz).
    mirror: V x H x W amplitude of coherent echoes (smooth walls square to the beam).
    scatterers: 2 x V x (H + margin) x (W + margin) standard normal numbers, see `margins`.
    step_mm: V x 1 x 1 pixel size; setting: what compensation assumes, see `compensation_db`.
    """
    height, width = echo_db.shape[1:]
    reach = (scatterers.shape[2] - height) // 2, (scatterers.shape[3] - width) // 2
    amplitude = torch.exp(echo_db * (math.log(10) / 20)) * math.sqrt(0.5)  # E|s|^2 = 1
    amplitude = pad(amplitude, (reach[1], reach[1], reach[0], reach[0]), mode="replicate")
    signal = point_spread(amplitude * scatterers, scanner, step_mm, reach)
    signal[0] += mirror
    lift = compensation_db(scanner, step_mm, height, setting)
    signal *= from_db(lift - transit_db(loss, scanner, step_mm))
    # Electronic noise: white, so the unblurred scatterers of another depth serve as its draw.
    noise = scatterers[:, :, :height, :width].roll(height // 2, 2)
    return signal.addcmul_(noise, from_db(lift + scanner.noise_db) * math.sqrt(0.5))


def from_db(level: torch.Tensor) -> torch.Tensor:
    """Return the amplitude of a level in dB, 10^(level / 20)."""
    return torch.exp(level * (math.log(10) / 20))


def envelope(signal: torch.Tensor) -> torch.Tensor:
    """Return |signal|, V x H x W, of a complex signal 2 x V x H x W."""
    return torch.sqrt(signal[0].square().addcmul_(signal[1], signal[1]))


def envelope_db(signal: torch.Tensor) -> torch.Tensor:
    """Return the log-compressed envelope 20 log10 |signal| in dB, V x H x W.

    Of fully developed speckle it has a standard deviation of 10 pi / (sqrt(6) ln 10) = 5.57 dB.
    """
    power = signal[0].square().addcmul_(signal[1], signal[1])
    return (power + QUIET**2).log().mul_(10 / math.log(10))


def to_grey(
    level_db: torch.Tensor, scanner: Scanner, step_mm: torch.Tensor, gain_db: torch.Tensor | float
) -> torch.Tensor:
    """Return the picture, V x H x W uint8: speckle reduction, dynamic range and grey map.

    level_db: V x H x W; gain_db: how far the operator's gain lies above the preset.
    """
    smooth = _smooth(level_db, scanner.smoothing_mm / step_mm)
    bottom = scanner.white_db - scanner.dynamic_range_db
    shade = ((smooth + (gain_db - bottom)) / scanner.dynamic_range_db).clamp_(0, 1)
    return (shade.pow_(scanner.grey_gamma) * 255).round_().to(torch.uint8)


def _smooth(picture: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur a picture V x H x W by Gaussians of `sigma` pixels, V x 1 x 1, that sum to 1."""
    reach = max(1, math.ceil(2.5 * float(sigma.max())))
    taps = gaussian_taps(sigma, reach)
    taps = taps / taps.sum(0, keepdim=True)
    padded = pad(picture[None], (reach, reach, reach, reach), mode="replicate")
    rows = _slide(padded, taps, picture.shape[1], dim=2)
    return _slide(rows, taps, picture.shape[2], dim=3)[0]
