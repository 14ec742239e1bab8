"""The tables' own results, which stand beside the controls where they are there.

Main function: `results_beside`: read from results/<data>/<profile>/<table>, on the same images.
"""

from collections.abc import Mapping

import pandas as pd

from testiculus.base.errors import UserError
from testiculus.base.files import read_json
from testiculus.base.places import project_root, results_folder
from testiculus.claims.schema import RESULT_COLUMNS, require_columns


def results_beside(
    name: str, profile: str, fingerprints: Mapping[str, str]
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the tidy results of the tables that are there, and why others are not, by table.

    `fingerprints` name the labelled images of each table: results on other images are left out.
    Fig. 4 also gets `frechet_whole`, in its own unit, of the features that decide.
    """
    found, missing = {}, {}
    for table, fingerprint in fingerprints.items():
        try:
            found[table] = _read(name, profile, table, fingerprint)
        except UserError as error:
            missing[table] = error.what
    return found, missing


def _read(name: str, profile: str, table: str, fingerprint: str) -> pd.DataFrame:
    reason = f"{table} has no results on {name}, profile {profile}: make reproduce-{table}"
    for results in dict.fromkeys((results_folder(), project_root() / "results")):
        folder = results / name / profile / table
        if not (folder / "results.csv").is_file():
            continue
        try:
            about = read_json(folder / "provenance.json")
            # a row may be called "none": only an empty cell is missing
            frame = pd.read_csv(folder / "results.csv", keep_default_na=False, na_values=[""])
            require_columns(frame, RESULT_COLUMNS, f"results of {table}")
            if about["data_fingerprint"] == fingerprint:
                return pd.concat([frame, _distances(folder)], ignore_index=True)
            reason = f"the results of {table} that are there are of other images"
        except (OSError, ValueError, KeyError) as error:
            reason = f"the results of {table} cannot be read: {error}"
    raise UserError(reason)


def _distances(folder) -> pd.DataFrame:
    """Return Fig. 4's Fréchet distances to all labelled images, tidy; nothing of other tables."""
    file = folder / "fidelity.csv"
    if not file.is_file():
        return pd.DataFrame(columns=list(RESULT_COLUMNS))
    told = pd.read_csv(file)
    chosen = (told["reference"] == "whole") & (told["metric"] == "frechet")
    told = told[chosen & (told["space"] == told["space"].iloc[0])]
    tidy = {"experiment": "fig4", "fold": 0, "metric": "frechet_whole"}
    return told.assign(seed=told["batch"], **tidy)[list(RESULT_COLUMNS)]
