"""Profiles: the sizes an experiment is run at (`profiles.toml`), and what overrides them."""

import tomllib
from importlib.resources import files

from testiculus.base.errors import UserError, one_of

PROFILES = ("smoke", "demo", "lite", "paper")


def profile_settings(profile: str, experiment: str) -> dict:
    """Return the settings of `experiment` in `profile`, as written in `profiles.toml`.

    Raises `UserError` for a profile or an experiment that is not there.
    """
    one_of(profile, PROFILES, "profile")
    table = tomllib.loads(files(__package__).joinpath("profiles.toml").read_text("utf-8"))
    one_of(experiment, table[profile], "experiment")
    return dict(table[profile][experiment])


def overridden(settings: dict, **parameters: object) -> dict:
    """Return `settings` with every parameter that is not None put in its place.

    >>> overridden({"epochs": 30}, epochs=None), overridden({"epochs": 30}, epochs=2)
    ({'epochs': 30}, {'epochs': 2})
    """
    return settings | {name: value for name, value in parameters.items() if value is not None}


def seed_list(seeds: object) -> tuple[int, ...]:
    """Return the seeds that `seeds` means: a count, a list, or "0,3,5".

    >>> seed_list(3), seed_list("0,3,5"), seed_list([7])
    ((0, 1, 2), (0, 3, 5), (7,))
    """
    try:
        if isinstance(seeds, str) and "," in seeds:
            chosen = tuple(int(part) for part in seeds.split(",") if part.strip())
        elif isinstance(seeds, list | tuple):
            chosen = tuple(int(seed) for seed in seeds)
        else:
            chosen = tuple(range(int(seeds)))
    except (TypeError, ValueError):
        chosen = ()
    if not chosen or len(set(chosen)) < len(chosen) or min(chosen) < 0:
        raise UserError(
            f"SEEDS={seeds!r} names no seeds",
            remedy="give a count such as 4, or different whole numbers such as 0,1,2",
        )
    return chosen


def positive_number(name: str, value: object, kind: type) -> int | float:
    """Return `value` as a positive `kind` (int or float); raises `UserError` naming it.

    >>> positive_number("EPOCHS", 3, int), positive_number("ENCODER_LR", "1e-4", float)
    (3, 0.0001)
    """
    try:
        number = kind(value)
        good = number > 0 and number < float("inf") and float(number) == float(value)
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good or isinstance(value, bool):
        wanted = "a whole number above 0" if kind is int else "a number above 0"
        raise UserError(f"{name} is {value!r}", remedy=f"give {wanted}")
    return number


def number_from_zero(name: str, value: object, kind: type) -> int | float:
    """Return `value` as a `kind` (int or float) of at least 0; raises `UserError` naming it.

    >>> number_from_zero("ORGAN_WEIGHT", 0, float), number_from_zero("WARMUP_STEPS", "10", int)
    (0.0, 10)
    """
    try:
        is_zero = not isinstance(value, bool) and float(value) == 0
    except (TypeError, ValueError):
        is_zero = False
    if is_zero:
        return kind(0)
    try:
        return positive_number(name, value, kind)
    except UserError as error:
        wanted = "a whole number from 0 on" if kind is int else "a number from 0 on"
        raise UserError(error.what, remedy=f"give {wanted}") from error


def switch(name: str, value: object) -> bool:
    """Return whether a parameter of 0 or 1 is on; raises `UserError` naming it.

    >>> switch("EXCLUDE_TEST", "1"), switch("EXCLUDE_TEST", False)
    (True, False)
    """
    if str(value) not in ("0", "1", "True", "False"):
        raise UserError(f"{name} is {value!r}", remedy="give 1 for yes or 0 for no")
    return str(value) in ("1", "True")
