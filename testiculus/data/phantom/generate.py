"""From settings to images: `phantom`, one patient after the other.

A patient is one chunk of four views, rendered by itself whatever else was asked for: every tensor
operation sees the same shapes and values, so the same bits come out alone, in any order, in any
number.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch.nn.functional import adaptive_max_pool2d

from testiculus.base.devices import resolve_device
from testiculus.base.errors import UserError
from testiculus.base.progress import progress
from testiculus.data.images import ImageSet
from testiculus.data.phantom.draws import VIEWS, Draws
from testiculus.data.phantom.labels import truth, truth_table
from testiculus.data.phantom.marks import draw_marks, marked
from testiculus.data.phantom.physics import echo_signal, envelope_db, margins, to_grey
from testiculus.data.phantom.scanners import SCANNERS, Scanner
from testiculus.data.phantom.settings import PhantomSettings
from testiculus.data.phantom.shapes import FIELDS_MM, Plane, Scene
from testiculus.data.phantom.testis import testis_scene
from testiculus.data.phantom.thyroid import thyroid_scene
from testiculus.data.resize import resize_mask, resize_square

NAME = "phantom"
GRID = 128  # the coarsest grid that is simulated; smaller pictures are averaged down from it
GAIN_SPREAD_DB = 1.8  # how differently two views are set up


def phantom(
    settings: PhantomSettings,
    numbers: Iterable[int] | None = None,
    device: str | torch.device = "cpu",
) -> ImageSet:
    """Return the B-mode images of patients `numbers` (default: 0 to settings.patients - 1).

    Four views per patient, in the order asked for: left and right, each transverse and sagittal.
    The set holds uint8 N x 1 x pixels x pixels, the rows of `labels.truth_table`, and the masks
    "parenchyma", "lesion" and, where marks are switched on, "markers". Numbers may exceed
    settings.patients. Patient k has the same bits whoever is asked for beside it; on a GPU, drawn
    on the CPU and rendered there, within a grey level or two. The images stay on the CPU.

    Raises `UserError` for a number that is no whole number of at least 0, for one that is asked
    for twice, for no number at all, and for an unusable device.

    >>> views = phantom(PhantomSettings(pixels=32), numbers=[17])
    >>> tuple(views.pixels.shape), views.frame["view"].tolist()[:2]
    ((4, 1, 32, 32), ['transverse', 'sagittal'])
    """
    chosen = _checked(range(settings.patients) if numbers is None else numbers)
    where = resolve_device(str(device))
    with _one_thread():
        bar = progress(chosen, desc=f"phantom, {settings.organ}", unit="patient")
        parts = [_patient(settings, number, where) for number in bar]
    pixels = torch.cat([part[0] for part in parts])
    masks = {name: torch.cat([part[1][name] for part in parts]) for name in parts[0][1]}
    frame = truth_table(settings, chosen).assign(has_mask=True, has_lesion=True)
    return ImageSet.build(pixels, frame, NAME, _set_settings(settings), masks)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Render on one core: the maps of a patient are too small to be worth sharing out.

    A second thread gains a third on an idle machine and loses a factor of ten on a busy one; and
    the bits cannot depend on the number of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _checked(numbers: Iterable[int]) -> list[int]:
    chosen = list(numbers)
    bad = [n for n in chosen if isinstance(n, bool) or not hasattr(n, "__index__") or n < 0]
    if bad:
        raise UserError(
            f"phantom: {bad[0]!r} is no patient number",
            where="argument numbers",
            remedy="give whole numbers from 0 on",
        )
    chosen = [int(n) for n in chosen]
    twice = {n for n in chosen if chosen.count(n) > 1} if len(set(chosen)) < len(chosen) else set()
    if twice or not chosen:
        what = f"patient {min(twice)} is asked for twice" if twice else "no patient is asked for"
        raise UserError(
            f"phantom: {what}", where="argument numbers", remedy="name each patient once"
        )
    return chosen


def _set_settings(settings: PhantomSettings) -> dict:
    return {
        "name": NAME,
        "positive_class": "inhomogeneous",
        "negative_class": "homogeneous",
        "licence": "MIT",
        "source": "simulated by testiculus.data.phantom; no patient, no medical device",
        "phantom": settings.as_dict(),
    }


def _patient(
    settings: PhantomSettings, number: int, device: torch.device
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return one patient's pixels, uint8 4 x 1 x pixels x pixels, and masks, on the CPU."""
    fine = settings if settings.pixels >= GRID else replace(settings, pixels=GRID)
    streams = {
        name: Draws(settings.seed, settings.organ, number, name, device=device)
        for name in ("anatomy", "texture", "setup", "speckle", "marks")
    }
    facts = truth(settings, number)
    scanner = SCANNERS[str(facts["scanner"][0])]
    scene, plane = _scene(fine, streams, facts, device)
    pictures = render(scene, plane, scanner, streams["setup"], streams["speckle"])
    masks = {"parenchyma": scene.parenchyma > 0.5, "lesion": scene.lesion > 0.5}
    if settings.markers > 0 or settings.marker_bias > 0:
        wears = marked(settings, streams["marks"], facts["label"])
        pictures, masks["markers"] = draw_marks(streams["marks"], pictures, plane, scene, wears)
    return _finish(pictures, masks, settings.pixels)


def _scene(
    settings: PhantomSettings, streams: dict[str, Draws], facts: dict, device: torch.device
) -> tuple[Scene, Plane]:
    if settings.organ == "thyroid":
        return thyroid_scene(settings, streams["anatomy"], streams["texture"])
    per_view = {
        name: torch.tensor(facts[name], dtype=torch.float32, device=device).view(VIEWS, 1, 1)
        for name in ("pattern", "shown", "true_label")
    }
    return testis_scene(
        settings,
        streams["anatomy"],
        streams["texture"],
        kinds=per_view["pattern"],
        strength_db=settings.contrast * per_view["shown"],
        shows=per_view["true_label"],
    )


def render(
    scene: Scene, plane: Plane, scanner: Scanner, setup: Draws, speckle: Draws
) -> torch.Tensor:
    """Return the pictures of a scene, uint8 V x H x W, as `scanner` shows them.

    setup draws the operator's settings of each view (gain, time-gain compensation), speckle the
    scatterers.
    """
    down, across = margins(scanner, plane.size, FIELDS_MM)
    scatterers = speckle.noise(2, VIEWS, plane.size + 2 * down, plane.size + 2 * across)
    sliders = setup.normal(0.5, 0.03)
    gain = setup.normal(0.0, GAIN_SPREAD_DB)
    signal = echo_signal(
        scene.echo, scene.loss, scene.mirror, scatterers, scanner, plane.step, sliders
    )
    return to_grey(envelope_db(signal), scanner, plane.step, gain)


def _finish(
    pictures: torch.Tensor, masks: dict[str, torch.Tensor], size: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Bring pictures and masks to the CPU, N x 1 x size x size."""
    flat = {name: mask.to(torch.uint8).cpu()[:, None] for name, mask in masks.items()}
    small = {name: resize_mask(mask, size) for name, mask in flat.items() if name != "markers"}
    if "markers" in flat:  # thinner than a coarse pixel: every pixel that a mark touches counts
        touched = adaptive_max_pool2d(flat["markers"].float(), size) > 0
        small["markers"] = touched.to(torch.uint8)
    return resize_square(pictures.cpu()[:, None], size), small
