"""Results of other tables that the audits are read from: those of the same images and profile.

Main function: `other_results`.
"""

import warnings
from pathlib import Path

import pandas as pd

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import read_json
from testiculus.base.places import project_root, results_folder
from testiculus.claims import RESULT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.experiments.flags import shown

TABLES = ("table1", "table2", "table3", "table4")
SAME = ("images", "positive images", "patients")  # Table 3's resolution is its own


def other_results(images: ImageSet, profile: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the results of the tables that are there, by table, and where each was found.

    Looked for below the results folder, then below the project's own results, in the same profile.
    Results of another number of images, positive images or patients are passed over, with a
    warning. Of a table that is not there, the second dict has the command that makes it.
    """
    found, told = {}, {}
    for table in TABLES:
        told[table] = f"not run: make reproduce-{table} PROFILE={profile}"
        for results in dict.fromkeys((results_folder(), project_root() / "results")):
            folder = results / images.name / profile / table
            frame = _read(folder, images) if (folder / "results.csv").is_file() else None
            if frame is not None:
                found[table], told[table] = frame, shown(folder / "results.csv")
                break
    return found, told


def _read(folder: Path, images: ImageSet) -> pd.DataFrame | None:
    """Return a table's results; None, with a warning, where they are not those of these images."""
    try:
        settings = read_json(folder / "provenance.json")["settings"]
        frame = pd.read_csv(folder / "results.csv")
        if not set(RESULT_COLUMNS) <= set(frame):
            reason = "its columns are not those of results"
        elif {name: settings[name] for name in SAME} != _counts(images):
            reason = "it was made from other images"
        else:
            return frame
    except (OSError, ValueError, KeyError, TypeError, UserError) as error:
        reason = str(error)
    message = f"{shown(folder / 'results.csv')} is passed over: {reason}"
    warnings.warn(message, InputWarning, stacklevel=4)
    return None


def _counts(images: ImageSet) -> dict[str, int]:
    patients = int(images.frame["patient"].nunique())
    return dict(zip(SAME, (len(images), int(images.labels().sum()), patients), strict=True))
