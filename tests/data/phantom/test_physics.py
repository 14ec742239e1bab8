"""The acoustics against closed forms: speckle statistics, point spread, attenuation, noise."""

import math

import pytest
import torch

from testiculus.data.phantom import SCANNERS
from testiculus.data.phantom.draws import Draws
from testiculus.data.phantom.physics import (
    compensation_db,
    depths_mm,
    echo_signal,
    envelope,
    envelope_db,
    gaussian_taps,
    lateral_sigma_mm,
    margins,
    point_spread,
    to_grey,
    transit_db,
)
from testiculus.data.phantom.scanners import NEWER, OLDER

VIEWS = 4
QUIET = {"noise_db": -200.0}


def uniform_signal(scanner, size=192, field=48.0, echo_db=0.0, loss=0.5, seed=0):
    """Return the signal of tissue without anatomy, 2 x V x size x size, and its pixel size."""
    step = torch.full((VIEWS, 1, 1), field / size)
    reach = margins(scanner, size, (field, field))
    draws = Draws("test", seed)
    scatterers = draws.noise(2, VIEWS, size + 2 * reach[0], size + 2 * reach[1])
    flat = torch.zeros(VIEWS, size, size)
    signal = echo_signal(flat + echo_db, flat + loss, flat, scatterers, scanner, step)
    return signal, step


@pytest.fixture(params=SCANNERS.values(), ids=SCANNERS.keys())
def scanner(request):
    return request.param


def test_envelope_of_fully_developed_speckle_has_the_rayleigh_signal_to_noise_ratio(scanner):
    values = envelope(uniform_signal(scanner)[0])

    ratio = float(values.mean() / values.std())

    assert ratio == pytest.approx(math.sqrt(math.pi / (4 - math.pi)), rel=0.02)  # 1.91


def test_log_compressed_speckle_has_a_standard_deviation_of_5_57_db(scanner):
    values = envelope_db(uniform_signal(scanner)[0])

    expected = 10 * math.pi / (math.sqrt(6) * math.log(10))

    assert expected == pytest.approx(5.57, abs=0.005)
    assert float(values.std()) == pytest.approx(expected, rel=0.02)


def test_echo_map_sets_the_mean_power_in_db():
    plain = uniform_signal(OLDER)[0].square().sum(0).mean()
    louder = uniform_signal(OLDER, echo_db=6.0)[0].square().sum(0).mean()

    assert float(plain) == pytest.approx(1.0, rel=0.03)
    assert 10 * math.log10(float(louder / plain)) == pytest.approx(6.0, abs=0.05)


def autocorrelation(signal, dim, lag):
    """Return the normalised autocorrelation of a complex signal at `lag` pixels along `dim`."""
    length = signal.shape[dim] - lag
    a, b = signal.narrow(dim, 0, length), signal.narrow(dim, lag, length)
    return float((a * b).sum() / (a.square() + b.square()).sum() * 2)


def test_axial_autocorrelation_has_the_pulses_width(scanner):
    signal, step = uniform_signal(scanner, size=256, field=20.0)
    sigma = scanner.axial_sigma_mm / float(step[0])

    for lag in (1, 2, 4):  # a Gaussian correlated with itself: exp(-d^2 / (4 sigma^2))
        expected = math.exp(-(lag**2) / (4 * sigma**2))
        assert autocorrelation(signal, 2, lag) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("depth", [6.0, 20.0, 34.0])
def test_lateral_autocorrelation_has_the_beams_width_at_that_depth(scanner, depth):
    size, field = 256, 40.0
    signal, step = uniform_signal(scanner, size=size, field=field)
    row = int(depth / field * size)
    band = signal[:, :, row - 6 : row + 6]
    sigma = float(lateral_sigma_mm(scanner, torch.tensor(depth))) / float(step[0])

    for lag in (2, 4):
        expected = math.exp(-(lag**2) / (4 * sigma**2))
        assert autocorrelation(band, 3, lag) == pytest.approx(expected, abs=0.06)


def test_beam_is_narrowest_at_the_focus_and_sqrt_2_wider_at_the_focal_range(scanner):
    depths = torch.linspace(0, 60, 601)
    widths = lateral_sigma_mm(scanner, depths)
    far = torch.tensor(scanner.focus_mm + scanner.focal_range_mm)

    assert float(depths[widths.argmin()]) == pytest.approx(scanner.focus_mm, abs=0.1)
    assert float(widths.min()) == pytest.approx(scanner.focal_sigma_mm, rel=1e-4)
    ratio = float(lateral_sigma_mm(scanner, far)) / scanner.focal_sigma_mm
    assert ratio == pytest.approx(math.sqrt(2), rel=1e-5)


def test_pulse_follows_from_frequency_and_bandwidth():
    # The spectrum's width at half amplitude, read off the pulse by a Fourier transform.
    dz = 0.004
    z = torch.arange(-32768, 32768, dtype=torch.float64) * dz
    pulse = torch.exp(-0.5 * (z / NEWER.axial_sigma_mm) ** 2)
    spectrum = torch.fft.rfft(pulse).abs()
    per_mm = torch.fft.rfftfreq(len(z), dz, dtype=torch.float64)
    half = float(per_mm[(spectrum >= spectrum[0] / 2).sum()])

    full_mhz = 2 * half * 1.54 / 2  # cycles per mm of depth times c / 2, both sides of the centre

    assert full_mhz == pytest.approx(NEWER.bandwidth * NEWER.frequency_mhz, rel=0.02)


