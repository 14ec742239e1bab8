"""UD pretrained once more, with one draw of the augmentations for a whole batch (point 17).

The released code draws so in its pretraining. `plan_one_draw` plans it beside Table 2's own run of
the same images and profile, or says why it cannot stand there; `one_draw_rows` trains it, or finds
it in the store, and probes and fine-tunes it as Table 2 does its rows.
"""

from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.base.files import read_json
from testiculus.base.places import project_root, results_folder, runs_folder
from testiculus.base.store import Store
from testiculus.claims.audits_schema import ONE_DRAW_UD
from testiculus.claims.schema import RESULT_COLUMNS, UD
from testiculus.data.images import ImageSet
from testiculus.experiments import table2
from testiculus.experiments.audits_others import other_results
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import RowJob, Start, finish_rows, seconds_per_image
from testiculus.experiments.flags import shown
from testiculus.experiments.own_rows import encoder_rows
from testiculus.experiments.pretraining import START, encoder_file
from testiculus.experiments.pretraining_cost import ENCODER_MIB, seconds_per_pair
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.row_encoders import Pretraining, finish_pretrainings, on_ultrasound

# Settings that have to be those of Table 2's own run, so that one draw is all that differs.
SAME = (
    *("own organ", "other organs", "pretraining", "temperature", "LARS", "one draw a batch"),
    *("probe partitions", "seeds", "folds", "epochs", "batch size", "learning rates"),
    *("weight decay", "augmentation"),
)
TRAINED = "pretrained for this page, probed and fine-tuned as the rows of Table 2 are"


@dataclass(frozen=True, eq=False)
class OneDrawPlan:
    """The pretraining `wanted` and Table 2's plan, or neither and the `reason` why."""

    table2: Plan | None = None
    wanted: Pretraining | None = None
    reason: str = ""

    def jobs(self, start: Start) -> list[RowJob]:
        """Return its fine-tunings from `start`, on Table 2's flipped labels."""
        flipped = self.table2.learnt_labels(self.table2.flags)["flipped"]
        return self.table2.row_jobs(ONE_DRAW_UD, start, flipped)


@dataclass(frozen=True, eq=False)
class OneDrawRows:
    """Tidy `results` of the row `ONE_DRAW_UD` alone, the `runs` behind them, and where from.

    Without results `told` is the reason.
    """

    results: pd.DataFrame
    runs: list[Any] = field(default_factory=list)
    told: str = TRAINED

    @property
    def not_run(self) -> dict[str, str]:
        """The row and the reason where it was not run; nothing where it was."""
        return {ONE_DRAW_UD: self.told} if self.results.empty else {}


def plan_one_draw(
    images: ImageSet,
    profile: str,
    data: str,
    device: str,
    variant: str,
    unlabelled: object = None,
    **parameters: object,
) -> OneDrawPlan:
    """Plan Table 2's pretraining on UD, seed 0, with one draw per batch; nothing is trained.

    `images` are the labelled ones, `parameters` further ones of Table 2. There is no plan, but a
    reason in words, where Table 2's own results on these images are not there or were made with
    other settings, and where UD holds one organ or is pretrained so already.
    """
    found, told = other_results(images, profile)
    if "table2" not in found:
        return OneDrawPlan(reason=told["table2"])
    where = {"profile": profile, "data": data, "device": device, "variant": variant}
    try:
        planned = table2.plan(**where, unlabelled=unlabelled, **parameters)
        about = _provenance(images.name, profile, told["table2"])
    except UserError as error:
        return OneDrawPlan(reason=f"Table 2 cannot be planned here: {error.what}")
    reason = _unlike(planned, about) or _other_inputs(planned, images, about)
    if reason:
        return OneDrawPlan(reason=reason)
    settings = replace(planned.pretraining, seed=0, shared_draw=True)
    ud = planned.unlabelled
    everything = np.ones(len(ud), dtype=bool)
    wanted = on_ultrasound(ONE_DRAW_UD, ud, everything, settings, planned.device)
    return OneDrawPlan(planned, wanted)


def _provenance(name: str, profile: str, found_at: str) -> dict:
    """Return the provenance of the results of Table 2 that were found at `found_at`."""
    for results in dict.fromkeys((results_folder(), project_root() / "results")):
        file = results / name / profile / "table2" / "results.csv"
        if file.is_file() and shown(file) == found_at:
            return read_json(file.with_name("provenance.json"))
    raise UserError("the results of Table 2 have no provenance", where=found_at)


def _unlike(planned: Plan, about: dict) -> str:
    """Return what keeps Table 2's own run from being this one but for the draw; "" if nothing."""
    if len(planned.unlabelled.organs) < 2:
        return "UD holds one organ"
    if planned.pretraining.shared_draw:
        return f"VARIANT={planned.variant} pretrains with one draw per batch already"
    ours, theirs = planned.settings(), about.get("settings", {})
    other = [name for name in SAME if theirs.get(name) != ours[name]]
    if theirs.get("losses", {}).get(UD) != ours["losses"][UD]:
        other.append("losses")
    return f"Table 2 was run with other settings: {', '.join(other)}" if other else ""


def _other_inputs(planned: Plan, images: ImageSet, about: dict) -> str:
    """Return which images or labels of Table 2's own run are others; "" if none are."""
    if {planned.images.fingerprint, about.get("data_fingerprint")} != {images.fingerprint}:
        return "Table 2 was run on other images"
    if planned.flags is None:
        return f"Table 1's flags are not there: make reproduce-table1 PROFILE={planned.profile}"
    if about.get("flags_fingerprint") != planned.flags.fingerprint:
        return "Table 2 turned other labels than Table 1's flags that are there"
    return ""


def one_draw_rows(planned: OneDrawPlan, executor: Executor | None = None) -> OneDrawRows:
    """Pretrain, probe over all partitions and fine-tune; finished runs are taken from the store."""
    if planned.reason:
        return OneDrawRows(pd.DataFrame(columns=list(RESULT_COLUMNS)), told=planned.reason)
    store = Store(runs_folder())
    done = finish_pretrainings(store, [planned.wanted], executor)[0]
    jobs = planned.jobs(Start(ONE_DRAW_UD, done.file))
    tuned = finish_rows(store, jobs, f"{ONE_DRAW_UD}, fine-tuning", executor)
    found = encoder_rows(planned.table2, {ONE_DRAW_UD: done.file})
    own = found[found["row"] == ONE_DRAW_UD].reset_index(drop=True)
    return OneDrawRows(own, [done, *tuned])


def estimate(planned: OneDrawPlan) -> dict[str, float]:
    """Time a few steps and return what is still to train: `pretrainings`, `runs`, `seconds`...

    `disk_mib` is what encoders take. What is fine-tuned is known once the encoder is there; until
    then all fine-tunings count.
    """
    if planned.reason:
        return {"pretrainings": 0, "runs": 0, "seconds": 0.0, "disk_mib": 0.0}
    store, settings = Store(runs_folder()), planned.wanted.settings
    run, seconds = planned.wanted.stored(store), 0.0
    jobs = planned.jobs(Start(ONE_DRAW_UD, encoder_file(run)) if run else Start(START))
    waiting = [job for job in jobs if not (run and store.has(job.job))]
    if not run:
        seconds += settings.steps * settings.batch_size * seconds_per_pair(planned.wanted)
    if waiting:
        per_image = seconds_per_image(jobs[0], planned.table2.device)
        seconds += per_image * sum(map(images_of, waiting))
    told = {"pretrainings": int(run is None), "runs": len(waiting), "seconds": seconds}
    return told | {"disk_mib": ENCODER_MIB * told["pretrainings"]}
