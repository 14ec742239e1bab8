"""The parameters that the comparison of rules alone has, checked: rates, and images with errors."""

from typing import TYPE_CHECKING

from testiculus.base.errors import UserError

if TYPE_CHECKING:
    from testiculus.experiments.peers_plan import PeersPlan

EXAMPLE = "0.05,0.1,0.2,0.4"


def rate_list(rates: object) -> tuple[float, ...]:
    """Return the rates that `rates` means, in order: a number, a list, or "0.05,0.1".

    A rate is a share of all images, above 0 and at most one half: beyond that, the labels say the
    opposite of the truth. Raises `UserError` for what is none or stands there twice.

    >>> rate_list("0.1,0.05"), rate_list([0.4]), rate_list(0.2)
    ((0.05, 0.1), (0.4,), (0.2,))
    """
    parts = rates.split(",") if isinstance(rates, str) else rates
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    try:
        chosen = sorted(float(part) for part in parts if not isinstance(part, bool))
    except (TypeError, ValueError):
        chosen = []
    fits = len(chosen) == len(parts) == len(set(chosen)) and all(0 < r <= 0.5 for r in chosen)
    if not chosen or not fits:
        raise UserError(
            f"RATES={rates!r} names no rates of wrong labels",
            remedy=f"give different numbers above 0 and up to 0.5, such as {EXAMPLE}",
        )
    return tuple(chosen)


def require_wrong_labels(planned: "PeersPlan") -> None:
    """Raise `UserError` unless some label is known to be wrong, planted here or as it came."""
    if planned.conditions_run:
        return
    if planned.not_planted:
        name, why = next(iter(planned.not_planted.items()))
        raise UserError(f"no noise can be planted; {name}: {why}", remedy="raise PATIENTS or RATES")
    raise UserError(
        f'of "{planned.images.name}" no label is known to be wrong, so no rule can be judged',
        where='columns "label" and "true_label"',
        remedy="turn some labels over on purpose and keep the right ones in the manifest's "
        "true_label column, as the liver set does; or compare the rules on DATA=phantom",
    )
