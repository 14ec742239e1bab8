"""What is true of each view, what was written down, and why the two differ.

The article's label noise has two sources, and the phantom has both. An examination finds a testis
inhomogeneous or not, and both of its views inherit that finding; but a single frame may not show
it ("frame"), and the finding itself may have been misread ("reader"). `truth` draws a patient's
facts, `truth_table` those of many patients without drawing a pixel, `expected_rates` gives the
rates that the settings imply.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from testiculus.base.devices import generator
from testiculus.data.phantom.draws import PLANES, SIDES, VIEWS
from testiculus.data.phantom.inhomogeneity import KINDS
from testiculus.data.phantom.scanners import SCANNERS
from testiculus.data.phantom.settings import PhantomSettings

FAINT_KINDS = 2  # a homogeneous testis is faintly patchy or striated; nobody is faintly focal


def truth(settings: PhantomSettings, number: int) -> dict[str, np.ndarray]:
    """Return the facts of patient `number`, one entry per view (left, right x planes).

    examined: 1 where the testis is inhomogeneous; label: what was written down; true_label: 1
    where the frame shows an inhomogeneous testis; why: "", "frame" or "reader"; severity: the
    testis's; shown: the severity to be seen in the frame; pattern: index into KINDS; kind: its
    name, "" for a homogeneous testis; scanner: name.
    """
    stream = generator("phantom", settings.seed, settings.organ, number, "examination")
    scanner = list(SCANNERS)[int(_uniform(stream, 1)[0] >= settings.scanner_shares[0])]
    per_side = {name: _uniform(stream, 2).repeat(2) for name in ("finding", "reading", "kind")}
    strength = torch.randn(2, 2, generator=stream, dtype=torch.float64).numpy().repeat(2, axis=1)
    missed = _uniform(stream, VIEWS) < settings.frame_miss_rate
    return _facts(settings, scanner, per_side, strength, missed)


def _uniform(stream: torch.Generator, count: int) -> np.ndarray:
    return torch.rand(count, generator=stream, dtype=torch.float64).numpy()


def _facts(
    settings: PhantomSettings,
    scanner: str,
    draws: dict[str, np.ndarray],
    strength: np.ndarray,
    missed: np.ndarray,
) -> dict[str, np.ndarray]:
    """Turn raw draws into facts; no draw depends on a rate, so that rates move labels only."""
    examined = draws["finding"] < settings.prevalence
    misread = draws["reading"] < _misreading(settings, examined)
    shows = examined & ~missed
    written = examined ^ misread
    strong = settings.severity * np.exp(settings.severity_spread * strength[0])
    faint = settings.normal_severity * np.exp(settings.normal_spread * strength[1])
    sick = (draws["kind"] * len(KINDS)).astype(int)
    well = (draws["kind"] * FAINT_KINDS).astype(int)
    return {
        "examined": examined.astype(int),
        "label": written.astype(int),
        "true_label": shows.astype(int),
        "why": np.where(written == shows, "", np.where(misread, "reader", "frame")),
        "severity": np.where(examined, strong, faint),
        "shown": np.where(shows, strong, faint),
        "pattern": np.where(shows, sick, well),
        "kind": np.where(examined, np.array(KINDS)[sick], ""),
        "scanner": np.array([scanner] * VIEWS),
    }


def _misreading(settings: PhantomSettings, examined: np.ndarray) -> np.ndarray:
    """Return each testis's probability of being misread: half of all errors on either kind."""
    half, p = settings.reader_error_rate / 2, settings.prevalence
    return np.where(examined, half / p if p else 0.0, half / (1 - p) if p < 1 else 0.0)


def expected_rates(settings: PhantomSettings) -> dict[str, float]:
    """Return the expected shares of views, of an endless set, in closed form.

    With prevalence p, frame_miss_rate m and reader_error_rate r (half of the errors on either
    kind of testis): positive labels p; positive true labels p (1 - m); wrong labels because of
    the frame m (p - r/2), because of the reader r (1 - m/2) (a misread testis whose frame does
    not show it is right by accident), and wrong in all p m + r (1 - m).

    The defaults give 0.20, 0.16 and 0.10. A set of 220 patients scatters about that with standard
    deviations of about 0.019, 0.016 and 0.013, since the views of a testis go together; the
    default one, of seed 0, has 0.205, 0.161 and 0.098.

    >>> {name: round(rate, 4) for name, rate in expected_rates(PhantomSettings()).items()}
    {'label': 0.2, 'true_label': 0.16, 'frame': 0.0325, 'reader': 0.0675, 'wrong': 0.1}
    """
    p, m, r = settings.prevalence, settings.frame_miss_rate, settings.reader_error_rate
    return {
        "label": p,
        "true_label": p * (1 - m),
        "frame": m * (p - r / 2),
        "reader": r * (1 - m / 2),
        "wrong": p * m + r * (1 - m),
    }


def truth_table(settings: PhantomSettings, numbers: Iterable[int] | None = None) -> pd.DataFrame:
    """Return the manifest rows of patients `numbers` (default: all), four per patient.

    Columns: those of a manifest (`image`, `patient`, `organ`, `side`, `view`, `device`, `label`,
    `true_label`, `mask`, `split`), then `why`, `severity`, `kind` and `scanner`. A thyroid has no
    label, and its severity is missing.
    """
    chosen = range(settings.patients) if numbers is None else numbers
    parts = [_rows(settings, int(number)) for number in chosen]
    columns = {name: [row[name] for part in parts for row in part] for name in _COLUMNS}
    frame = pd.DataFrame(columns, columns=_COLUMNS)
    for name in ("label", "true_label"):
        frame[name] = pd.array(frame[name].tolist(), dtype="Int8")
    frame["severity"] = frame["severity"].astype("float64")
    return frame


_COLUMNS = [
    *("image", "patient", "organ", "side", "view", "device", "label", "true_label", "mask"),
    *("split", "why", "severity", "kind", "scanner"),
]


def _rows(settings: PhantomSettings, number: int) -> list[dict]:
    facts = truth(settings, number)
    patient = f"{settings.organ}-{number:04d}"
    labelled = settings.organ == "testis"
    rows = []
    for view in range(VIEWS):
        device = str(facts["scanner"][view])
        rows.append(
            {
                "image": f"{patient}_{SIDES[view]}_{PLANES[view]}.png",
                "patient": patient,
                "organ": settings.organ,
                "side": SIDES[view],
                "view": PLANES[view],
                "device": device,
                "label": int(facts["label"][view]) if labelled else None,
                "true_label": int(facts["true_label"][view]) if labelled else None,
                "mask": "",
                "split": "",
                "why": str(facts["why"][view]) if labelled else "",
                "severity": float(facts["severity"][view]) if labelled else np.nan,
                "kind": str(facts["kind"][view]) if labelled else "",
                "scanner": device,
            }
        )
    return rows
