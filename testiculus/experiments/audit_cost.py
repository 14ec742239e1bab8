"""What the audits of a data set will cost, from a few of its images: `estimate`.

Reading, measuring and searching single pictures grows with their number, the comparison of all
pairs with its square, the regressions on what is known of the acquisition with its cube in the end.
So these are timed apart, and each is scaled by its own power.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from testiculus.audits.acquisition import acquisition_row
from testiculus.audits.alignment import coarse_blocks, fine_bands, refined, where
from testiculus.audits.appearance import appearance
from testiculus.audits.duplicates import PLANTED_IMAGES, UPSIDE_DOWN, WANTED
from testiculus.audits.findings import DRAWS
from testiculus.audits.overlay import burnt_in, rings_and_crosses
from testiculus.audits.planted_copies import PLANTED
from testiculus.audits.questions import Question, label_questions
from testiculus.base.devices import peak_memory
from testiculus.data.decode import open_image, to_grey8
from testiculus.data.images import ImageSet, load_images
from testiculus.data.importers.output import tint
from testiculus.data.manifest import Manifest, read_manifest
from testiculus.experiments.audited_pictures import THREADS, families
from testiculus.experiments.dataset_audit import PHANTOM_PATIENTS, PIXELS
from testiculus.experiments.sources import load_all

SAMPLE = 48  # images that are read, measured and searched
SAMPLED_PATIENTS = 48  # of the phantom, which is simulated at once
LAID = 256  # images a side of the pairs that are timed: so many that starting costs little
DEALT = 512  # images of the regression that is timed
SEARCHES = 3  # for pairs: among the images, for planted copies, for upside-down ones
# Bytes at the peak, counted from the arrays that live at once, not measured: per image in the
# search for pairs (bands at three zooms, at two sizes for both sides, 1,024 rows of the search),
# per square of labelled images (kernel, its sum, identity, factors), per labelled image and deal.
PAIR_BYTES, KERNEL_BYTES, DEAL_BYTES = 290_000, 6 * 8, 5 * 8


@dataclass(frozen=True)
class AuditTimes:
    """Seconds that parts of an audit take here: of one image, of one pair, of a regression.

    `row` is one regression's on `DEALT` labelled images without its two matrix parts: `product`,
    which grows with the square of their number, and `solve`, which grows with the cube. `forest` is
    what a question costs beside.
    """

    reading: float
    marks: float
    search: float
    pair: float
    row: float
    product: float
    solve: float
    forest: float

    def seconds(self, images: int, asked: Sequence[int], families: int) -> dict[str, float]:
        """Return the seconds of each part of an audit.

        `asked` holds the number of labelled images of each question, `families` says of how many
        kinds of features each question is asked.
        """
        others = UPSIDE_DOWN + PLANTED_IMAGES * len(PLANTED)
        return {
            "reading": images * self.reading,
            "pairs": images * self.search + images * (images + others) * self.pair,
            "labels": sum(self._question(n / DEALT, families) for n in asked),
            "marks": images * self.marks,
        }

    def _question(self, share: float, families: int) -> float:
        each = share * self.row + share**2 * self.product + share**3 * self.solve
        return families * each + share * self.forest


@dataclass(frozen=True)
class AuditCost:
    """What an audit will cost: how many images it looks at, seconds by part, bytes."""

    images: int
    parts: dict[str, float]
    memory: float
    disk: float

    @property
    def seconds(self) -> float:
        """The seconds of all parts."""
        return sum(self.parts.values())

    def in_words(self) -> str:
        """Return the estimate as a sentence.

        >>> AuditCost(4000, {"pairs": 300}, 2**31, 2**26).in_words()
        '4,000 images: about 5 minutes here (pairs 100%), 2.0 GiB of memory, 64 MiB of disk'
        """
        shares = {name: value / max(self.seconds, 1e-9) for name, value in self.parts.items()}
        parts = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        minutes = self.seconds / 60
        long = f"{minutes:.0f} minutes" if minutes >= 2 else f"{self.seconds:.0f} seconds"
        memory, disk = self.memory / 2**30, self.disk / 2**20
        return (
            f"{self.images:,} images: about {long} here ({parts}), {memory:.1f} GiB of memory, "
            f"{disk:.0f} MiB of disk"
        )


@dataclass(frozen=True, eq=False)
class _Sample:
    """A few images as an audit reads them, what was measured on them, and the whole they are of."""

    few: ImageSet
    looked: pd.DataFrame
    images: int
    asked: tuple[int, ...]
    seconds: float


def estimate(data: str = "phantom", columns: tuple[str, ...] = ()) -> AuditCost:
    """Time a few images and return what `dataset_audit.audit` will cost on this machine.

    `columns` are further columns to take for labels. Raises `UserError` for a manifest that cannot
    be used, a file among the few that cannot be read, or a column that is not there. Memory and
    disk are counted, not measured; the disk keeps the decoded images.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the audit does
    try:
        sample = _phantom_sample(columns) if data == "phantom" else _sample(data, columns)
        parts = _timed(sample).seconds(sample.images, sample.asked, _families(sample))
    finally:
        torch.set_num_threads(threads)
    pictures = sample.images * PIXELS**2 * (1 + len(sample.few.masks))
    memory = peak_memory() + pictures + arrays_of(sample.images, sample.asked)
    return AuditCost(sample.images, parts, memory, 0 if data == "phantom" else pictures)


