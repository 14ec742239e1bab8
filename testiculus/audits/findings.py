"""What an audit says: one sentence on what it found, one on how sure, one on what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FOUND, CLEAR, SKIPPED = "found", "not found", "not checked"
LEVEL = 0.05  # of adjusted p values; the intervals beside them are at 95 %
DRAWS = 1999  # shufflings: the smallest p value is 1 in 2,000, which 30 questions can share


@dataclass(frozen=True)
class Finding:
    """One audit's result in words: its name, its state (`FOUND`, `CLEAR`, `SKIPPED`), three texts.

    `table` names the CSV that holds the numbers ("" where there is none).
    """

    audit: str
    state: str
    found: str
    sure: str
    act: str
    table: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain values, ready for JSON."""
        return asdict(self)


def skipped(audit: str, why: str, act: str = "") -> Finding:
    """Return the finding of an audit that could not look, with the reason in its own words."""
    return Finding(audit, SKIPPED, f"Not checked: {why}.", "", act)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p values adjusted for their number (Holm 1979), float64 in [0, 1]; NaN stays NaN.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else []
    return adjusted


def p_text(p: float) -> str:
    """Return a p value for a sentence.

    >>> p_text(0.0005), p_text(0.03), p_text(1.0)
    ('p < 0.001', 'p = 0.030', 'p = 1.000')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "pair"), counted(2, "pair"), counted(0, "testis", "testes")
    ('1 pair', '2 pairs', '0 testes')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str], most: int = 3) -> str:
    """Return the first parts with semicolons between them, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a; b; and 1 more'
    """
    more = len(parts) - most
    return "; ".join([*parts[:most], *([f"and {more} more"] if more > 0 else [])])
