"""Results of other tables that the audits are read from: those of the same images and profile.

Main function: `other_results`. Tables 1, 2 and 4 have the very images of the audits, which their
fingerprint tells; Table 3 has the same patients in a resolution of its own, which are counted.
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
ELSEWHERE_SIZED = ("table3",)  # its resolution is its own, and so its fingerprint
SAME = ("images", "positive images", "patients")
PASSED_OVER = "passed over"


def other_results(images: ImageSet, profile: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the results of the tables that are there, by table, and where each was found.

    Looked for below the results folder, then below the project's own results, in the same profile.
    Results of other images (by fingerprint; of Table 3 by the numbers of images, positive images
    and patients) are passed over, with a warning. Of a table that is not there, the second dict has
    the command that makes it, or why what is there was passed over.
    """
    found, told = {}, {}
    for table in TABLES:
        told[table] = f"not run: make reproduce-{table} PROFILE={profile}"
        for results in dict.fromkeys((results_folder(), project_root() / "results")):
            path = results / images.name / profile / table / "results.csv"
            if not path.is_file():
                continue
            frame, reason = _read(path, table, images)
            if frame is not None:
                found[table], told[table] = frame, shown(path)
                break
            told[table] = f"{PASSED_OVER}: {reason} ({shown(path)})"
            warnings.warn(f"{shown(path)} is {PASSED_OVER}: {reason}", InputWarning, stacklevel=3)
    return found, told


def passed_over(told: dict[str, str]) -> dict[str, str]:
    """Return, of what `other_results` tells, the tables whose results were passed over, and why."""
    return {table: why for table, why in told.items() if why.startswith(PASSED_OVER)}


def _read(path: Path, table: str, images: ImageSet) -> tuple[pd.DataFrame | None, str]:
    """Return a table's results; None and the reason where they are not those of these images."""
    try:
        about = read_json(path.with_name("provenance.json"))
        frame = pd.read_csv(path)
        if not set(RESULT_COLUMNS) <= set(frame):
            return None, "its columns are not those of results"
        if not _same(about, table, images):
            return None, "it was made from other images"
    except (OSError, ValueError, KeyError, TypeError, UserError) as error:
        return None, f"no {error} in its provenance" if type(error) is KeyError else str(error)
    return frame, ""


def _same(about: dict, table: str, images: ImageSet) -> bool:
    """Return whether a provenance is that of results on these images; see the module's words."""
    if table in ELSEWHERE_SIZED:
        return {name: about["settings"][name] for name in SAME} == _counts(images)
    return about["data_fingerprint"] == images.fingerprint


def _counts(images: ImageSet) -> dict[str, int]:
    patients = int(images.frame["patient"].nunique())
    return dict(zip(SAME, (len(images), int(images.labels().sum()), patients), strict=True))
