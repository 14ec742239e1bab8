"""What is refused or warned of in the parameters of Tables 2 to 4, before anything is trained."""

import warnings
from typing import TYPE_CHECKING

from testiculus.base.errors import InputWarning, UserError
from testiculus.models import SCRATCH, build_classifier, missing_weights, weights_file
from testiculus.pretrain import PretrainSettings

if TYPE_CHECKING:
    from testiculus.experiments.pretraining_plan import Plan

LEAST_REACH = 0.1  # of a weight's length, over a whole pretraining


def refuse_one_organ(planned: "Plan", where: str, otherwise: str = "") -> None:
    """Raise `UserError` where organs are to be told apart and UD holds only one.

    `otherwise` ends the remedy with what else can be done.
    """
    if len(planned.unlabelled.organs) < 2:
        only = planned.unlabelled.own
        raise UserError(
            f"the organ loss tells organs apart, and all images of UD show one: {only}",
            where=where,
            remedy="name a manifest of another organ in UNLABELLED (on the phantom: "
            f"THYROID_PATIENTS){otherwise}",
        )


def usable_starts(wanted: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the initialisations (by row) whose weights are there, and the rows not run and why.

    Raises `UserError` for a start whose file is no encoder's, before any row is trained.
    """
    not_run = {row: reason for row, name in wanted.items() if (reason := missing_weights(name))}
    starts = {row: name for row, name in wanted.items() if row not in not_run}
    for name in set(starts.values()) - set(SCRATCH):
        if weights_file(name) is not None:
            build_classifier(name, 0)
    return starts, not_run


def warn_of_hardly_any_training(settings: PretrainSettings) -> None:
    """Warn where LARS cannot move the weights: a step is at most rate x trust of their length.

    All steps together, with momentum and a rate that falls to zero, move them by no more than half
    of steps x rate x trust / (1 - momentum) of it.
    """
    reach = settings.steps * settings.lr * settings.trust_coefficient / (1 - settings.momentum) / 2
    if reach < LEAST_REACH:
        warnings.warn(
            f"PRETRAIN_LR={settings.lr:g} with LARS moves a weight by {100 * reach:.1g} % of its "
            f"length at most in {settings.steps} steps: the encoders will stay nearly random "
            "(the sources' LARS differ, see the page of contradictions, 1 and 3)",
            InputWarning,
            stacklevel=4,
        )


def warn_of_odd_choices(data: str, parameters: dict[str, object]) -> None:
    """Warn of sizes of the phantom that were given beside a manifest."""
    sizes = ("patients", "unlabelled_patients", "thyroid_patients")
    odd = [name.upper() for name in sizes if parameters.get(name) is not None]
    if data != "phantom" and odd:
        warnings.warn(
            f"{', '.join(odd)}: sizes of the phantom; a manifest has the patients that it has",
            InputWarning,
            stacklevel=4,
        )
