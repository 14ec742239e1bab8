"""Table 4: how much the organ loss should weigh, and what each of the two losses does alone.

`plan` turns a notebook's parameters into a `Plan`, `run` turns that into an `Outcome` (article,
section 5, Table 4; thesis, Table 6.3). The row of lambda 0.2 is Table 2's UD: one pretraining, and
one set of fine-tunings, serve both tables through the store.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from testiculus.base.errors import UserError
from testiculus.claims.schema import SUPERVISED, lambda_row
from testiculus.experiments import pretraining_rows
from testiculus.experiments.pretraining_checks import refuse_one_organ
from testiculus.experiments.pretraining_plan import Plan, resolve
from testiculus.experiments.pretraining_rows import Outcome
from testiculus.experiments.profiles import number_from_zero
from testiculus.experiments.row_encoders import Pretraining, on_ultrasound
from testiculus.paper.pretraining import LAMBDAS, ORGAN_WEIGHT

__all__ = ["Outcome", "Plan", "plan", "run"]

EXPERIMENT = "table4"
ALONE = 1.0  # the weight of the organ loss where nothing is beside it; printed as lambda 1.0 [9]


def plan(organ_weights: object = None, **parameters: object) -> Plan:
    """Resolve a notebook's parameters; see `table2.plan`.

    `organ_weights` are the lambdas to compare (a list, or a text with commas), by default the
    article's. Raises `UserError` also for a lambda that is negative, no number, or there twice.
    """
    weights = _weights(LAMBDAS if organ_weights is None else organ_weights)
    base = resolve(EXPERIMENT, **parameters)
    refuse_one_organ(base, "the rows with an organ loss")
    pretrainings = tuple(_pretrainings(base, weights))
    rows = tuple(dict.fromkeys(wanted.row for wanted in pretrainings))
    return replace(base, rows=rows, pretrainings=pretrainings)


def run(planned: Plan, executor: Executor | None = None) -> Outcome:
    """Pretrain, fine-tune and probe every row; finished runs are taken from the store."""
    drawn = row_name(ORGAN_WEIGHT)
    map_row = drawn if drawn in planned.rows else planned.rows[0]
    return pretraining_rows.run(planned, map_row, executor)


def row_name(weight: float) -> str:
    """Return the name of a lambda's row; a lambda that is not in tenths is written out.

    >>> row_name(0.2), row_name(0.25)
    ('lambda 0.2', 'lambda 0.25')
    """
    return lambda_row(weight) if round(weight, 1) == weight else f"lambda {weight:g}"


def _weights(wanted: object) -> tuple[float, ...]:
    parts = wanted.split(",") if isinstance(wanted, str) else wanted
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    weights = tuple(number_from_zero("ORGAN_WEIGHTS", part, float) for part in parts)
    if not weights or len(set(map(row_name, weights))) < len(weights):
        raise UserError(
            f"ORGAN_WEIGHTS={wanted!r} does not name different lambdas",
            remedy="name one or more, each once, such as 0,0.1,0.2",
        )
    return weights


def _pretrainings(base: Plan, weights: tuple[float, ...]) -> Iterator[Pretraining]:
    ud, everything = base.unlabelled, np.ones(len(base.unlabelled), dtype=bool)
    rows = {row_name(weight): replace(base.pretraining, organ_weight=weight) for weight in weights}
    rows[SUPERVISED] = replace(base.pretraining, organ_weight=ALONE, contrastive=False)
    for row, settings in rows.items():
        for seed in range(base.values["pretraining_seeds"]):
            yield on_ultrasound(row, ud, everything, replace(settings, seed=seed), base.device)
