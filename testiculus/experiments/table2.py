"""Table 2: pretraining sources. Does ultrasound of several organs beat ImageNet, and each alone?

`plan` turns a notebook's parameters into a `Plan`, `run` turns that into an `Outcome` (article,
section 5, Table 2; thesis, Table 6.2). Two rows are ours: pretraining on pictures that are no
ultrasound, and UD without the patients that are tested on.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from testiculus.claims.schema import (
    CONTROL,
    EXCLUDED,
    IMAGENET,
    NONE,
    OTHER_ORGANS,
    OWN_ORGAN,
    TABLE2_EXTRA_ROWS,
    TABLE2_ROWS,
    UD,
    USCL,
)
from testiculus.experiments import pretraining_rows
from testiculus.experiments.pretraining import START
from testiculus.experiments.pretraining_checks import refuse_one_organ, usable_starts
from testiculus.experiments.pretraining_plan import Plan, resolve
from testiculus.experiments.pretraining_rows import Outcome
from testiculus.experiments.row_encoders import Pretraining, alone, on_procedural, on_ultrasound

__all__ = ["Outcome", "Plan", "plan", "run"]

EXPERIMENT = "table2"
STARTS = {NONE: START, IMAGENET: "imagenet", USCL: "uscl"}


def plan(**parameters: object) -> Plan:
    """Resolve a notebook's parameters; None means the profile's or the variant's own value.

    `parameters` are profile, data, unlabelled, variant and device (see `pretraining_plan.resolve`)
    and those of `pretraining_parameters.PARAMETERS`. Raises `UserError` for anything unknown, out
    of range or impossible on these images, before anything is trained.
    """
    base = resolve(EXPERIMENT, **parameters)
    if base.pretraining.organ_weight > 0:
        otherwise = ", or set ORGAN_WEIGHT to 0 for the contrastive part alone"
        refuse_one_organ(base, "ORGAN_WEIGHT above 0", otherwise)
    pretrainings = tuple(_pretrainings(base))
    starts, not_run = usable_starts(STARTS)
    there = {*starts, *(wanted.row for wanted in pretrainings)}
    if OTHER_ORGANS not in there:
        not_run[OTHER_ORGANS] = "UD holds one organ; name manifests of others in UNLABELLED"
    if base.values["exclude_test"] and not base.protocol.grouped:
        not_run[EXCLUDED] = "VARIANT=released does not group its folds by patient"
    return replace(
        base,
        rows=tuple(row for row in (*TABLE2_ROWS, *TABLE2_EXTRA_ROWS) if row in there),
        starts=starts,
        start_seeds={NONE: base.values["pretraining_seeds"]},
        pretrainings=pretrainings,
        not_run=not_run,
    )


def run(planned: Plan, executor: Executor | None = None) -> Outcome:
    """Pretrain, fine-tune and probe every row; finished runs are taken from the store."""
    return pretraining_rows.run(planned, UD, executor)


def _pretrainings(base: Plan) -> Iterator[Pretraining]:
    """Yield the rows' pretrainings, all of the same number of steps (article, section 5)."""
    ud, settings, device = base.unlabelled, base.pretraining, base.device
    everything, own = np.ones(len(ud), dtype=bool), ud.is_own
    yield on_ultrasound(OWN_ORGAN, ud, own, alone(settings), device)
    if len(ud.organs) > 1:  # one other organ has nothing to be told from; several have
        others = settings if len(ud.organs) > 2 else alone(settings)
        yield on_ultrasound(OTHER_ORGANS, ud, ~own, others, device)
    for seed in range(base.values["pretraining_seeds"]):
        yield on_ultrasound(UD, ud, everything, replace(settings, seed=seed), device)
    pixels = int(base.images.pixels.shape[-1])
    yield on_procedural(CONTROL, base.values["procedural_images"], pixels, settings, device)
    if base.values["exclude_test"] and base.protocol.grouped:
        folds = base.folds[base.protocol.seeds[0]]
        for fold in range(base.protocol.folds):
            others = ud.without_patients_of(np.flatnonzero(folds == fold))
            yield on_ultrasound(EXCLUDED, ud, others, settings, device, fold)
