"""Which labels the tables after Table 1 turn: its flags, where a run of it left them.

Main functions: `written_flags` looks for the `flags.csv` of a Table 1 on the same images and
labels, `noise_plan` and `computed_flags` run its noise protocol where there is none (article,
section 3).
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import read_json
from testiculus.base.places import project_root, results_folder
from testiculus.base.store import Store
from testiculus.data.images import ImageSet
from testiculus.experiments import table1_plan
from testiculus.experiments.crossval import RowRun, finish_rows
from testiculus.experiments.curation import flags_frame, labels_fingerprint, loss_records
from testiculus.experiments.profiles import PROFILES
from testiculus.noise import Rule


@dataclass(frozen=True, eq=False)
class Flags:
    """`suspicious` (bool, one per labelled image), and a sentence on where that is from."""

    suspicious: np.ndarray
    note: str

    @property
    def fingerprint(self) -> str:
        """The sha256 (hex) of which images are suspicious."""
        return hashlib.sha256(np.asarray(self.suspicious, dtype=np.uint8).tobytes()).hexdigest()


def written_flags(images: ImageSet, profile: str) -> Flags | None:
    """Return the flags that a run of Table 1 wrote for these images and labels, or None.

    Looked for below the results folder, then below the project's own results; in `profile` first,
    then in the larger profiles. Images and labels have to be the same, names and order included;
    the resolution need not be, and the note says so where it is not.
    """
    wanted = labels_fingerprint(images.frame)
    for file in _places(images.name, profile):
        table = _read(file)
        if table is not None and set(table["labels_fingerprint"]) == {wanted}:
            suspicious = table["suspicious"].to_numpy(dtype=bool)
            return Flags(suspicious, _note(file, table, images))
    return None


def noise_plan(
    images: ImageSet, data: str, profile: str, variant: str, device: str, pixels: int | None
) -> table1_plan.Plan:
    """Return the plan of Table 1 whose noise protocol flags these images, checked.

    Its own sizes are the profile's; `pixels` sets another resolution (None: the profile's).
    """
    simulated = images.settings.get("phantom", {}).get("patients") if data == "phantom" else None
    planned = table1_plan.plan(
        profile=profile,
        data=data,
        variant=variant,
        device=device,
        patients=simulated,
        pixels=pixels,
    )
    if labels_fingerprint(planned.images.frame) != labels_fingerprint(images.frame):
        raise UserError("Table 1 reads other labels than this table", remedy="run the same DATA")
    return planned


def computed_flags(
    store: Store, planned: table1_plan.Plan, executor: Executor | None = None
) -> tuple[Flags, list[RowRun]]:
    """Run the noise protocol of Table 1 (or take its runs from the store) and apply its rule."""
    runs = []
    for name, jobs in zip(planned.initialisations, planned.noise_jobs, strict=True):
        runs += finish_rows(store, jobs, f"noise runs from {name}", executor)
    suspicious = flags_frame(planned, loss_records(runs))["suspicious"].to_numpy(dtype=bool)
    note = (
        f"Table 1's noise protocol was run first ({len(runs)} trainings, profile "
        f"{planned.profile}), because no results of Table 1 on these images and labels were "
        f"found; {planned.rule.in_words()}: {_count(suspicious)}."
    )
    return Flags(suspicious, note), runs


def _places(name: str, profile: str) -> Iterator[Path]:
    larger = PROFILES[PROFILES.index(profile) + 1 :]
    for results in dict.fromkeys((results_folder(), project_root() / "results")):
        for size in (profile, *larger):
            file = results / name / size / "table1" / "flags.csv"
            if file.is_file():
                yield file


def _read(file: Path) -> pd.DataFrame | None:
    try:
        table = pd.read_csv(file)
        if table["suspicious"].dtype == bool and "labels_fingerprint" in table:
            return table
        reason = "its columns are not those of Table 1"
    except (OSError, ValueError, KeyError) as error:
        reason = str(error)
    warnings.warn(f"{shown(file)} is passed over: {reason}", InputWarning, stacklevel=4)
    return None


def _note(file: Path, table: pd.DataFrame, images: ImageSet) -> str:
    profile = file.parts[-3]
    text = f"Flags are those of Table 1, profile {profile} ({shown(file)})"
    if rule := _rule(file):
        text += f"; {rule}"
    text += f": {_count(table['suspicious'])}."
    if set(table.get("data_fingerprint", [])) != {images.fingerprint}:
        text += " They were made from the same images and labels at another resolution."
    return text


def _rule(file: Path) -> str:
    try:
        return Rule(**read_json(file.with_name("provenance.json"))["settings"]["rule"]).in_words()
    except (OSError, UserError, KeyError, TypeError):
        return ""  # flags without their provenance are flags all the same


def _count(suspicious: Sequence[bool]) -> str:
    return f"{int(np.sum(suspicious))} of {len(suspicious)} labels are turned"


def shown(path: Path, parts: int = 4) -> str:
    """Return a path as readers may see it: below the project, else only its last `parts`."""
    root = project_root()
    inside = path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else "/".join(path.parts[-parts:])
