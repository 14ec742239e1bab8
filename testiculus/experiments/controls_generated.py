"""The images of an untrained generator: drawn, filtered and measured as a trained one's are.

Main functions: `draw_untrained` and `figure_frame`. Network, sampler, number of images and filter
are Table 3's; the figures are Fig. 4's, against all labelled images, and its search for copies in
pixels.
"""

import numpy as np
import pandas as pd
import torch

from testiculus.base.store import Run, Store
from testiculus.claims.controls_schema import FIGURE_COLUMNS, UNTRAINED
from testiculus.experiments.controls_plan import ControlsPlan
from testiculus.experiments.copy_study import RealImages, copy_study
from testiculus.experiments.fidelity_measures import measured
from testiculus.experiments.generating import generator_file
from testiculus.experiments.generation import Generated, Generation
from testiculus.experiments.generation_bars import draw_watched
from testiculus.experiments.sampling import samples_job
from testiculus.experiments.synthetic_images import Sifted, Source, finish_sources
from testiculus.experiments.unlabelled import NOT_LABELLED
from testiculus.experiments.untrained import untrained_job
from testiculus.intervals import CONFIDENCE
from testiculus.models import PRETRAINED, weights_fingerprint

NAN = float("nan")
GENERATED, PIXELS = "generated", "pixels"  # a subject and a space of the search for copies


def images_job(told: Generation, generator: Run):
    """Return the job of the images that the untrained network of a generation draws."""
    file = generator_file(generator)
    about = {
        **{"data": "untrained", "patients": "nobody", "organ": told.about.get("organ", "")},
        **{"licence": "MIT", "source": "drawn by a network that has learnt nothing"},
    }
    content = weights_fingerprint(PRETRAINED, file=file)
    return samples_job(file, content, told.n, told.sampler, told.side, told.device, about=about)


def draw_untrained(planned: ControlsPlan, store: Store) -> Sifted:
    """Draw the images (or find them in the store), and filter them as Table 3's are filtered."""
    source, told = planned.source, planned.source.generation
    generator = store.finish(untrained_job(told.settings, told.side, told.device))
    samples = draw_watched(store, images_job(told, generator), f"drawing images, {UNTRAINED}")
    generated = Generated(told, generator, samples)
    return finish_sources(store, [Source(generated, source.real, source.k, source.network)])[0]


def figure_frame(planned: ControlsPlan, sifted: Sifted) -> pd.DataFrame:
    """Return Fig. 4's figures of the untrained generator's images: `FIGURE_COLUMNS`.

    Shares have their exact interval over images; a Fréchet distance has none. Of copies `chance` is
    the share that the search lets through among honest images.
    """
    real, drawn = (run.arrays["features"] for run in sifted.runs[-2:])
    found = measured(real, drawn)
    lines = [
        _share("precision_whole", found["precision"], len(drawn)),
        _share("recall_whole", found["recall"], len(real)),
        ("frechet_whole", found["frechet"], NAN, NAN, len(drawn), NAN),
        _share("kept_share", float(sifted.kept.mean()), len(sifted.kept)),
        _copies(planned, sifted),
    ]
    head = ("fig4", UNTRAINED, UNTRAINED)
    return pd.DataFrame([(*head, *line) for line in lines], columns=list(FIGURE_COLUMNS))


def _share(metric: str, share: float, n: int) -> tuple:
    if np.isnan(share):
        return (metric, NAN, NAN, NAN, n, NAN)
    low, high = exact_interval(round(share * n), n)
    return (metric, share, low, high, n, NAN)


def exact_interval(k: int, n: int) -> tuple[float, float]:
    """Return the interval of a share of `k` in `n` (Clopper & Pearson 1934).

    >>> exact_interval(0, 100)[0], round(exact_interval(0, 100)[1], 4)
    (0.0, 0.0362)
    """
    from scipy.stats import beta

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def _copies(planned: ControlsPlan, sifted: Sifted) -> tuple:
    """Return how often the images single out one training patient, in pixels, as Fig. 4 asks."""
    images, ud = planned.table3.images, planned.table3.unlabelled
    labelled = ud.frame[ud.frame["labelled_as"] != NOT_LABELLED].set_index("labelled_as")
    own = labelled.loc[range(len(images)), "patient"].to_numpy(dtype=str)
    further = ud.is_own & ud.without_patients_of(np.arange(len(images)))
    names = ud.frame.loc[further, "patient"].to_numpy(dtype=str)
    held_out = None
    if len(np.unique(names)) > 1:
        held_out = RealImages(ud.pixels[torch.from_numpy(further)], names)
    pixels = sifted.generated.pixels
    found = copy_study(pixels, sifted.kept, RealImages(images.pixels, own), held_out, {}).copies
    line = found[(found["subject"] == GENERATED) & (found["space"] == PIXELS)].iloc[0]
    return ("copy_rate_pixels", line["rate"], line["low"], line["high"], line["n"], line["allowed"])