def test_kernels_have_unit_energy():
    taps = gaussian_taps(torch.tensor([[0.3], [1.0], [2.7]]), 9)

    assert taps.shape == (19, 3, 1)
    torch.testing.assert_close(taps.square().sum(0), torch.ones(3, 1))


def test_point_spread_equals_a_plain_double_loop():
    torch.manual_seed(0)
    size, step = 12, torch.tensor([0.4, 0.3, 0.35, 0.5]).view(4, 1, 1)
    down, across = margins(OLDER, size, (12 * 0.3, 12 * 0.5))
    field = torch.randn(2, VIEWS, size + 2 * down, size + 2 * across)

    fast = point_spread(field, OLDER, step, (down, across))

    for view, row, column in [(0, 0, 0), (1, 5, 7), (2, 11, 11), (3, 3, 9)]:
        mm = float(step[view])
        depth = (row + 0.5) * mm
        wide = float(lateral_sigma_mm(OLDER, torch.tensor(depth))) / mm
        deep = OLDER.axial_sigma_mm / mm
        total, axial_energy, lateral_energy = 0.0, 0.0, 0.0
        for i in range(-down, down + 1):
            axial_energy += math.exp(-((i / deep) ** 2))
            for j in range(-across, across + 1):
                weight = math.exp(-0.5 * (i / deep) ** 2 - 0.5 * (j / wide) ** 2)
                total += weight * float(field[0, view, row + down + i, column + across + j])
        for j in range(-across, across + 1):
            lateral_energy += math.exp(-((j / wide) ** 2))
        plain = total / math.sqrt(axial_energy * lateral_energy)
        assert float(fast[0, view, row, column]) == pytest.approx(plain, rel=1e-4, abs=1e-5)


def test_time_gain_compensation_cancels_attenuation_on_average(scanner):
    quiet = type(scanner)(**{**vars(scanner), **QUIET})
    level = envelope_db(uniform_signal(quiet)[0]).mean((0, 2))

    top, bottom = float(level[:48].mean()), float(level[-48:].mean())

    assert top == pytest.approx(bottom, abs=0.35)


def test_without_matching_attenuation_the_gain_is_left_over():
    quiet = type(OLDER)(**{**vars(OLDER), **QUIET})
    signal, step = uniform_signal(quiet, loss=0.0)
    level = envelope_db(signal).mean((0, 2))
    lift = compensation_db(quiet, step, 192)[0, :, 0]

    slope = float((level[-48:].mean() - level[:48].mean()) / (lift[-48:].mean() - lift[:48].mean()))

    assert slope == pytest.approx(1.0, abs=0.02)


def test_attenuation_adds_up_along_the_path_there_and_back():
    step = torch.full((VIEWS, 1, 1), 0.5)
    loss = torch.full((VIEWS, 40, 3), 0.5)

    total = transit_db(loss, OLDER, step)

    # 0.5 dB / (cm MHz) x 6.6 MHz x 2 x depth in cm
    expected = 0.5 * 6.6 * 2 * depths_mm(step, 40) / 10
    torch.testing.assert_close(total, expected.expand_as(total))


def test_electronic_noise_rises_with_the_compensation():
    silent = uniform_signal(OLDER, echo_db=-150.0)[0]
    level = envelope_db(silent).mean((0, 2))
    step = torch.full((VIEWS, 1, 1), 48.0 / 192)
    lift = compensation_db(OLDER, step, 192)[0, :, 0]

    mean_of_rayleigh_db = -2.507  # 10 log10(e) x (-Euler's constant)
    expected = OLDER.noise_db + lift[-32:].mean() + mean_of_rayleigh_db
    assert float(level[-32:].mean()) == pytest.approx(float(expected), abs=0.3)


def test_grey_scale_spans_the_dynamic_range(scanner):
    black, white = scanner.white_db - scanner.dynamic_range_db, scanner.white_db
    levels = torch.tensor([black - 5, black, (black + white) / 2, white, white + 5])
    picture = levels.view(-1, 1, 1).expand(-1, 8, 8)

    grey = to_grey(picture, scanner, torch.full((5, 1, 1), 0.4), 0.0)[:, 4, 4].tolist()

    assert grey[0] == grey[1] == 0 and grey[3] == grey[4] == 255
    assert grey[2] == round(255 * 0.5**scanner.grey_gamma)


def test_scanners_differ_in_grain_and_in_contrast():
    grain, spread = {}, {}
    for scanner in (OLDER, NEWER):
        signal, step = uniform_signal(scanner)
        grey = to_grey(envelope_db(signal), scanner, step, 0.0).float()
        spread[scanner.name] = float(grey.std())
        grain[scanner.name] = autocorrelation(signal, 2, 1)

    assert spread[OLDER.name] > 1.3 * spread[NEWER.name]
    assert grain[OLDER.name] > grain[NEWER.name] + 0.1
