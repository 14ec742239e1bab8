"""How hard the phantom is: Table 1's fine-tuning, trained AND scored on the true labels.

`calibrate` measures it (12 runs: seeds x folds, random initialisation) and keeps the figure beside
the profiles, in `calibration.json`, with the fingerprint of the phantom it was measured on. The
phantom should be neither hopeless nor solved: a mean F1 between 0.60 and 0.85.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np

from testiculus.base.code import code_fingerprint
from testiculus.base.files import read_json, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.classification_metrics import scores
from testiculus.experiments.crossval import finish_rows, fold_table, row_jobs
from testiculus.experiments.table1_plan import plan

F1_RANGE = (0.60, 0.85)
INITIALISATION = "scratch-A"


def calibration_file() -> Path:
    """Return where the measured difficulty is kept: beside `profiles.toml`."""
    return Path(str(files(__package__).joinpath("calibration.json")))


def calibration(profile: str) -> dict | None:
    """Return the kept measurement of a profile, or None where it was never measured."""
    return _kept().get(profile)


def calibrate(profile: str = "demo", device: str = "auto") -> dict:
    """Measure F1 and AUC on true labels over all seeds and folds, keep and return the figures."""
    planned = plan(profile=profile, data="phantom", device=device, initialisations=[INITIALISATION])
    images = planned.images
    truth, all_kept = images.labels("true_label"), np.ones(len(images), dtype=bool)
    jobs = row_jobs(
        "True labels", images, truth, all_kept, INITIALISATION,
        planned.protocol, fold_table(images, planned.protocol), planned.device,
    )  # fmt: skip
    found = [
        scores(truth[done.plan.test_index], done.run.arrays["probabilities"])
        for done in finish_rows(Store(runs_folder()), jobs, "true labels")
    ]
    measured = {
        "runs": len(found),
        "initialisation": INITIALISATION,
        "settings": planned.settings(),
        "phantom": images.settings["phantom"],
        "phantom_code": code_fingerprint("testiculus.data.phantom"),
        "data_fingerprint": images.fingerprint,
    }
    for metric in ("f1", "auc"):
        values = np.array([each[metric] for each in found])
        measured[f"{metric}_mean"] = round(float(values.mean()), 4)
        measured[f"{metric}_std"] = round(float(values.std(ddof=1)), 4)
    write_json(calibration_file(), _kept() | {profile: measured})
    return measured


def _kept() -> dict:
    return read_json(calibration_file()) if calibration_file().is_file() else {}