def arrays_of(images: int, asked: Sequence[int]) -> int:
    """Return the bytes of the arrays that live at once at an audit's peak, its images left out.

    The search for pairs and the regressions come one after the other.
    """
    most = max(asked, default=0)
    return max(images * PAIR_BYTES, most * (most * KERNEL_BYTES + (DRAWS + 1) * DEAL_BYTES))


def _phantom_sample(columns: tuple[str, ...]) -> _Sample:
    started = time.perf_counter()
    where_to = torch.device("cpu")
    few = load_all("phantom", pixels=PIXELS, patients=SAMPLED_PATIENTS, device=where_to)
    looked = pd.DataFrame([appearance(picture.numpy()) for picture in few.pixels[:, 0]])
    seconds = (time.perf_counter() - started) / len(few)
    times = PHANTOM_PATIENTS / SAMPLED_PATIENTS
    asked = [round(n * times) for n in _asked(few.frame, few.settings, columns)]
    return _Sample(few, looked, round(len(few) * times), tuple(asked), seconds)


def _sample(data: str, columns: tuple[str, ...]) -> _Sample:
    manifest = read_manifest(data)
    asked = _asked(manifest.frame, manifest.settings, columns)
    chosen = np.unique(np.linspace(0, len(manifest) - 1, SAMPLE).round().astype(int))
    frame = manifest.frame.iloc[chosen].reset_index(drop=True)
    rows = tuple(manifest.row(int(position)) for position in chosen)
    some = replace(manifest, frame=frame, rows=rows)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the audit says of all images what is odd
        few = load_images(some, PIXELS, cache=None)
    looked = _measured(some)
    seconds = (time.perf_counter() - started) / len(few)
    return _Sample(few, looked, len(manifest), asked, seconds)


def _asked(frame: pd.DataFrame, settings: dict, columns: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(len(question.rows) for question in label_questions(frame, settings, columns)[0])


def _measured(manifest: Manifest) -> pd.DataFrame:
    """Return what `audited_pictures.pictures_frame` measures, of the manifest's own rows."""
    bits = manifest.settings.get("bits")

    def measured(path: Path) -> dict[str, float]:
        picture, _ = open_image(path)
        grey = to_grey8(picture, bits)
        size = {"width": picture.width, "height": picture.height, "tint": round(tint(picture), 3)}
        return size | appearance(grey) | {"writing": burnt_in(grey)}

    with ThreadPoolExecutor(THREADS, "measure") as workers:
        paths = [manifest.folder / text for text in manifest.frame["image"]]
        return pd.DataFrame(list(workers.map(measured, paths)))


def _families(sample: _Sample) -> int:
    """Return of how many different kinds of features there are some that vary."""
    found = families(sample.few.frame, sample.looked)
    varying = {tuple(f) for f in found.values() if f.shape[1] and (f.nunique() > 1).any()}
    return len(varying)


def _timed(sample: _Sample) -> AuditTimes:
    pixels = sample.few.pixels
    few = pixels[:SAMPLE]
    marks = _seconds(lambda: rings_and_crosses(few)) / len(few)
    search, pair = _pair_times(few)
    row, product, solve, forest = _row_times() if sample.asked else (0.0,) * 4
    return AuditTimes(sample.seconds, marks, search, pair, row, product, solve, forest)


def _pair_times(few: torch.Tensor) -> tuple[float, float]:
    """Return the seconds of a search for each image, and for each pair of images."""
    n = len(few)
    many = few.repeat(-(-LAID // n), 1, 1, 1)[:LAID]
    band = _seconds(lambda: list(coarse_blocks(few, few))) / n  # of hardly any pairs
    by_few = _seconds(lambda: list(coarse_blocks(few, many)))
    by_many = _seconds(lambda: list(coarse_blocks(many, many)))
    more = LAID - n
    pair = max(by_many - by_few - more * band / 4, 0.0) / (more * LAID) if more else 0.0
    fine = _seconds(lambda: fine_bands(few)) / n
    laid = _seconds(lambda: _laid(few)) / n - fine
    return SEARCHES * band + (SEARCHES + 1) * fine + sum(WANTED) * max(laid, 0.0), pair


def _laid(few: torch.Tensor) -> None:
    """Lay every picture on another: its neighbour in the sample."""
    bands, n = fine_bands(few), len(few)
    flips, maps = where(torch.zeros(n, dtype=torch.int16))
    refined(bands, bands, flips, maps, (torch.arange(n), torch.arange(n).roll(1)))


def _row_times() -> tuple[float, float, float, float]:
    """Return the seconds of a regression on noise: the row, its product, its solving, a forest."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.standard_normal((DEALT, 6)), columns=list("abcdef"))
    numbers = np.arange(DEALT)
    question = Question("noise", "1", "0", numbers, numbers % 2)

    def row(forest: bool) -> Callable[[], object]:
        return lambda: acquisition_row(question, "noise", features, numbers, forest)

    kernel = features.to_numpy() @ features.to_numpy().T + np.eye(DEALT) * DEALT
    deals = rng.integers(0, 2, (DRAWS + 1, DEALT)).astype(float)
    _seconds(row(forest=True))  # libraries are loaded
    bare, both = _seconds(row(forest=False)), _seconds(row(forest=True))
    product = _seconds(lambda: deals @ kernel)
    solve = _seconds(lambda: np.linalg.solve(kernel, kernel))
    return max(bare - product - solve, 0.0), product, solve, max(both - bare, 0.0)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
