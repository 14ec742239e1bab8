"""The learning rate over the steps of a pretraining: linear warm-up, then a decay to zero.

`learning_rate_factor` is a closed form of the step alone: a resumed run needs no scheduler's state.
"""

import math

from testiculus.base.errors import UserError, one_of

SCHEDULES = ("polynomial", "cosine", "constant")  # article; thesis; none: for comparison [2]


def learning_rate_factor(
    step: int, steps: int, warmup: int, schedule: str, power: float = 1.0
) -> float:
    """Return what the peak learning rate is multiplied with at a step, between 0 and 1.

    Args:
        step: 0 to `steps`; the last one taken is `steps - 1`, and at `steps` a decay has reached 0.
        steps: length of the run, at least 1.
        warmup: steps before the peak: the factor rises by equal amounts, from 1 / (warmup + 1) at
            step 0, so that the first step is not wasted, to 1 at step `warmup`. 0 to `steps`.
        schedule: "polynomial": (1 - x)^power, x the part done of the steps after the warm-up
            (article; released code: power 1, a line); "cosine": (1 + cos(pi x)) / 2 (thesis);
            "constant": 1.
        power: above 0, of the polynomial.

    Raises `UserError` for values outside these ranges.

    >>> [learning_rate_factor(step, 6, 2, "polynomial") for step in (0, 2, 3, 5, 6)]
    [0.333..., 1.0, 0.75, 0.25, 0.0]
    """
    one_of(schedule, SCHEDULES, "schedule")
    _check(step, steps, warmup, power)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "polynomial":
        return (1 - done) ** power
    if schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1.0


def _check(step: int, steps: int, warmup: int, power: float) -> None:
    if steps < 1:
        raise UserError(f"a pretraining of {steps} steps", remedy="take at least 1 step")
    if not 0 <= warmup <= steps:
        raise UserError(
            f"a warm-up of {warmup} steps in a pretraining of {steps}",
            remedy=f"choose between 0 and {steps}",
        )
    if not 0 <= step <= steps:
        raise UserError(f"step {step} of a pretraining of {steps} steps")
    if not (math.isfinite(power) and power > 0):
        raise UserError(
            f"power {power} of the polynomial schedule", remedy="choose a number above 0"
        )
