"""What a phantom is made of: one frozen dataclass, `PhantomSettings`, with every number's unit.

The defaults are those of the labelled set of the article as far as it states them (220 patients,
four views each, about one testis in five inhomogeneous) and, where it does not, values calibrated
so that the task is neither hopeless nor solved (see `contrast`).
"""

from dataclasses import asdict, dataclass

from testiculus.base.errors import UserError, one_of

ORGANS = ("testis", "thyroid")
SMALLEST, LARGEST = 16, 1024  # pixels: below, no anatomy is left; above, a patient takes minutes


@dataclass(frozen=True)
class PhantomSettings:
    """Settings of `testiculus.data.phantom.phantom`. Raises `UserError` that names a bad field.

    organ: "testis" (labelled) or "thyroid" (unlabelled, for pretraining).
    patients: how many patients `phantom` makes when it is not told which; four views each.
    pixels: side of the square pictures. It changes the resolution, never the anatomy: lengths are
        in mm, and below 128 the picture of 128 is averaged down.
    seed: the whole set's seed; another seed is another hospital. The random stream of seed 0 was
        chosen among five so that its shares of positive and of wrong labels lie near the expected
        ones; no classifier's score was looked at.
    prevalence: probability that a testis is inhomogeneous (article: about 0.20).
    contrast: peak change of echo, in dB, that an inhomogeneity of severity 1 makes. It scales the
        difficulty.
    severity, severity_spread: median and standard deviation of the logarithm (so, log-normal) of
        the severity of inhomogeneous testes.
    normal_severity, normal_spread: the same for the unevenness of homogeneous testes; the two
        distributions overlap.
    frame_miss_rate: probability that a view of an inhomogeneous testis does not show it.
    reader_error_rate: share of testes whose examination was read wrongly, as many overlooked as
        falsely called (so that the share of positive labels stays the prevalence); both views
        inherit the wrong label. At most twice the prevalence and twice its complement.
    markers: probability that a view carries burnt-in measuring marks. 0 switches them off.
    marker_bias: 0 to 1, how strongly marks go with the label: 0 not at all, 1 exactly the views
        labelled inhomogeneous carry them.
    scanner_shares: share of patients examined on each scanner, in the order of `SCANNERS`.
    fluid_rate: probability that a testis has a hydrocele.
    nodule_rate: probability that a thyroid lobe has a nodule.
    """

    organ: str = "testis"
    patients: int = 220
    pixels: int = 128
    seed: int = 0
    prevalence: float = 0.20
    contrast: float = 11.5
    severity: float = 1.0
    severity_spread: float = 0.30
    normal_severity: float = 0.18
    normal_spread: float = 0.45
    frame_miss_rate: float = 0.20
    reader_error_rate: float = 0.075
    markers: float = 0.0
    marker_bias: float = 0.0
    scanner_shares: tuple[float, float] = (0.5, 0.5)
    fluid_rate: float = 0.2
    nodule_rate: float = 0.35

    def __post_init__(self) -> None:
        one_of(self.organ, ORGANS, "phantom organ")
        _whole(self, "patients", 1, None)
        _whole(self, "pixels", SMALLEST, LARGEST)
        _whole(self, "seed", 0, None)
        for name in _PROBABILITIES:
            _number(self, name, 0.0, 1.0)
        for name in _AMOUNTS:
            _number(self, name, 0.0, 30.0)
        _check_shares(self)
        _check_reader(self)

    def as_dict(self) -> dict:
        """Return the settings as plain values, ready for JSON."""
        return {**asdict(self), "scanner_shares": list(self.scanner_shares)}


_PROBABILITIES = (
    "prevalence",
    "frame_miss_rate",
    "reader_error_rate",
    "markers",
    "marker_bias",
    "fluid_rate",
    "nodule_rate",
)
_AMOUNTS = ("contrast", "severity", "severity_spread", "normal_severity", "normal_spread")


def _bad(settings: PhantomSettings, name: str, rule: str) -> UserError:
    value = getattr(settings, name)
    return UserError(
        f"phantom settings: {name} = {value!r} is no {rule}",
        where=f"field {name} of PhantomSettings",
        remedy=f"give {name} as a {rule}",
    )


def _whole(settings: PhantomSettings, name: str, low: int, high: int | None) -> None:
    value = getattr(settings, name)
    rule = f"whole number of at least {low}" + (f" and at most {high}" if high else "")
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(settings, name, rule)
    if value < low or (high is not None and value > high):
        raise _bad(settings, name, rule)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(settings: PhantomSettings, name: str, low: float, high: float) -> None:
    value = getattr(settings, name)
    if not (_is_number(value) and low <= value <= high):  # a NaN fails the comparison too
        raise _bad(settings, name, f"number from {low:g} to {high:g}")
    object.__setattr__(settings, name, float(value))  # 1 and 1.0 are one run, not two


def _check_shares(settings: PhantomSettings) -> None:
    shares = settings.scanner_shares
    rule = "pair of shares of the two scanners, each from 0 to 1, with the sum 1"
    right = isinstance(shares, tuple | list) and len(shares) == 2
    if not (right and all(_is_number(s) and 0 <= s <= 1 for s in shares)):
        raise _bad(settings, "scanner_shares", rule)
    if abs(sum(shares) - 1) > 1e-6:
        raise _bad(settings, "scanner_shares", rule)
    object.__setattr__(settings, "scanner_shares", tuple(float(s) for s in shares))


def _check_reader(settings: PhantomSettings) -> None:
    most = 2 * min(settings.prevalence, 1 - settings.prevalence)
    if settings.reader_error_rate > most:
        rule = f"number up to {most:g}, twice the rarer of the two kinds of testis"
        raise _bad(settings, "reader_error_rate", rule)
